// What STORE changes: new flag bits for each message, or that it was changed since (RFC 7162 §3.1.3).
import type { MailboxState } from './mailbox-state.ts'
import type { Flag } from './mailbox-store.ts'

export interface FlagChange {
  readonly uids: number[]
  readonly flags: number[]
  /** Left alone: changed after `unchangedSince`. */
  readonly modified: number[]
}

/** Nothing is applied yet. Messages whose flags stay as they are do not appear. */
export function flagChange(
  state: MailboxState,
  uids: readonly number[],
  action: 'add' | 'remove' | 'replace',
  flags: readonly Flag[],
  unchangedSince = Number.POSITIVE_INFINITY,
): FlagChange {
  const { table } = state
  const bits = action === 'remove' ? table.known(flags) : table.bits(flags, () => state.usedFlags())
  const change: FlagChange = { uids: [], flags: [], modified: [] }
  for (const uid of uids) {
    const at = state.find(uid)
    if (at < 0) continue
    if (state.modSeqAt(at) > unchangedSince) {
      change.modified.push(uid)
      continue
    }
    const before = state.flagsAt(at)
    const after = action === 'add' ? before | bits : action === 'remove' ? before & ~bits : bits
    if (after === before) continue
    change.uids.push(uid)
    change.flags.push(after)
  }
  return change
}

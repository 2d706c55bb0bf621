// SEARCH over one mailbox: flags, dates and sizes from its columns, text through the back end; the same for all back ends.
import { dayOf } from './header-text.ts'
import type { MailboxState } from './mailbox-state.ts'
import type { SearchKey } from './mailbox-store.ts'
import { intersect, subtract, uidSet, unite } from './uid-set.ts'

/** Keys that need the message itself. Values are not yet folded. */
export type HeaderKey =
  | { readonly kind: 'header'; readonly name: string; readonly value: string }
  | { readonly kind: 'before' | 'on' | 'since'; readonly of: 'sent'; readonly day: string }
export interface TextKey {
  readonly kind: 'body' | 'text'
  readonly value: string
}
export type ContentKey = HeaderKey | TextKey

export const isTextKey = (key: ContentKey): key is TextKey => key.kind === 'body' || key.kind === 'text'

/** Gives those of `uids` (ascending) that match. */
export type ContentMatcher = (key: ContentKey, uids: Uint32Array, signal?: AbortSignal) => Promise<Uint32Array>

const isContent = (key: SearchKey): key is ContentKey =>
  key.kind === 'header' || key.kind === 'body' || key.kind === 'text' || ('of' in key && key.of === 'sent')

/** How dear a key is: of an AND the cheap ones go first and leave less for the others. */
function cost(key: SearchKey): number {
  if (key.kind === 'body' || key.kind === 'text') return 3
  if (isContent(key)) return 2
  if (key.kind === 'not') return cost(key.key)
  if (key.kind === 'and' || key.kind === 'or') return Math.max(1, ...key.keys.map(cost))
  return 1
}

/** Ascending UIDs of the matching messages, as the mailbox stood when it was called. */
export function search(
  key: SearchKey,
  state: MailboxState,
  match: ContentMatcher,
  signal?: AbortSignal,
): Promise<Uint32Array> {
  return evaluate(key, state.uids(), { state, match, signal })
}

interface Context {
  readonly state: MailboxState
  readonly match: ContentMatcher
  readonly signal: AbortSignal | undefined
}

async function evaluate(key: SearchKey, uids: Uint32Array, context: Context): Promise<Uint32Array> {
  context.signal?.throwIfAborted()
  if (uids.length === 0 || key.kind === 'all') return uids
  if (isContent(key)) return context.match(key, uids, context.signal)
  switch (key.kind) {
    case 'and': {
      let left = uids
      for (const part of key.keys.toSorted((a, b) => cost(a) - cost(b))) left = await evaluate(part, left, context)
      return left
    }
    case 'or': {
      let found: Uint32Array = new Uint32Array(0)
      let left = uids
      for (const part of key.keys.toSorted((a, b) => cost(a) - cost(b))) {
        const hits = await evaluate(part, left, context)
        found = unite(found, hits)
        left = subtract(left, hits)
      }
      return found
    }
    case 'not':
      return subtract(uids, await evaluate(key.key, uids, context))
    case 'uids':
      return intersect(uids, isAscending(key.uids) ? key.uids : uidSet(key.uids))
    default:
      return scan(key, uids, context.state)
  }
}

function isAscending(uids: Uint32Array): boolean {
  for (let i = 1; i < uids.length; i++) if (uids[i]! <= uids[i - 1]!) return false
  return true
}

type ColumnKey = Exclude<SearchKey, ContentKey | { kind: 'all' | 'and' | 'or' | 'not' | 'uids' }>

function scan(key: ColumnKey, uids: Uint32Array, state: MailboxState): Uint32Array {
  const test = tester(key, state)
  const out = new Uint32Array(uids.length)
  let n = 0
  for (const uid of uids) {
    const at = state.find(uid)
    if (at >= 0 && test(at)) out[n++] = uid
  }
  return out.subarray(0, n)
}

function tester(key: ColumnKey, state: MailboxState): (at: number) => boolean {
  switch (key.kind) {
    case 'flag': {
      const bit = state.table.bit(key.flag)
      return (at) => (state.flagsAt(at) & bit) !== 0
    }
    case 'larger':
    case 'smaller': {
      const size = state.column('size')
      return key.kind === 'larger' ? (at) => size[at]! > key.size : (at) => size[at]! < key.size
    }
    case 'modseq':
      return (at) => state.modSeqAt(at) >= key.from
    case 'emailid':
    case 'threadid': {
      const hash = state.column(key.kind === 'emailid' ? 'email' : 'thread')
      const wanted = /^[MT]([0-9a-f]{16})$/.exec(key.id)
      if (!wanted || key.id[0] !== (key.kind === 'emailid' ? 'M' : 'T')) return () => false
      const value = BigInt(`0x${wanted[1]}`)
      return (at) => hash[at] === value
    }
    default: {
      const date = state.column(key.of === 'saved' ? 'saveDate' : 'internalDate')
      const matches = dayTest(key.kind, key.day)
      return (at) => matches(dayOf(date[at]!))
    }
  }
}

/** Days as `YYYY-MM-DD`; a message without a day matches none. */
export function dayTest(kind: 'before' | 'on' | 'since', day: string): (of: string) => boolean {
  if (kind === 'on') return (of) => of === day
  return kind === 'before' ? (of) => of !== '' && of < day : (of) => of !== '' && of >= day
}

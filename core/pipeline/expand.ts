// First step of dispatch: what each recipient stands for, level by level, until nothing changes.
import type { Reply } from '../base/failure.ts'
import { formatAddress, sameAddress } from '../message/address.ts'
import { replies } from '../message/reply.ts'
import type { QueuedFacts } from '../plugin/contract.ts'
import type { HookRunner } from '../plugin/generation.ts'
import type { NewRecipient, QueuedRecipient } from '../queue/queue.ts'

export const MAX_LEVELS = 10
export const MAX_EXPANSION = 10_000

/** `itself`: no plugin knows better. An empty list discards. */
export type Expansion =
  | { readonly kind: 'into'; readonly into: readonly NewRecipient[] | 'itself' }
  | { readonly kind: 'failed'; readonly reply: Reply }

/** Throws a temporary Failure when a plugin could not answer. `seen` holds keys of recipients the message has already. */
export async function expandRecipient(
  recipient: QueuedRecipient,
  message: QueuedFacts,
  hooks: HookRunner,
  seen: Set<string>,
): Promise<Expansion> {
  const leaves: NewRecipient[] = []
  let level: NewRecipient[] = [recipient]
  let looped = false
  seen.add(recipientKey(recipient))
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_LEVELS) return { kind: 'failed', reply: replies.aliasLoop() }
    const next: NewRecipient[] = []
    for (const one of level) {
      const into = isTarget(one) ? null : await hooks.expand({ ...recipient, ...one }, message)
      if (into === null) {
        if (depth === 0) return { kind: 'into', into: 'itself' }
        leaves.push(one)
        continue
      }
      for (const child of into) {
        const key = recipientKey(child)
        if (child.final || key === recipientKey(one)) leaves.push(child)
        else if (seen.has(key)) looped = true
        else {
          seen.add(key)
          next.push(child)
        }
      }
      if (leaves.length + next.length > MAX_EXPANSION) {
        return { kind: 'failed', reply: replies.tooManyExpansions(MAX_EXPANSION) }
      }
    }
    level = next
  }
  if (leaves.length === 0 && looped) return { kind: 'failed', reply: replies.aliasLoop() }
  return { kind: 'into', into: leaves.map((leaf) => withOriginal(leaf, recipient)) }
}

/** Reports and X-Original-To name what the sender wrote; behind a list's own reverse-path that is nobody's business. */
function withOriginal(leaf: NewRecipient, original: QueuedRecipient): NewRecipient {
  if (leaf.orcpt !== null || sameAddress(leaf.address, original.address)) return leaf
  if (!sameAddress(leaf.reversePath, original.reversePath)) return leaf
  return { ...leaf, orcpt: `rfc822;${formatAddress(original.address)}` }
}

/** A file or command: nothing expands it further. */
const isTarget = (recipient: NewRecipient): boolean => recipient.address.domain === ''

export const recipientKey = (r: NewRecipient): string =>
  `${formatAddress(r.address)}\0${formatAddress(r.reversePath)}\0${r.asUser ?? ''}`

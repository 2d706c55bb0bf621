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
  | { readonly kind: 'itself' }
  | { readonly kind: 'into'; readonly into: readonly NewRecipient[] }
  | { readonly kind: 'failed'; readonly reply: Reply }

const ITSELF: Expansion = { kind: 'itself' }

/** Recipients that a message has or had: looked at only where one of them is expanded. */
export class KnownRecipients {
  readonly #first: readonly NewRecipient[]
  #keys: Set<string> | null = null

  constructor(first: readonly NewRecipient[]) {
    this.#first = first
  }

  /** False when it is known already. */
  add(recipient: NewRecipient): boolean {
    this.#keys ??= new Set(this.#first.map(recipientKey))
    const before = this.#keys.size
    return this.#keys.add(recipientKey(recipient)).size > before
  }
}

/** Throws or rejects with a temporary Failure when a plugin could not answer. At once where no plugin has to be waited for. */
export function expandRecipient(
  recipient: QueuedRecipient,
  message: QueuedFacts,
  hooks: HookRunner,
  known: KnownRecipients,
): Expansion | Promise<Expansion> {
  const into = isTarget(recipient) ? null : hooks.expand(recipient, message)
  return into === null ? ITSELF : expandLevels(recipient, into, message, hooks, known)
}

/** Goes on level by level from what the hooks said of the recipient. */
async function expandLevels(
  recipient: QueuedRecipient,
  first: ReturnType<HookRunner['expand']>,
  message: QueuedFacts,
  hooks: HookRunner,
  known: KnownRecipients,
): Promise<Expansion> {
  const leaves: NewRecipient[] = []
  let level: NewRecipient[] = [recipient]
  let looped = false
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_LEVELS) return { kind: 'failed', reply: replies.aliasLoop() }
    const next: NewRecipient[] = []
    for (const one of level) {
      const asked = depth === 0 ? first : isTarget(one) ? null : hooks.expand({ ...recipient, ...one }, message)
      const into = await asked
      if (into === null) {
        if (depth === 0) return ITSELF
        leaves.push(one)
        continue
      }
      for (const child of into) {
        if (child.final || isSame(child, one)) leaves.push(child)
        else if (known.add(child)) next.push(child)
        else looped = true
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

const isSame = (a: NewRecipient, b: NewRecipient): boolean =>
  sameAddress(a.address, b.address) &&
  sameAddress(a.reversePath, b.reversePath) &&
  (a.asUser ?? '') === (b.asUser ?? '')

const recipientKey = (r: NewRecipient): string =>
  `${formatAddress(r.address)}\0${formatAddress(r.reversePath)}\0${r.asUser ?? ''}`

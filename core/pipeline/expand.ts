// First step of dispatch: what each recipient stands for, level by level, until nothing changes.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { asFailure, type Reply } from '../base/failure.ts'
import { type Address, formatAddress, sameAddress } from '../message/address.ts'
import { replies } from '../message/reply.ts'
import type { QueuedFacts } from '../plugin/contract.ts'
import type { HookRunner } from '../plugin/generation.ts'
import type { NewRecipient, QueuedRecipient } from '../queue/queue.ts'

export const MAX_LEVELS = 10
export const MAX_EXPANSION = 10_000
/** Addresses looked up in one turn of the event loop: hooks that need not wait would go on for all of a long list. */
export const TURN = 16

/**
 * `itself`: no plugin knows better. An empty list discards. `doubles` get the message by another recipient already.
 * `deferred`: a plugin could not answer.
 */
export type Expansion =
  | { readonly kind: 'itself' }
  | { readonly kind: 'into'; readonly into: readonly NewRecipient[]; readonly doubles: readonly NewRecipient[] }
  | { readonly kind: 'failed' | 'deferred'; readonly reply: Reply; readonly detail?: string }

const ITSELF: Expansion = { kind: 'itself' }

/** What the recipients of a message came to stand for: looked at only where one of them is expanded. */
export class KnownRecipients {
  readonly #recipients: readonly QueuedRecipient[]
  readonly #hooks: HookRunner
  #keys: Set<string> | null = null

  /** Of those that the message has, the pending ones and what stood for others may still turn out to lead in a circle. */
  constructor(recipients: readonly QueuedRecipient[], hooks: HookRunner) {
    this.#recipients = recipients
    this.#hooks = hooks
  }

  get keys(): Set<string> {
    const reached = ({ status }: QueuedRecipient): boolean => status !== 'pending' && status !== 'expanded'
    this.#keys ??= new Set(this.#recipients.filter(reached).map((r) => recipientKey(r, this.#hooks)))
    return this.#keys
  }
}

/** At once where no plugin has to be waited for. */
export function expandRecipient(
  recipient: QueuedRecipient,
  message: QueuedFacts,
  hooks: HookRunner,
  known: KnownRecipients,
): Expansion | Promise<Expansion> {
  try {
    const into = isTarget(recipient) ? null : hooks.expand(recipient, message)
    return into === null ? ITSELF : expandLevels(recipient, into, message, hooks, known).catch(deferred)
  } catch (thrown) {
    return deferred(thrown)
  }
}

function deferred(thrown: unknown): Expansion {
  const { reply, detail } = asFailure(thrown)
  return { kind: 'deferred', reply: reply ?? replies.lookupFailed(), detail }
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
  const doubles: NewRecipient[] = []
  const keyOf = (one: NewRecipient): string => recipientKey(one, hooks)
  const start = keyOf(recipient)
  const own = new Set([start])
  let asked = 0
  let level: NewRecipient[] = [recipient]
  let looped = false
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_LEVELS) return { kind: 'failed', reply: replies.aliasLoop() }
    const next: NewRecipient[] = []
    for (const one of level) {
      if (++asked % TURN === 0) await nextTurn()
      const answer = depth === 0 ? first : isTarget(one) ? null : hooks.expand({ ...recipient, ...one }, message)
      const into = answer instanceof Promise ? await answer : answer
      if (into === null) {
        if (depth === 0) return ITSELF
        leaves.push(one)
        continue
      }
      const self = depth === 0 ? start : keyOf(one)
      for (const child of into) {
        const key = keyOf(child)
        if (child.final || key === self) leaves.push(child)
        else if (own.has(key)) looped = true
        else if (known.keys.has(key)) doubles.push(child)
        else {
          own.add(key)
          next.push(child)
        }
      }
      if (leaves.length + next.length > MAX_EXPANSION) {
        return { kind: 'failed', reply: replies.tooManyExpansions(MAX_EXPANSION) }
      }
    }
    level = next
  }
  if (leaves.length + doubles.length === 0 && looped) return { kind: 'failed', reply: replies.aliasLoop() }
  for (const key of own) known.keys.add(key)
  return { kind: 'into', into: leaves.map((leaf) => withOriginal(leaf, recipient)), doubles }
}

/** Reports and X-Original-To name what the sender wrote; behind a list's own reverse-path that is nobody's business. */
function withOriginal(leaf: NewRecipient, original: QueuedRecipient): NewRecipient {
  if (leaf.orcpt !== null || sameAddress(leaf.address, original.address)) return leaf
  if (!sameAddress(leaf.reversePath, original.reversePath)) return leaf
  return { ...leaf, orcpt: `rfc822;${formatAddress(original.address)}` }
}

/** A file or command: nothing expands it further. */
const isTarget = (recipient: NewRecipient): boolean => recipient.address.domain === ''

/** Equal for recipients of whom one copy is enough. */
export const recipientKey = (r: NewRecipient, hooks: HookRunner): string =>
  `${addressKey(r.address, hooks)}\0${formatAddress(r.reversePath)}\0${r.asUser ?? ''}`

/** Letter case of a local part counts elsewhere alone (RFC 5321 §2.4). */
export function addressKey(address: Address, hooks: HookRunner): string {
  const text = formatAddress(address)
  return hooks.isLocalDomain(address.domain) ? text.toLowerCase() : text
}

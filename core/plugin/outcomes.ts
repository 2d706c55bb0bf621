// What a courier may answer: exactly one outcome for each recipient. Anything else settles nothing, and the recipient waits.
import type { Logger } from '../base/log.ts'
import { formatAddress } from '../message/address.ts'
import { replies } from '../message/reply.ts'
import { checkReply, isObject } from './answers.ts'
import type { Attempt, Courier, Outcome } from './contract.ts'

/** The codes that fit an outcome: one that says `delivered` with a refusal would lose the mail. */
const CODES: { readonly [kind in Outcome['kind']]: readonly [number, number] } = {
  delivered: [200, 299],
  relayed: [200, 299],
  discarded: [200, 299],
  deferred: [300, 599],
  failed: [300, 599],
}

/** Answers as `courier` does, with a deferral in the place of each outcome that nobody can act on; the log says why. */
export const soundCourier = (name: string, courier: Courier, log: Logger): Courier => ({
  ...courier,
  async deliver(attempt, signal) {
    return soundOutcomes(name, attempt, await courier.deliver(attempt, signal), log)
  },
})

function soundOutcomes(
  courier: string,
  { recipients, message }: Attempt,
  answer: unknown,
  log: Logger,
): readonly Outcome[] {
  if (!Array.isArray(answer)) throw new Error('it answered no list of outcomes')
  const isSound = answer.length === recipients.length && recipients.every(({ n }, i) => isOutcomeOf(answer[i], n))
  if (isSound) return answer
  return recipients.map(({ n, address }) => {
    const own = answer.filter((one) => isObject(one) && one.n === n)
    const wrong = wrongWith(own)
    if (wrong === null) return own[0] as Outcome
    const detail = `courier ${courier} gave ${wrong}`
    log.error(`${detail} for <${formatAddress(address)}>`, { qid: message.queueId })
    return { n, kind: 'deferred', reply: replies.internalError(), relay: null, detail }
  })
}

const isOutcomeOf = (value: unknown, n: number): boolean =>
  isObject(value) && value.n === n && checkOutcome(value) === null

function wrongWith(outcomes: readonly unknown[]): string | null {
  if (outcomes.length === 1) return checkOutcome(outcomes[0])
  return outcomes.length === 0 ? 'no outcome' : 'several outcomes'
}

function checkOutcome(outcome: unknown): string | null {
  const { kind, reply, relay } = outcome as Outcome
  const codes = CODES[kind]
  if (codes === undefined) return `the unknown outcome '${String(kind)}'`
  const wrong = checkReply(reply, ...codes)
  if (wrong !== null) return `'${kind}' without a fitting reply: ${wrong}`
  return relay === null || typeof relay === 'string' ? null : `'${kind}' with a relay that is no text`
}

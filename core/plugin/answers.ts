// What a plugin may answer at each hook: anything else counts as its failure, never as a pass.
import type { Reply } from '../base/failure.ts'
import type { HeaderEdit, Identity, MessageAnswer } from './contract.ts'

/** Says what is wrong with an answer; null is nothing. */
export type Check = (answer: unknown) => string | null

type Loose = { readonly [key: string]: unknown }

const isObject = (value: unknown): value is Loose => typeof value === 'object' && value !== null

function checkReply(value: unknown, from: number, to: number): string | null {
  if (!isObject(value) || typeof value.code !== 'number') return 'the verdict has no reply'
  if (value.code < from || value.code > to) return `the reply's code ${value.code} does not fit the verdict`
  const lines = Array.isArray(value.text) ? value.text : [value.text]
  return lines.length > 0 && lines.every((line) => typeof line === 'string') ? null : 'the reply has no text'
}

function checkRefusal(answer: Loose): string | null {
  if (answer.kind === 'reject') return checkReply(answer.reply, 500, 599)
  if (answer.kind === 'defer') return checkReply(answer.reply, 400, 499)
  return `'${String(answer.kind)}' is no verdict here`
}

export const checkVerdict: Check = (answer) => {
  if (!isObject(answer)) return 'it answered no verdict'
  return answer.kind === 'pass' ? null : checkRefusal(answer)
}

export const checkRcptVerdict: Check = (answer) => {
  if (!isObject(answer) || answer.kind !== 'admit') return checkVerdict(answer)
  if (answer.as !== 'local' && answer.as !== 'relay') return "an admission is 'local' or 'relay'"
  return answer.rewrite === undefined || isAddress(answer.rewrite) ? null : 'the rewritten recipient is no address'
}

const isAddress = (value: unknown): boolean =>
  isObject(value) && typeof value.local === 'string' && typeof value.domain === 'string'

const isIdentity = (value: unknown): value is Identity =>
  isObject(value) && typeof value.account === 'string' && value.account !== '' && Array.isArray(value.addresses)

export const checkVerified: Check = (answer) =>
  answer === null || answer === 'wrong' || isIdentity(answer) ? null : 'it answered no identity'

export const checkSecret: Check = (answer) =>
  answer === null || (isObject(answer) && typeof answer.secret === 'string' && isIdentity(answer.identity))
    ? null
    : 'it answered no secret'

/** `recipients`: how many the message has. */
export function checkMessageAnswer(answer: unknown, recipients: number): string | null {
  if (!isObject(answer)) return 'it answered no object'
  const { all, perRecipient, add, append, remove, score } = answer as MessageAnswer
  const verdict = (value: unknown): string | null =>
    isObject(value) && value.kind === 'discard' ? null : checkVerdict(value)
  if (all !== undefined && verdict(all) !== null) return verdict(all)
  if (perRecipient !== undefined && !(perRecipient instanceof Map)) return 'perRecipient is no Map'
  for (const [index, value] of perRecipient ?? []) {
    if (!Number.isInteger(index) || index < 0 || index >= recipients) return `there is no recipient ${index}`
    if (verdict(value) !== null) return verdict(value)
  }
  if (add?.some(isNoEdit) || append?.some(isNoEdit)) return 'a header edit needs a name and a value'
  if (remove?.some((one) => typeof one.name !== 'string')) return 'a header removal needs a name'
  return score === undefined || Number.isFinite(score) ? null : 'the score is no number'
}

const isNoEdit = (edit: HeaderEdit): boolean => typeof edit.name !== 'string' || typeof edit.value !== 'string'

export const checkExpansion: Check = (answer) => {
  if (answer === null) return null
  if (!Array.isArray(answer)) return 'it answered no list of recipients'
  return answer.every((one) => isObject(one) && isAddress(one.address)) ? null : 'a recipient has no address'
}

export const checkRoute: Check = (answer) => {
  if (answer === null) return null
  if (!isObject(answer)) return 'it answered no next hop'
  if (answer.kind !== undefined) return checkRefusal(answer)
  return typeof answer.courier === 'string' && typeof answer.destination === 'string' ? null : 'it answered no next hop'
}

/** Longest text of one reply line that fits 512 octets with codes and line end (RFC 5321 §4.5.3.1.5). */
const MAX_TEXT = 480

/** Texts may come from outside (a DNS list, a scanner): printable ASCII, no line ends, bounded. */
export function cleanReply(reply: Reply): Reply {
  const clean = (text: string): string => text.replace(/[^\x20-\x7e]+/g, '?').slice(0, MAX_TEXT)
  if (typeof reply.text === 'string') {
    return /^[\x20-\x7e]{0,480}$/.test(reply.text) ? reply : { ...reply, text: clean(reply.text) }
  }
  return { ...reply, text: reply.text.slice(0, 50).map(clean) }
}

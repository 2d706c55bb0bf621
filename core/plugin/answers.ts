// What a plugin may answer at each hook: anything else counts as its failure, never as a pass.
import type { Reply } from '../base/failure.ts'
import type { Address } from '../message/address.ts'
import type { SpooledBody } from '../message/content.ts'
import type { HeaderEdit, MessageAnswer } from './contract.ts'

/** Says what is wrong with an answer; null is nothing. */
export type Check = (answer: unknown) => string | null

type Loose = { readonly [key: string]: unknown }

export const isObject = (value: unknown): value is Loose => typeof value === 'object' && value !== null

/** A reply whose code lies in this range, with a text. */
export function checkReply(value: unknown, from: number, to: number): string | null {
  if (!isObject(value) || typeof value.code !== 'number') return 'the verdict has no reply'
  const { code, text } = value
  if (!Number.isInteger(code) || code < from || code > to) return `the reply's code ${code} does not fit the verdict`
  const lines = Array.isArray(text) ? text : [text]
  return lines.length > 0 && lines.every((line) => typeof line === 'string') ? null : 'the reply has no text'
}

/** What we say ourselves, besides: `class.subject.detail` of the code's class (RFC 3463 §2, RFC 2034 §4). */
function checkOwnReply(value: unknown, from: number, to: number): string | null {
  const wrong = checkReply(value, from, to)
  if (wrong !== null) return wrong
  const { code, enhanced } = value as Reply
  if (enhanced === null || isStatus(enhanced, code)) return null
  return `the reply's status '${String(enhanced)}' is no enhanced status code that goes with ${code}`
}

const isStatus = (status: unknown, code: number): boolean =>
  typeof status === 'string' && /^[245]\.\d{1,3}\.\d{1,3}$/.test(status) && status[0] === String(code)[0]

function checkRefusal(answer: Loose): string | null {
  if (answer.kind === 'reject') return checkOwnReply(answer.reply, 500, 599)
  if (answer.kind === 'defer') return checkOwnReply(answer.reply, 400, 499)
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

/** Nothing in it may end a command line or a path (RFC 5321 §4.1.2). */
const isAddress = (value: unknown): value is Address =>
  isObject(value) &&
  [value.local, value.domain, value.original].every(
    (part) => typeof part === 'string' && !/(?!\t)\p{Cc}/u.test(part),
  ) &&
  !/[\s<>]/.test(String(value.domain))

const isText = (value: unknown): value is string => typeof value === 'string'
const isListOf = <T>(value: unknown, holds: (one: unknown) => one is T): value is T[] =>
  Array.isArray(value) && value.every(holds)

function checkIdentity(value: unknown): string | null {
  if (!isObject(value) || value.account === '') return 'it answered no identity'
  const missing = ['account', 'authcid', 'authzid'].find((key) => !isText(value[key]))
  if (missing !== undefined) return `the identity has no ${missing}`
  return isListOf(value.addresses, isText) ? null : 'the identity has no list of addresses'
}

export const checkVerified: Check = (answer) => (answer === null || answer === 'wrong' ? null : checkIdentity(answer))

export const checkSecret: Check = (answer) => {
  if (answer === null) return null
  return isObject(answer) && isText(answer.secret) ? checkIdentity(answer.identity) : 'it answered no secret'
}

const MESSAGE_KEYS: ReadonlySet<string> = new Set<keyof MessageAnswer>([
  'all',
  'perRecipient',
  'add',
  'append',
  'remove',
  'body',
  'score',
  'quarantine',
  'detail',
])

/** `recipients`: how many the message has. */
export function checkMessageAnswer(answer: unknown, recipients: number): string | null {
  if (!isObject(answer)) return 'it answered no object'
  if ('kind' in answer) return "it answered a bare verdict: one for all recipients stands in 'all'"
  const unknown = Object.keys(answer).find((key) => !MESSAGE_KEYS.has(key))
  if (unknown !== undefined)
    return `'${unknown}' is no part of an answer; the parts are ${[...MESSAGE_KEYS].join(', ')}`
  return checkVerdicts(answer, recipients) ?? checkEdits(answer) ?? checkRemarks(answer)
}

const checkOneVerdict: Check = (value) => (isObject(value) && value.kind === 'discard' ? null : checkVerdict(value))

function checkVerdicts({ all, perRecipient }: Loose, recipients: number): string | null {
  const wrong = all === undefined ? null : checkOneVerdict(all)
  if (wrong !== null) return wrong
  if (perRecipient === undefined) return null
  if (!(perRecipient instanceof Map)) return 'perRecipient is no Map'
  for (const [index, value] of perRecipient) {
    if (!Number.isInteger(index) || index < 0 || index >= recipients) return `there is no recipient ${index}`
    const wrong = checkOneVerdict(value)
    if (wrong !== null) return wrong
  }
  return null
}

const areEdits = (value: unknown): boolean => value === undefined || isListOf(value, isEdit)

function checkEdits({ add, append, remove, body }: Loose): string | null {
  if (!areEdits(add)) return 'add is no list of header fields with name and value'
  if (!areEdits(append)) return 'append is no list of header fields with name and value'
  if (remove !== undefined && !isListOf(remove, isRemoval)) return 'remove is no list of header fields by their name'
  return body === undefined || isBody(body) ? null : 'the new body was not made by SPOOL'
}

export const isBody = (value: unknown): value is SpooledBody =>
  isObject(value) && typeof value.chunks === 'function' && typeof value.release === 'function'

const isEdit = (value: unknown): value is HeaderEdit => isObject(value) && isText(value.name) && isText(value.value)
const isRemoval = (value: unknown): value is Loose =>
  isObject(value) && isText(value.name) && (value.where === undefined || typeof value.where === 'function')

function checkRemarks({ score, quarantine, detail }: Loose): string | null {
  if (quarantine !== undefined && (!isText(quarantine) || quarantine === '')) return 'the quarantine has no reason'
  if (detail !== undefined && !isText(detail)) return 'the detail is no text'
  return score === undefined || Number.isFinite(score) ? null : 'the score is no number'
}

export const checkExpansion: Check = (answer) => {
  if (answer === null) return null
  if (!Array.isArray(answer)) return 'it answered no list of recipients'
  for (const one of answer) {
    if (!isObject(one) || !isAddress(one.address)) return 'a recipient has no address'
    if (one.reversePath !== null && !isAddress(one.reversePath))
      return "a recipient's reversePath is no address or null"
    if (!isListOf(one.notify, isText)) return "a recipient's notify is no list"
    if (one.orcpt !== null && !isText(one.orcpt)) return "a recipient's orcpt is no text or null"
  }
  return null
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

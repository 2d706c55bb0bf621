// Reads reports to senders: their parts, and the groups of fields for programs (RFC 3464).
import { Skipped } from '../judgement.ts'
import { withoutComments } from './facts.ts'
import { decode, encodingOf, type Part, partsOf, typeOf } from './mime.ts'
import type { Mail } from './session.ts'

/** Throws Skipped when the report is no multipart. */
export function reportParts({ text }: Mail): Part[] {
  if (!typeOf(text).startsWith('multipart/')) throw new Skipped('the report is not multipart')
  return partsOf(text)
}

export const textOf = ({ header, body }: Part): string => decode(body, encodingOf(`${header}\r\n`))

export const isStatus = ({ type }: Part): boolean => /^message\/(global-)?delivery-status$/.test(type)

/** Groups of fields of the part for programs, as blank lines part them. */
export function groupsOf(mail: Mail): string[] {
  const status = reportParts(mail).find(isStatus)
  if (!status) throw new Skipped('the report has no message/delivery-status')
  return textOf(status)
    .split(/(?:\r\n){2,}/)
    .map((group) => group.trim())
    .filter((group) => group !== '')
}

/** All values of a field, folded lines joined. */
export const valuesIn = (group: string, field: string): string[] =>
  [...group.matchAll(new RegExp(`^${field}:[ \\t]*(.*(?:\\r\\n[ \\t].*)*)`, 'gim'))].map(([, value]) =>
    value!.replace(/\r\n(?=[ \t])/g, '').trim(),
  )

export const fieldIn = (group: string, field: string): string | undefined => valuesIn(group, field)[0]

/** A field of the form `type; value`: the type in lower case, comments taken off. */
export function typedIn(group: string, field: string): { readonly type: string; readonly value: string } | undefined {
  const text = fieldIn(group, field)
  if (text === undefined) return undefined
  const at = text.indexOf(';')
  return { type: text.slice(0, Math.max(0, at)).trim().toLowerCase(), value: withoutComments(text.slice(at + 1)) }
}

/** Those groups that are about recipients, of all these reports. */
export const recipientGroups = (mails: readonly Mail[]): string[] =>
  mails.flatMap(groupsOf).filter((group) => /^Final-Recipient:/im.test(group))

/** Addresses in Final-Recipient fields. */
export const finalRecipients = (mails: readonly Mail[]): string[] =>
  mails.flatMap(({ text }) =>
    [...text.matchAll(/^Final-Recipient:\s*[^;\r\n]*;\s*<?([^\s<>]+)>?\s*$/gim)].map(([, address]) => address!),
  )

/** What stands for the message that the report is about. */
export const isOriginal = ({ type }: Part): boolean =>
  /^(message\/(rfc822|global|global-headers)|text\/rfc822-headers)$/.test(type)

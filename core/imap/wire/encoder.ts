// Formats what the server sends (RFC 9051 §9): text in which each char is an octet, written as latin1.
import { encodeMutf7 } from './mutf7.ts'

const ASTRING = /^[^\x00-\x20\x7f-\xff(){%*"\\]+$/

/** Unicode text as octets, one a char. */
export const utf8Octets = (text: string): string =>
  /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text).toString('latin1')

/** Octets as Unicode text; null when they are no UTF-8. */
export function utf8Text(octets: string): string | null {
  if (/^[\x00-\x7f]*$/.test(octets)) return octets
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(octets, 'latin1'))
  } catch {
    return null
  }
}

/** A quoted string of ASCII, or, for octets outside of it, a literal. `utf8`: the client takes UTF-8 in quoted strings. */
export function formatString(octets: string, utf8 = false): string {
  const quotable = utf8 ? !/[\x00-\x1f\x7f]/.test(octets) : !/[^\x20-\x7e\t]/.test(octets)
  return quotable ? `"${octets.replace(/["\\]/g, '\\$&')}"` : `{${octets.length}}\r\n${octets}`
}

export const formatAstring = (octets: string, utf8 = false): string =>
  ASTRING.test(octets) && octets.toUpperCase() !== 'NIL' ? octets : formatString(octets, utf8)

/** A mailbox name for the wire: UTF-8 once the client enabled IMAP4rev2, else modified UTF-7. */
export const formatMailbox = (name: string, rev2: boolean): string =>
  rev2 ? formatAstring(utf8Octets(name), true) : formatAstring(encodeMutf7(name))

export const formatFlags = (flags: readonly string[]): string => `(${flags.join(' ')})`

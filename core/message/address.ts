// Mail addresses: a local part kept as it came, a domain in A-labels and lower case (RFC 5321 §4.1.2, RFC 6531 §3.3).
import { isIPv4 } from 'node:net'
import { domainToASCII, domainToUnicode } from 'node:url'
import { isIPv6 } from '../base/ip.ts'
import { err, ok, type Result } from '../base/result.ts'

export interface Address {
  /** NFC, without quotes; letter case as it came. */
  readonly local: string
  /** A-labels, lower case; or a literal such as `[192.0.2.1]`; empty only for `<postmaster>`. */
  readonly domain: string
  /** As the client wrote it, without angle brackets. */
  readonly original: string
}

export const MAX_LOCAL_PART = 64 // RFC 5321 §4.5.3.1.1
export const MAX_DOMAIN = 255 // RFC 5321 §4.5.3.1.2
export const MAX_PATH = 256 // RFC 5321 §4.5.3.1.3, angle brackets included

/** Beyond ASCII all but controls and line separators (RFC 6531 §3.3, narrowed). */
const ATOM =
  /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\u00a0-\u2027\u202a-\u{10ffff}]+(\.[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\u00a0-\u2027\u202a-\u{10ffff}]+)*$/u
const QUOTED = /^"((?:[ !#-[\]-~\u00a0-\u2027\u202a-\u{10ffff}]|\\[ -~])*)"$/u
/** The local part of nearly all addresses. */
const ASCII_ATOM = /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+(?:\.[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+)*$/
/** RFC 3696 §2: no top-level domain is a number; an address stands in brackets. */
const HOST = /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*(?!\d+$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/

/** Parses a domain or address literal to its key form. */
export function parseDomain(text: string): Result<string> {
  if (text.startsWith('[')) return parseLiteral(text)
  // U-labels are never longer than their A-labels
  if (text.length > MAX_DOMAIN) return err('bad domain')
  let domain = text.toLowerCase()
  if (/[^\u0000-\u007f]|xn--/.test(domain)) domain = domainToASCII(domain)
  return domain.length > MAX_DOMAIN || !HOST.test(domain) ? err('bad domain') : ok(domain)
}

/** RFC 5321 §4.1.3: `[192.0.2.1]`, `[IPv6:2001:db8::1]`; no other tag is registered. */
function parseLiteral(text: string): Result<string> {
  const literal = text.toLowerCase()
  const inner = literal.endsWith(']') ? literal.slice(1, -1) : ''
  const good = inner.startsWith('ipv6:') ? isIPv6(inner.slice(5)) && !inner.includes('%') : isIPv4(inner)
  return good ? ok(literal) : err('bad address literal')
}

/** Parses `local@domain` (no angle brackets, no source route). */
export function parseAddress(text: string): Result<Address> {
  const at = text.lastIndexOf('@')
  if (at < 1) return err(at === 0 ? 'no local part' : 'no domain')
  const local = parseLocal(text.slice(0, at))
  if (!local.ok) return local
  const domain = parseDomain(text.slice(at + 1))
  return domain.ok ? ok({ local: local.value, domain: domain.value, original: text }) : domain
}

function parseLocal(text: string): Result<string> {
  if (ASCII_ATOM.test(text)) return text.length > MAX_LOCAL_PART ? err('local part too long') : ok(text)
  const written = text.normalize('NFC')
  if (Buffer.byteLength(written) > MAX_LOCAL_PART) return err('local part too long')
  const quoted = QUOTED.exec(written)
  if (!quoted && !ATOM.test(written)) return err('bad local part')
  return ok(quoted ? quoted[1]!.replace(/\\(.)/g, '$1') : written)
}

/** `local@domain` for the wire and for keys shown to people; quotes the local part only where it must be. */
export function formatAddress(address: Address | null): string {
  if (address === null) return ''
  const local = ATOM.test(address.local) ? address.local : `"${address.local.replace(/["\\]/g, '\\$&')}"`
  return address.domain === '' ? local : `${local}@${address.domain}`
}

/** As `formatAddress`, with the domain in U-labels: for people and for SMTPUTF8 peers. */
export function displayAddress(address: Address | null): string {
  return address === null
    ? ''
    : formatAddress({ ...address, domain: domainToUnicode(address.domain) || address.domain })
}

/** True if the address needs SMTPUTF8 (RFC 6531) to travel. */
export const needsUtf8 = (address: Address | null): boolean =>
  address !== null && /[^\u0000-\u007f]/.test(address.local)

/** The same mailbox: domains compare in key form, local parts exactly. */
export const sameAddress = (a: Address | null, b: Address | null): boolean =>
  a === b || (a !== null && b !== null && a.local === b.local && a.domain === b.domain)

/** Splits `user+detail` at the first delimiter; null without one (RFC 5233's subaddress). */
export function splitDetail(local: string, delimiter: string): { user: string; detail: string } | null {
  const at = delimiter === '' ? -1 : local.indexOf(delimiter)
  return at < 1 ? null : { user: local.slice(0, at), detail: local.slice(at + delimiter.length) }
}

/** What somebody asks for, an address or `@domain`, with the domain as it is kept; any other text stays. */
export function withALabels(text: string): string {
  const at = text.lastIndexOf('@') + 1
  return at === 0 || !/[^\u0000-\u007f]/.test(text.slice(at)) ? text : text.slice(0, at) + domainToASCII(text.slice(at))
}

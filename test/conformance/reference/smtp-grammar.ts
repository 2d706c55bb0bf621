// The arguments of SMTP commands for the reference server: RFC 5321 §4.1.2, RFC 6531 §3.3, RFC 3461 §4.
const ATEXT = "[A-Za-z0-9!#$%&'*+\\-/=?^_`{|}~\\u{80}-\\u{10ffff}]"
const DOT_STRING = `${ATEXT}+(?:\\.${ATEXT}+)*`
const QUOTED = '"(?:[ !#-\\[\\]-~\\u{80}-\\u{10ffff}]|\\\\[ -~])*"'
const LABEL = '[A-Za-z0-9\\u{80}-\\u{10ffff}](?:[A-Za-z0-9\\u{80}-\\u{10ffff}-]*[A-Za-z0-9\\u{80}-\\u{10ffff}])?'
const DOMAIN = `${LABEL}(?:\\.${LABEL})*`
const IPV4 = '\\d{1,3}(?:\\.\\d{1,3}){3}'
const LITERAL = `\\[(?:${IPV4}|IPv6:[0-9A-Fa-f:]+(?::${IPV4})?|[A-Za-z0-9-]*[A-Za-z0-9]:[!-Z^-~]+)\\]`
const ROUTE = `@${DOMAIN}(?:,@${DOMAIN})*:`
const PARAMETERS = '(?<parameters>(?: [A-Za-z0-9][A-Za-z0-9-]*(?:=[^ =\\u{0}-\\u{1f}\\u{7f}]+)?)*)'

const path = (mailbox: string, others: string): RegExp =>
  new RegExp(`^(?<keyword>[A-Za-z]+:)(?<path><(?<route>${ROUTE})?${mailbox}>|${others})${PARAMETERS}$`, 'u')
const MAILBOX = `(?<local>${DOT_STRING}|${QUOTED})@(?<domain>${DOMAIN}|${LITERAL})`
const REVERSE = path(MAILBOX, '<>')
const FORWARD = path(MAILBOX, '<[Pp][Oo][Ss][Tt][Mm][Aa][Ss][Tt][Ee][Rr]>')
const HELLO = new RegExp(`^(?:${DOMAIN}|${LITERAL})$`, 'u')

export interface PathArgument {
  readonly keyword: string
  readonly path: string
  readonly route: boolean
  /** Both empty for the null path; the domain empty for the bare postmaster. */
  readonly local: string
  readonly domain: string
  readonly parameters: readonly (readonly [name: string, value: string | null])[]
}

/** Null when it is no path, or no UTF-8. */
export function parsePath(kind: 'reverse' | 'forward', octets: string): PathArgument | null {
  const groups = (kind === 'reverse' ? REVERSE : FORWARD).exec(decodeUtf8(octets) ?? '')?.groups
  if (!groups) return null
  const { keyword, path, route, local, domain, parameters } = groups
  return {
    keyword: keyword!,
    path: path!,
    route: route !== undefined,
    local: local ?? path!.slice(1, -1),
    domain: domain ?? '',
    parameters: parameters!
      .split(' ')
      .slice(1)
      .map((one) => one.split('=', 2) as [string, string?])
      .map(([name, value]) => [name, value ?? null] as const),
  }
}

/** What a local part means: RFC 5321 §4.1.2. */
export const unquote = (local: string): string =>
  local.startsWith('"') ? local.slice(1, -1).replace(/\\(.)/g, '$1') : local

export const isHello = (octets: string): boolean => HELLO.test(decodeUtf8(octets) ?? '')

export const isAscii = (text: string): boolean => !/[^\x00-\x7f]/.test(text)

/** Null for octets that are not UTF-8. */
export function decodeUtf8(octets: string): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(octets, 'latin1'))
  } catch {
    return null
  }
}

/** RFC 3461 §4: printable but plus and equals, or a plus sign and two upper-case hexadecimal digits. */
export const isXtext = (text: string): boolean => /^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/.test(text)

/** Strict base64; null for anything else. */
export function decodeBase64(text: string): string | null {
  const strict = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
  return strict.test(text) ? Buffer.from(text, 'base64').toString('utf8') : null
}

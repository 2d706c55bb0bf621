// The grammar of SMTP commands (RFC 5321 §4.1.2): a line into verb and arguments, a path, and ESMTP parameters.
import { isUtf8 } from 'node:buffer'
import { err, ok, type Result } from '../../base/result.ts'
import { type Address, MAX_PATH, parseAddress } from '../../message/address.ts'

export interface CommandLine {
  /** Upper case. */
  readonly verb: string
  /** What follows the first space, without white space around it. */
  readonly args: string
}

/** Splits a line (without its line end). Control characters and octets that are no UTF-8 are errors. */
export function parseCommandLine(line: Buffer): Result<CommandLine> {
  let text = line.toString('latin1')
  if (/[^ -~]/.test(text)) {
    if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(text)) return err('Control character in command')
    if (!isUtf8(line)) return err('Neither ASCII nor UTF-8')
    text = line.toString('utf8')
  }
  const space = text.indexOf(' ')
  if (space < 0) return ok({ verb: text.trimEnd().toUpperCase(), args: '' })
  return ok({ verb: text.slice(0, space).toUpperCase(), args: text.slice(space + 1).trim() })
}

/** `null` stands for `<>`. */
export interface Path {
  readonly address: Address | null
  /** What stands behind the path: the parameters. */
  readonly rest: string
}

export interface PathOptions {
  /** Domain for an address without one; null: such an address is an error. */
  readonly origin: string | null
  /** `<postmaster>` alone is an address without domain (RFC 5321 §4.5.1). */
  readonly postmaster?: boolean
}

/** Parses `<path>` at the start of `text`. A source route is read and ignored (RFC 5321 §4.1.1.3, appendix C). */
export function parsePath(text: string, options: PathOptions): Result<Path> {
  if (text[0] !== '<') return err('address must stand in angle brackets')
  const end = pathEnd(text)
  if (end < 0) return err('no closing angle bracket')
  const rest = text.slice(end + 1)
  if (rest !== '' && rest[0] !== ' ') return err('space expected behind the address')
  if (end === 1) return ok({ address: null, rest: rest.trim() })
  const address = pathAddress(text.slice(1, end), options)
  return address.ok ? ok({ address: address.value, rest: rest.trim() }) : address
}

function pathAddress(path: string, options: PathOptions): Result<Address> {
  if (Buffer.byteLength(path) + 2 > MAX_PATH) return err('address too long')
  let written = path
  if (path[0] === '@') {
    const colon = path.indexOf(':')
    if (colon < 0 || !isRoute(path.slice(0, colon))) return err('bad source route')
    written = path.slice(colon + 1)
  }
  if (written.includes('@')) return parseAddress(written)
  if (options.postmaster && /^postmaster$/i.test(written)) return ok({ local: written, domain: '', original: written })
  return parseAddress(options.origin === null ? written : `${written}@${options.origin}`)
}

/** RFC 5321 §4.1.2: A-d-l = At-domain *( "," At-domain ) */
const isRoute = (text: string): boolean => text.split(',').every((part) => /^@[^\s@<>",]+$/.test(part))

/** Index of the `>` that is not within a quoted string. */
function pathEnd(text: string): number {
  let quoted = false
  for (let i = 1; i < text.length; i++) {
    const c = text[i]
    if (c === '\\' && quoted) i++
    else if (c === '"') quoted = !quoted
    else if (c === '>' && !quoted) return i
    else if (c === '<' && !quoted) return -1
  }
  return -1
}

const NO_PARAMETERS: ReadonlyMap<string, string | null> = new Map()

/** Parses `KEY=value KEY …` (RFC 5321 §4.1.2 Mail-parameters); keys in upper case; null for a key without value. */
export function parseParameters(text: string): Result<ReadonlyMap<string, string | null>> {
  if (text === '') return ok(NO_PARAMETERS)
  const parameters = new Map<string, string | null>()
  for (const word of text.split(/ +/)) {
    const equals = word.indexOf('=')
    const key = (equals < 0 ? word : word.slice(0, equals)).toUpperCase()
    const value = equals < 0 ? null : word.slice(equals + 1)
    if (!/^[A-Z0-9][A-Z0-9-]*$/.test(key)) return err('bad parameter')
    if (value !== null && !/^[!-<>-~\u0080-\u{10ffff}]+$/u.test(value)) return err(`bad value of ${key}`)
    if (parameters.has(key)) return err(`${key} given twice`)
    parameters.set(key, value)
  }
  return ok(parameters)
}

/** The argument of EHLO, HELO and LHLO: a domain or literal in the widest sense that is still safe in a header field. */
export const isHeloArgument = (text: string): boolean =>
  text.length <= 255 && /^(?:[A-Za-z0-9_.:/+~#-]+|\[[A-Za-z0-9_.:%-]+\])$/.test(text)

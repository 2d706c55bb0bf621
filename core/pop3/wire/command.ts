// One command line of a client as verb and arguments (RFC 1939 §3).
import { err, ok, type Result } from '../../base/result.ts'

export const VERBS = [
  'user',
  'pass',
  'apop',
  'auth',
  'stls',
  'capa',
  'utf8',
  'lang',
  'stat',
  'list',
  'retr',
  'dele',
  'noop',
  'rset',
  'top',
  'uidl',
  'quit',
] as const
export type Verb = (typeof VERBS)[number]

export interface ParsedCommand {
  readonly verb: Verb
  /** All behind the verb's space as it came: a password may hold spaces. */
  readonly args: string
}

const KNOWN = new Map<string, Verb>(
  VERBS.flatMap((verb) => [
    [verb, verb],
    [verb.toUpperCase(), verb],
  ]),
)
const SPACE = 32

/** The error is what the client is told. */
export function parseCommand(line: Buffer): Result<ParsedCommand> {
  const space = line.indexOf(SPACE)
  const word = line.toString('latin1', 0, space < 0 ? line.length : space)
  const verb = KNOWN.get(word) ?? KNOWN.get(word.toLowerCase())
  if (verb === undefined) return err(/^[A-Za-z]{3,4}$/.test(word) ? 'Unknown command' : 'Bad command line')
  const rest = space < 0 ? Buffer.alloc(0) : line.subarray(space + 1)
  if (rest.includes(0)) return err('NUL in command line')
  const args = rest.toString('utf8')
  // RFC 6856 §2: arguments are UTF-8
  if (args.includes('\ufffd') && !Buffer.from(args).equals(rest)) return err('Arguments are not UTF-8')
  return ok({ verb, args })
}

/** A message number or count: digits alone, no more than a 32-bit number holds. */
export function parseNumber(text: string): number | null {
  if (!/^\d{1,10}$/.test(text)) return null
  const value = Number(text)
  return value <= 0xffffffff ? value : null
}

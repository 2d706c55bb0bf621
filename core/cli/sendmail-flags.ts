// The flags of sendmail, as its callers have written them for decades: bundled, with the value attached or behind.
import { CliError, EX } from './context.ts'

export interface Flags {
  mode: 'send' | 'verify' | 'smtp' | 'queue' | 'aliases' | 'flush'
  /** What -q asks for, as arguments of `queue flush`. */
  flush: readonly string[]
  fromHeader: boolean
  ignoreDots: boolean
  sender: string | null
  fullName: string | null
  notify: string | null
  ret: string | null
  envid: string | null
  recipients: string[]
}

export const FLAGS = `
Flags:
  -t              recipients are those of To, Cc and Bcc; Bcc is taken out
  -i, -oi         a line with a single dot does not end the message
  -f, -r <addr>   the sender; '<>' for none, the caller when left out
  -F <name>       the sender's name, where the message has no From
  -N <conditions> when to report delivery: never, or failure, delay, success
  -R full|hdrs    what reports bring back
  -V <id>         an envelope id for reports
  -bv             say of each recipient whether mail for it is taken
  -bs             speak SMTP on standard input and output
  -bp             list the queue, as mailq
  -bi, -I         check the alias file, as newaliases
  -q              try again now what waits; -qI<id> one message, -qR<domain> what goes there
Others of the traditional flags are taken and ignored.`

/** Letters that a value follows; those that are ignored among them. */
const WITH_VALUE = 'ABCFLNORVXbefhopr'
/** Letters whose value is attached, or missing. */
const MAY_HAVE_VALUE = 'dq'

export function readFlags(args: readonly string[]): Flags {
  const flags: Flags = {
    mode: 'send',
    flush: [],
    fromHeader: false,
    ignoreDots: false,
    sender: null,
    fullName: null,
    notify: null,
    ret: null,
    envid: null,
    recipients: [],
  }
  const rest = [...args]
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === '--') return { ...flags, recipients: [...flags.recipients, ...rest] }
    if (!arg.startsWith('-') || arg === '-') flags.recipients.push(arg)
    else readBundle(flags, arg.slice(1), rest)
  }
  return flags
}

function readBundle(flags: Flags, letters: string, rest: string[]): void {
  const at = [...letters].findIndex((letter) => `${WITH_VALUE}${MAY_HAVE_VALUE}`.includes(letter))
  for (const letter of at < 0 ? letters : letters.slice(0, at)) setPlain(flags, letter)
  if (at < 0) return
  const letter = letters[at]!
  const attached = letters.slice(at + 1)
  const value = attached === '' && WITH_VALUE.includes(letter) ? rest.shift() : attached
  if (value === undefined) throw new CliError(`option -${letter} wants a value`, EX.usage)
  setValue(flags, letter, value)
}

function setPlain(flags: Flags, letter: string): void {
  if (letter === 't') flags.fromHeader = true
  else if (letter === 'i') flags.ignoreDots = true
  else if (letter === 'I') flags.mode = 'aliases'
  else if (!'GUcmnvx'.includes(letter)) throw new CliError(`unknown option -${letter}`, EX.usage)
}

function setValue(flags: Flags, letter: string, value: string): void {
  switch (letter) {
    case 'f':
    case 'r':
      flags.sender = value
      break
    case 'F':
      flags.fullName = value
      break
    case 'N':
      flags.notify = fitting('-N', value, /^(never|(success|failure|delay)(,(success|failure|delay))*)$/i)
      break
    case 'R':
      flags.ret = fitting('-R', value, /^(full|hdrs)$/i)
      break
    case 'V':
      flags.envid = value
      break
    case 'o':
      if (value === 'i') flags.ignoreDots = true
      break
    case 'b':
      flags.mode = modeOf(value)
      break
    case 'q':
      flags.mode = 'flush'
      flags.flush = flushed(value)
  }
}

function fitting(flag: string, value: string, form: RegExp): string {
  if (!form.test(value)) throw new CliError(`${flag} does not take '${value}'; see sendmail --help`, EX.usage)
  return value
}

const MODES: { readonly [mode: string]: Flags['mode'] } = {
  m: 'send',
  v: 'verify',
  s: 'smtp',
  p: 'queue',
  i: 'aliases',
}

function modeOf(letter: string): Flags['mode'] {
  const mode = Object.hasOwn(MODES, letter) ? MODES[letter] : undefined
  if (mode) return mode
  const why = letter === 'd' ? "the server is started by 'estafeta serve'" : `unknown option -b${letter}`
  throw new CliError(why, EX.usage)
}

/** An interval (`-q30m`) asks for now, too: the server has its own. */
function flushed(value: string): string[] {
  const [, kind, what] = /^([IRS])(.+)$/.exec(value) ?? []
  if (what === undefined) return []
  if (kind === 'I') return [what]
  return [kind === 'R' ? '--recipient' : '--sender', what.includes('@') ? what : `@${what}`]
}

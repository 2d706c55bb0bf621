// One session of the reference server: its state, what its fault is, and its lines.
import type { KeyPair, LineSocket } from './line-socket.ts'
import { MECHANISMS } from './sasl.ts'
import type { SmtpFault } from './smtp-faults.ts'
import type { PathArgument } from './smtp-grammar.ts'
import type { Situation } from './smtp-replies.ts'
import { SmtpVoice } from './smtp-voice.ts'

export const DOMAIN = 'example.org'
export const USER = `ana@${DOMAIN}`
export const PASSWORD = 'plum stone'
export const MAILBOXES = ['ana', 'berta', 'postmaster']
export const SIZE_LIMIT = 1_000_000

export interface SmtpOptions {
  readonly protocol: 'smtp' | 'submission' | 'lmtp'
  readonly pair: KeyPair
  readonly implicitTls?: boolean
  readonly fault?: SmtpFault
  /** A second fault, for cases that look at how a server does what others hold against it. */
  readonly liberty?: SmtpFault
  /** Gets each message once for each recipient, one character an octet, without the last CR LF. */
  readonly deliver?: (recipient: string, message: string) => void
}

export interface Transaction {
  readonly from: PathArgument
  readonly body: string
  readonly utf8: boolean
  readonly declaredSize: number | null
  readonly recipients: string[]
  /** How many recipients were refused. */
  refused: number
  /** What BDAT brought so far; null before the first. */
  chunks: string | null
}

export const begin = (
  from: PathArgument,
  parameters: Map<string, string>,
  recipients: readonly string[],
): Transaction => ({
  from,
  body: (parameters.get('BODY') ?? '7BIT').toUpperCase(),
  utf8: parameters.has('SMTPUTF8'),
  declaredSize: parameters.has('SIZE') ? Number(parameters.get('SIZE')) : null,
  recipients: [...recipients],
  refused: 0,
  chunks: null,
})

export const NOBODY: PathArgument = {
  keyword: 'FROM:',
  path: '<>',
  route: false,
  local: '',
  domain: '',
  parameters: [],
}

export class SmtpSession {
  readonly line: LineSocket
  readonly options: SmtpOptions
  readonly voice: SmtpVoice
  hello: 'helo' | 'ehlo' | null = null
  transaction: Transaction | null = null
  user: string | null = null
  over = false
  /** What some faults remember: that something was done or refused, recipients, parameters, and how many commands came. */
  spoiled = false
  leftover: readonly string[] = []
  readonly sticking = new Map<string, string>()
  #commands = 0

  constructor(line: LineSocket, options: SmtpOptions) {
    this.line = line
    this.options = options
    this.voice = new SmtpVoice(line, options.fault)
  }

  has = (fault: SmtpFault): boolean => this.options.fault === fault || this.options.liberty === fault

  reply(situation: Situation, value = ''): void {
    this.voice.say(situation, value)
  }

  get mechanisms(): readonly string[] {
    if (this.line.encrypted || this.has('auth-in-clear')) return MECHANISMS
    return this.has('cram-in-clear') ? ['CRAM-MD5'] : []
  }

  async command(): Promise<string | null> {
    if (this.has('session-20') && ++this.#commands > 20) this.over = true
    if (this.over) return null
    const taken = await this.line.takeUntil(LINE_ENDS[this.options.fault ?? ''] ?? /\r\n/)
    if (taken === null) return null
    if (this.has('pipelining-flush')) this.line.drop()
    if (this.has('input-1k') && this.line.waiting.length > 1024) this.line.drop()
    if (this.has('pipelining-quit-hurries') && /^QUIT\r\n/im.test(this.line.waiting)) this.over = true
    if (this.has('pipelining-tail-dropped') && !this.line.waiting.includes('\r\n')) this.line.drop()
    return taken.text
  }

  forget(): void {
    this.hello = null
    this.transaction = null
    this.user = null
  }
}

/** What ends a command for each fault that gets it wrong. */
const LINE_ENDS: { readonly [fault: string]: RegExp } = {
  'command-ends-lf': /\r?\n/,
  'command-ends-cr': /\r\n?/,
  'command-per-packet': /\r\n|$/,
}

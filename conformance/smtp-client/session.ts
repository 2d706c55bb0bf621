// One SMTP session that the MTA under test opened: the runner answers from a script and keeps what it saw.
import type { Identity, Wire } from '../wire.ts'

/** What the runner's hosts call themselves. */
export const GREETED = 'conformance.test'

export interface Command {
  /** Upper case; `.` is the end of the message text, `GREETING` the connection itself. */
  readonly verb: string
  /** Behind the verb, without the space. */
  readonly argument: string
  readonly line: string
}

/** Whole reply lines; `close` drops the connection behind them, `hold` keeps them for the packet of the next answer, `slowly` sends each octet alone. */
export type Answer =
  | string
  | readonly string[]
  | { readonly lines?: readonly string[]; readonly close?: true; readonly hold?: true; readonly slowly?: true }
export type Act = Answer | ((command: Command, session: Session) => Answer | null | Promise<Answer | null>)

export interface Script {
  /** EHLO keywords with their parameters; STARTTLS is added where `tls` is set. */
  readonly offers?: readonly string[]
  /** The same within TLS; those of the clear by default. */
  readonly secureOffers?: readonly string[]
  /** Offers and takes STARTTLS. */
  readonly tls?: true
  /** Verb → answer, in place of the usual one; a function may give null for the usual one. BDAT is asked for chunks that are not the last. */
  readonly on?: { readonly [verb: string]: Act }
}

export interface Recipient {
  /** Between the angle brackets. */
  readonly path: string
  readonly parameters: readonly string[]
  readonly code: number
}

/** One transaction that came to its end: its text was answered. */
export interface Mail {
  readonly from: string
  readonly parameters: readonly string[]
  readonly recipients: readonly Recipient[]
  /** As it came, the doubled periods in it, without the final period. */
  readonly raw: string
  /** With the periods taken off. */
  readonly text: string
  readonly via: 'DATA' | 'BDAT'
  readonly code: number
  readonly session: Session
}

const MAX_TEXT = 32 * 1024 * 1024
/** Between two octets that are sent alone. */
const OCTET_MS = 5

/** What a session tells those who watch it. */
export interface Watch {
  /** At MAIL and at each RCPT: another script takes the session over. Null: it stays. */
  route?(session: Session, command: Command): Script | null
  changed(): void
}

export class Session {
  readonly wire: Wire
  /** All commands, in order. */
  readonly commands: Command[] = []
  readonly mails: Mail[] = []
  /** The argument of the last EHLO or HELO that was taken. */
  hello = ''
  /** Commands that were already there when the reply to the one before had not been sent. */
  early: string[] = []
  /** What a line of commands ended in, where it was not CR LF. */
  bareLines = 0
  ended: 'quit' | 'closed' | 'dropped' | null = null
  /** What became known of the transaction under way. */
  from: string | null = null
  parameters: readonly string[] = []
  recipients: Recipient[] = []
  script: Script
  readonly #identity: Identity
  readonly #watch: Watch

  constructor(wire: Wire, script: Script, identity: Identity, watch: Watch) {
    this.wire = wire
    this.script = script
    this.#identity = identity
    this.#watch = watch
  }

  count(verb: string): number {
    return this.commands.filter((one) => one.verb === verb).length
  }

  /** Serves until the connection is over; never throws. */
  async serve(): Promise<void> {
    try {
      await this.#serve()
    } catch {
      this.ended ??= this.wire.ended ? 'closed' : 'dropped'
    }
    this.wire.destroy()
    this.#watch.changed()
  }

  async #serve(): Promise<void> {
    if (!(await this.#answer({ verb: 'GREETING', argument: '', line: '' }))) return
    for (;;) {
      const bare = this.wire.bareLines
      const line = await this.wire.line('a command')
      this.bareLines += this.wire.bareLines - bare
      const [verb = '', ...rest] = line.split(' ')
      const command = { verb: verb.toUpperCase(), argument: rest.join(' '), line }
      this.commands.push(command)
      this.#watch.changed()
      if (!(await this.#answer(command))) return
    }
  }

  /** False when the connection is over. */
  async #answer(command: Command): Promise<boolean> {
    this.#note(command)
    const answer = await this.#decide(command)
    if (command.verb === 'STARTTLS' && firstCode(answer) === 220 && !closes(answer)) {
      await this.wire.acceptTls(textOf(answer), this.#identity)
      this.#reset()
      this.#watch.changed()
      return true
    }
    await this.#say(answer)
    if (closes(answer)) {
      this.ended = 'dropped'
      return false
    }
    this.#settle(command, firstCode(answer))
    this.#watch.changed()
    if (command.verb === 'QUIT') {
      this.ended = 'quit'
      await this.wire.closed()
      return false
    }
    if (command.verb === 'DATA' && firstCode(answer) === 354) return this.#takeText()
    if (command.verb === 'BDAT') return this.#takeChunk(command)
    return true
  }

  #held = ''
  async #say(answer: Answer): Promise<void> {
    const text = this.#held + textOf(answer)
    this.#held = ''
    if (isObject(answer) && answer.hold) this.#held = text
    else if (isObject(answer) && answer.slowly) await this.#spell(text)
    else if (text !== '') await this.wire.write(text)
  }

  async #spell(text: string): Promise<void> {
    for (const octet of text) {
      await this.wire.write(octet)
      await this.wire.speaks(OCTET_MS)
    }
  }

  /** What the command says that must be known before it is answered. */
  #note(command: Command): void {
    if (command.verb !== 'MAIL' && command.verb !== 'RCPT') return
    const script = this.#watch.route?.(this, command)
    if (script) this.script = script
  }

  async #decide(command: Command): Promise<Answer> {
    // the length of a chunk is asked for when its octets are there
    if (command.verb === 'BDAT') return []
    const act = this.script.on?.[command.verb]
    const own = typeof act === 'function' ? await act(command, this) : act
    return own ?? this.#usual(command)
  }

  #usual({ verb }: Command): Answer {
    const isStartTls = (offer: string): boolean => /^starttls$/i.test(offer)
    const usual = this.script.offers ?? []
    const offers = this.wire.secure
      ? (this.script.secureOffers ?? usual.filter((offer) => !isStartTls(offer)))
      : [...usual, ...(this.script.tls && !usual.some(isStartTls) ? ['STARTTLS'] : [])]
    switch (verb) {
      case 'GREETING':
        return `220 ${GREETED} ESMTP`
      case 'EHLO':
        return multiline(250, [GREETED, ...offers])
      case 'HELO':
        return `250 ${GREETED}`
      case 'STARTTLS':
        return this.script.tls && !this.wire.secure ? '220 2.0.0 go ahead' : '502 5.5.1 no TLS here'
      case 'DATA':
        return this.recipients.some(({ code }) => isPositive(code)) ? '354 go on' : '503 5.5.1 no recipients'
      case '.':
        return '250 2.0.0 taken'
      case 'QUIT':
        return '221 2.0.0 bye'
      case 'MAIL':
      case 'RSET':
      case 'NOOP':
        return '250 2.0.0 fine'
      case 'RCPT':
        return this.from === null ? '503 5.5.1 MAIL first' : '250 2.1.5 fine'
      default:
        return '500 5.5.2 what?'
    }
  }

  #settle({ verb, argument }: Command, code: number): void {
    if (verb === 'EHLO' || verb === 'HELO') {
      if (isPositive(code)) this.hello = argument
      this.#reset()
    }
    if (verb === 'RSET') this.#reset()
    if (verb === 'MAIL' && isPositive(code)) {
      this.#reset()
      this.from = pathOf(argument)
      this.parameters = parametersOf(argument)
    }
    if (verb === 'RCPT') this.recipients.push({ path: pathOf(argument), parameters: parametersOf(argument), code })
  }

  #reset(): void {
    this.from = null
    this.parameters = []
    this.recipients = []
    this.#chunks = ''
  }

  async #takeText(): Promise<boolean> {
    let raw = ''
    for (;;) {
      const bare = this.wire.bareLines
      const line = await this.wire.line('the message text')
      const complete = this.wire.bareLines === bare
      if (line === '.' && complete) break
      raw += line + (complete ? '\r\n' : '\n')
      if (raw.length > MAX_TEXT) throw new Error('too long')
    }
    const text = raw.replace(/(^|\n)\./g, '$1')
    return this.#finish(raw, text, 'DATA')
  }

  #chunks = ''
  async #takeChunk(command: Command): Promise<boolean> {
    const [size = '', last] = command.argument.split(' ')
    this.#chunks += await this.wire.octets(Number(size))
    if (last?.toUpperCase() === 'LAST') return this.#finish(this.#chunks, this.#chunks, 'BDAT')
    const act = this.script.on?.BDAT
    const answer = (typeof act === 'function' ? await act(command, this) : act) ?? '250 2.0.0 so far'
    if (!isPositive(firstCode(answer))) this.#reset()
    await this.#say(answer)
    return true
  }

  async #finish(raw: string, text: string, via: Mail['via']): Promise<boolean> {
    const { from, parameters, recipients } = this
    const end = { verb: '.', argument: '', line: '.' }
    const pending = { from: from ?? '', parameters, recipients, raw, text, via, session: this }
    this.unanswered = { ...pending, code: 0 }
    this.#watch.changed()
    const answer = await this.#decide(end)
    const code = firstCode(answer)
    this.mails.push({ ...pending, code })
    this.unanswered = null
    this.#reset()
    await this.#say(answer)
    this.#watch.changed()
    if (!closes(answer)) return true
    this.ended = 'dropped'
    return false
  }

  /** A message whose text is whole and has no answer yet. */
  unanswered: Mail | null = null
}

export const isPositive = (code: number): boolean => code >= 200 && code < 300

/** Reply lines of one code. */
export const multiline = (code: number, lines: readonly string[]): string[] =>
  lines.map((line, i) => `${code}${i < lines.length - 1 ? '-' : ' '}${line}`)

const isObject = (answer: Answer): answer is Exclude<Answer, string | readonly string[]> =>
  typeof answer === 'object' && !Array.isArray(answer)

const linesOf = (answer: Answer): readonly string[] => {
  if (typeof answer === 'string') return [answer]
  return isObject(answer) ? (answer.lines ?? []) : answer
}

const textOf = (answer: Answer): string =>
  linesOf(answer)
    .map((line) => `${line}\r\n`)
    .join('')

const closes = (answer: Answer): boolean => isObject(answer) && answer.close === true

const firstCode = (answer: Answer): number => Number(linesOf(answer)[0]?.slice(0, 3) ?? 0)

const pathOf = (argument: string): string => /<(.*?)>(?= |$)/.exec(argument)?.[1] ?? argument

const parametersOf = (argument: string): string[] => {
  const behind = argument.slice(argument.lastIndexOf('>') + 1).trim()
  return behind === '' ? [] : behind.split(' ')
}

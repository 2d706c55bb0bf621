// One IMAP connection: pulls commands, lets the chart decide, runs them one after another, tells what changed, and answers.
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { type Actor, createActor } from 'xstate'
import type { Clock, Timer } from '../base/clock.ts'
import type { Member } from '../base/crowd.ts'
import type { Logger } from '../base/log.ts'
import type { BodySpool } from '../message/spool.ts'
import type { Admission } from '../net/admission.ts'
import { strip } from '../net/closed-socket.ts'
import { isLoopback } from '../net/networks.ts'
import type { Connection, SessionSummary } from '../net/service.ts'
import { type TlsService, tlsInfo } from '../net/tls.ts'
import type { Identity, MailboxEvent } from '../plugin/contract.ts'
import type { Generation } from '../plugin/generation.ts'
import type { MailAccount, Mailbox, MailboxStore } from '../store/mailbox-store.ts'
import type { Trace } from '../trace/trace.ts'
import { capabilities } from './capabilities.ts'
import { type Completion, formatCompletion, no, ok, type Session } from './command.ts'
import { CommandReader, type RawCommand, type ReaderOwner } from './command-reader.ts'
import { idleEnded } from './commands/idle.ts'
import { findCommand } from './commands/index.ts'
import { Facts } from './facts.ts'
import { LoginGuard } from './login-guard.ts'
import { readMailboxName } from './mailbox-name.ts'
import { BrokenLiteral } from './message-reader.ts'
import { expected, internalError, isTrouble } from './outcomes.ts'
import { ConnectionLost, Output, type OutputOwner } from './output.ts'
import { type Doing, type ImapEvent, imapLogic } from './session.machine.ts'
import { View } from './view.ts'

/** RFC 9051 §5.4 wants at least 30 minutes once logged in; before, less is allowed. */
export const IDLE_TIMEOUT_MS = 30 * 60_000
export const LOGIN_TIMEOUT_MS = 3 * 60_000
/** Bounds of a command before and after login: RFC 7162 §4 asks for 8,192 octets a line at least, sets of UIDs for more. */
const LIMITS_BEFORE_LOGIN = { line: { maxLine: 8_192, acceptBareLineFeed: true }, command: 16_384 }
const LIMITS = { line: { maxLine: 524_288, acceptBareLineFeed: true }, command: 524_288 }
/** Commands in a row that are none, after which a session ends. */
const MAX_FAULTS = 20
/** A session that holds the loop for longer lets others run. */
const SLICE_MS = 3
/** A client that does not close after BYE is cut off. */
const CLOSE_MS = 5_000

export interface SessionDeps {
  readonly store: MailboxStore
  readonly clock: Clock
  readonly log: Logger
  readonly tls: TlsService | null
  readonly admission: Admission
  readonly spool: BodySpool
  readonly trace: Trace
}

/** The service that a session is of. */
export interface SessionOwner {
  /** Told once, when the connection is gone and all is let go. */
  closed(session: ImapSession): void
}

export class ImapSession implements Session, ReaderOwner, OutputOwner, Member {
  /** Among the sessions of the service. */
  place = -1
  readonly out: Output
  readonly reader: CommandReader
  readonly generation: Generation
  readonly facts: Facts
  rev2 = false
  condstore = false
  readonly #deps: SessionDeps
  readonly #owner: SessionOwner
  readonly #actor: Actor<typeof imapLogic>
  #socket: Socket
  #logins: LoginGuard | null = null
  #account: MailAccount | null = null
  #view: View | null = null
  #readOnly = false
  /** Of the IDLE that waits for DONE. */
  #idleTag: string | null = null
  #faults = 0
  #ending = false
  #gone = false
  #closing: Timer | null = null
  #flushing = false
  #sliceEnd = 0
  #lastActive: number
  #abort: AbortController | null = null

  constructor(
    connection: Connection,
    generation: Generation,
    trusted: boolean,
    deps: SessionDeps,
    owner: SessionOwner,
  ) {
    this.#deps = deps
    this.#owner = owner
    this.generation = generation
    this.facts = new Facts(connection, trusted, deps.clock.now())
    this.#socket = connection.socket
    this.#lastActive = deps.clock.mono()
    this.out = new Output(connection.socket, this)
    this.#watch(connection.socket)
    this.#actor = createActor(imapLogic)
    this.#actor.start()
    this.reader = new CommandReader(connection.socket, LIMITS_BEFORE_LOGIN, this)
    void this.#serve()
  }

  // ---------------------------------------------------------------- what reader and output tell

  waiting(): void {
    this.out.flush()
  }
  goAhead(): void {
    this.out.text('+ OK\r\n')
  }
  received(): void {
    // before login only whole commands count, so that a trickle of octets keeps nobody here
    if (this.#account) this.#touch()
  }
  taken(): void {
    this.#touch()
  }

  // ---------------------------------------------------------------- what commands use

  get clock(): Clock {
    return this.#deps.clock
  }
  get log(): Logger {
    return this.#deps.log.with({ sid: this.facts.id, ip: this.facts.remoteIp })
  }
  get spool(): BodySpool {
    return this.#deps.spool
  }
  get trace(): Trace {
    return this.#deps.trace
  }
  get logins(): LoginGuard {
    this.#logins ??= new LoginGuard(this, this.#deps.admission)
    return this.#logins
  }
  get secure(): boolean {
    return this.facts.tls !== null || isLoopback(this.facts.remoteIp)
  }
  get canStartTls(): boolean {
    return this.#deps.tls !== null && this.facts.tls === null
  }
  get capabilities(): string {
    return capabilities({
      loggedIn: this.#account !== null,
      secure: this.secure,
      canStartTls: this.canStartTls,
      appendLimit: this.generation.site.limits.messageSize,
    })
  }
  get account(): MailAccount {
    return this.#account!
  }
  get view(): View {
    return this.#view!
  }
  get isSelected(): boolean {
    return this.#view !== null
  }
  get readOnly(): boolean {
    return this.#readOnly
  }
  get signal(): AbortSignal {
    this.#abort ??= new AbortController()
    if (this.#gone) this.#abort.abort()
    return this.#abort.signal
  }

  text(line: string): void {
    this.out.text(line)
  }

  enter(event: 'imap.saslStarted' | 'imap.tlsStarted'): void {
    this.#tell(event)
  }

  async logIn(identity: Identity): Promise<Completion> {
    this.facts.identity = identity
    try {
      const refused = await this.gate('login', null)
      if (refused === null) this.#account = await this.#deps.store.account(identity.account)
      else return refused
    } finally {
      if (this.#account === null) this.facts.identity = null
    }
    this.logins.succeeded()
    this.#logins = null
    this.reader.setLimits(LIMITS)
    this.log.info('login', { user: identity.account })
    return ok('Logged in', { code: `CAPABILITY ${this.capabilities}`, event: 'imap.authenticated' })
  }

  select(mailbox: Mailbox, readOnly: boolean): void {
    this.#view = new View(mailbox, { readOnly, recent: !this.rev2 })
    this.#readOnly = readOnly
  }

  unselect(): void {
    this.#view?.close()
    this.#view = null
  }

  async startTls(): Promise<void> {
    // whatever was sent before the handshake was sent in the clear (RFC 9051 §6.2.1)
    this.out.flush()
    const plain = this.#socket
    this.reader.detach()
    this.#unwatch(plain)
    const secure = await this.#deps.tls!.upgrade(plain).catch((error) => {
      this.#onClose()
      throw error
    })
    this.#socket = secure
    this.#watch(secure)
    this.out.attach(secure)
    this.facts.tls = tlsInfo(secure)
    this.reader.attach(secure)
  }

  async withMailbox<T>(name: string, use: (mailbox: Mailbox) => Promise<T> | T): Promise<T> {
    const mailbox = await this.account.open(name)
    try {
      return await use(mailbox)
    } finally {
      mailbox.close()
    }
  }

  mailboxName(octets: string): string {
    return readMailboxName(octets, this.rev2)
  }

  async gate(action: MailboxEvent['action'], mailbox: string | null): Promise<Completion | null> {
    const { hooks } = this.generation
    if (!hooks.has('mailbox')) return null
    const account = this.facts.identity!.account
    const verdict = await hooks.mailbox({ action, account, mailbox, session: this.facts, change: null })
    if (verdict.kind === 'pass') return null
    const text = typeof verdict.reply.text === 'string' ? verdict.reply.text : verdict.reply.text.join(' ')
    return no(verdict.kind === 'defer' ? 'UNAVAILABLE' : 'NOPERM', text)
  }

  async room(storing: Promise<unknown> | null): Promise<number> {
    const quota = await this.generation.quota(this.facts.identity!.account)
    if (quota === 0) return Number.POSITIVE_INFINITY
    await storing
    return quota - (await this.account.usage()).bytes
  }

  breathe(): Promise<void> | null {
    const now = this.clock.mono()
    if (now < this.#sliceEnd && !this.out.full) return null
    return this.#rest()
  }

  async #rest(): Promise<void> {
    await this.out.drained()
    await new Promise<void>((resolve) => setImmediate(resolve))
    if (this.#gone) throw new ConnectionLost()
    this.#sliceEnd = this.clock.mono() + SLICE_MS
  }

  // ---------------------------------------------------------------- the chart

  #tell(event: Exclude<ImapEvent['type'], 'imap.command'>): void {
    this.#actor.send({ type: event })
    if (this.#is('ends') && !this.#ending) this.#end()
  }

  #is(doing: Doing): boolean {
    return this.#actor.getSnapshot().hasTag(doing)
  }

  /** What was written goes out, then the connection ends. */
  #end(): void {
    this.#ending = true
    this.out.flush()
    this.#socket.end()
    this.#closing ??= this.clock.after(CLOSE_MS, () => this.#socket.destroy())
    this.reader.lose()
  }

  // ---------------------------------------------------------------- the service's side

  get summary(): SessionSummary {
    const { id, service, remoteIp, started } = this.facts
    const state = this.#actor.getSnapshot().value
    return {
      id,
      service,
      remoteIp,
      user: this.facts.identity?.account ?? null,
      state: typeof state === 'string' ? state : Object.entries(state).flat().join('.'),
      since: started,
      detail: this.#view?.mailbox.name ?? '',
    }
  }

  /** Between commands, or in IDLE: nothing is lost when it ends now. */
  get isWaiting(): boolean {
    return this.#is('accepts') || this.#is('idles')
  }

  bye(text: string): void {
    if (this.#ending) return
    this.text(`* BYE ${text}\r\n`)
    this.#tell('imap.loggedOut')
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** Ends a session that was idle for too long. */
  sweep(): void {
    const limit = this.#account ? IDLE_TIMEOUT_MS : LOGIN_TIMEOUT_MS
    if (this.clock.mono() - this.#lastActive <= limit) return
    if (this.#ending || this.out.full) this.destroy()
    else this.bye('Idle for too long')
  }

  // ---------------------------------------------------------------- the loop

  async #serve(): Promise<void> {
    try {
      this.text(`* OK [CAPABILITY ${this.capabilities}] ${this.generation.site.hostname} Estafeta ready\r\n`)
      this.#tell('imap.greeted')
      while (!this.#ending) {
        if (this.#is('idles')) this.#endIdle(await this.reader.line())
        else {
          const running = this.#take(await this.reader.command())
          if (running) await running
        }
      }
    } catch (error) {
      if (!this.#gone && !(error instanceof ConnectionLost)) this.#broken(error)
    }
    if (!this.#ending) this.#end()
  }

  /** null: it is done with. */
  #take(raw: RawCommand): Promise<void> | null {
    this.#touch()
    if (this.#ending) return null
    const command = raw.fault === null ? findCommand(raw.name) : null
    if (command === null) {
      this.text(`${raw.tag} BAD ${raw.fault ?? 'Unknown command'}\r\n`)
      if (++this.#faults >= MAX_FAULTS) this.bye('Too many bad commands')
      return null
    }
    this.#faults = 0
    this.#actor.send({ type: 'imap.command', allowed: command.states })
    if (this.#is('runs')) return this.#execute(raw)
    this.text(`${raw.tag} BAD Command is not allowed in this state\r\n`)
    return this.#dropMessage()
  }

  async #execute(raw: RawCommand): Promise<void> {
    const completion = await this.#complete(raw)
    if (this.#gone) return
    await this.#dropMessage()
    this.#finish(completion.tag ?? raw.tag, completion)
  }

  /** Tells what changed and how the command ended. */
  #finish(tag: string, completion: Completion): void {
    const event = completion.event ?? 'imap.done'
    const deleted = this.#view?.gone === true
    if (!deleted) this.#tellChanges(completion.expunge ?? true)
    if (deleted || !completion.silent) this.text(`${tag} ${formatCompletion(completion)}`)
    if (deleted) this.bye('The selected mailbox was deleted')
    else if (event === 'imap.loggedOut' && completion.status !== 'OK') this.bye('Too many failed logins')
    else this.#tell(event)
    if (this.#is('idles')) this.#startIdle(tag)
  }

  /** From here on each change is told in the turn of the loop after it: many at once go out together. */
  #startIdle(tag: string): void {
    this.#idleTag = tag
    const view = this.#view
    if (view === null) return
    view.described = null
    let scheduled = false
    view.onChange = () => {
      if (scheduled) return
      scheduled = true
      setImmediate(() => {
        scheduled = false
        if (this.#ending || this.#gone || this.#idleTag === null) return
        this.#tellChanges(true)
        this.out.flush()
      })
    }
  }

  #endIdle(line: string | null): void {
    const tag = this.#idleTag!
    this.#idleTag = null
    this.#touch()
    if (this.#ending) return
    if (this.#view) this.#view.onChange = null
    this.#finish(tag, idleEnded(line))
  }

  async #complete(raw: RawCommand): Promise<Completion> {
    this.#sliceEnd = this.clock.mono() + SLICE_MS
    try {
      const { tag, decoder, message } = raw
      const step = findCommand(raw.name)!.prepare({ tag, args: decoder, message })(this)
      if (step instanceof Promise) this.#flushSoon()
      return await step
    } catch (thrown) {
      if (thrown instanceof ConnectionLost) throw thrown
      // within a response nothing but the end of the connection is left to say
      if (this.out.midLine || thrown instanceof BrokenLiteral) throw thrown
      return this.answerTo(thrown, raw.name)
    }
  }

  answerTo(thrown: unknown, name: string): Completion {
    const completion = expected(thrown)
    const { identity } = this.facts
    if (isTrouble(thrown))
      this.log.error(`${name} failed: ${thrown.detail}`, identity ? { user: identity.account } : {})
    if (completion) return completion
    const error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
    this.log.error(`imap ${name} failed: ${error}`)
    return internalError
  }

  async #dropMessage(): Promise<void> {
    if (this.reader.pending) await this.reader.drop(this.reader.pending)
  }

  #tellChanges(expunge: boolean): void {
    const view = this.#view
    if (view?.gone) this.bye('The selected mailbox was deleted')
    else view?.sync((text) => this.text(text), { expunge, modSeq: this.condstore })
  }

  /** What stands unsent goes out in the next turn of the loop, unless the command ended before. */
  #flushSoon(): void {
    if (this.#flushing) return
    this.#flushing = true
    setImmediate(() => {
      this.#flushing = false
      if (!this.#gone) this.out.flush()
    })
  }

  #touch(): void {
    this.#lastActive = this.clock.mono()
  }

  #broken(error: unknown): void {
    this.log.error(`imap session failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    this.destroy()
  }

  // ---------------------------------------------------------------- the socket

  readonly #onClose = (): void => {
    strip(this.#socket)
    if (this.#gone) return
    this.#gone = true
    this.#closing?.cancel()
    this.reader.lose()
    this.#abort?.abort()
    this.#actor.send({ type: 'net.closed' })
    this.#actor.stop()
    this.unselect()
    this.#account?.close()
    this.#owner.closed(this)
  }

  #watch(socket: Socket): void {
    socket.on('close', this.#onClose)
    socket.on('error', ignore)
    if (socket instanceof TLSSocket || socket.destroyed === false) return
    setImmediate(this.#onClose)
  }

  #unwatch(socket: Socket): void {
    socket.off('close', this.#onClose)
  }
}

const ignore = (): void => {}

// One IMAP connection: pulls commands, lets the chart decide, runs them one after another, tells what changed, and answers.
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { type Actor, createActor } from 'xstate'
import type { Clock, Timer } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { BodySpool } from '../message/spool.ts'
import type { Admission } from '../net/admission.ts'
import { isLoopback } from '../net/networks.ts'
import type { Connection, SessionSummary } from '../net/service.ts'
import { type TlsService, tlsInfo } from '../net/tls.ts'
import type { Identity, MailboxEvent } from '../plugin/contract.ts'
import type { Generation } from '../plugin/generation.ts'
import type { MailAccount, Mailbox, MailboxStore } from '../store/mailbox-store.ts'
import type { Trace } from '../trace/trace.ts'
import { capabilities } from './capabilities.ts'
import { type Completion, formatCompletion, no, ok, type Session } from './command.ts'
import { CommandReader, type RawCommand } from './command-reader.ts'
import { findCommand } from './commands/index.ts'
import { Facts } from './facts.ts'
import { LoginGuard } from './login-guard.ts'
import { readMailboxName } from './mailbox-name.ts'
import { BrokenLiteral } from './message-reader.ts'
import { expected, internalError } from './outcomes.ts'
import { ConnectionLost, Output } from './output.ts'
import { ACCEPTS, imapMachine, type SessionPort } from './session.machine.ts'
import { View } from './view.ts'

/** RFC 9051 §5.4 wants at least 30 minutes once logged in; before, less is allowed. */
export const IDLE_TIMEOUT_MS = 30 * 60_000
export const LOGIN_TIMEOUT_MS = 3 * 60_000
/** Bounds of a command before and after login; RFC 7162 §4 asks for 8,192 octets a line at least. */
const LIMITS_BEFORE_LOGIN = { line: 8_192, command: 16_384 }
const LIMITS = { line: 65_536, command: 524_288 }
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

export class ImapSession implements Session, SessionPort {
  readonly clock: Clock
  readonly log: Logger
  readonly spool: BodySpool
  readonly trace: Trace
  readonly out: Output
  readonly reader: CommandReader
  readonly generation: Generation
  readonly facts: Facts
  readonly logins: LoginGuard
  rev2 = false
  condstore = false
  readonly #deps: SessionDeps
  readonly #closed: (session: ImapSession) => void
  readonly #actor: Actor<typeof imapMachine>
  #socket: Socket
  #raw: RawCommand | null = null
  #running: Promise<void> | null = null
  #account: MailAccount | null = null
  #view: View | null = null
  #readOnly = false
  #faults = 0
  #ending = false
  #gone = false
  #closing: Timer | null = null
  #flushing = false
  #sliceEnd = 0
  #lastActive: number
  #abort: AbortController | null = null

  /** `closed` is called once, when the connection is gone and all is let go. */
  constructor(
    connection: Connection,
    generation: Generation,
    trusted: boolean,
    deps: SessionDeps,
    closed: (session: ImapSession) => void,
  ) {
    this.#deps = deps
    this.#closed = closed
    this.clock = deps.clock
    this.spool = deps.spool
    this.trace = deps.trace
    this.generation = generation
    this.facts = new Facts(connection, trusted, deps.clock.now())
    this.log = deps.log.with({ sid: this.facts.id, ip: connection.remoteIp })
    this.logins = new LoginGuard(deps, this.log, generation, this.facts)
    this.#socket = connection.socket
    this.#lastActive = deps.clock.mono()
    this.out = new Output(connection.socket, () => this.#touch())
    this.#watch(connection.socket)
    this.#actor = createActor(imapMachine, { input: { session: this } })
    this.#actor.subscribe({ error: (error) => this.#broken(error) })
    this.#actor.start()
    this.reader = new CommandReader(connection.socket, LIMITS_BEFORE_LOGIN, {
      idle: () => this.out.flush(),
      ask: () => this.out.text('+ OK\r\n'),
      // before login only whole commands count, so that a trickle of octets keeps nobody here
      progress: () => {
        if (this.#account) this.#touch()
      },
    })
    void this.#serve()
  }

  // ---------------------------------------------------------------- what commands use

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

  enter(event: 'imap.saslStarted' | 'imap.tlsStarted' | 'imap.idleStarted'): void {
    this.#actor.send({ type: event })
    if (event === 'imap.idleStarted' && this.#view) this.#tellInIdle(this.#view)
  }

  /** Tells what is new by now, then each change in the turn of the loop after it: many at once go out together. */
  #tellInIdle(view: View): void {
    view.described = null
    this.#tellChanges(true)
    let scheduled = false
    view.onChange = () => {
      if (scheduled) return
      scheduled = true
      setImmediate(() => {
        scheduled = false
        if (this.#gone || !this.#actor.getSnapshot().matches({ selected: 'idling' })) return
        this.#tellChanges(true)
        this.out.flush()
      })
    }
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

  // ---------------------------------------------------------------- the chart's port

  run(): void {
    this.#running = this.#execute(this.#raw!)
  }

  refuse(): void {
    const raw = this.#raw!
    this.text(`${raw.tag} BAD Command is not allowed in this state\r\n`)
    this.#running = this.#dropMessage()
  }

  /** The chart is in logout: what was written goes out, then the connection ends. */
  end(): void {
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
    const snapshot = this.#actor.getSnapshot()
    return (
      snapshot.hasTag(ACCEPTS) ||
      snapshot.matches({ selected: 'idling' }) ||
      snapshot.matches({ authenticated: 'idling' })
    )
  }

  bye(text: string): void {
    if (this.#ending) return
    this.text(`* BYE ${text}\r\n`)
    this.#actor.send({ type: 'imap.loggedOut' })
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
      this.#actor.send({ type: 'imap.greeted' })
      while (!this.#ending) {
        this.#raw = await this.reader.command()
        this.#touch()
        if (!this.#ending) this.#handle(this.#raw)
        if (this.#running) await this.#running
        this.#running = null
      }
    } catch (error) {
      if (!this.#gone && !(error instanceof ConnectionLost)) this.#broken(error)
    }
    if (!this.#ending) this.end()
  }

  #handle(raw: RawCommand): void {
    const command = raw.fault === null ? findCommand(raw.name) : null
    if (command) {
      this.#faults = 0
      this.#actor.send({ type: 'imap.command', allowed: command.states })
      return
    }
    this.text(`${raw.tag} BAD ${raw.fault ?? 'Unknown command'}\r\n`)
    if (++this.#faults >= MAX_FAULTS) this.bye('Too many bad commands')
  }

  async #execute(raw: RawCommand): Promise<void> {
    const completion = await this.#complete(raw)
    if (this.#gone) return
    if (this.#view) this.#view.onChange = null
    const tag = completion.tag ?? raw.tag
    await this.#dropMessage()
    if (this.#view?.gone) {
      this.text(`${tag} ${formatCompletion(completion)}`)
      return this.bye('The selected mailbox was deleted')
    }
    this.#tellChanges(completion.expunge ?? true)
    if (!completion.silent) this.text(`${tag} ${formatCompletion(completion)}`)
    const event = completion.event ?? 'imap.done'
    if (event === 'imap.loggedOut' && completion.status !== 'OK') this.bye('Too many failed logins')
    else this.#actor.send({ type: event })
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
    if (this.#gone) return
    this.#gone = true
    this.#closing?.cancel()
    this.reader.lose()
    this.#abort?.abort()
    this.#actor.send({ type: 'net.closed' })
    this.#actor.stop()
    this.unselect()
    this.#account?.close()
    this.#closed(this)
  }

  readonly #onError = (): void => {}

  #watch(socket: Socket): void {
    socket.on('close', this.#onClose)
    socket.on('error', this.#onError)
    if (socket instanceof TLSSocket || socket.destroyed === false) return
    setImmediate(this.#onClose)
  }

  #unwatch(socket: Socket): void {
    socket.off('close', this.#onClose)
  }
}

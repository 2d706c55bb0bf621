// One POP3 session: the chart decides, the commands answer, and this carries lines in and responses out.
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { createActor } from 'xstate'
import type { Member } from '../base/crowd.ts'
import { asFailure } from '../base/failure.ts'
import { strip } from '../net/closed-socket.ts'
import { type Line, LineReader } from '../net/line-reader.ts'
import { isLoopback } from '../net/networks.ts'
import type { Connection, SessionSummary } from '../net/service.ts'
import { tlsInfo } from '../net/tls.ts'
import type { Identity } from '../plugin/contract.ts'
import type { AuthDecision, Generation } from '../plugin/generation.ts'
import type { SaslDialogue } from '../sasl/sasl.ts'
import type { StoredMessage } from '../store/mailbox-store.ts'
import { respond } from './commands/auth.ts'
import { commands } from './commands/index.ts'
import { createFacts, type OwnFacts } from './facts.ts'
import { askGate, type Objection } from './gate.ts'
import { decideLogin } from './login.ts'
import type { Maildrop } from './maildrop.ts'
import { Output } from './output.ts'
import type { Pop3Deps } from './service.ts'
import {
  type CommandName,
  type Input,
  type Outcome,
  type SessionState,
  sessionLogic,
  stateFacts,
} from './session.machine.ts'
import { parseCommand } from './wire/command.ts'
import { DotStuffer, TopCutter } from './wire/dot-stuffing.ts'
import { AUTH_LINE_MAX, COMMAND_LINE_MAX, ERRORS_MAX } from './wire/limits.ts'
import { listingEnd, responses } from './wire/response.ts'

const LINES = { maxLine: COMMAND_LINE_MAX, acceptBareLineFeed: true }
/** Lines of a listing after which other sessions get their turn. */
const LISTED_AT_ONCE = 5000
const AUTH_LINES = { maxLine: AUTH_LINE_MAX, acceptBareLineFeed: true }

export class Pop3Session implements Member {
  /** Among the sessions of the service. */
  place = -1
  readonly deps: Pop3Deps
  readonly facts: OwnFacts
  readonly generation: Generation
  /** The greeting's, where APOP is offered. */
  readonly timestamp: string | null
  /** Of USER, until PASS. */
  userName: string | null = null
  dialogue: SaslDialogue<Identity> | null = null
  loginFailures = 0
  /** Set from login to QUIT. */
  maildrop: Maildrop | null = null

  readonly #chart = createActor(sessionLogic)
  readonly #ended: (session: Pop3Session) => void
  #socket: Socket
  readonly #reader: LineReader
  readonly #output: Output
  #lockedAccount: string | null = null
  #errors = 0
  #pumping = false
  #shuttingDown = false
  #closed = false
  #waitsForDrain: (() => void) | null = null
  /** Monotonic ms at which the present state has lasted too long. */
  #deadline = 0

  constructor(connection: Connection, deps: Pop3Deps, ended: (session: Pop3Session) => void) {
    const { socket, listener } = connection
    this.deps = deps
    this.#ended = ended
    this.generation = deps.generations.current()
    this.generation.hold()
    this.facts = createFacts(connection, deps.clock.now())
    const { hostname } = this.generation.site
    this.timestamp = listener.options.apop === true ? createTimestamp(hostname) : null
    this.#socket = socket
    this.#watch(socket)
    this.#output = new Output(socket, () => this.#drained())
    this.#chart.start()
    this.#output.text(responses.greeting(hostname, this.timestamp))
    this.#output.flush()
    this.#touch()
    this.#reader = new LineReader(socket, { readable: () => this.#pump(), ended: () => this.#pump() }, LINES)
  }

  // -------------------------------------------------------------- what commands ask

  get state(): SessionState {
    return this.#chart.getSnapshot().value as SessionState
  }
  get closed(): boolean {
    return this.#closed
  }
  /** A password may cross the wire: within TLS, or on this machine. */
  get secure(): boolean {
    return this.facts.tls !== null || isLoopback(this.facts.remoteIp)
  }
  get canStartTls(): boolean {
    return this.deps.tls !== null && this.facts.tls === null && this.maildrop === null
  }

  answer(response: string): void {
    this.#output.text(response)
  }
  /** An answer that counts as a mistake of the client. */
  error(response: string): void {
    this.#output.text(response)
    this.#errors += 1
    if (this.#errors >= ERRORS_MAX) this.goodbye(responses.tooManyErrors())
  }
  proceed(outcome: 'stls.accepted' | 'auth.challenged' | 'login.accepted' | 'answer.sent', response: string): void {
    this.#output.text(response)
    this.#tell(outcome)
    this.#pump()
  }
  /** Ends the state that waits for an outcome; `counts` as a mistake unless said otherwise. */
  refuse(response: string, counts = true): void {
    if (counts) this.error(response)
    else this.answer(response)
    this.#tell('command.refused')
    this.#pump()
  }
  /** The last response; then the connection is closed. */
  goodbye(response: string): void {
    if (this.#closed || this.state === 'closing') return
    this.#output.text(response)
    this.#output.flush()
    this.#tell('session.goodbye')
    this.#touch()
    this.#socket.end()
    this.#socket.resume()
  }

  /** Asks the auth hooks. A banned client is wrong without asking. */
  verify(user: string, password: string): Promise<AuthDecision> {
    if (this.deps.admission.isBanned(this.facts.remoteIp)) return Promise.resolve({ kind: 'denied' })
    return this.generation.hooks.authVerify(user, password, this.facts)
  }
  /** Ends `loggingIn`: with the maildrop open, or a refusal. */
  login(user: string, decision: Promise<AuthDecision>): void {
    decision.then((result) => decideLogin(this, user, result)).catch((error) => this.#bug(error))
  }
  /** The maildrop is open and its account locked for this session, which frees both. */
  enter(maildrop: Maildrop, account: string): void {
    this.maildrop = maildrop
    this.#lockedAccount = account
    if (this.#closed) this.#release()
    else this.proceed('login.accepted', responses.loggedIn(maildrop.length))
  }

  startTls(): void {
    this.#output.flush()
    this.#reader.detach()
    this.deps.tls!.upgrade(this.#socket).then(
      (secure) => {
        this.#socket = secure
        this.#watch(secure)
        this.#output.attach(secure)
        this.facts.tls = tlsInfo(secure)
        this.#forget()
        this.#tell('tls.started')
        this.#reader.attach(secure)
        this.#pump()
      },
      (error: Error) => {
        this.deps.log.info(`TLS handshake failed: ${error.message}`, this.about())
        this.destroy()
      },
    )
  }

  /** Ends `sending`. `lines`: of the body, after the header; null for the whole message. */
  sendMessage(number: number, lines: number | null): void {
    this.#send(number, lines).catch((error) => this.#bug(error))
  }

  /** Ends `sending`: after `head` a line for each message that is not deleted. */
  sendListing(head: string, itemOf: (number: number) => string | number): void {
    this.#list(head, itemOf).catch((error) => this.#bug(error))
  }

  /** The UPDATE state (RFC 1939 §6): all marked messages go, or none and the client is told. */
  update(): void {
    this.#removeDeleted()
      .then((response) => this.goodbye(response))
      .catch((error) => this.#bug(error))
  }

  // -------------------------------------------------------------- what the service asks

  summary(): SessionSummary {
    const { id, service, remoteIp, identity, started } = this.facts
    const detail = this.maildrop === null ? '' : `${this.maildrop.length} messages`
    return { id, service, remoteIp, user: identity?.account ?? null, state: this.state, since: started, detail }
  }
  /** Ends a session that has waited too long: without a word, and without removing anything (RFC 1939 §3). */
  expire(now: number): void {
    if (now < this.#deadline) return
    this.deps.log.info('idle for too long', this.about())
    this.destroy()
  }
  /** Ends an idle session at once, a busy one after its answer. */
  shutDown(): void {
    this.#shuttingDown = true
    this.#pump()
  }
  destroy(): void {
    if (this.#closed) return
    this.#tell('net.closed')
    this.#closed = true
    this.#socket.destroy()
    this.#waitsForDrain?.()
    this.#release()
    this.generation.release()
    this.#ended(this)
  }
  about(): { sid: string; ip: string; service: string } {
    return { sid: this.facts.id, ip: this.facts.remoteIp, service: this.facts.service }
  }

  // -------------------------------------------------------------- lines in

  /** Takes lines while the chart takes input and the client reads what it gets. */
  #pump(): void {
    if (this.#pumping || this.#closed) return
    this.#pumping = true
    this.#touch()
    let starved = false
    while (!starved && !this.#output.full) {
      const { input } = stateFacts[this.state]
      if (input === null) break
      if (this.#shuttingDown) this.goodbye(responses.shuttingDown())
      const line = this.#shuttingDown ? null : this.#nextLine(input)
      if (line === null) starved = true
      else this.#take(input, line)
    }
    this.#pumping = false
    if (this.state !== 'sending') this.#output.flush()
    if (starved && this.#reader.ended) this.#socket.end()
  }

  #nextLine(input: Input): Line | null {
    this.#reader.options = input === 'line' ? AUTH_LINES : LINES
    return this.#reader.line()
  }

  #take(input: Input, line: Line): void {
    try {
      if (input === 'line') {
        this.#tell('pop3.response')
        // what is no base64 is answered as malformed
        respond(this, typeof line === 'string' ? line : line.toString('latin1'))
      } else if (typeof line === 'string') this.error(responses.lineTooLong())
      else this.#takeCommand(line)
    } catch (error) {
      this.#bug(error)
    }
  }

  #takeCommand(line: Buffer): void {
    const command = parseCommand(line)
    if (!command.ok) this.error(responses.syntax(command.error))
    else if (!stateFacts[this.state].takes.has(`pop3.${command.value.verb}`))
      this.error(responses.badSequence(this.maildrop === null ? 'Log in first' : 'Not after login'))
    else {
      this.#tell(`pop3.${command.value.verb}`)
      commands[command.value.verb].run(this, command.value.args)
    }
  }

  // -------------------------------------------------------------- messages out

  async #send(number: number, lines: number | null): Promise<void> {
    const unreadable = (error: unknown): null => {
      this.deps.log.error(`message ${number} cannot be read: ${asFailure(error).detail}`, this.about())
      return null
    }
    const header = lines === 0 ? await this.maildrop!.header(number).catch(unreadable) : null
    const message = header ? memoryMessage(header) : await this.maildrop!.message(number).catch(unreadable)
    if (message === null) return this.refuse(responses.messageUnavailable(), false)
    try {
      this.#output.text(lines === null ? responses.message(message.size) : responses.top())
      await this.#sendOctets(message, lines)
    } catch (error) {
      // in the middle of a message there is no way left to say so
      this.deps.log.error(`message ${number} broke off: ${asFailure(error).detail}`, this.about())
      this.destroy()
    } finally {
      message.close()
    }
    this.#tell('answer.sent')
    this.#pump()
  }

  async #list(head: string, itemOf: (number: number) => string | number): Promise<void> {
    let text = head
    let lines = 0
    for (const number of this.maildrop!.numbers()) {
      text += `${number} ${itemOf(number)}\r\n`
      lines += 1
      if (lines % LISTED_AT_ONCE !== 0) continue
      this.#output.text(text)
      text = ''
      if (this.#output.full) await this.#drain()
      await setImmediate()
      if (this.#closed) return
    }
    this.proceed('answer.sent', text + listingEnd)
  }

  async #sendOctets(message: Sendable, lines: number | null): Promise<void> {
    const stuffer = new DotStuffer((part) => this.#output.bytes(part))
    const cutter = lines === null ? null : new TopCutter(lines)
    /** False: the top is complete. */
    const push = (chunk: Buffer): boolean => {
      const length = cutter?.take(chunk) ?? chunk.length
      stuffer.push(length === chunk.length ? chunk : chunk.subarray(0, length))
      return length === chunk.length
    }
    if (message.bytes) push(message.bytes)
    else
      for await (const chunk of message.chunks()) {
        if (!push(chunk)) break
        if (this.#output.full) await this.#drain()
        if (this.#closed) return
      }
    stuffer.end()
    if (this.#output.full) await this.#drain()
  }

  #drain(): Promise<void> {
    return new Promise((resolve) => {
      this.#waitsForDrain = resolve
    })
  }
  #drained(): void {
    this.#touch()
    const waiting = this.#waitsForDrain
    this.#waitsForDrain = null
    if (waiting) waiting()
    else this.#pump()
  }

  // -------------------------------------------------------------- the end

  /** After STLS nothing learned before it counts (RFC 2595 §4). */
  #forget(): void {
    this.userName = null
    this.dialogue = null
  }

  /** The response to QUIT. */
  async #removeDeleted(): Promise<string> {
    const { log } = this.deps
    try {
      const objection = await this.#objection()
      if (objection !== null) return objection === 'defer' ? responses.notRemoved() : responses.removalRefused()
      const removed = await this.maildrop!.removeDeleted()
      log.info('logged out', { ...this.about(), user: this.facts.identity?.account ?? '', removed })
      return responses.goodbye()
    } catch (error) {
      log.error(`deleted messages were not removed: ${asFailure(error).detail}`, this.about())
      return responses.notRemoved()
    } finally {
      this.#release()
    }
  }

  /** What plugins have against the removal of the marked messages. */
  async #objection(): Promise<Objection | null> {
    if (!this.maildrop!.hasDeleted) return null
    return askGate(this, { action: 'expunge', account: this.facts.identity!.account, mailbox: 'INBOX' })
  }

  #release(): void {
    this.maildrop?.close()
    this.maildrop = null
    if (this.#lockedAccount !== null) this.deps.locks.free(this.#lockedAccount)
    this.#lockedAccount = null
  }

  #watch(socket: Socket): void {
    socket.on('error', () => {})
    socket.on('close', () => {
      strip(socket)
      if (socket === this.#socket) this.destroy()
    })
  }

  #bug(error: unknown): void {
    if (this.#closed) return
    const { message, cause } = asFailure(error)
    const stack = cause instanceof Error ? cause.stack : undefined
    this.deps.log.error(`internal error: ${message}`, { ...this.about(), stack })
    this.goodbye(responses.internalError())
  }

  /** To the chart; one that has ended hears no more. */
  #tell(type: CommandName | Outcome): void {
    if (!this.#closed) this.#chart.send({ type })
  }

  #touch(): void {
    this.#deadline = this.deps.clock.mono() + stateFacts[this.state].timeoutMs
  }
}

type Sendable = Pick<StoredMessage, 'size' | 'bytes' | 'chunks' | 'close'>

const memoryMessage = (bytes: Buffer): Sendable => ({ size: bytes.length, bytes, async *chunks() {}, close() {} })

/** RFC 1939 §7: unique to each greeting, in the form of a message id. */
const createTimestamp = (hostname: string): string => `<${randomBytes(12).toString('hex')}@${hostname}>`

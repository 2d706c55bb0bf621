// One SMTP, submission or LMTP session: its chart's actor over a channel, and what the two have come to.
import { type Actor, createActor } from 'xstate'
import type { Member } from '../base/crowd.ts'
import { asFailure, type Reply } from '../base/failure.ts'
import { createSessionId } from '../base/ids.ts'
import { formatAddress } from '../message/address.ts'
import { formatReply, replies } from '../message/reply.ts'
import type { Line } from '../net/line-reader.ts'
import type { Connection, SessionSummary } from '../net/service.ts'
import { tlsInfo } from '../net/tls.ts'
import type { Identity, Verdict } from '../plugin/contract.ts'
import type { Generation } from '../plugin/generation.ts'
import type { SaslDialogue } from '../sasl/sasl.ts'
import { Channel, type ChannelOwner } from './channel.ts'
import { respond } from './commands/auth.ts'
import { type Answer, type Command, goodbye, proceed, whenAnswered } from './commands/command.ts'
import { commands } from './commands/index.ts'
import { LazyNotes, type OwnSessionFacts, type OwnTransaction } from './facts.ts'
import { clientName, logEvent, logLost, logTls, noteEarlyTalk, noteRefusal } from './journal.ts'
import { type Progress, Reception } from './reception.ts'
import { type Role, roleOf } from './roles.ts'
import type { SmtpServiceContext } from './service.ts'
import {
  type CommandName,
  type Input,
  type Outcome,
  type SessionState,
  type Standing,
  type StateFacts,
  sessionLogic,
  stateFacts,
  type Verb,
} from './session.machine.ts'
import { answersOf } from './site-answers.ts'
import { parseCommandLine } from './wire/command.ts'
import {
  AUTH_LINE_MAX,
  COMMAND_LINE_MAX,
  DATA_TOTAL_TIMEOUT_MS,
  ERRORS_MAX,
  IDLE_COMMANDS_MAX,
  SLICE_INPUTS,
} from './wire/limits.ts'

/** Requests of web clients, sent here by forms and attackers. */
const HTTP_VERBS = new Set(['GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'CONNECT', 'TRACE', 'PATCH', 'DELETE'])
/** Commands that bring a message no nearer. */
const IDLE_VERBS = new Set<Verb>(['noop', 'rset', 'vrfy', 'expn', 'help', 'etrn', 'ehlo', 'helo', 'lhlo'])
const COMMANDS: ReadonlyMap<string, Command> = new Map(
  Object.values(commands).map((command) => [command.verb.toUpperCase(), command]),
)

export class SmtpSession implements ChannelOwner, Member {
  readonly service: SmtpServiceContext
  readonly generation: Generation
  readonly role: Role
  readonly facts: OwnSessionFacts
  readonly channel: Channel
  readonly reception: Reception
  readonly #actor: Actor<typeof sessionLogic>
  /** Among the sessions of the service. */
  place = -1
  state: SessionState = 'connecting'
  /** What the chart says of `state`. */
  #here: StateFacts = stateFacts.connecting
  transaction: OwnTransaction | null = null
  dialogue: SaslDialogue<Identity> | null = null
  authFailures = 0
  #transactions = 0
  #messages = 0
  #errors = 0
  #behindBareLineFeed = false
  #idleCommands = 0
  #pumping = false
  /** Commands and pieces of content in this turn of the event loop. */
  #taken = 0
  #resting = false
  /** Waits for the spool, or for the client to read its replies. */
  #blocked = false
  #upgrading = false
  #quit = false
  #closed = false
  /** When the client last did what its state waits for, on the monotonic clock. */
  #touched: number

  constructor(service: SmtpServiceContext, connection: Connection, generation: Generation) {
    this.service = service
    this.generation = generation
    this.role = roleOf(connection.listener)
    this.#touched = service.clock.mono()
    this.facts = {
      id: createSessionId(),
      service: this.role.service,
      remoteIp: connection.remoteIp,
      remotePort: connection.remotePort,
      localIp: connection.localIp,
      localPort: connection.localPort,
      helo: null,
      extended: false,
      tls: tlsInfo(connection.socket),
      identity: null,
      trusted: this.role.local || service.networksOf(generation.site).contains(connection.remoteIp),
      started: service.clock.now(),
      notes: new LazyNotes(),
    }
    generation.hold()
    this.#actor = createActor(sessionLogic)
    this.reception = new Reception(this)
    this.channel = new Channel(connection.socket, this, {
      maxLine: AUTH_LINE_MAX,
      acceptBareLineFeed: this.normalises,
    })
  }

  /** Asks the connect hooks and greets. */
  open(): void {
    this.#actor.start()
    logEvent(this, 'info', `connect from ${clientName(this)}`)
    logTls(this)
    this.#ask(null, () => whenAnswered(this.generation.hooks.connect(this.facts), (verdict) => this.#admit(verdict)))
    this.#pump()
  }

  #admit(verdict: Verdict): Answer {
    if (verdict.kind === 'pass') {
      noteEarlyTalk(this, 'CONNECT')
      return answersOf(this.generation.site).greeting[this.role.protocol]
    }
    const refusal = { where: 'CONNECT', transaction: null, recipient: '' }
    // RFC 5321 §3.1, §4.2.1: a greeting is 220, 554, or 421 and the end
    if (verdict.kind === 'defer') return { ...goodbye({ ...verdict.reply, code: 421 }), refusal }
    const reply = { ...verdict.reply, code: 554 }
    return { ...(verdict.disconnect ? goodbye(reply) : proceed('connect.refused', reply)), refusal }
  }

  // ------------------------------------------------------------ what commands and reception use

  /** Forgets the transaction (RFC 5321 §4.1.1.5). */
  reset(): void {
    this.transaction = null
    this.reception.abort()
  }

  /** Bare line ends are mended rather than refused: only for the site's own networks. */
  get normalises(): boolean {
    return this.facts.trusted && this.generation.site.bareLineFeed === 'normalise'
  }
  get unread(): number {
    return this.channel.unread
  }
  get #standing(): Standing {
    if (this.reception.active) return 'chunking'
    if (this.transaction !== null) return this.transaction.recipients.length > 0 ? 'recipients' : 'mail'
    return this.facts.helo === null ? 'start' : 'ready'
  }

  nextTransactionId(): string {
    this.#transactions += 1
    return `${this.facts.id}.${this.#transactions}`
  }

  /** Replies, in order, and tells the chart. */
  tell(outcome: Outcome, answers: readonly Reply[]): void {
    for (const answer of answers) this.#reply(answer)
    this.#send(outcome)
  }

  /** The end of a message: its replies, and an empty transaction. */
  answered(answers: readonly Reply[], outcome: 'message.answered' | 'message.refused'): void {
    this.reset()
    this.tell(outcome, answers)
    if (answers.some((answer) => answer.code < 400)) {
      this.#messages += 1
      this.#errors = this.#idleCommands = 0
    }
    this.#pump()
  }

  refused(reply: Reply, where: string): void {
    noteRefusal(this, reply, { where, transaction: this.transaction, recipient: '' })
  }

  /** The last reply; the session ends. */
  goodbye(reply: Reply): void {
    if (this.state === 'closing' || this.#closed) return
    this.tell('session.goodbye', [reply])
    this.#pump()
  }

  /** What nobody expected: the client hears a temporary failure. */
  failed(error: unknown): void {
    const { detail, stack } = asFailure(error)
    this.service.log.error(`session failed in ${this.state}: ${detail}`, { sid: this.facts.id, stack: stack ?? '' })
    this.goodbye(replies.brokenSession())
  }

  // ------------------------------------------------------------ answers

  /** Runs a command. The chart hears of it only when its answer is not here at once. */
  #ask(command: CommandName | null, ask: () => Answer | Promise<Answer>): void {
    try {
      const answer = ask()
      if (answer instanceof Promise) {
        if (command !== null) this.#send(command)
        answer.then((late) => this.#applyLate(late)).catch((error) => this.failed(error))
      } else this.#apply(answer)
    } catch (error) {
      this.failed(error)
    }
  }

  #applyLate(answer: Answer): void {
    if (this.state === 'closing' || this.#closed) return
    this.#apply(answer)
    this.#pump()
  }

  #apply({ reply, text, outcome, refusal }: Answer): void {
    if (refusal !== null) noteRefusal(this, reply!, refusal)
    if (outcome === 'hello.refused') this.facts.helo = null
    if (reply !== null) this.#write(reply, text)
    if (outcome !== null) this.#send(outcome)
  }

  #reply(reply: Reply): void {
    this.#write(reply, formatReply(reply))
  }

  #write({ code }: Reply, text: string): void {
    if (code >= 400) this.#errors += 1
    this.channel.write(text)
  }

  #send(type: CommandName | Outcome): void {
    if (this.#closed) return
    this.#actor.send(type === 'command.refused' ? { type, standing: this.#standing } : { type })
    this.state = this.#actor.getSnapshot().value
    this.#here = stateFacts[this.state]
  }

  // ------------------------------------------------------------ input

  readable(): void {
    this.#taken = 0
    this.#pump()
  }

  /** Takes what the client sent for as long as the state wants it, then writes all replies at once. */
  #pump(): void {
    if (this.#pumping || this.#resting || this.#closed) return
    this.#pumping = true
    try {
      while (this.#taken < SLICE_INPUTS && this.#takeInput()) this.#taken += 1
    } catch (error) {
      this.failed(error)
    }
    this.#pumping = false
    if (this.state === 'closing') this.#end()
    else if (this.state === 'startingTls') this.#startTls()
    else this.channel.flush(this.service.together)
    if (this.#taken >= SLICE_INPUTS) this.#rest()
    const waits = !this.#resting && !this.#blocked && this.#here.input !== null
    if (waits && this.channel.ended) this.#lost()
  }

  /** Others have their turn; hooks that answer at once would else go on for all that a client sent in one piece. */
  #rest(): void {
    this.#resting = true
    setImmediate(() => {
      this.#resting = false
      this.#taken = 0
      this.#pump()
    })
  }

  /** False when there is nothing to take now. */
  #takeInput(): boolean {
    const { input } = this.#here
    if (this.#blocked || input === null) return false
    if (this.channel.clogged) return this.#progress(this.channel.drained())
    if (input === 'content') {
      this.#touched = this.service.clock.mono()
      return this.#progress(this.state === 'receivingData' ? this.reception.readData() : this.reception.readChunk())
    }
    if (this.#mustEnd()) return false
    const line = this.channel.line()
    if (line === null) return false
    this.#touched = this.service.clock.mono()
    this.#takeLine(line, input)
    return true
  }

  #progress(progress: Progress): boolean {
    if (typeof progress === 'boolean') return progress
    this.#blocked = true
    progress
      .then(() => {
        this.#blocked = false
        this.#pump()
      })
      .catch((error) => this.failed(error))
    return false
  }

  #mustEnd(): boolean {
    if (this.#errors >= ERRORS_MAX) this.tell('session.goodbye', [replies.tooManyErrors()])
    else if (this.service.draining && this.transaction === null) {
      this.tell('session.goodbye', [replies.shuttingDown(this.generation.site.hostname)])
    } else return false
    return true
  }

  #takeLine(line: Line, input: Input): void {
    // RFC 5321 §2.3.8: a bare LF ends no line; what follows it, up to CR LF, belongs to the line that was refused
    const isRest = this.#behindBareLineFeed
    this.#behindBareLineFeed = line === 'bareLineFeed'
    if (isRest) return
    if (input === 'line') this.#ask('smtp.response', () => respond(this, line))
    else if (line === 'tooLong') this.#reply(replies.lineTooLong())
    else if (line === 'bareLineFeed') this.#reply(replies.badLine('Line must end with CR LF'))
    else this.#takeCommand(line)
  }

  #takeCommand(line: Buffer): void {
    const parsed = parseCommandLine(line)
    if (!parsed.ok) {
      this.#reply(replies.badLine(parsed.error))
      return
    }
    const { verb: word, args } = parsed.value
    const command = COMMANDS.get(word)
    if (command === undefined || (command.only ?? this.role.protocol) !== this.role.protocol) {
      if (HTTP_VERBS.has(word)) this.tell('session.goodbye', [replies.notMail()])
      else this.#reply(replies.unknownCommand())
      return
    }
    const { verb, event } = command
    if (line.length > COMMAND_LINE_MAX && verb !== 'auth') this.#reply(replies.lineTooLong())
    else if (!this.#here.takes.has(event)) this.#reply(replies.badSequence(this.#whyNot(verb)))
    else {
      if (IDLE_VERBS.has(verb)) this.#countIdle()
      else if (verb === 'quit') this.#quit = true
      this.#ask(event, () => command.run(this, args))
    }
  }

  #whyNot(verb: Verb): string {
    if (this.state === 'refusing') return 'Connection refused, only QUIT is taken'
    if (this.state === 'start') return `Send ${this.role.protocol === 'LMTP' ? 'LHLO' : 'EHLO'} first`
    if (this.state === 'chunking') return 'BDAT or RSET expected'
    if (verb === 'mail') return 'Nested MAIL command'
    if (verb === 'rcpt' || verb === 'data') return 'Need MAIL before this command'
    return 'Not allowed within a mail transaction'
  }

  #countIdle(): void {
    this.#idleCommands += 1
    if (this.#idleCommands > IDLE_COMMANDS_MAX) this.#errors += 1
  }

  // ------------------------------------------------------------ TLS, time and the end

  #startTls(): void {
    if (this.#upgrading) return
    this.#upgrading = true
    this.channel.upgrade(this.service.tls!).then(
      (dropped) => this.#secured(dropped),
      (error: Error) => {
        logEvent(this, 'info', `TLS handshake with ${clientName(this)} failed: ${error.message}`)
        this.channel.destroy()
      },
    )
  }

  #secured(dropped: number): void {
    if (dropped > 0) {
      logEvent(this, 'warn', `warning: ${clientName(this)}: dropped ${dropped} octets sent behind STARTTLS`)
    }
    // RFC 3207 §4.2: back to the state after the greeting, knowing nothing of the client
    Object.assign(this.facts, { tls: tlsInfo(this.channel.socket), helo: null, extended: false, identity: null })
    logTls(this)
    this.#touched = this.service.clock.mono()
    this.#upgrading = false
    this.#send('tls.started')
    this.channel.resume()
  }

  /** Told every second: ends what took too long. */
  checkTime(now: number): void {
    const slow = this.reception.active && now - this.reception.started > DATA_TOTAL_TIMEOUT_MS
    if (now - this.#touched <= this.#here.timeoutMs && !slow) return
    if (this.state === 'closing' || this.state === 'startingTls') {
      this.channel.destroy()
      return
    }
    logEvent(this, 'info', `timeout after ${this.state} from ${clientName(this)}`)
    this.goodbye(replies.idleTimeout())
  }

  /** A session in which nothing goes on ends now; the others when they come to rest. */
  windDown(): void {
    const { input } = this.#here
    const resting = this.state === 'connecting' || input === 'commands' || input === 'line'
    if (resting && this.transaction === null) this.goodbye(replies.shuttingDown(this.generation.site.hostname))
  }

  destroy(): void {
    this.channel.destroy()
  }

  summary(): SessionSummary {
    const { id, service, remoteIp, identity, started } = this.facts
    const detail = this.transaction === null ? '' : `from=<${formatAddress(this.transaction.reversePath)}>`
    return { id, service, remoteIp, user: identity?.account ?? null, state: this.state, since: started, detail }
  }

  #end(): void {
    this.reception.abort()
    this.#touched = this.service.clock.mono()
    this.channel.end(this.#quit)
  }

  #lost(): void {
    logLost(this)
    this.tell('session.goodbye', [])
    this.#end()
  }

  /** Why the connection ends stands in the log already. */
  get #endIsLogged(): boolean {
    return this.state === 'closing' || this.state === 'startingTls' || this.service.draining
  }

  gone(): void {
    if (this.#closed) return
    if (!this.#endIsLogged) logLost(this)
    this.#send('net.closed')
    this.#closed = true
    this.reception.abort()
    this.#actor.stop()
    this.generation.release()
    const counts = `transactions=${this.#transactions} messages=${this.#messages}`
    logEvent(this, 'info', `disconnect from ${clientName(this)} ${counts}`)
    this.service.closed(this)
  }
}

// One outgoing connection: hears replies, tells its chart what they mean, and does on the socket what the new state begins with.
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, type SecureContext, type TLSSocket } from 'node:tls'
import { getSystemErrorMessage } from 'node:util'
import { type Actor, createActor } from 'xstate'
import type { Clock } from '../base/clock.ts'
import { asFailure, type Reply } from '../base/failure.ts'
import type { Logger } from '../base/log.ts'
import { err, ok, type Result } from '../base/result.ts'
import type { MessageContent } from '../message/content.ts'
import { replies, replyLine } from '../message/reply.ts'
import { toSevenBit } from '../message/seven-bit.ts'
import { strip } from '../net/closed-socket.ts'
import type { SmtpSend, TlsLevel } from '../plugin/services.ts'
import { type Credentials, chooseMechanism, type Mechanism } from './auth.ts'
import { type ClientEvent, type ClientState, clientLogic, waitOf } from './client.machine.ts'
import { smallContent, streamContent, writeTogether } from './content-writer.ts'
import { type RefusedStep, refusalBeforeMail } from './refusal.ts'
import { type Delivery, isPositive, type SendRecipient, Transaction } from './transaction.ts'
import { type Capabilities, noCapabilities, readCapabilities } from './wire/capabilities.ts'
import { ReplyParser } from './wire/reply-parser.ts'

export interface ConnectionOptions {
  /** Name of the host, for certificates and the log. */
  readonly name: string
  /** An IP address, or the path of a local socket. */
  readonly address: string
  readonly port: number
  readonly level: TlsLevel
  readonly auth: Credentials | null
  readonly protocol: 'smtp' | 'lmtp'
  readonly ownNameIsLoop: boolean
  /** What EHLO says. */
  readonly hostname: string
  /** Shared by all connections: CA, client certificate and the like. */
  readonly secureContext: SecureContext
  readonly localAddress: string | null
  readonly clock: Clock
  readonly log: Logger
}

/** Why there is no usable connection; always a temporary reply. */
export interface OpenFailure {
  readonly reply: Reply
  /** TLS went wrong where it was optional: the same host may be tried without. */
  readonly withoutTls: boolean
  /** This very server answers there. */
  readonly isLoop: boolean
}

/** The mail under way. */
interface Carried {
  readonly mail: SmtpSend
  readonly transaction: Transaction
  readonly done: (delivery: Delivery) => void
  /** The final dot is on its way: the server may have taken the message. */
  maybeSent: boolean
}

export class Connection {
  /** `host[address]:port`, as logs name it. */
  readonly relay: string
  readonly address: string
  readonly port: number
  readonly opened: number
  /** The pool's: where it goes, and since when it has been waiting for a mail. */
  key = ''
  idleSince = 0
  /** Mails carried so far. */
  uses = 0
  onClosed: (connection: Connection) => void = () => {}

  readonly #options: ConnectionOptions
  readonly #actor: Actor<typeof clientLogic> = createActor(clientLogic).start()
  readonly #opening = Promise.withResolvers<Result<void, OpenFailure>>()
  #state: ClientState = 'connecting'
  #deadline: number
  #socket: Socket | TLSSocket
  #parser = new ReplyParser()
  #secured = false
  #offered: Capabilities = noCapabilities
  #mechanism: Mechanism | null = null
  #failure: OpenFailure | null = null
  #lost: string | null = null
  #carried: Carried | null = null

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.address = options.address
    this.port = options.port
    this.relay = `${options.name}[${options.address}]:${options.port}`
    this.opened = options.clock.mono()
    this.#deadline = this.opened + waitOf('connecting')
    this.#socket = this.#connect()
  }

  /** Resolves when mail can be sent, or with the reason why not. */
  open(): Promise<Result<void, OpenFailure>> {
    return this.#opening.promise
  }

  get isReady(): boolean {
    return this.#state === 'ready'
  }

  get isClosed(): boolean {
    return this.#state === 'closed'
  }

  /** The server sends DSNs as asked (RFC 3461). */
  get offersDsn(): boolean {
    return this.#offered.dsn
  }

  /** One mail to those recipients. A connection that has been lost meanwhile answers so. */
  deliver(mail: SmtpSend, recipients: readonly SendRecipient[]): Promise<Delivery> {
    this.uses++
    return this.#offered.eightBitMime ? this.#carry(mail, recipients, true) : this.#carrySevenBit(mail, recipients)
  }

  /** RFC 6152 §3: without 8BITMIME a body has 7 bits. */
  async #carrySevenBit(mail: SmtpSend, recipients: readonly SendRecipient[]): Promise<Delivery> {
    let content: MessageContent | null = mail.content
    try {
      content = await toSevenBit(mail.content)
    } catch (error) {
      this.#unreadable(error)
    }
    return this.#carry(content === null ? mail : { ...mail, content }, recipients, content !== null)
  }

  /** `fits`: the server can take the content as it is. */
  #carry(mail: SmtpSend, recipients: readonly SendRecipient[], fits: boolean): Promise<Delivery> {
    const transaction = new Transaction(mail, recipients, this.#offered, this.#options.protocol, fits)
    if (transaction.isSettled) return Promise.resolve(transaction.outcome(null, false))
    if (!this.isReady) return Promise.resolve(transaction.outcome(this.#lost ?? 'connection closed', false))
    return new Promise((done) => {
      this.#carried = { mail, transaction, done, maybeSent: false }
      this.#dispatch('mail.started')
    })
  }

  /** Says goodbye where that is possible. */
  quit(): void {
    if (this.isReady) this.#dispatch('session.done')
    else this.abort('connection closed by this side')
  }

  /** Says goodbye and waits for no answer: another connection needs the room. */
  leave(): void {
    if (this.isReady) this.#write('QUIT\r\n')
    this.abort('closed to make room')
  }

  abort(reason: string): void {
    if (this.isClosed) return
    this.#lost = reason
    const text = `${this.relay}: ${reason}`
    const connecting = this.#state === 'connecting'
    if (this.#state === 'securing' || (connecting && this.#options.level === 'implicit')) {
      this.#fail(replies.tlsFailed(`${this.relay}: TLS: ${reason}`), this.#options.level === 'may')
    } else this.#fail(connecting ? replies.hostUnreachable(text) : replies.connectionLost(text))
    this.#dispatch('net.lost')
  }

  /** Called by a sweep: ends the connection when the other side has been silent for too long. */
  checkDeadline(now: number): void {
    if (now >= this.#deadline) this.abort(`timed out ${this.#doing()}`)
  }

  // ---------------------------------------------------------------- socket

  #connect(): Socket | TLSSocket {
    const { address, port, level, localAddress } = this.#options
    if (address.startsWith('/')) return this.#listen(connectTcp({ path: address }), 'connect')
    const local = localAddress !== null && isIP(localAddress) === isIP(address) ? { localAddress } : {}
    const target = { host: address, port, ...local }
    if (level !== 'implicit') return this.#listen(connectTcp(target), 'connect')
    return this.#listen(connectTls({ ...this.#tlsOptions(), ...target }), 'secureConnect')
  }

  #listen<S extends Socket>(socket: S, connected: 'connect' | 'secureConnect'): S {
    socket.setNoDelay(true)
    socket.once(connected, () => {
      this.#secured = connected === 'secureConnect'
      this.#dispatch('net.connected')
    })
    return this.#attach(socket)
  }

  #attach<S extends Socket>(socket: S): S {
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', (error: Error) => this.abort(`${causeOf(error)} ${this.#doing()}`))
    socket.on('close', () => {
      strip(socket)
      this.abort(`lost connection ${this.#doing()}`)
    })
    return socket
  }

  #tlsOptions() {
    const { name, level, secureContext } = this.#options
    return {
      secureContext,
      ...(isIP(name) === 0 ? { servername: name } : { host: name }),
      rejectUnauthorized: level === 'verify' || level === 'implicit',
    }
  }

  #read(chunk: Buffer): void {
    const parsed = this.#parser.push(chunk)
    // What came with the reply to STARTTLS came in clear and may be anybody's (RFC 3207 §6).
    const injected = this.#state === 'startingTls' && parsed.ok && (parsed.value.length > 1 || this.#parser.unfinished)
    if (!parsed.ok) this.abort(`${parsed.error} ${this.#doing()}`)
    else if (injected) this.abort('unencrypted data after the reply to STARTTLS')
    else this.#hear(parsed.value)
  }

  #hear(heard: readonly Reply[]): void {
    for (let i = 0; i < heard.length; i++) {
      const reply = heard[i]!
      // what came together with the 354 cannot answer the message that only now would go out
      const early = reply.code === 354 && i < heard.length - 1 && this.#awaitsData
      if (early) this.abort('a reply before the message')
      if (this.isClosed) return
      const event = this.#meaning(reply)
      if (event) this.#dispatch(event)
      else this.#renewDeadline()
    }
  }

  #write(command: string): void {
    this.#socket.write(command)
  }

  // ----------------------------------------------------------------- chart

  #dispatch(type: ClientEvent): void {
    if (this.isClosed) return
    const before = this.#state
    this.#actor.send({ type })
    this.#state = this.#actor.getSnapshot().value
    if (this.#state === before) return
    this.#renewDeadline()
    Connection.#begins[this.#state]?.(this)
  }

  #renewDeadline(): void {
    this.#deadline = this.#options.clock.mono() + waitOf(this.#state)
  }

  /** What a state begins with. */
  static readonly #begins: { readonly [state in ClientState]?: (connection: Connection) => void } = {
    hello: (c) => c.#write(`${c.#options.protocol === 'lmtp' ? 'LHLO' : 'EHLO'} ${c.#options.hostname}\r\n`),
    helo: (c) => c.#write(`HELO ${c.#options.hostname}\r\n`),
    startingTls: (c) => c.#write('STARTTLS\r\n'),
    securing: (c) => c.#beginTls(),
    authenticating: (c) => c.#beginAuth(),
    ready: (c) => c.#announceReady(),
    envelope: (c) => c.#sendEnvelope(),
    content: (c) => c.#sendContent(),
    resetting: (c) => c.#write('RSET\r\n'),
    quitting: (c) => c.#sayGoodbye(),
    closed: (c) => c.#close(),
  }

  /** What a reply means to the chart; null when it is one of several, and more of them follow. */
  #meaning(reply: Reply): ClientEvent | null {
    switch (this.#state) {
      case 'greeting':
        return isPositive(reply) ? 'greeting.accepted' : this.#refuse('greeting', reply)
      case 'hello':
      case 'helo':
        return this.#meaningOfHello(reply)
      case 'startingTls':
        if (isPositive(reply)) return 'starttls.accepted'
        if (reply.code === 421 || !this.#tlsIsOptional) return this.#refuse('tls', reply)
        return this.#options.auth === null ? 'starttls.declined' : 'auth.wanted'
      case 'securing':
        return this.#refuse('tls', reply)
      case 'authenticating':
        if (reply.code === 334) return this.#answerChallenge(reply)
        return isPositive(reply) ? 'auth.accepted' : this.#refuse('auth', reply)
      case 'envelope':
        return this.#meaningInEnvelope(reply)
      case 'content':
        this.#carried?.transaction.takeEarly(reply)
        return this.#end(reply)
      case 'committing':
        return this.#meaningOfAnswer(reply)
      case 'resetting':
        return isPositive(reply) ? 'reset.accepted' : this.#refuse('unasked', reply)
      case 'quitting':
        return this.#end(reply)
      default:
        return this.#refuse('unasked', reply)
    }
  }

  /** The server's last word. */
  #end(reply: Reply): ClientEvent {
    this.#lost = replyLine(reply)
    return 'session.ended'
  }

  /** The server takes no mail. */
  #refuse(step: RefusedStep, reply: Reply): ClientEvent {
    this.#fail(refusalBeforeMail(step, reply, this.relay), false, step === 'loop')
    const event = this.#end(reply)
    return reply.code === 421 ? event : 'session.refused'
  }

  #announceReady(): void {
    this.#opening.resolve(ok(undefined))
    this.#settle(null)
  }

  #sayGoodbye(): void {
    this.#write('QUIT\r\n')
    this.#giveUp()
  }

  #close(): void {
    this.#socket.destroy()
    this.#giveUp()
    this.onClosed(this)
  }

  /** Tells those who wait that no mail will be sent any more. */
  #giveUp(): void {
    if (this.#failure) this.#opening.resolve(err(this.#failure))
    this.#settle(this.#lost ?? 'connection closed')
  }

  #fail(reply: Reply, withoutTls = false, isLoop = false): void {
    this.#failure ??= { reply, withoutTls, isLoop }
    const status = replyLine(reply)
    this.#options.log.debug(`connection failed: ${status}`, { relay: this.relay, status })
  }

  /** For log and reply: at which point of the dialogue. */
  #doing(): string {
    if (this.#state === 'connecting') return 'while connecting'
    if (this.#state === 'envelope') return `while waiting for the reply to ${this.#carried?.transaction.awaited}`
    if (this.#state === 'securing') return 'in the handshake'
    return this.#state === 'committing' ? 'after the final dot' : `in state ${this.#state}`
  }

  // --------------------------------------------------- hello, TLS and AUTH

  get #tlsIsOptional(): boolean {
    return this.#options.level === 'none' || this.#options.level === 'may'
  }

  #meaningOfHello(reply: Reply): ClientEvent {
    const { level, protocol, auth } = this.#options
    const extended = this.#state === 'hello'
    if (!isPositive(reply)) {
      const older = extended && reply.code >= 500 && protocol === 'smtp' && !this.#secured // RFC 5321 §3.2
      return older ? 'hello.unknown' : this.#refuse('hello', reply)
    }
    if (this.#options.ownNameIsLoop && this.#isOwnName(reply)) return this.#refuse('loop', reply)
    this.#offered = extended ? readCapabilities(reply) : noCapabilities
    if (level !== 'none' && !this.#secured && this.#offered.startTls) return 'starttls.wanted'
    if (!this.#tlsIsOptional && !this.#secured) return this.#refuse('tls', reply)
    return auth === null ? 'hello.accepted' : 'auth.wanted'
  }

  /** RFC 5321 §4.1.1.1: the reply to EHLO or HELO begins with the server's name. */
  #isOwnName({ text }: Reply): boolean {
    const [name = ''] = (typeof text === 'string' ? text : (text[0] ?? '')).trim().split(' ', 1)
    return name.toLowerCase() === this.#options.hostname.toLowerCase()
  }

  #beginTls(): void {
    const clear = this.#socket
    for (const event of ['data', 'error', 'close']) clear.removeAllListeners(event)
    clear.on('error', () => {})
    const socket = connectTls({ ...this.#tlsOptions(), socket: clear })
    this.#parser = new ReplyParser()
    this.#socket = this.#attach(socket)
    socket.once('secureConnect', () => {
      this.#secured = true
      this.#offered = noCapabilities // RFC 3207 §4.2
      this.#options.log.debug(`TLS connection established to ${this.relay}`, { version: socket.getProtocol() })
      this.#dispatch('net.secured')
    })
  }

  #beginAuth(): void {
    const { auth, address } = this.#options
    const clear = !this.#secured && !/^(127\.|::1$|\/)/.test(address)
    this.#mechanism = clear || auth === null ? null : chooseMechanism(this.#offered.auth, auth)
    if (this.#mechanism === null) {
      const why = clear ? 'no password is sent without TLS' : 'no common AUTH mechanism'
      this.#fail(replies.remoteAuthFailed(`${this.relay}: ${why}`))
      this.#lost = why
      this.#dispatch('session.refused')
    } else {
      const { name, initial } = this.#mechanism
      this.#write(initial === null ? `AUTH ${name}\r\n` : `AUTH ${name} ${initial.toString('base64')}\r\n`)
    }
  }

  #answerChallenge(reply: Reply): null {
    const text = typeof reply.text === 'string' ? reply.text : reply.text.join('')
    this.#mechanism?.answer(Buffer.from(text, 'base64')).then(
      (answer) => this.#write(answer === null ? '*\r\n' : `${answer.toString('base64')}\r\n`), // RFC 4954 §4: `*` cancels
      (error: Error) => this.abort(error.message),
    )
    return null
  }

  // ------------------------------------------------------------------ mail

  get #awaitsData(): boolean {
    return this.#state === 'envelope' && this.#carried?.transaction.awaited === 'DATA'
  }

  #sendEnvelope(): void {
    const commands = this.#carried?.transaction.nextCommands() ?? ''
    if (commands !== '') this.#socket.write(commands)
  }

  #meaningInEnvelope(reply: Reply): ClientEvent | null {
    const { transaction } = this.#carried!
    if (reply.code === 421) {
      transaction.takeEarly(reply)
      return this.#end(reply)
    }
    const event = transaction.take(reply)
    if (event === null) this.#sendEnvelope()
    return event
  }

  #sendContent(): void {
    const { mail, transaction } = this.#carried!
    const whole = transaction.hasContent ? smallContent(mail.content) : [Buffer.from('.\r\n')]
    if (whole) this.#finishContent(whole)
    else this.#stream(mail)
  }

  #stream(mail: SmtpSend): void {
    streamContent(this.#socket, mail.content, () => this.#renewDeadline()).then(
      (end) => end && this.#finishContent(end),
      (error: unknown) => this.#unreadable(error),
    )
  }

  #unreadable(error: unknown): void {
    // what it says of our disk is nobody's business outside, where the reply may end in a report
    this.#options.log.error('a message could not be read', { reason: asFailure(error).detail })
    this.abort('the message could not be read')
  }

  #finishContent(end: readonly Buffer[]): void {
    const carried = this.#carried
    if (!carried) return
    carried.maybeSent = carried.transaction.hasContent
    writeTogether(this.#socket, end)
    this.#dispatch('mail.written')
  }

  #meaningOfAnswer(reply: Reply): ClientEvent | null {
    const last = this.#carried!.transaction.takeAnswer(reply)
    if (reply.code === 421) return this.#end(reply)
    return last ? 'mail.answered' : null
  }

  /** Hands the outcome of the mail under way, if there is one, to who waits for it. */
  #settle(lost: string | null): void {
    const carried = this.#carried
    if (!carried) return
    this.#carried = null
    carried.done(carried.transaction.outcome(lost, lost !== null && carried.maybeSent))
  }
}

/** In plain words: the system's errors are names, OpenSSL's name its source files, and Node's give advice to who starts programs by hand. */
const causeOf = (error: Error & { readonly reason?: string; readonly errno?: number }): string =>
  error.reason ??
  (error.errno === undefined
    ? error.message.replace(/; if the root CA is installed locally.*$/, '')
    : getSystemErrorMessage(error.errno))

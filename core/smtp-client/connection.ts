// One outgoing connection: carries out what the chart orders, on a real socket.
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, type SecureContext, type TLSSocket } from 'node:tls'
import type { Clock } from '../base/clock.ts'
import type { Reply } from '../base/failure.ts'
import type { Logger } from '../base/log.ts'
import { err, ok, type Result } from '../base/result.ts'
import { replies, replyLine } from '../message/reply.ts'
import { toSevenBit } from '../message/seven-bit.ts'
import type { SmtpSend, TlsLevel } from '../plugin/services.ts'
import { type Credentials, chooseMechanism, type Mechanism } from './auth.ts'
import {
  type ClientDuties,
  type ClientEvent,
  type ClientState,
  type RefusedStep,
  startChart,
  waits,
} from './client.machine.ts'
import { smallContent, streamContent } from './content-writer.ts'
import { refusalBeforeMail } from './refusal.ts'
import { type Delivery, type SendRecipient, Transaction } from './transaction.ts'
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
}

export class Connection implements ClientDuties {
  /** `host[address]:port`, as logs name it. */
  readonly relay: string
  readonly address: string
  readonly port: number
  readonly opened: number
  /** Mails carried so far. */
  uses = 0
  onClosed: () => void = () => {}

  readonly #options: ConnectionOptions
  readonly #chart: ReturnType<typeof startChart>
  readonly #opening = Promise.withResolvers<Result<void, OpenFailure>>()
  #socket: Socket | TLSSocket
  #parser = new ReplyParser()
  #state: ClientState = 'connecting'
  #deadline: number
  #secured = false
  #offered: Capabilities = noCapabilities
  #greetedBy: 'extended' | 'HELO' = 'extended'
  #mechanism: Mechanism | null = null
  #failure: OpenFailure | null = null
  #lost: string | null = null
  #mail: SmtpSend | null = null
  #transaction: Transaction | null = null
  #delivered: ((delivery: Delivery) => void) | null = null
  /** The final dot is on its way: the server may have taken the message. */
  #committing = false

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.address = options.address
    this.port = options.port
    this.relay = `${options.name}[${options.address}]:${options.port}`
    this.opened = options.clock.mono()
    this.#deadline = this.opened + waits.connecting
    this.#socket = this.#connect()
    this.#chart = startChart(this)
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
  async deliver(mail: SmtpSend, recipients: readonly SendRecipient[]): Promise<Delivery> {
    this.uses++
    // RFC 6152 §3: without 8BITMIME a body has 7 bits
    const content = this.#offered.eightBitMime ? mail.content : await toSevenBit(mail.content)
    const fitting = content === null ? mail : { ...mail, content }
    const transaction = new Transaction(fitting, recipients, this.#offered, this.#options.protocol, content !== null)
    if (transaction.isSettled) return transaction.outcome(null, false)
    if (!this.isReady) return transaction.outcome(this.#lost ?? 'connection closed', false)
    return new Promise((resolve) => {
      this.#mail = fitting
      this.#transaction = transaction
      this.#delivered = resolve
      this.#committing = false
      this.#dispatch({ type: 'mail.start' })
    })
  }

  /** Says goodbye where that is possible. */
  quit(): void {
    if (this.isReady) this.#dispatch({ type: 'smtp.quit' })
    else this.abort('connection closed by this side')
  }

  abort(reason: string): void {
    this.#dispatch({ type: 'net.lost', reason })
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
      this.#dispatch({ type: 'net.connected' })
    })
    return this.#attach(socket)
  }

  #attach<S extends Socket>(socket: S): S {
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', (error: Error) => this.abort(`${error.message} ${this.#doing()}`))
    socket.on('close', () => this.abort(`lost connection ${this.#doing()}`))
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
    else for (const [i, reply] of parsed.value.entries()) this.#hear(reply, i < parsed.value.length - 1)
  }

  /** A reply that came together with the 354 cannot answer the message that only now goes out. */
  #hear(reply: Reply, more: boolean): void {
    const before = this.#state
    this.#dispatch({ type: 'smtp.reply', reply })
    if (more && before === 'envelope' && this.#transaction && this.#state !== 'envelope' && reply.code === 354) {
      this.abort('a reply before the message')
    }
  }

  #write(command: string): void {
    if (command !== '') this.#socket.write(command)
  }

  #dispatch(event: ClientEvent): void {
    if (this.isClosed) return
    this.#chart.send(event)
    this.#state = this.#chart.getSnapshot().value
    this.#deadline = this.#options.clock.mono() + waits[this.#state]
  }

  /** For log and reply: at which point of the dialogue. */
  #doing(): string {
    if (this.#state === 'connecting') return 'while connecting'
    if (this.#state === 'envelope') return `while waiting for the reply to ${this.#transaction?.awaited}`
    return `${this.#state === 'committing' ? 'after the final dot' : `in state ${this.#state}`}`
  }

  // ---------------------------------------------------------------- duties: questions

  wantsTls(reply: Reply): boolean {
    return this.#options.level !== 'none' && !this.#secured && readCapabilities(reply).startTls
  }

  lacksTls(): boolean {
    return !this.tlsIsOptional() && !this.#secured
  }

  tlsIsOptional(): boolean {
    return this.#options.level === 'none' || this.#options.level === 'may'
  }

  wantsAuth(): boolean {
    return this.#options.auth !== null
  }

  mayUseHelo(): boolean {
    return this.#options.protocol === 'smtp' && !this.#secured // RFC 5321 §3.2
  }

  envelopeStep(reply: Reply): 'more' | 'content' | 'refused' | 'over' {
    return this.#transaction?.step(reply) ?? 'over'
  }

  isLastAnswer(): boolean {
    return this.#transaction?.isLastAnswer ?? true
  }

  // ---------------------------------------------------------------- duties: orders

  sayHello(verb: 'extended' | 'HELO'): void {
    this.#greetedBy = verb
    const extended = this.#options.protocol === 'lmtp' ? 'LHLO' : 'EHLO'
    this.#write(`${verb === 'extended' ? extended : verb} ${this.#options.hostname}\r\n`)
  }

  readHello(reply: Reply): void {
    this.#offered = this.#greetedBy === 'extended' ? readCapabilities(reply) : noCapabilities
  }

  sayStartTls(): void {
    this.#write('STARTTLS\r\n')
  }

  beginTls(): void {
    const clear = this.#socket
    for (const event of ['data', 'error', 'close']) clear.removeAllListeners(event)
    clear.on('error', () => {})
    const socket = connectTls({ ...this.#tlsOptions(), socket: clear })
    this.#parser = new ReplyParser()
    this.#socket = this.#attach(socket)
    socket.once('secureConnect', () => {
      this.#secured = true
      this.#offered = noCapabilities // RFC 3207 §4.2
      this.#options.log.debug('smtp client: TLS', { relay: this.relay, version: socket.getProtocol() })
      this.#dispatch({ type: 'net.secured' })
    })
  }

  beginAuth(): void {
    const { auth, address } = this.#options
    const clear = !this.#secured && !/^(127\.|::1$|\/)/.test(address)
    this.#mechanism = clear || auth === null ? null : chooseMechanism(this.#offered.auth, auth)
    if (this.#mechanism === null) {
      const why = clear ? 'no password is sent without TLS' : 'no common AUTH mechanism'
      this.#fail(replies.remoteAuthFailed(`${this.relay}: ${why}`))
      this.abort(why)
    } else {
      const { name, initial } = this.#mechanism
      this.#write(initial === null ? `AUTH ${name}\r\n` : `AUTH ${name} ${initial.toString('base64')}\r\n`)
    }
  }

  answerChallenge(reply: Reply): void {
    const text = typeof reply.text === 'string' ? reply.text : reply.text.join('')
    this.#mechanism?.answer(Buffer.from(text, 'base64')).then(
      (answer) => this.#write(answer === null ? '*\r\n' : `${answer.toString('base64')}\r\n`), // RFC 4954 §4: `*` cancels
      (error: Error) => this.abort(error.message),
    )
  }

  announceReady(): void {
    this.#opening.resolve(ok(undefined))
    this.#settle(null)
  }

  sendEnvelope(): void {
    this.#write(this.#transaction?.nextCommands() ?? '')
  }

  takeEnvelopeReply(reply: Reply): void {
    if (reply.code === 421) {
      this.#lost = replyLine(reply)
      this.#transaction?.takeEarly(reply)
    } else {
      const goesOn = this.#transaction?.step(reply) === 'more'
      this.#transaction?.take(reply)
      if (goesOn) this.sendEnvelope()
    }
  }

  sendContent(): void {
    const mail = this.#mail
    if (!mail || !this.#transaction?.hasContent) this.#finishContent(Buffer.from('.\r\n'))
    else {
      const whole = smallContent(mail.content)
      if (whole) this.#finishContent(whole)
      else this.#stream(mail)
    }
  }

  #stream(mail: SmtpSend): void {
    const progress = () => {
      this.#deadline = this.#options.clock.mono() + waits.content
    }
    streamContent(this.#socket, mail.content, progress).then(
      (end) => end && this.#finishContent(end),
      (error: Error) => this.abort(`the message could not be read: ${error.message}`),
    )
  }

  #finishContent(end: Buffer): void {
    this.#committing = this.#transaction?.hasContent ?? false
    this.#socket.write(end)
    this.#dispatch({ type: 'mail.written' })
  }

  takeAnswer(reply: Reply): void {
    if (reply.code === 421) this.#lost = replyLine(reply)
    this.#transaction?.takeAnswer(reply)
  }

  takeEarlyAnswer(reply: Reply): void {
    this.#lost = replyLine(reply)
    this.#transaction?.takeEarly(reply)
  }

  sayReset(): void {
    this.#write('RSET\r\n')
  }

  sayQuit(): void {
    this.#write('QUIT\r\n')
  }

  refuse(step: RefusedStep, reply: Reply): void {
    this.#lost = replyLine(reply)
    this.#fail(refusalBeforeMail(step, reply, this.relay))
  }

  lose(reason: string): void {
    this.#lost = reason
    const inTls = this.#state === 'securing' || (this.#state === 'connecting' && this.#options.level === 'implicit')
    if (inTls) {
      this.#fail(replies.tlsFailed(`${this.relay}: TLS handshake: ${reason}`), this.#options.level === 'may')
    } else {
      const connecting = this.#state === 'connecting'
      const text = `${this.relay}: ${reason}`
      this.#fail(connecting ? replies.hostUnreachable(text) : replies.connectionLost(text))
    }
  }

  close(): void {
    this.#state = 'closed'
    this.#socket.destroy()
    if (this.#failure) this.#opening.resolve(err(this.#failure))
    this.#settle(this.#lost ?? 'connection closed')
    this.onClosed()
  }

  /** Hands the outcome of the mail under way, if there is one, to who waits for it. */
  #settle(lost: string | null): void {
    const delivered = this.#delivered
    if (!delivered || !this.#transaction) return
    const outcome = this.#transaction.outcome(lost, lost !== null && this.#committing)
    this.#delivered = null
    this.#transaction = null
    this.#mail = null
    delivered(outcome)
  }

  #fail(reply: Reply, withoutTls = false): void {
    this.#failure ??= { reply, withoutTls }
    this.#options.log.debug('smtp client: connection failed', { relay: this.relay, status: replyLine(reply) })
  }
}

// Sends mail to a destination by SMTP or LMTP: pooled connections first, then its hosts in order, until every recipient has an answer.
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import type { Clock } from '../base/clock.ts'
import { asFailure, type Reply } from '../base/failure.ts'
import type { Logger } from '../base/log.ts'
import { err, ok, type Result } from '../base/result.ts'
import { replies, replyLine } from '../message/reply.ts'
import type { SmtpClient, SmtpDestination, SmtpSend, SmtpSendResult, TlsLevel } from '../plugin/services.ts'
import { Connection, type OpenFailure } from './connection.ts'
import { ConnectionPool, defaultLimits, type PoolLimits } from './pool.ts'
import { type Delivery, isPositive } from './transaction.ts'

export interface SmtpClientOptions {
  readonly clock: Clock
  readonly log: Logger
  /** What EHLO says: the site's host name. */
  readonly hostname: string
  /** CA certificates beyond those of Node, a client certificate and the like. */
  readonly tlsOptions?: SecureContextOptions
  /** Source addresses of outgoing connections, one a family. */
  readonly localAddresses?: readonly string[]
  readonly limits?: Partial<PoolLimits>
}

const MAX_ADDRESSES = 5 // connected to for one attempt
const MAX_SESSIONS = 2 // that may answer 4xx for one attempt, before it is put off
const CONNECT_BUDGET_MS = 120_000 // no further host is tried after that
const CLOSE_MS = 10_000

type SendResult = SmtpSendResult['results'][number]

export function createSmtpClient(options: SmtpClientOptions): SmtpClient {
  const pool = new ConnectionPool(options.clock, { ...defaultLimits, ...options.limits })
  const secureContext = createSecureContext({ minVersion: 'TLSv1.2', ...options.tlsOptions })
  const log = options.log.with({ component: 'smtp' })
  const shared = { ...options, log, pool, secureContext }
  return {
    send: (destination, mail, signal) => new Sending(shared, destination, mail, signal).run(),
    close: () => pool.close(CLOSE_MS),
  }
}

interface Shared extends SmtpClientOptions {
  readonly pool: ConnectionPool
  readonly secureContext: SecureContext
}

/** One call of `send`. */
class Sending {
  readonly #options: Shared
  readonly #pool: ConnectionPool
  readonly #destination: SmtpDestination
  readonly #mail: SmtpSend
  readonly #signal: AbortSignal
  readonly #key: string
  readonly #results: (SendResult | null)[]
  /** Indices of recipients that may still be tried. */
  #pending: number[]
  readonly #deferrals: ({ reply: Reply; relay: string } | null)[]
  /** The last reason why no connection came about. */
  #trouble: Reply | null = null
  #sessions = 0
  /** Whether a recipient has got an answer, from whomever. */
  #answered = false
  /** What an abort of the caller ends. */
  #connection: Connection | null = null
  readonly #tried = new Set<string>()

  constructor(options: Shared, destination: SmtpDestination, mail: SmtpSend, signal: AbortSignal) {
    this.#options = options
    this.#pool = options.pool
    this.#destination = destination
    this.#mail = mail
    this.#signal = signal
    const { key, tls, auth, protocol } = destination
    this.#key = `${key} ${tls} ${protocol} ${auth === null ? '' : JSON.stringify(auth)}`
    this.#results = mail.recipients.map(() => null)
    this.#deferrals = mail.recipients.map(() => null)
    this.#pending = [...mail.recipients.keys()]
  }

  async run(): Promise<SmtpSendResult> {
    // RFC 8689 §4.2.1: a promise that this client does not make
    if (this.#mail.parameters.requiretls) this.#settleAll(replies.requireTlsUnsupported())
    else {
      const abort = () => this.#connection?.abort('given up by this side')
      this.#signal.addEventListener('abort', abort)
      for (let idle = this.#takeIdle(); idle; idle = this.#takeIdle()) await this.#over(idle, true)
      if (this.#goesOn()) await this.#overNew()
      this.#signal.removeEventListener('abort', abort)
    }
    const results = this.#results.map((result, i) => result ?? this.#deferred(i))
    return { results, hostDown: !this.#answered }
  }

  #takeIdle(): Connection | null {
    return this.#goesOn() ? this.#pool.take(this.#key) : null
  }

  async #overNew(): Promise<void> {
    const deadline = this.#options.clock.mono() + CONNECT_BUDGET_MS
    for (const host of this.#destination.hosts) {
      for (const address of host.addresses) {
        if (!this.#goesOn() || this.#tried.size >= MAX_ADDRESSES || this.#options.clock.mono() >= deadline) return
        const target = `${address} ${host.port}`
        if (this.#tried.has(target)) continue
        this.#tried.add(target)
        const opened = await this.#connect(host.name, address, host.port)
        if (opened.ok) await this.#over(opened.value, false)
        else if (opened.error.isLoop) return this.#stopAtLoop(host, opened.error.reply)
        else this.#trouble = opened.error.reply
      }
    }
  }

  /** RFC 5321 §5.1: neither this server nor those behind it are tried. */
  #stopAtLoop(host: SmtpDestination['hosts'][number], reply: Reply): void {
    if (host === this.#destination.hosts[0]) this.#settleAll(reply)
  }

  #goesOn(): boolean {
    return this.#pending.length > 0 && this.#sessions < MAX_SESSIONS && !this.#signal.aborted
  }

  async #connect(name: string, address: string, port: number): Promise<Result<Connection, OpenFailure>> {
    const first = await this.#open(name, address, port, this.#destination.tls)
    if (first.ok) return first
    if (!first.error.withoutTls) return first
    // RFC 7435 §3: opportunistic TLS that fails is no reason not to deliver
    const relay = `${name}[${address}]:${port}`
    this.#options.log.info(`TLS with ${relay} failed, going on without`, { relay })
    return this.#open(name, address, port, 'none')
  }

  async #open(name: string, address: string, port: number, level: TlsLevel): Promise<Result<Connection, OpenFailure>> {
    const { hostname, secureContext, localAddresses = [], clock, log } = this.#options
    const { auth, protocol, ownNameIsLoop = false } = this.#destination
    const localAddress = localAddresses.find((local) => local.includes(':') === address.includes(':')) ?? null
    const make = () =>
      new Connection({
        name,
        address,
        port,
        level,
        auth,
        protocol,
        ownNameIsLoop,
        hostname,
        secureContext,
        localAddress,
        clock,
        log,
      })
    let connection: Connection
    try {
      connection = await this.#pool.open(this.#signal, () => (this.#connection = make()))
    } catch (error) {
      return err({ reply: replies.hostUnreachable(asFailure(error).detail), withoutTls: false, isLoop: false })
    }
    const opened = await connection.open()
    if (opened.ok) return ok(connection)
    // its text begins with the host
    const { reply } = opened.error
    log.info(`connect to ${reply.text}`, { relay: connection.relay, status: replyLine(reply) })
    return opened
  }

  /** One mail for all that are pending; once more for those that the server found too many (RFC 5321 §4.5.3.1.10). */
  async #over(connection: Connection, reused: boolean): Promise<void> {
    this.#connection = connection
    for (;;) {
      const asked = this.#pending
      const recipients = asked.map((i) => this.#mail.recipients[i]!)
      const delivery = await connection.deliver(this.#mail, recipients)
      // A kept connection that the server has closed meanwhile says nothing about the host.
      if (reused && isStale(delivery)) break
      this.#record(asked, delivery, connection)
      if (this.#pending.length > 0) this.#tried.add(`${connection.address} ${connection.port}`)
      const more = this.#pending.length > 0 && this.#pending.length < asked.length && connection.isReady
      if (!more || !delivery.answers.some(isTooMany) || this.#signal.aborted) {
        this.#sessions++
        break
      }
    }
    this.#connection = null
    this.#pool.give(this.#key, connection)
  }

  #record(asked: readonly number[], delivery: Delivery, connection: Connection): void {
    const { relay } = connection
    const dsn = connection.offersDsn
    for (const [n, i] of asked.entries()) {
      const answer = delivery.answers[n] ?? null
      if (answer === null) {
        const lost = replies.connectionLost(`${relay}: ${delivery.lost}`)
        this.#deferrals[i] = { reply: lost, relay }
        if (delivery.maybeSent) this.#results[i] = { kind: 'deferred', reply: lost, relay, dsn: false }
        continue
      }
      this.#answered = true
      if (isPositive(answer)) this.#results[i] = { kind: 'sent', reply: answer, relay, dsn }
      else if (answer.code >= 500) this.#results[i] = { kind: 'failed', reply: answer, relay, dsn: false }
      else this.#deferrals[i] = { reply: answer, relay }
    }
    this.#pending = this.#pending.filter((i) => this.#results[i] === null)
  }

  #deferred(i: number): SendResult {
    const heard = this.#deferrals[i]
    const reply = heard?.reply ?? this.#trouble ?? replies.hostUnreachable(this.#unreached())
    return { kind: 'deferred', reply, relay: heard?.relay ?? null, dsn: false }
  }

  #unreached(): string {
    return this.#signal.aborted ? 'given up before a host answered' : `${this.#destination.key}: no host to connect to`
  }

  #settleAll(reply: Reply): void {
    this.#answered = true
    for (const i of this.#pending) this.#results[i] = { kind: 'failed', reply, relay: null, dsn: false }
    this.#pending = []
  }
}

/** Closed, or said goodbye, before the server had anything to say about this mail. */
const isStale = (delivery: Delivery): boolean =>
  delivery.lost !== null &&
  !delivery.maybeSent &&
  delivery.answers.every((answer) => answer === null || answer.code === 421)

/** RFC 5321 §4.5.3.1.10: where no enhanced code says that it means something else. */
const isTooMany = (answer: Reply | null): boolean =>
  answer?.code === 452 && (answer.enhanced === null || answer.enhanced === '4.5.3')

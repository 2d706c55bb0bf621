// Who may connect and log in, how often: connections in all and a client, their rate, slowed and banned logins. Memory is bounded.
import type { Clock, Timer } from '../base/clock.ts'
import { clientKey } from './networks.ts'

export interface AdmissionLimits {
  /** Open connections of the whole process. */
  readonly connections: number
  /** Open connections of one client. */
  readonly connectionsPerClient: number
  /** New connections of one client within a minute. */
  readonly connectionsPerMinute: number
}

/** Failed logins that a client may have before its answers are slowed. */
const FREE_FAILURES = 2
const SLOW_STEP_MS = 1_000
const SLOW_MAX_MS = 10_000
/** Failed logins within the window that ban a client. */
const BAN_FAILURES = 10
const FAILURE_WINDOW_MS = 10 * 60_000
const BAN_MS = 15 * 60_000
const RATE_WINDOW_MS = 60_000
/** Clients remembered at once; beyond it the longest unseen without a connection is forgotten. */
export const MAX_CLIENTS = 20_000
const SWEEP_MS = 30_000

interface Client {
  open: number
  /** Connections since `windowStart`. */
  recent: number
  windowStart: number
  failures: number
  lastFailure: number
  bannedUntil: number
}

/** Why a connection is refused: the process is full, this client has too many, comes too fast, or is banned. */
export type Refusal = 'overloaded' | 'tooManyConnections' | 'tooFast' | 'banned'

export interface Admission {
  /** Counts a connection in, or says why not. What was let in must be let out by `leave`. */
  enter(ip: string): Refusal | null
  leave(ip: string): void
  /** A login failed: gives the milliseconds to wait before the answer. */
  loginFailed(ip: string): number
  loginSucceeded(ip: string): void
  /** No further login of this client is to be tried. */
  isBanned(ip: string): boolean
  readonly open: number
  close(): void
}

/** `exempt`: clients that only the limit of all connections and the slowed logins hold for, such as the site's own networks. */
export function createAdmission(limits: AdmissionLimits, clock: Clock, exempt: (ip: string) => boolean): Admission {
  return new ClientAdmission(limits, clock, exempt)
}

class ClientAdmission implements Admission {
  readonly #limits: AdmissionLimits
  readonly #clock: Clock
  readonly #exempt: (ip: string) => boolean
  /** In the order of last sight. */
  readonly #clients = new Map<string, Client>()
  readonly #sweeper: Timer
  /** Whose place at the end of `#clients` is known: one that comes again and again stays there. */
  #last: Client | null = null
  open = 0

  constructor(limits: AdmissionLimits, clock: Clock, exempt: (ip: string) => boolean) {
    this.#limits = limits
    this.#clock = clock
    this.#exempt = exempt
    this.#sweeper = clock.every(SWEEP_MS, () => this.#sweep())
  }

  enter(ip: string): Refusal | null {
    if (this.open >= this.#limits.connections) return 'overloaded'
    const client = this.#seen(ip)
    const refusal = this.#exempt(ip) ? null : this.#refusal(client)
    if (refusal !== null) return refusal
    client.open += 1
    this.open += 1
    return null
  }

  leave(ip: string): void {
    const client = this.#clients.get(clientKey(ip))
    if (client && client.open > 0) client.open -= 1
    this.open -= 1
  }

  loginFailed(ip: string): number {
    const client = this.#seen(ip)
    const now = this.#clock.mono()
    if (now - client.lastFailure > FAILURE_WINDOW_MS) client.failures = 0
    client.failures += 1
    client.lastFailure = now
    if (client.failures >= BAN_FAILURES && !this.#exempt(ip)) client.bannedUntil = now + BAN_MS
    return Math.min(SLOW_MAX_MS, Math.max(0, client.failures - FREE_FAILURES) * SLOW_STEP_MS)
  }

  loginSucceeded(ip: string): void {
    const client = this.#clients.get(clientKey(ip))
    if (client) client.failures = 0
  }

  isBanned(ip: string): boolean {
    return (this.#clients.get(clientKey(ip))?.bannedUntil ?? 0) > this.#clock.mono()
  }

  close(): void {
    this.#sweeper.cancel()
  }

  #refusal(client: Client): Refusal | null {
    const now = this.#clock.mono()
    if (client.bannedUntil > now) return 'banned'
    if (client.open >= this.#limits.connectionsPerClient) return 'tooManyConnections'
    if (now - client.windowStart > RATE_WINDOW_MS) {
      client.windowStart = now
      client.recent = 0
    }
    client.recent += 1
    return client.recent > this.#limits.connectionsPerMinute ? 'tooFast' : null
  }

  #seen(ip: string): Client {
    const key = clientKey(ip)
    let client = this.#clients.get(key)
    if (client && client === this.#last) return client
    if (client) this.#clients.delete(key)
    else {
      if (this.#clients.size >= MAX_CLIENTS) this.#forgetOne()
      client = { open: 0, recent: 0, windowStart: this.#clock.mono(), failures: 0, lastFailure: 0, bannedUntil: 0 }
    }
    this.#clients.set(key, client)
    this.#last = client
    return client
  }

  #forgetOne(): void {
    for (const [key, client] of this.#clients) {
      if (client.open > 0) continue
      this.#clients.delete(key)
      return
    }
  }

  #sweep(): void {
    const now = this.#clock.mono()
    for (const [key, client] of this.#clients) {
      const quiet = client.failures === 0 || now - client.lastFailure > FAILURE_WINDOW_MS
      const rested = now - client.windowStart > RATE_WINDOW_MS && client.bannedUntil <= now
      if (client.open === 0 && quiet && rested) this.#clients.delete(key)
    }
  }
}

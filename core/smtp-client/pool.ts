// Open connections kept for the next mail to the same destination: few in all, none for long (RFC 5321 §4.5.4.1 encourages it).
import type { Clock, Timer } from '../base/clock.ts'
import { temporary } from '../base/failure.ts'
import type { Connection } from './connection.ts'

export interface PoolLimits {
  /** Connections of this process in all, busy and idle. */
  readonly connections: number
  /** Idle ones that one destination may keep. */
  readonly idlePerKey: number
  /** Milliseconds without a mail until the goodbye. */
  readonly idleMs: number
  /** Mails over one connection. */
  readonly uses: number
  /** Milliseconds from connecting until the last mail may start. */
  readonly ageMs: number
}

export const defaultLimits: PoolLimits = {
  connections: 1000, // as many as the pipeline sends at once: none waits for those that do not answer
  idlePerKey: 20,
  idleMs: 5_000,
  uses: 100,
  ageMs: 300_000,
}

const SWEEP_MS = 1000

export class ConnectionPool {
  readonly #clock: Clock
  readonly #limits: PoolLimits
  readonly #open = new Set<Connection>()
  /** The idle ones of each destination, the one used last at the end. */
  readonly #idle = new Map<string, Connection[]>()
  readonly #waiting: (() => void)[] = []
  #sweep: Timer | null = null
  #emptied: (() => void) | null = null
  #closing = false

  constructor(clock: Clock, limits: PoolLimits) {
    this.#clock = clock
    this.#limits = limits
  }

  /** An idle connection, the one used last; null without one. */
  take(key: string): Connection | null {
    return this.#idle.get(key)?.pop() ?? null
  }

  /** Gives a connection back after a mail: kept if it may carry more, else closed politely. */
  give(key: string, connection: Connection): void {
    if (connection.isClosed) return
    const now = this.#clock.mono()
    const kept = this.#idle.get(key) ?? []
    const worn = connection.uses >= this.#limits.uses || now - connection.opened >= this.#limits.ageMs
    const full = kept.length >= this.#limits.idlePerKey || this.#waiting.length > 0
    if (!connection.isReady || worn || full || this.#closing) {
      connection.quit()
      return
    }
    connection.key = key
    connection.idleSince = now
    if (kept.push(connection) === 1) this.#idle.set(key, kept)
  }

  /** Opens a connection once there is room for it; an idle one makes room. Throws a temporary Failure on abort. */
  async open(signal: AbortSignal, make: () => Connection): Promise<Connection> {
    while (this.#open.size >= this.#limits.connections) {
      const oldest = this.#oldest()
      if (oldest) oldest.leave()
      else await this.#room(signal)
    }
    if (signal.aborted || this.#closing) throw temporary('given up before a connection was free')
    const connection = make()
    this.#open.add(connection)
    this.#sweep ??= this.#clock.every(SWEEP_MS, () => this.#check())
    connection.onClosed = this.#closed
    return connection
  }

  /** Says goodbye on all idle connections and waits until every connection is gone, for `ms` at most. */
  async close(ms: number): Promise<void> {
    this.#closing = true
    for (const connection of [...this.#idle.values()].flat()) this.#dismiss(connection)
    if (this.#open.size === 0) return
    const timer = this.#clock.after(ms, () => {
      for (const connection of this.#open) connection.abort('shutting down')
    })
    await new Promise<void>((resolve) => {
      this.#emptied = resolve
    })
    timer.cancel()
  }

  #room(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = () => {
        const at = this.#waiting.indexOf(go)
        if (at >= 0) this.#waiting.splice(at, 1)
        resolve()
      }
      if (signal.aborted) return resolve()
      signal.addEventListener('abort', leave, { once: true })
      this.#waiting.push(go)
    })
  }

  readonly #closed = (connection: Connection): void => {
    this.#open.delete(connection)
    this.#forget(connection)
    this.#waiting.shift()?.()
    if (this.#open.size > 0) return
    this.#sweep?.cancel()
    this.#sweep = null
    this.#emptied?.()
  }

  #check(): void {
    const now = this.#clock.mono()
    for (const connection of [...this.#idle.values()].flat()) {
      if (now - connection.idleSince >= this.#limits.idleMs) this.#dismiss(connection)
    }
    for (const connection of this.#open) connection.checkDeadline(now)
  }

  #dismiss(connection: Connection): void {
    this.#forget(connection)
    connection.quit()
  }

  /** Takes it, if it is idle, from those of its destination. */
  #forget(connection: Connection): void {
    const kept = this.#idle.get(connection.key) ?? []
    const at = kept.indexOf(connection)
    if (at >= 0) kept.splice(at, 1)
    if (kept.length === 0) this.#idle.delete(connection.key)
  }

  #oldest(): Connection | null {
    let oldest: Connection | null = null
    for (const [first] of this.#idle.values())
      if (first && first.idleSince < (oldest?.idleSince ?? Infinity)) oldest = first
    return oldest
  }
}

// IMAP as a service: takes connections, sweeps idle sessions, says who is there, winds down.
import type { Socket } from 'node:net'
import type { Timer } from '../base/clock.ts'
import { Crowd } from '../base/crowd.ts'
import type { Site } from '../config/site.ts'
import type { Refusal } from '../net/admission.ts'
import { createNetworks, type Networks } from '../net/networks.ts'
import type { Connection, ProtocolService, SessionSummary } from '../net/service.ts'
import type { Generations } from '../plugin/generation.ts'
import { ImapSession, type SessionDeps, type SessionOwner } from './session.ts'

const SWEEP_MS = 10_000

export interface ImapDeps extends SessionDeps {
  readonly generations: Generations
}

const REFUSALS: { readonly [kind in Refusal | 'draining']: string } = {
  draining: '[UNAVAILABLE] Shutting down',
  overloaded: '[UNAVAILABLE] Too busy, try again later',
  tooManyConnections: '[LIMIT] Too many connections from your address',
  tooFast: '[LIMIT] Too many connections from your address',
  banned: '[UNAVAILABLE] Try again later',
}

/** Serves `imap` and `imaps` listeners. */
export function createImapService(deps: ImapDeps): ProtocolService {
  return new ImapService(deps)
}

class ImapService implements ProtocolService, SessionOwner {
  readonly #deps: ImapDeps
  readonly #sessions = new Crowd<ImapSession>()
  readonly #sweeper: Timer
  #draining = false
  #emptied: (() => void) | null = null

  constructor(deps: ImapDeps) {
    this.#deps = deps
    this.#sweeper = deps.clock.every(SWEEP_MS, () => {
      for (const session of this.#sessions) session.sweep()
    })
  }

  accept(connection: Connection): void {
    const { admission, generations } = this.#deps
    const refusal = this.#draining ? 'draining' : admission.enter(connection.remoteIp)
    if (refusal !== null) {
      sayBye(connection.socket, REFUSALS[refusal])
      return
    }
    const generation = generations.current()
    generation.hold()
    const trusted = trusts(generation.site, connection.remoteIp)
    this.#sessions.add(new ImapSession(connection, generation, trusted, this.#deps, this))
  }

  closed(session: ImapSession): void {
    session.generation.release()
    this.#deps.admission.leave(session.facts.remoteIp)
    this.#sessions.remove(session)
    if (this.#sessions.size === 0) this.#emptied?.()
  }

  sessions(): readonly SessionSummary[] {
    return [...this.#sessions].map((session) => session.summary)
  }

  async drain(ms: number): Promise<void> {
    this.#draining = true
    const empty = new Promise<void>((resolve) => {
      this.#emptied = resolve
    })
    for (const session of this.#sessions) if (session.isWaiting) session.bye('Shutting down')
    const byes = this.#deps.clock.every(100, () => {
      for (const session of this.#sessions) if (session.isWaiting) session.bye('Shutting down')
    })
    const cut = this.#deps.clock.after(ms, () => {
      for (const session of this.#sessions) session.destroy()
    })
    if (this.#sessions.size > 0) await empty
    this.#sweeper.cancel()
    byes.cancel()
    cut.cancel()
  }
}

function sayBye(socket: Socket, text: string): void {
  socket.on('error', () => {})
  socket.end(`* BYE ${text}\r\n`, () => socket.destroy())
}

const networks = new WeakMap<Site, Networks>()

function trusts(site: Site, ip: string): boolean {
  const known = networks.get(site) ?? createNetworks(site.networks)
  networks.set(site, known)
  return known.contains(ip)
}

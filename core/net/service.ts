// What every protocol offers to the listeners and to the operator: take a connection, say who is connected, wind down.
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ListenerSettings } from '../config/site.ts'

export interface Connection {
  /** What comes waits until somebody listens for it; an implicit-TLS service gets it after the handshake. */
  readonly socket: Socket | TLSSocket
  readonly listener: ListenerSettings
  /** As the PROXY protocol told it, where a trusted proxy is in front. */
  readonly remoteIp: string
  readonly remotePort: number
  readonly localIp: string
  readonly localPort: number
}

export interface SessionSummary {
  readonly id: string
  readonly service: string
  readonly remoteIp: string
  readonly user: string | null
  readonly state: string
  /** Wall clock, ms. */
  readonly since: number
  readonly detail: string
}

export interface ProtocolService {
  accept(connection: Connection): void
  sessions(): readonly SessionSummary[]
  /** Idle sessions get the protocol's goodbye (421, BYE) at once; busy ones may finish for `ms`. Resolves when all are gone. */
  drain(ms: number): Promise<void>
}

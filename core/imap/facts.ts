// What plugins see of an IMAP session.
import { createSessionId } from '../base/ids.ts'
import type { Token } from '../base/token.ts'
import type { Connection } from '../net/service.ts'
import { tlsInfo } from '../net/tls.ts'
import type { Identity, Notes, SessionFacts } from '../plugin/contract.ts'

/** Notes that cost nothing until the first is made. */
class LazyNotes implements Notes {
  #notes: Map<symbol, unknown> | null = null

  get<T>(key: Token<T>): T | undefined {
    return this.#notes?.get(key.symbol) as T | undefined
  }
  set<T>(key: Token<T>, value: T): void {
    this.#notes ??= new Map()
    this.#notes.set(key.symbol, value)
  }
}

export class Facts implements SessionFacts {
  readonly id = createSessionId()
  readonly service: string
  readonly remoteIp: string
  readonly remotePort: number
  readonly localIp: string
  readonly localPort: number
  readonly helo = null
  readonly extended = false
  readonly trusted: boolean
  readonly started: number
  tls: SessionFacts['tls']
  identity: Identity | null = null
  readonly notes: Notes = new LazyNotes()

  constructor(connection: Connection, trusted: boolean, now: number) {
    this.service = connection.listener.service
    this.remoteIp = connection.remoteIp
    this.remotePort = connection.remotePort
    this.localIp = connection.localIp
    this.localPort = connection.localPort
    this.trusted = trusted
    this.started = now
    this.tls = tlsInfo(connection.socket)
  }
}

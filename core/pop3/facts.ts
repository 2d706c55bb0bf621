// The facts of a session as hooks see them; only the session itself changes them.
import { createSessionId } from '../base/ids.ts'
import type { Token } from '../base/token.ts'
import type { Connection } from '../net/service.ts'
import { tlsInfo } from '../net/tls.ts'
import type { Identity, Notes, SessionFacts, TlsFacts } from '../plugin/contract.ts'

export interface OwnFacts extends SessionFacts {
  tls: TlsFacts | null
  identity: Identity | null
}

export function createFacts(connection: Connection, now: number): OwnFacts {
  const { remoteIp, remotePort, localIp, localPort } = connection
  return {
    id: createSessionId(),
    service: connection.listener.service,
    remoteIp,
    remotePort,
    localIp,
    localPort,
    helo: null,
    extended: false,
    tls: tlsInfo(connection.socket),
    identity: null,
    trusted: false,
    started: now,
    notes: createNotes(),
  }
}

function createNotes(): Notes {
  const values = new Map<symbol, unknown>()
  return {
    get: <T>(key: Token<T>) => values.get(key.symbol) as T | undefined,
    set: (key, value) => void values.set(key.symbol, value),
  }
}

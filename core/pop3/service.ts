// The POP3 service: takes connections of pop3 and pop3s listeners, knows its sessions, winds them down.
import type { Clock } from '../base/clock.ts'
import { Crowd } from '../base/crowd.ts'
import type { Logger } from '../base/log.ts'
import type { Admission } from '../net/admission.ts'
import type { Connection, ProtocolService } from '../net/service.ts'
import type { TlsService } from '../net/tls.ts'
import type { Generations } from '../plugin/generation.ts'
import type { MailboxStore } from '../store/mailbox-store.ts'
import { MaildropLocks } from './maildrop.ts'
import { Pop3Session } from './session.ts'
import { responses } from './wire/response.ts'

export interface Pop3ServiceDeps {
  readonly generations: Generations
  readonly store: MailboxStore
  readonly clock: Clock
  readonly log: Logger
  /** null: no STLS. */
  readonly tls: TlsService | null
  readonly admission: Admission
}

export interface Pop3Deps extends Pop3ServiceDeps {
  readonly locks: MaildropLocks
}

const SWEEP_MS = 5_000

/** Options of a listener: `apop: true` offers APOP to users whose password is stored as {PLAIN}. */
export function createPop3Service(serviceDeps: Pop3ServiceDeps): ProtocolService {
  const deps: Pop3Deps = { ...serviceDeps, locks: new MaildropLocks() }
  const { admission, clock } = deps
  const sessions = new Crowd<Pop3Session>()
  let whenEmpty: (() => void) | null = null

  const ended = (session: Pop3Session): void => {
    sessions.remove(session)
    admission.leave(session.facts.remoteIp)
    if (sessions.size === 0) whenEmpty?.()
  }
  const sweep = clock.every(SWEEP_MS, () => {
    const now = clock.mono()
    for (const session of sessions) session.expire(now)
  })

  return {
    accept(connection) {
      const refusal = admission.enter(connection.remoteIp)
      if (refusal === null) sessions.add(new Pop3Session(connection, deps, ended))
      else turnAway(connection, refusal === 'banned' ? responses.banned() : responses.tooManyConnections())
    },
    sessions: () => Array.from(sessions, (session) => session.summary()),
    async drain(ms) {
      for (const session of sessions) session.shutDown()
      const empty = new Promise<void>((resolve) => {
        whenEmpty = resolve
      })
      const timer = clock.after(ms, () => {
        for (const session of sessions) session.destroy()
      })
      if (sessions.size > 0) await empty
      timer.cancel()
      sweep.cancel()
    },
  }
}

function turnAway({ socket }: Connection, response: string): void {
  socket.on('error', () => {})
  socket.end(response)
  socket.resume()
}

// The protocol service behind every SMTP-like listener: admits connections, keeps the sessions, sweeps and drains them.
import type { Clock } from '../base/clock.ts'
import { Crowd } from '../base/crowd.ts'
import type { Logger } from '../base/log.ts'
import type { Site } from '../config/site.ts'
import { refusalLine } from '../message/refusal-line.ts'
import { formatReply, replies } from '../message/reply.ts'
import type { BodySpool } from '../message/spool.ts'
import type { Admission, Refusal } from '../net/admission.ts'
import { createNetworks, type Networks } from '../net/networks.ts'
import type { Connection, ProtocolService, SessionSummary } from '../net/service.ts'
import type { TlsService } from '../net/tls.ts'
import type { Intake } from '../pipeline/intake.ts'
import type { Generations } from '../plugin/generation.ts'
import type { Trace } from '../trace/trace.ts'
import { SmtpSession } from './session.ts'
import { TurnEnd } from './turn-end.ts'

const SWEEP_MS = 1_000

export interface SmtpServiceDeps {
  readonly generations: Generations
  readonly intake: Intake
  readonly spool: BodySpool
  readonly clock: Clock
  readonly log: Logger
  /** null: STARTTLS is not offered. */
  readonly tls: TlsService | null
  readonly admission: Admission
  readonly trace: Pick<Trace, 'record'>
  /** Room in the queue for a message of this many octets (0: unknown). */
  readonly hasRoom: (size: number) => boolean
}

/** What the sessions of one service share. */
export interface SmtpServiceContext extends SmtpServiceDeps {
  readonly draining: boolean
  /** Where replies wait for those of other sessions; null unless there are more than one that goes and one that comes. */
  readonly together: TurnEnd | null
  networksOf(site: Site): Networks
  closed(session: SmtpSession): void
}

const REFUSALS = {
  overloaded: replies.overloaded,
  tooManyConnections: replies.tooManyConnections,
  tooFast: replies.tooFast,
  banned: replies.banned,
} satisfies { [refusal in Refusal]: () => ReturnType<typeof replies.overloaded> }

/** One service for the listeners smtp, submission, submissions, lmtp and local. */
export function createSmtpService(deps: SmtpServiceDeps): ProtocolService {
  const sessions = new Crowd<SmtpSession>()
  const turnEnd = new TurnEnd()
  const networks = new WeakMap<Site, Networks>()
  let drained: (() => void) | null = null
  const context: SmtpServiceContext & { draining: boolean } = {
    ...deps,
    log: deps.log.with({ component: 'smtpd' }),
    draining: false,
    get together() {
      return sessions.size > 2 ? turnEnd : null
    },
    networksOf(site) {
      const known = networks.get(site) ?? createNetworks(site.networks)
      networks.set(site, known)
      return known
    },
    closed(session) {
      sessions.remove(session)
      deps.admission.leave(session.facts.remoteIp)
      if (sessions.size === 0) drained?.()
    },
  }
  const sweeper = deps.clock.every(SWEEP_MS, () => {
    const now = deps.clock.mono()
    for (const session of sessions) session.checkTime(now)
  })

  return {
    accept(connection) {
      const { hostname } = deps.generations.current().site
      if (context.draining) {
        turnAway(connection, formatReply(replies.shuttingDown(hostname)))
        return
      }
      const refusal = deps.admission.enter(connection.remoteIp)
      if (refusal !== null) {
        const reply = REFUSALS[refusal]()
        const client = { service: '', remoteIp: connection.remoteIp, helo: null, extended: false }
        context.log.info(refusalLine({ where: 'CONNECT', from: null, to: null }, client, reply), {
          ip: connection.remoteIp,
        })
        turnAway(connection, formatReply(reply))
        return
      }
      const session = new SmtpSession(context, connection, deps.generations.current())
      sessions.add(session)
      session.open()
    },
    sessions: (): SessionSummary[] => [...sessions].map((session) => session.summary()),
    async drain(ms) {
      context.draining = true
      const empty = new Promise<void>((resolve) => {
        drained = resolve
      })
      const cutOff = (): void => {
        for (const session of sessions) session.destroy()
      }
      for (const session of sessions) session.windDown()
      if (ms <= 0) cutOff()
      if (sessions.size > 0) {
        const timer = deps.clock.after(ms, cutOff)
        await empty
        timer.cancel()
      }
      sweeper.cancel()
    },
  }
}

/** One reply and the end, without a session. */
function turnAway({ socket }: Connection, text: string): void {
  socket.on('error', () => socket.destroy())
  socket.on('end', () => socket.destroy())
  socket.resume()
  socket.end(text, () => socket.destroy())
}

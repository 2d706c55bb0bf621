// An SMTP service on real sockets with hooks, intake and spool held in the hand: for tests of sessions alone.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../core/base/clock.ts'
import type { Reply } from '../../core/base/failure.ts'
import { type LogFields, type Logger, silentLogger } from '../../core/base/log.ts'
import type { Site } from '../../core/config/site.ts'
import { memoryBody } from '../../core/message/content.ts'
import type { Envelope } from '../../core/message/envelope.ts'
import { replies } from '../../core/message/reply.ts'
import type { BodySpool } from '../../core/message/spool.ts'
import { type Admission, type AdmissionLimits, createAdmission } from '../../core/net/admission.ts'
import { type Listener, openListener } from '../../core/net/listener.ts'
import type { ProtocolService } from '../../core/net/service.ts'
import { openTls, type TlsService } from '../../core/net/tls.ts'
import type { Submission } from '../../core/pipeline/intake.ts'
import type { Generation, HookRunner } from '../../core/plugin/generation.ts'
import { createSmtpService } from '../../core/smtp/service.ts'
import type { TraceEvent } from '../../core/trace/trace.ts'
import { testSite } from './site.ts'

export interface Received {
  readonly queueId: string
  readonly envelope: Envelope
  readonly text: string
  readonly submission: Submission
}

export interface SmtpServiceOptions {
  readonly site?: Partial<Site>
  readonly hooks?: Partial<HookRunner>
  readonly clock?: Clock
  readonly spool?: BodySpool
  readonly limits?: Partial<AdmissionLimits>
  /** Clients that limits do not hold for; none by default. */
  readonly exempt?: (ip: string) => boolean
  readonly tls?: boolean
  readonly hasRoom?: (size: number) => boolean
  /** Answers a message; 250 for each answer wanted by default. */
  readonly answer?: (message: Received) => readonly Reply[] | Promise<readonly Reply[]>
}

export interface TestSmtpService {
  readonly service: ProtocolService
  readonly admission: Admission
  readonly tls: TlsService | null
  /** What the intake got. */
  readonly received: readonly Received[]
  /** Log lines, with their fields. */
  readonly log: readonly { event: string; fields: LogFields }[]
  readonly trace: readonly TraceEvent[]
  /** Sessions that hold the generation now. */
  readonly holders: number
  /** Opens a listener; gives its port. A `path` makes it a unix socket (and the port 0). */
  listen(service: string, options?: { [key: string]: unknown }, path?: string): Promise<number>
  end(): Promise<void>
}

const identity = (account: string) => ({ account, authcid: account, authzid: account, addresses: [account] })

/**
 * Recipients at example.com are local but for `nobody@`; others are admitted as relay for trusted or authenticated
 * clients. Users are their own password: `ana@example.com`.
 */
export const testHooks: HookRunner = {
  connect: () => ({ kind: 'pass' }),
  helo: () => ({ kind: 'pass' }),
  mail: () => ({ kind: 'pass' }),
  rcpt({ session }, recipient) {
    const { local, domain } = recipient.address
    if (domain === 'example.com' || domain === '') {
      return local === 'nobody'
        ? { kind: 'reject', reply: replies.userUnknown(`${local}@${domain}`) }
        : { kind: 'accept', as: 'local', recipient }
    }
    return session.trusted || session.identity
      ? { kind: 'accept', as: 'relay', recipient }
      : { kind: 'reject', reply: replies.relayDenied() }
  },
  data: () => ({ kind: 'pass' }),
  async authVerify(user, password) {
    if (user === 'down@example.com') return { kind: 'unavailable' }
    return user === password ? { kind: 'identity', identity: identity(user) } : { kind: 'denied' }
  },
  authSecret: async () => null,
  message: () => {
    throw new Error('not asked by a session')
  },
  expand: async () => null,
  route: async () => null,
  courier: () => null,
  isLocalDomain: (domain) => domain === 'example.com',
  mailbox: () => ({ kind: 'pass' }),
  observe() {},
  has: () => false,
}

/** Bodies in memory, without bound. */
export const memorySpool: BodySpool = {
  writer() {
    const parts: Buffer[] = []
    return {
      get size() {
        return parts.reduce((sum, part) => sum + part.length, 0)
      },
      write: (chunk) => void parts.push(chunk),
      finish: () => memoryBody(Buffer.concat(parts)),
      abort() {},
    }
  },
}

export async function startSmtpService(options: SmtpServiceOptions = {}): Promise<TestSmtpService> {
  const folder = mkdtempSync(join(tmpdir(), 'estafeta-smtp-'))
  const clock = options.clock ?? systemClock
  const site = testSite(folder, { networks: [], ...options.site })
  const state = { received: [] as Received[], log: [] as { event: string; fields: LogFields }[], holders: 0 }
  const trace: TraceEvent[] = []
  const generation: Generation = {
    number: 1,
    site,
    hooks: { ...testHooks, ...options.hooks },
    quota: async () => 0,
    hold() {
      state.holders += 1
    },
    release() {
      state.holders -= 1
    },
  }
  const log = recordingLogger(state.log)
  const tls =
    options.tls === false
      ? null
      : await openTls({ files: null, data: folder, hostname: 'mx.test', clock: systemClock, log })
  const limits = { connections: 1000, connectionsPerClient: 1000, connectionsPerMinute: 100_000, ...options.limits }
  const admission = createAdmission(limits, clock, options.exempt ?? (() => false))
  const service = createSmtpService({
    generations: { current: () => generation },
    spool: options.spool ?? memorySpool,
    clock,
    log,
    tls,
    admission,
    trace: { record: (event) => void trace.push(event) },
    hasRoom: options.hasRoom ?? (() => true),
    intake: {
      async submit(submission) {
        const text = submission.body.bytes!.toString('latin1')
        const message = { queueId: submission.queueId, envelope: submission.envelope, text, submission }
        state.received.push(message)
        submission.body.release()
        if (options.answer) return options.answer(message)
        const times = submission.replyPerRecipient ? submission.envelope.recipients.length : 1
        return Array.from({ length: times }, () => replies.queued(submission.queueId))
      },
    },
  })
  const listeners: Listener[] = []
  return {
    service,
    admission,
    tls,
    trace,
    received: state.received,
    log: state.log,
    get holders() {
      return state.holders
    },
    async listen(name, listenerOptions = {}, path) {
      const settings = { service: name, host: '127.0.0.1', port: 0, path: path ?? null, options: listenerOptions }
      const listener = await openListener(settings, service, { clock: systemClock, log, tls, protocols: 'all' })
      listeners.push(listener)
      return listener.port
    },
    async end() {
      for (const listener of listeners) await listener.close()
      await service.drain(0)
      admission.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function recordingLogger(into: { event: string; fields: LogFields }[]): Logger {
  const record = (event: string, fields: LogFields = {}): void => void into.push({ event, fields })
  const log: Logger = { ...silentLogger, info: record, warn: record, error: record, with: () => log }
  return log
}

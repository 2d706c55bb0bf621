// Serves SMTP with an intake that keeps nothing: what sessions alone cost. Run from the build: node dist/test/bench/smtp-receiver.js PORT
import { memoryUsage } from 'node:process'
import { systemClock } from '../../core/base/clock.ts'
import { silentLogger } from '../../core/base/log.ts'
import { replies } from '../../core/message/reply.ts'
import { createAdmission } from '../../core/net/admission.ts'
import { openListener } from '../../core/net/listener.ts'
import { createSmtpService } from '../../core/smtp/service.ts'
import { testSite } from '../kit/site.ts'
import { memorySpool, testHooks } from '../kit/smtp-service.ts'

const port = Number(process.argv[2] ?? 2525)
const site = testSite('.', { limits: { ...testSite('.').limits, connections: 20_000 } })
const generation = { number: 1, site, hooks: testHooks, quota: async () => 0, hold() {}, release() {} }
const unlimited = { connections: 20_000, connectionsPerClient: 20_000, connectionsPerMinute: 1e9 }
const service = createSmtpService({
  generations: { current: () => generation },
  intake: {
    async submit({ queueId, body }) {
      body.release()
      return [replies.queued(queueId)]
    },
  },
  spool: memorySpool,
  clock: systemClock,
  log: silentLogger,
  tls: null,
  admission: createAdmission(unlimited, systemClock, () => true),
  trace: { record() {} },
  hasRoom: () => true,
})
const settings = { service: 'smtp', host: '127.0.0.1', port, path: null, options: {} }
await openListener(settings, service, { clock: systemClock, log: silentLogger, tls: null, protocols: 'all' })
process.stdout.write(`listening on ${port}\n`)
process.on('SIGTERM', () => process.exit())
process.on('SIGUSR2', () => {
  globalThis.gc?.()
  const { rss, heapUsed } = memoryUsage()
  const cpu = process.cpuUsage()
  const line = { sessions: service.sessions().length, rss, heapUsed, cpuMs: (cpu.user + cpu.system) / 1000 }
  process.stdout.write(`${JSON.stringify(line)}\n`)
})

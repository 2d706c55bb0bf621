// Has clamd look at every message before it is queued, and does with infected mail what the site says.
import {
  contentChunks,
  definePlugin,
  discard,
  LOGGER,
  type MessageAnswer,
  type MessageFacts,
  reject,
  replies,
  SITE,
  sizeSetting,
  z,
} from 'estafeta/plugin'
import type { Scan } from './scanner.ts'
import { createSlots } from './slots.ts'

/** Our own fields: those that a message brought along prove nothing. */
const OWN_FIELDS = [{ name: 'X-Virus-Scanned' }, { name: 'X-Virus-Status' }]

const config = z.strictObject({
  socket: z.string().startsWith('/').optional().describe('Path of clamd’s socket; host and port are not used then'),
  host: z.string().default('127.0.0.1').describe('Where clamd listens'),
  port: z.int().min(1).max(65535).default(3310),
  onVirus: z
    .enum(['reject', 'quarantine', 'tag', 'discard'])
    .default('reject')
    .describe('What becomes of infected mail: refused, held in the queue, marked with X-Virus-Status, or dropped'),
  maxSize: sizeSetting.default(25 * 2 ** 20).describe('The largest message that is scanned: clamd’s StreamMaxLength'),
  whenTooBig: z
    .enum(['pass', 'reject', 'quarantine'])
    .default('pass')
    .describe('What becomes of mail above maxSize, which nobody scanned'),
  concurrency: z.int().min(1).max(1000).default(10).describe('Scans at once: not more than clamd’s MaxThreads'),
  header: z.boolean().default(true).describe('Whether X-Virus-Scanned is added'),
})
type Config = z.infer<typeof config>

export default definePlugin({
  name: 'clamav',
  description: 'Has clamd scan every message for malware',
  config,
  inject: { site: SITE, log: LOGGER },
  setup({ site, log, config }) {
    // clamscan is loaded with the first message: until then it would only take room
    let scan: Promise<Scan> | null = null
    const loadScan = async () =>
      (await import('./scanner.ts')).createScan({ socket: config.socket ?? null, host: config.host, port: config.port })
    const slots = createSlots(config.concurrency)
    return {
      message: {
        async run(message, signal): Promise<MessageAnswer> {
          if (message.size === 0) return { detail: 'empty' }
          if (message.size > config.maxSize) return tooBig(message, config)
          scan ??= loadScan()
          const run = await scan
          const found = await slots.run(signal, () => run(contentChunks(message.content), signal))
          if (found.length === 0) return { remove: OWN_FIELDS, ...scanned(config, site.hostname), detail: 'clean' }
          log.warn(`infected: ${found.join(', ')}`, { tid: message.id, qid: message.queueId, hook: 'message' })
          return infected(found.join(', '), config, site.hostname)
        },
      },
    }
  },
})

const scanned = ({ header }: Config, hostname: string, result = 'clamav') =>
  header ? { add: [{ name: 'X-Virus-Scanned', value: `${result} at ${hostname}` }] } : {}

function infected(names: string, config: Config, hostname: string): MessageAnswer {
  const detail = `infected: ${names}`
  switch (config.onVirus) {
    case 'reject':
      return { all: reject(replies.virusFound(names), detail), detail }
    case 'discard':
      return { all: discard(detail), detail }
    case 'quarantine':
      return { remove: OWN_FIELDS, ...scanned(config, hostname), quarantine: detail, detail }
    case 'tag': {
      const fields = scanned(config, hostname).add ?? []
      return { remove: OWN_FIELDS, add: [...fields, { name: 'X-Virus-Status', value: `infected (${names})` }], detail }
    }
  }
}

function tooBig(message: MessageFacts, config: Config): MessageAnswer {
  const detail = `not scanned: ${message.size} octets, more than ${config.maxSize}`
  if (config.whenTooBig === 'reject') return { all: reject(replies.messageTooBig(config.maxSize), detail), detail }
  if (config.whenTooBig === 'quarantine') return { remove: OWN_FIELDS, quarantine: detail, detail }
  return { remove: OWN_FIELDS, detail }
}

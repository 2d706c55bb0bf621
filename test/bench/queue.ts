// The queue alone: how many messages a second become durable, at what cost to the main thread, and what many waiting ones take. Run: node test/bench/queue.ts [messages] [waiting]
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../core/base/clock.ts'
import { createQueueId } from '../../core/base/ids.ts'
import { silentLogger } from '../../core/base/log.ts'
import { nodeFiles } from '../../core/base/node-files.ts'
import { memoryContent } from '../../core/message/content.ts'
import { defaultMailParameters } from '../../core/message/envelope.ts'
import { openEmbeddedQueue } from '../../core/queue/embedded-queue.ts'
import type { NewQueueItem, Queue } from '../../core/queue/queue.ts'

const [messages = 20_000, waiting = 200_000] = process.argv.slice(2).map(Number)
const bytes = Buffer.alloc(4096, 'A line of sixty-four octets, which is what people like to write..\r\n')
bytes.write('From: <ana@a.test>\r\nSubject: bench\r\n\r\n')

const address = (local: string, domain: string) => ({ local, domain, original: `${local}@${domain}` })

function newItem(number: number): NewQueueItem {
  const now = Date.now()
  const id = createQueueId(now)
  const session = id.slice(8)
  return {
    id,
    arrived: now,
    expires: now + 432_000_000,
    envelope: {
      ...defaultMailParameters,
      reversePath: address(`sender${number % 1000}`, 'example.com'),
      recipients: [{ address: address(`user${number}`, `host${number % 50}.example.org`), notify: [], orcpt: null }],
    },
    origin: { session, transaction: `${session}.1`, service: 'smtp', ip: '192.0.2.1', helo: 'mx.test', account: null },
    messageId: `<${id}@example.com>`,
    content: memoryContent(bytes),
    filtered: true,
  }
}

const open = (directory: string): Promise<Queue> =>
  openEmbeddedQueue({ directory, files: nodeFiles, clock: systemClock, log: silentLogger, minFree: 0 })

/** Settles one due message: delivered, or to be tried again in an hour. */
async function deliver(queue: Queue, status: 'delivered' | 'ready'): Promise<void> {
  const [item] = queue.takeDue(Date.now(), 1)
  const lease = item && queue.claim(item.id, [0], 60_000)
  if (!item || !lease) return
  const content = await queue.content(item.id)
  content.body.release()
  const reply = { code: status === 'ready' ? 451 : 250, enhanced: null, text: 'said the other side' }
  const common = { n: 0, reply, relay: null, lane: 'smtp:example.org' }
  const settled = [status === 'ready' ? { ...common, status, due: Date.now() + 3_600_000 } : { ...common, status }]
  await queue.update({ id: item.id, lease: lease.token, settled })
}

/** Keeps `inFlight` messages under way until all are done, and prints what it took. */
async function measure(
  name: string,
  queue: Queue,
  count: number,
  inFlight: number,
  step: (n: number) => Promise<void>,
) {
  let next = 0
  const latencies: number[] = []
  const work = async () => {
    while (next < count) {
      const started = performance.now()
      await step(next++)
      latencies.push(performance.now() - started)
    }
  }
  const syncs = queue.stats().syncs
  const [thread, all, started] = [process.threadCpuUsage(), process.cpuUsage(), performance.now()]
  await Promise.all(Array.from({ length: inFlight }, work))
  const ms = performance.now() - started
  const [main, both] = [process.threadCpuUsage(thread), process.cpuUsage(all)]
  latencies.sort((a, b) => a - b)
  const per = (us: number) => `${(us / count).toFixed(0)} µs`
  const at = (share: number) => `${latencies[Math.floor(share * (latencies.length - 1))]?.toFixed(2)} ms`
  console.log(
    `${name}: ${Math.round((count / ms) * 1000)}/s, p50 ${at(0.5)}, p99 ${at(0.99)}, main thread ${per(main.user + main.system)}, ` +
      `all ${per(both.user + both.system)} a message, ${(count / (queue.stats().syncs - syncs)).toFixed(1)} messages a sync`,
  )
}

/** In a process of its own, so that its memory is what a start takes. */
async function reopen(directory: string): Promise<void> {
  const started = performance.now()
  const queue = await open(directory)
  const opened = performance.now()
  const [first] = queue.takeDue(Date.now() + 7_200_000, 1)
  if (first) (await queue.content(first.id)).body.release()
  const listed = performance.now()
  const found = [...queue.list({ sender: 'sender7@example.com' })].length
  const { items, recipients } = queue.stats()
  console.log(
    `${items} waiting messages, ${recipients} recipients: opened in ${Math.round(opened - started)} ms, ` +
      `${found} of one sender listed in ${Math.round(performance.now() - listed)} ms, ${Math.round(process.memoryUsage.rss() / 1e6)} MB`,
  )
  await queue.close()
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'queue-bench-'))
  console.log(`Node ${process.version}, 4 KiB messages, one recipient, every one synced before it counts`)
  const queue = await open(join(folder, 'accept'))
  for (const inFlight of [50, 1, 10, 50]) {
    const count = inFlight === 1 ? messages / 10 : messages
    await measure(`accept, ${inFlight} in flight`, queue, count, inFlight, (n) => queue.enqueue(newItem(n)))
  }
  await measure('take, read, settle, 50 in flight', queue, messages, 50, () => deliver(queue, 'delivered'))
  await queue.close()

  const large = await open(join(folder, 'waiting'))
  await measure(`accept ${waiting}`, large, waiting, 200, (n) => large.enqueue(newItem(n)))
  await measure('defer them all', large, waiting, 200, () => deliver(large, 'ready'))
  await large.close()
  const program = fileURLToPath(import.meta.url)
  spawnSync(process.execPath, [program, join(folder, 'waiting')], { stdio: 'inherit' })
  rmSync(folder, { recursive: true })
}

const [directory] = process.argv.slice(2)
if (directory && Number.isNaN(Number(directory))) await reopen(directory)
else await main()

// A workload that uses all of the queue: expansion, bounces, large bodies, copying forward.
import type { FakeClock } from '../../core/base/clock.ts'
import { type Logger, silentLogger } from '../../core/base/log.ts'
import { createBodySpool } from '../../core/message/body-spool.ts'
import { findBodyStart, memoryContent } from '../../core/message/content.ts'
import { openEmbeddedQueue } from '../../core/queue/embedded-queue.ts'
import type { NewQueueItem, Queue } from '../../core/queue/queue.ts'
import type { CrashFiles } from '../kit/crash-files.ts'
import { address, deferred, messageBytes, newItem, type QueueModel, settled } from './queue-model.ts'

export const QUEUE = '/data/queue'
export const open = (files: CrashFiles, clock: FakeClock, log: Logger = silentLogger, minFree = 0): Promise<Queue> =>
  openEmbeddedQueue({
    directory: QUEUE,
    files,
    clock,
    log,
    minFree,
    committer: 'inline',
    segmentSize: 32 << 10,
  })

/** A crash is no damage: nothing may be reported as such. */
export const strict: Logger = {
  ...silentLogger,
  error(event, fields) {
    throw new Error(`${event}: ${JSON.stringify(fields)}`)
  },
}

/** What a client does when its message cannot be spooled. */
type Retry = <T>(run: () => Promise<T>) => Promise<T>

/** A message whose body was spooled to a file, as intake does it. */
async function enqueueLarge(
  files: CrashFiles,
  clock: FakeClock,
  model: QueueModel,
  queue: Queue,
  retry: Retry,
): Promise<string> {
  const item = newItem(clock, ['large@b.test'], 0)
  const bytes = messageBytes(item.id, 150_000)
  const spool = createBodySpool({ directory: `${QUEUE}/body`, files, memoryBudget: 1 << 20 })
  const body = await retry(() => spool.write([bytes]))
  const bodyStart = findBodyStart(bytes)
  const header = Buffer.concat([Buffer.from('Received: here\r\n'), bytes.subarray(0, bodyStart)])
  const content = { header, body, bodyStart, size: header.length + bytes.length - bodyStart }
  const large: NewQueueItem = { ...item, content }
  await model.enqueue(queue, large)
  body.release()
  return item.id
}

export async function workload(
  files: CrashFiles,
  clock: FakeClock,
  model: QueueModel,
  queue: Queue,
  retry: Retry = (run) => run(),
): Promise<void> {
  const add = async (to: readonly string[], size = 3000) => {
    const item = newItem(clock, to, size)
    await model.enqueue(queue, item)
    return item.id
  }
  const [a, b, c, held] = (await Promise.all([
    add(['x@b.test', 'y@b.test']),
    add(['list@a.test']),
    add(['p@c.test']),
    add(['q@c.test']),
  ])) as [string, string, string, string]
  await Promise.all([
    model.update(queue, { id: a, settled: [settled(0)] }),
    model.update(queue, { id: held, held: { reason: 'to be looked at', quarantine: true } }),
  ])
  const child = { reversePath: address('owner@a.test'), notify: [], orcpt: null }
  const into = ['m@b.test', 'n@b.test', 'o@b.test'].map((to) => ({ ...child, address: address(to) }))
  await model.update(queue, { id: b, expanded: [{ n: 0, into }] })
  await model.update(queue, { id: b, settled: [settled(1), deferred(2, clock.now() + 60_000)] })
  const alias = await add(['alias@a.test', 'other@a.test'])
  const one = { n: 0, into: [{ ...child, address: address('m@b.test') }] }
  await model.expand(queue, [one], { id: alias, settled: [settled(2)] })
  const others = ['r@b.test', 's@b.test'].map((to) => ({ ...child, address: address(to) }))
  await model.expand(queue, [{ n: 1, into: others }], { id: alias, settled: [deferred(3, clock.now() + 60_000)] })
  const large = await enqueueLarge(files, clock, model, queue, retry)
  const bounce = newItem(clock, ['ana@a.test'], 2000, { parent: c })
  await model.update(queue, { id: c, settled: [settled(0, 'failed')], enqueue: [bounce] })
  await model.update(queue, { id: bounce.id, filtered: true, content: memoryContent(messageBytes('changed', 4000)) })
  // traffic that is delivered at once: segments fill, are copied forward, used again
  const traffic = async () => {
    for (let round = 0; round < 6; round++) {
      const ids = await Promise.all([add(['t@b.test']), add(['t@b.test']), add(['t@b.test', 'u@b.test'])])
      await Promise.all(ids.map((id) => model.update(queue, { id, settled: [settled(0)] })))
    }
  }
  // meanwhile old ones change: some of it while they are being copied
  const chatter = async (id: string) => {
    for (let round = 0; round < 20; round++) await model.update(queue, { id, expires: clock.now() + round })
  }
  await Promise.all([traffic(), chatter(a), chatter(b)])
  // one large message pins its segment while others fill; with it, several go at once
  const pin = await add(['pin@b.test'], 12_000)
  for (let round = 0; round < 5; round++) {
    const ids = await Promise.all([add(['t@b.test']), add(['t@b.test']), add(['t@b.test'])])
    await Promise.all(ids.map((id) => model.update(queue, { id, settled: [settled(0)] })))
  }
  await model.update(queue, { id: pin, settled: [settled(0)] })
  await add(['x@b.test'])
  await model.update(queue, { id: large, settled: [settled(0)] })
  const replaced = memoryContent(messageBytes('replaced', 160_000))
  await model.update(queue, { id: held, held: null, content: replaced, filtered: true })
  await model.update(queue, { id: b, requeue: true, due: clock.now(), expires: clock.now() + 1 })
  await model.remove(queue, [held, bounce.id])
  for (let round = 0; round < 4; round++) {
    const ids = await Promise.all([add(['t@b.test']), add(['t@b.test']), add(['t@b.test'])])
    await Promise.all(ids.map((id) => model.update(queue, { id, settled: [settled(0)] })))
  }
}

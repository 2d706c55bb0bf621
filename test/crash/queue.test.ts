// The queue loses power at every single write, sync, create, rename and unlink of a workload that uses all of it, and must know all it acknowledged.
import { describe, expect, it } from 'vitest'
import { FakeClock } from '../../core/base/clock.ts'
import { type Logger, silentLogger } from '../../core/base/log.ts'
import { createBodySpool } from '../../core/message/body-spool.ts'
import { findBodyStart, memoryContent } from '../../core/message/content.ts'
import { openEmbeddedQueue } from '../../core/queue/embedded-queue.ts'
import type { NewQueueItem, Queue } from '../../core/queue/queue.ts'
import { CrashFiles } from '../kit/crash-files.ts'
import { address, deferred, messageBytes, newItem, QueueModel, settled } from './queue-model.ts'

const QUEUE = '/data/queue'
const SEEDS = Number(process.env.CRASH_SEEDS ?? 1)

const open = (files: CrashFiles, clock: FakeClock, log: Logger = silentLogger): Promise<Queue> =>
  openEmbeddedQueue({
    directory: QUEUE,
    files,
    clock,
    log,
    minFree: 0,
    committer: 'inline',
    segmentSize: 32 << 10,
  })

/** A crash is no damage: nothing may be reported as such. */
const strict: Logger = {
  ...silentLogger,
  error(event, fields) {
    throw new Error(`${event}: ${JSON.stringify(fields)}`)
  },
}

/** A message whose body was spooled to a file, as intake does it. */
async function enqueueLarge(files: CrashFiles, clock: FakeClock, model: QueueModel, queue: Queue): Promise<string> {
  const item = newItem(clock, ['large@b.test'], 0)
  const bytes = messageBytes(item.id, 150_000)
  const spool = createBodySpool({ directory: `${QUEUE}/body`, files, memoryBudget: 1 << 20 })
  const body = await spool.write([bytes])
  const bodyStart = findBodyStart(bytes)
  const header = Buffer.concat([Buffer.from('Received: here\r\n'), bytes.subarray(0, bodyStart)])
  const content = { header, body, bodyStart, size: header.length + bytes.length - bodyStart }
  const large: NewQueueItem = { ...item, content }
  await model.enqueue(queue, large)
  body.release()
  return item.id
}

async function workload(files: CrashFiles, clock: FakeClock, model: QueueModel, queue: Queue): Promise<void> {
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
  const large = await enqueueLarge(files, clock, model, queue)
  const bounce = newItem(clock, ['ana@a.test'], 2000, { parent: c })
  await model.update(queue, { id: c, settled: [settled(0, 'failed')], enqueue: [bounce] })
  await model.update(queue, { id: bounce.id, filtered: true, content: memoryContent(messageBytes('changed', 4000)) })
  // traffic that is delivered at once: segments fill, are copied forward, used again
  for (let round = 0; round < 6; round++) {
    const ids = await Promise.all([add(['t@b.test']), add(['t@b.test']), add(['t@b.test', 'u@b.test'])])
    await Promise.all([
      ...ids.map((id) => model.update(queue, { id, settled: [settled(0)] })),
      model.update(queue, { id: b, expires: clock.now() + round }),
    ])
  }
  // one large message pins its segment while others fill; with it, several go at once
  const pin = await add(['pin@b.test'], 12_000)
  for (let round = 0; round < 5; round++) {
    const ids = await Promise.all([add(['t@b.test']), add(['t@b.test']), add(['t@b.test'])])
    await Promise.all(ids.map((id) => model.update(queue, { id, settled: [settled(0)] })))
  }
  await model.update(queue, { id: pin, settled: [settled(0)] })
  await add(['x@b.test'])
  await model.update(queue, { id: large, settled: [settled(0)] })
  const replaced = memoryContent(messageBytes('replaced', 90_000))
  await model.update(queue, { id: held, held: null, content: replaced, filtered: true })
  await model.update(queue, { id: b, requeue: true, due: clock.now(), expires: clock.now() + 1 })
  await model.remove(queue, [held, bounce.id])
  for (let round = 0; round < 4; round++) {
    const ids = await Promise.all([add(['t@b.test']), add(['t@b.test']), add(['t@b.test'])])
    await Promise.all(ids.map((id) => model.update(queue, { id, settled: [settled(0)] })))
  }
}

async function begin(loseAt = Number.POSITIVE_INFINITY) {
  const files = new CrashFiles(['/data'])
  files.loseAt = loseAt
  const clock = new FakeClock()
  const model = new QueueModel(clock)
  const run = async () => {
    const queue = await open(files, clock)
    await workload(files, clock, model, queue)
    await queue.close()
  }
  const error = await run().then(
    () => null,
    (thrown: unknown) => thrown,
  )
  // without a crash nothing may fail; with one, everything after it does
  if (error !== null && !files.lost) throw error
  return { files, clock, model }
}

/** Starts again on what is left, checks, goes on a little, and starts and checks once more. */
async function recover(run: Awaited<ReturnType<typeof begin>>, seed?: number): Promise<void> {
  const files = run.files.reboot(seed)
  const queue = await open(files, run.clock, strict)
  await run.model.check(queue)
  const large = [...queue.list()].filter(({ size }) => size > 70_000).length
  expect(files.readdir(`${QUEUE}/body`)).toHaveLength(large)
  const item = newItem(run.clock, ['after@b.test'], 2500)
  await run.model.enqueue(queue, item)
  await run.model.update(queue, { id: item.id, settled: [deferred(0, run.clock.now() + 5)] })
  const [oldest] = run.model.ids
  if (oldest !== undefined && oldest !== item.id) {
    await queue.remove([oldest])
    run.model.forget(oldest)
  }
  await queue.close()
  const again = await open(files.reboot(), run.clock, strict)
  await run.model.check(again)
  await again.close()
}

describe('power lost at any operation', () => {
  it('keeps what was acknowledged when nothing unsynced survives', { timeout: 300_000 }, async () => {
    const { files, ...whole } = await begin()
    await recover({ files, ...whole })
    const kinds = new Set(files.trace.map(({ kind }) => kind))
    expect([...kinds].sort()).toEqual(['create', 'link', 'mkdir', 'rename', 'sync', 'syncDir', 'unlink', 'write'])
    for (let loseAt = 1; loseAt <= files.operations; loseAt++) {
      const run = await begin(loseAt)
      expect(run.files.lost).toBe(true)
      await recover(run).catch((error) => {
        throw new Error(`power lost at operation ${loseAt}: ${JSON.stringify(run.files.trace.at(-1))}`, {
          cause: error,
        })
      })
    }
  })

  it('keeps it, too, when some of the unsynced survives, torn and out of order', { timeout: 600_000 }, async () => {
    const { files } = await begin()
    for (let seed = 1; seed <= SEEDS; seed++)
      for (let loseAt = 1; loseAt <= files.operations; loseAt++) {
        const run = await begin(loseAt)
        await recover(run, seed * 100_003 + loseAt).catch((error) => {
          const last = JSON.stringify(run.files.trace.at(-1))
          throw new Error(`seed ${seed}, power lost at operation ${loseAt}: ${last}`, { cause: error })
        })
      }
  })
})

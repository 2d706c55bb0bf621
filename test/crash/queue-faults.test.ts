// The disk fails or is full at any operation of the same workload: clear temporary refusals, nothing half-written, and it goes on afterwards.
import { expect, it } from 'vitest'
import { FakeClock } from '../../core/base/clock.ts'
import { Failure } from '../../core/base/failure.ts'
import { silentLogger } from '../../core/base/log.ts'
import { memoryContent } from '../../core/message/content.ts'
import type { Queue } from '../../core/queue/queue.ts'
import { CrashFiles, type FileOperation } from '../kit/crash-files.ts'
import { deferred, messageBytes, newItem, QueueModel, settled } from './queue-model.ts'
import { open, workload } from './queue-workload.ts'

function expectRefusal(error: unknown): void {
  if (!(error instanceof Failure)) throw error
  expect(error.kind).toBe('temporary')
  expect(['451 4.3.0', '452 4.3.1']).toContain(`${error.reply?.code} ${error.reply?.enhanced}`)
}

/** Runs the workload with one operation failing. */
async function withFault(at: number, code: string): Promise<{ files: CrashFiles; refusals: number }> {
  const files = new CrashFiles(['/data'])
  const clock = new FakeClock()
  const model = new QueueModel(clock)
  let refusals = 0
  model.afterRefusal = async (error) => {
    refusals++
    expectRefusal(error)
    return open(files.image(), clock)
  }
  // a start that fails is tried again
  files.fault = ({ number }) => (number === at ? code : null)
  const queue = await open(files, clock).catch(() => open(files, clock))
  await workload(files, clock, model, queue, (run) =>
    run().catch((error) => {
      expectRefusal(error)
      return run()
    }),
  )
  await model.check(queue)
  await queue.close()
  const again = await open(files.reboot(), clock)
  await model.check(again)
  await again.close()
  return { files, refusals }
}

it.each(['EIO', 'ENOSPC'])('goes on after one %s, wherever it comes', { timeout: 300_000 }, async (code) => {
  const { files, refusals } = await withFault(0, code)
  expect(refusals).toBe(0)
  let refused = 0
  for (let at = 1; at <= files.operations; at++) {
    const outcome = await withFault(at, code).catch((error) => {
      throw new Error(`${code} at operation ${at} ${JSON.stringify(files.trace[at - 1])}`, { cause: error })
    })
    refused += outcome.refusals
  }
  expect(refused).toBeGreaterThan(0)
})

async function setUp() {
  const files = new CrashFiles(['/data'])
  const clock = new FakeClock()
  const model = new QueueModel(clock)
  const queue = await open(files, clock)
  return { files, clock, model, queue }
}
const fills = ({ kind, grows }: FileOperation) => (grows || kind === 'create' || kind === 'mkdir' ? 'ENOSPC' : null)

async function refuses(queue: Queue, clock: FakeClock, reply: string): Promise<void> {
  const item = newItem(clock, ['x@b.test'], 5000)
  const thrown = await queue.enqueue(item).then(
    () => null,
    (error: unknown) => error,
  )
  expectRefusal(thrown)
  expect(`${(thrown as Failure).reply?.code} ${(thrown as Failure).reply?.enhanced}`).toBe(reply)
  expect(queue.get(item.id)).toBeNull()
}

it('refuses mail while the disk is full, settles what it has, and takes mail again when there is room', async () => {
  const { files, clock, model, queue } = await setUp()
  const items = Array.from({ length: 40 }, () => newItem(clock, ['x@b.test'], 3000))
  for (const item of items) await model.enqueue(queue, item)
  files.fault = fills
  files.freeBytes = 0
  const large = newItem(clock, ['x@b.test'], 0, { content: memoryContent(messageBytes('large', 160_000)) })
  expectRefusal(await queue.enqueue(large).catch((error: unknown) => error))
  expect(queue.hasRoom(0)).toBe(true)
  for (let i = 0; i < 30; i++) await queue.enqueue(newItem(clock, ['x@b.test'], 5000)).catch(expectRefusal)
  await refuses(queue, clock, '452 4.3.1')
  for (const item of items) await model.update(queue, { id: item.id, settled: [deferred(0, clock.now())] })
  for (const item of items) await model.update(queue, { id: item.id, settled: [settled(0)] })
  files.fault = () => null
  files.freeBytes = 1e12
  clock.advance(2000)
  await queue.enqueue(newItem(clock, ['x@b.test'], 5000))
  await queue.close()
  const again = await open(files.reboot(), clock)
  for (const item of items) expect(again.get(item.id)).toBeNull()
  await again.close()
})

it('refuses everything while every sync fails, and nothing of it is there later', async () => {
  const { files, clock, model, queue } = await setUp()
  const item = newItem(clock, ['x@b.test', 'y@b.test'], 3000)
  await model.enqueue(queue, item)
  expect(queue.takeDue(clock.now(), 10)).toHaveLength(1)
  files.fault = ({ kind }) => (kind === 'sync' || kind === 'syncDir' ? 'EIO' : null)
  await refuses(queue, clock, '451 4.3.0')
  const thrown = await queue.update({ id: item.id, settled: [settled(0)] }).catch((error: unknown) => error)
  expectRefusal(thrown)
  await refuses(queue, clock, '451 4.3.0')
  expect(queue.get(item.id)?.recipients[0]).toMatchObject({ status: 'pending', attempts: 0 })
  const now = await open(files.image(), clock)
  await model.check(now)
  await now.close()
  // what could not be recorded as delivered would be delivered again and again
  expect([queue.takeDue(clock.now(), 10), queue.nextDue()]).toEqual([[], null])
  expect(queue.claim(item.id, [1], 60_000)).toBeNull()
  files.fault = () => null
  const woken = new Promise<void>((resolve) => queue.onWake(resolve))
  clock.advance(10_000)
  await woken
  expect(queue.takeDue(clock.now(), 10).map(({ id }) => id)).toEqual([item.id])
  expect(queue.claim(item.id, [0], 60_000)).not.toBeNull()
  await model.update(queue, { id: item.id, settled: [settled(1)] })
  await queue.close()
  const again = await open(files.reboot(), clock)
  await model.check(again)
  await again.close()
})

it('says 452 below minFree, before the disk is full', async () => {
  const files = new CrashFiles(['/data'])
  const clock = new FakeClock()
  const queue = await open(files, clock, silentLogger, 1_000_000)
  files.freeBytes = 1_010_000
  clock.advance(2000)
  expect([queue.hasRoom(9_000), queue.hasRoom(20_000)]).toEqual([true, false])
  await queue.enqueue(newItem(clock, ['x@b.test'], 8000))
  await refuses(queue, clock, '452 4.3.1')
  files.freeBytes = 2_000_000
  clock.advance(2000)
  await queue.enqueue(newItem(clock, ['x@b.test'], 8000))
  await queue.close()
})

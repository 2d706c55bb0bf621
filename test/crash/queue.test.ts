// The queue loses power at every single write, sync, create, rename and unlink of a workload that uses all of it, and must know all it acknowledged.
import { describe, expect, it } from 'vitest'
import { FakeClock } from '../../core/base/clock.ts'
import { CrashFiles } from '../kit/crash-files.ts'
import { deferred, newItem, QueueModel } from './queue-model.ts'
import { open, QUEUE, strict, workload } from './queue-workload.ts'

/** How often each crash is repeated with other survivors; raise it for a long run. */
const SEEDS = Number(process.env.CRASH_SEEDS ?? 1)

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
  const large = [...queue.list()].filter(({ size }) => size > 135_000).length
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

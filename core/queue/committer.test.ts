// The commit thread: jobs in order, a result for each, also when the thread dies.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../base/clock.ts'
import type { Files } from '../base/files.ts'
import { nodeFiles } from '../base/node-files.ts'
import type { Job } from './commit-job.ts'
import { createInlineCommitter, createShortestCommitter, createWorkerCommitter } from './committer.ts'
import { formatHeader, HEADER_SIZE, writeRecord } from './log-format.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'commit-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe.each([
  ['inline', () => createInlineCommitter(nodeFiles)],
  ['worker', createWorkerCommitter],
])('%s', (_name, create) => {
  it('runs jobs in order, tells failures, and finishes before it closes', async () => {
    const committer = create()
    const path = join(folder, 'body')
    const results = [
      committer.run({ kind: 'body', path, from: Buffer.from('bytes') }),
      committer.run({ kind: 'body', path: join(folder, 'second'), from: path }),
      committer.run({ kind: 'body', path: join(folder, 'none'), from: join(folder, 'missing') }),
      committer.run({ kind: 'remove', paths: [path, join(folder, 'missing')] }),
    ]
    await committer.close()
    expect(readdirSync(folder)).toEqual(['second'])
    const [first, second, third, fourth] = await Promise.all(results)
    expect(first).toMatchObject({ ok: true, error: null, syncs: 2 })
    expect(second).toMatchObject({ ok: true, syncs: 2 })
    expect(third).toMatchObject({ ok: false, full: false, error: expect.stringContaining('ENOENT') })
    expect(fourth).toMatchObject({ ok: true, syncs: 0 })
  })
})

it('answers what was asked when the thread dies, and starts another', async () => {
  const program = `import { parentPort } from 'node:worker_threads'
    parentPort.on('message', ({ paths: [path] }) => {
      if (path === 'die') process.exit(3)
      if (path === 'throw') throw new Error('broken')
      parentPort.postMessage({ ok: true, error: path, full: false, syncs: 0, buffer: null })
    })`
  const committer = createWorkerCommitter(new URL(`data:text/javascript,${encodeURIComponent(program)}`))
  const remove = (path: string) => committer.run({ kind: 'remove', paths: [path] })
  expect(await remove('first')).toMatchObject({ ok: true, error: 'first' })
  const results = await Promise.all([remove('die'), remove('never seen')])
  for (const result of results)
    expect(result).toMatchObject({ ok: false, full: false, error: expect.stringMatching(/code 3/) })
  expect(await remove('second')).toMatchObject({ ok: true, error: 'second' })
  expect(await remove('throw')).toMatchObject({ ok: false, error: expect.stringMatching(/broken/) })
  expect(await remove('third')).toMatchObject({ ok: true, error: 'third' })
  await committer.close()
})

describe('a job that is alone', () => {
  const nonce = 7n
  const commit = (path: string, create: boolean) => {
    const buffer = new ArrayBuffer(64)
    writeRecord(Buffer.from(buffer), 0, '[]', [])
    return {
      kind: 'commit',
      path,
      create: create ? { from: null, header: formatHeader(1, nonce) } : null,
      nonce,
      at: HEADER_SIZE,
      buffer,
      length: 32,
      allocated: create ? 0 : 4096,
      allocate: 4096,
    } as const
  }
  /** Tells which jobs came to it; its disk takes `ms`. */
  const aside = (clock: FakeClock) => {
    const inner = createInlineCommitter(nodeFiles)
    const seen: string[] = []
    const run = (job: Job) => {
      seen.push(job.kind)
      return inner.run(job)
    }
    const files: Files = {
      ...nodeFiles,
      fdatasync(fd) {
        clock.advance(disk.ms)
        nodeFiles.fdatasync(fd)
      },
    }
    const disk = { ms: 0 }
    return { disk, seen, committer: createShortestCommitter({ run, close: inner.close }, files, clock) }
  }

  it('is done here, but for what takes longer than a sync', async () => {
    const { seen, committer } = aside(new FakeClock())
    const path = join(folder, 'segment')
    expect(await committer.run(commit(path, true), true)).toMatchObject({ ok: true })
    expect(seen).toEqual(['commit'])
    expect(await committer.run(commit(path, false), true)).toMatchObject({ ok: true, syncs: 1 })
    expect(seen).toEqual(['commit'])
    expect(await committer.run(commit(path, false), false)).toMatchObject({ ok: true })
    expect(seen).toEqual(['commit', 'commit'])
    await committer.close()
  })

  it('is done aside for a while when the disk is slow, and while another job is under way', async () => {
    const { disk, seen, committer } = aside(new FakeClock())
    const path = join(folder, 'segment')
    await committer.run(commit(path, true), true)
    disk.ms = 3
    await committer.run(commit(path, false), true)
    expect(seen).toHaveLength(1)
    disk.ms = 0
    await committer.run(commit(path, false), true)
    expect(seen).toHaveLength(2)
    while (seen.length < 501) await committer.run(commit(path, false), true)
    await committer.run(commit(path, false), true)
    expect(seen).toHaveLength(501)
    await Promise.all([committer.run(commit(path, false), false), committer.run(commit(path, false), true)])
    expect(seen).toHaveLength(503)
    await committer.close()
  })
})

// The commit thread: jobs in order, a result for each, also when the thread dies.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeFiles } from '../base/node-files.ts'
import { createInlineCommitter, createWorkerCommitter } from './committer.ts'

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

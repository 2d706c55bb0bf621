// The body spool with real files: what stays in memory, what goes to disk, and what is left behind (nothing).
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Failure } from '../base/failure.ts'
import type { Files } from '../base/files.ts'
import { nodeFiles } from '../base/node-files.ts'
import { createBodySpool, MEMORY_BODY } from './body-spool.ts'
import type { SpooledBody } from './content.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spool-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const pattern = (size: number) => Buffer.alloc(size, 'abcdefghijklmnopqrstuvwxyz0123456789\r\n')
const spool = (memoryBudget = 1 << 20, files: Files = nodeFiles) => createBodySpool({ directory, files, memoryBudget })

async function read(body: SpooledBody, start?: number, end?: number): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const chunk of body.chunks(start, end)) parts.push(Buffer.from(chunk))
  return Buffer.concat(parts)
}

async function write(to: ReturnType<typeof spool>, bytes: Buffer, step = 1000): Promise<SpooledBody> {
  const writer = to.writer()
  for (let at = 0; at < bytes.length; at += step) await writer.write(bytes.subarray(at, at + step))
  expect(writer.size).toBe(bytes.length)
  return writer.finish()
}

it('keeps a small body in memory, within the budget, until its last holder releases it', async () => {
  const s = spool()
  const bytes = pattern(MEMORY_BODY)
  const body = await write(s, bytes)
  expect(body).toMatchObject({ path: null, size: bytes.length })
  expect(body.bytes?.equals(bytes)).toBe(true)
  expect(await read(body, 10, 70)).toEqual(bytes.subarray(10, 70))
  expect(s.used).toBe(bytes.length)
  body.retain()
  body.release()
  expect(s.used).toBe(bytes.length)
  body.release()
  expect(s.used).toBe(0)
  expect(() => body.release()).toThrow()
})

it('keeps a chunk that came alone as it came, but for a small part of a larger one', async () => {
  const read = Buffer.from(new ArrayBuffer(5000)).fill('x')
  const most = read.subarray(0, 4990)
  expect((await write(spool(), most, 5000)).bytes?.buffer).toBe(read.buffer)
  const body = await write(spool(), read.subarray(100, 200))
  expect(body.bytes?.equals(Buffer.alloc(100, 'x'))).toBe(true)
  expect(body.bytes?.buffer).not.toBe(read.buffer)
})

it('writes a large body to a file and removes it at its release', async () => {
  const s = spool()
  const bytes = pattern(MEMORY_BODY * 5 + 17)
  const body = await write(s, bytes)
  expect(body.bytes).toBeNull()
  expect(s.used).toBe(0)
  expect(readdirSync(directory).map((name) => join(directory, name))).toEqual([body.path])
  expect((await read(body)).equals(bytes)).toBe(true)
  expect(
    (await read(body, MEMORY_BODY - 1, MEMORY_BODY * 2 + 1)).equals(
      bytes.subarray(MEMORY_BODY - 1, MEMORY_BODY * 2 + 1),
    ),
  ).toBe(true)
  body.release()
  expect(readdirSync(directory)).toEqual([])
})

it('uses files when the budget is spent, and memory again later', async () => {
  const s = spool(5000)
  const first = await write(s, pattern(4000))
  const second = await write(s, pattern(3000))
  expect([first.path === null, second.path === null]).toEqual([true, false])
  expect((await read(second)).equals(pattern(3000))).toBe(true)
  first.release()
  const third = await write(s, pattern(4500))
  expect(third.path).toBeNull()
  second.release()
  third.release()
  expect(s.used).toBe(0)
})

it('writes whole bodies for filters, and leaves nothing of one that breaks off', async () => {
  const s = spool()
  const body = await s.write([Buffer.from('a\r\n'), Buffer.from('b\r\n')])
  expect(body.bytes?.toString()).toBe('a\r\nb\r\n')
  body.release()
  async function* broken() {
    yield pattern(200_000)
    throw new Error('source broke')
  }
  await expect(s.write(broken())).rejects.toThrow('source broke')
  expect(readdirSync(directory)).toEqual([])
  expect(s.used).toBe(0)
})

it('removes the file of an aborted body', async () => {
  const s = spool()
  const small = s.writer()
  await small.write(pattern(100))
  small.abort()
  expect(s.used).toBe(0)
  let gone = () => {}
  const unlinked = new Promise<void>((resolve) => {
    gone = resolve
  })
  const watched = spool(1 << 20, {
    ...nodeFiles,
    unlink(path) {
      nodeFiles.unlink(path)
      gone()
    },
  })
  const large = watched.writer()
  await large.write(pattern(300_000))
  expect(readdirSync(directory)).toHaveLength(1)
  large.abort()
  await unlinked
  expect(readdirSync(directory)).toEqual([])
})

it('says 452 when the disk is full', async () => {
  const full: Files = {
    ...nodeFiles,
    writeAsync: async () => {
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    },
  }
  const writer = spool(1 << 20, full).writer()
  const thrown = await Promise.resolve(writer.write(pattern(MEMORY_BODY + 1))).catch((error: unknown) => error)
  expect(thrown).toBeInstanceOf(Failure)
  expect(thrown).toMatchObject({ kind: 'temporary', reply: { code: 452, enhanced: '4.3.1' } })
  writer.abort()
})

it('ends what a filter has written and dropped without a release', async () => {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const s = spool()
  const held = await s.write([pattern(100)])
  for (const size of [1000, 2 * MEMORY_BODY]) await s.write([pattern(size)])
  const left = () => {
    collect()
    return { files: readdirSync(directory).length, used: s.used }
  }
  await expect.poll(left).toEqual({ files: 0, used: 100 })
  held.release()
  expect(left()).toEqual({ files: 0, used: 0 })
})

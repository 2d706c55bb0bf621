// A large mbox file is read and written anew while others go on: judged by the order of events, with a clock that reading moves.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeClock } from '../../base/clock.ts'
import type { Files } from '../../base/files.ts'
import { silentLogger } from '../../base/log.ts'
import { nodeFiles } from '../../base/node-files.ts'
import { message, text } from '../contract.suite.ts'
import type { MailboxStore } from '../mailbox-store.ts'
import { openMboxStore } from '../mbox-store.ts'

const LARGE = 'large@estafeta.test'
const SMALL = 'small@estafeta.test'
const COUNT = 40

let directory: string
let folder: string
let clock: FakeClock
let store: MailboxStore

/** Each look at the large file takes longer than a turn lasts. */
const slowFiles = (): Files => {
  const large = new Set<number>()
  return {
    ...nodeFiles,
    open(path, flags, mode) {
      const fd = nodeFiles.open(path, flags, mode)
      if (path.startsWith(folder)) large.add(fd)
      return fd
    },
    close(fd) {
      large.delete(fd)
      nodeFiles.close(fd)
    },
    read(fd, buffer, offset, length, position) {
      if (large.has(fd)) clock.advance(3)
      return nodeFiles.read(fd, buffer, offset, Math.min(length, 512), position)
    },
  }
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'estafeta-large-'))
  folder = join(directory, 'estafeta.test', 'large', 'mbox')
  mkdirSync(folder, { recursive: true })
  const one = (n: number) => `From a@b.test Sat Mar 14 12:00:00 2026\nSubject: n${n}\n\n${'a line\n'.repeat(50)}\n`
  writeFileSync(join(folder, 'INBOX'), Array.from({ length: COUNT }, (_, n) => one(n)).join(''))
  clock = new FakeClock(1_800_000_000_000)
  store = await openMboxStore({ directory, files: slowFiles(), clock, log: silentLogger, hostname: 'estafeta.test' })
})
afterEach(async () => {
  await store.close()
  rmSync(directory, { recursive: true })
})

test('another account takes mail while it is read, and while it is written anew', async () => {
  const order: string[] = []
  const note = async <T>(what: string, work: Promise<T>): Promise<T> => {
    const result = await work
    order.push(what)
    return result
  }
  const small = await (await store.account(SMALL)).open('INBOX')
  const account = await store.account(LARGE)
  const opening = note('open', account.open('INBOX'))
  await note('appended', small.append([message(text('one'))]))
  const large = await opening
  expect(large.uids()).toHaveLength(COUNT)
  const expunging = note('expunged', large.expunge([1, 2]))
  await note('appended', small.append([message(text('two'))]))
  await expunging
  expect(order).toEqual(['appended', 'open', 'appended', 'expunged'])
  expect(large.uids()).toHaveLength(COUNT - 2)
  expect((await (await large.message(3)).read()).toString()).toMatch(/^Subject: n2\r\n/)
})

test('what another program appends while it is read is found afterwards', async () => {
  const opening = (await store.account(LARGE)).open('INBOX')
  const more = 'From a@b.test Sat Mar 14 12:00:00 2026\nSubject: more\n\nbody\n\n'
  await (await (await store.account(SMALL)).open('INBOX')).append([message(text('meanwhile'))])
  writeFileSync(join(folder, 'INBOX'), more, { flag: 'a' })
  const large = await opening
  await large.refresh()
  const last = large.uids().at(-1)!
  expect((await (await large.message(last)).read()).toString()).toBe('Subject: more\r\n\r\nbody\r\n')
})

test('a store that is closed while it is written anew leaves it as it was', async () => {
  const large = await (await store.account(LARGE)).open('INBOX')
  const before = readFileSync(join(folder, 'INBOX'))
  const expunging = large.expunge([1])
  const refused = expect(expunging).rejects.toThrow()
  await store.close()
  await refused
  expect(readFileSync(join(folder, 'INBOX')).equals(before)).toBe(true)
  expect(readdirSync(folder)).toEqual(['INBOX'])
})

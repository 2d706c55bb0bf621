// What only the queue on disk does: sharing syncs, large bodies, damage, giving space back, and knowing all at the next start.
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { FakeClock } from '../base/clock.ts'
import { Failure } from '../base/failure.ts'
import { createQueueId } from '../base/ids.ts'
import { type Logger, silentLogger } from '../base/log.ts'
import { nodeFiles } from '../base/node-files.ts'
import type { Address } from '../message/address.ts'
import { createBodySpool } from '../message/body-spool.ts'
import { contentBytes, type MessageContent, memoryContent } from '../message/content.ts'
import { defaultMailParameters } from '../message/envelope.ts'
import { replies } from '../message/reply.ts'
import { type EmbeddedQueueOptions, openEmbeddedQueue } from './embedded-queue.ts'
import { HEADER_SIZE } from './log-format.ts'
import type { NewQueueItem, Queue, Settlement } from './queue.ts'

let folder: string
let directory: string
let clock: FakeClock
let queue: Queue
let told: string[]

const logger: Logger = {
  ...silentLogger,
  info: (event) => told.push(`info ${event}`),
  warn: (event) => told.push(`warn ${event}`),
  error: (event, fields) => told.push(`error ${event} ${fields?.file ?? ''}`),
}
const open = (more: Partial<EmbeddedQueueOptions> = {}): Promise<Queue> =>
  openEmbeddedQueue({ directory, files: nodeFiles, clock, log: logger, minFree: 0, committer: 'inline', ...more })
const reopen = async (more: Partial<EmbeddedQueueOptions> = {}) => {
  await queue.close()
  queue = await open(more)
}
const logs = () => fs.readdirSync(join(directory, 'log')).filter((name) => name.endsWith('.log'))
const bodies = () => fs.readdirSync(join(directory, 'body'))

beforeEach(async () => {
  folder = fs.mkdtempSync(join(tmpdir(), 'queue-'))
  directory = join(folder, 'queue')
  clock = new FakeClock()
  told = []
  queue = await open()
})
afterEach(async () => {
  await queue.close()
  fs.rmSync(folder, { recursive: true })
})

const address = (local: string): Address => ({ local, domain: 'b.test', original: `${local}@b.test` })
const text = (size: number, mark = 'x') => Buffer.from(`Subject: ${mark}\r\n\r\n${mark.repeat(size)}\r\n`)

function newItem(content: MessageContent = memoryContent(text(1000)), to: readonly string[] = ['paco']): NewQueueItem {
  const now = clock.now()
  return {
    id: createQueueId(now),
    arrived: now,
    expires: now + 432_000_000,
    envelope: {
      ...defaultMailParameters,
      reversePath: address('ana'),
      recipients: to.map((local) => ({ address: address(local), notify: [], orcpt: null })),
    },
    origin: { session: null, transaction: null, service: 'smtp', ip: null, helo: null, account: null },
    messageId: null,
    content,
    filtered: true,
  }
}
async function add(content?: MessageContent, to?: readonly string[]): Promise<string> {
  const item = newItem(content, to)
  await queue.enqueue(item)
  return item.id
}
const done = (n = 0): Settlement => ({
  n,
  status: 'delivered',
  reply: replies.delivered('ok'),
  relay: null,
  lane: 'x:y',
})
const later = (due: number): Settlement => ({ ...done(), status: 'ready', due }) as Settlement
async function read(id: string): Promise<Buffer> {
  const content = await queue.content(id)
  const bytes = await contentBytes(content)
  content.body.release()
  return bytes
}
const flip = (path: string, at: number) => {
  const bytes = fs.readFileSync(path)
  bytes[at]! ^= 0xff
  fs.writeFileSync(path, bytes)
}

it('shares a sync among all that came while the one before ran', async () => {
  await reopen({ committer: 'worker' })
  await add()
  const before = queue.stats().syncs
  await Promise.all(Array.from({ length: 200 }, () => add()))
  expect(queue.stats().syncs - before).toBeLessThan(10)
  expect(queue.stats().items).toBe(201)
})

it('keeps its files to itself', async () => {
  await add()
  await add(memoryContent(text(100_000)))
  for (const folder of ['log', 'body']) {
    expect(fs.statSync(join(directory, folder)).mode & 0o777).toBe(0o700)
    for (const name of fs.readdirSync(join(directory, folder)))
      expect(fs.statSync(join(directory, folder, name)).mode & 0o777).toBe(0o600)
  }
})

it('knows everything at the next start, due times too, and no leases', async () => {
  const [a, b] = [await add(), await add(memoryContent(text(80_000)), ['x', 'y'])] as const
  await queue.update({ id: b, settled: [done()], expires: 17 })
  await queue.update({ id: a, settled: [later(clock.now() + 5000)] })
  queue.claim(b, [1], 60_000)
  const before = [queue.get(a), queue.get(b)]
  await reopen()
  expect([queue.get(a), queue.get(b)]).toEqual(before)
  expect(queue.takeDue(clock.now(), 10).map(({ id }) => id)).toEqual([b])
  expect(queue.nextDue()).toBe(clock.now() + 5000)
  expect(queue.claim(b, [1], 60_000)).not.toBeNull()
  expect(await read(b)).toEqual(text(80_000))
  expect(told).toEqual([])
})

it('gives the same of a message, whether it came just now, waited behind many, or was read back', async () => {
  const odd: Address = { local: 'Ana @home', domain: 'a.test', original: '"Ana @home"@A.test' }
  const plain = newItem()
  const item: NewQueueItem = {
    ...plain,
    parent: plain.id,
    messageId: '<1@a.test>',
    held: { reason: 'virus', quarantine: true },
    filtered: false,
    envelope: {
      reversePath: odd,
      recipients: [
        { address: odd, notify: ['success', 'delay'], orcpt: 'rfc822;ana@a.test' },
        { address: address('paco'), notify: [], orcpt: null },
      ],
      size: 100,
      body: '8bitmime',
      smtputf8: true,
      ret: 'hdrs',
      envid: 'id 1',
      requiretls: true,
      auth: '',
    },
    origin: { session: 's', transaction: 's.1', service: 'smtp', ip: '192.0.2.1', helo: 'h.test', account: 'ana' },
  }
  await queue.enqueue(item)
  const justNow = queue.get(item.id)
  for (let i = 0; i < 50; i++) await add(memoryContent(text(100_000)))
  expect(queue.get(item.id)).not.toBe(justNow)
  expect(queue.get(item.id)).toStrictEqual(justNow)
  await reopen()
  expect(queue.get(item.id)).toStrictEqual(justNow)
})

it('keeps a large body in its spool file, under a second name, and removes it with the message', async () => {
  const spool = createBodySpool({ directory: join(directory, 'body'), files: nodeFiles, memoryBudget: 1 << 20 })
  const bytes = text(300_000)
  const body = await spool.write([bytes])
  const inode = fs.statSync(body.path!).ino
  const bodyStart = 12
  const header = Buffer.from('Received: here\r\nSubject: x\r\n')
  const id = await add({ header, body, bodyStart, size: header.length + bytes.length - bodyStart })
  body.release()
  expect(bodies()).toEqual([id])
  expect(fs.statSync(join(directory, 'body', id)).ino).toBe(inode)
  const expected = Buffer.concat([header, bytes.subarray(bodyStart)])
  expect((await read(id)).equals(expected)).toBe(true)
  fs.writeFileSync(join(directory, 'body', 'spool-left-by-a-crash'), 'x')
  await reopen()
  expect(bodies()).toEqual([id])
  const content = await queue.content(id)
  await queue.update({ id, settled: [done()] })
  expect(bodies()).toEqual([])
  expect((await contentBytes(content)).equals(expected)).toBe(true)
  content.body.release()
})

it('says which message lost its body file, and defers its delivery', async () => {
  const id = await add(memoryContent(text(200_000)))
  await queue.close()
  fs.unlinkSync(join(directory, 'body', id))
  queue = await open()
  expect(told).toEqual([`error queue: a message has lost its body file ${join(directory, 'body', id)}`])
  await expect(queue.content(id)).rejects.toSatisfy((e) => e instanceof Failure && e.kind === 'temporary')
})

it('puts a damaged record aside, says so once, and keeps all others', async () => {
  const ids: string[] = []
  for (let i = 0; i < 10; i++) ids.push(await add(memoryContent(text(1000, String(i)))))
  await queue.close()
  const path = join(directory, 'log', logs()[0]!)
  flip(path, fs.readFileSync(path).indexOf('4'.repeat(500)))
  queue = await open()
  expect([...queue.list()].map(({ id }) => id)).toEqual(ids.filter((_, i) => i !== 4))
  expect(told).toHaveLength(1)
  expect(told[0]).toMatch(/^error queue log: a damaged record was put aside; mail in it was not read/)
  const [aside] = fs.readdirSync(join(directory, 'damaged'))
  expect(fs.readFileSync(join(directory, 'damaged', aside!)).includes('4'.repeat(400))).toBe(true)
  await reopen()
  expect(told).toHaveLength(1)
})

it('takes nothing that stands in a message for a record, even behind damage', async () => {
  const first = await add()
  await queue.close()
  const log = fs.readFileSync(join(directory, 'log', logs()[0]!))
  const record = log.subarray(HEADER_SIZE, HEADER_SIZE + log.readUInt32LE(HEADER_SIZE + 12))
  queue = await open()
  await queue.remove([first])
  const forger = await add(memoryContent(Buffer.concat([Buffer.from('\r\n\r\n'), record, record])))
  const last = await add()
  await queue.close()
  const newest = join(directory, 'log', logs().sort().at(-1)!)
  flip(newest, fs.readFileSync(newest).indexOf(forger))
  queue = await open()
  expect([...queue.list()].map(({ id }) => id)).toEqual([last])
})

it('reads a segment by the second copy of its header, and puts one aside that has none', async () => {
  await reopen({ segmentSize: 32 << 10 })
  const a = await add(memoryContent(text(20_000)))
  await reopen({ segmentSize: 32 << 10 })
  const b = await add()
  await queue.close()
  const [first] = logs().sort()
  flip(join(directory, 'log', first!), 3)
  queue = await open()
  expect([...queue.list()].map(({ id }) => id)).toEqual([a, b])
  expect(told).toEqual([])
  await queue.close()
  flip(join(directory, 'log', first!), 4099)
  queue = await open()
  expect([...queue.list()].map(({ id }) => id)).toEqual([b])
  expect(told[0]).toMatch(/^error queue log: a segment with a damaged header was put aside/)
  expect(fs.readdirSync(join(directory, 'damaged'))).toEqual([first])
})

it('serves all of a segment whose first block is lost, whether it came back as zeros or not at all', async () => {
  const ids: string[] = []
  for (let i = 0; i < 10; i++) ids.push(await add())
  await queue.close()
  const path = join(directory, 'log', logs()[0]!)
  queue = await open({ files: unreadable(path, 0, 4096) })
  expect([...queue.list()].map(({ id }) => id)).toEqual(ids)
  await queue.close()
  const fd = fs.openSync(path, 'r+')
  fs.writeSync(fd, Buffer.alloc(4096), 0, 4096, 0)
  fs.closeSync(fd)
  queue = await open()
  expect([...queue.list()].map(({ id }) => id)).toEqual(ids)
})

it('says how much is gone where the newest segment was shortened', async () => {
  const ids: string[] = []
  for (let i = 0; i < 10; i++) ids.push(await add(memoryContent(text(1000, String(i)))))
  await queue.close()
  const path = join(directory, 'log', logs()[0]!)
  fs.truncateSync(path, fs.readFileSync(path).indexOf('6'.repeat(500)))
  queue = await open()
  expect([...queue.list()].map(({ id }) => id)).toEqual(ids.slice(0, 6))
  expect(told).toEqual([expect.stringMatching(/^warn queue log: the newest segment ends within a record; .* lost/)])
  await reopen()
  expect(told).toHaveLength(1)
})

it('does not take the newest segment for unacknowledged when only its header is damaged', async () => {
  for (let i = 0; i < 3; i++) await add()
  await queue.close()
  const path = join(directory, 'log', logs().sort().at(-1)!)
  flip(path, 3)
  flip(path, 4099)
  queue = await open()
  expect(told).toEqual([
    expect.stringMatching(/^error queue log: a segment with a damaged header was put aside; mail in it was not read/),
  ])
})

/** Files of which the disk gives no octet of one stretch of one file any more. */
function unreadable(path: string, from: number, to: number): typeof nodeFiles {
  const paths = new Map<number, string>()
  return {
    ...nodeFiles,
    open(name, ...more) {
      const fd = nodeFiles.open(name, ...more)
      paths.set(fd, name)
      return fd
    },
    read(fd, buffer, offset, length, position) {
      const hit = paths.get(fd) === path && position !== null && position < to && position + length > from
      if (hit) throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' })
      return nodeFiles.read(fd, buffer, offset, length, position)
    },
  }
}

it('serves what is left of a segment that the disk gives only in part, and says which part is missing', async () => {
  const ids: string[] = []
  for (let i = 0; i < 10; i++) ids.push(await add(memoryContent(text(4000, String(i)))))
  await queue.close()
  const path = join(directory, 'log', logs()[0]!)
  const bad = fs.readFileSync(path).indexOf('4'.repeat(500)) & ~4095
  queue = await open({ files: unreadable(path, bad, bad + 4096) })
  const left = [...queue.list()].map(({ id }) => id)
  expect(ids.filter((id) => !left.includes(id)).length).toBeLessThanOrEqual(2)
  expect(left).not.toContain(ids[4])
  expect(told[0]).toBe(`error queue log: part of a segment cannot be read; mail that stood there is missing ${path}`)
  expect(await read(left[0]!)).toEqual(text(4000, '0'))
  // it is kept when nothing lives in it any more
  await queue.remove(left)
  while (logs().includes(basename(path))) await add()
  expect(fs.readdirSync(join(directory, 'damaged'))).toContain(basename(path))
})

it('leaves a segment where it is of which the disk gives nothing', async () => {
  const id = await add()
  await queue.close()
  const path = join(directory, 'log', logs()[0]!)
  queue = await open({ files: unreadable(path, 0, 1 << 30) })
  expect([...queue.list()]).toEqual([])
  await reopen()
  expect([...queue.list()].map((item) => item.id)).toEqual([id])
})

it('leaves unknown files alone', async () => {
  await queue.close()
  fs.writeFileSync(join(directory, 'log', 'notes.txt'), 'mine')
  queue = await open()
  expect(told).toEqual(['warn queue log: unknown file left alone'])
  expect(fs.readFileSync(join(directory, 'log', 'notes.txt'), 'utf8')).toBe('mine')
})

it('has an expansion on record with the first outcome of what it gave, or not at all', async () => {
  const id = await add(undefined, ['alias', 'alias2'])
  const into = (local: string) => [{ address: address(local), reversePath: null, notify: [], orcpt: null }]
  const expand = () =>
    queue
      .expand(id, [
        { n: 0, into: into('p') },
        { n: 1, into: into('q') },
      ])
      .map(({ n }) => n)
  const statuses = () => queue.get(id)?.recipients.map(({ status }) => status)
  const first = expand()
  await reopen()
  expect(statuses()).toEqual(['pending', 'pending'])
  // under the same numbers: the courier names its files by them
  expect(expand()).toEqual(first)
  await queue.update({ id, settled: [done(first[0])] })
  expect(statuses()).toEqual(['expanded', 'expanded', 'delivered', 'ready'])
  await reopen()
  expect(statuses()).toEqual(['expanded', 'expanded', 'delivered', 'ready'])
  await queue.update({ id, settled: [done(first[1])] })
  await reopen()
  expect(queue.get(id)).toBeNull()
})

it('copies a message forward whose expansion is not on record', async () => {
  await reopen({ segmentSize: 64 << 10 })
  const old = await add()
  const child = { address: address('p'), reversePath: null, notify: [], orcpt: null }
  queue.expand(old, [{ n: 0, into: [child] }])
  for (let i = 0; i < 300; i++) {
    const id = await add(memoryContent(text(3000)))
    await queue.update({ id, settled: [done()] })
  }
  expect(logs().length).toBeLessThan(6)
  await queue.update({ id: old, settled: [done(1)] })
  expect([...queue.list()]).toEqual([])
  await reopen()
  expect([...queue.list()]).toEqual([])
})

it('gives space back: one deferred message pins no segment', async () => {
  await reopen({ segmentSize: 64 << 10 })
  const old = await add(memoryContent(text(2000, 'o')))
  const large = await add(memoryContent(text(150_000, 'l')))
  for (let i = 0; i < 300; i++) {
    const id = await add(memoryContent(text(3000)))
    await queue.update({ id, settled: [done()] })
  }
  expect(logs().length).toBeLessThan(6)
  expect(await read(old)).toEqual(text(2000, 'o'))
  expect(bodies()).toEqual([large])
  await reopen()
  expect([...queue.list()].map(({ id }) => id).sort()).toEqual([old, large].sort())
  expect(await read(large)).toEqual(text(150_000, 'l'))
})

it('gives space back where very many wait', async () => {
  await reopen({ segmentSize: 64 << 10 })
  const old = await add(memoryContent(text(2000, 'o')))
  const [first] = logs()
  const many = (count: number, size: number) =>
    Promise.all(Array.from({ length: count }, () => add(memoryContent(text(size)))))
  const settled = await many(100, 3000)
  const waiting = await many(2100, 10)
  await Promise.all(settled.map((id) => queue.update({ id, settled: [done()] })))
  await expect.poll(() => logs()).not.toContain(first)
  expect(await read(old)).toEqual(text(2000, 'o'))
  await reopen()
  expect(queue.stats().items).toBe(waiting.length + 1)
  expect(await read(old)).toEqual(text(2000, 'o'))
})

it('copies no message while a change of it is on its way', async () => {
  await reopen({ segmentSize: 64 << 10, committer: 'worker' })
  const old = await add(memoryContent(text(2000)), ['x', 'y'])
  let change: Promise<void> | null = null
  // told behind each commit, just before an old segment's survivors are copied
  queue.onWake(() => {
    if (logs().length > 1) change ??= queue.update({ id: old, settled: [done()] })
  })
  for (let i = 0; i < 100 && change === null; i++) {
    const id = await add(memoryContent(text(3000)))
    await queue.update({ id, settled: [done()] })
  }
  await change
  await reopen()
  expect(queue.get(old)?.recipients.map(({ status }) => status)).toEqual(['delivered', 'pending'])
})

it('keeps a reserve and uses old segments again', async () => {
  await reopen({ segmentSize: 64 << 10, committer: 'worker' })
  await add()
  expect(fs.readdirSync(join(directory, 'log'))).toContain('reserve')
  const inodes = new Set<number>()
  for (let i = 0; i < 150; i++) {
    const id = await add(memoryContent(text(3000)))
    await queue.update({ id, settled: [done()] })
    for (const name of logs()) {
      // it may just have been retired
      const stat = fs.statSync(join(directory, 'log', name), { throwIfNoEntry: false })
      if (stat) inodes.add(stat.ino)
    }
  }
  expect(inodes.size).toBeLessThan(6)
})

it('takes a message larger than a segment', async () => {
  await reopen({ segmentSize: 32 << 10 })
  const header = Buffer.from(`X: ${'y'.repeat(500_000)}\r\n`)
  const id = await add(memoryContent(Buffer.concat([header, Buffer.from('\r\nbody\r\n')])))
  const other = await add()
  await reopen({ segmentSize: 32 << 10 })
  expect((await read(id)).length).toBe(header.length + 8)
  expect(queue.get(other)).not.toBeNull()
})

it('says once that there is no room, and once that there is again', async () => {
  let free = 99
  await reopen({ minFree: 100, files: { ...nodeFiles, free: () => free } })
  const asked = [queue.hasRoom(1), queue.hasRoom(1)]
  clock.advance(10_000)
  asked.push(queue.hasRoom(1))
  free = 200
  clock.advance(10_000)
  asked.push(queue.hasRoom(1))
  expect(asked).toEqual([false, false, false, true])
  expect(told).toEqual([
    'warn queue: 99 octets are free on its disk, less than queue.minFree: no new mail is taken',
    'info queue: there is room on its disk again',
  ])
})

it('takes nothing when closed', async () => {
  await queue.close()
  await expect(add()).rejects.toSatisfy((e) => e instanceof Failure && e.kind === 'temporary')
  expect(queue.hasRoom(1)).toBe(false)
})

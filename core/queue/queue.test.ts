// The queue's contract, run against every back end.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../base/clock.ts'
import { Failure } from '../base/failure.ts'
import { createQueueId } from '../base/ids.ts'
import { silentLogger } from '../base/log.ts'
import { nodeFiles } from '../base/node-files.ts'
import type { Address } from '../message/address.ts'
import { contentBytes, memoryContent } from '../message/content.ts'
import { defaultMailParameters } from '../message/envelope.ts'
import { replies } from '../message/reply.ts'
import { openEmbeddedQueue } from './embedded-queue.ts'
import { createMemoryQueue } from './memory-queue.ts'
import type { NewQueueItem, Queue, Settlement } from './queue.ts'

const address = (text: string): Address => {
  const [local = '', domain = ''] = text.split('@')
  return { local, domain, original: text }
}
const MESSAGE = Buffer.from('From: ana@a.test\r\nSubject: hola\r\n\r\nbody \xff\r\n', 'latin1')

function newItem(now: number, to: readonly string[], more: Partial<NewQueueItem> = {}): NewQueueItem {
  return {
    id: createQueueId(now),
    arrived: now,
    expires: now + 5 * 86_400_000,
    envelope: {
      ...defaultMailParameters,
      reversePath: address('ana@a.test'),
      recipients: to.map((t) => ({ address: address(t), notify: [], orcpt: null })),
    },
    origin: { session: 's1', transaction: 's1.1', service: 'smtp', ip: '192.0.2.1', helo: 'h.test', account: null },
    messageId: '<1@a.test>',
    content: memoryContent(MESSAGE),
    filtered: true,
    ...more,
  }
}

const done = (n: number): Settlement => ({
  n,
  status: 'delivered',
  reply: replies.delivered('filed'),
  relay: null,
  lane: 'local:a',
})
const later = (n: number, due: number): Settlement => ({
  n,
  status: 'ready',
  due,
  reply: replies.hostUnreachable('no route'),
  relay: 'mx.b.test',
  lane: 'smtp:b.test',
})
const isPermanent = (thrown: unknown) => thrown instanceof Failure && thrown.kind === 'permanent'

const DAY = 86_400_000
const embedded = (committer: 'worker' | 'inline') => (clock: FakeClock, directory: string) =>
  openEmbeddedQueue({ directory, files: nodeFiles, clock, log: silentLogger, minFree: 0, committer, maxWait: DAY })

const backEnds: readonly [string, (clock: FakeClock, directory: string) => Promise<Queue>][] = [
  ['memory', async (clock) => createMemoryQueue({ clock, maxWait: DAY })],
  ['embedded (in this thread)', embedded('inline')],
  ['embedded (on its own thread)', embedded('worker')],
]

describe.each(backEnds)('the %s queue', (_name, open) => {
  let directory: string
  let clock: FakeClock
  let queue: Queue
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'queue-'))
    clock = new FakeClock()
    queue = await open(clock, join(directory, 'queue'))
  })
  afterEach(async () => {
    await queue.close()
    rmSync(directory, { recursive: true })
  })

  const add = async (to: readonly string[], more: Partial<NewQueueItem> = {}) => {
    const item = newItem(clock.now(), to, more)
    await queue.enqueue(item)
    return item.id
  }
  const take = () => queue.takeDue(clock.now(), 100).map((item) => item.id)

  it('gives back what was put in', async () => {
    const parent = await add(['x@b.test'])
    const odd: Address = { local: 'Ana @home', domain: 'a.test', original: '"Ana @home"@A.test' }
    const id = await add([], {
      parent,
      filtered: false,
      envelope: {
        reversePath: odd,
        recipients: [
          { address: odd, notify: ['success', 'delay'], orcpt: 'rfc822;ana@a.test' },
          { address: { local: 'postmaster', domain: '', original: 'postmaster' }, notify: [], orcpt: null },
        ],
        size: 100,
        body: '8bitmime',
        smtputf8: true,
        ret: 'hdrs',
        envid: 'id 1',
        requiretls: true,
        auth: '',
      },
    })
    const item = queue.get(id)
    expect(item).toMatchObject({
      id,
      parent,
      arrived: clock.now(),
      messageId: '<1@a.test>',
      held: null,
      filtered: false,
      size: MESSAGE.length,
      origin: { session: 's1', transaction: 's1.1', service: 'smtp', ip: '192.0.2.1', helo: 'h.test', account: null },
      envelope: {
        reversePath: odd,
        size: 100,
        body: '8bitmime',
        smtputf8: true,
        ret: 'hdrs',
        requiretls: true,
        auth: '',
      },
    })
    expect(item?.recipients).toMatchObject([
      { n: 0, address: odd, notify: ['success', 'delay'], orcpt: 'rfc822;ana@a.test', status: 'pending', attempts: 0 },
      { n: 1, address: { local: 'postmaster', domain: '' }, reversePath: odd, parent: null, lastReply: null },
    ])
    const content = await queue.content(id)
    expect(await contentBytes(content)).toEqual(MESSAGE)
    content.body.release()
    expect(queue.get('0000000000000000')).toBeNull()
  })

  it('counts', async () => {
    const id = await add(['x@b.test', 'y@b.test'])
    await add(['x@b.test'], { held: { reason: 'virus', quarantine: true } })
    expect(queue.stats()).toMatchObject({ items: 2, recipients: 3, held: 1, bytes: 2 * MESSAGE.length })
    await queue.update({ id, settled: [done(0)] })
    expect(queue.stats()).toMatchObject({ items: 2, recipients: 2 })
    await queue.update({ id, settled: [done(1)] })
    expect(queue.stats()).toMatchObject({ items: 1, recipients: 1, bytes: MESSAGE.length })
  })

  it('gives each due recipient once', async () => {
    const a = await add(['x@b.test'])
    const b = await add(['x@b.test', 'y@b.test'])
    expect(queue.nextDue()).toBe(clock.now())
    expect(take()).toEqual([a, b])
    expect(take()).toEqual([])
    expect(queue.nextDue()).toBeNull()
    queue.wake(b)
    expect(take()).toEqual([b])
    const due = clock.now() + 60_000
    await queue.update({ id: b, settled: [later(0, due)] })
    expect(take()).toEqual([])
    expect(queue.nextDue()).toBe(due)
    clock.advance(60_000)
    expect(take()).toEqual([b])
  })

  it('keeps a recipient whose expansion has to wait: not expanded, due again, never dropped', async () => {
    const id = await add(['x@b.test'])
    expect(take()).toEqual([id])
    const due = clock.now() + 60_000
    await queue.update({ id, settled: [{ ...later(0, due), status: 'pending' } as Settlement] })
    expect(queue.get(id)?.recipients).toMatchObject([{ status: 'pending', attempts: 1, due }])
    clock.advance(60_000)
    expect(take()).toEqual([id])
  })

  it('keeps to the limit, earliest first', async () => {
    const ids: string[] = []
    for (let i = 0; i < 20; i++) {
      clock.advance(1)
      ids.push(await add(['x@b.test', 'y@b.test']))
    }
    expect(queue.takeDue(clock.now(), 5).map((i) => i.id)).toEqual(ids.slice(0, 5))
    expect(queue.takeDue(clock.now(), 50).map((i) => i.id)).toEqual(ids.slice(5))
  })

  it('expands, settles and forgets', async () => {
    const id = await add(['list@a.test', 'x@b.test'])
    const child = { reversePath: address('owner-list@a.test'), notify: [], orcpt: null }
    await queue.update({
      id,
      expanded: [
        {
          n: 0,
          into: [
            { ...child, address: address('p@c.test') },
            { ...child, address: address('q@c.test'), asUser: 'q' },
          ],
        },
      ],
    })
    expect(queue.get(id)?.recipients).toMatchObject([
      { n: 0, status: 'expanded' },
      { n: 1, status: 'pending', reversePath: address('ana@a.test') },
      { n: 2, status: 'ready', parent: 0, reversePath: address('owner-list@a.test'), address: address('p@c.test') },
      { n: 3, status: 'ready', parent: 0, asUser: 'q' },
    ])
    const due = clock.now() + 1000
    await queue.update({ id, settled: [done(1), { ...later(2, due), delayWarned: true } as Settlement] })
    expect(queue.get(id)?.recipients).toMatchObject([
      { n: 0 },
      { n: 1, status: 'delivered', attempts: 1, lastReply: replies.delivered('filed'), lane: 'local:a' },
      { n: 2, status: 'ready', attempts: 1, due, lastRelay: 'mx.b.test', delayWarned: true },
      { n: 3, attempts: 0, lastReply: null },
    ])
    await expect(queue.update({ id, settled: [done(1)] })).rejects.toSatisfy(isPermanent)
    await queue.update({ id, settled: [done(2)] })
    await queue.update({ id, settled: [done(3)] })
    expect(queue.get(id)).toBeNull()
    await expect(queue.update({ id, settled: [done(3)] })).rejects.toSatisfy(isPermanent)
    await expect(queue.content(id)).rejects.toSatisfy(isPermanent)
  })

  it('expands at once, and gives the replacements to the caller alone', async () => {
    const id = await add(['alias@a.test', 'x@b.test'])
    expect(take()).toEqual([id])
    const child = { reversePath: address('ana@a.test'), notify: [], orcpt: 'rfc822;alias@a.test' }
    const children = queue.expand(id, [{ n: 0, into: [{ ...child, address: address('p@c.test') }] }])
    expect(children).toMatchObject([{ n: 2, parent: 0, status: 'ready', address: address('p@c.test'), ...child }])
    expect(queue.get(id)?.recipients).toMatchObject([
      { n: 0, status: 'expanded' },
      { n: 1, status: 'pending' },
      { n: 2, status: 'ready', parent: 0 },
    ])
    expect(take()).toEqual([])
    expect(() => queue.expand(id, [{ n: 0, into: [] }])).toThrow(expect.objectContaining({ kind: 'permanent' }))
    expect(queue.claim(id, [2], 1000)).not.toBeNull()
    await queue.update({ id, settled: [done(1)] })
    expect([...queue.list()][0]).toEqual(queue.get(id))
    expect(queue.get(id)?.recipients).toMatchObject([{ status: 'expanded' }, { status: 'delivered' }, { n: 2 }])
    clock.advance(1001)
    expect(take()).toEqual([id])
    await queue.update({ id, settled: [done(2)] })
    expect(queue.get(id)).toBeNull()
  })

  it('forgets a message that expands to nothing', async () => {
    const id = await add(['nobody@a.test'])
    await queue.update({ id, expanded: [{ n: 0, into: [] }] })
    expect(queue.get(id)).toBeNull()
  })

  it('leases each recipient to one', async () => {
    const id = await add(['x@b.test', 'y@b.test', 'z@b.test'])
    take()
    const lease = queue.claim(id, [0, 1], 10_000)!
    expect(queue.claim(id, [1, 2], 10_000)).toBeNull()
    expect(queue.claim(id, [7], 10_000)).toBeNull()
    await expect(queue.update({ id, settled: [done(0)] })).rejects.toSatisfy(isPermanent)
    await expect(queue.update({ id, lease: 'other', settled: [done(0)] })).rejects.toSatisfy(isPermanent)
    await expect(queue.update({ id, lease: lease.token, settled: [done(2)] })).rejects.toSatisfy(isPermanent)
    await queue.update({ id, lease: lease.token, settled: [done(0)] })
    expect(queue.claim(id, [1], 10_000)).toBeNull()
    queue.free(lease)
    expect(take()).toEqual([id])
    expect(queue.claim(id, [1], 10_000)).not.toBeNull()
  })

  it('refuses the outcome of an expired lease', async () => {
    const id = await add(['x@b.test'])
    take()
    const lease = queue.claim(id, [0], 10_000)!
    clock.advance(9_000)
    const renewed = queue.renew(lease, 10_000)!
    clock.advance(9_000)
    expect(take()).toEqual([])
    expect(queue.nextDue()).toBe(clock.now() + 1000)
    clock.advance(1_000)
    expect(queue.renew(renewed, 10_000)).toBeNull()
    expect(take()).toEqual([id])
    await expect(queue.update({ id, lease: lease.token, settled: [done(0)] })).rejects.toSatisfy(isPermanent)
    expect(queue.get(id)?.recipients[0]?.status).toBe('pending')
  })

  it('claims nothing while a change of it is on its way', async () => {
    const id = await add(['x@b.test', 'y@b.test'])
    take()
    const change = queue.update({ id, settled: [later(0, clock.now())] })
    const second = queue.update({ id, settled: [done(0)] })
    const other = queue.update({ id, settled: [later(1, clock.now())] })
    const outcomes = await Promise.allSettled([change, second, other])
    expect(outcomes.map((o) => o.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(queue.claim(id, [0, 1], 1000)).not.toBeNull()
  })

  it('holds and releases', async () => {
    const id = await add(['x@b.test'])
    await queue.update({ id, held: { reason: 'look at it', quarantine: false } })
    expect(take()).toEqual([])
    expect([...queue.list({ held: true })].map((i) => i.id)).toEqual([id])
    await queue.update({ id, held: null })
    expect(queue.stats().held).toBe(0)
    expect(take()).toEqual([id])
  })

  it('flushes and requeues', async () => {
    const id = await add(['x@b.test', 'y@b.test'])
    const due = clock.now() + 3_600_000
    await queue.update({ id, settled: [later(1, due)] })
    take()
    await queue.update({ id, due: clock.now() })
    expect(take()).toEqual([id])
    await queue.update({ id, requeue: true, expires: due })
    expect(queue.get(id)).toMatchObject({
      expires: due,
      recipients: [{ status: 'pending' }, { status: 'pending', attempts: 1 }],
    })
    expect(take()).toEqual([id])
  })

  it('puts a bounce in with the settlement it comes from', async () => {
    const id = await add(['x@b.test'])
    const bounce = newItem(clock.now(), ['ana@a.test'], { parent: id })
    await queue.update({ id, settled: [{ ...done(0), status: 'failed' } as Settlement], enqueue: [bounce] })
    expect(queue.get(id)).toBeNull()
    expect(queue.get(bounce.id)).toMatchObject({ parent: id })
    expect(take()).toEqual([bounce.id])
  })

  it('replaces the content', async () => {
    const id = await add(['x@b.test'], { filtered: false })
    const changed = Buffer.from('Subject: other\r\n\r\nnew\r\n')
    await queue.update({ id, filtered: true, content: memoryContent(changed) })
    expect(queue.get(id)).toMatchObject({ filtered: true, size: changed.length })
    expect(queue.stats().bytes).toBe(changed.length)
    expect(await contentBytes(await queue.content(id))).toEqual(changed)
  })

  it('removes whole items', async () => {
    const a = await add(['x@b.test'])
    const b = await add(['x@b.test'])
    await queue.remove([a, 'nosuchmessage000'])
    expect([...queue.list()].map((i) => i.id)).toEqual([b])
    expect(take()).toEqual([b])
  })

  it('lists by what the filter says', async () => {
    const a = await add(['x@b.test'])
    clock.advance(1000)
    const b = await add(['y@c.test'], {
      messageId: '<2@c.test>',
      held: { reason: 'virus', quarantine: true },
      envelope: { ...newItem(0, ['Y@c.test']).envelope, reversePath: null },
    })
    await queue.update({ id: a, settled: [later(0, clock.now())] })
    const ids = (filter: Parameters<Queue['list']>[0]) => [...queue.list(filter)].map((i) => i.id)
    expect(ids({})).toEqual([a, b])
    expect(ids({ id: b })).toEqual([b])
    expect(ids({ sender: 'ANA@a.test' })).toEqual([a])
    expect(ids({ sender: '@a.test' })).toEqual([a])
    expect(ids({ sender: '<>' })).toEqual([b])
    expect(ids({ recipient: 'y@c.test' })).toEqual([b])
    expect(ids({ recipient: '@b.test' })).toEqual([a])
    const international = await add(['z@xn--bcher-kva.test'])
    for (const recipient of ['z@bücher.test', '<Z@BÜCHER.test>', '@bücher.test', '@XN--bcher-kva.test'])
      expect(ids({ recipient }), recipient).toEqual([international])
    await queue.remove([international])
    expect(ids({ quarantine: true })).toEqual([b])
    expect(ids({ held: false })).toEqual([a])
    expect(ids({ before: clock.now() })).toEqual([a])
    expect(ids({ reason: 'no route' })).toEqual([a])
    expect(ids({ messageId: '2@c.test' })).toEqual([b])
  })

  it('wakes its listeners when something is due earlier', async () => {
    let woken = 0
    queue.onWake(() => woken++)
    await add(['x@b.test'])
    expect(woken).toBeGreaterThan(0)
    take()
    woken = 0
    queue.free(queue.claim([...queue.list()][0]!.id, [0], 1000)!)
    expect(woken).toBe(1)
  })

  it('strands no mail when the clock is set back', async () => {
    const id = await add(['x@b.test'])
    take()
    await queue.update({ id, settled: [later(0, clock.now() + 3_600_000)] })
    clock.setBack(365 * 86_400_000)
    expect(queue.nextDue()).toBe(clock.now() + 86_400_000)
    clock.advance(86_400_000)
    expect(take()).toEqual([id])
  })
})

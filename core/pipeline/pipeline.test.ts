import 'reflect-metadata'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { container } from 'tsyringe'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { FakeClock } from '../base/clock.ts'
import { createQueueId } from '../base/ids.ts'
import { silentLogger } from '../base/log.ts'
import { type LoadedConfig, loadConfig } from '../config/load.ts'
import { formatAddress, parseAddress } from '../message/address.ts'
import { contentBytes, memoryBody, type SpooledBody } from '../message/content.ts'
import { defaultMailParameters, type Notify } from '../message/envelope.ts'
import type { BodySpool } from '../message/spool.ts'
import { createGenerations, type ReloadableGenerations } from '../plugin/generations.ts'
import { createMemoryQueue } from '../queue/memory-queue.ts'
import type { Queue } from '../queue/queue.ts'
import type { TraceEvent } from '../trace/trace.ts'
import type { Submission } from './intake.ts'
import { createPipeline, type Pipeline } from './pipeline.ts'
import { createNotes } from './queued-facts.ts'

/** A plugin file as an operator writes one: its courier does what a recipient's local part says. */
const PLUGIN = `
import { definePlugin, discard, reject, replies, z } from 'estafeta/plugin'
const log = globalThis.pipelineTest
export default definePlugin({
  name: 'courier-under-test',
  description: 'does what the local part of a recipient says',
  config: z.strictObject({}),
  setup: () => ({
    message(message) {
      if (message.header.get('subject') === 'virus') return { all: reject(replies.virusFound('X')) }
      if (message.header.get('subject') === 'drop') return { all: discard('asked for') }
      if (message.header.get('subject') === 'one') return { perRecipient: new Map([[0, reject(replies.virusFound('X'))]]) }
      if (message.header.get('subject') === 'new body') return { body: log.newBody() }
      return { add: [{ name: 'X-Seen', value: 'yes' }] }
    },
    ...(log.queuedHook
      ? {
          queued: ({ header }) =>
            header.get('subject') === 'late one'
              ? { perRecipient: new Map([[0, reject(replies.virusFound('X'))]]) }
              : { body: log.newBody() },
        }
      : {}),
    expand(recipient) {
      const to = (local) => ({ address: { local, domain: 'here.test', original: local }, reversePath: recipient.reversePath, notify: recipient.notify, orcpt: recipient.orcpt })
      if (recipient.address.local === 'list') return [to('ok'), to('ok2'), to('list2')]
      if (recipient.address.local === 'one') return [to('ok')]
      if (recipient.address.local === 'own') return [{ ...to('own'), final: true }, to('ok2')]
      if (recipient.address.local === 'list2') return [to('ok3'), to('list')]
      if (recipient.address.local === 'everybody') return [to('own'), to('list')]
      if (recipient.address.local === 'badlist') return [to('bad'), { ...to('|bad; exit 69'), address: { local: '|bad; exit 69', domain: '', original: '|bad; exit 69' } }]
      if (recipient.address.local === 'loop') return [to('loop2')]
      if (recipient.address.local === 'loop2') return [to('loop')]
      return null
    },
    route({ address: { local } }) {
      if (local === 'lost') return reject(replies.userUnknown(local))
      if (local.startsWith('far')) return { courier: 'far', destination: local.split('-')[0] }
      return { courier: 'test', destination: local.startsWith('dead') ? 'dead' : 'live' }
    },
    couriers: {
      far: {
        concurrency: 20,
        firstConcurrency: 2,
        async deliver(attempt) {
          if (attempt.recipients[0].address.local.includes('-')) await log.farGate
          return attempt.recipients.map(({ n }) => ({ n, kind: 'relayed', reply: replies.ok(), relay: 'mx.test[192.0.2.1]:25' }))
        },
      },
      test: {
        concurrency: 1,
        async deliver(attempt) {
          await log.gate
          return attempt.recipients.map(({ n, address }) => {
            log.attempts.push(address.local)
            if (address.local.startsWith('dead')) return { n, kind: 'deferred', reply: replies.hostUnreachable('no route to host'), relay: null, hostDown: true }
            if (address.local.startsWith('bad') || address.local.startsWith('|bad')) return { n, kind: 'failed', reply: replies.userUnknown('there'), relay: 'mx.test[192.0.2.1]:25' }
            if (address.local.startsWith('later')) return { n, kind: 'deferred', reply: replies.mailboxBusy(), relay: 'mx.test[192.0.2.1]:25' }
            return { n, kind: 'relayed', reply: replies.ok(), relay: 'mx.test[192.0.2.1]:25' }
          })
        },
      },
    },
  }),
})
`

interface Shared {
  attempts: string[]
  /** Attempts wait for it. */
  gate: Promise<void> | null
  /** Those of the courier that reaches hosts. */
  farGate: Promise<void> | null
  /** The plugin also has a `queued` hook, which replaces the body, or refuses the first recipient of `late one`. */
  queuedHook: boolean
  /** Holders of the bodies that the plugin gave. */
  bodies: number
  newBody(): SpooledBody
}
const shared = globalThis as unknown as { pipelineTest: Shared }

const unused: BodySpool = {
  writer: () => {
    throw new Error('unused')
  },
}
const silent = { record: () => {}, find: async () => [], close: async () => {} }

let folder: string
let clock: FakeClock
let queue: Queue
let generations: ReloadableGenerations
let loaded: LoadedConfig
let pipeline: Pipeline
let events: TraceEvent[]
let waiting: { done: () => boolean; resolve: () => void }[]

beforeEach(async () => {
  shared.pipelineTest = { attempts: [], gate: null, farGate: null, queuedHook: false, bodies: 0, newBody: countedBody }
  folder = mkdtempSync(join(tmpdir(), 'estafeta-pipeline-'))
  const path = join(folder, 'courier-under-test.ts')
  writeFileSync(path, PLUGIN)
  clock = new FakeClock()
  queue = createMemoryQueue({ clock })
  events = []
  waiting = []
  const trace = {
    record(event: TraceEvent) {
      events.push(event)
      setImmediate(check)
    },
    find: async () => [],
    close: async () => {},
  }
  loaded = loadConfig({
    folder,
    overrides: {
      hostname: 'mx.here.test',
      origin: 'here.test',
      domains: ['here.test'],
      postmaster: 'ana',
      data: folder,
      queue: { lifetime: '5d', warnAfter: '4h' },
      plugins: { 'courier-under-test': { use: path, onError: 'defer' } },
    },
  })
  generations = await createGenerations({
    loaded,
    container: container.createChildContainer(),
    clock,
    log: silentLogger,
    trace,
  })
  pipeline = createPipeline({
    queue,
    generations,
    clock,
    log: silentLogger,
    trace,
    spool: unused,
  })
  pipeline.start()
})

afterEach(async () => {
  await pipeline.stop(0)
  await generations.close()
  await queue.close()
  rmSync(folder, { recursive: true })
})

/** Stands for a body in a file, which goes when its last holder lets go. */
function countedBody(): SpooledBody {
  shared.pipelineTest.bodies++
  return {
    ...memoryBody(Buffer.from('\r\nnew body\r\n')),
    retain: () => void shared.pipelineTest.bodies++,
    release: () => void shared.pipelineTest.bodies--,
  }
}

function check(): void {
  for (const one of [...waiting]) if (one.done()) one.resolve()
}

/** Resolves when the condition holds after some trace event. */
function until(done: () => boolean): Promise<void> {
  if (done()) return Promise.resolve()
  return new Promise((resolve) => waiting.push({ done, resolve }))
}

function address(text: string) {
  const parsed = parseAddress(text)
  if (!parsed.ok) throw new Error(parsed.error)
  return parsed.value
}

interface Letter {
  to: readonly string[]
  from?: string | null
  subject?: string
  service?: string
  trusted?: boolean
  notify?: readonly Notify[]
  message?: string
  lmtp?: boolean
}

function submit(letter: Letter, into = pipeline) {
  const reversePath = letter.from === null ? null : address(letter.from ?? 'sender@away.test')
  const recipients = letter.to.map((to) => ({ address: address(to), notify: letter.notify ?? [], orcpt: null }))
  const notes = createNotes()
  const session = {
    id: 's1',
    service: letter.service ?? 'smtp',
    remoteIp: '192.0.2.9',
    remotePort: 1,
    localIp: '127.0.0.1',
    localPort: 25,
    helo: 'client.away.test',
    extended: true,
    tls: null,
    identity: null,
    trusted: letter.trusted ?? false,
    started: clock.now(),
    notes,
  }
  const text =
    letter.message ??
    `From: sender@away.test\r\nSubject: ${letter.subject ?? 'hello'}\r\nMessage-ID: <m1@away.test>\r\n\r\nbody\r\n`
  const submission: Submission = {
    queueId: createQueueId(clock.now()),
    transaction: { id: 's1.1', session, reversePath, parameters: defaultMailParameters, recipients, notes },
    envelope: { ...defaultMailParameters, reversePath, recipients },
    body: memoryBody(Buffer.from(text)),
    generation: generations.current(),
    replyPerRecipient: letter.lmtp ?? false,
  }
  return into.intake.submit(submission)
}

const only = () => {
  const items = [...queue.list()]
  expect(items).toHaveLength(1)
  return items[0]!
}
const bytesOf = async (id: string): Promise<string> => (await contentBytes(await queue.content(id))).toString()

describe('intake', () => {
  test('a message that passes is queued with our Received field and the filter’s, then delivered and removed', async () => {
    const replies = await submit({ to: ['ok@here.test'] })
    expect(replies).toEqual([
      { code: 250, enhanced: '2.0.0', text: expect.stringMatching(/^OK queued as [0-9a-z]{16}$/) },
    ])
    await until(() => queue.stats().items === 0)
    expect(shared.pipelineTest.attempts).toEqual(['ok'])
    expect(events.find((e) => e.event === 'queued')).toMatchObject({
      messageId: '<m1@away.test>',
      tid: 's1.1',
      from: 'sender@away.test',
    })
  })

  test('the queued bytes carry X-Seen, Received and the message, in this order', async () => {
    await submit({ to: ['later@here.test'] })
    await until(() => events.some((e) => e.event === 'attempt'))
    expect(await bytesOf(only().id)).toMatch(
      /^X-Seen: yes\r\nReceived: from client\.away\.test \(\[192\.0\.2\.9\]\)\r\n\tby mx\.here\.test \(Estafeta\) with ESMTP id \w{16}\r\n\tfor <later@here\.test>;\r\n\t[^\r]+ \+0000\r\nFrom: sender/,
    )
  })

  test('a refusal by a filter is the reply, and nothing is queued', async () => {
    expect((await submit({ to: ['ok@here.test'], subject: 'virus' }))[0]).toMatchObject({ code: 554 })
    expect(queue.stats().items).toBe(0)
    expect(events.some((e) => e.event === 'refused' && e.tid === 's1.1')).toBe(true)
  })

  test('a discarded message is answered with 250 and not queued', async () => {
    expect((await submit({ to: ['ok@here.test'], subject: 'drop' }))[0]).toMatchObject({ code: 250 })
    expect(queue.stats().items).toBe(0)
  })

  test('LMTP gets a reply for each recipient; only the accepted ones are queued', async () => {
    const replies = await submit({ to: ['a@here.test', 'later@here.test'], subject: 'one', lmtp: true })
    expect(replies.map((r) => r.code)).toEqual([554, 250])
    await until(() => events.some((e) => e.event === 'attempt'))
    expect(only().recipients.map((r) => r.address.local)).toEqual(['later'])
  })

  test('SMTP turns a mixed result into 250; a stranger gets no report about the refused recipient', async () => {
    expect((await submit({ to: ['a@here.test', 'later@here.test'], subject: 'one' })).map((r) => r.code)).toEqual([250])
    await until(() => events.some((e) => e.event === 'attempt'))
    expect(only().recipients).toHaveLength(1)
  })

  test('the same from a trusted client gives that client a report', async () => {
    await submit({ to: ['a@here.test', 'later@here.test'], from: 'later@here.test', subject: 'one', trusted: true })
    await until(() => events.filter((e) => e.event === 'attempt').length >= 2)
    const report = [...queue.list()].find((item) => item.parent !== null)!
    expect(await bytesOf(report.id)).toContain('Final-Recipient: rfc822; a@here.test')
  })

  test('a body that a filter replaced is let go after the message has gone, or could not be queued', async () => {
    await submit({ to: ['later@here.test'], subject: 'new body' })
    expect(shared.pipelineTest.bodies).toBe(1) // the queue's
    expect(await bytesOf(only().id)).toMatch(/\r\n\r\nnew body\r\n$/)
    await queue.remove([only().id])
    const full = { ...queue, hasRoom: () => false, enqueue: () => Promise.reject(new Error('disk full')) }
    const other = createPipeline({ queue: full, generations, clock, log: silentLogger, trace: silent, spool: unused })
    const answers = await submit({ to: ['later@here.test'], subject: 'new body' }, other)
    expect(answers).toMatchObject([{ code: 451 }])
    expect(shared.pipelineTest.bodies).toBe(1) // the reader's above
  })

  test('a body that an after-queue filter replaced is let go after the message has gone', async () => {
    shared.pipelineTest.queuedHook = true
    await generations.reload(loaded)
    await submit({ to: ['ok@here.test'] })
    await until(() => queue.stats().items === 0)
    expect(shared.pipelineTest.attempts).toEqual(['ok'])
    expect(shared.pipelineTest.bodies).toBe(0)
  })

  test('whom an after-queue filter refuses is settled in the record that says that it was asked', async () => {
    shared.pipelineTest.queuedHook = true
    await generations.reload(loaded)
    const left: (string[] | undefined)[] = []
    const update = queue.update.bind(queue)
    queue.update = async (change) => {
      await update(change)
      if (change.filtered) left.push(queue.get(change.id)?.recipients.map(({ status }) => status))
    }
    await submit({ to: ['ok@here.test', 'ok2@here.test'], subject: 'late one' })
    await until(() => queue.stats().items === 0)
    expect(left[0]).toEqual(['failed', 'pending'])
    expect(shared.pipelineTest.attempts.filter((local) => local.startsWith('ok'))).toEqual(['ok2'])
  })

  test('more than 100 Received fields are a loop', async () => {
    const message = `${'Received: from a by b; Thu, 1 Jan 2026 00:00:00 +0000\r\n'.repeat(101)}From: a@b.test\r\n\r\n`
    expect((await submit({ to: ['ok@here.test'], message }))[0]).toMatchObject({ code: 554, enhanced: '5.4.6' })
  })

  test('Authentication-Results in our name are dropped, others stay', async () => {
    const message =
      'Authentication-Results: mx.here.test; spf=pass\r\nAuthentication-Results: other.test; spf=fail\r\nFrom: a@b.test\r\n\r\nx\r\n'
    await submit({ to: ['later@here.test'], message })
    await until(() => events.some((e) => e.event === 'attempt'))
    const text = await bytesOf(only().id)
    expect(text).not.toContain('spf=pass')
    expect(text).toContain('other.test; spf=fail')
  })

  test('a submission gets Date, Message-ID and domains; Bcc goes', async () => {
    const message = 'From: Ana <ana>\r\nTo: paco, "x, y" <rosa>, b@c.test\r\nBcc: secret@here.test\r\n\r\nx\r\n'
    await submit({ to: ['later@here.test'], service: 'submission', message })
    await until(() => events.some((e) => e.event === 'attempt'))
    const text = await bytesOf(only().id)
    expect(text).toContain('From: Ana <ana@here.test>\r\n')
    expect(text).toContain('To: paco@here.test, "x, y" <rosa@here.test>, b@c.test\r\n')
    expect(text).toMatch(/\r\nDate: Thu, 1 Jan 2026 00:00:0\d \+0000\r\n/)
    expect(text).toMatch(/\r\nMessage-ID: <\w{16}@mx\.here\.test>\r\n/)
    expect(text).not.toContain('secret')
  })

  test('a submission’s address lists beyond all measure stay as they are', async () => {
    const to = 'a,'.repeat(200_000)
    await submit({ to: ['later@here.test'], service: 'submission', message: `From: ana\r\nTo: ${to}\r\n\r\nx\r\n` })
    await until(() => events.some((e) => e.event === 'attempt'))
    expect(await bytesOf(only().id)).toContain(`\r\nFrom: ana\r\nTo: ${to}\r\n`)
  })
})

describe('dispatch', () => {
  test('a list is expanded level by level, without doubles, and a circle does no harm', async () => {
    await submit({ to: ['list@here.test', 'ok@here.test'] })
    await until(() => queue.stats().items === 0)
    expect(shared.pipelineTest.attempts.sort()).toEqual(['ok', 'ok2', 'ok3'])
  })

  test.each([
    ['an alias and the only address that it stands for', ['one', 'ok'], ['ok']],
    ['the same in another letter case', ['OK', 'one'], ['OK']],
    ['two aliases for one address', ['one', 'list2'], ['ok', 'ok2', 'ok3']],
    ['one who keeps a copy, named before a list', ['own', 'list'], ['ok', 'ok2', 'ok3', 'own']],
    ['one who keeps a copy, named behind an alias for all', ['everybody', 'own'], ['ok', 'ok2', 'ok3', 'own']],
  ])('%s get one copy each, and nothing comes back', async (_what, to, expected) => {
    await submit({ to: to.map((local) => `${local}@here.test`), from: 'later@here.test' })
    await until(() => queue.stats().items === 0)
    expect(shared.pipelineTest.attempts.sort()).toEqual(expected.sort())
    expect(events.some((e) => e.event === 'reported')).toBe(false)
  })

  test('who has no route is asked for once, beside a list whose members the queue gives meanwhile', async () => {
    const update = queue.update.bind(queue)
    vi.spyOn(queue, 'update').mockImplementation(async (change) => {
      await update(change)
      if (change.expanded) await until(() => shared.pipelineTest.attempts.includes('ok'))
    })
    await submit({ to: ['lost@here.test', 'list@here.test'] })
    await until(() => queue.stats().items === 0)
    const asked = events.filter(({ rcpt, verdict }) => rcpt === 'lost@here.test' && verdict === 'reject')
    expect(asked.map(({ detail }) => detail)).toEqual(['550 5.1.1 <lost>: no such user here'])
  })

  test('aliases of a circle, all of them recipients, all come back', async () => {
    await submit({ to: ['loop@here.test', 'loop2@here.test'], from: 'later@here.test' })
    await until(() => events.some((e) => e.event === 'reported'))
    const report = await bytesOf([...queue.list()].find((item) => item.parent !== null)!.id)
    expect(report).toContain('Final-Recipient: rfc822; loop@here.test')
    expect(report).toContain('Final-Recipient: rfc822; loop2@here.test')
  })

  test('what an alias of one stands for goes out without a record before its outcome', async () => {
    const update = vi.spyOn(queue, 'update')
    await submit({ to: ['one@here.test'] })
    await until(() => queue.stats().items === 0)
    expect(update.mock.calls.map(([{ expanded, settled }]) => [expanded, settled?.length])).toEqual([[undefined, 1]])
    expect(events.map(({ event }) => event)).toEqual(expect.arrayContaining(['expanded', 'routed', 'attempt']))
  })

  test('what an alias stands for keeps the address that was written, for reports and the log', async () => {
    await submit({ to: ['badlist@here.test'], from: 'later@here.test' })
    await until(() => events.some((e) => e.event === 'reported'))
    const report = [...queue.list()].find((item) => item.parent !== null)!
    const text = await bytesOf(report.id)
    expect(text).toContain('Original-Recipient: rfc822;badlist@here.test\r\nFinal-Recipient: rfc822; bad@here.test')
    expect(text).toContain('Final-Recipient: rfc822; badlist@here.test')
    expect(text).not.toContain('exit 69')
  })

  test('a recipient named twice gets one copy', async () => {
    const to = ['later@here.test', 'later@here.test', 'Later@HERE.test', 'later@away.test', 'Later@away.test']
    await submit({ to: [...to, 'later@away.test'] })
    await until(() => events.some((e) => e.event === 'attempt'))
    const kept = only().recipients.map((r) => formatAddress(r.address))
    expect(kept).toEqual(['later@here.test', 'later@away.test', 'Later@away.test'])
  })

  test('aliases that lead only in a circle fail with a report', async () => {
    await submit({ to: ['loop@here.test'], from: 'later@here.test' })
    await until(() => events.some((e) => e.event === 'reported'))
    const report = [...queue.list()].find((item) => item.parent !== null)!
    expect(await bytesOf(report.id)).toContain('Status: 5.4.6')
  })

  test('a failed recipient is reported with the remote reply; the report has the null reverse-path', async () => {
    await submit({ to: ['bad@here.test'], from: 'later@away.test' })
    await until(() => events.filter((e) => e.event === 'attempt').length === 2)
    const report = only()
    expect(report.envelope.reversePath).toBeNull()
    const text = await bytesOf(report.id)
    expect(text).toContain('Content-Type: multipart/report; report-type=delivery-status;')
    expect(text).toContain(
      'Action: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mx.test\r\nDiagnostic-Code: smtp; 550 5.1.1',
    )
    expect(text).toContain('Subject: hello\r\n')
  })

  test('a report that fails is dropped, not reported', async () => {
    await submit({ to: ['bad@here.test'], from: null })
    await until(() => queue.stats().items === 0)
    expect(events.some((e) => e.event === 'reported')).toBe(false)
  })

  test('NOTIFY=NEVER and NOTIFY=SUCCESS are obeyed', async () => {
    await submit({ to: ['bad@here.test'], notify: ['never'] })
    await until(() => queue.stats().items === 0)
    expect(events.some((e) => e.event === 'reported')).toBe(false)
    await submit({ to: ['ok@here.test'], notify: ['success'], from: 'later@away.test' })
    await until(() => events.some((e) => e.event === 'attempt' && e.rcpt === 'later@away.test'))
    expect(await bytesOf(only().id)).toContain('Action: relayed\r\nStatus: 2.0.0')
  })

  test('each report of one attempt is on record as what it is', async () => {
    await submit({ to: ['ok@here.test', 'bad@here.test'], notify: ['success', 'failure'], from: 'later@away.test' })
    await until(() => events.filter((e) => e.event === 'reported').length === 2)
    expect(events.flatMap((e) => (e.event === 'reported' ? [e.verdict] : []))).toEqual(['relayed', 'failed'])
  })

  test('a deferred recipient is tried again by the schedule, warned about once, and given up at the end', async () => {
    await submit({ to: ['later@here.test'], from: 'ok@away.test' })
    await until(() => events.some((e) => e.event === 'attempt'))
    const first = only().recipients[0]!
    expect(first).toMatchObject({ status: 'ready', attempts: 1 })
    expect(first.due).toBeGreaterThan(clock.now())
    const attempts = () => events.filter((e) => e.event === 'attempt' && e.rcpt === 'later@here.test').length
    const until5d = clock.now() + 5 * 86_400_000 + 3_600_000
    while (clock.now() < until5d && queue.stats().items > 0) {
      const before = attempts()
      const item = [...queue.list()].find((i) => i.parent === null)
      if (!item) break
      clock.advance(Math.max(1, item.recipients[0]!.due - clock.now()) + 1)
      await until(() => attempts() > before)
    }
    await until(() => queue.stats().items === 0)
    const reported = events.filter((e) => e.event === 'reported').map((e) => e.verdict)
    expect(reported).toEqual(['delayed', 'failed'])
    expect(attempts()).toBeGreaterThan(10)
  })

  test('recipients that are deferred together are due again together', async () => {
    await submit({ to: ['later1@here.test', 'later2@here.test', 'later3@here.test', 'later4@here.test'] })
    await until(() => only().recipients.every((r) => r.attempts === 1))
    expect(new Set(only().recipients.map((r) => r.due)).size).toBe(1)
  })

  test('a dead host holds up its own mail alone, and what waited for it is deferred without an attempt', async () => {
    for (let i = 0; i < 20; i++) await submit({ to: [`dead${i}@here.test`] })
    await submit({ to: ['ok@here.test'] })
    await until(() => queue.stats().items === 20 && [...queue.list()].every((i) => i.recipients[0]!.attempts === 1))
    expect(shared.pipelineTest.attempts.filter((a) => a === 'ok')).toHaveLength(1)
    expect(shared.pipelineTest.attempts.filter((a) => a.startsWith('dead')).length).toBeLessThan(20)
    expect(pipeline.lanes().find((lane) => lane.key === 'test:dead')!.closedForMs).toBeGreaterThan(0)
  })

  test('hosts that answer and then all stall at once hold up no local mail', async () => {
    const gate = Promise.withResolvers<void>()
    shared.pipelineTest.farGate = gate.promise
    const hosts = Array.from({ length: 50 }, (_, i) => `far${i}`)
    for (const host of hosts) await submit({ to: [`${host}-0@here.test`] })
    await vi.waitFor(() => expect(pipeline.lanes().filter(({ running }) => running === 1)).toHaveLength(hosts.length))
    for (const host of hosts) await submit({ to: [`${host}@here.test`] })
    await vi.waitFor(() => expect(queue.stats().items).toBe(hosts.length))
    for (const host of hosts) for (let i = 1; i < 20; i++) await submit({ to: [`${host}-${i}@here.test`] })
    await vi.waitFor(() => expect(pipeline.lanes().filter(({ running }) => running === 20)).toHaveLength(hosts.length))
    await submit({ to: ['ok@here.test'] })
    await vi.waitFor(() => expect(shared.pipelineTest.attempts).toEqual(['ok']))
    gate.resolve()
    await vi.waitFor(() => expect(queue.stats().items).toBe(0))
  })

  test('more mail than a lane holds waits without an attempt on record, and is sent as the lane has room', async () => {
    const gate = Promise.withResolvers<void>()
    shared.pipelineTest.gate = gate.promise
    const count = 5050
    for (let i = 0; i < count; i++) await submit({ to: [`ok${i}@here.test`] })
    await vi.waitFor(() => expect(queue.nextDue()).toBeGreaterThan(clock.now()))
    expect(pipeline.lanes()).toMatchObject([{ waiting: 5000, running: 1 }])
    expect([...queue.list()].every((item) => item.recipients[0]!.attempts === 0)).toBe(true)
    gate.resolve()
    await vi.waitFor(() => expect(queue.stats().items).toBe(count - 5001), { timeout: 20_000 })
    clock.advance(5000)
    await vi.waitFor(() => expect(queue.stats().items).toBe(0))
    expect(new Set(shared.pipelineTest.attempts).size).toBe(count)
    expect(shared.pipelineTest.attempts).toHaveLength(count)
  })

  test('a stop lets the attempts under way end, and begins no more of those that wait', async () => {
    const gate = Promise.withResolvers<void>()
    shared.pipelineTest.gate = gate.promise
    for (const local of ['ok', 'ok2', 'ok3']) await submit({ to: [`${local}@here.test`] })
    await vi.waitFor(() => expect(pipeline.lanes()).toMatchObject([{ waiting: 2, running: 1 }]))
    const stopped = pipeline.stop(10_000)
    gate.resolve()
    await stopped
    expect(shared.pipelineTest.attempts).toEqual(['ok'])
    expect([...queue.list()].map(({ recipients }) => recipients[0]!.attempts)).toEqual([0, 0])
  })

  test('a lane goes on while outcomes are being recorded', async () => {
    const recorded = Promise.withResolvers<void>()
    const update = queue.update.bind(queue)
    queue.update = async (change) => {
      await recorded.promise
      await update(change)
    }
    await submit({ to: ['ok@here.test'] })
    await submit({ to: ['ok2@here.test'] })
    await vi.waitFor(() => expect(shared.pipelineTest.attempts).toEqual(['ok', 'ok2']))
    recorded.resolve()
    await until(() => queue.stats().items === 0)
  })

  test('what the queue does not lend is not tried, and goes out when the queue gives it again', async () => {
    const claim = vi.spyOn(queue, 'claim').mockReturnValueOnce(null)
    await submit({ to: ['one@here.test'] })
    await vi.waitFor(() => expect(claim).toHaveBeenCalled())
    await vi.waitFor(() => expect(pipeline.lanes()).toEqual([]))
    expect(shared.pipelineTest.attempts).toEqual([])
    queue.wake(only().id)
    await until(() => queue.stats().items === 0)
    expect(shared.pipelineTest.attempts).toEqual(['ok'])
  })

  test('of a message deleted while it was being delivered the outcome is on record', async () => {
    const gate = Promise.withResolvers<void>()
    shared.pipelineTest.gate = gate.promise
    await submit({ to: ['ok@here.test'] })
    await vi.waitFor(() => expect(pipeline.lanes()).toMatchObject([{ running: 1 }]))
    const { id } = only()
    await queue.remove([id])
    gate.resolve()
    await until(() => events.some((e) => e.event === 'attempt'))
    expect(events.find((e) => e.event === 'attempt')).toMatchObject({ qid: id, rcpt: 'ok@here.test', verdict: 'sent' })
  })

  test('a held message waits until it is released', async () => {
    await submit({ to: ['later@here.test'] })
    await until(() => events.some((e) => e.event === 'attempt'))
    const { id } = only()
    await queue.update({ id, held: { reason: 'test', quarantine: false } })
    clock.advance(86_400_000)
    await submit({ to: ['ok@here.test'] })
    await until(() => queue.stats().items === 1)
    expect(shared.pipelineTest.attempts.filter((a) => a === 'later')).toHaveLength(1)
    await queue.update({ id, held: null, due: clock.now() })
    await until(() => shared.pipelineTest.attempts.filter((a) => a === 'later').length === 2)
  })
})

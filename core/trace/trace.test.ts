import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeClock } from '../base/clock.ts'
import { silentLogger } from '../base/log.ts'
import type { Trace, TraceEvent } from './trace.ts'
import { openTrace } from './trace-store.ts'
import { FIND_BATCHES, READ_BATCH, SCHEMA } from './trace-tables.ts'

let folder: string
let clock: FakeClock
const opened: Trace[] = []

function open(options: { days?: number; maxSize?: number } = {}): Trace {
  const trace = openTrace({
    path: join(folder, 'trace.db'),
    days: 14,
    maxSize: 2 ** 30,
    clock,
    log: silentLogger,
    ...options,
  })
  opened.push(trace)
  return trace
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'estafeta-trace-'))
  clock = new FakeClock()
})
afterEach(async () => {
  for (const trace of opened.splice(0)) await trace.close()
  rmSync(folder, { recursive: true })
})

const at = (event: Partial<TraceEvent>): TraceEvent => ({ time: clock.now(), event: 'hook', ...event })

test('its files are nobody else’s to read', async () => {
  const path = join(folder, 'trace.db')
  writeFileSync(path, '')
  chmodSync(path, 0o644)
  const trace = open()
  trace.record(at({ qid: 'q1', event: 'queued', from: 'ana@here.test' }))
  await trace.find({ about: 'q1' })
  for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777, name).toBe(0o600)
  expect(readdirSync(folder)).toContain('trace.db-wal')
})

test('one message is found by queue id, transaction, Message-ID and address, its refused transaction by session', async () => {
  const trace = open()
  trace.record(at({ sid: 's1', tid: 's1.1', hook: 'mail', plugin: 'access', verdict: 'pass', ms: 0.25 }))
  trace.record(
    at({ sid: 's1', tid: 's1.1', qid: 'q1', event: 'queued', from: 'Ana@Here.test', messageId: '<m1@here.test>' }),
  )
  clock.advance(5)
  trace.record(
    at({ qid: 'q1', event: 'attempt', rcpt: 'paco@there.test', verdict: 'sent', detail: '250 OK \x1f\x1e odd' }),
  )
  trace.record(at({ sid: 's2', tid: 's2.1', qid: 'q2', event: 'queued', from: '' }))
  const expected = [
    {
      time: clock.now() - 5,
      event: 'hook',
      sid: 's1',
      tid: 's1.1',
      hook: 'mail',
      plugin: 'access',
      verdict: 'pass',
      ms: 0.25,
    },
    {
      time: clock.now() - 5,
      event: 'queued',
      sid: 's1',
      tid: 's1.1',
      qid: 'q1',
      from: 'Ana@Here.test',
      messageId: '<m1@here.test>',
    },
    {
      time: clock.now(),
      event: 'attempt',
      qid: 'q1',
      rcpt: 'paco@there.test',
      verdict: 'sent',
      detail: '250 OK \x1f\x1e odd',
    },
  ]
  for (const about of ['q1', 's1.1', '<m1@here.test>', 'm1@here.test', 'ana@here.test', 'PACO@there.test', 's1']) {
    expect(await trace.find({ about }), about).toEqual(expected)
  }
  expect(await trace.find({ about: 's2' })).toMatchObject([{ from: '' }])
  expect(await trace.find({ about: 'nobody@here.test' })).toEqual([])
  trace.record(at({ qid: 'q3', event: 'attempt', rcpt: 'paco@xn--bcher-kva.test' }))
  expect(await trace.find({ about: 'paco@bücher.test' })).toMatchObject([{ qid: 'q3' }])
})

test('what was recorded is there after a restart', async () => {
  const first = open()
  first.record(at({ qid: 'q1', event: 'queued', detail: 'kept' }))
  await first.close()
  expect(await open().find({ about: 'q1' })).toMatchObject([{ detail: 'kept' }])
})

test('what an older version wrote goes, whatever it is', async () => {
  const db = new DatabaseSync(join(folder, 'trace.db'))
  db.exec(`${SCHEMA}; PRAGMA user_version=4; CREATE TABLE trace (events TEXT);
    INSERT INTO batch VALUES (1, 1, 'hook\x1fq1', x'00'); INSERT INTO key VALUES ('q1', 1)`)
  db.close()
  const trace = open()
  trace.record(at({ qid: 'q1', event: 'queued' }))
  expect(await trace.find({ about: 'q1' })).toMatchObject([{ event: 'queued' }])
})

test('rows beyond the days go, and a file beyond its octets loses the oldest', async () => {
  const trace = open({ days: 1, maxSize: 400_000 })
  trace.record(at({ qid: 'old', event: 'queued' }))
  expect(await trace.find({ about: 'old' })).toHaveLength(1)
  clock.advance(2 * 86_400_000)
  for (let i = 0; i < 100; i++) {
    for (let j = 0; j < 20; j++)
      trace.record(at({ qid: `q${i}-${j}`, event: 'queued', detail: `${i}-${j} ${'x'.repeat(500)}` }))
    await trace.find({ about: 'none' })
  }
  trace.record(at({ qid: 'last', event: 'queued' }))
  expect(await trace.find({ about: 'last' })).toHaveLength(1)
  expect(await trace.find({ about: 'old' })).toEqual([])
  expect(await trace.find({ about: 'q0-0' })).toEqual([])
  expect(await trace.find({ about: 'q99-19' })).toHaveLength(1)
})

test('events of a message are given once, though an address leads to it before and after it had a queue id', async () => {
  const trace = open()
  trace.record(at({ sid: 's1', tid: 's1.1', hook: 'rcpt', rcpt: 'ana@here.test' }))
  await trace.find({ about: 's1' }) // a row of its own
  trace.record(at({ sid: 's1', tid: 's1.1', qid: 'q1', event: 'queued', rcpt: 'ana@here.test' }))
  expect((await trace.find({ about: 'ana@here.test' })).map(({ event }) => event)).toEqual(['hook', 'queued'])
})

test('a message whose events were written at different times is found whole by each of its names, the newest ones first', async () => {
  const trace = open()
  const written = () => trace.find({ about: 'none' })
  for (const n of [1, 2]) {
    trace.record(at({ sid: 's1', tid: `s1.${n}`, hook: 'mail' }))
    await written()
    trace.record(at({ sid: 's1', tid: `s1.${n}`, qid: `q${n}`, event: 'queued', from: 'ana@here.test' }))
    await written()
    trace.record(at({ qid: `q${n}`, event: 'attempt', rcpt: 'paco@there.test' }))
    await written()
  }
  const events = ['hook', 'queued', 'attempt']
  for (const about of ['q1', 's1.1']) {
    expect((await trace.find({ about })).map(({ event }) => event)).toEqual(events)
  }
  for (const about of ['ana@here.test', 'paco@there.test', 's1']) {
    expect((await trace.find({ about })).map(({ event }) => event)).toEqual([...events, ...events])
    const last = await trace.find({ about, limit: 1 })
    expect(last.map(({ event }) => event)).toEqual(events)
    expect(last.map(({ qid }) => qid)).toEqual([undefined, 'q2', 'q2'])
  }
})

test('a session is found with what was no part of a transaction', async () => {
  const trace = open()
  trace.record(at({ sid: 's1', hook: 'connect', plugin: 'rbl', verdict: 'pass' }))
  trace.record(at({ sid: 's1', tid: 's1.1', hook: 'mail', plugin: 'access', verdict: 'pass' }))
  trace.record(at({ sid: 's10', hook: 'connect', plugin: 'rbl', verdict: 'reject' }))
  expect((await trace.find({ about: 's1' })).map(({ hook }) => hook)).toEqual(['connect', 'mail'])
})

test.each([FIND_BATCHES, READ_BATCH])('no search goes through all that there is: %s', (query) => {
  const db = new DatabaseSync(':memory:')
  db.exec(SCHEMA)
  const steps = db.prepare(`EXPLAIN QUERY PLAN ${query}`).all() as { detail: string }[]
  db.close()
  expect(steps.map(({ detail }) => detail).filter((detail) => /^(SEARCH|SCAN) (key|batch)/.test(detail))).toEqual([
    expect.stringMatching(/^SEARCH /),
  ])
})

// The trace's own thread: writes rows, finds them, drops what is too old or too much.
import { chmodSync, closeSync, existsSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock, type Timer } from '../base/clock.ts'
import type { TraceEvent } from './trace.ts'
import { decodeEvents, decodeRows } from './trace-row.ts'
import { ROWS_OF, SCHEMA, SEEDS } from './trace-tables.ts'

export type TraceRequest =
  | { kind: 'write'; now: number; batch: string; rows: number }
  | { kind: 'find'; id: number; about: string; limit: number }
  | { kind: 'close' }

export type TraceResponse =
  | { kind: 'found'; id: number; events: TraceEvent[] }
  | { kind: 'failed'; id: number; text: string }
  | { kind: 'trouble'; text: string }
  /** However it went: these rows wait no longer. */
  | { kind: 'written'; rows: number }

const { path, days, maxSize } = workerData as { path: string; days: number; maxSize: number }
// nobody else's to read: others may pass through the data folder, and SQLite gives its other files the mode of this one
closeSync(openSync(path, 'a', 0o600))
for (const file of [path, `${path}-wal`, `${path}-shm`]) if (existsSync(file)) chmodSync(file, 0o600)
const db = new DatabaseSync(path, { timeout: 5000 })
const FORMAT = 3
const { user_version } = db.prepare('PRAGMA user_version').get() as { user_version: number }
// what an older version wrote cannot be read any more, and is not worth more
if (user_version < FORMAT)
  db.exec(`DROP TABLE IF EXISTS trace; DROP TABLE IF EXISTS address; PRAGMA user_version=${FORMAT}`)
db.exec(SCHEMA)
const insert = db.prepare('INSERT INTO trace (time, sid, tid, qid, mid, events) VALUES (?, ?, ?, ?, ?, ?)')
const insertAddress = db.prepare('INSERT OR IGNORE INTO address VALUES (?, ?)')

/** Rows of one transaction, and ms that they wait for others: most of its cost is the same for few of them. */
const TOGETHER = 250
const LONGEST_WAIT = 250
const CLEAN_EVERY = 100
let commits = 0
/** Rows since BEGIN. */
let open = 0
let waiting: Timer | null = null
/** Of the main thread's clock. */
let now = 0

function write(batch: string, rows: number): void {
  if (open === 0) {
    db.exec('BEGIN')
    waiting = systemClock.after(LONGEST_WAIT, () => guarded(commit))
  }
  open += rows
  for (const row of decodeRows(batch)) {
    const { lastInsertRowid } = insert.run(row.time, row.sid, row.tid, row.qid, row.mid, row.events)
    for (const address of row.addresses) if (address !== '') insertAddress.run(address, lastInsertRowid)
  }
  if (open >= TOGETHER) commit()
}

function commit(): void {
  if (open === 0) return
  db.exec('COMMIT')
  ended()
  if (++commits % CLEAN_EVERY === 1) clean()
}

/** The transaction is over, however it went. */
function ended(): void {
  waiting?.cancel()
  respond({ kind: 'written', rows: open })
  open = 0
}

function guarded(action: () => void): void {
  try {
    action()
  } catch (error) {
    respond({ kind: 'trouble', text: textOf(error) })
    if (db.isTransaction) db.exec('ROLLBACK')
    if (open > 0) ended()
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const DAY = 86_400_000
/** Rows go a twentieth of the days at a time: each time all addresses are gone through. */
const SHARE = 0.05

/** Keeps the file within its days and octets. */
function clean(): void {
  const oldest = db.prepare('SELECT id, time FROM trace ORDER BY id LIMIT 1').get() as Place | undefined
  if (oldest && oldest.time < now - days * DAY * (1 + SHARE)) drop(lastBefore(now - days * DAY, oldest.id))
  const octets = (): number => {
    const pages = db.prepare('PRAGMA page_count').get() as { page_count: number }
    const free = db.prepare('PRAGMA freelist_count').get() as { freelist_count: number }
    const size = db.prepare('PRAGMA page_size').get() as { page_size: number }
    return (pages.page_count - free.freelist_count) * size.page_size
  }
  while (octets() > maxSize) {
    // asked for both at once, SQLite goes through all rows
    const span = db.prepare('SELECT (SELECT min(id) FROM trace) AS low, (SELECT max(id) FROM trace) AS high').get() as {
      low: number | null
      high: number
    }
    if (span.low === null) break
    drop(span.low + Math.floor((span.high - span.low) / 10))
  }
  db.exec('PRAGMA incremental_vacuum')
}

interface Place {
  readonly id: number
  readonly time: number
}

/** The last row from before `time`, by halves: rows stand in the order of their times, but for those of one batch. */
function lastBefore(time: number, first: number): number {
  const from = db.prepare('SELECT id, time FROM trace WHERE id >= ? ORDER BY id LIMIT 1')
  const { high } = db.prepare('SELECT max(id) AS high FROM trace').get() as { high: number }
  let [low, end] = [first, high]
  while (low < end) {
    const middle = Math.ceil((low + end) / 2)
    if ((from.get(middle) as unknown as Place).time < time) low = middle
    else end = middle - 1
  }
  return low
}

/** All rows up to this one. */
function drop(last: number): void {
  db.prepare('DELETE FROM address WHERE id <= ?').run(last)
  db.prepare('DELETE FROM trace WHERE id <= ?').run(last)
}

const findSeeds = db.prepare(SEEDS)
const findRows = db.prepare(ROWS_OF)

function find(about: string, limit: number): TraceEvent[] {
  const text = about.trim()
  const mid = text.startsWith('<') ? text : `<${text}>`
  const seeds = findSeeds.all(text, mid, limit * 10) as { tid: string; qid: string; sid: string }[]
  const keys = new Set(seeds.map((s) => s.qid || s.tid || s.sid))
  const events: TraceEvent[] = []
  // a message is met by its transaction, too
  const met = new Set<number>()
  for (const key of [...keys].slice(0, limit)) {
    const rows = findRows.all(key) as {
      id: number
      time: number
      sid: string
      tid: string
      qid: string
      events: string
    }[]
    for (const row of rows) if (!met.has(row.id)) events.push(...decodeEvents(row))
    for (const { id } of rows) met.add(id)
  }
  return events.sort((a, b) => a.time - b.time)
}

const respond = (response: TraceResponse): void => parentPort!.postMessage(response)

parentPort!.on('message', (request: TraceRequest) => {
  if (request.kind === 'write') {
    now = request.now
    guarded(() => write(request.batch, request.rows))
    return
  }
  guarded(commit)
  if (request.kind === 'close') {
    db.close()
    parentPort!.close()
    return
  }
  try {
    respond({ kind: 'found', id: request.id, events: find(request.about, request.limit) })
  } catch (error) {
    respond({ kind: 'failed', id: request.id, text: textOf(error) })
  }
})

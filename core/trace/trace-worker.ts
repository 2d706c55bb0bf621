// The trace's own thread: writes batches, finds messages in them, drops what is too old or too much.
import { chmodSync, closeSync, existsSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock, type Timer } from '../base/clock.ts'
import type { TraceEvent } from './trace.ts'
import { type Batch, countOf, eventsOf, keysOf } from './trace-batch.ts'
import { ADD_KEYS, FIND_BATCHES, READ_BATCH, SCHEMA } from './trace-tables.ts'

export type TraceRequest =
  | { kind: 'write'; now: number; batch: Batch }
  | { kind: 'find'; id: number; about: string; limit: number }
  | { kind: 'close' }

export type TraceResponse =
  | { kind: 'found'; id: number; events: TraceEvent[] }
  | { kind: 'failed'; id: number; text: string }
  | { kind: 'trouble'; text: string }
  /** However it went: so many events wait no longer. */
  | { kind: 'written'; events: number }

const { path, days, maxSize } = workerData as { path: string; days: number; maxSize: number }
// nobody else's to read: others may pass through the data folder, and SQLite gives its other files the mode of this one
closeSync(openSync(path, 'a', 0o600))
for (const file of [path, `${path}-wal`, `${path}-shm`]) if (existsSync(file)) chmodSync(file, 0o600)
const db = new DatabaseSync(path, { timeout: 5000 })
const FORMAT = 5
const { user_version } = db.prepare('PRAGMA user_version').get() as { user_version: number }
// what an older version wrote cannot be read any more, and is not worth more
if (user_version < FORMAT) {
  for (const table of ['trace', 'address', 'batch', 'key']) db.exec(`DROP TABLE IF EXISTS ${table}`)
  db.exec(`PRAGMA user_version=${FORMAT}`)
}
db.exec(SCHEMA)
const addBatch = db.prepare('INSERT INTO batch (time, texts, numbers) VALUES (?, ?, ?)')
const addKeys = db.prepare(ADD_KEYS)

/** Events of one transaction, and ms that they wait for others: most of its cost is the same for few of them. */
const TOGETHER = 4096
const LONGEST_WAIT = 250
const CLEAN_EVERY = 100
let commits = 0
/** Events since BEGIN. */
let open = 0
let waiting: Timer | null = null
/** Of the main thread's clock. */
let now = 0

function write(batch: Batch): void {
  if (open === 0) {
    db.exec('BEGIN')
    waiting = systemClock.after(LONGEST_WAIT, () => guarded(commit))
  }
  open += countOf(batch)
  const { lastInsertRowid } = addBatch.run(batch.time, batch.texts, batch.numbers)
  addKeys.run(JSON.stringify(keysOf(batch)), lastInsertRowid)
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
  respond({ kind: 'written', events: open })
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
/** Batches go a twentieth of the days at a time: each time all keys are gone through. */
const SHARE = 0.05

/** Keeps the file within its days and octets. */
function clean(): void {
  const oldest = db.prepare('SELECT id, time FROM batch ORDER BY id LIMIT 1').get() as Place | undefined
  if (oldest && oldest.time < now - days * DAY * (1 + SHARE)) drop(lastBefore(now - days * DAY, oldest.id))
  const octets = (): number => {
    const pages = db.prepare('PRAGMA page_count').get() as { page_count: number }
    const free = db.prepare('PRAGMA freelist_count').get() as { freelist_count: number }
    const size = db.prepare('PRAGMA page_size').get() as { page_size: number }
    return (pages.page_count - free.freelist_count) * size.page_size
  }
  while (octets() > maxSize) {
    // asked for both at once, SQLite goes through all batches
    const span = db.prepare('SELECT (SELECT min(id) FROM batch) AS low, (SELECT max(id) FROM batch) AS high').get() as {
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

/** The last batch from before `time`, by halves: they stand in the order of their times. */
function lastBefore(time: number, first: number): number {
  const from = db.prepare('SELECT id, time FROM batch WHERE id >= ? ORDER BY id LIMIT 1')
  const { high } = db.prepare('SELECT max(id) AS high FROM batch').get() as { high: number }
  let [low, end] = [first, high]
  while (low < end) {
    const middle = Math.ceil((low + end) / 2)
    if ((from.get(middle) as unknown as Place).time < time) low = middle
    else end = middle - 1
  }
  return low
}

/** All batches up to this one. */
function drop(last: number): void {
  db.prepare('DELETE FROM key WHERE batch <= ?').run(last)
  db.prepare('DELETE FROM batch WHERE id <= ?').run(last)
}

const findBatches = db.prepare(FIND_BATCHES)
const readBatch = db.prepare(READ_BATCH)

/** All events of the `limit` newest messages that `about` names, the oldest event first. */
function find(about: string, limit: number): TraceEvent[] {
  const text = about.trim()
  const messageId = text.startsWith('<') ? text : `<${text}>`
  const address = text.toLowerCase()
  const isAsked = (e: TraceEvent): boolean =>
    e.qid === text ||
    e.tid === text ||
    e.sid === text ||
    e.messageId === messageId ||
    e.from?.toLowerCase() === address ||
    e.rcpt?.toLowerCase() === address
  const search = new Search()
  const found = new Set<TraceEvent>()
  let messages = 0
  for (const batch of batchesWith(address, messageId.toLowerCase()))
    for (const event of search.read(batch).toReversed()) {
      if (!isAsked(event) || found.has(event)) continue
      if (++messages > limit) return search.inOrder(found)
      for (const one of search.messageOf(event)) found.add(one)
    }
  return search.inOrder(found)
}

/** Reads each batch once, so that an event met again is the same one. */
class Search {
  readonly #read = new Map<number, TraceEvent[]>()

  read(batch: number): readonly TraceEvent[] {
    const events = this.#read.get(batch) ?? eventsOf(stored(batch))
    this.#read.set(batch, events)
    return events
  }

  /** The events of a message name its transaction, its queue id or both; those of a session outside of transactions neither. */
  messageOf(event: TraceEvent): TraceEvent[] {
    const id = idOf(event)
    const own = this.#eventsOf(id)
    const others = new Set(own.flatMap(({ tid, qid }) => [tid ?? id, qid ?? id]))
    others.delete(id)
    return [event, ...own, ...[...others].flatMap((other) => this.#eventsOf(other))]
  }

  /** By their times, those of one time as they came. */
  inOrder(events: ReadonlySet<TraceEvent>): TraceEvent[] {
    const batches = [...this.#read].sort(([a], [b]) => a - b).map(([, events]) => events)
    const all = batches.flat().filter((event) => events.has(event))
    return all.sort((a, b) => a.time - b.time)
  }

  #eventsOf(id: string): TraceEvent[] {
    const events = batchesWith(id, id).flatMap((batch) => this.read(batch))
    return events.filter((e) => e.qid === id || e.tid === id || idOf(e) === id)
  }
}

function stored(batch: number): Batch {
  const row = readBatch.get(batch) as unknown as { time: number; texts: string; numbers: Uint8Array<ArrayBuffer> }
  return { ...row, numbers: new Uint16Array(row.numbers.buffer) }
}

/** Batches that have one of the keys, the newest first. */
const batchesWith = (one: string, other: string): number[] =>
  (findBatches.all(one, other) as { batch: number }[]).map(({ batch }) => batch)

const idOf = ({ qid, tid, sid }: TraceEvent): string => qid ?? tid ?? sid ?? ''

const respond = (response: TraceResponse): void => parentPort!.postMessage(response)

parentPort!.on('message', (request: TraceRequest) => {
  if (request.kind === 'write') {
    now = request.now
    guarded(() => write(request.batch))
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

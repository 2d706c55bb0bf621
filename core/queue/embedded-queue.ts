// The queue of one machine: the state in memory, every change of it in a log on disk before anybody hears of it.
import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import type { Clock, Timer } from '../base/clock.ts'
import { permanent, temporary } from '../base/failure.ts'
import type { Files } from '../base/files.ts'
import type { Logger } from '../base/log.ts'
import { type MessageContent, memoryBody } from '../message/content.ts'
import { replies } from '../message/reply.ts'
import type { EntryKind, Where } from './batch.ts'
import { BodyStore, type StoredContent } from './body-store.ts'
import { type Committer, createInlineCommitter, createShortestCommitter, createWorkerCommitter } from './committer.ts'
import { CopyForward } from './copy-forward.ts'
import { SEGMENT_SIZE } from './log-format.ts'
import { readLog } from './log-reader.ts'
import { addOperation, type ContentRow, type Operation } from './operations.ts'
import type { PackedItem } from './packed.ts'
import {
  type ItemUpdate,
  isFinal,
  type Lease,
  type NewQueueItem,
  type Queue,
  type QueueItem,
  type QueueStats,
} from './queue.ts'
import { type Gathering, QueueLog } from './queue-log.ts'
import { QueueState } from './queue-state.ts'
import { RecentContents } from './recent-contents.ts'
import type { Place } from './segment.ts'
import { SegmentReader } from './segment-reader.ts'
import { noRoom, StateQueue } from './state-queue.ts'

export interface EmbeddedQueueOptions {
  /** `<data>/queue`; made when missing. Its owner holds the data folder's lock. */
  readonly directory: string
  readonly files: Files
  readonly clock: Clock
  readonly log: Logger
  /** Octets that must stay free on the disk: below, new mail is refused. */
  readonly minFree: number
  /** worker: on its own thread, for servers. inline: in this one, for commands and tests (the only way with other files than the real ones). */
  readonly committer?: 'worker' | 'inline'
  /** Lets records wait some milliseconds for each other, so that more of them share a sync. */
  readonly gather?: Gathering
  /** ms that no recipient waits longer than, however the clock jumps. */
  readonly maxWait?: number
  readonly segmentSize?: number
}

/** Reads the log, which may put damaged parts aside (see the log), and removes bodies that belong to nothing. */
export async function openEmbeddedQueue(options: EmbeddedQueueOptions): Promise<Queue> {
  const queue = new EmbeddedQueue(options)
  queue.start()
  return queue
}

/** ms for which an answer about free space is good. */
const FREE_VALID = 1000
/** ms between two tries to write, when outcomes cannot be recorded. */
const PROBE = 10_000

class EmbeddedQueue extends StateQueue<Place> implements Queue {
  readonly #options: EmbeddedQueueOptions
  readonly #log: QueueLog
  readonly #bodies: BodyStore
  readonly #reader: SegmentReader
  readonly #forward: CopyForward
  readonly #committer: Committer
  readonly #recent = new RecentContents((id) => this.state.stale(id))
  #free = 0
  #freeUntil = Number.NEGATIVE_INFINITY
  /** Whether the last word to the log was that there is no room. */
  #short = false
  /** The log has been read. Before that, freed bodies are not removed: a later record may name them again. */
  #started = false
  #closed = false
  /** Set while outcomes cannot be recorded: nothing is given out then, since it would be delivered again and again. */
  #stalled: Timer | null = null

  constructor(options: EmbeddedQueueOptions) {
    super(new QueueState(options.clock, options.maxWait))
    this.#options = options
    const { directory, files, clock, log, segmentSize = SEGMENT_SIZE, committer = 'worker' } = options
    const logs = join(directory, 'log')
    const bodies = join(directory, 'body')
    for (const folder of [directory, logs, bodies]) makeFolder(files, folder)
    const found = readLog({
      directory: logs,
      damaged: join(directory, 'damaged'),
      files,
      log,
      record: (operations, segment, record) => this.#apply(operations, { segment, ...record }),
    })
    const start = () => (committer === 'worker' ? createWorkerCommitter() : createInlineCommitter(files))
    this.#committer = options.gather ? createShortestCommitter(start(), files, clock) : start()
    this.#log = new QueueLog({
      directory: logs,
      committer: this.#committer,
      gather: options.gather ?? null,
      log,
      found,
      segmentSize,
      committed: () => {
        if (!this.#stalled) this.state.wake()
        this.#forward.kick()
      },
    })
    this.#reader = new SegmentReader(files)
    this.#bodies = new BodyStore({ directory: bodies, files, log, start })
    this.#forward = new CopyForward({
      log: this.#log,
      state: this.state,
      reader: this.#reader,
      files,
      clock,
      logger: log,
      segmentSize,
      moved: (item, from, to) => this.#moved(item, from, to),
    })
  }

  start(): void {
    const used = new Set<string>()
    for (const { content } of this.state.items()) if (content.large) used.add(content.large.file)
    this.#bodies.keepOnly(used)
    this.#started = true
    if (this.#options.committer === 'inline') return
    // the thread starts and does it while the rest of the server gets ready
    if (this.hasRoom(0)) void this.#log.keepReserve()
    this.#forward.kick()
  }

  async enqueue(item: NewQueueItem): Promise<void> {
    this.#checkOpen()
    this.checkNew(item)
    if (!this.hasRoom(item.content.size)) throw noRoom(`less than ${this.#options.minFree} octets would stay free`)
    this.#free -= item.content.size
    const stored = this.#bodies.small(item.content) ?? (await this.#bodies.store(item.id, item.content))
    await this.#append([addOperation(item, stored.row)], [stored], 'new')
    if (this.#recent.keep(item.id, item.content)) this.state.fresh(item)
  }

  async update(update: ItemUpdate): Promise<void> {
    this.#checkOpen()
    for (const item of update.enqueue ?? []) this.checkNew(item)
    const change = this.state.prepare(update)
    try {
      const stored: StoredContent[] = []
      const operations: Operation[] = []
      for (const item of update.enqueue ?? []) {
        const bounce = await this.#bodies.store(item.id, item.content)
        stored.push(bounce)
        operations.push(addOperation(item, bounce.row))
      }
      if (update.content && change.op === 'update') {
        this.#recent.drop(update.id)
        const name = `${update.id}.${randomBytes(4).toString('hex')}`
        const content = await this.#bodies.store(name, update.content)
        stored.push(content)
        operations.push({ ...change, content: content.row })
      } else operations.push(change)
      await this.#append(operations, stored, isOutcome(update) ? 'outcome' : 'state')
    } catch (error) {
      this.state.cancel(update)
      throw error
    }
  }

  async remove(ids: readonly string[]): Promise<void> {
    this.#checkOpen()
    const change = this.state.prepareRemove(ids)
    if (change.ids.length === 0) return
    try {
      await this.#append([change], [], 'state')
    } catch (error) {
      this.state.cancelRemove(change)
      throw error
    }
  }

  override takeDue(now: number, limit: number): QueueItem[] {
    return this.#stalled ? [] : super.takeDue(now, limit)
  }

  override nextDue(): number | null {
    return this.#stalled ? null : super.nextDue()
  }

  override claim(id: string, recipients: readonly number[], ms: number): Lease | null {
    if (!this.#stalled) return super.claim(id, recipients, ms)
    this.state.offer(id)
    return null
  }

  async content(id: string): Promise<MessageContent> {
    const item = this.state.item(id)
    if (!item) throw permanent(`no message ${id} in the queue`)
    const recent = this.#recent.take(id)
    if (recent !== null) return recent
    const place = item.content
    try {
      const bytes = this.#reader.read(place)
      const header = bytes.subarray(0, place.header)
      if (!place.large) return { header, body: memoryBody(bytes.subarray(place.header)), bodyStart: 0, size: item.size }
      const body = this.#bodies.open(place.large)
      return { header, body, bodyStart: place.large.bodyStart, size: item.size }
    } catch (cause) {
      throw temporary(`cannot read message ${id}: ${(cause as Error).message}`, {
        reply: replies.internalError(),
        cause,
      })
    }
  }

  hasRoom(size: number): boolean {
    if (this.#closed) return false
    const now = this.#options.clock.mono()
    if (now >= this.#freeUntil || this.#log.full) {
      this.#free = this.#measureFree()
      this.#freeUntil = now + FREE_VALID
      if (this.#free - size >= this.#options.minFree) this.#log.full = false
      this.#tellRoom()
    }
    return this.#free - size >= this.#options.minFree
  }

  #tellRoom(): void {
    const { minFree, log } = this.#options
    const short = this.#free < minFree
    if (short === this.#short) return
    this.#short = short
    if (short)
      log.warn(`queue: ${this.#free} octets are free on its disk, less than queue.minFree: no new mail is taken`)
    else log.info('queue: there is room on its disk again')
  }

  #measureFree(): number {
    try {
      return this.#options.files.free(this.#options.directory)
    } catch (error) {
      this.#options.log.error('queue: cannot ask for free space', { error: (error as Error).message })
      return 0
    }
  }

  stats(): QueueStats {
    const { size, recipients, held, bytes } = this.state
    return { items: size, recipients, held, bytes, syncs: this.#log.syncs + this.#bodies.syncs }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#stalled?.cancel()
    await this.#forward.close()
    await this.#log.idle()
    await this.#committer.close()
    await this.#bodies.close()
    this.#reader.close()
    this.#recent.clear()
  }

  #checkOpen(): void {
    if (this.#closed) throw temporary('the queue is closed', { reply: replies.internalError() })
  }

  /** Resolves when the operations are durable, and true. */
  #append(operations: readonly Operation[], stored: readonly StoredContent[], kind: EntryKind): Promise<void> {
    const payload: Buffer[] = []
    for (const content of stored) payload.push(...content.payload)
    return this.#log.append(JSON.stringify(operations), payload, kind, {
      committed: (where) => this.#apply(operations, where),
      failed: () => {
        for (const { row } of stored) if (row[2]) this.#bodies.remove(row[2].file)
        if (kind !== 'new') this.#stall()
      },
    })
  }

  /** Gives nothing out, and lends nothing that was given, until a record of nothing could be written. */
  #stall(): void {
    if (this.#stalled || this.#closed) return
    this.#options.log.error('queue: outcomes cannot be recorded; deliveries wait until they can')
    this.#probeLater()
  }

  #probeLater(): void {
    this.#stalled = this.#options.clock.after(PROBE, () => {
      const ended = () => {
        this.#stalled = null
        this.#options.log.info('queue: outcomes can be recorded again')
        this.state.wake()
      }
      this.#log.append('[]', [], 'state', { committed() {} }).then(ended, () => this.#closed || this.#probeLater())
    })
  }

  /** Makes a durable record true, now and when the log is read at the start. */
  #apply(operations: readonly Operation[], where: Where): void {
    let at = where.payloadAt
    for (const op of operations) {
      const row = op.op === 'remove' ? undefined : op.content
      const place = row ? this.#place(op, row, where, at) : null
      if (place) {
        at += place.header + place.inline
        count(place, 1)
      }
      for (const freed of this.state.apply(op, place)) {
        count(freed, -1)
        if (this.#started && freed.large) this.#bodies.remove(freed.large.file)
      }
    }
  }

  #place(op: Operation, row: ContentRow, { segment, length }: Where, at: number): Place {
    const [header, inline, large] = row
    const old = op.op === 'update' ? this.state.item(op.id)?.content : undefined
    return { base: old?.base ?? segment, length: old?.length ?? length, segment, at, header, inline, large }
  }

  /** A snapshot of an item stands further on in the log. */
  #moved(item: PackedItem<Place>, from: Place, { segment, length, payloadAt }: Where): void {
    if (item.content !== from) return
    item.content = { ...from, base: segment, length, segment, at: payloadAt }
    count(from, -1)
    count(item.content, 1)
  }
}

/** The end of recipients, and nothing else. */
const isOutcome = ({ settled, enqueue, expanded, content }: ItemUpdate): boolean =>
  settled?.every(({ status }) => isFinal(status)) === true &&
  enqueue === undefined &&
  expanded === undefined &&
  content === undefined

/** Synced in any case: who made it may not have come that far. */
function makeFolder(files: Files, path: string): void {
  if (files.stat(path) === null) files.mkdir(path, 0o700)
  files.fsyncDir(dirname(path))
}

function count(place: Place, sign: 1 | -1): void {
  place.base.live += sign
  place.base.liveBytes += sign * place.length
}

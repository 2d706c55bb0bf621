// Gives log space back: the oldest segment's survivors are written again at the log's end, then the segment goes.
import type { Clock } from '../base/clock.ts'
import type { Files } from '../base/files.ts'
import type { Logger } from '../base/log.ts'
import type { Where } from './batch.ts'
import { align, type LogRecord, recordAt } from './log-format.ts'
import { type AddOperation, type Operation, snapshotOperation } from './operations.ts'
import type { PackedItem } from './packed.ts'
import type { QueueLog } from './queue-log.ts'
import type { QueueState } from './queue-state.ts'
import type { Place, Segment } from './segment.ts'
import type { SegmentReader } from './segment-reader.ts'

export interface CopyForwardOptions {
  readonly log: QueueLog
  readonly state: QueueState<Place>
  readonly reader: SegmentReader
  readonly files: Files
  readonly clock: Clock
  readonly logger: Logger
  readonly segmentSize: number
  /** Puts an item's bytes on record where they stand now. */
  moved(item: PackedItem<Place>, from: Place, to: Where): void
}

const WINDOW = 256 << 10
/** Items in the whole queue that are looked through sooner than a segment is read. */
const FEW = 2000
/** ms until the next try after one that could not finish. */
const PAUSE = 1000

/**
 * Segments go in order of age only: a record that ends an item always stands later in the log than the item itself, so
 * that no crash can bring back what was settled.
 */
export class CopyForward {
  readonly #options: CopyForwardOptions
  #running: Promise<void> | null = null
  #notBefore = 0
  #closed = false

  constructor(options: CopyForwardOptions) {
    this.#options = options
  }

  /** Starts, if there is something to gain. */
  kick(): void {
    if (this.#running || this.#closed || !this.#worthwhile()) return
    // what is dead already goes at once, however the last copy ended
    const dead = this.#options.log.segments[0]?.live === 0
    if (!dead && this.#options.clock.mono() < this.#notBefore) return
    this.#running = this.#run().finally(() => {
      this.#running = null
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#running
  }

  /** The oldest segment is mostly settled, or all in all there is more waste than mail. */
  #worthwhile(): boolean {
    const { log, segmentSize } = this.#options
    const [oldest] = log.segments
    if (!oldest || oldest === log.active) return false
    if (oldest.live === 0) return true
    if (log.full) return false
    if (oldest.liveBytes * 4 <= oldest.allocated) return true
    let used = 0
    let live = 0
    for (const segment of log.segments) {
      used += segment.end
      live += segment.liveBytes
    }
    return used - live > Math.max(live, 2 * segmentSize)
  }

  async #run(): Promise<void> {
    while (!this.#closed && this.#worthwhile()) {
      const oldest = this.#options.log.segments[0]!
      try {
        if (oldest.live > 0) await this.#copy(oldest)
      } catch (error) {
        this.#options.logger.warn('queue log: cannot copy forward now', { error: (error as Error).message })
      }
      if (oldest.live > 0 || !(await this.#options.log.retire(oldest))) {
        this.#notBefore = this.#options.clock.mono() + PAUSE
        return
      }
      this.#options.log.segments.shift()
      this.#options.reader.forget(oldest)
    }
  }

  /** Copies what lives in a segment and is not being changed right now. */
  async #copy(segment: Segment): Promise<void> {
    const seen = new Set<string>()
    let copies: Promise<Error | null>[] = []
    let octets = 0
    const settle = async () => {
      const failed = (await Promise.all(copies)).find((error) => error !== null)
      if (failed) throw failed
      copies = []
      octets = 0
    }
    for await (const item of this.#items(segment)) {
      if (item.content.base !== segment || item.busy > 0 || seen.has(item.id)) continue
      seen.add(item.id)
      octets += item.content.length
      copies.push(this.#copyItem(item).then(() => null, asError))
      if (octets >= WINDOW) await settle()
      if (this.#closed) break
    }
    await settle()
  }

  /** Items that may live in a segment: all there are when they are few, else those that its records name. */
  async *#items(segment: Segment): AsyncIterable<PackedItem<Place>> {
    const { state } = this.#options
    if (state.size <= FEW) {
      yield* [...state.items()]
      return
    }
    for await (const record of this.#records(segment)) {
      for (const { id } of addsOf(record)) {
        const item = state.item(id)
        if (item) yield item
      }
    }
  }

  #copyItem(item: PackedItem<Place>): Promise<void> {
    const { log, reader, moved } = this.#options
    const from = item.content
    const { header, inline, large } = from
    const op: AddOperation = { ...snapshotOperation(item), content: [header, inline, large] }
    return log.append(JSON.stringify([op]), [reader.read(from)], 'copy', { committed: (to) => moved(item, from, to) })
  }

  /** The whole records of a segment, read piece by piece: what is damaged was reported at the start. */
  async *#records(segment: Segment): AsyncIterable<LogRecord> {
    const { files } = this.#options
    const fd = files.open(segment.path, 'r')
    try {
      let size = WINDOW
      for (let at = segment.start; at < segment.end; ) {
        const bytes = Buffer.allocUnsafe(Math.min(size, segment.end - at))
        const window = bytes.subarray(0, await files.readAsync(fd, bytes, 0, bytes.length, at))
        const start = at
        for (let next = 0; next < window.length; ) {
          const record = recordAt(window, next, segment.nonce, start)
          if (!record) break
          next = align(next + record.length)
          at = start + next
          yield record
        }
        if (at === start && start + window.length < segment.end) size *= 2
        else if (at === start) at = this.#behindDamage(window, start, segment)
        else size = WINDOW
      }
    } finally {
      files.close(fd)
    }
  }

  #behindDamage(window: Buffer, start: number, segment: Segment): number {
    const mark = Buffer.alloc(8)
    mark.writeBigUInt64LE(segment.nonce)
    const next = window.indexOf(mark, 1)
    return next < 0 ? segment.end : start + next
  }
}

const asError = (thrown: unknown): Error => thrown as Error

function addsOf(record: LogRecord): AddOperation[] {
  if (!record.head.includes('"op":"add"')) return []
  return (JSON.parse(record.head.toString()) as Operation[]).filter((op): op is AddOperation => op.op === 'add')
}

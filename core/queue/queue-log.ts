// The append-only log with group commit: what is asked for while a sync runs shares the next one.
import { randomBytes } from 'node:crypto'
import type { Clock, Timer } from '../base/clock.ts'
import { type Failure, temporary } from '../base/failure.ts'
import type { Logger } from '../base/log.ts'
import { replies } from '../message/reply.ts'
import { Batch, type Ends, type EntryKind, giveBack } from './batch.ts'
import type { CommitJob, Job, JobResult } from './commit-job.ts'
import type { Committer } from './committer.ts'
import { formatHeader, HEADER_SIZE, recordBound } from './log-format.ts'
import type { LogFiles } from './log-reader.ts'
import { cutPath, reservePath, Segment, segmentPath, sparePath } from './segment.ts'
import { noRoom } from './state-queue.ts'

export interface QueueLogOptions {
  readonly directory: string
  readonly committer: Committer
  /** Lets records wait for each other; null: every record is on its way to the disk at the end of the turn. */
  readonly gather: Gathering | null
  readonly log: Logger
  readonly found: LogFiles
  readonly segmentSize: number
  /** Called after each batch, when its changes are true. */
  committed(): void
}

export interface Gathering {
  /** Runs by itself. */
  readonly clock: Clock
  /** Messages that are arriving, and may be worth waiting for. */
  arriving(): number
}

/** Octets by which a segment's file grows: syncs in between write no metadata. */
const STEP = 1 << 20
const RESERVE = 4 << 20
const SPARES = 2
/** Turns of the event loop that a message waits at most for those that are arriving, to share their sync. */
const GATHER_TURNS = 6
/** ms that an outcome waits: nobody is kept waiting by it. */
const OUTCOME_MS = 5

export class QueueLog {
  /** In order; the last may be the active one. */
  readonly segments: Segment[]
  /** The disk had no room at the last try: nothing is set aside then. Whoever finds room clears it. */
  full = false
  syncs = 0
  readonly #options: QueueLogOptions
  readonly #batches: Batch[] = []
  readonly #spares: { path: string; size: number }[]
  #reserve: number | null
  #reserving = false
  #next: number
  #active: Segment | null = null
  /** Segments whose failed sync could not be put on record: until it is, nothing is written. */
  #uncut: Segment[] = []
  /** Somebody waits for a record that is not on its way yet. */
  #wanted = false
  /** Outcomes alone wait for this. */
  #timer: Timer | null = null
  #turning = false
  #draining = false
  #drained: Promise<void> = Promise.resolve()

  constructor(options: QueueLogOptions) {
    this.#options = options
    this.segments = options.found.segments
    this.#spares = options.found.spares
    // a smaller one was left unfinished by a crash
    const { reserve } = options.found
    this.#reserve = reserve === this.#reserveSize ? reserve : null
    this.#next = options.found.nextNumber
  }

  /** The segment that grows; it is not to be retired. */
  get active(): Segment | null {
    return this.#active
  }

  /**
   * Appends a record. `committed` is called in the order of the log, when the record is durable, before the promise
   * resolves. Rejects with a temporary Failure, after which the record does not count.
   */
  append(head: string, payload: readonly Buffer[], kind: EntryKind, ends: Ends): Promise<void> {
    const bound = recordBound(head, payload)
    let batch = this.#batches.at(-1)
    if (!batch?.fits(bound)) {
      batch = new Batch(bound)
      this.#batches.push(batch)
    }
    const durable = batch.add(head, payload, kind, ends)
    this.#schedule(kind)
    return durable
  }

  /** Resolves when all that was appended has ended one way or the other. */
  async idle(): Promise<void> {
    while (this.#batches.length > 0 || this.#draining) {
      this.#begin()
      await this.#drained
    }
  }

  get #reserveSize(): number {
    return Math.min(RESERVE, this.#options.segmentSize)
  }

  /** Makes the reserve, when there is none: zeros that state records may use when the disk is full. */
  async keepReserve(): Promise<void> {
    if (this.#reserve !== null || this.#reserving) return
    this.#reserving = true
    const size = this.#reserveSize
    const result = await this.#run({ kind: 'reserve', path: reservePath(this.#options.directory), size })
    this.#reserving = false
    if (result.ok) this.#reserve = size
    else this.#options.log.warn('queue log: no room for the reserve', { error: result.error })
  }

  /** Gives up the oldest segment, in which nothing lives. False when that could not be made durable. */
  async retire(segment: Segment): Promise<boolean> {
    const wanted = !this.full && this.#spares.length < SPARES
    const spare = wanted && !segment.poisoned && segment.allocated <= this.#options.segmentSize
    const to = spare ? sparePath(this.#options.directory, segment.number) : segment.keepAs
    const result = await this.#run({ kind: 'rename', from: segment.path, to })
    if (!result.ok) {
      this.#options.log.error('queue log: cannot remove a segment', { segment: segment.path, error: result.error })
      return false
    }
    if (spare && to !== null) this.#spares.push({ path: to, size: segment.allocated })
    return true
  }

  get #arriving(): number {
    return this.#options.gather?.arriving() ?? 0
  }

  #schedule(kind: EntryKind): void {
    if (kind === 'outcome' && this.#options.gather) this.#wait()
    else {
      this.#wanted = true
      if (this.#draining || this.#turning) return
      this.#turning = true
      // after all sockets that are readable now have been read: their messages share the sync
      this.#turn(GATHER_TURNS)
    }
  }

  #turn(left: number): void {
    setImmediate(() => {
      if (left > 1 && this.#arriving > 0) this.#turn(left - 1)
      else {
        this.#turning = false
        this.#begin()
      }
    })
  }

  #wait(): void {
    if (!this.#draining) this.#timer ??= this.#options.gather?.clock.after(OUTCOME_MS, () => this.#begin()) ?? null
  }

  #begin(): void {
    this.#timer?.cancel()
    this.#timer = null
    if (!this.#draining) this.#drained = this.#drain()
  }

  async #drain(): Promise<void> {
    this.#draining = true
    for (let batch = this.#batches.shift(); batch; batch = this.#batches.shift()) {
      this.#wanted = this.#batches.length > 0
      await this.#commit(batch)
      this.#options.committed()
      if (!this.#wanted) break
    }
    this.#draining = false
    if (this.#batches.length > 0) this.#wait()
  }

  async #commit(batch: Batch): Promise<void> {
    const first = await this.#write(batch, false)
    if (first.ok) return
    const rest = first.buffer ? batch.salvage(first.buffer, failureOf(first)) : null
    giveBack(first.buffer)
    if (!first.buffer) batch.failed(failureOf(first))
    if (!rest) return
    const second = await this.#write(rest, first.full)
    if (second.ok) return
    rest.failed(failureOf(second))
    giveBack(second.buffer)
  }

  /** One try to make a batch durable. `scarce`: there is no room to grow, the reserve may be used. */
  async #write(batch: Batch, scarce: boolean): Promise<JobResult> {
    const unrecorded = await this.#cutAll()
    if (unrecorded) return { ...unrecorded, buffer: batch.buffer }
    const { segment, job } = this.#place(batch, scarce)
    if (job.create) this.#forgetSpare(job.create.from)
    const alone = this.#arriving === 0 && batch.isOneMessage
    const result = await this.#run(job, alone)
    if (result.ok) {
      if (job.create) this.#opened(segment)
      const start = segment.end
      segment.allocated = Math.max(segment.allocated, job.allocate)
      segment.end += batch.length
      batch.committed(segment, start)
      giveBack(result.buffer)
    } else if (result.full) this.full = true
    else await this.#abandon(segment, result)
    return result
  }

  #place(batch: Batch, scarce: boolean): { segment: Segment; job: CommitJob } {
    const { segmentSize, directory } = this.#options
    const active = this.#active
    const common = { kind: 'commit', buffer: batch.buffer, length: batch.length } as const
    if (active) {
      const { path, nonce, end, allocated } = active
      const grown = end + batch.length <= allocated ? allocated : grow(end + batch.length, segmentSize)
      if (grown <= allocated || (!scarce && end + batch.length <= segmentSize)) {
        const job: CommitJob = { ...common, path, create: null, nonce, at: end, allocated, allocate: grown }
        return { segment: active, job }
      }
    }
    const number = this.#next++
    const nonce = randomBytes(8).readBigUInt64LE()
    const spare = this.#spareFor(HEADER_SIZE + batch.length, scarce)
    const allocated = spare?.size ?? 0
    const path = segmentPath(directory, number)
    const create = { from: spare?.path ?? null, header: formatHeader(number, nonce) }
    const allocate = spare ? allocated : grow(HEADER_SIZE + batch.length, segmentSize)
    const segment = new Segment(number, { nonce, start: HEADER_SIZE }, path, HEADER_SIZE, allocated)
    return { segment, job: { ...common, path, create, nonce, at: HEADER_SIZE, allocated, allocate } }
  }

  /** A file that can become a segment and holds `octets` without growing. */
  #spareFor(octets: number, scarce: boolean): { path: string; size: number } | null {
    const spare = this.#spares.find(({ size }) => size >= octets)
    if (spare || !scarce || this.#reserve === null || this.#reserve < octets) return spare ?? null
    return { path: reservePath(this.#options.directory), size: this.#reserve }
  }

  #forgetSpare(path: string | null): void {
    const at = this.#spares.findIndex((spare) => spare.path === path)
    if (at >= 0) this.#spares.splice(at, 1)
    else if (path !== null) this.#reserve = null
  }

  #opened(segment: Segment): void {
    this.segments.push(segment)
    this.#active = segment
    if (!this.full) void this.keepReserve()
  }

  /** After a failed write or sync nobody knows what is on disk: the segment is cut at what was known before. */
  async #abandon(segment: Segment, result: JobResult): Promise<void> {
    this.#options.log.error('queue log: a commit failed; its segment is given up', {
      segment: segment.path,
      error: result.error,
    })
    if (segment === this.#active) this.#active = null
    segment.poisoned = true
    this.#uncut.push(segment)
    await this.#cutAll()
  }

  /** Puts on record where abandoned segments end. Gives the failure, while it cannot. */
  async #cutAll(): Promise<JobResult | null> {
    for (let segment = this.#uncut[0]; segment; segment = this.#uncut[0]) {
      const used = this.segments.includes(segment)
      const to = used ? cutPath(this.#options.directory, segment.number, segment.end) : null
      const result = await this.#run({ kind: 'rename', from: segment.path, to })
      if (!result.ok) {
        this.#options.log.error('queue log: nothing can be written', { segment: segment.path, error: result.error })
        return { ...result, full: false }
      }
      if (to !== null) segment.path = to
      this.#uncut.shift()
    }
    return null
  }

  async #run(job: Job, alone = false): Promise<JobResult> {
    const result = await this.#options.committer.run(job, alone)
    this.syncs += result.syncs
    return result
  }
}

const grow = (octets: number, segmentSize: number): number =>
  octets >= segmentSize ? octets : Math.min(segmentSize, Math.ceil(octets / STEP) * STEP)

function failureOf(result: JobResult): Failure {
  const why = `cannot write the queue's log: ${result.error}`
  return result.full ? noRoom(why) : temporary(why, { reply: replies.internalError() })
}

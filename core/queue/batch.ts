// Records gathered in one buffer, to be written and synced together.
import { align, RECORD_HEADER, writeRecord } from './log-format.ts'
import type { Segment } from './segment.ts'

/** Where a record came to stand. */
export interface Where {
  readonly segment: Segment
  readonly at: number
  /** Octets, without padding. */
  readonly length: number
  readonly payloadAt: number
}

/**
 * new: a message not yet acknowledged; state: what happened to one, and somebody waits for it; outcome: what happened to
 * one, and nobody does; copy: one moved forward. Only state and outcome may use the reserve.
 */
export type EntryKind = 'new' | 'state' | 'outcome' | 'copy'

export interface Entry {
  readonly kind: EntryKind
  readonly at: number
  readonly length: number
  committed(where: Where): void
  failed(error: Error): void
}

const BUFFER = 512 << 10
const POOL = 4
const pool: ArrayBuffer[] = []

/** A buffer comes back from the commit thread, or is dropped. */
export function giveBack(buffer: ArrayBuffer | null): void {
  if (buffer && buffer.byteLength === BUFFER && pool.length < POOL) pool.push(buffer)
}

export class Batch {
  length = 0
  readonly entries: Entry[] = []
  readonly buffer: ArrayBuffer
  readonly #bytes: Buffer

  constructor(bound: number) {
    this.buffer = bound <= BUFFER ? (pool.pop() ?? new ArrayBuffer(BUFFER)) : new ArrayBuffer(bound)
    this.#bytes = Buffer.from(this.buffer)
  }

  /** One message, and outcomes that waited for company. */
  get isOneMessage(): boolean {
    let messages = 0
    for (const { kind } of this.entries) {
      if (kind === 'new') messages++
      else if (kind !== 'outcome') return false
    }
    return messages === 1
  }

  fits(bound: number): boolean {
    return this.length + bound <= this.buffer.byteLength
  }

  add(head: string, payload: readonly Buffer[], kind: EntryKind, ends: Pick<Entry, 'committed' | 'failed'>): void {
    const length = writeRecord(this.#bytes, this.length, head, payload)
    this.entries.push({ kind, at: this.length, length, ...ends })
    this.length = align(this.length + length)
  }

  /** Tells every entry where it stands now. */
  committed(segment: Segment, start: number, bytes: ArrayBuffer): void {
    const view = Buffer.from(bytes)
    for (const { at, length, committed } of this.entries) {
      const payloadAt = start + at + RECORD_HEADER + view.readUInt32LE(at + 20)
      committed({ segment, at: start + at, length, payloadAt })
    }
  }

  failed(error: Error): void {
    for (const entry of this.entries) entry.failed(error)
  }

  /** The entries of a failed batch that are worth another try, in a batch of their own; the others have failed. */
  salvage(bytes: ArrayBuffer, error: Error): Batch | null {
    const lasts = ({ kind }: Entry): boolean => kind === 'state' || kind === 'outcome'
    const again = this.entries.filter(lasts)
    for (const entry of this.entries) if (!lasts(entry)) entry.failed(error)
    if (again.length === 0) return null
    const batch = new Batch(this.length)
    for (const entry of again) {
      batch.#bytes.set(Buffer.from(bytes, entry.at, entry.length), batch.length)
      batch.#bytes.fill(0, batch.length + entry.length, align(batch.length + entry.length))
      batch.entries.push({ ...entry, at: batch.length })
      batch.length = align(batch.length + entry.length)
    }
    return batch
  }
}

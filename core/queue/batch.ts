// Records gathered in one buffer, to be written and synced together.
import { align, writeRecord } from './log-format.ts'
import type { Segment } from './segment.ts'

/** Where a record came to stand. */
export interface Where {
  readonly segment: Segment
  /** Octets, without padding. */
  readonly length: number
  readonly payloadAt: number
}

/**
 * new: a message not yet acknowledged; state: what happened to one, and somebody waits for it; outcome: what happened to
 * one, and nobody does; copy: one moved forward. Only state and outcome may use the reserve.
 */
export type EntryKind = 'new' | 'state' | 'outcome' | 'copy'

/** What follows for a record's sender, before its promise is settled. */
export interface Ends {
  committed(where: Where): void
  failed?(): void
}

interface Entry {
  readonly kind: EntryKind
  readonly at: number
  readonly length: number
  /** From the record's begin on. */
  readonly payloadAt: number
  readonly ends: Ends
  resolve(): void
  reject(error: Error): void
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

  /** Resolves when the record is durable. */
  add(head: string, payload: readonly Buffer[], kind: EntryKind, ends: Ends): Promise<void> {
    const at = this.length
    const { payloadAt, length } = writeRecord(this.#bytes, at, head, payload)
    this.length = align(at + length)
    return new Promise((resolve, reject) => {
      this.entries.push({ kind, at, length, payloadAt, ends, resolve, reject })
    })
  }

  /** Tells every entry where it stands now. */
  committed(segment: Segment, start: number): void {
    for (const { at, length, payloadAt, ends, resolve } of this.entries) {
      ends.committed({ segment, length, payloadAt: start + at + payloadAt })
      resolve()
    }
  }

  failed(error: Error): void {
    for (const entry of this.entries) fail(entry, error)
  }

  /** The entries of a failed batch that are worth another try, in a batch of their own; the others have failed. */
  salvage(bytes: ArrayBuffer, error: Error): Batch | null {
    const lasts = ({ kind }: Entry): boolean => kind === 'state' || kind === 'outcome'
    const again = this.entries.filter(lasts)
    for (const entry of this.entries) if (!lasts(entry)) fail(entry, error)
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

function fail({ ends, reject }: Entry, error: Error): void {
  ends.failed?.()
  reject(error)
}

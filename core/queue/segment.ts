// One file of the queue's log, and how its name tells its state.
import { join } from 'node:path'
import type { SegmentHeader } from './log-format.ts'

/** A segment in use: `00000012.log`, or `00000012.cut-4096.log` when only what lies before 4096 counts. */
export class Segment {
  readonly number: number
  readonly nonce: bigint
  /** Where its records begin. */
  readonly start: number
  path: string
  /** Behind the last record that counts. */
  end: number
  /** Octets of the file. */
  allocated: number
  /** Items whose last full record stands here, and the octets of those records. */
  live = 0
  liveBytes = 0
  /** A sync of it failed: it is not written to again, nor used again. */
  poisoned = false
  /** The disk did not give all of it: when nothing lives in it any more it is kept under this name. */
  keepAs: string | null = null

  constructor(number: number, { nonce, start }: SegmentHeader, path: string, end: number, allocated: number) {
    this.number = number
    this.nonce = nonce
    this.start = start
    this.path = path
    this.end = end
    this.allocated = allocated
  }
}

/** Where an item's bytes are. */
export interface Place {
  /** Holds the item's last full record, and so pins all later ones that change it. */
  readonly base: Segment
  /** Octets of that record. */
  readonly length: number
  /** Holds header and inline body, from `at` on. */
  readonly segment: Segment
  readonly at: number
  readonly header: number
  readonly inline: number
  readonly large: LargeBody | null
}

/** A body in a file of its own. */
export interface LargeBody {
  readonly file: string
  readonly size: number
  readonly bodyStart: number
}

const padded = (number: number): string => String(number).padStart(8, '0')

export const segmentPath = (directory: string, number: number): string => join(directory, `${padded(number)}.log`)
export const cutPath = (directory: string, number: number, end: number): string =>
  join(directory, `${padded(number)}.cut-${end}.log`)
export const sparePath = (directory: string, number: number): string => join(directory, `spare-${padded(number)}`)
export const reservePath = (directory: string): string => join(directory, 'reserve')

export type LogFile =
  | { readonly kind: 'segment'; readonly number: number; readonly cut: number | null }
  | { readonly kind: 'spare' | 'reserve' }

/** What a file of the log folder is; null: none of ours. */
export function parseLogFile(name: string): LogFile | null {
  if (name === 'reserve') return { kind: 'reserve' }
  if (/^spare-\d{8,}$/.test(name)) return { kind: 'spare' }
  const match = /^(\d{8,})(?:\.cut-(\d+))?\.log$/.exec(name)
  if (!match) return null
  return { kind: 'segment', number: Number(match[1]), cut: match[2] === undefined ? null : Number(match[2]) }
}

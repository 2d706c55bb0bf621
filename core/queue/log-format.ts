// How the queue's log lies on disk: segments with a header, and records that prove themselves whole.
import { crc32 } from 'node:zlib'

/*
 * Segment:  header (HEADER_SIZE octets: the same 64 octets at 0 and at 4096, in two blocks of the disk), then records, each at
 *           a multiple of 8. Header: 0 magic (16) | 16 number (4) | 20 where records begin (4) | 24 nonce (8) | 32 CRC-32 (4).
 *           In an older layout the second copy is at 512, records begin at 1024, and the header has 0 for that.
 * Record:   0 nonce of the segment (8) | 8 CRC-32 of all that follows (4) | 12 length in octets, from the nonce on (4)
 *           | 16 where in the segment its batch begins (4) | 20 octets of the head (4) | head, JSON | payload
 * The nonce is random: nothing that a message holds, and nothing left over in a used-again file, passes for a record.
 */
const MAGIC = 'ESTAFETA QUEUE 1'
const COPY_AT = 4096
export const HEADER_SIZE = COPY_AT + 64
const OLDER = { copyAt: 512, start: 1024 }
export const RECORD_HEADER = 24

/** Segments are rolled at this size; a single large record may go beyond. */
export const SEGMENT_SIZE = 8 << 20

export const align = (at: number): number => (at + 7) & ~7

export function formatHeader(number: number, nonce: bigint): Buffer {
  const header = Buffer.alloc(HEADER_SIZE)
  header.write(MAGIC, 0, 'latin1')
  header.writeUInt32LE(number, 16)
  header.writeUInt32LE(HEADER_SIZE, 20)
  header.writeBigUInt64LE(nonce, 24)
  header.writeUInt32LE(crc32(header.subarray(0, 32)), 32)
  header.copy(header, COPY_AT, 0, 64)
  return header
}

export interface SegmentHeader {
  readonly nonce: bigint
  /** Where records begin. */
  readonly start: number
}

/** 'other' when the file was another segment before; null when neither copy of the header is whole. */
export function parseHeader(bytes: Buffer, number: number): SegmentHeader | 'other' | null {
  let other = false
  for (const at of [0, OLDER.copyAt, COPY_AT]) {
    const copy = bytes.subarray(at, at + 64)
    if (copy.length < 64 || copy.toString('latin1', 0, 16) !== MAGIC) continue
    if (copy.readUInt32LE(32) !== crc32(copy.subarray(0, 32))) continue
    if (copy.readUInt32LE(16) === number)
      return { nonce: copy.readBigUInt64LE(24), start: copy.readUInt32LE(20) || OLDER.start }
    other = true
  }
  return other ? 'other' : null
}

/** Octets that a record takes at most, padding included. */
export const recordBound = (head: string, payload: readonly Buffer[]): number =>
  align(RECORD_HEADER + 3 * head.length + octetsOf(payload))

function octetsOf(buffers: readonly Buffer[]): number {
  let sum = 0
  for (const { length } of buffers) sum += length
  return sum
}

/** Writes a record, but for what `sealBatch` adds; gives its length without padding, and where in it the payload begins. */
export function writeRecord(
  into: Buffer,
  at: number,
  head: string,
  payload: readonly Buffer[],
): { length: number; payloadAt: number } {
  const headLength = into.write(head, at + RECORD_HEADER, 'utf8')
  let end = at + RECORD_HEADER + headLength
  for (const bytes of payload) {
    into.set(bytes, end)
    end += bytes.length
  }
  into.writeUInt32LE(end - at, at + 12)
  into.writeUInt32LE(headLength, at + 20)
  into.fill(0, end, align(end))
  return { length: end - at, payloadAt: RECORD_HEADER + headLength }
}

/** Makes the records of a batch valid for one place in one segment. */
export function sealBatch(batch: Buffer, nonce: bigint, start: number): void {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.length)
  for (let at = 0; at < batch.length; ) {
    const end = at + view.getUint32(at + 12, true)
    view.setBigUint64(at, nonce, true)
    view.setUint32(at + 16, start, true)
    view.setUint32(at + 8, crc32(batch.subarray(at + 12, end)), true)
    at = align(end)
  }
}

export interface LogRecord {
  readonly at: number
  /** Octets, without padding. */
  readonly length: number
  readonly batchStart: number
  readonly head: Buffer
  /** Where in the segment the payload begins. */
  readonly payloadAt: number
}

/** The record at `at`, if one stands there whole. `shift` is where in the segment `bytes` begins. */
export function recordAt(bytes: Buffer, at: number, nonce: bigint, shift = 0): LogRecord | null {
  if (at + RECORD_HEADER > bytes.length || bytes.readBigUInt64LE(at) !== nonce) return null
  const length = bytes.readUInt32LE(at + 12)
  const headLength = bytes.readUInt32LE(at + 20)
  if (length < RECORD_HEADER + headLength || at + length > bytes.length) return null
  if (crc32(bytes.subarray(at + 12, at + length)) !== bytes.readUInt32LE(at + 8)) return null
  const headEnd = at + RECORD_HEADER + headLength
  return {
    at: at + shift,
    length,
    batchStart: bytes.readUInt32LE(at + 16),
    head: bytes.subarray(at + RECORD_HEADER, headEnd),
    payloadAt: headEnd + shift,
  }
}

/** A stretch of a segment in which a record began that is not whole. */
export interface Damage {
  readonly from: number
  readonly to: number
  /** A later sync succeeded: what stood here was acknowledged. */
  readonly acknowledged: boolean
}

export interface Scan {
  readonly records: readonly LogRecord[]
  /** Whole records follow these. */
  readonly damages: readonly Damage[]
  /** Behind the last whole record. */
  readonly end: number
  /** Something was begun behind `end` and never finished. */
  readonly torn: boolean
}

/** Reads a whole segment. */
export function scanSegment(bytes: Buffer, { nonce, start }: SegmentHeader): Scan {
  const mark = Buffer.alloc(8)
  mark.writeBigUInt64LE(nonce)
  const records: LogRecord[] = []
  const holes: { from: number; to: number }[] = []
  let end = start
  for (let at = start; at >= 0; ) {
    const record = recordAt(bytes, at, nonce)
    if (!record) {
      at = bytes.indexOf(mark, at + 1)
      continue
    }
    if (record.at !== end) holes.push({ from: end, to: record.at })
    records.push(record)
    end = align(record.at + record.length)
    at = end
  }
  const synced = records.at(-1)?.batchStart ?? start
  const damages = holes.map((hole) => ({ ...hole, acknowledged: hole.from < synced }))
  return { records, damages, end, torn: bytes.indexOf(mark, end) >= 0 }
}

/** Without the zeros at the end. */
export function contentLength(bytes: Buffer): number {
  let length = bytes.length
  while (length > 0 && bytes[length - 1] === 0) length--
  return length
}

/** Does the file end before the record that begins at `at` would? */
export const endsWithin = (bytes: Buffer, at: number): boolean =>
  at + RECORD_HEADER > bytes.length || at + bytes.readUInt32LE(at + 12) > bytes.length

/** What looks like a record is checked up to this many octets in all: mail may be made to look like many. */
const CHECKED_MAX = 64 << 20

/**
 * Does a segment whose header is gone hold a record of a batch that is not its first? Then the header was durable once. What a
 * message holds may pass for one here: the answer is for the log alone.
 */
export function hasLaterBatch(bytes: Buffer): boolean {
  let checked = 0
  for (let at = HEADER_SIZE; at + RECORD_HEADER <= bytes.length && checked < CHECKED_MAX; at += 8) {
    const length = bytes.readUInt32LE(at + 12)
    const batchStart = bytes.readUInt32LE(at + 16)
    if (length < RECORD_HEADER || at + length > bytes.length || batchStart <= HEADER_SIZE || batchStart > at) continue
    if (recordAt(bytes, at, bytes.readBigUInt64LE(at))) return true
    checked += length
  }
  return false
}

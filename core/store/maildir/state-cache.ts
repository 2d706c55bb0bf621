// What a Maildir's names do not tell, kept beside it: sizes, dates, threads and mod-sequences. Can be deleted at any time.
import { crc32 } from 'node:zlib'
import type { MailboxState, StateColumns } from '../mailbox-state.ts'
import { findUid } from '../uid-set.ts'

export const CACHE = 'estafeta-cache'

const MAGIC = 0x32435345 // ESC2
const HEADER = 32
/** Columns of eight octets, then the UIDs. */
const WIDE = ['modSeq', 'internalDate', 'saveDate', 'size', 'email', 'thread'] as const
const ROW = WIDE.length * 8 + 4

export interface CachedRow {
  readonly modSeq: number
  readonly internalDate: number
  readonly size: number
  readonly thread: bigint
}

/** Columns of the messages, as MailboxState has them; flags are in the file names. */
export type CachedColumns = Omit<StateColumns, 'flags'>

export interface StateCache {
  readonly uidValidity: number
  readonly highestModSeq: number
  readonly columns: CachedColumns
  /** null when the cache knows nothing of it. */
  row(uid: number): CachedRow | null
}

/** Columns one after another, so that reading costs no copy. */
export function formatCache(state: MailboxState): Buffer {
  const { count } = state
  const octets = Buffer.alloc(HEADER + count * ROW)
  octets.writeUInt32LE(MAGIC, 0)
  octets.writeUInt32LE(count, 8)
  octets.writeUInt32LE(state.facts.uidValidity, 12)
  octets.writeDoubleLE(state.facts.highestModSeq, 16)
  let at = HEADER
  for (const name of [...WIDE, 'uid'] as const) {
    const column = state.column(name)
    at += Buffer.from(column.buffer, column.byteOffset, column.byteLength).copy(octets, at)
  }
  octets.writeUInt32LE(crc32(octets.subarray(8)), 4)
  return octets
}

/** null when it is damaged or of another make. */
export function parseCache(octets: Buffer): StateCache | null {
  if (octets.length < HEADER || octets.readUInt32LE(0) !== MAGIC) return null
  const count = octets.readUInt32LE(8)
  if (octets.length !== HEADER + count * ROW || octets.readUInt32LE(4) !== crc32(octets.subarray(8))) return null
  const copy = octets.buffer.slice(octets.byteOffset + HEADER, octets.byteOffset + octets.length) as ArrayBuffer
  const doubles = (name: (typeof WIDE)[number]) => new Float64Array(copy, WIDE.indexOf(name) * count * 8, count)
  const longs = (name: (typeof WIDE)[number]) => new BigUint64Array(copy, WIDE.indexOf(name) * count * 8, count)
  const columns = {
    count,
    uid: new Uint32Array(copy, WIDE.length * count * 8, count),
    modSeq: doubles('modSeq'),
    internalDate: doubles('internalDate'),
    saveDate: doubles('saveDate'),
    size: doubles('size'),
    email: longs('email'),
    thread: longs('thread'),
  }
  let next = 0
  return {
    uidValidity: octets.readUInt32LE(12),
    highestModSeq: octets.readDoubleLE(16),
    columns,
    row(uid) {
      // asked in ascending order, so that the next row is most often the right one
      if (columns.uid[next] !== uid) next = Math.max(findUid(columns.uid, uid), 0)
      if (columns.uid[next] !== uid) return null
      const at = next++
      const { modSeq, internalDate, size, thread } = columns
      return { modSeq: modSeq[at]!, internalDate: internalDate[at]!, size: size[at]!, thread: thread[at]! }
    },
  }
}

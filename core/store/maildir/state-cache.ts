// What a Maildir's names do not tell, kept beside it: sizes, dates, threads and mod-sequences. Can be deleted at any time.
import { crc32 } from 'node:zlib'
import type { MailboxState } from '../mailbox-state.ts'

export const CACHE = 'estafeta-cache'

const MAGIC = 0x31435345 // ESC1
const HEADER = 32
const ROW = 4 + 4 * 8

export interface CachedRow {
  readonly modSeq: number
  readonly internalDate: number
  readonly size: number
  readonly thread: bigint
}

export interface StateCache {
  readonly uidValidity: number
  readonly highestModSeq: number
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
  for (const name of ['modSeq', 'internalDate', 'size', 'thread', 'uid'] as const) {
    const column = state.column(name)
    const bytes = Buffer.from(column.buffer, column.byteOffset, column.byteLength)
    bytes.copy(octets, at)
    at += bytes.length
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
  const doubles = (n: number) => new Float64Array(copy, n * count * 8, count)
  const [modSeq, internalDate, size] = [doubles(0), doubles(1), doubles(2)]
  const thread = new BigUint64Array(copy, 3 * count * 8, count)
  const uids = new Uint32Array(copy, 4 * count * 8, count)
  let next = 0
  return {
    uidValidity: octets.readUInt32LE(12),
    highestModSeq: octets.readDoubleLE(16),
    row(uid) {
      // asked in ascending order, so that the next row is most often the right one
      if (uids[next] !== uid) next = seek(uids, uid)
      if (uids[next] !== uid) return null
      const at = next++
      return { modSeq: modSeq![at]!, internalDate: internalDate![at]!, size: size![at]!, thread: thread[at]! }
    },
  }
}

function seek(uids: Uint32Array, uid: number): number {
  let low = 0
  let high = uids.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (uids[middle]! < uid) low = middle + 1
    else high = middle
  }
  return low
}

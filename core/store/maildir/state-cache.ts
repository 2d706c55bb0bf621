// What a Maildir's names do not tell, kept beside it: sizes, dates, threads and mod-sequences, and how its directories stood then.
// Can be deleted at any time.
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Files } from '../../base/files.ts'
import type { MailboxState, StateColumns } from '../mailbox-state.ts'
import { findUid } from '../uid-set.ts'
import { KEYWORDS } from './keywords-file.ts'
import { UIDLIST } from './uidlist.ts'

export const CACHE = 'estafeta-cache'

const MAGIC = 0x33435345 // ESC3
const HEADER = 64
/** In the flags: the file lies in new/. */
export const IN_NEW = 0x80000000
/** Columns of eight octets, then the UIDs. */
const WIDE = ['modSeq', 'internalDate', 'saveDate', 'size', 'email', 'thread'] as const
const STAMP = 16
const NARROW = ['uid', 'flags'] as const
const ROW = WIDE.length * 8 + NARROW.length * 4

export interface CachedRow {
  readonly modSeq: number
  readonly internalDate: number
  readonly size: number
  readonly thread: bigint
}

/** Changes with every file that comes, goes or is renamed, and with the UID list. 16 octets. */
export type FolderStamp = Buffer

export interface StateCache {
  readonly uidValidity: number
  readonly highestModSeq: number
  /** The flags hold only while the stamp does. */
  readonly columns: StateColumns
  readonly stamp: FolderStamp
  /** null when the cache knows nothing of it. */
  row(uid: number): CachedRow | null
}

/** Columns one after another, so that reading costs no copy. */
export function formatCache(state: MailboxState, fresh: ReadonlySet<number>, stamp: FolderStamp): Buffer {
  const { count } = state
  const octets = Buffer.alloc(HEADER + count * ROW)
  octets.writeUInt32LE(MAGIC, 0)
  octets.writeUInt32LE(count, 8)
  octets.writeUInt32LE(state.facts.uidValidity, 12)
  octets.writeDoubleLE(state.facts.highestModSeq, 16)
  stamp.copy(octets, 24)
  const flags = state.column('flags').map((bits, at) => (fresh.has(state.uids()[at]!) ? bits | IN_NEW : bits))
  let at = HEADER
  for (const name of [...WIDE, ...NARROW]) {
    const column = name === 'flags' ? flags : state.column(name)
    at += Buffer.from(column.buffer, column.byteOffset, column.byteLength).copy(octets, at)
  }
  octets.writeUInt32LE(crc32(octets.subarray(8)), 4)
  return octets
}

/** How the folder at `path` stands now. */
export function stampOf(files: Files, path: string): FolderStamp {
  const parts = ['cur', 'new', UIDLIST, KEYWORDS].map((name) => {
    const stat = files.stat(`${path}/${name}`)
    return stat ? `${stat.ino} ${stat.mtimeMs} ${stat.isDirectory ? '' : stat.size}` : ''
  })
  return createHash('sha256').update(parts.join('\n')).digest().subarray(0, STAMP)
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
    flags: new Uint32Array(copy, WIDE.length * count * 8 + count * 4, count),
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
    stamp: Buffer.from(octets.subarray(24, 24 + STAMP)),
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

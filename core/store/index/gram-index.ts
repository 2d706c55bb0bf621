// The substring index: which messages of a chunk have which three octets in a row, so that a search reads only those that can match.
import { type AccountIndex, rowId, uidOf } from './account-index.ts'

/** Messages of one mailbox are indexed so many at a time; the last, incomplete chunk is searched by reading. */
const CHUNK = 1024
const GRAMS = 65_536
/** Rows written in one go, so that nobody waits long for the thread. */
const PIECE = 4096

/** An octet that skips `FAR - 1` messages and stands for none. */
const FAR = 255

/** Ascending numbers as the distances between them. */
function packGaps(row: readonly number[]): Uint8Array {
  const octets: number[] = []
  let last = -1
  for (const at of row) {
    for (; at - last >= FAR; last += FAR - 1) octets.push(FAR)
    octets.push(at - last)
    last = at
  }
  return Uint8Array.from(octets)
}

const stamps = new Uint32Array(GRAMS)
let stamp = 0

/** Calls `found` once for each hash of three octets in a row. */
function grams(octets: Uint8Array, found: (gram: number) => void): void {
  for (let i = 2; i < octets.length; i++) {
    const gram = (Math.imul((octets[i - 2]! << 16) | (octets[i - 1]! << 8) | octets[i]!, 0x9e3779b1) >>> 16) & 0xffff
    if (stamps[gram] === stamp) continue
    stamps[gram] = stamp
    found(gram)
  }
}

export function gramsOf(octets: Uint8Array): number[] {
  const found: number[] = []
  stamp++
  grams(octets, (gram) => found.push(gram))
  return found
}

interface Building {
  readonly uids: number[]
  /** For each gram the messages that have it, by their place in `uids`; null: none. */
  readonly rows: (number[] | null)[]
  next: number
  readonly id: number
}

const building = new WeakMap<AccountIndex, Map<number, Building>>()

/** Does the next part of the work on a mailbox; false when all full chunks are there. */
export function gramChunks(index: AccountIndex, mailbox: number): boolean {
  const own = building.get(index) ?? new Map<number, Building>()
  building.set(index, own)
  const work = own.get(mailbox) ?? begin(index, mailbox)
  if (!work) return false
  own.set(mailbox, work)
  if (work.next < GRAMS) writePiece(index, work)
  else {
    finish(index, mailbox, work)
    own.delete(mailbox)
  }
  return true
}

function begin(index: AccountIndex, mailbox: number): Building | null {
  const range = [rowId(mailbox, 0), rowId(mailbox + 1, 0) - 1] as const
  const loose = index
    .statement('SELECT id FROM text WHERE chunk IS NULL AND id BETWEEN ? AND ? ORDER BY id LIMIT ?')
    .all(...range, CHUNK) as { id: number }[]
  if (loose.length < CHUNK) return null
  const rows: (number[] | null)[] = new Array(GRAMS).fill(null)
  const uids: number[] = []
  const read = index.statement('SELECT head, body FROM text WHERE id = ?')
  for (const { id } of loose) {
    const { head, body } = read.get(id) as { head: Uint8Array | null; body: Uint8Array | null }
    const at = uids.push(uidOf(id)) - 1
    stamp++
    const note = (gram: number) => {
      const row = rows[gram]
      if (row) row.push(at)
      else rows[gram] = [at]
    }
    // what is too long to be kept is looked at in every search
    if (head === null || body === null) for (let gram = 0; gram < GRAMS; gram++) note(gram)
    else {
      grams(head, note)
      grams(body, note)
    }
  }
  const { last } = index.statement('SELECT coalesce(max(id), 0) AS last FROM chunk').get() as { last: number }
  return { uids, rows, next: 0, id: last + 1 }
}

function writePiece(index: AccountIndex, work: Building): void {
  index.transaction(() => {
    const insert = index.statement('INSERT OR REPLACE INTO gram VALUES (?, ?, ?)')
    for (let written = 0; written < PIECE && work.next < GRAMS; work.next++) {
      const row = work.rows[work.next]
      if (!row) continue
      insert.run(work.id, work.next, packGaps(row))
      work.rows[work.next] = null
      written++
    }
  })
}

function finish(index: AccountIndex, mailbox: number, work: Building): void {
  index.transaction(() => {
    const uids = Uint32Array.from(work.uids)
    index.statement('INSERT INTO chunk VALUES (?, ?, ?)').run(work.id, mailbox, new Uint8Array(uids.buffer))
    const mark = index.statement('UPDATE text SET chunk = ? WHERE id = ?')
    for (const uid of uids) mark.run(work.id, rowId(mailbox, uid))
  })
}

/** UIDs of the indexed chunks that may contain `needle`; the messages of no chunk are not among them. */
export function gramCandidates(index: AccountIndex, mailbox: number, needle: Uint8Array): number[] {
  const wanted = gramsOf(needle)
  const chunks = index.statement('SELECT id, uids FROM chunk WHERE mailbox = ?').all(mailbox) as {
    id: number
    uids: Uint8Array
  }[]
  const candidates: number[] = []
  for (const { id, uids } of chunks) {
    const all = words32(uids)
    for (const at of wanted.length === 0 ? all.keys() : inChunk(index, id, wanted)) candidates.push(all[at]!)
  }
  return candidates
}

function inChunk(index: AccountIndex, chunk: number, wanted: readonly number[]): Iterable<number> {
  const counts = new Uint16Array(CHUNK)
  const statement = index.statement('SELECT at FROM gram WHERE chunk = ? AND gram = ?')
  for (const gram of wanted) {
    const row = statement.get(chunk, gram) as { at: Uint8Array } | undefined
    if (!row) return []
    for (let i = 0, at = -1; i < row.at.length; i++) {
      at += row.at[i]! === FAR ? FAR - 1 : row.at[i]!
      if (row.at[i] !== FAR) counts[at]!++
    }
  }
  const hits: number[] = []
  for (let at = 0; at < CHUNK; at++) if (counts[at] === wanted.length) hits.push(at)
  return hits
}

const words32 = (octets: Uint8Array): Uint32Array => new Uint32Array(octets.slice().buffer)

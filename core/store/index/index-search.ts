// Content keys answered from the index of an account.

import { parseHeader } from '../../message/header.ts'
import { fold } from '../fold.ts'
import { fieldSelector, foldedFields } from '../header-text.ts'
import { type ContentKey, isTextKey, type TextKey } from '../search.ts'
import { findUid, intersect, subtract, uidSet } from '../uid-set.ts'
import { type AccountIndex, COMMON_FIELDS, FAST_FIELDS, type IndexKey, rowId, uidOf } from './account-index.ts'
import { gramCandidates } from './gram-index.ts'

export interface IndexAnswer {
  readonly hits: Uint32Array
  /** Messages that the index does not know enough of: the caller reads them. */
  readonly unknown: Uint32Array
}

/** `uids` ascending. */
export function searchIndex(index: AccountIndex, key: IndexKey, content: ContentKey, uids: Uint32Array): IndexAnswer {
  if (uids.length === 0) return { hits: uids, unknown: uids }
  const unknown = index.missing(key, uids)
  const mailbox = index.mailbox(key)
  const range = [rowId(mailbox, uids[0]!), rowId(mailbox, uids.at(-1)!)] as const
  if (isTextKey(content)) return searchText(index, mailbox, content, uids, unknown)
  if (content.kind !== 'header') {
    const compare = { before: '<', on: '=', since: '>=' }[content.kind]
    const sql = `SELECT id FROM field WHERE id BETWEEN ? AND ? AND sent <> '' AND sent ${compare} ?`
    return { hits: among(index.statement(sql).all(...range, content.day) as { id: number }[], uids), unknown }
  }
  return { hits: among(headerRows(index, content.name.toLowerCase(), fold(content.value), range), uids), unknown }
}

type Range = readonly [number, number]

const among = (rows: readonly { id: number }[], uids: Uint32Array): Uint32Array =>
  intersect(
    uids,
    Uint32Array.from(rows, ({ id }) => uidOf(id)),
  )

function headerRows(index: AccountIndex, name: string, value: string, range: Range): { id: number }[] {
  const fast = FAST_FIELDS.find((known) => known === name)
  // a value with a line end cannot be looked for in columns that hold an instance a line
  if (fast && value !== '' && !value.includes('\n')) {
    const sql = `SELECT id FROM field WHERE id BETWEEN ? AND ? AND instr("${fast}", ?) > 0`
    return index.statement(sql).all(...range, value) as { id: number }[]
  }
  const table = COMMON_FIELDS.has(name) ? 'common' : 'header'
  const select = fieldSelector([name])
  const found: { id: number }[] = []
  for (const row of index.statement(`SELECT id, block FROM ${table} WHERE id BETWEEN ? AND ?`).iterate(...range)) {
    const { id, block } = row as { id: number; block: string }
    const selected = select(block)
    if (selected.length === EMPTY_LINE) continue
    const fields = foldedFields(parseHeader(Buffer.from(selected, 'latin1')))
    if (fields.some((field) => field.value.includes(value))) found.push({ id })
  }
  return found
}

function searchText(
  index: AccountIndex,
  mailbox: number,
  { kind, value }: TextKey,
  uids: Uint32Array,
  unknown: Uint32Array,
): IndexAnswer {
  const needle = Buffer.from(fold(value))
  const loose = index
    .statement('SELECT id FROM text WHERE chunk IS NULL AND id BETWEEN ? AND ?')
    .all(rowId(mailbox, uids[0]!), rowId(mailbox, uids.at(-1)!)) as { id: number }[]
  const candidates = uidSet([...gramCandidates(index, mailbox, needle), ...loose.map(({ id }) => uidOf(id))])
  const hits: number[] = []
  const unkept: number[] = []
  const read = index.statement('SELECT head, body FROM text WHERE id = ?')
  for (const uid of subtract(intersect(uids, candidates), unknown)) {
    const row = read.get(rowId(mailbox, uid)) as { head: Uint8Array | null; body: Uint8Array | null } | undefined
    if (!row?.body || !row.head) unkept.push(uid)
    else if (asBuffer(row.body).includes(needle) || (kind === 'text' && asBuffer(row.head).includes(needle)))
      hits.push(uid)
  }
  const more = unkept.length === 0 ? unknown : uidSet([...unknown, ...unkept])
  return { hits: Uint32Array.from(hits), unknown: more }
}

/** Length of what a selector gives when no field is there. */
const EMPTY_LINE = 2

/** Header blocks (octets, one a char) of those of `uids` that the index has. */
export function indexedHeaders(
  index: AccountIndex,
  key: IndexKey,
  uids: Uint32Array,
  fields: readonly string[] | null,
): { uid: number; header: string }[] {
  const mailbox = index.mailbox(key)
  const common = fields?.every((name) => COMMON_FIELDS.has(name.toLowerCase())) === true
  const rows = index
    .statement(`SELECT id, block FROM ${common ? 'common' : 'header'} WHERE id BETWEEN ? AND ?`)
    .all(rowId(mailbox, uids[0]!), rowId(mailbox, uids.at(-1)!)) as { id: number; block: string }[]
  const select = fields ? fieldSelector(fields) : (block: string) => block
  const all = rows.length === uids.length
  return rows
    .filter(({ id }) => all || findUid(uids, uidOf(id)) >= 0)
    .map(({ id, block }) => ({ uid: uidOf(id), header: select(block) }))
}

const asBuffer = (octets: Uint8Array): Buffer => Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength)

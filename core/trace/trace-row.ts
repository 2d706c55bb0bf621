// The form in which events go to the trace's thread and lie in its file: fields parted by control characters, cheap to make on the way in.
import type { TraceEvent } from './trace.ts'

/** All that happened to one message since the last batch. Every event names the row's ids, or none. */
export interface TraceRow {
  time: number
  sid: string
  tid: string
  qid: string
  mid: string
  /** Lower case; one may stand there more than once. */
  readonly addresses: string[]
  /** One event after the other, as many fields each. Joined when the batch goes: until then nothing is copied. */
  readonly fields: (string | number | undefined)[]
}

export interface StoredRow extends Omit<TraceRow, 'fields' | 'addresses'> {
  readonly addresses: readonly string[]
  readonly events: string
}

const FIELD = '\x1f'
const COLUMN = '\x1d'
const ROW = '\x1c'

const SID = 1
const TID = 2
const QID = 4
/** Fields of an event: time from the row's on, which ids it has, and these. */
const NAMES = ['event', 'plugin', 'hook', 'verdict', 'rcpt', 'ms', 'detail', 'from', 'messageId'] as const
const WIDTH = 2 + NAMES.length

/** Texts from outside must not part fields. */
export const clean = (text: string | undefined): string | undefined =>
  text !== undefined && /[\x1c-\x1f]/.test(text) ? text.replace(/[\x1c-\x1f]/g, ' ') : text

export const newRow = (event: TraceEvent): TraceRow => ({
  time: event.time,
  sid: '',
  tid: '',
  qid: '',
  mid: '',
  addresses: [],
  fields: [],
})

/** False when the event names other ids than the row: it belongs to another. */
export function addEvent(row: TraceRow, e: TraceEvent): boolean {
  const { sid, tid, qid } = e
  if (differs(row.sid, sid) || differs(row.tid, tid) || differs(row.qid, qid)) return false
  if (sid !== undefined) row.sid = sid
  if (tid !== undefined) row.tid = tid
  if (qid !== undefined) row.qid = qid
  const messageId = clean(e.messageId)
  if (messageId !== undefined && row.mid === '') row.mid = messageId
  if (e.from !== undefined) addAddress(row, e.from)
  if (e.rcpt !== undefined) addAddress(row, e.rcpt)
  const ids = (sid === undefined ? 0 : SID) + (tid === undefined ? 0 : TID) + (qid === undefined ? 0 : QID)
  // the null reverse-path is not a missing one
  const from = e.from === '' ? '<>' : e.from
  row.fields.push(e.time - row.time, ids, e.event, e.plugin, e.hook, e.verdict, e.rcpt, e.ms)
  row.fields.push(clean(e.detail), from, messageId)
  return true
}

const differs = (known: string, id: string | undefined): boolean => id !== undefined && known !== '' && known !== id

/** Most events of a message name the same few. */
const NEIGHBOURS = 4

function addAddress({ addresses }: TraceRow, address: string): void {
  if (address === '') return
  const entry = address.toLowerCase()
  for (let i = addresses.length - 1; i >= 0 && i >= addresses.length - NEIGHBOURS; i--)
    if (addresses[i] === entry) return
  addresses.push(entry)
}

const encodeRow = (r: TraceRow): string =>
  [r.time, r.sid, r.tid, r.qid, r.mid, r.addresses.join(FIELD), r.fields.join(FIELD)].join(COLUMN)

export const encodeRows = (rows: Iterable<TraceRow>): string => Array.from(rows, encodeRow).join(ROW)

export function decodeRows(batch: string): StoredRow[] {
  return batch.split(ROW).map((one) => {
    const [time, sid = '', tid = '', qid = '', mid = '', addresses = '', events = ''] = one.split(COLUMN)
    return { time: Number(time), sid, tid, qid, mid, addresses: addresses.split(FIELD), events }
  })
}

export function decodeEvents(row: Omit<StoredRow, 'mid' | 'addresses'>): TraceEvent[] {
  const fields = row.events.split(FIELD)
  const events: TraceEvent[] = []
  for (let at = 0; at + WIDTH <= fields.length; at += WIDTH) {
    const ids = Number(fields[at + 1])
    const named: { [key: string]: unknown } = { time: row.time + Number(fields[at]) }
    NAMES.forEach((name, i) => {
      const value = fields[at + 2 + i]!
      if (value !== '') named[name] = name === 'ms' ? Number(value) : name === 'from' && value === '<>' ? '' : value
    })
    if (ids & SID) named.sid = row.sid
    if (ids & TID) named.tid = row.tid
    if (ids & QID) named.qid = row.qid
    events.push(named as unknown as TraceEvent)
  }
  return events
}

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
  /** One event after the other: its time from the row's on, what it has, and that. Joined when the batch goes: until then nothing is copied. */
  readonly fields: (string | number)[]
}

export interface StoredRow extends Omit<TraceRow, 'fields' | 'addresses'> {
  readonly addresses: readonly string[]
  readonly events: string
}

const FIELD = '\x1f'
const COLUMN = '\x1d'
const ROW = '\x1c'

/** What an event may have, a bit each: the ids, which stand in the row, then these fields in their order. */
const SID = 1
const TID = 2
const QID = 4
const NAMES = ['event', 'plugin', 'hook', 'verdict', 'rcpt', 'ms', 'detail', 'from', 'messageId'] as const
const FIRST_FIELD = 8

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
  const { fields } = row
  const at = fields.push(e.time - row.time, 0) - 1
  const ids = (sid === undefined ? 0 : SID) | (tid === undefined ? 0 : TID) | (qid === undefined ? 0 : QID)
  const what = put(fields, 0, e.event) | put(fields, 1, e.plugin) | put(fields, 2, e.hook) | put(fields, 3, e.verdict)
  const how = put(fields, 4, e.rcpt) | put(fields, 5, e.ms) | put(fields, 6, clean(e.detail))
  fields[at] = ids | what | how | put(fields, 7, e.from) | put(fields, 8, messageId)
  return true
}

/** Adds the field of that place among `NAMES`, if there is one, and gives its bit. */
function put(fields: (string | number)[], place: number, value: string | number | undefined): number {
  if (value === undefined) return 0
  fields.push(value)
  return FIRST_FIELD << place
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
  for (let at = 0; at + 2 <= fields.length; ) {
    const named: { [key: string]: unknown } = { time: row.time + Number(fields[at++]) }
    const has = Number(fields[at++])
    NAMES.forEach((name, i) => {
      if ((has & (FIRST_FIELD << i)) === 0) return
      const value = fields[at++]
      named[name] = name === 'ms' ? Number(value) : value
    })
    if (has & SID) named.sid = row.sid
    if (has & TID) named.tid = row.tid
    if (has & QID) named.qid = row.qid
    events.push(named as unknown as TraceEvent)
  }
  return events
}

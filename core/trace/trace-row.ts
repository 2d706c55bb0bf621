// The form in which events go to the trace's thread and lie in its file: fields parted by control characters, cheap to make on the way in.
import type { TraceEvent } from './trace.ts'

/** Whom the events of one row are about: a message, since the last batch. Every event names the row's ids, or none. */
interface Row {
  readonly time: number
  sid: string
  tid: string
  qid: string
  mid: string
  /** Lower case; one may stand there more than once. */
  readonly addresses: string[]
  events: string
}

export type StoredRow = { readonly [key in keyof Row]: Row[key] }

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

/** Events on their way to the thread, gathered to one row a message. */
export class Rows {
  #rows: Row[] = []
  readonly #byKey = new Map<string, number>()
  /** One event after the other: its row, the number of its fields, and these. The same list for every batch. */
  readonly #fields: (string | number)[] = []
  #end = 0

  get size(): number {
    return this.#rows.length
  }
  /** Fields of all events: what the batch holds in memory. */
  get fields(): number {
    return this.#end
  }

  /** Events of one transaction and its queue id come to lie together. */
  add(event: TraceEvent): void {
    const key = event.tid ?? event.qid ?? event.sid ?? ''
    let at = this.#byKey.get(key)
    // an id that goes with two others: the row so far is complete
    if (at === undefined || !fits(this.#rows[at]!, event)) {
      at = this.#rows.push(newRow(event)) - 1
      this.#byKey.set(key, at)
    }
    this.#addEvent(at, this.#rows[at]!, event)
  }

  /** Gives what was added, and is empty. */
  take(): string {
    const rows = this.#rows
    const fields = this.#fields
    for (let at = 0; at < this.#end; ) {
      const row = rows[fields[at] as number]!
      const from = at + 2
      at = from + (fields[at + 1] as number)
      const event = fields.slice(from, at).join(FIELD)
      row.events = row.events === '' ? event : row.events + FIELD + event
    }
    this.#rows = []
    this.#byKey.clear()
    this.#end = 0
    return rows.map(encodeRow).join(ROW)
  }

  #addEvent(at: number, row: Row, e: TraceEvent): void {
    const { sid, tid, qid } = e
    if (sid !== undefined) row.sid = sid
    if (tid !== undefined) row.tid = tid
    if (qid !== undefined) row.qid = qid
    const messageId = clean(e.messageId)
    if (messageId !== undefined && row.mid === '') row.mid = messageId
    if (e.from !== undefined) addAddress(row, e.from)
    if (e.rcpt !== undefined) addAddress(row, e.rcpt)
    const start = this.#end
    this.#end += 4
    const ids = (sid === undefined ? 0 : SID) | (tid === undefined ? 0 : TID) | (qid === undefined ? 0 : QID)
    const what = this.#put(0, e.event) | this.#put(1, e.plugin) | this.#put(2, e.hook) | this.#put(3, e.verdict)
    const how = this.#put(4, e.rcpt) | this.#put(5, e.ms) | this.#put(6, clean(e.detail))
    const has = ids | what | how | this.#put(7, e.from) | this.#put(8, messageId)
    this.#fields[start] = at
    this.#fields[start + 1] = this.#end - start - 2
    this.#fields[start + 2] = e.time - row.time
    this.#fields[start + 3] = has
  }

  /** Adds the field of that place among `NAMES`, if there is one, and gives its bit. */
  #put(place: number, value: string | number | undefined): number {
    if (value === undefined) return 0
    this.#fields[this.#end++] = value
    return FIRST_FIELD << place
  }
}

const newRow = ({ time }: TraceEvent): Row => ({ time, sid: '', tid: '', qid: '', mid: '', addresses: [], events: '' })

/** It names no other ids than the row. */
const fits = (row: Row, { sid, tid, qid }: TraceEvent): boolean =>
  !differs(row.sid, sid) && !differs(row.tid, tid) && !differs(row.qid, qid)

const differs = (known: string, id: string | undefined): boolean => id !== undefined && known !== '' && known !== id

/** Most events of a message name the same few. */
const NEIGHBOURS = 4

function addAddress({ addresses }: Row, address: string): void {
  if (address === '') return
  const entry = address.toLowerCase()
  for (let i = addresses.length - 1; i >= 0 && i >= addresses.length - NEIGHBOURS; i--)
    if (addresses[i] === entry) return
  addresses.push(entry)
}

const encodeRow = (r: Row): string =>
  [r.time, r.sid, r.tid, r.qid, r.mid, r.addresses.join(FIELD), r.events].join(COLUMN)

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

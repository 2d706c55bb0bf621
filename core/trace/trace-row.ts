// The form in which events go to the trace's thread and lie in its file: fields parted by control characters, cheap to make on the way in.
import type { TraceEvent } from './trace.ts'

export interface TraceRow {
  time: number
  sid: string
  tid: string
  qid: string
  mid: string
  /** Lower case, each with a space on both sides. */
  addresses: string
  /** Events one after the other, as `encodeEvent` writes them. */
  events: string
}

const FIELD = '\x1f'
const EVENT = '\x1e'
const COLUMN = '\x1d'
const ROW = '\x1c'

/** Times within a row are kept whole: a message may live for days. Joined, not added up: the thread gets flat strings at a third of the cost. */
export const encodeEvent = (e: TraceEvent): string =>
  [
    e.time,
    e.event,
    e.plugin,
    e.hook,
    e.verdict,
    e.rcpt,
    e.ms,
    clean(e.detail),
    e.from === undefined ? '' : `<${e.from}>`,
    clean(e.messageId),
    e.sid,
    e.tid,
    e.qid,
    EVENT,
  ].join(FIELD)

/** Texts from outside must not part fields. */
export const clean = (text: string | undefined): string =>
  text === undefined ? '' : /[\x1c-\x1f]/.test(text) ? text.replace(/[\x1c-\x1f]/g, ' ') : text

export function decodeEvents(text: string): TraceEvent[] {
  return text
    .split(EVENT)
    .filter((one) => one !== '')
    .map((one) => {
      const f = one.split(FIELD)
      const named: { [key: string]: unknown } = { time: Number(f[0]), event: f[1] }
      const names = ['plugin', 'hook', 'verdict', 'rcpt', 'ms', 'detail', 'from', 'messageId', 'sid', 'tid', 'qid']
      names.forEach((name, i) => {
        const value = f[i + 2]
        if (value === undefined || value === '') return
        named[name] = name === 'ms' ? Number(value) : name === 'from' ? value.slice(1, -1) : value
      })
      return named as unknown as TraceEvent
    })
}

const encodeRow = (r: TraceRow): string => [r.time, r.sid, r.tid, r.qid, r.mid, r.addresses, r.events].join(COLUMN)

export const encodeRows = (rows: Iterable<TraceRow>): string => Array.from(rows, encodeRow).join(ROW)

export function decodeRows(batch: string): TraceRow[] {
  return batch
    .split(ROW)
    .filter((one) => one !== '')
    .map((one) => {
      const [time, sid, tid, qid, mid, addresses, events] = one.split(COLUMN) as [
        string,
        string,
        string,
        string,
        string,
        string,
        string,
      ]
      return { time: Number(time), sid, tid, qid, mid, addresses, events }
    })
}

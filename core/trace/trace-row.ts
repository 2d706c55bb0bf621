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

/** Times within a row are kept whole: a message may live for days. */
export function encodeEvent(e: TraceEvent): string {
  return (
    e.time +
    FIELD +
    e.event +
    FIELD +
    (e.plugin ?? '') +
    FIELD +
    (e.hook ?? '') +
    FIELD +
    (e.verdict ?? '') +
    FIELD +
    (e.rcpt ?? '') +
    FIELD +
    (e.ms ?? '') +
    FIELD +
    clean(e.detail) +
    FIELD +
    (e.from === undefined ? '' : `<${e.from}>`) +
    FIELD +
    clean(e.messageId) +
    FIELD +
    (e.sid ?? '') +
    FIELD +
    (e.tid ?? '') +
    FIELD +
    (e.qid ?? '') +
    EVENT
  )
}

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

export const encodeRow = (r: TraceRow): string =>
  r.time +
  COLUMN +
  r.sid +
  COLUMN +
  r.tid +
  COLUMN +
  r.qid +
  COLUMN +
  r.mid +
  COLUMN +
  r.addresses +
  COLUMN +
  r.events +
  ROW

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

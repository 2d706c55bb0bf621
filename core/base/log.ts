// The log: one line an event, as mail administrators and their tools read it, or JSON.
import { hostname as systemHostname } from 'node:os'
import type { Clock } from './clock.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Keys of a log event. No value may hold a password, an AUTH payload or a key. */
export interface LogFields {
  readonly sid?: string | undefined
  readonly tid?: string | undefined
  readonly qid?: string | undefined
  readonly rcpt?: string | undefined
  readonly relay?: string | undefined
  readonly dsn?: string | undefined
  readonly status?: string | undefined
  readonly plugin?: string | undefined
  readonly hook?: string | undefined
  readonly ms?: number | undefined
  readonly ip?: string | undefined
  readonly user?: string | undefined
  /** Which part speaks, in the place of Postfix's daemon name: smtpd, qmgr, smtp, local, imap … */
  readonly component?: string | undefined
  readonly [key: string]: string | number | boolean | null | undefined
}

export interface Logger {
  debug(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
  /** The same log with fields added to every event. */
  with(fields: LogFields): Logger
}

export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  with: () => silentLogger,
}

export interface LogOptions {
  readonly format: 'text' | 'json'
  readonly level: LogLevel
  readonly clock: Clock
  readonly hostname?: string
  /** Gets whole lines, line ends included, several at once. */
  readonly write: (lines: string) => void
  /** ms that lines may wait for others: each write costs as much as all that is done to make its lines. 0: written at the end of the turn. */
  readonly gatherMs?: number
}

/** Characters that do not wait for more: what waits long outlives its garbage collection. */
const GATHER_MAX = 16_384

const RANK: { readonly [level in LogLevel]: number } = { debug: 0, info: 1, warn: 2, error: 3 }
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
/** Fields that the text of a line already says, or that stand in its head. */
const IN_TEXT = new Set(['component', 'qid', 'rcpt', 'relay', 'dsn', 'status', 'sid', 'tid'])

/** `flush` writes what waits at once: before the process ends, too. */
export function createLogger(options: LogOptions): Logger & { flush(): void } {
  const host = options.hostname ?? systemHostname()
  const least = RANK[options.level]
  let waiting = ''
  const flush = (): void => {
    if (waiting === '') return
    const lines = waiting
    waiting = ''
    options.write(lines)
  }
  const emit: Emit = (level, event, speaker, fields) => {
    if (RANK[level] < least) return
    if (waiting === '') {
      if (options.gatherMs) options.clock.after(options.gatherMs, flush)
      else setImmediate(flush)
    } else if (waiting.length > GATHER_MAX) flush()
    const now = options.clock.now()
    waiting +=
      options.format === 'json'
        ? jsonLine(now, level, event, { ...speaker.fixed, ...fields })
        : textLine(now, level, event, speaker, fields)
  }
  return Object.assign(bind(emit, { host, head: headOf(host), fixed: {} }), { flush })
}

/** What all lines of one logger have. */
interface Speaker {
  readonly host: string
  /** Of a text line, after its time. */
  readonly head: string
  readonly fixed: LogFields
}

const headOf = (host: string, component = 'main'): string => ` ${host} estafeta/${component}[${process.pid}]: `

type Emit = (level: LogLevel, event: string, speaker: Speaker, fields: LogFields) => void

const NO_FIELDS: LogFields = {}

function bind(emit: Emit, speaker: Speaker): Logger {
  const { host } = speaker
  return {
    debug: (event, fields) => emit('debug', event, speaker, fields ?? NO_FIELDS),
    info: (event, fields) => emit('info', event, speaker, fields ?? NO_FIELDS),
    warn: (event, fields) => emit('warn', event, speaker, fields ?? NO_FIELDS),
    error: (event, fields) => emit('error', event, speaker, fields ?? NO_FIELDS),
    with(fields) {
      const fixed = { ...speaker.fixed, ...fields }
      return bind(emit, { host, head: headOf(host, fixed.component), fixed })
    },
  }
}

function jsonLine(now: number, level: LogLevel, event: string, fields: LogFields): string {
  return `${JSON.stringify({ time: new Date(now).toISOString(), level, event, ...fields })}\n`
}

let stampSecond = -1
let stamp = ''

/** `Nov 22 01:35:15` in local time, computed once a second. */
function timestamp(now: number): string {
  const second = Math.floor(now / 1000)
  if (second !== stampSecond) {
    const d = new Date(now)
    const two = (n: number) => String(n).padStart(2, '0')
    stampSecond = second
    stamp = `${MONTHS[d.getMonth()]} ${String(d.getDate()).padStart(2)} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`
  }
  return stamp
}

function textLine(now: number, level: LogLevel, event: string, { host, head, fixed }: Speaker, fields: LogFields) {
  const qid = fields.qid ?? fixed.qid
  const own = fields.component === undefined ? head : headOf(host, fields.component)
  const mark = level === 'warn' ? 'warning: ' : level === 'error' ? 'error: ' : ''
  return `${timestamp(now)}${own}${qid ? `${qid}: ` : ''}${mark}${printable(event)}${pairs(event, fixed)}${pairs(event, fields)}\n`
}

/** What the text does not say already, as `, key=value`. */
function pairs(event: string, fields: LogFields): string {
  let text = ''
  for (const key in fields) {
    const value = fields[key]
    if (value === undefined || value === null || IN_TEXT.has(key)) continue
    if ((key === 'ip' || key === 'user') && event.includes(String(value))) continue
    text += `, ${key}=${printable(String(value))}`
  }
  return text
}

/** Control characters would forge lines or reach a terminal. */
export const printable = (text: string): string =>
  /[\u0000-\u001f\u007f-\u009f]/.test(text) ? text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, '?') : text

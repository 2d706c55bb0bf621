// The form in which events go to the trace's thread and lie in its file: a table of texts, and numbers that name them.
import type { TraceEvent } from './trace.ts'

export interface Batch {
  /** Of its first event. */
  readonly time: number
  /** A JSON list; the first is number 1. */
  readonly texts: string
  /** `LENGTH` of them an event: ms since the batch's first and hundredths of its own ms, two each (the low half first), then its texts, 0 for none. */
  readonly numbers: Uint16Array<ArrayBuffer>
}

const TEXTS = [
  'event',
  'plugin',
  'hook',
  'verdict',
  'rcpt',
  'detail',
  'from',
  'messageId',
  'sid',
  'tid',
  'qid',
] as const
const FIRST_TEXT = 4
const LENGTH = FIRST_TEXT + TEXTS.length
const NO_MS = -1

/** Places of the texts that a batch is found by. */
const KEYS = (['rcpt', 'from', 'messageId', 'sid', 'tid', 'qid'] as const).map(
  (name) => FIRST_TEXT + TEXTS.indexOf(name),
)

/** Events that make a batch full: what waits long outlives its garbage collection. The worker gathers on. */
const FULL = 1024

/** Gathers events. */
export class Gathering {
  readonly #numbers = new Uint16Array(FULL * LENGTH)
  #texts: string[] = []
  /** Numbers of the texts that many events have. */
  readonly #names = new Map<string, number>()
  #time = 0
  #end = 0

  get empty(): boolean {
    return this.#end === 0
  }
  get full(): boolean {
    return this.#end === this.#numbers.length
  }

  add(e: TraceEvent): void {
    if (this.#end === 0) this.#time = e.time
    this.#putWide(e.time - this.#time)
    this.#putWide(e.ms === undefined ? NO_MS : Math.round(e.ms * 100))
    // in the order of `TEXTS`
    this.#putName(e.event)
    this.#putName(e.plugin)
    this.#putName(e.hook)
    this.#putName(e.verdict)
    this.#putName(e.rcpt)
    this.#putText(e.detail)
    this.#putText(e.from)
    this.#putText(e.messageId)
    this.#putName(e.sid)
    this.#putName(e.tid)
    this.#putName(e.qid)
  }

  /** Gives what was added, and is empty. */
  take(): Batch {
    const texts = JSON.stringify(this.#texts)
    const numbers = this.#numbers.slice(0, this.#end)
    this.#texts = []
    this.#names.clear()
    this.#end = 0
    return { time: this.#time, texts, numbers }
  }

  #putWide(value: number): void {
    this.#numbers[this.#end++] = value
    this.#numbers[this.#end++] = value >> 16
  }

  /** Kept once a batch. */
  #putName(name: string | undefined): void {
    this.#numbers[this.#end++] = name === undefined ? 0 : (this.#names.get(name) ?? this.#newName(name))
  }

  #newName(name: string): number {
    const number = this.#texts.push(name)
    this.#names.set(name, number)
    return number
  }

  /** Kept as often as it comes: a new text costs more to look for than to write (V8 interns what it looks for in a Map). */
  #putText(text: string | undefined): void {
    this.#numbers[this.#end++] = text === undefined ? 0 : this.#texts.push(text)
  }
}

/** How many events it has. */
export const countOf = ({ numbers }: Batch): number => numbers.length / LENGTH

/** What the batch is found by, in lower case. */
export function keysOf({ texts, numbers }: Batch): string[] {
  const named: string[] = JSON.parse(texts.toLowerCase())
  const isKey = new Uint8Array(named.length + 1)
  for (let at = 0; at < numbers.length; at += LENGTH) for (const key of KEYS) isKey[numbers[at + key]!] = 1
  return named.filter((text, i) => isKey[i + 1] === 1 && text !== '')
}

export function eventsOf({ time, texts, numbers }: Batch): TraceEvent[] {
  const named: string[] = JSON.parse(texts)
  const wide = (at: number): number => numbers[at]! | (numbers[at + 1]! << 16)
  const events: TraceEvent[] = []
  for (let at = 0; at < numbers.length; at += LENGTH) {
    const event: { [key: string]: unknown } = { time: time + wide(at) }
    const ms = wide(at + 2)
    if (ms !== NO_MS) event.ms = ms / 100
    TEXTS.forEach((name, i) => {
      const number = numbers[at + FIRST_TEXT + i]!
      if (number > 0) event[name] = named[number - 1]
    })
    events.push(event as unknown as TraceEvent)
  }
  return events
}

// IMAP responses as values: any response that the grammar allows, read strictly and without knowing the commands.
import { Violation, visible } from '../judgement.ts'

/** `text` is what stands in an atom or string, and the octets as sent of a list. One character an octet. */
export type Value =
  | { readonly kind: 'atom' | 'quoted' | 'literal' | 'literal8' | 'nil'; readonly text: string }
  | { readonly kind: 'list'; readonly text: string; readonly items: readonly Value[] }

export interface Code {
  /** Upper case. */
  readonly name: string
  /** What follows the name, as sent; '' when nothing does. */
  readonly text: string
  /** The same as values; empty when it is not made of atoms, strings and lists. */
  readonly values: readonly Value[]
}

export interface Response {
  readonly kind: 'untagged' | 'continuation' | 'tagged'
  /** '' unless tagged. */
  readonly tag: string
  /** Upper case: OK, NO, BAD, BYE, PREAUTH, FETCH, LIST …; '' for a continuation. */
  readonly name: string
  /** Of `* 23 EXISTS`. */
  readonly number: number | null
  /** Of OK, NO, BAD, BYE, PREAUTH. */
  readonly code: Code | null
  /** Of a status response behind the code, or of a continuation behind `+ `. */
  readonly text: string
  /** Of all other responses: what follows the name. */
  readonly values: readonly Value[]
  /** The whole response without its last CR LF. */
  readonly raw: string
}

const STATUS = new Set(['OK', 'NO', 'BAD', 'BYE', 'PREAUTH'])
const MAX_DEPTH = 200

/** The literal that a line announces at its end; null when the line ends the response. */
export function announcedLiteral(line: string): number | null {
  // resp-text may end in anything: RFC 3501 §9
  if (/^(\+|\S+ (OK|NO|BAD|BYE|PREAUTH)( |$))/i.test(line)) return null
  const match = /\{(\d+)\}$/.exec(line)
  return match ? Number(match[1]) : null
}

/** `eightBit` allows octets above 127 in quoted strings (IMAP4rev2, UTF8=ACCEPT). */
export function parseResponse(raw: string, eightBit: boolean): Response {
  const base = { tag: '', name: '', number: null, code: null, text: '', values: [], raw }
  if (raw === '+' || raw.startsWith('+ ')) return { ...base, kind: 'continuation', ...statusText(raw.slice(2), raw) }
  const head = /^(\*|[^\s(){%*"\\+\x00-\x1f\x7f-\xff]+) (?:(\d+) )?([A-Za-z][A-Za-z0-9.-]*)/.exec(raw)
  if (!head) throw new Violation(`expected a response; got "${short(raw)}"`)
  const [whole, tag = '', number, word = ''] = head
  const name = word.toUpperCase()
  const rest = raw.slice(whole.length)
  if (STATUS.has(name) && number === undefined) {
    if (!rest.startsWith(' ')) throw new Violation(`expected a space and a text behind ${name}; got "${short(raw)}"`)
    const kind = tag === '*' ? 'untagged' : 'tagged'
    if (kind === 'tagged' && (name === 'BYE' || name === 'PREAUTH'))
      throw new Violation(`expected OK, NO or BAD behind a tag; got "${short(raw)}"`)
    return { ...base, kind, tag: tag === '*' ? '' : tag, name, ...statusText(rest.slice(1), raw) }
  }
  if (tag !== '*') throw new Violation(`expected OK, NO or BAD behind a tag; got "${short(raw)}"`)
  const values = rest === '' ? [] : new ValueReader(rest, eightBit, raw).responseData()
  return { ...base, kind: 'untagged', name, number: number === undefined ? null : Number(number), values }
}

function statusText(text: string, raw: string): { code: Code | null; text: string } {
  const match = /^\[([^\s\]]+)/.exec(text)
  if (!match) return { code: null, text }
  const name = match[1]!.toUpperCase()
  const from = match[0].length
  try {
    const reader = new ValueReader(text, true, raw, from)
    const values = reader.codeData()
    return { code: { name, text: text.slice(from + 1, reader.at - 1), values }, text: behindCode(text, reader.at) }
  } catch {
    const end = text.indexOf(']', from)
    if (end < 0) throw new Violation(`expected "]" at the end of a response code; got "${short(raw)}"`)
    return { code: { name, text: text.slice(from + 1, end), values: [] }, text: behindCode(text, end + 1) }
  }
}

const behindCode = (text: string, at: number): string => text.slice(text[at] === ' ' ? at + 1 : at)

const short = (text: string): string => visible(text.length > 300 ? `${text.slice(0, 300)} …` : text)

class ValueReader {
  readonly #text: string
  readonly #raw: string
  readonly #eightBit: boolean
  at: number

  constructor(text: string, eightBit: boolean, raw: string, at = 0) {
    this.#text = text
    this.#eightBit = eightBit
    this.#raw = raw
    this.at = at
  }

  /** *(SP value), where a list may follow a list without a space (RFC 3501 §9: body, env-from, thread-data). */
  responseData(): Value[] {
    const values: Value[] = []
    while (this.at < this.#text.length) {
      this.#separator(values)
      values.push(this.#value(0, false))
    }
    return values
  }

  /** The same up to "]", which is consumed. */
  codeData(): Value[] {
    const values: Value[] = []
    while (this.#text[this.at] !== ']') {
      this.#separator(values)
      values.push(this.#value(0, true))
    }
    this.at++
    return values
  }

  #separator(before: readonly Value[]): void {
    if (this.#text[this.at] === ' ') this.at++
    else if (!(this.#text[this.at] === '(' && before.at(-1)?.kind === 'list')) this.#fail('a space between values')
  }

  #value(depth: number, inCode: boolean): Value {
    if (depth > MAX_DEPTH) this.#fail(`lists at most ${MAX_DEPTH} deep`)
    const next = this.#text[this.at]
    if (next === '(') return this.#list(depth, inCode)
    if (next === '"') return this.#quoted()
    if (next === '{') return this.#literal('literal')
    if (next === '~' && this.#text[this.at + 1] === '{') {
      this.at++
      return this.#literal('literal8')
    }
    return this.#atom(inCode)
  }

  #list(depth: number, inCode: boolean): Value {
    const start = this.at++
    const items: Value[] = []
    while (this.#text[this.at] !== ')') {
      if (items.length > 0) this.#separator(items)
      items.push(this.#value(depth + 1, inCode))
    }
    this.at++
    return { kind: 'list', items, text: this.#text.slice(start, this.at) }
  }

  #quoted(): Value {
    const pattern = /"((?:[^"\\\r\n\0]|\\["\\])*)"/y
    pattern.lastIndex = this.at
    const match = pattern.exec(this.#text)
    if (!match) return this.#fail('a quoted string')
    if (!this.#eightBit && /[\x80-\xff]/.test(match[1]!)) this.#fail('a quoted string in ASCII')
    this.at += match[0].length
    return { kind: 'quoted', text: match[1]!.replace(/\\(["\\])/g, '$1') }
  }

  #literal(kind: 'literal' | 'literal8'): Value {
    const pattern = /\{(\d+)\}\r\n/y
    pattern.lastIndex = this.at
    const match = pattern.exec(this.#text)
    if (!match) return this.#fail('a literal')
    const from = this.at + match[0].length
    this.at = from + Number(match[1])
    const text = this.#text.slice(from, this.at)
    if (kind === 'literal' && text.includes('\0')) this.#fail('a literal without NUL')
    return { kind, text }
  }

  /** Also flags, numbers, sets, and `BODY[HEADER.FIELDS (FROM)]<0>`. */
  #atom(inCode: boolean): Value {
    const start = this.at
    const section = /(?:BODY|BINARY)(?:\.\w+)?\[(?:"(?:[^"\\]|\\.)*"|[^\]"])*\](?:<\d+>)?/iy
    section.lastIndex = start
    const match = section.exec(this.#text)
    if (match) this.at += match[0].length
    else {
      const plain = inCode ? /\\?\*|\\?[^\s(){"\\\]\x00-\x1f\x7f-\xff]+/y : /\\\*|\\?[^\s(){%*"\\\x00-\x1f\x7f-\xff]+/y
      plain.lastIndex = start
      const found = plain.exec(this.#text)
      if (!found) return this.#fail('an atom, a string or a list')
      this.at += found[0].length
    }
    const text = this.#text.slice(start, this.at)
    return { kind: /^nil$/i.test(text) ? 'nil' : 'atom', text }
  }

  #fail(expected: string): never {
    const here = this.#text.slice(this.at, this.at + 60)
    throw new Violation(`expected ${expected} at "${visible(here)}"; got "${short(this.#raw)}"`)
  }
}

export const isString = (value: Value | undefined): value is Value & { kind: 'quoted' | 'literal' | 'literal8' } =>
  value !== undefined && ['quoted', 'literal', 'literal8'].includes(value.kind)

export const isNumber = (value: Value | undefined): boolean => value?.kind === 'atom' && /^\d+$/.test(value.text)

/** The items of a list; throws Violation for anything else. */
export function items(value: Value | undefined, what: string): readonly Value[] {
  if (value?.kind !== 'list') throw new Violation(`expected a list as ${what}; got ${shown(value)}`)
  return value.items
}

/** A non-negative number; throws Violation for anything else. */
export function numberOf(value: Value | undefined, what: string): number {
  if (value === undefined || !isNumber(value)) throw new Violation(`expected a number as ${what}; got ${shown(value)}`)
  return Number(value.text)
}

export const shown = (value: Value | undefined): string =>
  value === undefined ? 'nothing' : `${value.kind} "${short(value.text)}"`

/** `(name value name value …)` as a map, names in upper case; throws Violation when a name has no value. */
export function pairs(value: Value | undefined, what: string): Map<string, Value> {
  const list = items(value, what)
  if (list.length % 2 !== 0) throw new Violation(`expected names with values in ${what}; got ${shown(value)}`)
  const found = new Map<string, Value>()
  for (let i = 0; i < list.length; i += 2) found.set(list[i]!.text.toUpperCase(), list[i + 1]!)
  return found
}

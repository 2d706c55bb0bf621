// The reference IMAP server's reading of commands: RFC 9051 §9 over one whole command, literals in place, one character an octet.

/** The command is not IMAP: tagged BAD. */
export class Bad extends Error {}

/** The command cannot be done: tagged NO with a response code, or none. */
export class No extends Error {
  readonly code: string
  constructor(text: string, code = '') {
    super(text)
    this.code = code
  }
}

// RFC 9051 §9 atom-specials: "(" ")" "{" SP CTL list-wildcards quoted-specials resp-specials
const ATOM = /[^\x00-\x1f\x7f-\xff(){ %*"\\\]]+/y
const ASTRING = /[^\x00-\x1f\x7f-\xff(){ %*"\\]+/y
const LIST_ATOM = /[^\x00-\x1f\x7f-\xff(){ "\\]+/y
const TAG = /[^\x00-\x1f\x7f-\xff(){ %*"\\+]+/y
const NUMBER = /\d+/y
const SEQUENCE_SET = /(?:(?:\d+|\*)(?::(?:\d+|\*))?)(?:,(?:\d+|\*)(?::(?:\d+|\*))?)*/y
const LITERAL = /(~?)\{(\d+)\+?\}\r\n/y
const MAX_NUMBER = 4294967295

export class Syntax {
  readonly text: string
  /** Octets above 127 may stand in quoted strings. */
  readonly utf8: boolean
  at = 0
  /** What becomes of a literal: itself. */
  literalOf: (octets: string) => string = (octets) => octets

  constructor(text: string, utf8: boolean) {
    this.text = text
    this.utf8 = utf8
  }

  get over(): boolean {
    return this.at >= this.text.length
  }
  peek(length = 1): string {
    return this.text.slice(this.at, this.at + length)
  }

  /** Takes the text when it stands next, without regard to case. */
  take(text: string): boolean {
    if (this.peek(text.length).toUpperCase() !== text.toUpperCase()) return false
    this.at += text.length
    return true
  }

  expect(text: string): void {
    if (!this.take(text)) throw new Bad(`expected ${JSON.stringify(text)} at octet ${this.at + 1}`)
  }

  sp(): void {
    this.expect(' ')
  }

  end(): void {
    if (!this.over) throw new Bad('too much in this command')
  }

  #match(pattern: RegExp, what: string): string {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.text)
    if (!found) throw new Bad(`expected ${what} at octet ${this.at + 1}`)
    this.at += found[0].length
    return found[0]
  }

  tag = (): string => this.#match(TAG, 'a tag')
  atom = (): string => this.#match(ATOM, 'an atom')

  number(): number {
    const value = Number(this.#match(NUMBER, 'a number'))
    if (value > MAX_NUMBER) throw new Bad('a number has 32 bits')
    return value
  }

  /** `2,4:7,9,12:*` as text; `$` where a saved result may stand. */
  sequenceSet(): string {
    if (this.take('$')) return '$'
    const set = this.#match(SEQUENCE_SET, 'a sequence set')
    if (set.split(/[,:]/).some((part) => part !== '*' && (Number(part) === 0 || Number(part) > MAX_NUMBER)))
      throw new Bad('sequence numbers begin with 1 and have 32 bits')
    return set
  }

  string(): string {
    if (this.peek() === '"') return this.#quoted()
    return this.literalOf(this.literal().data)
  }

  astring(): string {
    const next = this.peek()
    return next === '"' || next === '{' ? this.string() : this.#match(ASTRING, 'an astring')
  }

  listMailbox(): string {
    const next = this.peek()
    return next === '"' || next === '{' ? this.string() : this.#match(LIST_ATOM, 'a list-mailbox')
  }

  #quoted(): string {
    let value = ''
    this.at += 1
    for (;;) {
      const octet = this.text[this.at++]
      if (octet === undefined || octet === '\r' || octet === '\n' || octet === '\0')
        throw new Bad('a quoted string does not end')
      if (octet === '"') return value
      if (octet > '\x7f' && !this.utf8) throw new Bad('8-bit octets in a quoted string')
      if (octet !== '\\') value += octet
      else {
        const escaped = this.text[this.at++]
        if (escaped !== '"' && escaped !== '\\') throw new Bad('only " and \\ are escaped')
        value += escaped
      }
    }
  }

  literal(): { data: string; binary: boolean } {
    LITERAL.lastIndex = this.at
    const found = LITERAL.exec(this.text)
    if (!found) throw new Bad(`expected a string at octet ${this.at + 1}`)
    const start = this.at + found[0].length
    this.at = start + Number(found[2])
    return { data: this.text.slice(start, this.at), binary: found[1] === '~' }
  }

  /** `(a b c)`; empty where allowed. */
  list<T>(item: () => T, empty = true): T[] {
    this.expect('(')
    const items: T[] = []
    if (empty && this.take(')')) return items
    do items.push(item())
    while (this.take(' '))
    this.expect(')')
    return items
  }

  flag(): string {
    return this.take('\\') ? `\\${this.atom()}` : this.atom()
  }

  /** `"17-Jul-1996 02:44:25 -0700"` */
  dateTime(): Date {
    const text = this.#quoted()
    const found = /^([ \d]\d)-([A-Z][a-z]{2})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/i.exec(text)
    if (!found) throw new Bad('expected a date-time')
    const [, day, month, year, hour, minute, second, sign, zoneHour, zoneMinute] = found as unknown as string[]
    const at = MONTHS.indexOf(month!.toLowerCase())
    const offset = (sign === '-' ? -1 : 1) * (Number(zoneHour) * 60 + Number(zoneMinute))
    const local = Date.UTC(Number(year), at, Number(day), Number(hour), Number(minute), Number(second))
    const valid =
      at >= 0 &&
      Number(hour) < 24 &&
      Number(minute) < 60 &&
      Number(second) <= 60 &&
      Number(zoneHour) < 24 &&
      new Date(Date.UTC(Number(year), at, Number(day))).getUTCDate() === Number(day)
    if (!valid) throw new Bad('no such date')
    return new Date(local - offset * 60_000)
  }

  /** `1-Feb-1994`, perhaps quoted: the day as `YYYYMMDD`. */
  date(): number {
    const quoted = this.take('"')
    const found = /^(\d{1,2})-([A-Z][a-z]{2})-(\d{4})/i.exec(this.text.slice(this.at))
    if (!found) throw new Bad('expected a date')
    const month = MONTHS.indexOf(found[2]!.toLowerCase())
    if (month < 0 || Number(found[1]) < 1 || Number(found[1]) > 31) throw new Bad('no such date')
    this.at += found[0].length
    if (quoted) this.expect('"')
    return Number(found[3]) * 10000 + (month + 1) * 100 + Number(found[1])
  }
}

export const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ')

/** A string as the server sends it: quoted where that can be, else a literal. */
export const asString = (value: string, utf8 = false): string =>
  value.length <= 1000 && !/[\r\n\0]/.test(value) && (utf8 || !/[\x80-\xff]/.test(value))
    ? `"${value.replace(/["\\]/g, '\\$&')}"`
    : `{${value.length}}\r\n${value}`

export const asNString = (value: string | null, utf8 = false): string =>
  value === null ? 'NIL' : asString(value, utf8)

/** RFC 3501 §5.1.3; null for what is no modified UTF-7. */
export function decodeMutf7(octets: string): string | null {
  if (/[^\x20-\x7e]/.test(octets)) return null
  // a shift right behind a shift is superfluous
  let valid = !/&[^-]+-&[^-]/.test(octets)
  const text = octets.replace(/&([^-]*)(-?)/g, (_, encoded: string, end: string) => {
    if (end === '' || /[^A-Za-z0-9+,]/.test(encoded)) valid = false
    if (encoded === '') return '&'
    const bytes = Buffer.from(encoded.replace(/,/g, '/'), 'base64')
    if (bytes.length < 2 || bytes.length % 2 > 0) valid = false
    const decoded = Buffer.from(bytes.subarray(0, bytes.length - (bytes.length % 2)))
      .swap16()
      .toString('utf16le')
    if (/[\x20-\x7e]/.test(decoded) || !decoded.isWellFormed()) valid = false
    return decoded
  })
  return valid ? text : null
}

export const encodeMutf7 = (text: string): string =>
  text.replace(/&/g, '&-').replace(/[^\x20-\x7e]+/g, (run) => {
    const base64 = Buffer.from(run, 'utf16le').swap16().toString('base64')
    return `&${base64.replace(/=+$/, '').replace(/\//g, ',')}-`
  })

export const toOctets = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')
/** Null for octets that are no UTF-8. */
export function fromOctets(octets: string): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(octets, 'latin1'))
  } catch {
    return null
  }
}

// Reads a command's grammar (RFC 9051 §9): lines as latin1 text, so that each char is an octet, with the literals between them.

/** The client broke the grammar: answered with BAD and this text. */
export class SyntaxFault extends Error {
  override readonly name = 'SyntaxFault'
}

const ATOM = /[^\x00-\x20\x7f-\xff(){%*"\\\]]+/y
const ASTRING = /[^\x00-\x20\x7f-\xff(){%*"\\]+/y // ATOM-CHAR or resp-specials
const LIST_ATOM = /[^\x00-\x20\x7f(){"\\]+/y // list-mailbox: wildcards and ], and raw UTF-8
const DIGITS = /[0-9]{1,20}/y
const FLAG = /\\?[^\x00-\x20\x7f-\xff(){%*"\\\]]+|\\\*/y
const NAME = /[A-Za-z0-9.-]+/y
const SET = /[0-9*$][0-9:,*]*/y

export class Decoder {
  readonly #texts: readonly string[]
  readonly #literals: readonly Buffer[]
  #piece = 0
  #at = 0

  /** `texts[i]` is followed by `literals[i]`; the last text by the end of the command. Literal markers are cut off already. */
  constructor(texts: readonly string[], literals: readonly Buffer[] = []) {
    this.#texts = texts
    this.#literals = literals
  }

  /** The next char; '' at the end or before a literal. */
  peek(): string {
    return this.#texts[this.#piece]![this.#at] ?? ''
  }

  get atLiteral(): boolean {
    return this.peek() === '' && this.#piece < this.#literals.length
  }

  get atEnd(): boolean {
    return this.peek() === '' && this.#piece >= this.#literals.length
  }

  end(): void {
    if (!this.atEnd) throw new SyntaxFault('Unexpected arguments')
  }

  /** Takes `char` when it is next. */
  skip(char: string): boolean {
    if (this.peek() !== char) return false
    this.#at++
    return true
  }

  expect(char: string): void {
    if (!this.skip(char)) throw new SyntaxFault(char === ' ' ? this.#noSpace() : `Expected ${char}`)
  }

  space(): void {
    this.expect(' ')
  }

  /** An atom ended before a char that it cannot hold, or the arguments did. */
  #noSpace(): string {
    const next = this.peek()
    if (next === '') return 'Missing argument'
    return /[!-~]/.test(next) ? `Unexpected ${next}` : 'Unexpected octet'
  }

  atom(what = 'atom'): string {
    return this.#need(ATOM, what)
  }

  /** An atom in upper case. */
  keyword(what = 'keyword'): string {
    return this.atom(what).toUpperCase()
  }

  /** Letters, digits, dots and dashes alone, in upper case: an attribute before its `[`. */
  name(what = 'name'): string {
    return this.#need(NAME, what).toUpperCase()
  }

  /** Takes an atom or nothing. */
  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const text = pattern.exec(this.#texts[this.#piece]!)?.[0] ?? ''
    this.#at += text.length
    return text
  }

  #need(pattern: RegExp, what: string): string {
    const text = this.#take(pattern)
    if (text === '') throw new SyntaxFault(`Expected ${what}`)
    return text
  }

  /** An unsigned 32-bit number. */
  number(what = 'number'): number {
    const value = Number(this.#need(DIGITS, what))
    if (value > 0xffff_ffff) throw new SyntaxFault(`${what} is too large`)
    return value
  }

  /** An unsigned number up to 2^63-1 (RFC 9051 number64), capped where a double stops being exact. */
  number64(what = 'number'): number {
    return Math.min(Number(this.#need(DIGITS, what)), Number.MAX_SAFE_INTEGER)
  }

  /** A quoted string or a literal, as octets. */
  string(): string {
    if (this.atLiteral) return this.literal().toString('latin1')
    if (this.peek() !== '"') throw new SyntaxFault('Expected string')
    return this.#quoted()
  }

  /** A literal's octets. */
  literal(): Buffer {
    if (!this.atLiteral) throw new SyntaxFault('Expected literal')
    const literal = this.#literals[this.#piece]!
    this.#piece++
    this.#at = 0
    return literal
  }

  #quoted(): string {
    const text = this.#texts[this.#piece]!
    let value = ''
    let from = this.#at + 1
    for (let at = from; at < text.length; at++) {
      const c = text[at]
      if (c === '"') {
        this.#at = at + 1
        return value + text.slice(from, at)
      }
      if (c === '\\') {
        const next = text[at + 1]
        if (next !== '"' && next !== '\\') throw new SyntaxFault('Bad escape in quoted string')
        value += text.slice(from, at)
        from = ++at
      } else if (c === '\0' || c === '\r') throw new SyntaxFault('Bad character in quoted string')
    }
    throw new SyntaxFault('Unterminated quoted string')
  }

  astring(what = 'string'): string {
    if (this.atLiteral || this.peek() === '"') return this.string()
    return this.#need(ASTRING, what)
  }

  /** null for NIL. */
  nstring(): string | null {
    if (this.atLiteral || this.peek() === '"') return this.string()
    if (this.keyword('string or NIL') !== 'NIL') throw new SyntaxFault('Expected string or NIL')
    return null
  }

  listMailbox(): string {
    if (this.atLiteral || this.peek() === '"') return this.string()
    return this.#need(LIST_ATOM, 'mailbox pattern')
  }

  flag(): string {
    return this.#need(FLAG, 'flag')
  }

  /** `(item item)`; with `min` 0 it may be empty. */
  list<T>(item: () => T, max: number, min = 0): T[] {
    this.expect('(')
    const items: T[] = []
    while (this.peek() !== ')') {
      if (items.length > 0) this.space()
      if (items.length >= max) throw new SyntaxFault('Too many items in list')
      items.push(item())
    }
    this.expect(')')
    if (items.length < min) throw new SyntaxFault('Empty list')
    return items
  }

  /** The text of a sequence set, or `$`. */
  sequenceText(): string {
    return this.#need(SET, 'message set')
  }

  /** The rest of this line, whatever it holds. */
  rest(): string {
    const text = this.#texts[this.#piece]!.slice(this.#at)
    this.#at += text.length
    return text
  }
}

// The header block as fields (RFC 5322 §2.2): read without copying, edited into a new block.
import { decodeOctets } from './encoded-word.ts'

export interface HeaderField {
  readonly name: string
  /** Unfolded (line ends removed), without surrounding white space; text, as `decodeOctets` gives it. */
  readonly value: string
  /** Offsets of the whole field, its line end included, in the block it was parsed from. */
  readonly start: number
  readonly end: number
}

export interface HeaderView {
  /** All fields in order. Lines that are no field are skipped. */
  readonly fields: readonly HeaderField[]
  /** Value of the first field of this name, in any letter case. */
  get(name: string): string | null
  all(name: string): readonly string[]
  count(name: string): number
}

/** Parses lazily: the fields are found at the first question. `block` is without or with its final empty line. */
export const parseHeader = (block: Buffer): HeaderView => new Header(() => scanFields(block))

/** What `parseHeader` would give of `before` and the block of `view` together; only `before` is scanned for it. */
export const precede = (before: Buffer, view: HeaderView): HeaderView =>
  new Header(() => [...scanFields(before), ...view.fields.map((field) => (field as Field).moved(before.length))])

class Header implements HeaderView {
  readonly #find: () => readonly HeaderField[]
  #fields: readonly HeaderField[] | null = null

  constructor(find: () => readonly HeaderField[]) {
    this.#find = find
  }

  get fields(): readonly HeaderField[] {
    this.#fields ??= this.#find()
    return this.#fields
  }
  get(name: string): string | null {
    const key = name.toLowerCase()
    return this.fields.find((f) => f.name.toLowerCase() === key)?.value ?? null
  }
  all(name: string): readonly string[] {
    const key = name.toLowerCase()
    return this.fields.filter((f) => f.name.toLowerCase() === key).map((f) => f.value)
  }
  count(name: string): number {
    const key = name.toLowerCase()
    return this.fields.reduce((n, f) => n + (f.name.toLowerCase() === key ? 1 : 0), 0)
  }
}

class Field implements HeaderField {
  readonly name: string
  readonly start: number
  readonly end: number
  /** As it stands in the block, folded. */
  readonly #text: string
  #value: string | null = null

  constructor(name: string, text: string, start: number, end: number) {
    this.name = name
    this.#text = text
    this.start = start
    this.end = end
  }

  /** Unfolded when it is asked for: of most fields only the name is. */
  get value(): string {
    this.#value ??= decodeOctets(this.#text.replace(/\r?\n/g, '').trim())
    return this.#value
  }

  moved(by: number): Field {
    return new Field(this.name, this.#text, this.start + by, this.end + by)
  }
}

function scanFields(block: Buffer): HeaderField[] {
  const text = block.toString('latin1')
  const fields: HeaderField[] = []
  // found once for all lines that lack one
  let colon = -1
  for (let start = 0, end = 0; start < text.length; start = end) {
    end = lineEnd(text, start)
    if (end - start <= 2 && (text[start] === '\r' || text[start] === '\n')) break
    while (end < text.length && (text[end] === ' ' || text[end] === '\t')) end = lineEnd(text, end)
    if (colon < start) colon = text.indexOf(':', start)
    if (colon < 0) break
    if (colon === start || colon >= end) continue
    const name = text.slice(start, colon).trimEnd()
    if (!/^[\x21-\x7e]+$/.test(name)) continue
    fields.push(new Field(name, text.slice(colon + 1, end), start, end))
  }
  return fields
}

/** Offset of the first line that is no field: the header ends there. The block's end when all lines are fields. */
export function fieldsEnd(view: HeaderView): number {
  let end = 0
  for (const field of view.fields) {
    if (field.start > end) return end
    end = field.end
  }
  return end
}

function lineEnd(text: string, from: number): number {
  const lf = text.indexOf('\n', from)
  return lf < 0 ? text.length : lf + 1
}

/** Octets of a line without its end (RFC 5322 §2.1.1). */
const MAX_LINE = 998

/**
 * One field, its value as text, folded or not. Line ends that fold nothing become spaces (header injection), lines of white
 * space alone go (RFC 5322 §4.2), what would make a line too long is folded.
 */
export function formatField(name: string, value: string): Buffer {
  if (!/^[\x21-\x39\x3b-\x7e]+$/.test(name)) throw new TypeError(`bad header field name '${name}'`)
  const plain = /[\r\n\0]/.test(value) ? unfolded(value) : value
  const field = Buffer.from(`${name}: ${plain}\r\n`, 'utf8')
  return field.length <= MAX_LINE ? field : foldLong(field)
}

const unfolded = (value: string): string =>
  value
    .replace(/\0/g, '?')
    .replace(/\r?\n(?![ \t])|\r(?!\n)/g, ' ')
    .replace(/(?:\r?\n[ \t]+)+(?=\r?\n|$)/g, '')
    .replace(/\r?\n/g, '\r\n')

/** The head of a line that holds more than the field's name. */
const WITH_TEXT = /^(?:[^\s:]+:\s*|\s+)\S/

/** Each line that is too long is broken at its last white space that fits, else where a character ends. */
function foldLong(field: Buffer): Buffer {
  const lines = field.toString('latin1').split('\r\n')
  const folded = lines.flatMap((line) => {
    const parts: string[] = []
    let rest = line
    while (rest.length > MAX_LINE) {
      const space = Math.max(rest.lastIndexOf(' ', MAX_LINE), rest.lastIndexOf('\t', MAX_LINE))
      const at = WITH_TEXT.test(rest.slice(0, Math.max(space, 0))) ? space : characterEnd(rest, MAX_LINE)
      parts.push(rest.slice(0, at))
      rest = at === space ? rest.slice(at) : ` ${rest.slice(at)}`
    }
    return [...parts, rest]
  })
  return Buffer.from(folded.join('\r\n'), 'latin1')
}

/** The last offset up to `from` that lies inside no UTF-8 character of these octets. */
function characterEnd(octets: string, from: number): number {
  let at = from
  while (at > 0 && (octets.charCodeAt(at) & 0xc0) === 0x80) at--
  return at
}

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
export const parseHeader = (block: Buffer): HeaderView => new Header(() => scanFields([block.toString('latin1')]))

/** The same of texts, an octet a character, that make one header: no line of one goes on with a field of the one before. */
export const parseHeaderText = (...blocks: readonly string[]): HeaderView => new Header(() => scanFields(blocks))

/** False where no line of the block begins like this field: quick, for fields that are seldom there. `name` in lower case. */
export function mayHaveField(block: Buffer, name: string): boolean {
  const first = name.charCodeAt(0)
  for (let at = 0; ; ) {
    if ((block[at]! | 0x20) === first && block.toString('latin1', at, at + name.length).toLowerCase() === name)
      return true
    at = block.indexOf(10, at) + 1
    if (at === 0) return false
  }
}

/** The header block without the fields of this name, which is in lower case. */
export function withoutField(block: Buffer, name: string): Buffer {
  if (!mayHaveField(block, name)) return block
  const field = new RegExp(`^${name}[ \\t]*:[^\\n]*\\n(?:[ \\t][^\\n]*\\n)*`, 'gim')
  return Buffer.from(block.toString('latin1').replace(field, ''), 'latin1')
}

class Header implements HeaderView {
  readonly #find: () => readonly Field[]
  #fields: readonly Field[] | null = null

  constructor(find: () => readonly Field[]) {
    this.#find = find
  }

  get fields(): readonly Field[] {
    this.#fields ??= this.#find()
    return this.#fields
  }
  get(name: string): string | null {
    const key = name.toLowerCase()
    for (const field of this.fields) if (field.key === key) return field.value
    return null
  }
  all(name: string): readonly string[] {
    const key = name.toLowerCase()
    const values: string[] = []
    for (const field of this.fields) if (field.key === key) values.push(field.value)
    return values
  }
  count(name: string): number {
    const key = name.toLowerCase()
    let count = 0
    for (const field of this.fields) if (field.key === key) count++
    return count
  }
}

class Field implements HeaderField {
  readonly name: string
  readonly start: number
  readonly end: number
  /** The name in lower case. */
  readonly key: string
  /** As it stands in the block, folded. */
  readonly #text: string
  #value: string | null = null

  constructor(name: string, text: string, start: number, end: number) {
    this.name = name
    this.key = name.toLowerCase()
    this.#text = text
    this.start = start
    this.end = end
  }

  /** Unfolded when it is asked for: of most fields only the name is. */
  get value(): string {
    this.#value ??= decodeOctets(unfolded(this.#text.trim()))
    return this.#value
  }
}

const unfolded = (text: string): string => (text.includes('\n') ? text.replace(/\r?\n/g, '') : text)

function scanFields(blocks: readonly string[]): Field[] {
  const fields: Field[] = []
  let at = 0
  for (const block of blocks) {
    scanBlock(block, at, fields)
    at += block.length
  }
  return fields
}

/** Adds the fields of a block that stands at `at` in the header. */
function scanBlock(text: string, at: number, fields: Field[]): void {
  for (let start = 0, end = 0; start < text.length; start = end) {
    end = lineEnd(text, start)
    if (end - start <= 2 && (text[start] === '\r' || text[start] === '\n')) return
    while (text[end] === ' ' || text[end] === '\t') end = lineEnd(text, end)
    const nameEnd = fieldNameEnd(text, start)
    let colon = nameEnd
    while (colon < end && text[colon] !== ':' && /\s/.test(text[colon]!)) colon++
    if (nameEnd === start || colon === end || text[colon] !== ':') continue
    fields.push(new Field(text.slice(start, nameEnd), text.slice(colon + 1, end), at + start, at + end))
  }
}

/** A name is of printable ASCII but the colon (RFC 5322 §2.2). */
function fieldNameEnd(text: string, from: number): number {
  let at = from
  for (let code = text.charCodeAt(at); code > 32 && code < 127 && code !== 58; code = text.charCodeAt(at)) at++
  return at
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
  const plain = /[\r\n\0]/.test(value) ? safelyFolded(value) : value
  const field = Buffer.from(`${name}: ${plain}\r\n`, 'utf8')
  return field.length <= MAX_LINE ? field : foldLong(field)
}

const safelyFolded = (value: string): string =>
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

// FETCH attributes with their sections and partials (RFC 9051 §6.4.5).
import { type Decoder, SyntaxFault } from './decoder.ts'
import { formatAstring } from './encoder.ts'

export interface Section {
  /** Part numbers, from the outside in; empty: the message itself. */
  readonly path: readonly number[]
  /** null: all of the part. */
  readonly text: 'HEADER' | 'HEADER.FIELDS' | 'HEADER.FIELDS.NOT' | 'TEXT' | 'MIME' | null
  /** For HEADER.FIELDS and its NOT, as the client wrote them. */
  readonly fields: readonly string[]
}

export interface Partial {
  readonly start: number
  readonly count: number
}

export type MetaItem = 'FLAGS' | 'INTERNALDATE' | 'RFC822.SIZE' | 'UID' | 'MODSEQ' | 'EMAILID' | 'THREADID' | 'SAVEDATE'
export type StructureItem = 'ENVELOPE' | 'BODY' | 'BODYSTRUCTURE'

export type FetchItem =
  | { readonly kind: 'meta'; readonly name: MetaItem }
  | { readonly kind: 'structure'; readonly name: StructureItem }
  /** `label` is how the response names it, its `<origin>` included; `peek`: does not set \Seen. */
  | {
      readonly kind: 'section'
      readonly label: string
      readonly section: Section
      readonly partial: Partial | null
      readonly peek: boolean
      readonly decode: 'none' | 'binary' | 'size'
    }

const META = new Set(['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'UID', 'MODSEQ', 'EMAILID', 'THREADID', 'SAVEDATE'])
const MACROS: { readonly [name: string]: readonly string[] } = {
  FAST: ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE'],
  ALL: ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE'],
  FULL: ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE', 'BODY'],
}
const MAX_ITEMS = 100
const MAX_FIELDS = 200
const MAX_PATH = 60

const whole: Section = { path: [], text: null, fields: [] }

/** Attributes or a macro, as they stand after the set. */
export function parseFetchItems(d: Decoder): FetchItem[] {
  if (d.peek() === '(') return d.list(() => parseItem(d, d.name('fetch attribute')), MAX_ITEMS, 1)
  const name = d.name('fetch attribute')
  const macro = MACROS[name]
  return macro ? macro.map(plainItem) : [parseItem(d, name)]
}

function plainItem(name: string): FetchItem {
  if (META.has(name)) return { kind: 'meta', name: name as MetaItem }
  return { kind: 'structure', name: name as StructureItem }
}

function parseItem(d: Decoder, name: string): FetchItem {
  switch (name) {
    case 'BODY':
    case 'BODY.PEEK':
      if (d.peek() === '[') return bodySection(d, name === 'BODY.PEEK')
      if (name === 'BODY') return { kind: 'structure', name }
      break
    case 'BINARY':
    case 'BINARY.PEEK':
    case 'BINARY.SIZE':
      return binarySection(d, name)
    case 'RFC822':
      return { kind: 'section', label: name, section: whole, partial: null, peek: false, decode: 'none' }
    case 'RFC822.HEADER':
      return {
        kind: 'section',
        label: name,
        section: { ...whole, text: 'HEADER' },
        partial: null,
        peek: true,
        decode: 'none',
      }
    case 'RFC822.TEXT':
      return {
        kind: 'section',
        label: name,
        section: { ...whole, text: 'TEXT' },
        partial: null,
        peek: false,
        decode: 'none',
      }
    case 'ENVELOPE':
    case 'BODYSTRUCTURE':
      return { kind: 'structure', name }
    default:
      if (META.has(name)) return { kind: 'meta', name: name as MetaItem }
  }
  throw new SyntaxFault(`Unknown fetch attribute ${name}`)
}

function bodySection(d: Decoder, peek: boolean): FetchItem {
  d.expect('[')
  const section = parseSection(d)
  d.expect(']')
  const partial = parsePartial(d)
  const label = `BODY[${formatSection(section)}]${partial ? `<${partial.start}>` : ''}`
  return { kind: 'section', label, section, partial, peek, decode: 'none' }
}

/** RFC 9051 §6.4.5.1: BINARY takes part numbers alone. */
function binarySection(d: Decoder, name: string): FetchItem {
  d.expect('[')
  const path = d.peek() === ']' ? [] : parsePath(d)
  d.expect(']')
  const size = name === 'BINARY.SIZE'
  const partial = size ? null : parsePartial(d)
  const section: Section = { path, text: null, fields: [] }
  const label = `${size ? 'BINARY.SIZE' : 'BINARY'}[${path.join('.')}]${partial ? `<${partial.start}>` : ''}`
  return { kind: 'section', label, section, partial, peek: name !== 'BINARY', decode: size ? 'size' : 'binary' }
}

function parsePath(d: Decoder): number[] {
  const path: number[] = []
  do {
    if (path.length >= MAX_PATH) throw new SyntaxFault('Section is too deep')
    const n = d.number('part number')
    if (n === 0) throw new SyntaxFault('Part numbers start at 1')
    path.push(n)
  } while (d.skip('.') && /[0-9]/.test(d.peek()))
  return path
}

function parseSection(d: Decoder): Section {
  if (d.peek() === ']') return whole
  const path = /[0-9]/.test(d.peek()) ? parsePath(d) : []
  if (d.peek() === ']') return { path, text: null, fields: [] }
  const text = d.keyword('section')
  switch (text) {
    case 'HEADER':
    case 'TEXT':
      return { path, text, fields: [] }
    case 'MIME':
      if (path.length > 0) return { path, text, fields: [] }
      break
    case 'HEADER.FIELDS':
    case 'HEADER.FIELDS.NOT':
      d.space()
      return { path, text, fields: d.list(() => d.astring('field name'), MAX_FIELDS, 1) }
  }
  throw new SyntaxFault('Unknown section')
}

function formatSection({ path, text, fields }: Section): string {
  const parts = [...path.map(String), ...(text ? [text] : [])].join('.')
  return fields.length > 0 ? `${parts} (${fields.map((f) => formatAstring(f)).join(' ')})` : parts
}

function parsePartial(d: Decoder): Partial | null {
  if (!d.skip('<')) return null
  const start = d.number64('partial')
  d.expect('.')
  const count = d.number64('partial')
  d.expect('>')
  if (count === 0) throw new SyntaxFault('Partial of no octets')
  return { start, count }
}

// The header block as fields (RFC 5322 §2.2): read without copying, edited into a new block.

export interface HeaderField {
  readonly name: string
  /** Unfolded (line ends removed), without surrounding white space; octets as latin1. */
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
export function parseHeader(block: Buffer): HeaderView {
  let fields: HeaderField[] | null = null
  const all = (): readonly HeaderField[] => (fields ??= scanFields(block))
  return {
    get fields() {
      return all()
    },
    get(name) {
      const key = name.toLowerCase()
      return all().find((f) => f.name.toLowerCase() === key)?.value ?? null
    },
    all(name) {
      const key = name.toLowerCase()
      return all()
        .filter((f) => f.name.toLowerCase() === key)
        .map((f) => f.value)
    },
    count(name) {
      const key = name.toLowerCase()
      return all().reduce((n, f) => n + (f.name.toLowerCase() === key ? 1 : 0), 0)
    },
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
    const value = text
      .slice(colon + 1, end)
      .replace(/\r?\n/g, '')
      .trim()
    fields.push({ name, value, start, end })
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

/** Formats one field; folds nothing, but refuses line ends that are not folding (header injection). */
export function formatField(name: string, value: string): Buffer {
  if (!/^[\x21-\x39\x3b-\x7e]+$/.test(name)) throw new TypeError(`bad header field name '${name}'`)
  const text = value.replace(/\r?\n(?![ \t])|\r(?!\n)/g, ' ')
  return Buffer.from(`${name}: ${text.replace(/\r?\n/g, '\r\n')}\r\n`, 'utf8')
}

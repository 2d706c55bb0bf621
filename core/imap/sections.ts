// Where a section of a message lies (RFC 9051 §6.4.5.1), and its header with only some fields.
import type { MimePart } from '../message/mime.ts'
import type { Section } from './wire/fetch-items.ts'

/** Octets [start, end) of the message; null when it has no such section: NIL for the client. */
export interface Place {
  readonly start: number
  readonly end: number
}

/** Parts that numbers select within a message: a message that is no multipart has one part, its body. */
const partsOfMessage = (message: MimePart): readonly MimePart[] =>
  message.kind === 'multipart' ? message.children : [message]

const partsOf = (part: MimePart): readonly MimePart[] => {
  if (part.kind === 'multipart') return part.children
  return part.kind === 'message' ? partsOfMessage(part.children[0]!) : []
}

export function findPart(root: MimePart, path: readonly number[]): MimePart | null {
  let parts = partsOfMessage(root)
  let part: MimePart | null = null
  for (const n of path) {
    part = parts[n - 1] ?? null
    if (part === null) return null
    parts = partsOf(part)
  }
  return part
}

/** The place of a section; for HEADER.FIELDS that of the whole header. `size` is the message's. */
export function placeOf(root: MimePart, size: number, { path, text }: Section): Place | null {
  if (path.length === 0) {
    if (text === null) return { start: 0, end: size }
    return text === 'TEXT' ? { start: root.bodyStart, end: size } : { start: 0, end: root.bodyStart }
  }
  const part = findPart(root, path)
  if (part === null) return null
  if (text === null) return { start: part.bodyStart, end: part.bodyEnd }
  if (text === 'MIME') return { start: part.headerStart, end: part.bodyStart }
  // HEADER and TEXT of a part are those of the message within it
  if (part.kind !== 'message') return null
  const within = part.children[0]!
  if (text === 'TEXT') return { start: within.bodyStart, end: within.bodyEnd }
  return { start: within.headerStart, end: within.bodyStart }
}

/** The fields that are (or are not) named, as they stand, with an empty line (RFC 9051 §6.4.5.1). */
export function filterHeader(header: Buffer, fields: readonly string[], not: boolean): Buffer {
  const wanted = new Set(fields.map((field) => field.toLowerCase()))
  const text = header.toString('latin1')
  let out = ''
  for (let at = 0; at < text.length; ) {
    const start = at
    do {
      const lf = text.indexOf('\n', at)
      at = lf < 0 ? text.length : lf + 1
    } while (text[at] === ' ' || text[at] === '\t')
    const field = text.slice(start, at)
    if (field === '\r\n' || field === '\n') break
    const colon = field.indexOf(':')
    const name = (colon < 0 ? '' : field.slice(0, colon)).trimEnd().toLowerCase()
    if (wanted.has(name) !== not) out += field
  }
  return Buffer.from(`${out}\r\n`, 'latin1')
}

// Finds the parts of a message as it streams by (RFC 2045, 2046): a tree with offsets, header fields of interest, nothing of the bodies.
import {
  type ContentType,
  type Disposition,
  type MimeParameters,
  parseContentType,
  parseDisposition,
  parseLanguages,
  parseToken,
} from './mime-header.ts'

/** Parts deeper than this are leaves of type application/octet-stream. */
export const MAX_MIME_DEPTH = 50
/** What follows this many parts is not described: it counts as the last multipart's epilogue. */
export const MAX_MIME_PARTS = 1000
/** Octets of one header block, and of all blocks of a message, that are looked at; fields beyond are not seen. */
export const MAX_HEADER_BLOCK = 1024 * 1024
export const MAX_HEADER_TOTAL = 2 * MAX_HEADER_BLOCK
/** Longer lines are no boundaries, and are not kept whole. */
const MAX_HELD_LINE = 1000

const LF = 10
const CR = 13
const DASH = 45

/** All offsets and sizes are those of the message with CRLF line ends. Header values are octets, one a char, unfolded. */
export interface MimePart {
  readonly parent: MimePart | null
  type: string
  subtype: string
  parameters: MimeParameters
  id: string | null
  description: string | null
  encoding: string
  md5: string | null
  disposition: Disposition | null
  languages: readonly string[]
  location: string | null
  /** `multipart` has parts; `message` (message/rfc822, message/global) has one: the message within. */
  kind: 'leaf' | 'multipart' | 'message'
  children: MimePart[]
  headerStart: number
  /** After the empty line: the body's start. */
  bodyStart: number
  /** Without the line end that belongs to the following boundary. */
  bodyEnd: number
  /** Line ends in the body. */
  lines: number
  /** Of a message (the root, or one within message/rfc822): its fields, by lower-case name, first to last. */
  fields: Map<string, string[]> | null
}

/** Gets the octets of leaf bodies as they pass, still transfer-encoded. */
export interface LeafSink {
  /** A header block, octets one a char, as far as it is looked at. */
  header?(part: MimePart, block: string): void
  start(part: MimePart): void
  data(octets: Buffer): void
  end(part: MimePart): void
}

const MESSAGE_FIELDS = new Set([
  'date',
  'subject',
  'from',
  'sender',
  'reply-to',
  'to',
  'cc',
  'bcc',
  'in-reply-to',
  'message-id',
  'references',
])

interface Open {
  readonly part: MimePart
  /** Line number at the body's start. */
  firstLine: number
  /** '' when there is nothing to wait for. */
  boundary: string
}

/** Push-style: `write` any chunks, then `end` once. Linear in size; memory bounded by the limits above. Never throws. */
export class MimeScanner {
  readonly root: MimePart
  readonly #sink: LeafSink | null
  #stack: Open[] = []
  #inHeader = true
  /** CRLF offset of the current line, and how many lines came before it. */
  #at = 0
  #line = 0
  #rest: Buffer | null = null
  /** Octets seen of a line too long to hold; 0: none. */
  #longLine = 0
  #longEndsCr = false
  #header = ''
  #headerBudget = MAX_HEADER_TOTAL
  #parts = 1
  #boundaries = 0
  #sinking: MimePart | null = null
  /** Where in the present chunk the octets start that were not yet handed to header text or sink. */
  #run = 0

  constructor(sink: LeafSink | null = null) {
    this.#sink = sink
    this.root = newPart(null, 0, false)
    this.#stack.push({ part: this.root, firstLine: 0, boundary: '' })
  }

  get size(): number {
    return this.#at
  }

  write(input: Buffer): void {
    const chunk = this.#rest ? Buffer.concat([this.#rest, input]) : input
    this.#rest = null
    this.#run = 0
    let pos = 0
    for (;;) {
      const lf = chunk.indexOf(LF, pos)
      if (lf < 0) break
      if (this.#longLine > 0) this.#endLongLine(chunk, pos, lf)
      else this.#takeLine(chunk, pos, lf + 1, true)
      pos = lf + 1
    }
    const left = chunk.length - pos
    if (left > 0 && (this.#longLine > 0 || left > MAX_HELD_LINE)) {
      this.#longLine += left
      this.#longEndsCr = chunk[chunk.length - 1] === CR
      pos = chunk.length
    } else if (left > 0) this.#rest = Buffer.from(chunk.subarray(pos))
    this.#flush(chunk, pos)
  }

  end(): MimePart {
    const rest = this.#rest
    this.#rest = null
    this.#run = 0
    if (this.#longLine > 0) this.#at += this.#longLine
    else if (rest) {
      this.#takeLine(rest, 0, rest.length, false)
      this.#flush(rest, rest.length)
    }
    while (this.#inHeader) this.#endHeader()
    this.#closeDownTo(0, this.#at, this.#line)
    return this.root
  }

  #endLongLine(chunk: Buffer, pos: number, lf: number): void {
    const endsCr = lf > pos ? chunk[lf - 1] === CR : this.#longEndsCr
    this.#at += this.#longLine + (lf + 1 - pos) + (endsCr ? 0 : 1)
    this.#longLine = 0
    this.#line++
  }

  #takeLine(chunk: Buffer, pos: number, end: number, ended: boolean): void {
    const length = end - pos
    const bare = ended && !(length > 1 && chunk[end - 2] === CR)
    if (this.#boundaries > 0 && chunk[pos] === DASH && chunk[pos + 1] === DASH && length <= MAX_HELD_LINE) {
      const text = chunk.toString('latin1', pos + 2, end).trimEnd()
      const found = this.#findBoundary(text)
      if (found >= 0) {
        this.#flush(chunk, pos)
        this.#run = end
        this.#atBoundary(found, text.length > this.#stack[found]!.boundary.length, length, ended, bare)
        return
      }
    }
    this.#at += length + (bare ? 1 : 0)
    if (ended) this.#line++
    if (this.#inHeader && ended && length === (bare ? 1 : 2)) {
      this.#flush(chunk, end)
      this.#endHeader()
    }
  }

  /** Index in the stack of the innermost open multipart whose boundary (or close delimiter) this is; -1. */
  #findBoundary(text: string): number {
    for (let i = this.#stack.length - 1; i >= 0; i--) {
      const { boundary } = this.#stack[i]!
      if (boundary === '' || !text.startsWith(boundary)) continue
      if (text.length === boundary.length || (text.length === boundary.length + 2 && text.endsWith('--'))) return i
    }
    return -1
  }

  #atBoundary(index: number, last: boolean, length: number, ended: boolean, bare: boolean): void {
    // a header without its empty line ends before the boundary's line end, like a body
    while (this.#inHeader) this.#endHeader(Math.max(this.#stack.at(-1)!.part.headerStart, this.#at - 2))
    this.#closeDownTo(index + 1, this.#at, this.#line, true)
    this.#at += length + (bare ? 1 : 0)
    if (ended) this.#line++
    const open = this.#stack[index]!
    if (last || this.#parts >= MAX_MIME_PARTS) {
      open.boundary = ''
      this.#boundaries--
    } else this.#openPart(open.part, open.part.subtype === 'digest')
  }

  #openPart(parent: MimePart, digest: boolean): void {
    const part = newPart(parent, parent.kind === 'message' ? parent.bodyStart : this.#at, digest)
    parent.children.push(part)
    this.#parts++
    this.#stack.push({ part, firstLine: this.#line, boundary: '' })
    this.#inHeader = true
  }

  /** The empty line, or whatever ended the header instead. May open the message within a message/rfc822. */
  #endHeader(at = this.#at): void {
    const open = this.#stack[this.#stack.length - 1]!
    const { part } = open
    readFields(part, this.#header)
    this.#sink?.header?.(part, this.#header)
    this.#headerBudget -= this.#header.length
    this.#header = ''
    this.#inHeader = false
    part.bodyStart = at
    open.firstLine = this.#line
    const boundary = part.kind === 'multipart' ? boundaryOf(part) : ''
    if (part.kind !== 'leaf' && (this.#stack.length > MAX_MIME_DEPTH || this.#parts >= MAX_MIME_PARTS)) {
      asLeaf(part, 'application', 'octet-stream')
    } else if (part.kind === 'multipart' && boundary === '') asLeaf(part, 'text', 'plain') // RFC 2045 §5.2
    if (part.kind === 'multipart') {
      open.boundary = boundary
      this.#boundaries++
    } else if (part.kind === 'message') {
      this.#openPart(part, false)
      this.#stack[this.#stack.length - 1]!.part.fields = new Map()
    } else if (this.#sink) {
      this.#sinking = part
      this.#sink.start(part)
    }
  }

  /** Ends the parts above `depth`. Before a boundary the last line end is the boundary's (RFC 2046 §5.1.1). */
  #closeDownTo(depth: number, at: number, line: number, boundary = false): void {
    while (this.#stack.length > depth) {
      const { part, firstLine, boundary: waiting } = this.#stack.pop()!
      if (waiting !== '') this.#boundaries--
      const shared = boundary && at > part.bodyStart
      part.bodyEnd = shared ? Math.max(part.bodyStart, at - 2) : at
      part.lines = Math.max(0, line - firstLine - (shared ? 1 : 0))
      if (this.#sinking === part) {
        this.#sink?.end(part)
        this.#sinking = null
      }
    }
  }

  /** Hands on the chunk's octets up to `to`: header text is kept, leaf bodies go to the sink. */
  #flush(chunk: Buffer, to: number): void {
    const from = this.#run
    this.#run = to
    if (to <= from) return
    if (this.#inHeader) {
      const room = Math.min(MAX_HEADER_BLOCK, this.#headerBudget) - this.#header.length
      if (room > 0) this.#header += chunk.toString('latin1', from, Math.min(to, from + room))
    } else if (this.#sinking) this.#sink?.data(chunk.subarray(from, to))
  }
}

function newPart(parent: MimePart | null, at: number, digest: boolean): MimePart {
  return {
    parent,
    type: digest ? 'message' : 'text', // RFC 2046 §5.1.5: the default within a digest
    subtype: digest ? 'rfc822' : 'plain',
    parameters: [],
    id: null,
    description: null,
    encoding: '7bit',
    md5: null,
    disposition: null,
    languages: [],
    location: null,
    kind: digest ? 'message' : 'leaf',
    children: [],
    headerStart: at,
    bodyStart: at,
    bodyEnd: at,
    lines: 0,
    fields: parent === null ? new Map() : null,
  }
}

function asLeaf(part: MimePart, type: string, subtype: string): void {
  part.kind = 'leaf'
  part.type = type
  part.subtype = subtype
  part.parameters = []
}

const boundaryOf = (part: MimePart): string =>
  part.parameters
    .find(([name]) => name === 'boundary')?.[1]
    .trimEnd()
    .slice(0, MAX_HELD_LINE - 8) ?? ''

/** Takes the fields of interest from a header block; lines that are no field are passed over. */
function readFields(part: MimePart, block: string): void {
  let typed = false
  let colon = -1
  for (let at = 0; at < block.length; ) {
    const start = at
    if (colon < start) colon = block.indexOf(':', start)
    if (colon < 0) return
    at = fieldEnd(block, start)
    if (colon >= at || colon - start > 40) continue
    const name = block.slice(start, colon).trimEnd().toLowerCase()
    if (name === 'content-type') {
      const type: ContentType | null = typed ? null : parseContentType(unfold(block.slice(colon + 1, at)))
      if (type) takeType(part, type)
      typed ||= type !== null
    } else if (name.startsWith('content-')) takeContentField(part, name, unfold(block.slice(colon + 1, at)))
    else if (part.fields && MESSAGE_FIELDS.has(name)) {
      const values = part.fields.get(name)
      if (values) values.push(unfold(block.slice(colon + 1, at)))
      else part.fields.set(name, [unfold(block.slice(colon + 1, at))])
    }
  }
}

function fieldEnd(block: string, from: number): number {
  let end = from
  do {
    const lf = block.indexOf('\n', end)
    end = lf < 0 ? block.length : lf + 1
  } while (end < block.length && (block[end] === ' ' || block[end] === '\t'))
  return end
}

/** One line without control characters: what a quoted string can carry. */
const unfold = (raw: string): string =>
  raw
    .replace(/\r?\n/g, '')
    .replace(/[\t\r]/g, ' ')
    .replace(/[\x00-\x08\x0b-\x1f\x7f]/g, '')
    .trim()

function takeContentField(part: MimePart, name: string, value: string): void {
  switch (name) {
    case 'content-transfer-encoding':
      part.encoding = parseToken(value) ?? '7bit'
      return
    case 'content-disposition':
      part.disposition ??= parseDisposition(value)
      return
    case 'content-id':
      part.id ??= value
      return
    case 'content-description':
      part.description ??= value
      return
    case 'content-md5':
      part.md5 ??= value
      return
    case 'content-language':
      if (part.languages.length === 0) part.languages = parseLanguages(value)
      return
    case 'content-location':
      part.location ??= value.replace(/\s+/g, '') // RFC 2557 §4.4.1
  }
}

function takeType(part: MimePart, { type, subtype, parameters }: ContentType): void {
  part.type = type
  part.subtype = subtype
  part.parameters = parameters
  if (type === 'multipart') part.kind = 'multipart'
  else part.kind = type === 'message' && (subtype === 'rfc822' || subtype === 'global') ? 'message' : 'leaf' // RFC 6532 §3.7
}

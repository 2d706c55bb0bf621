// Sections of one message for FETCH: found by offsets, streamed from the store, decoded for BINARY, in bounded memory.
import { transferDecoder } from '../message/body-text.ts'
import { MAX_HEADER_BLOCK, type MimePart } from '../message/mime.ts'
import { createDescriber } from '../message/structure.ts'
import type { StoredMessage } from '../store/mailbox-store.ts'
import { type Completion, no, type Session } from './command.ts'
import { filterHeader, findPart, type Place, placeOf } from './sections.ts'
import type { FetchItem, Partial } from './wire/fetch-items.ts'

type SectionItem = Extract<FetchItem, { kind: 'section' }>

const DECODABLE = new Set(['7bit', '8bit', 'binary', 'base64', 'quoted-printable'])

/** RFC 9051 §7.1 UNKNOWN-CTE */
const unknownEncoding: Completion = no('UNKNOWN-CTE', 'The part has a transfer encoding that is not known here')

export class MessageReader {
  readonly #session: Session
  readonly #message: StoredMessage
  readonly #uid: number
  /** Why an item was NIL, when the client has to be told. */
  refusal: Completion | null = null

  constructor(session: Session, uid: number, message: StoredMessage) {
    this.#session = session
    this.#uid = uid
    this.#message = message
  }

  /** Writes ` label value` of one item. */
  async write(item: SectionItem): Promise<void> {
    if (item.decode !== 'none') return this.#writeDecoded(item)
    const { section } = item
    const place =
      section.path.length === 0 && section.text === null
        ? { start: 0, end: this.#message.size }
        : placeOf(await this.#root(), this.#message.size, section)
    if (place === null) return this.#session.text(`${item.label} NIL`)
    if (section.fields.length === 0) return this.#writeOctets(item.label, cut(place, item.partial))
    const header = await this.#message.read(place.start, Math.min(place.end, place.start + MAX_HEADER_BLOCK))
    writeBuffer(this.#session, item, filterHeader(header, section.fields, section.text === 'HEADER.FIELDS.NOT'))
  }

  /** The view keeps the last tree: clients fetch one part after another. */
  async #root(): Promise<MimePart> {
    const { view } = this.#session
    if (view.described?.uid === this.#uid) return view.described.root
    const describer = createDescriber()
    if (this.#message.bytes) describer.write(this.#message.bytes)
    else {
      for await (const chunk of this.#message.chunks()) {
        describer.write(chunk)
        await this.#session.breathe()
      }
    }
    const { root } = describer.end()
    view.described = { uid: this.#uid, root }
    return root
  }

  async #writeOctets(label: string, { start, end }: Place): Promise<void> {
    const { out } = this.#session
    out.text(`${label} {${end - start}}\r\n`)
    if (this.#message.bytes) return out.bytes(this.#message.bytes.subarray(start, end))
    let sent = 0
    try {
      if (end > start) {
        for await (const chunk of this.#message.chunks(start, end)) {
          out.bytes(chunk)
          sent += chunk.length
          if (out.full) await out.drained()
        }
      }
    } catch (error) {
      throw new BrokenLiteral(`message ${this.#uid}`, { cause: error })
    }
    if (sent !== end - start) {
      throw new BrokenLiteral(`message ${this.#uid} has ${sent} octets where ${end - start} were expected`)
    }
  }

  /** BINARY and BINARY.SIZE (RFC 9051 §6.4.5.2): once through to learn the size, once more to send. */
  async #writeDecoded(item: SectionItem): Promise<void> {
    const root = await this.#root()
    const part = item.section.path.length === 0 ? null : findPart(root, item.section.path)
    const nothing = `${item.label} ${item.decode === 'size' ? 0 : 'NIL'}`
    if (part === null && item.section.path.length > 0) return this.#session.text(nothing)
    const place = part ? { start: part.bodyStart, end: part.bodyEnd } : { start: 0, end: this.#message.size }
    const encoding = part && part.kind === 'leaf' ? part.encoding : '8bit'
    if (!DECODABLE.has(encoding)) {
      this.refusal = unknownEncoding
      return this.#session.text(nothing)
    }
    let size = 0
    let marker = ''
    for await (const piece of this.#decoded(place, encoding)) {
      size += piece.length
      if (piece.includes(0)) marker = '~' // RFC 9051 §4.3.1: only a literal8 may hold NUL
    }
    if (item.decode === 'size') return this.#session.text(`${item.label} ${size}`)
    const wanted = cut({ start: 0, end: size }, item.partial)
    const { out } = this.#session
    out.text(`${item.label} ${marker}{${wanted.end - wanted.start}}\r\n`)
    let at = 0
    try {
      for await (const piece of this.#decoded(place, encoding)) {
        const from = Math.max(0, wanted.start - at)
        const to = Math.min(piece.length, wanted.end - at)
        if (to > from) out.bytes(piece.subarray(from, to))
        at += piece.length
        if (out.full) await out.drained()
      }
    } catch (error) {
      throw new BrokenLiteral(`message ${this.#uid}`, { cause: error })
    }
    if (at !== size) throw new BrokenLiteral(`message ${this.#uid} changed while it was read`)
  }

  async *#decoded({ start, end }: Place, encoding: string): AsyncIterable<Buffer> {
    const decode = transferDecoder(encoding)
    if (end > start) for await (const chunk of this.#message.chunks(start, end)) yield decode(chunk, false)
    yield decode(Buffer.alloc(0), true)
  }
}

/** A literal whose length is told could not be sent whole: nothing but the end of the connection can mend it. */
export class BrokenLiteral extends Error {
  override readonly name = 'BrokenLiteral'
}

/** RFC 9051 §6.4.5.1: a partial beyond the end is empty. */
export function cut({ start, end }: Place, partial: Partial | null): Place {
  if (partial === null) return { start, end }
  const from = Math.min(end, start + partial.start)
  return { start: from, end: Math.min(end, from + partial.count) }
}

/** Writes an item whose octets are all at hand. */
export function writeBuffer(session: Session, item: SectionItem, octets: Buffer): void {
  const { start, end } = cut({ start: 0, end: octets.length }, item.partial)
  session.out.text(`${item.label} {${end - start}}\r\n`)
  session.out.bytes(octets.subarray(start, end))
}

// Reads stored messages: ranges of files, given with CRLF line ends, in memory when small and piece by piece when not.
import type { Files } from '../base/files.ts'
import type { MessagePlace } from './engine.ts'
import { noSuchMessage } from './errors.ts'
import { storeFailure } from './failures.ts'
import { CrlfStream, toCrlf, toCrlfText } from './line-ends.ts'
import type { StoredMessage } from './mailbox-store.ts'
import { unquoteFrom } from './mbox/from-line.ts'

const PIECE = 65_536

/** A name that is too long is none that a file has. */
const ELSEWHERE = new Set(['ENOENT', 'ENAMETOOLONG'])

function openFirst(files: Files, places: readonly MessagePlace[]): { fd: number; place: MessagePlace } | null {
  for (const place of places) {
    try {
      return { fd: files.open(place.path, 'r'), place }
    } catch (error) {
      if (!ELSEWHERE.has((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
  }
  return null
}

const headOf = ({ head }: MessagePlace): Buffer =>
  head ? Buffer.from(head.buffer, head.byteOffset, head.byteLength) : Buffer.alloc(0)

/** Read into and copied from at once: most messages are much smaller. */
const scratch = Buffer.allocUnsafeSlow(PIECE)

/** Octets of a place; valid until something else is read. */
function readPlace(files: Files, fd: number, { start, end }: MessagePlace): Buffer {
  const length = (end ?? Number.POSITIVE_INFINITY) - start
  const first = files.read(fd, scratch, 0, Math.min(PIECE, length), start)
  if (first < PIECE) return scratch.subarray(0, first)
  const pieces = [Buffer.from(scratch)]
  for (let at = first, read = first; read > 0 && at < length; at += read) {
    read = files.read(fd, scratch, 0, Math.min(PIECE, length - at), start + at)
    pieces.push(Buffer.from(scratch.subarray(0, read)))
  }
  return Buffer.concat(pieces)
}

/** The whole message from the first of these places that exists, an octet a char; null when none does. */
export function readMessage(files: Files, places: readonly MessagePlace[]): string | null {
  const opened = openFirst(files, places)
  if (!opened) return null
  try {
    const { place } = opened
    const octets = readPlace(files, opened.fd, place)
    const text = (place.quoted ? unquoteFrom(octets) : octets).toString('latin1')
    return toCrlfText(place.head ? headOf(place).toString('latin1') + text : text)
  } finally {
    files.close(opened.fd)
  }
}

/** Pieces of a message as they lie in the file, LF or CRLF; whole lines where `quoted`. */
export function* rawPieces(files: Files, places: readonly MessagePlace[]): Generator<Buffer> {
  const opened = openFirst(files, places)
  if (!opened) throw noSuchMessage()
  const { fd, place } = opened
  try {
    if (place.head) yield headOf(place)
    const end = place.end ?? Number.POSITIVE_INFINITY
    let held: Buffer = Buffer.alloc(0)
    for (let at = place.start; at < end; ) {
      const read = files.read(fd, scratch, 0, Math.min(PIECE, end - at), at)
      if (read === 0) break
      at += read
      const piece = Buffer.from(scratch.subarray(0, read))
      if (place.quoted) {
        const all = Buffer.concat([held, piece])
        const cut = all.lastIndexOf(10) + 1
        held = all.subarray(cut)
        if (cut > 0) yield unquoteFrom(all.subarray(0, cut))
      } else yield piece
    }
    if (held.length > 0) yield unquoteFrom(held)
  } finally {
    files.close(fd)
  }
}

interface Mark {
  /** Offset with CRLF line ends, and in the file. */
  readonly wire: number
  readonly file: number
  /** The octet before. */
  readonly previous: number
}

/** A large message, read from its file as it is asked for; never more than two pieces in memory. */
export class FileMessage implements StoredMessage {
  readonly size: number
  readonly bytes = null
  readonly #files: Files
  readonly #place: MessagePlace
  #fd: number | null
  readonly #head: Buffer
  /** Where pieces start, so that later parts need no reading from the start. */
  #marks: Mark[]

  constructor(files: Files, fd: number, place: MessagePlace, size: number) {
    this.#files = files
    this.#fd = fd
    this.#place = place
    this.size = size
    this.#head = toCrlf(headOf(place))
    this.#marks = [{ wire: this.#head.length, file: place.start, previous: 10 }]
  }

  static open(files: Files, places: readonly MessagePlace[], size: number): FileMessage | null {
    const opened = openFirst(files, places)
    return opened && new FileMessage(files, opened.fd, opened.place, size)
  }

  async read(start = 0, end = this.size): Promise<Buffer> {
    const parts: Buffer[] = []
    for await (const chunk of this.chunks(start, end)) parts.push(chunk)
    return Buffer.concat(parts)
  }

  async *chunks(start = 0, end = this.size): AsyncIterable<Buffer> {
    if (start < this.#head.length) yield this.#head.subarray(start, Math.min(end, this.#head.length))
    const mark = this.#marks.findLast(({ wire }) => wire <= start) ?? this.#marks[0]!
    let { wire, file, previous } = mark
    while (wire < end) {
      const raw = await this.#piece(file)
      if (raw.length === 0) return
      const stream = new CrlfStream(previous)
      const piece = stream.write(this.#place.quoted ? unquoteFrom(raw) : raw)
      file += raw.length
      previous = raw.at(-1)!
      const from = Math.max(start - wire, 0)
      const to = Math.min(end - wire, piece.length)
      wire += piece.length
      if (wire > this.#marks.at(-1)!.wire) this.#marks.push({ wire, file, previous })
      if (from < to) yield piece.subarray(from, to)
    }
  }

  close(): void {
    if (this.#fd !== null) this.#files.close(this.#fd)
    this.#fd = null
  }

  async #piece(at: number): Promise<Buffer> {
    if (this.#fd === null) throw noSuchMessage()
    const end = this.#place.end ?? Number.POSITIVE_INFINITY
    const piece = Buffer.allocUnsafe(Math.min(PIECE, Math.max(end - at, 0)))
    try {
      const read = await this.#files.readAsync(this.#fd, piece, 0, piece.length, at)
      const octets = piece.subarray(0, read)
      // quoted lines must come whole
      const cut = this.#place.quoted ? octets.lastIndexOf(10) + 1 : 0
      return cut > 0 ? octets.subarray(0, cut) : octets
    } catch (error) {
      throw storeFailure(error)
    }
  }
}

// Finds the messages of an mbox file as it streams by: bounded memory, whatever the size of file and lines.
import type { Files } from '../../base/files.ts'
import { MAX_HEADER_BLOCK } from '../../message/mime.ts'
import type { Steps } from '../turns.ts'
import { parseFromLine } from './from-line.ts'

export interface ScannedMessage {
  /** Offset of its `From ` line. */
  readonly from: number
  /** Of the header. */
  readonly start: number
  /** After the empty line that ends the header. */
  readonly bodyStart: number
  /** Of what follows the body; the empty line before the next `From ` line does not belong to it. */
  readonly end: number
  /** Of the `From ` line, ms since 1970. */
  readonly date: number
  /** As it lies in the file, without the empty line; at most 1 MiB. */
  readonly header: Buffer
  /** Octets of the body with CRLF line ends and without quoting. */
  readonly bodySize: number
}

const PIECE = 65_536
const LF = 10
const CR = 13
const F = 70
const GREATER = 62
/** Longer ones are no `From ` lines. */
const MAX_FROM_LINE = 1024
const QUOTED = /^>+From /

interface Open {
  readonly from: number
  readonly start: number
  readonly date: number
  header: Buffer[]
  headerSize: number
  bodyStart: number
  bodySize: number
  /** Before this no message begins, whatever a line looks like. */
  until: number
}

/**
 * Calls `found` for each message, in the order of the file. What stands before the first `From ` line is passed over: `found`
 * is never called where there is none. A Content-Length field is believed where a message, or nothing, begins behind it.
 */
export function* scanMbox(files: Files, fd: number, found: (message: ScannedMessage) => void): Steps<void> {
  const scanner = new Scanner(found, (at) => isBoundary(files, fd, at))
  const piece = Buffer.allocUnsafe(PIECE)
  let held: Buffer = Buffer.alloc(0)
  let at = 0
  for (let read = files.read(fd, piece, 0, PIECE, 0); read > 0; read = files.read(fd, piece, 0, PIECE, at)) {
    at += read
    const octets = held.length > 0 ? Buffer.concat([held, piece.subarray(0, read)]) : piece.subarray(0, read)
    held = Buffer.from(octets.subarray(scanner.take(octets)))
    yield
  }
  scanner.finish(held)
}

/** The file ends here, or a `From ` line stands here, after an empty line perhaps. */
function isBoundary(files: Files, fd: number, at: number): boolean {
  const octets = Buffer.alloc(MAX_FROM_LINE + 1)
  const read = files.read(fd, octets, 0, octets.length, at - 1)
  if (read === 0) return false
  const rest = octets.toString('latin1', 1, read).replace(/^\r?\n/, '')
  return rest === '' || parseFromLine(rest.slice(0, rest.indexOf('\n') + 1)) !== null
}

/** Of a header block; null without one. */
function contentLength(header: readonly Buffer[]): number | null {
  for (const line of header) {
    const m = /^Content-Length:\s*(\d{1,15})\s*$/i.exec(line.length < 64 ? line.toString('latin1') : '')
    if (m) return Number(m[1])
  }
  return null
}

class Scanner {
  readonly #found: (message: ScannedMessage) => void
  readonly #isBoundary: (at: number) => boolean
  #open: Open | null = null
  #at = 0
  /** Octets of an empty line before this one: they wait for what follows. */
  #emptySize = 0
  #lineStart = true

  constructor(found: (message: ScannedMessage) => void, isBoundary: (at: number) => boolean) {
    this.#found = found
    this.#isBoundary = isBoundary
  }

  /** Gives how many octets it used: whole lines, or all when there is no line end in many. */
  take(octets: Buffer): number {
    let used = 0
    for (let lf = octets.indexOf(LF); lf >= 0; lf = octets.indexOf(LF, used)) {
      this.#line(octets.subarray(used, lf + 1))
      used = lf + 1
    }
    if (octets.length - used < PIECE) return used
    this.#line(octets.subarray(used))
    return octets.length
  }

  finish(rest: Buffer): void {
    if (rest.length > 0) this.#line(rest)
    this.#close(this.#at - this.#emptySize)
  }

  #line(line: Buffer): void {
    const start = this.#lineStart
    this.#lineStart = line.at(-1) === LF
    if (start && line[0] === F && this.#at >= (this.#open?.until ?? 0)) {
      const date = parseFromLine(line.toString('latin1', 0, Math.min(line.length, MAX_FROM_LINE)))
      if (date !== null) {
        this.#close(this.#at - this.#emptySize)
        this.#at += line.length
        this.#open = {
          from: this.#at - line.length,
          start: this.#at,
          date,
          header: [],
          headerSize: 0,
          bodyStart: -1,
          bodySize: 0,
          until: 0,
        }
        this.#emptySize = 0
        return
      }
    }
    const open = this.#open
    this.#at += line.length
    if (!open) return
    if (open.bodyStart < 0) this.#headerLine(open, line, start)
    else this.#bodyLine(open, line, start)
  }

  #headerLine(open: Open, line: Buffer, start: boolean): void {
    if (start && isEmpty(line)) {
      open.bodyStart = this.#at
      const length = contentLength(open.header)
      if (length !== null && this.#isBoundary(this.#at + length)) open.until = this.#at + length
    } else if (open.headerSize + line.length <= MAX_HEADER_BLOCK) {
      open.header.push(Buffer.from(line))
      open.headerSize += line.length
    }
  }

  #bodyLine(open: Open, line: Buffer, start: boolean): void {
    if (this.#emptySize > 0) open.bodySize += 2
    this.#emptySize = 0
    if (start && isEmpty(line)) {
      this.#emptySize = line.length
      return
    }
    const bare = line.at(-1) === LF && line.at(-2) !== CR
    const quoted =
      start && line[0] === GREATER && QUOTED.test(line.toString('latin1', 0, Math.min(line.length, MAX_FROM_LINE)))
    open.bodySize += line.length + (bare ? 1 : 0) - (quoted ? 1 : 0)
  }

  #close(end: number): void {
    const open = this.#open
    if (!open) return
    const bodyStart = open.bodyStart < 0 ? this.#at : open.bodyStart
    const { from, start, date, bodySize } = open
    this.#found({
      from,
      start,
      bodyStart,
      end: Math.max(end, bodyStart),
      date,
      header: Buffer.concat(open.header),
      bodySize,
    })
    this.#open = null
  }
}

const isEmpty = (line: Buffer): boolean => line[0] === LF || (line[0] === CR && line[1] === LF)

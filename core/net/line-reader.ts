// Pulls lines and raw octets from a socket: the session asks when it is ready, what it has not asked for waits, then the socket is paused.
import type { Socket } from 'node:net'

const LF = 10
const CR = 13
/** Unread octets at which the socket is paused, and at which it flows again. */
const HIGH_WATER = 65_536
const LOW_WATER = 16_384
/** Octets kept of a line that is too long, so that its answer can name what began it. */
const HEAD = 256
/** Of all readers that have no chunk behind the first. */
const NONE: Buffer[] = []

/** One line without its line end; or what was wrong with it, told once when its line end has come. */
export type Line = Buffer | 'tooLong' | 'bareLineFeed'

export interface LineReaderOptions {
  /** Octets of a line, without its line end. What is longer is dropped as it comes and reported as `tooLong`. */
  readonly maxLine: number
  /** Take a line feed alone as a line end; else such a line is reported as `bareLineFeed`. */
  readonly acceptBareLineFeed: boolean
}

/** Told when something changed; it then pulls with `line` or `take`. */
export interface LineReaderOwner {
  readable(): void
  /** The peer sent its last octet; what it sent before can still be pulled. */
  ended(): void
}

export class LineReader {
  #socket: Socket
  readonly #owner: LineReaderOwner
  #options: LineReaderOptions
  /** What came first; `#at` is its first unread octet. */
  #chunk: Buffer | null = null
  #at = 0
  /** What came behind it, in order; mostly nothing does. */
  #later: Buffer[] = NONE
  #buffered = 0
  /** The start of a line whose end is not here yet. */
  #partial: Buffer | null = null
  #partialLength = 0
  #tooLong = false
  /** The start of the line that was too long last. */
  #head: Buffer | null = null
  #paused = false
  #ended = false

  /** Takes the socket over and lets it flow. The owner listens for `error` and `close` itself. */
  constructor(socket: Socket, owner: LineReaderOwner, options: LineReaderOptions) {
    this.#socket = socket
    this.#owner = owner
    this.#options = options
    this.#listen()
  }

  /** Octets that came and were not pulled yet. */
  get buffered(): number {
    return this.#buffered + this.#partialLength
  }
  /** No octet will come any more. */
  get ended(): boolean {
    return this.#ended
  }

  /** The first octets of the line that was reported as `tooLong` last. */
  get tooLongHead(): Buffer {
    return this.#head ?? Buffer.alloc(0)
  }

  set options(options: LineReaderOptions) {
    this.#options = options
  }

  /** The next line, or null while its end has not come. */
  line(): Line | null {
    for (;;) {
      const chunk = this.#chunk
      if (chunk === null) return null
      const lf = chunk.indexOf(LF, this.#at)
      if (lf >= 0) {
        const line = this.#finishLine(chunk, lf)
        this.#consume(lf + 1 - this.#at)
        return line
      }
      this.#keepPartial(chunk.subarray(this.#at))
      this.#consume(chunk.length - this.#at)
    }
  }

  /** Up to `max` octets as they came, or null when there are none: DATA, BDAT, literals. Not to be called within a line. */
  take(max = HIGH_WATER): Buffer | null {
    if (this.#partialLength > 0) return this.#takePartial(max)
    const chunk = this.#chunk
    if (chunk === null) return null
    const part = chunk.subarray(this.#at, Math.min(chunk.length, this.#at + max))
    this.#consume(part.length)
    return part
  }

  /** Gives back the end of what `take` gave. */
  unread(rest: Buffer): void {
    if (rest.length === 0) return
    if (this.#chunk !== null) this.#later = [this.#chunk.subarray(this.#at), ...this.#later]
    this.#chunk = rest
    this.#at = 0
    this.#buffered += rest.length
  }

  /**
   * Lets go of the socket and drops everything that came and was not pulled, so that nothing sent in the clear is
   * ever read after STARTTLS (RFC 3207 §6). Gives the number of octets dropped.
   */
  detach(): number {
    const socket = this.#socket
    socket.off('data', this.#onData)
    socket.off('end', this.#onEnd)
    socket.pause()
    let dropped = this.buffered
    for (let rest = socket.read(); rest !== null; rest = socket.read()) dropped += (rest as Buffer).length
    this.#chunk = null
    this.#later = NONE
    this.#at = this.#buffered = this.#partialLength = 0
    this.#partial = null
    this.#tooLong = this.#paused = false
    return dropped
  }

  /** Goes on with another socket, after `detach`. */
  attach(socket: Socket): void {
    this.#socket = socket
    this.#listen()
  }

  #listen(): void {
    this.#socket.on('data', this.#onData)
    this.#socket.on('end', this.#onEnd)
    this.#socket.resume()
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#chunk === null) this.#chunk = chunk
    else if (this.#later === NONE) this.#later = [chunk]
    else this.#later.push(chunk)
    this.#buffered += chunk.length
    if (this.#buffered > HIGH_WATER && !this.#paused) {
      this.#paused = true
      this.#socket.pause()
    }
    this.#owner.readable()
  }

  readonly #onEnd = (): void => {
    this.#ended = true
    this.#owner.ended()
  }

  #consume(octets: number): void {
    this.#at += octets
    this.#buffered -= octets
    if (this.#at >= this.#chunk!.length) {
      this.#chunk = this.#later.shift() ?? null
      if (this.#later.length === 0) this.#later = NONE
      this.#at = 0
    }
    if (this.#paused && this.#buffered < LOW_WATER) {
      this.#paused = false
      this.#socket.resume()
    }
  }

  #finishLine(chunk: Buffer, lf: number): Line {
    const length = this.#partialLength + lf - this.#at
    if (this.#tooLong || length > this.#options.maxLine + 1) {
      if (!this.#tooLong) this.#keepHead(chunk.subarray(this.#at, lf))
      this.#tooLong = false
      this.#dropPartial()
      return 'tooLong'
    }
    let line = chunk.subarray(this.#at, lf)
    if (this.#partial !== null) {
      line = Buffer.concat([this.#partial.subarray(0, this.#partialLength), line])
      this.#dropPartial()
    }
    if (length > 0 && line[length - 1] === CR) return line.subarray(0, length - 1)
    if (!this.#options.acceptBareLineFeed) return 'bareLineFeed'
    if (length <= this.#options.maxLine) return line
    this.#head = Buffer.from(line.subarray(0, HEAD))
    return 'tooLong'
  }

  /** Of a line that turns out too long with `part`. */
  #keepHead(part: Buffer): void {
    const before = this.#partial?.subarray(0, Math.min(HEAD, this.#partialLength)) ?? Buffer.alloc(0)
    this.#head = Buffer.concat([before, part.subarray(0, HEAD - before.length)])
  }

  /** Keeps the start of a line in a buffer that doubles, so that a line sent octet by octet costs no more than its length. */
  #keepPartial(part: Buffer): void {
    const length = this.#partialLength + part.length
    if (this.#tooLong || length > this.#options.maxLine + 1) {
      if (!this.#tooLong) this.#keepHead(part)
      this.#tooLong = true
      this.#dropPartial()
      return
    }
    if (this.#partial === null || this.#partial.length < length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(128, 2 ** Math.ceil(Math.log2(length))))
      this.#partial?.copy(grown, 0, 0, this.#partialLength)
      this.#partial = grown
    }
    part.copy(this.#partial, this.#partialLength)
    this.#partialLength = length
  }

  #takePartial(max: number): Buffer {
    const part = this.#partial!.subarray(0, this.#partialLength)
    this.#dropPartial()
    if (part.length <= max) return part
    this.unread(part.subarray(max))
    return part.subarray(0, max)
  }

  #dropPartial(): void {
    this.#partial = null
    this.#partialLength = 0
  }
}

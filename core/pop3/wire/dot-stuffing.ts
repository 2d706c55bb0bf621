// Messages on the wire of a multi-line response: leading dots doubled, a last CRLF, the final dot (RFC 1939 §3). Chunk by chunk, copying nothing.

const DOT = 46
const CR = 13
const LF = 10
const STUFF = Buffer.from('.')
const CRLF_DOT = Buffer.from('\r\n.')
const END_OF_LINE = Buffer.from('\r\n.\r\n')
const END = Buffer.from('.\r\n')

export class DotStuffer {
  readonly #write: (part: Buffer) => void
  #atLineStart = true
  #afterCr = false

  /** `write` gets the parts in order; they refer to the chunks given. */
  constructor(write: (part: Buffer) => void) {
    this.#write = write
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return
    let start = 0
    if (this.#atLineStart && chunk[0] === DOT) this.#write(STUFF)
    else if (this.#afterCr && chunk[0] === LF && chunk[1] === DOT) start = this.#cut(chunk, 0, 1)
    for (let at = chunk.indexOf(CRLF_DOT, start); at >= 0; at = chunk.indexOf(CRLF_DOT, start))
      start = this.#cut(chunk, start, at + 2)
    this.#write(start === 0 ? chunk : chunk.subarray(start))
    this.#remember(chunk)
  }

  end(): void {
    this.#write(this.#atLineStart ? END : END_OF_LINE)
  }

  #cut(chunk: Buffer, from: number, to: number): number {
    this.#write(chunk.subarray(from, to))
    this.#write(STUFF)
    return to
  }

  #remember(chunk: Buffer): void {
    const last = chunk[chunk.length - 1]
    const before = chunk.length > 1 ? chunk[chunk.length - 2] === CR : this.#afterCr
    this.#atLineStart = last === LF && before
    this.#afterCr = last === CR
  }
}

/** Where a message's header and the first `lines` lines of its body end (RFC 1939 §7, TOP). */
export class TopCutter {
  #left: number
  #inHeader = true
  /** Octets of the present line that came in earlier chunks, and whether the last of them is a CR. */
  #lineLength = 0
  #afterCr = false

  constructor(lines: number) {
    this.#left = lines
  }

  /** How much of the chunk belongs to the top; less than its length: nothing more does. */
  take(chunk: Buffer): number {
    let at = 0
    while (at < chunk.length) {
      if (!this.#inHeader && this.#left === 0) return at
      const lf = chunk.indexOf(LF, at)
      if (lf < 0) {
        this.#lineLength += chunk.length - at
        this.#afterCr = chunk[chunk.length - 1] === CR
        return chunk.length
      }
      const length = this.#lineLength + lf - at
      const cr = lf === at ? this.#afterCr : chunk[lf - 1] === CR
      const empty = length === 0 || (length === 1 && cr)
      this.#lineLength = 0
      if (!this.#inHeader) this.#left -= 1
      else if (empty) this.#inHeader = false
      at = lf + 1
    }
    return at
  }
}

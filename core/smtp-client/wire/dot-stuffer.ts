// Message octets for DATA: a dot before each line that starts with one, every line ended by CRLF, the final dot (RFC 5321 §4.5.2).

const CR = 13
const LF = 10
const DOT = 46
const CRLF = Buffer.from('\r\n')
const ONE_DOT = Buffer.from('.')
const END = Buffer.from('.\r\n')
const LINE_END_AND_END = Buffer.from('\r\n.\r\n')

/** A line end that is not CRLF, or a line that starts with a dot. */
const TO_MEND = /\r(?!\n)|(?<!\r)\n|\n\./

/** Takes a message in any pieces and gives slices of them, copying nothing. Bare CR and LF become line ends (RFC 5321 §2.3.8). */
export class DotStuffer {
  #lineStart = true
  #heldCr = false

  /** `plain`: it is known that no line of the chunk begins with a dot, and that each ends in CRLF. */
  push(chunk: Buffer, plain = false): Buffer[] {
    if (chunk.length === 0) return []
    const continues = !this.#heldCr && !(this.#lineStart && chunk[0] === DOT)
    const asItIs = continues && (plain || !TO_MEND.test(chunk.toString('latin1')))
    if (!asItIs) return this.#mend(chunk)
    this.#lineStart = chunk[chunk.length - 1] === LF
    return [chunk]
  }

  #mend(chunk: Buffer): Buffer[] {
    const out: Buffer[] = []
    let start = this.#release(chunk, out)
    if (this.#lineStart && chunk[start] === DOT) out.push(ONE_DOT)
    let at = start
    let cr = chunk.indexOf(CR, at)
    let lf = chunk.indexOf(LF, at)
    while (cr >= 0 || lf >= 0) {
      if (cr >= 0 && cr + 1 === lf) {
        at = lf + 1
        if (chunk[at] === DOT) {
          out.push(chunk.subarray(start, at), ONE_DOT)
          start = at
        }
      } else if (cr === chunk.length - 1 && lf < 0) {
        this.#heldCr = true
        break
      } else {
        const bare = lf < 0 || (cr >= 0 && cr < lf) ? cr : lf
        out.push(chunk.subarray(start, bare), CRLF)
        at = start = bare + 1
        if (chunk[at] === DOT) out.push(ONE_DOT)
      }
      if (cr >= 0 && cr < at) cr = chunk.indexOf(CR, at)
      if (lf >= 0 && lf < at) lf = chunk.indexOf(LF, at)
    }
    const end = this.#heldCr ? chunk.length - 1 : chunk.length
    if (start < end) out.push(chunk.subarray(start, end))
    this.#lineStart = at === chunk.length
    return out
  }

  /** What closes the message: the last line's end where it lacks one, and the dot. */
  end(): Buffer {
    return this.#lineStart && !this.#heldCr ? END : LINE_END_AND_END
  }

  /** Writes a CR held back from the chunk before; gives where this chunk goes on. */
  #release(chunk: Buffer, out: Buffer[]): number {
    if (!this.#heldCr) return 0
    this.#heldCr = false
    out.push(CRLF)
    this.#lineStart = true
    return chunk[0] === LF ? 1 : 0
  }
}

// The content of DATA (RFC 5321 §4.5.2): finds the one true end, takes the stuffed dots away, and notices bare line ends and NULs.

const NUL = 0
const LF = 10
const CR = 13
const DOT = 46
const CRLF = Buffer.from('\r\n')
const CR_ALONE = Buffer.from('\r')
const BLANK = Buffer.from(' ')
const DOT_ALONE = Buffer.from('.')
const NOTHING = Buffer.alloc(0)

/** What stood before the next octet. */
const LINE_START = 0
const TEXT = 1
const AFTER_CR = 2
/** Behind a bare LF that was normalised: a line starts, but no end of data can. */
const AFTER_LF = 3
/** A dot at the start of a line, not passed on. */
const AFTER_DOT = 4
/** That dot and a CR, neither passed on. */
const AFTER_DOT_CR = 5
/** A dot behind a bare LF, not passed on. */
const AFTER_LF_DOT = 6
const ENDED = 7

export interface DataDecoderOptions {
  /** DATA: dots are unstuffed and CRLF.CRLF is the end. BDAT: neither. */
  readonly dots: boolean
  /** Bare LF becomes CRLF and bare CR a blank. Else they are only noticed, and the content is of no use. */
  readonly normalise: boolean
}

/**
 * Feed it chunks as they come; it gives the content to keep. Only CRLF.CRLF ends DATA, however CR, LF and dots are
 * else combined (SMTP smuggling). One pass; no copy unless something is taken out or changed.
 */
export class DataDecoder {
  readonly #dots: boolean
  readonly normalise: boolean
  #state = LINE_START
  /** Of the chunk in work: the pieces to keep so far, and where the next one starts. */
  #chunk: Buffer = NOTHING
  #parts: Buffer[] = []
  #from = 0
  /** A bare CR or LF was seen. */
  bareLineEnd = false
  nul = false
  /** A line of the content begins with a dot, or began with one on the wire. */
  #dotted = false
  /** Octets of the last chunk that belong to this message; -1 while its end has not come. */
  end = -1

  constructor(options: DataDecoderOptions) {
    this.#dots = options.dots
    this.normalise = options.normalise
  }

  /** The content so far is as DATA carries it: every line ends in CRLF, none begins with a dot. False where that is not known. */
  get plain(): boolean {
    return this.#dots && !this.#dotted && !this.bareLineEnd
  }

  /** The content of this chunk, which may be empty. Not to be called after the end. */
  decode(chunk: Buffer): Buffer {
    const length = chunk.length
    const words = new Int32Array(chunk.buffer, 0, chunk.buffer.byteLength >> 2)
    let state = this.#state
    this.#chunk = chunk
    this.#from = 0
    for (let i = 0; i < length; i++) {
      if (state === TEXT) {
        i = textEnd(chunk, words, i)
        if (i === length) break
        if (chunk[i] === CR && chunk[i + 1] === LF) {
          i += 1
          state = LINE_START
          continue
        }
      }
      state = this.#step(state, chunk[i]!, i)
      if (state === ENDED) {
        this.end = i + 1
        break
      }
    }
    this.#state = state
    return this.#take(state, length)
  }

  /** BDAT LAST: the content ends here. Gives what completes its last line. */
  finish(): Buffer {
    const state = this.#state
    if (state === AFTER_CR) this.bareLineEnd = true
    return state === LINE_START || state === AFTER_LF ? NOTHING : CRLF
  }

  /** The state after `octet`, which stands at `i`. A CR at the end of a chunk is held back until its successor is known. */
  #step(state: number, octet: number, i: number): number {
    switch (state) {
      case LINE_START:
        if (octet !== DOT || !this.#dots) return this.#text(octet, i)
        this.#keep(i, i + 1)
        return AFTER_DOT
      case AFTER_CR:
        if (octet === LF) {
          if (i === 0) this.#parts.push(CR_ALONE)
          return LINE_START
        }
        this.#bareCr(i)
        return this.#text(octet, i)
      case AFTER_DOT:
        if (octet === CR) return AFTER_DOT_CR
        this.#dotted = true
        if (octet === LF) this.#keepDot(i)
        return this.#text(octet, i)
      case AFTER_LF:
        if (octet !== DOT || !this.#dots) return this.#text(octet, i)
        this.#keep(i, i + 1)
        return AFTER_LF_DOT
      case AFTER_LF_DOT:
        if (octet !== DOT) this.#keepDot(i)
        return this.#text(octet, i)
      case AFTER_DOT_CR:
        if (octet === LF) return ENDED
        this.#bareCr(i)
        return this.#text(octet, i)
      default:
        return this.#text(octet, i)
    }
  }

  #text(octet: number, i: number): number {
    if (octet === CR) return AFTER_CR
    if (octet === NUL) this.nul = true
    if (octet !== LF) return TEXT
    this.bareLineEnd = true
    if (!this.normalise) return TEXT
    this.#keep(i, i + 1)
    this.#parts.push(CRLF)
    return AFTER_LF
  }

  /** The octet before `i` is a CR that no LF follows. */
  #bareCr(i: number): void {
    this.bareLineEnd = true
    if (i > 0) this.#keep(i - 1, i)
    this.#parts.push(this.normalise ? BLANK : CR_ALONE)
  }

  /** The dot before `i` was not stuffed and ends nothing: it is content. */
  #keepDot(i: number): void {
    this.#parts.push(DOT_ALONE)
    this.#from = i
  }

  #keep(to: number, next: number): void {
    if (to > this.#from) this.#parts.push(this.#chunk.subarray(this.#from, to))
    this.#from = next
  }

  #take(state: number, length: number): Buffer {
    const held = state === AFTER_CR ? 1 : 0
    if (state < AFTER_DOT) this.#keep(length - held, length)
    const parts = this.#parts
    const content = parts.length === 0 ? NOTHING : parts.length === 1 ? parts[0]! : Buffer.concat(parts)
    if (parts.length > 0) this.#parts = []
    this.#chunk = NOTHING
    return content
  }
}

/**
 * Where the first octet stands, from `from` on, that is CR or below it: nothing above matters within a line. `words` are
 * the chunk's octets four at a time; the high bit of each octet says whether it is below 14.
 */
function textEnd(chunk: Buffer, words: Int32Array, from: number): number {
  const { length, byteOffset } = chunk
  let i = from
  while (((byteOffset + i) & 3) !== 0 && i < length && chunk[i]! > CR) i++
  if (((byteOffset + i) & 3) !== 0) return i
  let word = (byteOffset + i) >> 2
  const last = (byteOffset + length) >> 2
  while (word < last && ((words[word]! - 0x0e0e0e0e) & ~words[word]! & 0x80808080) === 0) word++
  i = word * 4 - byteOffset
  while (i < length && chunk[i]! > CR) i++
  return i
}

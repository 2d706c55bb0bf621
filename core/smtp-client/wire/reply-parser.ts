// Replies of a remote server, from octets to values (RFC 5321 §4.2): lenient about form, strict about size.
import type { Reply } from '../../base/failure.ts'
import { err, ok, type Result } from '../../base/result.ts'

const MAX_LINE = 8192 // RFC 5321 §4.5.3.1.5 says 512; servers with long texts exist
const MAX_LINES = 1000
const KEPT_LINES = 100
const KEPT_TEXT = 1000

/** One line: code, whether it is the last of its reply, text. */
const LINE = /([2-5]\d\d)(?:([ -])(.*))?\r?\n/y
const STATUS = /^([245]\.\d{1,3}\.\d{1,3})(?:[ \t]+|$)/
const NOT_PRINTABLE = /[^\x20-\x7e]/g
const ODD = /[^\x20-\x7e]/

/** Takes what arrives, in any pieces. After an error it must not be used again. */
export class ReplyParser {
  #rest = ''
  #lines: string[] = []
  #count = 0

  /** Octets or lines wait for the end of their reply. */
  get unfinished(): boolean {
    return this.#rest.length > 0 || this.#count > 0
  }

  /** The replies that are now complete, in order; an error when this is not SMTP. */
  push(chunk: Buffer): Result<Reply[]> {
    const text = this.#rest + chunk.toString('latin1')
    const replies: Reply[] = []
    let at = 0
    for (let lf = text.indexOf('\n'); lf >= 0; lf = text.indexOf('\n', at)) {
      if (lf - at > MAX_LINE) return err('reply line too long')
      LINE.lastIndex = at
      const line = LINE.exec(text)
      if (!line) return err(`malformed reply: ${printable(text.slice(at, lf).replace(/\r$/, '')).slice(0, 100)}`)
      at = lf + 1
      if (++this.#count > MAX_LINES) return err('reply has too many lines')
      if (this.#lines.length < KEPT_LINES) this.#lines.push(printable(line[3] ?? '').slice(0, KEPT_TEXT))
      if (line[2] !== '-') replies.push(this.#finish(Number(line[1])))
    }
    this.#rest = text.slice(at)
    return this.#rest.length > MAX_LINE ? err('reply line too long') : ok(replies)
  }

  #finish(code: number): Reply {
    const reply = readReply(code, this.#lines)
    this.#lines = []
    this.#count = 0
    return reply
  }
}

/** Splits the enhanced status code off, if there is one of the right class (RFC 2034 §4). */
function readReply(code: number, lines: readonly string[]): Reply {
  const first = lines[0]!
  const found = STATUS.exec(first)
  const enhanced = found !== null && Number(first[0]) === Math.trunc(code / 100) ? found[1]! : null
  if (lines.length === 1) return { code, enhanced, text: enhanced === null ? first : first.slice(found![0].length) }
  return { code, enhanced, text: enhanced === null ? lines : lines.map((line) => line.replace(STATUS, '')) }
}

const printable = (text: string): string =>
  ODD.test(text) ? text.replace(/\t/g, ' ').replace(NOT_PRINTABLE, '?') : text

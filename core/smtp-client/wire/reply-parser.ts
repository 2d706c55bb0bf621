// Replies of a remote server, from octets to values (RFC 5321 §4.2): lenient about form, strict about size.
import type { Reply } from '../../base/failure.ts'
import { err, ok, type Result } from '../../base/result.ts'

const MAX_LINE = 8192 // RFC 5321 §4.5.3.1.5 says 512; servers with long texts exist
const MAX_LINES = 1000
const KEPT_LINES = 100
const KEPT_TEXT = 1000

const LINE = /^([2-5]\d\d)(?:([ -])(.*))?$/
const STATUS = /^([245]\.\d{1,3}\.\d{1,3})(?:[ \t]+|$)/
const NOT_PRINTABLE = /[^\x20-\x7e]/g

/** Takes what arrives, in any pieces. After an error it must not be used again. */
export class ReplyParser {
  #rest: Buffer = Buffer.alloc(0)
  #lines: string[] = []
  #count = 0

  /** Octets or lines wait for the end of their reply. */
  get unfinished(): boolean {
    return this.#rest.length > 0 || this.#count > 0
  }

  /** The replies that are now complete, in order; an error when this is not SMTP. */
  push(chunk: Buffer): Result<Reply[]> {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const replies: Reply[] = []
    let at = 0
    for (let lf = bytes.indexOf(10); lf >= 0; lf = bytes.indexOf(10, at)) {
      if (lf - at > MAX_LINE) return err('reply line too long')
      const text = bytes.toString('latin1', at, bytes[lf - 1] === 13 && lf > at ? lf - 1 : lf)
      at = lf + 1
      const line = LINE.exec(text)
      if (!line) return err(`malformed reply: ${printable(text).slice(0, 100)}`)
      if (++this.#count > MAX_LINES) return err('reply has too many lines')
      if (this.#lines.length < KEPT_LINES) this.#lines.push(printable(line[3] ?? '').slice(0, KEPT_TEXT))
      if (line[2] !== '-') replies.push(this.#finish(Number(line[1])))
    }
    this.#rest = bytes.subarray(at)
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
  const status = STATUS.exec(lines[0] ?? '')?.[1]
  const enhanced = status !== undefined && status[0] === String(code)[0] ? status : null
  const texts = enhanced === null ? lines : lines.map((line) => line.replace(STATUS, ''))
  return { code, enhanced, text: texts.length === 1 ? texts[0]! : texts }
}

const printable = (text: string): string => text.replace(/\t/g, ' ').replace(NOT_PRINTABLE, '?')

// How the reference server reads a message behind DATA and judges it, and what its faults do there.
import type { LineSocket } from './line-socket.ts'
import type { Has } from './smtp-arguments.ts'
import { isAscii } from './smtp-grammar.ts'
import type { Situation } from './smtp-replies.ts'

/** What ends a message for each fault that gets it wrong. */
const WRONG_ENDS: { readonly [fault: string]: RegExp } = {
  'ends-lf-dot-lf': /\r\n\.\r\n|\n\.\n/,
  'ends-crlf-dot-lf': /\r\n\.\r\n|\r\n\.\n/,
  'ends-lf-dot-crlf': /\r\n\.\r\n|\n\.\r\n/,
  'ends-cr-dot-cr': /\r\n\.\r\n|\r\.\r/,
  'ends-cr-dot-crlf': /\r\n\.\r\n|\r\.\r\n/,
  'ends-crlf-dot-cr': /\r\n\.\r\n|\r\n\.\r/,
  'ends-crlf-dot-space': /\r\n\.[ \t]?\r\n/,
  'ends-crlf-space-dot': /\r\n[ \t]?\.\r\n/,
  'data-two-dots-end': /\r\n\.\.?\r\n/,
  'data-commands-obeyed': /\r\n\.\r\n|\r\n(?=(?:MAIL|RCPT|DATA|RSET|NOOP|QUIT|EHLO|HELO)\b)/i,
}

/** The message with the added periods taken away, without its last CR LF; null when the client has gone. */
export async function readMessage(
  line: LineSocket,
  fault = '',
  declared: number | null = null,
): Promise<string | null> {
  if (fault === 'size-ends-data' && declared !== null) return line.takeOctets(declared)
  // The CR LF of the DATA command is the first half of an end that follows at once: RFC 5321 §4.1.1.4.
  if (fault !== 'data-empty-missed' && (await line.takeStart('.\r\n'))) return ''
  let text = '\r\n'
  for (;;) {
    const taken = await line.takeUntil(WRONG_ENDS[fault] ?? /\r\n\.\r\n/)
    if (taken === null) return null
    text += taken.text
    if (!taken.cuts.some((back) => fault === `data-cut-${back}`)) break
    text += taken.end
  }
  // RFC 5321 §4.5.2
  return text.slice(2).replace(/(?<=^|\r\n)\./g, fault === 'data-line-counts-dot' ? '.' : '')
}

/** What a message comes with. */
export interface Circumstances {
  readonly reversePath: string
  readonly body: string
  readonly utf8: boolean
  readonly declaredSize: boolean
  readonly secure: boolean
  readonly sizeLimit: number
}

/** What is said to a message that is not taken; null for a good one. */
export function refusalOf(message: string, around: Circumstances, has: Has): Situation | null {
  const { reversePath, body, utf8, declaredSize, secure, sizeLimit } = around
  const lines = message.split('\r\n')
  const longest = lines.reduce((most, line) => Math.max(most, line.length), 0)
  const limit = has('data-32k') ? 32_768 : sizeLimit
  if (message.length > limit && !has('size-limit-unchecked')) return 'message-size'
  if (declaredSize && has('size-agreed-refused')) return 'message-size'
  if (has('data-line-998') && longest > 996) return 'message-line'
  if (has('data-line-counts-dot') && longest > 998) return 'message-line'
  const header = lines.slice(0, Math.max(0, lines.indexOf('')))
  const named = (name: RegExp): boolean => header.some((line) => name.test(line))
  const refused =
    (has('data-header-wanted') && !named(/^[!-9;-~]+:/)) ||
    (has('data-resent-checked') && named(/^Resent-To:/i) && !named(/^Resent-(?:From|Date):/i)) ||
    (has('data-received-checked') && named(/^Received:(?!.*; \w{3}, \d)/i)) ||
    (has('data-null-refused') && reversePath === '<>') ||
    (has('message-8bit-refused') && !isAscii(message)) ||
    (has('utf8-header-refused') && !isAscii(header.join(''))) ||
    (has('binary-message-refused') && /\0|[^\r]\n|\r[^\n]/.test(message)) ||
    (has('data-control-refused') && /[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]/.test(message)) ||
    (has('data-mime-checked') && !boundariesFit(message)) ||
    (has('data-resent-counted') && count(header, /^Resent-From:/i) !== count(header, /^Resent-Date:/i)) ||
    (has('data-header-recipients') && header.join(' ').split('@').length > 100) ||
    (has('message-7bit-refused') && body === '7BIT') ||
    (has('utf8-ascii-refused') && utf8 && isAscii(message)) ||
    (has('tls-message-refused') && secure) ||
    (has('data-sender-refused') && named(/^Sender:/i)) ||
    (has('data-to-wanted') && !named(/^(?:To|Cc):/i)) ||
    has('submission-message-refused') ||
    (has('submission-date-wanted') && !(named(/^Date:/i) && named(/^Message-ID:/i)))
  return refused ? 'message-line' : null
}

const count = (header: readonly string[], name: RegExp): number => header.filter((line) => name.test(line)).length

function boundariesFit(message: string): boolean {
  const [, boundary] = /^Content-Type:\s*multipart[\s\S]*?boundary="?([^"\s;]+)/im.exec(message) ?? []
  return boundary === undefined || message.includes(`\r\n--${boundary}`)
}

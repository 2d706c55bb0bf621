// Text of a message's bodies for search: transfer encoding and charset undone as the octets pass (RFC 2045 §6).
import { type CharsetDecoder, textDecoder } from './encoded-word.ts'
import type { LeafSink, MimePart } from './mime.ts'

/**
 * A sink for `createDescriber` that gives `emit` the text of every text part, piece by piece. Tags of HTML stay. What is no
 * message within but of the type message is text too: delivery reports, fragments (RFC 3464 §2, RFC 2046 §5.2).
 */
export function textSink(emit: (text: string, part: MimePart) => void): LeafSink {
  let decode: ((octets: Buffer, last: boolean) => Buffer) | null = null
  let charset: CharsetDecoder = new TextDecoder()
  const pass = (octets: Buffer, part: MimePart, last: boolean) => {
    if (decode === null) return
    const text = charset.decode(decode(octets, last), { stream: !last })
    if (text !== '') emit(text, part)
  }
  let current: MimePart | null = null
  return {
    start(part) {
      current = part
      decode = part.type === 'text' || part.type === 'message' ? transferDecoder(part.encoding) : null
      charset = textDecoder(part.parameters.find(([name]) => name === 'charset')?.[1] ?? 'utf-8')
    },
    data(octets) {
      if (current) pass(octets, current, false)
    },
    end(part) {
      pass(Buffer.alloc(0), part, true)
      decode = null
    },
  }
}

/** Undoes a transfer encoding chunk by chunk; with `last` the remainder comes out. Bad input gives what can be read. */
export function transferDecoder(encoding: string): (octets: Buffer, last: boolean) => Buffer {
  if (encoding === 'base64') return base64Decoder()
  if (encoding === 'quoted-printable') return quotedPrintableDecoder()
  return (octets) => octets
}

function base64Decoder(): (octets: Buffer, last: boolean) => Buffer {
  let held = ''
  return (octets, last) => {
    const text = held + octets.toString('latin1').replace(/[^A-Za-z0-9+/]/g, '')
    const whole = last ? text.length : text.length - (text.length % 4)
    held = text.slice(whole)
    return Buffer.from(text.slice(0, whole), 'base64')
  }
}

function quotedPrintableDecoder(): (octets: Buffer, last: boolean) => Buffer {
  let held = ''
  return (octets, last) => {
    let text = held + octets.toString('latin1')
    const open = last ? -1 : openTail(text)
    held = open < 0 ? '' : text.slice(open)
    if (open >= 0) text = text.slice(0, open)
    return Buffer.from(decodeQuotedPrintable(text, last), 'latin1')
  }
}

/** RFC 2045 §6.7: escapes, soft line breaks, and no white space before a line's end. */
function decodeQuotedPrintable(text: string, last: boolean): string {
  const lines = text.split('\n')
  const end = lines.length - 1
  return lines
    .map((line, i) => {
      if (i === end && !last) return line
      const trimmed = line.trimEnd()
      if (trimmed.endsWith('=')) return trimmed.slice(0, -1)
      return i === end ? trimmed : trimmed + (line.endsWith('\r') ? '\r\n' : '\n')
    })
    .join('')
    .replace(/=([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
}

const MAX_OPEN_TAIL = 998

/** Where an escape or trailing white space starts that the next chunk may complete; -1: nowhere. */
function openTail(text: string): number {
  let at = text.length
  while (at > 0 && text.length - at < MAX_OPEN_TAIL && ' \t\r'.includes(text[at - 1]!)) at--
  for (let i = 1; i <= 3 && at - i >= 0; i++) if (text[at - i] === '=') return at - i
  return at < text.length ? at : -1
}

// Gives 8-bit text a transfer encoding, for servers that take 7 bits alone (RFC 6152 §3, RFC 2045 §6).
import { isAscii } from 'node:buffer'
import { contentChunks, type MessageContent, memoryContent } from './content.ts'
import { type MimePart, MimeScanner } from './mime.ts'

/** A larger message is not converted, since it would have to be held in memory. */
const MAX_CONVERTED = 16 * 1024 * 1024
/** RFC 2045 §6.7, §6.8: the longest line of an encoded body. */
const LINE = 76

/** The content itself when its body has 7 bits; null when it is too large to be converted. */
export async function toSevenBit(content: MessageContent): Promise<MessageContent | null> {
  if (!(await hasEightBitBody(content))) return content
  if (content.size > MAX_CONVERTED) return null
  const chunks: Buffer[] = []
  for await (const chunk of contentChunks(content)) chunks.push(chunk)
  const bytes = Buffer.concat(chunks)
  const scanner = new MimeScanner()
  scanner.write(bytes)
  return memoryContent(convert(bytes, scanner.end()))
}

async function hasEightBitBody({ body, bodyStart }: MessageContent): Promise<boolean> {
  for await (const chunk of body.chunks(bodyStart)) if (isEightBit(chunk)) return true
  return false
}

const isEightBit = (octets: Buffer): boolean => !isAscii(octets)

/**
 * Header and body of a part. What no encoding helps stays as it is: fields of the header, and what says that it is encoded;
 * no bounce shall be lost for what is amiss in the mail that it returns.
 */
function convert(bytes: Buffer, part: MimePart): Buffer {
  const body = bytes.subarray(part.bodyStart, part.bodyEnd)
  const encoded = !/^(?:7bit|8bit|binary)$/i.test(part.encoding)
  if (!isEightBit(body) || encoded) return bytes.subarray(part.headerStart, part.bodyEnd)
  const header = bytes.toString('latin1', part.headerStart, part.bodyStart)
  if (part.kind === 'leaf' || isGlobal(part)) return encodedLeaf(header, body, part)
  const pieces: Buffer[] = [Buffer.from(withEncoding(header, '7bit', part), 'latin1')]
  let at = part.bodyStart
  for (const child of part.children) {
    pieces.push(plain(bytes.subarray(at, child.headerStart)), convert(bytes, child))
    at = child.bodyEnd
  }
  pieces.push(plain(bytes.subarray(at, part.bodyEnd)))
  return Buffer.concat(pieces)
}

/** RFC 6532 §3.7: other than message/rfc822 it may have any encoding. */
const isGlobal = ({ type, subtype }: MimePart): boolean =>
  type.toLowerCase() === 'message' && subtype.toLowerCase() === 'global'

function encodedLeaf(header: string, body: Buffer, part: MimePart): Buffer {
  const text = part.type.toLowerCase() === 'text'
  const encoded = text ? quotedPrintable(body) : base64(body)
  return Buffer.from(withEncoding(header, text ? 'quoted-printable' : 'base64', part) + encoded, 'latin1')
}

/** The text around parts, which nobody reads. */
const plain = (octets: Buffer): Buffer => Buffer.from(octets.toString('latin1').replace(/[\x80-\xff]/g, '?'), 'latin1')

/** The header block with that Content-Transfer-Encoding; a message without MIME gets what the field needs. */
function withEncoding(header: string, encoding: string, part: MimePart): string {
  const fields = header.replace(/\r\n$/, '').split(/(?<=\r\n)(?![ \t])/)
  const has = (name: string): boolean => fields.some((field) => field.toLowerCase().startsWith(`${name}:`))
  const kept = fields.filter((field) => !/^content-transfer-encoding[ \t]*:/i.test(field))
  if (part.parent === null && !has('mime-version')) kept.push('MIME-Version: 1.0\r\n')
  if (part.kind === 'leaf' && !has('content-type')) kept.push('Content-Type: text/plain; charset=unknown-8bit\r\n')
  return `${kept.join('')}Content-Transfer-Encoding: ${encoding}\r\n\r\n`
}

/** RFC 2045 §6.7 */
function quotedPrintable(body: Buffer): string {
  return body
    .toString('latin1')
    .split('\r\n')
    .map((line) => wrapped(line.replace(/[^\t\x20-\x3c\x3e-\x7e]|[ \t]$/g, hex)))
    .join('\r\n')
}

const hex = (octet: string): string => `=${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`

/** Soft line breaks, never within an encoded octet. */
function wrapped(line: string): string {
  const pieces: string[] = []
  let rest = line
  while (rest.length > LINE) {
    const encoded = rest.lastIndexOf('=', LINE - 2)
    const end = encoded > LINE - 4 ? encoded : LINE - 1
    pieces.push(rest.slice(0, end))
    rest = rest.slice(end)
  }
  return [...pieces, rest].join('=\r\n')
}

const base64 = (body: Buffer): string => body.toString('base64').replace(/.{76}(?=.)/g, '$&\r\n')

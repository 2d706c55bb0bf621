// Encoded words and character sets (RFC 2047): octets of header fields and bodies as text, for search and threading; and text as words.
import { Utf7Decoder } from './utf7.ts'

/** What undoes a character set. */
export interface CharsetDecoder {
  decode(octets: Uint8Array, options?: { readonly stream?: boolean }): string
}

const ENCODED_WORD = /=\?([^?\s]{1,75})\?([bBqQ])\?([^?\s]*)\?=/g
const UTF7 = new Set(['utf-7', 'utf7', 'unicode-1-1-utf-7'])
const SUPPLEMENTS: { readonly [charset: string]: string } = {
  unknown: 'utf-8',
  'x-unknown': 'utf-8',
}

/** A decoder for the charset; UTF-8 for one that nobody knows. Bad octets become U+FFFD, nothing throws. */
export function textDecoder(charset: string): CharsetDecoder {
  const label = charset.toLowerCase().replace(/^cp-?(\d{4})$/, 'windows-$1')
  if (UTF7.has(label)) return new Utf7Decoder()
  try {
    return new TextDecoder(SUPPLEMENTS[label] ?? label)
  } catch {
    return new TextDecoder('utf-8')
  }
}

/** True when `charset` can be decoded (SEARCH CHARSET, RFC 9051 §6.4.4). */
export function isKnownCharset(charset: string): boolean {
  try {
    return new TextDecoder(charset.toLowerCase()) !== null
  } catch {
    return false
  }
}

/** Octets (one a char) as text: UTF-8 where they are valid UTF-8, else windows-1252. */
export function decodeOctets(octets: string): string {
  if (!/[\u0080-\u00ff]/.test(octets)) return octets
  const bytes = Buffer.from(octets, 'latin1')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return new TextDecoder('windows-1252').decode(bytes)
  }
}

/** Text of an unfolded field value: encoded words decoded, white space between two of them dropped. */
export function decodeHeaderText(value: string): string {
  if (!value.includes('=?')) return value
  let text = ''
  let last = 0
  let pending: { charset: string; bytes: Buffer[] } | null = null
  const flush = () => {
    if (pending) text += textDecoder(pending.charset).decode(Buffer.concat(pending.bytes))
    pending = null
  }
  for (const match of value.matchAll(ENCODED_WORD)) {
    const between = value.slice(last, match.index)
    const charset = match[1]!.replace(/\*.*$/, '').toLowerCase() // RFC 2231 §5: charset*language
    if (between.trim() !== '' || last === 0) {
      flush()
      text += between
    }
    // Deviates: RFC 2047 §5 asks for whole characters in each word; senders split them, so equal charsets are joined first
    if (pending !== null && (pending as { charset: string }).charset !== charset) flush()
    pending ??= { charset, bytes: [] }
    pending.bytes.push(wordBytes(match[2]!, match[3]!))
    last = match.index + match[0].length
  }
  flush()
  return text + value.slice(last)
}

function wordBytes(encoding: string, data: string): Buffer {
  if (encoding === 'b' || encoding === 'B') return Buffer.from(data, 'base64')
  const octets = Buffer.from(data, 'utf8')
    .toString('latin1')
    .replace(/_/g, ' ')
    .replace(/=([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  return Buffer.from(octets, 'latin1')
}

/** Octets that one word carries: with what is around them a line stays below 76 (RFC 2047 §2). */
const IN_A_WORD = 39
const ADDRESS_FIELD = /^(?:resent-)?(?:from|sender|to|cc|bcc|reply-to)$/i
const WORDS = /[ \t\r\n]+|[^ \t\r\n]+/g
/** White space, addresses, quoted names, words, and what stands between. */
const NAMES = /[ \t\r\n]+|<[^<>]*>?|"(?:[^"\\]|\\.)*"?|[^ \t\r\n"<>(),;:]+|./gs
const NOT_ASCII = /[^\x00-\x7f]/

/** A field's value in ASCII: words that are not become encoded ones, in address fields those of names (RFC 2047 §5). */
export function encodeFieldValue(name: string, value: string): string {
  if (!NOT_ASCII.test(value)) return value
  const ofAddresses = ADDRESS_FIELD.test(name)
  let text = ''
  /** Words that go together, and the white space behind them. */
  let run = ''
  let space = ''
  for (const [part] of value.matchAll(ofAddresses ? NAMES : WORDS)) {
    if (/^[ \t\r\n]/.test(part)) space += part
    else if (NOT_ASCII.test(part) && !(ofAddresses && (part.startsWith('<') || part.includes('@')))) {
      if (run === '') text += space
      const word = ofAddresses ? unquoted(part) : part
      run += run === '' ? word : space + word
      space = ''
    } else {
      text += encodedWords(run) + space + part
      run = ''
      space = ''
    }
  }
  return text + encodedWords(run) + space
}

const unquoted = (text: string): string =>
  text.startsWith('"') ? text.replace(/^"|"$/g, '').replace(/\\(.)/gs, '$1') : text

function encodedWords(text: string): string {
  if (text === '') return ''
  const parts: string[] = []
  let part = ''
  for (const character of text.replace(/\r?\n[ \t]*/g, ' ')) {
    if (Buffer.byteLength(part + character) > IN_A_WORD) {
      parts.push(part)
      part = ''
    }
    part += character
  }
  return [...parts, part].map((one) => `=?UTF-8?B?${Buffer.from(one).toString('base64')}?=`).join('\r\n ')
}

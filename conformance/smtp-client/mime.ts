// MIME as RFC 2045 and RFC 2046 have it, read strictly: what departs from them is a violation, never guessed at.
import { check, visible } from '../judgement.ts'
import { bodyOf, fieldOf, headerOf, withoutComments } from './facts.ts'

export interface Part {
  /** Lower case, without parameters; `text/plain` when there is none. */
  readonly type: string
  readonly header: string
  /** As it stands, encoded. */
  readonly body: string
}

const MAX_LINE = 76

export const typeOf = (text: string): string =>
  withoutComments(fieldOf(text, 'content-type') ?? 'text/plain')
    .split(';')[0]!
    .trim()
    .toLowerCase()

export const encodingOf = (text: string): string =>
  withoutComments(fieldOf(text, 'content-transfer-encoding') ?? '7bit').toLowerCase()

const boundaryOf = (text: string): string | undefined => {
  const [, quoted, bare] = /;\s*boundary=(?:"([^"]+)"|([^\s";]+))/i.exec(fieldOf(text, 'content-type') ?? '') ?? []
  return quoted ?? bare
}

/** The parts of a multipart message or part: RFC 2046 §5.1.1. */
export function partsOf(text: string): Part[] {
  const boundary = boundaryOf(text)
  check(boundary !== undefined, 'a boundary', visible(fieldOf(text, 'content-type') ?? 'no Content-Type'))
  const parts: string[][] = []
  let isOpen = true
  for (const line of bodyOf(text).split('\r\n')) {
    const delimiter = line.trimEnd()
    if (isOpen && delimiter === `--${boundary}`) parts.push([])
    else if (isOpen && delimiter === `--${boundary}--`) isOpen = false
    else if (isOpen) parts.at(-1)?.push(line)
  }
  check(!isOpen && parts.length > 0, `parts, and "--${boundary}--" behind them`, visible(bodyOf(text).slice(-200)))
  return parts.map((lines) => {
    // a part may have no header at all: then it begins with the empty line
    const part = lines[0] === '' ? `\r\n${lines.join('\r\n')}` : lines.join('\r\n')
    return { type: typeOf(part), header: headerOf(part), body: bodyOf(part) }
  })
}

/** The octets that an encoded body stands for: RFC 2045 §6.7 and §6.8. */
export function decode(body: string, encoding: string): string {
  if (encoding === 'quoted-printable') return decodeQuotedPrintable(body)
  if (encoding === 'base64') return decodeBase64(body)
  check(/^([78]bit|binary)$/.test(encoding), 'an encoding that RFC 2045 knows', visible(encoding))
  return body
}

function decodeQuotedPrintable(body: string): string {
  const lines = body.split('\r\n')
  lines.forEach((line, at) => {
    check(line.length <= MAX_LINE, `lines of up to ${MAX_LINE} octets`, `one of ${line.length}: "${visible(line)}"`)
    check(!/[ \t]$/.test(line), 'no space at the end of a line', `"${visible(line)}"`)
    const isWell = /^(?:[\x21-\x3c\x3e-\x7e \t]|=[0-9A-F]{2})*=?$/.test(line)
    check(isWell, '=, two upper-case hexadecimal digits, or plain characters', `"${visible(line)}"`)
    check(!(line.endsWith('=') && at === lines.length - 1), 'a line behind a soft line break', `"${visible(line)}"`)
  })
  return body
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

function decodeBase64(body: string): string {
  const lines = body.split('\r\n')
  const longest = Math.max(...lines.map(({ length }) => length))
  check(longest <= MAX_LINE, `lines of up to ${MAX_LINE} octets`, `one of ${longest}`)
  const text = lines.join('')
  const isWell = text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text)
  check(isWell, 'base64, padded at its end alone', visible(text.slice(-80)))
  return Buffer.from(text, 'base64').toString('latin1')
}

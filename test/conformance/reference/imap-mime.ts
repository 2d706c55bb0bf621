// The reference IMAP server's reading of messages: MIME parts by RFC 2045-2047 and 2231, ENVELOPE and BODYSTRUCTURE by RFC 9051 §7.5.2.
import { asNString, asString } from './imap-syntax.ts'

export type Params = readonly (readonly [string, string])[]

export interface Part {
  /** With the empty line at its end, when there is one. */
  readonly header: string
  readonly body: string
  readonly type: string
  readonly subtype: string
  readonly params: Params
  readonly fields: readonly Field[]
  /** Of a multipart. */
  readonly parts: readonly Part[]
  /** Of a message/rfc822. */
  readonly message: Part | null
}

export interface Field {
  readonly name: string
  /** As it stands, name, folding and line end included. */
  readonly raw: string
  /** Unfolded, without the name. */
  readonly value: string
}

export function parseMessage(raw: string): Part {
  return parsePart(raw, 'text', 'plain')
}

function parsePart(raw: string, defaultType: string, defaultSubtype: string): Part {
  const end = raw.startsWith('\r\n') ? 0 : raw.indexOf('\r\n\r\n')
  const split = raw.startsWith('\r\n') ? 2 : end < 0 ? raw.length : end + 4
  const header = raw.slice(0, split)
  const body = raw.slice(split)
  const fields = parseFields(header)
  const content = parseContentType(fieldValue(fields, 'content-type'), defaultType, defaultSubtype)
  const boundary = content.params.find(([name]) => name.toLowerCase() === 'boundary')?.[1]
  const isMultipart = content.type === 'multipart' && boundary !== undefined
  const isMessage = content.type === 'message' && (content.subtype === 'rfc822' || content.subtype === 'global')
  const parts = isMultipart ? splitParts(body, boundary, content.subtype) : []
  return { header, body, fields, ...content, parts, message: isMessage ? parseMessage(body) : null }
}

export function parseFields(header: string): Field[] {
  const fields: Field[] = []
  for (const raw of header.match(/[^\r\n][^\n]*\n(?:[ \t][^\n]*\n)*/g) ?? []) {
    const colon = raw.indexOf(':')
    if (colon <= 0) continue
    const value = raw
      .slice(colon + 1)
      .replace(/\r\n/g, '')
      .trim()
    fields.push({ name: raw.slice(0, colon).trim(), raw, value })
  }
  return fields
}

export const fieldValue = (fields: readonly Field[], name: string): string | null =>
  fields.find((field) => field.name.toLowerCase() === name)?.value ?? null

// RFC 2046 §5.1.1: the line end before a delimiter belongs to the delimiter.
function splitParts(body: string, boundary: string, subtype: string): Part[] {
  const pieces: string[] = []
  const lines = body.split('\r\n')
  let current: string[] | null = null
  for (const line of lines) {
    const isDelimiter = line.startsWith(`--${boundary}`) && /^(?:--)?[ \t]*$/.test(line.slice(boundary.length + 2))
    if (!isDelimiter) {
      current?.push(line)
      continue
    }
    if (current) pieces.push(current.join('\r\n'))
    current = line.startsWith(`--${boundary}--`) ? null : []
    if (current === null) break
  }
  if (current) pieces.push(current.join('\r\n'))
  const [type, inner] = subtype === 'digest' ? ['message', 'rfc822'] : ['text', 'plain']
  return pieces.map((piece) => parsePart(piece, type!, inner!))
}

function parseContentType(value: string | null, type: string, subtype: string) {
  const found = value === null ? null : /^\s*([^\s/;]+)\s*\/\s*([^\s;]+)/.exec(stripComments(value))
  if (!found)
    return { type, subtype, params: type === 'text' && value === null ? [['charset', 'us-ascii'] as const] : [] }
  const params = parseParams(stripComments(value!))
  return { type: found[1]!.toLowerCase(), subtype: found[2]!.toLowerCase(), params }
}

export const parseParams = (value: string): Params =>
  [...value.matchAll(/;\s*([^\s=;]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]*))/g)].map(
    ([, name, quoted, plain]) => [name!, quoted?.replace(/\\(.)/g, '$1') ?? plain!] as const,
  )

/** Comments go, quoted strings stay. */
export function stripComments(text: string): string {
  let result = ''
  let depth = 0
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    const octet = text[at]!
    if (octet === '\\') {
      if (depth === 0) result += octet + (text[at + 1] ?? '')
      at += 1
    } else if (depth === 0 && octet === '"') {
      quoted = !quoted
      result += octet
    } else if (!quoted && octet === '(') depth += 1
    else if (!quoted && octet === ')' && depth > 0) depth -= 1
    else if (depth === 0) result += octet
  }
  return result
}

/** What BODY[<numbers>] means (RFC 9051 §6.4.5.1); null when there is no such part. */
export function partAt(message: Part, numbers: readonly number[]): Part | null {
  let current = message
  let isMessage = true
  for (const number of numbers) {
    const container = isMessage ? current : (current.message ?? current)
    if (container.parts.length > 0) {
      const next = container.parts[number - 1]
      if (!next) return null
      current = next
    } else {
      // every message has at least one part: all of one that has no parts
      if (number !== 1 || (!isMessage && current.message === null)) return null
      current = container
    }
    isMessage = false
  }
  return current
}

/** Octets of a part with its transfer encoding undone; null for an encoding that is not known. */
export function decodeBody(part: Part): string | null {
  const encoding = (stripComments(fieldValue(part.fields, 'content-transfer-encoding') ?? '7bit') || '7bit')
    .trim()
    .toLowerCase()
  if (['7bit', '8bit', 'binary'].includes(encoding)) return part.body
  if (encoding === 'base64') return Buffer.from(part.body, 'base64').toString('latin1')
  if (encoding !== 'quoted-printable') return null
  return part.body
    .replace(/[ \t]+(?=\r\n|$)/g, '')
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

const asParams = (params: Params): string =>
  params.length === 0 ? 'NIL' : `(${params.map(([name, value]) => `${asString(name)} ${asString(value)}`).join(' ')})`

export function bodyStructure(part: Part, extended: boolean): string {
  if (part.parts.length > 0) {
    const inner = part.parts.map((one) => bodyStructure(one, extended)).join('')
    const extension = extended ? ` ${asParams(part.params)} ${common(part)}` : ''
    return `(${inner} ${asString(part.subtype)}${extension})`
  }
  const { fields, body } = part
  const encoding = stripComments(fieldValue(fields, 'content-transfer-encoding') ?? '7bit').trim() || '7bit'
  const basic = [
    asString(part.type),
    asString(part.subtype),
    asParams(part.params),
    asNString(fieldValue(fields, 'content-id')),
    asNString(fieldValue(fields, 'content-description')),
    asString(encoding),
    String(body.length),
  ]
  const message = part.message
  if (message) basic.push(envelope(message), bodyStructure(message, extended), lineCount(body))
  else if (part.type === 'text') basic.push(lineCount(body))
  if (extended) basic.push(asNString(fieldValue(fields, 'content-md5')), common(part))
  return `(${basic.join(' ')})`
}

const lineCount = (body: string): string => String(body.match(/\n/g)?.length ?? 0)

/** Disposition, language and location. */
function common({ fields }: Part): string {
  const disposition = fieldValue(fields, 'content-disposition')
  const kind = disposition === null ? null : stripComments(disposition).split(';')[0]!.trim()
  const languages = (fieldValue(fields, 'content-language') ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
  return [
    kind === null ? 'NIL' : `(${asString(kind)} ${asParams(parseParams(stripComments(disposition!)))})`,
    languages.length === 0 ? 'NIL' : `(${languages.map((one) => asString(one)).join(' ')})`,
    asNString(fieldValue(fields, 'content-location')),
  ].join(' ')
}

export function envelope({ fields }: Part): string {
  const from = addresses(fieldValue(fields, 'from'))
  const orFrom = (name: string): string => {
    const found = addresses(fieldValue(fields, name))
    return found === 'NIL' ? from : found
  }
  return `(${[
    asNString(fieldValue(fields, 'date')),
    asNString(fieldValue(fields, 'subject')),
    from,
    // RFC 9051 §7.5.2: a server sets these from the From field when they are absent or empty.
    orFrom('sender'),
    orFrom('reply-to'),
    addresses(fieldValue(fields, 'to')),
    addresses(fieldValue(fields, 'cc')),
    addresses(fieldValue(fields, 'bcc')),
    asNString(fieldValue(fields, 'in-reply-to')),
    asNString(fieldValue(fields, 'message-id')),
  ].join(' ')})`
}

/** RFC 5322 §3.4 addresses as ENVELOPE has them. */
function addresses(value: string | null): string {
  if (value === null) return 'NIL'
  const found: string[] = []
  for (const entry of splitOutside(value, ',;', ':')) {
    const text = entry.text.trim()
    if (entry.end === ':') {
      found.push(address(null, null, phrase(text), null))
      continue
    }
    if (stripComments(text).trim() !== '') found.push(mailboxAddress(text))
    if (entry.end === ';') found.push(address(null, null, null, null))
  }
  return found.length === 0 ? 'NIL' : `(${found.join('')})`
}

function mailboxAddress(text: string): string {
  const angle = /^(.*)<([^<>]*)>[^<>]*$/s.exec(text)
  const comment = /\(((?:[^()\\]|\\.)*)\)/.exec(text)?.[1] ?? null
  const spec = (angle ? angle[2]! : stripComments(text)).trim()
  const route = /^(@[^:]*):(.*)$/s.exec(spec)
  const bare = route ? route[2]! : spec
  const at = bare.lastIndexOf('@')
  const local = phrase(at < 0 ? bare : bare.slice(0, at))
  const name = angle && stripComments(angle[1]!).trim() !== '' ? phrase(stripComments(angle[1]!).trim()) : comment
  return address(name, route ? route[1]! : null, local, at < 0 ? '' : bare.slice(at + 1).trim())
}

const address = (...parts: readonly (string | null)[]): string => `(${parts.map((part) => asNString(part)).join(' ')})`

/** Quoted words without their quotes. */
const phrase = (text: string): string =>
  text.replace(/"((?:[^"\\]|\\.)*)"/g, (_, inner: string) => inner.replace(/\\(.)/g, '$1'))

/** Pieces between separators that stand in no quotes, comments, angles; a group's name ends in `:`. */
function splitOutside(text: string, separators: string, opener: string): { text: string; end: string }[] {
  const pieces: { text: string; end: string }[] = []
  let piece = ''
  let closing = ''
  for (let at = 0; at < text.length; at++) {
    const octet = text[at]!
    if (octet === '\\') {
      piece += octet + (text[++at] ?? '')
      continue
    }
    if (closing !== '') {
      if (octet === closing.at(-1)) closing = closing.slice(0, -1)
      else if (octet === '(' && closing.endsWith(')')) closing += ')'
    } else if (octet in CLOSING) closing += CLOSING[octet]
    else if (separators.includes(octet) || octet === opener) {
      pieces.push({ text: piece, end: octet })
      piece = ''
      continue
    }
    piece += octet
  }
  pieces.push({ text: piece, end: '' })
  return pieces
}

const CLOSING: { readonly [opening: string]: string } = { '"': '"', '(': ')', '<': '>', '[': ']' }

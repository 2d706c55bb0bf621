// The reference IMAP server's reading of messages: MIME parts by RFC 2045-2047 and 2231, BODYSTRUCTURE by RFC 9051 §7.5.2.
import { envelope } from './imap-envelope.ts'
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

/** Whether the server has the named fault. */
export type Quirks = (name: string) => boolean

export function parseMessage(raw: string, quirks: Quirks = () => false): Part {
  return parsePart(raw, 'text', 'plain', quirks)
}

function parsePart(raw: string, defaultType: string, defaultSubtype: string, quirks: Quirks): Part {
  const end = raw.startsWith('\r\n') ? 0 : raw.indexOf('\r\n\r\n')
  const split = raw.startsWith('\r\n') ? 2 : end < 0 ? raw.length : end + 4
  const header = raw.slice(0, split)
  const body = raw.slice(split)
  const fields = parseFields(header)
  const content = parseContentType(fieldValue(fields, 'content-type'), defaultType, defaultSubtype, quirks)
  const boundary = content.params.find(([name]) => name.toLowerCase() === 'boundary')?.[1]
  const isMultipart = content.type === 'multipart' && boundary !== undefined
  const isMessage = content.type === 'message' && (content.subtype === 'rfc822' || content.subtype === 'global')
  const parts = isMultipart ? splitParts(body, boundary, content.subtype, quirks) : []
  return {
    header,
    body,
    fields,
    ...content,
    parts,
    message: isMessage && !quirks('bs-message-basic') ? parseMessage(body, quirks) : null,
  }
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
function splitParts(body: string, boundary: string, subtype: string, quirks: Quirks): Part[] {
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
  const [type, inner] = subtype === 'digest' && !quirks('bs-digest-text') ? ['message', 'rfc822'] : ['text', 'plain']
  return pieces.map((piece) => parsePart(piece, type!, inner!, quirks))
}

function parseContentType(value: string | null, type: string, subtype: string, quirks: Quirks) {
  const found = value === null ? null : /^\s*([^\s/;]+)\s*\/\s*([^\s;]+)/.exec(stripComments(value))
  if (!found)
    return { type, subtype, params: type === 'text' && value === null ? [['charset', 'us-ascii'] as const] : [] }
  const params = parseParams(stripComments(value!), quirks)
  return { type: found[1]!.toLowerCase(), subtype: found[2]!.toLowerCase(), params }
}

/** Attributes and values; continued ones (RFC 2231 §3) are joined. */
export function parseParams(value: string, quirks: Quirks = () => false): Params {
  const joined = new Map<string, string>()
  for (const [, attribute, quoted, plain] of value.matchAll(
    /;\s*([^\s=;]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]*))/g,
  )) {
    const bare = quoted?.replace(/\\(.)/g, '$1') ?? plain!
    const text = quirks('bs-params-raw') && quoted !== undefined ? `"${quoted}"` : bare
    const continued = quirks('bs-params-continued') ? null : /^(.+)\*\d+(\*?)$/.exec(attribute!)
    const name = continued ? continued[1]! + continued[2]! : attribute!
    joined.set(name, (continued ? (joined.get(name) ?? '') : '') + text)
  }
  return [...joined]
}

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

const asParams = (params: Params, quirks: Quirks): string => {
  if (params.length === 0) return quirks('bs-params-empty') ? '()' : 'NIL'
  const pairs = params.map(([name, value]) => (quirks('bs-params-swapped') ? [value, name] : [name, value]))
  return `(${pairs.map(([name, value]) => `${asString(name!)} ${asString(value!)}`).join(' ')})`
}

export function bodyStructure(part: Part, wanted: boolean, quirks: Quirks): string {
  const extended = wanted || quirks('body-extended')
  const { fields, body, message } = part
  const more = quirks('bs-more-fields') ? ' NIL' : ''
  if (part.parts.length > 0) {
    const flat = quirks('bs-flat')
      ? part.parts.flatMap((one) => (one.parts.length > 0 ? one.parts : [one]))
      : part.parts
    const inner = flat.map((one) => bodyStructure(one, wanted, quirks)).join('')
    const params = quirks('bs-multipart-without-params') ? '' : ` ${asParams(part.params, quirks)}`
    const after = `${params} ${common(part, quirks)}${more}`
    const placed = quirks('bs-disposition-first') ? ` ${common(part, quirks)}${params}` : after
    return `(${quirks('bs-parts-listed') ? `(${inner})` : inner} ${asString(part.subtype)}${extended ? placed : ''})`
  }
  const encoding = stripComments(fieldValue(fields, 'content-transfer-encoding') ?? '').trim()
  const absent = quirks('bs-absent-empty') ? '' : null
  const id = asNString(fieldValue(fields, 'content-id') ?? absent)
  const description = asNString(fieldValue(fields, 'content-description') ?? absent)
  const isDefault = fieldValue(fields, 'content-type') === null && part.type === 'text'
  const basic = [
    asString(part.type),
    asString(part.subtype),
    asParams(isDefault && quirks('bs-default-without-charset') ? [] : part.params, quirks),
    ...(quirks('bs-id-behind-description') ? [description, id] : [id, description]),
    encoding === '' && quirks('bs-encoding-nil')
      ? 'NIL'
      : asString(quirks('bs-encoding-7bit') ? '7bit' : encoding || '7bit'),
    String(octetsOf(part, quirks)),
  ]
  if (message) {
    const inside = quirks('bs-message-body-plain') ? { ...message, type: 'text', parts: [] } : message
    basic.push(envelope(quirks('bs-message-envelope-outer') ? part : message, quirks))
    basic.push(bodyStructure(inside, wanted, quirks))
    basic.push(lineCount(quirks('bs-message-lines-of-body') ? message.body : body))
  } else if (part.type === 'text' ? !quirks('bs-no-lines') : quirks('bs-lines-everywhere'))
    basic.push(linesOf(part, quirks))
  const md5 = quirks('bs-md5-nil') ? null : fieldValue(fields, 'content-md5')
  if (extended) basic.push(asNString(md5), common(part, quirks) + more)
  return `(${basic.join(' ')})`
}

function octetsOf(part: Part, quirks: Quirks): number {
  if (quirks('bs-octets-decoded')) return (decodeBody(part) ?? part.body).length
  if (part.message && quirks('bs-message-octets-of-body')) return part.message.body.length
  return part.body.length + (quirks('bs-octets-with-line-end') ? 2 : 0)
}

function linesOf(part: Part, quirks: Quirks): string {
  if (part.body === '' && quirks('bs-empty-lines')) return '1'
  return lineCount(quirks('bs-lines-decoded') ? (decodeBody(part) ?? part.body) : part.body)
}

const lineCount = (body: string): string => String(body.match(/\n/g)?.length ?? 0)

/** Disposition, language and location. */
function common({ fields }: Part, quirks: Quirks): string {
  const languages = (fieldValue(fields, 'content-language') ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '' && !quirks('bs-language-nil'))
  return [
    dispositionOf(fieldValue(fields, 'content-disposition'), quirks),
    languages.length === 0 ? 'NIL' : `(${languages.map((one) => asString(one)).join(' ')})`,
    asNString(quirks('bs-location-nil') ? null : fieldValue(fields, 'content-location')),
  ].join(' ')
}

function dispositionOf(value: string | null, quirks: Quirks): string {
  if (value === null) return quirks('bs-disposition-empty') ? '("" NIL)' : 'NIL'
  const kind = asString(stripComments(value).split(';')[0]!.trim())
  const params = parseParams(stripComments(value), quirks)
  if (quirks('bs-disposition-bare')) return kind
  if (params.length === 0 && quirks('bs-disposition-short')) return `(${kind})`
  return `(${kind} ${asParams(params, quirks)})`
}

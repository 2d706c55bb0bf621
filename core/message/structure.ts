// What IMAP says of a message (RFC 9051 §7.5.2): ENVELOPE, BODY and BODYSTRUCTURE as they go over the wire, and its header as text for search.
import { type ListedAddress, parseAddressList } from './address-list.ts'
import { decodeHeaderText, decodeOctets } from './encoded-word.ts'
import { type LeafSink, type MimePart, MimeScanner } from './mime.ts'
import type { Disposition, MimeParameters } from './mime-header.ts'
import { parseFieldDate } from './parse-date.ts'

/**
 * `envelope`, `body` and `bodyStructure` hold one octet a char: write them as latin1. Octets outside of ASCII stand in
 * literals, so that they suit every client. Sizes and offsets are those with CRLF line ends.
 */
export interface MessageDescription {
  readonly envelope: string
  readonly body: string
  readonly bodyStructure: string
  /** Octets of the header with its empty line. */
  readonly headerSize: number
  readonly size: number
  readonly root: MimePart
  /** Header fields as Unicode text, encoded words decoded; '' when absent. */
  readonly subject: string
  readonly from: string
  readonly to: string
  readonly cc: string
  readonly bcc: string
  /** With angle brackets; null when absent. */
  readonly messageId: string | null
  /** Message-IDs of References, or of In-Reply-To without it, oldest first, at most 100 (the last ones). */
  readonly references: readonly string[]
  /** ms since 1970 of the Date field; null when absent or unreadable. */
  readonly date: number | null
  /** `YYYY-MM-DD` of the Date field as written. */
  readonly sentDay: string | null
}

export interface Describer {
  write(chunk: Buffer): void
  end(): MessageDescription
}

const MAX_REFERENCES = 100

/** Feed it a message in chunks, LF or CRLF line ends. `sink` gets the leaf bodies as they pass. Never throws. */
export function createDescriber(sink: LeafSink | null = null): Describer {
  const scanner = new MimeScanner(sink)
  return {
    write: (chunk) => scanner.write(chunk),
    end: () => describe(scanner.end(), scanner.size),
  }
}

export function describe(root: MimePart, size: number): MessageDescription {
  const first = (name: string) => root.fields?.get(name)?.[0] ?? null
  const text = (name: string) => decodeHeaderText(decodeOctets(root.fields?.get(name)?.join(', ') ?? ''))
  const date = parseFieldDate(first('date') ?? '')
  return {
    envelope: formatEnvelope(root),
    body: formatBody(root, false),
    bodyStructure: formatBody(root, true),
    headerSize: root.bodyStart,
    size,
    root,
    subject: decodeHeaderText(decodeOctets(first('subject') ?? '')),
    from: text('from'),
    to: text('to'),
    cc: text('cc'),
    bcc: text('bcc'),
    messageId: messageIds(first('message-id') ?? '')[0] ?? null,
    references: messageIds(first('references') ?? first('in-reply-to') ?? '').slice(-MAX_REFERENCES),
    date: date?.time ?? null,
    sentDay: date?.day ?? null,
  }
}

const messageIds = (value: string): string[] => value.match(/<[^<>\s]{1,995}>/g) ?? []

/** `text` holds octets: quoted where a quoted string can hold them, else a literal (RFC 9051 §4.3). */
export function formatString(text: string): string {
  if (!/[^\x20-\x7e\t]/.test(text)) return /["\\]/.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : `"${text}"`
  const octets = text.replaceAll('\x00', '')
  return `{${octets.length}}\r\n${octets}`
}

const nstring = (text: string | null): string => (text === null ? 'NIL' : formatString(text))

export function formatEnvelope(message: MimePart): string {
  const fields = message.fields
  const value = (name: string) => nstring(fields?.get(name)?.[0] ?? null)
  const addresses = (name: string) => formatAddresses(fields?.get(name))
  const from = addresses('from')
  const orFrom = (name: string) => {
    const list = addresses(name)
    return list === 'NIL' ? from : list
  }
  return `(${value('date')} ${value('subject')} ${from} ${orFrom('sender')} ${orFrom('reply-to')} ${addresses('to')} ${addresses('cc')} ${addresses('bcc')} ${value('in-reply-to')} ${value('message-id')})`
}

function formatAddresses(values: readonly string[] | undefined): string {
  if (!values) return 'NIL'
  const list = parseAddressList(values.join(', '))
  return list.length === 0 ? 'NIL' : `(${list.map(formatListed).join('')})`
}

const formatListed = ({ name, route, mailbox, host }: ListedAddress): string =>
  `(${nstring(name)} ${nstring(route)} ${nstring(mailbox)} ${nstring(host)})`

/** BODYSTRUCTURE when `extended`, else BODY (RFC 9051 §7.5.2). */
export function formatBody(part: MimePart, extended: boolean): string {
  if (part.kind === 'multipart') return formatMultipart(part, extended)
  const text = part.type === 'text'
  let out = `(${formatString(part.type)} ${formatString(part.subtype)} ${formatParameters(part.parameters, text)}`
  out += ` ${nstring(part.id)} ${nstring(part.description)} ${formatString(part.encoding)} ${part.bodyEnd - part.bodyStart}`
  if (part.kind === 'message') {
    const within = part.children[0]!
    out += ` ${formatEnvelope(within)} ${formatBody(within, extended)} ${part.lines}`
  } else if (text) out += ` ${part.lines}`
  return extended ? `${out} ${nstring(part.md5)} ${formatExtension(part)})` : `${out})`
}

/** The grammar wants at least one part: a multipart without gets an empty text. */
const EMPTY_PART = '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0'

function formatMultipart(part: MimePart, extended: boolean): string {
  const parts = part.children.map((child) => formatBody(child, extended))
  if (parts.length === 0) parts.push(EMPTY_PART + (extended ? ' NIL NIL NIL NIL)' : ')'))
  const out = `(${parts.join('')} ${formatString(part.subtype)}`
  return extended ? `${out} ${formatParameters(part.parameters, false)} ${formatExtension(part)})` : `${out})`
}

const formatExtension = (part: MimePart): string =>
  `${formatDisposition(part.disposition)} ${formatLanguages(part.languages)} ${nstring(part.location)}`

function formatParameters(parameters: MimeParameters, isText: boolean): string {
  const all = parameters.map(([name, value]) => `${formatString(name)} ${formatString(value)}`)
  const hasCharset = () => parameters.some(([name]) => name === 'charset' || name === 'charset*')
  if (isText && !hasCharset()) all.push('"charset" "us-ascii"') // RFC 2045 §5.2
  return all.length === 0 ? 'NIL' : `(${all.join(' ')})`
}

const formatDisposition = (disposition: Disposition | null): string =>
  disposition === null
    ? 'NIL'
    : `(${formatString(disposition.type)} ${formatParameters(disposition.parameters, false)})`

function formatLanguages(languages: readonly string[]): string {
  if (languages.length === 0) return 'NIL'
  return languages.length === 1 ? formatString(languages[0]!) : `(${languages.map(formatString).join(' ')})`
}

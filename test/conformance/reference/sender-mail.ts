// What the reference sender does to messages: Received, conversion to 7 bits, and reports to senders.
import type { Result } from './sender-client.ts'
import type { Deviation } from './sender-deviation.ts'

export interface Recipient {
  readonly path: string
  readonly notify: string | null
  readonly orcpt: string | null
}

export interface Message {
  readonly id: string
  /** '' is the null path. */
  readonly from: string
  readonly ret: string | null
  readonly envid: string | null
  readonly utf8: boolean
  readonly recipients: readonly Recipient[]
  /** One character an octet, lines ended by CRLF. */
  readonly text: string
}

export type Action = 'failed' | 'delayed' | 'relayed'

export interface Origin {
  readonly name: string
  readonly address: string
}

export const NAME = 'sender.example'

export function splitText(text: string): { header: string; body: string } {
  const at = text.indexOf('\r\n\r\n')
  return at < 0 ? { header: text, body: '' } : { header: text.slice(0, at + 2), body: text.slice(at + 4) }
}

export const fieldsOf = (header: string): string[] => header.match(/[^\r\n][^\n]*\n(?:[ \t][^\n]*\n)*/g) ?? []

const now = (): string => new Date().toUTCString().replace('GMT', '+0000')

const withoutRoute = (path: string): string => path.replace(/^@[^:]*:/, '')

/** The message as it is queued: with a Received field of ours, and without source routes (RFC 5321 §3.6.1). */
export function queued(came: Message, origin: Origin, deviation: Deviation): Message {
  const message = {
    ...came,
    from: withoutRoute(came.from),
    recipients: came.recipients.map((one) => ({ ...one, path: withoutRoute(one.path) })),
  }
  const clauses = [
    `from ${origin.name} ([${origin.address}])`,
    `by ${NAME}`,
    `with ESMTP id ${message.id}`,
    ...(message.recipients.length === 1 ? [`for <${message.recipients[0]!.path}>`] : []),
  ]
  const field = `Received: ${clauses.join('\r\n\t')}; ${now()}\r\n`
  const stamped = { ...message, text: (deviation.received?.(field, message, origin) ?? field) + message.text }
  return deviation.queues?.(stamped, came) ?? stamped
}

export const isEightBit = (text: string): boolean => /[^\x00-\x7f]/.test(text)

/** RFC 6152 §3: what a server without 8BITMIME can take. */
export function toSevenBits(text: string): string {
  const { header, body } = splitText(text)
  if (!isEightBit(body)) return text
  const boundary = /^Content-Type:\s*multipart\/[^;]*;\s*boundary="?([^";\r\n]+)"?/im.exec(header)?.[1]
  return boundary === undefined
    ? `${withEncoding(header, 'quoted-printable')}\r\n${quotedPrintable(body)}`
    : `${withEncoding(header, '7bit')}\r\n${partsInSevenBits(body, boundary)}`
}

const withEncoding = (header: string, encoding: string): string =>
  /^Content-Transfer-Encoding:/im.test(header)
    ? header.replace(/^(Content-Transfer-Encoding:).*/im, `$1 ${encoding}`)
    : `${header}Content-Transfer-Encoding: ${encoding}\r\n`

/** RFC 2045 §6.4: a multipart is not encoded, its parts are. */
function partsInSevenBits(body: string, boundary: string): string {
  const pieces = body.split(`--${boundary}`)
  return pieces
    .map((piece, i) => (i === 0 || i === pieces.length - 1 ? piece : `\r\n${toSevenBits(piece.slice(2))}`))
    .join(`--${boundary}`)
}

const quotedPrintable = (body: string): string =>
  body
    .split('\r\n')
    .map((line) =>
      line
        .replace(
          /[^\x20-\x3c\x3e-\x7e]|[ \t]$/g,
          (c) => `=${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
        )
        .replace(/.{70}(?=.{4})(?<!=.?)/g, '$&=\r\n'),
    )
    .join('\r\n')

/** RFC 3461 §4: xtext as it was before. */
const decodeXtext = (text: string): string =>
  text.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))

const statusOf = (reply: string, action: Action): string => {
  if (action === 'relayed') return '2.0.0'
  return /\b[245]\.\d+\.\d+\b/.exec(reply)?.[0] ?? `${action === 'failed' ? 5 : 4}.0.0`
}

/** RFC 3464: a report about these recipients. */
export function makeReport(message: Message, results: readonly Result[], action: Action, to: string): Message {
  const { header } = splitText(message.text)
  const boundary = `report-${message.id}`
  const groups = results.map(({ recipient: { path, orcpt }, reply, host }) => [
    ...(orcpt === null ? [] : [`Original-Recipient: ${decodeXtext(orcpt)}`]),
    `Final-Recipient: rfc822; ${path}`,
    `Action: ${action}`,
    `Status: ${statusOf(reply, action)}`,
    // a name that could not be found has no server
    ...(host === '' ? [] : [`Remote-MTA: dns; ${host}`, `Diagnostic-Code: smtp; ${reply}`]),
  ])
  const status = [
    ...(message.envid === null ? [] : [`Original-Envelope-Id: ${decodeXtext(message.envid)}`]),
    `Reporting-MTA: dns; ${NAME}`,
    ...groups.flatMap((group) => ['', ...group]),
  ]
  const whole = action === 'failed' && message.ret?.toUpperCase() === 'FULL'
  const parts = [
    ['text/plain', 'Your message could not be delivered as you wished.'],
    ['message/delivery-status', status.join('\r\n')],
    whole ? ['message/rfc822', message.text] : ['text/rfc822-headers', header],
  ]
  const lines = [
    `Date: ${now()}`,
    `From: Mailer <postmaster@${NAME}>`,
    `To: <${message.from}>`,
    'Subject: Report',
    `Message-ID: <${message.id}.report@${NAME}>`,
    'MIME-Version: 1.0',
    `Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="${boundary}"`,
    '',
    ...parts.flatMap(([kind, text]) => [`--${boundary}`, `Content-Type: ${kind}`, '', text]),
    `--${boundary}--`,
    '',
  ]
  return {
    id: `${message.id}r`,
    from: '',
    ret: null,
    envid: null,
    utf8: false,
    recipients: [{ path: to, notify: null, orcpt: null }],
    text: lines.join('\r\n'),
  }
}

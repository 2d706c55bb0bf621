// What the reference sender does to messages: Received, conversion to 7 bits, and reports to senders.
import type { Has } from './sender-faults.ts'

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

export interface Failure {
  readonly recipient: Recipient
  readonly action: 'failed' | 'delayed' | 'relayed'
  /** A whole reply. */
  readonly reply: string
}

export const NAME = 'sender.example'

export function splitText(text: string): { header: string; body: string } {
  const at = text.indexOf('\r\n\r\n')
  return at < 0 ? { header: text, body: '' } : { header: text.slice(0, at + 2), body: text.slice(at + 4) }
}

export const fieldsOf = (header: string): string[] => header.match(/[^\r\n][^\n]*\n(?:[ \t][^\n]*\n)*/g) ?? []

const valueOfField = (header: string, name: string): string | undefined =>
  fieldsOf(header)
    .find((field) => field.toLowerCase().startsWith(`${name}:`))
    ?.slice(name.length + 1)
    .trim()

const zoned = (has: Has): string => new Date().toUTCString().replace('GMT', has('names its zone') ? 'UTC' : '+0000')

export interface Origin {
  readonly name: string
  readonly address: string
}

/** The message with a Received field of ours. */
export function received(message: Message, { name, address }: Origin, has: Has): string {
  if (has('adds no Received')) return message.text
  const client = [
    ...(has('has no name in FROM') ? ['unknown'] : [name]),
    ...(has('has no address in FROM') ? [] : [`([${address}])`]),
  ]
  const all = message.recipients.map(({ path }) => `<${path}>`)
  const clauses = [
    ...(has('has no FROM clause') ? [] : [`from ${client.join(' ')}`]),
    ...(has('has no BY clause') ? [] : [`by ${NAME}`]),
    `with ${has('calls it SMTP') ? 'SMTP' : 'ESMTP'} id ${message.id}`,
    ...(has('names all recipients in FOR') ? [`for ${all.join(',')}`] : all.length === 1 ? [`for ${all[0]}`] : []),
  ]
  const field = `Received: ${clauses.join('\r\n\t')}${has('has no date in Received') ? '' : `; ${zoned(has)}`}\r\n`
  let { header, body } = splitText(message.text)
  if (has('unfolds old Received')) header = header.replace(/^(Received:.*)\r\n[ \t]+/gim, '$1 ')
  if (has('sorts the header')) header = fieldsOf(header).sort().join('')
  if (has('names recipients in a header field')) header = `X-Envelope-To: ${all.join(', ')}\r\n${header}`
  if (has('adds Return-Path')) header = `Return-Path: <${message.from}>\r\n${header}`
  if (has('adds Received below')) return `${header}${field}\r\n${body}`
  if (has('trims lines')) body = body.replace(/[ \t]+\r\n/g, '\r\n')
  return `${field}${header}\r\n${body}`
}

/** RFC 6152 §3: what a server without 8BITMIME can take. */
export function toSevenBits(text: string, has: Has): string {
  const { header, body } = splitText(text)
  if (!/[^\x00-\x7f]/.test(body)) return text
  const encoded = body
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
  if (has('converts without encoding')) return `${header}\r\n${body.replace(/[^\x00-\x7f]/g, '?')}`
  return `${header.replace(/^(Content-Transfer-Encoding:).*/im, '$1 quoted-printable')}\r\n${encoded}`
}

/** RFC 3461 §4: xtext as it was before. */
const decodeXtext = (text: string): string =>
  text.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))

const statusOf = ({ action, reply }: Failure, has: Has): string => {
  if (action === 'relayed') return '2.0.0'
  if (has('calls a failure 2.0.0')) return '2.0.0'
  if (has('calls every failure 5.0.0') && action === 'failed') return '5.0.0'
  return /\b[245]\.\d+\.\d+\b/.exec(reply)?.[0] ?? `${action === 'failed' ? 5 : 4}.0.0`
}

/** RFC 3464: a report about these recipients. */
export function makeReport(message: Message, failures: readonly Failure[], has: Has): Message {
  const { header } = splitText(message.text)
  const boundary = `report-${message.id}`
  const groups = failures.map((failure) => {
    const { path, orcpt } = failure.recipient
    const action = has('calls a failure delayed') && failure.action === 'failed' ? 'delayed' : failure.action
    return [
      ...(orcpt === null || has('drops ORCPT in reports') ? [] : [`Original-Recipient: ${decodeXtext(orcpt)}`]),
      ...(orcpt === null && has('invents fields of reports') ? [`Original-Recipient: rfc822;${path}`] : []),
      `Final-Recipient: rfc822; ${has('reports another recipient') ? 'somebody@else.example' : path}`,
      `Action: ${action}`,
      `Status: ${statusOf(failure, has)}`,
      ...(has('names no other server') ? [] : ['Remote-MTA: dns; there.example']),
      ...(has('reports no reply') ? [] : [`Diagnostic-Code: smtp; ${failure.reply}`]),
    ]
  })
  const status = [
    ...(message.envid === null
      ? has('invents fields of reports')
        ? [`Original-Envelope-Id: ${message.id}`]
        : []
      : [`Original-Envelope-Id: ${has('does not decode ENVID') ? message.envid : decodeXtext(message.envid)}`]),
    ...(has('reports without Reporting-MTA') ? [] : [`Reporting-MTA: dns; ${NAME}`]),
    ...(message.envid === null && has('reports without Reporting-MTA') ? ['X-Nothing: here'] : []),
    ...groups.flatMap((group) => ['', ...group]),
  ]
  const failed = failures.some(({ action }) => action === 'failed')
  const wholly =
    (failed && message.ret?.toUpperCase() === 'FULL' && !has('returns the header alone')) ||
    has('returns all of the message')
  const parts = [
    ['text/plain', 'Your message could not be delivered as you wished.'],
    ['message/delivery-status', status.join('\r\n')],
    ...(has('reports without the message')
      ? []
      : [wholly ? ['message/rfc822', message.text] : ['text/rfc822-headers', header]]),
  ]
  if (has('reports with its parts swapped')) parts.splice(0, 2, parts[1]!, parts[0]!)
  const type = has('reports in plain text')
    ? 'text/plain'
    : `multipart/report; report-type=delivery-status;\r\n\tboundary="${boundary}"`
  const lines = [
    ...(has('reports without a date') ? [] : [`Date: ${zoned(has)}`]),
    `From: Mailer <postmaster@${NAME}>`,
    `To: <${message.from}>`,
    'Subject: Report',
    `Message-ID: <${message.id}.report@${NAME}>`,
    ...(has('reports without MIME-Version') ? [] : ['MIME-Version: 1.0']),
    `Content-Type: ${type}`,
    '',
    ...parts.flatMap(([kind, text]) => [`--${boundary}`, `Content-Type: ${kind}`, '', text]),
    `--${boundary}--`,
    '',
  ]
  const reply = /<([^>]*)>|^(\S+@\S+)$/.exec(valueOfField(header, 'reply-to') ?? '')
  const other = reply?.[1] ?? reply?.[2]
  const to =
    (has('reports to Reply-To') || (has('reports reports') && message.from === '')) && other ? other : message.from
  const named =
    has('reports with a sender') || (has('reports delays with a sender') && failures[0]?.action === 'delayed')
  return {
    id: `${message.id}r`,
    from: named ? `postmaster@${NAME}` : '',
    ret: null,
    envid: null,
    utf8: false,
    recipients: [{ path: to, notify: null, orcpt: null }],
    text: lines.join('\r\n'),
  }
}

// Delivery status notifications: bounces, delay notices and success reports (RFC 3464 in the frame of RFC 6522).
import type { Reply } from '../base/failure.ts'
import { type Address, formatAddress } from './address.ts'
import { type MessageContent, memoryContent } from './content.ts'
import { formatDate } from './date.ts'
import { isSaidBy, replyLine } from './reply.ts'

export type DsnAction = 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded'

export interface DsnRecipient {
  readonly address: Address
  /** `addr-type;address` as the sender gave it (RFC 3461 §4.2). */
  readonly orcpt: string | null
  readonly action: DsnAction
  readonly reply: Reply
  /** `host[ip]:port` that gave the reply; null: we did. */
  readonly relay: string | null
}

export interface DsnFacts {
  readonly hostname: string
  /** The reverse-path of the message it speaks of. */
  readonly to: Address
  readonly recipients: readonly DsnRecipient[]
  readonly queueId: string
  readonly envid: string | null
  readonly arrived: number
  readonly now: number
  /** For delayed ones: when we shall give up. */
  readonly expires: number
  /** Header block of the original, and its whole bytes when they are to be returned. */
  readonly originalHeader: Buffer
  readonly original: Buffer | null
  readonly smtputf8: boolean
  readonly messageId: string
}

const TITLES: { readonly [action in DsnAction]: string } = {
  failed: 'Undelivered mail returned to sender',
  delayed: 'Delayed mail (still being retried)',
  delivered: 'Successful mail delivery report',
  relayed: 'Successful mail delivery report',
  expanded: 'Successful mail delivery report',
}

const LEADS: { readonly [action in DsnAction]: string } = {
  failed: 'Your message could not be delivered to these recipients:',
  delayed: 'Your message has not been delivered yet to these recipients; you need not send it again:',
  delivered: 'Your message was delivered to these recipients:',
  relayed: 'Your message was handed on to a server that does not report further, for these recipients:',
  expanded: 'Your message was handed to the mailing list or alias of these recipients:',
}

/** Enhanced status for the report: its class follows the action, whatever class the reply had (RFC 3464 §2.3.4). */
function statusOf(recipient: DsnRecipient): string {
  const enhanced = recipient.reply.enhanced ?? `${String(recipient.reply.code)[0]}.0.0`
  const rest = enhanced.replace(/^\d/, '')
  if (recipient.action === 'failed') return enhanced.startsWith('4') ? enhanced : `5${rest}`
  return recipient.action === 'delayed' ? `4${rest}` : `2${rest}`
}

export function createDsn(facts: DsnFacts): MessageContent {
  const boundary = `${facts.queueId}.${Math.floor(facts.now / 1000)}/${facts.hostname}`
  const action = facts.recipients[0]!.action
  const header = [
    `From: Mail Delivery System <MAILER-DAEMON@${facts.hostname}>`,
    `To: <${formatAddress(facts.to)}>`,
    `Subject: ${TITLES[action]}`,
    `Date: ${formatDate(facts.now)}`,
    `Message-ID: ${facts.messageId}`,
    'Auto-Submitted: auto-replied',
    'MIME-Version: 1.0',
    `Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="${boundary}"`,
    'Content-Transfer-Encoding: 8bit',
  ]
  const returned = facts.original ?? facts.originalHeader
  const type = facts.original
    ? facts.smtputf8
      ? 'message/global'
      : 'message/rfc822'
    : facts.smtputf8
      ? 'message/global-headers'
      : 'text/rfc822-headers'
  const lines = [
    ...header,
    '',
    'This is a MIME-encapsulated message.',
    '',
    `--${boundary}`,
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 8bit',
    '',
    ...explanation(facts, action),
    '',
    `--${boundary}`,
    `Content-Type: message/${facts.smtputf8 ? 'global-delivery-status' : 'delivery-status'}`,
    '',
    ...statusLines(facts),
    '',
    `--${boundary}`,
    `Content-Type: ${type}`,
    'Content-Transfer-Encoding: 8bit',
    '',
    '',
  ]
  return memoryContent(
    Buffer.concat([Buffer.from(lines.join('\r\n'), 'utf8'), returned, Buffer.from(`\r\n--${boundary}--\r\n`)]),
  )
}

function explanation(facts: DsnFacts, action: DsnAction): string[] {
  const lines = [`This is the mail system at host ${facts.hostname}.`, '', LEADS[action], '']
  for (const r of facts.recipients) {
    const reply = replyLine(r.reply)
    lines.push(`<${shownAddress(r)}>${isSaidBy(r.relay, reply) ? ` (${r.relay})` : ''}:`, `    ${oneLine(reply)}`)
  }
  if (action === 'delayed') lines.push('', `It will be retried until ${formatDate(facts.expires)}.`)
  return lines
}

function statusLines(facts: DsnFacts): string[] {
  const utf8 = facts.smtputf8
  const lines = [`Reporting-MTA: dns; ${facts.hostname}`]
  if (facts.envid !== null) lines.push(`Original-Envelope-Id: ${oneLine(facts.envid)}`)
  lines.push(`X-Estafeta-Queue-ID: ${facts.queueId}`, `Arrival-Date: ${formatDate(facts.arrived)}`)
  for (const r of facts.recipients) {
    lines.push('')
    if (r.orcpt !== null) lines.push(`Original-Recipient: ${oneLine(r.orcpt)}`)
    lines.push(`Final-Recipient: ${utf8 ? 'utf-8' : 'rfc822'}; ${shownAddress(r)}`)
    lines.push(`Action: ${r.action}`, `Status: ${statusOf(r)}`)
    const reply = replyLine(r.reply)
    const said = isSaidBy(r.relay, reply)
    if (said) lines.push(`Remote-MTA: dns; ${r.relay.replace(/\[.*$/, '')}`)
    lines.push(`Diagnostic-Code: ${said ? 'smtp' : 'x-estafeta'}; ${oneLine(reply)}`)
    if (r.action === 'delayed') lines.push(`Will-Retry-Until: ${formatDate(facts.expires)}`)
  }
  return lines
}

/** Files and commands behind an alias are nobody's business outside: the sender sees the address that was written. */
const shownAddress = ({ address, orcpt }: DsnRecipient): string =>
  address.domain !== '' || !/^[/|]/.test(address.local)
    ? formatAddress(address)
    : (orcpt?.replace(/^[^;]*;/, '') ?? 'local delivery')

const oneLine = (text: string): string => text.replace(/[\r\n\u0000]+/g, ' ').slice(0, 900)

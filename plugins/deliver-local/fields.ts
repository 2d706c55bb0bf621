// The header fields that only final delivery may add (RFC 5321 §4.4), and outcomes.
import {
  type AttemptRecipient,
  formatAddress,
  formatDeliveredTo,
  type MessageContent,
  type Outcome,
  type QueuedRecipient,
  type Reply,
  replies,
  wasDeliveredTo,
  withoutField,
} from 'estafeta/plugin'

/** Where the message was sent to, as far as it is known: a file or command target has no address of its own. */
export function originalRecipient({ orcpt, address }: QueuedRecipient): string | null {
  return /^rfc822;(.+)$/i.exec(orcpt ?? '')?.[1] ?? (address.domain === '' ? null : formatAddress(address))
}

/** Whom a file or command target stands for. */
export const forwarder = ({ expandedFrom }: AttemptRecipient): string | null =>
  expandedFrom ? formatAddress(expandedFrom) : null

/** The failure of mail that was delivered there before; null when it was not. */
export function loopOutcome({ header }: MessageContent, n: number, deliveredTo: string | null): Outcome | null {
  if (deliveredTo === null || !wasDeliveredTo(header, deliveredTo)) return null
  return failedOutcome(n, 'failed', replies.mailLoop(`Mail forwarding loop for <${deliveredTo}>`))
}

/** Return-Path, X-Original-To and Delivered-To above the header, whose own Return-Path fields go. */
export function withDeliveryFields(
  content: MessageContent,
  recipient: QueuedRecipient,
  deliveredTo: string | null,
): MessageContent {
  const original = originalRecipient(recipient)
  const lines = [`Return-Path: <${formatAddress(recipient.reversePath)}>`]
  if (original !== null) lines.push(`X-Original-To: ${oneLine(original)}`)
  if (deliveredTo !== null) lines.push(formatDeliveredTo(deliveredTo))
  // RFC 5321 §4.4: there is one Return-Path at most
  const header = Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n`), withoutField(content.header, 'return-path')])
  return { ...content, header, size: content.size - content.header.length + header.length }
}

/** An address may hold anything in quotes, but a field is one line. */
const oneLine = (text: string): string => text.replace(/[\x00-\x1f\x7f]+/g, ' ')

export const failedOutcome = (n: number, kind: 'deferred' | 'failed', reply: Reply, detail?: string): Outcome =>
  detail === undefined ? { n, kind, reply, relay: null } : { n, kind, reply, relay: null, detail }

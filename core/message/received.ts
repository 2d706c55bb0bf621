// The Received field that each hop prepends (RFC 5321 §4.4).
import type { Address } from './address.ts'
import { formatAddress } from './address.ts'
import { formatDate } from './date.ts'

export interface ReceivedFacts {
  readonly helo: string | null
  readonly ip: string | null
  readonly hostname: string
  readonly service: string
  readonly extended: boolean
  readonly smtputf8: boolean
  readonly tls: { readonly version: string; readonly cipher: string } | null
  readonly authenticated: boolean
  readonly queueId: string
  /** Given only when the message has one recipient: others must not learn of it. */
  readonly recipient: Address | null
  readonly time: number
}

/** Transmission type of RFC 3848 and RFC 6531 §4.3. */
function withProtocol(facts: ReceivedFacts): string {
  const base = protocolOf(facts)
  if (base === 'SMTP') return base
  return base + (facts.tls ? 'S' : '') + (facts.authenticated ? 'A' : '')
}

function protocolOf({ service, smtputf8, extended }: ReceivedFacts): string {
  if (smtputf8) return service === 'lmtp' ? 'UTF8LMTP' : 'UTF8SMTP'
  if (service === 'lmtp') return 'LMTP'
  return extended ? 'ESMTP' : 'SMTP'
}

/** An octet a character. */
export function formatReceived(facts: ReceivedFacts): string {
  const tls = facts.tls ? `\r\n\t(using ${facts.tls.version} with cipher ${facts.tls.cipher})` : ''
  const forClause = facts.recipient ? `\r\n\tfor <${formatAddress(facts.recipient)}>` : ''
  const from =
    facts.ip === null
      ? ''
      : `from ${heloText(facts.helo)} (${facts.ip.includes(':') ? `[IPv6:${facts.ip}]` : `[${facts.ip}]`})${tls}\r\n\t`
  // RFC 5321 §4.4: no protocol of the registry stands for a program of this machine
  const by = facts.service === 'local' ? '(Estafeta, from a local program)' : `(Estafeta) with ${withProtocol(facts)}`
  const field = `Received: ${from}by ${facts.hostname} ${by} id ${facts.queueId}${forClause};\r\n\t${formatDate(facts.time)}\r\n`
  return /[^\u0000-\u007f]/.test(field) ? Buffer.from(field).toString('latin1') : field
}

/** What the client called itself, kept from breaking the field's syntax. */
function heloText(helo: string | null): string {
  if (helo === null || helo === '') return 'unknown'
  return /[^\w.:[\]-]/.test(helo) ? helo.replace(/[^\w.:[\]\u0080-\u{10ffff}-]/gu, '?') : helo
}

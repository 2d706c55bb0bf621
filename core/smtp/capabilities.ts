// What EHLO and LHLO list: only what works in this session as it stands.
import { isLoopback } from '../net/networks.ts'
import { mechanismsFor } from '../sasl/sasl.ts'
import type { OwnSessionFacts } from './facts.ts'
import type { Role } from './roles.ts'

/** A password may cross this connection: within TLS, or without leaving the machine. */
export const isSecure = (facts: OwnSessionFacts): boolean => facts.tls !== null || isLoopback(facts.remoteIp)

export interface Offer {
  readonly role: Role
  readonly facts: OwnSessionFacts
  readonly hostname: string
  readonly messageSize: number
  readonly recipients: number
  readonly tlsAvailable: boolean
}

export const offersStarttls = (offer: Pick<Offer, 'role' | 'facts' | 'tlsAvailable'>): boolean =>
  offer.role.starttls && offer.tlsAvailable && offer.facts.tls === null

/** Ours, for programs of this machine: what is refused at RCPT is reported to the sender, as if it had been queued. */
export const XREPORT = 'XREPORT'

/** The lines of the reply, the host name first (RFC 5321 §4.1.1.1). */
export function capabilities(offer: Offer): string[] {
  const lines = [
    offer.hostname,
    'PIPELINING', // RFC 2920
    `SIZE ${offer.messageSize}`, // RFC 1870 §4: 0 is without limit
    '8BITMIME', // RFC 6152
    'SMTPUTF8', // RFC 6531
    'CHUNKING', // RFC 3030
    'DSN', // RFC 3461
    'ENHANCEDSTATUSCODES', // RFC 2034
    `LIMITS RCPTMAX=${offer.recipients}`, // RFC 9422
    'HELP',
  ]
  if (offersStarttls(offer)) lines.push('STARTTLS') // RFC 3207
  if (offer.role.local) lines.push(XREPORT)
  const mechanisms = offer.role.auth && offer.facts.identity === null ? mechanismsFor(isSecure(offer.facts)) : []
  if (mechanisms.length > 0) lines.push(`AUTH ${mechanisms.map((mechanism) => mechanism.name).join(' ')}`) // RFC 4954
  return lines
}

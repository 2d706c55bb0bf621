// What EHLO and LHLO list: only what works in this session as it stands.
import type { Site } from '../config/site.ts'
import { isLoopback } from '../net/networks.ts'
import { mechanismsFor } from '../sasl/sasl.ts'
import type { OwnSessionFacts } from './facts.ts'
import type { SmtpSession } from './session.ts'

/** A password may cross this connection: within TLS, or without leaving the machine. */
export const isSecure = (facts: OwnSessionFacts): boolean => facts.tls !== null || isLoopback(facts.remoteIp)

export const offersStarttls = ({ role, facts, service }: SmtpSession): boolean =>
  role.starttls && service.tls !== null && facts.tls === null

/** Ours, for programs of this machine: what is refused at RCPT is reported to the sender, as if it had been queued. */
export const XREPORT = 'XREPORT'

/** Where the lists of a site's sessions differ. */
export interface Offer {
  readonly starttls: boolean
  readonly reports: boolean
  /** null: no AUTH. */
  readonly passwords: 'secure' | 'insecure' | null
}

export const offerOf = (session: SmtpSession): Offer => ({
  starttls: offersStarttls(session),
  reports: session.role.local,
  passwords:
    !session.role.auth || session.facts.identity !== null ? null : isSecure(session.facts) ? 'secure' : 'insecure',
})

/** The lines of the reply, the host name first (RFC 5321 §4.1.1.1). */
export function capabilities({ hostname, limits }: Site, offer: Offer): string[] {
  const lines = [
    hostname,
    'PIPELINING', // RFC 2920
    `SIZE ${limits.messageSize}`, // RFC 1870 §4: 0 is without limit
    '8BITMIME', // RFC 6152
    'SMTPUTF8', // RFC 6531
    'CHUNKING', // RFC 3030
    'DSN', // RFC 3461
    'ENHANCEDSTATUSCODES', // RFC 2034
    `LIMITS RCPTMAX=${limits.recipients}`, // RFC 9422
    'HELP',
  ]
  if (offer.starttls) lines.push('STARTTLS') // RFC 3207
  if (offer.reports) lines.push(XREPORT)
  const mechanisms = offer.passwords === null ? [] : mechanismsFor(offer.passwords === 'secure')
  if (mechanisms.length > 0) lines.push(`AUTH ${mechanisms.map((mechanism) => mechanism.name).join(' ')}`) // RFC 4954
  return lines
}

// Mails and destinations for tests of the outgoing client.
import { type Address, parseAddress } from '../../core/message/address.ts'
import { memoryContent } from '../../core/message/content.ts'
import { defaultMailParameters, type MailParameters } from '../../core/message/envelope.ts'
import type { SmtpDestination, SmtpSend, SmtpSendResult } from '../../core/plugin/services.ts'

/** Throws for what is no address. */
export function addressOf(text: string): Address {
  const parsed = parseAddress(text)
  if (!parsed.ok) throw new Error(`${text}: ${parsed.error}`)
  return parsed.value
}

export interface OutgoingMail {
  readonly to?: string | readonly string[]
  /** With CRLF. */
  readonly text?: string
  readonly from?: string
  readonly parameters?: Partial<MailParameters>
}

/** From ana@us.test to paco@there.test, 20 octets. */
export function outgoingMail({ to = 'paco@there.test', text, from, parameters }: OutgoingMail = {}): SmtpSend {
  return {
    reversePath: addressOf(from ?? 'ana@us.test'),
    parameters: { ...defaultMailParameters, ...parameters },
    recipients: [to].flat().map((one) => ({ address: addressOf(one), notify: [], orcpt: null })),
    content: memoryContent(Buffer.from(text ?? 'Subject: x\r\n\r\nbody\r\n')),
  }
}

export interface Reachable {
  readonly host: string
  readonly port: number
}

/** Servers named mx0.test, mx1.test … in this order. */
export function destinationTo(
  servers: Reachable | readonly Reachable[],
  more: Partial<SmtpDestination> = {},
): SmtpDestination {
  const hosts = [servers].flat().map(({ host, port }, i) => ({ name: `mx${i}.test`, addresses: [host], port }))
  return { key: 'there.test', hosts, tls: 'may', auth: null, protocol: 'smtp', ...more }
}

/** `kind code status` of each recipient. */
export const briefly = ({ results }: SmtpSendResult): string[] =>
  results.map(({ kind, reply }) => `${kind} ${reply.code} ${reply.enhanced ?? '-'}`)

export const neverAborted: AbortSignal = new AbortController().signal

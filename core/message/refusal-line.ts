// How the log tells of a refusal: as Postfix writes it, so that pflogsumm, logwatch and fail2ban sum it up.
import type { Reply } from '../base/failure.ts'
import { replyLine } from './reply.ts'

/** What of a session's facts the line tells. */
export interface RefusedClient {
  readonly service: string
  readonly remoteIp: string
  readonly helo: string | null
  /** EHLO rather than HELO. */
  readonly extended: boolean
}

export interface Refused {
  /** The command, as Postfix names it. */
  readonly where: string
  /** null before MAIL. */
  readonly from: string | null
  /** null but for RCPT. */
  readonly to: string | null
}

export function refusalLine(refused: Refused, client: RefusedClient, reply: Reply): string {
  const { from, to, where } = refused
  const host = `unknown[${client.remoteIp}]`
  // Postfix's word for a message that a content filter refuses, whichever filter that is
  const action = where === 'END-OF-MESSAGE' ? 'milter-reject' : 'reject'
  const line = [`NOQUEUE: ${action}: ${where} from ${host}: ${reasonOf(refused, client, host, reply)};`]
  if (from !== null) line.push(`from=<${from}>`)
  if (to !== null) line.push(`to=<${to}>`)
  line.push(`proto=${client.service === 'lmtp' ? 'LMTP' : client.extended ? 'ESMTP' : 'SMTP'}`)
  if (client.helo !== null) line.push(`helo=<${client.helo}>`)
  return line.join(' ')
}

/** The reply, and between its codes and its text what it was that was rejected. */
function reasonOf({ where, from, to }: Refused, { helo }: RefusedClient, host: string, reply: Reply): string {
  const rejected = (what: string, kind: string): string =>
    replyLine(reply).replace(
      /^(\d{3}(?: \d\.\d+\.\d+)?) (?:<[^>]*>: )?/,
      (_, codes) => `${codes} <${what}>: ${kind} rejected: `,
    )
  if (/^\d\.[35]\./.test(reply.enhanced ?? '')) return replyLine(reply) // RFC 3463 §3.4, §3.6: it is not for what was said
  switch (where) {
    case 'CONNECT':
      return rejected(host, 'Client host')
    case 'HELO':
      return rejected(helo ?? '', 'Helo command')
    case 'MAIL':
      return rejected(from ?? '', 'Sender address')
    case 'RCPT':
      return rejected(to ?? '', 'Recipient address')
    case 'DATA':
    case 'BDAT':
      return rejected(where, 'Data command')
    default:
      return replyLine(reply)
  }
}

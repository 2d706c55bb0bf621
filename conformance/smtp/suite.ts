// What SMTP, submission and LMTP suites share: their states and how a session ends.
import { Blocked, check, Skipped } from '../judgement.ts'
import type { Case, CaseFacts, Context, Suite } from '../types.ts'
import { Smtp } from './client.ts'

/**
 * `connected`: nothing read; `greeted`: 220 read; `ehlo`: greeted by EHLO or LHLO, with TLS and login as the target says;
 * `mail`, `rcpt`, `data`: MAIL taken, RCPT taken, 354 received.
 */
const STATES = ['connected', 'greeted', 'ehlo', 'mail', 'rcpt', 'data'] as const
export type SmtpState = (typeof STATES)[number]

export interface SmtpCase extends Case<Smtp> {
  readonly state: SmtpState
}

export interface SmtpFamily {
  readonly name: string
  readonly description: string
  readonly port: { readonly plain: number; readonly tls: number }
  readonly cases: readonly SmtpCase[]
  /** The verb that greets. */
  readonly hello: 'EHLO' | 'LHLO'
  /** Log in before a transaction when there is an account. */
  readonly login: boolean
}

export const smtpSuite = ({ hello, login, ...facts }: SmtpFamily): Suite<Smtp> => ({
  ...facts,
  connect: (context, one) => connect(context, one, hello, login),
  finish,
})

async function connect(context: Context, one: CaseFacts, hello: string, login: boolean): Promise<Smtp> {
  const s = new Smtp(await context.open())
  const rank = STATES.indexOf(one.state as SmtpState)
  if (rank >= 1) s.demand(await s.reply('the connection'), '220', 'the connection')
  if (rank < 2) return s
  await s.ehlo(hello)
  if (context.target.tls === 'starttls' && !one.needs?.capabilities?.includes('STARTTLS')) {
    if (!s.has('STARTTLS')) throw new Blocked('the server does not announce STARTTLS')
    await s.startTls()
    await s.ehlo(hello)
  }
  if (one.needs?.capabilities?.includes('STARTTLS') && s.wire.secure)
    throw new Skipped('the connection has TLS already')
  s.need(...(one.needs?.capabilities ?? []))
  if (login && rank >= 3 && context.target.user !== null && s.has('AUTH')) await s.login()
  if (rank >= 3) await s.mail()
  if (rank >= 4) await s.rcpt()
  if (rank >= 5) await s.data()
  return s
}

async function finish(s: Smtp): Promise<void> {
  check(!s.wire.over, 'the session to be open still', 'a closed connection')
  const waiting = s.wire.waiting()
  check(waiting === '', 'no reply that nothing asked for', JSON.stringify(waiting.slice(0, 200)))
  await s.send('QUIT', '221')
  const rest = await s.wire.closed('the server to close the connection after 221')
  check(rest === '', 'nothing behind the reply to QUIT', JSON.stringify(rest))
}

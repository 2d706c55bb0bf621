// What SMTP, submission and LMTP suites share: their states and how a session ends.
import { check, Skipped } from '../judgement.ts'
import type { Case, Context, Suite } from '../types.ts'
import { type Codes, Smtp } from './client.ts'

/**
 * `connected`: nothing read; `greeted`: 220 read; `ehlo`: greeted by EHLO or LHLO, with TLS and login as the target says;
 * `mail`, `rcpt`, `data`: MAIL taken, RCPT taken, 354 received. From `ehlo` on the client has logged in when the target gives an
 * account, unless the case is anonymous.
 */
const STATES = ['connected', 'greeted', 'ehlo', 'mail', 'rcpt', 'data'] as const
export type SmtpState = (typeof STATES)[number]

export interface SmtpCase extends Case<Smtp> {
  readonly state: SmtpState
  /** The case is about clients that have not logged in, or about the login itself: there is none before it. */
  readonly client?: 'anonymous'
}

export interface CommandCase extends Omit<SmtpCase, 'run' | 'state'> {
  readonly state?: SmtpState
  /** The command line, without CRLF. */
  readonly line: string | ((s: Smtp) => string)
  readonly codes: Codes
}

/** A case that the reply to one command decides; in state `ehlo` unless it says another. */
export const commandCase = ({ line, codes, state = 'ehlo', ...facts }: CommandCase): SmtpCase => ({
  ...facts,
  state,
  async run(s) {
    await s.send(typeof line === 'string' ? line : line(s), codes)
  },
})

/** An EHLO keyword that has no parameters. */
export const bareKeyword = (id: string, rfc: string, keyword: string): SmtpCase => ({
  id,
  rfc,
  level: 'must',
  requirement: `The EHLO keyword ${keyword} stands without parameters.`,
  needs: { capabilities: [keyword] },
  state: 'ehlo',
  async run(s) {
    const parameters = s.capabilities.get(keyword) ?? []
    check(parameters.length === 0, `${keyword} alone`, `${keyword} ${parameters.join(' ')}`)
  },
})

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
  connect: (context, one) => connect(context, one as SmtpCase, hello, login),
  finish,
})

async function connect(context: Context, one: SmtpCase, hello: string, login: boolean): Promise<Smtp> {
  const s = new Smtp(await context.open(), () => connect(context, { ...one, state: 'greeted' }, hello, login))
  const rank = STATES.indexOf(one.state)
  if (rank >= 1) s.demand(await s.reply('the connection'), '220', 'the connection')
  if (rank < 2) return s
  const needsStartTls = one.needs?.capabilities?.includes('STARTTLS') === true
  await s.begin({ hello, tls: !needsStartTls, login: login && one.client !== 'anonymous' && !needsStartTls })
  if (needsStartTls && s.wire.secure) throw new Skipped('the connection has TLS already')
  s.need(...(one.needs?.capabilities ?? []))
  if (login && one.needs?.account && one.client !== 'anonymous' && !s.has('AUTH'))
    throw new Skipped('the server offers no AUTH on this connection')
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

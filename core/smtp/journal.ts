// What a session writes to log and trace, in the words of Postfix where tools read them (pflogsumm, fail2ban). Never a secret.
import type { Reply } from '../base/failure.ts'
import { formatAddress } from '../message/address.ts'
import { refusalLine } from '../message/refusal-line.ts'
import { replyLine } from '../message/reply.ts'
import type { Refusal } from './commands/command.ts'
import type { SmtpSession } from './session.ts'

export const clientName = (session: SmtpSession): string => `unknown[${session.facts.remoteIp}]`

export function logEvent(session: SmtpSession, level: 'debug' | 'info' | 'warn', event: string): void {
  session.service.log[level](event, { sid: session.facts.id, ip: session.facts.remoteIp })
}

/** What Postfix calls the step in which a client was lost. */
const STEPS: { readonly [state: string]: string } = {
  connecting: 'CONNECT',
  refusing: 'CONNECT',
  start: 'CONNECT',
  ready: 'EHLO',
  mail: 'MAIL',
  recipients: 'RCPT',
  chunking: 'BDAT',
  receivingChunk: 'BDAT',
  authenticating: 'AUTH',
  startingTls: 'STARTTLS',
  receivingData: 'DATA',
  committing: 'END-OF-MESSAGE',
}

export function logLost(session: SmtpSession): void {
  logEvent(session, 'info', `lost connection after ${STEPS[session.state] ?? 'UNKNOWN'} from ${clientName(session)}`)
}

export function logTls(session: SmtpSession): void {
  const { tls } = session.facts
  if (tls === null) return
  logEvent(
    session,
    'info',
    `TLS connection established from ${clientName(session)}: ${tls.version} with cipher ${tls.cipher}`,
  )
}

export function noteRefusal(session: SmtpSession, reply: Reply, refusal: Refusal): void {
  const { facts, service } = session
  const { where, transaction, recipient } = refusal
  const from = formatAddress(transaction?.reversePath ?? null)
  const told = { where, from: transaction === null ? null : from, to: recipient === '' ? null : recipient }
  const ids = { sid: facts.id, ...(transaction === null ? {} : { tid: transaction.id }) }
  const component = where === 'END-OF-MESSAGE' ? 'cleanup' : 'smtpd'
  service.log.info(refusalLine(told, facts, reply), { ...ids, ip: facts.remoteIp, component })
  service.trace.record({
    time: service.clock.now(),
    ...ids,
    event: 'refused',
    verdict: reply.code < 500 ? 'defer' : 'reject',
    ...(recipient === '' ? {} : { rcpt: recipient }),
    ...(transaction === null ? {} : { from }),
    detail: `${where}: ${replyLine(reply)}`,
  })
}

export function logAuthSuccess(session: SmtpSession, mechanism: string, account: string): void {
  const { facts, service } = session
  service.log.info(`${clientName(session)}: sasl_method=${mechanism}, sasl_username=${account}`, {
    sid: facts.id,
    ip: facts.remoteIp,
    user: account,
  })
}

export function logAuthFailure(session: SmtpSession, mechanism: string, claimed: string, why: string): void {
  const { facts, service } = session
  const user = claimed.replace(/[^!-~]/gu, '?').slice(0, 100)
  const line = `${clientName(session)}: SASL ${mechanism} authentication failed: ${why}, sasl_username=${user}`
  service.log.warn(line, { sid: facts.id, ip: facts.remoteIp, user })
  service.trace.record({
    time: service.clock.now(),
    sid: facts.id,
    event: 'auth',
    verdict: 'failed',
    detail: `${mechanism} ${user}: ${why}`,
  })
}

/** The client sent more than RFC 2920 §3.1 lets it before it could know the answer. */
export function noteEarlyTalk(session: SmtpSession, where: string): void {
  if (session.unread === 0) return
  const { facts, service } = session
  const detail = `improper command pipelining after ${where} from ${clientName(session)}`
  logEvent(session, 'info', detail)
  service.trace.record({ time: service.clock.now(), sid: facts.id, event: 'early-talk', detail })
}

// HELO, EHLO and LHLO of the reference server, and what it says it can do.
import { isHello } from './smtp-grammar.ts'
import type { Situation } from './smtp-replies.ts'
import { SIZE_LIMIT, type SmtpSession } from './smtp-session.ts'

export function hail(session: SmtpSession, verb: 'HELO' | 'EHLO' | 'LHLO', name: string): unknown {
  const refusal = helloRefusal(session, verb, name)
  if (refusal === 'hello-syntax' && session.has('ehlo-failure-clears')) session.transaction = null
  if (refusal === 'hello-syntax' && session.has('ehlo-failure-forgets')) session.forget()
  if (refusal) return session.reply(refusal)
  const kept = session.has(verb === 'HELO' ? 'helo-keeps-transaction' : 'ehlo-keeps-transaction')
  if (!kept) session.transaction = null // RFC 5321 §4.1.4
  session.hello = verb === 'HELO' ? 'helo' : 'ehlo'
  session.voice.extended = false
  if (verb === 'HELO' && !session.has('helo-lists-extensions')) return session.reply('helo')
  if (!session.voice.hail(extensions(session))) session.hello = null
}

function helloRefusal(session: SmtpSession, verb: 'HELO' | 'EHLO' | 'LHLO', name: string): Situation | null {
  const lmtp = session.options.protocol === 'lmtp'
  const taken = session.has(verb === 'HELO' ? 'lmtp-takes-helo' : 'lmtp-takes-ehlo')
  // RFC 2033 §4.1
  if (lmtp ? verb !== 'LHLO' && !taken : verb === 'LHLO') return 'wrong-hello'
  if (lmtp && session.has('lhlo-refused')) return 'unknown'
  if (session.hello !== null && session.has('ehlo-once')) return 'mail-nested'
  const literal = session.has('ehlo-literal-refused') && name.startsWith('[')
  const ipv6 = session.has('ehlo-ipv6-refused') && name.startsWith('[IPv6:')
  const digit = session.has('ehlo-digit-refused') && /(?:^|\.)\d/.test(name)
  const long = session.has('ehlo-long-refused') && name.length > 252
  if (literal || ipv6 || digit || long) return 'hello-syntax'
  return isHello(name) || toleratesHello(session, name) ? null : 'hello-syntax'
}

function toleratesHello(session: SmtpSession, name: string): boolean {
  if (name === '') return session.has('hello-no-name-taken')
  return session.has('ehlo-control-taken') && /[\x00-\x1f\x7f]/.test(name)
}

function extensions(session: SmtpSession): string[] {
  const secure = session.line.encrypted
  return [
    'PIPELINING',
    `SIZE ${SIZE_LIMIT}`,
    '8BITMIME',
    'CHUNKING',
    'BINARYMIME',
    'SMTPUTF8',
    'DSN',
    'ENHANCEDSTATUSCODES',
    'EXPN',
    'VRFY',
    ...(secure && !session.has('starttls-announced-again') ? [] : ['STARTTLS']),
    ...(session.mechanisms.length > 0 ? [`AUTH ${session.mechanisms.join(' ')}`] : []),
    'HELP',
  ]
}

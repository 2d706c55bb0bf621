// MAIL and RCPT of the reference server.
import { type Command, takeParameters, takePath } from './smtp-arguments.ts'
import type { SmtpFault } from './smtp-faults.ts'
import { isAscii, type PathArgument, unquote } from './smtp-grammar.ts'
import type { Situation } from './smtp-replies.ts'
import { begin, DOMAIN, MAILBOXES, NOBODY, SIZE_LIMIT, type SmtpSession } from './smtp-session.ts'

const RECIPIENT_LIMIT = 1000

/** Faults for which MAIL is refused once something has happened. */
const REMEMBERING: readonly SmtpFault[] = ['data-once', 'data-refusal-sticks', 'mail-refused-once']

export function mail(session: SmtpSession, argument: string): unknown {
  const refusal = mailRefusal(session)
  if (refusal === 'mail-nested' && session.has('mail-nested-clears')) session.transaction = null
  if (refusal) return session.reply(refusal)
  const from = takePath('mail', argument, session.has)
  if (!from && session.has('mail-bad-path-closes')) session.over = true
  if (!from && session.has('mail-refused-once')) session.spoiled = true
  if (!from && session.has('mail-opens-when-refused')) session.transaction = begin(NOBODY, new Map(), [])
  if (!from) return session.reply('mail-syntax')
  const foreign = from && from.domain.toLowerCase() !== DOMAIN && from.path !== '<>'
  if (foreign && session.has('submission-rights')) return session.reply('mail-rights')
  if (session.has('ehlo-name-verified-mail')) return session.reply('rcpt-relay')
  const many = from.parameters.length > 1 && session.has('mail-two-parameters-refused')
  const nulled = from.path === '<>' && from.parameters.length > 0 && session.has('mail-null-parameters-refused')
  if (many || nulled) return session.reply('mail-syntax')
  const parameters = parametersOf(session, 'mail', from)
  if (!(parameters instanceof Map) && session.has('mail-parameter-opens'))
    session.transaction = begin(from, new Map(), [])
  if (!(parameters instanceof Map)) return session.reply(parameters)
  for (const [name, value] of session.sticking) if (!parameters.has(name)) parameters.set(name, value)
  if (session.has('mail-body-sticks') && parameters.get('BODY')) session.sticking.set('BODY', parameters.get('BODY')!)
  if (session.has('mail-utf8-sticks') && parameters.has('SMTPUTF8')) session.sticking.set('SMTPUTF8', '')
  const plain = isAscii(from.path) || session.has('mail-non-ascii-taken')
  if (!plain && !parameters.has('SMTPUTF8')) return session.reply('utf8-needed')
  const others = session.has('mail-nested-adds') ? session.transaction?.recipients : session.leftover
  session.transaction = begin(from, parameters, others ?? [])
  session.reply('mail', session.has('utf8-echoed') ? argument : '')
}

function mailRefusal(session: SmtpSession): Situation | null {
  if (session.hello === null && !session.has('mail-before-hello')) return 'mail-early'
  if (session.has('tls-wanted') && !session.line.encrypted) return 'mail-tls'
  if (session.hello === 'helo' && session.has('helo-no-transaction')) return 'mail-early'
  if (session.spoiled && REMEMBERING.some(session.has)) return 'mail-early'
  if (session.transaction && !session.has('mail-nested-taken')) return 'mail-nested'
  const loggedIn = session.user !== null && !session.has('submission-login-ignored')
  const open =
    session.options.protocol !== 'submission' ||
    session.has('submission-open') ||
    session.has('submission-refuses-at-rcpt')
  return loggedIn || open ? null : 'mail-login'
}

function parametersOf(session: SmtpSession, command: Command, path: PathArgument): Map<string, string> | Situation {
  const extended = session.hello === 'ehlo' || session.has('mail-before-hello')
  const loggedIn = session.user !== null
  const authOffered = session.mechanisms.length > 0
  const context = { has: session.has, extended, loggedIn, authOffered, sizeLimit: SIZE_LIMIT }
  return takeParameters(command, path, context)
}

export function rcpt(session: SmtpSession, argument: string): unknown {
  const transaction = session.transaction
  if (!transaction && session.has('rcpt-early-closes')) session.over = true
  if (!transaction && !session.has('rcpt-without-mail-taken')) return session.reply('rcpt-early')
  const to = takePath('rcpt', argument, session.has)
  const parameters = to && parametersOf(session, 'rcpt', to)
  if (parameters && !(parameters instanceof Map)) return session.reply(parameters)
  const hidden = session.has('dsn-hides-unknown') && parameters?.has('NOTIFY')
  const refusal = to ? (hidden ? null : rcptRefusal(session, to)) : 'rcpt-syntax'
  if (to && !refusal) transaction?.recipients.push(to.local.toLowerCase())
  if (refusal && transaction) transaction.refused += 1
  if (refusal === 'rcpt-many' && session.has('rcpt-many-closes')) session.over = true
  if (session.over) return
  if (refusal && session.has('rcpt-refusal-ends')) session.transaction = null
  if (!to && session.has('rcpt-syntax-ends')) session.transaction = null
  session.reply(refusal ?? 'rcpt', session.has('utf8-echoed') ? argument : '')
}

function rcptRefusal(session: SmtpSession, { path, route, local, domain }: PathArgument): Situation | null {
  if (!isAscii(path) && !session.transaction?.utf8) return 'utf8-needed'
  if (session.has('submission-refuses-at-rcpt') && session.user === null) return 'rcpt-login'
  if (session.has('ehlo-name-verified-rcpt')) return 'rcpt-relay'
  const limit = session.has('rcpt-limit-99') ? 99 : RECIPIENT_LIMIT
  if (session.transaction?.recipients.length === limit) return 'rcpt-many'
  if (route && session.has('rcpt-source-route-relay')) return 'rcpt-relay'
  const name = nameOf(session, local)
  if (domain === '') return session.has('postmaster-case') && local !== 'postmaster' ? 'rcpt-unknown' : null
  const own = session.has('rcpt-domain-case') ? domain === DOMAIN : domain.toLowerCase() === DOMAIN
  const relay =
    session.options.protocol === 'submission' && session.user !== null && !session.has('submission-no-relay')
  if (!own) return relay || session.has('submission-open') ? null : 'rcpt-relay'
  if (name === 'postmaster' && local !== 'postmaster' && session.has('postmaster-domain-case')) return 'rcpt-unknown'
  if (name === 'postmaster' && session.has('postmaster-domain-refused')) return 'rcpt-unknown'
  return MAILBOXES.includes(name) || session.has('rcpt-unknown-taken') ? null : 'rcpt-unknown'
}

function nameOf(session: SmtpSession, local: string): string {
  if (session.has('rcpt-quotes-kept')) return local
  if (session.has('rcpt-backslash-kept')) return local.replaceAll('"', '')
  return unquote(local).toLowerCase()
}

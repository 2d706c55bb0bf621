// A small reference server for SMTP, submission and LMTP that keeps to the RFCs but for the one fault it is told to have.
import { type LineSocket, type ReferenceServer, serve } from './line-socket.ts'
import { exchange, isMechanism } from './sasl.ts'
import { bdat, data } from './smtp-data.ts'
import { mail, rcpt } from './smtp-envelope.ts'
import type { SmtpFault } from './smtp-faults.ts'
import { hail } from './smtp-hello.ts'
import { clearing, inform as informationOf, wantsHello } from './smtp-information.ts'
import type { Situation } from './smtp-replies.ts'
import { MAILBOXES, PASSWORD, type SmtpOptions, SmtpSession, USER } from './smtp-session.ts'

export { PASSWORD, USER } from './smtp-session.ts'

const LINE_LIMIT = 2048

export function startSmtpReference(options: SmtpOptions): Promise<ReferenceServer> {
  let last: Promise<void> = Promise.resolve()
  const serveOne = (line: LineSocket): Promise<void> => {
    const session = new SmtpSession(line, options)
    if (options.fault !== 'one-at-a-time') return run(session)
    last = last.then(() => run(session))
    return last
  }
  return serve(serveOne, options.implicitTls ? options.pair : null)
}

async function run(session: SmtpSession): Promise<void> {
  session.reply('greeting')
  while (!session.over) {
    const line = await session.command()
    if (line === null) return
    await obey(session, line)
  }
  if (session.has('quit-stays-open')) await session.line.takeUntil(/$^/)
}

async function obey(session: SmtpSession, line: string): Promise<unknown> {
  if (line.length + 2 > (session.has('line-limit-511') ? 511 : LINE_LIMIT)) return tooLong(session, line)
  const strict = session.has('trailing-space-refused')
  if (strict && /[ \t]$/.test(line)) return session.reply('parameter-value')
  const tidy = line.replace(/[ \t]+$/, '')
  const space = tidy.indexOf(' ')
  const [word, argument] = space < 0 ? [tidy, ''] : [tidy.slice(0, space), tidy.slice(space + 1)]
  const verb = word.toUpperCase()
  const [upper, lower] = [word === verb, word === word.toLowerCase()]
  if (/[\x80-\xff]/.test(line) && session.has('non-ascii-closes')) session.over = true
  if (tidy === '' && session.has('empty-line-ignored')) return
  if (tidy === '' && session.has('empty-line-taken')) return session.reply('noop')
  if (session.has('line-limit-512') && line.length > 510) return session.reply('line-too-long')
  const unknown =
    /[\r\n]/.test(line) ||
    (session.has('verbs-lower-refused') && lower && !upper) ||
    (session.has('verbs-mixed-refused') && !lower && !upper)
  if (unknown) return session.reply('unknown')
  const short = session.has('verbs-four-letters') && verb !== 'STARTTLS'
  return carryOut(session, short ? verb.slice(0, 4) : verb, argument)
}

function tooLong(session: SmtpSession, line: string): void {
  const pieces = session.has('line-too-long-cut') ? Math.ceil(line.length / 512) : 1
  for (let piece = 0; piece < pieces; piece++) session.reply('line-too-long')
}

function carryOut(session: SmtpSession, verb: string, argument: string): unknown {
  const secure = session.line.encrypted
  if (session.has('tls-wanted-for-all') && !secure && /^(?:NOOP|QUIT)$/.test(verb)) return session.reply('mail-tls')
  const login = session.has(`${verb.toLowerCase()}-wants-login` as SmtpFault) && session.user === null
  if (login && (secure || verb !== 'EHLO')) return session.reply('mail-login')
  if (session.has('tls-poor') && secure && /^(?:NOOP|RSET)$/.test(verb)) return session.reply('not-implemented')
  switch (verb) {
    case 'HELO':
    case 'EHLO':
    case 'LHLO':
      return hail(session, verb, argument)
    case 'MAIL':
      return mail(session, argument)
    case 'RCPT':
      return rcpt(session, argument)
    case 'DATA':
      return data(session, argument)
    case 'BDAT':
      return bdat(session, argument)
    case 'RSET':
      return rset(session, argument)
    case 'QUIT':
      return quit(session, argument)
    case 'STARTTLS':
      return startTls(session, argument)
    case 'AUTH':
      return auth(session, argument)
    default:
      return inform(session, verb, argument)
  }
}

function inform(session: SmtpSession, verb: string, argument: string): unknown {
  const answer = informationOf(verb, argument, MAILBOXES, session.has)
  if (clearing(answer ? verb : 'unknown', session.has)) session.transaction = null
  if (!answer && (session.has('unknown-closes') || session.has('unknown-421-closes'))) session.over = true
  if (session.hello === null && wantsHello(verb, session.has)) return session.reply('mail-early')
  return session.reply(answer?.situation ?? 'unknown', answer?.value)
}

function rset(session: SmtpSession, argument: string): unknown {
  if (argument !== '' && !session.has('rset-argument-taken')) return session.reply('no-argument')
  if (session.hello === null && session.has('rset-wants-hello')) return session.reply('mail-early')
  if (session.spoiled && session.has('rset-after-message-refused')) return session.reply('mail-early')
  const chunks = session.transaction?.chunks ?? null
  if (session.has('rset-forgets-greeting')) session.hello = null
  if (session.has('rset-closes')) session.over = true
  if (session.has('rset-logs-out')) session.user = null
  if (session.has('rset-keeps-recipients')) session.leftover = session.transaction?.recipients ?? []
  const kept = session.has('rset-keeps-transaction') || (session.has('chunk-rset-ignored') && chunks !== null)
  if (!kept) session.transaction = null
  session.reply('rset')
}

function quit(session: SmtpSession, argument: string): unknown {
  if (argument !== '' && !session.has('quit-argument-taken')) return session.reply('no-argument')
  if (session.hello === null && session.has('quit-wants-hello')) return session.reply('mail-early')
  if (session.transaction && session.has('quit-in-transaction-refused')) return session.reply('mail-nested')
  session.over = true
  session.reply('quit')
}

/** Faults that let the EHLO from before the handshake count. */
const KEEPING: readonly SmtpFault[] = ['starttls-keeps-transaction', 'starttls-keeps-hello', 'starttls-keeps-login']

async function startTls(session: SmtpSession, argument: string): Promise<void> {
  if (argument !== '' && !session.has('starttls-argument-taken')) return session.reply('no-argument')
  if (session.line.encrypted) return session.reply(session.has('starttls-twice') ? 'starttls' : 'starttls-again')
  if (session.hello === null) return session.reply('starttls-early')
  session.reply('starttls')
  if (session.has('starttls-in-clear')) return
  if (!session.has('starttls-keeps-commands')) session.line.drop() // RFC 3207 §4.2
  await session.line.startTls(session.options.pair)
  if (!KEEPING.some(session.has)) session.hello = null
  if (!session.has('starttls-keeps-transaction')) session.transaction = null
  if (!session.has('starttls-keeps-login')) session.user = null
}

async function auth(session: SmtpSession, argument: string): Promise<void> {
  const [name = '', initial = null] = argument.split(' ')
  const refusal = authRefusal(session, name)
  if (refusal) return session.reply(refusal)
  const line = async (): Promise<string | null> => {
    const response = await session.command()
    if (response === '' && session.has('auth-empty-closes')) session.over = true
    return response
  }
  const say = (situation: Situation, value = ''): void => session.reply(situation, value)
  const talk = { say, has: session.has, user: USER, password: PASSWORD, line }
  const right = await exchange(name, initial, talk)
  if (right === null) return
  if (right && !session.spoiled) {
    session.user = USER
    return session.reply('auth-ok')
  }
  if (session.has('auth-failure-logs-in')) session.user = USER
  if (session.has('auth-failure-sticks')) session.spoiled = true
  if (session.has('auth-failure-closes')) session.over = true
  session.reply('auth-wrong')
}

function authRefusal(session: SmtpSession, name: string): Situation | null {
  if (session.hello === null) return 'auth-early'
  if (session.user !== null && !session.has('auth-twice')) return 'auth-again'
  if (session.transaction && !session.has('auth-in-transaction')) return 'auth-transaction'
  if (name === '') return 'auth-syntax'
  if (!isMechanism(name, session.has) && !session.has('auth-unknown-taken')) return 'auth-mechanism'
  if (/^plain$/i.test(name) && session.has('auth-plain-refused')) return 'auth-mechanism'
  const offered = session.mechanisms.includes(name.toUpperCase()) || session.has('auth-unknown-taken')
  return offered ? null : 'auth-clear'
}

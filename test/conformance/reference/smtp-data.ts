// DATA and BDAT of the reference server.
import type { SmtpFault } from './smtp-faults.ts'
import { readMessage, refusalOf } from './smtp-message.ts'
import type { Situation } from './smtp-replies.ts'
import { DOMAIN, NOBODY, SIZE_LIMIT, type SmtpSession, type Transaction } from './smtp-session.ts'

export async function data(session: SmtpSession, argument: string): Promise<void> {
  if (argument !== '' && session.has('data-argument-closes')) session.over = true
  if (argument !== '' && !session.has('data-argument-taken')) return session.reply('no-argument')
  const refusal = dataRefusal(session)
  if (refusal) {
    if (session.has('data-refusal-sticks')) session.spoiled = true
    if (session.has('data-refusal-closes')) session.over = true
    if (session.has('data-refusal-clears')) session.transaction = null
    return session.reply(refusal)
  }
  session.reply('data')
  if (session.has('data-502')) return
  const message = await readMessage(session.line, session.options.fault, session.transaction?.declaredSize)
  if (session.has('pipelining-message-drops-rest')) session.line.drop()
  if (session.has('data-remembered')) session.spoiled = true
  if (message === null) session.over = true
  else if (session.has('data-message-refused')) session.reply('message-line')
  else finish(session, message, 'lmtp-one-reply')
}

function dataRefusal(session: SmtpSession): Situation | null {
  const transaction = session.transaction
  if (session.has('chunk-remembered') && session.spoiled) return 'data-after-bdat'
  if (!transaction) return session.has('data-early-taken') ? null : 'data-early'
  if (transaction.chunks !== null && !session.has('chunk-then-data')) return 'data-after-bdat'
  if (transaction.body === 'BINARYMIME' && !session.has('binary-data-taken')) return 'data-binary'
  if (transaction.refused > 0 && session.has('data-all-or-nothing')) return 'data-nobody'
  return transaction.recipients.length === 0 && !session.has('data-nobody-taken') ? 'data-nobody' : null
}

function finish(session: SmtpSession, message: string, oneReply: SmtpFault): void {
  const transaction = session.transaction
  const { from = NOBODY, body = '7BIT', utf8 = false, declaredSize = null } = transaction ?? {}
  const around = { reversePath: from.path, body, utf8, declaredSize: declaredSize !== null }
  const refusal = refusalOf(message, { ...around, secure: session.line.encrypted, sizeLimit: SIZE_LIMIT }, session.has)
  if (session.has('data-once') || session.has('rset-after-message-refused')) session.spoiled = true
  if (session.has('data-logs-out')) session.user = null
  if (session.has('data-keeps-recipients')) session.leftover = transaction?.recipients ?? []
  if (!session.has('data-keeps-transaction')) session.transaction = null
  if (!refusal)
    for (const name of transaction?.recipients ?? []) session.options.deliver?.(`${name}@${DOMAIN}`, message)
  const each = session.options.protocol === 'lmtp' && !session.has(oneReply)
  const replies = each ? repliesFor(session, transaction) : 1
  const stuck = session.has('data-refused-sticks') && (session.spoiled || refusal !== null)
  if (stuck) session.spoiled = true
  for (let reply = 0; reply < replies; reply++) session.reply(refusal ?? (stuck ? 'message-line' : 'message'))
}

// RFC 2033 §4.2
function repliesFor(session: SmtpSession, transaction: Transaction | null): number {
  const recipients = transaction?.recipients ?? []
  const counted = session.has('lmtp-recipients-merged') ? new Set(recipients).size : recipients.length
  return counted + (session.has('lmtp-refused-answered') ? (transaction?.refused ?? 0) : 0)
}

export async function bdat(session: SmtpSession, argument: string): Promise<void> {
  const digits = session.has('chunk-size-lenient') ? '.*?' : '\\d{1,18}'
  const marker = session.has('chunk-marker-lenient') ? '\\S+' : 'LAST'
  const flags = session.has('chunk-case') ? '' : 'i'
  const groups = new RegExp(`^(?<size>${digits})(?<last> ${marker})?$`, flags).exec(argument)?.groups
  const last = groups?.last !== undefined
  const size = Number.parseInt(groups?.size ?? '', 10) || 0
  const disliked = (last && session.has('chunk-last-refused')) || (size === 0 && session.has('chunk-empty-refused'))
  if (!groups || disliked) return session.reply('chunk-syntax')
  const refusal = chunkRefusal(session)
  if (refusal && session.has('chunk-refused-obeyed')) return session.reply(refusal)
  if (session.has('chunk-answered-first')) session.reply(last ? 'message' : 'chunk')
  const octets = await session.line.takeOctets(session.has('chunk-32k') ? Math.min(size, 32_768) : size)
  if (octets === null) session.over = true
  else if (refusal) session.reply(refusal)
  else if (!session.has('chunk-answered-first')) chunk(session, octets, last)
}

function chunkRefusal(session: SmtpSession): Situation | null {
  if (session.has('chunk-early-taken')) return null
  if (session.has('data-remembered') && session.spoiled) return 'chunk-early'
  if (!session.transaction) return 'chunk-early'
  return session.transaction.recipients.length > 0 || session.has('chunk-nobody-taken') ? null : 'chunk-nobody'
}

function chunk(session: SmtpSession, octets: string, last: boolean): unknown {
  const transaction = session.transaction
  if (transaction) transaction.chunks = (transaction.chunks ?? '') + octets
  if (session.has('chunk-remembered')) session.spoiled = true
  if (session.has('chunk-lines-wanted') && octets !== '' && !octets.endsWith('\r\n'))
    return session.reply('chunk-syntax')
  const ended = session.has('chunk-dot-ends') && /(?:^|\r\n)\.\r\n/.test(octets)
  const each = session.has('lmtp-chunk-each-reply') ? (transaction?.recipients.length ?? 1) : 1
  for (let reply = 1; reply < each && !last; reply++) session.reply('chunk')
  if (!last && !ended) return session.reply('chunk')
  if (ended && last) session.reply('message')
  finish(session, transaction?.chunks ?? '', 'lmtp-chunk-one-reply')
  if (session.has('chunk-after-last-taken')) session.transaction = transaction
}

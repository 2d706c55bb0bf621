// The reference IMAP server's URLAUTH (RFC 4467), FILTERS (RFC 5466), NOTIFY (RFC 5465) for the selected mailbox, and JMAPACCESS (RFC 9698).
import { createHmac } from 'node:crypto'
import type { Run } from './imap-mailboxes.ts'
import { parseMessage } from './imap-mime.ts'
import type { Session } from './imap-session.ts'
import { asString, Bad, No } from './imap-syntax.ts'

const URL =
  /^(imap:\/\/[^/]+\/([^;?]+);UID=(\d+)(?:\/;SECTION=([^;]*))?(?:;EXPIRE=[^;]+)?;URLAUTH=[^:]+)(?::INTERNAL:([0-9a-f]+))?$/i

/** The name of a mailbox as a URL has it, perhaps with its UIDVALIDITY. */
const nameIn = (session: Session, path: string): string =>
  session.name(decodeURIComponent(path.replace(/\/$/, '').split(';')[0]!))

const authorization = (session: Session, url: string, path: string): string => {
  const mailbox = session.find(nameIn(session, path))
  const text = session.faulty('urlauth-any-url') ? path : url
  return createHmac('sha256', `key ${mailbox.urlKey}`).update(text).digest('hex')
}

const genUrlAuth: Run = (session, syntax) => {
  const urls: string[] = []
  do {
    syntax.sp()
    const url = syntax.astring()
    syntax.sp()
    if (syntax.atom().toUpperCase() !== 'INTERNAL') throw new Bad('INTERNAL is the only mechanism')
    const found = URL.exec(url)
    if (!found || found[5] !== undefined) throw new Bad('no such URL')
    urls.push(`${url}:INTERNAL:${authorization(session, url, found[2]!)}`)
  } while (!syntax.over)
  session.untagged(`GENURLAUTH${urls.map((url) => ` "${url}"`).join('')}`)
  return 'Done'
}

const urlFetch: Run = (session, syntax) => {
  const parts: string[] = []
  do {
    syntax.sp()
    const url = syntax.astring()
    const octets = contentOf(session, url)
    parts.push(` "${url}" ${octets === null ? 'NIL' : asString(octets)}`)
  } while (!syntax.over)
  session.untagged(`URLFETCH${parts.join('')}`)
  return 'Done'
}

function contentOf(session: Session, url: string): string | null {
  const found = URL.exec(url)
  if (!found) return null
  const isRight = found[5] === authorization(session, found[1]!, found[2]!)
  if (!isRight && !session.faulty('urlauth-any-authorization')) return null
  const mailbox = session.find(nameIn(session, found[2]!))
  const message = mailbox.messages.find(({ uid }) => uid === Number(found[3]))
  if (!message) return null
  if (session.faulty('urlauth-marks')) mailbox.setFlags(message, [...message.flags, '\\Seen'])
  const part = parseMessage(message.raw)
  const section = (found[4] ?? '').toUpperCase()
  if (section === '') return message.raw
  return section === 'TEXT' ? part.body : section === 'HEADER' ? part.header : null
}

const resetKey: Run = (session, syntax) => {
  if (syntax.take(' ')) {
    const mailbox = session.find(session.name(syntax.astring()))
    if (!session.faulty('urlauth-key-stays')) mailbox.urlKey += 1
  }
  return 'Done'
}

const FILTER = /^\/(?:private|shared)\/filters\/values\/(\S+)$/i

/** Of METADATA, what FILTERS needs: entries of the server. */
const setMetadata: Run = (session, syntax) => {
  syntax.sp()
  if (syntax.astring() !== '') throw new No('the server has entries alone')
  syntax.sp()
  syntax.list(() => {
    const entry = syntax.astring()
    syntax.sp()
    const value = syntax.take('NIL') ? null : syntax.string()
    const name = FILTER.exec(entry)?.[1]
    if (name === undefined) throw new No('no such entry')
    if (value === null) session.account!.filters.delete(name)
    else session.account!.filters.set(name, value)
  })
  return 'Done'
}

const EVENTS = ['MessageNew', 'MessageExpunge', 'FlagChange']

/** RFC 5465 for the selected mailbox: which of its events are told unasked. */
const notify: Run = (session, syntax) => {
  syntax.sp()
  session.notified = null
  if (syntax.take('NONE')) return 'Nothing is told'
  syntax.expect('SET')
  syntax.take(' STATUS')
  const groups = syntax.text.slice(syntax.at)
  const asked = groups.match(/\b(?:Message|Flag|Mailbox|Subscription|Annotation|No|X)[A-Za-z]*/g) ?? []
  const unknown = asked.filter((event) => !EVENTS.some((known) => known.toLowerCase() === event.toLowerCase()))
  if (unknown.length > 0 && !session.faulty('notify-any-event'))
    throw new No('no such event', `BADEVENT (${EVENTS.join(' ')})`)
  const isNew = /MessageNew/i.test(groups)
  if (isNew !== /MessageExpunge/i.test(groups)) throw new Bad('MessageNew and MessageExpunge go together')
  if (/FlagChange/i.test(groups) && !isNew) throw new Bad('FlagChange wants MessageNew and MessageExpunge')
  const selected = /\(SELECTED(-DELAYED)?/i.exec(groups)
  if (selected || session.faulty('notify-unwatched')) session.notified = selected?.[1] ? 'delayed' : 'at once'
  return 'Done'
}

const jmapAccess: Run = (session, syntax) => {
  syntax.end()
  session.untagged('JMAPACCESS "https://reference.example/.well-known/jmap"')
  return 'Done'
}

export const urlAuthCommands: { readonly [name: string]: Run } = {
  GENURLAUTH: genUrlAuth,
  URLFETCH: urlFetch,
  RESETKEY: resetKey,
  SETMETADATA: setMetadata,
  NOTIFY: notify,
  GETJMAPACCESS: jmapAccess,
}

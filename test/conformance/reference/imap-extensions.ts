// The reference IMAP server's further extensions: REPLACE (RFC 8508), UNAUTHENTICATE (RFC 8437), QUOTA (RFC 9208), MULTISEARCH (RFC 7377).
import { asMailbox } from './imap-fetch.ts'
import type { Run } from './imap-mailboxes.ts'
import { messageCommands, needWritable, readDraft } from './imap-messages.ts'
import { search } from './imap-search.ts'
import { Session } from './imap-session.ts'
import { Bad, No } from './imap-syntax.ts'
import { urlAuthCommands } from './imap-urlauth.ts'

const replace =
  (byUid: boolean): Run =>
  (session, syntax) => {
    syntax.sp()
    const set = syntax.sequenceSet()
    syntax.sp()
    const name = session.name(syntax.astring())
    const draft = readDraft(syntax, session)
    syntax.end()
    const [place, ...others] = session.resolve(set, byUid)
    if (place === undefined || others.length > 0) throw new No('no such message')
    if (!session.faulty('replace-read-only')) needWritable(session)
    const { message } = session.view[place]!
    if (session.faulty('failed-replace-removes')) session.mailbox!.remove(message)
    const target = session.find(name, 'TRYCREATE')
    const inherited = session.faulty('replace-inherits') ? message.flags : []
    const given = session.faulty('replace-drops-flags') ? [] : draft.flags
    const added = target.add({ ...draft, flags: [...given, ...inherited] })
    session.untagged(`OK [APPENDUID ${target.validity} ${added.uid}] Replacement kept`)
    if (session.faulty('replace-tells-deleted')) session.untagged(`${place + 1} FETCH (FLAGS (\\Deleted))`)
    if (session.faulty('replace-expunges'))
      for (const { message: other } of session.view) if (other.flags.has('\\Deleted')) session.mailbox!.remove(other)
    if (!message.expunged && !session.faulty('replace-keeps')) session.mailbox!.remove(message)
    target.changed()
    session.mailbox!.changed()
    session.sync(true)
    return 'Replaced'
  }

const unauthenticate: Run = (session, syntax) => {
  syntax.end()
  if (session.faulty('unauthenticate-expunges') && session.mailbox)
    for (const { message } of session.view) if (message.flags.has('\\Deleted')) session.mailbox.remove(message)
  if (!session.faulty('unauthenticate-keeps-mailbox')) session.leave()
  if (!session.faulty('unauthenticate-nothing')) session.account = null
  session.rev2 = false
  session.utf8 = false
  session.uidOnly = false
  if (!session.faulty('unauthenticate-keeps-enabled')) session.condstore = false
  return 'Nobody is logged in'
}

const ROOT = '"the account"'
const LIMIT = 1_000_000

const usage = (session: Session): string => {
  const all = [...session.account!.mailboxes.values()].flatMap(({ messages }) => messages)
  const octets = all.reduce((sum, { raw }) => sum + raw.length, 0)
  return `QUOTA ${ROOT} (STORAGE ${Math.ceil(octets / 1024)} ${LIMIT})`
}

const getQuotaRoot: Run = (session, syntax) => {
  syntax.sp()
  const name = session.name(syntax.astring())
  syntax.end()
  session.untagged(`QUOTAROOT ${asMailbox(session, name)} ${ROOT}`)
  session.untagged(usage(session))
  return 'Done'
}

const getQuota: Run = (session, syntax) => {
  syntax.sp()
  const root = syntax.astring()
  syntax.end()
  if (`"${root}"` !== ROOT) throw new No('no such root', 'NONEXISTENT')
  session.untagged(usage(session))
  return 'Done'
}

/** RFC 7377 §2: each mailbox is searched as if it were selected. */
const esearch: Run = (session, syntax, tag) => {
  const account = session.account!
  let names: string[] = []
  const source = (): void => {
    const kind = syntax.atom().toLowerCase()
    const readNames = (): string[] => {
      syntax.sp()
      return syntax.peek() === '('
        ? syntax.list(() => session.name(syntax.astring()))
        : [session.name(syntax.astring())]
    }
    if (kind === 'selected' || kind === 'selected-delayed') names.push(selectedName(session))
    else if (kind === 'mailboxes') names.push(...readNames())
    else if (kind === 'subtree' || kind === 'subtree-one') {
      const roots = readNames()
      names.push(
        ...[...account.mailboxes.keys()].filter((one) => roots.some((root) => `${one}/`.startsWith(`${root}/`))),
      )
    } else if (kind === 'personal' || kind === 'inboxes') names.push(...account.mailboxes.keys())
    else if (kind === 'subscribed') names.push(...account.subscribed)
    else throw new Bad('no such source')
  }
  syntax.sp()
  if (syntax.take('IN ')) {
    syntax.list(source, false)
    syntax.sp()
  } else names = [selectedName(session)]
  const start = syntax.at
  for (const name of new Set(names)) {
    const mailbox = account.mailboxes.get(name)
    if (!mailbox || mailbox.noSelect) continue
    const other = new Session(session.server, session.secure, (unit) => {
      const found = /^\* ESEARCH \(TAG "([^"]*)"\) UID (.*)\r\n$/s.exec(unit)
      if (!found || /^(COUNT 0)?$/.test(found[2]!)) return
      session.untagged(
        `ESEARCH (TAG "${found[1]}" MAILBOX ${asMailbox(session, name)} UIDVALIDITY ${mailbox.validity}) UID ${found[2]}`,
      )
    })
    other.account = account
    other.rev2 = true
    other.select(name, mailbox, true)
    syntax.at = start
    search(other, syntax, true, tag)
    other.leave()
  }
  if (names.length > 0 && session.faulty('multisearch-unselects')) session.leave()
  return 'Done'
}

function selectedName(session: Session): string {
  if (!session.mailbox) throw new Bad('select a mailbox first')
  return session.mailboxName
}

const uid: Run = (session, syntax, tag) => {
  if (syntax.take(' REPLACE')) return replace(true)(session, syntax, tag)
  return messageCommands.UID!(session, syntax, tag)
}

export const extensionCommands: { readonly [name: string]: Run } = {
  REPLACE: replace(false),
  UID: uid,
  UNAUTHENTICATE: unauthenticate,
  GETQUOTAROOT: getQuotaRoot,
  GETQUOTA: getQuota,
  ESEARCH: esearch,
  ...urlAuthCommands,
}

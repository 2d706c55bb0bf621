// The reference IMAP server's commands about mailboxes: RFC 9051 §6.3.

import { asMailbox } from './imap-fetch.ts'
import { listMailboxes, lsub } from './imap-list.ts'
import type { Session } from './imap-session.ts'
import { DELIMITER, Mailbox, SYSTEM_FLAGS } from './imap-store.ts'
import { Bad, No, type Syntax } from './imap-syntax.ts'

export type Run = (session: Session, syntax: Syntax, tag: string) => string

const readName = (session: Session, syntax: Syntax, code = ''): string => {
  syntax.sp()
  return session.name(syntax.astring(), code)
}

const SPECIAL_USES = ['\\All', '\\Archive', '\\Drafts', '\\Flagged', '\\Junk', '\\Sent', '\\Trash']

const select =
  (readOnly: boolean): Run =>
  (session, syntax) => {
    syntax.sp()
    const octets = syntax.astring()
    syntax.end()
    if (session.mailbox) {
      session.leave()
      session.untagged('OK [CLOSED] Another mailbox is selected')
    }
    const name = session.name(octets)
    const mailbox = session.find(name)
    session.select(name, mailbox, readOnly)
    const flags = [...SYSTEM_FLAGS, ...mailbox.keywords].join(' ')
    session.untagged(`FLAGS (${flags})`)
    session.untagged(`${session.view.length} EXISTS`)
    if (!session.rev2) session.untagged(`${session.recentCount} RECENT`)
    const unseen = session.view.findIndex(({ message }) => !message.flags.has('\\Seen'))
    if (!session.rev2 && unseen >= 0) session.untagged(`OK [UNSEEN ${unseen + 1}] First unseen`)
    session.untagged(`OK [UIDVALIDITY ${mailbox.validity}] UIDs valid`)
    session.untagged(`OK [UIDNEXT ${mailbox.uidNext}] Next UID`)
    session.untagged(`OK [PERMANENTFLAGS (${readOnly ? '' : `${flags} \\*`})] Flags kept`)
    if (session.rev2) session.untagged(`LIST () "/" ${asMailbox(session, name)}`)
    return readOnly ? '[READ-ONLY] Done' : '[READ-WRITE] Done'
  }

const create: Run = (session, syntax) => {
  const wanted = readName(session, syntax, 'CANNOT').replace(/\/$/, '')
  const uses = syntax.take(' (USE ') ? syntax.list(() => syntax.flag()) : []
  if (uses.length > 0) syntax.expect(')')
  syntax.end()
  // RFC 6154 §3
  const bad = uses.find((use) => !SPECIAL_USES.some((known) => known.toLowerCase() === use.toLowerCase()))
  if (bad !== undefined) throw new No(`no use ${bad}`, 'USEATTR')
  const { mailboxes } = session.account!
  if (wanted === 'INBOX' || (mailboxes.has(wanted) && !mailboxes.get(wanted)!.noSelect))
    throw new No('there is such a mailbox', 'ALREADYEXISTS')
  if (wanted.split(DELIMITER).includes('')) throw new No('a level of the name is empty', 'CANNOT')
  const mailbox = session.account!.create(wanted)
  mailbox.specialUse = uses.map((use) => SPECIAL_USES.find((known) => known.toLowerCase() === use.toLowerCase())!)
  return 'Made'
}

const remove: Run = (session, syntax) => {
  const name = readName(session, syntax)
  syntax.end()
  const account = session.account!
  if (name === 'INBOX') throw new No('INBOX stays', 'CANNOT')
  const mailbox = account.mailboxes.get(name)
  if (!mailbox) throw new No('no such mailbox', 'NONEXISTENT')
  const hasInferiors = account.hasInferiors(name)
  // RFC 9051 §6.3.5
  if (mailbox.noSelect && hasInferiors) throw new No('it has inferiors', 'HASCHILDREN')
  account.mailboxes.delete(name)
  for (const message of [...mailbox.messages]) mailbox.remove(message)
  mailbox.changed()
  if (hasInferiors) {
    const left = new Mailbox()
    left.noSelect = true
    account.mailboxes.set(name, left)
  }
  return 'Gone'
}

const rename: Run = (session, syntax) => {
  const from = readName(session, syntax)
  const to = readName(session, syntax, 'CANNOT').replace(/\/$/, '')
  syntax.end()
  const account = session.account!
  const { mailboxes } = account
  if (!mailboxes.has(from)) throw new No('no such mailbox', 'NONEXISTENT')
  if (mailboxes.has(to) || to === 'INBOX') throw new No('there is such a mailbox', 'ALREADYEXISTS')
  if (to.startsWith(from + DELIMITER)) throw new No('a mailbox cannot be its own inferior', 'CANNOT')
  if (to.split(DELIMITER).includes('')) throw new No('a level of the name is empty', 'CANNOT')
  if (from === 'INBOX') {
    // RFC 9051 §6.3.6: its messages move, it stays empty, its inferiors stay
    const target = account.create(to)
    const inbox = mailboxes.get('INBOX')!
    for (const message of [...inbox.messages]) {
      target.add(message)
      inbox.remove(message)
    }
    inbox.changed()
    return 'Moved'
  }
  account.create(to)
  mailboxes.set(to, mailboxes.get(from)!)
  mailboxes.delete(from)
  for (const [name, mailbox] of [...mailboxes]) {
    if (!name.startsWith(from + DELIMITER) || session.faulty('rename-leaves-inferiors')) continue
    mailboxes.delete(name)
    mailboxes.set(to + name.slice(from.length), mailbox)
  }
  return 'Renamed'
}

const subscribe =
  (wanted: boolean): Run =>
  (session, syntax) => {
    const name = readName(session, syntax)
    syntax.end()
    if (wanted) session.account!.subscribed.add(name)
    else session.account!.subscribed.delete(name)
    return 'Noted'
  }

const status: Run = (session, syntax) => {
  const name = readName(session, syntax)
  syntax.sp()
  const items = syntax.list(() => syntax.atom().toUpperCase(), false)
  syntax.end()
  const mailbox = session.find(name)
  session.untagged(`STATUS ${asMailbox(session, name)} (${statusItems(mailbox, items)})`)
  return 'Done'
}

export function statusItems(mailbox: Mailbox, items: readonly string[]): string {
  const { messages } = mailbox
  const count = (flag: string, wanted: boolean): number =>
    messages.filter(({ flags }) => flags.has(flag) === wanted).length
  const values: { readonly [item: string]: () => number } = {
    MESSAGES: () => messages.length,
    RECENT: () => messages.filter(({ recent }) => recent === null).length,
    UIDNEXT: () => mailbox.uidNext,
    UIDVALIDITY: () => mailbox.validity,
    UNSEEN: () => count('\\Seen', false),
    DELETED: () => count('\\Deleted', true),
    SIZE: () => messages.reduce((sum, { raw }) => sum + raw.length, 0),
  }
  return items
    .map((item) => {
      const value = values[item]
      if (!value) throw new Bad(`no item ${item}`)
      return `${item} ${value()}`
    })
    .join(' ')
}

const namespace: Run = (session, syntax) => {
  syntax.end()
  session.untagged(`NAMESPACE (("" "${DELIMITER}")) NIL NIL`)
  return 'Done'
}

export const mailboxCommands: { readonly [name: string]: Run } = {
  SELECT: select(false),
  EXAMINE: select(true),
  CREATE: create,
  DELETE: remove,
  RENAME: rename,
  SUBSCRIBE: subscribe(true),
  UNSUBSCRIBE: subscribe(false),
  LIST: listMailboxes,
  LSUB: lsub,
  STATUS: status,
  NAMESPACE: namespace,
}

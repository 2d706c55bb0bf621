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
    const wasSelected = session.mailbox !== null
    if (session.faulty('failed-select-keeps')) session.find(session.name(octets))
    if (session.faulty('select-expunges') && session.mailbox && !session.readOnly)
      for (const message of session.mailbox.messages.filter(({ flags }) => flags.has('\\Deleted')))
        session.mailbox.remove(message)
    session.leave()
    const closed = (when: boolean): void => {
      if (wasSelected && when) session.untagged('OK [CLOSED] Another mailbox is selected')
    }
    const late = session.faulty('closed-late') || session.faulty('closed-on-success')
    closed(!late)
    const name = session.name(octets)
    const mailbox = session.find(name)
    closed(session.faulty('closed-on-success'))
    session.select(name, mailbox, readOnly && !session.faulty('examine-writes'))
    const flags = [...SYSTEM_FLAGS, ...mailbox.keywords].join(' ')
    session.untagged(`FLAGS (${flags})`)
    session.untagged(`${session.view.length} EXISTS`)
    closed(session.faulty('closed-late'))
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
  if (wanted !== 'INBOX' && mailboxes.has(wanted) && session.faulty('create-existing-ok')) return 'It is there'
  if (wanted === 'INBOX' && session.faulty('create-inbox-ok')) return 'It is there'
  if (wanted.includes(DELIMITER) && session.faulty('create-no-inferiors')) throw new No('no inferiors', 'CANNOT')
  if (wanted === 'INBOX' || (mailboxes.has(wanted) && !mailboxes.get(wanted)!.noSelect))
    throw new No('there is such a mailbox', 'ALREADYEXISTS')
  if (wanted.split(DELIMITER).includes('')) throw new No('a level of the name is empty', 'CANNOT')
  const buried = session.faulty('delete-keeps-messages') ? session.account!.deleted.get(wanted) : undefined
  const mailbox = session.account!.create(wanted, !session.server.bareLevels && !session.faulty('create-no-superiors'))
  if (session.faulty('create-subscribes')) session.account!.subscribed.add(wanted)
  if (buried) mailbox.messages.push(...buried)
  if (session.faulty('create-with-welcome'))
    mailbox.add({ raw: 'Subject: Welcome\r\n\r\n', date: new Date(), flags: [] })
  if (session.faulty('uidvalidity-constant')) mailbox.validity = 1
  if (session.faulty('create-unselects')) session.leave()
  mailbox.specialUse = uses.map((use) => SPECIAL_USES.find((known) => known.toLowerCase() === use.toLowerCase())!)
  return 'Made'
}

const remove: Run = (session, syntax) => {
  const name = readName(session, syntax)
  syntax.end()
  const account = session.account!
  if (name === 'INBOX' && !session.faulty('delete-inbox-ok')) throw new No('INBOX stays', 'CANNOT')
  const mailbox = account.mailboxes.get(name)
  if (!mailbox) throw new No('no such mailbox', 'NONEXISTENT')
  const hasInferiors = account.hasInferiors(name)
  // RFC 9051 §6.3.5
  if (session.faulty('delete-unsubscribes')) account.subscribed.delete(name)
  if (name === 'INBOX') {
    account.mailboxes.set(name, new Mailbox())
    return 'Gone'
  }
  if (hasInferiors && (mailbox.noSelect || session.server.keepsParents)) throw new No('it has inferiors', 'HASCHILDREN')
  account.mailboxes.delete(name)
  if (session.faulty('delete-takes-parent')) account.mailboxes.delete(name.slice(0, name.lastIndexOf(DELIMITER)))
  account.deleted.set(name, [...mailbox.messages])
  for (const message of [...mailbox.messages]) mailbox.remove(message)
  mailbox.changed()
  if (session.faulty('delete-takes-children')) {
    for (const other of [...account.mailboxes.keys()])
      if (other.startsWith(name + DELIMITER)) account.mailboxes.delete(other)
  } else if (hasInferiors) {
    const left = new Mailbox()
    left.noSelect = !session.faulty('delete-parent-selectable')
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
      if (!session.faulty('rename-inbox-copies')) inbox.remove(message)
    }
    inbox.changed()
    return 'Moved'
  }
  account.create(to, !session.faulty('create-no-superiors'))
  const moved = mailboxes.get(from)!
  mailboxes.set(to, moved)
  if (session.faulty('rename-loses-flags')) for (const message of moved.messages) moved.setFlags(message, [])
  if (session.faulty('rename-takes-parent')) mailboxes.delete(from.slice(0, from.lastIndexOf(DELIMITER)))
  if (session.faulty('rename-unselects')) session.leave()
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
    const isThere = session.account!.subscribed.has(name)
    if (wanted && isThere && session.faulty('subscribe-twice-no')) throw new No('it is subscribed')
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
  session.untagged(`STATUS ${asMailbox(session, name)} (${statusItems(session, mailbox, items)})`)
  if (session.faulty('status-unselects')) session.leave()
  if (session.faulty('status-takes-recent')) for (const message of mailbox.messages) message.recent ??= {}
  return 'Done'
}

export function statusItems(session: Session, mailbox: Mailbox, items: readonly string[]): string {
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
    APPENDLIMIT: () => session.server.appendLimit,
    'DELETED-STORAGE': () =>
      messages.reduce((sum, { raw, flags }) => sum + (flags.has('\\Deleted') ? raw.length : 0), 0),
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

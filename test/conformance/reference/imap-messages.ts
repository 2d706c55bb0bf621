// The reference IMAP server's commands about messages: RFC 9051 §6.3.12 and §6.4.
import { fetch, parseItems } from './imap-fetch.ts'
import type { Run } from './imap-mailboxes.ts'
import { search } from './imap-search.ts'
import { asSet, type Session } from './imap-session.ts'
import { type Draft, type Mailbox, type Message, SYSTEM_FLAGS } from './imap-store.ts'
import { Bad, No, type Syntax } from './imap-syntax.ts'

const append: Run = (session, syntax) => {
  syntax.sp()
  const name = session.name(syntax.astring())
  const drafts: Draft[] = []
  while (!syntax.over) drafts.push(readDraft(syntax))
  if (drafts.length === 0) throw new Bad('expected a message')
  if (drafts.some(({ raw }) => raw === '')) throw new No('an empty message is not kept')
  const mailbox = session.find(name, 'TRYCREATE')
  const added = drafts.map((draft) => mailbox.add(draft))
  mailbox.changed()
  return `[APPENDUID ${mailbox.validity} ${asSet(added.map(({ uid }) => uid))}] Kept`
}

function readDraft(syntax: Syntax): Draft {
  syntax.sp()
  const flags = syntax.peek() === '(' ? readFlags(syntax) : []
  if (flags.length > 0 || syntax.text[syntax.at - 1] === ')') syntax.sp()
  let date = new Date(Math.floor(Date.now() / 1000) * 1000)
  if (syntax.peek() === '"') {
    date = syntax.dateTime()
    syntax.sp()
  }
  if (!/^~?\{/.test(syntax.peek(2))) throw new Bad('expected a literal')
  const { data, binary } = syntax.literal()
  if (!binary && data.includes('\0')) throw new Bad('NUL in a literal')
  return { raw: data, date, flags }
}

const readFlags = (syntax: Syntax): string[] => known(syntax.list(() => syntax.flag()))

function known(flags: string[]): string[] {
  for (const flag of flags) {
    if (flag.startsWith('\\') && !SYSTEM_FLAGS.some((one) => one.toLowerCase() === flag.toLowerCase()))
      throw new Bad(`no flag ${flag}`)
  }
  return flags
}

const readSet = (syntax: Syntax): string => {
  syntax.sp()
  const set = syntax.sequenceSet()
  syntax.sp()
  return set
}

const fetchMessages =
  (byUid: boolean): Run =>
  (session, syntax) => {
    const set = readSet(syntax)
    const items = parseItems(syntax, session)
    syntax.end()
    fetch(session, session.resolve(set, byUid), items, byUid)
    session.sync(false)
    return 'Done'
  }

const store =
  (byUid: boolean): Run =>
  (session, syntax) => {
    const set = readSet(syntax)
    const sign = syntax.take('+') ? '+' : syntax.take('-') ? '-' : ''
    syntax.expect('FLAGS')
    const silent = syntax.take('.SILENT')
    syntax.sp()
    const flags = syntax.peek() === '(' ? readFlags(syntax) : readBareFlags(syntax)
    syntax.end()
    const places = session.resolve(set, byUid)
    needWritable(session)
    const lower = new Set(flags.map((flag) => flag.toLowerCase()))
    for (const place of places) {
      const { message } = session.view[place]!
      if (message.expunged) continue
      const kept = [...message.flags].filter((flag) => sign !== '' && !(sign === '-' && lower.has(flag.toLowerCase())))
      const changed = session.mailbox!.setFlags(message, sign === '-' ? kept : [...kept, ...flags])
      if (silent && session.view[place]!.version >= message.version - (changed ? 1 : 0)) session.told(message)
      if (silent) continue
      session.told(message)
      const uid = (byUid && !session.faulty('uid-store-without-uid')) || session.rev2 ? ` UID ${message.uid}` : ''
      session.untagged(`${place + 1} FETCH (FLAGS ${session.flagsOf(message)}${uid})`)
    }
    session.mailbox!.changed()
    session.sync(false)
    return 'Done'
  }

function readBareFlags(syntax: Syntax): string[] {
  const flags: string[] = []
  do flags.push(syntax.flag())
  while (syntax.take(' '))
  return known(flags)
}

function needWritable(session: Session): void {
  if (session.readOnly) throw new No('the mailbox was examined, not selected', 'READ-ONLY')
}

const copy =
  (byUid: boolean, move: boolean): Run =>
  (session, syntax) => {
    const set = readSet(syntax)
    const name = session.name(syntax.astring())
    syntax.end()
    const places = session.resolve(set, byUid)
    if (move) needWritable(session)
    const target = session.find(name, 'TRYCREATE')
    const messages = places.map((place) => session.view[place]!.message).filter(({ expunged }) => !expunged)
    const code = messages.length === 0 ? '' : copyAll(messages, target)
    if (!move) {
      if (target !== session.mailbox) target.changed()
      return `${code === '' ? '' : `[${code}] `}Copied`
    }
    if (code !== '') session.untagged(`OK [${code}] Copied`)
    for (const message of messages) session.mailbox!.remove(message)
    target.changed()
    session.mailbox!.changed()
    session.sync(true)
    return 'Moved'
  }

function copyAll(messages: readonly Message[], target: Mailbox): string {
  const copies = messages.map((message) => target.add(message))
  return `COPYUID ${target.validity} ${asSet(messages.map(({ uid }) => uid))} ${asSet(copies.map(({ uid }) => uid))}`
}

function expungeDeleted(session: Session, uids: readonly number[] | null): void {
  const doomed = session.view
    .map(({ message }) => message)
    .filter(({ flags, uid, expunged }) => !expunged && flags.has('\\Deleted') && (uids?.includes(uid) ?? true))
  for (const message of doomed) session.mailbox!.remove(message)
}

const expunge: Run = (session, syntax) => {
  syntax.end()
  needWritable(session)
  expungeDeleted(session, null)
  session.mailbox!.changed()
  session.sync(true)
  return 'Done'
}

const uidExpunge: Run = (session, syntax) => {
  syntax.sp()
  const set = syntax.sequenceSet()
  syntax.end()
  needWritable(session)
  expungeDeleted(
    session,
    session.resolve(set, true).map((place) => session.view[place]!.message.uid),
  )
  session.mailbox!.changed()
  session.sync(true)
  return 'Done'
}

const close: Run = (session, syntax) => {
  syntax.end()
  const { mailbox } = session
  if (!session.readOnly) expungeDeleted(session, null)
  session.leave()
  mailbox!.changed()
  return 'Closed'
}

const unselect: Run = (session, syntax) => {
  syntax.end()
  session.leave()
  return 'Left'
}

const searchMessages =
  (byUid: boolean): Run =>
  (session, syntax, tag) => {
    syntax.sp()
    search(session, syntax, byUid, tag)
    session.sync(false)
    return 'Done'
  }

const UID: { readonly [name: string]: Run } = {
  FETCH: fetchMessages(true),
  STORE: store(true),
  SEARCH: searchMessages(true),
  COPY: copy(true, false),
  MOVE: copy(true, true),
  EXPUNGE: uidExpunge,
}

const uid: Run = (session, syntax, tag) => {
  syntax.sp()
  const name = syntax.atom().toUpperCase()
  const run = UID[name]
  if (!run) throw new Bad(`no command UID ${name}`)
  return run(session, syntax, tag)
}

const check: Run = (_, syntax) => {
  syntax.end()
  return 'Checked'
}

/** In the selected state; APPEND in the authenticated one too. */
export const messageCommands: { readonly [name: string]: Run } = {
  FETCH: fetchMessages(false),
  STORE: store(false),
  SEARCH: searchMessages(false),
  COPY: copy(false, false),
  MOVE: copy(false, true),
  EXPUNGE: expunge,
  CHECK: check,
  CLOSE: close,
  UNSELECT: unselect,
  UID: uid,
}
export const appendCommand: Run = append

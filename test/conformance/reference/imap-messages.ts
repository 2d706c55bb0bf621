// The reference IMAP server's commands about messages: RFC 9051 §6.3.12 and §6.4.
import { fetch, parseItems } from './imap-fetch.ts'
import type { Run } from './imap-mailboxes.ts'
import { readRange, search, sliceOf } from './imap-search.ts'
import { asSet, type Session } from './imap-session.ts'
import { type Draft, type Mailbox, type Message, SYSTEM_FLAGS } from './imap-store.ts'
import { Bad, No, type Syntax } from './imap-syntax.ts'

const append: Run = (session, syntax) => {
  syntax.sp()
  const name = session.name(syntax.astring())
  const drafts: Draft[] = []
  let trouble: Error | null = null
  while (!syntax.over && trouble === null) {
    try {
      drafts.push(readDraft(syntax, session))
    } catch (error) {
      trouble = error as Error
    }
  }
  if (trouble !== null && !session.faulty('multiappend-partly')) throw trouble
  if (drafts.length === 0) throw new Bad('expected a message')
  if (session.faulty('append-creates') && !session.account!.mailboxes.has(name)) session.account!.create(name)
  const mailbox = session.find(name, 'TRYCREATE')
  const isOver = session.server.appendLimit > 0 && drafts.some(({ raw }) => raw.length > session.server.appendLimit)
  if (isOver && !session.faulty('append-limit-overlooked')) throw new No('the message is too big', 'TOOBIG')
  const kept = session.faulty('multiappend-first') ? drafts.slice(0, 1) : drafts.filter(({ raw }) => raw !== '')
  const isWhole = trouble === null && (kept.length === drafts.length || session.faulty('append-empty-taken'))
  if (!isWhole && !session.faulty('multiappend-partly') && !session.faulty('multiappend-first'))
    throw new No('an empty message is not kept')
  const added = kept.map((draft) => mailbox.add(asStored(draft, session)))
  if (!isWhole && session.faulty('multiappend-partly')) throw trouble ?? new No('an empty message is not kept')
  if (session.faulty('append-first')) mailbox.messages.unshift(...mailbox.messages.splice(-added.length))
  if (session.faulty('append-unselects')) session.leave()
  mailbox.changed()
  return `[APPENDUID ${mailbox.validity} ${asSet(added.map(({ uid }) => uid))}] Kept`
}

function asStored({ raw, date, flags }: Draft, session: Session): Draft {
  const octets = session.faulty('append-seven-bits') ? raw.replace(/[\x80-\xff]/g, '?') : raw
  const isCompleted = session.faulty('append-completes-line') && !raw.endsWith('\r\n')
  const marks = session.faulty('append-marks-seen') ? ['\\Seen'] : []
  const when = session.faulty('append-date-now') ? new Date() : date
  return {
    raw: session.faulty('append-adds-line-end') || isCompleted ? `${octets}\r\n` : octets,
    date: when.getTime() > Date.now() - 60_000 && session.faulty('append-date-epoch') ? new Date(0) : when,
    flags: [...(session.faulty('append-drops-flags') ? [] : flags), ...marks],
  }
}

export function readDraft(syntax: Syntax, session: Session): Draft {
  syntax.sp()
  const flags = syntax.peek() === '(' ? readFlags(syntax) : []
  if (flags.length > 0 || syntax.text[syntax.at - 1] === ')') syntax.sp()
  let date = new Date(Math.floor(Date.now() / 1000) * 1000)
  if (syntax.peek() === '"') {
    date = readDate(syntax, session)
    syntax.sp()
  }
  const isUtf8 = session.utf8 && syntax.take('UTF8 (')
  if (!/^~?\{/.test(syntax.peek(2))) throw new Bad('expected a literal')
  const { data, binary } = syntax.literal()
  if (isUtf8) syntax.expect(')')
  // RFC 6855 §4
  const isEightBit = /[\x80-\xff]/.test(data.split('\r\n\r\n')[0]!)
  if (session.server.extended && isEightBit && !isUtf8 && !session.faulty('utf8-append-always'))
    throw new No('ENABLE UTF8=ACCEPT first')
  if (!binary && data.includes('\0') && !session.faulty('append-keeps-nul')) throw new Bad('NUL in a literal')
  return { raw: data, date, flags }
}

/** With a fault, a date that is none is the present one. */
function readDate(syntax: Syntax, session: Session): Date {
  const { at } = syntax
  try {
    return syntax.dateTime()
  } catch (error) {
    if (!session.faulty('append-bad-date-taken')) throw error
    syntax.at = at
    syntax.string()
    return new Date()
  }
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
    // RFC 9394 §3.3
    const range = session.server.extended && byUid && syntax.take(' (PARTIAL') ? readRange(syntax) : null
    if (range !== null) syntax.expect(')')
    syntax.end()
    const places = session.resolve(set, byUid)
    fetch(session, range === null ? places : sliceOf(places, range), items, byUid)
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
    needFound(session, places, byUid)
    needWritable(session)
    for (const place of places) {
      const { message } = session.view[place]!
      if (message.expunged && session.faulty('store-expunged-closes')) session.loggedOut = true
      if (message.expunged) continue
      const before = [...message.flags]
      const changed = session.mailbox!.setFlags(message, newFlags(session, message, sign, flags))
      if (silent && session.view[place]!.version >= message.version - (changed ? 1 : 0)) session.told(message)
      if (silent) continue
      session.told(message)
      const uid = (byUid && !session.faulty('uid-store-without-uid')) || session.rev2 ? ` UID ${message.uid}` : ''
      const modseq = session.condstore ? ` MODSEQ (${message.version + 1})` : ''
      session.untagged(`${place + 1} FETCH (FLAGS ${session.flagsOf(message)}${uid}${modseq})`)
      if (session.faulty('store-not-kept')) session.mailbox!.setFlags(message, before)
      if (session.faulty('store-takes-recent')) message.recent = {}
    }
    session.mailbox!.changed()
    session.sync(false)
    return 'Done'
  }

function newFlags(session: Session, message: Message, sign: string, given: readonly string[]): string[] {
  const lower = new Set(given.map((flag) => flag.toLowerCase()))
  const wanted = session.faulty('keywords-dropped') ? given.filter((flag) => flag.startsWith('\\')) : given
  const had = [...message.flags]
  if (sign !== '' && session.faulty('store-toggles'))
    return [
      ...had.filter((flag) => !lower.has(flag.toLowerCase())),
      ...wanted.filter((flag) => !message.flags.has(flag)),
    ]
  if (sign === '') return [...wanted]
  if (sign === '+') return [...had, ...wanted]
  return had.filter(
    (flag) => !lower.has(flag.toLowerCase()) || (session.faulty('keywords-stay') && !flag.startsWith('\\')),
  )
}

function needFound(session: Session, places: readonly number[], byUid: boolean): void {
  if (byUid && places.length === 0 && session.faulty('uid-missing-no')) throw new No('no such UID')
}

function readBareFlags(syntax: Syntax): string[] {
  const flags: string[] = []
  do flags.push(syntax.flag())
  while (syntax.take(' '))
  return known(flags)
}

export function needWritable(session: Session): void {
  if (session.readOnly) throw new No('the mailbox was examined, not selected', 'READ-ONLY')
}

const copy =
  (byUid: boolean, move: boolean): Run =>
  (session, syntax) => {
    const set = readSet(syntax)
    const name = session.name(syntax.astring())
    syntax.end()
    const places = resolvePartly(session, set, byUid, name)
    needFound(session, places, byUid)
    if (move || session.faulty('copy-needs-write')) needWritable(session)
    if (session.faulty('copy-creates') && !session.account!.mailboxes.has(name)) session.account!.create(name)
    if (move && session.faulty('failed-move-removes')) removeAll(session, places, name)
    const target = session.find(name, 'TRYCREATE')
    if (target === session.mailbox && session.faulty('copy-to-itself-refused')) throw new No('it is the same', 'CANNOT')
    if (session.faulty('copy-replaces')) for (const message of [...target.messages]) target.remove(message)
    const messages = places.map((place) => session.view[place]!.message).filter(({ expunged }) => !expunged)
    const code = messages.length === 0 ? '' : copyAll(session, messages, target)
    if (move && session.faulty('move-drops')) target.messages.splice(0)
    if (move && session.faulty('move-marks-deleted')) for (const copy of target.messages) copy.flags.add('\\Deleted')
    if (!move) {
      if (target !== session.mailbox) target.changed()
      return `${code === '' ? '' : `[${code}] `}Copied`
    }
    const isLate = session.faulty('move-copyuid-late')
    if (code !== '' && !isLate) session.untagged(`OK [${code}] Copied`)
    for (const message of messages) session.mailbox!.remove(message)
    target.changed()
    session.mailbox!.changed()
    session.sync(true)
    return isLate ? `[${code}] Moved` : 'Moved'
  }

/** With a fault, a set that goes beyond the end is copied as far as it goes, before it is refused. */
function resolvePartly(session: Session, set: string, byUid: boolean, name: string): number[] {
  try {
    return session.resolve(set, byUid)
  } catch (error) {
    const target = session.account!.mailboxes.get(name)
    if (session.faulty('copy-partly') && target && session.view[0]) copyAll(session, [session.view[0].message], target)
    throw error
  }
}

function removeAll(session: Session, places: readonly number[], name: string): void {
  if (session.account!.mailboxes.has(name)) return
  for (const place of places) session.mailbox!.remove(session.view[place]!.message)
}

function copyAll(session: Session, messages: readonly Message[], target: Mailbox): string {
  const copies = messages.map((message) =>
    target.add({
      ...message,
      flags: session.faulty('copy-loses-flags') ? [] : message.flags,
      date: session.faulty('copy-dates-now') ? new Date() : message.date,
    }),
  )
  return `COPYUID ${target.validity} ${asSet(messages.map(({ uid }) => uid))} ${asSet(copies.map(({ uid }) => uid))}`
}

function expungeDeleted(session: Session, uids: readonly number[] | null): void {
  const doomed = session.view
    .map(({ message }) => message)
    .filter(({ flags, uid, expunged }) => {
      const isDoomed = flags.has('\\Deleted') || session.faulty(uids === null ? 'expunge-all' : 'uid-expunge-undeleted')
      return !expunged && isDoomed && (uids?.includes(uid) ?? true)
    })
  for (const message of doomed) {
    session.mailbox!.remove(message)
    if (session.faulty('expunge-local')) session.mailbox!.messages.push({ ...message, expunged: false })
  }
  if (session.faulty('uid-reused')) session.mailbox!.uidNext = (session.mailbox!.messages.at(-1)?.uid ?? 0) + 1
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
  const places = session.resolve(set, true)
  needFound(session, places, true)
  expungeDeleted(
    session,
    places.map((place) => session.view[place]!.message.uid),
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

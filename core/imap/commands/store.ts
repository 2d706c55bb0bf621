// STORE and UID STORE (RFC 9051 §6.4.6; UNCHANGEDSINCE of RFC 7162 §3.1.3)
import { type Command, type Completion, defineCommand, no, ok, SELECTED, type Session } from '../command.ts'
import { type Decoder, SyntaxFault } from '../wire/decoder.ts'
import { formatSet, parseSequenceSet, type SequenceSet } from '../wire/sequence-set.ts'

interface StoreArguments {
  readonly set: SequenceSet
  readonly action: 'add' | 'remove' | 'replace'
  readonly silent: boolean
  readonly flags: readonly string[]
  readonly unchangedSince: number | null
}

const MAX_FLAGS = 100
const ITEM = /^([+-]?)FLAGS(\.SILENT)?$/

function parse(args: Decoder): StoreArguments {
  args.space()
  const set = parseSequenceSet(args.sequenceText())
  args.space()
  let unchangedSince: number | null = null
  if (args.skip('(')) {
    if (args.keyword('store modifier') !== 'UNCHANGEDSINCE') throw new SyntaxFault('Unknown store modifier')
    args.space()
    unchangedSince = args.number64('mod-sequence')
    args.expect(')')
    args.space()
  }
  const item = ITEM.exec(args.keyword('store item'))
  if (!item) throw new SyntaxFault('Expected FLAGS, +FLAGS or -FLAGS')
  args.space()
  const flags = args.peek() === '(' ? args.list(() => args.flag(), MAX_FLAGS) : bareFlags(args)
  const action = item[1] === '+' ? 'add' : item[1] === '-' ? 'remove' : 'replace'
  return { set, action, silent: item[2] !== undefined, flags, unchangedSince }
}

function bareFlags(args: Decoder): string[] {
  const flags = [args.flag()]
  while (!args.atEnd && flags.length < MAX_FLAGS) {
    args.space()
    flags.push(args.flag())
  }
  return flags
}

async function run(session: Session, args: StoreArguments, byUid: boolean): Promise<Completion> {
  const { view } = session
  const expunge = byUid // RFC 9051 §7.5.1: not while answering STORE
  const uids = view.resolve(args.set, byUid)
  if (session.readOnly) return { ...no('CANNOT', 'Mailbox is read-only'), expunge }
  if (args.flags.includes('\\*')) return { ...no('CANNOT', 'That is no flag'), expunge }
  const refused = await session.gate('flag', view.mailbox.name)
  if (refused) return { ...refused, expunge }
  if (args.unchangedSince !== null) session.condstore = true // RFC 7162 §3.1
  const flags = args.flags.filter((flag) => flag.toLowerCase() !== '\\recent') // RFC 3501 §2.3.2: not the client's to set
  const { modified } = await view.mailbox.store([...uids], args.action, flags, args.unchangedSince ?? undefined)
  await tell(session, args, uids, new Set(modified), byUid)
  if (modified.length === 0) return ok('Stored', { expunge })
  // RFC 7162 §3.1.3: those that were changed meanwhile, in the terms of the command
  const failed = byUid ? modified : modified.map((uid) => view.sequence(uid))
  return { status: 'OK', code: `MODIFIED ${formatSet(failed)}`, text: 'Some were changed meanwhile', expunge }
}

/** Flags of the messages stored to, unless SILENT, and of those that others changed. */
async function tell(
  session: Session,
  args: StoreArguments,
  uids: Uint32Array,
  failed: ReadonlySet<number>,
  byUid: boolean,
): Promise<void> {
  const { view } = session
  const write = (text: string) => session.text(text)
  view.tellFlagNames(write)
  const stored = new Set<number>()
  for (const uid of uids) if (!failed.has(uid)) stored.add(uid)
  // with CONDSTORE even a silent STORE tells the new mod-sequence (RFC 7162 §3.1.3)
  const told = args.silent && !session.condstore ? [] : uids
  for (const uid of view.takeFlagged()) if (!stored.has(uid)) view.tellFlags(write, uid, true, session.condstore)
  let n = 0
  for (const uid of told) {
    if (!stored.has(uid)) continue
    if (args.silent) view.tellModSeq(write, uid, byUid)
    else view.tellFlags(write, uid, byUid, session.condstore)
    if ((++n & 127) === 0) await session.breathe()
  }
}

const command = (name: string, byUid: boolean): Command =>
  defineCommand({ name, states: SELECTED, parse, run: (session, args) => run(session, args, byUid) })

export const store = command('STORE', false)
export const uidStore = command('UID STORE', true)

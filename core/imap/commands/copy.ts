// COPY, MOVE and their UID forms (RFC 9051 §6.4.7, §6.4.8; COPYUID of §7.1)
import type { Mailbox } from '../../store/mailbox-store.ts'
import { type Command, type Completion, defineCommand, no, ok, SELECTED, type Session } from '../command.ts'
import { overQuota, tryCreate } from '../outcomes.ts'
import type { Decoder } from '../wire/decoder.ts'
import { formatSet, parseSequenceSet, type SequenceSet } from '../wire/sequence-set.ts'

interface CopyArguments {
  readonly set: SequenceSet
  readonly mailbox: string
}

function parse(args: Decoder): CopyArguments {
  args.space()
  const set = parseSequenceSet(args.sequenceText())
  args.space()
  return { set, mailbox: args.astring('mailbox') }
}

async function run(session: Session, args: CopyArguments, byUid: boolean, move: boolean): Promise<Completion> {
  const { mailbox } = session.view
  const target = session.mailboxName(args.mailbox)
  const uids = [...session.view.resolve(args.set, byUid)]
  if (move && session.readOnly) return no('CANNOT', 'Mailbox is read-only')
  const refused = move
    ? ((await session.gate('move', target)) ?? (await session.gate('expunge', mailbox.name)))
    : await session.gate('append', target)
  if (refused) return refused
  if (uids.length === 0) return ok('Nothing to do')
  // what moves takes no more room than before: one quota is the whole account's
  if (!move && sizeOf(mailbox, uids) > (await session.room(null))) return overQuota
  const { uidValidity, pairs } = await (move ? mailbox.move(uids, target) : mailbox.copy(uids, target)).catch(
    (thrown) => {
      throw tryCreate(thrown)
    },
  )
  if (pairs.length === 0) return no('EXPUNGEISSUED', 'The messages no longer exist')
  const code = `COPYUID ${uidValidity} ${formatSet(pairs.map(([from]) => from))} ${formatSet(pairs.map(([, to]) => to))}`
  if (!move) return ok('Copied', { code })
  session.text(`* OK [${code}] Moved\r\n`) // RFC 9051 §6.4.8: before the EXPUNGE responses
  return ok('Moved')
}

const sizeOf = (mailbox: Mailbox, uids: readonly number[]): number =>
  uids.reduce((octets, uid) => octets + (mailbox.meta(uid)?.size ?? 0), 0)

const command = (name: string, byUid: boolean, move: boolean): Command =>
  defineCommand({ name, states: SELECTED, parse, run: (session, args) => run(session, args, byUid, move) })

export const copy = command('COPY', false, false)
export const uidCopy = command('UID COPY', true, false)
export const move = command('MOVE', false, true)
export const uidMove = command('UID MOVE', true, true)

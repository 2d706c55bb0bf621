// EXPUNGE and UID EXPUNGE (RFC 9051 §6.4.3, §6.4.9)
import { type Completion, defineCommand, no, ok, SELECTED, type Session } from '../command.ts'
import { parseSequenceSet } from '../wire/sequence-set.ts'

const DELETED = '\\Deleted'

/** Those of the messages that have \Deleted. */
export async function deletedOf(session: Session, uids: Uint32Array): Promise<number[]> {
  const { mailbox } = session.view
  const deleted: number[] = []
  for (let i = 0; i < uids.length; i++) {
    if (mailbox.meta(uids[i]!)?.flags.includes(DELETED)) deleted.push(uids[i]!)
    if ((i & 255) === 255) await session.breathe()
  }
  return deleted
}

async function run(session: Session, uids: Uint32Array): Promise<Completion> {
  if (session.readOnly) return no('CANNOT', 'Mailbox is read-only')
  const refused = await session.gate('expunge', session.view.mailbox.name)
  if (refused) return refused
  const deleted = await deletedOf(session, uids)
  if (deleted.length > 0) await session.view.mailbox.expunge(deleted)
  return session.condstore
    ? ok('Expunged', { code: `HIGHESTMODSEQ ${session.view.mailbox.highestModSeq}` }) // RFC 7162 §3.1.6
    : ok('Expunged')
}

export const expunge = defineCommand({
  name: 'EXPUNGE',
  states: SELECTED,
  parse: () => null,
  run: (session) => run(session, session.view.known),
})

export const uidExpunge = defineCommand({
  name: 'UID EXPUNGE',
  states: SELECTED,
  parse(args) {
    args.space()
    return parseSequenceSet(args.sequenceText())
  },
  run: (session, set) => run(session, session.view.resolve(set, true)),
})

// CLOSE and UNSELECT (RFC 9051 §6.4.1, §6.4.2)
import { defineCommand, ok, SELECTED, type Session } from '../command.ts'
import { deletedOf } from './expunge.ts'

async function expungeSilently(session: Session): Promise<void> {
  const { view } = session
  const deleted = await deletedOf(session, view.known)
  if (deleted.length > 0 && (await session.gate('expunge', view.mailbox.name)) === null)
    await view.mailbox.expunge(deleted)
}

export const close = defineCommand({
  name: 'CLOSE',
  states: SELECTED,
  parse: () => null,
  async run(session) {
    if (!session.readOnly) await expungeSilently(session)
    session.unselect()
    return ok('Closed', { event: 'imap.unselected' })
  },
})

export const unselect = defineCommand({
  name: 'UNSELECT',
  states: SELECTED,
  parse: () => null,
  run(session) {
    session.unselect()
    return ok('Unselected', { event: 'imap.unselected' })
  },
})

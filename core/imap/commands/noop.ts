// NOOP (RFC 9051 §6.1.2), and CHECK (RFC 3501 §6.4.1), which does no more: all changes are durable when they are answered.
import { ANY_STATE, type Completion, defineCommand, ok, SELECTED, type Session } from '../command.ts'

async function look(session: Session): Promise<Completion> {
  await session.view.mailbox.refresh().catch((thrown: unknown) => {
    // the session says goodbye behind the answer
    if (!session.view.gone) throw thrown
  })
  return ok('Done')
}

export const noop = defineCommand({
  name: 'NOOP',
  states: ANY_STATE,
  parse: () => null,
  run: (session) => (session.isSelected ? look(session) : ok('Done')),
})

export const check = defineCommand({ name: 'CHECK', states: SELECTED, parse: () => null, run: look })

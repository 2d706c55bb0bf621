// RENAME (RFC 9051 §6.3.6)
import { defineCommand, LOGGED_IN, ok } from '../command.ts'

export const rename = defineCommand({
  name: 'RENAME',
  states: LOGGED_IN,
  parse(args) {
    args.space()
    const from = args.astring('mailbox')
    args.space()
    return { from, to: args.astring('mailbox') }
  },
  async run(session, { from, to }) {
    await session.account.rename(session.mailboxName(from), session.mailboxName(to))
    return ok('Renamed')
  },
})

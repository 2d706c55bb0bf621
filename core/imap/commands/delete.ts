// DELETE (RFC 9051 §6.3.5)
import { defineCommand, LOGGED_IN, ok } from '../command.ts'

export const deleteMailbox = defineCommand({
  name: 'DELETE',
  states: LOGGED_IN,
  parse(args) {
    args.space()
    return args.astring('mailbox')
  },
  async run(session, mailbox) {
    const name = session.mailboxName(mailbox)
    // its messages go with it
    const refused = await session.gate('expunge', name)
    if (refused) return refused
    const own = session.isSelected && session.view.mailbox.name === name
    await session.account.delete(name)
    if (!own) return ok('Deleted')
    session.unselect()
    session.text('* OK [CLOSED] The selected mailbox is gone\r\n')
    return ok('Deleted', { event: 'imap.unselected' })
  },
})

// CREATE (RFC 9051 §6.3.4; CREATE-SPECIAL-USE of RFC 6154 §3; OBJECTID of RFC 8474 §4.1)
import type { SpecialUse } from '../../store/mailbox-store.ts'
import { defineCommand, LOGGED_IN, no, ok } from '../command.ts'
import { SyntaxFault } from '../wire/decoder.ts'

const USES: readonly SpecialUse[] = [
  '\\All',
  '\\Archive',
  '\\Drafts',
  '\\Flagged',
  '\\Junk',
  '\\Sent',
  '\\Trash',
  '\\Important',
]
const MAX_USES = 8

export const create = defineCommand({
  name: 'CREATE',
  states: LOGGED_IN,
  parse(args) {
    args.space()
    const mailbox = args.astring('mailbox')
    const uses: string[] = []
    if (!args.atEnd) {
      args.space()
      args.expect('(')
      if (args.keyword('create parameter') !== 'USE') throw new SyntaxFault('Unknown create parameter')
      args.space()
      uses.push(...args.list(() => args.flag(), MAX_USES))
      args.expect(')')
    }
    return { mailbox, uses }
  },
  async run(session, { mailbox, uses }) {
    // RFC 9051 §6.3.4: a separator at the end only tells that children will follow
    const name = session.mailboxName(mailbox.replace(/\/$/, ''))
    if (name === 'INBOX') return no('ALREADYEXISTS', 'INBOX is always there')
    const known = uses.map((use) => USES.find((one) => one.toLowerCase() === use.toLowerCase()))
    if (known.includes(undefined)) return no('USEATTR', 'Unknown special use')
    const specialUse = known as SpecialUse[]
    await (specialUse.length > 0 ? session.account.create(name, specialUse) : session.account.create(name))
    const id = await session.withMailbox(name, (created) => created.mailboxId)
    return ok('Created', { code: `MAILBOXID (${id})` })
  },
})

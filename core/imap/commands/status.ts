// STATUS (RFC 9051 §6.3.11; items of RFC 7162, 7889, 8474)
import type { Mailbox } from '../../store/mailbox-store.ts'
import { findUid } from '../../store/uid-set.ts'
import { defineCommand, LOGGED_IN, ok, type Session } from '../command.ts'
import { formatMailbox } from '../wire/encoder.ts'
import { parseStatusItems, type StatusItem } from '../wire/list-options.ts'

export const status = defineCommand({
  name: 'STATUS',
  states: LOGGED_IN,
  parse(args) {
    args.space()
    const mailbox = args.astring('mailbox')
    args.space()
    return { mailbox, items: parseStatusItems(args) }
  },
  async run(session, { mailbox, items }) {
    const name = session.mailboxName(mailbox)
    await session.withMailbox(name, async (open) => {
      await open.refresh()
      tellStatus(session, open, items)
    })
    return ok('Done')
  },
})

export function tellStatus(session: Session, mailbox: Mailbox, items: readonly StatusItem[]): void {
  const facts = mailbox.status()
  if (items.includes('HIGHESTMODSEQ')) session.condstore = true // RFC 7162 §3.1
  const values: { readonly [item in StatusItem]: string | number } = {
    MESSAGES: facts.messages,
    RECENT: recentIn(mailbox),
    UIDNEXT: facts.uidNext,
    UIDVALIDITY: facts.uidValidity,
    UNSEEN: facts.unseen,
    DELETED: facts.deleted,
    SIZE: facts.size,
    HIGHESTMODSEQ: facts.highestModSeq,
    MAILBOXID: `(${facts.mailboxId})`,
    APPENDLIMIT: session.generation.site.limits.messageSize,
  }
  const text = items.map((item) => `${item} ${values[item]}`).join(' ')
  session.text(`* STATUS ${formatMailbox(mailbox.name, session.rev2)} (${text})\r\n`)
}

function recentIn(mailbox: Mailbox): number {
  const at = findUid(mailbox.uids(), mailbox.firstRecent(false))
  return mailbox.uids().length - (at < 0 ? ~at : at)
}

// SELECT and EXAMINE (RFC 9051 §6.3.2, §6.3.3; CONDSTORE of RFC 7162 §3.1.8)
import { type Completion, defineCommand, LOGGED_IN, ok, type Session } from '../command.ts'
import { expected } from '../outcomes.ts'
import { type Decoder, SyntaxFault } from '../wire/decoder.ts'
import { formatMailbox } from '../wire/encoder.ts'

interface SelectArguments {
  readonly mailbox: string
  readonly condstore: boolean
}

const MAX_PARAMETERS = 10

function parse(args: Decoder): SelectArguments {
  args.space()
  const mailbox = args.astring('mailbox')
  let condstore = false
  if (!args.atEnd) {
    args.space()
    args.list(
      () => {
        const name = args.keyword('select parameter')
        if (name !== 'CONDSTORE') throw new SyntaxFault(`Unknown select parameter ${name}`)
        condstore = true
      },
      MAX_PARAMETERS,
      1,
    )
  }
  return { mailbox, condstore }
}

async function run(session: Session, args: SelectArguments, readOnly: boolean): Promise<Completion> {
  const name = session.mailboxName(args.mailbox)
  if (args.condstore) session.condstore = true
  const wasSelected = session.isSelected
  if (wasSelected) {
    session.unselect()
    session.text('* OK [CLOSED] Previous mailbox is closed\r\n') // RFC 9051 §7.1
  }
  try {
    const mailbox = await session.account.open(name)
    await mailbox.refresh()
    session.select(mailbox, readOnly)
  } catch (thrown) {
    // RFC 9051 §6.3.2: a failed SELECT leaves no mailbox selected
    const completion = wasSelected ? expected(thrown) : null
    if (completion === null) throw thrown
    return { ...completion, event: 'imap.unselected' }
  }
  describe(session)
  const mode = readOnly ? 'READ-ONLY' : 'READ-WRITE'
  return ok(`${readOnly ? 'Examined' : 'Selected'}`, { code: mode, event: 'imap.selected' })
}

function describe(session: Session): void {
  const { mailbox, known } = session.view
  const flags = mailbox.flags().join(' ')
  const lines = [`* FLAGS (${flags})`, `* ${known.length} EXISTS`]
  if (!session.rev2) lines.push(`* ${session.view.recentUids().length} RECENT`)
  const unseen = session.rev2 ? null : (mailbox.firstUnseen?.() ?? null)
  if (unseen !== null) lines.push(`* OK [UNSEEN ${session.view.sequence(unseen)}] First unseen`)
  lines.push(
    `* OK [PERMANENTFLAGS (${session.readOnly ? '' : `${flags} \\*`})] ${session.readOnly ? 'Read only' : 'Limited'}`,
    `* OK [UIDVALIDITY ${mailbox.uidValidity}] UIDs valid`,
    `* OK [UIDNEXT ${mailbox.uidNext}] Predicted next UID`,
    `* OK [HIGHESTMODSEQ ${mailbox.highestModSeq}] Highest`,
    `* OK [MAILBOXID (${mailbox.mailboxId})] Ok`, // RFC 8474 §4.2
  )
  if (session.rev2) lines.push(`* LIST () "/" ${formatMailbox(mailbox.name, true)}`) // RFC 9051 §6.3.2
  session.text(`${lines.join('\r\n')}\r\n`)
}

export const select = defineCommand({
  name: 'SELECT',
  states: LOGGED_IN,
  parse,
  run: (session, args) => run(session, args, false),
})

export const examine = defineCommand({
  name: 'EXAMINE',
  states: LOGGED_IN,
  parse,
  run: (session, args) => run(session, args, true),
})

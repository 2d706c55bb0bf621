// LIST and LSUB (RFC 9051 §6.3.9, RFC 3501 §6.3.9; LIST-EXTENDED, LIST-STATUS, SPECIAL-USE, CHILDREN)
import type { MailboxInfo } from '../../store/mailbox-store.ts'
import { ancestors } from '../../store/names.ts'
import { type Completion, defineCommand, LOGGED_IN, ok, type Session } from '../command.ts'
import { decodeName } from '../mailbox-name.ts'
import { formatMailbox } from '../wire/encoder.ts'
import { type ListRequest, matchesPattern, parseList } from '../wire/list-options.ts'
import { tellStatus } from './status.ts'

interface Row {
  readonly info: MailboxInfo
  /** It matched by itself, not only for what lies below it (RECURSIVEMATCH). */
  readonly matched: boolean
  /** Selection options that hold for something below it. */
  readonly childInfo: readonly string[]
}

export const list = defineCommand({
  name: 'LIST',
  states: LOGGED_IN,
  parse: parseList,
  run(session, request) {
    // RFC 9051 §6.3.9: an empty pattern asks for the separator
    const [pattern] = request.patterns
    if (request.patterns.length === 1 && pattern === '') {
      session.text('* LIST (\\Noselect) "/" ""\r\n')
      return ok('Done')
    }
    return answer(session, request)
  },
})

export const lsub = defineCommand({
  name: 'LSUB',
  states: LOGGED_IN,
  parse(args) {
    args.space()
    const reference = args.astring('reference')
    args.space()
    return { reference, pattern: args.listMailbox() }
  },
  async run(session, { reference, pattern }) {
    const match = patternText(session, reference, pattern)
    const told = new Set<string>()
    for (const { name, subscribed } of await session.account.list()) {
      if (!subscribed) continue
      const above = ancestors(name).filter((parent) => matchesPattern(match, parent) && !told.has(parent))
      if (matchesPattern(match, name)) told.add(name)
      else for (const parent of above) told.add(`${parent}/`)
    }
    for (const entry of told) {
      // RFC 3501 §6.3.9: a name that stands for subscribed ones below it
      const parent = entry.endsWith('/')
      if (parent && told.has(entry.slice(0, -1))) continue
      const name = formatMailbox(parent ? entry.slice(0, -1) : entry, session.rev2)
      session.text(`* LSUB (${parent ? '\\Noselect' : ''}) "/" ${name}\r\n`)
    }
    return ok('Done')
  },
})

async function answer(session: Session, request: ListRequest): Promise<Completion> {
  const patterns = request.patterns.map((pattern) => patternText(session, request.reference, pattern))
  const all = await session.account.list()
  const rows = request.select.has('RECURSIVEMATCH') ? recursive(all, request, patterns) : plain(all, request, patterns)
  for (const row of rows) {
    session.text(formatRow(session, request, row))
    if (request.status && row.info.selectable && row.matched) {
      await session.withMailbox(row.info.name, (mailbox) => tellStatus(session, mailbox, request.status!))
    }
    await session.breathe()
  }
  return ok('Done')
}

const plain = (all: readonly MailboxInfo[], request: ListRequest, patterns: readonly string[]): Row[] =>
  all
    .filter((info) => selects(request, info) && patterns.some((pattern) => matchesPattern(pattern, info.name)))
    .map((info) => ({ info, matched: true, childInfo: [] }))

/** RFC 9051 §6.3.9.1: names also for the sake of what lies below them. */
function recursive(all: readonly MailboxInfo[], request: ListRequest, patterns: readonly string[]): Row[] {
  const below = new Set(all.filter((info) => selects(request, info)).flatMap(({ name }) => ancestors(name)))
  const option = request.select.has('SUBSCRIBED') ? 'SUBSCRIBED' : 'SPECIAL-USE'
  return all
    .filter(({ name }) => patterns.some((pattern) => matchesPattern(pattern, name)))
    .map((info) => ({ info, matched: selects(request, info), childInfo: below.has(info.name) ? [option] : [] }))
    .filter((row) => row.matched || row.childInfo.length > 0)
}

const selects = ({ select }: ListRequest, info: MailboxInfo): boolean =>
  // RFC 9051 §6.3.9.1: what is not there is listed among the subscribed alone
  (select.has('SUBSCRIBED') ? info.subscribed : info.exists) &&
  (!select.has('SPECIAL-USE') || info.specialUse.length > 0)

function formatRow(session: Session, request: ListRequest, { info, childInfo }: Row): string {
  const attributes: string[] = []
  if (!info.selectable) attributes.push(info.exists ? '\\Noselect' : '\\NonExistent')
  attributes.push(info.hasChildren ? '\\HasChildren' : '\\HasNoChildren')
  const wantsSubscribed = request.select.has('SUBSCRIBED') || request.returns.has('SUBSCRIBED')
  if (info.subscribed && wantsSubscribed) attributes.push('\\Subscribed')
  attributes.push(...info.specialUse)
  const extended = childInfo.length > 0 ? ` (CHILDINFO (${childInfo.map((c) => `"${c}"`).join(' ')}))` : ''
  return `* LIST (${attributes.join(' ')}) "/" ${formatMailbox(info.name, session.rev2)}${extended}\r\n`
}

/** Reference and pattern as Unicode text; what is no name matches nothing. */
function patternText(session: Session, reference: string, pattern: string): string {
  return (decodeName(reference + pattern, session.rev2) ?? '\0').normalize('NFC')
}

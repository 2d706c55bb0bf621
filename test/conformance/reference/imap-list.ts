// The reference IMAP server's LIST and LSUB: RFC 9051 §6.3.9 with its selection and return options, RFC 3501 §6.3.9.
import { asMailbox } from './imap-fetch.ts'
import { type Run, statusItems } from './imap-mailboxes.ts'
import type { Session } from './imap-session.ts'
import { canonicalName, DELIMITER } from './imap-store.ts'
import { Bad, decodeMutf7, fromOctets, No, type Syntax } from './imap-syntax.ts'

interface Wish {
  readonly select: ReadonlySet<string>
  readonly give: ReadonlySet<string>
  readonly status: readonly string[]
  readonly patterns: readonly RegExp[]
}

const SELECTIONS = ['SUBSCRIBED', 'REMOTE', 'RECURSIVEMATCH', 'SPECIAL-USE']
const RETURNS = ['SUBSCRIBED', 'CHILDREN', 'SPECIAL-USE']

export const listMailboxes: Run = (session, syntax) => {
  syntax.sp()
  const select = new Set(syntax.peek() === '(' ? syntax.list(() => option(syntax, SELECTIONS)) : [])
  const isExtended = syntax.text[syntax.at - 1] === ')'
  if (isExtended) syntax.sp()
  // RFC 9051 §6.3.9.1: RECURSIVEMATCH alone, or with REMOTE alone, is an error
  if (select.has('RECURSIVEMATCH') && ![...select].some((one) => !['RECURSIVEMATCH', 'REMOTE'].includes(one)))
    throw new Bad('RECURSIVEMATCH wants another selection option')
  const reference = readText(session, syntax.astring())
  syntax.sp()
  const several = syntax.peek() === '('
  const patterns = several ? syntax.list(() => syntax.listMailbox(), false) : [syntax.listMailbox()]
  let status: string[] = []
  const give = new Set<string>()
  if (syntax.take(' RETURN ')) {
    syntax.list(() => {
      const name = option(syntax, [...RETURNS, 'STATUS'])
      if (name !== 'STATUS') give.add(name)
      else {
        syntax.sp()
        status = syntax.list(() => syntax.atom().toUpperCase(), false)
      }
    })
  }
  syntax.end()
  if (!several && !isExtended && patterns[0] === '') {
    session.untagged(`LIST (\\Noselect) "${DELIMITER}" ""`)
    return 'Done'
  }
  if (session.faulty('list-unselects')) session.leave()
  if (select.has('SUBSCRIBED')) give.add('SUBSCRIBED')
  const expressions = patterns
    .map((pattern) => toExpression(reference + readText(session, pattern)))
    .map((found) => (session.faulty('list-wildcard-one') ? new RegExp(found.source.replaceAll('*', '+'), 's') : found))
  const found = list(session, { select, give, status, patterns: expressions })
  if (!found && session.faulty('list-nothing-no')) throw new No('nothing there')
  return 'Done'
}

function option(syntax: Syntax, known: readonly string[]): string {
  const name = syntax.atom().toUpperCase()
  if (!known.includes(name)) throw new Bad(`no option ${name}`)
  return name
}

const readText = (session: Session, octets: string): string =>
  (session.unicode ? fromOctets(octets) : decodeMutf7(octets)) ?? octets

/** `*` is everything, `%` everything in one level; INBOX has no case. */
function toExpression(pattern: string): RegExp {
  const body = canonicalName(pattern)
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/[*]+%*[*]*/g, '.*')
    .replace(/%+/g, `[^${DELIMITER}]*`)
  return new RegExp(`^${body}$`, 's')
}

const matches = (name: string, patterns: readonly RegExp[]): boolean =>
  patterns.some((pattern) => pattern.test(name) || (name === 'INBOX' && new RegExp(pattern.source, 'is').test(name)))

function list(session: Session, { select, give, status, patterns }: Wish): boolean {
  let found = false
  const { mailboxes, subscribed } = session.account!
  const names = new Set([...mailboxes.keys(), ...(select.has('SUBSCRIBED') ? subscribed : [])])
  const isSelected = (name: string): boolean =>
    (!select.has('SUBSCRIBED') || subscribed.has(name)) &&
    (!select.has('SPECIAL-USE') || (mailboxes.get(name)?.specialUse.length ?? 0) > 0)
  if (session.server.bareLevels && !select.has('SUBSCRIBED'))
    for (const name of [...mailboxes.keys()]) for (const one of superiors(name)) names.add(one)
  // superiors that are no mailboxes themselves answer for what is selected below them
  if (select.has('RECURSIVEMATCH')) for (const name of [...names]) for (const one of superiors(name)) names.add(one)
  for (const name of [...names].sort()) {
    if (!matches(name, patterns)) continue
    const below = select.has('RECURSIVEMATCH') && hasBelow(name, names, isSelected, patterns)
    if (!isSelected(name) && !below) continue
    found = true
    session.untagged(
      `LIST (${attributes(session, name, give).join(' ')}) "${DELIMITER}" ${asMailbox(session, name)}${below ? ' ("CHILDINFO" ("SUBSCRIBED"))' : ''}`,
    )
    const mailbox = mailboxes.get(name)
    if (status.length > 0 && mailbox && !mailbox.noSelect)
      session.untagged(`STATUS ${asMailbox(session, name)} (${statusItems(session, mailbox, status)})`)
  }
  return found
}

const superiors = (name: string): string[] => {
  const parts = name.split(DELIMITER)
  return parts.slice(1).map((_, at) => parts.slice(0, at + 1).join(DELIMITER))
}

/** RFC 9051 §6.3.9.4: an inferior is selected, and does not answer for itself. */
const hasBelow = (
  name: string,
  names: ReadonlySet<string>,
  isSelected: (name: string) => boolean,
  patterns: readonly RegExp[],
): boolean =>
  [...names].some((other) => other.startsWith(name + DELIMITER) && isSelected(other) && !matches(other, patterns))

function attributes(session: Session, name: string, give: ReadonlySet<string>): string[] {
  const account = session.account!
  const mailbox = account.mailboxes.get(name)
  const found: string[] = []
  if (!mailbox && account.hasInferiors(name)) found.push('\\Noselect')
  else if (!mailbox) found.push('\\NonExistent')
  else if (mailbox.noSelect) found.push('\\Noselect')
  found.push(account.hasInferiors(name) ? '\\HasChildren' : '\\HasNoChildren')
  if (give.has('SUBSCRIBED') && account.subscribed.has(name)) found.push('\\Subscribed')
  found.push(...(mailbox?.specialUse ?? []))
  return found
}

export const lsub: Run = (session, syntax) => {
  syntax.sp()
  const reference = readText(session, syntax.astring())
  syntax.sp()
  const pattern = readText(session, syntax.listMailbox())
  syntax.end()
  const expression = toExpression(reference + pattern)
  const { subscribed } = session.account!
  const names = new Map<string, boolean>()
  for (const name of subscribed) {
    if (matches(name, [expression])) names.set(name, true)
    // RFC 3501 §6.3.9: with %, a superior that is not subscribed itself is listed as \Noselect
    else if (pattern.includes('%'))
      for (const superior of superiors(name))
        if (matches(superior, [expression]) && !subscribed.has(superior)) names.set(superior, false)
  }
  for (const [name, selectable] of names)
    session.untagged(`LSUB (${selectable ? '' : '\\Noselect'}) "${DELIMITER}" ${asMailbox(session, name)}`)
  return 'Done'
}

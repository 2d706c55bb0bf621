// Mailbox names: what is a good one, how they form a tree, which have a special use (RFC 9051 §5.1, RFC 6154).
import { badMailboxName } from './errors.ts'
import type { MailboxInfo, SpecialUse } from './mailbox-store.ts'

export const INBOX = 'INBOX'
const MAX_NAME = 250
const MAX_LEVELS = 20

/** NFC, INBOX in upper case. Throws Failure('permanent') for a name that no mailbox can have. */
export function mailboxName(name: string): string {
  if (name === INBOX) return INBOX
  const normal = name.normalize('NFC')
  const levels = normal.split('/')
  if (normal === '' || levels.includes('')) throw badMailboxName('empty level')
  if (Buffer.byteLength(normal) > MAX_NAME || levels.length > MAX_LEVELS) throw badMailboxName('too long')
  if (/[\x00-\x1f\x7f\ufffd\u2028\u2029]/.test(normal) || levels.some((level) => level === '.' || level === '..')) {
    throw badMailboxName('characters')
  }
  if (levels[0]!.toUpperCase() === INBOX) levels[0] = INBOX
  return levels.join('/')
}

const BY_NAME = new Map<string, SpecialUse>([
  ['drafts', '\\Drafts'],
  ['sent', '\\Sent'],
  ['trash', '\\Trash'],
  ['junk', '\\Junk'],
  ['archive', '\\Archive'],
])

/** `given` at creation, else what the usual name says. */
export const specialUseOf = (name: string, given: readonly SpecialUse[] | undefined): readonly SpecialUse[] => {
  const usual = BY_NAME.get(name.toLowerCase())
  return given ?? (usual ? [usual] : [])
}

/** LIST of an account: every mailbox, the names above them that exist only for their children, and subscribed ones that are not there. */
export function listTree(
  names: Iterable<string>,
  subscribed: ReadonlySet<string>,
  given: ReadonlyMap<string, readonly SpecialUse[]>,
): MailboxInfo[] {
  const selectable = new Set(names)
  const parents = new Set([...selectable].flatMap(ancestors))
  return [...new Set([...selectable, ...parents, ...subscribed, ...[...subscribed].flatMap(ancestors)])]
    .sort((a, b) => (a === INBOX ? -1 : b === INBOX ? 1 : a < b ? -1 : 1))
    .map((name) => {
      const exists = selectable.has(name) || parents.has(name)
      return {
        name,
        selectable: selectable.has(name),
        exists,
        subscribed: subscribed.has(name),
        specialUse: exists ? specialUseOf(name, given.get(name)) : [],
        hasChildren: parents.has(name),
      }
    })
}

/** The names above it, nearest first. */
export function ancestors(name: string): string[] {
  const above: string[] = []
  for (let slash = name.lastIndexOf('/'); slash > 0; slash = name.lastIndexOf('/', slash - 1))
    above.push(name.slice(0, slash))
  return above
}

/** New names of the mailboxes that RENAME moves: `from` itself and all below it. */
export function renames(names: Iterable<string>, from: string, to: string): [string, string][] {
  const moved: [string, string][] = []
  for (const name of names) {
    if (name === from) moved.push([name, to])
    else if (name.startsWith(`${from}/`) && from !== INBOX) moved.push([name, to + name.slice(from.length)])
  }
  return moved
}

// LIST with its extensions (RFC 9051 §6.3.9, RFC 5258, 5819, 6154) and STATUS items (RFC 9051 §6.3.11).
import { type Decoder, SyntaxFault } from './decoder.ts'

export type StatusItem =
  | 'MESSAGES'
  | 'RECENT'
  | 'UIDNEXT'
  | 'UIDVALIDITY'
  | 'UNSEEN'
  | 'DELETED'
  | 'SIZE'
  | 'HIGHESTMODSEQ'
  | 'MAILBOXID'
  | 'APPENDLIMIT'

export interface ListRequest {
  /** Octets, as written. */
  readonly reference: string
  readonly patterns: readonly string[]
  readonly select: ReadonlySet<string>
  /** CHILDREN, SUBSCRIBED, SPECIAL-USE. */
  readonly returns: ReadonlySet<string>
  /** RETURN (STATUS (…)); null without. */
  readonly status: readonly StatusItem[] | null
}

const STATUS_ITEMS = new Set([
  'MESSAGES',
  'RECENT',
  'UIDNEXT',
  'UIDVALIDITY',
  'UNSEEN',
  'DELETED',
  'SIZE',
  'HIGHESTMODSEQ',
  'MAILBOXID',
  'APPENDLIMIT',
])
const SELECT_OPTIONS = new Set(['SUBSCRIBED', 'REMOTE', 'RECURSIVEMATCH', 'SPECIAL-USE'])
const RETURN_OPTIONS = new Set(['SUBSCRIBED', 'CHILDREN', 'SPECIAL-USE'])
const MAX_OPTIONS = 20
const MAX_PATTERNS = 100

export function parseStatusItems(d: Decoder): StatusItem[] {
  return d.list(() => statusItem(d.keyword('status item')), MAX_OPTIONS, 1)
}

function statusItem(name: string): StatusItem {
  if (!STATUS_ITEMS.has(name)) throw new SyntaxFault(`Unknown status item ${name}`)
  return name as StatusItem
}

export function parseList(d: Decoder): ListRequest {
  const select = new Set<string>()
  d.space()
  if (d.peek() === '(') {
    for (const option of d.list(() => d.keyword('selection option'), MAX_OPTIONS)) {
      if (!SELECT_OPTIONS.has(option)) throw new SyntaxFault(`Unknown selection option ${option}`)
      select.add(option)
    }
    d.space()
    // RFC 9051 §6.3.9.1: RECURSIVEMATCH alone, or with REMOTE, is an error
    if (select.has('RECURSIVEMATCH') && !select.has('SUBSCRIBED') && !select.has('SPECIAL-USE')) {
      throw new SyntaxFault('RECURSIVEMATCH needs another selection option')
    }
  }
  const reference = d.peek() === '"' || d.atLiteral ? d.string() : d.listMailbox()
  d.space()
  const patterns = d.peek() === '(' ? d.list(() => d.listMailbox(), MAX_PATTERNS, 1) : [d.listMailbox()]
  const returns = new Set<string>()
  let status: StatusItem[] | null = null
  if (!d.atEnd) {
    d.space()
    if (d.keyword('RETURN') !== 'RETURN') throw new SyntaxFault('Expected RETURN')
    d.space()
    d.list(() => {
      const option = d.keyword('return option')
      if (option === 'STATUS') {
        d.space()
        status = parseStatusItems(d)
      } else if (RETURN_OPTIONS.has(option)) returns.add(option)
      else throw new SyntaxFault(`Unknown return option ${option}`)
    }, MAX_OPTIONS)
  }
  return { reference, patterns, select, returns, status }
}

/**
 * True if `name` matches: `*` any text, `%` any without the separator `/` (RFC 9051 §6.3.9), INBOX in any letter case (§5.1).
 * Time is pattern × name.
 */
export function matchesPattern(pattern: string, name: string): boolean {
  const anyCase = /^INBOX(?=$|\/)/.test(name) ? 'INBOX'.length : 0
  let reachable = new Uint8Array(name.length + 1)
  reachable[0] = 1
  for (let at = 0; at < pattern.length; at++) {
    const c = pattern[at]!
    const next = new Uint8Array(name.length + 1)
    if (c === '*' || c === '%') {
      for (let i = 0, open = false; i <= name.length; i++) {
        open = reachable[i] === 1 || (open && (c === '*' || name[i - 1] !== '/'))
        if (open) next[i] = 1
      }
    } else {
      const upper = c.toUpperCase()
      for (let i = 0; i < name.length; i++) {
        if (reachable[i] === 1 && name[i] === (i < anyCase ? upper : c)) next[i + 1] = 1
      }
    }
    reachable = next
  }
  return reachable[name.length] === 1
}

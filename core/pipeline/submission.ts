// What a submission server mends in its users' mail (RFC 6409 §8): missing fields, unqualified addresses, Bcc.
import type { Site } from '../config/site.ts'
import { type Address, formatAddress } from '../message/address.ts'
import { formatDate } from '../message/date.ts'
import { editHeader } from '../message/edit-header.ts'
import { type HeaderView, parseHeader } from '../message/header.ts'

export interface FixUpFacts {
  readonly site: Site
  readonly now: number
  readonly queueId: string
  readonly reversePath: Address | null
}

const ADDRESS_FIELDS = new Set([
  'from',
  'sender',
  'reply-to',
  'to',
  'cc',
  'resent-from',
  'resent-to',
  'resent-cc',
  'resent-sender',
])

/** The mended block, and the Message-ID that was added (null: there was one). */
export function fixUp(block: Buffer, facts: FixUpFacts): { header: Buffer; messageId: string | null } {
  const view = parseHeader(block)
  const append: { name: string; value: string }[] = []
  if (view.get('date') === null) append.push({ name: 'Date', value: formatDate(facts.now) })
  const messageId = view.get('message-id') === null ? `<${facts.queueId}@${facts.site.hostname}>` : null
  if (messageId) append.push({ name: 'Message-ID', value: messageId })
  if (view.get('from') === null) {
    append.push({
      name: 'From',
      value: `<${formatAddress(facts.reversePath) || `MAILER-DAEMON@${facts.site.origin}`}>`,
    })
  }
  const unqualified = view.fields.filter((f) => ADDRESS_FIELDS.has(f.name.toLowerCase()) && hasUnqualified(f.value))
  for (const f of unqualified) {
    append.push({ name: f.name, value: qualify(f.value, facts.site.origin) })
  }
  const gone = new Set<unknown>(unqualified)
  const hasBcc = view.get('bcc') !== null || view.get('resent-bcc') !== null
  if (append.length === 0 && !hasBcc) return { header: block, messageId: null }
  const remove = (f: HeaderView['fields'][number]) => gone.has(f) || /^(resent-)?bcc$/i.test(f.name)
  return { header: editHeader(block, view, { append, remove }), messageId }
}

/** Pieces of an address list: comments and quoted strings stay whole, so that nothing inside them is mistaken for an address. */
const PIECES = /\((?:[^()\\]|\\.)*\)|"(?:[^"\\]|\\.)*"|<[^>]*>|[,;:]|[^,;:<("]+/g

const hasUnqualified = (value: string): boolean => qualify(value, 'x.invalid') !== value

/** Adds `@origin` to addresses without a domain; leaves display names, groups and comments alone. */
export function qualify(value: string, origin: string): string {
  const pieces = value.match(PIECES) ?? []
  const out: string[] = []
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i]!
    if (piece.startsWith('<')) out.push(piece.replace(/^<([^@<>\s]+)>$/, `<$1@${origin}>`))
    else if (isBareAddress(piece) && standsAlone(pieces, i)) out.push(piece.replace(/(\S+)/, `$1@${origin}`))
    else out.push(piece)
  }
  return out.join('')
}

const isBareAddress = (piece: string): boolean => /^\s*[^\s@,;:<>()"]+\s*$/.test(piece)

/** A single word is an address only when no angle address or group colon follows in its list entry. */
function standsAlone(pieces: readonly string[], i: number): boolean {
  for (let j = i - 1; j >= 0 && !/^[,;:]$/.test(pieces[j]!); j--) if (!isBlank(pieces[j]!)) return false
  for (let j = i + 1; j < pieces.length && !/^[,;]$/.test(pieces[j]!); j++) {
    if (pieces[j] === ':' || !isBlank(pieces[j]!)) return false
  }
  return true
}

const isBlank = (piece: string): boolean => piece.trim() === '' || piece.startsWith('(')

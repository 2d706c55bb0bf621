// What a submission server mends in its users' mail (RFC 6409 §8): missing fields, unqualified addresses, Bcc.
import type { Site } from '../config/site.ts'
import { type Address, formatAddress } from '../message/address.ts'
import { formatDate } from '../message/date.ts'
import { editHeader } from '../message/edit-header.ts'
import { type HeaderField, type HeaderView, parseHeader } from '../message/header.ts'
import { qualify } from './qualify.ts'

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
/** Characters of all address fields together; longer lists than a thousand recipients make are left as they are. */
const MENDED_MAX = 131_072

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
  const qualified = qualifiedFields(view, facts.site.origin)
  for (const [{ name }, value] of qualified) append.push({ name, value })
  const hasBcc = view.get('bcc') !== null || view.get('resent-bcc') !== null
  if (append.length === 0 && !hasBcc) return { header: block, messageId: null }
  const remove = (f: HeaderField) => qualified.has(f) || /^(resent-)?bcc$/i.test(f.name)
  return { header: editHeader(block, view, { append, remove }), messageId }
}

/** The fields that hold an address without a domain, each with its new value. */
function qualifiedFields({ fields }: HeaderView, origin: string): Map<HeaderField, string> {
  const qualified = new Map<HeaderField, string>()
  const found = fields.filter(({ name }) => ADDRESS_FIELDS.has(name.toLowerCase()))
  if (found.reduce((sum, { value }) => sum + value.length, 0) > MENDED_MAX) return qualified
  for (const field of found) {
    const value = qualify(field.value, origin)
    if (value !== field.value) qualified.set(field, value)
  }
  return qualified
}

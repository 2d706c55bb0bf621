// Which items a listing names.
import { formatAddress, withALabels } from '../message/address.ts'
import { replyLine } from '../message/reply.ts'
import { type PackedItem, unpackAddress, unpackMeta } from './packed.ts'
import type { QueueFilter } from './queue.ts'

/** An address, `@domain` for all of a domain, or `<>`; letter case does not matter, nor whether U-labels or A-labels. */
function addressMatches(address: string, wanted: string): boolean {
  const have = address.toLowerCase()
  const want = withALabels(wanted.replace(/^<(.*)>$/, '$1')).toLowerCase()
  return want.startsWith('@') ? have.endsWith(want) : have === want
}

/** True if all that the filter states holds. */
export function matches<C>(item: PackedItem<C>, filter: QueueFilter): boolean {
  if (filter.id !== undefined && filter.id !== item.id) return false
  if (filter.held !== undefined && filter.held !== (item.held !== null)) return false
  if (filter.quarantine !== undefined && filter.quarantine !== (item.held?.quarantine ?? false)) return false
  if (filter.before !== undefined && item.arrived >= filter.before) return false
  return metaMatches(item, filter) && recipientMatches(item, filter)
}

function metaMatches<C>(item: PackedItem<C>, { sender, messageId }: QueueFilter): boolean {
  if (sender === undefined && messageId === undefined) return true
  const meta = unpackMeta(item)
  if (sender !== undefined && !addressMatches(formatAddress(meta.envelope.reversePath), sender)) return false
  return messageId === undefined || bare(meta.messageId) === bare(messageId)
}

const bare = (messageId: string | null): string => (messageId ?? '').replace(/^<|>$/g, '')

function recipientMatches<C>(item: PackedItem<C>, { recipient, reason }: QueueFilter): boolean {
  if (recipient !== undefined) {
    const found = item.recipients.some((r) => addressMatches(formatAddress(unpackAddress(r.address)), recipient))
    if (!found) return false
  }
  if (reason === undefined) return true
  return item.recipients.some((r) => r.open && r.last !== null && replyLine(r.last.reply).includes(reason))
}

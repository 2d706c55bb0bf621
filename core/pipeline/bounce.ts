// Reports to senders as new queue items: made in the same record that settles what they speak of (RFC 3464, RFC 3461).

import type { Reply } from '../base/failure.ts'
import { createQueueId } from '../base/ids.ts'
import type { Site } from '../config/site.ts'
import { type Address, formatAddress } from '../message/address.ts'
import { contentBytes, type MessageContent } from '../message/content.ts'
import { createDsn, type DsnAction } from '../message/dsn.ts'
import { defaultMailParameters, plainRecipient } from '../message/envelope.ts'
import type { NewQueueItem, QueuedRecipient, QueueItem } from '../queue/queue.ts'

export interface Report {
  readonly recipient: QueuedRecipient
  readonly action: DsnAction
  readonly reply: Reply
  readonly relay: string | null
}

/** A report on its way to a sender. */
export interface Notification {
  readonly action: DsnAction
  readonly item: NewQueueItem
}

/** Originals up to this size are returned whole when the sender did not say (RFC 3461 §4.3 leaves it to us). */
const RETURN_WHOLE = 50 * 1024
const RETURN_WHOLE_ASKED = 1024 * 1024

/** Is the sender to hear of this (RFC 3461 §4.1)? Success only when asked for; failure and delay unless declined. */
export function wantsReport(recipient: QueuedRecipient, action: DsnAction): boolean {
  if (recipient.reversePath === null) return false
  const { notify } = recipient
  if (action === 'failed') return notify.length === 0 || notify.includes('failure')
  if (action === 'delayed') return notify.length === 0 || notify.includes('delay')
  return notify.includes('success')
}

/** One report for each reverse-path and action among `reports`; those nobody wants are left out. */
export async function createReports(
  item: QueueItem,
  content: MessageContent,
  reports: readonly Report[],
  site: Site,
  now: number,
): Promise<Notification[]> {
  const groups = new Map<string, { to: Address; reports: Report[] }>()
  for (const report of reports) {
    const to = report.recipient.reversePath
    if (to === null || !wantsReport(report.recipient, report.action)) continue
    const key = `${report.action} ${formatAddress(to)}`
    const group = groups.get(key) ?? { to, reports: [] }
    group.reports.push(report)
    groups.set(key, group)
  }
  if (groups.size === 0) return []
  const original = returnsWhole(item) ? await contentBytes(content) : null
  return [...groups.values()].map((group) => ({
    action: group.reports[0]!.action,
    item: createReport(item, content, original, group, site, now),
  }))
}

function returnsWhole(item: QueueItem): boolean {
  if (item.envelope.ret === 'hdrs') return false
  return item.size <= (item.envelope.ret === 'full' ? RETURN_WHOLE_ASKED : RETURN_WHOLE)
}

function createReport(
  item: QueueItem,
  content: MessageContent,
  original: Buffer | null,
  group: { to: Address; reports: readonly Report[] },
  site: Site,
  now: number,
): NewQueueItem {
  const id = createQueueId(now)
  const messageId = `<${id}@${site.hostname}>`
  const failed = group.reports[0]!.action === 'failed'
  const dsn = createDsn({
    hostname: site.hostname,
    to: group.to,
    recipients: group.reports.map((r) => ({
      address: r.recipient.address,
      orcpt: r.recipient.orcpt,
      action: r.action,
      reply: r.reply,
      relay: r.relay,
    })),
    queueId: item.id,
    envid: item.envelope.envid,
    arrived: item.arrived,
    now,
    expires: item.expires,
    originalHeader: content.header,
    original: failed ? original : null,
    smtputf8: item.envelope.smtputf8,
    messageId,
  })
  return {
    id,
    parent: item.id,
    arrived: now,
    expires: now + site.queue.lifetime,
    envelope: {
      ...defaultMailParameters,
      smtputf8: item.envelope.smtputf8,
      body: '8bitmime',
      reversePath: null, // RFC 3461 §6.1: a report never causes another
      recipients: [{ ...plainRecipient(group.to), notify: ['never'] }],
    },
    origin: { session: null, transaction: null, service: 'dsn', ip: null, helo: null, account: null },
    messageId,
    content: dsn,
    filtered: true,
  }
}

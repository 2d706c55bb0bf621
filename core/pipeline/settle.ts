// Last step of dispatch: writes each recipient's outcome, its next attempt or its report, as one durable change.
import { asFailure, type Reply } from '../base/failure.ts'
import type { Site } from '../config/site.ts'
import type { MessageContent } from '../message/content.ts'
import type { DsnAction } from '../message/dsn.ts'
import { isSaidBy, replies, replyLine } from '../message/reply.ts'
import type { ItemUpdate, Lease, QueuedRecipient, QueueItem, Settlement } from '../queue/queue.ts'
import { nextAttempt } from '../queue/retry-schedule.ts'
import { createReports, type Report, wantsReport } from './bounce.ts'
import type { PipelineDeps } from './deps.ts'
import type { PipelineEvents } from './events.ts'

export interface RecipientOutcome {
  readonly recipient: QueuedRecipient
  readonly kind: 'delivered' | 'relayed' | 'deferred' | 'failed' | 'discarded'
  readonly reply: Reply
  readonly relay: string | null
  readonly courier: string
  /** null: it never came to a lane. */
  readonly lane: string | null
  readonly ms: number
  readonly detail?: string | undefined
  /** The next hop reports success itself. */
  readonly dsnHandedOn?: boolean | undefined
  /** Not before this wall-clock time, whatever the schedule says. */
  readonly notBefore?: number | undefined
}

const SETTLE_RETRY_MS = 5000
const STATUS_WORDS = {
  delivered: 'sent',
  relayed: 'sent',
  deferred: 'deferred',
  failed: 'bounced',
  discarded: 'discarded',
} as const

/** Resolves when the outcomes, and what else changes with them, are durable; a queue that cannot write is tried again until it can, so that nothing is delivered twice. */
export async function settle(
  deps: PipelineDeps,
  events: PipelineEvents,
  item: QueueItem,
  outcomes: readonly RecipientOutcome[],
  lease: Lease | null,
  content: MessageContent | null,
  besides: Pick<ItemUpdate, 'filtered' | 'content' | 'held'> | null = null,
): Promise<void> {
  const now = deps.clock.now()
  const { site } = deps.generations.current()
  const reports: Report[] = []
  // RFC 5321 §4.5.4.1: those who failed together are tried again together, over one connection
  const random = Math.random()
  const settled = outcomes.map((outcome) => decide(item, outcome, site, now, random, reports))
  const notifications = reports.length === 0 ? [] : await makeReports(deps, item, reports, site, content)
  const plain: ItemUpdate = lease ? { id: item.id, settled, lease: lease.token } : { id: item.id, settled }
  const update = notifications.length === 0 ? plain : { ...plain, enqueue: notifications.map((one) => one.item) }
  for (;;) {
    try {
      await deps.queue.update(besides === null ? update : { ...update, ...besides })
      break
    } catch (thrown) {
      const failure = asFailure(thrown)
      if (failure.kind === 'permanent') {
        deps.log.warn(`outcome not recorded: ${failure.detail}`, { qid: item.id, component: 'qmgr' })
        // deleted meanwhile, say: what happened to it is still worth knowing
        tell(events, item, outcomes, settled)
        return
      }
      deps.log.error(`outcome not recorded yet, trying again: ${failure.detail}`, { qid: item.id, component: 'qmgr' })
      await new Promise<void>((resolve) => deps.clock.after(SETTLE_RETRY_MS, resolve))
    }
  }
  tell(events, item, outcomes, settled)
  for (const { action, item: report } of notifications) {
    events.reported(item, report, action)
    events.queued(report)
  }
  if (deps.queue.get(item.id) === null) events.removed(item.id)
}

/** What one outcome means for the recipient; what its sender wants to hear of it is added to `reports`. */
function decide(
  item: QueueItem,
  outcome: RecipientOutcome,
  site: Site,
  now: number,
  random: number,
  reports: Report[],
): Settlement {
  const { recipient, kind, reply, relay } = outcome
  const { n } = recipient
  const report = (action: DsnAction, said: Reply): void => {
    if (wantsReport(recipient, action)) reports.push({ recipient, action, reply: said, relay })
  }
  if (kind !== 'deferred') {
    if (kind === 'failed') report('failed', reply)
    else if (kind === 'delivered' || (kind === 'relayed' && !outcome.dsnHandedOn)) report(kind, reply)
    return { n, status: kind, reply, relay, lane: outcome.lane ?? outcome.courier }
  }
  if (now >= item.expires) {
    const last = replyLine(reply).slice(0, 300)
    const expired = replies.expired(isSaidBy(relay, last) ? `${relay} said: ${last}` : last)
    report('failed', expired)
    return { n, status: 'failed', reply: expired, relay, lane: outcome.lane ?? outcome.courier }
  }
  const planned = nextAttempt({
    now,
    arrived: item.arrived,
    attempts: recipient.attempts + 1,
    firstRetry: site.queue.firstRetry,
    maxRetry: site.queue.maxRetry,
    random,
  })
  // the last attempt falls on the day of expiry, not after it
  const due = Math.min(Math.max(planned, outcome.notBefore ?? 0), Math.max(item.expires, now + 1000))
  const late = !recipient.delayWarned && site.queue.warnAfter > 0 && now - item.arrived >= site.queue.warnAfter
  if (late) report('delayed', reply)
  // what came to a lane was expanded, if only to itself
  const status = recipient.status === 'pending' && outcome.lane === null ? 'pending' : 'ready'
  return { n, status, due, reply, relay, lane: outcome.lane, ...(late ? { delayWarned: true } : {}) }
}

async function makeReports(
  deps: PipelineDeps,
  item: QueueItem,
  reports: readonly Report[],
  site: Site,
  content: MessageContent | null,
) {
  const opened = content ?? (await deps.queue.content(item.id))
  try {
    return await createReports(item, opened, reports, site, deps.clock.now())
  } finally {
    if (!content) opened.body.release()
  }
}

function tell(
  events: PipelineEvents,
  item: QueueItem,
  outcomes: readonly RecipientOutcome[],
  settled: readonly Settlement[],
): void {
  for (const [i, { recipient, kind, relay, courier, ms, detail }] of outcomes.entries()) {
    const { status, reply } = settled[i]!
    const word = status === 'failed' ? 'bounced' : STATUS_WORDS[kind]
    events.outcome(item, recipient, { status: word, reply, relay, courier, ms, detail })
    if (status === 'failed' && recipient.reversePath === null && item.origin.service === 'dsn') {
      events.undeliverableReport(item, recipient, reply)
    }
  }
}

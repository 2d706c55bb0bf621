// Last step of intake: makes the accepted message durable and chooses the replies.
import type { Reply } from '../base/failure.ts'
import type { Address } from '../message/address.ts'
import type { Recipient } from '../message/envelope.ts'
import { replies } from '../message/reply.ts'
import type { HookRunner } from '../plugin/generation.ts'
import type { NewQueueItem, QueuedRecipient } from '../queue/queue.ts'
import { createReports } from './bounce.ts'
import type { PipelineDeps } from './deps.ts'
import type { PipelineEvents } from './events.ts'
import { addressKey } from './expand.ts'
import type { Filtered } from './filter.ts'
import type { Submission } from './intake.ts'
import type { ReceivedMessage } from './receive.ts'

/** Resolves when the message is on stable storage: only then may a client read 250. */
export async function enqueue(
  deps: PipelineDeps,
  events: PipelineEvents,
  submission: Submission,
  received: ReceivedMessage,
  filtered: Filtered,
): Promise<readonly Reply[]> {
  const { accepted, bounced } = filtered
  if (accepted.length > 0 || bounced.length > 0) {
    const item = newItem(deps, submission, received, filtered)
    if (accepted.length > 0) await deps.queue.enqueue(item)
    events.queued(item)
    if (bounced.length > 0) await reportBounced(deps, events, submission, filtered, item)
  }
  return filtered.replies.map((reply) => reply ?? replies.queued(submission.queueId))
}

/** Tells a known sender about recipients that were refused and no client can be told of any more. */
async function reportBounced(
  deps: PipelineDeps,
  events: PipelineEvents,
  submission: Submission,
  filtered: Filtered,
  item: NewQueueItem,
): Promise<void> {
  const { envelope } = submission
  const about = { ...item, parent: null, recipients: [], size: filtered.content.size, held: null }
  const reports = filtered.bounced.map(({ index, reply }) => ({
    recipient: queuedRecipient(envelope.recipients[index]!, envelope.reversePath, index),
    action: 'failed' as const,
    reply,
    relay: null,
  }))
  for (const { recipient, reply } of reports)
    events.outcome(about, recipient, { status: 'bounced', reply, relay: 'none', courier: 'error', ms: 0 })
  for (const { action, item: report } of await createReports(
    about,
    filtered.content,
    reports,
    submission.generation.site,
    deps.clock.now(),
  )) {
    await deps.queue.enqueue(report)
    events.queued(report)
    events.reported(about, report, action)
  }
  if (filtered.accepted.length === 0) events.removed(item.id)
}

const queuedRecipient = (recipient: Recipient, reversePath: Address | null, n: number): QueuedRecipient => ({
  ...recipient,
  n,
  parent: null,
  reversePath,
  status: 'failed',
  attempts: 0,
  due: 0,
  lastReply: null,
  lastRelay: null,
  lane: null,
  delayWarned: false,
})

/** A recipient named twice gets one copy. */
function distinct(recipients: readonly Recipient[], hooks: HookRunner): readonly Recipient[] {
  if (recipients.length === 1) return recipients
  const seen = new Set<string>()
  return recipients.filter(({ address }) => {
    const key = addressKey(address, hooks)
    return !seen.has(key) && seen.add(key)
  })
}

function newItem(
  deps: PipelineDeps,
  submission: Submission,
  received: ReceivedMessage,
  filtered: Filtered,
): NewQueueItem {
  const { transaction, envelope, generation } = submission
  const { session } = transaction
  const now = deps.clock.now()
  return {
    id: submission.queueId,
    arrived: now,
    expires: now + generation.site.queue.lifetime,
    envelope: { ...envelope, recipients: distinct(filtered.accepted, generation.hooks) },
    origin: {
      session: session.id,
      transaction: transaction.id,
      service: session.service,
      ip: session.service === 'local' ? null : session.remoteIp,
      helo: session.helo,
      account: session.identity?.account ?? null,
    },
    messageId: received.messageId,
    ...(filtered.quarantine ? { held: { reason: filtered.quarantine, quarantine: true } } : {}),
    content: filtered.content,
    filtered: !generation.hooks.has('queued'),
  }
}

// The after-queue filters: what the `queued` hooks say of a message, in one record.
import { parseHeader } from '../message/header.ts'
import { replies } from '../message/reply.ts'
import type { MessageFacts } from '../plugin/contract.ts'
import type { Generation } from '../plugin/generation.ts'
import { isFinal, type QueueItem } from '../queue/queue.ts'
import type { PipelineDeps } from './deps.ts'
import type { PipelineEvents } from './events.ts'
import { queuedMessageFacts } from './queued-facts.ts'
import { type RecipientOutcome, settle } from './settle.ts'

/** Settles what the `queued` hooks refuse; with none of them left in the configuration, all pass. */
export async function filterQueued(
  deps: PipelineDeps,
  events: PipelineEvents,
  item: QueueItem,
  generation: Generation,
): Promise<void> {
  if (!generation.hooks.has('queued')) {
    await deps.queue.update({ id: item.id, filtered: true })
    return
  }
  const content = await deps.queue.content(item.id)
  let left = content
  try {
    const facts: MessageFacts = queuedMessageFacts(item, content, parseHeader(content.header))
    const decision = await generation.hooks.message('queued', facts)
    left = decision.content
    const open = item.recipients.filter((r) => !isFinal(r.status))
    const outcomes: RecipientOutcome[] = []
    open.forEach((recipient, i) => {
      const verdict = decision.all ?? decision.perRecipient[i] ?? null
      if (verdict === null) return
      const kind = verdict.kind === 'reject' ? 'failed' : verdict.kind === 'defer' ? 'deferred' : 'discarded'
      const reply = verdict.kind === 'discard' ? replies.discarded() : verdict.reply
      outcomes.push({ recipient, kind, reply, relay: null, courier: 'filter', lane: null, ms: 0 })
    })
    // a filter that must wait makes the whole message wait: it is run again as a whole
    if (outcomes.some((o) => o.kind === 'deferred')) {
      const first = outcomes.find((o) => o.kind === 'deferred')!
      await settle(
        deps,
        events,
        item,
        open.map((recipient) => ({ ...first, recipient })),
        null,
        content,
      )
      return
    }
    const changed = decision.content !== content
    // in one record: as soon as it counts as filtered, others may take what it has not settled
    await settle(deps, events, item, outcomes, null, content, {
      filtered: true,
      ...(changed ? { content: decision.content } : {}),
      ...(decision.quarantine ? { held: { reason: decision.quarantine, quarantine: true } } : {}),
    })
  } finally {
    content.body.release()
    // a plugin's new body is another one
    if (left.body !== content.body) left.body.release()
  }
}

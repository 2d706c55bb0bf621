// Dispatch up to the lanes: after-queue filters, expansion, routing; what fails here is settled here.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { asFailure } from '../base/failure.ts'
import { formatAddress } from '../message/address.ts'
import { parseHeader } from '../message/header.ts'
import { replies, replyLine } from '../message/reply.ts'
import type { MessageFacts, NextHop, QueuedFacts } from '../plugin/contract.ts'
import type { Generation } from '../plugin/generation.ts'
import { isFinal, type NewRecipient, type QueuedRecipient, type QueueItem } from '../queue/queue.ts'
import { createReports } from './bounce.ts'
import type { PipelineDeps } from './deps.ts'
import type { PipelineEvents } from './events.ts'
import { expandRecipient, recipientKey } from './expand.ts'
import { type LaneWork, laneKey } from './lane.ts'
import { queuedMessageFacts } from './queued-facts.ts'
import { type RecipientOutcome, settle } from './settle.ts'

/** Recipients looked up in one turn of the event loop: hooks that need not wait would go on for all of a long list. */
const TURN = 16

/** Work for the lanes out of one due item; `isBusy` leaves out recipients that wait in a lane already. */
export async function prepare(
  deps: PipelineDeps,
  events: PipelineEvents,
  due: QueueItem,
  isBusy: (id: string, n: number) => boolean,
): Promise<LaneWork[]> {
  const generation = deps.generations.current()
  generation.hold()
  try {
    if (!due.filtered && !(await filterQueued(deps, events, due, generation))) return []
    const filtered = deps.queue.get(due.id)
    if (!filtered || filtered.held) return []
    const themselves = await expand(deps, events, filtered, generation, isBusy)
    const item = deps.queue.get(due.id)
    return item ? await route(deps, events, item, themselves, generation, isBusy) : []
  } finally {
    generation.release()
  }
}

export const queuedFacts = (item: QueueItem): QueuedFacts => ({
  queueId: item.id,
  origin: item.origin,
  arrived: item.arrived,
  expires: item.expires,
  size: item.size,
  messageId: item.messageId,
  parameters: item.envelope,
})

const isDue = (r: QueuedRecipient, now: number): boolean => !isFinal(r.status) && r.due <= now

/** Runs the `queued` hooks; false when nothing is left to do for now. */
async function filterQueued(
  deps: PipelineDeps,
  events: PipelineEvents,
  item: QueueItem,
  generation: Generation,
): Promise<boolean> {
  if (!generation.hooks.has('queued')) {
    await deps.queue.update({ id: item.id, filtered: true })
    return true
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
      return false
    }
    const changed = decision.content !== content
    // in one record: as soon as it counts as filtered, others may take what it has not settled
    await settle(deps, events, item, outcomes, null, content, {
      filtered: true,
      ...(changed ? { content: decision.content } : {}),
      ...(decision.quarantine ? { held: { reason: decision.quarantine, quarantine: true } } : {}),
    })
    return true
  } finally {
    content.body.release()
    // a plugin's new body is another one
    if (left.body !== content.body) left.body.release()
  }
}

/**
 * Replaces pending recipients by what they stand for, in one record before any delivery. Gives the numbers of those that
 * stand for themselves: no record says so, it is found out again after a crash.
 */
async function expand(
  deps: PipelineDeps,
  events: PipelineEvents,
  item: QueueItem,
  generation: Generation,
  isBusy: (id: string, n: number) => boolean,
): Promise<ReadonlySet<number>> {
  const now = deps.clock.now()
  const pending = item.recipients.filter((r) => r.status === 'pending' && r.due <= now && !isBusy(item.id, r.n))
  if (pending.length === 0 || !generation.hooks.has('expand')) return new Set(pending.map((r) => r.n))
  const message = queuedFacts(item)
  const seen = new Set(item.recipients.map(recipientKey))
  const themselves = new Set<number>()
  const expanded: { n: number; into: readonly NewRecipient[] }[] = []
  const outcomes: RecipientOutcome[] = []
  const reports: QueuedRecipient[] = []
  for (const [i, recipient] of pending.entries()) {
    if (i % TURN === TURN - 1) await nextTurn()
    const outcome = (kind: 'failed' | 'deferred', reply: RecipientOutcome['reply'], detail?: string): void => {
      outcomes.push({ recipient, kind, reply, relay: null, courier: 'expand', lane: null, ms: 0, detail })
    }
    try {
      const expansion = await expandRecipient(recipient, message, generation.hooks, seen)
      if (expansion.kind === 'failed') outcome('failed', expansion.reply)
      else if (expansion.into === 'itself') themselves.add(recipient.n)
      else {
        const list = expansion.into.length > 1
        if (list && recipient.notify.includes('success')) reports.push(recipient)
        expanded.push({ n: recipient.n, into: list ? expansion.into.map(withoutSuccess) : expansion.into })
        const targets = expansion.into.map((r) => formatAddress(r.address))
        events.expanded(item, recipient, targets)
      }
    } catch (thrown) {
      const failure = asFailure(thrown)
      outcome('deferred', failure.reply ?? replies.lookupFailed(), failure.detail)
    }
  }
  if (expanded.length > 0) {
    const enqueue = reports.length > 0 ? await expansionReports(deps, item, reports, generation) : []
    await deps.queue.update({ id: item.id, expanded, ...(enqueue.length > 0 ? { enqueue } : {}) })
    for (const report of enqueue) {
      events.reported(item, report, 'expanded')
      events.queued(report)
    }
  }
  if (outcomes.length > 0) await settle(deps, events, item, outcomes, null, null)
  return themselves
}

/** The list's own report ends the sender's wish for success: its members do not report each (RFC 3461 §5.2.7.3). */
const withoutSuccess = (r: NewRecipient): NewRecipient =>
  r.notify.includes('success')
    ? { ...r, notify: r.notify.length === 1 ? ['never'] : r.notify.filter((n) => n !== 'success') }
    : r

async function expansionReports(
  deps: PipelineDeps,
  item: QueueItem,
  recipients: readonly QueuedRecipient[],
  generation: Generation,
) {
  const content = await deps.queue.content(item.id)
  try {
    const reports = recipients.map((recipient) => ({
      recipient,
      action: 'expanded' as const,
      reply: replies.delivered('Expanded to a list'),
      relay: null,
    }))
    return await createReports(item, content, reports, generation.site, deps.clock.now())
  } finally {
    content.body.release()
  }
}

/** Asks for each ready recipient's next hop and gathers those that go the same way under the same reverse-path. */
async function route(
  deps: PipelineDeps,
  events: PipelineEvents,
  item: QueueItem,
  themselves: ReadonlySet<number>,
  generation: Generation,
  isBusy: (id: string, n: number) => boolean,
): Promise<LaneWork[]> {
  const now = deps.clock.now()
  const message = queuedFacts(item)
  const groups = new Map<string, { nextHop: NextHop; recipients: number[] }>()
  const outcomes: RecipientOutcome[] = []
  for (const [i, recipient] of item.recipients.entries()) {
    if (i % TURN === TURN - 1) await nextTurn()
    const ready = recipient.status === 'ready' || themselves.has(recipient.n)
    if (!ready || !isDue(recipient, now) || isBusy(item.id, recipient.n)) continue
    const hop = await nextHop(generation, recipient, message)
    if ('kind' in hop) {
      outcomes.push({ recipient, ...hop, relay: null, courier: 'route', lane: null, ms: 0 })
      continue
    }
    const lane = laneKey(hop)
    events.routed(item, recipient, lane)
    const limit = generation.hooks.courier(hop.courier)?.recipientsPerAttempt ?? Number.POSITIVE_INFINITY
    let key = `${lane}\0${formatAddress(recipient.reversePath)}`
    for (let full = 1; (groups.get(key)?.recipients.length ?? 0) >= limit; full++)
      key = `${lane}\0${formatAddress(recipient.reversePath)}\0${full}`
    const group = groups.get(key) ?? { nextHop: hop, recipients: [] }
    group.recipients.push(recipient.n)
    groups.set(key, group)
  }
  if (outcomes.length > 0) await settle(deps, events, item, outcomes, null, null)
  return [...groups.values()].map((group) => ({ queueId: item.id, ...group }))
}

type NoRoute = Pick<RecipientOutcome, 'kind' | 'reply' | 'detail'>

async function nextHop(
  generation: Generation,
  recipient: QueuedRecipient,
  message: QueuedFacts,
): Promise<NextHop | NoRoute> {
  try {
    const answer = await generation.hooks.route(recipient, message)
    if (answer === null) return { kind: 'failed', reply: replies.noRoute(formatAddress(recipient.address)) }
    if (!('kind' in answer)) return answer
    return { kind: answer.kind === 'reject' ? 'failed' : 'deferred', reply: answer.reply, detail: answer.detail }
  } catch (thrown) {
    const failure = asFailure(thrown)
    const reply = failure.reply ?? replies.routingFailed('Routing failed for now')
    return { kind: 'deferred', reply, detail: `${failure.detail} ${replyLine(reply)}` }
  }
}

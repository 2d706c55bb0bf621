// Dispatch up to the lanes: expansion and routing; what fails here is settled here.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { formatAddress } from '../message/address.ts'
import { replies } from '../message/reply.ts'
import type { Defer, NextHop, QueuedFacts, Reject } from '../plugin/contract.ts'
import type { Generation } from '../plugin/generation.ts'
import { type Expanded, isFinal, type NewRecipient, type QueuedRecipient, type QueueItem } from '../queue/queue.ts'
import { createReports } from './bounce.ts'
import type { PipelineDeps } from './deps.ts'
import type { PipelineEvents } from './events.ts'
import { type Expansion, expandRecipient, KnownRecipients, recipientKey, TURN } from './expand.ts'
import { type LaneWork, laneKey } from './lane.ts'
import { type RecipientOutcome, settle } from './settle.ts'

/** As many that stand for one other each are expanded without a record of their own. */
const UNRECORDED = 16

/** What became of an item's recipients. */
interface Plan {
  readonly lanes: Map<string, { readonly nextHop: NextHop; readonly lane: string; readonly recipients: number[] }>
  readonly expanded: Expanded[]
  /** Lists whose sender wants to hear of success: the expansion is all that he hears (RFC 3461 §5.2.7.3). */
  readonly lists: QueuedRecipient[]
  readonly outcomes: RecipientOutcome[]
}

/**
 * Makes work for the lanes out of one due item: asks what each recipient stands for, and those that stand for themselves for
 * their next hop; so for what an alias of one stands for. Members of lists come when the queue gives the item again. `isBusy`
 * leaves out recipients that wait in a lane already. Where no plugin has to be waited for, all but the records is done at once.
 */
export async function prepare(
  deps: PipelineDeps,
  events: PipelineEvents,
  item: QueueItem,
  generation: Generation,
  isBusy: (id: string, n: number) => boolean,
  toLane: (work: LaneWork) => void,
): Promise<void> {
  const { hooks } = generation
  const now = deps.clock.now()
  const message = queuedFacts(item)
  const known = new KnownRecipients(item.recipients, hooks)
  const expands = hooks.has('expand')
  const plan: Plan = { lanes: new Map(), expanded: [], lists: [], outcomes: [] }
  let asked = 0
  for (const recipient of item.recipients) {
    if (isFinal(recipient.status) || recipient.due > now || isBusy(item.id, recipient.n)) continue
    if (++asked % TURN === 0) await nextTurn()
    if (expands && recipient.status === 'pending') {
      const answer = expandRecipient(recipient, message, hooks, known)
      const expansion = answer instanceof Promise ? await answer : answer
      if (expansion.kind !== 'itself') {
        expand(events, item, recipient, expansion, plan)
        continue
      }
    }
    const answer = hooks.route(recipient, message)
    route(events, item, recipient, answer instanceof Promise ? await answer : answer, hooks, plan)
  }
  const goOn = (): void => {
    for (const { nextHop, lane, recipients } of plan.lanes.values()) {
      // another preparation of the item may have come first
      const free = recipients.filter((n) => !isBusy(item.id, n))
      if (free.length > 0) toLane({ queueId: item.id, recipients: free, nextHop, lane })
    }
    plan.lanes.clear()
  }
  goOn()
  const expanded = plan.expanded.length > 0 ? withoutDoubles(item, plan, hooks, now) : []
  const unrecorded = mayGoUnrecorded(expanded, plan.lists)
  if (unrecorded && expanded.length > 0) {
    for (const child of deps.queue.expand(item.id, expanded)) {
      const answer = hooks.route(child, message)
      route(events, item, child, answer instanceof Promise ? await answer : answer, hooks, plan)
    }
    goOn()
  }
  if (plan.outcomes.length > 0) await settle(deps, events, item, plan.outcomes, null, null)
  // last: with it the queue gives the item again, and what failed here would be asked for a second time
  if (!unrecorded) await recordExpansions(deps, events, item, generation, expanded, plan.lists)
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

function expand(
  events: PipelineEvents,
  item: QueueItem,
  recipient: QueuedRecipient,
  expansion: Exclude<Expansion, { kind: 'itself' }>,
  plan: Plan,
): void {
  if (expansion.kind !== 'into') {
    plan.outcomes.push(unrouted(recipient, 'expand', expansion.kind, expansion.reply, expansion.detail))
    return
  }
  const { into, doubles } = expansion
  const isList = into.length > 1
  if (isList && recipient.notify.includes('success')) plan.lists.push(recipient)
  plan.expanded.push({ n: recipient.n, into: isList ? into.map(withoutSuccess) : into })
  events.expanded(
    item,
    recipient,
    [...into, ...doubles].map((r) => formatAddress(r.address)),
  )
}

const mayGoUnrecorded = (expanded: readonly Expanded[], lists: readonly QueuedRecipient[]): boolean =>
  lists.length === 0 && expanded.length <= UNRECORDED && expanded.every(({ into }) => into.length === 1)

/** Leaves out who gets the message as a recipient of its own, or by what stood before. */
function withoutDoubles(
  item: QueueItem,
  { expanded, outcomes }: Plan,
  hooks: Generation['hooks'],
  now: number,
): Expanded[] {
  const stuck = outcomes.filter(({ courier }) => courier === 'expand').map(({ recipient }) => recipient.n)
  const replaced = new Set([...expanded.map(({ n }) => n), ...stuck])
  const stands = ({ n, status, due }: QueuedRecipient): boolean =>
    status === 'pending' ? due <= now && !replaced.has(n) : status !== 'expanded'
  const taken = new Set(item.recipients.filter(stands).map((r) => recipientKey(r, hooks)))
  return expanded.map(({ n, into }) => ({
    n,
    into: into.filter((one) => {
      const key = recipientKey(one, hooks)
      return !taken.has(key) && taken.add(key)
    }),
  }))
}

/** The list's own report ends the sender's wish for success: its members do not report each (RFC 3461 §5.2.7.3). */
const withoutSuccess = (r: NewRecipient): NewRecipient =>
  r.notify.includes('success')
    ? { ...r, notify: r.notify.length === 1 ? ['never'] : r.notify.filter((n) => n !== 'success') }
    : r

/** Those that go the same way under the same reverse-path go together, as many as the courier takes at once. */
function route(
  events: PipelineEvents,
  item: QueueItem,
  recipient: QueuedRecipient,
  answer: NextHop | Reject | Defer | null,
  hooks: Generation['hooks'],
  { lanes, outcomes }: Plan,
): void {
  if (answer === null) {
    outcomes.push(unrouted(recipient, 'route', 'failed', replies.noRoute(formatAddress(recipient.address))))
    return
  }
  if ('kind' in answer) {
    const kind = answer.kind === 'reject' ? 'failed' : 'deferred'
    outcomes.push(unrouted(recipient, 'route', kind, answer.reply, answer.detail))
    return
  }
  const lane = laneKey(answer)
  events.routed(item, recipient, lane)
  const limit = hooks.courier(answer.courier)?.recipientsPerAttempt ?? Number.POSITIVE_INFINITY
  const way = `${lane}\0${formatAddress(recipient.reversePath)}`
  let key = way
  for (let full = 1; (lanes.get(key)?.recipients.length ?? 0) >= limit; full++) key = `${way}\0${full}`
  const together = lanes.get(key)
  if (together) together.recipients.push(recipient.n)
  else lanes.set(key, { nextHop: answer, lane, recipients: [recipient.n] })
}

const unrouted = (
  recipient: QueuedRecipient,
  courier: 'expand' | 'route',
  kind: 'failed' | 'deferred',
  reply: RecipientOutcome['reply'],
  detail?: string,
): RecipientOutcome => ({ recipient, kind, reply, relay: null, courier, lane: null, ms: 0, detail })

/** Replaces recipients by what they stand for, in one record before any delivery. */
async function recordExpansions(
  deps: PipelineDeps,
  events: PipelineEvents,
  item: QueueItem,
  generation: Generation,
  expanded: readonly Expanded[],
  lists: readonly QueuedRecipient[],
): Promise<void> {
  const notifications = lists.length > 0 ? await expansionReports(deps, item, lists, generation) : []
  const enqueue = notifications.map((one) => one.item)
  await deps.queue.update({ id: item.id, expanded, ...(enqueue.length > 0 ? { enqueue } : {}) })
  for (const { action, item: report } of notifications) {
    events.reported(item, report, action)
    events.queued(report)
  }
}

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

// One attempt: claim the recipients, hand them to their courier, and settle what it says.
import { asFailure, type Reply } from '../base/failure.ts'
import type { MessageContent } from '../message/content.ts'
import { replies } from '../message/reply.ts'
import type { AttemptRecipient, Courier, Outcome } from '../plugin/contract.ts'
import { thrownAt } from '../plugin/thrown-at.ts'
import { isFinal, placeOf, type QueuedRecipient, type QueueItem } from '../queue/queue.ts'
import { ATTEMPT_LIMIT_MS, type Attempts } from './attempts.ts'
import type { PipelineDeps } from './deps.ts'
import type { PipelineEvents } from './events.ts'
import type { LaneWork } from './lane.ts'
import { queuedFacts } from './prepare.ts'
import { type RecipientOutcome, settle } from './settle.ts'

/**
 * Resolves when the outcome is durable. `answered` is called when the courier has done with it, with the reply by which the
 * whole lane backs off, null when it does not; not called when there is nothing to deliver.
 */
export async function deliver(
  deps: PipelineDeps,
  events: PipelineEvents,
  work: LaneWork,
  attempts: Attempts,
  answered: (hostDown: Reply | null) => void,
): Promise<void> {
  const item = deps.queue.get(work.queueId)
  if (!item || item.held) return
  const recipients = openAmong(item, work.recipients)
  if (recipients.length === 0) return
  const numbers = recipients.map((r) => r.n)
  const lease = deps.queue.claim(item.id, numbers, ATTEMPT_LIMIT_MS + 60_000)
  if (!lease) return
  const generation = deps.generations.current()
  generation.hold()
  const started = deps.clock.mono()
  let content: MessageContent | null = null
  try {
    content = await deps.queue.content(item.id)
    const courier = generation.hooks.courier(work.nextHop.courier)
    const answer = await attempt(deps, courier, item, recipients, work, content, attempts)
    if (attempts.stopped && answer.every((o) => o.kind === 'deferred')) {
      deps.queue.free(lease)
      return
    }
    const ms = deps.clock.mono() - started
    answered(answer.find((o) => o.hostDown)?.reply ?? null)
    const outcomes = recipients.map((recipient, i) => toOutcome(recipient, answer[i]!, work, ms))
    await settle(deps, events, item, outcomes, lease, content)
  } catch (thrown) {
    deps.queue.free(lease)
    const failure = asFailure(thrown)
    deps.log.error(`attempt failed: ${failure.detail}`, { qid: item.id, component: 'qmgr' })
    const reply = failure.reply ?? replies.internalError()
    const outcomes = recipients.map((recipient) => deferral(recipient, work, reply, failure.detail))
    await settle(deps, events, item, outcomes, null, null)
  } finally {
    content?.body.release()
    generation.release()
  }
}

/** Those of the recipients that wait still. */
export function openAmong({ recipients }: QueueItem, numbers: readonly number[]): QueuedRecipient[] {
  const open: QueuedRecipient[] = []
  for (const n of numbers) {
    const found = recipients[placeOf(recipients, n)]
    if (found !== undefined && !isFinal(found.status)) open.push(found)
  }
  return open
}

/** One outcome for each recipient, in their order. */
async function attempt(
  deps: PipelineDeps,
  courier: Courier | null,
  item: QueueItem,
  recipients: readonly QueuedRecipient[],
  work: LaneWork,
  content: MessageContent,
  attempts: Attempts,
): Promise<readonly Outcome[]> {
  const { nextHop } = work
  if (!courier) return sameForAll(recipients, 'deferred', replies.noCourier(nextHop.courier), 'no such courier')
  const number = 1 + recipients.reduce((most, r) => Math.max(most, r.attempts), 0)
  const running = attempts.begin()
  try {
    return await courier.deliver(
      { message: queuedFacts(item), nextHop, recipients: withParents(item, recipients), number, content },
      running.controller.signal,
    )
  } catch (thrown) {
    const failure = asFailure(thrown)
    if (failure.kind === 'bug') {
      const where = { qid: item.id, place: thrownAt(failure.cause) }
      deps.log.error(`courier ${nextHop.courier} failed: ${failure.detail}`, where)
    }
    const kind = failure.kind === 'permanent' ? 'failed' : 'deferred'
    return sameForAll(recipients, kind, failure.reply ?? replies.internalError(), failure.detail)
  } finally {
    attempts.end(running)
  }
}

/** Each with the address that it was expanded from. */
function withParents({ recipients }: QueueItem, open: readonly QueuedRecipient[]): readonly AttemptRecipient[] {
  if (open.every(({ parent }) => parent === null)) return open
  return open.map((r) => {
    const parent = r.parent === null ? undefined : recipients[placeOf(recipients, r.parent)]
    return parent ? { ...r, expandedFrom: parent.address } : r
  })
}

const sameForAll = (
  recipients: readonly QueuedRecipient[],
  kind: 'deferred' | 'failed',
  reply: Reply,
  detail: string,
): Outcome[] => recipients.map(({ n }) => ({ n, kind, reply, relay: null, detail }))

function toOutcome(
  recipient: QueuedRecipient,
  { kind, reply, relay, detail, dsnHandedOn }: Outcome,
  { nextHop, lane }: LaneWork,
  ms: number,
): RecipientOutcome {
  return { recipient, kind, reply, relay, courier: nextHop.courier, lane, ms, detail, dsnHandedOn }
}

/** A recipient that waits without an attempt having reached anybody. */
export const deferral = (
  recipient: QueuedRecipient,
  work: LaneWork,
  reply: Reply,
  detail: string,
  notBefore?: number,
): RecipientOutcome => ({
  recipient,
  kind: 'deferred',
  reply,
  relay: null,
  courier: work.nextHop.courier,
  lane: work.lane,
  ms: 0,
  detail,
  notBefore,
})

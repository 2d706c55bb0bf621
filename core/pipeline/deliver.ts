// One attempt: claim the recipients, hand them to their courier, and settle what it says.
import { asFailure, type Reply } from '../base/failure.ts'
import type { MessageContent } from '../message/content.ts'
import { replies } from '../message/reply.ts'
import type { AttemptRecipient, Courier, Outcome } from '../plugin/contract.ts'
import { isFinal, placeOf, type QueuedRecipient, type QueueItem } from '../queue/queue.ts'
import { ATTEMPT_LIMIT_MS, type Attempts } from './attempts.ts'
import type { PipelineDeps } from './deps.ts'
import type { PipelineEvents } from './events.ts'
import { type LaneWork, laneKey } from './lane.ts'
import { queuedFacts } from './prepare.ts'
import { type RecipientOutcome, settle } from './settle.ts'

/** Resolves when the outcome is durable. `hostDown` is the reply with which the whole lane backs off. */
export async function deliver(
  deps: PipelineDeps,
  events: PipelineEvents,
  work: LaneWork,
  attempts: Attempts,
): Promise<{ hostDown: Reply | null }> {
  const item = deps.queue.get(work.queueId)
  if (!item || item.held) return { hostDown: null }
  const recipients = openAmong(item, work.recipients)
  const lease =
    recipients.length === 0
      ? null
      : deps.queue.claim(
          item.id,
          recipients.map((r) => r.n),
          ATTEMPT_LIMIT_MS + 60_000,
        )
  if (!lease) return { hostDown: null }
  const generation = deps.generations.current()
  generation.hold()
  const started = deps.clock.mono()
  try {
    const content = await deps.queue.content(item.id)
    try {
      const answer = await attempt(
        deps,
        generation.hooks.courier(work.nextHop.courier),
        item,
        recipients,
        work,
        content,
        attempts,
      )
      if (attempts.stopped && answer.every((o) => o.kind === 'deferred')) {
        deps.queue.free(lease)
        return { hostDown: null }
      }
      const ms = deps.clock.mono() - started
      const lane = laneKey(work.nextHop)
      const outcomes = recipients.map((recipient, i) => toOutcome(recipient, answer[i]!, work, lane, ms))
      await settle(deps, events, item, outcomes, lease, content)
      return { hostDown: answer.find((o) => o.hostDown)?.reply ?? null }
    } finally {
      content.body.release()
    }
  } catch (thrown) {
    deps.queue.free(lease)
    const failure = asFailure(thrown)
    deps.log.error(`attempt failed: ${failure.detail}`, { qid: item.id, component: 'qmgr' })
    await settle(
      deps,
      events,
      item,
      recipients.map((recipient) =>
        deferral(recipient, work, failure.reply ?? replies.internalError(), failure.detail),
      ),
      null,
      null,
    )
    return { hostDown: null }
  } finally {
    generation.release()
  }
}

/** Those of the recipients that wait still. */
export function openAmong({ recipients }: QueueItem, numbers: readonly number[]): QueuedRecipient[] {
  const found = numbers.map((n) => recipients[placeOf(recipients, n)])
  return found.filter((r) => r !== undefined && !isFinal(r.status)) as QueuedRecipient[]
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
  const deferAll = (reply: Reply, detail: string): Outcome[] =>
    recipients.map((r) => ({ n: r.n, kind: 'deferred', reply, relay: null, detail }))
  if (!courier) return deferAll(replies.noCourier(work.nextHop.courier), 'no such courier')
  const number = 1 + Math.max(...recipients.map((r) => r.attempts))
  const running = attempts.begin()
  try {
    return await courier.deliver(
      {
        message: queuedFacts(item),
        nextHop: work.nextHop,
        recipients: withParents(item, recipients),
        number,
        content,
      },
      running.controller.signal,
    )
  } catch (thrown) {
    const failure = asFailure(thrown)
    if (failure.kind === 'bug')
      deps.log.error(`courier ${work.nextHop.courier} failed: ${failure.detail}`, { qid: item.id })
    const kind = failure.kind === 'permanent' ? 'failed' : 'deferred'
    return recipients.map((r) => ({
      n: r.n,
      kind,
      reply: failure.reply ?? replies.internalError(),
      relay: null,
      detail: failure.detail,
    }))
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

function toOutcome(
  recipient: QueuedRecipient,
  { kind, reply, relay, detail, dsnHandedOn }: Outcome,
  work: LaneWork,
  lane: string,
  ms: number,
): RecipientOutcome {
  return { recipient, kind, reply, relay, courier: work.nextHop.courier, lane, ms, detail, dsnHandedOn }
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
  lane: laneKey(work.nextHop),
  ms: 0,
  detail,
  notBefore,
})

// Second step of intake: the message hooks, and what their verdicts mean for each recipient and for the client.
import type { Reply } from '../base/failure.ts'
import type { MessageContent } from '../message/content.ts'
import type { Recipient } from '../message/envelope.ts'
import { replies } from '../message/reply.ts'
import type { Defer, Discard, MessageFacts, Reject } from '../plugin/contract.ts'
import type { MessageDecision } from '../plugin/generation.ts'
import type { Submission } from './intake.ts'
import type { ReceivedMessage } from './receive.ts'

type Refusal = Reject | Defer | Discard

export interface Filtered {
  readonly content: MessageContent
  /** Those that go to the queue. */
  readonly accepted: readonly Recipient[]
  /** Recipients refused after the client can no longer be told: to be reported to a verified sender. */
  readonly bounced: readonly { readonly index: number; readonly reply: Reply }[]
  /** One reply, or one for each recipient; null where the queue id decides (accepted). */
  readonly replies: readonly (Reply | null)[]
  readonly quarantine: string | null
}

export function filterMessage(submission: Submission, received: ReceivedMessage): Filtered | Promise<Filtered> {
  const { hooks } = submission.generation
  const facts = messageFacts(submission, received)
  if (!hooks.has('message')) return apply(submission, passed(facts))
  const decision = hooks.message('message', facts)
  return decision instanceof Promise ? decision.then((d) => apply(submission, d)) : apply(submission, decision)
}

export function messageFacts(submission: Submission, received: ReceivedMessage): MessageFacts {
  const { transaction, envelope } = submission
  return {
    id: transaction.id,
    session: transaction.session,
    reversePath: envelope.reversePath,
    parameters: transaction.parameters,
    recipients: envelope.recipients,
    notes: transaction.notes,
    queueId: submission.queueId,
    header: received.header,
    content: received.content,
    size: received.content.size,
    score: 0,
  }
}

const passed = (facts: MessageFacts): MessageDecision => ({
  all: null,
  perRecipient: [],
  content: facts.content,
  quarantine: null,
  score: 0,
})

function apply(submission: Submission, decision: MessageDecision): Filtered {
  const { content, quarantine } = decision
  const { recipients } = submission.envelope
  const verdicts = recipients.map(
    (recipient, i) => decision.all ?? decision.perRecipient[i] ?? refusedBefore(submission, recipient),
  )
  const accepted = recipients.filter((_, i) => verdicts[i] === null)
  if (submission.replyPerRecipient) {
    const replies = verdicts.map((v) => (v === null ? null : refusalReply(v)))
    return { content, quarantine, accepted, bounced: [], replies }
  }
  if (accepted.length === recipients.length) return { content, quarantine, accepted, bounced: [], replies: [null] }
  // one reply for all: a recipient that must wait makes all wait, since nothing is taken yet
  const deferred = verdicts.find((v) => v?.kind === 'defer')
  if (deferred) return { content, quarantine, accepted: [], bounced: [], replies: [refusalReply(deferred)] }
  if (accepted.length === 0 && (decision.all !== null || !submission.refused))
    return { content, quarantine, accepted, bounced: [], replies: [refusalReply(strictest(verdicts))] }
  return { content, quarantine, accepted, bounced: reportable(submission, verdicts), replies: [null] }
}

function refusedBefore({ refused }: Submission, recipient: Recipient): Reject | null {
  const reply = refused?.get(recipient)
  return reply ? { kind: 'reject', reply } : null
}

const refusalReply = (verdict: Refusal): Reply => (verdict.kind === 'discard' ? replies.discarded() : verdict.reply)

const strictest = (verdicts: readonly (Refusal | null)[]): Refusal =>
  verdicts.find((v) => v?.kind === 'reject') ?? verdicts[0]!

/** Rejected beside accepted ones: only a sender whom we know gets a report; others would be backscatter. */
function reportable(submission: Submission, verdicts: readonly (Refusal | null)[]): Filtered['bounced'] {
  const { session } = submission.transaction
  if (session.identity === null && !session.trusted) return []
  return verdicts.flatMap((v, index) => (v?.kind === 'reject' ? [{ index, reply: v.reply }] : []))
}

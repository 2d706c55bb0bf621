// The intake pipe's entrance: a session submits a received message and gets the replies to send.
import type { Reply } from '../base/failure.ts'
import type { SpooledBody } from '../message/content.ts'
import type { Envelope, Recipient } from '../message/envelope.ts'
import type { TransactionFacts } from '../plugin/contract.ts'
import type { Generation } from '../plugin/generation.ts'

export interface Submission {
  readonly queueId: string
  readonly transaction: TransactionFacts
  readonly envelope: Envelope
  /** As received, without the Received field; the intake releases it. */
  readonly body: SpooledBody
  readonly generation: Generation
  /** LMTP: a reply for each recipient (RFC 2033 §4.2). */
  readonly replyPerRecipient: boolean
  /** Recipients of the envelope that were refused, and are to be reported to the sender instead. */
  readonly refused?: ReadonlyMap<Recipient, Reply>
}

export interface Intake {
  /** Resolves after the message is durable or refused: one reply, or one for each recipient. Never rejects. */
  submit(submission: Submission): Promise<readonly Reply[]>
}

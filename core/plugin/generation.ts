// One generation of plugins and the questions that sessions and pipelines ask it. A reload builds a new one; the old ends when its last holder lets go.
import type { Reply } from '../base/failure.ts'
import type { Site } from '../config/site.ts'
import type { Recipient } from '../message/envelope.ts'
import type { NewRecipient, QueuedRecipient } from '../queue/queue.ts'
import type { TraceEvent } from '../trace/trace.ts'
import type {
  Courier,
  Defer,
  Discard,
  HeaderEdit,
  Identity,
  MailboxEvent,
  MessageFacts,
  NextHop,
  QueuedFacts,
  Reject,
  SessionFacts,
  Stage,
  TransactionFacts,
  Verdict,
} from './contract.ts'

/** `recipient` differs from what was asked when a plugin rewrote it. */
export type RcptDecision =
  | { readonly kind: 'accept'; readonly as: 'local' | 'relay'; readonly recipient: Recipient }
  | Reject
  | Defer

/** `unavailable`: a plugin failed, so nobody can say (454). */
export type AuthDecision =
  | { readonly kind: 'identity'; readonly identity: Identity }
  | { readonly kind: 'denied' }
  | { readonly kind: 'unavailable' }

/** What the message hooks together decided. `perRecipient[i]` belongs to `recipients[i]`; null passes. */
export interface MessageDecision {
  readonly all: Reject | Defer | Discard | null
  readonly perRecipient: readonly (Reject | Defer | Discard | null)[]
  /** When a plugin replaced the body, `content.body` is another one than what was given: release it too. */
  readonly content: MessageFacts['content']
  readonly quarantine: string | null
  readonly score: number
}

/**
 * Runs each hook's chain in order with deadlines, applies the plugin's `onError`, and records every verdict in the trace.
 * Never throws and never rejects but at `expand`. Answers synchronously where no plugin waits, so that a bare server pays nothing.
 */
export interface HookRunner {
  connect(session: SessionFacts): Verdict | Promise<Verdict>
  helo(session: SessionFacts): Verdict | Promise<Verdict>
  mail(transaction: TransactionFacts): Verdict | Promise<Verdict>
  rcpt(transaction: TransactionFacts, recipient: Recipient): RcptDecision | Promise<RcptDecision>
  data(transaction: TransactionFacts): Verdict | Promise<Verdict>
  authVerify(user: string, password: string, session: SessionFacts): Promise<AuthDecision>
  authSecret(user: string, scheme: string): Promise<{ identity: Identity; secret: string } | null | 'unavailable'>
  /** `message` before queueing, `queued` after. The runner applies header edits between plugins. */
  message(hook: 'message' | 'queued', message: MessageFacts): MessageDecision | Promise<MessageDecision>
  /** One level of expansion: null, nobody's (it stands for itself). Throws Failure('temporary') when a plugin failed. */
  expand(
    recipient: QueuedRecipient,
    message: QueuedFacts,
  ): readonly NewRecipient[] | null | Promise<readonly NewRecipient[] | null>
  route(
    recipient: QueuedRecipient,
    message: QueuedFacts,
  ): NextHop | Reject | Defer | null | Promise<NextHop | Reject | Defer | null>
  courier(name: string): Courier | null
  isLocalDomain(domain: string): boolean
  mailbox(event: MailboxEvent): Verdict | Promise<Verdict>
  observe(event: TraceEvent): void
  has(hook: 'message' | 'queued' | 'expand' | 'mailbox'): boolean
}

export interface Generation {
  readonly number: number
  readonly site: Site
  readonly hooks: HookRunner
  /** Octets that the mailboxes of an account may hold together; 0 is without limit. A temporary Failure while nobody can say. */
  quota(account: string): Promise<number>
  /** Sessions and attempts hold it while they run; when retired and let go by all, its plugins are closed. */
  hold(): void
  release(): void
}

export interface Generations {
  current(): Generation
}

/** One plugin's answer, as the trace and a dry run (`estafeta explain`) show it. */
export interface HookTrace {
  readonly plugin: string
  readonly hook: string
  readonly stage: Stage
  /** pass, reject, defer, admit local, discard, edited, failed, skipped … */
  readonly verdict: string
  /** How long it took. */
  readonly ms: number
  readonly rcpt?: string
  readonly detail: string
  readonly reply: Reply | null
  readonly edits: readonly HeaderEdit[]
}

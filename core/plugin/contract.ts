// All that a plugin may import, published as `estafeta/plugin`: definePlugin, verdicts, replies, tokens and the types of every hook.
import type { z as Zod } from 'zod'
import type { Reply } from '../base/failure.ts'
import type { Token } from '../base/token.ts'
import type { Address } from '../message/address.ts'
import type { MessageContent, SpooledBody } from '../message/content.ts'
import type { MailParameters, Recipient } from '../message/envelope.ts'
import type { HeaderView } from '../message/header.ts'
import type { NewRecipient, Origin, QueuedRecipient } from '../queue/queue.ts'
import type { MailboxChange } from '../store/mailbox-store.ts'
import type { TraceEvent } from '../trace/trace.ts'

export { z } from 'zod'
export type { Clock } from '../base/clock.ts'
export { Failure, permanent, type Reply, temporary } from '../base/failure.ts'
export type { Logger } from '../base/log.ts'
export { type Token, token } from '../base/token.ts'
export { duration as durationSetting, size as sizeSetting } from '../config/schema.ts'
export { SITE, type Site } from '../config/site.ts'
export {
  type AliasMap,
  type AliasTarget,
  DIRECTORY,
  type Directory,
  type LookupTable,
  type User,
} from '../directory/directory.ts'
export { systemUserFor } from '../directory/system-users.ts'
export type { MailHost, MailHosts } from '../dns/mail-hosts.ts'
export { reverseLabels } from '../dns/names.ts'
export { DNS_RESOLVER, type DnsAnswer, type DnsResolver } from '../dns/resolver.ts'
export {
  type Address,
  displayAddress,
  formatAddress,
  needsUtf8,
  parseAddress,
  parseDomain,
  sameAddress,
  splitDetail,
} from '../message/address.ts'
export { type ListedAddress, parseAddressList } from '../message/address-list.ts'
export { contentBytes, contentChunks, type MessageContent, type SpooledBody } from '../message/content.ts'
export { formatDeliveredTo, wasDeliveredTo } from '../message/delivered-to.ts'
export { decodeHeaderText } from '../message/encoded-word.ts'
export type { MailParameters, Notify, Recipient } from '../message/envelope.ts'
export { type HeaderField, type HeaderView, withoutField } from '../message/header.ts'
export { replies } from '../message/reply.ts'
export type { NewRecipient, Origin, QueuedRecipient } from '../queue/queue.ts'
export { MAILBOX_STORE, type MailboxChange, type MailboxStore } from '../store/mailbox-store.ts'
export { formatFromLine } from '../store/mbox/from-line.ts'
export { appendToMbox } from '../store/mbox-append.ts'
export { type Command, type Ran, runCommand } from '../store/run-command.ts'
export type { TraceEvent } from '../trace/trace.ts'
export { type FindRelayHosts, noHostsReply, outcomeForAll, relayAttempt, relayHostFinder } from './relay.ts'
export * from './services.ts'
export { CLOCK, LOGGER } from './services.ts'

/** The contract's version: a plugin that states another is refused at start. */
export const API_VERSION = 1

// ---------------------------------------------------------------- verdicts

/** Nothing against it; `detail` goes to the trace. */
export interface Pass {
  readonly kind: 'pass'
  readonly detail?: string
}
/** A permanent (5xx) refusal. With `disconnect` the session ends after the reply. */
export interface Reject {
  readonly kind: 'reject'
  readonly reply: Reply
  readonly detail?: string
  readonly disconnect?: boolean
}
/** A temporary (4xx) refusal. */
export interface Defer {
  readonly kind: 'defer'
  readonly reply: Reply
  readonly detail?: string
  readonly disconnect?: boolean
}
export type Verdict = Pass | Reject | Defer

/** Only at `rcpt`: `local` counts for our domains, `relay` for others; may rewrite the recipient one to one. */
export interface Admit {
  readonly kind: 'admit'
  readonly as: 'local' | 'relay'
  readonly rewrite?: Address
  readonly detail?: string
}
export type RcptVerdict = Verdict | Admit

/** Accepts the message and drops it, on record. */
export interface Discard {
  readonly kind: 'discard'
  readonly detail?: string
}

export const pass = (detail?: string): Pass => (detail === undefined ? { kind: 'pass' } : { kind: 'pass', detail })
export const reject = (reply: Reply, detail?: string): Reject =>
  detail === undefined ? { kind: 'reject', reply } : { kind: 'reject', reply, detail }
export const defer = (reply: Reply, detail?: string): Defer =>
  detail === undefined ? { kind: 'defer', reply } : { kind: 'defer', reply, detail }
export const admit = (as: 'local' | 'relay', options: { rewrite?: Address; detail?: string } = {}): Admit => ({
  kind: 'admit',
  as,
  ...options,
})
export const discard = (detail?: string): Discard =>
  detail === undefined ? { kind: 'discard' } : { kind: 'discard', detail }

// ---------------------------------------------------------------- facts

export interface TlsFacts {
  readonly version: string
  readonly cipher: string
  /** Host name the client asked for by SNI. */
  readonly serverName: string | null
  /** Subject of a verified client certificate. */
  readonly clientSubject: string | null
  readonly clientFingerprint: string | null
}

export interface Identity {
  /** The user whose mailbox and rights these are. */
  readonly account: string
  /** Who proved a password (authentication identity), and who it acts as. */
  readonly authcid: string
  readonly authzid: string
  /** Addresses it may send as; `@domain` for all of a domain. */
  readonly addresses: readonly string[]
}

/** Values that hooks leave for later hooks, typed by token. */
export interface Notes {
  get<T>(key: Token<T>): T | undefined
  set<T>(key: Token<T>, value: T): void
}

export interface SessionFacts {
  readonly id: string
  /** smtp, submission, submissions, lmtp, local (sendmail and pickup), imap, imaps, pop3, pop3s. */
  readonly service: string
  readonly remoteIp: string
  readonly remotePort: number
  readonly localIp: string
  readonly localPort: number
  readonly helo: string | null
  /** EHLO rather than HELO. */
  readonly extended: boolean
  readonly tls: TlsFacts | null
  readonly identity: Identity | null
  /** The client's address lies in `networks`. */
  readonly trusted: boolean
  /** Wall clock, ms. */
  readonly started: number
  /** `estafeta explain` asks: answer as ever, but leave nothing behind (no counters, lists or files written). */
  readonly dryRun?: boolean
  readonly notes: Notes
}

export interface TransactionFacts {
  /** `<session>.<n>` */
  readonly id: string
  readonly session: SessionFacts
  readonly reversePath: Address | null
  readonly parameters: MailParameters
  /** Those accepted so far. */
  readonly recipients: readonly Recipient[]
  readonly notes: Notes
}

/** A received message, before or after queueing. */
export interface MessageFacts extends TransactionFacts {
  readonly queueId: string
  /** Header as it stands after the hooks before this one. */
  readonly header: HeaderView
  readonly content: MessageContent
  readonly size: number
  /** Sum of the scores so far. */
  readonly score: number
}

/** A queued message in dispatch. */
export interface QueuedFacts {
  readonly queueId: string
  readonly origin: Origin
  readonly arrived: number
  readonly expires: number
  readonly size: number
  readonly messageId: string | null
  readonly parameters: MailParameters
}

// ---------------------------------------------------------------- answers

export interface HeaderEdit {
  readonly name: string
  /**
   * Unfolded or folded text; CR and LF only as folding (CRLF and white space). What is not ASCII becomes encoded words
   * (RFC 2047), in address fields of the names; in a message with SMTPUTF8 it stays.
   */
  readonly value: string
}

/** What a message hook may do. An empty object is a pass. */
export interface MessageAnswer {
  /** For all recipients … */
  readonly all?: Verdict | Discard
  /** … or each by its index in `recipients`; the others pass. */
  readonly perRecipient?: ReadonlyMap<number, Verdict | Discard>
  /** Prepended, in this order from the top. */
  readonly add?: readonly HeaderEdit[]
  /** Appended at the header's end. */
  readonly append?: readonly HeaderEdit[]
  /** Fields to drop: all of a name, or those for which `where` holds. */
  readonly remove?: readonly { readonly name: string; readonly where?: (value: string) => boolean }[]
  /**
   * A whole new body, spooled by the plugin through `SPOOL`: the empty line (CRLF) that parts it from the header, then its
   * text. Whoever takes the answer releases it.
   */
  readonly body?: SpooledBody
  /** Added to the message's score. */
  readonly score?: number
  /** Keeps the message in the queue, held, with this reason. */
  readonly quarantine?: string
  readonly detail?: string
  /** A bare verdict is no answer: it stands in `all`. */
  readonly kind?: never
}

/** Where a recipient goes next. */
export interface NextHop {
  /** The courier's name: `local`, `smtp`, `smarthost`, `discard` … */
  readonly courier: string
  /** Names the lane within the courier: a domain, `[host]:port`, an account. */
  readonly destination: string
  /** Given to the courier as it is. */
  readonly options?: { readonly [key: string]: unknown }
}

export interface AttemptRecipient extends QueuedRecipient {
  /** The address of this site that stood for it (an alias, a .forward's owner). */
  readonly expandedFrom?: Address
}

export interface Attempt {
  readonly message: QueuedFacts
  readonly nextHop: NextHop
  readonly recipients: readonly AttemptRecipient[]
  /** Which attempt this is, from 1. */
  readonly number: number
  /** The site's receipt, stable over attempts, for Delivered-To and file names. */
  readonly content: MessageContent
}

/** One a recipient. `reply` is the remote reply, or our own; `relay` is `host[ip]:port` where there is one. */
export interface Outcome {
  readonly n: number
  readonly kind: 'delivered' | 'relayed' | 'deferred' | 'failed' | 'discarded'
  readonly reply: Reply
  readonly relay: string | null
  readonly detail?: string
  /** Set when the whole destination is down, so that its lane backs off: at the second time where it has been answering. */
  readonly hostDown?: boolean
  /** The next hop took over the duty to send DSNs (RFC 3461 §5.2.2). */
  readonly dsnHandedOn?: boolean
}

export interface Courier {
  /**
   * Gives exactly one outcome for each recipient: 2xx when delivered, relayed or discarded, another code when not.
   * One that is missing or makes no sense defers its recipient; a throw defers all of them, `permanent` bounces them.
   */
  deliver(attempt: Attempt, signal: AbortSignal): Promise<readonly Outcome[]>
  /** How many attempts may run at once on one lane, and how many recipients one attempt may have. */
  readonly concurrency?: number
  /**
   * How many while nothing has been heard of the next hop: it may be dead, and each of them wait for minutes. Those of all lanes together
   * have a bound, so that they hold up nothing else. By default all, without that bound: for couriers whose next hops are at hand.
   */
  readonly firstConcurrency?: number
  readonly recipientsPerAttempt?: number
}

// ---------------------------------------------------------------- hooks

export type Answer<T> = T | Promise<T>

/** early, normal, late, seal: within a stage the order of the list. Nothing runs after seal. */
export type Stage = 'early' | 'normal' | 'late' | 'seal'

export type Hook<F> = F | { readonly run: F; readonly stage?: Stage }

export interface AuthHook {
  /** null: not mine; 'wrong': mine, and the password is wrong. */
  verify?(user: string, password: string, session: SessionFacts, signal: AbortSignal): Answer<Identity | 'wrong' | null>
  /** The stored secret for a challenge-response scheme; null: not mine, or none for this scheme. */
  secret?(user: string, scheme: string, signal: AbortSignal): Answer<{ identity: Identity; secret: string } | null>
}

export interface MailboxEvent {
  /** A move is asked about twice: `move` of the mailbox it leads to, `expunge` of the one it leaves. To delete a mailbox is to `expunge` it. */
  readonly action: 'append' | 'move' | 'flag' | 'expunge' | 'login'
  readonly account: string
  readonly mailbox: string | null
  readonly session: SessionFacts | null
  readonly change: MailboxChange | null
}

export interface Hooks {
  connect?: Hook<(session: SessionFacts, signal: AbortSignal) => Answer<Verdict>>
  helo?: Hook<(session: SessionFacts, signal: AbortSignal) => Answer<Verdict>>
  auth?: AuthHook
  mail?: Hook<(transaction: TransactionFacts, signal: AbortSignal) => Answer<Verdict>>
  rcpt?: Hook<(transaction: TransactionFacts, recipient: Recipient, signal: AbortSignal) => Answer<RcptVerdict>>
  data?: Hook<(transaction: TransactionFacts, signal: AbortSignal) => Answer<Verdict>>
  message?: Hook<(message: MessageFacts, signal: AbortSignal) => Answer<MessageAnswer>>
  /** Like `message`, after queueing; a failure is retried later. */
  queued?: Hook<(message: MessageFacts, signal: AbortSignal) => Answer<MessageAnswer>>
  /** null: not mine. An empty list discards, on record. */
  expand?: Hook<
    (recipient: QueuedRecipient, message: QueuedFacts, signal: AbortSignal) => Answer<readonly NewRecipient[] | null>
  >
  /** null: not mine. A Reject here bounces the recipient. */
  route?: Hook<
    (recipient: QueuedRecipient, message: QueuedFacts, signal: AbortSignal) => Answer<NextHop | Reject | Defer | null>
  >
  /** Couriers by the name that NextHop.courier calls them. */
  couriers?: { readonly [name: string]: Courier }
  /** A gate: asked before. */
  mailbox?: Hook<(event: MailboxEvent, signal: AbortSignal) => Answer<Verdict>>
  /** Told of each event, never asked; nobody waits for it, and mail waits while it computes. */
  observe?(event: TraceEvent): void | Promise<void>
  /** When this plugin's generation is retired or the server stops. */
  close?(): Answer<void>
}

// ---------------------------------------------------------------- definition

export type Inject = { readonly [name: string]: Token<unknown> }
export type Injected<I extends Inject> = { readonly [K in keyof I]: I[K] extends Token<infer T> ? T : never }

export interface PluginDefinition<C extends Zod.ZodType = Zod.ZodType, I extends Inject = Inject> {
  /** kebab-case; the name of its folder or file. */
  readonly name: string
  /** One sentence for `estafeta plugin list`. */
  readonly description: string
  /** The contract it was written for; the present one when left out. */
  readonly api?: number
  /** Settings, strict by default: unknown keys are errors. None: it takes no settings. */
  readonly config?: C
  readonly inject?: I
  /** Once a generation, before any port opens. Must not wait for a remote service to be up. */
  setup(services: Injected<I> & { readonly config: Zod.output<C> }): Hooks | Promise<Hooks>
}

/** Gives the definition back, its `setup` typed from `inject` and `config`. */
export function definePlugin<C extends Zod.ZodType, const I extends Inject>(
  definition: PluginDefinition<C, I>,
): PluginDefinition<C, I> {
  return definition
}

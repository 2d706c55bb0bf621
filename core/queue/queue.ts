// The durable queue: what has been acknowledged and is not yet settled. Embedded, memory and (later) PostgreSQL back ends.
import type { Reply } from '../base/failure.ts'
import { token } from '../base/token.ts'
import type { Address } from '../message/address.ts'
import type { MessageContent } from '../message/content.ts'
import type { Envelope, Notify } from '../message/envelope.ts'

/** Where a message came from, for trace, log, Received and policy. */
export interface Origin {
  /** Session and transaction that brought it; null for messages made here. */
  readonly session: string | null
  readonly transaction: string | null
  /** Service name: smtp, submission, lmtp, local, dsn … */
  readonly service: string
  readonly ip: string | null
  readonly helo: string | null
  /** Account that authenticated. */
  readonly account: string | null
}

/**
 * pending: to be expanded; ready: to be routed and delivered at `due`;
 * the others are final: expanded (replaced by its children), delivered (here), relayed, failed, discarded.
 */
export type RecipientStatus = 'pending' | 'ready' | 'expanded' | 'delivered' | 'relayed' | 'failed' | 'discarded'
export const isFinal = (status: RecipientStatus): boolean => status !== 'pending' && status !== 'ready'

/** One recipient of a queued message. `<queue id>/<n>` names it; aliases add children to the same item. */
export interface QueuedRecipient {
  readonly n: number
  /** The recipient that this one was expanded from. */
  readonly parent: number | null
  readonly address: Address
  /** The reverse-path belongs to the recipient: an owner- alias gives its own. */
  readonly reversePath: Address | null
  readonly notify: readonly Notify[]
  readonly orcpt: string | null
  readonly status: RecipientStatus
  readonly attempts: number
  /** Wall clock, ms: not before. */
  readonly due: number
  readonly lastReply: Reply | null
  readonly lastRelay: string | null
  /** `courier:destination` of the last attempt, for listings. */
  readonly lane: string | null
  readonly delayWarned: boolean
  /** As in NewRecipient. */
  readonly asUser?: string
}

/** Where recipient `n` stands, -1 when nowhere: in ascending order of n, mostly without gaps. */
export function placeOf(recipients: readonly { readonly n: number }[], n: number): number {
  if (recipients[n]?.n === n) return n
  let low = 0
  let high = recipients.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const found = recipients[middle]!.n
    if (found === n) return middle
    if (found < n) low = middle + 1
    else high = middle - 1
  }
  return -1
}

export interface QueueItem {
  readonly id: string
  /** A bounce names the message it speaks of. */
  readonly parent: string | null
  readonly arrived: number
  readonly expires: number
  readonly envelope: Omit<Envelope, 'recipients'>
  readonly recipients: readonly QueuedRecipient[]
  readonly origin: Origin
  readonly size: number
  /** Message-ID field, for trace and listings; null without one. */
  readonly messageId: string | null
  readonly held: { readonly reason: string; readonly quarantine: boolean } | null
  /** True once the `queued` hooks have passed it. */
  readonly filtered: boolean
}

export interface NewQueueItem {
  readonly id: string
  readonly parent?: string
  readonly arrived: number
  readonly expires: number
  readonly envelope: Envelope
  readonly origin: Origin
  readonly messageId: string | null
  readonly held?: { reason: string; quarantine: boolean }
  readonly content: MessageContent
  /** True when no `queued` hook is configured. */
  readonly filtered: boolean
}

/**
 * What expansion made of one recipient: `ready`, to be routed, not expanded again. A file or command target has an
 * empty domain and a local part that starts with `/` or `|`: nothing that arrives by SMTP can look like that.
 */
export interface NewRecipient {
  readonly address: Address
  readonly reversePath: Address | null
  readonly notify: readonly Notify[]
  readonly orcpt: string | null
  /** System user under whose id a `/file` or `|command` target runs; unset: the server's own. */
  readonly asUser?: string
  /** Stands for itself, even where it equals what it came from: not expanded again (`\user`, a kept copy). */
  readonly final?: boolean
}

export type Settlement =
  | {
      n: number
      status: 'delivered' | 'relayed' | 'failed' | 'discarded'
      reply: Reply
      relay: string | null
      lane: string
    }
  /** Deferred: `pending` keeps it before expansion, `ready` behind it. Counts as an attempt. */
  | {
      n: number
      status: 'ready' | 'pending'
      due: number
      reply: Reply
      relay: string | null
      lane: string | null
      delayWarned?: boolean
    }

export interface Lease {
  readonly token: string
  readonly queueId: string
  readonly recipients: readonly number[]
  /** Monotonic ms. */
  readonly until: number
}

export interface QueueFilter {
  readonly id?: string
  /** An address, `@domain` for all of a domain, or `<>`, in any letter case; so is `recipient`. */
  readonly sender?: string
  readonly recipient?: string
  readonly held?: boolean
  readonly quarantine?: boolean
  /** Older than this wall-clock time. */
  readonly before?: number
  /** Substring of the last reply of an unfinished recipient. */
  readonly reason?: string
  readonly messageId?: string
}

/** A recipient that expansion closes, with its replacements. */
export interface Expanded {
  readonly n: number
  readonly into: readonly NewRecipient[]
}

/** One item's change of recipients, applied and logged as a whole. */
export interface ItemUpdate {
  readonly id: string
  readonly expanded?: readonly Expanded[]
  readonly settled?: readonly Settlement[]
  /** The lease under which `settled` was earned; an expired or foreign token throws Failure('permanent'). */
  readonly lease?: string
  readonly filtered?: true
  /** Content after `queued` hooks changed it. */
  readonly content?: MessageContent
  readonly held?: QueueItem['held']
  /** Makes all unfinished recipients due at this time (flush, requeue). */
  readonly due?: number
  /** Sends them through expansion and routing anew. */
  readonly requeue?: true
  readonly expires?: number
  /** Messages that must become durable in the same record or before it: bounces of these settlements. */
  readonly enqueue?: readonly NewQueueItem[]
}

export interface QueueStats {
  readonly items: number
  readonly recipients: number
  readonly held: number
  readonly bytes: number
  /** fdatasync calls since start, for benchmarks. */
  readonly syncs: number
}

/**
 * All promises resolve when the change is on stable storage. Disk full or a failed sync rejects with a temporary
 * Failure whose reply is 452 4.3.1 or 451 4.3.0, and nothing half-written remains.
 */
export interface Queue {
  enqueue(item: NewQueueItem): Promise<void>
  update(update: ItemUpdate): Promise<void>
  /**
   * Expands at once, and gives the replacements, which `takeDue` counts as given. It becomes durable with the item's next
   * update; a crash before that takes it back. For few replacements: each update until then repeats them.
   */
  expand(id: string, expanded: readonly Expanded[]): readonly QueuedRecipient[]
  /** Removes items whole (`queue delete`): no bounce. */
  remove(ids: readonly string[]): Promise<void>
  get(id: string): QueueItem | null
  /** The stored bytes; release the body when done. */
  content(id: string): Promise<MessageContent>
  list(filter?: QueueFilter): Iterable<QueueItem>
  /**
   * Up to `limit` items, not held, with an unleased unfinished recipient due at `now`. Each due recipient makes its item
   * be given once; again only after that recipient was updated, or claimed and freed (or its lease ran out), or after
   * the item was released, flushed, requeued, filtered or `wake`d. Children of an expansion count as new recipients.
   */
  takeDue(now: number, limit: number): QueueItem[]
  /** Makes takeDue give the item again: for recipients that were given and not claimed after all. */
  wake(id: string): void
  /** Wall-clock time at which `takeDue` will next have something, due or past; null when never. */
  nextDue(): number | null
  /** Told whenever nextDue may have become earlier. */
  onWake(listener: () => void): void
  /** Leases recipients for delivery; null if any of them is leased or final, or must wait: `takeDue` gives them again. */
  claim(id: string, recipients: readonly number[], ms: number): Lease | null
  renew(lease: Lease, ms: number): Lease | null
  /** Gives recipients back without an outcome. */
  free(lease: Lease): void
  /** Room for another message? Cheap: asked at MAIL. */
  hasRoom(size: number): boolean
  stats(): QueueStats
  close(): Promise<void>
}

export const QUEUE = token<Queue>('Queue')

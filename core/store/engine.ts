// What a file back end does, whatever the thread it runs on: values that can be posted go in and come out, changes come as events.
import type { IndexKey } from './index/account-index.ts'
import type { MailboxFacts, MessageRow, StateColumns } from './mailbox-state.ts'
import type { Flag, MailboxInfo, SpecialUse } from './mailbox-store.ts'
import type { CopyResult } from './open-mailbox.ts'

/** A message to write: its octets, which are the engine's from now on, or the number of a body that was staged before (`stage`). */
export interface EngineMessage {
  readonly octets: Uint8Array | null
  readonly staged: number | null
  readonly flags: readonly Flag[]
  readonly internalDate: number
  readonly key: string | null
}

export interface EngineDelivery {
  readonly account: string
  readonly mailbox: string
  readonly message: EngineMessage
}

/** A mailbox as the main thread mirrors it while sessions have it open. */
export interface OpenedMailbox {
  /** Names the open mailbox in calls and events. */
  readonly id: number
  readonly facts: MailboxFacts
  readonly keywords: readonly (string | null)[]
  readonly columns: StateColumns
  /** Where the files lie, in the order of the columns; null: `locate` tells. */
  readonly places: { readonly directory: string; readonly bases: PackedStrings } | null
  /** Path of the account's index; null: it has none. */
  readonly index: string | null
}

/** Strings in one block: entry `i` is `octets[ends[i-1], ends[i])` as latin1. */
export interface PackedStrings {
  readonly octets: Uint8Array
  readonly ends: Uint32Array
}

/** Where a message's octets are: a range of a file with LF or CRLF line ends. */
export interface MessagePlace {
  readonly path: string
  readonly start: number
  /** null: to the end of the file. */
  readonly end: number | null
  /** mbox: lines `>From ` lose one `>` (mboxrd). */
  readonly quoted: boolean
  /** Comes before the range, as it is: an mbox message's header without its status fields, or all of it. */
  readonly head?: Uint8Array
}

export interface PlacedMessage {
  readonly uid: number
  readonly place: MessagePlace
}

/** Messages of one mailbox, for the index. */
export interface MailboxPlaces {
  readonly account: string
  readonly mailbox: string
  readonly key: IndexKey
  readonly messages: readonly PlacedMessage[]
}

export type EngineEvent =
  | {
      readonly kind: 'appended'
      readonly id: number
      readonly rows: readonly MessageRow[]
      readonly bases: readonly string[] | null
      readonly keywords: readonly (string | null)[]
    }
  | {
      readonly kind: 'flags'
      readonly id: number
      readonly uids: readonly number[]
      readonly flags: readonly number[]
      readonly modSeq: number
      readonly keywords: readonly (string | null)[]
    }
  | { readonly kind: 'expunged'; readonly id: number; readonly uids: readonly number[]; readonly modSeq: number }
  | { readonly kind: 'deleted'; readonly id: number }
  | { readonly kind: 'renamed'; readonly id: number; readonly name: string; readonly directory: string | null }
  /** Of mailboxes that no session has open, to the account alone. */
  | {
      readonly kind: 'elsewhere'
      readonly account: string
      readonly mailbox: string
      readonly change: 'appended' | 'flags' | 'expunged'
      readonly uids: readonly number[]
      readonly modSeq: number
    }
  /** Messages that came into mailboxes that no session has open, each by its mailbox and UID: for the index. */
  | { readonly kind: 'stored'; readonly ids: readonly number[]; readonly uids: readonly number[] }
  | { readonly kind: 'list'; readonly account: string }

/** Failures are thrown as Failure. */
export interface StoreEngine {
  join(account: string): Promise<void>
  leave(account: string): Promise<void>
  list(account: string): Promise<readonly MailboxInfo[]>
  exists(account: string, name: string): Promise<boolean>
  create(account: string, name: string, specialUse: readonly SpecialUse[] | null): Promise<void>
  delete(account: string, name: string): Promise<void>
  rename(account: string, from: string, to: string): Promise<void>
  subscribe(account: string, name: string, on: boolean): Promise<void>
  usage(account: string): Promise<{ readonly messages: number; readonly bytes: number }>
  open(account: string, name: string): Promise<OpenedMailbox>
  close(id: number): Promise<void>
  /** Begins a body that is too large for one call, takes a piece of it, gives it up. */
  stage(): Promise<number>
  stagePiece(staged: number, octets: Uint8Array): Promise<void>
  unstage(staged: number): Promise<void>
  append(id: number, messages: readonly EngineMessage[]): Promise<readonly number[]>
  /** null, or a posted Failure, for each; a number where the mailbox must be waited for. */
  deliver(deliveries: readonly EngineDelivery[]): Promise<readonly (PostedFailure | null | number)[]>
  /** What became of the delivery that was answered with this number. */
  delivered(late: number): Promise<PostedFailure | null>
  store(
    id: number,
    uids: readonly number[],
    action: 'add' | 'remove' | 'replace',
    flags: readonly Flag[],
    unchangedSince: number | null,
  ): Promise<readonly number[]>
  /** `keep`: other sessions may read them until `purge`. */
  expunge(id: number, uids: readonly number[], keep: boolean): Promise<readonly number[]>
  copy(id: number, uids: readonly number[], target: string): Promise<CopyResult>
  move(id: number, uids: readonly number[], target: string, keep: boolean): Promise<CopyResult>
  refresh(id: number): Promise<void>
  purge(id: number, uids: readonly number[]): Promise<void>
  /** Where these messages of a mailbox are that nobody need have open; null when it is not in memory any more. */
  places(id: number, uids: readonly number[]): Promise<MailboxPlaces | null>
  /** Where a message that is not at its place has gone; null: nowhere. */
  locate(id: number, uid: number): Promise<MessagePlace | null>
  shutdown(): Promise<void>
}

export interface PostedFailure {
  readonly kind: 'temporary' | 'permanent' | 'bug'
  readonly detail: string
  readonly reply: {
    readonly code: number
    readonly enhanced: string | null
    readonly text: string | readonly string[]
  } | null
}

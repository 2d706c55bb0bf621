// Mailboxes as IMAP and POP3 see them. Back ends: Maildir++, mbox, memory; later PostgreSQL.
import type { Observable } from 'rxjs'
import { token } from '../base/token.ts'
import type { MessageContent } from '../message/content.ts'

/** System flags as `\Seen`, keywords as they are; `\Recent` is not stored here. */
export type Flag = string

export type SpecialUse =
  | '\\All'
  | '\\Archive'
  | '\\Drafts'
  | '\\Flagged'
  | '\\Junk'
  | '\\Sent'
  | '\\Trash'
  | '\\Important'

export interface MailboxInfo {
  /** Unicode, levels parted by `/`; `INBOX` in upper case. */
  readonly name: string
  /** False: a name that exists only because it has children (\Noselect), or not at all. */
  readonly selectable: boolean
  /** False: a subscribed name that no mailbox has, or one above it (\NonExistent). */
  readonly exists: boolean
  readonly subscribed: boolean
  readonly specialUse: readonly SpecialUse[]
  readonly hasChildren: boolean
}

export interface MailboxStatus {
  readonly messages: number
  readonly unseen: number
  readonly deleted: number
  readonly uidNext: number
  readonly uidValidity: number
  readonly highestModSeq: number
  readonly size: number
  /** Lower-case hex, stable over renames (RFC 8474). */
  readonly mailboxId: string
}

export interface MessageMeta {
  readonly uid: number
  readonly flags: readonly Flag[]
  readonly modSeq: number
  /** ms since 1970 */
  readonly internalDate: number
  /** ms since 1970: when it entered this mailbox (RFC 8514). */
  readonly saveDate: number
  /** Octets with CRLF line ends. */
  readonly size: number
  readonly emailId: string
  readonly threadId: string
}

/** Strings written at delivery, exactly as IMAP sends them (RFC 9051 §7.5.2). */
export interface MessageStructure {
  readonly uid: number
  readonly envelope: string
  readonly body: string
  readonly bodyStructure: string
}

/** Bytes of one stored message, CRLF line ends. Close it. */
export interface StoredMessage {
  readonly size: number
  /** The whole, when it is in memory already: spares a small message the waiting. */
  readonly bytes: Buffer | null
  /** Octets [start, end); the whole by default. */
  read(start?: number, end?: number): Promise<Buffer>
  chunks(start?: number, end?: number): AsyncIterable<Buffer>
  close(): void
}

export interface NewMessage {
  readonly content: MessageContent
  readonly flags: readonly Flag[]
  readonly internalDate: number
  /** Names the file; the same key again replaces, never doubles (queue id and recipient). */
  readonly key?: string
}

/** What happened in a mailbox, told to every session that has it open, in order. */
export type MailboxChange =
  | { readonly kind: 'appended'; readonly uids: readonly number[]; readonly modSeq: number }
  | { readonly kind: 'flags'; readonly uids: readonly number[]; readonly modSeq: number }
  | { readonly kind: 'expunged'; readonly uids: readonly number[]; readonly modSeq: number }
  | { readonly kind: 'deleted' }
  | { readonly kind: 'renamed'; readonly name: string }

export type AccountChange = { readonly mailbox: string; readonly change: MailboxChange } | { readonly list: true }

/** Search keys after the protocol has resolved sequence numbers to UIDs. Text is Unicode, matched without case. */
export type SearchKey =
  | { readonly kind: 'all' }
  | { readonly kind: 'and' | 'or'; readonly keys: readonly SearchKey[] }
  | { readonly kind: 'not'; readonly key: SearchKey }
  | { readonly kind: 'uids'; readonly uids: Uint32Array }
  | { readonly kind: 'flag'; readonly flag: Flag }
  /** Header field contains; '' asks whether the field is there. */
  | { readonly kind: 'header'; readonly name: string; readonly value: string }
  | { readonly kind: 'body' | 'text'; readonly value: string }
  /** Octets, strictly. */
  | { readonly kind: 'larger' | 'smaller'; readonly size: number }
  /** Days as `YYYY-MM-DD`: internal date, or the Date field disregarding time and zone (`sent`). */
  | { readonly kind: 'before' | 'on' | 'since'; readonly of: 'internal' | 'sent' | 'saved'; readonly day: string }
  | { readonly kind: 'modseq'; readonly from: number }
  | { readonly kind: 'emailid' | 'threadid'; readonly id: string }

/**
 * One session's handle on an open mailbox; the state behind it is shared by all sessions of the process that have it open.
 * `uids()` is immutable and shared: a session keeps a reference as its view and learns of changes through `changes$`.
 * What another session expunged stays readable, as it was, until this one has called `release(uids)` or closed; up to a bound.
 */
export interface Mailbox {
  readonly name: string
  readonly uidValidity: number
  readonly uidNext: number
  readonly highestModSeq: number
  readonly mailboxId: string
  /** Ascending. A new array after each append or expunge. */
  uids(): Uint32Array
  /** null when it is gone. */
  meta(uid: number): MessageMeta | null
  /** Flags in use, keywords included. */
  flags(): readonly Flag[]
  status(): MailboxStatus
  /** UID of the first message without \Seen; null when all are seen. Quick, or not there. */
  firstUnseen?(): number | null
  /**
   * The first UID that no session was told of as new (RFC 3501 §2.3.2 \Recent); with `take` all that are there count as
   * told. It is not kept over restarts: then those without any flag at the end of the mailbox are taken for new.
   */
  firstRecent(take: boolean): number
  structures(uids: Uint32Array): AsyncIterable<readonly MessageStructure[]>
  /**
   * Header blocks (each with its empty line), in batches, without opening the bodies where the back end can. With `fields`
   * only those fields, in their order in the message: what BODY[HEADER.FIELDS (…)] sends.
   */
  headers(
    uids: Uint32Array,
    fields?: readonly string[],
  ): AsyncIterable<readonly { readonly uid: number; readonly header: Buffer }[]>
  /** Throws Failure when it is gone. */
  message(uid: number): Promise<StoredMessage>
  /** Messages one after another, read ahead: for fetches of many bodies. Those that are gone are left out. Close each. */
  messages(uids: Uint32Array): AsyncIterable<{ readonly uid: number; readonly message: StoredMessage }>
  /** Durable when it resolves; all or none. UIDs in order. */
  append(messages: readonly NewMessage[]): Promise<readonly number[]>
  /** `unchangedSince`: UIDs with a later mod-sequence are left alone and given back (RFC 7162). */
  store(
    uids: readonly number[],
    action: 'add' | 'remove' | 'replace',
    flags: readonly Flag[],
    unchangedSince?: number,
  ): Promise<{ readonly modified: readonly number[] }>
  /** Expunges these of the messages, \Deleted or not: the caller chose. Gives those that were there. */
  expunge(uids: readonly number[]): Promise<readonly number[]>
  /** Gives [source UID, target UID] pairs. All or none. */
  copy(
    uids: readonly number[],
    target: string,
  ): Promise<{ uidValidity: number; pairs: readonly (readonly [number, number])[] }>
  move(
    uids: readonly number[],
    target: string,
  ): Promise<{ uidValidity: number; pairs: readonly (readonly [number, number])[] }>
  /** Ascending UIDs. */
  search(key: SearchKey, signal?: AbortSignal): Promise<Uint32Array>
  /** Looks for what other programs changed; called at SELECT, NOOP, CHECK and on a watch. */
  refresh(): Promise<void>
  readonly changes$: Observable<MailboxChange>
  /** This session's view no longer holds these expunged messages: their bytes may go. */
  release(uids: readonly number[]): void
  close(): void
}

/** One user's mailboxes. Names are Unicode with `/`; unknown ones throw Failure('permanent') with detail 'no such mailbox'. */
export interface MailAccount {
  readonly account: string
  list(): Promise<readonly MailboxInfo[]>
  exists(name: string): Promise<boolean>
  create(name: string, specialUse?: readonly SpecialUse[]): Promise<void>
  delete(name: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  subscribe(name: string, on: boolean): Promise<void>
  open(name: string): Promise<Mailbox>
  usage(): Promise<{ readonly messages: number; readonly bytes: number }>
  readonly changes$: Observable<AccountChange>
  close(): void
}

export interface Delivery {
  /** `local@domain` account, or a system user's name. */
  readonly account: string
  /** Created when missing. */
  readonly mailbox: string
  readonly message: NewMessage
}

/** null, or why not. */
export type Delivered = Error | null

export interface MailboxStore {
  /** Opens (creating INBOX when new) or joins an account; close it as often as opened. */
  account(account: string): Promise<MailAccount>
  /**
   * Delivers to many mailboxes with one sync point; each answers for itself. One whose mailbox must be waited for holds up
   * no other: a promise stands in its place.
   */
  deliver(deliveries: readonly Delivery[]): Promise<readonly (Delivered | Promise<Delivered>)[]>
  close(): Promise<void>
}

export const MAILBOX_STORE = token<MailboxStore>('MailboxStore')

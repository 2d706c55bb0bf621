// An open mailbox: state shared by all sessions of the process, a handle for each, and the expunged messages that handles still hold.
import { ChangeFeed } from './changes.ts'
import { noSuchMessage } from './errors.ts'
import type { FlagTable } from './flags.ts'
import type { MailboxState, MessageRow } from './mailbox-state.ts'
import type {
  Flag,
  Mailbox,
  MailboxChange,
  MailboxStatus,
  MessageMeta,
  MessageStructure,
  NewMessage,
  SearchKey,
  StoredMessage,
} from './mailbox-store.ts'
import { type ContentMatcher, search } from './search.ts'

export type CopyResult = { uidValidity: number; pairs: readonly (readonly [number, number])[] }

/** What a back end does for one open mailbox. It reports changes to the OpenMailbox, before its promises resolve. */
export interface MailboxBackend {
  structures(uids: Uint32Array): AsyncIterable<readonly MessageStructure[]>
  headers(
    uids: Uint32Array,
    fields?: readonly string[],
  ): AsyncIterable<readonly { readonly uid: number; readonly header: Buffer }[]>
  /** Also for expunged messages that were not purged. */
  message(uid: number): Promise<StoredMessage>
  messages(uids: Uint32Array): AsyncIterable<{ readonly uid: number; readonly message: StoredMessage }>
  append(messages: readonly NewMessage[]): Promise<readonly number[]>
  store(
    uids: readonly number[],
    action: 'add' | 'remove' | 'replace',
    flags: readonly Flag[],
    unchangedSince: number | undefined,
  ): Promise<{ readonly modified: readonly number[] }>
  expunge(uids: readonly number[]): Promise<readonly number[]>
  copy(uids: readonly number[], target: string): Promise<CopyResult>
  move(uids: readonly number[], target: string): Promise<CopyResult>
  readonly match: ContentMatcher
  refresh(): Promise<void>
  /** No session holds these expunged messages any more. */
  purge(uids: readonly number[]): void
  /** The last handle was closed. */
  released(): void
}

/** Expunged messages that are kept for sessions that have not heard of it; more are gone at once. */
const MAX_HELD = 10_000

interface Held {
  readonly meta: MessageMeta
  /** Handles that hold it. */
  count: number
}

export class OpenMailbox {
  readonly state: MailboxState
  readonly backend: MailboxBackend
  readonly feed = new ChangeFeed<MailboxChange>()
  readonly #told: (change: MailboxChange) => void
  readonly #handles = new Set<Handle>()
  #recentFrom: number | null = null
  /** Expunged messages, as they were. */
  readonly #held = new Map<number, Held>()

  /** `told` hears every change besides the sessions: for the account's feed. */
  constructor(state: MailboxState, backend: MailboxBackend, told: (change: MailboxChange) => void) {
    this.state = state
    this.backend = backend
    this.#told = told
  }

  get inUse(): boolean {
    return this.#handles.size > 0
  }
  get isShared(): boolean {
    return this.#handles.size > 1
  }

  handle(): Mailbox {
    const handle = new Handle(this)
    this.#handles.add(handle)
    return handle
  }

  appended(rows: readonly MessageRow[]): void {
    if (rows.length === 0) return
    this.state.append(rows)
    this.#publish({ kind: 'appended', uids: rows.map((row) => row.uid), modSeq: rows.at(-1)!.modSeq })
  }

  /** `flags[i]` are the new bits of `uids[i]`. */
  flagged(uids: readonly number[], flags: readonly number[], modSeq: number): void {
    const changed = uids.filter((uid, i) => {
      const at = this.state.find(uid)
      if (at >= 0) this.state.setFlags(at, flags[i]!, modSeq)
      return at >= 0
    })
    if (changed.length > 0) this.#publish({ kind: 'flags', uids: changed, modSeq })
  }

  /** Ascending. */
  expunged(uids: readonly number[], modSeq: number): void {
    const gone = uids.filter((uid) => this.state.find(uid) >= 0)
    if (gone.length === 0) return
    const held = this.#handles.size === 0 ? [] : gone.slice(0, Math.max(0, MAX_HELD - this.#held.size))
    for (const uid of held) this.#held.set(uid, { meta: this.state.meta(uid)!, count: this.#handles.size })
    for (const handle of this.#handles) handle.hold(held)
    this.state.expunge(Uint32Array.from(gone), modSeq)
    this.#publish({ kind: 'expunged', uids: gone, modSeq })
    if (held.length < gone.length) this.backend.purge(gone.slice(held.length))
  }

  /** Of a message that is there, or held. */
  metaOf(uid: number): MessageMeta | null {
    return this.state.meta(uid) ?? this.#held.get(uid)?.meta ?? null
  }

  deleted(): void {
    this.#publish({ kind: 'deleted' })
    this.feed.complete()
  }

  renamed(name: string): void {
    this.state.facts.name = name
    this.#publish({ kind: 'renamed', name })
  }

  firstRecent(take: boolean): number {
    const first = this.#recentFrom ?? this.state.firstUnflagged()
    this.#recentFrom = take ? this.state.facts.uidNext : first
    return first
  }

  letGo(uids: Iterable<number>): void {
    const free: number[] = []
    for (const uid of uids) {
      const held = this.#held.get(uid)
      if (!held || --held.count > 0) continue
      this.#held.delete(uid)
      free.push(uid)
    }
    if (free.length > 0) this.backend.purge(free)
  }

  close(handle: Handle): void {
    if (this.#handles.delete(handle) && this.#handles.size === 0) this.backend.released()
  }

  #publish(change: MailboxChange): void {
    this.feed.publish(change)
    this.#told(change)
  }
}

class Handle implements Mailbox {
  readonly #open: OpenMailbox
  #held = new Set<number>()

  constructor(open: OpenMailbox) {
    this.#open = open
  }

  get #state(): MailboxState {
    return this.#open.state
  }
  get #backend(): MailboxBackend {
    return this.#open.backend
  }
  get #table(): FlagTable {
    return this.#open.state.table
  }
  get name(): string {
    return this.#state.facts.name
  }
  get uidValidity(): number {
    return this.#state.facts.uidValidity
  }
  get uidNext(): number {
    return this.#state.facts.uidNext
  }
  get highestModSeq(): number {
    return this.#state.facts.highestModSeq
  }
  get mailboxId(): string {
    return this.#state.facts.mailboxId
  }
  get changes$() {
    return this.#open.feed.changes$
  }
  uids(): Uint32Array {
    return this.#state.uids()
  }
  meta(uid: number): MessageMeta | null {
    return this.#state.meta(uid) ?? (this.#held.has(uid) ? this.#open.metaOf(uid) : null)
  }
  flags(): readonly Flag[] {
    return this.#table.all()
  }
  status(): MailboxStatus {
    return this.#state.status()
  }
  firstUnseen(): number | null {
    return this.#state.firstUnseen()
  }
  firstRecent(take: boolean): number {
    return this.#open.firstRecent(take)
  }
  structures(uids: Uint32Array) {
    return this.#backend.structures(uids)
  }
  headers(uids: Uint32Array, fields?: readonly string[]) {
    return this.#backend.headers(uids, fields)
  }
  async message(uid: number): Promise<StoredMessage> {
    if (this.meta(uid) === null) throw noSuchMessage()
    return this.#backend.message(uid)
  }
  messages(uids: Uint32Array) {
    return this.#backend.messages(uids)
  }
  append(messages: readonly NewMessage[]) {
    return this.#backend.append(messages)
  }
  store(
    uids: readonly number[],
    action: 'add' | 'remove' | 'replace',
    flags: readonly Flag[],
    unchangedSince?: number,
  ) {
    return this.#backend.store(uids, action, flags, unchangedSince)
  }
  expunge(uids: readonly number[]) {
    return this.#backend.expunge(uids)
  }
  copy(uids: readonly number[], target: string) {
    return this.#backend.copy(uids, target)
  }
  move(uids: readonly number[], target: string) {
    return this.#backend.move(uids, target)
  }
  search(key: SearchKey, signal?: AbortSignal): Promise<Uint32Array> {
    return search(key, this.#state, this.#backend.match, signal)
  }
  refresh(): Promise<void> {
    return this.#backend.refresh()
  }

  hold(uids: readonly number[]): void {
    for (const uid of uids) this.#held.add(uid)
  }
  release(uids: readonly number[]): void {
    this.#open.letGo(uids.filter((uid) => this.#held.delete(uid)))
  }
  close(): void {
    const held = this.#held
    this.#held = new Set()
    this.#open.letGo(held)
    this.#open.close(this)
  }
}

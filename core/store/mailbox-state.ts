// The messages of one open mailbox in columns: what SELECT, FETCH FLAGS and STATUS need, held once for all sessions.
import { DELETED, type FlagTable, SEEN } from './flags.ts'
import type { MailboxStatus, MessageMeta } from './mailbox-store.ts'
import { findUid } from './uid-set.ts'

export interface MessageRow {
  readonly uid: number
  /** Bits of the mailbox's FlagTable. */
  readonly flags: number
  readonly modSeq: number
  readonly internalDate: number
  readonly saveDate: number
  readonly size: number
  /** 64-bit hashes that become EMAILID and THREADID. */
  readonly email: bigint
  readonly thread: bigint
}

export interface MailboxFacts {
  name: string
  uidValidity: number
  uidNext: number
  highestModSeq: number
  /** Lower-case hex. */
  mailboxId: string
}

/** All columns up to `count`, as they travel between threads. */
export interface StateColumns {
  readonly count: number
  readonly uid: Uint32Array
  readonly flags: Uint32Array
  readonly modSeq: Float64Array
  readonly internalDate: Float64Array
  readonly saveDate: Float64Array
  readonly size: Float64Array
  readonly email: BigUint64Array
  readonly thread: BigUint64Array
}

type Columns = { -readonly [K in keyof Omit<StateColumns, 'count'>]: StateColumns[K] }

const NAMES = ['uid', 'flags', 'modSeq', 'internalDate', 'saveDate', 'size', 'email', 'thread'] as const

const allocate = (length: number): Columns => ({
  uid: new Uint32Array(length),
  flags: new Uint32Array(length),
  modSeq: new Float64Array(length),
  internalDate: new Float64Array(length),
  saveDate: new Float64Array(length),
  size: new Float64Array(length),
  email: new BigUint64Array(length),
  thread: new BigUint64Array(length),
})

const hex16 = (value: bigint): string => value.toString(16).padStart(16, '0')
export const emailIdOf = (hash: bigint): string => `M${hex16(hash)}`
export const threadIdOf = (hash: bigint): string => `T${hex16(hash)}`

class Meta implements MessageMeta {
  readonly uid: number
  readonly flags: readonly string[]
  readonly modSeq: number
  readonly internalDate: number
  readonly saveDate: number
  readonly size: number
  // halves of the 64-bit hashes: reading them as bigints would allocate for every message of a FETCH
  readonly #emailLow: number
  readonly #emailHigh: number
  readonly #threadLow: number
  readonly #threadHigh: number

  constructor(columns: Columns, halves: Halves, at: number, flags: readonly string[]) {
    this.uid = columns.uid[at]!
    this.flags = flags
    this.modSeq = columns.modSeq[at]!
    this.internalDate = columns.internalDate[at]!
    this.saveDate = columns.saveDate[at]!
    this.size = columns.size[at]!
    this.#emailLow = halves.email[2 * at]!
    this.#emailHigh = halves.email[2 * at + 1]!
    this.#threadLow = halves.thread[2 * at]!
    this.#threadHigh = halves.thread[2 * at + 1]!
  }
  get emailId(): string {
    return emailIdOf(join(this.#emailHigh, this.#emailLow))
  }
  get threadId(): string {
    return threadIdOf(join(this.#threadHigh, this.#threadLow))
  }
}

/** The hash columns as 32-bit numbers, the low one first (every platform of Node is little-endian). */
interface Halves {
  readonly email: Uint32Array
  readonly thread: Uint32Array
}

const halvesOf = ({ email, thread }: Columns): Halves => ({
  email: new Uint32Array(email.buffer, email.byteOffset, email.length * 2),
  thread: new Uint32Array(thread.buffer, thread.byteOffset, thread.length * 2),
})

const join = (high: number, low: number): bigint => (BigInt(high) << 32n) | BigInt(low)

interface Totals {
  readonly unseen: number
  readonly deleted: number
  readonly size: number
}

export class MailboxState {
  readonly facts: MailboxFacts
  readonly table: FlagTable
  #columns: Columns
  #halves: Halves
  #count: number
  #uids: Uint32Array
  #lastFound = -1
  /** As counted last; null when something has changed since. */
  #totals: Totals | null = null
  #reserved = 0

  constructor(facts: MailboxFacts, table: FlagTable, columns?: StateColumns) {
    this.facts = facts
    this.table = table
    this.#columns = columns ?? allocate(16)
    this.#halves = halvesOf(this.#columns)
    this.#count = columns?.count ?? 0
    this.#uids = this.#columns.uid.subarray(0, this.#count)
  }

  get count(): number {
    return this.#count
  }
  /** Ascending; never changes: appends write behind it, expunges make a new one. */
  uids(): Uint32Array {
    return this.#uids
  }
  /** Index of a UID, negative when it is not there. Mostly it is asked for one after another. */
  find(uid: number): number {
    const next = this.#lastFound + 1
    if (this.#uids[next] === uid) {
      this.#lastFound = next
      return next
    }
    const at = findUid(this.#uids, uid)
    if (at >= 0) this.#lastFound = at
    return at
  }
  flagsAt(at: number): number {
    return this.#columns.flags[at]!
  }
  modSeqAt(at: number): number {
    return this.#columns.modSeq[at]!
  }
  column<K extends keyof Columns>(name: K): Columns[K] {
    return this.#columns[name].subarray(0, this.#count) as Columns[K]
  }
  meta(uid: number): MessageMeta | null {
    const at = this.find(uid)
    return at < 0 ? null : new Meta(this.#columns, this.#halves, at, this.table.names(this.#columns.flags[at]!))
  }
  row(at: number): MessageRow {
    const c = this.#columns
    return {
      uid: c.uid[at]!,
      flags: c.flags[at]!,
      modSeq: c.modSeq[at]!,
      internalDate: c.internalDate[at]!,
      saveDate: c.saveDate[at]!,
      size: c.size[at]!,
      email: c.email[at]!,
      thread: c.thread[at]!,
    }
  }

  /** These keyword slots mean something to another program: they are given to no keyword. */
  reserve(bits: number): void {
    this.#reserved |= bits
  }

  /** Flags that some message has. */
  usedFlags(): number {
    const flags = this.#columns.flags
    let used = this.#reserved
    for (let i = 0; i < this.#count; i++) used |= flags[i]!
    return used
  }

  /** UID of the first of those at the end that have no flags; UIDNEXT when there are none. */
  firstUnflagged(): number {
    let at = this.#count
    while (at > 0 && this.#columns.flags[at - 1] === 0) at--
    return at < this.#count ? this.#uids[at]! : this.facts.uidNext
  }

  totals(): Totals {
    this.#totals ??= this.#sum()
    return this.#totals
  }

  #sum(): Totals {
    const { flags, size } = this.#columns
    let unseen = 0
    let deleted = 0
    let octets = 0
    for (let i = 0; i < this.#count; i++) {
      if (!(flags[i]! & SEEN)) unseen++
      if (flags[i]! & DELETED) deleted++
      octets += size[i]!
    }
    return { unseen, deleted, size: octets }
  }

  /** UID of the first message without \\Seen; null when all are seen. */
  firstUnseen(): number | null {
    const { flags, uid } = this.#columns
    for (let i = 0; i < this.#count; i++) if (!(flags[i]! & SEEN)) return uid[i]!
    return null
  }

  status(): MailboxStatus {
    const { uidNext, uidValidity, highestModSeq, mailboxId } = this.facts
    return { messages: this.#count, ...this.totals(), uidNext, uidValidity, highestModSeq, mailboxId }
  }

  /** Takes these columns over; the mailbox was empty. */
  adopt(columns: StateColumns): void {
    this.#columns = columns
    this.#halves = halvesOf(columns)
    this.#count = columns.count
    this.#uids = columns.uid.subarray(0, columns.count)
    this.#totals = null
  }

  /** Rows with ascending UIDs above all present ones. */
  append(rows: readonly MessageRow[]): void {
    this.#reserve(this.#count + rows.length)
    this.#totals = null
    for (const row of rows) {
      const at = this.#count++
      for (const name of NAMES) (this.#columns[name] as { [i: number]: number | bigint })[at] = row[name]
    }
    this.#uids = this.#columns.uid.subarray(0, this.#count)
    const last = rows.at(-1)
    if (last) {
      this.facts.uidNext = Math.max(this.facts.uidNext, last.uid + 1)
      this.#raise(last.modSeq)
    }
  }

  setFlags(at: number, flags: number, modSeq: number): void {
    this.#columns.flags[at] = flags
    this.#totals = null
    this.#columns.modSeq[at] = modSeq
    this.#raise(modSeq)
  }

  /** Takes these out (ascending UIDs, all present). */
  expunge(uids: Uint32Array, modSeq: number): void {
    this.#raise(modSeq)
    if (uids.length === 0) return
    this.#totals = null
    const columns = this.#columns
    // the UID array is shared with sessions' views, so it alone is copied
    columns.uid = columns.uid.slice()
    let to = this.find(uids[0]!)
    for (let from = to, gone = 0; from < this.#count; from++) {
      if (gone < uids.length && columns.uid[from] === uids[gone]) gone++
      else {
        for (const name of NAMES) columns[name][to] = columns[name][from]!
        to++
      }
    }
    this.#count = to
    this.#uids = columns.uid.subarray(0, to)
  }

  /** A copy for another thread, with the buffers to transfer. */
  snapshot(): StateColumns {
    const copy: { -readonly [K in keyof StateColumns]?: StateColumns[K] } = { count: this.#count }
    for (const name of NAMES) (copy as { [name: string]: unknown })[name] = this.column(name).slice()
    return copy as StateColumns
  }

  #raise(modSeq: number): void {
    if (modSeq > this.facts.highestModSeq) this.facts.highestModSeq = modSeq
  }

  #reserve(needed: number): void {
    if (needed <= this.#columns.uid.length) return
    const grown = allocate(Math.max(needed, Math.ceil(this.#columns.uid.length * 1.5)))
    for (const name of NAMES) {
      ;(grown[name] as { set(from: ArrayLike<unknown>): void }).set(this.column(name) as ArrayLike<unknown>)
    }
    this.#columns = grown
    this.#halves = halvesOf(grown)
  }
}

export const transferList = (columns: StateColumns): ArrayBuffer[] =>
  NAMES.map((name) => columns[name].buffer as ArrayBuffer)

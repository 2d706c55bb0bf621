// What one session believes about its mailbox: sequence numbers over the shared UID array, and the changes it was not told yet.
import type { MimePart } from '../message/mime.ts'
import type { Flag, Mailbox, MailboxChange, MessageMeta } from '../store/mailbox-store.ts'
import { findUid } from '../store/uid-set.ts'
import { formatFlags } from './wire/encoder.ts'
import { LARGEST, normalizeSet, type SequenceSet } from './wire/sequence-set.ts'

/** A sequence number that no message has (RFC 9051 §6: BAD). */
export class NoSuchSequence extends Error {
  override readonly name = 'NoSuchSequence'
}

export interface SyncOptions {
  /** EXPUNGE may be sent now (RFC 9051 §7.5.1). */
  readonly expunge: boolean
  /** MODSEQ goes with FLAGS (RFC 7162 §3.2). */
  readonly modSeq: boolean
}

export interface ViewOptions {
  /** EXAMINE: what is new stays so for others. */
  readonly readOnly: boolean
  /** \Recent and RECENT are shown: IMAP4rev1 alone. */
  readonly recent: boolean
}

const NONE = new Uint32Array(0)

const withRecent = new WeakMap<readonly Flag[], readonly Flag[]>()

export class View {
  readonly mailbox: Mailbox
  /** UIDs by sequence number - 1. Shared, never written. */
  known: Uint32Array
  /** RFC 5182: the saved result, UIDs. */
  saved: Uint32Array = NONE
  /** The parts of the message read last. */
  described: { readonly uid: number; readonly root: MimePart } | null = null
  /** The mailbox was deleted. */
  gone = false
  /** Told after each change. */
  onChange: (() => void) | null = null
  #flagged: (readonly number[])[] = []
  #expunged: number[] = []
  #flagNames: string
  #lastSequence = 0
  readonly #options: ViewOptions
  /** UIDs from … to that this session was the first to hear of. */
  readonly #recent: (readonly [number, number])[] = []
  readonly #subscription: { unsubscribe(): void }

  constructor(mailbox: Mailbox, options: ViewOptions) {
    this.mailbox = mailbox
    this.#options = options
    this.known = mailbox.uids()
    this.#takeRecent(1)
    this.#flagNames = mailbox.flags().join(' ')
    this.#subscription = mailbox.changes$.subscribe((change) => this.#changed(change))
  }

  close(): void {
    this.#subscription.unsubscribe()
    this.mailbox.close()
  }

  #changed(change: MailboxChange): void {
    if (change.kind === 'flags') this.#flagged.push(change.uids)
    else if (change.kind === 'expunged') this.#noteExpunged(change.uids)
    else if (change.kind === 'deleted') this.gone = true
    this.onChange?.()
  }

  /** Messages that came and went before the client heard of them are let go at once. */
  #noteExpunged(uids: readonly number[]): void {
    const last = this.known.at(-1) ?? 0
    const unknown = uids.filter((uid) => uid > last)
    for (const uid of uids) if (uid <= last) this.#expunged.push(uid)
    if (unknown.length > 0) this.mailbox.release(unknown)
  }

  /** What is new among those from `from` on. */
  #takeRecent(from: number): void {
    const first = Math.max(from, this.mailbox.firstRecent(!this.#options.readOnly))
    const last = this.known.at(-1) ?? 0
    if (!this.#options.recent || first > last) return
    const before = this.#recent.at(-1)
    if (before && before[1] >= first - 1) this.#recent[this.#recent.length - 1] = [before[0], last]
    else this.#recent.push([first, last])
  }

  isRecent(uid: number): boolean {
    return this.#recent.length > 0 && this.#recent.some(([from, to]) => uid >= from && uid <= to)
  }

  recentUids(): Uint32Array {
    return this.#recent.length === 0 ? NONE : this.known.filter((uid) => this.isRecent(uid))
  }

  /** What FETCH shows; the same array for the same flags, as from the store. */
  flagsOf({ uid, flags }: MessageMeta): readonly Flag[] {
    if (!this.isRecent(uid)) return flags
    const known = withRecent.get(flags)
    if (known) return known
    const all = [...flags, '\\Recent']
    withRecent.set(flags, all)
    return all
  }

  /** 0: not in the view. Mostly it is asked for one after another. */
  sequence(uid: number): number {
    if (this.known[this.#lastSequence] !== uid) {
      const at = findUid(this.known, uid)
      if (at < 0) return 0
      this.#lastSequence = at
    }
    return ++this.#lastSequence
  }

  /** Ascending UIDs of the messages of a set. Throws NoSuchSequence for numbers beyond the view. */
  resolve(set: SequenceSet, byUid: boolean): Uint32Array {
    if (set === '$') return this.#present(this.saved)
    if (!byUid) return this.#resolveSequence(set)
    const { known } = this
    const ranges = normalizeSet(set, known.at(-1) ?? 0).map(([from, to]): [number, number] => {
      const first = findUid(known, from)
      const last = findUid(known, to)
      return [first < 0 ? ~first : first, last < 0 ? ~last : last + 1]
    })
    return this.#gather(ranges)
  }

  #resolveSequence(set: Exclude<SequenceSet, '$'>): Uint32Array {
    const count = this.known.length
    for (const [a, b] of set) {
      if (a > count || b > count || (count === 0 && (a === LARGEST || b === LARGEST))) throw new NoSuchSequence()
    }
    return this.#gather(normalizeSet(set, count).map(([from, to]) => [from - 1, to]))
  }

  /** Index ranges [from, to) of the view, ascending. */
  #gather(ranges: readonly (readonly [number, number])[]): Uint32Array {
    const { known } = this
    if (ranges.length === 1) return known.subarray(ranges[0]![0], Math.max(ranges[0]![0], ranges[0]![1]))
    const total = ranges.reduce((n, [from, to]) => n + Math.max(0, to - from), 0)
    const uids = new Uint32Array(total)
    let at = 0
    for (const [from, to] of ranges) {
      if (to <= from) continue
      uids.set(known.subarray(from, to), at)
      at += to - from
    }
    return uids
  }

  #present(uids: Uint32Array): Uint32Array {
    return uids.filter((uid) => findUid(this.known, uid) >= 0)
  }

  /** UIDs whose flags changed and were not told, ascending; they count as told now. */
  takeFlagged(): number[] {
    const lists = this.#flagged
    if (lists.length === 0) return []
    this.#flagged = []
    return lists.length === 1 ? [...lists[0]!] : [...new Set(lists.flat())].sort((a, b) => a - b)
  }

  get hasNews(): boolean {
    return this.#flagged.length > 0 || this.#expunged.length > 0 || this.mailbox.uids() !== this.known
  }

  /** FLAGS and PERMANENTFLAGS when new keywords came into use, then what `sync` may tell. */
  sync(write: (text: string) => void, options: SyncOptions): void {
    if (!this.hasNews) return
    this.tellFlagNames(write)
    for (const uid of this.takeFlagged()) this.tellFlags(write, uid, true, options.modSeq)
    if (this.#expunged.length > 0) {
      if (!options.expunge) return
      this.#tellExpunged(write)
    }
    this.#tellNew(write)
  }

  tellFlagNames(write: (text: string) => void): void {
    const flags = this.mailbox.flags()
    const names = flags.join(' ')
    if (names === this.#flagNames) return
    this.#flagNames = names
    write(`* FLAGS (${names})\r\n* OK [PERMANENTFLAGS (${names} \\*)] Limited\r\n`)
  }

  tellFlags(write: (text: string) => void, uid: number, withUid: boolean, modSeq: boolean): void {
    const sequence = this.sequence(uid)
    const meta = sequence > 0 ? this.mailbox.meta(uid) : null
    if (meta) write(`* ${sequence} FETCH (${flagsText(meta, this.flagsOf(meta), withUid, modSeq)})\r\n`)
  }

  /** After a silent STORE (RFC 7162 §3.1.3). */
  tellModSeq(write: (text: string) => void, uid: number, withUid: boolean): void {
    const meta = this.mailbox.meta(uid)
    if (meta) write(`* ${this.sequence(uid)} FETCH (${withUid ? `UID ${uid} ` : ''}MODSEQ (${meta.modSeq}))\r\n`)
  }

  #tellNew(write: (text: string) => void): void {
    const before = this.known.length
    const last = this.known.at(-1) ?? 0
    this.known = this.mailbox.uids()
    if (this.known.length <= before) return
    this.#takeRecent(last + 1)
    const recent = this.#options.recent ? `* ${this.recentUids().length} RECENT\r\n` : ''
    write(`* ${this.known.length} EXISTS\r\n${recent}`)
  }

  #tellExpunged(write: (text: string) => void): void {
    const gone = this.#expunged.sort((a, b) => a - b)
    this.#expunged = []
    let told = 0
    for (const uid of gone) {
      const at = findUid(this.known, uid)
      if (at >= 0) write(`* ${at + 1 - told++} EXPUNGE\r\n`)
    }
    this.known = this.#without(gone)
    this.saved = this.saved.filter((uid) => findUid(this.known, uid) >= 0)
    this.mailbox.release(gone)
  }

  /** The view without these; the shared array itself when nothing new stands in it. */
  #without(gone: readonly number[]): Uint32Array {
    const now = this.mailbox.uids()
    const left = this.known.length - gone.length
    if (now.length === left) return now
    const dropped = Uint32Array.from(gone)
    return this.known.filter((uid) => findUid(dropped, uid) < 0)
  }
}

const flagsText = (meta: MessageMeta, flags: readonly Flag[], withUid: boolean, modSeq: boolean): string =>
  `FLAGS ${formatFlags(flags)}${withUid ? ` UID ${meta.uid}` : ''}${modSeq ? ` MODSEQ (${meta.modSeq})` : ''}`

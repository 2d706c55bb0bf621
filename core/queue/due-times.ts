// When each recipient is due, and who has it on loan: the part of the state that no disk remembers.
import type { Clock } from '../base/clock.ts'
import { permanent } from '../base/failure.ts'
import { DueHeap } from './due-heap.ts'
import type { PackedItem, PackedLease, PackedRecipient } from './packed.ts'

/** A wall clock that falls behind the monotonic one by more than this, in ms, was set back. */
const JUMP = 10_000

export class DueTimes<C> {
  readonly #clock: Clock
  readonly #maxWait: number
  readonly #heap = new DueHeap<PackedRecipient<C>>()
  readonly #listeners: (() => void)[] = []
  #leaseCount = 0
  /** The wall clock's lead on the monotonic one, as far as known. */
  #drift: number
  /** What the listeners know. */
  #earliest = Number.POSITIVE_INFINITY

  constructor(clock: Clock, maxWait: number) {
    this.#clock = clock
    this.#maxWait = maxWait
    this.#drift = clock.now() - clock.mono()
  }

  /** Puts a recipient where it belongs: at its due time, at its lease's end, or nowhere. */
  arm(r: PackedRecipient<C>): void {
    const { lease } = r
    if (!r.open || r.busy || r.item.held) this.#heap.delete(r)
    else if (lease) this.#heap.set(r, lease.until + this.#drift)
    else this.#heap.set(r, r.due)
  }

  forget(r: PackedRecipient<C>): void {
    r.lease = null
    this.#heap.delete(r)
  }

  /** No due time lies further ahead than `maxWait`. */
  cap(r: PackedRecipient<C>): void {
    const latest = this.#clock.now() + this.#maxWait
    if (r.due > latest) r.due = latest
  }

  /** After the wall clock was set back, all due times lie too far ahead. */
  wasSetBack(): boolean {
    const drift = this.#clock.now() - this.#clock.mono()
    const back = drift < this.#drift - JUMP
    this.#drift = back ? drift : Math.max(drift, this.#drift)
    return back
  }

  take(now: number, limit: number): Set<PackedItem<C>> {
    const taken = new Set<PackedItem<C>>()
    for (let r = this.#heap.peek(); r && this.#heap.peekKey() <= now; r = this.#heap.peek()) {
      if (taken.size >= limit && !taken.has(r.item)) break
      this.#heap.pop()
      const rest = r.lease ? r.lease.until - this.#clock.mono() : 0
      if (rest > 0) {
        this.#heap.set(r, now + Math.max(rest, 1))
        continue
      }
      r.lease = null
      // a lease that has run out shows itself here; the recipient's own time may lie later
      if (r.due > now) this.arm(r)
      else taken.add(r.item)
    }
    this.#earliest = this.#heap.peekKey()
    return taken
  }

  /** Infinity when never. */
  next(): number {
    this.#earliest = this.#heap.peekKey()
    return this.#earliest
  }

  onWake(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** Calls the listeners if something is due, or becomes due earlier than they know. */
  wake(): void {
    const earliest = this.#heap.peekKey()
    const sooner = earliest < this.#earliest || earliest <= this.#clock.now()
    this.#earliest = earliest
    if (sooner) for (const listener of this.#listeners) listener()
  }

  // ------------------------------------------------------------ leases

  isLeased({ lease }: PackedRecipient<C>): boolean {
    return lease !== null && lease.until > this.#clock.mono()
  }

  /** Throws a permanent Failure unless the recipient is in the lease of this token, or in none when there is no token. */
  check(r: PackedRecipient<C>, token: string | undefined): void {
    if (token === undefined ? !this.isLeased(r) : r.lease?.token === token && this.isLeased(r)) return
    const why = this.isLeased(r) ? 'is leased to somebody else' : `is not in the lease ${token}, or that has expired`
    throw permanent(`${r.item.id}/${r.n} ${why}`)
  }

  grant(item: PackedItem<C>, recipients: readonly PackedRecipient<C>[], ms: number): PackedLease {
    const lease = { token: `${item.id}.${++this.#leaseCount}`, until: this.#clock.mono() + ms }
    for (const r of recipients) {
      r.lease = lease
      this.arm(r)
    }
    return lease
  }

  /** Lends them for longer; null when the lease of this token holds none of them any more. */
  renew(recipients: readonly PackedRecipient<C>[], token: string, ms: number): number | null {
    let until: number | null = null
    for (const r of recipients) {
      if (r.lease?.token !== token) continue
      // the first one finds out for all of them
      if (until === null && !this.isLeased(r)) return null
      until ??= this.#clock.mono() + ms
      r.lease.until = until
      this.arm(r)
    }
    return until
  }

  free(recipients: readonly PackedRecipient<C>[], token: string): void {
    for (const r of recipients) {
      if (r.lease?.token !== token) continue
      r.lease = null
      this.arm(r)
    }
  }
}

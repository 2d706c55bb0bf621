// When each recipient is due, and who has it on loan: the part of the state that no disk remembers.
import type { Clock } from '../base/clock.ts'
import { permanent } from '../base/failure.ts'
import { DueHeap } from './due-heap.ts'
import type { PackedItem, PackedRecipient } from './packed.ts'

/** A wall clock that falls behind the monotonic one by more than this, in ms, was set back. */
const JUMP = 10_000

export interface PackedLease<C> {
  readonly token: string
  readonly recipients: Set<PackedRecipient<C>>
  /** Monotonic ms. */
  until: number
}

export class DueTimes<C> {
  readonly #clock: Clock
  readonly #maxWait: number
  readonly #heap = new DueHeap<PackedRecipient<C>>()
  readonly #leases = new Map<string, PackedLease<C>>()
  readonly #leaseOf = new Map<PackedRecipient<C>, PackedLease<C>>()
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
    const lease = this.#leaseOf.get(r)
    if (!r.open || r.busy || r.item.held) this.#heap.delete(r)
    else if (lease) this.#heap.set(r, this.#clock.now() + (lease.until - this.#clock.mono()))
    else this.#heap.set(r, r.due)
  }

  /** Takes a recipient out of its lease; an empty lease is gone. */
  release(r: PackedRecipient<C>): void {
    const lease = this.#leaseOf.get(r)
    if (!lease) return
    this.#leaseOf.delete(r)
    lease.recipients.delete(r)
    if (lease.recipients.size === 0) this.#leases.delete(lease.token)
  }

  forget(r: PackedRecipient<C>): void {
    this.release(r)
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
      const lease = this.#leaseOf.get(r)
      const rest = lease ? lease.until - this.#clock.mono() : 0
      if (rest > 0) {
        this.#heap.set(r, now + Math.max(rest, 1))
        continue
      }
      this.release(r)
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

  isLeased(r: PackedRecipient<C>): boolean {
    const lease = this.#leaseOf.get(r)
    return lease !== undefined && lease.until > this.#clock.mono()
  }

  /** Throws a permanent Failure unless the recipient is in this lease, or in none when `lease` is null. */
  check(r: PackedRecipient<C>, lease: PackedLease<C> | null): void {
    if (lease ? this.#leaseOf.get(r) !== lease : this.isLeased(r))
      throw permanent(`${r.item.id}/${r.n} is leased to somebody else`)
  }

  /** Throws a permanent Failure when it has run out. */
  lease(token: string): PackedLease<C> {
    const lease = this.#leases.get(token)
    if (!lease || lease.until <= this.#clock.mono()) throw permanent(`the lease ${token} has expired`)
    return lease
  }

  grant(item: PackedItem<C>, recipients: readonly PackedRecipient<C>[], ms: number): PackedLease<C> {
    const token = `${item.id}.${++this.#leaseCount}`
    const lease: PackedLease<C> = { token, recipients: new Set(recipients), until: this.#clock.mono() + ms }
    this.#leases.set(token, lease)
    for (const r of recipients) {
      this.release(r)
      this.#leaseOf.set(r, lease)
      this.arm(r)
    }
    return lease
  }

  /** The lease's new end; null when it is over. */
  renew(token: string, ms: number): number | null {
    const lease = this.#leases.get(token)
    if (!lease || lease.until <= this.#clock.mono()) return null
    lease.until = this.#clock.mono() + ms
    for (const r of lease.recipients) this.arm(r)
    return lease.until
  }

  free(token: string): void {
    for (const r of [...(this.#leases.get(token)?.recipients ?? [])]) {
      this.release(r)
      this.arm(r)
    }
  }
}

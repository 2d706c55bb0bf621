// The queue in memory: items, recipients, due times and leases. Every back end holds one, so that they cannot differ.
import type { Clock } from '../base/clock.ts'
import { permanent } from '../base/failure.ts'
import { DueHeap } from './due-heap.ts'
import { Interned } from './interned.ts'
import { matches } from './match.ts'
import type { AddOperation, Operation, RemoveOperation, UpdateOperation } from './operations.ts'
import {
  childRows,
  type Last,
  PackedItem,
  type PackedLease,
  PackedRecipient,
  type RecipientRow,
  unpackItem,
} from './packed.ts'
import type { ItemUpdate, Lease, QueueFilter, QueueItem, Settlement } from './queue.ts'

/** A wall clock that falls behind the monotonic one by more than this, in ms, was set back. */
const JUMP = 10_000

/** `C` is what the back end keeps to find an item's bytes. */
export class QueueState<C> {
  readonly #clock: Clock
  readonly #items = new Map<string, PackedItem<C>>()
  readonly #due = new DueHeap<PackedRecipient<C>>()
  readonly #leases = new Map<string, PackedLease<C>>()
  /** The lease of each leased recipient. */
  readonly #leaseOf = new Map<PackedRecipient<C>, PackedLease<C>>()
  readonly #lasts = new Interned<Last>()
  readonly #sources = new Interned<string>()
  readonly #wakers: (() => void)[] = []
  readonly #maxWait: number
  #leaseCount = 0
  #drift: number
  #earliest = Number.POSITIVE_INFINITY
  recipients = 0
  held = 0
  bytes = 0

  /** No recipient waits longer than `maxWait` ms, whatever the clock said when its due time was made. */
  constructor(clock: Clock, maxWait = Number.POSITIVE_INFINITY) {
    this.#clock = clock
    this.#maxWait = maxWait
    this.#drift = clock.now() - clock.mono()
  }

  get size(): number {
    return this.#items.size
  }
  item(id: string): PackedItem<C> | undefined {
    return this.#items.get(id)
  }
  items(): IterableIterator<PackedItem<C>> {
    return this.#items.values()
  }

  // ------------------------------------------------------------ changes: prepared when asked for, applied when durable

  /** Checks a change and marks what it touches, until `apply` or `cancel`. Throws a permanent Failure when it may not be. */
  prepare(update: ItemUpdate): UpdateOperation {
    const item = this.#items.get(update.id)
    if (!item) throw permanent(`no message ${update.id} in the queue`)
    this.#checkTouched(item, update)
    const at = this.#clock.now()
    let next = item.next
    const expanded = update.expanded?.map(({ n, into }) => {
      if (into === 'itself') return { n, into }
      const rows = childRows(n, next, into, at)
      next += into.length
      return { n, into: rows }
    })
    item.next = next
    item.busy++
    const { settled, filtered, held, due, requeue, expires, content } = update
    const op: UpdateOperation = {
      op: 'update',
      id: update.id,
      at,
      ...(expanded && { expanded }),
      ...(settled && { settled }),
      ...(filtered && { filtered }),
      ...(held !== undefined && { held }),
      ...(due !== undefined && { due }),
      ...(requeue && { requeue }),
      ...(expires !== undefined && { expires }),
      ...(content && { size: content.size }),
    }
    for (const r of this.#touched(item, op)) {
      this.#release(r)
      r.busy = true
      this.#arm(r)
    }
    return op
  }

  /** Takes `prepare` back: the change did not become durable. */
  cancel(op: UpdateOperation): void {
    const item = this.#items.get(op.id)
    if (!item) return
    item.busy--
    for (const r of this.#touched(item, op)) {
      r.busy = false
      this.#arm(r)
    }
  }

  /** Marks items that are to be removed. */
  prepareRemove(ids: readonly string[]): RemoveOperation {
    const known = ids.filter((id) => this.#items.has(id))
    for (const id of known) this.#items.get(id)!.busy++
    return { op: 'remove', ids: known }
  }

  cancelRemove(op: RemoveOperation): void {
    for (const id of op.ids) {
      const item = this.#items.get(id)
      if (item) item.busy--
    }
  }

  /** Makes a change true. Gives the contents that nobody needs any more. */
  apply(op: Operation, content: C | null): C[] {
    switch (op.op) {
      case 'add':
        return this.#add(op, content as C)
      case 'remove':
        return op.ids.flatMap((id) => this.#drop(id))
      case 'update':
        return this.#update(op, content)
    }
  }

  /** Calls the listeners if something became due earlier than they know. Once after each batch of changes. */
  wake(): void {
    const earliest = this.#due.peekKey()
    const sooner = earliest < this.#earliest || earliest <= this.#clock.now()
    this.#earliest = earliest
    if (sooner) for (const listener of this.#wakers) listener()
  }

  #add(op: AddOperation, content: C): C[] {
    const freed = this.#drop(op.id)
    const item = new PackedItem(op, this.#sources.of(op.source), content)
    this.#items.set(op.id, item)
    this.bytes += op.size
    if (op.held) this.held++
    this.#addRecipients(item, op.recipients)
    return freed
  }

  #addRecipients(item: PackedItem<C>, rows: readonly RecipientRow[]): void {
    const latest = this.#clock.now() + this.#maxWait
    const added = rows.map((row) => new PackedRecipient(item, row))
    // exactly as long as it must be: a list that is pushed to keeps room for many more
    item.recipients = item.recipients.length === 0 ? added : item.recipients.concat(added)
    for (const r of added) {
      if (r.last) r.last = this.#lasts.of(r.last)
      item.next = Math.max(item.next, r.n + 1)
      if (!r.open) continue
      if (r.due > latest) r.due = latest
      item.open++
      this.recipients++
      this.#arm(r)
    }
  }

  #update(op: UpdateOperation, content: C | null): C[] {
    const item = this.#items.get(op.id)
    if (!item) return content === null ? [] : [content]
    item.busy = Math.max(0, item.busy - 1)
    const freed: C[] = []
    for (const r of this.#touched(item, op)) r.busy = false
    for (const { n, into } of op.expanded ?? []) this.#expand(item, n, into)
    for (const s of op.settled ?? []) this.#settle(item, s)
    if (op.filtered) item.filtered = true
    if (op.expires !== undefined) item.expires = op.expires
    if (content !== null && op.size !== undefined) {
      freed.push(item.content)
      item.content = content
      this.bytes += op.size - item.size
      item.size = op.size
    }
    if (op.held !== undefined) {
      this.held += (op.held ? 1 : 0) - (item.held ? 1 : 0)
      item.held = op.held
    }
    if (op.requeue || op.due !== undefined || op.held !== undefined || op.filtered) this.#rearm(item, op)
    if (item.open === 0) freed.push(...this.#drop(op.id))
    return freed
  }

  #expand(item: PackedItem<C>, n: number, into: readonly RecipientRow[] | 'itself'): void {
    const r = recipientOf(item, n)
    if (!r?.open) return
    if (into === 'itself') {
      r.status = 'ready'
      this.#arm(r)
      return
    }
    this.#close(r, 'expanded')
    this.#addRecipients(item, into)
  }

  #settle(item: PackedItem<C>, s: Settlement): void {
    const r = recipientOf(item, s.n)
    if (!r?.open) return
    r.countAttempt()
    r.last = this.#lasts.of({ reply: s.reply, relay: s.relay, lane: s.lane })
    if (s.status === 'ready' || s.status === 'pending') {
      r.status = s.status
      r.due = s.due
      if (s.delayWarned) r.warned()
      this.#arm(r)
    } else this.#close(r, s.status)
  }

  #close(r: PackedRecipient<C>, status: PackedRecipient<C>['status']): void {
    r.status = status
    r.item.open--
    this.recipients--
    this.#release(r)
    this.#arm(r)
  }

  #rearm(item: PackedItem<C>, op: UpdateOperation): void {
    for (const r of item.recipients) {
      if (!r.open) continue
      if (op.requeue) r.status = 'pending'
      if (op.due !== undefined) r.due = op.due
      else if (op.requeue) r.due = Math.min(r.due, op.at)
      this.#arm(r)
    }
  }

  #drop(id: string): C[] {
    const item = this.#items.get(id)
    if (!item) return []
    this.#items.delete(id)
    this.bytes -= item.size
    this.recipients -= item.open
    if (item.held) this.held--
    for (const r of item.recipients) {
      this.#release(r)
      this.#due.delete(r)
    }
    return [item.content]
  }

  // ------------------------------------------------------------ questions

  get(id: string): QueueItem | null {
    const item = this.#items.get(id)
    return item ? unpackItem(item) : null
  }

  *list(filter: QueueFilter = {}): Iterable<QueueItem> {
    const candidates = filter.id === undefined ? this.#items.values() : [this.#items.get(filter.id)]
    for (const item of candidates) if (item && matches(item, filter)) yield unpackItem(item)
  }

  // ------------------------------------------------------------ due times and leases

  takeDue(now: number, limit: number): QueueItem[] {
    this.#noticeJump()
    const taken = new Set<PackedItem<C>>()
    for (;;) {
      const r = this.#due.peek()
      if (!r || this.#due.peekKey() > now) break
      if (taken.size >= limit && !taken.has(r.item)) break
      this.#due.pop()
      const lease = this.#leaseOf.get(r)
      const rest = lease ? lease.until - this.#clock.mono() : 0
      if (rest > 0) {
        this.#due.set(r, now + rest)
        continue
      }
      this.#release(r)
      // an expired lease shows itself here; the recipient's own time may lie later
      if (r.due > now) this.#arm(r)
      else taken.add(r.item)
    }
    this.#earliest = this.#due.peekKey()
    return Array.from(taken, unpackItem)
  }

  nextDue(): number | null {
    this.#noticeJump()
    this.#earliest = this.#due.peekKey()
    return this.#earliest === Number.POSITIVE_INFINITY ? null : this.#earliest
  }

  onWake(listener: () => void): void {
    this.#wakers.push(listener)
  }

  /** Lets takeDue give an item again whose recipients were given, but not claimed. */
  offer(id: string): void {
    const item = this.#items.get(id)
    if (!item) return
    for (const r of item.recipients) if (r.at < 0) this.#arm(r)
    this.wake()
  }

  claim(id: string, recipients: readonly number[], ms: number): Lease | null {
    const item = this.#items.get(id)
    if (!item) return null
    const claimed = recipients.map((n) => recipientOf(item, n))
    if (!claimed.every((r) => r?.open && !r.busy && !this.#leased(r))) return null
    const lease: PackedLease<C> = {
      token: `${id}.${++this.#leaseCount}`,
      recipients: new Set(),
      until: this.#clock.mono() + ms,
    }
    this.#leases.set(lease.token, lease)
    for (const r of claimed as PackedRecipient<C>[]) {
      this.#release(r)
      this.#leaseOf.set(r, lease)
      lease.recipients.add(r)
      this.#arm(r)
    }
    return { token: lease.token, queueId: id, recipients, until: lease.until }
  }

  renew(lease: Lease, ms: number): Lease | null {
    const known = this.#leases.get(lease.token)
    if (!known || known.until <= this.#clock.mono()) return null
    known.until = this.#clock.mono() + ms
    for (const r of known.recipients) this.#arm(r)
    return { ...lease, until: known.until }
  }

  free(lease: Lease): void {
    const known = this.#leases.get(lease.token)
    for (const r of known ? [...known.recipients] : []) {
      this.#release(r)
      this.#arm(r)
    }
    this.wake()
  }

  #leased(r: PackedRecipient<C>): boolean {
    const lease = this.#leaseOf.get(r)
    return lease !== undefined && lease.until > this.#clock.mono()
  }

  /** Takes the recipient out of its lease; an empty lease is gone. */
  #release(r: PackedRecipient<C>): void {
    const lease = this.#leaseOf.get(r)
    if (!lease) return
    this.#leaseOf.delete(r)
    lease.recipients.delete(r)
    if (lease.recipients.size === 0) this.#leases.delete(lease.token)
  }

  /** Puts the recipient where it belongs in the heap: at its due time, at its lease's end, or nowhere. */
  #arm(r: PackedRecipient<C>): void {
    const lease = this.#leaseOf.get(r)
    if (!r.open || r.busy || r.item.held) this.#due.delete(r)
    else if (lease) this.#due.set(r, this.#clock.now() + (lease.until - this.#clock.mono()))
    else this.#due.set(r, r.due)
  }

  /** After the wall clock was set back, due times lie too far ahead: they are brought within `maxWait`. */
  #noticeJump(): void {
    const now = this.#clock.now()
    const drift = now - this.#clock.mono()
    const jumped = drift < this.#drift - JUMP
    this.#drift = jumped ? drift : Math.max(drift, this.#drift)
    if (!jumped) return
    for (const item of this.#items.values())
      for (const r of item.recipients)
        if (r.at >= 0) {
          r.due = Math.min(r.due, now + this.#maxWait)
          this.#arm(r)
        }
  }

  #checkTouched(item: PackedItem<C>, update: ItemUpdate): void {
    const lease = update.lease === undefined ? null : this.#leases.get(update.lease)
    if (lease !== null && (!lease || lease.until <= this.#clock.mono()))
      throw permanent(`the lease ${update.lease} has expired`)
    const numbers = [...(update.expanded ?? []), ...(update.settled ?? [])].map(({ n }) => n)
    if (new Set(numbers).size !== numbers.length) throw permanent(`${item.id}: a recipient is changed twice`)
    for (const n of numbers) {
      const r = recipientOf(item, n)
      if (!r?.open) throw permanent(`${item.id}/${n} is not waiting in the queue`)
      if (r.busy) throw permanent(`${item.id}/${n} is being changed already`)
      if (lease ? this.#leaseOf.get(r) !== lease : this.#leased(r))
        throw permanent(`${item.id}/${n} is leased to somebody else`)
    }
  }

  *#touched(item: PackedItem<C>, op: UpdateOperation): Iterable<PackedRecipient<C>> {
    for (const list of [op.expanded, op.settled])
      for (const { n } of list ?? []) {
        const r = recipientOf(item, n)
        if (r) yield r
      }
  }
}

/** Recipients stand in ascending order of n, mostly without gaps. */
export function recipientOf<C>(item: PackedItem<C>, n: number): PackedRecipient<C> | undefined {
  const { recipients } = item
  if (recipients[n]?.n === n) return recipients[n]
  let low = 0
  let high = recipients.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const r = recipients[middle]!
    if (r.n === n) return r
    if (r.n < n) low = middle + 1
    else high = middle - 1
  }
  return undefined
}

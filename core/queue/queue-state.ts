// The queue in memory: items, recipients, due times and leases. Every back end holds one, so that they cannot differ.
import type { Clock } from '../base/clock.ts'
import { permanent } from '../base/failure.ts'
import { DueTimes } from './due-times.ts'
import { Interned } from './interned.ts'
import { matches } from './match.ts'
import type { AddOperation, ExpandedRows, Operation, RemoveOperation, UpdateOperation } from './operations.ts'
import {
  childRows,
  freshItem,
  type Last,
  PackedItem,
  PackedRecipient,
  type RecipientRow,
  unpackItem,
  unpackRecipient,
} from './packed.ts'
import {
  type Expanded,
  type ItemUpdate,
  isFinal,
  type Lease,
  type NewQueueItem,
  placeOf,
  type QueuedRecipient,
  type QueueFilter,
  type QueueItem,
  type Settlement,
} from './queue.ts'

/** `C` is what the back end keeps to find an item's bytes. */
export class QueueState<C> {
  readonly #clock: Clock
  readonly #items = new Map<string, PackedItem<C>>()
  readonly #due: DueTimes<C>
  readonly #lasts = new Interned<Last>()
  readonly #sources = new Interned<string>()
  recipients = 0
  held = 0
  bytes = 0

  /** No recipient waits longer than `maxWait` ms, whatever the clock said when its due time was made. */
  constructor(clock: Clock, maxWait = Number.POSITIVE_INFINITY) {
    this.#clock = clock
    this.#due = new DueTimes(clock, maxWait)
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
  prepare(update: ItemUpdate): UpdateOperation | RemoveOperation {
    const item = this.#items.get(update.id)
    if (!item) throw permanent(`no message ${update.id} in the queue`)
    this.#checkTouched(item, update)
    this.#setBusy(item, update, true)
    item.busy++
    // nobody will ask how the last of its recipients ended
    if (isEnd(item, update)) return { op: 'remove', ids: [item.id] }
    const at = this.#clock.now()
    const expanded = update.expanded && expandedRows(item, update.expanded, at)
    const { settled, filtered, held, due, requeue, expires, content } = update
    return {
      op: 'update',
      id: update.id,
      at,
      ...((expanded || item.unrecorded.length > 0) && { expanded: item.unrecorded.concat(expanded ?? []) }),
      ...(settled && { settled }),
      ...(filtered && { filtered }),
      ...(held !== undefined && { held }),
      ...(due !== undefined && { due }),
      ...(requeue && { requeue }),
      ...(expires !== undefined && { expires }),
      ...(content && { size: content.size }),
    }
  }

  /** An expansion that is true now, and goes on record with the next change. Throws as `prepare`. */
  expand(id: string, expanded: readonly Expanded[]): readonly QueuedRecipient[] {
    const item = this.#items.get(id)
    if (!item) throw permanent(`no message ${id} in the queue`)
    this.#checkTouched(item, { id, expanded })
    const before = unpacked(item)
    const known = item.recipients.length
    const rows = expandedRows(item, expanded, this.#clock.now())
    for (const { n, into } of rows) this.#expand(item, n, into)
    item.unrecorded = item.unrecorded.concat(rows)
    const added = item.recipients.slice(known)
    for (const r of added) this.#due.forget(r)
    const children = added.map((r) => unpackRecipient(r, before.envelope.reversePath))
    item.unpacked = { ...before, recipients: withChanged(before, item, expanded).concat(children) }
    return children
  }

  /** Takes `prepare` back: the change did not become durable. */
  cancel(update: ItemUpdate): void {
    const item = this.#items.get(update.id)
    if (!item) return
    item.busy--
    this.#setBusy(item, update, false)
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
        return op.ids.flatMap((id) => {
          const item = this.#items.get(id)
          return item ? [this.#drop(item)] : []
        })
      case 'update':
        return this.#update(op, content)
    }
  }

  /** Tells the listeners what became due. Once after each batch of changes. */
  wake(): void {
    this.#due.wake()
  }

  #add(op: AddOperation, content: C): C[] {
    const former = this.#items.get(op.id)
    const freed = former ? [this.#drop(former)] : []
    const item = new PackedItem(op, this.#sources.of(op.source), content)
    this.#items.set(op.id, item)
    this.bytes += op.size
    if (op.held) this.held++
    this.#addRecipients(item, op.recipients)
    return freed
  }

  #addRecipients(item: PackedItem<C>, rows: readonly RecipientRow[]): void {
    const added = rows.map((row) => new PackedRecipient(item, row))
    // exactly as long as it must be: a list that is pushed to keeps room for many more
    item.recipients = item.recipients.length === 0 ? added : item.recipients.concat(added)
    for (const r of added) {
      if (r.last) r.last = this.#lasts.of(r.last)
      item.next = Math.max(item.next, r.n + 1)
      if (!r.open) continue
      this.#due.cap(r)
      item.open++
      this.recipients++
      this.#due.arm(r)
    }
  }

  #update(op: UpdateOperation, content: C | null): C[] {
    const item = this.#items.get(op.id)
    if (!item) return content === null ? [] : [content]
    item.busy = Math.max(0, item.busy - 1)
    const freed: C[] = []
    let expanded = false
    for (const { n, into } of op.expanded ?? []) expanded = this.#expand(item, n, into) || expanded
    if (op.expanded && item.unrecorded.length > 0)
      item.unrecorded = item.unrecorded.filter((one) => !op.expanded!.includes(one))
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
    if (item.open === 0) freed.push(this.#drop(item))
    else item.unpacked = expanded ? null : afterUpdate(item, op)
    return freed
  }

  /** False when it was expanded before it was on record. */
  #expand(item: PackedItem<C>, n: number, into: readonly RecipientRow[]): boolean {
    const r = recipientOf(item, n)
    if (!r?.open) return false
    r.busy = false
    this.#close(r, 'expanded')
    this.#addRecipients(item, into)
    return true
  }

  #settle(item: PackedItem<C>, s: Settlement): void {
    const r = recipientOf(item, s.n)
    if (!r?.open) return
    r.busy = false
    r.countAttempt()
    if (s.status === 'ready' || s.status === 'pending') {
      r.status = s.status
      r.due = s.due
      if (s.delayWarned) r.warned()
      this.#due.arm(r)
    } else this.#close(r, s.status)
    // with the last recipient the message goes, and with it what was said about it
    if (item.open > 0) r.last = this.#lasts.of({ reply: s.reply, relay: s.relay, lane: s.lane })
  }

  #close(r: PackedRecipient<C>, status: PackedRecipient<C>['status']): void {
    r.status = status
    r.item.open--
    this.recipients--
    r.lease = null
    this.#due.arm(r)
  }

  #rearm(item: PackedItem<C>, op: UpdateOperation): void {
    for (const r of item.recipients) {
      if (!r.open) continue
      if (op.requeue) r.status = 'pending'
      if (op.due !== undefined) r.due = op.due
      else if (op.requeue) r.due = Math.min(r.due, op.at)
      this.#due.arm(r)
    }
  }

  #drop(item: PackedItem<C>): C {
    this.#items.delete(item.id)
    this.bytes -= item.size
    this.recipients -= item.open
    if (item.held) this.held--
    for (const r of item.recipients) this.#due.forget(r)
    return item.content
  }

  // ------------------------------------------------------------ questions

  get(id: string): QueueItem | null {
    const item = this.#items.get(id)
    return item ? unpacked(item) : null
  }

  /** What was added just now need not be unpacked for its first delivery. */
  fresh(item: NewQueueItem): void {
    const packed = this.#items.get(item.id)
    if (packed) packed.unpacked ??= freshItem(item)
  }

  /** Takes `fresh` back. */
  stale(id: string): void {
    const item = this.#items.get(id)
    if (item) item.unpacked = null
  }

  *list(filter: QueueFilter = {}): Iterable<QueueItem> {
    const candidates = filter.id === undefined ? this.#items.values() : [this.#items.get(filter.id)]
    for (const item of candidates) if (item && matches(item, filter)) yield unpackItem(item)
  }

  // ------------------------------------------------------------ due times and leases

  takeDue(now: number, limit: number): QueueItem[] {
    this.#noticeJump()
    const taken: QueueItem[] = []
    for (const item of this.#due.take(now, limit)) taken.push(unpacked(item))
    return taken
  }

  nextDue(): number | null {
    this.#noticeJump()
    const next = this.#due.next()
    return next === Number.POSITIVE_INFINITY ? null : next
  }

  onWake(listener: () => void): void {
    this.#due.onWake(listener)
  }

  /** Lets takeDue give an item again whose recipients were given, but not claimed. */
  offer(id: string): void {
    const item = this.#items.get(id)
    if (!item) return
    for (const r of item.recipients) if (r.at < 0) this.#due.arm(r)
    this.#due.wake()
  }

  claim(id: string, recipients: readonly number[], ms: number): Lease | null {
    const item = this.#items.get(id)
    if (!item) return null
    const claimed: PackedRecipient<C>[] = []
    for (const n of recipients) {
      const r = recipientOf(item, n)
      if (!r?.open || r.busy || this.#due.isLeased(r)) return null
      claimed.push(r)
    }
    const { token, until } = this.#due.grant(item, claimed, ms)
    return { token, queueId: id, recipients, until }
  }

  renew(lease: Lease, ms: number): Lease | null {
    const until = this.#due.renew(this.#leased(lease), lease.token, ms)
    return until === null ? null : { ...lease, until }
  }

  free(lease: Lease): void {
    this.#due.free(this.#leased(lease), lease.token)
    this.#due.wake()
  }

  /** The recipients that a lease was given for, as far as they are still there. */
  #leased({ queueId, recipients }: Lease): PackedRecipient<C>[] {
    const item = this.#items.get(queueId)
    return item ? recipients.map((n) => recipientOf(item, n)).filter((r) => r !== undefined) : []
  }

  #noticeJump(): void {
    if (!this.#due.wasSetBack()) return
    for (const item of this.#items.values())
      for (const r of item.recipients)
        if (r.at >= 0) {
          this.#due.cap(r)
          this.#due.arm(r)
          item.unpacked = null
        }
  }

  #checkTouched(item: PackedItem<C>, update: ItemUpdate): void {
    const { expanded = [], settled = [] } = update
    const changes = expanded.length === 0 ? settled : [...expanded, ...settled]
    if (changes.length > 1 && new Set(changes.map(({ n }) => n)).size !== changes.length)
      throw permanent(`${item.id}: a recipient is changed twice`)
    for (const { n } of changes) {
      const r = recipientOf(item, n)
      if (!r?.open) throw permanent(`${item.id}/${n} is not waiting in the queue`)
      if (r.busy) throw permanent(`${item.id}/${n} is being changed already`)
      this.#due.check(r, update.lease)
    }
  }

  /** A change of recipients is on its way to the disk, or is so no more. */
  #setBusy(item: PackedItem<C>, { expanded = [], settled = [] }: ItemUpdate, busy: boolean): void {
    for (const changes of [expanded, settled])
      for (const { n } of changes) {
        const r = recipientOf(item, n)
        if (!r) continue
        if (busy) r.lease = null
        r.busy = busy
        this.#due.arm(r)
      }
  }
}

/** With this all recipients of the item have come to their end. */
const isEnd = <C>(item: PackedItem<C>, { settled, expanded, content }: ItemUpdate): boolean =>
  settled?.length === item.open &&
  expanded === undefined &&
  content === undefined &&
  settled.every(({ status }) => isFinal(status))

/** An item on its way through dispatch is looked at several times. */
function unpacked<C>(item: PackedItem<C>): QueueItem {
  item.unpacked ??= unpackItem(item)
  return item.unpacked
}

/** Where some recipients came to their end, only they are unpacked anew: others of a long list may be on their way. */
function afterUpdate<C>(item: PackedItem<C>, op: UpdateOperation): QueueItem | null {
  const { unpacked } = item
  const { op: _, id, at, settled, expanded, ...more } = op
  if (unpacked === null || !settled?.every(({ status }) => isFinal(status)) || Object.keys(more).length > 0) return null
  return { ...unpacked, recipients: withChanged(unpacked, item, settled) }
}

/** The unpacked recipients, but for those that changed. */
function withChanged<C>(
  { recipients, envelope }: QueueItem,
  item: PackedItem<C>,
  changed: readonly { readonly n: number }[],
): QueuedRecipient[] {
  const now = recipients.slice()
  for (const { n } of changed) {
    const place = placeOf(item.recipients, n)
    if (place >= 0) now[place] = unpackRecipient(item.recipients[place]!, envelope.reversePath)
  }
  return now
}

/** Numbers the replacements. */
function expandedRows<C>(item: PackedItem<C>, expanded: readonly Expanded[], at: number): ExpandedRows[] {
  return expanded.map(({ n, into }) => {
    const rows = childRows(n, item.next, into, at)
    item.next += into.length
    return { n, into: rows }
  })
}

export function recipientOf<C>(item: PackedItem<C>, n: number): PackedRecipient<C> | undefined {
  return item.recipients[placeOf(item.recipients, n)]
}

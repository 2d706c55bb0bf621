// How an item stands in memory and in the log: packed, since hundreds of thousands may wait for days.
import type { Reply } from '../base/failure.ts'
import type { Address } from '../message/address.ts'
import type { Envelope, Notify } from '../message/envelope.ts'
import type { AddOperation, ExpandedRows } from './operations.ts'
import type { NewQueueItem, NewRecipient, Origin, QueuedRecipient, QueueItem, RecipientStatus } from './queue.ts'

/** `local@domain` where that says all; else NUL and a JSON list of the three parts. */
export function packAddress(address: Address): string {
  const plain = [address.local, address.domain].join('@')
  return plain === address.original && address.domain !== '' && !address.domain.includes('@')
    ? plain
    : `\0${JSON.stringify([address.local, address.domain, address.original])}`
}

export function unpackAddress(packed: string): Address {
  if (packed.charCodeAt(0) === 0) {
    const [local, domain, original] = JSON.parse(packed.slice(1)) as [string, string, string]
    return { local, domain, original }
  }
  const at = packed.lastIndexOf('@')
  return { local: packed.slice(0, at), domain: packed.slice(at + 1), original: packed }
}

export const packPath = (path: Address | null): string | null => (path === null ? null : packAddress(path))
export const unpackPath = (packed: string | null): Address | null => (packed === null ? null : unpackAddress(packed))

/** What does not change while an item waits, as JSON text: what is its own … */
type Meta = [
  reversePath: string | null,
  size: number | null,
  envid: string | null,
  auth: string | null,
  messageId: string | null,
  parent: string | null,
  session: string | null,
  /** Without the session's id, where it begins with that. */
  transaction: string | null,
]
/** … and what many items of one client have in common. */
type Source = [
  body: Envelope['body'],
  smtputf8: 0 | 1,
  ret: Envelope['ret'],
  requiretls: 0 | 1,
  service: string,
  ip: string | null,
  helo: string | null,
  account: string | null,
]

export function packMeta({ envelope: e, origin: o, messageId, parent }: NewQueueItem): string {
  const within = o.session !== null && o.transaction?.startsWith(`${o.session}.`)
  const transaction = within ? o.transaction!.slice(o.session!.length) : o.transaction
  const meta: Meta = [
    packPath(e.reversePath),
    e.size,
    e.envid,
    e.auth,
    messageId,
    parent ?? null,
    o.session,
    transaction,
  ]
  return JSON.stringify(meta)
}

export function packSource({ envelope: e, origin: o }: NewQueueItem): string {
  const flags = [e.smtputf8 ? 1 : 0, e.requiretls ? 1 : 0] as const
  const source: Source = [e.body, flags[0], e.ret, flags[1], o.service, o.ip, o.helo, o.account]
  return JSON.stringify(source)
}

export interface UnpackedMeta {
  readonly envelope: Omit<Envelope, 'recipients'>
  readonly origin: Origin
  readonly messageId: string | null
  readonly parent: string | null
}

export function unpackMeta<C>(item: PackedItem<C>): UnpackedMeta {
  const [reversePath, size, envid, auth, messageId, parent, session, suffix] = JSON.parse(item.meta) as Meta
  const [body, smtputf8, ret, requiretls, service, ip, helo, account] = JSON.parse(item.source) as Source
  const transaction = suffix?.startsWith('.') && session !== null ? session + suffix : suffix
  return {
    envelope: {
      reversePath: unpackPath(reversePath),
      size,
      body,
      smtputf8: smtputf8 === 1,
      ret,
      envid,
      requiretls: requiretls === 1,
      auth,
    },
    origin: { session, transaction, service, ip, helo, account },
    messageId,
    parent,
  }
}

/** What few recipients have; null in its place says: the envelope's reverse-path and nothing else. */
export interface Extra {
  readonly parent: number | null
  /** Packed; undefined: the envelope's. */
  readonly reversePath?: string | null
  readonly notify: readonly Notify[]
  readonly orcpt: string | null
  readonly asUser?: string
}

/** How the last attempt ended. */
export interface Last {
  readonly reply: Reply
  readonly relay: string | null
  readonly lane: string | null
}

const STATUS: readonly RecipientStatus[] = [
  'pending',
  'ready',
  'expanded',
  'delivered',
  'relayed',
  'failed',
  'discarded',
]

/** A recipient as the log writes it. */
export type RecipientRow = [
  n: number,
  address: string,
  status: number,
  attempts: number,
  due: number,
  delayWarned: 0 | 1,
  extra: Extra | null,
  last: Last | null,
]

const WARNED = 8
const BUSY = 16
const ATTEMPTS = 5

/** A loan of recipients of one item, in memory alone. */
export interface PackedLease {
  readonly token: string
  /** On the monotonic clock, ms. */
  until: number
}

/** Few fields, small integers: there may be a million of them. */
export class PackedRecipient<C> {
  readonly item: PackedItem<C>
  readonly n: number
  readonly address: string
  readonly extra: Extra | null
  last: Last | null
  /** Place in the heap of due recipients. */
  at = -1
  /** Who has it on loan. */
  lease: PackedLease | null = null
  /** From the item's arrival on, ms. */
  #wait: number
  /** Status (3 bits), a delay notice went out, a change is on its way to the disk, attempts. */
  #bits: number

  constructor(item: PackedItem<C>, row: RecipientRow) {
    this.item = item
    this.n = row[0]
    this.address = row[1]
    this.#bits = row[2] | (row[5] * WARNED) | (row[3] << ATTEMPTS)
    this.#wait = row[4] - item.arrived
    this.extra = row[6]
    this.last = row[7]
  }

  get open(): boolean {
    return (this.#bits & 7) < 2
  }
  get status(): RecipientStatus {
    return STATUS[this.#bits & 7] ?? 'pending'
  }
  set status(status: RecipientStatus) {
    this.#bits = (this.#bits & ~7) | STATUS.indexOf(status)
  }
  /** Wall clock, ms. */
  get due(): number {
    return this.item.arrived + this.#wait
  }
  set due(due: number) {
    this.#wait = due - this.item.arrived
  }
  get attempts(): number {
    return this.#bits >>> ATTEMPTS
  }
  countAttempt(): void {
    this.#bits += 1 << ATTEMPTS
  }
  get delayWarned(): boolean {
    return (this.#bits & WARNED) !== 0
  }
  warned(): void {
    this.#bits |= WARNED
  }
  get busy(): boolean {
    return (this.#bits & BUSY) !== 0
  }
  set busy(busy: boolean) {
    this.#bits = busy ? this.#bits | BUSY : this.#bits & ~BUSY
  }
}

const NONE: readonly never[] = []

export class PackedItem<C> {
  readonly id: string
  readonly arrived: number
  readonly meta: string
  readonly source: string
  /** In ascending order of n. */
  recipients: PackedRecipient<C>[] = []
  /** The next recipient's number. */
  next: number
  /** Recipients not final. */
  open = 0
  /** Expansions that are not on record: every record of the item names them, until one is durable. */
  unrecorded: readonly ExpandedRows[] = NONE
  held: QueueItem['held']
  filtered: boolean
  size: number
  content: C
  /** As last unpacked; null after a change. */
  unpacked: QueueItem | null = null
  /** Changes on their way to the disk. */
  busy = 0
  #lifetime: number

  constructor(op: AddOperation, source: string, content: C) {
    this.id = op.id
    this.arrived = op.arrived
    this.meta = op.meta
    this.source = source
    this.next = op.next
    this.held = op.held
    this.filtered = op.filtered
    this.size = op.size
    this.content = content
    this.#lifetime = op.expires - op.arrived
  }

  get expires(): number {
    return this.arrived + this.#lifetime
  }
  set expires(expires: number) {
    this.#lifetime = expires - this.arrived
  }
}

export const recipientRow = <C>(r: PackedRecipient<C>): RecipientRow => [
  r.n,
  r.address,
  STATUS.indexOf(r.status),
  r.attempts,
  r.due,
  r.delayWarned ? 1 : 0,
  r.extra,
  r.last,
]

export function newRows(item: NewQueueItem, due: number): RecipientRow[] {
  return item.envelope.recipients.map((r, n) => {
    const plain = r.notify.length === 0 && r.orcpt === null
    const extra: Extra | null = plain ? null : { parent: null, notify: r.notify, orcpt: r.orcpt }
    return [n, packAddress(r.address), 0, 0, due, 0, extra, null]
  })
}

/** Rows of the recipients that expansion put in the place of `parent`. They are expanded already, hence ready. */
export function childRows(parent: number, first: number, into: readonly NewRecipient[], due: number): RecipientRow[] {
  const ready = STATUS.indexOf('ready')
  return into.map((r, i) => {
    const extra: Extra = {
      parent,
      reversePath: packPath(r.reversePath),
      notify: r.notify,
      orcpt: r.orcpt,
      ...(r.asUser === undefined ? {} : { asUser: r.asUser }),
    }
    return [first + i, packAddress(r.address), ready, 0, due, 0, extra, null]
  })
}

export function unpackRecipient<C>(r: PackedRecipient<C>, envelopePath: Address | null): QueuedRecipient {
  const { extra, last } = r
  return {
    n: r.n,
    parent: extra?.parent ?? null,
    address: unpackAddress(r.address),
    reversePath: extra?.reversePath === undefined ? envelopePath : unpackPath(extra.reversePath),
    notify: extra?.notify ?? [],
    orcpt: extra?.orcpt ?? null,
    status: r.status,
    attempts: r.attempts,
    due: r.due,
    lastReply: last?.reply ?? null,
    lastRelay: last?.relay ?? null,
    lane: last?.lane ?? null,
    delayWarned: r.delayWarned,
    ...(extra?.asUser === undefined ? {} : { asUser: extra.asUser }),
  }
}

export function unpackItem<C>(item: PackedItem<C>): QueueItem {
  const meta = unpackMeta(item)
  return {
    id: item.id,
    parent: meta.parent,
    arrived: item.arrived,
    expires: item.expires,
    envelope: meta.envelope,
    recipients: item.recipients.map((r) => unpackRecipient(r, meta.envelope.reversePath)),
    origin: meta.origin,
    size: item.size,
    messageId: meta.messageId,
    held: item.held,
    filtered: item.filtered,
  }
}

/** What unpacking would make of an item that was queued just now. */
export function freshItem(item: NewQueueItem): QueueItem {
  const { reversePath, size, body, smtputf8, ret, envid, requiretls, auth, recipients } = item.envelope
  const { id, arrived, expires, origin, messageId, filtered } = item
  return {
    id,
    parent: item.parent ?? null,
    arrived,
    expires,
    envelope: { reversePath, size, body, smtputf8, ret, envid, requiretls, auth },
    recipients: recipients.map(({ address, notify, orcpt }, n) => ({
      n,
      parent: null,
      address,
      reversePath,
      notify,
      orcpt,
      status: 'pending',
      attempts: 0,
      due: arrived,
      lastReply: null,
      lastRelay: null,
      lane: null,
      delayWarned: false,
    })),
    origin,
    size: item.content.size,
    messageId,
    held: item.held ?? null,
    filtered,
  }
}

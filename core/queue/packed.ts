// How an item stands in memory and in the log: packed, since hundreds of thousands may wait for days.
import type { Reply } from '../base/failure.ts'
import type { Address } from '../message/address.ts'
import type { Envelope, Notify } from '../message/envelope.ts'
import type { NewQueueItem, NewRecipient, Origin, QueuedRecipient, QueueItem, RecipientStatus } from './queue.ts'

/** `local@domain` where that says all; else NUL and a JSON list of the three parts. */
export function packAddress(address: Address): string {
  const plain = `${address.local}@${address.domain}`
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

/** What does not change while an item waits, as JSON text. */
type Meta = [
  reversePath: string | null,
  size: number | null,
  body: Envelope['body'],
  smtputf8: 0 | 1,
  ret: Envelope['ret'],
  envid: string | null,
  requiretls: 0 | 1,
  auth: string | null,
  session: string | null,
  transaction: string | null,
  service: string,
  ip: string | null,
  helo: string | null,
  account: string | null,
  messageId: string | null,
  parent: string | null,
]

export function packMeta(item: NewQueueItem): string {
  const { envelope: e, origin: o } = item
  const meta: Meta = [
    packPath(e.reversePath),
    e.size,
    e.body,
    e.smtputf8 ? 1 : 0,
    e.ret,
    e.envid,
    e.requiretls ? 1 : 0,
    e.auth,
    o.session,
    o.transaction,
    o.service,
    o.ip,
    o.helo,
    o.account,
    item.messageId,
    item.parent ?? null,
  ]
  return JSON.stringify(meta)
}

export interface UnpackedMeta {
  readonly envelope: Omit<Envelope, 'recipients'>
  readonly origin: Origin
  readonly messageId: string | null
  readonly parent: string | null
}

export function unpackMeta(text: string): UnpackedMeta {
  const m = JSON.parse(text) as Meta
  return {
    envelope: {
      reversePath: unpackPath(m[0]),
      size: m[1],
      body: m[2],
      smtputf8: m[3] === 1,
      ret: m[4],
      envid: m[5],
      requiretls: m[6] === 1,
      auth: m[7],
    },
    origin: { session: m[8], transaction: m[9], service: m[10], ip: m[11], helo: m[12], account: m[13] },
    messageId: m[14],
    parent: m[15],
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

export class PackedRecipient<C> {
  readonly item: PackedItem<C>
  readonly n: number
  readonly address: string
  readonly extra: Extra | null
  status: RecipientStatus
  attempts: number
  due: number
  last: Last | null
  /** Bit 1: a delay notice went out. Bit 2: a change of it is on its way to the disk. */
  flags: number
  lease: PackedLease<C> | null = null
  /** Place in the heap of due recipients. */
  at = -1

  constructor(item: PackedItem<C>, row: RecipientRow) {
    this.item = item
    this.n = row[0]
    this.address = row[1]
    this.status = STATUS[row[2]] ?? 'pending'
    this.attempts = row[3]
    this.due = row[4]
    this.flags = row[5]
    this.extra = row[6]
    this.last = row[7]
  }

  get open(): boolean {
    return this.status === 'pending' || this.status === 'ready'
  }
  get delayWarned(): boolean {
    return (this.flags & 1) !== 0
  }
  get busy(): boolean {
    return (this.flags & 2) !== 0
  }
  set busy(busy: boolean) {
    this.flags = busy ? this.flags | 2 : this.flags & ~2
  }
}

export interface PackedLease<C> {
  readonly token: string
  readonly recipients: Set<PackedRecipient<C>>
  /** Monotonic ms. */
  until: number
}

export interface PackedItem<C> {
  readonly id: string
  readonly arrived: number
  expires: number
  readonly meta: string
  /** In ascending order of n. */
  readonly recipients: PackedRecipient<C>[]
  /** The next recipient's number. */
  next: number
  /** Recipients not final. */
  open: number
  held: QueueItem['held']
  filtered: boolean
  size: number
  content: C
  /** Changes on their way to the disk. */
  busy: number
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

function unpackRecipient<C>(r: PackedRecipient<C>, envelopePath: Address | null): QueuedRecipient {
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
  const meta = unpackMeta(item.meta)
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

// The changes of a queue as values: what the log records, what the state applies, now and at the next start alike.

import { newRows, type PackedItem, packMeta, packSource, type RecipientRow, recipientRow } from './packed.ts'
import type { NewQueueItem, QueueItem, Settlement } from './queue.ts'
import type { LargeBody } from './segment.ts'

/** Where an operation's bytes lie: header and small body in the record's payload, a large body in a file. */
export type ContentRow = [
  header: number,
  /** Octets of the body in the payload, from `bodyStart` on; 0 with a file. */
  inline: number,
  large: LargeBody | null,
]

/** A new item, or a known one as it stands now: either way all there is to know of it but its bytes. */
export interface AddOperation {
  readonly op: 'add'
  readonly id: string
  readonly arrived: number
  readonly expires: number
  readonly meta: string
  readonly source: string
  readonly recipients: readonly RecipientRow[]
  readonly next: number
  readonly held: QueueItem['held']
  readonly filtered: boolean
  readonly size: number
  readonly content?: ContentRow | undefined
}

/** As `Expanded`, with numbers for the replacements. */
export interface ExpandedRows {
  readonly n: number
  readonly into: readonly RecipientRow[]
}

export interface UpdateOperation {
  readonly op: 'update'
  readonly id: string
  /** Wall clock, ms. */
  readonly at: number
  readonly expanded?: readonly ExpandedRows[]
  readonly settled?: readonly Settlement[]
  readonly filtered?: true
  readonly held?: QueueItem['held']
  readonly due?: number
  readonly requeue?: true
  readonly expires?: number
  /** New content goes with this operation; its size in octets. */
  readonly size?: number
  readonly content?: ContentRow
}

export interface RemoveOperation {
  readonly op: 'remove'
  readonly ids: readonly string[]
}

export type Operation = AddOperation | UpdateOperation | RemoveOperation

export function addOperation(item: NewQueueItem, content?: ContentRow): AddOperation {
  return {
    op: 'add',
    id: item.id,
    arrived: item.arrived,
    expires: item.expires,
    meta: packMeta(item),
    source: packSource(item),
    recipients: newRows(item, item.arrived),
    next: item.envelope.recipients.length,
    held: item.held ?? null,
    filtered: item.filtered,
    size: item.content.size,
    content,
  }
}

export function snapshotOperation<C>(item: PackedItem<C>): AddOperation {
  return {
    op: 'add',
    id: item.id,
    arrived: item.arrived,
    expires: item.expires,
    meta: item.meta,
    source: item.source,
    recipients: item.recipients.map(recipientRow),
    next: item.next,
    held: item.held,
    filtered: item.filtered,
    size: item.size,
  }
}

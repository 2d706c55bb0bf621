// What operators do to the queue: the same code behind the control socket and, with the server down, on the files themselves.
import { isQueueId } from '../base/ids.ts'
import { formatAddress } from '../message/address.ts'
import { replyLine } from '../message/reply.ts'
import { isFinal, type Queue, type QueueFilter, type QueueItem } from '../queue/queue.ts'

export interface RecipientView {
  readonly n: number
  readonly address: string
  readonly status: string
  readonly attempts: number
  readonly due: number
  readonly reply: string | null
  readonly relay: string | null
  readonly lane: string | null
}

/** A queued message as listings and JSON show it. Times are milliseconds since 1970. */
export interface QueueView {
  readonly id: string
  readonly parent: string | null
  readonly arrived: number
  readonly expires: number
  readonly sender: string
  readonly size: number
  readonly messageId: string | null
  readonly held: { readonly reason: string; readonly quarantine: boolean } | null
  readonly service: string
  readonly ip: string | null
  readonly account: string | null
  readonly recipients: readonly RecipientView[]
}

export const viewItem = (item: QueueItem): QueueView => ({
  id: item.id,
  parent: item.parent,
  arrived: item.arrived,
  expires: item.expires,
  sender: formatAddress(item.envelope.reversePath),
  size: item.size,
  messageId: item.messageId,
  held: item.held,
  service: item.origin.service,
  ip: item.origin.ip,
  account: item.origin.account,
  recipients: item.recipients.map((r) => ({
    n: r.n,
    address: formatAddress(r.address),
    status: r.status,
    attempts: r.attempts,
    due: r.due,
    reply: r.lastReply ? replyLine(r.lastReply) : null,
    relay: r.lastRelay,
    lane: r.lane,
  })),
})

/** Which messages: by id, by filter, or all (only when said). */
export interface Selection {
  readonly ids?: readonly string[]
  readonly filter?: QueueFilter
  readonly all?: boolean
}

export const ACTIONS = ['flush', 'hold', 'release', 'requeue', 'delete'] as const
export type QueueAction = (typeof ACTIONS)[number]

export interface ActionResult {
  readonly done: number
  /** Ids that are not in the queue. */
  readonly unknown: readonly string[]
}

export function select(queue: Queue, selection: Selection): { items: QueueItem[]; unknown: string[] } {
  if (selection.ids) {
    const items: QueueItem[] = []
    const unknown: string[] = []
    for (const id of selection.ids) {
      const item = isQueueId(id) ? queue.get(id) : null
      if (item) items.push(item)
      else unknown.push(id)
    }
    return { items, unknown }
  }
  if (!selection.all && Object.keys(selection.filter ?? {}).length === 0) return { items: [], unknown: [] }
  return { items: [...queue.list(selection.filter)], unknown: [] }
}

/** Changes become durable together. `now` makes flushed and requeued recipients due. */
export async function act(queue: Queue, action: QueueAction, selection: Selection, now: number): Promise<ActionResult> {
  const { items, unknown } = select(queue, selection)
  const suited = items.filter((item) => suits(item, action))
  if (action === 'delete') await queue.remove(suited.map((item) => item.id))
  else await Promise.all(suited.map((item) => queue.update({ id: item.id, ...change(action, now) })))
  return { done: suited.length, unknown }
}

function suits(item: QueueItem, action: QueueAction): boolean {
  if (action === 'release') return item.held !== null
  if (action === 'hold') return item.held === null
  if (action === 'flush') return item.held === null && item.recipients.some((r) => !isFinal(r.status))
  return true
}

function change(action: Exclude<QueueAction, 'delete'>, now: number) {
  switch (action) {
    case 'flush':
      return { due: now }
    case 'hold':
      return { held: { reason: 'held by the operator', quarantine: false } }
    case 'release':
      return { held: null, due: now }
    case 'requeue':
      return { requeue: true as const, due: now, held: null }
  }
}

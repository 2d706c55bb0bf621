// What a queue must know after a crash: a memory twin runs along and says what each change should have made of each message.
import { expect } from 'vitest'
import type { Clock } from '../../core/base/clock.ts'
import { createQueueId } from '../../core/base/ids.ts'
import type { Address } from '../../core/message/address.ts'
import { contentBytes, type MessageContent, memoryContent } from '../../core/message/content.ts'
import { defaultMailParameters } from '../../core/message/envelope.ts'
import { createMemoryQueue } from '../../core/queue/memory-queue.ts'
import {
  type Expanded,
  type ItemUpdate,
  isFinal,
  type NewQueueItem,
  type Queue,
  type QueueItem,
  type Settlement,
} from '../../core/queue/queue.ts'

export const address = (text: string): Address => {
  const at = text.lastIndexOf('@')
  return { local: text.slice(0, at), domain: text.slice(at + 1), original: text }
}

/** A message that nobody could confuse with another: its id is all over it. */
export function messageBytes(id: string, size: number): Buffer {
  const head = `From: ana@a.test\r\nMessage-ID: <${id}@a.test>\r\n\r\n`
  return Buffer.concat([Buffer.from(head), Buffer.alloc(Math.max(0, size - head.length), `${id} line of text\r\n`)])
}

export function newItem(
  clock: Clock,
  to: readonly string[],
  size: number,
  more: Partial<NewQueueItem> = {},
): NewQueueItem {
  const id = createQueueId(clock.now())
  return {
    id,
    arrived: clock.now(),
    expires: clock.now() + 432_000_000,
    envelope: {
      ...defaultMailParameters,
      reversePath: address('ana@a.test'),
      recipients: to.map((t) => ({ address: address(t), notify: [], orcpt: null })),
    },
    origin: { session: 's', transaction: 's.1', service: 'smtp', ip: null, helo: null, account: null },
    messageId: `<${id}@a.test>`,
    content: memoryContent(messageBytes(id, size)),
    filtered: true,
    ...more,
  }
}

export const settled = (n: number, status: 'delivered' | 'failed' = 'delivered'): Settlement => ({
  n,
  status,
  reply: { code: status === 'failed' ? 550 : 250, enhanced: null, text: 'said the other side' },
  relay: 'mx.b.test',
  lane: 'smtp:b.test',
})
export const deferred = (n: number, due: number): Settlement => ({
  n,
  status: 'ready',
  due,
  reply: { code: 451, enhanced: '4.3.0', text: 'later' },
  relay: null,
  lane: 'smtp:b.test',
})

interface Known {
  readonly item: QueueItem
  readonly bytes: Buffer
}

/** Changes asked for and not yet acknowledged: after a crash all of it is true, or none. */
interface Asked {
  readonly before: ReadonlyMap<string, Known | null>
  readonly after: ReadonlyMap<string, Known | null>
}

export class QueueModel {
  readonly #twin: Queue
  #acknowledged = new Map<string, Known>()
  readonly #asked = new Set<Asked>()

  /** Set where refusals are expected: checks the reason, and gives the queue as a start right now would find it. */
  afterRefusal: ((error: unknown) => Promise<Queue>) | null = null

  constructor(clock: Clock) {
    this.#twin = createMemoryQueue({ clock })
  }

  async enqueue(queue: Queue, item: NewQueueItem): Promise<void> {
    await this.#change([item.id], (q) => q.enqueue(item), queue)
  }

  async update(queue: Queue, update: ItemUpdate): Promise<void> {
    const ids = [update.id, ...(update.enqueue ?? []).map(({ id }) => id)]
    await this.#change(ids, (q) => q.update(update), queue)
  }

  /** An expansion, on record with what comes next. */
  async expand(queue: Queue, expanded: readonly Expanded[], next: ItemUpdate): Promise<void> {
    const expand = (q: Queue): void => {
      const isDone = expanded.some(({ n }) => q.get(next.id)?.recipients[n]?.status === 'expanded')
      if (!isDone) q.expand(next.id, expanded)
    }
    await this.#change(
      [next.id],
      async (q) => {
        expand(q)
        await q.update(next)
      },
      queue,
    )
  }

  async remove(queue: Queue, ids: readonly string[]): Promise<void> {
    await this.#change(ids, (q) => q.remove(ids), queue)
  }

  get ids(): string[] {
    return [...this.#acknowledged.keys()]
  }

  /** It was removed from the queue past the model. */
  forget(id: string): void {
    this.#acknowledged.delete(id)
  }

  /** Compares; what was not acknowledged is taken as it turned out. */
  async check(queue: Queue): Promise<void> {
    const found = new Map<string, Known>()
    for (const item of queue.list()) found.set(item.id, await known(queue, item))
    const expected = new Map(this.#acknowledged)
    for (const asked of this.#asked) {
      const happened = [...asked.after].every(([id, after]) => same(found.get(id), after))
      for (const [id, state] of happened ? asked.after : asked.before) {
        if (state) expected.set(id, state)
        else expected.delete(id)
      }
    }
    this.#asked.clear()
    this.#acknowledged = expected
    expect([...found.keys()].sort()).toEqual([...expected.keys()].sort())
    const items = [...expected.values()]
    const open = items.flatMap(({ item }) => item.recipients).filter(({ status }) => !isFinal(status))
    expect(queue.stats()).toMatchObject({
      items: items.length,
      recipients: open.length,
      held: items.filter(({ item }) => item.held).length,
      bytes: items.reduce((sum, { item }) => sum + item.size, 0),
    })
    for (const [id, { item, bytes }] of expected) {
      expect(found.get(id)!.item).toEqual(item)
      expect(found.get(id)!.bytes.equals(bytes), `bytes of ${id}`).toBe(true)
    }
  }

  async #change(ids: readonly string[], run: (queue: Queue) => Promise<void>, queue: Queue): Promise<void> {
    const before = await this.#states(ids)
    await run(this.#twin)
    const asked: Asked = { before, after: await this.#states(ids) }
    this.#asked.add(asked)
    await run(queue).catch((error) => this.#refused(asked, error, () => run(queue)))
    this.#asked.delete(asked)
    for (const [id, state] of asked.after) {
      if (state) this.#acknowledged.set(id, state)
      else this.#acknowledged.delete(id)
    }
  }

  /** A refusal leaves nothing on disk, not even for a start after it; the next try succeeds. */
  async #refused(asked: Asked, error: unknown, again: () => Promise<void>): Promise<void> {
    if (!this.afterRefusal) throw error
    const queue = await this.afterRefusal(error)
    for (const [id, state] of asked.before) {
      const item = queue.get(id)
      expect(same(item ? await known(queue, item) : undefined, state), `${id} after a refusal`).toBe(true)
    }
    await queue.close()
    await again()
  }

  async #states(ids: readonly string[]): Promise<Map<string, Known | null>> {
    const states = new Map<string, Known | null>()
    for (const id of ids) {
      const item = this.#twin.get(id)
      states.set(id, item && (await known(this.#twin, item)))
    }
    return states
  }
}

async function known(queue: Queue, item: QueueItem): Promise<Known> {
  const content: MessageContent = await queue.content(item.id)
  const bytes = await contentBytes(content)
  content.body.release()
  return { item, bytes }
}

const same = (found: Known | undefined, expected: Known | null): boolean =>
  found === undefined || expected === null
    ? found === undefined && expected === null
    : JSON.stringify(found.item) === JSON.stringify(expected.item) && found.bytes.equals(expected.bytes)

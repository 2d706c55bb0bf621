// The queue's twin without a disk: for tests, and for what must not outlive the process.
import type { Clock } from '../base/clock.ts'
import { permanent } from '../base/failure.ts'
import type { MessageContent } from '../message/content.ts'
import { addOperation } from './operations.ts'
import type { ItemUpdate, NewQueueItem, Queue, QueueStats } from './queue.ts'
import { QueueState } from './queue-state.ts'
import { noRoom, StateQueue } from './state-queue.ts'

export interface MemoryQueueOptions {
  readonly clock: Clock
  /** Octets it takes before it says 452; no bound when left out. */
  readonly capacity?: number
  /** ms that no recipient waits longer than, however the clock jumps. */
  readonly maxWait?: number
}

export function createMemoryQueue(options: MemoryQueueOptions): Queue {
  return new MemoryQueue(options)
}

class MemoryQueue extends StateQueue<MessageContent> implements Queue {
  readonly #capacity: number

  constructor({ clock, capacity = Number.POSITIVE_INFINITY, maxWait }: MemoryQueueOptions) {
    super(new QueueState(clock, maxWait))
    this.#capacity = capacity
  }

  async enqueue(item: NewQueueItem): Promise<void> {
    this.checkNew(item)
    if (!this.hasRoom(item.content.size)) throw noRoom('the queue in memory is full')
    await null // as in the other queues, what is asked for in one go is checked before any of it is true
    this.#add(item)
    this.state.wake()
  }

  async update(update: ItemUpdate): Promise<void> {
    for (const item of update.enqueue ?? []) this.checkNew(item)
    const operation = this.state.prepare(update)
    await null
    for (const item of update.enqueue ?? []) this.#add(item)
    update.content?.body.retain()
    release(this.state.apply(operation, update.content ?? null))
    this.state.wake()
  }

  async remove(ids: readonly string[]): Promise<void> {
    release(this.state.apply(this.state.prepareRemove(ids), null))
  }

  async content(id: string): Promise<MessageContent> {
    const content = this.state.item(id)?.content
    if (!content) throw permanent(`no message ${id} in the queue`)
    content.body.retain()
    return content
  }

  hasRoom(size: number): boolean {
    return this.state.bytes + size <= this.#capacity
  }

  stats(): QueueStats {
    const { size, recipients, held, bytes } = this.state
    return { items: size, recipients, held, bytes, syncs: 0 }
  }

  async close(): Promise<void> {
    release(Array.from(this.state.items(), (item) => item.content))
  }

  #add(item: NewQueueItem): void {
    item.content.body.retain()
    release(this.state.apply(addOperation(item), item.content))
  }
}

function release(contents: readonly MessageContent[]): void {
  for (const content of contents) content.body.release()
}

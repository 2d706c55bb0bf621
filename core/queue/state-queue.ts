// What all queues that hold their state in this process share: the questions, the due times, the leases.
import { temporary } from '../base/failure.ts'
import { replies } from '../message/reply.ts'
import type { Expanded, Lease, QueuedRecipient, QueueFilter, QueueItem } from './queue.ts'
import type { QueueState } from './queue-state.ts'

export abstract class StateQueue<C> {
  protected readonly state: QueueState<C>

  constructor(state: QueueState<C>) {
    this.state = state
  }

  get(id: string): QueueItem | null {
    return this.state.get(id)
  }
  list(filter?: QueueFilter): Iterable<QueueItem> {
    return this.state.list(filter)
  }
  expand(id: string, expanded: readonly Expanded[]): readonly QueuedRecipient[] {
    return this.state.expand(id, expanded)
  }
  takeDue(now: number, limit: number): QueueItem[] {
    return this.state.takeDue(now, limit)
  }
  wake(id: string): void {
    this.state.offer(id)
  }
  nextDue(): number | null {
    return this.state.nextDue()
  }
  onWake(listener: () => void): void {
    this.state.onWake(listener)
  }
  claim(id: string, recipients: readonly number[], ms: number): Lease | null {
    return this.state.claim(id, recipients, ms)
  }
  renew(lease: Lease, ms: number): Lease | null {
    return this.state.renew(lease, ms)
  }
  free(lease: Lease): void {
    this.state.free(lease)
  }

  protected checkNew(item: { id: string; envelope: { recipients: readonly unknown[] } }): void {
    if (this.state.item(item.id)) throw new Error(`queue id ${item.id} is taken`)
    if (item.envelope.recipients.length === 0) throw new Error(`message ${item.id} has no recipient`)
  }
}

/** Refusal of a new message for lack of space. */
export const noRoom = (why: string, cause?: unknown) => temporary(why, { reply: replies.noRoom(), cause })

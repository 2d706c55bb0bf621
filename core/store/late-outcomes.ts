// Deliveries that must wait for their mailbox hold up none of those they came with: a number stands for their outcome until it is asked for.
import type { PostedFailure } from './engine.ts'
import { storeClosed } from './errors.ts'

export class LateOutcomes {
  readonly #outcomes = new Map<number, Promise<PostedFailure | null>>()
  #last = 0

  add(outcome: Promise<PostedFailure | null>): number {
    this.#outcomes.set(++this.#last, outcome)
    return this.#last
  }

  /** Once for each number. */
  async take(number: number): Promise<PostedFailure | null> {
    const outcome = this.#outcomes.get(number)
    this.#outcomes.delete(number)
    if (!outcome) throw storeClosed()
    return outcome
  }
}

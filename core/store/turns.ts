// Long work on a thread that many wait for: a few milliseconds at a time, and between two of its turns the others have theirs.
import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../base/clock.ts'
import { storeClosed } from './errors.ts'

/** Work that may be interrupted wherever it yields. */
export type Steps<T> = Generator<void, T, void>

const TURN_MS = 2

export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

export class Turns {
  readonly #clock: Clock
  /** Resolves when the last of those that wait has got its turn of the event loop. */
  #last: Promise<unknown> = Promise.resolve()
  #stopped = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The first turn is taken at once: what needs no other gives its result, and no promise. */
  run<T>(steps: Steps<T>): T | Promise<T> {
    const first = this.#turn(steps)
    return first.done ? first.value : this.#others(steps)
  }

  /** What is not done by then fails at its next turn, after its `finally` blocks. */
  stop(): void {
    this.#stopped = true
  }

  async #others<T>(steps: Steps<T>): Promise<T> {
    for (;;) {
      // one after another, each in a turn of the event loop of its own
      this.#last = this.#last.then(() => setImmediate())
      await this.#last
      if (this.#stopped) {
        steps.return(undefined as never)
        throw storeClosed()
      }
      const step = this.#turn(steps)
      if (step.done) return step.value
    }
  }

  #turn<T>(steps: Steps<T>): IteratorResult<void, T> {
    const end = this.#clock.mono() + TURN_MS
    let step = steps.next()
    while (!step.done && this.#clock.mono() < end) step = steps.next()
    return step
  }
}

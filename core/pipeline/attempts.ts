// Attempts under way: each has a time limit, all of them end when dispatch is stopped.
import type { Clock, Timer } from '../base/clock.ts'
import { Crowd, type Member } from '../base/crowd.ts'
import { Controllers } from '../plugin/controllers.ts'

/** The longest that one attempt may take: RFC 5321 §4.5.3.2 time-outs of a whole large message add up to less. */
export const ATTEMPT_LIMIT_MS = 60 * 60_000
/** How long after its limit an attempt may be cut off. */
const SWEEP_MS = 10_000

export interface Attempt extends Member {
  readonly controller: AbortController
  /** On the monotonic clock, ms. */
  readonly until: number
}

export class Attempts {
  readonly #clock: Clock
  readonly #controllers = new Controllers()
  readonly #running = new Crowd<Attempt>()
  /** Set while there are attempts. */
  #timer: Timer | null = null
  stopped = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  begin(): Attempt {
    this.#timer ??= this.#clock.every(SWEEP_MS, () => this.#sweep())
    const until = this.#clock.mono() + ATTEMPT_LIMIT_MS
    const attempt = { controller: this.#controllers.take(), until, place: -1 }
    this.#running.add(attempt)
    return attempt
  }

  end(attempt: Attempt): void {
    this.#running.remove(attempt)
    this.#controllers.giveBack(attempt.controller)
  }

  /** Cuts off what still runs. */
  stop(): void {
    this.stopped = true
    this.#timer?.cancel()
    for (const { controller } of this.#running) controller.abort()
  }

  #sweep(): void {
    const now = this.#clock.mono()
    for (const { controller, until } of this.#running) if (until <= now) controller.abort()
    if (this.#running.size > 0) return
    this.#timer?.cancel()
    this.#timer = null
  }
}

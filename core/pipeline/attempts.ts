// Attempts under way: each has a time limit, all of them end when dispatch is stopped.
import type { Clock } from '../base/clock.ts'
import { Crowd, type Member } from '../base/crowd.ts'
import { Controllers } from '../plugin/controllers.ts'
import { type Deadline, Deadlines } from '../plugin/deadlines.ts'

/** The longest that one attempt may take: RFC 5321 §4.5.3.2 time-outs of a whole large message add up to less. */
export const ATTEMPT_LIMIT_MS = 60 * 60_000

export interface Attempt extends Member {
  readonly controller: AbortController
  readonly deadline: Deadline
}

export class Attempts {
  readonly #deadlines: Deadlines
  readonly #controllers = new Controllers()
  readonly #running = new Crowd<Attempt>()
  stopped = false

  constructor(clock: Clock) {
    this.#deadlines = new Deadlines(clock)
  }

  begin(): Attempt {
    const controller = this.#controllers.take()
    const deadline = this.#deadlines.start(ATTEMPT_LIMIT_MS, () => controller.abort())
    const attempt = { controller, deadline, place: -1 }
    this.#running.add(attempt)
    return attempt
  }

  end(attempt: Attempt): void {
    attempt.deadline.end()
    this.#running.remove(attempt)
    this.#controllers.giveBack(attempt.controller)
  }

  /** Cuts off what still runs. */
  stop(): void {
    this.stopped = true
    for (const { controller } of this.#running) controller.abort()
    this.#deadlines.close()
  }
}

// Attempts under way: each has a time limit, all of them end when dispatch is stopped.
import type { Clock } from '../base/clock.ts'
import { type Deadline, Deadlines } from '../plugin/deadlines.ts'

/** The longest that one attempt may take: RFC 5321 §4.5.3.2 time-outs of a whole large message add up to less. */
export const ATTEMPT_LIMIT_MS = 60 * 60_000

export class Attempts {
  readonly #deadlines: Deadlines
  readonly #running = new Map<AbortController, Deadline>()
  stopped = false

  constructor(clock: Clock) {
    this.#deadlines = new Deadlines(clock)
  }

  begin(): AbortController {
    const attempt = new AbortController()
    this.#running.set(
      attempt,
      this.#deadlines.start(ATTEMPT_LIMIT_MS, () => attempt.abort()),
    )
    return attempt
  }

  end(attempt: AbortController): void {
    this.#running.get(attempt)?.end()
    this.#running.delete(attempt)
  }

  /** Cuts off what still runs. */
  stop(): void {
    this.stopped = true
    for (const attempt of this.#running.keys()) attempt.abort()
    this.#deadlines.close()
  }
}

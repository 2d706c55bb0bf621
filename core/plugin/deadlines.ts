// Deadlines of many calls at once, kept by one timer that runs only while some call is waited for.
import type { Clock, Timer } from '../base/clock.ts'
import { Crowd, type Member } from '../base/crowd.ts'

const SWEEP_MS = 100

export class Deadline implements Member {
  readonly #among: Crowd<Deadline>
  /** On the monotonic clock, ms. */
  readonly at: number
  readonly late: () => void
  place = -1

  constructor(among: Crowd<Deadline>, at: number, late: () => void) {
    this.#among = among
    this.at = at
    this.late = late
    among.add(this)
  }

  end(): void {
    this.#among.remove(this)
  }
}

export class Deadlines {
  readonly #clock: Clock
  #running = new Crowd<Deadline>()
  #timer: Timer | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `late` once, at most 100 ms after `ms` have passed, unless it is ended before. */
  start(ms: number, late: () => void): Deadline {
    this.#timer ??= this.#clock.every(Math.min(SWEEP_MS, Math.max(ms, 1)), () => this.#sweep())
    return new Deadline(this.#running, this.#clock.mono() + ms, late)
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#running = new Crowd()
  }

  #sweep(): void {
    const now = this.#clock.mono()
    for (const deadline of this.#running) {
      if (deadline.at > now || deadline.place < 0) continue
      deadline.end()
      deadline.late()
    }
    if (this.#running.size > 0) return
    this.#timer?.cancel()
    this.#timer = null
  }
}

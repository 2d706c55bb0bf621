// Deadlines of many calls at once, kept by one timer that runs only while some call is waited for.
import type { Clock, Timer } from '../base/clock.ts'

const SWEEP_MS = 100

export interface Deadline {
  end(): void
}

interface Entry extends Deadline {
  readonly at: number
  readonly late: () => void
}

export class Deadlines {
  readonly #clock: Clock
  readonly #entries = new Set<Entry>()
  #timer: Timer | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `late` once, at most 100 ms after `ms` have passed, unless it is ended before. */
  start(ms: number, late: () => void): Deadline {
    const entry: Entry = { at: this.#clock.mono() + ms, late, end: () => this.#entries.delete(entry) }
    this.#entries.add(entry)
    this.#timer ??= this.#clock.every(Math.min(SWEEP_MS, Math.max(ms, 1)), () => this.#sweep())
    return entry
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#entries.clear()
  }

  #sweep(): void {
    const now = this.#clock.mono()
    for (const entry of this.#entries) {
      if (entry.at > now) continue
      this.#entries.delete(entry)
      entry.late()
    }
    if (this.#entries.size > 0) return
    this.#timer?.cancel()
    this.#timer = null
  }
}

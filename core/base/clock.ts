// The only place that reads the time or sets a timer. Tests step a fake one.

export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Wall clock, milliseconds since 1970: for what is stored or shown. */
  now(): number
  /** Monotonic milliseconds: for deadlines and durations. */
  mono(): number
  /** Calls `run` once after `ms`. The timer does not keep the process alive. */
  after(ms: number, run: () => void): Timer
  /** Calls `run` every `ms` until cancelled. The timer does not keep the process alive. */
  every(ms: number, run: () => void): Timer
}

export const systemClock: Clock = {
  now: () => Date.now(),
  mono: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms)
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
  every(ms, run) {
    const timer = setInterval(run, ms)
    timer.unref()
    return { cancel: () => clearInterval(timer) }
  },
}

/** Keeps the process alive until cancelled: for a command that may wait for nothing but a clock's timers. */
export function stayAlive(): Timer {
  const timer = setInterval(() => {}, 2 ** 30)
  return { cancel: () => clearInterval(timer) }
}

/** A clock that stands still until `advance` is called: for tests. */
export class FakeClock implements Clock {
  #now: number
  #mono = 0
  #timers: { at: number; every: number | null; run: () => void }[] = []

  constructor(now = Date.UTC(2026, 0, 1)) {
    this.#now = now
  }
  now(): number {
    return this.#now
  }
  mono(): number {
    return this.#mono
  }
  after(ms: number, run: () => void): Timer {
    return this.#add(ms, null, run)
  }
  every(ms: number, run: () => void): Timer {
    return this.#add(ms, ms, run)
  }
  /** Moves both clocks on by `ms`, running what falls due, in order. */
  advance(ms: number): void {
    const end = this.#mono + ms
    for (;;) {
      const due = this.#timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0]
      if (!due) break
      this.#step(due.at)
      if (due.every === null) this.#timers = this.#timers.filter((t) => t !== due)
      else due.at += due.every
      due.run()
    }
    this.#step(end)
  }
  /** Sets the wall clock back by `ms`; the monotonic one goes on. */
  setBack(ms: number): void {
    this.#now -= ms
  }
  #add(ms: number, every: number | null, run: () => void): Timer {
    const timer = { at: this.#mono + ms, every, run }
    this.#timers.push(timer)
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((t) => t !== timer)
      },
    }
  }
  #step(to: number): void {
    this.#now += to - this.#mono
    this.#mono = to
  }
}

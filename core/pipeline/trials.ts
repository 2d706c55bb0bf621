// Attempts with next hops that have yet to answer: few enough at once that those that do answer always find room.

/** At once, in all. */
export const MAX_TRIALS = 500
/** With more than these under way, next hops that failed last time, and second attempts, wait for those that nobody knows yet. */
export const MAX_RETRIALS = 100
/** Next hops that answered, remembered after their last mail has gone. */
const MAX_ANSWERED = 10_000

/** What a lane is to its trials. */
export interface Untried {
  readonly key: string
  /** Times that it failed in a row. */
  readonly failures: number
  /** Its attempts under way that began before it had answered. */
  trials: number
}

export class Trials<Lane extends Untried> {
  readonly #resume: (lane: Lane) => void
  /** Keys of those that answered when they were asked last, the latest at the end. */
  readonly #answered = new Set<string>()
  /** Those that wait for their turn, first come, first served. */
  readonly #unknown = new Set<Lane>()
  readonly #again = new Set<Lane>()
  #running = 0

  /** `resume` is called for a lane whose turn has come. */
  constructor(resume: (lane: Lane) => void) {
    this.#resume = resume
  }

  haveAnswered(key: string): boolean {
    return this.#answered.has(key)
  }

  /** True when an attempt may begin; otherwise the lane waits for its turn. */
  mayBegin(lane: Lane): boolean {
    if (this.#answered.has(lane.key)) return true
    const again = lane.failures > 0 || lane.trials > 0
    const [most, waiting] = again ? [MAX_RETRIALS, this.#again] : [MAX_TRIALS, this.#unknown]
    if (this.#running >= most) {
      waiting.add(lane)
      return false
    }
    lane.trials++
    this.#running++
    return true
  }

  /** What is under way with one that answered is no trial any more. */
  answered(lane: Lane): void {
    this.#answered.delete(lane.key)
    this.#answered.add(lane.key)
    if (this.#answered.size > MAX_ANSWERED) this.#answered.delete(this.#answered.values().next().value!)
    this.#end(lane, lane.trials)
  }

  failed(lane: Lane): void {
    this.#answered.delete(lane.key)
    this.left(lane)
  }

  /** One that was under way has come to no attempt. */
  left(lane: Lane): void {
    this.#end(lane, Math.min(1, lane.trials))
  }

  #end(lane: Lane, count: number): void {
    this.#unknown.delete(lane)
    this.#again.delete(lane)
    lane.trials -= count
    this.#running -= count
    this.#next(this.#unknown, MAX_TRIALS)
    this.#next(this.#again, MAX_RETRIALS)
  }

  #next(waiting: Set<Lane>, most: number): void {
    for (const lane of waiting) {
      if (this.#running >= most) return
      waiting.delete(lane)
      this.#resume(lane)
    }
  }
}

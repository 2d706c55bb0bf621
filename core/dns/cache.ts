// Answers kept for their time to live, bounded in octets; the least recently used go first.

interface Entry<T> {
  readonly value: T
  readonly until: number
  readonly cost: number
}

export class TtlCache<T> {
  readonly #entries = new Map<string, Entry<T>>()
  readonly #limit: number
  #cost = 0

  /** `limit` bounds the sum of all costs. */
  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#entries.size
  }

  /** Null when absent or out of date; `left` is the time that remains, in the unit of `now`. */
  get(key: string, now: number): { value: T; left: number } | null {
    const entry = this.#entries.get(key)
    if (!entry) return null
    this.#entries.delete(key)
    if (entry.until <= now) {
      this.#cost -= entry.cost
      return null
    }
    this.#entries.set(key, entry)
    return { value: entry.value, left: entry.until - now }
  }

  set(key: string, value: T, until: number, cost: number): void {
    this.delete(key)
    if (cost > this.#limit) return
    this.#entries.set(key, { value, until, cost })
    this.#cost += cost
    for (const oldest of this.#entries.keys()) {
      if (this.#cost <= this.#limit) break
      this.delete(oldest)
    }
  }

  delete(key: string): void {
    const entry = this.#entries.get(key)
    if (!entry) return
    this.#cost -= entry.cost
    this.#entries.delete(key)
  }
}

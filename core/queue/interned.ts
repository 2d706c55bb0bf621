// Equal values kept once: thousands of recipients wait for the same reason.

const LIMIT = 4096

/** Forgets all it knows when full: what it gave out stays valid, only less is shared. */
export class Interned<T> {
  readonly #known = new Map<string, T>()

  of(value: T): T {
    const key = typeof value === 'string' ? value : JSON.stringify(value)
    const known = this.#known.get(key)
    if (known !== undefined) return known
    if (this.#known.size >= LIMIT) this.#known.clear()
    this.#known.set(key, value)
    return value
  }
}

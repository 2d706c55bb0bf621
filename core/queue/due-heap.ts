// A binary heap of things by time, from which any one can be taken out: finding the next due recipient never scans the queue.

/** What stands in the heap carries its own place there; -1 when outside. */
export interface HeapEntry {
  at: number
}

export class DueHeap<T extends HeapEntry> {
  #keys = new Float64Array(64)
  readonly #entries: T[] = []

  get size(): number {
    return this.#entries.length
  }

  peek(): T | undefined {
    return this.#entries[0]
  }

  /** The earliest key; Infinity when empty. */
  peekKey(): number {
    return this.#entries.length === 0 ? Number.POSITIVE_INFINITY : this.#keys[0]!
  }

  /** Puts an entry in, or moves it to its new key. */
  set(entry: T, key: number): void {
    if (entry.at < 0) {
      entry.at = this.#entries.length
      this.#entries.push(entry)
      if (this.#keys.length < this.#entries.length) this.#grow()
    }
    this.#keys[entry.at] = key
    this.#up(entry.at)
    this.#down(entry.at)
  }

  pop(): T | undefined {
    const top = this.#entries[0]
    if (top) this.delete(top)
    return top
  }

  delete(entry: T): void {
    const at = entry.at
    if (at < 0) return
    entry.at = -1
    const lastKey = this.#keys[this.#entries.length - 1]!
    const last = this.#entries.pop()!
    if (last === entry) return
    this.#place(last, lastKey, at)
    this.#up(at)
    this.#down(last.at)
  }

  #grow(): void {
    const keys = new Float64Array(this.#keys.length * 2)
    keys.set(this.#keys)
    this.#keys = keys
  }

  #place(entry: T, key: number, at: number): void {
    this.#entries[at] = entry
    this.#keys[at] = key
    entry.at = at
  }

  #up(at: number): void {
    const entry = this.#entries[at]!
    const key = this.#keys[at]!
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (this.#keys[parent]! <= key) break
      this.#place(this.#entries[parent]!, this.#keys[parent]!, at)
      at = parent
    }
    this.#place(entry, key, at)
  }

  #down(at: number): void {
    const entry = this.#entries[at]!
    const key = this.#keys[at]!
    const size = this.#entries.length
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && this.#keys[child + 1]! < this.#keys[child]!) child++
      if (this.#keys[child]! >= key) break
      this.#place(this.#entries[child]!, this.#keys[child]!, at)
      at = child
    }
    this.#place(entry, key, at)
  }
}

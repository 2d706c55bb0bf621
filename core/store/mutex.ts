// Lets one task at a time into a stretch that waits in between.

export class Mutex {
  #last: Promise<unknown> = Promise.resolve()
  #inside = 0

  /** Somebody is in, or waits. */
  get busy(): boolean {
    return this.#inside > 0
  }

  /** Resolves, in order of asking, with what ends the turn. */
  async enter(): Promise<() => void> {
    const before = this.#last
    const leave = this.#join()
    await before
    return leave
  }

  /** What ends the turn; null when somebody is in, or waits. */
  tryEnter(): (() => void) | null {
    return this.busy ? null : this.#join()
  }

  #join(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#inside++
    this.#last = promise
    return () => {
      this.#inside--
      resolve()
    }
  }

  async run<T>(task: () => T | Promise<T>): Promise<T> {
    const leave = await this.enter()
    try {
      return await task()
    } finally {
      leave()
    }
  }
}

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
    let leave = () => {}
    const before = this.#last
    this.#inside++
    this.#last = new Promise<void>((resolve) => {
      leave = () => {
        this.#inside--
        resolve()
      }
    })
    await before
    return leave
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

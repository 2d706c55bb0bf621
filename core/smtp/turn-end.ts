// What waits for the end of this turn of the event loop, when all sockets that were readable have been read.

export class TurnEnd {
  #waiting: (() => void)[] = []

  add(action: () => void): void {
    if (this.#waiting.push(action) === 1) setImmediate(this.#run)
  }

  readonly #run = (): void => {
    const actions = this.#waiting
    this.#waiting = []
    for (const action of actions) action()
  }
}

// AbortControllers, used again: making one costs more than most of what it could abort.
import { listenerCount } from 'node:events'

/** Kept for the next who asks. */
const SPARES = 64

export class Controllers {
  readonly #spares: AbortController[] = []

  take(): AbortController {
    return this.#spares.pop() ?? new AbortController()
  }

  /** What it was for is over. Used again only if it was not aborted and nobody listens to it any more. */
  giveBack(controller: AbortController): void {
    if (controller.signal.aborted || this.#spares.length >= SPARES) return
    if (listenerCount(controller.signal, 'abort') === 0) this.#spares.push(controller)
  }
}

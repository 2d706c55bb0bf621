// Files of a folder that are no messages, or cannot be read: left out of the mailbox, and named in the log once.
import type { Logger } from '../../base/log.ts'

/** More of one folder are not named. */
const MAX_NAMED = 20

export class LeftOut {
  readonly #log: Logger
  readonly #named = new Set<string>()

  constructor(log: Logger) {
    this.#log = log
  }

  add(file: string, reason: string): void {
    if (this.#named.has(file) || this.#named.size >= MAX_NAMED) return
    this.#named.add(file)
    this.#log.warn('file is left out of the mailbox', { file, reason })
  }
}

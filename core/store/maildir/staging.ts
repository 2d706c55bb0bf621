// Where bodies are written before they are in a mailbox: one directory for all accounts, so that a batch changes few blocks of the disk.
import type { Files } from '../../base/files.ts'

const NAME = '.estafeta-staging'

export class Staging {
  readonly #files: Files
  readonly #path: string
  #count = 0

  /** `directory` is that of all mail. */
  constructor(files: Files, directory: string) {
    this.#files = files
    this.#path = `${directory}/${NAME}`
  }

  /** A path for the next body. At the first, what an earlier run left there goes. */
  next(): string {
    if (this.#count === 0) this.#clear()
    return `${this.#path}/${++this.#count}`
  }

  #clear(): void {
    if (!this.#files.stat(this.#path)) this.#files.mkdir(this.#path)
    for (const name of this.#files.readdir(this.#path)) this.#files.unlink(`${this.#path}/${name}`)
  }
}

// Bodies that are written before they are in a mailbox: in one directory for all accounts, so that a batch changes few blocks of the disk.
import type { Files } from '../base/files.ts'
import { MessageWriter } from './maildir/message-file.ts'

const NAME = '.estafeta-staging'

export class StagedBodies {
  readonly #files: Files
  readonly #path: string
  /** Those that come in pieces, by the number that the caller was given. */
  readonly #open = new Map<number, MessageWriter>()
  #paths = 0
  #lastNumber = 0

  /** `directory` is that of all mail. */
  constructor(files: Files, directory: string) {
    this.#files = files
    this.#path = `${directory}/${NAME}`
  }

  /** A path for the next body. At the first, what an earlier run left there goes. */
  nextPath(): string {
    if (this.#paths === 0) this.#clear()
    return `${this.#path}/${++this.#paths}`
  }

  begin(): number {
    const number = ++this.#lastNumber
    this.#open.set(number, new MessageWriter(this.#files, this.nextPath()))
    return number
  }

  write(number: number, octets: Uint8Array): void {
    this.#open.get(number)?.write(Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength))
  }

  /** Hands the body over: what becomes of its file is the caller's business from now on. */
  take(number: number): MessageWriter {
    const writer = this.#open.get(number)!
    this.#open.delete(number)
    return writer
  }

  abort(number: number): void {
    if (this.#open.has(number)) this.take(number).abort()
  }

  abortAll(): void {
    for (const number of [...this.#open.keys()]) this.abort(number)
  }

  #clear(): void {
    if (!this.#files.stat(this.#path)) this.#files.mkdir(this.#path)
    for (const name of this.#files.readdir(this.#path)) this.#files.unlink(`${this.#path}/${name}`)
  }
}

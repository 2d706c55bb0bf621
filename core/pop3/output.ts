// Gathers responses into few writes, and says when the client is slower than we are.
import type { Socket } from 'node:net'
import { OUTPUT_GATHER } from './wire/limits.ts'

/** Octets up to which one copied buffer costs less than a list of them. */
const WORTH_COPYING = 8192

export class Output {
  #socket: Socket
  #parts: Buffer[] = []
  #gathered = 0
  readonly #drained: () => void

  /** `drained` is called when the client has read what made the output `full`. */
  constructor(socket: Socket, drained: () => void) {
    this.#drained = drained
    this.#socket = socket
    socket.on('drain', drained)
  }

  /** Goes on with another socket (STLS). */
  attach(socket: Socket): void {
    this.#socket.off('drain', this.#drained)
    this.#socket = socket
    socket.on('drain', this.#drained)
  }

  text(text: string): void {
    this.bytes(Buffer.from(text, 'utf8'))
  }

  /** Kept by reference until it is written. */
  bytes(part: Buffer): void {
    this.#parts.push(part)
    this.#gathered += part.length
    if (this.#gathered >= OUTPUT_GATHER) this.flush()
  }

  /** Nothing more should be added until `drained`. */
  get full(): boolean {
    return this.#socket.writableNeedDrain
  }

  flush(): void {
    const parts = this.#gathered < WORTH_COPYING ? [Buffer.concat(this.#parts)] : this.#parts
    if (this.#gathered > 0 && !this.#socket.destroyed) {
      this.#socket.cork()
      for (const part of parts) this.#socket.write(part)
      this.#socket.uncork()
    }
    this.#parts = []
    this.#gathered = 0
  }
}

// What a session writes: text and octets gathered into few writes, with a sign when the client reads too slowly.
import type { Socket } from 'node:net'

/** Text is handed to the socket in pieces of about this size. */
const GATHER = 32_768
/** Unsent octets beyond which a command waits for the client. */
const HIGH_WATER = 262_144

/** The connection went away within a command: unwinds it, no answer is possible. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost'
}

/** The session that writes. */
export interface OutputOwner {
  /** The client has taken what it was slow to take. */
  taken(): void
}

export class Output {
  #socket: Socket
  #text = ''
  /** What was handed to the socket last does not end a response. */
  #openLine = false
  readonly #owner: OutputOwner

  constructor(socket: Socket, owner: OutputOwner) {
    this.#socket = socket
    this.#owner = owner
  }

  /** Each char is one octet. */
  text(text: string): void {
    this.#text += text
    if (this.#text.length > GATHER) this.flush()
  }

  bytes(octets: Buffer): void {
    if (octets.length <= 1024) {
      this.text(octets.toString('latin1'))
      return
    }
    this.flush()
    this.#socket.write(octets)
    this.#openLine = true
  }

  flush(): void {
    if (this.#text === '') return
    const text = this.#text
    this.#text = ''
    this.#openLine = !endsLine(text)
    this.#socket.write(text, 'latin1')
  }

  /** A response has begun and not ended. */
  get midLine(): boolean {
    return this.#text === '' ? this.#openLine : !endsLine(this.#text)
  }

  get full(): boolean {
    return this.#socket.writableLength > HIGH_WATER
  }

  /** Resolves when the client has taken what was written; rejects with ConnectionLost. */
  async drained(): Promise<void> {
    this.flush()
    if (this.#socket.destroyed) throw new ConnectionLost()
    if (!this.full) return
    await new Promise<void>((resolve, reject) => {
      const socket = this.#socket
      const done = () => {
        socket.off('drain', done)
        socket.off('close', done)
        if (socket.destroyed) reject(new ConnectionLost())
        else resolve()
      }
      socket.on('drain', done)
      socket.on('close', done)
    })
    this.#owner.taken()
  }

  /** Goes on with another socket (STARTTLS). */
  attach(socket: Socket): void {
    this.#socket = socket
  }
}

const endsLine = (text: string): boolean => text.charCodeAt(text.length - 1) === 10

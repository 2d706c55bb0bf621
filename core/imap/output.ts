// What a session writes: text and octets gathered into few writes, with a sign when the client reads too slowly.
import type { Socket } from 'node:net'

/** The socket is written to in pieces of about this size. */
const GATHER = 65_536
/** Shorter octets go along as text. */
const SHORT = 1024
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
  /** Octets that the socket holds back, to be sent with what follows. */
  #held = 0
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
    if (octets.length <= SHORT) {
      this.text(octets.toString('latin1'))
      return
    }
    if (this.#held === 0) this.#socket.cork()
    this.#writeText()
    this.#socket.write(octets)
    this.#openLine = true
    this.#held += octets.length
    if (this.#held > GATHER) this.flush()
  }

  flush(): void {
    this.#writeText()
    if (this.#held > 0) this.#socket.uncork()
    this.#held = 0
  }

  #writeText(): void {
    const text = this.#text
    if (text === '') return
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

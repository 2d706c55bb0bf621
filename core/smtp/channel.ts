// The socket side of a session: octets and lines in, replies gathered out, the change to TLS, the end.
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { strip } from '../net/closed-socket.ts'
import { type Line, LineReader, type LineReaderOptions } from '../net/line-reader.ts'
import type { TlsService } from '../net/tls.ts'
import type { TurnEnd } from './turn-end.ts'
import { OUTPUT_MAX } from './wire/limits.ts'

export interface ChannelOwner {
  /** Something came, or nothing more will. */
  readable(): void
  /** The connection is gone; told once. */
  gone(): void
}

export class Channel {
  readonly #owner: ChannelOwner
  readonly #reader: LineReader
  #socket: Socket
  #out = ''
  /** The last reply is on its way. */
  #ending = false
  #gone = false

  constructor(socket: Socket, owner: ChannelOwner, options: LineReaderOptions) {
    this.#owner = owner
    this.#socket = socket
    const readable = (): void => owner.readable()
    this.#reader = new LineReader(socket, { readable, ended: readable }, options)
    this.#watch(socket)
  }

  get socket(): Socket {
    return this.#socket
  }
  /** Octets that came and were not asked for yet. */
  get unread(): number {
    return this.#reader.buffered
  }
  get ended(): boolean {
    return this.#reader.ended
  }
  /** The client does not read its replies. */
  get clogged(): boolean {
    if (this.#out.length > OUTPUT_MAX) this.#flush()
    return this.#socket.writableLength > OUTPUT_MAX
  }

  line(): Line | null {
    return this.#reader.line()
  }
  take(max?: number): Buffer | null {
    return this.#reader.take(max)
  }
  unreadRest(rest: Buffer): void {
    this.#reader.unread(rest)
  }

  /** Adds to what the next `flush` writes. */
  write(text: string): void {
    if (!this.#ending) this.#out += text
  }

  /**
   * `together`: at the end of this turn of the event loop. Replies of all sessions leave one after the other then, and a
   * client that waits for several is woken once.
   */
  flush(together: TurnEnd | null): void {
    if (together === null) this.#flush()
    else if (this.#out !== '') together.add(this.#flush)
  }

  readonly #flush = (): void => {
    if (this.#out === '' || this.#ending || this.#gone) return
    this.#socket.write(this.#out, 'latin1')
    this.#out = ''
  }

  /** Resolves when the client has read what clogged the channel. */
  drained(): Promise<void> {
    return new Promise((resolve) => this.#socket.once('drain', resolve))
  }

  /**
   * Writes what is left, reads no more, and closes: at once after QUIT, when the client expects it; else when the
   * client does, since a close with its octets unread would be a reset that takes our last reply with it.
   */
  end(quit: boolean): void {
    if (this.#ending) return
    this.#ending = true
    const socket = this.#socket
    if (quit && this.#reader.buffered === 0 && !(socket instanceof TLSSocket)) {
      // destroyed within the callback, Node makes an error that nobody hears, with its stack
      socket.write(this.#out, 'latin1', () => process.nextTick(() => socket.destroy()))
    } else {
      this.#reader.detach()
      socket.resume()
      socket.end(this.#out, 'latin1')
    }
    this.#out = ''
  }

  destroy(): void {
    this.#socket.destroy()
    this.#close()
  }

  /**
   * Writes what is left, forgets all that came in the clear (RFC 3207 §6), and does the handshake. Gives the octets
   * forgotten. Nothing is read until `resume`. Rejects when the handshake fails; the connection is gone then.
   */
  async upgrade(tls: TlsService): Promise<number> {
    const dropped = this.#reader.detach()
    const plain = this.#socket
    await new Promise<void>((resolve) => plain.write(this.#out, 'latin1', () => resolve()))
    this.#out = ''
    this.#socket = await tls.upgrade(plain)
    this.#watch(this.#socket)
    return dropped
  }

  resume(): void {
    if (!this.#gone) this.#reader.attach(this.#socket)
  }

  #watch(socket: Socket): void {
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      strip(socket)
      this.#close()
    })
  }

  #close(): void {
    if (this.#gone) return
    this.#gone = true
    this.#owner.gone()
  }
}

// An IMAP client that reads in bulk and looks at the end of a response only, so that it is not what is measured.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

/** What may stand after the last full line that is looked at. */
const TAIL = 4096

export class ImapClient {
  readonly #socket: Socket
  #tail = ''
  #bytes = 0
  #kept: Buffer[] | null = null
  #number = 0
  #wake: () => void = () => {}
  #closed = false

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#bytes += chunk.length
      this.#kept?.push(chunk)
      const end = chunk.length > TAIL ? chunk.subarray(chunk.length - TAIL) : chunk
      this.#tail = (this.#tail + end.toString('latin1')).slice(-TAIL)
      this.#wake()
    })
    socket.on('close', () => {
      this.#closed = true
      this.#wake()
    })
    socket.on('error', () => {})
  }

  static async open(port: number, user: string, password: string, tls = false): Promise<ImapClient> {
    const client = await ImapClient.connect(port, tls)
    await client.command(`LOGIN ${user} ${password}`)
    return client
  }

  /** `tls`: from the first octet, whatever the certificate. */
  static async connect(port: number, tls = false): Promise<ImapClient> {
    const target = { port, host: '127.0.0.1', noDelay: true }
    const socket = tls ? connectTls({ ...target, rejectUnauthorized: false }) : connect(target)
    const client = new ImapClient(socket)
    await once(socket, tls ? 'secureConnect' : 'connect')
    await client.#until((tail) => tail.endsWith('\r\n'))
    return client
  }

  /** Octets of the response. Throws when the server does not say OK. */
  async command(line: string): Promise<number> {
    const tag = this.#tag()
    this.#bytes = 0
    this.#socket.write(`${tag} ${line}\r\n`)
    await this.#tagged(tag)
    return this.#bytes
  }

  /** As `command`, with the whole response as text. */
  async text(line: string): Promise<string> {
    this.#kept = []
    try {
      await this.command(line)
      return Buffer.concat(this.#kept).toString('latin1')
    } finally {
      this.#kept = null
    }
  }

  /** IDLE, until the connection ends. */
  async idle(): Promise<void> {
    this.#socket.write(`${this.#tag()} IDLE\r\n`)
    await this.#until((tail) => /(^|\r\n)\+ [^\r\n]*\r\n$/.test(tail) || tail.endsWith('+ \r\n'))
    this.#tail = ''
  }

  /** In IDLE: the next EXISTS that comes. */
  async exists(): Promise<void> {
    await this.#until((tail) => / EXISTS\r\n/.test(tail))
    this.#tail = ''
  }

  /** Appends with non-synchronising literals; all at once, or each after the reply to the one before. */
  async append(mailbox: string, messages: readonly Buffer[], pipelined: boolean): Promise<void> {
    let tag = ''
    for (const message of messages) {
      tag = this.#tag()
      this.#socket.cork()
      this.#socket.write(`${tag} APPEND ${mailbox} (\\Seen) {${message.length}+}\r\n`)
      this.#socket.write(message)
      const room = this.#socket.write('\r\n')
      this.#socket.uncork()
      if (!pipelined) await this.#tagged(tag)
      else if (!room) await once(this.#socket, 'drain')
    }
    await this.#tagged(tag)
  }

  async close(): Promise<void> {
    this.#socket.write('bye LOGOUT\r\n')
    await this.#until(() => this.#closed)
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #tag(): string {
    this.#number += 1
    return `zq${this.#number}x`
  }

  async #tagged(tag: string): Promise<void> {
    const mark = `\r\n${tag} `
    await this.#until((tail) => tail.endsWith('\r\n') && lastLine(tail).startsWith(mark))
    const line = lastLine(this.#tail)
    if (!line.startsWith(`${mark}OK`)) throw new Error(`refused: ${line.trim()}`)
  }

  async #until(done: (tail: string) => boolean): Promise<void> {
    while (!done(this.#tail)) {
      if (this.#closed) throw new Error('the server closed the connection')
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

/** The last full line with the line end before it. */
function lastLine(tail: string): string {
  const start = tail.lastIndexOf('\r\n', tail.length - 3)
  return start < 0 ? `\r\n${tail}` : tail.slice(start)
}

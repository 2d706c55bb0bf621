// A POP3 client that only looks for the ends of responses, so that it is not what is measured.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

const END = '\r\n.\r\n'

export class Pop3Client {
  readonly #socket: Socket
  #tail = ''
  /** Multi-line responses that have ended since the last `multi` began. */
  #ends = 0
  #wake: () => void = () => {}
  #closed = false

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#take(chunk.toString('latin1'))
      this.#wake()
    })
    socket.on('close', () => {
      this.#closed = true
      this.#wake()
    })
    socket.on('error', () => {})
  }

  static async open(port: number, user: string, password: string): Promise<Pop3Client> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const client = new Pop3Client(socket)
    await once(socket, 'connect')
    await client.#line()
    await client.command(`USER ${user}`)
    await client.command(`PASS ${password}`)
    return client
  }

  /** A command with a single-line response. Throws when the server does not say +OK. */
  async command(line: string): Promise<void> {
    this.#socket.write(`${line}\r\n`)
    await this.#line()
  }

  /** Commands with multi-line responses, all sent at once. */
  async multi(lines: readonly string[]): Promise<void> {
    this.#ends = 0
    this.#socket.write(lines.map((line) => `${line}\r\n`).join(''))
    await this.#until(() => {
      if (this.#tail.includes('\r\n-ERR ')) throw new Error(`refused: ${this.#tail.trim()}`)
      return this.#ends >= lines.length
    })
    this.#tail = ''
  }

  async quit(): Promise<void> {
    this.#socket.write('QUIT\r\n')
    await this.#until(() => this.#closed)
  }

  /** An end may straddle chunks, and must not be counted twice. */
  #take(chunk: string): void {
    const text = this.#tail + chunk
    let after = 0
    for (let at = text.indexOf(END); at >= 0; at = text.indexOf(END, after)) {
      after = at + END.length
      this.#ends += 1
    }
    this.#tail = text.slice(Math.max(after, text.length - 512))
  }

  async #line(): Promise<void> {
    await this.#until(() => this.#tail.endsWith('\r\n'))
    const line = this.#tail
    this.#tail = ''
    if (!line.startsWith('+OK')) throw new Error(`refused: ${line.trim()}`)
  }

  async #until(done: () => boolean): Promise<void> {
    while (!done()) {
      if (this.#closed) throw new Error('the server closed the connection')
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

// The server's end of one connection, for the reference servers: text up to an end or by octets, TLS later on; no protocol.
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

export interface KeyPair {
  readonly cert: string
  readonly key: string
}

export interface Taken {
  /** What came before the end. */
  readonly text: string
  /** What matched as the end. */
  readonly end: string
  /** Where packets ended within the match, in octets before its last. */
  readonly cuts: readonly number[]
}

/** All text is one character an octet. */
export class LineSocket {
  #socket: Socket
  #input = ''
  /** Octets taken so far, and where packets ended, counted alike. */
  #taken = 0
  #cuts: number[] = []
  #over = false
  #wake: () => void = () => {}

  constructor(socket: Socket) {
    this.#socket = socket
    this.#listen()
  }

  get waiting(): string {
    return this.#input
  }

  get encrypted(): boolean {
    return this.#socket instanceof TLSSocket
  }

  send(text: string): void {
    this.#socket.write(Buffer.from(text, 'latin1'))
  }

  /** The text up to the first match; null when the client has gone. */
  async takeUntil(end: RegExp): Promise<Taken | null> {
    const pattern = new RegExp(end.source, end.flags.replaceAll('g', '') + 'g')
    let looked = 0
    for (;;) {
      pattern.lastIndex = Math.max(0, looked - 64)
      const match = this.#input === '' ? null : pattern.exec(this.#input)
      if (match) return this.#cutOff(match.index, match[0])
      looked = this.#input.length
      if (this.#over) return null
      await this.#more()
    }
  }

  async takeOctets(count: number): Promise<string | null> {
    while (this.#input.length < count && !this.#over) await this.#more()
    return this.#input.length < count ? null : this.#cutOff(count, '').text
  }

  /** Whether the next octets are these; they are taken then. */
  async takeStart(octets: string): Promise<boolean> {
    while (this.#input.length < octets.length && octets.startsWith(this.#input) && !this.#over) await this.#more()
    return this.#input.startsWith(octets) && this.#cutOff(octets.length, '') !== null
  }

  drop(): void {
    this.#cutOff(this.#input.length, '')
  }

  /** What is waiting unread stays: the caller drops it, or is wrong. */
  async startTls(pair: KeyPair): Promise<void> {
    this.#socket.removeAllListeners('data')
    const secure = new TLSSocket(this.#socket, { isServer: true, cert: pair.cert, key: pair.key })
    this.#socket = secure
    this.#listen()
    await Promise.race([once(secure, 'secure'), once(secure, 'close')])
  }

  end(): void {
    this.#socket.end()
  }

  #listen(): void {
    this.#socket.on('data', (octets: Buffer) => {
      this.#input += octets.toString('latin1')
      this.#cuts.push(this.#taken + this.#input.length)
      this.#wake()
    })
    for (const event of ['end', 'close', 'error'])
      this.#socket.on(event, () => {
        this.#over = true
        this.#wake()
      })
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #cutOff(length: number, end: string): Taken {
    const text = this.#input.slice(0, length)
    this.#input = this.#input.slice(length + end.length)
    this.#taken += length + end.length
    const cuts = this.#cuts.map((at) => this.#taken - at).filter((back) => back > 0 && back < end.length)
    this.#cuts = this.#cuts.filter((at) => at > this.#taken)
    return { text, end, cuts }
  }
}

export interface ReferenceServer {
  readonly port: number
  close(): Promise<void>
}

/** Listens on a free port of 127.0.0.1; a session's end is its connection's. */
export async function serve(
  session: (line: LineSocket) => Promise<void>,
  tls: KeyPair | null,
): Promise<ReferenceServer> {
  const sockets = new Set<Socket>()
  const server: Server = createServer({ noDelay: true }, async (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => {})
    const line = new LineSocket(socket)
    if (tls) await line.startTls(tls)
    await session(line)
    line.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as { port: number }).port,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

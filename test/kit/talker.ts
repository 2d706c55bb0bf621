// A client that talks in lines over a plain or TLS socket, and transcripts that it runs.
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

/** One conversation with a server, by lines. */
export class Talker {
  #socket: Socket
  #buffer = Buffer.alloc(0)
  #ended = false
  #wake: (() => void) | null = null

  constructor(socket: Socket) {
    this.#socket = socket
    this.#listen()
  }

  static async connect(port: number, options: { tls?: boolean; localAddress?: string } = {}): Promise<Talker> {
    const socket = options.tls
      ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
      : connect({ port, host: '127.0.0.1', ...options })
    await new Promise((resolve, reject) => {
      socket.once(options.tls ? 'secureConnect' : 'connect', resolve)
      socket.once('error', reject)
    })
    return new Talker(socket)
  }

  get socket(): Socket {
    return this.#socket
  }
  send(octets: string | Buffer): void {
    this.#socket.write(octets)
  }
  /** The next line without its line end; null when the server has closed. */
  async line(): Promise<string | null> {
    for (;;) {
      const end = this.#buffer.indexOf('\r\n')
      if (end >= 0) {
        const line = this.#buffer.toString('utf8', 0, end)
        this.#buffer = this.#buffer.subarray(end + 2)
        return line
      }
      if (this.#ended) return null
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
  /** All octets until the server closes. */
  async rest(): Promise<Buffer> {
    while (!this.#ended)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    return this.#buffer
  }
  /** Lines of a multi-line response up to its dot, dots unstuffed. */
  async lines(): Promise<string[]> {
    const lines: string[] = []
    for (let line = await this.line(); line !== '.'; line = await this.line()) {
      if (line === null) throw new Error(`closed within a multi-line response after ${lines.length} lines`)
      lines.push(line.startsWith('.') ? line.slice(1) : line)
    }
    return lines
  }
  /** The client's side of a handshake, from here on. */
  async startTls(): Promise<void> {
    this.#socket.removeAllListeners('data')
    this.#socket.removeAllListeners('end')
    const secure = connectTls({ socket: this.#socket, rejectUnauthorized: false })
    await new Promise((resolve, reject) => {
      secure.once('secureConnect', resolve)
      secure.once('error', reject)
    })
    this.#socket = secure
    this.#listen()
  }
  close(): void {
    this.#socket.destroy()
  }

  #listen(): void {
    const wake = (): void => {
      this.#wake?.()
      this.#wake = null
    }
    this.#socket.on('data', (chunk: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk])
      wake()
    })
    const end = (): void => {
      this.#ended = true
      wake()
    }
    this.#socket.on('end', end)
    this.#socket.on('close', end)
    this.#socket.on('error', () => {})
  }
}

/**
 * Runs a transcript: `C: ` lines are sent, `S: ` lines must come (`*` stands for anything), `S: <closed>` is the end,
 * `TLS` starts a handshake. Gives the transcript as it happened: compare it with the one that was wanted.
 */
export async function runTranscript(talker: Talker, transcript: string): Promise<{ happened: string; wanted: string }> {
  const wanted = transcript
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  const happened: string[] = []
  for (const line of wanted) {
    if (line === 'TLS') await talker.startTls()
    if (line.startsWith('C: ') || line === 'C:') talker.send(`${line.slice(3)}\r\n`)
    if (!line.startsWith('S:')) {
      happened.push(line)
      continue
    }
    const came = (await talker.line()) ?? '<closed>'
    const fits = matches(came, line.slice(3))
    happened.push(fits ? line : `S: ${came}`)
    if (!fits) break
  }
  return { happened: happened.join('\n'), wanted: wanted.join('\n') }
}

function matches(line: string, pattern: string): boolean {
  const source = pattern.split('*').map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, '\\$&'))
  return new RegExp(`^${source.join('.*')}$`).test(line)
}

// The wire of the reference sender: commands out, replies in, in their order, over TCP and then TLS.
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Reply } from './sender-client.ts'
import type { Deviation, Scene } from './sender-deviation.ts'

/** The connection was lost, or what came is no SMTP. */
export class LostError extends Error {}

/** What the other side owes a reply to. */
interface Due {
  readonly command: string
  /** Else it is read, and overlooked. */
  counts: boolean
}

/** The reply supposed to a command that was never sent. */
const granted = (command: string): string =>
  command === 'DATA' ? '354 granted' : command === 'STARTTLS' ? '220 granted' : '250 granted'

export class Talk {
  #socket: Socket
  readonly #deviation: Deviation
  readonly #scene: () => Scene
  readonly #due: Due[] = [{ command: 'greeting', counts: true }]
  #buffer = ''
  #over = false
  #wake = (): void => {}

  constructor(socket: Socket, deviation: Deviation, scene: () => Scene) {
    this.#socket = socket
    this.#deviation = deviation
    this.#scene = scene
    this.#listen()
  }

  /** Commands in one packet. */
  send(...commands: readonly string[]): void {
    let octets = ''
    for (const command of commands) {
      const lines = this.#linesOf(command)
      octets += lines.join('')
      this.#due.push(...lines.map((_, i) => ({ command, counts: i === lines.length - 1 })))
    }
    this.write(octets)
  }

  /** The reply to a command, which is sent now unless it has been. */
  async ask(command: string): Promise<Reply> {
    if (!this.#due.some((due) => due.command === command && due.counts)) {
      const lines = this.#linesOf(command)
      for (const [i, line] of lines.entries()) {
        this.#due.push({ command, counts: i === lines.length - 1 })
        this.write(line)
        if (i < lines.length - 1) await this.#read(this.#due.pop()!.command, null)
      }
    }
    return this.hear(command)
  }

  /** Octets that are owed a reply under that name. */
  hand(octets: string, name: string): void {
    this.#due.push({ command: name, counts: true })
    this.write(octets)
  }

  async hear(command: string): Promise<Reply> {
    const own = this.#due.find((due) => due.command === command && due.counts)
    if (own === undefined) return toReply([granted(command)])
    const wait = this.#deviation.waits?.(command, this.#scene()) ?? null
    if (wait?.ms === 0) return this.#suppose(own, wait.supposed)
    const until = wait === null ? null : Date.now() + wait.ms
    for (;;) {
      const due = this.#due[0]!
      try {
        const reply = await this.#read(due.command, until)
        this.#due.shift()
        if (due === own) return this.#deviation.reply?.(reply, command, this.#scene()) ?? reply
      } catch (error) {
        if (!(error instanceof TooLateError)) throw error
        return this.#suppose(own, wait?.supposed ?? null)
      }
    }
  }

  write(octets: string): void {
    if (octets !== '') this.#socket.write(Buffer.from(octets, 'latin1'))
  }

  async startTls(): Promise<void> {
    const plain = this.#socket
    plain.removeAllListeners('data')
    this.#buffer = this.#deviation.unread?.(this.#buffer, 'handshake') ?? ''
    const secured = connectTls({ socket: plain, rejectUnauthorized: false })
    await new Promise<void>((resolve, reject) => {
      const fail = (): void => reject(new LostError('no TLS'))
      secured.once('secureConnect', resolve)
      for (const event of ['error', 'close']) secured.once(event, fail)
      // an end that comes while the socket changes hands is told by the socket below alone
      for (const event of ['end', 'error', 'close']) plain.once(event, fail)
      if (plain.readableEnded || plain.destroyed) fail()
    })
    secured.removeAllListeners('close')
    this.#socket = secured
    this.#listen()
  }

  /** Nothing more is read; the other side may have its say. */
  close(): void {
    this.#socket.end()
  }
  destroy(): void {
    this.#socket.destroy()
  }

  #listen(): void {
    this.#socket.on('data', (bytes: Buffer) => {
      const octets = bytes.toString('latin1')
      this.#buffer += this.#deviation.packet?.(octets, this.#scene()) ?? octets
      this.#wake()
    })
    for (const event of ['end', 'close', 'error'])
      this.#socket.on(event, () => {
        this.#over = true
        this.#wake()
      })
  }

  #linesOf(command: string): string[] {
    const line = `${command}\r\n`
    return [this.#deviation.command?.(line, this.#scene()) ?? line].flat().filter((one) => one !== '')
  }

  #suppose(own: Due, text: string | null): Reply {
    if (text === null) throw new LostError('no reply in time')
    own.counts = false
    return toReply([text])
  }

  async #read(command: string, until: number | null): Promise<Reply> {
    const lines: string[] = []
    for (let last = false; !last; ) {
      const heard = await this.#line(until)
      const line = this.#deviation.line === undefined ? heard : this.#deviation.line(heard, command)
      if (line === null || !/^\d{3}/.test(line)) throw new LostError('no reply')
      lines.push(line)
      last = this.#deviation.ends?.(line[3] !== '-', lines, command) ?? line[3] !== '-'
    }
    this.#buffer = this.#deviation.unread?.(this.#buffer, command) ?? this.#buffer
    return toReply(lines)
  }

  async #line(until: number | null): Promise<string> {
    for (;;) {
      const at = this.#buffer.indexOf('\n')
      if (at >= 0) {
        const line = this.#buffer.slice(0, at).replace(/\r$/, '')
        this.#buffer = this.#buffer.slice(at + 1)
        return line
      }
      if (this.#over) throw new LostError('the connection was lost')
      await this.#more(until)
    }
  }

  async #more(until: number | null): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve, reject) => {
      this.#wake = resolve
      if (until !== null) timer = setTimeout(() => reject(new TooLateError()), Math.max(0, until - Date.now()))
    }).finally(() => clearTimeout(timer))
  }
}

class TooLateError extends Error {}

export function toReply(lines: readonly string[]): Reply {
  const code = Number(lines[0]!.slice(0, 3))
  // RFC 5321 §4.2: no code begins with another digit
  return { code: code >= 600 ? 500 : code, lines }
}

export async function connect(address: string, port: number): Promise<Socket> {
  const socket = connectTcp(port, address)
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
    if (address === '100::1') socket.destroy(new Error('unreachable'))
  })
  socket.removeAllListeners('error')
  return socket
}

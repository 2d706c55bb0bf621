// Plays dialogues written as text against a server: what clients send, what they must hear, in order.
import { connect, type Socket } from 'node:net'

/**
 * A line of a dialogue: `C: text` is sent with CRLF, `C= text` as it is; `S: text` must be the next line heard. `…` in it
 * stands for any text. A number before the letter is another client: `2C:`, `2S:`. `\xNN`, `\r`, `\n` and `\\` are escapes.
 * `S: <closed>` waits for the end of the connection. Empty lines and those that start with `#` are passed over.
 */
export interface Step {
  readonly client: number
  readonly kind: 'send' | 'hear'
  readonly text: string
  readonly line: number
}

const STEP = /^(\d?)(C:|C=|S:)(?: (.*))?$/

export function parseDialogue(text: string): Step[] {
  return text.split('\n').flatMap((line, i): Step[] => {
    if (line.trim() === '' || line.startsWith('#') || line.startsWith('@')) return []
    const m = STEP.exec(line)
    if (!m) throw new Error(`line ${i + 1} is no step: ${line}`)
    const sent = unescaped(m[3] ?? '')
    const step = { client: Number(m[1] || 1), line: i + 1 }
    if (m[2] === 'S:') return [{ ...step, kind: 'hear', text: sent }]
    return [{ ...step, kind: 'send', text: m[2] === 'C:' ? `${sent}\r\n` : sent }]
  })
}

/** Lines `@name value` before the dialogue. */
export const settings = (text: string): ReadonlyMap<string, string> =>
  new Map([...text.matchAll(/^@(\S+) ?(.*)$/gm)].map((m) => [m[1]!, m[2]!]))

const unescaped = (text: string): string =>
  text.replace(/\\(x[0-9a-fA-F]{2}|r|n|\\)/g, (_, what: string) => {
    if (what === 'r') return '\r'
    if (what === 'n') return '\n'
    return what === '\\' ? '\\' : String.fromCharCode(Number.parseInt(what.slice(1), 16))
  })

/** One connection that gives lines as latin1 text. */
export class LineClient {
  readonly #socket: Socket
  #text = ''
  #closed = false
  #wake: (() => void) | null = null
  /** Resolves when the server has ended the connection. */
  readonly closed: Promise<void>

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk) => {
      this.#text += chunk.toString('latin1')
      this.#wake?.()
    })
    socket.on('error', () => {})
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#closed = true
        this.#wake?.()
        resolve()
      })
    })
  }

  static to(port: number): LineClient {
    return new LineClient(connect({ port, host: '127.0.0.1', noDelay: true }))
  }

  /** `piece`: octets of each write; all at once by default. */
  send(text: string, piece = Number.POSITIVE_INFINITY): void {
    const bytes = Buffer.from(text, 'latin1')
    for (let at = 0; at < bytes.length; at += piece) this.#socket.write(bytes.subarray(at, at + piece))
  }

  /** The next line without its CRLF; null when the connection has ended. */
  async line(): Promise<string | null> {
    for (;;) {
      const end = this.#text.indexOf('\r\n')
      if (end >= 0) {
        const line = this.#text.slice(0, end)
        this.#text = this.#text.slice(end + 2)
        return line
      }
      if (this.#closed) return this.#text === '' ? null : this.#take()
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  #take(): string {
    const text = this.#text
    this.#text = ''
    return text
  }

  /** Lines up to the one that begins with `start`, that one included. */
  async until(start: string): Promise<string[]> {
    const lines: string[] = []
    for (;;) {
      const line = await this.line()
      if (line === null) throw new Error(`closed before '${start}':\n${lines.join('\n')}`)
      lines.push(line)
      if (line.startsWith(start)) return lines
    }
  }

  /** Sends no more; what was sent is still answered. */
  finish(): void {
    this.#socket.end()
  }

  end(): void {
    this.#socket.destroy()
  }
}

function matches(expected: string, heard: string): boolean {
  const parts = expected.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 's').test(heard)
}

/** Plays all steps; throws an Error that names the line and shows what was heard instead. */
export async function play(steps: readonly Step[], port: number, piece?: number): Promise<void> {
  const clients = new Map<number, LineClient>()
  const heard: string[] = []
  try {
    for (const step of steps) {
      let client = clients.get(step.client)
      if (!client) {
        client = LineClient.to(port)
        clients.set(step.client, client)
      }
      if (step.kind === 'send') client.send(step.text, piece)
      else await hear(client, step, heard)
    }
  } finally {
    for (const client of clients.values()) client.end()
  }
}

async function hear(client: LineClient, step: Step, heard: string[]): Promise<void> {
  const line = (await client.line()) ?? '<closed>'
  heard.push(`${step.client}S: ${line}`)
  if (!matches(step.text, line)) {
    throw new Error(
      `line ${step.line}: expected '${step.text}', heard '${line}' after\n${heard.slice(-12, -1).join('\n')}`,
    )
  }
}

// Stands before a real IMAP server and is faulty in its stead: commands and responses pass through the rules of a fault.
import { connect, createServer, type Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'
import { Rewriter, type Rule } from './fault.ts'

export interface ProxyOptions {
  /** Where the real server listens, on loopback and without TLS. */
  readonly upstream: number
  readonly rules: readonly Rule[]
  /** PEM: clients come with TLS from the first octet. */
  readonly tls?: { readonly cert: string; readonly key: string }
}

export interface FaultProxy {
  readonly port: number
  /** Whether the rules are in force; they are at first. */
  arm(armed: boolean): void
  close(): Promise<void>
}

export async function startFaultProxy(options: ProxyOptions): Promise<FaultProxy> {
  const sockets = new Set<Socket>()
  let armed = true
  const server = createServer((plain) => {
    const client = options.tls
      ? new TLSSocket(plain, { isServer: true, secureContext: createSecureContext(options.tls) })
      : plain
    const upstream = connect({ host: '127.0.0.1', port: options.upstream })
    for (const socket of [plain, client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
      socket.setNoDelay(true)
    }
    join(client, upstream, new Rewriter(options.rules, () => armed))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as { port: number }).port,
    arm(value) {
      armed = value
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function join(client: Socket, server: Socket, rewriter: Rewriter): void {
  const commands = new CommandReader(client, server, rewriter)
  client.on('data', (bytes: Buffer) => commands.push(bytes))
  client.on('close', () => server.destroy())
  client.on('end', () => server.end())
  let waiting = ''
  let raw = false
  server.on('data', (bytes: Buffer) => {
    waiting += bytes.toString('latin1')
    for (;;) {
      const length = raw ? waiting.length : unitLength(waiting)
      if (length === 0) return
      const unit = waiting.slice(0, length)
      waiting = waiting.slice(length)
      if (raw) {
        client.write(unit, 'latin1')
        continue
      }
      const during = rewriter.current
      commands.answered(unit)
      for (const text of rewriter.say(unit)) client.write(text, 'latin1')
      // what follows is for the two ends alone
      if (/^(STARTTLS|COMPRESS)/i.test(during) && /^[^*+ ]\S* OK/.test(unit)) raw = commands.raw = true
    }
  })
  server.on('end', () => client.end())
  server.on('close', () => client.end())
}

/** Octets of the first whole response, with its literals; 0 when there is none yet. */
function unitLength(text: string): number {
  let at = 0
  for (;;) {
    const end = text.indexOf('\n', at)
    if (end < 0) return 0
    const literal = /\{(\d+)\}\r$/.exec(text.slice(at, end))
    if (!literal) return end + 1
    at = end + 1 + Number(literal[1])
    if (at > text.length) return 0
  }
}

/** Finds out where commands begin in what the client sends, and passes on what the rules leave of them. */
class CommandReader {
  readonly #client: Socket
  readonly #server: Socket
  readonly #rewriter: Rewriter
  #waiting = Buffer.alloc(0)
  /** What the next octets are. */
  #mode: 'command' | 'literal' | 'rest' | 'idle' | 'sasl' = 'command'
  #left = 0
  /** The client waits for leave to send the literal. */
  #asks = false
  #tag = ''
  /** The rules keep this command from the server. */
  #swallowed = false
  raw = false

  constructor(client: Socket, server: Socket, rewriter: Rewriter) {
    this.#client = client
    this.#server = server
    this.#rewriter = rewriter
  }

  push(bytes: Buffer): void {
    this.#waiting = Buffer.concat([this.#waiting, bytes])
    while (this.#waiting.length > 0 && this.#step()) {}
  }

  /** A response came from the server. */
  answered(unit: string): void {
    if (!unit.startsWith(`${this.#tag} `)) return
    if (this.#mode === 'sasl' || this.#mode === 'idle' || (this.#mode === 'literal' && this.#asks))
      this.#mode = 'command'
  }

  #take(count: number): Buffer {
    const taken = this.#waiting.subarray(0, count)
    this.#waiting = this.#waiting.subarray(count)
    return taken
  }

  #pass(octets: Buffer | string): void {
    if (!this.#swallowed) this.#server.write(octets as string, 'latin1')
  }

  #step(): boolean {
    if (this.raw) {
      this.#server.write(this.#take(this.#waiting.length))
      return true
    }
    if (this.#mode === 'literal') {
      this.#asks = false
      const part = this.#take(Math.min(this.#left, this.#waiting.length))
      this.#left -= part.length
      this.#pass(part)
      if (this.#left === 0) this.#mode = 'rest'
      return true
    }
    const end = this.#waiting.indexOf(10)
    if (end < 0) return false
    const line = this.#take(end + 1).toString('latin1')
    if (this.#mode === 'command') this.#command(line)
    else {
      this.#pass(line)
      if (this.#mode === 'idle') this.#mode = 'command'
      if (this.#mode === 'rest') this.#literal(line)
    }
    return true
  }

  #command(line: string): void {
    const text = line.replace(/\r?\n$/, '')
    const heard = this.#rewriter.hear(text)
    this.#swallowed = heard.kind !== 'pass'
    this.#tag = text.slice(0, Math.max(0, text.indexOf(' ')))
    if (heard.kind === 'close') this.#client.destroy()
    if (heard.kind === 'answer') this.#client.write(heard.text, 'latin1')
    if (heard.kind === 'pass') this.#pass(heard.line + line.slice(text.length))
    const name = text.slice(this.#tag.length + 1).toUpperCase()
    this.#literal(line)
    if (this.#swallowed) return
    if (name === 'IDLE') this.#mode = 'idle'
    if (name.startsWith('AUTHENTICATE ')) this.#mode = 'sasl'
  }

  #literal(line: string): void {
    const found = /\{(\d+)(\+?)\}\r?\n$/.exec(line)
    this.#mode = 'command'
    if (!found) return
    this.#asks = found[2] === ''
    this.#left = Number(found[1])
    // a client that waits for leave and got a refusal goes on with its next command
    if (this.#swallowed && this.#asks) return
    this.#mode = this.#left === 0 ? 'rest' : 'literal'
  }
}

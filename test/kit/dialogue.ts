// Dialogues as data: a transcript of what the client sends and the server must answer, run over a real socket.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { createRandom } from './random.ts'

/**
 * A transcript, one step a line; leading white space and empty lines do not count:
 *   `C: text`   is sent with CRLF; `C| text` without. Steps that follow each other go out as one (pipelining).
 *               `\r \n \0 \t \\ \xHH` stand for octets.
 *   `S: text`   is the next line of the server; `*` stands for any text.
 *   `S..code`   reads reply lines up to and including the last one, which has this code.
 *   `S<EOF>`    the server closes.
 *   `C<EOF>`    the client sends its last octet; `C<GONE>` it vanishes.
 *   `TLS`       both sides start TLS.
 *   `# text`    is a comment.
 */
export type Transcript = string

/** How the client's octets are cut: all at once, one by one, or at random by a seed. */
export type Chunks = 'whole' | 'octets' | number

export interface DialogueOptions {
  readonly port: number
  readonly host?: string
  readonly path?: string
  readonly chunks?: Chunks
  /** TLS from the first octet. */
  readonly implicitTls?: boolean
}

/** Everything the server said, as one text; throws, with the transcript so far, where it differs. */
export async function runDialogue(transcript: Transcript, options: DialogueOptions): Promise<string> {
  const raw = options.path ? connect(options.path) : connect(options.port, options.host ?? '127.0.0.1')
  await once(raw, 'connect')
  raw.setNoDelay()
  let peer = new Peer(options.implicitTls ? await startTls(raw) : raw)
  const said: string[] = []
  const cut = cutter(options.chunks ?? 'whole')
  try {
    for (const step of steps(transcript)) {
      if (step.kind === 'send') await peer.send(cut(step.octets))
      else if (step.kind === 'tls') peer = new Peer(await startTls(peer.release()))
      else if (step.kind === 'end') peer.socket.end()
      else if (step.kind === 'gone') peer.socket.destroy()
      else await expectStep(step, peer, said)
    }
    return said.join('\n')
  } finally {
    peer.socket.destroy()
    raw.destroy()
  }
}

type Step =
  | { kind: 'send'; octets: Buffer }
  | { kind: 'line'; text: string }
  | { kind: 'reply'; code: string }
  | { kind: 'eof' | 'end' | 'gone' | 'tls' }

function steps(transcript: Transcript): Step[] {
  const result: Step[] = []
  for (const line of transcript.split('\n').map((text) => text.trimStart())) {
    if (line === '' || line.startsWith('#')) continue
    const step = parseStep(line)
    const last = result.at(-1)
    if (step.kind === 'send' && last?.kind === 'send') last.octets = Buffer.concat([last.octets, step.octets])
    else result.push(step)
  }
  return result
}

function parseStep(line: string): Step {
  if (line.startsWith('C:')) return { kind: 'send', octets: octetsOf(line.slice(2).trimStart() + '\\r\\n') }
  if (line.startsWith('C|')) return { kind: 'send', octets: octetsOf(line.slice(2).trimStart()) }
  if (line.startsWith('S:')) return { kind: 'line', text: line.slice(2).trimStart() }
  if (line.startsWith('S..')) return { kind: 'reply', code: line.slice(3).trim() }
  if (line === 'S<EOF>') return { kind: 'eof' }
  if (line === 'C<EOF>') return { kind: 'end' }
  if (line === 'C<GONE>') return { kind: 'gone' }
  if (line === 'TLS') return { kind: 'tls' }
  throw new Error(`no step of a dialogue: ${line}`)
}

const ESCAPES: { readonly [name: string]: string } = { r: '\r', n: '\n', 0: '\0', t: '\t', '\\': '\\' }

/** UTF-8, but for `\xHH`, which is that octet. */
function octetsOf(text: string): Buffer {
  const parts = text
    .split(/(\\x[0-9a-fA-F]{2})/)
    .map((part) =>
      /^\\x[0-9a-fA-F]{2}$/.test(part)
        ? Buffer.from(part.slice(2), 'hex')
        : Buffer.from(part.replace(/\\([rn0t\\])/g, (_, name: string) => ESCAPES[name]!)),
    )
  return Buffer.concat(parts)
}

async function expectStep(step: Step, peer: Peer, said: string[]): Promise<void> {
  const fail = (got: string, wanted: string): never => {
    throw new Error(`the server said\n  ${got}\nwhere the dialogue wants\n  ${wanted}\nafter\n${said.join('\n')}`)
  }
  if (step.kind === 'eof') {
    const line = await peer.line()
    if (line !== null) fail(line, 'the end')
  } else if (step.kind === 'line') {
    const line = (await peer.line()) ?? '<EOF>'
    if (!matches(step.text, line)) fail(line, step.text)
    said.push(line)
  } else if (step.kind === 'reply') {
    for (;;) {
      const line = (await peer.line()) ?? '<EOF>'
      if (!line.startsWith(step.code)) fail(line, `${step.code} …`)
      said.push(line)
      if (line[3] !== '-') break
    }
  }
}

function matches(pattern: string, line: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`).test(line)
}

function cutter(chunks: Chunks): (octets: Buffer) => Buffer[] {
  if (chunks === 'whole') return (octets) => [octets]
  const random = chunks === 'octets' ? () => 0 : createRandom(chunks)
  return (octets) => {
    const parts: Buffer[] = []
    for (let at = 0; at < octets.length; ) {
      const size = 1 + Math.floor(random() * 20)
      parts.push(octets.subarray(at, at + size))
      at += size
    }
    return parts
  }
}

async function startTls(socket: Socket): Promise<Socket> {
  const secure = connectTls({ socket, rejectUnauthorized: false, servername: 'mx.test' })
  await once(secure, 'secureConnect')
  return secure
}

/** Lines from a socket, kept until they are asked for. */
class Peer {
  readonly socket: Socket
  #text = ''
  #ended = false
  #wake: () => void = () => {}

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', this.#take)
    socket.on('end', this.#end)
    socket.on('close', this.#end)
    socket.on('error', this.#end)
  }

  /** Each part in a write of its own, and the server given a turn between them. */
  async send(parts: readonly Buffer[]): Promise<void> {
    for (const part of parts) {
      if (this.#ended) return
      await new Promise<void>((resolve) => this.socket.write(part, () => resolve()))
      await new Promise(setImmediate)
    }
  }

  /** The next line without its line end; null at the end. */
  async line(): Promise<string | null> {
    for (;;) {
      const end = this.#text.indexOf('\r\n')
      if (end >= 0) {
        const line = this.#text.slice(0, end)
        this.#text = this.#text.slice(end + 2)
        return line
      }
      if (this.#ended) return this.#text === '' ? null : this.#text
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** The bare socket, for TLS. */
  release(): Socket {
    this.socket.off('data', this.#take)
    this.socket.off('end', this.#end)
    this.socket.off('close', this.#end)
    return this.socket
  }

  readonly #take = (chunk: Buffer): void => {
    this.#text += chunk.toString('latin1')
    this.#wake()
  }
  readonly #end = (): void => {
    this.#ended = true
    this.#wake()
  }
}

// An SMTP or LMTP server that does what a test tells it: any reply at any command, cuts, silence, garbage, TLS.
import { createServer, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/**
 * Reply lines without their line ends (several: a multi-line reply), octets sent as they are,
 * `close` (cut the connection), `hang` (no answer), or a reply and then the cut.
 */
export type Act =
  | string
  | readonly string[]
  | Buffer
  | 'close'
  | 'hang'
  | { readonly say: string; readonly close: true }

export interface Script {
  readonly greeting?: Act
  /** Keywords after EHLO or LHLO; all of the usual ones by default. */
  readonly offers?: readonly string[]
  /**
   * By verb (`EHLO`, `HELO`, `LHLO`, `STARTTLS`, `AUTH`, `MAIL`, `RCPT`, `DATA`, `RSET`, `QUIT`), `.` for the final dot, `BODY` for the
   * first octets of the message. A list of acts is used up in turn over all connections, its last one for good; null is the default.
   */
  readonly on?: { readonly [verb: string]: Act | null | readonly (Act | null)[] | ((line: string) => Act | null) }
  readonly tls?: { readonly cert: string; readonly key: string }
  /** TLS from the first octet. */
  readonly implicit?: boolean
  /** Accepts AUTH PLAIN with these. */
  readonly auth?: { readonly username: string; readonly password: string }
  readonly lmtp?: boolean
  readonly host?: string
  readonly port?: number
}

export interface ScriptedServer {
  readonly host: string
  readonly port: number
  /** Every command line of every connection, in order of arrival; `<n octets>` for a message. */
  readonly lines: readonly string[]
  /** Messages whose final dot was answered by 2xx, as they came over the wire without the dots. */
  readonly mails: readonly {
    readonly from: string
    readonly to: readonly string[]
    readonly data: string
    readonly tls: boolean
  }[]
  readonly connections: number
  readonly open: number
  /** Resolves when the condition holds; looked at after every line and at each end of a connection. */
  until(condition: () => boolean): Promise<void>
  cutAll(): void
  close(): Promise<void>
}

const DEFAULT_OFFERS = ['PIPELINING', 'SIZE 10000000', '8BITMIME', 'SMTPUTF8', 'DSN', 'ENHANCEDSTATUSCODES']

export async function startScriptedSmtp(script: Script = {}): Promise<ScriptedServer> {
  const state = new State(script)
  const server = createServer((socket) => state.accept(socket))
  const host = script.host ?? '127.0.0.1'
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(script.port ?? 0, host, resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    host,
    port: address.port,
    lines: state.lines,
    mails: state.mails,
    get connections() {
      return state.connections
    },
    get open() {
      return state.sockets.size
    },
    until: (condition) => state.until(condition),
    cutAll: () => state.cutAll(),
    async close() {
      state.cutAll()
      await new Promise((done) => server.close(done))
    },
  }
}

interface Mail {
  from: string
  to: string[]
  data: string
  tls: boolean
}

class State {
  readonly script: Script
  readonly lines: string[] = []
  readonly mails: Mail[] = []
  readonly sockets = new Set<Socket>()
  readonly #used = new Map<string, number>()
  readonly #waiting = new Set<() => void>()
  connections = 0

  constructor(script: Script) {
    this.script = script
  }

  accept(socket: Socket): void {
    this.connections++
    this.sockets.add(socket)
    this.changed()
    socket.on('close', () => {
      this.sockets.delete(socket)
      this.changed()
    })
    new Dialogue(this, socket).start()
  }

  /** What the script says for a verb; null: nothing. */
  act(verb: string, line: string): Act | null {
    const entry = this.script.on?.[verb]
    if (typeof entry === 'function') return entry(line)
    if (!Array.isArray(entry)) return (entry as Act | null | undefined) ?? null
    const used = this.#used.get(verb) ?? 0
    this.#used.set(verb, used + 1)
    return (entry as readonly (Act | null)[])[Math.min(used, entry.length - 1)] ?? null
  }

  changed(): void {
    for (const check of [...this.#waiting]) check()
  }

  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!condition()) return
        this.#waiting.delete(check)
        resolve()
      }
      this.#waiting.add(check)
      check()
    })
  }

  cutAll(): void {
    for (const socket of this.sockets) socket.destroy()
  }
}

class Dialogue {
  readonly #state: State
  #socket: Socket
  #pending: Buffer = Buffer.alloc(0)
  #inData = false
  /** Octets of the message in which its end was not found. */
  #scanned = 0
  #secured = false
  #silent = false
  #mail: Mail

  constructor(state: State, socket: Socket) {
    this.#state = state
    this.#socket = socket
    this.#mail = this.#newMail()
  }

  start(): void {
    const { script } = this.#state
    if (script.implicit) this.#upgrade()
    else this.#listen(this.#socket)
    this.#do(script.greeting ?? (script.lmtp ? '220 scripted LMTP' : '220 scripted ESMTP'))
  }

  #newMail(): Mail {
    return { from: '', to: [], data: '', tls: this.#secured }
  }

  #listen(socket: Socket): void {
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
  }

  #upgrade(): void {
    const clear = this.#socket
    clear.removeAllListeners('data')
    const secure = new TLSSocket(clear, { isServer: true, ...this.#state.script.tls })
    this.#secured = true
    this.#socket = secure
    this.#listen(secure)
  }

  #read(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk])
    while (!this.#silent && !this.#socket.destroyed) {
      const found = this.#inData ? this.#readMessage() : this.#readLine()
      if (!found) return
      this.#state.changed()
    }
  }

  #readLine(): boolean {
    const end = this.#pending.indexOf('\r\n')
    if (end < 0) return false
    const line = this.#pending.toString('latin1', 0, end)
    this.#pending = this.#pending.subarray(end + 2)
    this.#state.lines.push(line)
    this.#command(line)
    return true
  }

  #readMessage(): boolean {
    if (this.#pending.length > 0) {
      const early = this.#state.act('BODY', '')
      if (early) {
        this.#do(early)
        return false
      }
    }
    const empty = this.#pending.subarray(0, 3).toString() === '.\r\n'
    const end = empty ? 0 : this.#pending.indexOf('\r\n.\r\n', this.#scanned)
    this.#scanned = end < 0 ? Math.max(0, this.#pending.length - 4) : 0
    if (end < 0) return false
    const data = this.#pending.toString('latin1', 0, empty ? 0 : end + 2)
    this.#pending = this.#pending.subarray(end + (empty ? 3 : 5))
    this.#inData = false
    this.#state.lines.push(`<${data.length} octets>`)
    this.#mail.data = data.replace(/(^|\r\n)\.\./g, '$1.')
    for (let n = 0; n < (this.#state.script.lmtp ? this.#mail.to.length : 1); n++) {
      const act = this.#state.act('.', '') ?? '250 2.0.0 taken'
      if (n === 0 && typeof act === 'string' && act.startsWith('2')) this.#state.mails.push(this.#mail)
      this.#do(act)
    }
    this.#mail = this.#newMail()
    return true
  }

  #command(line: string): void {
    const verb = line.split(/[ :]/)[0]!.toUpperCase()
    const act = this.#state.act(verb, line) ?? this.#usual(verb, line)
    const positive = typeof act === 'string' && /^[23]/.test(act)
    if (verb === 'MAIL' && positive) this.#mail = { ...this.#newMail(), from: /<(.*?)>/.exec(line)?.[1] ?? '' }
    if (verb === 'RCPT' && positive) this.#mail.to.push(/<(.*?)>/.exec(line)?.[1] ?? '')
    if (verb === 'RSET') this.#mail = this.#newMail()
    this.#do(act)
    if (verb === 'DATA' && positive && String(act).startsWith('354')) this.#inData = true
    if (verb === 'STARTTLS' && positive) this.#upgrade()
    if (verb === 'QUIT') this.#socket.end()
  }

  #usual(verb: string, line: string): Act {
    const { script } = this.#state
    switch (verb) {
      case 'EHLO':
      case 'LHLO':
        return ['250 scripted', ...this.#offers().map((offer) => `250 ${offer}`)]
      case 'STARTTLS':
        return script.tls ? '220 2.0.0 go ahead' : '502 5.5.1 no TLS'
      case 'AUTH':
        return line === `AUTH PLAIN ${plain(script.auth)}` ? '235 2.7.0 welcome' : '535 5.7.8 wrong'
      case 'DATA':
        return this.#mail.to.length > 0 ? '354 go on' : '503 5.5.1 no recipients'
      case 'QUIT':
        return '221 2.0.0 bye'
      default:
        return '250 2.0.0 fine'
    }
  }

  #offers(): readonly string[] {
    const { offers = DEFAULT_OFFERS, tls, auth } = this.#state.script
    return [...offers, ...(tls && !this.#secured ? ['STARTTLS'] : []), ...(auth ? ['AUTH PLAIN'] : [])]
  }

  #do(act: Act): void {
    if (act === 'hang') {
      this.#silent = true
      this.#socket.pause()
    } else if (act === 'close') this.#socket.destroy()
    else if (typeof act === 'string') this.#socket.write(act + '\r\n')
    else if (Buffer.isBuffer(act)) this.#socket.write(act)
    else if ('say' in act) this.#socket.end(act.say + '\r\n')
    else {
      const last = act.length - 1
      this.#socket.write(
        act.map((line, i) => line.slice(0, 3) + (i < last ? '-' : ' ') + line.slice(4) + '\r\n').join(''),
      )
    }
  }
}

const plain = (auth: Script['auth']): string =>
  auth ? Buffer.from(`\0${auth.username}\0${auth.password}`).toString('base64') : ''

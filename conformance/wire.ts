// One raw connection: lines and octets in and out over TCP or TLS, each recorded, each wait bounded. Knows no protocol.
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, TLSSocket } from 'node:tls'
import { constants, createDeflateRaw, createInflateRaw, type DeflateRaw, type InflateRaw } from 'node:zlib'
import { Blocked, Violation, visible } from './judgement.ts'
import type { Target, TranscriptEntry } from './types.ts'

/** What may wait unread before the socket is paused. */
const READ_AHEAD = 1024 * 1024
/** A line longer than this without an end is a flood. */
const MAX_LINE = 8 * 1024 * 1024
/** What one case's transcript keeps; the rest is counted. */
const MAX_TRANSCRIPT = 256 * 1024

/** The transcript that all connections of one case write. */
export class Transcript {
  readonly entries: TranscriptEntry[] = []
  #kept = 0
  #left = 0

  add(connection: number, from: TranscriptEntry['from'], text: string): void {
    if (this.#kept + text.length > MAX_TRANSCRIPT && from !== 'note') {
      this.#left += text.length
      return
    }
    this.#kept += text.length
    const last = this.entries.at(-1)
    if (last && last.from === from && last.connection === connection && from !== 'note')
      this.entries[this.entries.length - 1] = { ...last, text: last.text + text }
    else this.entries.push({ connection, from, text })
  }

  close(): readonly TranscriptEntry[] {
    if (this.#left > 0) this.add(0, 'note', `${this.#left} further octets are not shown`)
    return this.entries
  }
}

export interface WireOptions {
  readonly target: Target
  readonly number: number
  readonly transcript: Transcript
  /** Ends every wait when the case's time is over. */
  readonly signal: AbortSignal
  /** What the runner plays on this connection: the client by default. */
  readonly role?: 'client' | 'server'
}

/** In PEM. */
export interface Identity {
  readonly key: string
  readonly cert: string
}

export class Wire {
  readonly #options: WireOptions
  #socket: Socket
  #chunks: Buffer[] = []
  #size = 0
  #ended = false
  #error: Error | null = null
  #wake: (() => void) | null = null
  #secure = false
  #deflation: { readonly inflate: InflateRaw; readonly deflate: DeflateRaw } | null = null
  /** Lines that ended in a bare LF. */
  bareLines = 0
  /** Why the last wait ended without an answer. */
  readonly #onAbort = (): void => this.#notify()

  private constructor(socket: Socket, options: WireOptions, secure: boolean) {
    this.#options = options
    this.#socket = socket
    this.#secure = secure
    options.signal.addEventListener('abort', this.#onAbort)
    this.#attach(socket)
  }

  /** Connects, with TLS when the target says `implicit`; throws Blocked when that fails. */
  static async connect(options: WireOptions): Promise<Wire> {
    const { host, port, tls } = options.target
    const socket = tls === 'implicit' ? connectTls(tlsOptions(host, { port, host })) : connectTcp({ port, host })
    options.transcript.add(
      options.number,
      'note',
      `connecting to ${host}:${port}${tls === 'implicit' ? ' with TLS' : ''}`,
    )
    await ready(socket, tls === 'implicit' ? 'secureConnect' : 'connect', options)
    socket.setNoDelay(true)
    return new Wire(socket, options, tls === 'implicit')
  }

  /** A connection that came to the runner, which plays the server. */
  static accept(socket: Socket, options: WireOptions): Wire {
    socket.setNoDelay(true)
    options.transcript.add(
      options.number,
      'note',
      `connection from ${socket.remoteAddress} to ${socket.localAddress}:${socket.localPort}`,
    )
    return new Wire(socket, { ...options, role: 'server' }, false)
  }

  get #own(): 'client' | 'server' {
    return this.#options.role ?? 'client'
  }
  get #peer(): 'client' | 'server' {
    return this.#own === 'client' ? 'server' : 'client'
  }
  /** The address of the runner's own that the connection came to, or left from. */
  get localAddress(): string {
    return this.#socket.localAddress ?? ''
  }
  get secure(): boolean {
    return this.#secure
  }
  get target(): Target {
    return this.#options.target
  }
  /** The server has closed; some of what it sent may wait. */
  get ended(): boolean {
    return this.#ended
  }
  /** The server has closed, and all that it sent has been read. */
  get over(): boolean {
    return this.#ended && this.#size === 0
  }

  note(text: string): void {
    this.#options.transcript.add(this.#options.number, 'note', text)
  }

  /** Sends octets (a string is one octet a character) and waits until the system took them; a server that stops reading ends in time. */
  async write(data: string | Buffer): Promise<void> {
    const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data
    this.#options.transcript.add(this.#options.number, this.#own, bytes.toString('latin1'))
    if (this.#ended || this.#socket.destroyed) return
    let done = false
    const sent = (): void => {
      done = true
      this.#notify()
    }
    if (this.#deflation) {
      this.#deflation.deflate.write(bytes)
      this.#deflation.deflate.flush(constants.Z_SYNC_FLUSH, sent)
    } else this.#socket.write(bytes, sent)
    await this.#until(() => done || this.#ended, `the ${this.#peer} to read what is sent`)
  }

  /** The next line without its end. */
  async line(what = 'a line'): Promise<string> {
    let scanned = 0
    await this.#until(() => {
      if (this.#size > MAX_LINE) return true
      const at = this.#find(10, scanned)
      scanned = this.#size
      return at >= 0 || this.#ended
    }, what)
    const at = this.#find(10, 0)
    if (at < 0) {
      if (this.#size > MAX_LINE)
        throw new Violation(`expected ${what}; got more than ${MAX_LINE} octets without a line end`)
      throw new Violation(`expected ${what}; ${this.#closedText()}`)
    }
    const bytes = this.#take(at + 1)
    const hasCr = bytes.at(-2) === 13
    if (!hasCr) this.bareLines++
    return bytes.toString('latin1', 0, bytes.length - (hasCr ? 2 : 1))
  }

  /** Exactly `count` octets. */
  async octets(count: number, what = `${count} octets`): Promise<string> {
    const parts: Buffer[] = []
    let left = count
    while (left > 0) {
      await this.#until(() => this.#size > 0 || this.#ended, what)
      if (this.#size === 0) throw new Violation(`expected ${what}; ${this.#closedText()} with ${left} octets missing`)
      const part = this.#take(Math.min(left, this.#size))
      parts.push(part)
      left -= part.length
    }
    return Buffer.concat(parts).toString('latin1')
  }

  /** Waits for the server to close; what it still sends is read and given back. */
  async closed(what = `the ${this.#peer} to close the connection`): Promise<string> {
    let rest = ''
    const end = Date.now() + this.target.answerMs
    for (;;) {
      await this.#until(() => this.#size > 0 || this.#ended, what)
      if (this.#size === 0) return rest
      rest = (rest + this.#take(this.#size).toString('latin1')).slice(-4096)
      if (Date.now() > end) throw new Violation(`expected ${what}; got ever more: "${visible(rest.slice(-200))}"`)
    }
  }

  /** Whether the server says something, or closes, within `ms`. */
  async speaks(ms: number): Promise<boolean> {
    const end = Date.now() + ms
    while (this.#size === 0 && !this.#ended && Date.now() < end && !this.#options.signal.aborted) {
      await this.#pause(end - Date.now())
    }
    return this.#size > 0 || this.#ended
  }

  /** Octets that have come but were not read. */
  waiting(): string {
    return Buffer.concat(this.#chunks).toString('latin1')
  }

  /** Shakes hands on this connection; throws Violation when the server's side fails, or said more in the clear. */
  async startTls(): Promise<void> {
    if (this.#size > 0)
      throw new Violation(`expected a TLS handshake; got "${visible(this.waiting().slice(0, 200))}" in the clear`)
    const plain = this.#detach()
    const secured = connectTls(tlsOptions(this.target.host, { socket: plain }))
    try {
      await ready(secured, 'secureConnect', this.#options)
    } catch (error) {
      plain.destroy()
      this.#ended = true
      throw new Violation(`expected a TLS handshake; got ${(error as Error).message}`)
    }
    this.#socket = secured
    this.#secure = true
    this.#attach(secured)
  }

  /** As the server: sends the last words in the clear and shakes hands behind them. Throws Violation when the client's side fails. */
  async acceptTls(words: string, identity: Identity): Promise<void> {
    this.#options.transcript.add(this.#options.number, this.#own, words)
    const plain = this.#detach()
    plain.write(Buffer.from(words, 'latin1'))
    const secured = new TLSSocket(plain, { isServer: true, ...identity })
    try {
      await ready(secured, 'secure', this.#options)
    } catch (error) {
      plain.destroy()
      this.#ended = true
      throw new Violation(`expected a TLS handshake; got ${(error as Error).message}`)
    }
    this.#socket = secured
    this.#secure = true
    this.#attach(secured)
  }

  /** The socket with nobody listening: the octets to come belong to TLS. */
  #detach(): Socket {
    const plain = this.#socket
    for (const event of ['data', 'end', 'error', 'close']) plain.removeAllListeners(event)
    // TLS tells of what goes wrong below it; a reset that comes before must not end the process
    plain.on('error', () => {})
    this.note('TLS handshake')
    return plain
  }

  /** Both sides speak DEFLATE from here on; octets that wait unread are the server's first. */
  startDeflate(): void {
    const [inflate, deflate] = [createInflateRaw(), createDeflateRaw()]
    inflate.on('data', (bytes: Buffer) => this.#keep(bytes))
    inflate.on('error', (error) => this.#socket.destroy(new Error(`what came is not DEFLATE: ${error.message}`)))
    deflate.on('data', (bytes: Buffer) => this.#socket.write(bytes))
    this.note('DEFLATE')
    const waiting = this.#take(this.#size)
    this.#deflation = { inflate, deflate }
    inflate.write(waiting)
  }

  /** Ends the sending side only. */
  halfClose(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#options.signal.removeEventListener('abort', this.#onAbort)
    this.#socket.destroy()
  }

  #attach(socket: Socket): void {
    socket.on('data', (bytes: Buffer) => {
      if (this.#deflation) this.#deflation.inflate.write(bytes)
      else this.#keep(bytes)
    })
    const end = (error?: Error): void => {
      if (this.#ended) return
      this.#ended = true
      this.#error = error instanceof Error ? error : null
      this.note(this.#closedText())
      this.#notify()
    }
    // what was compressed comes out of the decompressor first
    const drained = (): void => {
      const inflate = this.#deflation?.inflate
      if (inflate && !inflate.destroyed) inflate.flush(constants.Z_SYNC_FLUSH, () => end())
      else end()
    }
    socket.on('error', end)
    socket.on('end', drained)
    socket.on('close', drained)
  }

  #keep(bytes: Buffer): void {
    this.#options.transcript.add(this.#options.number, this.#peer, bytes.toString('latin1'))
    this.#chunks.push(bytes)
    this.#size += bytes.length
    if (this.#size > READ_AHEAD) this.#socket.pause()
    this.#notify()
  }

  #closedText(): string {
    const how = this.#error ? ` (${this.#error.message})` : ''
    const rest = this.#size > 0 ? ` after "${visible(this.waiting().slice(-200))}"` : ''
    return `the ${this.#peer} closed the connection${how}${rest}`
  }

  #notify(): void {
    const wake = this.#wake
    this.#wake = null
    wake?.()
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#notify(), Math.max(0, ms))
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  async #until(done: () => boolean, what: string): Promise<void> {
    const limit = this.target.answerMs
    const end = Date.now() + limit
    while (!done()) {
      if (this.#options.signal.aborted) throw new Violation(`expected ${what}; the case's time was over`)
      if (Date.now() >= end)
        throw new Violation(`expected ${what}; got nothing${this.#size > 0 ? ' whole' : ''} within ${limit / 1000} s`)
      if (this.#socket.isPaused()) this.#socket.resume()
      await this.#pause(end - Date.now())
    }
  }

  /** Where an octet stands at or behind `from`, over all that waits; -1 when it is not there. */
  #find(octet: number, from: number): number {
    let before = 0
    for (const chunk of this.#chunks) {
      if (before + chunk.length > from) {
        const at = chunk.indexOf(octet, Math.max(0, from - before))
        if (at >= 0) return before + at
      }
      before += chunk.length
    }
    return -1
  }

  #take(count: number): Buffer {
    const taken: Buffer[] = []
    let left = count
    while (left > 0) {
      const first = this.#chunks[0]!
      if (first.length <= left) this.#chunks.shift()
      else this.#chunks[0] = first.subarray(left)
      taken.push(first.subarray(0, Math.min(left, first.length)))
      left -= Math.min(left, first.length)
    }
    this.#size -= count
    if (this.#size < READ_AHEAD && this.#socket.isPaused()) this.#socket.resume()
    return taken.length === 1 ? taken[0]! : Buffer.concat(taken)
  }
}

/** The server's certificate is not what is judged here: any is taken. */
const tlsOptions = <T extends object>(host: string, more: T) => ({
  ...more,
  rejectUnauthorized: false,
  ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
})

function ready(
  socket: Socket,
  event: 'connect' | 'secureConnect' | 'secure',
  { target, signal, role }: WireOptions,
): Promise<void> {
  const { host, port, answerMs } = target
  const peer = role === 'server' ? 'client' : 'server'
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => settle(new Error(`nothing within ${answerMs / 1000} s`)), answerMs)
    const onError = (error: Error): void => settle(error)
    const onClose = (): void => settle(new Error(`the ${peer} closed the connection`))
    const onAbort = (): void => settle(new Error("the case's time was over"))
    const settle = (error?: Error): void => {
      clearTimeout(timer)
      socket.off(event, onReady).off('error', onError).off('close', onClose)
      signal.removeEventListener('abort', onAbort)
      if (!error) {
        resolve()
        return
      }
      socket.on('error', () => {})
      socket.destroy()
      const reason = error.message || (error as NodeJS.ErrnoException).code
      reject(new Blocked(role === 'server' ? `no handshake: ${reason}` : `no connection to ${host}:${port}: ${reason}`))
    }
    const onReady = (): void => settle()
    socket.once(event, onReady).once('error', onError).once('close', onClose)
    signal.addEventListener('abort', onAbort)
  })
}

// What one run has open towards the MTA under test: the addresses that listen, the name server, and who of the cases gets a connection.
import { createServer, type Server, type Socket } from 'node:net'
import { Blocked } from '../judgement.ts'
import type { Endpoint, Target } from '../types.ts'
import { type Identity, Transcript, Wire } from '../wire.ts'
import { makeIdentity } from './certificate.ts'
import { type NameServer, type Names, type Question, startNameServer } from './names.ts'
import { Session } from './session.ts'

/** All names of the runner lie below it. */
export const BASE = 'conformance.test'

/** What every resolver knows: some MTAs ask who the client on loopback is. */
const LOOPBACK: { readonly [name: string]: Names } = {
  localhost: { A: ['127.0.0.1'], AAAA: ['::1'] },
  '1.0.0.127.in-addr.arpa': { PTR: 'localhost' },
}

export type Taker = (socket: Socket) => void

export class Hub {
  readonly #target: Target
  readonly #listen: Endpoint
  readonly identity: Identity
  /** Tells this run's names from those of another. */
  readonly run = Date.now().toString(36).slice(-5)
  readonly #servers = new Map<string, Server>()
  readonly #takers = new Map<string, Taker>()
  readonly #sockets = new Set<Socket>()
  readonly #names = new Map<string, Names>()
  readonly #asked: Question[] = []
  /** Domains of cases that are over: whatever still comes for them is taken, so that the MTA's queue gets empty. */
  readonly #settled = new Map<string, string>()
  #nameServer: NameServer | null = null
  #cases = 0
  #addresses = 0
  #turn: Promise<void> = Promise.resolve()

  private constructor(target: Target, listen: Endpoint, identity: Identity) {
    this.#target = target
    this.#listen = listen
    this.identity = identity
  }

  /** Throws Blocked when an address is taken or not ours. */
  static async open(target: Target): Promise<Hub> {
    if (target.listen === null) throw new Blocked('needs an address where mail is sent to (--listen)')
    const hub = new Hub(target, target.listen, await makeIdentity(BASE))
    try {
      if (target.dns) hub.#nameServer = await startNameServer(target.dns, (question) => hub.#lookup(question))
      await hub.#open(target.listen.host)
    } catch (error) {
      await hub.close()
      throw new Blocked(`cannot listen: ${(error as Error).message}`)
    }
    return hub
  }

  /** Each host of a case has an address of its own; else all are one, and cases take turns. */
  get manyAddresses(): boolean {
    return this.#nameServer !== null && this.#listen.host.startsWith('127.')
  }
  get hasNames(): boolean {
    return this.#nameServer !== null
  }
  /** What was asked of the name server so far. */
  get asked(): readonly Question[] {
    return this.#asked
  }

  nextDomain(): string {
    return `c${++this.#cases}.${this.run}.${BASE}`
  }

  setNames(name: string, names: Names | null): void {
    if (names) this.#names.set(name.toLowerCase(), names)
    else this.#names.delete(name.toLowerCase())
  }

  /** An address of loopback that nothing else of this run has; it listens unless it is to be dead. */
  async newAddress(taker: Taker | null): Promise<string> {
    if (!this.manyAddresses) {
      if (taker) this.#takers.set(this.#listen.host, taker)
      return this.#listen.host
    }
    const n = ++this.#addresses
    const address = `127.${16 + (Number.parseInt(this.run, 36) % 100)}.${Math.floor(n / 250)}.${(n % 250) + 2}`
    if (!taker) return address
    await this.#open(address)
    this.#takers.set(address, taker)
    return address
  }

  /** Listens on the loopback address of IPv6 for one case; null where there is none. */
  async openSix(taker: Taker): Promise<string | null> {
    try {
      await this.#open('::1')
    } catch {
      return null
    }
    this.#takers.set('::1', taker)
    return '::1'
  }

  /** What comes for the domain and to these addresses from now on is taken and forgotten. */
  settle(domain: string, addresses: readonly string[]): void {
    for (const address of addresses) this.#takers.delete(address)
    for (const name of [...this.#names.keys()])
      if (name === domain || name.endsWith(`.${domain}`)) this.#names.delete(name)
    const address = addresses.find((one) => this.#servers.has(one) && one !== '::1')
    this.#settled.set(domain, address ?? this.#listen.host)
  }

  /** One case at a time, where all share an address. Gives what lets the next one in. */
  async takeTurn(): Promise<() => void> {
    if (this.manyAddresses) return () => {}
    const before = this.#turn
    let release = (): void => {}
    this.#turn = new Promise((resolve) => {
      release = resolve
    })
    await before
    return release
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    const closing = [...this.#servers.values()].map((server) => new Promise((done) => server.close(done)))
    await Promise.all([...closing, this.#nameServer?.close()])
  }

  async #open(host: string): Promise<void> {
    if (this.#servers.has(host)) return
    const server = createServer((socket) => this.#take(socket, host))
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(this.#listen.port, host, resolve))
    this.#servers.set(host, server)
  }

  #take(socket: Socket, host: string): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => {})
    const taker = this.#takers.get(host)
    if (taker) taker(socket)
    else this.#drain(socket)
  }

  #drain(socket: Socket): void {
    const signal = new AbortController().signal
    const wire = Wire.accept(socket, { target: this.#target, number: 0, transcript: new Transcript(), signal })
    void new Session(wire, { offers: ['8BITMIME', 'SMTPUTF8', 'DSN'] }, this.identity, { changed() {} }).serve()
  }

  #lookup(question: Question): Names | null {
    this.#asked.push(question)
    const { name } = question
    const own = this.#names.get(name) ?? LOOPBACK[name]
    if (own) return own
    for (const [domain, address] of this.#settled)
      if (name === domain || name.endsWith(`.${domain}`)) return { A: [address] }
    const above = name === BASE || [...this.#names.keys()].some((one) => one.endsWith(`.${name}`))
    return above ? {} : null
  }
}

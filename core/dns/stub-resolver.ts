// The resolver of the running server: asks recursive name servers, keeps answers for their TTL, merges equal questions.
import type * as dns from 'dns-packet'
import type { Clock } from '../base/clock.ts'
import { asFailure, Failure, temporary } from '../base/failure.ts'
import type { Logger } from '../base/log.ts'
import { FORMERR, NOERROR, NXDOMAIN, type RawAnswer, RCODES, rcodeOf, readAnswer, type Type } from './answer.ts'
import { TtlCache } from './cache.ts'
import { askServer, type NameServer, type Question } from './exchange.ts'
import { canonicalName, isAskable, reverseName } from './names.ts'
import { isLoopback, parseNameServer, systemNameServers } from './resolv-conf.ts'
import type { DnsAnswer, DnsResolver, MxRecord, SrvRecord, TlsaRecord } from './resolver.ts'

export interface ResolverOptions {
  /** `ip` or `ip:port`, asked in order; empty: those of /etc/resolv.conf. */
  readonly servers: readonly string[]
  /** Believe the AD bit of servers that are not on this machine. */
  readonly trusted: boolean
  readonly clock: Clock
  readonly log: Logger
  /** Milliseconds to wait for each server, one entry a round over all of them. */
  readonly timeouts?: readonly number[]
  /** Octets that kept answers may take in all. */
  readonly cacheSize?: number
}

const TIMEOUTS = [2000, 4000]
const CACHE_SIZE = 16 * 1024 * 1024
const ENTRY_COST = 512 // of an answer in memory, beside its records
const FAILURE_MS = 1000 // RFC 9520 §3.2
const MAX_ALIAS_QUERIES = 8
const MAX_IN_FLIGHT = 256

type Answer = DnsAnswer<unknown>

/** A question on its way, with all who wait for it; it is given up when nobody does any more. */
interface Flight {
  readonly answer: Promise<Answer>
  readonly controller: AbortController
  waiting: number
}

export interface StubResolver extends DnsResolver {
  /** Gives up every question on its way. */
  close(): void
}

/** Throws Failure('permanent') when `servers` holds something that is no address. */
export function createResolver(options: ResolverOptions): StubResolver {
  const resolver = new Stub(options)
  return {
    a: (host, signal) => resolver.ask<string>(host, 'A', signal),
    aaaa: (host, signal) => resolver.ask<string>(host, 'AAAA', signal),
    async mx(domain, signal) {
      const answer = await resolver.ask<MxRecord>(domain, 'MX', signal)
      return { ...answer, records: [...answer.records].sort((x, y) => x.preference - y.preference) }
    },
    txt: (host, signal) => resolver.ask<string>(host, 'TXT', signal),
    ptr: (ip, signal) => resolver.ask<string>(reverseName(ip) ?? ip, 'PTR', signal),
    srv: (host, signal) => resolver.ask<SrvRecord>(host, 'SRV', signal),
    tlsa: (host, signal) => resolver.ask<TlsaRecord>(host, 'TLSA', signal),
    cname: (host, signal) => resolver.ask<string>(host, 'CNAME', signal),
    close: () => resolver.close(),
  }
}

const text = (data: unknown): string => String(data)
const name = (data: unknown): string => canonicalName(String(data))

function mxRecord(data: unknown): MxRecord {
  const { preference = 0, exchange } = data as dns.MxData
  return { preference, exchange: canonicalName(exchange) }
}

function srvRecord(data: unknown): SrvRecord {
  const { priority = 0, weight = 0, port, target } = data as dns.SrvData
  return { priority, weight, port, target: canonicalName(target) }
}

const txtRecord = (data: unknown): string =>
  [data as string | Buffer | (string | Buffer)[]]
    .flat()
    .map((part) => part.toString('utf8'))
    .join('')

/** From what dns-packet gives to what callers get. */
const RECORDS: { readonly [type in Type]: (data: unknown) => unknown } = {
  A: text,
  AAAA: text,
  MX: mxRecord,
  TXT: txtRecord,
  PTR: name,
  SRV: srvRecord,
  TLSA: (data) => data,
  CNAME: name,
}

class Stub {
  readonly #servers: readonly NameServer[]
  readonly #trusted: boolean
  readonly #clock: Clock
  readonly #log: Logger
  readonly #timeouts: readonly number[]
  readonly #cache: TtlCache<Answer | Failure>
  readonly #flights = new Map<string, Flight>()
  readonly #queue: (() => void)[] = []
  #running = 0
  /** Index of the server that answered last: asked first. */
  #preferred = 0

  constructor(options: ResolverOptions) {
    this.#servers = options.servers.length > 0 ? options.servers.map(configured) : systemNameServers()
    this.#trusted = options.trusted || this.#servers.every((server) => isLoopback(server.host))
    this.#clock = options.clock
    this.#log = options.log
    this.#timeouts = options.timeouts ?? TIMEOUTS
    this.#cache = new TtlCache(options.cacheSize ?? CACHE_SIZE)
  }

  async ask<T>(asked: string, type: Type, signal?: AbortSignal): Promise<DnsAnswer<T>> {
    const name = canonicalName(asked)
    return (this.#kept(name, type) ?? (await this.#join(name, type, signal))) as DnsAnswer<T>
  }

  close(): void {
    for (const flight of this.#flights.values()) flight.controller.abort()
  }

  #kept(name: string, type: Type): Answer | null {
    const kept = this.#cache.get(`${type} ${name}`, this.#clock.mono())
    if (!kept) return null
    if (kept.value instanceof Failure) throw kept.value
    const { status, records, secure } = kept.value
    return { status, records, ttl: Math.ceil(kept.left / 1000), secure }
  }

  /** Waits for the question under way, or sends it. */
  async #join(name: string, type: Type, signal?: AbortSignal): Promise<Answer> {
    // What cannot be written in a question cannot exist.
    if (!isAskable(name)) return { status: 'nxdomain', records: [], ttl: 0, secure: false }
    const key = `${type} ${name}`
    const givenUp = () => temporary(`DNS: ${key}: given up`)
    if (signal?.aborted) throw givenUp()
    const flight = this.#flights.get(key) ?? this.#launch(key, name, type)
    flight.waiting++
    return new Promise((resolve, reject) => {
      const leave = () => {
        if (--flight.waiting === 0) flight.controller.abort()
        reject(givenUp())
      }
      signal?.addEventListener('abort', leave, { once: true })
      flight.answer.then(resolve, reject).finally(() => signal?.removeEventListener('abort', leave))
    })
  }

  #launch(key: string, name: string, type: Type): Flight {
    const controller = new AbortController()
    const answer = this.#resolve(name, type, controller.signal).then(
      (found) => this.#keep(key, this.#answer(found, type), found.ttl * 1000),
      (thrown) => {
        const failure = asFailure(thrown)
        if (!controller.signal.aborted) this.#keep(key, failure, FAILURE_MS)
        throw failure
      },
    )
    const flight: Flight = { answer, controller, waiting: 0 }
    this.#flights.set(key, flight)
    const landed = () => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key)
    }
    answer.then(landed, landed)
    controller.signal.addEventListener('abort', landed, { once: true })
    return flight
  }

  /** All who ask get the same records. */
  #answer({ status, records, ttl, secure }: RawAnswer, type: Type): Answer {
    return { status, records: Object.freeze(records.map(RECORDS[type])), ttl, secure: secure && this.#trusted }
  }

  #keep<T extends Answer | Failure>(key: string, value: T, ms: number): T {
    const records = value instanceof Failure ? [] : value.records
    const cost = records.reduce<number>((sum, record) => sum + costOf(record), ENTRY_COST)
    if (ms > 0) this.#cache.set(key, value, this.#clock.mono() + ms, cost)
    return value
  }

  /** Recursive servers follow aliases themselves; what one left open is asked again. */
  async #resolve(name: string, type: Type, signal: AbortSignal): Promise<RawAnswer> {
    let ttl = Number.POSITIVE_INFINITY
    let secure = true
    let owner = name
    for (let queries = 0; queries < MAX_ALIAS_QUERIES; queries++) {
      const answer = await this.#query(owner, type, signal)
      ttl = Math.min(ttl, answer.ttl)
      secure &&= answer.secure
      if (answer.alias === null) return { ...answer, ttl, secure }
      owner = answer.alias
    }
    throw temporary(`DNS: ${type} ${name}: too many aliases`)
  }

  async #query(name: string, type: Type, signal: AbortSignal): Promise<RawAnswer> {
    await this.#enter()
    try {
      return await this.#rounds(name, type, signal)
    } finally {
      this.#running--
      this.#queue.shift()?.()
    }
  }

  /** Bounds the open sockets. */
  async #enter(): Promise<void> {
    if (this.#running >= MAX_IN_FLIGHT) await new Promise<void>((go) => this.#queue.push(go))
    this.#running++
  }

  async #rounds(name: string, type: Type, signal: AbortSignal): Promise<RawAnswer> {
    const first = this.#preferred
    let last = 'no server'
    for (const timeout of this.#timeouts) {
      for (let i = 0; i < this.#servers.length; i++) {
        if (signal.aborted) throw temporary(`DNS: ${type} ${name}: given up`)
        const index = (first + i) % this.#servers.length
        const server = this.#servers[index]!
        const answer = await this.#one(server, name, type, timeout, signal)
        if (typeof answer !== 'string') {
          this.#preferred = index
          return answer
        }
        last = `${answer} from ${server.host}:${server.port}`
        this.#log.debug('dns: no answer', { question: `${type} ${name}`, reason: last })
      }
    }
    throw temporary(`DNS: ${type} ${name}: ${last}`)
  }

  /** One server's answer, or why there is none. */
  async #one(
    server: NameServer,
    name: string,
    type: Type,
    timeout: number,
    signal: AbortSignal,
  ): Promise<RawAnswer | string> {
    const timing = { clock: this.#clock, timeout, signal }
    const ask = (question: Question) => askServer(server, question, timing)
    try {
      let packet = await ask({ name, type, edns: true })
      // RFC 6891 §7: a server that does not know EDNS
      if (rcodeOf(packet) === FORMERR) packet = await ask({ name, type, edns: false })
      const rcode = rcodeOf(packet)
      if (rcode !== NOERROR && rcode !== NXDOMAIN) return RCODES[rcode] ?? `rcode ${rcode}`
      return readAnswer(packet, name, type) ?? 'loop of aliases'
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
}

function costOf(record: unknown): number {
  if (typeof record === 'string' || Buffer.isBuffer(record)) return record.length + 32
  if (Array.isArray(record)) return record.reduce<number>((sum, part) => sum + costOf(part), 32)
  return 256
}

function configured(text: string): NameServer {
  const server = parseNameServer(text)
  if (!server.ok) throw new Failure('permanent', `dns.servers: ${server.error}`)
  return server.value
}

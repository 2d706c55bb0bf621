// How the reference sender finds hosts: MX, aliases and addresses, over UDP and, where an answer was cut, TCP.
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import * as dns from 'dns-packet'
import type { Attempt, Deviation } from './sender-deviation.ts'
import { NAME } from './sender-mail.ts'

export interface Names {
  readonly host: string
  readonly port: number
}

export type Found =
  | { readonly kind: 'addresses'; readonly addresses: readonly string[] }
  | { readonly kind: 'failed'; readonly text: string }
  | { readonly kind: 'later' }

export interface Question {
  readonly name: string
  readonly type: 'A' | 'AAAA' | 'MX'
  readonly over: 'UDP' | 'TCP'
}

export interface Answer {
  readonly rcode: string
  /** TC: there is more over TCP. */
  readonly cut: boolean
  readonly records: readonly dns.Answer[]
}

export interface Exchange {
  readonly preference: number
  readonly host: string
}

class LaterError extends Error {}

/** Addresses in the order in which they are to be tried. */
export async function findAddresses(attempt: Attempt, names: Names | null, deviation: Deviation): Promise<Found> {
  const found = await new Search(names, deviation).find(attempt.domain)
  return deviation.found?.(found, attempt) ?? found
}

class Search {
  readonly #names: Names | null
  readonly #deviation: Deviation
  constructor(names: Names | null, deviation: Deviation) {
    this.#names = names
    this.#deviation = deviation
  }

  async find(domain: string): Promise<Found> {
    const literal = /^\[([\d.]+)\]$/.exec(domain)?.[1]
    if (literal !== undefined) return { kind: 'addresses', addresses: [literal] }
    // all mail goes to one smarthost
    if (this.#names === null) return { kind: 'addresses', addresses: ['127.0.0.1'] }
    try {
      return await this.#lookUp(domain, this.#names)
    } catch (error) {
      if (error instanceof LaterError) return { kind: 'later' }
      throw error
    }
  }

  async #lookUp(domain: string, names: Names): Promise<Found> {
    const { rcode, records } = await this.#ask(domain, 'MX', names)
    if (rcode === 'NXDOMAIN') return { kind: 'failed', text: '5.1.2 no such domain' }
    const found = records.flatMap((record) =>
      record.type === 'MX' ? [{ preference: record.data.preference ?? 0, host: record.data.exchange }] : [],
    )
    if (found.length === 1 && ['', '.'].includes(found[0]!.host))
      return { kind: 'failed', text: '5.1.10 takes no mail' }
    const sorted = found
      .map((exchange) => ({ exchange, chance: Math.random() }))
      .toSorted((a, b) => a.exchange.preference - b.exchange.preference || a.chance - b.chance)
      .map(({ exchange }) => exchange)
    // RFC 5321 §5.1: neither ourselves nor who is no better than we are
    const own = sorted.find(({ host }) => this.#isItself(host))?.preference ?? Number.POSITIVE_INFINITY
    const better = sorted.filter(({ preference }) => preference < own)
    if (sorted.length > 0 && better.length === 0) return { kind: 'failed', text: '5.4.6 mail loops back here' }
    const exchanges = sorted.length > 0 ? better : [{ preference: 0, host: domain }]
    const addresses: string[] = []
    for (const { host } of this.#deviation.exchanges?.(exchanges, domain, sorted) ?? exchanges)
      addresses.push(...(await this.#addressesOf(host, names)))
    return addresses.length > 0 ? { kind: 'addresses', addresses } : { kind: 'failed', text: '5.4.4 no usable host' }
  }

  #isItself(host: string): boolean {
    const proper = host.toLowerCase() === NAME
    return this.#deviation.isItself?.(proper, host) ?? proper
  }

  async #addressesOf(host: string, names: Names): Promise<readonly string[]> {
    const addresses: string[] = []
    for (const type of ['AAAA', 'A'] as const)
      for (const record of (await this.#ask(host, type, names)).records)
        if (record.type === type && typeof record.data === 'string') addresses.push(record.data)
    return this.#deviation.addresses?.(addresses, host) ?? addresses
  }

  async #ask(name: string, type: Question['type'], names: Names): Promise<Answer> {
    const query = dns.encode({
      type: 'query',
      id: Math.floor(Math.random() * 65536),
      flags: dns.RECURSION_DESIRED,
      questions: [{ type, name }],
    })
    const seen = (packet: dns.DecodedPacket, over: Question['over']): Answer => {
      const { rcode } = packet as { rcode?: string }
      const answer = { rcode: rcode ?? 'NOERROR', cut: packet.flag_tc, records: packet.answers ?? [] }
      return this.#deviation.answer?.(answer, { name, type, over }) ?? answer
    }
    let answer = seen(await overUdp(query, names), 'UDP')
    if (answer.cut) answer = seen(await overTcp(query, names), 'TCP')
    if (answer.rcode === 'SERVFAIL') throw new LaterError(answer.rcode)
    return answer
  }
}

function overUdp(query: Buffer, { host, port }: Names): Promise<dns.DecodedPacket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4')
    socket.once('error', () => reject(new LaterError('no answer')))
    socket.once('message', (bytes) => {
      socket.close()
      resolve(dns.decode(bytes))
    })
    socket.send(query, port, host)
  })
}

function overTcp(query: Buffer, { host, port }: Names): Promise<dns.DecodedPacket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host)
    let bytes: Buffer = Buffer.alloc(0)
    socket.once('error', () => reject(new LaterError('no answer')))
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      if (bytes.length < 2 || bytes.length < 2 + bytes.readUInt16BE(0)) return
      socket.destroy()
      resolve(dns.decode(bytes.subarray(2)))
    })
    const length = Buffer.alloc(2)
    length.writeUInt16BE(query.length)
    socket.write(Buffer.concat([length, query]))
  })
}

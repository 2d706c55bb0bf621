// How the reference sender finds hosts: MX, aliases and addresses, over UDP and, where an answer was cut, TCP.
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import * as dns from 'dns-packet'
import type { Has } from './sender-faults.ts'

export interface Names {
  readonly host: string
  readonly port: number
}

export type Found =
  | { readonly kind: 'addresses'; readonly addresses: readonly string[] }
  | { readonly kind: 'failed'; readonly text: string }
  | { readonly kind: 'later' }

class LaterError extends Error {}

type Type = 'A' | 'AAAA' | 'MX'
interface Answered {
  readonly exists: boolean
  readonly records: readonly dns.Answer[]
}

/** Addresses in the order in which they are to be tried. */
export async function findAddresses(domain: string, names: Names | null, has: Has): Promise<Found> {
  const literal = /^\[([\d.]+)\]$/.exec(domain)?.[1]
  if (literal !== undefined)
    return has('knows no literals')
      ? { kind: 'failed', text: '5.1.2 what is this' }
      : { kind: 'addresses', addresses: [literal] }
  // all mail goes to one smarthost
  if (names === null) return { kind: 'addresses', addresses: ['127.0.0.1'] }
  try {
    return await find(domain, names, has)
  } catch (error) {
    if (error instanceof LaterError) return { kind: 'later' }
    throw error
  }
}

async function find(domain: string, names: Names, has: Has): Promise<Found> {
  if (has('goes to the domain itself')) return addressesOf([domain], names, has)
  const mx = await ask(domain, 'MX', names, has)
  if (!mx.exists)
    return has('keeps mail for no domain') ? { kind: 'later' } : { kind: 'failed', text: '5.1.2 no such domain' }
  const exchanges = mx.records.flatMap((record) => (record.type === 'MX' ? [record.data] : []))
  if (exchanges.length === 0) {
    if (has('wants an MX') || has('follows no alias')) return { kind: 'failed', text: '5.1.2 no MX' }
    return addressesOf([domain], names, has)
  }
  if (exchanges.length === 1 && ['', '.'].includes(exchanges[0]!.exchange)) {
    if (has('does not know the null MX')) return addressesOf([domain], names, has)
    return has('keeps mail for the null MX') ? { kind: 'later' } : { kind: 'failed', text: '5.1.10 takes no mail' }
  }
  const keys = exchanges.map((one) => ({ ...one, chance: has('does not shuffle') ? 0 : Math.random() }))
  keys.sort((a, b) => {
    const order = has('sorts preferences as text')
      ? String(a.preference).localeCompare(String(b.preference))
      : (a.preference ?? 0) - (b.preference ?? 0)
    return order || a.chance - b.chance
  })
  const hosts = keys.map(({ exchange }) => exchange)
  const found = await addressesOf(has('tries one host') ? hosts.slice(0, 1) : hosts, names, has)
  if (found.kind === 'failed' && has('goes to the address when the MX fails')) return addressesOf([domain], names, has)
  return found
}

async function addressesOf(hosts: readonly string[], names: Names, has: Has): Promise<Found> {
  const addresses: string[] = []
  for (const host of hosts) {
    const types: Type[] = has('knows IPv4 alone') ? ['A'] : ['AAAA', 'A']
    const own: string[] = []
    for (const type of types)
      for (const record of (await ask(host, type, names, has)).records)
        if (record.type === type && typeof record.data === 'string') own.push(record.data)
    addresses.push(...(has('tries one address') || has('waits for IPv6') ? own.slice(0, 1) : own))
  }
  return addresses.length > 0 ? { kind: 'addresses', addresses } : { kind: 'failed', text: '5.4.4 no usable host' }
}

async function ask(name: string, type: Type, names: Names, has: Has): Promise<Answered> {
  const query = dns.encode({
    type: 'query',
    id: Math.floor(Math.random() * 65536),
    flags: dns.RECURSION_DESIRED,
    questions: [{ type, name }],
  })
  let reply = await overUdp(query, names)
  if (reply.flag_tc && has('asks by UDP alone')) throw new LaterError('cut off')
  if (reply.flag_tc) reply = await overTcp(query, names)
  const { rcode } = reply as { rcode?: string }
  if (rcode === 'SERVFAIL') throw new LaterError(rcode)
  const answers = reply.answers ?? []
  const aliased = answers.some((record) => record.type === 'CNAME')
  return { exists: rcode !== 'NXDOMAIN', records: aliased && has('follows no alias') ? [] : answers }
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

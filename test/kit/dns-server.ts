// A name server on loopback that answers from data, over UDP and TCP: for whole servers and real peers under test.
import { createSocket } from 'node:dgram'
import { createServer, type Socket } from 'node:net'
import * as dns from 'dns-packet'
import { type Zone, ZoneData, type ZoneName, type ZoneRecords, type ZoneType } from '../../core/dns/zone.ts'

export interface DnsServer {
  readonly host: string
  readonly port: number
  /** `host:port`, as `dns.servers` of the configuration takes it. */
  readonly address: string
  /** Questions so far, as `udp TYPE name` or `tcp TYPE name`. */
  readonly asked: readonly string[]
  /** Replaces all that a name has; null removes it. */
  set(name: string, data: ZoneName | null): void
  close(): Promise<void>
}

const TYPES: ReadonlySet<string> = new Set(['A', 'AAAA', 'MX', 'TXT', 'PTR', 'SRV', 'TLSA', 'CNAME'])
const RCODES = { ok: 0, nodata: 0, nxdomain: 3, servfail: 2, refused: 5 } as const
const SOA = {
  mname: 'ns.invalid',
  rname: 'hostmaster.invalid',
  serial: 1,
  refresh: 1,
  retry: 1,
  expire: 1,
  minimum: 60,
}

/** Serves `zone` on `host` at one free port for both protocols (or at `port`). */
export async function startDnsServer(zone: Zone = {}, host = '127.0.0.1', port = 0): Promise<DnsServer> {
  const data = new ZoneData(zone)
  const asked: string[] = []
  const udp = createSocket('udp4')
  const connections = new Set<Socket>()
  const tcp = createServer((socket) => {
    connections.add(socket)
    socket.on('close', () => connections.delete(socket))
    socket.on('error', () => socket.destroy())
    readQueries(socket, (query) => {
      const reply = respond(data, query, 'tcp', asked)
      if (reply) socket.write(Buffer.concat([lengthOf(reply), reply]))
    })
  })
  udp.on('message', (query, from) => {
    const reply = respond(data, query, 'udp', asked)
    if (reply) udp.send(reply, from.port, from.address)
  })
  await new Promise<void>((resolve, reject) => tcp.once('error', reject).listen(port, host, resolve))
  const address = tcp.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  await new Promise<void>((resolve, reject) => udp.once('error', reject).bind(address.port, host, resolve))
  return {
    host,
    port: address.port,
    address: `${host}:${address.port}`,
    asked,
    set: (name, names) => data.set(name, names),
    async close() {
      for (const socket of connections) socket.destroy()
      await Promise.all([new Promise((done) => tcp.close(done)), new Promise<void>((done) => udp.close(done))])
    },
  }
}

function respond(zone: ZoneData, bytes: Buffer, transport: 'udp' | 'tcp', asked: string[]): Buffer | null {
  const query = decodeQuery(bytes)
  const question = query?.questions?.[0]
  if (!query || !question) return null
  asked.push(`${transport} ${question.type} ${question.name}`)
  const type = question.type as ZoneType
  const found = TYPES.has(type) ? zone.lookup(question.name, type) : zone.lookup(question.name, 'CNAME')
  if (found.status === 'timeout' || found.status === 'hang') return null
  const cut = transport === 'udp' && found.truncate
  const owner = found.aliases.at(-1)?.target ?? question.name
  const answers: dns.Answer[] = [
    ...found.aliases.map(({ name, target, ttl }) => ({ type: 'CNAME' as const, name, ttl, data: target })),
    ...(TYPES.has(type) ? found.records.map((record) => answerOf(owner, type, found.ttl, record)) : []),
  ]
  const negative = found.status === 'nxdomain' || found.status === 'nodata'
  return dns.encode({
    id: query.id ?? 0,
    type: 'response',
    flags:
      dns.RECURSION_DESIRED |
      dns.RECURSION_AVAILABLE |
      (found.secure ? dns.AUTHENTIC_DATA : 0) |
      (cut ? dns.TRUNCATED_RESPONSE : 0) |
      RCODES[found.status],
    questions: [question],
    answers: cut ? [] : answers,
    authorities: negative ? [{ type: 'SOA', name: 'invalid', ttl: Math.min(found.ttl, 60), data: SOA }] : [],
  })
}

function decodeQuery(bytes: Buffer): dns.DecodedPacket | null {
  try {
    return dns.decode(bytes)
  } catch {
    return null
  }
}

function answerOf(name: string, type: ZoneType, ttl: number, record: ZoneRecords[ZoneType]): dns.Answer {
  if (typeof record !== 'string') return { name, type, ttl, data: record } as dns.Answer
  if (type !== 'TXT') return { name, type, ttl, data: record } as dns.Answer
  const bytes = Buffer.from(record)
  const strings: Buffer[] = []
  for (let at = 0; at === 0 || at < bytes.length; at += 255) strings.push(bytes.subarray(at, at + 255))
  return { name, type, ttl, data: strings }
}

function readQueries(socket: Socket, each: (query: Buffer) => void): void {
  let pending: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk])
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const end = 2 + pending.readUInt16BE(0)
      each(pending.subarray(2, end))
      pending = pending.subarray(end)
    }
  })
}

function lengthOf(reply: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(reply.length)
  return length
}

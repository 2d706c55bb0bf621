// The runner's name server: answers from the cases' own records, over UDP and TCP.
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { createServer, type Socket } from 'node:net'
import * as dns from 'dns-packet'
import type { Endpoint } from '../types.ts'

/** What one name has. */
export interface Names {
  readonly A?: readonly string[]
  readonly AAAA?: readonly string[]
  /** Preference and host; the host `.` is the null MX. */
  readonly MX?: readonly (readonly [number, string])[]
  readonly CNAME?: string
  readonly PTR?: string
  /** Look-ups fail for now. */
  readonly broken?: true
  /** Over UDP the answer is cut off. */
  readonly truncated?: true
}

export interface Question {
  readonly transport: 'udp' | 'tcp'
  readonly type: string
  readonly name: string
}

export interface NameServer {
  readonly endpoint: Endpoint
  close(): Promise<void>
}

/** What the names of a domain have, or null when they are not there. */
export type Lookup = (question: Question) => Names | null

const TTL = 5
const CODES = { none: 0, broken: 2, absent: 3 } as const
const SOA = { serial: 1, refresh: 60, retry: 60, expire: 60, minimum: 1 }

/** Listens at the endpoint; port 0 finds one that is free for both protocols. */
export async function startNameServer({ host, port }: Endpoint, lookup: Lookup): Promise<NameServer> {
  const sockets = new Set<Socket>()
  const tcp = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    onQueries(socket, (query) => {
      const reply = answer(query, 'tcp', lookup)
      if (reply) socket.write(Buffer.concat([lengthOf(reply), reply]))
    })
  })
  await new Promise<void>((resolve, reject) => tcp.once('error', reject).listen(port, host, resolve))
  const own = (tcp.address() as { port: number }).port
  const udp = createSocket('udp4')
  udp.on('message', (query, from) => {
    const reply = answer(query, 'udp', lookup)
    if (reply) udp.send(reply, from.port, from.address, () => {})
  })
  try {
    await bind(udp, own, host)
  } catch (error) {
    tcp.close()
    throw error
  }
  return {
    endpoint: { host, port: own },
    async close() {
      for (const socket of sockets) socket.destroy()
      await Promise.all([new Promise((done) => tcp.close(done)), new Promise<void>((done) => udp.close(done))])
    },
  }
}

const bind = (udp: UdpSocket, port: number, host: string): Promise<void> =>
  new Promise((resolve, reject) => {
    udp.once('error', reject)
    udp.bind(port, host, () => {
      udp.off('error', reject)
      udp.on('error', () => {})
      resolve()
    })
  })

function answer(bytes: Buffer, transport: Question['transport'], lookup: Lookup): Buffer | null {
  const query = decode(bytes)
  const question = query?.questions?.[0]
  if (!query || !question) return null
  const asked = question.name.toLowerCase().replace(/\.$/, '')
  const found = resolve(asked, question.type, transport, lookup)
  const negative = found.answers.length === 0 && found.code !== CODES.broken
  return dns.encode({
    id: query.id ?? 0,
    type: 'response',
    flags:
      dns.AUTHORITATIVE_ANSWER |
      dns.RECURSION_DESIRED |
      dns.RECURSION_AVAILABLE |
      (found.cut ? dns.TRUNCATED_RESPONSE : 0) |
      found.code,
    questions: [question],
    answers: found.cut ? [] : found.answers,
    authorities: negative
      ? [{ type: 'SOA', name: asked, ttl: 1, data: { mname: 'ns.invalid', rname: 'nobody.invalid', ...SOA } }]
      : [],
  })
}

interface Found {
  readonly code: number
  readonly cut: boolean
  readonly answers: dns.Answer[]
}

function resolve(asked: string, type: string, transport: Question['transport'], lookup: Lookup): Found {
  const answers: dns.Answer[] = []
  for (let name = asked, steps = 0; steps < 8; steps++) {
    const names = lookup({ transport, type, name })
    if (names === null) return { code: CODES.absent, cut: false, answers }
    if (names.broken) return { code: CODES.broken, cut: false, answers: [] }
    const cut = transport === 'udp' && names.truncated === true
    if (names.CNAME === undefined || type === 'CNAME')
      return { code: CODES.none, cut, answers: [...answers, ...recordsOf(name, type, names)] }
    answers.push({ type: 'CNAME', name, ttl: TTL, data: names.CNAME })
    name = names.CNAME
  }
  return { code: CODES.broken, cut: false, answers: [] }
}

function recordsOf(name: string, type: string, names: Names): dns.Answer[] {
  const head = { name, ttl: TTL }
  if (type === 'A') return (names.A ?? []).map((data) => ({ ...head, type: 'A' as const, data }))
  if (type === 'AAAA') return (names.AAAA ?? []).map((data) => ({ ...head, type: 'AAAA' as const, data }))
  if (type === 'CNAME') return names.CNAME === undefined ? [] : [{ ...head, type: 'CNAME', data: names.CNAME }]
  if (type === 'PTR') return names.PTR === undefined ? [] : [{ ...head, type: 'PTR', data: names.PTR }]
  if (type !== 'MX') return []
  return (names.MX ?? []).map(([preference, exchange]) => ({
    ...head,
    type: 'MX' as const,
    data: { preference, exchange },
  }))
}

function decode(bytes: Buffer): dns.DecodedPacket | null {
  try {
    return dns.decode(bytes)
  } catch {
    return null
  }
}

/** Queries over TCP come each behind its length. */
function onQueries(socket: Socket, each: (query: Buffer) => void): void {
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

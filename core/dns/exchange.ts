// One question to one name server: UDP from a fresh random port, TCP when the answer was cut (RFC 1035 §4.2, RFC 7766).
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import * as dns from 'dns-packet'
import type { Clock } from '../base/clock.ts'
import { isIPv6 } from '../base/ip.ts'
import type { Type } from './answer.ts'
import { canonicalName } from './names.ts'

export interface NameServer {
  readonly host: string
  readonly port: number
}

export interface Question {
  readonly name: string
  readonly type: Type
  /** Says that large UDP answers and the AD bit are understood; off for servers that answer FORMERR. */
  readonly edns: boolean
}

const UDP_PAYLOAD = 1232 // fits every path without fragments

/** The decoded answer. Rejects on time-out, a dead server or an abort; packets that answer something else are ignored. */
export async function askServer(
  server: NameServer,
  question: Question,
  timing: { readonly clock: Clock; readonly timeout: number; readonly signal: AbortSignal },
): Promise<dns.DecodedPacket> {
  const id = randomInt(65536)
  const query = dns.encode({
    id,
    type: 'query',
    flags: dns.RECURSION_DESIRED | dns.AUTHENTIC_DATA, // RFC 6840 §5.7
    questions: [{ name: question.name, type: question.type, class: 'IN' }],
    additionals: question.edns ? [OPT] : [],
  })
  const accept = (bytes: Buffer): dns.DecodedPacket | null => matching(bytes, id, question)
  const answer = await limited(timing, (done) => overUdp(server, query, accept, done))
  return answer.flag_tc ? limited(timing, (done) => overTcp(server, query, accept, done)) : answer
}

const OPT: dns.OptAnswer = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: UDP_PAYLOAD,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
}

/** Only a response to this very question counts (RFC 5452 §9.1). */
function matching(bytes: Buffer, id: number, question: Question): dns.DecodedPacket | null {
  try {
    const packet = dns.decode(bytes)
    const [asked, ...more] = packet.questions ?? []
    if (!packet.flag_qr || packet.id !== id || !asked || more.length > 0) return null
    const same = asked.type === question.type && canonicalName(asked.name) === canonicalName(question.name)
    return same ? packet : null
  } catch {
    return null
  }
}

type Done = (outcome: dns.DecodedPacket | Error) => void
type Accept = (bytes: Buffer) => dns.DecodedPacket | null

/** Runs `start` until it is done, the time is over or the caller gives up; then closes what it opened. */
function limited(
  { clock, timeout, signal }: { clock: Clock; timeout: number; signal: AbortSignal },
  start: (done: Done) => () => void,
): Promise<dns.DecodedPacket> {
  return new Promise((resolve, reject) => {
    const done: Done = (outcome) => {
      timer.cancel()
      signal.removeEventListener('abort', giveUp)
      close()
      if (outcome instanceof Error) reject(outcome)
      else resolve(outcome)
    }
    const giveUp = () => done(new Error('given up'))
    const timer = clock.after(timeout, () => done(new Error('timed out')))
    const close = start(done)
    if (signal.aborted) giveUp()
    else signal.addEventListener('abort', giveUp, { once: true })
  })
}

function overUdp(server: NameServer, query: Buffer, accept: Accept, done: Done): () => void {
  const socket = createSocket(isIPv6(server.host) ? 'udp6' : 'udp4')
  let open = true
  socket.on('error', (error) => open && done(error))
  socket.on('message', (bytes) => {
    const packet = accept(bytes)
    if (packet && open) done(packet)
  })
  // a callback of `connect` would be called with errors too
  socket.on('connect', () => open && socket.send(query))
  // A connected socket takes packets of that server alone and hears at once when nothing listens there.
  socket.connect(server.port, server.host)
  return () => {
    open = false
    socket.close()
  }
}

function overTcp(server: NameServer, query: Buffer, accept: Accept, done: Done): () => void {
  const socket = connect({ host: server.host, port: server.port })
  const length = Buffer.alloc(2)
  length.writeUInt16BE(query.length)
  const received: Buffer[] = []
  let size = 0
  socket.on('error', done)
  socket.on('close', () => done(new Error('connection closed before the answer')))
  socket.on('connect', () => socket.write(Buffer.concat([length, query])))
  socket.on('data', (chunk: Buffer) => {
    received.push(chunk)
    size += chunk.length
    const wanted = size < 2 ? 2 : 2 + Buffer.concat(received).readUInt16BE(0)
    if (size < wanted) return
    done(accept(Buffer.concat(received).subarray(2, wanted)) ?? new Error('answer to another question'))
  })
  return () => {
    socket.removeAllListeners('close')
    socket.on('error', () => {})
    socket.destroy()
  }
}

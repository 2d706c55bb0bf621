// Drives a server with Postfix's smtp-source and measures it: messages a second until accepted and until the queue is empty, CPU a message.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { peerEnvironment, peerPath } from '../kit/peers.ts'
import { cpuSeconds, endedChildrenSeconds } from './procstat.ts'
import type { Measured } from './server.ts'

export interface Load {
  readonly sessions: number
  readonly messages: number
  /** Octets of a body. */
  readonly size: number
  /** Many messages on one connection; else a connection a message. */
  readonly kept: boolean
  /** Several: each gets its share of the messages, from a client of its own that has one session. */
  readonly to: string | readonly string[]
  /** Sends this file in place of a message of its own. */
  readonly file?: string
  /** A running number before the recipient. */
  readonly number?: boolean
  /** Messages in the queue before, which cannot leave it. */
  readonly stuck?: number
}

export interface LoadResult {
  readonly acceptedPerSecond: number
  readonly donePerSecond: number
  /** Microseconds of CPU a message, the whole server. */
  readonly cpuUs: number
  readonly clientUs: number
}

/** Throws when the queue is not as empty as it can be two minutes after the last message was accepted. */
export async function runLoad(server: Measured, port: number, load: Load): Promise<LoadResult> {
  const before = cpuSeconds(server.pids)
  const client = endedChildrenSeconds()
  const started = performance.now()
  await hand(port, load)
  const accepted = performance.now()
  while ((await server.queued()) > (load.stuck ?? 0)) {
    if (performance.now() - accepted > 120_000) throw new Error('the queue does not drain')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  const done = performance.now()
  return {
    acceptedPerSecond: (load.messages / (accepted - started)) * 1000,
    donePerSecond: (load.messages / (done - started)) * 1000,
    cpuUs: ((cpuSeconds(server.pids) - before) / load.messages) * 1e6,
    clientUs: ((endedChildrenSeconds() - client) / load.messages) * 1e6,
  }
}

/** What is measured is a server that has been running for a while: so many messages come before the first round. */
export const WARM_UP = 6000
/** The same for a server on Node: V8 goes on compiling until some 30,000 have passed. */
export const NODE_WARM_UP = 30_000

export const warmUp = (server: Measured, port: number, load: Load, messages: number): Promise<LoadResult> =>
  runLoad(server, port, { ...load, messages })

async function hand(port: number, load: Load): Promise<void> {
  if (typeof load.to === 'string') return smtpSource(port, load, load.to)
  const waiting = [...load.to]
  const share = { ...load, sessions: 1, messages: load.messages / waiting.length }
  const client = async (): Promise<void> => {
    for (let to = waiting.shift(); to !== undefined; to = waiting.shift()) await smtpSource(port, share, to)
  }
  await Promise.all(Array.from({ length: load.sessions }, client))
}

async function smtpSource(port: number, load: Load, to: string): Promise<void> {
  const args = [
    ...['-s', String(load.sessions), '-m', String(load.messages), '-C', '50'],
    ...(load.file === undefined ? ['-l', String(load.size)] : ['-F', load.file]),
    ...['-M', 'client.test', '-f', 'sender@client.test', '-t', to],
    ...(load.kept ? ['-d'] : []),
    ...(load.number ? ['-N'] : []),
    `127.0.0.1:${port}`,
  ]
  const child = spawn(peerPath('postfix', 'usr/sbin/smtp-source'), args, {
    env: peerEnvironment('postfix'),
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`smtp-source ended with ${code}`)
}

/** One message on its own connection: ms from connecting to the reply after the final dot. */
export async function timeOneMessage(port: number, size: number, to: string): Promise<number> {
  const started = performance.now()
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const line = `${'x'.repeat(78)}\r\n`
  const body = `From: sender@client.test\r\nTo: ${to}\r\nSubject: latency\r\n\r\n${line.repeat(size / 80)}.\r\n`
  const reply = replies(socket)
  await reply('220')
  for (const [command, code] of [
    ['EHLO client.test\r\n', '250'],
    ['MAIL FROM:<sender@client.test>\r\n', '250'],
    [`RCPT TO:<${to}>\r\n`, '250'],
    ['DATA\r\n', '354'],
    [body, '250'],
  ] as const) {
    socket.write(command)
    await reply(code)
  }
  const ms = performance.now() - started
  socket.end('QUIT\r\n')
  await once(socket, 'close')
  return ms
}

export function replies(socket: Socket): (code: string) => Promise<void> {
  let buffer = ''
  let wake = () => {}
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    buffer += chunk
    wake()
  })
  return async (code) => {
    for (;;) {
      const end = /^\d{3}(?: .*)?\r\n/m.exec(buffer)
      if (end) {
        buffer = buffer.slice(end.index + end[0].length)
        if (!end[0].startsWith(code)) throw new Error(`expected ${code}, got ${end[0]}`)
        return
      }
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
}

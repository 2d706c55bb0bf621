// The clamav plugin against a stand-in for clamd that answers as the test says: every answer, and every way of not answering.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { messageFacts } from '../../test/kit/message-facts.ts'
import { askMessage, setUpPlugin } from '../../test/kit/plugin-entry.ts'
import * as plugin from './index.ts'

const MAIL = 'From: a@sender.test\r\nSubject: hello\r\n\r\nbody\r\n'
const END_OF_STREAM = Buffer.alloc(4)

let servers: { server: Server; sockets: Set<Socket> }[] = []
afterEach(() => {
  for (const { server, sockets } of servers) {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  servers = []
})

/** Answers each scan, once it has all of it, by `reply`. */
async function fakeClamd(reply: (socket: Socket, body: Buffer) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    let all: Buffer = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      all = Buffer.concat([all, chunk])
      if (all.subarray(-4).equals(END_OF_STREAM)) reply(socket, all)
    })
  })
  servers.push({ server, sockets })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const says = (text: string) => fakeClamd((socket) => socket.end(text))

describe('clamav', () => {
  test('passes clean mail, marks it as scanned and drops such marks that came along', async () => {
    let sent: Buffer = Buffer.alloc(0)
    const port = await fakeClamd((socket, body) => {
      sent = body
      socket.end('stream: OK\0')
    })
    const hooks = await setUpPlugin(plugin, { port })
    const answer = await askMessage(hooks, messageFacts(MAIL))
    expect(answer.all).toBeUndefined()
    expect(answer.detail).toBe('clean')
    expect(answer.add).toEqual([{ name: 'X-Virus-Scanned', value: 'clamav at mx.estafeta.test' }])
    expect(answer.remove).toEqual([{ name: 'X-Virus-Scanned' }, { name: 'X-Virus-Status' }])
    expect(sent.toString()).toContain('Subject: hello')
    expect(sent.subarray(0, 10).toString()).toBe('zINSTREAM\0')
  })

  test('adds no field when told so', async () => {
    const hooks = await setUpPlugin(plugin, { port: await says('stream: OK\0'), header: false })
    expect((await askMessage(hooks, messageFacts(MAIL))).add).toBeUndefined()
  })

  test.each([
    ['reject', { all: { kind: 'reject', reply: { code: 554 } } }],
    ['discard', { all: { kind: 'discard' } }],
    ['quarantine', { quarantine: 'infected: Bad.Thing' }],
    ['tag', { add: [{ name: 'X-Virus-Scanned' }, { name: 'X-Virus-Status', value: 'infected (Bad.Thing)' }] }],
  ])('infected mail with onVirus %s', async (onVirus, expected) => {
    const hooks = await setUpPlugin(plugin, { port: await says('stream: Bad.Thing FOUND\0'), onVirus })
    expect(await askMessage(hooks, messageFacts(MAIL))).toMatchObject(expected)
  })

  test.each([
    ['an error', 'stream: Something broke ERROR\0'],
    ['its size limit', 'INSTREAM size limit exceeded. ERROR\0'],
    ['an unknown command', 'UNKNOWN COMMAND\0'],
    ['its own time-out', 'COMMAND READ TIMED OUT\0'],
    ['nothing, and closes', ''],
    ['something else', 'OK, more or less'],
  ])('is a temporary failure when clamd says %s', async (_, text) => {
    const hooks = await setUpPlugin(plugin, { port: await says(text) })
    await expect(askMessage(hooks, messageFacts(MAIL))).rejects.toMatchObject({ name: 'Failure', kind: 'temporary' })
  })

  test('is a temporary failure when clamd resets the connection', async () => {
    const hooks = await setUpPlugin(plugin, { port: await fakeClamd((socket) => socket.resetAndDestroy()) })
    await expect(askMessage(hooks, messageFacts(MAIL))).rejects.toMatchObject({ name: 'Failure', kind: 'temporary' })
  })

  test('is a temporary failure when nobody listens, though it was set up', async () => {
    const port = await says('')
    for (const { server } of servers) server.close()
    const hooks = await setUpPlugin(plugin, { port })
    await expect(askMessage(hooks, messageFacts(MAIL))).rejects.toMatchObject({ name: 'Failure', kind: 'temporary' })
  })

  test('is a temporary failure, and the connection closed, when clamd stays silent until the deadline', async () => {
    const closed = Promise.withResolvers<void>()
    const deadline = new AbortController()
    const port = await fakeClamd((socket) => {
      socket.on('close', () => closed.resolve())
      deadline.abort()
    })
    const hooks = await setUpPlugin(plugin, { port })
    await expect(askMessage(hooks, messageFacts(MAIL), deadline.signal)).rejects.toMatchObject({ kind: 'temporary' })
    await closed.promise
  })

  test('scans no more at once than it may, and the rest after', async () => {
    const waiting: Socket[] = []
    let most = 0
    const two = Promise.withResolvers<void>()
    const port = await fakeClamd((socket) => {
      waiting.push(socket)
      most = Math.max(most, waiting.length)
      if (most === 2) two.resolve()
      if (open) answerAll()
    })
    let open = false
    const answerAll = () => {
      for (const socket of waiting.splice(0)) socket.end('stream: OK\0')
    }
    const hooks = await setUpPlugin(plugin, { port, concurrency: 2 })
    const scans = Array.from({ length: 7 }, () => askMessage(hooks, messageFacts(MAIL)))
    await two.promise
    open = true
    answerAll()
    for (const answer of await Promise.all(scans)) expect(answer.detail).toBe('clean')
    expect(most).toBe(2)
  })

  test('gives up waiting for its turn at its deadline, and the next in line goes on', async () => {
    const first = Promise.withResolvers<Socket>()
    let count = 0
    const port = await fakeClamd((socket) => {
      count += 1
      if (count === 1) first.resolve(socket)
      else socket.end('stream: OK\0')
    })
    const hooks = await setUpPlugin(plugin, { port, concurrency: 1 })
    const one = askMessage(hooks, messageFacts(MAIL))
    const socket = await first.promise
    const deadline = new AbortController()
    const two = askMessage(hooks, messageFacts(MAIL), deadline.signal)
    const three = askMessage(hooks, messageFacts(MAIL))
    deadline.abort()
    await expect(two).rejects.toThrow()
    socket.end('stream: OK\0')
    expect((await one).detail).toBe('clean')
    expect((await three).detail).toBe('clean')
  })

  test.each([
    ['pass', { detail: expect.stringContaining('not scanned') }],
    ['reject', { all: { kind: 'reject', reply: { code: 552 } } }],
    ['quarantine', { quarantine: expect.stringContaining('not scanned') }],
  ])('mail above maxSize is not sent to clamd: %s', async (whenTooBig, expected) => {
    const hooks = await setUpPlugin(plugin, { port: 1, maxSize: '1KiB', whenTooBig })
    const answer = await askMessage(hooks, messageFacts(`${MAIL}${'x'.repeat(2000)}\r\n`))
    expect(answer).toMatchObject(expected)
    expect(answer.add).toBeUndefined()
  })

  test('sends no empty message, which clamd would not understand', async () => {
    const hooks = await setUpPlugin(plugin, { port: 1 })
    expect(await askMessage(hooks, messageFacts(''))).toEqual({ detail: 'empty' })
  })

  test.each([
    [{ socket: 'relative' }],
    [{ port: 0 }],
    [{ onVirus: 'pass' }],
    [{ sockets: '/x' }],
    [{ maxSize: 'big' }],
  ])('refuses the settings %j', async (settings) => {
    await expect(setUpPlugin(plugin, settings)).rejects.toThrow()
  })
})

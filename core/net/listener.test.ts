import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../base/clock.ts'
import { silentLogger } from '../base/log.ts'
import type { ListenerSettings } from '../config/site.ts'
import { type Listener, type ListenerDeps, openListener } from './listener.ts'
import type { Connection } from './service.ts'
import { openTls } from './tls.ts'

const deps: ListenerDeps = { clock: systemClock, log: silentLogger, tls: null, protocols: 'all' }
const settings = (over: Partial<ListenerSettings>): ListenerSettings => ({
  service: 'smtp',
  host: '127.0.0.1',
  port: 0,
  path: null,
  options: {},
  ...over,
})
const folder = (): string => mkdtempSync(join(tmpdir(), 'estafeta-listener-'))

const opened: { close(): unknown }[] = []
afterEach(async () => {
  for (const thing of opened.splice(0)) await thing.close()
})

/** Opens a listener whose service answers with the addresses it was told and then what the client sent. */
async function open(over: Partial<ListenerSettings>, more: Partial<ListenerDeps> = {}): Promise<Listener> {
  const listener = await openListener(
    settings(over),
    {
      accept(connection: Connection) {
        const { socket, remoteIp, remotePort } = connection
        socket.write(`${remoteIp} ${remotePort}\n`)
        socket.on('data', (chunk: Buffer) => socket.end(chunk))
        socket.resume()
      },
      sessions: () => [],
      drain: async () => {},
    },
    { ...deps, ...more },
  )
  opened.push(listener)
  return listener
}

async function exchange(socket: Socket, text: string): Promise<string> {
  let got = ''
  socket.on('data', (chunk) => {
    got += chunk
  })
  socket.on('error', () => {})
  socket.write(text)
  await once(socket, 'close')
  return got
}

test('a connection is handed over with its addresses', async () => {
  const { port } = await open({})
  expect(await exchange(connect(port, '127.0.0.1'), 'hello')).toMatch(/^127\.0\.0\.1 \d+\nhello$/)
})

test('* listens on both protocols, IPv4 clients shown as IPv4', async () => {
  const { port } = await open({ host: '*' })
  expect(await exchange(connect(port, '127.0.0.1'), 'x')).toMatch(/^127\.0\.0\.1 /)
})

test('* with IPv4 alone', async () => {
  const { port } = await open({ host: '*' }, { protocols: 'ipv4' })
  expect(await exchange(connect(port, '127.0.0.1'), 'x')).toMatch(/^127\.0\.0\.1 /)
})

test('a unix socket counts as this machine, and a stale file of it is replaced', async () => {
  const path = join(folder(), 'submit.sock')
  const child = createServer().listen(path)
  await once(child, 'listening')
  ;(child as Server & { _handle: { close(): void } })._handle.close()
  await open({ path })
  expect(await exchange(connect(path), 'x')).toBe('127.0.0.1 0\nx')
})

test('a unix socket that is in use is left alone', async () => {
  const path = join(folder(), 'submit.sock')
  await open({ path })
  await expect(open({ path })).rejects.toThrow('another program listens there already')
  expect(await exchange(connect(path), 'x')).toBe('127.0.0.1 0\nx')
})

test('what cannot be bound is named with its reason', async () => {
  const { port } = await open({})
  await expect(open({ port })).rejects.toThrow(
    `smtp: cannot listen on 127.0.0.1:${port}: another program listens there already`,
  )
  await expect(open({ host: '192.0.2.77' })).rejects.toThrow('this machine has no such address')
  await expect(open({ path: '/nonexistent/x.sock' })).rejects.toThrow('/nonexistent/x.sock')
})

test('a file that is no socket is not removed', async () => {
  const path = join(folder(), 'file')
  writeFileSync(path, 'precious')
  await expect(open({ path })).rejects.toThrow('cannot listen')
  rmSync(path)
})

test('a socket bound by somebody else is taken by its descriptor', async () => {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const { fd } = (holder as Server & { _handle: { fd: number } })._handle
  const script = `
    const { openListener } = await import('./core/net/listener.ts')
    const { systemClock } = await import('./core/base/clock.ts')
    const { silentLogger } = await import('./core/base/log.ts')
    const service = { accept: ({ socket }) => socket.end('from the child', () => process.exit()), sessions: () => [] }
    const settings = { service: 'smtp', host: '', port: 0, path: null, options: {} }
    const deps = { clock: systemClock, log: silentLogger, tls: null, protocols: 'all', bound: { fd: 3 } }
    console.log((await openListener(settings, service, deps)).port)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit', fd],
  })
  const [told] = (await once(child.stdout!, 'data')) as [Buffer]
  const { port } = holder.address() as { port: number }
  expect(Number(told)).toBe(port)
  holder.close()
  expect(await exchange(connect(port, '127.0.0.1'), '')).toBe('from the child')
})

test('a server bound by somebody else lends its handle', async () => {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const { port } = holder.address() as { port: number }
  expect((await open({}, { bound: holder })).port).toBe(port)
  expect(await exchange(connect(port, '127.0.0.1'), 'x')).toMatch(/^127/)
})

test('implicit TLS is done before the service sees the connection', async () => {
  const tls = await openTls({ files: null, data: folder(), hostname: 'mx.test', clock: systemClock, log: silentLogger })
  const { port } = await open({ service: 'submissions' }, { tls })
  const client = connectTls({ port, host: '127.0.0.1', ca: tls.certificate, servername: 'mx.test' })
  expect(await exchange(client, 'hello')).toMatch(/^127\.0\.0\.1 \d+\nhello$/)
})

test('a trusted proxy tells the client, before TLS and before the first octet', async () => {
  const tls = await openTls({ files: null, data: folder(), hostname: 'mx.test', clock: systemClock, log: silentLogger })
  const plain = await open({ options: { proxyProtocol: true } })
  const header = 'PROXY TCP4 192.0.2.44 198.51.100.2 4321 25\r\n'
  expect(await exchange(connect(plain.port, '127.0.0.1'), header + 'hello')).toBe('192.0.2.44 4321\nhello')

  const secure = await open({ service: 'imaps', options: { proxyProtocol: ['127.0.0.0/8'] } }, { tls })
  const raw = connect(secure.port, '127.0.0.1')
  raw.write(header)
  const client = connectTls({ socket: raw, ca: tls.certificate, servername: 'mx.test' })
  expect(await exchange(client, 'hello')).toBe('192.0.2.44 4321\nhello')
})

test('a proxy header from elsewhere, or none, ends the connection', async () => {
  const foreign = await open({ options: { proxyProtocol: ['192.0.2.0/24'] } })
  expect(await exchange(connect(foreign.port, '127.0.0.1'), 'PROXY UNKNOWN\r\n')).toBe('')
  const trusted = await open({ options: { proxyProtocol: true } })
  expect(await exchange(connect(trusted.port, '127.0.0.1'), 'EHLO x\r\n')).toBe('')
})

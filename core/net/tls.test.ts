import { once } from 'node:events'
import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect as connectPlain, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { expect, test } from 'vitest'
import { createAuthority } from '../../test/kit/certificates.ts'
import { FakeClock, systemClock } from '../base/clock.ts'
import { silentLogger } from '../base/log.ts'
import { HANDSHAKE_TIMEOUT_MS, openTls, type TlsInfo, type TlsService, tlsInfo } from './tls.ts'

const folder = (): string => mkdtempSync(join(tmpdir(), 'estafeta-tls-'))
const settings = (data: string) => ({
  files: null,
  data,
  hostname: 'mx.example.test',
  clock: systemClock,
  log: silentLogger,
})

/** A server that upgrades each connection; `upgraded` is told what came of it. */
async function listen(
  tls: TlsService,
  upgraded: (info: TlsInfo | Error) => void,
): Promise<{ port: number; end(): void }> {
  const sockets = new Set<Socket>()
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    sockets.add(socket)
    tls.upgrade(socket).then((secure) => {
      upgraded(tlsInfo(secure)!)
      secure.on('error', () => {})
      secure.end('hello')
    }, upgraded)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as { port: number }).port,
    end() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

test('a server without a certificate makes one, keeps it private, and uses it again', async () => {
  const data = folder()
  const said: string[] = []
  const log = { ...silentLogger, warn: (event: string) => void said.push(event) }
  const first = await openTls({ ...settings(data), log })
  expect(first.selfSigned).toBe(true)
  expect(said.join()).toContain('self-signed')
  expect(statSync(join(data, 'tls/self-signed.key')).mode & 0o777).toBe(0o600)
  const second = await openTls({ ...settings(data), log })
  expect(second.certificate).toBe(first.certificate)
  expect(said).toHaveLength(1)

  let info: TlsInfo | Error | null = null
  const server = await listen(second, (told) => {
    info = told
  })
  const client = connect({ port: server.port, host: '127.0.0.1', servername: 'mx.example.test', ca: first.certificate })
  const [greeting] = (await once(client, 'data')) as [Buffer]
  expect(greeting.toString()).toBe('hello')
  expect(client.authorized).toBe(true)
  expect(info).toMatchObject({ version: 'TLSv1.3', serverName: 'mx.example.test' })
  client.destroy()
  server.end()
})

test('TLS below 1.2 is refused', async () => {
  let failed: TlsInfo | Error | null = null
  const server = await listen(await openTls(settings(folder())), (told) => {
    failed = told
  })
  const client = connect({
    port: server.port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  })
  await once(client, 'error')
  await once(client, 'close')
  expect(failed === null || (failed as object) instanceof Error).toBe(true)
  server.end()
})

test('reload takes the new certificate, and keeps the old one when the new is broken', async () => {
  const data = folder()
  const authority = await createAuthority()
  const files = { cert: join(data, 'cert.pem'), key: join(data, 'key.pem') }
  const put = (pair: { cert: string; key: string }): void => {
    writeFileSync(files.cert, pair.cert)
    writeFileSync(files.key, pair.key)
  }
  put(await authority.issue(['one.test']))
  const tls = await openTls({ ...settings(data), files })
  expect(tls.selfSigned).toBe(false)
  const one = tls.certificate
  put(await authority.issue(['two.test']))
  await tls.reload()
  expect(tls.certificate).toBe(readFileSync(files.cert, 'latin1'))
  expect(tls.certificate).not.toBe(one)
  const two = tls.certificate
  writeFileSync(files.key, 'no key')
  await expect(tls.reload()).rejects.toThrow(files.key)
  expect(tls.certificate).toBe(two)
})

test('a missing certificate is named', async () => {
  const files = { cert: '/nonexistent/cert.pem', key: '/nonexistent/key.pem' }
  await expect(openTls({ ...settings(folder()), files })).rejects.toThrow('/nonexistent/cert.pem')
})

test('a client that never finishes its handshake is cut off', async () => {
  const clock = new FakeClock()
  const tls = await openTls({ ...settings(folder()), clock })
  const outcome = Promise.withResolvers<TlsInfo | Error>()
  const accepted = Promise.withResolvers<void>()
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    tls.upgrade(socket).then((secure) => outcome.resolve(tlsInfo(secure)!), outcome.resolve)
    accepted.resolve()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connectPlain((server.address() as { port: number }).port, '127.0.0.1')
  await accepted.promise
  clock.advance(HANDSHAKE_TIMEOUT_MS + 1)
  expect(await outcome.promise).toBeInstanceOf(Error)
  await once(client.resume(), 'close')
  server.close()
})

/** A server that keeps the connection, and what its socket came to. */
async function keep(tls: TlsService): Promise<{ port: number; closed: Promise<string>; end(): void }> {
  const closed = Promise.withResolvers<string>()
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    tls.upgrade(socket).then((secure) => {
      let why = 'ended'
      secure.on('error', (error) => {
        why = (error as Error & { code?: string }).code ?? error.message
      })
      secure.on('close', () => closed.resolve(why))
      secure.resume().write('hello')
    }, closed.reject)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  return { port, closed: closed.promise, end: () => server.close() }
}

test('octets that are no TLS record end the connection (RFC 8446 §6.2)', async () => {
  const server = await keep(await openTls(settings(folder())))
  const plain = connectPlain(server.port, '127.0.0.1')
  const client = connect({ socket: plain, rejectUnauthorized: false })
  client.on('error', () => {})
  await once(client, 'data')
  plain.write('NOOP\r\n'.repeat(10))
  expect(await server.closed).toMatch(/^ERR_SSL_/)
  server.end()
})

test('a client that renegotiates again and again is cut off', async () => {
  const server = await keep(await openTls(settings(folder())))
  const client = connect({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion: 'TLSv1.2' })
  client.on('error', () => {})
  await once(client, 'data')
  const again = (): void => void client.renegotiate({}, (error) => error ?? again())
  again()
  expect(await server.closed).toBe('ERR_TLS_SESSION_ATTACK')
  client.destroy()
  server.end()
})

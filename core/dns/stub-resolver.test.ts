import { createSocket, type RemoteInfo } from 'node:dgram'
import * as dns from 'dns-packet'
import { afterEach, describe, expect, test } from 'vitest'
import { type DnsServer, startDnsServer } from '../../test/kit/dns-server.ts'
import { type Clock, FakeClock, systemClock } from '../base/clock.ts'
import { silentLogger } from '../base/log.ts'
import { createFakeResolver } from './fake-resolver.ts'
import type { DnsResolver } from './resolver.ts'
import { createResolver, type StubResolver } from './stub-resolver.ts'
import type { Zone } from './zone.ts'

const ZONE: Zone = {
  'example.com': {
    A: ['192.0.2.10'],
    MX: [
      [20, 'Backup.Example.com'],
      [10, 'mx.example.com'],
    ],
    TXT: ['v=spf1 -all', 'x'.repeat(300)],
    ttl: 60,
  },
  'mx.example.com': { A: ['192.0.2.1', '192.0.2.2'], AAAA: ['2001:db8::1'] },
  'nomail.example': { MX: [[0, '']] },
  'signed.example': { A: ['192.0.2.3'], secure: true },
  'www.example.com': { CNAME: 'host.example.com', ttl: 30 },
  'host.example.com': { A: ['192.0.2.4'], ttl: 90 },
  'a.loop.example': { CNAME: 'b.loop.example' },
  'b.loop.example': { CNAME: 'a.loop.example' },
  'broken.example': { fail: 'servfail' },
  'refused.example': { fail: 'refused' },
  'silent.example': { fail: 'timeout' },
  'big.example': { TXT: Array.from({ length: 40 }, (_, i) => `${i} ${'y'.repeat(100)}`), truncate: true },
  '192.0.2.1': { PTR: ['Mx.example.com'] },
  '2001:db8::1': { PTR: ['mx.example.com'] },
  '_imaps._tcp.example.com': { SRV: [[0, 1, 993, 'imap.example.com']] },
  '_25._tcp.mx.example.com': { TLSA: [[3, 1, 1, 'ab'.repeat(32)]], secure: true },
}

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function start(
  options: { clock?: Clock; zone?: Zone; timeouts?: number[]; cacheSize?: number } = {},
): Promise<{ server: DnsServer; resolver: StubResolver }> {
  const server = await startDnsServer(options.zone ?? ZONE)
  closers.push(() => server.close())
  const resolver = createResolver({
    servers: [server.address],
    trusted: false,
    clock: options.clock ?? systemClock,
    log: silentLogger,
    timeouts: options.timeouts ?? [1000],
    ...(options.cacheSize === undefined ? {} : { cacheSize: options.cacheSize }),
  })
  closers.push(() => resolver.close())
  return { server, resolver }
}

const implementations: [string, () => Promise<DnsResolver>][] = [
  ['stub resolver', async () => (await start()).resolver],
  ['fake resolver', async () => createFakeResolver(ZONE)],
]
describe.each(implementations)('%s', (_name, make) => {
  test('gives each type its own form', async () => {
    const dnsResolver = await make()
    expect((await dnsResolver.a('mx.example.com')).records).toEqual(['192.0.2.1', '192.0.2.2'])
    expect((await dnsResolver.aaaa('mx.example.com')).records).toEqual(['2001:db8::1'])
    expect((await dnsResolver.mx('example.com')).records).toEqual([
      { preference: 10, exchange: 'mx.example.com' },
      { preference: 20, exchange: 'backup.example.com' },
    ])
    expect((await dnsResolver.mx('nomail.example')).records).toEqual([{ preference: 0, exchange: '' }])
    expect((await dnsResolver.txt('example.com')).records).toEqual(['v=spf1 -all', 'x'.repeat(300)])
    expect((await dnsResolver.ptr('2001:db8::1')).records).toEqual(['mx.example.com'])
    expect((await dnsResolver.srv('_imaps._tcp.example.com')).records).toEqual([
      { priority: 0, weight: 1, port: 993, target: 'imap.example.com' },
    ])
    expect((await dnsResolver.tlsa('_25._tcp.mx.example.com')).records).toEqual([
      { usage: 3, selector: 1, matchingType: 1, certificate: Buffer.from('ab'.repeat(32), 'hex') },
    ])
  })

  test('tells no such name from no such record', async () => {
    const dnsResolver = await make()
    expect(await dnsResolver.a('missing.example.com')).toMatchObject({ status: 'nxdomain', records: [] })
    expect(await dnsResolver.mx('mx.example.com')).toMatchObject({ status: 'nodata', records: [] })
    expect(await dnsResolver.a('_tcp.example.com')).toMatchObject({ status: 'nodata' })
    expect(await dnsResolver.a('a..b')).toMatchObject({ status: 'nxdomain' })
  })

  test('follows aliases', async () => {
    const dnsResolver = await make()
    expect(await dnsResolver.a('WWW.example.com')).toMatchObject({ status: 'ok', records: ['192.0.2.4'] })
    expect((await dnsResolver.cname('www.example.com')).records).toEqual(['host.example.com'])
  })

  test('throws a temporary failure for what is no answer', async () => {
    const dnsResolver = await make()
    for (const name of ['broken.example', 'refused.example', 'a.loop.example']) {
      await expect(dnsResolver.a(name), name).rejects.toMatchObject({ name: 'Failure', kind: 'temporary' })
    }
  })

  test('tells validated answers', async () => {
    const dnsResolver = await make()
    expect((await dnsResolver.a('signed.example')).secure).toBe(true)
    expect((await dnsResolver.a('mx.example.com')).secure).toBe(false)
  })

  test('stops when the caller gives up', async () => {
    const dnsResolver = await make()
    await expect(dnsResolver.a('example.com', AbortSignal.abort())).rejects.toMatchObject({ kind: 'temporary' })
  })
})

describe('stub resolver on the wire', () => {
  test('asks again over TCP when the answer was cut', async () => {
    const { server, resolver } = await start()
    expect((await resolver.txt('big.example')).records).toHaveLength(40)
    expect(server.asked).toEqual(['udp TXT big.example', 'tcp TXT big.example'])
  })

  test('keeps answers for their TTL, the least of a chain', async () => {
    const clock = new FakeClock()
    const { server, resolver } = await start({ clock })
    expect((await resolver.a('www.example.com')).ttl).toBe(30)
    clock.advance(20_000)
    expect((await resolver.a('www.EXAMPLE.com.')).ttl).toBe(10)
    expect(server.asked).toHaveLength(1)
    clock.advance(10_000)
    await resolver.a('www.example.com')
    expect(server.asked).toHaveLength(2)
  })

  test('keeps negative answers as the SOA says', async () => {
    const clock = new FakeClock()
    const { server, resolver } = await start({ clock })
    await resolver.a('missing.example')
    clock.advance(59_000)
    expect((await resolver.a('missing.example')).status).toBe('nxdomain')
    expect(server.asked).toHaveLength(1)
    clock.advance(1000)
    server.set('missing.example', { A: ['192.0.2.9'] })
    expect((await resolver.a('missing.example')).records).toEqual(['192.0.2.9'])
  })

  test('keeps failures for a second', async () => {
    const clock = new FakeClock()
    const { server, resolver } = await start({ clock })
    await expect(resolver.a('broken.example')).rejects.toThrow('SERVFAIL')
    await expect(resolver.a('broken.example')).rejects.toThrow('SERVFAIL')
    expect(server.asked).toHaveLength(1)
    server.set('broken.example', { A: ['192.0.2.9'] })
    clock.advance(1000)
    expect((await resolver.a('broken.example')).records).toEqual(['192.0.2.9'])
  })

  test('bounds what it keeps', async () => {
    const { server, resolver } = await start({ cacheSize: 2000 })
    for (let i = 0; i < 10; i++) await resolver.a(`n${i}.example`)
    await resolver.a('n9.example')
    expect(server.asked).toHaveLength(10)
    await resolver.a('n0.example')
    expect(server.asked).toHaveLength(11)
  })

  test('merges equal questions under way', async () => {
    const { server, resolver } = await start()
    await Promise.all(Array.from({ length: 50 }, () => resolver.mx('example.com')))
    expect(server.asked).toEqual(['udp MX example.com'])
  })

  test('one impatient caller does not spoil it for the others', async () => {
    const { resolver } = await start()
    const impatient = new AbortController()
    const first = resolver.a('example.com', impatient.signal)
    const second = resolver.a('example.com')
    impatient.abort()
    await expect(first).rejects.toMatchObject({ kind: 'temporary' })
    expect((await second).records).toEqual(['192.0.2.10'])
  })

  test('holds many questions at once', async () => {
    const zone = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`h${i}.example`, { A: ['192.0.2.7'] }]))
    const { resolver } = await start({ zone, timeouts: [5000] })
    const answers = await Promise.all(Object.keys(zone).map((name) => resolver.a(name)))
    expect(answers.every((answer) => answer.status === 'ok')).toBe(true)
  })

  test('times out by the clock, tries each round, then gives up', async () => {
    const clock = new FakeClock()
    const { server, resolver } = await start({ clock, timeouts: [2000, 4000] })
    const answer = resolver.a('silent.example').then(
      () => 'answered',
      (error: Error) => error.message,
    )
    await until(() => server.asked.length === 1)
    clock.advance(2000)
    await until(() => server.asked.length === 2)
    clock.advance(4000)
    expect(await answer).toContain('timed out')
  })

  test('goes on to the next server, and stays with the one that answers', async () => {
    const good = await startDnsServer(ZONE)
    const dead = await startDnsServer(ZONE)
    await dead.close()
    closers.push(() => good.close())
    const servers = [dead.address, good.address]
    const resolver = createResolver({ servers, trusted: false, clock: systemClock, log: silentLogger })
    expect((await resolver.a('example.com')).status).toBe('ok')
    expect((await resolver.aaaa('example.com')).status).toBe('nodata')
  })

  test('goes on when no packet can be sent to a server at all', async () => {
    const server = await startDnsServer(ZONE)
    closers.push(() => server.close())
    // a socket may not connect to the broadcast address, as it may not where the network is down
    const servers = ['255.255.255.255', server.address]
    const resolver = createResolver({ servers, trusted: false, clock: systemClock, log: silentLogger })
    closers.push(() => resolver.close())
    expect((await resolver.a('example.com')).records).toEqual(['192.0.2.10'])
  })

  test('uses a new port for every question and ignores answers to others', async () => {
    const ports = new Set<number>()
    const socket = createSocket('udp4', (bytes, from) => {
      ports.add(from.port)
      for (const forged of forgeries(dns.decode(bytes))) socket.send(forged, from.port, from.address)
      sendAnswer(bytes, from)
    })
    const sendAnswer = (bytes: Buffer, from: RemoteInfo) =>
      socket.send(addressAnswer(dns.decode(bytes), '192.0.2.99'), from.port, from.address)
    await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done))
    closers.push(() => new Promise<void>((done) => socket.close(done)))
    const servers = [`127.0.0.1:${socket.address().port}`]
    const resolver = createResolver({ servers, trusted: false, clock: systemClock, log: silentLogger })
    for (let i = 0; i < 20; i++) expect((await resolver.a(`h${i}.example`)).records).toEqual(['192.0.2.99'])
    expect(ports.size).toBeGreaterThan(15)
  })

  test('asks without EDNS where that is not understood', async () => {
    const socket = createSocket('udp4', (bytes, from) => {
      const query = dns.decode(bytes)
      const edns = (query.additionals ?? []).length > 0
      const reply = edns ? dns.encode({ ...query, type: 'response', flags: 1, additionals: [] }) : null
      socket.send(reply ?? addressAnswer(query, '192.0.2.5'), from.port, from.address)
    })
    await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done))
    closers.push(() => new Promise<void>((done) => socket.close(done)))
    const servers = [`127.0.0.1:${socket.address().port}`]
    const resolver = createResolver({ servers, trusted: false, clock: systemClock, log: silentLogger })
    expect((await resolver.a('old.example')).records).toEqual(['192.0.2.5'])
  })

  test('asks for the end of a chain that the server left open', async () => {
    const socket = createSocket('udp4', (bytes, from) => {
      const query = dns.decode(bytes)
      const open = query.questions?.[0]?.name === 'open.example'
      const alias: dns.Answer = { type: 'CNAME', name: 'open.example', ttl: 9, data: 'end.example' }
      const cut = dns.encode({ ...query, type: 'response', flags: 0, answers: [alias], additionals: [] })
      socket.send(open ? cut : addressAnswer(query, '192.0.2.6'), from.port, from.address)
    })
    await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done))
    closers.push(() => new Promise<void>((done) => socket.close(done)))
    const servers = [`127.0.0.1:${socket.address().port}`]
    const resolver = createResolver({ servers, trusted: false, clock: systemClock, log: silentLogger })
    expect(await resolver.a('open.example')).toMatchObject({ records: ['192.0.2.6'], ttl: 9 })
  })

  test('refuses settings that are no address', () => {
    const options = { trusted: false, clock: systemClock, log: silentLogger }
    expect(() => createResolver({ ...options, servers: ['dns.example'] })).toThrow("'dns.example' is not an address")
    expect(() => createResolver({ ...options, servers: ['127.0.0.1:70000'] })).toThrow('127.0.0.1:70000')
  })
})

function addressAnswer(query: dns.DecodedPacket, ip: string): Buffer {
  const name = query.questions?.[0]?.name ?? ''
  return dns.encode({
    id: query.id ?? 0,
    type: 'response',
    questions: query.questions ?? [],
    answers: [{ type: 'A', name, ttl: 60, data: ip }],
  })
}

/** Wrong id, wrong question, a query instead of a response, and no DNS at all. */
function forgeries(query: dns.DecodedPacket): Buffer[] {
  const forged = addressAnswer(query, '203.0.113.66')
  const wrongId = Buffer.from(forged)
  wrongId.writeUInt16BE(((query.id ?? 0) + 1) & 0xffff)
  const wrongName = addressAnswer({ ...query, questions: [{ type: 'A', name: 'evil.example' }] }, '203.0.113.66')
  const wrongType = addressAnswer({ ...query, questions: [{ type: 'MX', name: 'h.example' }] }, '203.0.113.66')
  return [wrongId, wrongName, wrongType, dns.encode({ ...query, type: 'query' }), Buffer.from('noise')]
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((next) => setImmediate(next))
}

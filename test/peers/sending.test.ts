// The outgoing client, the resolver and the sending plugins against Debian's Postfix, Dovecot, smtp-sink and unbound.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestOptions, type TestPlugin, testPlugin } from 'estafeta/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../core/base/clock.ts'
import { silentLogger } from '../../core/base/log.ts'
import { createResolver } from '../../core/dns/stub-resolver.ts'
import type { NextHop, PluginDefinition } from '../../core/plugin/contract.ts'
import { DNS_RESOLVER, SMTP_CLIENT } from '../../core/plugin/contract.ts'
import type { SmtpClient, SmtpDestination } from '../../core/plugin/services.ts'
import { createSmtpClient } from '../../core/smtp-client/client.ts'
import deliverSmtp from '../../plugins/deliver-smtp/index.ts'
import smarthost from '../../plugins/smarthost/index.ts'
import { type Authority, createAuthority, writeCertificate } from '../kit/certificates.ts'
import { type Scratch, scratch } from '../kit/daemon.ts'
import { startDnsServer } from '../kit/dns-server.ts'
import { briefly as brief, outgoingMail as mail, neverAborted as never } from '../kit/outgoing.ts'
import { startDovecot } from '../kit/peers/dovecot.ts'
import { type Postfix, startPostfix } from '../kit/peers/postfix.ts'
import { type SmtpSinkOptions, startSmtpSink } from '../kit/peers/smtp-sink.ts'
import { startUnbound } from '../kit/peers/unbound.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

let authority: Authority
let folder: Scratch
beforeAll(async () => {
  authority = await createAuthority()
  folder = scratch('sending')
})
afterAll(() => folder.remove())

function makeClient(): SmtpClient {
  const tlsOptions = { ca: authority.cert }
  const client = createSmtpClient({ clock: systemClock, log: silentLogger, hostname: 'us.test', tlsOptions })
  closers.push(() => client.close())
  return client
}
function at(port: number, more: Partial<SmtpDestination> = {}): SmtpDestination {
  const hosts = [{ name: 'localhost', addresses: ['127.0.0.1'], port }]
  return { key: `localhost:${port}`, hosts, tls: 'may', auth: null, protocol: 'smtp', ...more }
}
describe('smtp-sink', () => {
  async function sink(options: SmtpSinkOptions): Promise<number> {
    const daemon = await startSmtpSink(options)
    closers.push(() => daemon.stop())
    return daemon.port
  }

  test.each<[string, SmtpSinkOptions, Partial<SmtpDestination>, string]>([
    ['plain', {}, {}, 'sent 250 2.0.0'],
    ['without PIPELINING', { more: ['-p'] }, {}, 'sent 250 2.0.0'],
    ['without ESMTP', { more: ['-e'] }, {}, 'sent 250 2.0.0'],
    ['LMTP', { lmtp: true }, { protocol: 'lmtp' }, 'sent 250 2.2.0'],
    ['MAIL refused', { hardReject: ['mail'] }, {}, 'failed 500 5.3.0'],
    ['RCPT refused', { hardReject: ['rcpt'] }, {}, 'failed 500 5.3.0'],
    ['DATA refused', { hardReject: ['data'] }, {}, 'failed 500 5.3.0'],
    ['message refused', { hardReject: ['.'] }, {}, 'failed 500 5.3.0'],
    ['MAIL put off', { softReject: ['mail'] }, {}, 'deferred 450 4.3.0'],
    ['RCPT put off', { softReject: ['rcpt'] }, {}, 'deferred 450 4.3.0'],
    ['message put off', { softReject: ['.'] }, {}, 'deferred 450 4.3.0'],
    ['greeting refused', { hardReject: ['connect'] }, {}, 'deferred 400 4.3.0'],
    ['cut at the greeting', { disconnect: ['connect'] }, {}, 'deferred 450 4.4.2'],
    ['cut at EHLO', { disconnect: ['ehlo'] }, {}, 'deferred 450 4.4.2'],
    ['cut at MAIL', { disconnect: ['mail'] }, {}, 'deferred 450 4.4.2'],
    ['cut at DATA', { disconnect: ['data'] }, {}, 'deferred 450 4.4.2'],
    ['cut at the final dot', { disconnect: ['.'] }, {}, 'deferred 450 4.4.2'],
  ])('%s', async (_name, options, more, expected) => {
    const port = await sink(options)
    const client = makeClient()
    for (let i = 0; i < 3; i++) expect(brief(await client.send(at(port, more), mail(), never))).toEqual([expected])
  })

  test('a thousand mails over a few connections', async () => {
    const port = await sink({})
    const client = makeClient()
    let sent = 0
    const worker = async () => {
      while (sent < 1000) {
        sent++
        expect(brief(await client.send(at(port), mail(), never))).toEqual(['sent 250 2.0.0'])
      }
    }
    await Promise.all(Array.from({ length: 10 }, worker))
  })
})

describe('Postfix as smarthost', () => {
  const users = { ana: 'geheim=pass,word' }
  let postfix: Postfix
  const start = async (main: { [name: string]: string }) => {
    const pair = await authority.issue(['localhost', '127.0.0.1'])
    const tls = writeCertificate(folder.path, 'smarthost', pair)
    postfix = await startPostfix({ auth: users, tls, main })
    closers.push(() => postfix.stop())
  }
  const relay = (more: object = {}) => ({
    host: `[127.0.0.1]:${postfix.port}`,
    username: 'ana',
    password: users.ana,
    tls: 'verify',
    ...more,
  })

  test.each(['scram-sha-256', 'plain', 'login', 'cram-md5'])('takes mail after AUTH %s over TLS', async (mechanism) => {
    await start({ smtpd_sasl_mechanism_filter: mechanism })
    const plugin = await withNetwork(smarthost, { site: { relay: relay() } })
    const { outcome } = await plugin.route('paco@there.test')
    const outcomes = await plugin.deliver(outcome as NextHop, 'Subject: x\n\nbody\n', { to: 'paco@there.test' })
    expect(outcomes).toMatchObject([{ kind: 'relayed', reply: { code: 250, enhanced: '2.0.0' } }])
    await eventually(() => postfix.log().includes(`sasl_method=${mechanism.toUpperCase()}, sasl_username=ana`))
  })

  test('refuses what it must, recipient by recipient', async () => {
    await start({ smtpd_recipient_restrictions: 'check_recipient_access inline:{bad@there.test=REJECT}' })
    const plugin = await withNetwork(smarthost, { site: { relay: relay() } })
    const { outcome } = await plugin.route('paco@there.test')
    const to = ['paco@there.test', 'bad@there.test', 'eva@there.test']
    expect(await plugin.deliver(outcome as NextHop, 'Subject: x\n\nbody\n', { to })).toMatchObject([
      { kind: 'relayed' },
      { kind: 'failed', reply: { code: 554, enhanced: '5.7.1' } },
      { kind: 'relayed' },
    ])
  })

  test('a wrong password and a wrong certificate put mail off', async () => {
    await start({})
    const text = 'Subject: x\n\nbody\n'
    const wrongPassword = await withNetwork(smarthost, { site: { relay: relay({ password: 'wrong' }) } })
    const { outcome } = await wrongPassword.route('paco@there.test')
    expect(await wrongPassword.deliver(outcome as NextHop, text)).toMatchObject([
      { kind: 'deferred', reply: { code: 454, enhanced: '4.7.8' }, hostDown: true },
    ])
    const host = `[other.test]:${postfix.port}`
    const wrongName = await withNetwork(
      smarthost,
      { site: { relay: relay({ host }) } },
      { 'other.test': { A: ['127.0.0.1'] } },
    )
    const hop = (await wrongName.route('paco@there.test')).outcome
    expect(await wrongName.deliver(hop as NextHop, text)).toMatchObject([
      { kind: 'deferred', reply: { code: 450, enhanced: '4.7.5' } },
    ])
  })
})

describe('delivery by MX to Postfix', () => {
  test('over a dead and a refusing host to the living one, by TLS where offered', async () => {
    const pair = await authority.issue(['mx.there.test'])
    const tls = writeCertificate(folder.path, 'mx', pair)
    const postfix = await startPostfix({ tls, mailboxes: ['paco@there.test'] })
    closers.push(() => postfix.stop())
    const zone = {
      'there.test': {
        MX: [
          [10, 'dead.there.test'],
          [20, 'gone.there.test'],
          [30, 'mx.there.test'],
        ],
      },
      'dead.there.test': { A: ['127.0.0.9'] },
      'mx.there.test': { A: ['127.0.0.1'] },
    } as const
    const plugin = await withNetwork(deliverSmtp, { config: { port: postfix.port, tls: 'verify' } }, zone)
    const { outcome } = await plugin.route('paco@there.test')
    const to = ['paco@there.test', 'nobody@there.test']
    expect(await plugin.deliver(outcome as NextHop, 'Subject: x\n\nbody\n', { to })).toMatchObject([
      { kind: 'relayed', relay: `mx.there.test[127.0.0.1]:${postfix.port}`, dsnHandedOn: true },
      { kind: 'failed', reply: { code: 550, enhanced: '5.1.1' } },
    ])
  })
})

describe('Dovecot by LMTP', () => {
  test('answers each recipient, and keeps every octet', async () => {
    const dovecot = await startDovecot({ users: [{ name: 'paco@there.test', password: 'x' }] })
    closers.push(() => dovecot.stop())
    const lines = ['.', '..', '.dot', 'from here', 'From there', 'größer', '', 'x'.repeat(900), '. ']
    const text = `Subject: dots\r\n\r\n${lines.join('\r\n')}\r\n${'filler line\r\n'.repeat(20_000)}`
    const destination = at(dovecot.lmtp, { protocol: 'lmtp' })
    const result = await makeClient().send(
      destination,
      mail({ to: ['paco@there.test', 'nobody@there.test'], text }),
      never,
    )
    expect(brief(result)).toEqual(['sent 250 2.0.0', 'failed 550 5.1.1'])
    const box = join(dovecot.home('paco@there.test'), 'Maildir/new')
    const [file] = readdirSync(box)
    const stored = readFileSync(join(box, file!), 'utf8')
    expect(stored.slice(stored.indexOf('Subject: dots'))).toBe(text.replaceAll('\r\n', '\n'))
  })
})

describe('unbound', () => {
  test('answers our resolver, large answers over TCP', async () => {
    const zone = {
      'there.test': { MX: [[10, 'mx.there.test']], TXT: ['v=spf1 -all'] },
      'www.there.test': { CNAME: 'mx.there.test' },
      'mx.there.test': { A: ['192.0.2.1'], AAAA: ['2001:db8::1'] },
      'big.there.test': { TXT: Array.from({ length: 40 }, (_, i) => `${i} ${'y'.repeat(200)}`) },
      'empty.there.test': { A: ['192.0.2.2'] },
      'broken.there.test': { fail: 'servfail' },
    } as const
    const server = await startDnsServer(zone)
    closers.push(() => server.close())
    const unbound = await startUnbound({ forwardTo: server.port })
    closers.push(() => unbound.stop())
    const servers = [`${unbound.host}:${unbound.port}`]
    const dns = createResolver({ servers, trusted: false, clock: systemClock, log: silentLogger, timeouts: [10_000] })
    closers.push(async () => dns.close())
    expect((await dns.mx('there.test')).records).toEqual([{ preference: 10, exchange: 'mx.there.test' }])
    expect((await dns.a('www.there.test')).records).toEqual(['192.0.2.1'])
    expect((await dns.aaaa('mx.there.test')).records).toEqual(['2001:db8::1'])
    expect((await dns.txt('big.there.test')).records).toHaveLength(40)
    expect((await dns.mx('empty.there.test')).status).toBe('nodata')
    expect((await dns.a('missing.there.test')).status).toBe('nxdomain')
    await expect(dns.a('broken.there.test')).rejects.toThrow('SERVFAIL')
  })
})

/** A plugin with a real client and a resolver that asks a real name server. */
async function withNetwork(
  definition: PluginDefinition,
  options: TestOptions,
  zone: Parameters<typeof startDnsServer>[0] = {},
): Promise<TestPlugin> {
  const server = await startDnsServer(zone)
  const dns = createResolver({ servers: [server.address], trusted: true, clock: systemClock, log: silentLogger })
  const services = [[SMTP_CLIENT, makeClient()] as const, [DNS_RESOLVER, dns] as const]
  const plugin = await testPlugin(definition, { ...options, services })
  closers.push(async () => {
    await plugin.close()
    dns.close()
    await server.close()
  })
  return plugin
}

async function eventually(condition: () => boolean): Promise<void> {
  const limit = performance.now() + 10_000
  while (!condition()) {
    if (performance.now() > limit) throw new Error('did not happen within 10 s')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

import { type TestOptions, type TestPlugin, testPlugin } from 'estafeta/testing'
import { afterEach, describe, expect, test } from 'vitest'
import deliverSmtp from './index.ts'

const DNS = {
  'there.test': {
    MX: [
      [20, 'mx2.there.test'],
      [10, 'mx1.there.test'],
    ],
  },
  'mx1.there.test': { A: ['192.0.2.1'] },
  'mx2.there.test': { A: ['192.0.2.2'], AAAA: ['2001:db8::2'] },
  'plain.test': { A: ['192.0.2.3'] },
  'null.test': { MX: [[0, '']] },
  'nohost.test': { MX: [[10, 'gone.test']] },
  'down.test': { fail: 'servfail' },
  'late.test': { fail: 'timeout' },
  'loop.test': { MX: [[10, 'mail.example.com']] },
  'mail.example.com': { A: ['192.0.2.25'] },
} as const

const opened: TestPlugin[] = []
afterEach(async () => {
  for (const plugin of opened.splice(0)) await plugin.close()
})
async function open(options: TestOptions = {}): Promise<TestPlugin> {
  const plugin = await testPlugin(deliverSmtp, { dns: DNS, ...options })
  opened.push(plugin)
  return plugin
}
const TEXT = 'Subject: x\n\nbody\n'
const hop = (destination: string) => ({ courier: 'smtp', destination })

describe('route', () => {
  test('takes what is not local, one lane a domain', async () => {
    const plugin = await open()
    expect((await plugin.route('paco@there.test')).outcome).toEqual(hop('there.test'))
    expect((await plugin.route('paco@[192.0.2.9]')).outcome).toEqual(hop('[192.0.2.9]'))
    expect((await plugin.route('ana@example.com')).outcome).toBeNull()
    expect((await plugin.route('postmaster')).outcome).toBeNull()
  })
})

describe('delivery', () => {
  test('to the MX hosts in order', async () => {
    const plugin = await open()
    const outcomes = await plugin.deliver(hop('there.test'), TEXT, { to: ['a@there.test', 'b@there.test'] })
    expect(outcomes).toMatchObject([
      { n: 0, kind: 'relayed', relay: 'mx1.there.test[192.0.2.9]:25' },
      { n: 1, kind: 'relayed' },
    ])
    expect(plugin.smtp.sent).toHaveLength(1)
    expect(plugin.smtp.sent[0]!.destination).toEqual({
      key: 'there.test',
      hosts: [
        { name: 'mx1.there.test', addresses: ['192.0.2.1'], port: 25 },
        { name: 'mx2.there.test', addresses: ['2001:db8::2', '192.0.2.2'], port: 25 },
      ],
      tls: 'may',
      auth: null,
      protocol: 'smtp',
      ownNameIsLoop: true,
    })
    expect(plugin.smtp.sent[0]!.mail).toMatchObject({ reversePath: { local: 'sender', domain: 'example.net' } })
  })

  test('hands on what the client says, recipient by recipient', async () => {
    const plugin = await open()
    plugin.smtp.answer = () => ({
      results: [
        { kind: 'sent', reply: { code: 250, enhanced: null, text: 'ok' }, relay: 'r', dsn: true },
        { kind: 'deferred', reply: { code: 450, enhanced: '4.2.1', text: 'later' }, relay: 'r', dsn: false },
        { kind: 'failed', reply: { code: 550, enhanced: '5.1.1', text: 'who' }, relay: 'r', dsn: false },
      ],
      hostDown: false,
    })
    const to = ['a@there.test', 'b@there.test', 'c@there.test']
    expect(await plugin.deliver(hop('there.test'), TEXT, { to })).toMatchObject([
      { n: 0, kind: 'relayed', dsnHandedOn: true },
      { n: 1, kind: 'deferred', reply: { code: 450 }, dsnHandedOn: false },
      { n: 2, kind: 'failed', reply: { code: 550 } },
    ])
  })

  test.each([
    ['missing.test', 'failed', 550, '5.1.2'],
    ['null.test', 'failed', 556, '5.1.10'],
    ['nohost.test', 'failed', 550, '5.4.4'],
    ['loop.test', 'failed', 554, '5.4.6'],
    ['down.test', 'deferred', 451, '4.4.3'],
    ['late.test', 'deferred', 451, '4.4.3'],
  ])('%s: %s', async (domain, kind, code, enhanced) => {
    const plugin = await open()
    const outcomes = await plugin.deliver(hop(domain), TEXT, { to: [`a@${domain}`, `b@${domain}`] })
    expect(outcomes).toMatchObject([
      { n: 0, kind, reply: { code, enhanced } },
      { n: 1, kind, reply: { code, enhanced } },
    ])
    expect(plugin.smtp.sent).toHaveLength(0)
  })

  test.each([
    ['down.test', true],
    ['late.test', true],
    ['null.test', undefined],
  ])('%s: the lane backs off (%s)', async (domain, hostDown) => {
    const plugin = await open()
    const [outcome] = await plugin.deliver(hop(domain), TEXT, { to: `a@${domain}` })
    expect(outcome!.hostDown).toBe(hostDown)
  })

  test('this very listener is a loop, whatever its name; another port is not', async () => {
    const plugin = await open({ site: { listen: { smtp: ['192.0.2.3:25'] } } })
    expect(await plugin.deliver(hop('plain.test'), TEXT)).toMatchObject([
      { kind: 'failed', reply: { enhanced: '5.4.6' } },
    ])
    const other = await open({ site: { listen: { smtp: ['192.0.2.3:2525'] } } })
    expect(await other.deliver(hop('plain.test'), TEXT)).toMatchObject([{ kind: 'relayed' }])
  })

  test('to an address literal without asking the DNS', async () => {
    const plugin = await open()
    await plugin.deliver(hop('[ipv6:2001:db8::5]'), TEXT)
    expect(plugin.smtp.sent[0]!.destination.hosts).toEqual([
      { name: '2001:db8::5', addresses: ['2001:db8::5'], port: 25 },
    ])
    expect(plugin.dns.asked).toEqual([])
  })
})

describe('settings', () => {
  test.each([
    ['there.test', 'verify'],
    ['mx.bank.test', 'encrypt'],
    ['bank.test', 'none'],
    ['plain.test', 'may'],
  ])('TLS level of %s is %s', async (domain, level) => {
    const tlsPerDomain = { 'There.test': 'verify', '.bank.test': 'encrypt', 'bank.test': 'none' }
    const plugin = await open({
      config: { tlsPerDomain },
      dns: { ...DNS, 'bank.test': { A: ['192.0.2.7'] }, 'mx.bank.test': { A: ['192.0.2.7'] } },
    })
    await plugin.deliver(hop(domain), TEXT)
    expect(plugin.smtp.sent[0]!.destination.tls).toBe(level)
  })

  test('port, and refused nonsense', async () => {
    const plugin = await open({ config: { port: 2526, tls: 'encrypt' } })
    await plugin.deliver(hop('plain.test'), TEXT)
    expect(plugin.smtp.sent[0]!.destination).toMatchObject({ tls: 'encrypt', hosts: [{ port: 2526 }] })
    await expect(testPlugin(deliverSmtp, { config: { tls: 'always' } })).rejects.toThrow('tls')
    await expect(testPlugin(deliverSmtp, { config: { tlsPerDomain: { 'x.test': 'implicit' } } })).rejects.toThrow(
      'x.test',
    )
  })
})

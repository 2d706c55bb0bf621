import { type TestOptions, type TestPlugin, testPlugin } from 'estafeta/testing'
import { afterEach, describe, expect, test } from 'vitest'
import smarthost from './index.ts'

const DNS = {
  'mail.provider.test': { A: ['192.0.2.1'] },
  'backup.provider.test': { A: ['192.0.2.2'] },
  'provider.test': { MX: [[10, 'mail.provider.test']] },
  'hub.test': { A: ['192.0.2.3'] },
  'down.test': { fail: 'servfail' },
  'null.test': { MX: [[0, '']] },
} as const
const TEXT = 'Subject: x\n\nbody\n'
const relay = { host: '[mail.provider.test]:587', username: 'ana', password: 'geheim', tls: 'verify' }

const opened: TestPlugin[] = []
afterEach(async () => {
  for (const plugin of opened.splice(0)) await plugin.close()
})
async function open(options: TestOptions = {}): Promise<TestPlugin> {
  const plugin = await testPlugin(smarthost, { dns: DNS, site: { relay }, ...options })
  opened.push(plugin)
  return plugin
}

describe('the relay host', () => {
  test('gets all that is not local, with AUTH and TLS as the site says', async () => {
    const plugin = await open()
    const { outcome } = await plugin.route('paco@there.test')
    expect(outcome).toEqual({ courier: 'smarthost', destination: '[mail.provider.test]:587' })
    expect((await plugin.route('ana@example.com')).outcome).toBeNull()
    expect(await plugin.deliver(outcome as never, TEXT)).toMatchObject([{ kind: 'relayed' }])
    expect(plugin.smtp.sent[0]!.destination).toEqual({
      key: '[mail.provider.test]:587',
      hosts: [{ name: 'mail.provider.test', addresses: ['192.0.2.1'], port: 587 }],
      tls: 'verify',
      auth: { username: 'ana', password: 'geheim' },
      protocol: 'smtp',
    })
    expect(plugin.dns.asked).not.toContain('MX mail.provider.test')
  })

  test('several, with and without brackets, in order; what cannot be looked up is left out', async () => {
    const host = ['[down.test]:587', 'provider.test:2525', '[backup.provider.test]']
    const plugin = await open({ site: { relay: { host, tls: 'may' } } })
    const destination = '[down.test]:587,provider.test:2525,[backup.provider.test]:25'
    expect((await plugin.route('paco@there.test')).outcome).toEqual({ courier: 'smarthost', destination })
    await plugin.deliver({ courier: 'smarthost', destination }, TEXT)
    expect(plugin.smtp.sent[0]!.destination).toMatchObject({
      hosts: [
        { name: 'mail.provider.test', port: 2525 },
        { name: 'backup.provider.test', port: 25 },
      ],
      auth: null,
      tls: 'may',
    })
  })

  test('implicit TLS has port 465', async () => {
    const plugin = await open({ site: { relay: { ...relay, host: '[mail.provider.test]', tls: 'implicit' } } })
    expect((await plugin.route('paco@there.test')).outcome).toMatchObject({ destination: '[mail.provider.test]:465' })
  })

  test.each(['[down.test]:25', '[missing.test]:25', 'null.test', '[null.test]'])(
    'a relay host that cannot be found bounces nothing: %s',
    async (host) => {
      const plugin = await open({ site: { relay: { host, tls: 'may' } } })
      const { outcome } = await plugin.route('paco@there.test')
      const outcomes = await plugin.deliver(outcome as never, TEXT)
      expect(outcomes).toMatchObject([{ kind: 'deferred', reply: { code: 451, enhanced: '4.4.3' }, hostDown: true }])
    },
  )

  test('this server itself is no relay host', async () => {
    const site = { relay: { host: '[hub.test]:2525', tls: 'may' }, listen: { smtp: ['192.0.2.3:2525'] } }
    const plugin = await open({ site })
    const outcomes = await plugin.deliver({ courier: 'smarthost', destination: '[hub.test]:2525' }, TEXT)
    expect(outcomes).toMatchObject([{ kind: 'deferred' }])
    expect(JSON.stringify(outcomes)).toContain('this server itself')
  })

  test('is not needed', async () => {
    const plugin = await open({ site: {} })
    expect((await plugin.route('paco@there.test')).outcome).toBeNull()
  })
})

describe('routes', () => {
  const routes = {
    'hub.example': '[hub.test]:2525',
    '.corp.example': 'provider.test',
    'direct.example': 'smtp',
    'null.example': 'discard',
    'closed.example': 'error:5.7.1 Closed for good',
    'moving.example': 'error:4.3.2 Moving',
    'relayed.example': '[mail.provider.test]:587',
  }
  test.each([
    ['hub.example', { courier: 'smarthost', destination: '[hub.test]:2525' }],
    ['a.corp.example', { courier: 'smarthost', destination: 'provider.test:25' }],
    ['direct.example', { courier: 'smtp', destination: 'direct.example' }],
    ['null.example', { courier: 'smarthost', destination: 'discard' }],
    ['closed.example', { kind: 'reject', reply: { code: 550, enhanced: '5.7.1', text: 'Closed for good' } }],
    ['moving.example', { kind: 'defer', reply: { code: 450, enhanced: '4.3.2', text: 'Moving' } }],
    ['other.example', { courier: 'smarthost', destination: '[mail.provider.test]:587' }],
  ])('%s', async (domain, expected) => {
    const plugin = await open({ config: { routes } })
    expect((await plugin.route(`paco@${domain}`)).outcome).toMatchObject(expected)
  })

  test('hosts of a route get no password, unless they are the relay host', async () => {
    const plugin = await open({ config: { routes, routesTls: 'encrypt' } })
    await plugin.deliver({ courier: 'smarthost', destination: '[hub.test]:2525' }, TEXT)
    await plugin.deliver({ courier: 'smarthost', destination: '[mail.provider.test]:587' }, TEXT)
    expect(plugin.smtp.sent.map(({ destination }) => [destination.tls, destination.auth])).toEqual([
      ['encrypt', null],
      ['verify', { username: 'ana', password: 'geheim' }],
    ])
  })

  test('discard is on record', async () => {
    const plugin = await open({ config: { routes } })
    expect(await plugin.deliver({ courier: 'smarthost', destination: 'discard' }, TEXT)).toMatchObject([
      { kind: 'discarded' },
    ])
  })

  test('a next hop that a reload took away defers', async () => {
    const plugin = await open()
    const outcomes = await plugin.deliver({ courier: 'smarthost', destination: '[old.test]:25' }, TEXT)
    expect(outcomes).toMatchObject([{ kind: 'deferred', reply: { code: 451 } }])
  })

  test('nonsense is refused by name', async () => {
    await expect(testPlugin(smarthost, { config: { routes: { 'a.test': '[b' } } })).rejects.toThrow('a.test')
  })
})

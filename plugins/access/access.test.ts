import { EXEMPT } from 'estafeta/plugin'
import { testPlugin } from 'estafeta/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { parseAction } from './actions.ts'
import access from './index.ts'
import { addressKeys, domainKeys } from './keys.ts'

const USERS = `
domains: { virtual.test: }
users:
  ana@example.com: { addresses: [ana.g@virtual.test] }
  paco@example.com: {}
`
const ACCESS = `# all steps
spam.example              REJECT
ok.spam.example           OK
From:boss@spam.example    OK
From:tempting@            450 4.7.1 later
To:list@example.com       550 5.7.1 members only
To:partner.test           RELAY
To:gone@example.com       DISCARD
Connect:192.0.2.66        REJECT go away
Connect:198.51.100.0/24   RELAY
Connect:203.0.113         DEFER not now
Connect:friend.test       OK
Helo:liar.test            521 5.7.0 liar
From:relayed.test         RELAY
broken.test               FROBNICATE
Connect:192.0.2.67        421 4.7.0 closing
`
let plugin: Awaited<ReturnType<typeof testPlugin>>
afterEach(() => plugin.close())
const open = async (config: object = {}, files: { [name: string]: string } = {}) => {
  plugin = await testPlugin(access, {
    files: { 'users.yaml': USERS, access: ACCESS, ...files },
    site: { domains: ['example.com', 'localhost'] },
    config: { tables: ['access'], ...config },
    dns: {
      '198.51.100.7': { PTR: ['mx.friend.test'] },
      'mx.friend.test': { A: ['198.51.100.7', '192.0.2.7'] },
      '192.0.2.7': { PTR: ['mx.friend.test', 'forged.test'] },
      'forged.test': { A: ['192.0.2.99'] },
      '192.0.2.8': { fail: 'timeout' },
    },
  })
}
const codeOf = (outcome: { reply?: { code: number } }): number => outcome.reply?.code ?? 0

describe('relaying', () => {
  const out = 'somebody@elsewhere.test'
  test('nobody may without a right, whatever tables say of the sender', async () => {
    await open()
    expect((await plugin.rcpt(out)).outcome).toMatchObject({ reply: { code: 550, enhanced: '5.7.1' } })
    expect((await plugin.rcpt(out, { from: 'x@relayed.test' })).verdict).toBe('pass')
    expect((await plugin.rcpt('ana@example.com')).verdict).toBe('pass')
  })
  test('users may, and clients of our networks', async () => {
    await open()
    expect((await plugin.rcpt(out, { user: 'ana@example.com' })).verdict).toBe('admit relay')
    expect((await plugin.rcpt(out, { trusted: true })).verdict).toBe('admit relay')
    expect((await plugin.rcpt('nobody@example.com', { trusted: true })).outcome).toMatchObject({
      reply: { enhanced: '5.1.1' },
    })
  })
  test('anybody to relay domains and those of a table', async () => {
    await open({ relayDomains: ['Backup.test'] })
    for (const to of ['x@backup.test', 'x@sub.backup.test', 'x@partner.test', 'x@mx.partner.test'])
      expect((await plugin.rcpt(to)).verdict, to).toBe('admit relay')
    expect((await plugin.rcpt('x@notbackup.test')).verdict).toBe('pass')
  })
})

describe('senders', () => {
  const cases: [string, string][] = [
    ['ana@example.com', 'pass'],
    ['ana+list@example.com', 'pass'],
    ['ana@localhost', 'pass'],
    ['Ana.G@virtual.test', 'pass'],
    ['', 'pass'],
    ['paco@example.com', 'reject'],
    ['x@virtual.test', 'reject'],
    ['ana@elsewhere.test', 'reject'],
  ]
  for (const [from, verdict] of cases)
    test(`ana sends as <${from}>: ${verdict}`, async () => {
      await open()
      const user = {
        account: 'ana@example.com',
        authcid: 'ana',
        authzid: 'ana@example.com',
        addresses: ['ana@example.com', 'ana.g@virtual.test'],
      }
      expect((await plugin.mail({ from, user })).verdict).toBe(verdict)
    })
  test('@domain is all of a domain, and the check can be left out', async () => {
    await open()
    const user = { account: 'a@b.c', authcid: 'a', authzid: 'a@b.c', addresses: ['@d.e'] }
    expect((await plugin.mail({ from: 'any@d.e', user })).verdict).toBe('pass')
    await plugin.close()
    await open({ senderLogin: false })
    expect((await plugin.mail({ from: 'paco@example.com', user: 'ana@example.com' })).verdict).toBe('pass')
  })
  test('submission takes mail only from users and our networks', async () => {
    await open()
    const submission = { service: 'submission', from: 'ana@example.com' }
    expect((await plugin.mail(submission)).outcome).toMatchObject({ reply: { code: 530 } })
    expect((await plugin.mail({ ...submission, user: 'ana@example.com' })).verdict).toBe('pass')
    expect((await plugin.mail({ ...submission, trusted: true })).verdict).toBe('pass')
  })
})

describe('tables', () => {
  const senders: [string, number][] = [
    ['x@spam.example', 550],
    ['x@mx.spam.example', 550],
    ['x@ok.spam.example', 0],
    ['boss@spam.example', 0],
    ['tempting@anywhere.test', 450],
    ['x@relayed.test', 0],
    ['x@other.test', 0],
    ['x@broken.test', 451],
  ]
  for (const [from, code] of senders)
    test(`MAIL from ${from}: ${code}`, async () => {
      await open()
      expect(codeOf((await plugin.mail({ from })).outcome as object)).toBe(code)
    })

  const clients: [string, number][] = [
    ['192.0.2.66', 550],
    ['192.0.2.67', 421],
    ['203.0.113.9', 450],
    ['198.51.100.9', 0],
    ['192.0.2.1', 0],
    ['2001:db8::1', 0],
  ]
  for (const [ip, code] of clients)
    test(`connect from ${ip}: ${code}`, async () => {
      await open()
      expect(codeOf((await plugin.connect({ ip })).outcome as object)).toBe(code)
    })
  test('own texts reach the client, 421 and 521 end the session', async () => {
    await open()
    expect((await plugin.connect({ ip: '192.0.2.66' })).outcome).toMatchObject({ reply: { text: 'go away' } })
    expect((await plugin.helo({ helo: 'mx.liar.test' })).outcome).toMatchObject({
      reply: { code: 521, enhanced: '5.7.0', text: 'liar' },
      disconnect: true,
    })
    expect((await plugin.connect({ ip: '192.0.2.67' })).outcome).toMatchObject({ disconnect: true })
  })
  test('recipients: refused, discarded, left alone', async () => {
    await open()
    expect((await plugin.rcpt('list@example.com')).outcome).toMatchObject({ reply: { text: 'members only' } })
    expect((await plugin.rcpt('gone@example.com')).verdict).toBe('admit local')
    expect((await plugin.rcpt('x@spam.example', { user: 'ana@example.com' })).verdict).toBe('reject')
  })
  test('a table for some steps only', async () => {
    await open({ tables: [{ file: 'access', at: ['rcpt'] }] })
    expect((await plugin.mail({ from: 'x@spam.example' })).verdict).toBe('pass')
    expect((await plugin.connect({ ip: '192.0.2.66' })).verdict).toBe('pass')
    expect((await plugin.rcpt('list@example.com')).verdict).toBe('reject')
  })
  test('the first table that speaks decides', async () => {
    await open(
      { tables: ['cidr:clients', 'access'] },
      { clients: '192.0.2.66 DUNNO\n192.0.2.0/24 REJECT all of you\n' },
    )
    expect((await plugin.connect({ ip: '192.0.2.66' })).verdict).toBe('pass')
    expect((await plugin.connect({ ip: '192.0.2.5' })).outcome).toMatchObject({ reply: { text: 'all of you' } })
  })
  test('a missing table defers by the plugin’s onError', async () => {
    await open({ tables: ['nowhere'] })
    expect((await plugin.mail()).outcome).toMatchObject({ kind: 'defer' })
  })
})

describe('host names', () => {
  const friends = { tables: ['names'], hostNames: true }
  const names = { names: 'Connect:friend.test REJECT friends\nConnect:forged.test REJECT forged\n' }
  test('count when they lead back to the address', async () => {
    await open(friends, names)
    expect((await plugin.connect({ ip: '198.51.100.7' })).verdict).toBe('reject')
    expect((await plugin.connect({ ip: '192.0.2.7' })).outcome).toMatchObject({ reply: { text: 'friends' } })
    expect((await plugin.connect({ ip: '192.0.2.9' })).verdict).toBe('pass')
  })
  test('a DNS that does not answer defers', async () => {
    await open(friends, names)
    expect((await plugin.connect({ ip: '192.0.2.8' })).outcome).toMatchObject({ kind: 'defer' })
  })
  test('are not asked for unless wanted', async () => {
    await open({ ...friends, hostNames: false }, names)
    expect((await plugin.connect({ ip: '198.51.100.7' })).verdict).toBe('pass')
    expect(plugin.dns.asked).toEqual([])
  })
})

test('keys go from the closest to the widest', async () => {
  await open()
  expect(domainKeys('MX.sub.Example.org')).toEqual([
    'mx.sub.example.org',
    '.sub.example.org',
    'sub.example.org',
    '.example.org',
    'example.org',
    '.org',
    'org',
  ])
  expect(domainKeys('[192.0.2.1]')).toEqual(['[192.0.2.1]'])
  expect(addressKeys({ local: 'Ana+x', domain: 'b.c', original: '' }, '+')).toEqual([
    'ana+x@b.c',
    'ana@b.c',
    'b.c',
    '.c',
    'c',
    'ana+x@',
    'ana@',
  ])
  expect(EXEMPT.description).toBe('exempt')
})

describe('actions', () => {
  const cases: [string, object][] = [
    ['OK', { kind: 'ok' }],
    ['0123', { kind: 'ok' }],
    ['relay', { kind: 'relay' }],
    ['DUNNO', { kind: 'none' }],
    ['REJECT', { kind: 'reply', reply: { code: 550, enhanced: '5.7.1', text: 'Access denied' } }],
    ['REJECT 5.7.0 no way', { kind: 'reply', reply: { code: 550, enhanced: '5.7.0', text: 'no way' } }],
    ['550 no', { kind: 'reply', reply: { code: 550, enhanced: '5.7.1', text: 'no' } }],
    ['554 5.7.0 no', { kind: 'reply', reply: { code: 554, enhanced: '5.7.0', text: 'no' } }],
    ['"550 quoted"', { kind: 'reply', reply: { code: 550, enhanced: '5.7.1', text: 'quoted' } }],
    ['ERROR:5.7.1:550 text', { kind: 'reply', reply: { code: 550, enhanced: '5.7.1', text: 'text' } }],
    ['ERROR:"450 4.7.1 wait"', { kind: 'reply', reply: { code: 450, enhanced: '4.7.1', text: 'wait' } }],
    ['DEFER', { kind: 'reply', reply: { code: 450, enhanced: '4.7.1' } }],
    ['550 añb', { kind: 'reply', reply: { text: 'a?b' } }],
    ['DISCARD silently', { kind: 'discard', text: 'silently' }],
    ['HOLD look', { kind: 'quarantine', text: 'look' }],
    ['QUARANTINE:look', { kind: 'quarantine', text: 'look' }],
  ]
  for (const [text, value] of cases)
    test(text, async () => {
      await open()
      expect(parseAction(text)).toMatchObject({ ok: true, value })
    })
  for (const text of ['', 'PERHAPS', '650 x', '550 4.7.1 x'])
    test(`mistake: ${text}`, async () => {
      await open()
      expect(parseAction(text)).toMatchObject({ ok: false })
    })
})

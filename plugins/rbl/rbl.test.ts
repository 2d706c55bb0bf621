import { EXEMPT } from 'estafeta/plugin'
import { type TestOptions, type TestPlugin, testPlugin } from 'estafeta/testing'
import { afterEach, describe, expect, test } from 'vitest'
import rbl from './index.ts'

const BAD = '2.0.0.127.zen.test'
const DNS = {
  [BAD]: { A: ['127.0.0.2', '127.0.0.10'], TXT: ['https://zen.test/why'] },
  '2.0.0.127.soft.test': { A: ['127.0.0.2'] },
  '2.0.0.127.down.test': { fail: 'servfail' },
  '2.0.0.127.slow.test': { fail: 'hang' },
  '2.0.0.127.refusing.test': { A: ['127.255.255.254'] },
  '2.0.0.127.parked.test': { A: ['203.0.113.1'] },
  '2.0.0.127.friends.test': { A: ['127.0.1.1'] },
  [`2.${'0.'.repeat(23)}8.b.d.0.1.0.0.2.zen.test`]: { A: ['127.0.0.2'] },
  '192.0.2.66': { PTR: ['fine.test', 'spammer.test'] },
  'spammer.test.dbl.test': { A: ['127.0.1.2'], TXT: ['spam domain'] },
} as const
const IP = '127.0.0.2'

const opened: TestPlugin[] = []
afterEach(async () => {
  for (const plugin of opened.splice(0)) await plugin.close()
})
async function open(config: TestOptions['config'], more: TestOptions = {}): Promise<TestPlugin> {
  const plugin = await testPlugin(rbl, { dns: DNS, config: config ?? {}, ...more })
  opened.push(plugin)
  return plugin
}
const rcpt = (plugin: TestPlugin, envelope = {}) => plugin.rcpt('ana@example.com', { ip: IP, ...envelope })

describe('a block list', () => {
  test('refuses at RCPT who is listed, with the reason', async () => {
    const plugin = await open({ lists: ['zen.test'] })
    expect((await plugin.connect({ ip: IP })).verdict).toBe('pass')
    const answer = await rcpt(plugin)
    expect(answer.verdict).toBe('reject')
    expect(answer.reply).toEqual({
      code: 550,
      enhanced: '5.7.1',
      text: '127.0.0.2 is listed by zen.test (https://zen.test/why)',
    })
    expect(answer.detail).toBe('127.0.0.2 on zen.test (1): sum 1')
  })

  test('passes who is not', async () => {
    const plugin = await open({ lists: ['zen.test'] })
    const answer = await rcpt(plugin, { ip: '192.0.2.1' })
    expect(answer).toMatchObject({ verdict: 'pass', detail: 'not listed' })
  })

  test('knows IPv6', async () => {
    const plugin = await open({ lists: ['zen.test'] })
    expect((await rcpt(plugin, { ip: '2001:db8::2' })).verdict).toBe('reject')
  })

  test('refuses at once without delay', async () => {
    const plugin = await open({ lists: ['zen.test'], delay: false })
    expect(await plugin.connect({ ip: IP })).toMatchObject({ verdict: 'reject', reply: { code: 550 } })
    expect((await plugin.connect({ ip: '192.0.2.1' })).verdict).toBe('pass')
  })

  test('says its own text', async () => {
    const lists = [{ zone: 'zen.test', text: 'No, {ip}: see {txt} at {list}', txt: true }]
    expect((await rcpt(await open({ lists }))).reply?.text).toBe('No, 127.0.0.2: see https://zen.test/why at zen.test')
    const silent = [{ zone: 'zen.test', txt: false }]
    const plugin = await open({ lists: silent })
    expect((await rcpt(plugin)).reply?.text).toBe('127.0.0.2 is listed by zen.test')
    expect(plugin.dns.asked.filter((question) => question.startsWith('TXT'))).toEqual([])
  })

  test('has no power over the reply line', async () => {
    const plugin = await open({ lists: ['zen.test'] })
    plugin.dns.set(BAD, { A: ['127.0.0.2'], TXT: [`a\r\n250 fine\x00\u2028${'x'.repeat(1000)}`] })
    const text = String((await rcpt(plugin)).reply?.text)
    expect(text).toMatch(/^[\x20-\x7e]{1,400}$/)
  })
})

describe('answers', () => {
  test.each<[string, object, string]>([
    ['a code that counts', { codes: ['127.0.0.2'] }, 'reject'],
    ['a code that does not', { codes: ['127.0.0.3'] }, 'pass'],
    ['a range', { codes: ['127.0.0.9-11'] }, 'reject'],
    ['a weight for each code', { codes: { '127.0.0.2': 0.5, '127.0.0.10': 0.9 } }, 'pass'],
    ['the heaviest counts', { codes: { '127.0.0.2': 0.5, '127.0.0.10': 1 } }, 'reject'],
    ['a weight of its own', { weight: 0.4 }, 'pass'],
  ])('%s', async (_name, list, verdict) => {
    const plugin = await open({ lists: [{ zone: 'zen.test', ...list }] })
    expect((await rcpt(plugin)).verdict).toBe(verdict)
  })

  test('weights add up', async () => {
    const lists = [
      { zone: 'zen.test', weight: 2 },
      { zone: 'soft.test', weight: 1 },
    ]
    expect((await rcpt(await open({ lists, threshold: 3 }))).verdict).toBe('reject')
    const below = await rcpt(await open({ lists, threshold: 4 }))
    expect(below).toMatchObject({
      verdict: 'pass',
      detail: '127.0.0.2 on zen.test (2), 127.0.0.2 on soft.test (1): sum 3',
    })
  })

  test.each([
    ['parked.test', 'not listed'],
    ['refusing.test', 'not listed; no answer: refusing.test: refuses to answer (127.255.255.254)'],
    ['down.test', 'not listed; no answer: down.test: DNS: A 2.0.0.127.down.test: servfail'],
  ])('%s lists nobody, and that is on record', async (zone, detail) => {
    expect(await rcpt(await open({ lists: [zone] }))).toMatchObject({ verdict: 'pass', detail })
  })

  test('a list that is late lists nobody; the others count', async () => {
    const plugin = await open({ lists: ['slow.test', 'zen.test'], lookupTimeout: '2s' })
    const asking = rcpt(plugin)
    while (!plugin.dns.asked.some((question) => question.startsWith('TXT'))) await new Promise(setImmediate)
    plugin.clock.advance(2000)
    const answer = await asking
    expect(answer.verdict).toBe('reject')
    expect(answer.detail).toContain('no answer: slow.test')
  })
})

describe('who is spared', () => {
  test('clients on an allow list, by later checks too', async () => {
    const plugin = await open({ lists: ['zen.test'], allow: ['friends.test'] })
    const answer = await rcpt(plugin)
    expect(answer).toMatchObject({ verdict: 'pass', detail: 'listed by friends.test' })
  })

  test.each<[string, object]>([
    ['own networks', { trusted: true }],
    ['users', { user: 'ana@example.com' }],
    ['what an earlier check spared', { notes: [[EXEMPT, 'access table']] }],
  ])('%s: nothing is asked', async (_name, envelope) => {
    const plugin = await open({ lists: ['zen.test'], delay: false })
    expect((await plugin.connect({ ip: IP, ...envelope })).verdict).toBe('pass')
    expect((await rcpt(plugin, envelope)).verdict).toBe('pass')
    expect(plugin.dns.asked).toEqual([])
  })

  test('postmaster can be written to', async () => {
    const plugin = await open({ lists: ['zen.test'] })
    expect((await plugin.rcpt('Postmaster@example.com', { ip: IP })).verdict).toBe('pass')
  })
})

describe('domain lists', () => {
  test.each([
    ['HELO', { helo: ['dbl.test'] }, { helo: 'spammer.test' }],
    ['the reverse name', { reverse: ['dbl.test'] }, { ip: '192.0.2.66' }],
    ['the sender', { sender: ['dbl.test'] }, { from: 'x@spammer.test' }],
  ])('%s', async (_name, config, envelope) => {
    const answer = await rcpt(await open(config), envelope)
    expect(answer).toMatchObject({ verdict: 'reject', detail: 'spammer.test on dbl.test (1): sum 1' })
    expect(answer.reply?.text).toBe('spammer.test is listed by dbl.test (spam domain)')
  })

  test('a reverse name that cannot be looked up lists nobody', async () => {
    const plugin = await open({ reverse: ['dbl.test'] }, { dns: { ...DNS, '192.0.2.67': { fail: 'servfail' } } })
    const answer = await rcpt(plugin, { ip: '192.0.2.67' })
    expect(answer).toMatchObject({ verdict: 'pass' })
    expect(answer.detail).toContain('servfail')
  })

  test.each([{ helo: '[192.0.2.1]' }, { helo: 'localhost' }, { helo: '192.0.2.1' }, { from: '' }])(
    'are not asked about what is no domain: %o',
    async (envelope) => {
      const plugin = await open({ helo: ['dbl.test'], sender: ['dbl.test'] })
      expect((await rcpt(plugin, { helo: 'localhost', from: '', ...envelope })).verdict).toBe('pass')
      expect(plugin.dns.asked).toEqual([])
    },
  )
})

test('the lists are asked once a session, at the same time', async () => {
  const plugin = await open({ lists: ['zen.test', 'soft.test'], allow: ['list.test'] })
  await plugin.connect({ ip: IP })
  expect(plugin.dns.asked).toEqual(
    expect.arrayContaining(['A 2.0.0.127.zen.test', 'A 2.0.0.127.soft.test', 'A 2.0.0.127.list.test']),
  )
})

test.each([
  [{ lists: [{ zone: 'zen.test', codes: ['nonsense'] }] }, 'codes'],
  [{ lists: [{ zone: 'zen.test', codes: ['127.0.0.9-2'] }] }, 'codes'],
  [{ threshold: 0 }, 'threshold'],
])('refuses %o', async (config, named) => {
  await expect(testPlugin(rbl, { config })).rejects.toThrow(named)
})

// The spf-dkim-dmarc plugin: what it writes, whom it spares, what it refuses when told to, and what a failing DNS does.
import { generateKeyPairSync } from 'node:crypto'
import { dkimSign } from 'mailauth/lib/dkim/sign.js'
import { describe, expect, test } from 'vitest'
import { FakeClock, systemClock } from '../../core/base/clock.ts'
import { createFakeResolver, type FakeResolver } from '../../core/dns/fake-resolver.ts'
import { memoryBody } from '../../core/message/content.ts'
import { AUTH_RESULTS, CLOCK, DNS_RESOLVER, EXEMPT, type MessageAnswer } from '../../core/plugin/contract.ts'
import { type FactsOptions, identityOf, messageFacts } from '../../test/kit/message-facts.ts'
import { askMail, askMessage, setUpPlugin } from '../../test/kit/plugin-entry.ts'
import * as plugin from './index.ts'
import { addressOf, nodeResolver } from './resolver.ts'

const keys = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pem = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
const record = `v=DKIM1; p=${keys.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`

const RAW = 'From: Ana <ana@sender.test>\r\nSubject: hello\r\n\r\nbody\r\n'
const GOOD_IP = '192.0.2.1'
const BAD_IP = '198.51.100.9'

/** sender.test allows GOOD_IP, has a key and asks for rejection; soft.test asks for quarantine, odd.test for nothing. */
const zone = (): FakeResolver =>
  createFakeResolver({
    'sender.test': { TXT: [`v=spf1 ip4:${GOOD_IP} -all`], A: [GOOD_IP] },
    's1._domainkey.sender.test': { TXT: [record] },
    '_dmarc.sender.test': { TXT: ['v=DMARC1; p=reject'] },
    'soft.test': { TXT: [`v=spf1 ip4:${GOOD_IP} ~all`], A: [GOOD_IP] },
    '_dmarc.soft.test': { TXT: ['v=DMARC1; p=quarantine'] },
    'trial.test': { TXT: ['v=spf1 -all'], A: [GOOD_IP] },
    '_dmarc.trial.test': { TXT: ['v=DMARC1; p=reject; t=y'] },
    'odd.test': { A: [GOOD_IP] },
    '_dmarc.odd.test': { TXT: ['v=DMARC1; p=none'] },
  })

const signed = async (raw = RAW, domain = 'sender.test'): Promise<Buffer> => {
  const { signatures } = await dkimSign(Buffer.from(raw), {
    canonicalization: 'relaxed/relaxed',
    signatureData: [{ signingDomain: domain, selector: 's1', privateKey: pem }],
  } as Parameters<typeof dkimSign>[1])
  return Buffer.concat([Buffer.from(signatures), Buffer.from(raw)])
}

const setUp = (settings: object, dns: FakeResolver) =>
  setUpPlugin(plugin, settings, [
    [CLOCK, systemClock],
    [DNS_RESOLVER, dns],
  ])

async function ask(
  raw: string | Buffer,
  options: FactsOptions = {},
  settings: object = {},
  dns = zone(),
): Promise<MessageAnswer> {
  return askMessage(await setUp(settings, dns), messageFacts(raw, options))
}

const from = (domain: string) => RAW.replace('sender.test', domain)
const field = (answer: MessageAnswer, name: string) => answer.add?.find((f) => f.name === name)?.value ?? ''
const flat = (text: string) => text.replace(/\s+/g, ' ')

describe('spf-dkim-dmarc: what it writes', () => {
  test('Authentication-Results with our name on top, Received-SPF below, and a note for later hooks', async () => {
    const hooks = await setUp({}, zone())
    const message = messageFacts(await signed(), { remoteIp: GOOD_IP })
    const answer = await askMessage(hooks, message)
    expect(answer.add?.map((f) => f.name)).toEqual(['Authentication-Results', 'Received-SPF'])
    const results = flat(field(answer, 'Authentication-Results'))
    expect(results).toMatch(/^mx\.estafeta\.test; /)
    expect(results).toMatch(/dkim=pass header\.d=sender\.test/)
    expect(results).toMatch(/spf=pass .*smtp\.mailfrom=sender\.test/)
    expect(results).toMatch(/dmarc=pass .*header\.from=sender\.test/)
    expect(results).toMatch(/arc=none/)
    expect(field(answer, 'Received-SPF')).toMatch(/^pass /)
    expect(answer.detail).toBe('spf=pass dkim=pass (sender.test) arc=none dmarc=pass (p=reject)')
    expect(message.notes.get(AUTH_RESULTS)).toContain('spf=pass')
    expect(answer.all).toBeUndefined()
  })

  test('a key that its domain changes or withdraws counts no more', async () => {
    const dns = zone()
    const hooks = await setUp({}, dns)
    const raw = await signed()
    const result = async () => /dkim=\w+/.exec((await askMessage(hooks, messageFacts(raw))).detail!)?.[0]
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'der' })
    const name = 's1._domainkey.sender.test'
    expect([await result(), await result()]).toEqual(['dkim=pass', 'dkim=pass'])
    dns.set(name, { TXT: [`v=DKIM1; p=${other.toString('base64')}`] })
    expect(await result()).toBe('dkim=fail')
    dns.set(name, { TXT: [`${record}; h=sha1`] })
    expect(await result()).toBe('dkim=neutral')
    dns.set(name, { TXT: ['v=DKIM1; p='] })
    expect(await result()).toBe('dkim=neutral')
    dns.set(name, { TXT: [record] })
    expect(await result()).toBe('dkim=pass')
  })

  test('failures are written down, and with the default settings nothing is refused', async () => {
    const answer = await ask(RAW, { remoteIp: BAD_IP })
    expect(answer.detail).toBe('spf=fail dkim=none arc=none dmarc=fail (p=reject)')
    expect(answer.all).toBeUndefined()
    expect(answer.quarantine).toBeUndefined()
    expect(answer.score).toBe(0)
  })

  test('the null reverse-path is checked by HELO', async () => {
    const answer = await ask(RAW, { from: null, helo: 'sender.test', remoteIp: BAD_IP })
    expect(flat(field(answer, 'Authentication-Results'))).toMatch(/spf=fail .*smtp\.helo=sender\.test/)
  })

  test('a client on an IPv4-mapped address is the IPv4 client', async () => {
    expect((await ask(RAW, { remoteIp: `::ffff:${GOOD_IP}` })).detail).toMatch(/^spf=pass/)
  })

  test.each([
    ['an authenticated client', { identity: identityOf('ana', 'ana@sender.test') }],
    ['a client in a trusted network', { trusted: true }],
    ['a local program', { service: 'local' }],
  ])('%s is not checked', async (_, options) => {
    const dns = zone()
    const settings = { enforce: 'reject', spfFail: 'reject' }
    const answer = await ask(RAW, { remoteIp: BAD_IP, ...options }, settings, dns)
    expect(answer).toEqual({ detail: 'not checked: from a local sender' })
    expect(await askMail(await setUp(settings, dns), messageFacts(RAW, { remoteIp: BAD_IP, ...options }))).toEqual({
      kind: 'pass',
    })
    expect(dns.asked).toEqual([])
  })

  test('nonsense in From, helo and signatures breaks no field', async () => {
    const nasty =
      'From: "a\\"b\u00ff" <x@\u00ff.test>\r\nDKIM-Signature: v=1; a=\u0001; b=;;;=\r\nDKIM-Signature:\r\n\r\n'
    const answer = await ask(Buffer.from(nasty, 'latin1'), { helo: 'ev"il(\r\nX: y', from: null })
    for (const { name, value } of answer.add ?? []) {
      expect(name).toMatch(/^(Authentication-Results|Received-SPF)$/)
      expect(value.replace(/\r\n[ \t]/g, '')).not.toMatch(/[\r\n]/)
    }
  })
})

describe('spf-dkim-dmarc: policy', () => {
  test.each([
    ['sender.test', 'none', {}],
    ['sender.test', 'quarantine', { quarantine: 'DMARC policy of sender.test: reject' }],
    ['sender.test', 'reject', { all: { kind: 'reject', reply: { code: 550, enhanced: '5.7.26' } } }],
    ['soft.test', 'reject', { quarantine: 'DMARC policy of soft.test: quarantine' }],
    ['trial.test', 'reject', { quarantine: 'DMARC policy of trial.test: quarantine' }],
    ['odd.test', 'reject', {}],
  ])('a message of %s that fails, enforce %s', async (domain, enforce, expected) => {
    const answer = await ask(from(domain), { remoteIp: BAD_IP, from: 'x@odd.test' }, { enforce })
    expect({
      ...(answer.all && { all: answer.all }),
      ...(answer.quarantine && { quarantine: answer.quarantine }),
    }).toMatchObject(expected)
    if (Object.keys(expected).length === 0) expect(answer.all ?? answer.quarantine).toBeUndefined()
    expect(answer.add).toHaveLength(2)
  })

  test('a message that passes by its signature alone goes through', async () => {
    const answer = await ask(await signed(), { remoteIp: BAD_IP, from: 'x@odd.test' }, { enforce: 'reject' })
    expect(answer.all).toBeUndefined()
    expect(answer.detail).toContain('dmarc=pass')
  })

  test('a signature of another domain does not align', async () => {
    const dns = zone()
    dns.set('s1._domainkey.odd.test', { TXT: [record] })
    const raw = await signed(RAW, 'odd.test')
    const answer = await ask(raw, { remoteIp: BAD_IP, from: 'x@odd.test' }, { enforce: 'reject' }, dns)
    expect(answer.detail).toContain('dkim=pass (odd.test)')
    expect(answer.all).toMatchObject({ kind: 'reject' })
  })

  test('two From fields are no author domain, on record', async () => {
    const answer = await ask(`From: a@odd.test\r\n${RAW}`, { remoteIp: BAD_IP }, { enforce: 'reject' })
    expect(answer.detail).toContain('multiple-from-fields')
  })

  test('scores add up', async () => {
    const scores = { spfFail: 1, spfSoftfail: 2, dkimFail: 4, dmarcFail: 8 }
    const broken = Buffer.from((await signed()).toString().replace('body', 'other'))
    expect((await ask(RAW, { remoteIp: BAD_IP }, { scores })).score).toBe(1 + 8)
    expect((await ask(broken, { remoteIp: BAD_IP }, { scores })).score).toBe(1 + 4 + 8)
    expect((await ask(from('soft.test'), { remoteIp: BAD_IP, from: 'a@soft.test' }, { scores })).score).toBe(2 + 8)
    expect((await ask(await signed(), { remoteIp: GOOD_IP }, { scores })).score).toBe(0)
  })

  test('mail that a list exempted is checked, and neither refused nor scored', async () => {
    const hooks = await setUp({ enforce: 'reject', scores: { dmarcFail: 5, spfFail: 5 } }, zone())
    const message = messageFacts(RAW, { remoteIp: BAD_IP })
    message.session.notes.set(EXEMPT, 'on the list')
    const answer = await askMessage(hooks, message)
    expect(answer.add).toHaveLength(2)
    expect(answer.all).toBeUndefined()
    expect(answer.score).toBeUndefined()
  })
})

describe('spf-dkim-dmarc at MAIL', () => {
  const mail = async (settings: object, options: FactsOptions, dns = zone()) =>
    askMail(await setUp(settings, dns), messageFacts(RAW, options))

  test('refuses what SPF forbids, when told to', async () => {
    const verdict = await mail({ spfFail: 'reject' }, { remoteIp: BAD_IP })
    expect(verdict).toMatchObject({ kind: 'reject', reply: { code: 550, enhanced: '5.7.23' }, detail: 'spf=fail' })
  })

  test.each([
    ['pass', { remoteIp: GOOD_IP }, 'spf=pass'],
    ['softfail', { remoteIp: BAD_IP, from: 'a@soft.test' }, 'spf=softfail'],
    ['none', { remoteIp: BAD_IP, from: 'a@odd.test' }, 'spf=none'],
  ])('lets %s go on', async (_, options, detail) => {
    expect(await mail({ spfFail: 'reject' }, options)).toEqual({ kind: 'pass', detail })
  })

  test('SPF is asked once a message, and again only where it could not be told', async () => {
    const dns = zone()
    const hooks = await setUp({ spfFail: 'reject' }, dns)
    const message = messageFacts(RAW, { remoteIp: GOOD_IP })
    const questions = () => dns.asked.filter((question) => question === 'TXT sender.test').length
    await askMail(hooks, message)
    expect((await askMessage(hooks, message)).detail).toMatch(/^spf=pass/)
    expect(questions()).toBe(1)
    dns.set('sender.test', { fail: 'servfail' })
    const next = messageFacts(RAW, { remoteIp: GOOD_IP })
    expect(await askMail(hooks, next)).toEqual({ kind: 'pass', detail: 'spf=temperror' })
    dns.set('sender.test', { TXT: ['v=spf1 -all'] })
    expect((await askMessage(hooks, next)).detail).toMatch(/^spf=fail/)
  })

  test('is not there unless told to refuse', async () => {
    expect((await setUp({}, zone())).mail).toBeUndefined()
  })
})

describe('spf-dkim-dmarc when the DNS fails', () => {
  const broken = () => {
    const dns = zone()
    for (const name of ['sender.test', 's1._domainkey.sender.test', '_dmarc.sender.test'])
      dns.set(name, { fail: 'servfail' })
    return dns
  }

  test('temperror is written down, and the message passes', async () => {
    const answer = await ask(await signed(), { remoteIp: BAD_IP }, { enforce: 'reject' }, broken())
    expect(answer.detail).toMatch(/spf=temperror dkim=temperror \(sender\.test\) .*dmarc=temperror/)
    expect(answer.all).toBeUndefined()
  })

  test('or is deferred, when told to, at MAIL too', async () => {
    const settings = { spfFail: 'reject', onTemperror: 'defer' }
    const later = { kind: 'defer', reply: { code: 451, enhanced: '4.4.3' } }
    expect((await ask(await signed(), { remoteIp: BAD_IP }, settings, broken())).all).toMatchObject(later)
    expect(await askMail(await setUp(settings, broken()), messageFacts(RAW, { remoteIp: BAD_IP }))).toMatchObject(later)
  })

  test('a DMARC failure that may be due to an unreachable key is deferred, not refused', async () => {
    const dns = zone()
    dns.set('s1._domainkey.sender.test', { fail: 'timeout' })
    const answer = await ask(await signed(), { remoteIp: BAD_IP }, { enforce: 'reject' }, dns)
    expect(answer.detail).toContain('dkim=temperror')
    expect(answer.all).toMatchObject({ kind: 'defer' })
  })

  test('a DNS that hangs costs lookupTime and no more', async () => {
    const dns = zone()
    for (const name of ['sender.test', 's1._domainkey.sender.test', '_dmarc.sender.test'])
      dns.set(name, { fail: 'hang' })
    const clock = new FakeClock()
    const asked = Promise.withResolvers<void>()
    const txt = (name: string, signal: AbortSignal) => {
      asked.resolve()
      return dns.txt(name, signal)
    }
    const hooks = await setUpPlugin(plugin, { lookupTime: '5s' }, [
      [CLOCK, clock],
      [DNS_RESOLVER, { ...dns, txt }],
    ])
    const answer = askMessage(hooks, messageFacts(await signed(), { remoteIp: BAD_IP }))
    await asked.promise
    clock.advance(5000)
    expect((await answer).detail).toMatch(/spf=temperror dkim=temperror/)
  })
})

describe('spf-dkim-dmarc: bounds', () => {
  test('of many signatures only the first ten are looked at', async () => {
    const dns = zone()
    const one = (await signed()).toString().slice(0, -RAW.length)
    const many = Array.from({ length: 200 }, (_, n) => one.replace('s=s1', `s=x${n}`)).join('')
    const answer = await ask(many + RAW, { remoteIp: GOOD_IP }, {}, dns)
    expect(dns.asked.filter((q) => q.includes('_domainkey'))).toHaveLength(10)
    expect(answer.detail?.match(/dkim=/g)).toHaveLength(10)
  })

  test('a signature that names thousands of fields among thousands is not looked at', async () => {
    const names = Array.from({ length: 3_000 }, (_, i) => `x${i}`)
    const vast = `DKIM-Signature: v=1; a=rsa-sha256; d=sender.test; s=s1; h=${names.join(':')}; bh=AA==; b=AA==\r\n`
    const fields = names.map((name) => `${name}: y\r\n`).join('')
    const answer = await ask(Buffer.concat([Buffer.from(fields + vast), await signed()]), { remoteIp: BAD_IP })
    expect(field(answer, 'Authentication-Results').match(/dkim=\w+/g)).toEqual(['dkim=pass'])
  })

  test('a header folded three hundred thousand times is checked all the same', async () => {
    const folds = '\r\n '.repeat(300_000)
    const beside = Buffer.concat([Buffer.from(`X-Long: a${folds}b\r\n`), await signed()])
    expect(flat(field(await ask(beside, { remoteIp: BAD_IP }), 'Authentication-Results'))).toContain('dkim=pass')
    const within = await ask(RAW.replace('From:', `From:${folds}`), { remoteIp: BAD_IP })
    expect(flat(field(within, 'Authentication-Results'))).toMatch(/dmarc=fail .*header\.from=sender\.test/)
  })

  test('a message in a file is read as a stream and verifies', async () => {
    const raw = await signed(`${RAW}${'0123456789\r\n'.repeat(100_000)}`)
    const facts = messageFacts(raw, { remoteIp: GOOD_IP })
    const inMemory = memoryBody(raw)
    const body = { ...inMemory, bytes: null, path: '/elsewhere' }
    const hooks = await setUp({}, zone())
    const answer = await askMessage(hooks, { ...facts, content: { ...facts.content, body } })
    expect(answer.detail).toContain('dkim=pass')
  })
})

describe('spf-dkim-dmarc: resolver', () => {
  test('gives answers and failures in the shape of node:dns', async () => {
    const dns = createFakeResolver({
      'a.test': { A: ['192.0.2.7'], AAAA: ['2001:db8::7'], MX: [[10, 'mx.a.test']], TXT: ['one'], CNAME: 'b.test' },
      'c.test': { CNAME: 'a.test' },
      '192.0.2.7': { PTR: ['a.test'] },
      'down.test': { fail: 'timeout' },
    })
    const resolve = nodeResolver(dns, new AbortController().signal)
    expect(await resolve('a.test', 'A')).toEqual(['192.0.2.7'])
    expect(await resolve('a.test.', 'AAAA')).toEqual(['2001:db8::7'])
    expect(await resolve('a.test', 'MX')).toEqual([{ priority: 10, exchange: 'mx.a.test' }])
    expect(await resolve('a.test', 'TXT')).toEqual([['one']])
    expect(await resolve('c.test', 'CNAME')).toEqual(['a.test'])
    await expect(resolve('none.test', 'A')).rejects.toMatchObject({ code: 'ENOTFOUND' })
    await expect(resolve('a.test', 'PTR')).rejects.toMatchObject({ code: /ENOTFOUND|ENODATA/ })
    await expect(resolve('down.test', 'A')).rejects.toMatchObject({ code: 'ETIMEOUT' })
    await expect(nodeResolver(dns, AbortSignal.abort())('a.test', 'A')).rejects.toMatchObject({ code: 'ETIMEOUT' })
  })

  test('reads reverse names back into addresses', () => {
    expect(addressOf('1.2.0.192.in-addr.arpa')).toBe('192.0.2.1')
    expect(addressOf(`${'1.'.repeat(1)}${'0.'.repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa`)).toBe(
      '2001:0db8:0000:0000:0000:0000:0000:0001',
    )
    expect(addressOf('example.test')).toBe('example.test')
  })
})

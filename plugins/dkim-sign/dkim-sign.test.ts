// The dkim-sign plugin: who is signed for, with which keys, what happens without one; and every message verifies.
import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import dkimSigner from 'dkim-signer'
import { dkimVerify } from 'mailauth/lib/dkim/verify.js'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { FakeClock } from '../../core/base/clock.ts'
import { CLOCK, type MessageAnswer, SITE } from '../../core/plugin/contract.ts'
import { EASY_CASES, HARD_CASES } from '../../test/kit/dkim-cases.ts'
import { type FactsOptions, identityOf, messageFacts } from '../../test/kit/message-facts.ts'
import { askMessage, setUpPlugin } from '../../test/kit/plugin-entry.ts'
import { testSite } from '../../test/kit/site.ts'
import { suitsDkimSigner } from './guard.ts'
import * as plugin from './index.ts'

const LOCAL: FactsOptions = { identity: identityOf('ana', 'ana@estafeta.test') }
const MAIL = EASY_CASES['a plain message']!

function newKey(type: 'rsa' | 'ed25519', bits = 2048): { pem: string; record: string } {
  const pair = type === 'rsa' ? generateKeyPairSync('rsa', { modulusLength: bits }) : generateKeyPairSync('ed25519')
  const der = pair.publicKey.export({ type: 'spki', format: 'der' })
  const p = (type === 'rsa' ? der : der.subarray(-32)).toString('base64')
  return {
    pem: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    record: `v=DKIM1; k=${type}; p=${p}`,
  }
}

const rsa = newKey('rsa')
const ed25519 = newKey('ed25519')
const records = new Map([
  ['r1._domainkey.estafeta.test', rsa.record],
  ['r2._domainkey.estafeta.test', rsa.record],
  ['e1._domainkey.estafeta.test', ed25519.record],
  ['u1._domainkey.xn--espaa-rta.test', rsa.record],
])
const resolver = async (name: string): Promise<string[][]> => {
  const record = records.get(name)
  if (record) return [[record]]
  throw Object.assign(new Error(name), { code: 'ENOTFOUND' })
}

let data: string
const clock = new FakeClock(Date.now())
const services = () =>
  [
    [CLOCK, clock],
    [SITE, testSite(data, { domains: ['estafeta.test', 'nokey.test'] })],
  ] as const
const setUp = (settings: object = {}) => setUpPlugin(plugin, settings, services())

function putKey(domain: string, selector: string, pem: string, mode = 0o600): string {
  mkdirSync(join(data, 'dkim', domain), { recursive: true })
  const path = join(data, 'dkim', domain, `${selector}.pem`)
  writeFileSync(path, pem)
  chmodSync(path, mode)
  return path
}

const signed = (message: Buffer, answer: MessageAnswer): Buffer =>
  Buffer.concat([...(answer.add ?? []).map(({ name, value }) => Buffer.from(`${name}: ${value}\r\n`)), message])

async function results(message: Buffer, answer: MessageAnswer): Promise<string[]> {
  const verified = await dkimVerify(signed(message, answer), { resolver, strict: true })
  return verified.results.map((r) => `${r.status.result} ${r.algo} ${r.signingDomain} ${r.selector}`)
}

beforeAll(() => {
  data = mkdtempSync(join(tmpdir(), 'estafeta-dkim-'))
})
afterAll(() => rmSync(data, { recursive: true, force: true }))
beforeEach(() => rmSync(join(data, 'dkim'), { recursive: true, force: true }))

describe('dkim-sign: what it signs verifies', () => {
  test.each(Object.keys({ ...EASY_CASES, ...HARD_CASES }))('%s, by RSA and Ed25519 keys', async (name) => {
    putKey('estafeta.test', 'e1', ed25519.pem)
    putKey('estafeta.test', 'r1', rsa.pem)
    const message = (EASY_CASES[name] ?? HARD_CASES[name])!
    const answer = await askMessage(await setUp(), messageFacts(message, LOCAL))
    expect(await results(message, answer)).toEqual([
      'pass ed25519-sha256 estafeta.test e1',
      'pass rsa-sha256 estafeta.test r1',
    ])
  })

  test('dkim-signer gets the easy ones and none of the others', () => {
    const suited = (cases: { readonly [name: string]: Buffer }) =>
      Object.keys(cases).filter((name) =>
        suitsDkimSigner(cases[name]!, messageFacts(cases[name]!).content.header.length),
      )
    expect(suited(EASY_CASES)).toEqual(Object.keys(EASY_CASES))
    expect(suited(HARD_CASES)).toEqual([])
  })

  test.each(Object.entries(EASY_CASES))('%s: the field is the one that dkim-signer makes', async (_, message) => {
    putKey('estafeta.test', 'r1', rsa.pem)
    const { add } = await askMessage(await setUp({ fields: ['From', 'To', 'Subject'] }), messageFacts(message, LOCAL))
    const { DKIMSign } = dkimSigner as unknown as { DKIMSign(email: string, options: object): string }
    const options = { domainName: 'estafeta.test', keySelector: 'r1', privateKey: rsa.pem }
    const field = DKIMSign(message.toString('latin1'), { ...options, headerFieldNames: 'From:To:Subject' })
    expect(`${add![0]!.name}: ${add![0]!.value}`).toBe(field)
  })

  test.each([
    ['as large as dkim-signer takes', 60_000],
    ['larger', 250_000],
  ])('a header folded beyond all measure, %s', async (_name, folds) => {
    putKey('estafeta.test', 'r1', rsa.pem)
    putKey('estafeta.test', 'e1', ed25519.pem)
    const folded = `From: ana@estafeta.test\r\nTo: ${',\r\n '.repeat(folds)}b\r\n\r\nbody\r\n`
    const answer = await askMessage(await setUp(), messageFacts(Buffer.from(folded), LOCAL))
    // relaxed, it is the same header (RFC 6376 §3.4.2), and quick to verify
    expect(await results(Buffer.from(folded.replaceAll('\r\n ', ' ')), answer)).toEqual([
      'pass ed25519-sha256 estafeta.test e1',
      'pass rsa-sha256 estafeta.test r1',
    ])
  })

  test('two From fields are both signed', async () => {
    putKey('estafeta.test', 'r1', rsa.pem)
    const message = Buffer.concat([Buffer.from('From: other@estafeta.test\r\n'), MAIL])
    const answer = await askMessage(await setUp(), messageFacts(message, LOCAL))
    expect(answer.add?.[0]?.value.replace(/\s/g, '')).toMatch(/h=([^;]*:)?From:.*From/i)
    expect(await results(message, answer)).toEqual(['pass rsa-sha256 estafeta.test r1'])
  })

  test('an oversigned field cannot be added afterwards', async () => {
    putKey('estafeta.test', 'r1', rsa.pem)
    putKey('estafeta.test', 'e1', ed25519.pem)
    const answer = await askMessage(await setUp({ oversign: ['From', 'Reply-To'] }), messageFacts(MAIL, LOCAL))
    expect(await results(MAIL, answer)).toEqual([
      'pass ed25519-sha256 estafeta.test e1',
      'pass rsa-sha256 estafeta.test r1',
    ])
    for (const field of ['From: forger@example.net', 'Reply-To: forger@example.net']) {
      const changed = Buffer.concat([Buffer.from(`${field}\r\n`), MAIL])
      expect((await results(changed, answer)).filter((r) => r.startsWith('pass'))).toEqual([])
    }
  })

  test('a changed body, and a changed signed field, no longer verify', async () => {
    putKey('estafeta.test', 'r1', rsa.pem)
    const answer = await askMessage(await setUp(), messageFacts(MAIL, LOCAL))
    for (const [from, to] of [
      ['Hello', 'Hallo'],
      ['A subject', 'B subject'],
    ] as const)
      expect((await results(Buffer.from(MAIL.toString().replace(from, to)), answer))[0]).toMatch(/^(fail|neutral) /)
  })

  test('fields that are not signed may change', async () => {
    putKey('estafeta.test', 'r1', rsa.pem)
    const answer = await askMessage(await setUp({ fields: ['Subject'] }), messageFacts(MAIL, LOCAL))
    expect(answer.add?.[0]?.value.replace(/\s/g, '')).toContain('h=from:subject')
    const changed = Buffer.from(MAIL.toString().replace('paco@', 'luis@'))
    expect(await results(changed, answer)).toEqual(['pass rsa-sha256 estafeta.test r1'])
  })

  test('a domain in U-labels is signed as A-labels', async () => {
    putKey('xn--espaa-rta.test', 'u1', rsa.pem)
    const message = Buffer.from('From: ana@españa.test\r\n\r\nHello\r\n')
    const answer = await askMessage(await setUp(), messageFacts(message, LOCAL))
    expect(await results(message, answer)).toEqual(['pass rsa-sha256 xn--espaa-rta.test u1'])
  })
})

describe('dkim-sign: whom it signs for', () => {
  test.each<[string, FactsOptions, boolean]>([
    ['an authenticated client', LOCAL, true],
    ['a client in a trusted network', { trusted: true }, true],
    ['a local program', { service: 'local' }, true],
    ['anybody else, though From is ours', {}, false],
  ])('%s', async (_, options, expected) => {
    putKey('estafeta.test', 'r1', rsa.pem)
    const answer = await askMessage(await setUp(), messageFacts(MAIL, options))
    expect((answer.add ?? []).length > 0).toBe(expected)
  })

  test('the key of the nearest domain above serves a subdomain', async () => {
    putKey('estafeta.test', 'r1', rsa.pem)
    const message = Buffer.from('From: cron@host.estafeta.test\r\n\r\nHello\r\n')
    const answer = await askMessage(await setUp(), messageFacts(message, LOCAL))
    expect(await results(message, answer)).toEqual(['pass rsa-sha256 estafeta.test r1'])
  })

  test.each([
    ['no From', 'Subject: x\r\n\r\nHello\r\n'],
    ['a From without a domain', 'From: ana\r\n\r\nHello\r\n'],
    ['a From that is nonsense', 'From: <<@@>\r\n\r\nHello\r\n'],
    ['a foreign domain', 'From: ana@foreign.test\r\n\r\nHello\r\n'],
  ])('%s passes unsigned, on record', async (_, message) => {
    putKey('estafeta.test', 'r1', rsa.pem)
    const answer = await askMessage(await setUp({ missingKey: 'reject' }), messageFacts(message, LOCAL))
    expect(answer).toEqual({ detail: expect.stringMatching(/^not signed/) })
  })

  test.each([
    'Ana Torre <ana@nokey.test>',
    '<ana@nokey.test>',
    'ana@NoKey.test',
    '"Torre, Ana" <ana@nokey.test>',
    'Ana <ana@nokey.test>, Paco <paco@other.test>',
    'me@other.test <ana@nokey.test>',
    'Ana (of <x@other.test>) <ana@nokey.test>',
    'Ana < ana@nokey.test >',
    'Ana <"a@other.test"@nokey.test>',
    'Ana <@relay.test:ana@nokey.test>',
  ])('From: %s names the domain', async (from) => {
    const answer = await askMessage(await setUp(), messageFacts(`From: ${from}\r\n\r\nHello\r\n`, LOCAL))
    expect(answer.detail).toBe('not signed: no key for nokey.test')
  })

  test.each([
    ['pass', undefined],
    ['defer', { kind: 'defer', reply: { code: 451 } }],
    ['reject', { kind: 'reject', reply: { code: 550 } }],
  ])('a domain of ours without a key: %s', async (missingKey, all) => {
    const message = messageFacts('From: ana@nokey.test\r\n\r\nHello\r\n', LOCAL)
    const answer = await askMessage(await setUp({ missingKey }), message)
    expect(answer.detail).toBe('not signed: no key for nokey.test')
    if (all) expect(answer.all).toMatchObject(all)
    else expect(answer.all).toBeUndefined()
  })
})

describe('dkim-sign: keys', () => {
  test('of the configuration, by a path in the data folder', async () => {
    writeFileSync(join(data, 'own.pem'), rsa.pem, { mode: 0o600 })
    const hooks = await setUp({ keys: [{ domain: 'Estafeta.test', selector: 'r2', file: 'own.pem' }] })
    expect(await results(MAIL, await askMessage(hooks, messageFacts(MAIL, LOCAL)))).toEqual([
      'pass rsa-sha256 estafeta.test r2',
    ])
  })

  test('are read once, and again when they change, come or go', async () => {
    const hooks = await setUp()
    const ask = async () => (await askMessage(hooks, messageFacts(MAIL, LOCAL))).detail
    const path = putKey('estafeta.test', 'r1', rsa.pem)
    expect(await ask()).toBe('d=estafeta.test s=r1')
    putKey('estafeta.test', 'r2', rsa.pem)
    expect(await ask()).toBe('d=estafeta.test s=r1')
    clock.advance(2000)
    expect(await ask()).toBe('d=estafeta.test s=r1, d=estafeta.test s=r2')
    rmSync(path)
    clock.advance(2000)
    expect(await ask()).toBe('d=estafeta.test s=r2')
    const changed = putKey('estafeta.test', 'r2', 'no key')
    utimesSync(changed, 5, 5)
    clock.advance(2000)
    await expect(ask()).rejects.toMatchObject({ kind: 'temporary' })
  })

  test.each([
    ['that others can read', () => putKey('estafeta.test', 'r1', rsa.pem, 0o644), /mode 644/],
    ['that the group can write', () => putKey('estafeta.test', 'r1', rsa.pem, 0o660), /mode 660/],
    ['that is no key', () => putKey('estafeta.test', 'r1', 'nonsense'), /r1\.pem/],
    ['of 512 bits', () => putKey('estafeta.test', 'r1', newKey('rsa', 512).pem), /less than 1024 bits/],
  ])('one %s: temporary failure, nothing goes out unsigned', async (_, put, detail) => {
    put()
    const asked = askMessage(await setUp(), messageFacts(MAIL, LOCAL))
    await expect(asked).rejects.toMatchObject({ kind: 'temporary', detail: expect.stringMatching(detail) })
  })

  test('one that the group can read is good', async () => {
    putKey('estafeta.test', 'r1', rsa.pem, 0o640)
    expect((await askMessage(await setUp(), messageFacts(MAIL, LOCAL))).add).toHaveLength(1)
  })
})

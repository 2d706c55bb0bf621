import { MAILBOX_STORE } from 'estafeta/plugin'
import { testPlugin } from 'estafeta/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { FakeClock } from '../../core/base/clock.ts'
import { memoryContent } from '../../core/message/content.ts'
import { createMemoryStore } from '../../core/store/memory-store.ts'
import { shown } from '../../test/kit/directory.ts'
import usersFile from './index.ts'

const USERS = `
domains: { virtual.test: }
users:
  ana@example.com: { password: "{PLAIN}ana-demo", addresses: [ana.g@virtual.test, "@virtual.test"] }
  paco@example.com: { password: "{PLAIN}p", forward: paco@elsewhere.test }
  eva@example.com: { password: "{PLAIN}e", forward: [eva@elsewhere.test, ana@example.com], keepCopy: true }
  off@example.com: { password: "{PLAIN}o", enabled: false }
  small@example.com: { quota: 1KB }
`
let plugin: Awaited<ReturnType<typeof testPlugin>>
afterEach(() => plugin.close())
const open = async (options: Parameters<typeof testPlugin>[1] = {}) => {
  plugin = await testPlugin(usersFile, { files: { 'users.yaml': USERS }, ...options })
}

describe('auth', () => {
  test('by account, address and name; wrong, disabled and unknown', async () => {
    await open()
    const cases: [string, string, string][] = [
      ['ana@example.com', 'ana-demo', 'identity'],
      ['ANA@example.com', 'ana-demo', 'identity'],
      ['ana.g@virtual.test', 'ana-demo', 'identity'],
      ['ana', 'ana-demo', 'identity'],
      ['ana', 'wrong', 'wrong'],
      ['ana', '', 'wrong'],
      ['off', 'o', 'wrong'],
      ['small', 'x', 'wrong'],
      ['nobody', 'ana-demo', 'not mine'],
    ]
    for (const [login, password, verdict] of cases)
      expect([login, (await plugin.verify(login, password)).verdict]).toEqual([login, verdict])
  })

  test('an identity has the account and all addresses', async () => {
    await open()
    expect((await plugin.verify('ana', 'ana-demo')).outcome).toEqual({
      kind: 'identity',
      identity: {
        account: 'ana@example.com',
        authcid: 'ana',
        authzid: 'ana@example.com',
        addresses: ['ana@example.com', 'ana.g@virtual.test', '@virtual.test'],
      },
    })
  })

  test('what a user may send as besides does not reach that user', async () => {
    const text = 'users:\n  web@example.com: { password: "{PLAIN}w", sendAs: ["@example.com", cron@far.test] }\n'
    await open({ files: { 'users.yaml': text } })
    expect((await plugin.verify('web', 'w')).outcome).toMatchObject({
      identity: { addresses: ['web@example.com', '@example.com', 'cron@far.test'] },
    })
    for (const [address, verdict] of [
      ['web@example.com', 'admit local'],
      ['root@example.com', 'pass'],
    ] as const)
      expect((await plugin.rcpt(address)).verdict).toBe(verdict)
  })

  test('a secret only for the scheme it is stored in', async () => {
    await open()
    expect((await plugin.secret('ana', 'PLAIN')).outcome).toMatchObject({ secret: 'ana-demo' })
    expect((await plugin.secret('ana', 'SCRAM-SHA-256')).outcome).toBeNull()
    expect((await plugin.secret('off', 'PLAIN')).outcome).toBeNull()
  })
})

describe('rcpt', () => {
  const cases: [string, string, number][] = [
    ['ana@example.com', 'admit local', 0],
    ['Ana+x@example.com', 'admit local', 0],
    ['ana.g@virtual.test', 'admit local', 0],
    ['nobody@example.com', 'pass', 550],
    ['ana@elsewhere.test', 'pass', 550],
    ['off@example.com', 'reject', 550],
  ]
  for (const [to, verdict, code] of cases)
    test(`${to}: ${verdict}`, async () => {
      await open()
      const seen = await plugin.rcpt(to)
      expect(seen.verdict).toBe(verdict)
      expect('reply' in seen.outcome ? seen.outcome.reply.code : 0).toBe(code)
    })

  test('unknown users get 5.1.1, disabled ones 5.2.1', async () => {
    await open()
    expect((await plugin.rcpt('nobody@example.com')).outcome).toMatchObject({ reply: { enhanced: '5.1.1' } })
    expect((await plugin.rcpt('off@example.com')).outcome).toMatchObject({ reply: { enhanced: '5.2.1' } })
  })

  test('a full mailbox is 452 4.2.2, also when only the declared size does not fit', async () => {
    const store = createMemoryStore({ clock: new FakeClock() })
    await open({ services: [[MAILBOX_STORE, store]] })
    const to = 'small@example.com'
    expect((await plugin.rcpt(to)).verdict).toBe('admit local')
    expect((await plugin.rcpt(to, { parameters: { size: 1001 } })).outcome).toMatchObject({
      kind: 'reject',
      reply: { code: 552, enhanced: '5.2.2' },
    })
    const fill = async (octets: number) => {
      const content = memoryContent(Buffer.from(`Subject: x\r\n\r\n${'y'.repeat(octets)}\r\n`))
      await store.deliver([{ account: to, mailbox: 'INBOX', message: { content, flags: [], internalDate: 0 } }])
    }
    await fill(480)
    expect((await plugin.rcpt(to, { parameters: { size: 400 } })).verdict).toBe('admit local')
    expect((await plugin.rcpt(to, { parameters: { size: 600 } })).outcome).toMatchObject({
      reply: { code: 452, enhanced: '4.2.2' },
    })
    await fill(490)
    expect((await plugin.rcpt(to)).outcome).toMatchObject({ kind: 'defer', reply: { code: 452 } })
    await plugin.close()
    await open({ services: [[MAILBOX_STORE, store]], config: { checkQuota: false } })
    expect((await plugin.rcpt(to)).verdict).toBe('admit local')
  })

  test('while users.yaml cannot be read every recipient is deferred, and logins are unavailable', async () => {
    await open({ files: { 'users.yaml': 'users: [' } })
    for (const to of ['ana@example.com', 'x@virtual.test'])
      expect((await plugin.rcpt(to)).outcome).toMatchObject({ kind: 'defer' })
    expect((await plugin.verify('ana', 'ana-demo')).outcome).toEqual({ kind: 'unavailable' })
  })
})

describe('expand', () => {
  const cases: [string, string[] | null][] = [
    ['ana@example.com', null],
    ['paco@example.com', ['paco@elsewhere.test']],
    ['eva+x@example.com', ['eva+x@example.com final', 'eva@elsewhere.test', 'ana@example.com']],
    ['nobody@example.com', null],
    ['paco@elsewhere.test', null],
  ]
  for (const [to, into] of cases)
    test(`${to}: ${into ?? 'itself'}`, async () => {
      await open()
      expect(shown((await plugin.expand(to)).outcome)).toEqual(into)
    })
})

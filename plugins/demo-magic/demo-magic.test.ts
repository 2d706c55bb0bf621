import { type TestPlugin, testPlugin } from 'estafeta/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import demoMagic from './index.ts'

let plugin: TestPlugin
beforeEach(async () => {
  plugin = await testPlugin(demoMagic)
})
afterEach(() => plugin.close())

it('refuses at RCPT what its name says, and only in our domains', async () => {
  expect(await plugin.rcpt('busy@example.com')).toMatchObject({ outcome: { kind: 'defer', reply: { code: 450 } } })
  expect(await plugin.rcpt('Refused@example.com')).toMatchObject({ outcome: { kind: 'reject', reply: { code: 550 } } })
  expect(await plugin.rcpt('busy@example.net')).toMatchObject({ verdict: 'pass' })
  expect(await plugin.rcpt('ana@example.com')).toMatchObject({ verdict: 'pass' })
})

it('fails itself for crash@, which means what its onError says', async () => {
  expect(await plugin.rcpt('crash@example.com')).toMatchObject({ verdict: 'failed', outcome: { kind: 'defer' } })
})

it('refuses virus@ alone after DATA, and holds quarantine@', async () => {
  const to = ['ana@example.com', 'virus@example.com']
  const seen = await plugin.message('Subject: x\n\nhello\n', { to })
  expect(seen.perRecipient).toMatchObject([null, { kind: 'reject', reply: { code: 554 } }])
  expect(await plugin.message('\nhello\n', { to: 'quarantine@example.com' })).toMatchObject({
    verdict: 'quarantine',
    outcome: null,
  })
})

it.each([
  ['temperror', 'deferred'],
  ['permerror', 'failed'],
  ['slow', 'delivered'],
])('takes %s@ and its delivery is %s', async (local, kind) => {
  const to = `${local}@example.com`
  expect(await plugin.rcpt(to)).toMatchObject({ verdict: 'admit local' })
  const { outcome } = await plugin.route(to)
  expect(outcome).toEqual({ courier: 'demo-magic', destination: local })
  const delivered = plugin.deliver({ courier: 'demo-magic', destination: local }, '\nhello\n', { to })
  plugin.clock.advance(5000)
  expect(await delivered).toMatchObject([{ n: 0, kind }])
})

import { testPlugin } from 'estafeta/testing'
import { expect, test } from 'vitest'
import discard from './index.ts'

test('routes nothing by itself, and is a courier for those who ask', async () => {
  const plugin = await testPlugin(discard)
  expect((await plugin.route('paco@there.test')).outcome).toBeNull()
  const hop = { courier: 'discard', destination: 'x' }
  const to = ['a@there.test', 'b@there.test']
  expect(await plugin.deliver(hop, 'Subject: x\n\nx\n', { to })).toMatchObject([
    { n: 0, kind: 'discarded', reply: { code: 250, enhanced: '2.0.0' } },
    { n: 1, kind: 'discarded' },
  ])
  await plugin.close()
})

test('all: takes every recipient, local ones too', async () => {
  const plugin = await testPlugin(discard, { config: { all: true } })
  for (const to of ['ana@example.com', 'paco@there.test']) {
    expect((await plugin.route(to)).outcome).toEqual({ courier: 'discard', destination: 'discard' })
  }
  await plugin.close()
})

test('domains: takes those alone', async () => {
  const plugin = await testPlugin(discard, { config: { domains: ['Null.test'] } })
  expect((await plugin.route('a@null.test')).outcome).toMatchObject({ courier: 'discard' })
  expect((await plugin.route('a@there.test')).outcome).toBeNull()
  await plugin.close()
})

import { testPlugin } from 'estafeta/testing'
import { afterEach, expect, test } from 'vitest'
import { systemUsers as accounts } from '../../test/kit/directory.ts'
import systemUsers from './index.ts'

let plugin: Awaited<ReturnType<typeof testPlugin>>
afterEach(() => plugin.close())
const open = async (config: object = {}) => {
  plugin = await testPlugin(systemUsers, {
    files: { 'users.yaml': 'domains: { virtual.test: }' },
    site: { domains: ['example.com'], users: { file: 'users.yaml', system: true } },
    systemUsers: accounts('root', 'ana'),
    config: { ...config },
  })
}

const cases: [string, string][] = [
  ['ana@example.com', 'admit local'],
  ['ana+x@example.com', 'admit local'],
  ['ana@[127.0.0.1]', 'admit local'],
  ['ANA@example.com', 'admit local'],
  ['Ana+X@example.com', 'admit local'],
  ['root@example.com', 'admit local'],
  ['paco@example.com', 'pass'],
  ['ana@virtual.test', 'pass'],
  ['ana@elsewhere.test', 'pass'],
]
for (const [to, verdict] of cases)
  test(`${to}: ${verdict}`, async () => {
    await open()
    expect((await plugin.rcpt(to)).verdict).toBe(verdict)
  })

test('accounts below the smallest user id get nothing', async () => {
  await open({ minimumUid: 1000 })
  expect((await plugin.rcpt('root@example.com')).outcome).toMatchObject({ reply: { code: 550, enhanced: '5.1.1' } })
  expect((await plugin.rcpt('ana@example.com')).verdict).toBe('admit local')
})

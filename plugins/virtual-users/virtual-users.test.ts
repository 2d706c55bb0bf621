import { testPlugin } from 'estafeta/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { shown, systemUsers } from '../../test/kit/directory.ts'
import virtualUsers from './index.ts'

const USERS = `
domains:
  virtual.test:
  caught.test: { catchAll: [ana@example.com, paco@example.com] }
  mapped.test:
users: { ana@example.com: {}, paco@example.com: {}, eva@caught.test: {}, hub@mapped.test: {} }
aliases:
  sales@virtual.test: [ana@example.com, out@elsewhere.test]
  boss@example.com: ana@example.com
`
const VIRTUAL = `# the map
info@virtual.test        ana@example.com, paco
self@mapped.test         self@mapped.test copy@elsewhere.test
local                    eva@caught.test
@mapped.test             @example.com
`

let plugin: Awaited<ReturnType<typeof testPlugin>>
afterEach(() => plugin.close())

async function open(config: object = {}, map = VIRTUAL): Promise<void> {
  plugin = await testPlugin(virtualUsers, {
    files: { 'users.yaml': USERS, virtual: map },
    config: { maps: ['virtual'], ...config },
    site: { postmaster: 'ana', domains: ['example.com'], users: { file: 'users.yaml', system: true } },
    systemUsers: systemUsers('sys'),
  })
}

const cases: [string, string[] | null][] = [
  ['sales@virtual.test', ['ana@example.com', 'out@elsewhere.test']],
  ['Sales+x@virtual.test', ['ana@example.com', 'out@elsewhere.test']],
  ['info@virtual.test', ['ana@example.com', 'paco@example.com']],
  ['boss@example.com', ['ana@example.com']],
  ['local@example.com', ['eva@caught.test']],
  ['local@virtual.test', null],
  ['nobody@virtual.test', null],
  ['anybody@caught.test', ['ana@example.com', 'paco@example.com']],
  ['eva@caught.test', null],
  ['eva+x@caught.test', null],
  ['paco+x@mapped.test', ['paco+x@example.com']],
  ['hub@mapped.test', null],
  ['self@mapped.test', ['self@mapped.test final', 'copy@elsewhere.test']],
  ['postmaster@virtual.test', ['ana@example.com']],
  ['postmaster@caught.test', ['ana@example.com', 'paco@example.com']],
  ['postmaster@example.com', null],
  ['anybody@elsewhere.test', null],
]

describe('what an address stands for', () => {
  for (const [to, into] of cases)
    test(`${to}: ${into ?? 'itself'}`, async () => {
      await open()
      expect(shown((await plugin.expand(to)).outcome)).toEqual(into)
      expect((await plugin.rcpt(to)).verdict).toBe(into === null ? 'pass' : 'admit local')
    })
})

test('a catch-all of our own domain spares system users', async () => {
  await open({}, '@example.com ana@example.com\n')
  expect((await plugin.expand('sys@example.com')).outcome).toBeNull()
  expect((await plugin.expand('sys+x@example.com')).outcome).toBeNull()
  expect(shown((await plugin.expand('other@example.com')).outcome)).toEqual(['ana@example.com'])
})

test('regular expressions may stand in the place of a map', async () => {
  await open({ maps: ['regexp:virtual'] }, '/^(.*)-list@virtual\\.test$/ $1@example.com\n')
  expect(shown((await plugin.expand('news-list@virtual.test')).outcome)).toEqual(['news@example.com'])
})

test('a map that is missing or holds more than addresses defers', async () => {
  await open({ maps: ['nowhere'] })
  expect((await plugin.rcpt('info@virtual.test')).outcome).toMatchObject({ kind: 'defer' })
  await plugin.close()
  await open({}, 'info@virtual.test |/bin/sh\n')
  await expect(plugin.expand('info@virtual.test')).rejects.toMatchObject({ kind: 'temporary' })
})

test('an unknown kind of map is told before anything starts', async () => {
  await expect(open({ maps: ['ldap:x'] })).rejects.toThrow(/expected a path/)
  await open()
})

import { readFileSync } from 'node:fs'
import { testPlugin } from 'estafeta/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { shown, writeLater } from '../../test/kit/directory.ts'
import aliases from './index.ts'

const ALIASES = `postmaster: root
team: ana, paco@elsewhere.test
list: ana, "|/usr/bin/archive -a", /var/mail/list
owner-list: paco
owner-owner: ana
news-request: ana
owner-news-request: paco
self: \\self, eva
nowhere: /dev/null
`
const USERS = 'users: { ana@example.com: {}, paco@example.com: {} }\ndomains: { virtual.test: }\n'

let plugin: Awaited<ReturnType<typeof testPlugin>>
afterEach(() => plugin.close())

async function open(config: object = {}, text = ALIASES, site: object = {}): Promise<typeof plugin> {
  plugin = await testPlugin(aliases, {
    files: { 'users.yaml': USERS, aliases: text },
    config: { ...config },
    site: { domains: ['example.com', 'localhost'], postmaster: 'ana', ...site },
  })
  return plugin
}
const expand = async (to: string, from = 'sender@outside.test') => (await plugin.expand(to, { from })).outcome

describe('rcpt', () => {
  const cases: [string, string][] = [
    ['team@example.com', 'admit local'],
    ['TEAM@localhost', 'admit local'],
    ['team+x@example.com', 'admit local'],
    ['postmaster@example.com', 'admit local'],
    ['Root@example.com', 'admit local'],
    ['unknown@example.com', 'pass'],
    ['team@virtual.test', 'pass'],
    ['team@elsewhere.test', 'pass'],
  ]
  for (const [to, verdict] of cases)
    test(`${to}: ${verdict}`, async () => {
      await open()
      expect((await plugin.rcpt(to)).verdict).toBe(verdict)
    })

  test('<postmaster> without a domain gets one', async () => {
    await open()
    expect((await plugin.rcpt('Postmaster')).outcome).toMatchObject({
      kind: 'accept',
      as: 'local',
      recipient: { address: { local: 'Postmaster', domain: 'example.com' } },
    })
  })
})

describe('expand', () => {
  const cases: [string, string[] | null][] = [
    ['team@example.com', ['ana@example.com', 'paco@elsewhere.test']],
    ['team+detail@localhost', ['ana@localhost', 'paco@elsewhere.test']],
    ['list@example.com', ['ana@example.com', '|/usr/bin/archive -a', '/var/mail/list']],
    ['self@example.com', ['self@example.com final', 'eva@example.com']],
    ['nowhere@example.com', []],
    ['unknown@example.com', null],
    ['team@virtual.test', null],
    ['postmaster@example.com', ['root@example.com']],
    ['root@example.com', ['ana@example.com']],
  ]
  for (const [to, into] of cases)
    test(to, async () => {
      await open()
      expect(shown(await expand(to))).toEqual(into)
    })

  test('owner- gives the copies their reverse-path, and DSN wishes end at the list', async () => {
    await open()
    const into = await expand('list@example.com')
    expect(into?.map((one) => one.reversePath?.original)).toEqual(Array(3).fill('owner-list@example.com'))
    expect(into?.[0]).toMatchObject({ notify: [], orcpt: null })
  })
  test('owner- is not used for owner- and -request names themselves', async () => {
    await open()
    for (const to of ['owner-list@example.com', 'news-request@example.com'])
      expect((await expand(to))?.[0]?.reversePath?.original).toBe('sender@outside.test')
  })
  test('an alias without owner- keeps the reverse-path, null too', async () => {
    await open()
    expect((await expand('team@example.com', ''))?.[0]?.reversePath).toBeNull()
  })
  test('commands and files run as the user that is set', async () => {
    await open({ runAs: 'nobody' })
    expect(shown(await expand('list@example.com'))).toEqual([
      'ana@example.com',
      '|/usr/bin/archive -a as nobody',
      '/var/mail/list as nobody',
    ])
  })
  test('where origin is elsewhere, names that are no aliases go there', async () => {
    await open({}, 'postmaster: root\nroot: ana\n', { origin: 'company.test', domains: ['localhost'] })
    expect(shown(await expand('postmaster@localhost'))).toEqual(['root@localhost'])
    expect(shown(await expand('root@localhost'))).toEqual(['ana@company.test'])
  })
  test('a postmaster with a mailbox of its own keeps its mail', async () => {
    await open({}, '')
    await writeLater(plugin.folder, 'users.yaml', 'users: { postmaster@example.com: {} }')
    expect(await expand('postmaster@example.com')).toBeNull()
  })
  test('root as the site’s postmaster stands for itself', async () => {
    await open({}, '', { postmaster: 'root' })
    expect(await expand('root@example.com')).toBeNull()
  })
})

test('files are asked in order, and one that is named must be there', async () => {
  await open({ files: ['first', 'second'] })
  await expect(expand('a@example.com')).rejects.toMatchObject({ kind: 'temporary' })
  await writeLater(plugin.folder, 'first', 'a: b\n')
  await writeLater(plugin.folder, 'second', 'a: c\nd: e\n')
  expect(shown(await expand('a@example.com'))).toEqual(['b@example.com'])
  expect(shown(await expand('d@example.com'))).toEqual(['e@example.com'])
})

test('without a file there is only the postmaster', async () => {
  plugin = await testPlugin(aliases, { files: { 'users.yaml': '' } })
  expect((await plugin.rcpt('postmaster@example.com')).verdict).toBe('admit local')
  expect((await plugin.rcpt('team@example.com')).verdict).toBe('pass')
})

test('a mistake in the file keeps the last good version; one from the start defers', async () => {
  await open({}, 'a: b\n')
  expect(shown(await expand('a@example.com'))).toEqual(['b@example.com'])
  await writeLater(plugin.folder, 'aliases', 'a b\n')
  expect(shown(await expand('a@example.com'))).toEqual(['b@example.com'])
  expect(plugin.log.some((line) => line.level === 'error' && String(line.fields.problems).includes('aliases:1'))).toBe(
    true,
  )
  await plugin.close()
  await open({}, 'a b\n')
  expect((await plugin.rcpt('a@example.com')).outcome).toMatchObject({ kind: 'defer' })
})

test('the example of the README is an alias file', async () => {
  const readme = readFileSync(new URL('./README.md', import.meta.url), 'utf8')
  await open({}, /^```\n(.*?)^```$/ms.exec(readme)![1]!)
  expect(shown(await expand('team@example.com'))).toEqual([
    'ana@example.com',
    'paco@elsewhere.example',
    'eva@example.com',
  ])
})

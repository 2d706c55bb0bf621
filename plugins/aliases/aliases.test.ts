import { afterEach, describe, expect, test } from 'vitest'
import { openTestDirectory, queuedFacts, queuedRecipient, shown, type TestDirectory } from '../../test/kit/directory.ts'
import { address, messageFacts } from '../../test/kit/message-facts.ts'
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

let opened: TestDirectory
afterEach(() => opened.close())

function hooks(config: object = {}, text = ALIASES, site: object = {}) {
  opened = openTestDirectory({ 'users.yaml': USERS, aliases: text }, site)
  const made = aliases.setup({ ...opened, config: aliases.config!.parse(config) }) as Record<string, never>
  return made as unknown as {
    rcpt(t: unknown, r: { address: ReturnType<typeof address> }): unknown
    expand(r: ReturnType<typeof queuedRecipient>, m: unknown): Promise<Parameters<typeof shown>[0]>
  }
}
const transaction = messageFacts('Subject: x\r\n\r\n')
const expand = async (to: string, from?: string | null, made = hooks()) =>
  made.expand(queuedRecipient(to, from), queuedFacts)

describe('rcpt', () => {
  const cases: [string, string][] = [
    ['team@example.com', 'admit'],
    ['TEAM@localhost', 'admit'],
    ['team+x@example.com', 'admit'],
    ['postmaster@example.com', 'admit'],
    ['Root@example.com', 'admit'],
    ['unknown@example.com', 'pass'],
    ['team@virtual.test', 'pass'],
    ['team@elsewhere.test', 'pass'],
  ]
  for (const [to, kind] of cases)
    test(`${to}: ${kind}`, () => expect(hooks().rcpt(transaction, { address: address(to) })).toMatchObject({ kind }))

  test('<postmaster> without a domain gets one', () => {
    const recipient = { address: { local: 'Postmaster', domain: '', original: 'Postmaster' } }
    expect(hooks().rcpt(transaction, recipient)).toMatchObject({
      kind: 'admit',
      as: 'local',
      rewrite: { local: 'Postmaster', domain: 'example.com' },
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
  for (const [to, into] of cases) test(to, async () => expect(shown(await expand(to))).toEqual(into))

  test('owner- gives the copies their reverse-path, and DSN wishes end at the list', async () => {
    const into = await expand('list@example.com')
    expect(into?.map((one) => one.reversePath?.original)).toEqual(Array(3).fill('owner-list@example.com'))
    expect(into?.[0]).toMatchObject({ notify: [], orcpt: null })
  })
  test('owner- is not used for owner- and -request names themselves', async () => {
    for (const to of ['owner-list@example.com', 'news-request@example.com'])
      expect((await expand(to))?.[0]?.reversePath?.original).toBe('sender@outside.test')
  })
  test('an alias without owner- keeps the reverse-path, null too', async () => {
    expect((await expand('team@example.com', null))?.[0]?.reversePath).toBeNull()
  })
  test('commands and files run as the user that is set', async () => {
    expect(shown(await expand('list@example.com', null, hooks({ runAs: 'nobody' })))).toEqual([
      'ana@example.com',
      '|/usr/bin/archive -a as nobody',
      '/var/mail/list as nobody',
    ])
  })
  test('where origin is elsewhere, names that are no aliases go there', async () => {
    const made = hooks({}, 'postmaster: root\nroot: ana\n', { origin: 'company.test', domains: ['localhost'] })
    expect(shown(await expand('postmaster@localhost', null, made))).toEqual(['root@localhost'])
    expect(shown(await expand('root@localhost', null, made))).toEqual(['ana@company.test'])
  })
  test('a postmaster with a mailbox of its own keeps its mail', async () => {
    const made = hooks({}, '')
    await opened.write('users.yaml', 'users: { postmaster@example.com: {} }')
    expect(await made.expand(queuedRecipient('postmaster@example.com'), queuedFacts)).toBeNull()
  })
  test('root as the site’s postmaster stands for itself', async () => {
    expect(await expand('root@example.com', null, hooks({}, '', { postmaster: 'root' }))).toBeNull()
  })
})

test('files are asked in order, and one that is named must be there', async () => {
  const made = hooks({ files: ['first', 'second'] })
  await expect(made.expand(queuedRecipient('a@example.com'), queuedFacts)).rejects.toMatchObject({ kind: 'temporary' })
  await opened.write('first', 'a: b\n')
  await opened.write('second', 'a: c\nd: e\n')
  expect(shown(await made.expand(queuedRecipient('a@example.com'), queuedFacts))).toEqual(['b@example.com'])
  expect(shown(await made.expand(queuedRecipient('d@example.com'), queuedFacts))).toEqual(['e@example.com'])
})

test('a mistake in the file keeps the last good version; one from the start defers', async () => {
  const made = hooks({}, 'a: b\n')
  expect(shown(await made.expand(queuedRecipient('a@example.com'), queuedFacts))).toEqual(['b@example.com'])
  await opened.write('aliases', 'a b\n')
  expect(shown(await made.expand(queuedRecipient('a@example.com'), queuedFacts))).toEqual(['b@example.com'])
  opened.close()
  const broken = hooks({}, 'a b\n')
  expect(() => broken.rcpt(transaction, { address: address('a@example.com') })).toThrow(/expected 'name: target/)
})

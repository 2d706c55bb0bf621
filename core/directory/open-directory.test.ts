import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { testSite } from '../../test/kit/site.ts'
import { FakeClock } from '../base/clock.ts'
import { type LogFields, type Logger, silentLogger } from '../base/log.ts'
import type { Site } from '../config/site.ts'
import { type OpenDirectory, openDirectory } from './open-directory.ts'

let data: string
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'directory-'))
})
afterEach(() => rmSync(data, { recursive: true }))

const USERS = `# who is here
domains:
  example.org: { catchAll: paco@example.com }
  example.net:
users:
  Ana@example.com:
    name: Ana García
    password: "{PLAIN}ana-demo"
    addresses: [ana.garcia@example.org]
    quota: 1GiB
  paco@example.com:
    password: "{PLAIN}paco-demo"
    forward: paco@elsewhere.test
    keepCopy: true
  eva@example.com: { password: "{PLAIN}eva-demo", enabled: false }
  ana@example.org: {}
  hub@example.net: { addresses: "@example.net" }
aliases:
  sales@example.org: [ana@example.com, paco@example.com]
`

/** A file becomes visible as an atomic rename, one turn of the event loop later. */
async function write(name: string, text: string): Promise<void> {
  writeFileSync(join(data, `${name}.new`), text)
  renameSync(join(data, `${name}.new`), join(data, name))
  await new Promise(setImmediate)
}

function open(changes: Partial<Site> = {}, log: Logger = silentLogger): OpenDirectory {
  return openDirectory({ site: testSite(data, changes), clock: new FakeClock(), log })
}
const address = (text: string) => ({
  local: text.slice(0, text.indexOf('@')),
  domain: text.slice(text.indexOf('@') + 1),
  original: text,
})

describe('users.yaml', () => {
  test('is found by account, address and unambiguous name, in any letter case', async () => {
    await write('users.yaml', USERS)
    const directory = open()
    expect(directory.user('ana@example.com')).toMatchObject({ name: 'Ana García', quota: 2 ** 30 })
    expect(directory.user('ANA.García@example.org') ?? null).toBeNull()
    expect(directory.user('Ana.Garcia@Example.ORG')?.account).toBe('ana@example.com')
    expect(directory.user('PACO')?.account).toBe('paco@example.com')
    expect(directory.user('ana')).toBeNull()
    expect(directory.user('nobody')).toBeNull()
    expect(directory.userByAddress('ana@example.org')?.account).toBe('ana@example.org')
    expect(directory.users().length).toBe(5)
  })

  test('domains are local, the site’s are one name space, literals of this machine too', async () => {
    await write('users.yaml', USERS)
    const directory = open()
    for (const domain of ['example.com', 'localhost', 'EXAMPLE.org', 'example.net', '', '[127.0.0.1]'])
      expect(directory.isLocalDomain(domain), domain).toBe(true)
    for (const domain of ['elsewhere.test', 'sub.example.com', '[192.0.2.77]'])
      expect(directory.isLocalDomain(domain), domain).toBe(false)
    expect(directory.recipient(address('paco@localhost'))?.user.account).toBe('paco@example.com')
    expect(directory.recipient(address('paco@[127.0.0.1]'))?.user.account).toBe('paco@example.com')
    expect(directory.recipient(address('paco@example.org'))).toBeNull()
  })

  test('a local part that needs quotes is found, with a detail too', async () => {
    await write('users.yaml', 'users:\n  \'"q s"@example.com\': {}\n')
    const directory = open()
    const account = '"q s"@example.com'
    expect(directory.recipient(address('Q s@example.com'))).toMatchObject({ user: { account }, detail: null })
    expect(directory.recipient(address('q s+x@example.com'))).toMatchObject({ user: { account }, detail: 'x' })
    expect(directory.user('"q s"@example.com')?.account).toBe(account)
  })

  test('the detail is split off only where nothing matches whole', async () => {
    await write('users.yaml', USERS.replace('  ana@example.org: {}', '  ana+x@example.com: {}'))
    const directory = open()
    expect(directory.recipient(address('ana+x@example.com'))?.user.account).toBe('ana+x@example.com')
    expect(directory.recipient(address('Ana+y+z@example.com'))).toMatchObject({
      user: { account: 'ana@example.com' },
      detail: 'y+z',
    })
    expect(await open({ recipientDelimiter: '' }).recipient(address('ana+y@example.com'))).toBeNull()
  })

  test('aliases and catch-all, by key or by an @domain address', async () => {
    await write('users.yaml', USERS)
    const directory = open()
    expect(directory.virtualAlias('Sales@example.org')).toEqual(['ana@example.com', 'paco@example.com'])
    expect(directory.catchAll('example.org')).toEqual(['paco@example.com'])
    expect(directory.catchAll('example.net')).toEqual(['hub@example.net'])
    expect(directory.catchAll('example.com')).toBeNull()
  })

  test('passwords: right, wrong, none, disabled, nobody', async () => {
    await write('users.yaml', USERS)
    const directory = open()
    const check = async (login: string, password: string): Promise<boolean> =>
      directory.verifyPassword(directory.user(login), password)
    expect(await check('paco', 'paco-demo')).toBe(true)
    expect(await check('paco', 'ana-demo')).toBe(false)
    expect(await check('eva', 'eva-demo')).toBe(false)
    expect(await check('hub', '')).toBe(false)
    expect(await check('nobody', 'ana-demo')).toBe(false)
    expect(await check('nobody', 'paco-demo')).toBe(false)
  })

  test('a change is seen at once; a bad one is reported with lines, and the last good version stays', async () => {
    await write('users.yaml', USERS)
    const events: { event: string; fields: LogFields | undefined }[] = []
    const log: Logger = { ...silentLogger, error: (event, fields) => events.push({ event, fields }) }
    const directory = open({}, log)
    expect(directory.user('eva')).not.toBeNull()
    await write('users.yaml', USERS.replace('forward: paco@', 'forwad: paco@').replace('1GiB', 'plenty'))
    expect(directory.user('paco')?.forward).toEqual(['paco@elsewhere.test'])
    expect(events).toHaveLength(1)
    expect(String(events[0]!.fields?.problems).split('\n')).toEqual([
      `${data}/users.yaml:10:5: users.Ana@example.com.quota: expected a size such as 50MiB, 200KB or 0`,
      `${data}/users.yaml:13:5: users.paco@example.com.forwad: unknown key (did you mean 'forward'?)`,
    ])
    expect(directory.problems()).toHaveLength(2)
    await write('users.yaml', USERS.replace('eva@', 'evelyn@'))
    expect(directory.user('eva')).toBeNull()
    expect(directory.problems()).toEqual([])
    rmSync(join(data, 'users.yaml'))
    await new Promise(setImmediate)
    expect(directory.user('evelyn')).not.toBeNull()
  })

  test('a file that was never good makes lookups fail for now, also of its domains', async () => {
    await write('users.yaml', 'users: [')
    const directory = open()
    expect(() => directory.user('ana')).toThrow(expect.objectContaining({ kind: 'temporary' }))
    expect(directory.isLocalDomain('example.com')).toBe(true)
    expect(directory.isLocalDomain('example.org')).toBe(false)
    expect(directory.knowsDomains()).toBe(false)
    expect(() => directory.recipient(address('x@example.org'))).toThrow(/users\.yaml:1/)
    await write('users.yaml', '')
    expect(directory.user('ana')).toBeNull()
    expect(directory.knowsDomains()).toBe(true)
  })

  test('a file that is not there yet has no users; one whose folder is gone is trouble', async () => {
    const directory = open()
    expect(directory.user('ana')).toBeNull()
    expect(directory.problems()).toEqual([])
    await write('users.yaml', USERS)
    expect(directory.user('paco')).not.toBeNull()
    const elsewhere = open({ users: { file: `${data}/unmounted/users.yaml`, system: false } })
    expect(() => elsewhere.user('ana')).toThrow(/no such file/)
  })

  test('a large file is parsed aside while the old version serves', async () => {
    const many = (n: number): string =>
      `users:\n${Array.from({ length: n }, (_, i) => `  user${i}@example.com: { password: "{PLAIN}secret-of-${i}" }\n`).join('')}`
    await write('users.yaml', many(2000))
    const directory = open()
    expect(directory.users()).toHaveLength(2000)
    await write('users.yaml', many(2001))
    expect(directory.users()).toHaveLength(2000)
    while (directory.users().length === 2000) await new Promise((resolve) => setImmediate(resolve))
    expect(directory.user('user2000')?.account).toBe('user2000@example.com')
    await write('users.yaml', `${many(2001)}oops: 1\n`)
    while (directory.problems().length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(directory.users()).toHaveLength(2001)
  }, 30_000)

  test('without a users file there are none', async () => {
    const directory = open({ users: { file: null, system: true } })
    expect(directory.users()).toEqual([])
    expect(directory.isLocalDomain('example.org')).toBe(false)
    expect(directory.knowsDomains()).toBe(true)
  })

  const mistakes: [string, string][] = [
    ['users: { ana: {} }', 'users.ana: an account is named by its address, such as ana@example.com'],
    ['users: [ana@example.com]', 'users: expected accounts as keys, such as "ana@example.com: { password: … }"'],
    ['users: { a@b.c: { enabled: yes please } }', 'users.a@b.c.enabled: expected true or false'],
    ['users: { a@b.c: { password: secret } }', 'users.a@b.c.password: expected a password with its scheme'],
    ['users: { a@b.c: { addresses: [x@b.c] }, d@b.c: { addresses: x@b.c } }', 'x@b.c belongs to a@b.c too'],
    ['users: { a@b.c: {}, A@b.c: {} }', 'users.A@b.c: the account a@b.c is there twice'],
    ['domains: { -x: {} }', 'domains.-x: not a domain'],
    ['domains: { b.c: { catchall: a@b.c } }', "domains.b.c.catchall: unknown key (did you mean 'catchAll'?)"],
    ['aliases: { sales: a@b.c }', 'aliases.sales: expected an address with its domain on the left'],
    ['aliases: { s@b.c: [] }', 'aliases.s@b.c: leads nowhere: name at least one address'],
    ['aliases: { s@b.c: [here] }', "aliases.s@b.c[0]: 'here' is not an address"],
    ['users: { a@b.c: {} }\naliases: { a@b.c: d@b.c }', 'aliases.a@b.c: is a user too'],
    ['users: {', '/users.yaml:1:'],
    ['user: {}', "user: unknown key (did you mean 'users'?)"],
  ]
  for (const [text, expected] of mistakes)
    test(`mistake: ${text.replaceAll('\n', ' ')}`, async () => {
      await write('users.yaml', text)
      const directory = open()
      expect(() => directory.user('ana')).toThrow(expected)
    })
})

describe('.forward of an account', () => {
  test('is read from its mail folder; a link or a folder in its place is a temporary failure', async () => {
    await write('users.yaml', USERS)
    const directory = open()
    expect(directory.readForward('ana@example.com')).toBeNull()
    mkdirSync(join(data, 'mail/example.com/ana'), { recursive: true })
    writeFileSync(join(data, 'mail/example.com/ana/.forward'), '\\ana, paco\n')
    expect(directory.readForward('ana@example.com')).toBe('\\ana, paco\n')
    mkdirSync(join(data, 'mail/example.com/paco/.forward'), { recursive: true })
    expect(() => directory.readForward('paco@example.com')).toThrow(expect.objectContaining({ kind: 'temporary' }))
  })
})

test('maps: relative paths lie beside the configuration, each is opened once, an unknown kind is refused', async () => {
  await write('access', 'spam.example REJECT\n')
  const directory = openDirectory({
    site: testSite('elsewhere', { users: { file: null, system: false } }),
    clock: new FakeClock(),
    log: silentLogger,
    base: data,
  })
  expect(directory.table('hash:access').get('Spam.Example')).toBe('REJECT')
  expect(directory.table('access')).toBe(directory.table('text:access'))
  expect(() => directory.table('sql:access')).toThrow(/expected a path/)
  expect(() => directory.table('cidr:nowhere').get('192.0.2.1')).toThrow(/no such file/)
  expect(directory.problems().map((p) => p.message)).toEqual(['no such file'])
})

// The user, alias and domain commands as people run them.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { FakeClock } from '../base/clock.ts'
import { Passwords } from '../directory/passwords.ts'
import { parseUsersFile } from '../directory/users-file.ts'
import { run } from './main.ts'

const main = fileURLToPath(new URL('./main.ts', import.meta.url))
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-'))
  writeFileSync(
    join(folder, 'estafeta.yaml'),
    'profile: internet-site\nhostname: mail.example.com\ndomains: [example.com]\npostmaster: ana@example.com\ndata: data\n',
  )
})
afterAll(() => rmSync(folder, { recursive: true }))

/** In this process; what is written to the standard output and error is kept. */
async function estafeta(args: string): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' }
  const keep = (to: 'out' | 'err') => (chunk: unknown) => {
    said[to] += String(chunk)
    return true
  }
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation(keep('out')),
    vi.spyOn(process.stderr, 'write').mockImplementation(keep('err')),
  ]
  try {
    return { code: await run(['-c', join(folder, 'estafeta.yaml'), ...args.split(' ')]), ...said }
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
}

/** As a program of its own, with something on its standard input. */
function withInput(args: string, stdin: string): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, '-c', join(folder, 'estafeta.yaml'), ...args.split(' ')])
    let out = ''
    let err = ''
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk
    })
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk
    })
    child.stdin.end(stdin)
    child.on('close', (code) => resolve({ code, out, err }))
  })
}
const users = () => parseUsersFile(readFileSync(join(folder, 'data/users.yaml'), 'utf8'), 'users.yaml', 0).value.users

test('a file that cannot be written is told, with the exit code for it', async () => {
  const other = join(folder, 'blocked.yaml')
  writeFileSync(join(folder, 'blocked'), '')
  writeFileSync(other, `${readFileSync(join(folder, 'estafeta.yaml'), 'utf8')}users: { file: blocked/users.yaml }\n`)
  const { code, err } = await estafeta(`-c ${other} user add eva@example.com --no-password`)
  expect({ code, err }).toEqual({
    code: 73,
    err: expect.stringMatching(/^estafeta: \S+\/blocked\/users\.yaml cannot be changed: E[A-Z]+: /),
  })
})

test('a user is added with a password that nobody sees, shown, disabled and removed', async () => {
  const added = await withInput('user add ana --name Ana --quota 1GiB --password-stdin', 'her pass phrase\nrest\n')
  expect(added).toEqual({ code: 0, out: 'added ana@example.com\n', err: '' })
  const user = users().get('ana@example.com')!
  expect(user).toMatchObject({ name: 'Ana', quota: 2 ** 30 })
  expect(await new Passwords(new FakeClock()).verify(user.secret, 'her pass phrase')).toBe(true)

  const listed = await estafeta('user list --json')
  expect(JSON.parse(listed.out)).toMatchObject([{ account: 'ana@example.com', password: 'ARGON2ID', enabled: true }])
  expect(listed.out).not.toContain('$argon2id')
  expect((await withInput('user passwd ana --password-stdin --scheme SSHA', 'other\n')).code).toBe(0)
  expect(users().get('ana@example.com')?.secret).toMatch(/^\{SSHA\}/)
  expect((await estafeta('user disable ana')).code).toBe(0)
  expect((await estafeta('user')).out).toMatch(/ana@example\.com +Ana +1GiB +disabled/)
  expect((await estafeta('user enable ana')).code).toBe(0)
  expect((await estafeta('user show ana')).out).toMatch(/enabled: +true/)
  expect((await estafeta('user remove ana')).code).toBe(0)
  expect(users().size).toBe(0)
}, 30_000)

test('domains are listed as they are used, and as people read them', async () => {
  expect((await estafeta('domain add Größe.example')).out).toBe('added xn--gre-6ka8i.example\n')
  expect((await estafeta('domain list')).out).toMatch(/^xn--gre-6ka8i\.example \(größe\.example\) +virtual/m)
  expect((await estafeta('domain list')).out).toMatch(/^example\.com +local/m)
  expect((await estafeta('domain remove größe.example')).out).toBe('removed xn--gre-6ka8i.example\n')
})

test('domains and aliases, local and virtual', async () => {
  expect((await estafeta('domain add Example.ORG --catch-all ana')).out).toBe('added example.org\n')
  expect((await estafeta('user add paco@example.org --no-password')).code).toBe(0)
  expect((await estafeta('alias add sales ana paco@example.org')).code).toBe(0)
  expect((await estafeta('alias add info@example.org paco@example.org')).code).toBe(0)
  expect(JSON.parse((await estafeta('alias list --json')).out)).toMatchObject([
    { alias: 'sales', targets: ['ana', 'paco@example.org'] },
    { alias: 'info@example.org', targets: ['paco@example.org'] },
  ])
  expect(JSON.parse((await estafeta('domain list --json')).out)).toEqual([
    { domain: 'example.com', kind: 'local', catchAll: [] },
    { domain: 'example.org', kind: 'virtual', catchAll: ['ana@example.com'] },
  ])
  expect((await estafeta('domain remove example.org')).err).toContain('still has users: paco@example.org')
  expect((await estafeta('alias remove sales')).code).toBe(0)
  expect(readFileSync(join(folder, 'data/aliases'), 'utf8')).toBe('')
}, 30_000)

test('alias and newaliases work on the files that the server asks', async () => {
  const config = join(folder, 'named.yaml')
  writeFileSync(
    config,
    'profile: internet-site\nhostname: mail.example.com\ndomains: [example.com]\npostmaster: ana@example.com\ndata: data\nplugins: { aliases: { files: [./first, ./second] } }\n',
  )
  writeFileSync(join(folder, 'first'), 'sales: ana\n')
  writeFileSync(join(folder, 'second'), 'press: ana,\n  # and\n  paco@example.org\ninfo: ana\n')
  const named = (args: string) => estafeta(`-c ${config} ${args}`)
  expect((await named('alias add team ana')).code).toBe(0)
  expect(readFileSync(join(folder, 'first'), 'utf8')).toBe('sales: ana\nteam: ana\n')
  expect((await named('alias add press ana')).err).toContain('exists already')
  expect(JSON.parse((await named('alias list --json')).out).slice(0, 4)).toMatchObject([
    { alias: 'sales', file: join(folder, 'first') },
    { alias: 'team', file: join(folder, 'first') },
    { alias: 'press', targets: ['ana', 'paco@example.org'], file: join(folder, 'second') },
    { alias: 'info', file: join(folder, 'second') },
  ])
  expect((await named('alias remove press')).code).toBe(0)
  expect(readFileSync(join(folder, 'second'), 'utf8')).toBe('info: ana\n')
  expect((await named('newaliases')).out).toBe(
    `${join(folder, 'first')}: 2 aliases\n${join(folder, 'second')}: 1 aliases\n`,
  )
}, 30_000)

test('an empty password is refused', async () => {
  expect(await withInput('user add x --password-stdin', '')).toEqual({
    code: 65,
    out: '',
    err: 'estafeta: a password cannot be empty\n',
  })
}, 30_000)

test('mistakes say what is wrong, with the exit codes of mail programs', async () => {
  const cases: [string, number, RegExp][] = [
    ['user remove nobody', 67, /no such user: nobody/],
    ['user add x@elsewhere.test --no-password', 65, /add it first with 'estafeta domain add elsewhere\.test'/],
    ['user add x', 64, /use --password-stdin/],
    ['user add a@@b --no-password', 65, /is not an address/],
    ['user add x --no-password --quota much', 78, /expected a size/],
    ['user frob', 64, /unknown command|too many arguments/],
    ['domain add -- -x', 65, /is not a domain/],
    ['domain remove example.com', 65, /stands in the configuration/],
    ['alias remove nothing', 69, /no such alias: nothing/],
  ]
  for (const [args, code, message] of cases) {
    const result = await estafeta(args)
    expect(result.err, args).toMatch(message)
    expect(result.code, args).toBe(code)
    expect(result.err, args).not.toMatch(/^ +at /m)
  }
}, 60_000)

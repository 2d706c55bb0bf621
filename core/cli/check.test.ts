// Every mistake of a configuration in one report: whatever part finds it, however it hides behind another.
import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createAuthority, writeCertificate } from '../../test/kit/certificates.ts'
import { SYSTEM_CONFIG } from './context.ts'

const main = fileURLToPath(new URL('./main.ts', import.meta.url))
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'estafeta-check-'))
  // root's `serve` loads plugins only after it has become another user
  chmodSync(folder, 0o755)
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Exit code, and the report without the folder's name. */
function estafeta(config: string, ...command: string[]): Promise<{ code: number; out: string[]; err: string[] }> {
  const file = join(folder, 'site.yaml')
  writeFileSync(file, config)
  return run('--config', file, ...command)
}

function run(...command: string[]): Promise<{ code: number; out: string[]; err: string[] }> {
  return new Promise((resolve) => {
    const args = ['--disable-warning=ExperimentalWarning', main, ...command]
    const { ESTAFETA_CONFIG: _, ...env } = process.env
    const child = execFile(process.execPath, args, { cwd: folder, env }, (_, out, err) => {
      const lines = (text: string): string[] => text.replaceAll(`${folder}/`, '').trimEnd().split('\n')
      resolve({ code: child.exitCode ?? -1, out: lines(out), err: lines(err) })
    })
  })
}

const ALL_WRONG = `profile: internet-site
hostnam: mail.example.com
hostname: mail.example.com
domains: [example.com]
postmaster: ana@example.com
data: ./data
limits: { recipients: 5 }
relay: { host: "[mx.example.net]", username: me, tsl: verify }
listen: { smtp: ["127.0.0.1:2525"], submission: ["127.0.0.1:2525"], submissions: [], imap: [], imaps: [], pop3: [], pop3s: [] }
tls: { cert: ./none.pem, key: ./none.key }
plugins:
  access: { tabels: [] }
  clamav: { enabled: false, sokket: /x }
  lottery: { use: ./lottery.ts, onError: pass }
  ghost: { onError: pass }
  aliases: { before: forward }
  forward: { before: aliases }
  virtual-users: { after: virtual-user }
  users-file: { timeout: soon }
  broken: { use: ./broken.ts, onError: pass }
`
const BROKEN = `import { definePlugin } from 'estafeta/plugin'
export default definePlugin({ name: 'broken', description: 'x', setup() { throw new Error('no way') } })
`

describe.each(['check', 'serve'])('%s', (command) => {
  it('names every mistake at once', { timeout: 60_000 }, async () => {
    writeFileSync(join(folder, 'broken.ts'), BROKEN)
    const { code, err } = await estafeta(ALL_WRONG, command)
    expect(code).toBe(78)
    const expected = [
      /^site.yaml:2:\d+: hostnam: unknown key \(did you mean 'hostname'\?\)/,
      /^site.yaml:7:\d+: limits.recipients: expected at least 100/,
      /^site.yaml:8:\d+: relay: username and password go together/,
      /^site.yaml:8:\d+: relay.tsl: unknown key \(did you mean 'tls'\?\)/,
      /^site.yaml:9:\d+: listen.submission: 127.0.0.1:2525 is already taken by 'smtp'/,
      /^site.yaml:10:\d+: tls.cert: cannot be read/,
      /^site.yaml:10:\d+: tls.key: cannot be read/,
      /^site.yaml:12:\d+: plugins.access.tabels: unknown key \(did you mean 'tables'\?\)/,
      /^site.yaml:13:\d+: plugins.clamav.sokket: unknown key \(did you mean 'socket'\?\)/,
      /^site.yaml:14:\d+: plugins.lottery: there is no plugin at lottery.ts/,
      /^site.yaml:15:\d+: plugins.ghost: no plugin 'ghost' is shipped/,
      /^site.yaml:16:\d+: plugins.aliases.before: cannot come before 'forward'/,
      /^site.yaml:18:\d+: plugins.virtual-users.after: no plugin entry is called 'virtual-user'/,
      /^site.yaml:19:\d+: plugins.users-file.timeout: expected a duration/,
    ]
    for (const one of expected) expect(err).toContainEqual(expect.stringMatching(one))
    expect(err).toHaveLength(expected.length)
  })

  it('runs the set-up of those that are well, when no fact of the site is in doubt', { timeout: 60_000 }, async () => {
    writeFileSync(join(folder, 'broken.ts'), BROKEN)
    const { code, err } = await estafeta(
      'hostname: a.example\ndata: ./data\nlisten: {}\nplugins:\n  broken: { use: ./broken.ts, onError: pass }\n  access: { onEror: defer }\n',
      command,
    )
    expect(code).toBe(78)
    expect(err).toEqual([
      expect.stringMatching(/^site.yaml:5:\d+: plugins.broken: its setup failed: no way/),
      expect.stringMatching(/^site.yaml:6:\d+: plugins.access.onError: missing: say what its failure means/),
      expect.stringMatching(/^site.yaml:6:\d+: plugins.access.onEror: unknown key/),
    ])
  })

  it('an unknown profile hides nothing that the file alone shows', { timeout: 60_000 }, async () => {
    const { code, err } = await estafeta(
      'profile: internet-sit\nhostname: a b\nlimit: {}\nplugins:\n  access: { tabels: [] }\n  mine: {}\n',
      command,
    )
    expect(code).toBe(78)
    expect(err).toEqual([
      expect.stringMatching(/^site.yaml:1:\d+: profile: unknown profile \(did you mean 'internet-site'\?\)/),
      expect.stringMatching(/^site.yaml:2:\d+: hostname: expected/),
      expect.stringMatching(/^site.yaml:3:\d+: limit: unknown key \(did you mean 'limits'\?\)/),
      expect.stringMatching(/^site.yaml:5:\d+: plugins.access.tabels: unknown key/),
    ])
  })
})

it.each(['listen: { smtp: { auth: maybe }, imap: { auth: maybe } }', 'domains: ["*.example.com", "a b"]'])(
  'several mistakes in one place hide none of the plugins: %s',
  { timeout: 60_000 },
  async (line) => {
    const { err } = await estafeta(`${line}\nplugins:\n  lottery: { use: ./lottery.ts, onError: pass }\n`, 'check')
    expect(err).toContainEqual(expect.stringMatching(/^site.yaml:3:\d+: plugins.lottery: there is no plugin at/))
  },
)

it('repeated keys, YAML aliases and odd keys hide nothing', { timeout: 60_000 }, async () => {
  const { code, err } = await estafeta(
    'hostname: a.example\nhostname: b.example\norigin: *other\n[x]: y\nlimit: {}\nplugins:\n  access: { onError: defer, tabels: [] }\n',
    'check',
  )
  expect(code).toBe(78)
  expect(err).toEqual([
    expect.stringMatching(/^site.yaml:2:1: .*unique/),
    expect.stringMatching(/^site.yaml:3:1: \*other is a YAML alias/),
    expect.stringMatching(/^site.yaml:4:1: a key must be a plain word/),
    expect.stringMatching(/^site.yaml:5:\d+: limit: unknown key/),
    expect.stringMatching(/^site.yaml:7:\d+: plugins.access.tabels: unknown key/),
  ])
})

it('certificates that cannot be read come with plugins that cannot be set up', { timeout: 60_000 }, async () => {
  writeFileSync(join(folder, 'broken.ts'), BROKEN)
  const { code, err } = await estafeta(
    'hostname: a.example\ndata: ./data\nlisten: {}\ntls: { cert: none, key: none }\nplugins:\n  broken: { use: ./broken.ts, onError: pass }\n',
    'check',
  )
  expect(code).toBe(78)
  expect(err).toEqual([
    expect.stringMatching(/^site.yaml:4:\d+: tls.cert: cannot be read/),
    expect.stringMatching(/^site.yaml:4:\d+: tls.key: cannot be read/),
    expect.stringMatching(/^site.yaml:6:\d+: plugins.broken: its setup failed: no way/),
  ])
})

describe('a certificate', () => {
  const site = (cert: string, key: string, more = '') =>
    `hostname: mail.example.com\nuser: nobody\ndata: ./data\nlisten: {}\ntls: { cert: ${cert}, key: ${key} }\n${more}`
  const write = async (name: string, names: string[], options = {}) =>
    writeCertificate(folder, name, await (await createAuthority()).issue(names, options))

  it.each([
    ['check', /^site.yaml:5:\d+: tls.key: is not the key of tls.cert/],
    ['serve', /^site.yaml:5:\d+: tls: one.crt and two.key cannot be used: .*mismatch/],
  ])('that does not fit its key, %s', { timeout: 60_000 }, async (command, said) => {
    await write('one', ['mail.example.com'])
    await write('two', ['mail.example.com'])
    expect(await estafeta(site('one.crt', 'two.key'), command)).toMatchObject({
      code: 78,
      err: [expect.stringMatching(said)],
    })
  })

  it('whose key wants a passphrase, that is not valid yet, or is no more', { timeout: 60_000 }, async () => {
    await write('one', ['mail.example.com'], { startsInDays: 3 })
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const locked = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
    writeFileSync(join(folder, 'locked.key'), locked)
    expect((await estafeta(site('one.crt', 'locked.key'), 'check')).err).toEqual([
      expect.stringMatching(/^site.yaml:5:\d+: tls.cert: is valid only from /),
      expect.stringMatching(/^site.yaml:5:\d+: tls.key: is no PEM private key without a passphrase: /),
    ])
    await write('old', ['mail.example.com'], { startsInDays: -9, days: 5 })
    expect((await estafeta(site('old.crt', 'old.key'), 'check')).err).toEqual([
      expect.stringMatching(/^site.yaml:5:\d+: tls.cert: expired on /),
    ])
  })

  it('for another name, and one that ends soon, are noted', { timeout: 60_000 }, async () => {
    await write('one', ['other.example.com'], { days: 5 })
    const { code, out } = await estafeta(site('one.crt', 'one.key'), 'check')
    expect(code).toBe(0)
    expect(out).toContain('note: tls.cert is not for mail.example.com: DNS:other.example.com')
    expect(out).toContainEqual(expect.stringMatching(/^note: tls.cert ends on /))
  })
})

it('--json: every mistake with its place, and the nearest right name', { timeout: 60_000 }, async () => {
  const config = `${ALL_WRONG.split('\n').slice(0, 6).join('\n')}\nlisten: {}\n`
  const { code, out, err } = await estafeta(config, 'check', '--json')
  expect({ code, err }).toEqual({ code: 78, err: [''] })
  const { ok, problems } = JSON.parse(out.join('\n'))
  expect(ok).toBe(false)
  expect(problems[0]).toEqual({
    file: 'site.yaml',
    line: 2,
    column: 1,
    key: 'hostnam',
    message: "unknown key (did you mean 'hostname'?)",
    hint: 'hostname',
  })
})

it('--json: a file that is not there', { timeout: 60_000 }, async () => {
  const { code, out, err } = await run('--config', join(folder, 'none.yaml'), 'check', '--json')
  expect({ code, err }).toEqual({ code: 78, err: [''] })
  expect(JSON.parse(out.join('\n'))).toMatchObject({
    ok: false,
    problems: [{ file: null, message: expect.stringMatching(/ENOENT/) }],
  })
})

it.skipIf(existsSync(SYSTEM_CONFIG))(
  '--json: no file named, none in its usual place',
  { timeout: 60_000 },
  async () => {
    const { code, out, err } = await run('check', '--json')
    expect({ code, err }).toEqual({ code: 78, err: [''] })
    const { ok, problems } = JSON.parse(out.join('\n'))
    expect(ok).toBe(false)
    expect(problems).toMatchObject([{ file: null, message: expect.stringMatching(/^no configuration: give --config/) }])
  },
)

it.runIf(process.getuid?.() === 0)('a file that the server’s user may not read', { timeout: 60_000 }, async () => {
  writeFileSync(join(folder, 'site.yaml'), '', { mode: 0o640 })
  expect(await estafeta('hostname: a.example\nuser: nobody\ndata: ./data\nlisten: {}\n', 'check')).toMatchObject({
    code: 78,
    err: [expect.stringMatching(/^site.yaml:1:1: cannot be read by the server: EACCES/)],
  })
})

it.each(['check', 'serve'])('a log file that cannot be written, %s', { timeout: 60_000 }, async (command) => {
  const config = 'hostname: a.example\nuser: nobody\ndata: ./data\nlisten: {}\nlog: { file: ./none/mail.log }\n'
  expect(await estafeta(config, command)).toMatchObject({
    code: 78,
    err: [expect.stringMatching(/^site.yaml:5:\d+: log.file: cannot be written by the server: ENOENT/)],
  })
})

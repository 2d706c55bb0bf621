// The commands about the configuration, as they are typed: in processes of their own.
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'

const main = fileURLToPath(new URL('./main.ts', import.meta.url))
let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'estafeta-cli-'))
  file = join(folder, 'estafeta.yaml')
  mkdirSync(join(folder, 'data'))
  writeFileSync(join(folder, 'users.yaml'), 'users: {}\n')
  writeFileSync(
    file,
    'profile: demo\ndata: ./data\nusers: { file: users.yaml }\nlimits: { messageSize: 1MiB }\nplugins: { rbl: { enabled: false, onError: pass, lists: [zen.example.org] } }\n',
  )
})
afterEach(() => rmSync(folder, { recursive: true }))

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}
const estafeta = (...args: readonly string[]): Promise<Ran> =>
  new Promise((resolve) => {
    const command = ['--disable-warning=ExperimentalWarning', main, '--config', file, ...args]
    const child = execFile(process.execPath, command, { cwd: folder }, (_, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    )
  })

it('shows, compares, explains, sets', { timeout: 60_000 }, async () => {
  const [show, diff, own, core, wrong] = await Promise.all([
    estafeta('config', 'show', '--json'),
    estafeta('config', 'diff'),
    estafeta('config', 'explain', 'plugins.rbl.threshold'),
    estafeta('config', 'explain', 'limits.messageSize'),
    estafeta('config', 'explain', 'limits.messageSise'),
  ])
  expect(JSON.parse(show.out)).toMatchObject({
    hostname: 'estafeta.test',
    data: join(folder, 'data'),
    limits: { messageSize: '1MiB' },
  })
  expect(diff.out).toContain('limits.messageSize: "50MiB" → "1MiB"\n')
  expect(own.out).toContain('The sum of weights')
  expect(core.out).toContain(`site: "1MiB" at ${file}:4:11`)
  expect(wrong).toMatchObject({
    code: 64,
    err: "estafeta: there is no setting limits.messageSise (did you mean 'limits.messageSize'?)\n",
  })

  expect(await estafeta('config', 'set', 'limits.messageSize', '2MiB')).toMatchObject({ code: 0, err: '' })
  expect((await estafeta('config', 'set', 'log.level', 'warn')).out).toMatch(/; restart the server to have it taken\n$/)
  expect(readFileSync(file, 'utf8')).toContain('messageSize: 2MiB')
  const refused = await estafeta('config', 'set', 'limits.messageSize', 'huge')
  expect(refused).toMatchObject({ code: 78, out: '' })
  expect(refused.err).toBe(`${file}:4:11: limits.messageSize: expected a size such as 50MiB, 200KB or 0, not 'huge'\n`)
})

it('explains a dry run as data, and refuses what is no address', { timeout: 60_000 }, async () => {
  const [explained, wrong] = await Promise.all([
    estafeta(
      'explain',
      '--from',
      'x@example.net',
      '--to',
      'slow@estafeta.test',
      'nobody@estafeta.test',
      '--ip',
      '192.0.2.1',
      '--json',
    ),
    estafeta('explain', '--from', 'x y', '--to', 'slow@estafeta.test', '--ip', '192.0.2.1'),
  ])
  const steps = JSON.parse(explained.out) as {
    hook: string
    about: string
    outcome: string
    answers: { plugin: string }[]
  }[]
  expect(steps.map(({ hook, about }) => `${hook} ${about}`.trim())).toEqual([
    'connect 192.0.2.1 to smtp',
    'helo client.example.net',
    'mail <x@example.net>',
    'rcpt <slow@estafeta.test>',
    'rcpt <nobody@estafeta.test>',
    'data',
    expect.stringMatching(/^message \d+ octets$/),
    'expand <slow@estafeta.test>',
    'route <slow@estafeta.test>',
  ])
  expect(steps[4]!.outcome).toMatch(/^550 5\.1\.1 /)
  expect(steps.at(-1)!.outcome).toBe('courier demo-magic, destination slow')
  expect(wrong).toMatchObject({ code: 64 })
  expect(wrong.err).toContain("'x y' is no mail address")
})

it('explain and check wait for plugins that wait', { timeout: 60_000 }, async () => {
  const waits = (what: string) => `import { CLOCK, definePlugin, pass } from 'estafeta/plugin'
export default definePlugin({
  name: 'patient', description: 'waits', inject: { clock: CLOCK },
  ${what === 'setup' ? 'async ' : ''}setup({ clock }) {
    const wait = () => new Promise((resolve) => clock.after(300, () => resolve(null)))
    ${what === 'setup' ? 'await wait()' : ''}
    return { async connect() { await wait(); return pass('waited') } }
  },
})
`
  writeFileSync(
    file,
    'profile: demo\ndata: ./data\nusers: { file: users.yaml }\nplugins: { patient: { use: ./patient.ts, onError: pass } }\n',
  )
  writeFileSync(join(folder, 'patient.ts'), waits('connect'))
  const command = ['explain', '--from', 'x@example.net', '--to', 'slow@estafeta.test', '--ip', '192.0.2.1']
  const explained = await estafeta(...command)
  expect(explained).toMatchObject({ code: 0, err: '' })
  expect(explained.out).toMatch(/patient +normal pass .*waited/)
  writeFileSync(join(folder, 'patient.ts'), waits('setup'))
  expect(await estafeta('check')).toMatchObject({ code: 0, err: '' })
})

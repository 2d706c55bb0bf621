// Follows docs/conformance-guide.md as a stranger would, from another project that has Estafeta as npm packs it.
import { execFileSync } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { createTarget, parseExpectations, suites } from '../../conformance/index.ts'
import { program } from '../../core/cli/main.ts'
import { type Run, runCommand } from '../kit/command.ts'
import { startTestServer, type TestServer } from '../kit/server.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const guide = readFileSync(join(root, 'docs/conformance-guide.md'), 'utf8')
const files = new Map(
  [...guide.matchAll(/^```\w+ title="([^"]+)"\n(.*?)^```$/gms)].map(([, name, text]) => [name!, text!]),
)

let folder: string
let server: TestServer
let port: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'estafeta-conformance-'))
  server = await startTestServer({
    users: { 'ana@estafeta.test': 'ana-demo', 'paco@estafeta.test': 'paco-demo' },
    config: { profile: 'internet-site', plugins: { 'spf-dkim-dmarc': { enabled: false } } },
  })
  port = String(server.port('smtp'))
  installPacked()
  for (const [name, text] of files) writeFileSync(join(folder, name), text.replace('port: 2525', `port: ${port}`))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n')
}, 180_000)
afterAll(async () => {
  await server?.end()
  rmSync(folder, { recursive: true, force: true })
})

/** What `npm install` would put there: the packed files, and the dependencies beside them. */
function installPacked(): void {
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]
  const [packed] = JSON.parse(
    execFileSync('npm', pack, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  ) as [{ filename: string }]
  const own = join(folder, 'node_modules/estafeta')
  mkdirSync(own, { recursive: true })
  execFileSync('tar', ['-xf', join(folder, packed.filename), '--strip-components=1', '-C', own])
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: object }
  for (const name of [...Object.keys(dependencies), '@types/node']) {
    const target = join(folder, 'node_modules', name)
    mkdirSync(join(target, '..'), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), target)
  }
}

const node = (...args: string[]): Promise<Run> =>
  runCommand(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
    cwd: folder,
    env: { SMTP_PORT: port },
  })

test('another project runs a suite through estafeta/conformance', async () => {
  const run = await node('conformance.test.ts')
  expect(run.stderr).toBe('')
  expect(run.stdout).toMatch(/^smtp at 127\.0\.0\.1:\d+: \d+ cases, \d+ pass, /m)
  expect(run.stdout).toMatch(/^[1-9]\d* passed, 0 failed$/m)
  expect(run.code).toBe(0)
})

test('its types are there for another project', () => {
  const options = [
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2024',
    '--types',
    'node',
    '--skipLibCheck',
  ]
  const tsc = join(root, 'node_modules/.bin/tsc')
  execFileSync(tsc, [...options, '--ignoreConfig', 'conformance.test.ts'], { cwd: folder })
  writeFileSync(
    join(folder, 'wrong.ts'),
    "import { runSuite } from 'estafeta/conformance'\nawait runSuite('smtp', { hots: 'x' })\n",
  )
  expect(() => execFileSync(tsc, [...options, '--ignoreConfig', 'wrong.ts'], { cwd: folder, stdio: 'pipe' })).toThrow()
})

test('the line for a shell does what the guide says, with the target and the expected failures that it shows', async () => {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const main = join(folder, 'node_modules/estafeta/dist/run/core/cli/main.js')
  writeFileSync(join(bin, 'estafeta'), `#!/bin/sh\nexec ${process.execPath} ${main} "$@"\n`, { mode: 0o755 })
  const run = await runCommand('sh', ['check.sh'], { cwd: folder, env: { PATH: `${bin}:${process.env.PATH}` } })
  expect(run.stderr).toBe('')
  expect(run.stdout).toMatch(/^known {2}smtp\/expn\/supported: mailing lists are nobody's business$/m)
  expect(readFileSync(join(folder, 'smtp.xml'), 'utf8')).toContain('<testsuite name="smtp at 127.0.0.1:')
  expect(readFileSync(join(folder, 'smtp.html'), 'utf8')).toContain('<!doctype html>')
  // what a case finds is the published page's affair; that the run was made is this one's
  expect([0, 1]).toContain(run.code)
})

test('files that the guide shows are what the command reads', () => {
  const ids = new Set(suites.flatMap(({ cases }) => cases.map(({ id }) => id)))
  expect(parseExpectations(files.get('expected.yaml')!, ids).product).toBe('our mail server')
  expect(createTarget(parse(files.get('server.yaml')!) as object, { plain: 25, tls: 465 }).rcpt).toBe(
    'ana@estafeta.test',
  )
  expect(parse(files.get('workflow.yaml')!)).toHaveProperty('jobs.conformance.steps')
})

test('every flag of the command is in the guide, and every flag in the guide is one', async () => {
  const command = (await program('conformance')).commands.find((one) => one.name() === 'conformance')!
  const flags = command.options.map(({ long }) => long!)
  const told = new Set([...guide.matchAll(/(?<![\w-])--[a-z][\w-]+/g)].map(([flag]) => flag))
  const others = ['--no-save', '--only', '--suite']
  expect(flags.filter((flag) => !told.has(flag))).toEqual([])
  expect([...told].filter((flag) => !flags.includes(flag) && !others.includes(flag))).toEqual([])
})

test('the guide names every suite, and pages it points at exist', () => {
  expect(suites.filter(({ name }) => !guide.includes(`| \`${name}\` |`))).toEqual([])
  expect(globSync('docs/{conformance.md,generated/conformance-coverage.md}', { cwd: root })).toHaveLength(2)
})

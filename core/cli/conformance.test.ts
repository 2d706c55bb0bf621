// The command `estafeta conformance` as a user and a CI system meet it: lists, exit codes, report files, what is allowed on whom.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { smtpServer, startTestServer, type TestServer } from '../../conformance/test-server.ts'
import { build } from './conformance.ts'
import { CliError } from './context.ts'

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'estafeta-conformance-'))
let good: TestServer
let bad: TestServer

beforeAll(async () => {
  good = await startTestServer(smtpServer())
  bad = await startTestServer(smtpServer({ NOOP: '502 no\r\n' }))
})
afterAll(async () => {
  await good[Symbol.asyncDispose]()
  await bad[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

interface Outcome {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** In this process: what the command prints, and the code that it would end with. */
async function conformance(...args: readonly (string | number)[]): Promise<Outcome> {
  const said = { out: '', err: '' }
  const listenTo = (stream: NodeJS.WriteStream, name: 'out' | 'err') =>
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      said[name] += text
      return true
    })
  const spies = [listenTo(process.stdout, 'out'), listenTo(process.stderr, 'err')]
  const before = process.exitCode
  process.exitCode = 0
  try {
    await build().parseAsync(args.map(String), { from: 'user' })
    return { ...said, code: Number(process.exitCode) }
  } catch (error) {
    if (!(error instanceof CliError)) throw error
    return { out: said.out, err: `${said.err}${error.message}`, code: error.exitCode }
  } finally {
    process.exitCode = before
    for (const spy of spies) spy.mockRestore()
  }
}

/** As a process of its own. */
function spawned(...args: readonly (string | number)[]): Promise<Outcome> {
  const node = ['--disable-warning=ExperimentalWarning', MAIN, 'conformance', ...args.map(String)]
  const child = spawn(process.execPath, node)
  let [out, err] = ['', '']
  child.stdout.on('data', (bytes: Buffer) => (out += bytes))
  child.stderr.on('data', (bytes: Buffer) => (err += bytes))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, out, err }))
  })
}

const at = ({ port }: TestServer) => ['--host', '127.0.0.1', '--port', port]

const file = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

describe('exit codes', () => {
  test('the process ends with 0, 1 or 2, and a word instead of a stack trace', async () => {
    const only = ['--filter', 'smtp/noop/ok', '--no-progress']
    const all = await Promise.all([
      spawned('smtp', ...at(good), ...only),
      spawned('smtp', ...at(bad), ...only),
      spawned('smtp', ...only),
    ])
    expect(all.map(({ code }) => code)).toEqual([0, 1, 2])
    expect(all[2]!.err).toBe('estafeta: no host (--host)\n')
  })

  test('0 when all is well, with the totals', async () => {
    const { code, out, err } = await conformance('smtp', ...at(good), '--filter', 'smtp/noop/ok')
    expect([code, out]).toEqual([0, expect.stringMatching(/^smtp at 127\.0\.0\.1:\d+: 1 cases, 1 pass, 0 fail/)])
    // progress keeps off the standard output
    expect(err).toBe('1/1 pass         smtp/noop/ok\n')
  })

  test('1 when a MUST failed, with the dialogue, the requirement and its section', async () => {
    const { code, out } = await conformance('smtp', ...at(bad), '--filter', 'smtp/noop/ok', '--no-progress')
    expect(code).toBe(1)
    expect(out).toContain('fail  smtp/noop/ok  (MUST, RFC 5321 §4.1.1.9)')
    expect(out).toContain('expected 250 to "NOOP"; got "502 no"')
    expect(out).toMatch(/C: NOOP\\r\\n\n +S: 502 no\\r\\n/)
  })

  test('a missed SHOULD is 0, and 1 with --strict', async () => {
    const args = ['smtp', ...at(bad), '--filter', 'smtp/noop/argument', '--no-progress']
    expect([(await conformance(...args)).code, (await conformance(...args, '--strict')).code]).toEqual([0, 1])
  })

  test.each<[string, (string | number)[], RegExp]>([
    ['no server', ['smtp', '--host', '127.0.0.1', '--port', 1, '--filter', 'smtp/noop/ok'], /ECONNREFUSED/],
    ['no host', ['smtp'], /no host \(--host\)/],
    ['no such suite', ['smpt', '--host', 'x'], /no suite named smpt; there are smtp, submission, lmtp/],
    ['a bad number', ['smtp', '--host', 'x', '--parallel', 'many'], /--parallel wants a whole number above 0/],
    ['a missing file', ['smtp', '--host', 'x', '--target', '/nowhere.yaml'], /cannot read \/nowhere\.yaml: ENOENT/],
    ['no case', ['smtp', '--host', '127.0.0.1', '--filter', 'smtp/nothing'], /0 cases/],
  ])('2 when nothing could be run: %s', async (_, args, message) => {
    const { code, out, err } = await conformance(...args)
    expect(code).toBe(2)
    expect(out + err).toMatch(message)
    expect(out + err).not.toMatch(/\n +at /)
  })
})

describe('selection', () => {
  test('--list needs no server, and gives ids, levels and sections', async () => {
    const { code, out } = await conformance('lmtp', '--list', '--filter', 'lmtp/lhlo')
    expect(code).toBe(0)
    expect(out).toMatch(/lmtp\/lhlo\/accepted +MUST +RFC 2033 §4\.1 +LHLO is answered/)
    expect(out).not.toContain('lmtp/data')
  })

  test('--dry-run tells what would be run and what is missing, and connects to nobody', async () => {
    const before = good.connections
    const { code, out } = await conformance('smtp', ...at(good), '--dry-run', '--level', 'must')
    expect([code, good.connections]).toEqual([0, before])
    expect(out).toMatch(/smtp\/noop\/ok +MUST +would be run/)
    expect(out).toMatch(/smtp\/rcpt\/accepted +MUST +needs a recipient/)
    expect(out).not.toContain('SHOULD')
  })

  test('--exclude and --show-skipped', async () => {
    const args = ['--filter', 'smtp/data', '--exclude', 'smtp/data/w*', '--show-skipped', '--no-progress']
    const { out } = await conformance('smtp', ...at(good), ...args)
    expect(out).toContain('skip  smtp/data/accepted: needs a recipient (--rcpt)')
    expect(out).not.toContain('smtp/data/without-mail')
  })
})

describe('consent', () => {
  const dry = (...args: (string | number)[]) =>
    conformance('smtp', '--dry-run', '--filter', 'smtp/data/accepted', ...args)
  const rcpt = ['--rcpt', 'ana@example.com']

  test('mail is sent only where it is allowed, and --safe takes all back', async () => {
    expect((await dry('--host', 'mail.example.com', ...rcpt)).out).toContain('needs consent to mail (--consent)')
    expect((await dry('--host', 'mail.example.com', ...rcpt, '--consent', 'mail')).out).toContain('would be run')
    expect((await dry('--host', 'mail.example.com', ...rcpt, '--consent', 'all', '--safe')).out).toContain(
      'needs consent',
    )
  })

  test('what a target file allows holds for its own host alone', async () => {
    const path = file('target.yaml', 'host: mail.example.com\nrcpt: ana@example.com\nconsent: [all]\n')
    expect((await dry('--target', path)).out).toContain('would be run')
    expect((await dry('--target', path, '--host', 'mail.example.com')).out).toContain('would be run')
    expect((await dry('--target', path, '--host', 'other.example.net')).out).toContain('needs consent to mail')
  })

  test.each([
    ['not YAML', 'host: "x\n', /is not YAML/],
    ['no map', '- x\n', /wants a map of keys/],
    ['an unknown key', 'host: x\nhots: y\n', /unknown key hots/],
  ])('a target file with %s is refused', async (_, text, message) => {
    const { code, err } = await conformance('smtp', '--target', file('bad.yaml', text))
    expect([code, err]).toEqual([2, expect.stringMatching(message)])
  })
})

describe('reports', () => {
  test('files of each kind are written, also when a MUST failed', async () => {
    const path = (kind: string) => join(folder, `report.${kind}`)
    const files = ['json', 'junit', 'tap'].flatMap((kind) => [`--${kind}`, path(kind)])
    const { code } = await conformance('smtp', ...at(bad), '--filter', 'smtp/noop', '--no-progress', ...files)
    expect(code).toBe(1)
    const report = JSON.parse(readFileSync(path('json'), 'utf8'))
    expect([report.suite, report.exitCode, report.counts.fail]).toEqual(['smtp', 1, expect.any(Number)])
    expect(readFileSync(path('junit'), 'utf8')).toMatch(
      /<testcase classname="smtp\.noop" name="ok" time="[\d.]+"><failure type="fail"/,
    )
    expect(readFileSync(path('tap'), 'utf8')).toMatch(/^TAP version 13\n1\.\.\d+\nnot ok 1 - smtp\/noop\/ok\n/)
  })

  test('- writes one to the standard output, alone', async () => {
    const { out, err } = await conformance('smtp', ...at(good), '--filter', 'smtp/noop/ok', '--json', '-')
    expect(JSON.parse(out).counts.pass).toBe(1)
    expect(err).toContain('1 cases, 1 pass')
  })

  test('a report that cannot be written is said, and is no success', async () => {
    const path = join(folder, 'no/such/folder.json')
    const { code, err } = await conformance('smtp', ...at(good), '--filter', 'smtp/noop/ok', '--json', path)
    expect(code).toBe(2)
    expect(err).toMatch(/cannot write .*ENOENT/)
    expect(existsSync(path)).toBe(false)
  })

  test('known failures of a product do not fail the run; unexpected passes are told', async () => {
    const known = file('product.yaml', 'product: Some MTA\nfails:\n  smtp/noop/ok: it has no NOOP\n')
    const args = ['--filter', 'smtp/noop/ok', '--no-progress', '--expect', known]
    const failing = await conformance('smtp', ...at(bad), ...args)
    expect([failing.code, failing.out]).toEqual([0, expect.stringContaining('known  smtp/noop/ok: it has no NOOP')])
    expect(failing.out).toContain('(Some MTA)')
    const passing = await conformance('smtp', ...at(good), ...args)
    expect([passing.code, passing.out]).toEqual([0, expect.stringContaining('unexpected pass  smtp/noop/ok')])
    expect((await conformance('smtp', ...at(good), ...args, '--strict')).code).toBe(1)
  })
})

test('a server that hangs and one that floods end in time', async () => {
  const pour = (socket: Socket): void => {
    const more = (): void => {
      while (!socket.destroyed && socket.write('250-more\r\n'.repeat(5_000)));
    }
    socket.on('drain', more)
    more()
  }
  await using server = await startTestServer(smtpServer({ NOOP: '', RSET: pour }))
  const cases = ['--filter', 'smtp/noop/ok', 'smtp/rset/ok', 'smtp/quit/221']
  const { code, out } = await conformance('smtp', ...at(server), ...cases, '--answer-timeout', 1, '--no-progress')
  expect(code).toBe(1)
  expect(out).toContain('got nothing within 1 s')
  expect(out).toContain('expected an end of the reply to "RSET"')
  expect(out).toContain('3 cases, 1 pass, 2 fail')
})

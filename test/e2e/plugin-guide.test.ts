// Follows docs/plugin-guide.md as a stranger would: every file written, every command run, every shown line looked for.
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { loadConfig } from '../../core/config/load.ts'
import { type Server, startServer } from '../../core/main.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const guide = readFileSync(join(root, 'docs/plugin-guide.md'), 'utf8')

interface Block {
  readonly language: string
  readonly info: string
  readonly text: string
}
const blocks: readonly Block[] = [...guide.matchAll(/^```(\w+)([^\n]*)\n(.*?)^```$/gms)].map(
  ([, language, info, text]) => ({
    language: language!,
    info: info!.trim(),
    text: text!,
  }),
)
const titleOf = ({ info }: Block): string | null => /title="([^"]+)"/.exec(info)?.[1] ?? null

let folder: string
let server: Server | null = null
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'estafeta-guide-'))
})
afterAll(async () => {
  await server?.stop(0)
  rmSync(folder, { recursive: true })
})

function run(args: readonly string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const main = join(root, 'core/cli/main.ts')
    const child = execFile(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', main, ...args],
      { cwd: folder },
      (_, out, err) => resolve({ code: child.exitCode ?? -1, output: out + err }),
    )
  })
}

/** The lines of a message by SMTP, as curl sends them; the reply to each step. */
async function send(port: number, from: string, to: string, message: string): Promise<string[]> {
  const socket = createConnection(port, '127.0.0.1').setEncoding('utf8')
  const lines = socket[Symbol.asyncIterator]() as AsyncIterator<string>
  const reply = async (): Promise<string> => {
    let text = ''
    while (!/^\d{3} .*\r\n$/m.test(text)) text += (await lines.next()).value ?? '000 closed\r\n'
    return text.trimEnd()
  }
  const replies = [await reply()]
  const body = `${message.replace(/\r?\n/g, '\r\n').replace(/^\./gm, '..')}.`
  for (const line of ['EHLO guide.example.net', `MAIL FROM:<${from}>`, `RCPT TO:<${to}>`, 'DATA', body, 'QUIT']) {
    socket.write(`${line}\r\n`)
    replies.push(await reply())
  }
  socket.destroy()
  return replies
}

/** Each shown line, in order; `…` stands for anything, blanks for any blanks. */
function expectShown(output: string, shown: string): void {
  let at = 0
  const lines = output.split('\n')
  for (const wanted of shown.trimEnd().split('\n')) {
    const parts = wanted.split('…').map((part) =>
      part
        .trim()
        .replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
        .replace(/\s+/g, '\\s+'),
    )
    const pattern = new RegExp(`^\\s*${parts.join('.*')}`)
    const found = lines.findIndex((line, i) => i >= at && pattern.test(line))
    expect(found, `'${wanted}' in\n${output}`).toBeGreaterThanOrEqual(at)
    at = found + 1
  }
}

it('leads from an empty folder to a traced filter', { timeout: 120_000 }, async () => {
  let output = ''
  for (const block of blocks) {
    const title = titleOf(block)
    if (title !== null) {
      mkdirSync(dirname(join(folder, title)), { recursive: true })
      writeFileSync(join(folder, title), block.text)
    } else if (block.language === 'text') {
      expectShown(output, block.text)
    } else if (block.info === 'background') {
      expect(block.text).toBe('estafeta --config estafeta.yaml serve\n')
      const listen = {
        smtp: ['127.0.0.1:0'],
        submission: null,
        submissions: null,
        imap: null,
        imaps: null,
        pop3: null,
        pop3s: null,
      }
      const loaded = loadConfig({ path: join(folder, 'estafeta.yaml'), overrides: { listen } })
      server = await startServer({ loaded, write: () => {} })
    } else if (block.text.startsWith('curl')) {
      const [, from, to, file] = /--mail-from (\S+) --mail-rcpt (\S+) --upload-file (\S+)/.exec(block.text)!
      const replies = await send(server!.port('smtp'), from!, to!, readFileSync(join(folder, file!), 'utf8'))
      expect(replies.at(-2)).toBe('550 5.7.1 No lotteries here')
    } else if (block.language === 'sh') {
      const wanted = Number(/exit=(\d+)/.exec(block.info)?.[1] ?? 0)
      const args = block.text.trim().split(/\s+/).slice(1)
      const result = await run(args)
      output = result.output
      expect(result.code, output).toBe(wanted)
    } else throw new Error(`a block that nothing runs: ${block.text}`)
  }
})

it('has tests for its other examples, which pass', { timeout: 60_000 }, async () => {
  const { code, output } = await run(['plugin', 'test', 'filters'])
  expect(code, output).toBe(0)
  expect(output).toContain('fail 0')
  const tests = blocks.filter((block) => titleOf(block)?.endsWith('.test.ts'))
  const plugins = blocks.filter((block) => block.language === 'ts' && !titleOf(block)?.endsWith('.test.ts'))
  expect(tests.length).toBe(plugins.length)
})

it('has couriers that get their mail on a site that delivers to mailboxes as well', { timeout: 60_000 }, async () => {
  const plugins = [
    'open-house: { use: ./filters/open-house.ts, onError: defer, domain: open.test }',
    'next-door: { use: ./filters/next-door.ts, onError: defer, domain: door.test, address: 127.0.0.1 }',
    // takes mail, and has no courier that is asked before deliver-local
    'club: { use: ./filters/club.ts, onError: defer, list: all@far.test, owner: ana@far.test, members: [eva@far.test] }',
  ].join(', ')
  const domains = '[estafeta.test, open.test, door.test, far.test]'
  const site = `profile: demo\ndata: ./state3\ndomains: ${domains}\nplugins: { ${plugins} }\n`
  writeFileSync(join(folder, 'couriers.yaml'), site)
  const asked =
    '--config couriers.yaml explain --from paco@far.example --to ana@open.test --to ana@door.test --to all@far.test --ip 127.0.0.1'
  const { output } = await run(asked.split(' '))
  expect(output).toContain('open-house:open.test')
  expect(output).toContain('next-door:door.test')
  expect(output).toMatch(/deliver-local +normal reject +[\d.]+ ms {2}550 5\.1\.1 <eva@far\.test>: no such user here$/m)
})

it('tells of a test that failed before it closed what it had opened', { timeout: 30_000 }, async () => {
  const open = [
    "import { createServer } from 'node:http'",
    "import { test } from 'node:test'",
    "test('leaves a server', () => {",
    "  createServer().listen(0, '127.0.0.1')",
    "  throw new Error('half way')",
    '})',
    '',
  ]
  writeFileSync(join(folder, 'open.test.ts'), open.join('\n'))
  const { code, output } = await run(['plugin', 'test', 'open.test.ts'])
  expect(code).toBe(1)
  expect(output).toContain('half way')
})

it('writes folders too, whose tests pass and which load by their path', { timeout: 60_000 }, async () => {
  expect((await run(['plugin', 'new', 'filters/second-try'])).code).toBe(0)
  expect((await run(['plugin', 'test', 'filters/second-try'])).output).toContain('pass 3')
  expect((await run(['plugin', 'new', 'filters/second-try'])).output).toContain('is there already')
  writeFileSync(
    join(folder, 'second.yaml'),
    'profile: demo\ndata: ./state2\nplugins: { second-try: { use: ./filters/second-try, onError: pass } }\n',
  )
  const checked = await run(['--config', 'second.yaml', 'check', '--json'])
  expect(checked.code, checked.output).toBe(0)
  const { order } = JSON.parse(checked.output) as { order: { hook: string; plugins: { plugin: string }[] }[] }
  expect(order.find(({ hook }) => hook === 'message')?.plugins.at(-1)?.plugin).toBe('second-try')
})

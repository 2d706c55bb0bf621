// Commands that root runs before the first start and while the server is down leave nothing that the server cannot use.
import { chmodSync, chownSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Run, type RunningCommand, runBin, runCommand, startBin } from '../kit/command.ts'
import { freePorts } from '../kit/free-port.ts'
import { SmtpTalk } from '../kit/smtp-talk.ts'

const isRoot = process.getuid?.() === 0
if (!isRoot) console.log('root-commands.test.ts: not run, it needs root (files of another user)')

describe.runIf(isRoot)('root', () => {
  const folder = mkdtempSync(join(tmpdir(), 'estafeta-root-'))
  const config = join(folder, 'estafeta.yaml')
  const estafeta = (...args: string[]): Promise<Run> =>
    runBin('estafeta', ['--config', config, ...args], { input: 'secret\n' })
  const done = { code: 0, stderr: '' }
  let port: number
  let server: RunningCommand

  beforeAll(async () => {
    const [smtp, dead] = (await freePorts(2)) as [number, number]
    port = smtp
    chmodSync(folder, 0o755)
    writeFileSync(
      config,
      [
        'profile: smarthost',
        'hostname: mx.box.test',
        'origin: box.test',
        'domains: [box.test]',
        'postmaster: ana@box.test',
        'user: nobody',
        'data: data',
        'users: { file: users.yaml }',
        `relay: { host: "[127.0.0.1]:${dead}", tls: none }`,
        'queue: { minFree: 0, firstRetry: 1h }',
        `listen: { smtp: ["127.0.0.1:${smtp}"], submission: [], submissions: [], imap: [], imaps: [], pop3: [], pop3s: [] }`,
        '',
      ].join('\n'),
    )
  })
  afterAll(async () => {
    await server?.stop()
    rmSync(folder, { recursive: true })
  })
  async function start(): Promise<void> {
    server = startBin('estafeta', ['--config', config, 'serve'])
    await server.printed(/started, version/)
  }
  async function answers(recipient: string): Promise<string> {
    const talk = await SmtpTalk.open(port)
    await talk.ask('EHLO client.example.net')
    await talk.ask('MAIL FROM:<ana@box.test>')
    const answer = await talk.ask(`RCPT TO:<${recipient}>`)
    if (answer.startsWith('2')) {
      await talk.ask('DATA')
      await talk.ask('Subject: x\r\n\r\nx\r\n.')
    }
    talk.close()
    return answer
  }
  const ofRoot = (): string[] =>
    readdirSync(join(folder, 'data'), { recursive: true, encoding: 'utf8' }).filter(
      (name) => statSync(join(folder, 'data', name)).uid === 0,
    )

  test('sets a site up before its first start', async () => {
    expect(await estafeta('queue', 'list')).toMatchObject(done)
    expect(await estafeta('user', 'add', 'ana@box.test', '--password-stdin')).toMatchObject(done)
    expect(await estafeta('alias', 'add', 'team', 'ana')).toMatchObject(done)
    expect(await estafeta('dkim', 'create', 'box.test')).toMatchObject(done)
    expect(ofRoot()).toEqual([])
    await start()
    expect(await answers('ana@box.test')).toMatch(/^250/)
    expect(await answers('team@box.test')).toMatch(/^250/)
  })

  test.each([0o646, 0o664])('a configuration of mode %o, which others can write, starts nothing', async (mode) => {
    chownSync(config, 0, 1)
    chmodSync(config, mode)
    const why = `${config}:1:1: others than its owner can write it`
    for (const command of ['serve', 'check'])
      expect(await estafeta(command)).toMatchObject({ code: 78, stderr: expect.stringContaining(why) })
    chmodSync(config, 0o644)
  })

  test('tries plugins out with the server’s rights, not its own', async () => {
    const plugin = join(folder, 'whoami.ts')
    writeFileSync(
      plugin,
      `import { definePlugin, permanent } from 'estafeta/plugin'
       export default definePlugin({
         name: 'whoami', description: 'Says who it is', inject: {},
         setup() { throw permanent('set up as ' + process.getuid()) },
       })`,
    )
    const own = join(folder, 'own.yaml')
    writeFileSync(own, `${readFileSync(config, 'utf8')}plugins: { whoami: { use: ./whoami.ts, onError: defer } }\n`)
    const envelope = ['--from', 'x@box.test', '--to', 'ana@box.test', '--ip', '192.0.2.1']
    const uid = statSync(join(folder, 'data')).uid
    expect(uid).toBeGreaterThan(0)
    for (const args of [['check'], ['explain', ...envelope]])
      expect((await runBin('estafeta', ['--config', own, ...args])).stderr).toContain(`set up as ${uid}`)
  })

  test('works on the queue while the server is down', async () => {
    expect(await answers('x@elsewhere.test')).toMatch(/^250/)
    await server.printed(/status=deferred/)
    await server.stop()
    expect(await estafeta('queue', 'hold', '--all')).toMatchObject(done)
    expect(await estafeta('queue', 'delete', '--all')).toMatchObject(done)
    expect(ofRoot()).toEqual([])
    await start()
    expect(await estafeta('queue', 'list')).toMatchObject({ ...done, stdout: 'The queue is empty.\n' })
  })
})

test.runIf(isRoot)('config set leaves the file to those who read it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'estafeta-set-'))
  const config = join(folder, 'estafeta.yaml')
  writeFileSync(config, 'hostname: a.test\n')
  chownSync(config, 65534, 65534)
  chmodSync(config, 0o660)
  const run = await runBin('estafeta', ['--config', config, 'config', 'set', 'limits.messageSize', '30MiB'])
  expect(run).toMatchObject({ code: 0, stderr: '' })
  expect(readFileSync(config, 'utf8')).toContain('messageSize: 30MiB')
  const { uid, gid, mode } = statSync(config)
  expect([uid, gid, mode & 0o777]).toEqual([65534, 65534, 0o660])
  rmSync(folder, { recursive: true })
})

test('a reader that has seen enough is no error', async () => {
  const run = await runCommand('/bin/sh', ['-c', `"${join(process.cwd(), 'bin/estafeta')}" config schema | true`])
  expect(run).toEqual({ code: 0, stdout: '', stderr: '' })
})

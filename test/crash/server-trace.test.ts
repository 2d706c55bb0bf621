// One system-call trace: the sync of the queue's log returns before the 250 is written to the client.
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BIN } from '../kit/command.ts'
import { type Daemon, startDaemon } from '../kit/daemon.ts'
import { freePort } from '../kit/free-port.ts'
import { needPackages } from '../kit/peers.ts'
import { queuedAs, SmtpTalk } from '../kit/smtp-talk.ts'

const NOBODY = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}

await needPackages(['strace'])
const probe = spawnSync('strace', ['-o', '/dev/null', 'true'], NOBODY)
const allowed = probe.status === 0
if (!allowed) console.log(`server-trace.test.ts: not run, this machine allows no ptrace: ${probe.stderr}`)

const CALLS =
  'openat,link,linkat,rename,renameat2,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,fsync,fdatasync'

describe.runIf(allowed)('the order on the way to 250', () => {
  const folder = mkdtempSync(join(tmpdir(), 'estafeta-strace-'))
  const output = join(folder, 'trace')
  let daemon: Daemon
  let trace: readonly string[]

  beforeAll(async () => {
    const port = await freePort()
    const config = join(folder, 'estafeta.yaml')
    writeFileSync(
      config,
      [
        'profile: internet-site',
        'hostname: mx.estafeta.test',
        'domains: [estafeta.test]',
        'postmaster: ana@estafeta.test',
        'data: data',
        'users: { file: users.yaml }',
        'queue: { minFree: 0 }',
        `listen: { smtp: ["127.0.0.1:${port}"], imap: [], submission: [], submissions: [], imaps: [], pop3: [], pop3s: [] }`,
        'plugins: { spf-dkim-dmarc: { enabled: false } }',
      ].join('\n'),
    )
    writeFileSync(join(folder, 'users.yaml'), 'users:\n  ana@estafeta.test: { password: "{PLAIN}x" }\n')
    chmodSync(folder, 0o755)
    if (NOBODY.uid !== undefined) chownSync(folder, NOBODY.uid, NOBODY.gid)
    const options = ['-f', '--seccomp-bpf', '-y', '-s', '3000', '-e', `trace=${CALLS}`, '-o', output]
    daemon = startDaemon('strace', [...options, `${BIN}estafeta`, '--config', config, 'serve'], NOBODY)
    await daemon.said(/started, version/)
    const talk = await SmtpTalk.open(port)
    queuedAs(await talk.send({ to: 'ana@estafeta.test', text: 'Subject: small-one\r\n\r\nbody\r\n' }))
    const large = `Subject: large-one\r\n\r\n${`${'y'.repeat(70)}\r\n`.repeat(3000)}`
    queuedAs(await talk.send({ to: 'ana@estafeta.test', text: large }))
    await talk.ask('QUIT')
    talk.close()
    // strace itself ends when the server has
    process.kill(Number(/main\[(\d+)\]: started/.exec(daemon.output())![1]), 'SIGTERM')
    await daemon.ended
    trace = readFileSync(output, 'latin1').split('\n')
  }, 120_000)

  afterAll(async () => {
    await daemon.kill()
    rmSync(folder, { recursive: true })
  })

  /** Where a line that matches is, after `from`. */
  const find = (pattern: RegExp, from: number): number => {
    const at = trace.findIndex((line, i) => i > from && pattern.test(line))
    if (at < 0) throw new Error(`no ${pattern} after line ${from} of ${trace.length}`)
    return at
  }
  /** Where a call that began in line `at` has returned 0. */
  const returned = (at: number): number => {
    const [pid, call] = /^(\d+) +(\w+)/.exec(trace[at]!)!.slice(1) as [string, string]
    return /<unfinished/.test(trace[at]!) ? find(new RegExp(`^${pid} +<\\.\\.\\. ${call} resumed>.*= 0$`), at) : at
  }

  test('a small message: its record is written to the log, the sync returns, then 250 goes to the socket', () => {
    const record = find(/p?write\w*\(\d+<[^>]*\/queue\/log\/[^>]*>.*small-one/, -1)
    const sync = find(/fdatasync\(\d+<[^>]*\/queue\/log\//, record)
    const answer = find(/(write\w*|send\w+)\(\d+<(socket|TCP)[^>]*>.*250 2\.0\.0 OK queued/, -1)
    expect(returned(sync)).toBeLessThan(answer)
  })

  test('a large one: its file and its folder are synced before the record that names them, all before 250', () => {
    const second = find(/250 2\.0\.0 OK queued/, find(/250 2\.0\.0 OK queued/, -1))
    const body = find(/(fsync|fdatasync)\(\d+<[^>]*\/queue\/body\/[^>]+>/, -1)
    const entry = find(/fsync\(\d+<[^>]*\/queue\/body>/, body)
    const record = find(/p?write\w*\(\d+<[^>]*\/queue\/log\/[^>]*>.*large-one/, -1)
    const sync = find(/fdatasync\(\d+<[^>]*\/queue\/log\//, record)
    expect(returned(body)).toBeLessThan(record)
    expect(returned(entry)).toBeLessThan(record)
    expect(returned(sync)).toBeLessThan(second)
  })
})

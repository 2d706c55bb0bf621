// Our log in the hands of mail administrators' tools: pflogsumm, logwatch, fail2ban, logrotate.
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ImapFlow } from 'imapflow'
import { createTransport } from 'nodemailer'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { BIN, runBin, startBin } from '../kit/command.ts'
import { needPackages } from '../kit/peers.ts'
import { startTestServer, type TestServer } from '../kit/server.ts'

const isRoot = process.getuid?.() === 0
let server: TestServer
let folder: string
let log: string

beforeAll(async () => {
  await needPackages(['pflogsumm', 'fail2ban', 'logrotate', 'logwatch'])
  folder = mkdtempSync(join(tmpdir(), 'estafeta-logs-'))
  server = await startTestServer({
    users: { 'ana@here.test': 'right', 'paco@here.test': 'right' },
    config: {
      profile: 'demo',
      hostname: 'mx.here.test',
      origin: 'here.test',
      domains: ['here.test'],
      postmaster: 'ana@here.test',
      networks: ['192.0.2.0/24'],
    },
  })
  const send = (to: string, auth?: { user: string; pass: string }) =>
    createTransport({
      host: '127.0.0.1',
      port: server.port(auth ? 'submission' : 'smtp'),
      ...(auth ? { auth } : { ignoreTLS: true }),
      tls: { rejectUnauthorized: false },
    }).sendMail({ from: 'paco@here.test', to, subject: 'x', text: 'x' })
  await send('ana@here.test')
  await send('ana@here.test', { user: 'paco@here.test', pass: 'right' })
  await send('permerror@here.test', { user: 'paco@here.test', pass: 'right' })
  await server.logged(/non-delivery notification/)
  await send('temperror@here.test', { user: 'paco@here.test', pass: 'right' })
  await server.logged(/status=deferred/)
  await expect(send('virus@here.test', { user: 'paco@here.test', pass: 'right' })).rejects.toThrow('554')
  await expect(send('x@elsewhere.test')).rejects.toThrow('Relaying denied')
  await expect(send('ana@here.test', { user: 'paco@here.test', pass: 'wrong-one' })).rejects.toThrow('535')
  const imap = new ImapFlow({
    host: '127.0.0.1',
    port: server.port('imap'),
    auth: { user: 'ana@here.test', pass: 'wrong-two' },
    tls: { rejectUnauthorized: false },
    logger: false,
  })
  await expect(imap.connect()).rejects.toThrow()
  const config = join(folder, 'estafeta.yaml')
  writeFileSync(config, `hostname: mx.here.test\norigin: here.test\ndata: ${join(server.folder, 'data')}\n`)
  for (const to of ['ana', 'nobody']) {
    const input = `Message-ID: <to-${to}@here.test>\n\nx\n`
    const local = await runBin('sendmail', ['-f', 'paco', to], { env: { ESTAFETA_CONFIG: config }, input })
    expect(local).toEqual({ code: 0, stdout: '', stderr: '' })
    const [, id] = /(\w+): message-id/.exec(await server.logged(new RegExp(`message-id=<to-${to}@here\\.test>`)))!
    await server.logged(new RegExp(`${id}: removed`))
  }
  for (const line of server.lines) {
    const report = /non-delivery notification: (\w+)/.exec(line)?.[1]
    if (report) await server.logged(new RegExp(`${report}: removed`))
  }
  log = join(folder, 'mail.log')
  writeFileSync(log, `${server.lines.join('\n')}\n`)
})
afterAll(async () => {
  await server.end()
  rmSync(folder, { recursive: true })
})

test('pflogsumm counts what was received, delivered, bounced and rejected', () => {
  const report = execFileSync('pflogsumm', ['--syslog_name=estafeta', log]).toString()
  const count = (what: string): number => Number(new RegExp(`^\\s*(\\d+)\\s+${what}\\b`, 'm').exec(report)?.[1] ?? -1)
  expect({
    received: count('received'),
    delivered: count('delivered'),
    deferred: count('deferred'),
    bounced: count('bounced'),
    rejected: count('rejected'),
  }).toEqual({ received: 6, delivered: 5, deferred: 1, bounced: 2, rejected: 2 })
  expect(report).toMatch(/Recipient address rejected: Relaying denied \(total: 1\)\s+1 +x@elsewhere\.test/)
  expect(report).toMatch(
    /END-OF-MESSAGE \(total: 1\)\s+1 +from unknown\[127\.0\.0\.1\]: 554 5\.7\.0 Message contains malware/,
  )
})

test('logwatch counts what was accepted, rejected, delivered, deferred, bounced and removed, by the script of our examples', () => {
  const script = fileURLToPath(new URL('../../docs/examples/logwatch-estafeta', import.meta.url))
  const env = { ...process.env, LOGWATCH_DETAIL_LEVEL: '5' }
  const report = execFileSync('/bin/sh', [script], { env, input: readFileSync(log) }).toString()
  const count = (what: string): number => Number(new RegExp(`^\\s*(\\d+)\\s+${what}\\b`, 'm').exec(report)?.[1] ?? -1)
  expect({
    accepted: count('Accepted'),
    recipients: count('5xx Reject recipient address'),
    messages: count('5xx Reject milter'),
    delivered: count('Delivered'),
    deferred: count('Deferred'),
    refusedHere: count('Bounced .local'),
    refusedThere: count('Bounced .remote'),
    removed: count('Removed from queue'),
  }).toEqual({
    accepted: 6,
    recipients: 1,
    messages: 1,
    delivered: 5,
    deferred: 1,
    refusedHere: 1,
    refusedThere: 1,
    removed: 7,
  })
  const [, unknown = ''] = report.split('**Unmatched Entries**')
  expect(unknown.split('\n').filter((line) => /NOQUEUE|pickup|qmgr|cleanup/.test(line))).toEqual([])
})

test('fail2ban finds the failed logins and the refused relay, with the client’s address', () => {
  expect(matchedByFail2ban(log)).toMatch(/Lines: \d+ lines, 0 ignored, 3 matched/)
})

test('fail2ban finds them in the journal too, as systemd hands the lines on', () => {
  const journal = join(folder, 'journal.log')
  const handedOn = server.lines.map((line) => `${line.slice(0, 15)} mx estafeta[77]: ${line}\n`)
  writeFileSync(journal, handedOn.join(''))
  expect(matchedByFail2ban(journal)).toMatch(/Lines: \d+ lines, 0 ignored, 3 matched/)
})

function matchedByFail2ban(file: string): string {
  const filter = fileURLToPath(new URL('../../docs/examples/fail2ban-estafeta.conf', import.meta.url))
  return execFileSync('fail2ban-regex', ['--print-all-matched', file, filter]).toString()
}

test('logrotate moves the log aside as the example says, and the server goes on in a new file', async () => {
  const own = join(folder, 'rotated')
  mkdirSync(own)
  chmodSync(folder, 0o755)
  if (isRoot) execFileSync('chown', ['nobody:nogroup', own])
  const config = join(folder, 'rotated.yaml')
  const file = join(own, 'mail.log')
  writeFileSync(config, `hostname: mx.here.test\nuser: nobody\ndata: ${own}/data\nlog: { file: ${file} }\n`)
  const running = startBin('estafeta', ['--config', config, 'serve'])
  onTestFinished(() => void running.stop())
  const written = (text: string) =>
    expect.poll(() => (existsSync(file) ? readFileSync(file, 'utf8') : ''), { timeout: 20_000 }).toContain(text)
  await written('started')
  const rule = readFileSync(fileURLToPath(new URL('../../docs/examples/logrotate-estafeta', import.meta.url)), 'utf8')
    .replace(/^#.*\n/, '')
    .replaceAll('/var/log/estafeta', own)
    .replace('/opt/estafeta/bin/estafeta', `${BIN}estafeta --config ${config}`)
    // only root may act for others
    .replace(/^\t(su|create 0640) estafeta adm\n/gm, isRoot ? '\t$1 nobody nogroup\n' : '')
  writeFileSync(join(folder, 'rule'), rule, { mode: 0o644 })
  const rotate = () =>
    execFileSync('logrotate', ['--force', '--state', join(folder, 'state'), join(folder, 'rule')], { stdio: 'pipe' })
  rotate()
  expect(readFileSync(`${file}.1`, 'utf8')).toContain('started')
  await written('configuration read anew')
  appendFileSync(config, 'limits: { recipients: 5 }\n')
  expect(rotate).toThrow('limits.recipients: expected at least 100')
  expect(readFileSync(`${file}.1`, 'utf8')).toContain('configuration read anew')
  expect(await running.stop()).toBe(0)
  expect(readFileSync(file, 'utf8')).toContain('stopped')
})

test('no password is in the log', () => {
  const text = server.lines.join('\n')
  for (const secret of ['right', 'wrong-one', 'wrong-two']) {
    expect(text).not.toContain(secret)
    expect(text).not.toContain(Buffer.from(`\0paco@here.test\0${secret}`).toString('base64'))
  }
})

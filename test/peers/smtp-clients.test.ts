// Mail handed in by real clients: curl, swaks, msmtp, Python's smtplib and Postfix's smtp-source.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Run, runCommand } from '../kit/command.ts'
import { needPackages, peerPath } from '../kit/peers.ts'
import { startSmtpService, type TestSmtpService } from '../kit/smtp-service.ts'

const MAIL = 'From: ana@example.com\r\nTo: bob@example.com\r\nSubject: hello\r\n\r\n.dot\r\n..\r\nbod\u00e9\r\n'
const ANA = 'ana@example.com'

let folder: string
let file: string
let server: TestSmtpService
beforeAll(async () => {
  await needPackages(['curl', 'swaks', 'msmtp', 'postfix'])
  folder = mkdtempSync(join(tmpdir(), 'estafeta-clients-'))
  file = join(folder, 'mail.eml')
  writeFileSync(file, MAIL)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))
beforeEach(async () => {
  server = await startSmtpService({ exempt: () => true })
})
afterEach(() => server.end())

const succeeded = ({ code, stdout, stderr }: Run): void => expect(code, `${stdout}\n${stderr}`).toBe(0)
const utf8 = (text: string): string => Buffer.from(text, 'latin1').toString('utf8')

describe('curl', () => {
  const ways = [
    ['STARTTLS and AUTH PLAIN', 'submission', 'smtp', ['--ssl-reqd', '--login-options', 'AUTH=PLAIN']],
    ['STARTTLS and AUTH LOGIN', 'submission', 'smtp', ['--ssl-reqd', '--login-options', 'AUTH=LOGIN']],
    ['implicit TLS', 'submissions', 'smtps', []],
    ['AUTH in the clear on loopback', 'submission', 'smtp', []],
  ] as const
  test.each(ways)('%s', async (_name, service, scheme, options) => {
    const port = await server.listen(service)
    const envelope = ['--mail-from', ANA, '--mail-rcpt', 'bob@example.com', '--mail-rcpt', 'x@elsewhere.test']
    const url = ['--url', `${scheme}://127.0.0.1:${port}`, '--upload-file', file]
    succeeded(await runCommand('curl', ['-sSk', '--user', `${ANA}:${ANA}`, ...options, ...envelope, ...url]))
    expect(server.received.map(({ text }) => utf8(text))).toEqual([MAIL])
    expect(server.received[0]!.envelope.recipients).toHaveLength(2)
    const { identity, tls } = server.received[0]!.submission.transaction.session
    expect(identity?.account).toBe(ANA)
    expect(tls !== null).toBe(scheme === 'smtps' || (options as readonly string[]).includes('--ssl-reqd'))
  })

  test('a wrong password is told', async () => {
    const port = await server.listen('submission')
    const options = ['--user', `${ANA}:wrong`, '--mail-from', ANA, '--mail-rcpt', 'bob@example.com']
    const { code } = await runCommand('curl', ['-sSk', ...options, '--url', `smtp://127.0.0.1:${port}`, '-T', file])
    expect(code).toBe(67)
    expect(server.received).toEqual([])
  })
})

describe('swaks', () => {
  const from = ['--from', 'a@b.test', '--body', 'text']
  test('pipelining, one recipient of two refused', async () => {
    const port = await server.listen('smtp')
    const to = ['--to', 'bob@example.com,nobody@example.com', '--pipeline']
    const run = await runCommand('swaks', ['--server', `127.0.0.1:${port}`, ...from, ...to])
    succeeded(run)
    expect(run.stdout).toContain('550 5.1.1')
    expect(server.received[0]!.envelope.recipients.map(({ address }) => address.local)).toEqual(['bob'])
  })

  test('LMTP', async () => {
    const port = await server.listen('lmtp')
    const to = ['--to', 'bob@example.com,ana@example.com', '--protocol', 'LMTP']
    succeeded(await runCommand('swaks', ['--server', `127.0.0.1:${port}`, ...from, ...to]))
    expect(server.received[0]!.envelope.recipients).toHaveLength(2)
  })

  test('a relay is refused', async () => {
    const port = await server.listen('smtp')
    const run = await runCommand('swaks', ['--server', `127.0.0.1:${port}`, ...from, '--to', 'x@elsewhere.test'])
    expect(run.code).toBe(24)
    expect(run.stdout).toContain('550 5.7.1 Relaying denied')
  })
})

test('msmtp over STARTTLS', async () => {
  const port = await server.listen('submission')
  const tls = ['--tls=on', '--tls-starttls=on', '--tls-certcheck=off', '--auth=plain', `--user=${ANA}`]
  const options = ['--host=127.0.0.1', `--port=${port}`, ...tls, `--passwordeval=echo ${ANA}`, `--from=${ANA}`]
  succeeded(await runCommand('msmtp', [...options, 'bob@example.com'], { input: MAIL }))
  expect(server.received).toHaveLength(1)
  expect(utf8(server.received[0]!.text)).toContain('\r\n.dot\r\n..\r\nbod\u00e9\r\n')
})

test('smtplib, with SMTPUTF8', async () => {
  const port = await server.listen('submission')
  const script = `
import smtplib, ssl
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
with smtplib.SMTP('127.0.0.1', ${port}) as client:
    client.starttls(context=context)
    client.login('${ANA}', '${ANA}')
    client.sendmail('${ANA}', ['jos\u00e9@example.com'], b'Subject: x\\r\\n\\r\\nhi\\r\\n.dot\\r\\n', ['SMTPUTF8', 'BODY=8BITMIME'])
`
  succeeded(await runCommand('python3', ['-c', script]))
  expect(server.received[0]!.text).toBe('Subject: x\r\n\r\nhi\r\n.dot\r\n')
  expect(server.received[0]!.envelope.recipients[0]!.address.local).toBe('jos\u00e9')
})

test.each([
  ['kept connections', ['-d']],
  ['a connection each', []],
  ['LMTP', ['-d', '-L']],
])('smtp-source: 500 messages by 20 sessions, %s', async (name, options) => {
  const port = await server.listen(name === 'LMTP' ? 'lmtp' : 'smtp')
  const load = ['-s', '20', '-m', '500', '-l', '4096', '-f', 'a@b.test', '-t', ANA, ...options]
  succeeded(await runCommand(peerPath('postfix', 'usr/sbin/smtp-source'), [...load, `127.0.0.1:${port}`]))
  expect(server.received).toHaveLength(500)
  expect(new Set(server.received.map(({ queueId }) => queueId)).size).toBe(500)
  // header lines count up, the body (4096 octets and a line end) is the same in all
  const bodies = new Set(server.received.map(({ text }) => text.slice(text.indexOf('\r\n\r\n') + 4)))
  expect([...bodies].map((body) => body.length)).toEqual([4098])
})

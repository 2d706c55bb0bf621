// POP3 read by real clients: curl, fetchmail, getmail and Python's poplib, in the clear on loopback and within TLS.
import { type ExecFileOptions, execFile } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createAuthority, writeCertificate } from '../kit/certificates.ts'
import { type Scratch, scratch } from '../kit/daemon.ts'
import { needPackages } from '../kit/peers.ts'
import { type Pop3Server, startPop3Server } from '../kit/pop3-server.ts'

const MESSAGES = [
  'From: a@example.net\r\nSubject: first\r\nMessage-ID: <1@example.net>\r\n\r\nshort\r\n',
  'From: b@example.net\r\nSubject: dots\r\nMessage-ID: <2@example.net>\r\n\r\n.\r\n..\r\n.dot\r\nend\r\n',
  'From: c@example.net\r\nSubject: =?utf-8?Q?a=C3=B1o?=\r\nMessage-ID: <3@example.net>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nel año\r\n',
  `From: d@example.net\r\nSubject: large\r\nMessage-ID: <4@example.net>\r\n\r\n${`${'0123456789'.repeat(7)}\r\n`.repeat(30_000)}`,
]

let folder: Scratch
let ca: string
let server: Pop3Server
let tls: { cert: string; key: string }

beforeAll(async () => {
  await needPackages(['curl', 'fetchmail', 'getmail6'])
  folder = scratch('pop3-clients')
  chmodSync(folder.path, 0o755)
  const authority = await createAuthority()
  ca = join(folder.path, 'ca.pem')
  writeFileSync(ca, authority.cert)
  tls = writeCertificate(folder.path, 'server', await authority.issue(['localhost', '127.0.0.1']))
})
afterEach(() => server.end())
afterAll(() => folder.remove())

const start = async (): Promise<void> => {
  server = await startPop3Server({ messages: MESSAGES, tls })
}

/** Standard output; rejects with the exit code and what it said. */
function run(program: string, args: readonly string[], options: ExecFileOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { maxBuffer: 64 << 20, encoding: 'latin1', ...options }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${program}: ${error.code}: ${stderr}${stdout}`))
      else resolve(String(stdout))
    })
  })
}
const left = async (): Promise<number> => {
  const account = await server.store.account('ana@example.com')
  const inbox = await account.open('INBOX')
  const { length } = inbox.uids()
  inbox.close()
  account.close()
  return length
}
const latin1 = (text: string): string => Buffer.from(text).toString('latin1')

describe('curl', () => {
  const ways: [string, () => string, string[]][] = [
    ['in the clear on loopback', () => `pop3://127.0.0.1:${server.port}`, []],
    ['STLS', () => `pop3://localhost:${server.port}`, ['--ssl-reqd']],
    ['pop3s', () => `pop3s://localhost:${server.tlsPort}`, []],
    ['AUTH PLAIN', () => `pop3s://localhost:${server.tlsPort}`, ['--login-options', 'AUTH=PLAIN']],
    ['AUTH LOGIN', () => `pop3s://localhost:${server.tlsPort}`, ['--login-options', 'AUTH=LOGIN']],
    ['an initial response', () => `pop3s://localhost:${server.tlsPort}`, ['--sasl-ir']],
  ]
  for (const [name, url, more] of ways)
    test(name, async () => {
      await start()
      const curl = (path: string, ...args: string[]): Promise<string> =>
        run('curl', ['-s', '-S', '--cacert', ca, '-u', 'ana:secret', ...more, ...args, `${url()}/${path}`])
      expect(await curl('')).toBe(MESSAGES.map((m, i) => `${i + 1} ${Buffer.byteLength(m)}\r\n`).join(''))
      for (const [i, message] of MESSAGES.entries()) expect(await curl(`${i + 1}`)).toBe(latin1(message))
      expect(await curl('', '-X', 'TOP 1 0')).toContain('Subject: first')
      expect(await curl('', '-X', 'UIDL')).toMatch(/^1 [0-9a-f]{16}\r\n2 /)
      await curl('', '-I', '-X', 'DELE 2')
      expect(await left()).toBe(3)
      expect(server.logged.filter((line) => line.includes('internal'))).toEqual([])
    })

  test('a wrong password is exit code 67', async () => {
    await start()
    await expect(run('curl', ['-s', '-u', 'ana:wrong', `pop3://127.0.0.1:${server.port}/1`])).rejects.toThrow(/67/)
  })
})

test("Python's poplib", async () => {
  await start()
  const script = fileURLToPath(new URL('./pop3-client.py', import.meta.url))
  const args = [String(server.port), String(server.tlsPort), 'ana', 'secret', ca]
  const seen = JSON.parse(await run('/usr/bin/python3', [script, ...args])) as { [key: string]: unknown }
  expect(seen.welcome).toMatch(/^\+OK /)
  expect(seen.before).toMatchObject({ STLS: [], UIDL: [], TOP: [], SASL: ['PLAIN', 'LOGIN'] })
  expect(seen.within).not.toHaveProperty('STLS')
  expect(seen.wrong).toContain('[AUTH]')
  expect(seen.stat).toEqual([4, MESSAGES.reduce((sum, m) => sum + Buffer.byteLength(m), 0)])
  expect(seen.messages).toEqual(MESSAGES.map((m) => latin1(m).replace(/\r\n$/, '')))
  expect(seen.top).toBe('From: a@example.net\r\nSubject: first\r\nMessage-ID: <1@example.net>\r\n\r\nshort')
  expect(seen.uidl).toHaveLength(4)
  expect(seen.reset).toBe(4)
  expect(seen.left).toBe(3)
})

test('fetchmail fetches everything once, over STLS, and deletes it', async () => {
  await start()
  const rc = join(folder.path, 'fetchmailrc')
  const spool = join(folder.path, 'fetched')
  const lines = (more: string): string =>
    `poll localhost protocol POP3 port ${server.port} uidl\n user "ana" password "secret" ${more} sslproto "TLS1.2+" sslcertck sslcertfile "${ca}" mda "/bin/sh -c 'cat >> ${spool}; echo ==== >> ${spool}'"\n`
  const fetch = async (more: string): Promise<string> => {
    writeFileSync(rc, lines(more), { mode: 0o600 })
    const args = ['-f', rc, '-i', join(folder.path, 'fetchids'), '--pidfile', join(folder.path, 'fetchmail.pid'), '-v']
    return run('fetchmail', args, { env: { ...process.env, HOME: folder.path, FETCHMAILHOME: folder.path } })
  }
  const said = await fetch('keep')
  expect(said).toContain('STLS')
  expect(await left()).toBe(4)
  // nothing new: exit code 1
  await expect(fetch('keep')).rejects.toThrow(/: 1:/)
  const fetched = readFileSync(spool, 'utf8').split('====\n').slice(0, -1)
  expect(fetched).toHaveLength(4)
  expect(fetched[1]).toContain('\n\n.\n..\n.dot\nend\n')
  expect(fetched[2]).toContain('el año')
  expect(fetched[3]?.match(/^(0123456789){7}$/gm)).toHaveLength(30_000)
  await fetch('fetchall nokeep')
  expect(await left()).toBe(0)
})

test('getmail fills a Maildir over pop3s, and deletes what it has', async () => {
  await start()
  const home = join(folder.path, 'getmail')
  const maildir = join(home, 'Maildir')
  for (const part of ['', 'Maildir', 'Maildir/cur', 'Maildir/new', 'Maildir/tmp'])
    mkdirSync(join(home, part), { recursive: true })
  writeFileSync(
    join(home, 'getmailrc'),
    `[retriever]
type = SimplePOP3SSLRetriever
server = localhost
port = ${server.tlsPort}
username = ana
password = secret
ca_certs = ${ca}
[destination]
type = Maildir
path = ${maildir}/
[options]
delete = true
verbose = 1
`,
    { mode: 0o600 },
  )
  // getmail refuses to be root
  const user = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}
  if ('uid' in user) for (const name of allFiles(home)) chownSync(name, 65534, 65534)
  await run('getmail', ['--getmaildir', home, '--rcfile', 'getmailrc'], {
    ...user,
    env: { ...process.env, HOME: home, PATH: '/usr/bin:/bin' },
  })
  const mails = readdirSync(join(maildir, 'new')).map((name) => readFileSync(join(maildir, 'new', name), 'utf8'))
  expect(mails).toHaveLength(4)
  expect(mails.some((mail) => mail.includes('\n\n.\n..\n.dot\nend'))).toBe(true)
  expect(mails.some((mail) => mail.includes('el año'))).toBe(true)
  expect(await left()).toBe(0)
})

function allFiles(path: string): string[] {
  const inner = existsSync(path) ? readdirSync(path, { recursive: true }).map(String) : []
  return [path, ...inner.map((name) => join(path, name))]
}

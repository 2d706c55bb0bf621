// Real IMAP clients against the server: curl, mbsync, mutt, getmail, fetchmail, Python's imaplib, imapflow.
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ImapFlow } from 'imapflow'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { memoryContent } from '../../core/message/content.ts'
import type { Mailbox } from '../../core/store/mailbox-store.ts'
import { type ImapServer, sampleMessage, startImapServer } from '../kit/imap-server.ts'
import { needPackages } from '../kit/peers.ts'

let server: ImapServer
let home: string
let inbox: Mailbox

interface Run {
  readonly status: number | null
  readonly out: string
  readonly err: string
}

/** Runs a client with its own home folder; the server is in this process, so nothing here may block. */
function run(command: string, args: readonly string[], options: { uid?: number; input?: string } = {}): Promise<Run> {
  const child = spawn(command, args, {
    cwd: home,
    env: { PATH: process.env.PATH, HOME: home, TERM: 'dumb', LC_ALL: 'C.UTF-8' },
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  child.stderr.on('data', (chunk) => {
    err += chunk
  })
  child.stdin.on('error', () => {})
  child.stdin.end(options.input ?? '')
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, out, err }))
  })
}

const file = (name: string, text: string, mode = 0o600): string => {
  writeFileSync(join(home, name), text, { mode })
  return join(home, name)
}

const deliver = (...messages: readonly Buffer[]) =>
  inbox.append(messages.map((m) => ({ content: memoryContent(m), flags: [], internalDate: Date.UTC(2026, 1, 2) })))

const flagsOf = (mailbox: Mailbox): string[] => [...mailbox.uids()].map((uid) => mailbox.meta(uid)!.flags.join(' '))

async function open(name: string): Promise<Mailbox> {
  return (await server.store.account('ana@example.com')).open(name)
}

beforeAll(() => needPackages(['curl', 'isync', 'mutt', 'getmail6', 'fetchmail']))

beforeEach(async () => {
  server = await startImapServer({ maildir: true })
  home = mkdtempSync(join(tmpdir(), 'estafeta-client-'))
  file('ca.pem', server.tls!.certificate, 0o644)
  inbox = await open('INBOX')
  await deliver(sampleMessage(1), sampleMessage(2), sampleMessage(3))
})

afterEach(async () => {
  inbox.close()
  await server.end()
  rmSync(home, { recursive: true, force: true })
  expect(server.troubles).toEqual([])
})

describe('curl', () => {
  const curl = (...args: string[]) =>
    run('curl', ['-sS', '--cacert', join(home, 'ca.pem'), '-u', 'ana:secret', ...args])

  it('lists, reads, searches and appends', async () => {
    const imaps = `imaps://localhost:${server.tlsPort}`
    expect((await curl(`${imaps}/`)).out).toContain('* LIST (\\HasNoChildren) "/" INBOX')
    expect((await curl(`${imaps}/INBOX;MAILINDEX=2`)).out).toBe(sampleMessage(2).toString())
    expect((await curl(`${imaps}/INBOX;UID=3;SECTION=TEXT`)).out).toBe('Text of message 3.\r\n')
    expect((await curl(`${imaps}/INBOX?SUBJECT%20%22message%202%22`)).out.trim()).toBe('* SEARCH 2')
    file('new.eml', 'Subject: from curl\r\n\r\nhello\r\n')
    const appended = await curl('--ssl-reqd', `imap://localhost:${server.port}/INBOX`, '-T', 'new.eml')
    expect(appended).toMatchObject({ status: 0, err: '' })
    expect(inbox.uids().length).toBe(4)
    const custom = await curl(`${imaps}/INBOX`, '-X', 'STORE 1 +FLAGS (\\Flagged)')
    expect(custom.out).toContain('* 1 FETCH (FLAGS (\\Flagged))')
  })

  it('is told that a password is wrong', async () => {
    const refused = await run('curl', ['-sS', '-k', '-u', 'ana:wrong', `imaps://localhost:${server.tlsPort}/`])
    expect(refused.status).toBe(67)
    expect(server.troubles.splice(0)).toEqual(['login failed'])
  })
})

describe('mbsync', () => {
  const config = () => `
IMAPAccount test
Host localhost
Port ${server.tlsPort}
User ana
Pass secret
SSLType IMAPS
CertificateFile ${home}/ca.pem

IMAPStore far
Account test

MaildirStore near
Path ${home}/mail/
Inbox ${home}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
`
  const sync = async () => {
    const result = await run('mbsync', ['-c', join(home, 'mbsyncrc'), '-a'])
    expect(result.status, result.err + result.out).toBe(0)
  }
  const local = () =>
    ['cur', 'new'].flatMap((f) =>
      readdirSync(join(home, 'mail/INBOX', f)).map((name) => join(home, 'mail/INBOX', f, name)),
    )

  it('syncs both ways: messages, flags, folders, deletions', async () => {
    file('mbsyncrc', config())
    mkdirSync(join(home, 'mail'))
    await sync()
    expect(local()).toHaveLength(3)
    expect(
      local()
        .map((name) => readFileSync(name, 'utf8').match(/^Subject: (.*)/m)?.[1])
        .sort(),
    ).toEqual(['Message 1', 'Message 2', 'Message 3'])
    mkdirSync(join(home, 'mail/Projects/cur'), { recursive: true })
    mkdirSync(join(home, 'mail/Projects/new'))
    mkdirSync(join(home, 'mail/Projects/tmp'))
    writeFileSync(join(home, 'mail/Projects/cur/1.local:2,FS'), 'Subject: local\n\nbody\n')
    await inbox.store([2], 'add', ['\\Seen', '\\Answered'])
    await inbox.expunge([1])
    await deliver(sampleMessage(4))
    await sync()
    const projects = await open('Projects')
    expect(flagsOf(projects)).toEqual(['\\Flagged \\Seen'])
    projects.close()
    expect(local()).toHaveLength(3)
    expect(local().filter((name) => name.endsWith('RS'))).toHaveLength(1)
  })
})

describe('mutt', () => {
  it('reads a folder, and its flags and moves arrive', async () => {
    file(
      'muttrc',
      `set folder="imaps://localhost:${server.tlsPort}/" spoolfile="imaps://localhost:${server.tlsPort}/INBOX"
set imap_user=ana imap_pass=secret ssl_starttls=no ssl_force_tls=yes certificate_file="${home}/ca.pem" ssl_usesystemcerts=no ssl_verify_host=no
set confirmcreate=no confirmappend=no delete=yes move=no quit=yes sleep_time=0 timeout=1 editor=true mark_old=no wait_key=no
push "<tag-pattern>~s 'Message 1'<enter><tag-prefix><copy-message>imaps://localhost:${server.tlsPort}/Kept<enter><delete-pattern>~s 'Message 2'<enter><flag-message><sync-mailbox><quit>"
`,
    )
    const result = await run('script', ['-qec', `mutt -F ${home}/muttrc -n`, '/dev/null'])
    expect(result.status, result.out.slice(-2000)).toBe(0)
    expect([...inbox.uids()]).not.toContain(2)
    const kept = await open('Kept')
    expect(kept.uids().length).toBe(1)
    kept.close()
    expect(flagsOf(inbox).some((flags) => flags.includes('\\Flagged'))).toBe(true)
  })
})

describe('getmail and fetchmail', () => {
  it('getmail fetches each message once', async () => {
    // getmail does not deliver as root
    const uid = 65534
    chmodSync(home, 0o777)
    for (const folder of ['.getmail', 'Maildir', 'Maildir/cur', 'Maildir/new', 'Maildir/tmp']) {
      mkdirSync(join(home, folder))
      await run('chown', [String(uid), join(home, folder)])
    }
    const rc = `[retriever]
type = SimpleIMAPSSLRetriever
server = localhost
port = ${server.tlsPort}
username = ana
password = secret
ca_certs = ${home}/ca.pem
mailboxes = ("INBOX",)

[destination]
type = Maildir
path = ${home}/Maildir/

[options]
read_all = false
delete = false
`
    file('.getmail/getmailrc', rc, 0o644)
    const get = async () => {
      const result = await run('getmail', [`--getmaildir=${home}/.getmail`], { uid })
      expect(result.status, result.out + result.err).toBe(0)
    }
    await get()
    expect(readdirSync(join(home, 'Maildir/new'))).toHaveLength(3)
    await deliver(sampleMessage(4))
    await get()
    expect(readdirSync(join(home, 'Maildir/new'))).toHaveLength(4)
  })

  it('fetchmail takes messages away', async () => {
    file(
      '.fetchmailrc',
      `poll localhost protocol IMAP port ${server.tlsPort} user ana password secret ssl sslcertfile ${home}/ca.pem folder INBOX mda "cat >> ${home}/fetched"\n`,
    )
    const result = await run('fetchmail', ['-v', '--pidfile', join(home, 'pid')])
    expect(result.status, result.out + result.err).toBe(0)
    expect(readFileSync(join(home, 'fetched'), 'utf8').match(/^Subject: Message/gm)).toHaveLength(3)
    expect(inbox.uids().length).toBe(0)
  })
})

describe('imaplib', () => {
  it('talks through STARTTLS, with literals and IDLE-free polling', async () => {
    const script = `
import imaplib, ssl
context = ssl.create_default_context(cafile='ca.pem')
m = imaplib.IMAP4('localhost', ${server.port})
assert m.starttls(context)[0] == 'OK'
assert m.login('ana', 'secret')[0] == 'OK'
assert m.create('"Proj&AOk-"')[0] == 'OK'
print(m.list()[1])
assert m.append('INBOX', r'(\\Seen)', None, b'Subject: lit\\r\\n\\r\\nx\\r\\n')[0] == 'OK'
print(m.select('INBOX'))
print(m.search(None, 'UNSEEN'))
print(m.fetch('4', '(FLAGS BODY.PEEK[HEADER])'))
print(m.uid('SEARCH', 'CHARSET', 'UTF-8', 'SUBJECT', '"lit"'))
m.literal = 'Text'.encode()
print(m.uid('SEARCH', 'CHARSET', 'UTF-8', 'BODY'))
print(m.store('1:2', '+FLAGS', r'(\\Deleted)'))
print(m.expunge())
print(m.status('INBOX', '(MESSAGES UIDNEXT)'))
m.close(); m.logout()
`
    const result = await run('python3', ['-c', script])
    expect(result.status, result.out + result.err).toBe(0)
    expect(result.out.trim().split('\n')).toEqual([
      `[b'(\\\\HasNoChildren) "/" INBOX', b'(\\\\HasNoChildren) "/" Proj&AOk-']`,
      `('OK', [b'4'])`,
      `('OK', [b'1 2 3'])`,
      `('OK', [(b'4 (FLAGS (\\\\Seen) BODY[HEADER] {16}', b'Subject: lit\\r\\n\\r\\n'), b')'])`,
      `('OK', [b'4'])`,
      `('OK', [b'1 2 3'])`,
      `('OK', [b'1 (FLAGS (\\\\Deleted))', b'2 (FLAGS (\\\\Deleted))'])`,
      `('OK', [b'1', b'1'])`,
      `('OK', [b'INBOX (MESSAGES 2 UIDNEXT 5)'])`,
    ])
  })
})

describe('imapflow', () => {
  it('downloads, watches, moves and appends', async () => {
    const client = new ImapFlow({
      host: 'localhost',
      port: server.port,
      secure: false,
      auth: { user: 'ana', pass: 'secret' },
      tls: { ca: server.tls!.certificate },
      logger: false,
      clientInfo: { name: 'test' },
    })
    await client.connect()
    const lock = await client.getMailboxLock('INBOX')
    try {
      const arrived = new Promise<number>((resolve) => client.once('exists', ({ count }) => resolve(count)))
      const idling = client.idle()
      await deliver(
        Buffer.from('Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nhallo\r\n'),
      )
      expect(await arrived).toBe(4)
      const fetched = await client.fetchOne('4', {
        envelope: true,
        bodyStructure: true,
        flags: true,
        source: true,
        uid: true,
      })
      await idling
      if (!fetched) throw new Error('nothing fetched')
      expect(fetched.envelope?.subject).toBe('grüße')
      expect(fetched.source?.toString()).toContain('hallo')
      let text = ''
      for await (const chunk of (await client.download('4', '1')).content ?? []) text += chunk
      expect(text).toContain('hallo')
      expect(await client.search({ subject: 'message 2' }, { uid: true })).toEqual([2])
      expect(await client.messageFlagsAdd({ uid: '2' }, ['\\Flagged'], { uid: true })).toBe(true)
      expect(flagsOf(inbox)[1]).toBe('\\Flagged')
      await client.mailboxCreate('Archive')
      const moved = await client.messageMove('1:2', 'Archive')
      expect(moved && [...(moved.uidMap ?? [])]).toEqual([
        [1, 1],
        [2, 2],
      ])
      const appended = await client.append('Archive', 'Subject: new\r\n\r\nx\r\n', ['\\Seen'])
      expect(appended ? appended.uid : null).toBe(3)
      const status = await client.status('Archive', { messages: true, unseen: true, highestModseq: true })
      expect(status).toMatchObject({ messages: 3, unseen: 2 })
    } finally {
      lock.release()
    }
    expect((await client.list()).map((box) => box.path)).toEqual(['INBOX', 'Archive'])
    await client.logout()
  })
})

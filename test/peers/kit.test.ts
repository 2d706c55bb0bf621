// The peers themselves: each starts with data of its own, answers, and is gone after its end; no service of the system runs.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createAuthority, writeCertificate } from '../kit/certificates.ts'
import { canConnect, type Daemon, scratch } from '../kit/daemon.ts'
import { nextDelivery } from '../kit/maildir.ts'
import { PEER_PACKAGES } from '../kit/packages.ts'
import { startCourier } from '../kit/peers/courier.ts'
import { startCyrus } from '../kit/peers/cyrus.ts'
import { startDovecot } from '../kit/peers/dovecot.ts'
import { startExim } from '../kit/peers/exim.ts'
import { startHaraka } from '../kit/peers/haraka.ts'
import { startOpensmtpd } from '../kit/peers/opensmtpd.ts'
import { startPostfix } from '../kit/peers/postfix.ts'
import { startSendmail } from '../kit/peers/sendmail.ts'
import { startSmtpServer } from '../kit/peers/smtp-server.ts'
import { startSmtpSink } from '../kit/peers/smtp-sink.ts'
import { startUnbound } from '../kit/peers/unbound.ts'
import { hasPackage, needPackages, peerPath, setUpPeers } from '../kit/peers.ts'
import { sendRaw } from '../kit/smtp-send.ts'
import { Talker } from '../kit/talker.ts'

const MAIL = Buffer.from('From: a@client.test\r\nSubject: x\r\n\r\nHello\r\n')

async function expectGone(daemon: Daemon, port: number): Promise<void> {
  await daemon.stop()
  await daemon.ended
  // what a daemon had started ends with it, a moment later
  await expect.poll(() => canConnect({ port }), { timeout: 10_000 }).toBe(false)
}

const LETTER = (hello: string, to: string) => [
  `${hello} client.test`,
  'MAIL FROM:<a@client.test>',
  `RCPT TO:<${to}>`,
  'DATA',
  'Subject: x\r\n\r\nHello\r\n.',
  'QUIT',
]

/** Each line when the one before was answered; all that came until the server closed. */
async function talk(port: number, lines: readonly string[]): Promise<string> {
  const talker = await Talker.connect(port)
  const seen: string[] = []
  let next = 0
  for (;;) {
    const line = await talker.line()
    if (line === null) return seen.join('\n')
    seen.push(line)
    const isEnd = /^(\d{3} |\+OK|-ERR|[a-z] (OK|NO|BAD) )/.test(line) || (next === 0 && line.startsWith('* OK'))
    if (isEnd && next < lines.length) talker.send(`${lines[next++]}\r\n`)
  }
}

/** Command lines of daemons that run on the system's own configuration: none is named, or one below /etc. */
const systemDaemons = () =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')
        return [{ line, folder: readlinkSync(`/proc/${pid}/cwd`) }]
      } catch {
        return [] // it has ended
      }
    })
    .filter(({ line, folder }) =>
      /^\S*postfix\/sbin\/master /.test(line)
        ? folder.startsWith('/var/spool/')
        : /^\S*(dovecot|clamd|freshclam|exim4|opendkim|unbound) /.test(line) && !/ -[cCx] *\/(?!etc\/)/.test(line),
    )

describe('peers', () => {
  test('every package is there, and no service of the system was started', async () => {
    await needPackages(Object.keys(PEER_PACKAGES))
    expect(Object.keys(PEER_PACKAGES).filter((name) => !hasPackage(name))).toEqual([])
    expect(systemDaemons()).toEqual([])
  })

  test('Postfix with TLS and AUTH relays for those who know the password and nobody else', async () => {
    await needPackages(['swaks'])
    const folder = scratch('kit')
    const authority = await createAuthority()
    const tls = writeCertificate(folder.path, 'server', await authority.issue())
    const ca = writeCertificate(folder.path, 'ca', authority).cert
    const sink = await startSmtpSink()
    const postfix = await startPostfix({ relay: `[127.0.0.1]:${sink.port}`, auth: { ana: 'secret' }, tls })
    const swaks = (...more: string[]) =>
      spawnSync('swaks', [
        '--server',
        `localhost:${postfix.port}`,
        '--from',
        'a@client.test',
        '--to',
        'b@elsewhere.test',
        ...more,
      ]).status
    const secure = ['--tls', '--tls-verify', '--tls-ca-path', ca, '--auth', 'PLAIN', '--auth-user', 'ana']
    expect(swaks(...secure, '--auth-password', 'secret')).toBe(0)
    expect(swaks(...secure, '--auth-password', 'wrong')).not.toBe(0)
    expect(swaks()).not.toBe(0)
    await expectGone(postfix, postfix.port)
    await expectGone(sink, sink.port)
    expect(existsSync(postfix.folder)).toBe(false)
    folder.remove()
  })

  test('Postfix delivers to its own mailboxes and knows no others', async () => {
    const postfix = await startPostfix({ mailboxes: ['ana@peer.test'] })
    const send = (to: string) => sendRaw({ port: postfix.port, from: 'a@client.test', to, message: MAIL })
    expect(await send('ana@peer.test')).toMatch(/^250 /)
    expect(await nextDelivery(postfix.maildir('ana@peer.test'))).toContain('Hello')
    await expect(send('nobody@peer.test')).rejects.toThrow(/550 5\.1\.1/)
    expect(postfix.command('postqueue', ['-p'])).toContain('empty')
    await postfix.stop()
  })

  test('Dovecot serves IMAPS to a client that knows the authority', async () => {
    await needPackages(['curl'])
    const folder = scratch('kit')
    const authority = await createAuthority()
    const tls = writeCertificate(folder.path, 'server', await authority.issue())
    const ca = writeCertificate(folder.path, 'ca', authority).cert
    const dovecot = await startDovecot({ users: [{ name: 'ana', password: 'secret' }], tls })
    const curl = (password: string) =>
      spawnSync('curl', ['-s', '--cacert', ca, '-u', `ana:${password}`, `imaps://localhost:${dovecot.imaps}/`], {
        encoding: 'utf8',
      })
    expect(curl('secret').stdout).toContain('INBOX')
    expect(curl('wrong').status).toBe(67)
    await expectGone(dovecot, dovecot.imap)
    folder.remove()
  })

  test('smtp-sink fails on purpose, unbound listens', async () => {
    const sink = await startSmtpSink({ hardReject: ['RCPT'] })
    await expect(sendRaw({ port: sink.port, from: 'a@b.test', to: 'c@d.test', message: MAIL })).rejects.toThrow(
      /^expected 250, got 5/,
    )
    await expectGone(sink, sink.port)
    const unbound = await startUnbound({ forwardTo: 1 })
    expect(await canConnect({ port: unbound.port })).toBe(true)
    await expectGone(unbound, unbound.port)
  })

  test('a conflicting package runs from where it lies unpacked, beside the installed one', async () => {
    await needPackages(['exim4-daemon-light', 'postfix'])
    expect(peerPath('exim4-daemon-light', 'usr/sbin/exim4')).not.toBe('/usr/sbin/exim4')
    const postfix = await startPostfix({ mailboxes: ['ana@peer.test'] })
    const exim = await startExim({ relay: { host: '127.0.0.1', port: postfix.port } })
    const reply = await sendRaw({ port: exim.port, from: 'a@client.test', to: 'ana@peer.test', message: MAIL })
    expect(reply).toMatch(/^250 /)
    expect(await nextDelivery(postfix.maildir('ana@peer.test'))).toMatch(/by exim\.test/)
    await expectGone(exim, exim.port)
    await postfix.stop()
  })

  test('Cyrus takes mail over LMTP and gives it to its owner', async () => {
    const cyrus = await startCyrus({ users: [{ name: 'ana', password: 'secret' }] })
    expect(await talk(cyrus.lmtp, LETTER('LHLO', 'ana@cyrus.test'))).toMatch(/^250 2\.1\.5 /m)
    expect(await talk(cyrus.imap, ['a LOGIN ana wrong', 'b LOGIN ana secret', 'c SELECT INBOX', 'd LOGOUT'])).toMatch(
      /^a NO [\s\S]*^b OK [\s\S]*^\* 1 EXISTS/m,
    )
    expect(await talk(cyrus.pop3, ['USER ana', 'PASS secret', 'STAT', 'QUIT'])).toMatch(/^\+OK 1 \d/m)
    await expectGone(cyrus, cyrus.imap)
  })

  test('Courier reads the Maildirs that it is given', async () => {
    const postfix = await startPostfix({ mailboxes: ['ana@peer.test'] })
    const maildir = postfix.maildir('ana@peer.test')
    const courier = await startCourier({ users: [{ name: 'ana', password: 'secret', maildir }] })
    await sendRaw({ port: postfix.port, from: 'a@client.test', to: 'ana@peer.test', message: MAIL })
    await expect.poll(() => readdirSync(join(maildir, 'new')), { timeout: 10_000 }).toHaveLength(1)
    expect(await talk(courier.imap, ['a LOGIN ana wrong', 'b LOGIN ana secret', 'c SELECT INBOX', 'd LOGOUT'])).toMatch(
      /^a NO [\s\S]*^b OK [\s\S]*^\* 1 EXISTS/m,
    )
    expect(await talk(courier.pop3, ['USER ana', 'PASS secret', 'STAT', 'QUIT'])).toMatch(/^\+OK 1 \d/m)
    await expectGone(courier, courier.imap)
    await postfix.stop()
  })

  test('OpenSMTPD delivers to its mailboxes and knows no others', async () => {
    const opensmtpd = await startOpensmtpd({ mailboxes: ['ana@peer.test'] })
    await sendRaw({ port: opensmtpd.port, from: 'a@client.test', to: 'ana@peer.test', message: MAIL })
    expect(await nextDelivery(opensmtpd.maildir('ana@peer.test'))).toContain('Hello')
    expect(await talk(opensmtpd.port, LETTER('EHLO', 'nobody@peer.test'))).toMatch(/^5\d\d /m)
    await expectGone(opensmtpd, opensmtpd.port)
  })

  test('Sendmail takes what is for its users, and from strangers nothing for others', async () => {
    const sendmail = await startSendmail({ domain: 'peer.test', users: ['ana'], auth: { ana: 'secret' } })
    const send = (to: string) => sendRaw({ port: sendmail.port, from: 'a@client.test', to, message: MAIL })
    expect(await send('ana@peer.test')).toMatch(/^250 /)
    await expect(send('no-such-user@peer.test')).rejects.toThrow(/550 5\.1\.1/)
    await expect(send('b@elsewhere.test')).rejects.toThrow(/550 5\.7\.1/)
    expect(await talk(sendmail.submission, LETTER('EHLO', 'ana@peer.test'))).toMatch(/^530 /m)
    await expectGone(sendmail, sendmail.port)
  })

  test('Haraka takes what is for its domain and nothing else', async () => {
    const haraka = await startHaraka({ domain: 'peer.test' })
    const send = (to: string) => sendRaw({ port: haraka.port, from: 'a@client.test', to, message: MAIL })
    expect(await send('ana@peer.test')).toMatch(/^250 /)
    await expect(send('b@elsewhere.test')).rejects.toThrow(/550 /)
    await expectGone(haraka, haraka.port)
  })

  test('smtp-server takes everything', async () => {
    const server = await startSmtpServer()
    const reply = await sendRaw({ port: server.port, from: 'a@client.test', to: 'b@elsewhere.test', message: MAIL })
    expect(reply).toMatch(/^250 /)
    await expectGone(server, server.port)
  })

  test('who is not root is told what is missing and how to get it', () => {
    expect(setUpPeers(['no-such-package', 'postfix'], () => {}, false)).toEqual({
      present: ['postfix'],
      installed: [],
      unpacked: [],
      missing: [
        { name: 'no-such-package', reason: 'run as root: apt-get install --no-install-recommends no-such-package' },
      ],
    })
  })

  test('a test that names a package nobody listed fails with that', async () => {
    await expect(needPackages(['no-such-package'])).rejects.toThrow(
      'no-such-package: not listed in test/kit/packages.ts',
    )
  })
})

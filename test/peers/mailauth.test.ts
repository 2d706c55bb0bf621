// Whole servers with real peers: mail that opendkim signed behind Postfix is checked here, ours is checked there, clamd is asked.
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type DnsServer, startDnsServer } from '../kit/dns-server.ts'
import { nextDelivery } from '../kit/maildir.ts'
import { type Clamd, EICAR, startClamd } from '../kit/peers/clamd.ts'
import { startOpendkim } from '../kit/peers/opendkim.ts'
import { startPostfix } from '../kit/peers/postfix.ts'
import { startTestServer, type TestServer } from '../kit/server.ts'
import { sendRaw } from '../kit/smtp-send.ts'

const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const record = `v=DKIM1; p=${createPublicKey(key).export({ type: 'spki', format: 'der' }).toString('base64')}`
const DOMAIN = {
  's1._domainkey.sender.test': { TXT: [record] },
  'sender.test': { TXT: ['v=spf1 -all'], A: ['192.0.2.1'] },
  '_dmarc.sender.test': { TXT: ['v=DMARC1; p=reject'] },
}
const USERS = { 'ana@estafeta.test': 'secret' }
const mail = (from: string, text = 'Hello') =>
  Buffer.from(
    `From: ${from}\r\nTo: ana@estafeta.test\r\nSubject: x\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n\r\n${text}\r\n`,
  )

let folder: string
let keyFile: string
const ending: (() => Promise<void>)[] = []

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'estafeta-mailauth-'))
  keyFile = join(folder, 's1.pem')
  writeFileSync(keyFile, key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end()
})

/** Loopback is no trusted network here: Postfix is a stranger. */
async function serve(
  plugins: object,
  options: { folder?: string; networks?: string[]; relay?: object } = {},
): Promise<TestServer> {
  const server = await startTestServer({
    users: USERS,
    zone: DOMAIN,
    ...(options.folder === undefined ? {} : { folder: options.folder }),
    config: {
      profile: options.relay ? 'smarthost' : 'internet-site',
      networks: options.networks ?? [],
      ...(options.relay ? { relay: options.relay } : {}),
      plugins,
    },
  })
  ending.push(() => server.end())
  return server
}

/** The one message in ana's INBOX, once it is there. */
async function received(server: TestServer): Promise<string> {
  await server.logged(/to=<ana@estafeta\.test>.*status=sent/)
  const account = await server.store.account('ana@estafeta.test')
  const inbox = await account.open('INBOX')
  expect(inbox.uids()).toHaveLength(1)
  const stored = await inbox.message(inbox.uids()[0]!)
  const octets = await stored.read()
  stored.close()
  inbox.close()
  account.close()
  return octets.toString('latin1').replace(/\r\n[ \t]+/g, ' ')
}

describe('mail from outside', () => {
  test('signed by opendkim behind Postfix passes DKIM and DMARC though SPF fails', async () => {
    const server = await serve({ 'spf-dkim-dmarc': { enforce: 'reject', onError: 'defer' } })
    const opendkim = await startOpendkim({ mode: 'sign', domain: 'sender.test', selector: 's1', keyFile })
    ending.push(() => opendkim.stop())
    const postfix = await startPostfix({
      relay: `[127.0.0.1]:${server.port('smtp')}`,
      main: { smtpd_milters: `inet:127.0.0.1:${opendkim.port}` },
    })
    ending.push(() => postfix.stop())
    await sendRaw({
      port: postfix.port,
      from: 'ana@sender.test',
      to: 'ana@estafeta.test',
      message: mail('ana@sender.test'),
    })
    const text = await received(server)
    expect(text).toMatch(/^Authentication-Results: mx\.estafeta\.test;.*dkim=pass header\.d=sender\.test/m)
    expect(text).toMatch(/^Authentication-Results: .*spf=fail.*dmarc=pass/m)
    expect(text).toMatch(/^Received-SPF: fail/m)
  })

  test('forged, it is refused at the end of DATA; results that it brought along in our name are gone', async () => {
    const server = await serve({ 'spf-dkim-dmarc': { enforce: 'reject', onError: 'defer' } })
    const to = { port: server.port('smtp'), to: 'ana@estafeta.test' }
    const refused = await sendRaw({ ...to, from: 'x@other.test', message: mail('ana@sender.test') })
    expect(refused).toMatch(/^550 5\.7\.26 /)
    const liar = Buffer.concat([
      Buffer.from('Authentication-Results: mx.estafeta.test; dmarc=pass\r\n'),
      mail('ana@other.test'),
    ])
    expect(await sendRaw({ ...to, from: 'x@other.test', message: liar })).toMatch(/^250 /)
    const text = await received(server)
    expect(text.match(/^Authentication-Results:.*$/gm)).toEqual([expect.stringContaining('dmarc=none')])
  })

  test('SPF refuses at MAIL when told to', async () => {
    const server = await serve({ 'spf-dkim-dmarc': { spfFail: 'reject', onError: 'defer' } })
    const sent = sendRaw({
      port: server.port('smtp'),
      from: 'ana@sender.test',
      to: 'ana@estafeta.test',
      message: mail('ana@sender.test'),
    })
    await expect(sent).rejects.toThrow(/550 5\.7\.23/)
  })
})

describe('mail from here', () => {
  let dns: DnsServer
  test('signed by dkim-sign is verified by opendkim behind Postfix', async () => {
    dns = await startDnsServer(DOMAIN)
    ending.push(() => dns.close())
    const opendkim = await startOpendkim({ mode: 'verify', dnsPort: dns.port })
    ending.push(() => opendkim.stop())
    const postfix = await startPostfix({
      mailboxes: ['paco@peer.test'],
      main: { smtpd_milters: `inet:127.0.0.1:${opendkim.port}` },
    })
    ending.push(() => postfix.stop())
    const own = mkdtempSync(join(tmpdir(), 'estafeta-signing-'))
    mkdirSync(join(own, 'data/dkim/sender.test'), { recursive: true, mode: 0o700 })
    writeFileSync(join(own, 'data/dkim/sender.test/s1.pem'), key.export({ type: 'pkcs8', format: 'pem' }), {
      mode: 0o600,
    })
    const server = await serve(
      { 'dkim-sign': { onError: 'defer', oversign: ['From'] } },
      { folder: own, networks: ['127.0.0.0/8'], relay: { host: [`[127.0.0.1]:${postfix.port}`], tls: 'none' } },
    )
    const sent = await sendRaw({
      port: server.port('smtp'),
      from: 'ana@sender.test',
      to: 'paco@peer.test',
      message: mail('Ana <ana@sender.test>', '.leading dot \u00f1\u00a0'),
    })
    expect(sent).toMatch(/^250 /)
    const text = await nextDelivery(postfix.maildir('paco@peer.test'))
    expect(text).toMatch(/^Authentication-Results: verifier\.test;\s+dkim=pass/m)
  })
})

describe('mail and clamd', () => {
  let clamd: Clamd
  const clamav = (onError: string) => ({
    clamav: { enabled: true, socket: clamd.socket, onError },
    'spf-dkim-dmarc': { enabled: false },
  })
  const send = (server: TestServer, text?: string) =>
    sendRaw({
      port: server.port('smtp'),
      from: 'a@other.test',
      to: 'ana@estafeta.test',
      message: mail('a@other.test', text),
    })

  test('clean mail is delivered and marked; infected mail is refused with its name', async () => {
    clamd = await startClamd()
    ending.push(() => clamd.stop())
    const server = await serve(clamav('defer'))
    expect(await send(server, EICAR)).toMatch(/^554 5\.7\.0 .*Eicar/)
    expect(await send(server)).toMatch(/^250 /)
    expect(await received(server)).toMatch(/^X-Virus-Scanned: clamav at mx\.estafeta\.test/m)
  })

  test.each([
    ['defer', /^451 4\.7\.1 /],
    ['reject', /^5\d\d /],
    ['pass', /^250 /],
  ])('with clamd dead, onError %s decides', async (onError, answer) => {
    clamd = await startClamd()
    const server = await serve(clamav(onError))
    await clamd.kill()
    expect(await send(server)).toMatch(answer)
    await server.logged(/plugin clamav failed at message/)
  })
})

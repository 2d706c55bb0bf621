// Mail from submission to other sites: by MX and by smarthost, through the whole server, with what other sites do to it.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { createFakeResolver } from '../../core/dns/fake-resolver.ts'
import type { Zone } from '../../core/dns/zone.ts'
import { MAX_TRIALS } from '../../core/pipeline/trials.ts'
import { type Script, type ScriptedServer, startScriptedSmtp } from '../kit/scripted-smtp.ts'
import { startTestServer, type TestServer } from '../kit/server.ts'
import { sendRaw } from '../kit/smtp-send.ts'
import { SmtpTalk } from '../kit/smtp-talk.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function site(script: Script): Promise<ScriptedServer> {
  const server = await startScriptedSmtp(script)
  closers.push(() => server.close())
  return server
}

async function start(config: { [key: string]: unknown }, zone: Zone = {}): Promise<TestServer> {
  const server = await startTestServer({
    users: { 'ana@estafeta.test': 'x' },
    resolver: createFakeResolver(zone),
    config,
  })
  closers.push(() => server.end())
  return server
}

const direct = (port: number, more: object = {}) => ({
  profile: 'internet-site',
  networks: ['127.0.0.0/8'],
  plugins: { 'spf-dkim-dmarc': { enabled: false }, 'deliver-smtp': { port, ...more } },
})
const ZONE: Zone = { 'there.test': { MX: [[10, 'mx.there.test']] }, 'mx.there.test': { A: ['127.0.0.1'] } }

const submit = (server: TestServer, to: string, from = 'ana@estafeta.test') =>
  sendRaw({
    port: server.port('smtp'),
    from,
    to,
    message: Buffer.from(`From: ${from}\r\nTo: ${to}\r\nSubject: hello\r\n\r\nbody\r\n.dot\r\n`),
  })

test('by MX: Received is added, the body stays', async () => {
  const there = await site({})
  const server = await start(direct(there.port), ZONE)
  expect(await submit(server, 'paco@there.test')).toMatch(/^250 /)
  const line = await server.logged(/to=<paco@there\.test>.*status=sent/)
  expect(line).toContain(`relay=mx.there.test[127.0.0.1]:${there.port}`)
  expect(there.mails[0]).toMatchObject({ from: 'ana@estafeta.test', to: ['paco@there.test'] })
  expect(there.mails[0]!.data).toMatch(/^Received: from /)
  expect(there.mails[0]!.data).toMatch(/\r\n\r\nbody\r\n\.dot\r\n$/)
  expect(there.lines[0]).toBe('EHLO mx.estafeta.test')
})

test('by MX: what the other site refuses comes back as a bounce', async () => {
  const there = await site({ on: { RCPT: '550 5.1.1 nobody here' } })
  const server = await start(direct(there.port), ZONE)
  await submit(server, 'paco@there.test')
  await server.logged(/to=<paco@there\.test>.*dsn=5\.1\.1.*status=bounced/)
  await server.logged(/to=<ana@estafeta\.test>.*status=sent/)
})

test('by MX: a bounce reaches its sender also where 8 bits are not taken, whatever the mail had in its header', async () => {
  const there = await site({
    offers: ['PIPELINING'],
    on: { RCPT: (line) => (/paco/.test(line) ? '550 5.1.1 nobody' : null) },
  })
  const server = await start(direct(there.port), ZONE)
  const message = Buffer.from('From: ana@there.test\r\nSubject: grüß\r\n\r\nschön\r\n')
  await sendRaw({ port: server.port('smtp'), from: 'ana@there.test', to: 'paco@there.test', message })
  await server.logged(/to=<ana@there\.test>.*status=sent/)
  expect(there.mails[0]!.data).toContain('report-type=delivery-status')
  expect(there.mails[0]!.data).toContain('sch=C3=B6n')
})

test('mail that an alias sends to another site says so, and bounces when it comes back', async () => {
  const there = await site({})
  const server = await start(direct(there.port), ZONE)
  writeFileSync(join(server.site.data, 'aliases'), 'team: paco@there.test, eva@there.test\nlist: max@there.test\n')
  const to = ['team@estafeta.test', 'list@estafeta.test', 'luis@there.test']
  const talk = await SmtpTalk.open(server.port('smtp'))
  expect(await talk.send({ from: 'ana@estafeta.test', to })).toMatch(/^250 /)
  await there.until(() => there.mails.length === 3)
  const marks = there.mails.map(({ to, data }) => `${to} ${/^Delivered-To: (.*)\r$/m.exec(data)?.[1]}`).sort()
  expect(marks).toEqual([
    'luis@there.test undefined',
    'max@there.test list@estafeta.test',
    'paco@there.test,eva@there.test team@estafeta.test',
  ])
  const text = there.mails.find((mail) => mail.to.length === 2)!.data
  expect(await talk.send({ from: 'ana@estafeta.test', to: 'Team@estafeta.test', text })).toMatch(/^250 /)
  talk.close()
  const line = await server.logged(/to=<paco@there\.test>.*status=bounced/)
  expect(line).toMatch(/dsn=5\.4\.6.*Mail forwarding loop for <team@estafeta\.test>/i)
  expect(there.mails).toHaveLength(3)
})

test.each<[string, Zone, RegExp]>([
  ['no such domain', {}, /dsn=5\.1\.2.*status=bounced/],
  ['null MX', { 'there.test': { MX: [[0, '']] } }, /dsn=5\.1\.10.*status=bounced/],
  ['a mail loop', { 'there.test': { MX: [[0, 'mx.estafeta.test']] } }, /dsn=5\.4\.6.*status=bounced/],
  ['no DNS', { 'there.test': { fail: 'timeout' } }, /dsn=4\.4\.3.*status=deferred/],
  ['nobody listening', ZONE, /dsn=4\.4\.1.*status=deferred/],
])('by MX: %s', async (_name, zone, expected) => {
  const gone = await site({})
  await gone.close()
  const server = await start(direct(gone.port), zone)
  await submit(server, 'paco@there.test')
  expect(await server.logged(/to=<paco@there\.test>/)).toMatch(expected)
})

test('hundreds of hosts that never greet hold up neither a domain that answers nor local mail', async () => {
  const live = await site({ host: '127.0.0.2' })
  const dead = await site({ host: '127.0.0.3', port: live.port, greeting: 'hang' })
  const domains = Array.from({ length: 600 }, (_, i) => `dead${i}.test`)
  const deadZone = Object.fromEntries(domains.map((domain) => [domain, { A: [dead.host] }]))
  const server = await start(direct(live.port), { ...deadZone, 'there.test': { A: [live.host] } })
  await submit(server, 'paco@there.test')
  await server.logged(/to=<paco@there\.test>.*status=sent/)
  live.cutAll()
  const talk = await SmtpTalk.open(server.port('smtp'))
  expect(await talk.send({ to: domains.map((domain) => `eva@${domain}`) })).toMatch(/^250 /)
  talk.close()
  await dead.until(() => dead.connections === MAX_TRIALS)
  await submit(server, 'luis@there.test')
  await server.logged(/to=<luis@there\.test>.*status=sent/)
  await submit(server, 'ana@estafeta.test')
  await server.logged(/to=<ana@estafeta\.test>.*status=sent/)
  expect(dead.connections).toBe(MAX_TRIALS)
})

test('by smarthost: the second mail takes the same connection', async () => {
  const relay = await site({})
  const server = await start({
    profile: 'smarthost',
    networks: ['127.0.0.0/8'],
    relay: { host: `[127.0.0.1]:${relay.port}`, tls: 'none' },
    plugins: { 'spf-dkim-dmarc': { enabled: false } },
  })
  await submit(server, 'paco@there.test')
  await server.logged(/to=<paco@there\.test>.*status=sent/)
  await submit(server, 'eva@there.test')
  await server.logged(/to=<eva@there\.test>.*status=sent/)
  expect(relay.connections).toBe(1)
  expect(relay.mails.map((mail) => mail.to)).toEqual([['paco@there.test'], ['eva@there.test']])
})

test('rbl refuses a listed client at RCPT, with the list named in the reply and in the log', async () => {
  const zone = { '1.0.0.127.zen.test': { A: ['127.0.0.2'], TXT: ['you know why'] } } as const
  const plugins = { rbl: { enabled: true, lists: ['zen.test'] }, 'spf-dkim-dmarc': { enabled: false } }
  const server = await start({ profile: 'internet-site', networks: ['192.0.2.0/24'], plugins }, zone)
  await expect(submit(server, 'ana@estafeta.test', 'eva@there.test')).rejects.toThrow(
    '550 5.7.1 127.0.0.1 is listed by zen.test (you know why)',
  )
  await server.logged(/listed by zen\.test/)
})

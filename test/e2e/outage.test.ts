// Helpers that are down: every outage is temporary, visible in queue and trace, and over when the helper is back.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { controlJson } from '../../core/admin/control-client.ts'
import { FakeClock } from '../../core/base/clock.ts'
import { socketPath } from '../../core/base/socket-path.ts'
import { createFakeResolver } from '../../core/dns/fake-resolver.ts'
import { runBin } from '../kit/command.ts'
import { freePort } from '../kit/free-port.ts'
import { type ScriptedServer, startScriptedSmtp } from '../kit/scripted-smtp.ts'
import { startTestServer, type TestServer, type TestServerOptions } from '../kit/server.ts'
import { queuedAs, SmtpTalk } from '../kit/smtp-talk.ts'

const ANA = 'ana@estafeta.test'
const open: { end(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.end()
})

async function start(
  plugins: { [name: string]: unknown },
  { config, ...more }: TestServerOptions = {},
): Promise<TestServer> {
  const server = await startTestServer({
    users: { [ANA]: 'secret' },
    config: {
      profile: 'internet-site',
      ...config,
      plugins: { 'spf-dkim-dmarc': { enabled: false }, ...plugins },
    },
    ...more,
  })
  open.push(server)
  return server
}

async function scripted(script: Parameters<typeof startScriptedSmtp>[0]): Promise<ScriptedServer> {
  const peer = await startScriptedSmtp(script)
  open.push({ end: () => peer.close() })
  return peer
}

async function send(server: TestServer, to: string, more: { from?: string; text?: string } = {}): Promise<string> {
  const talk = await SmtpTalk.open(server.port('smtp'))
  const answer = await talk.send({ to, ...more })
  talk.close()
  return answer
}

/** The command against the server of this process. */
function estafeta(server: TestServer, ...args: string[]) {
  const config = join(server.folder, 'command.yaml')
  writeFileSync(config, `hostname: mx.estafeta.test\ndata: ${server.site.data}\n`)
  return runBin('estafeta', ['--config', config, ...args])
}

const traced = async (server: TestServer, about: string) => [...(await server.trace.find({ about, limit: 10 }))]
const inboxSize = async (server: TestServer): Promise<number> => {
  const account = await server.store.account(ANA)
  const mailbox = await account.open('INBOX')
  const { length } = mailbox.uids()
  mailbox.close()
  account.close()
  return length
}

describe('clamd is down', () => {
  test('onError defer: the client is asked to come back, and the trace says why', async () => {
    const server = await start({ clamav: { enabled: true, port: await freePort(), onError: 'defer' } })
    expect(await send(server, ANA)).toBe('451 4.7.1 A required check is not available now, try again later')
    expect(server.queue.stats().items).toBe(0)
    const events = await traced(server, 'client@away.test')
    expect(events.find((e) => e.plugin === 'clamav')).toMatchObject({
      hook: 'message',
      verdict: 'failed',
      detail: expect.stringMatching(/clamd/),
    })
  })

  test('onError pass: the mail is taken, and the trace says that nobody looked', async () => {
    const server = await start({ clamav: { enabled: true, port: await freePort(), onError: 'pass' } })
    const id = queuedAs(await send(server, ANA))
    await server.logged(new RegExp(`${id}: removed`))
    expect(await inboxSize(server)).toBe(1)
    expect((await traced(server, id)).find((e) => e.plugin === 'clamav')).toMatchObject({ verdict: 'failed' })
  })
})

describe('the DNS is down', () => {
  test('mail waits, is seen in queue and trace, and goes out by the schedule when the DNS is back', async () => {
    const peer = await scripted({ host: '127.0.0.2' })
    const resolver = createFakeResolver({ 'out.test': { fail: 'servfail' } })
    const clock = new FakeClock(Date.now())
    const server = await start({ 'deliver-smtp': { port: peer.port, tls: 'none' } }, { resolver, clock })
    const id = queuedAs(await send(server, 'x@out.test', { from: ANA }))
    await server.logged(new RegExp(`${id}: to=<x@out\\.test>.*status=deferred.*servfail`))
    const list = await estafeta(server, 'queue', 'list')
    expect(list).toMatchObject({ code: 0, stderr: '' })
    expect(list.stdout).toMatch(new RegExp(`${id}.*x@out\\.test.*retry in \\dm: 451 4\\.4\\.3 .*servfail`))
    const trace = await estafeta(server, 'trace', id)
    expect(trace.stdout).toMatch(/attempt.*deferred.*<x@out\.test>.*servfail/)

    resolver.set('out.test', { MX: [[10, 'mx.out.test']] })
    resolver.set('mx.out.test', { A: ['127.0.0.2'] })
    clock.advance(7 * 60_000)
    await server.logged(new RegExp(`${id}: to=<x@out\\.test>.*status=sent`))
    expect(peer.mails).toMatchObject([{ from: ANA, to: ['x@out.test'] }])
    expect(server.queue.get(id)).toBeNull()
  })

  test('a domain that does not exist is no outage: the sender hears of it at once', async () => {
    const server = await start({})
    queuedAs(await send(server, 'x@nowhere.test', { from: ANA }))
    await server.logged(/to=<ana@estafeta\.test>.*status=sent/)
    expect(await inboxSize(server)).toBe(1)
  })
})

describe('the smarthost is down', () => {
  test('its lane closes, later mail waits without a try; a flush when it is back delivers all', async () => {
    const port = await freePort()
    const server = await start(
      {},
      { config: { profile: 'smarthost', relay: { host: `[127.0.0.1]:${port}`, tls: 'none' } } },
    )
    const first = queuedAs(await send(server, 'x@out.test', { from: ANA }))
    await server.logged(new RegExp(`${first}: to=<x@out\\.test>.*status=deferred.*connection refused`))
    const lanes = await controlJson<{ key: string; closedForMs: number }[]>(
      socketPath(server.site.data, 'control'),
      'GET',
      '/lanes',
    )
    expect(lanes).toMatchObject([{ key: `smarthost:[127.0.0.1]:${port}`, closedForMs: expect.any(Number) }])
    expect(lanes[0]!.closedForMs).toBeGreaterThan(0)
    const second = queuedAs(await send(server, 'y@out.test', { from: ANA }))
    await server.logged(new RegExp(`${second}: to=<y@out\\.test>.*status=deferred`))
    expect((await traced(server, second)).find((e) => e.event === 'attempt')?.detail).toContain('destination backs off')

    const peer = await scripted({ port })
    expect(await estafeta(server, 'queue', 'flush')).toMatchObject({ code: 0, stdout: 'flush: 2 messages\n' })
    await Promise.all([first, second].map((id) => server.logged(new RegExp(`${id}: removed`))))
    expect(peer.mails.map((mail) => mail.to[0]).sort()).toEqual(['x@out.test', 'y@out.test'])
  })
})

describe('the other server', () => {
  const zone = { 'out.test': { MX: [[10, 'mx.out.test'] as const] }, 'mx.out.test': { A: ['127.0.0.2'] } }

  test('says 4xx: its reply stands in the queue, and a flush tries again', async () => {
    const peer = await scripted({ host: '127.0.0.2', on: { RCPT: ['450 4.2.1 mailbox busy', null] } })
    const server = await start({ 'deliver-smtp': { port: peer.port, tls: 'none' } }, { zone })
    const id = queuedAs(await send(server, 'x@out.test', { from: ANA }))
    await server.logged(new RegExp(`${id}: to=<x@out\\.test>.*status=deferred`))
    const { stdout } = await estafeta(server, 'queue', 'list', '--reason', 'mailbox busy')
    expect(stdout).toContain('450 4.2.1 mailbox busy')
    await estafeta(server, 'queue', 'flush', id)
    await server.logged(new RegExp(`${id}: removed`))
    expect(peer.mails).toHaveLength(1)
  })

  test('says 5xx: the sender gets a report with its words, the queue is empty', async () => {
    const peer = await scripted({ host: '127.0.0.2', on: { RCPT: '550 5.1.1 who is that' } })
    const server = await start({ 'deliver-smtp': { port: peer.port, tls: 'none' } }, { zone })
    const id = queuedAs(await send(server, 'x@out.test', { from: ANA }))
    await server.logged(new RegExp(`${id}: to=<x@out\\.test>.*status=bounced.*who is that`))
    await server.logged(/to=<ana@estafeta\.test>.*status=sent/)
    expect(await inboxSize(server)).toBe(1)
    await expect.poll(() => server.queue.stats().items).toBe(0)
  })

  test('vanishes within the message: deferred, and delivered when it holds', async () => {
    const peer = await scripted({ host: '127.0.0.2', on: { BODY: ['close', null] } })
    const server = await start({ 'deliver-smtp': { port: peer.port, tls: 'none' } }, { zone })
    const id = queuedAs(await send(server, 'x@out.test', { from: ANA }))
    await server.logged(new RegExp(`${id}: to=<x@out\\.test>.*status=deferred`))
    await estafeta(server, 'queue', 'flush', id)
    await server.logged(new RegExp(`${id}: removed`))
    expect(peer.mails).toHaveLength(1)
  })
})

describe('users.yaml', () => {
  test('broken while the server runs: the last good version serves, the log names file and line; mended, it is taken', async () => {
    const server = await start({})
    const users = join(server.folder, 'users.yaml')
    writeFileSync(users, `users:\n  ${ANA}: { password: "{PLAIN}secret" }\n  paco@estafeta.test: { pasword: x }\n`)
    queuedAs(await send(server, ANA))
    expect(await server.logged(/users\.yaml:3/)).toMatch(/file unusable.*last good version stays in use/)
    expect(await send(server, 'paco@estafeta.test')).toMatch(/^550 5\.1\.1 /)
    writeFileSync(users, `users:\n  ${ANA}: {}\n  paco@estafeta.test: {}\n`)
    queuedAs(await send(server, 'paco@estafeta.test'))
  })
})

const UNRULY = `
import { definePlugin, z } from 'estafeta/plugin'
export default definePlugin({
  name: 'unruly',
  description: 'throws or hangs',
  config: z.strictObject({}),
  setup: () => ({
    message(message) {
      const subject = message.header.get('subject')
      if (subject === 'throw') throw new Error('out of order')
      if (subject === 'late throw') return Promise.reject(new TypeError('out of order, later'))
      if (subject === 'hang') return new Promise(() => {})
      if (subject === 'nonsense') return { all: { kind: 'maybe' } }
      return {}
    },
  }),
})
`

describe('a plugin that throws, hangs or talks nonsense', () => {
  test.each([
    ['defer', '451 4.7.1 A required check is not available now, try again later'],
    ['reject', '554 5.3.0 A required check failed'],
    ['pass', '250 2.0.0 OK queued as *'],
  ] as const)('onError %s', async (onError, expected) => {
    const folder = (await start({})).folder
    const path = join(folder, 'unruly.ts')
    writeFileSync(path, UNRULY)
    const server = await start({ unruly: { use: path, onError, timeout: '1s' } })
    const talk = await SmtpTalk.open(server.port('smtp'))
    for (const subject of ['throw', 'late throw', 'hang', 'nonsense']) {
      const answer = await talk.send({ to: ANA, text: `Subject: ${subject}\r\n\r\nx\r\n` })
      expect(answer.replace(/as \w+$/, 'as *'), subject).toBe(expected)
      expect(answer).not.toContain('out of order')
    }
    expect(await talk.send({ to: ANA })).toMatch(/^250/)
    talk.close()
    const details = (await traced(server, 'client@away.test')).filter((e) => e.plugin === 'unruly').map((e) => e.detail)
    expect(details.join('\n')).toMatch(/out of order/)
  })
})

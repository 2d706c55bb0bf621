// Reload: a new generation beside the old; sessions are not dropped, and what cannot be used changes nothing.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadConfig } from '../../core/config/load.ts'
import { runBin } from '../kit/command.ts'
import { freePort, freePorts } from '../kit/free-port.ts'
import { startTestServer, type TestServer } from '../kit/server.ts'
import { queuedAs, SmtpTalk } from '../kit/smtp-talk.ts'

const ANA = 'ana@estafeta.test'
const TAGGER = `
import { definePlugin, LOGGER, z } from 'estafeta/plugin'
export default definePlugin({
  name: 'tagger',
  description: 'marks mail with its setting',
  config: z.strictObject({ tag: z.string() }),
  inject: { log: LOGGER },
  setup: ({ config, log }) => ({
    message: () => ({ add: [{ name: 'X-Tag', value: config.tag }] }),
    close: () => log.info('closed tagger ' + config.tag),
  }),
})
`

let server: TestServer
let settings: { [key: string]: unknown }

const load = (changes: { [key: string]: unknown }) =>
  loadConfig({ folder: server.folder, overrides: { ...settings, ...changes } })
const plugins = (tag: string, more: object = {}) => ({
  'spf-dkim-dmarc': { enabled: false },
  tagger: { use: join(server?.folder ?? '', 'tagger.ts'), onError: 'defer', tag },
  ...more,
})

beforeEach(async () => {
  const [smtp, imap] = (await freePorts(2)) as [number, number]
  const first = await startTestServer({ users: { [ANA]: 'secret' } })
  await first.stop(0)
  server = first
  writeFileSync(join(first.folder, 'tagger.ts'), TAGGER)
  settings = {
    profile: 'internet-site',
    hostname: 'mx.estafeta.test',
    origin: 'estafeta.test',
    domains: ['estafeta.test'],
    postmaster: ANA,
    data: join(first.folder, 'data'),
    users: { file: join(first.folder, 'users.yaml') },
    queue: { minFree: 0 },
    listen: {
      ...Object.fromEntries(['submission', 'submissions', 'imaps', 'pop3', 'pop3s'].map((name) => [name, []])),
      smtp: [`127.0.0.1:${smtp}`],
      imap: [`127.0.0.1:${imap}`],
    },
  }
  server = await startTestServer({ folder: first.folder, config: { ...settings, plugins: plugins('one') } })
})
afterEach(() => server.end())

async function tagOf(id: string): Promise<string | undefined> {
  await server.logged(new RegExp(`${id}: removed`))
  const account = await server.store.account(ANA)
  const mailbox = await account.open('INBOX')
  const message = await mailbox.message(mailbox.uids().at(-1)!)
  const text = (await message.read()).toString('latin1')
  message.close()
  mailbox.close()
  account.close()
  return /^X-Tag: (\w+)/m.exec(text)?.[1]
}

test('a session under way finishes on the old generation, new ones use the new; the old plugins close with the last', async () => {
  const old = await SmtpTalk.open(server.port('smtp'))
  await old.ask('MAIL FROM:<a@away.test>')
  await server.reload(load({ plugins: plugins('two') }))
  const fresh = await SmtpTalk.open(server.port('smtp'))
  expect(await tagOf(queuedAs(await fresh.send({ to: ANA })))).toBe('two')
  await old.ask(`RCPT TO:<${ANA}>`)
  await old.ask('DATA')
  expect(await tagOf(queuedAs(await old.ask('Subject: x\r\n\r\nold\r\n.')))).toBe('one')
  expect(server.lines.some((line) => line.includes('closed tagger one'))).toBe(false)
  expect(await old.ask('QUIT')).toMatch(/^221/)
  await server.logged(/closed tagger one/)
  expect(server.lines.some((line) => line.includes('closed tagger two'))).toBe(false)
  fresh.close()
})

test('a listener that is added opens, one that is gone closes; open sessions stay', async () => {
  const [smtp, pop3] = (await freePorts(2)) as [number, number]
  const before = server.port('smtp')
  const old = await SmtpTalk.open(before)
  await server.reload(
    load({
      plugins: plugins('one'),
      listen: { ...(settings.listen as object), smtp: [`127.0.0.1:${smtp}`], pop3: [`127.0.0.1:${pop3}`] },
    }),
  )
  expect(server.port('smtp')).toBe(smtp)
  expect(server.port('pop3')).toBe(pop3)
  const fresh = await SmtpTalk.open(smtp)
  expect(await fresh.send({ to: ANA })).toMatch(/^250/)
  await expect(SmtpTalk.open(before)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  expect(await old.send({ to: ANA })).toMatch(/^250/)
  old.close()
  fresh.close()
})

test('a listener may change its service or options at the same address', async () => {
  const address = `127.0.0.1:${server.port('smtp')}`
  const listen = { ...(settings.listen as object), smtp: [], submission: [address] }
  await server.reload(load({ plugins: plugins('one'), listen }))
  const talk = await SmtpTalk.open(server.port('submission'))
  expect(await talk.ask(`MAIL FROM:<${ANA}>`)).toMatch(/^530 5\.7\.0/)
  talk.close()
})

test('users added and removed are known at once, without a reload', async () => {
  const talk = await SmtpTalk.open(server.port('smtp'))
  await talk.ask('MAIL FROM:<a@away.test>')
  expect(await talk.ask('RCPT TO:<rosa@estafeta.test>')).toMatch(/^550 5\.1\.1/)
  writeFileSync(join(server.folder, 'users.yaml'), 'users:\n  rosa@estafeta.test: {}\n')
  expect(await talk.ask('RCPT TO:<rosa@estafeta.test>')).toMatch(/^250/)
  expect(await talk.ask(`RCPT TO:<${ANA}>`)).toMatch(/^550 5\.1\.1/)
  talk.close()
})

test('a port that is taken, a plugin that cannot be set up, a broken users.yaml: each leaves everything as it was', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port: taken } = other.address() as AddressInfo
  const occupied = { ...(settings.listen as object), pop3: [`127.0.0.2:${await freePort()}`, `127.0.0.1:${taken}`] }
  await expect(server.reload(load({ plugins: plugins('two'), listen: occupied }))).rejects.toThrow(/another program/)
  other.close()
  expect(() => server.port('pop3')).toThrow()
  await expect(
    server.reload(load({ plugins: plugins('two', { tagger: { ...plugins('').tagger, tag: 7 } }) })),
  ).rejects.toThrow(/tagger\.tag/)
  const users = join(server.folder, 'users.yaml')
  const talk = await SmtpTalk.open(server.port('smtp'))
  await talk.send({ to: ANA })
  writeFileSync(users, `users:\n  ${ANA}: { pasword: x }\n`)
  await expect(server.reload(load({ plugins: plugins('two') }))).rejects.toThrow(/users\.yaml:2/)
  expect(await tagOf(queuedAs(await talk.send({ to: ANA })))).toBe('one')
  await expect(server.reload(load({ plugins: plugins('two') }))).rejects.toThrow()
  writeFileSync(users, `users:\n  ${ANA}: {}\n`)
  await server.reload(load({ plugins: plugins('two') }))
  talk.close()
  const fresh = await SmtpTalk.open(server.port('smtp'))
  expect(await tagOf(queuedAs(await fresh.send({ to: ANA })))).toBe('two')
  fresh.close()
})

test('a certificate that is configured takes the place of the self-signed one; a bad one changes nothing', async () => {
  const { createSelfSigned } = await import('../../core/net/self-signed.ts')
  const made = await createSelfSigned('new.estafeta.test', Date.now())
  const files = { cert: join(server.folder, 'new.crt'), key: join(server.folder, 'new.key') }
  writeFileSync(files.cert, made.cert)
  writeFileSync(files.key, made.key)
  const subject = async (): Promise<string> => {
    const talk = await SmtpTalk.open(server.port('smtp'))
    expect(await talk.ask('STARTTLS')).toMatch(/^220/)
    await talk.talker.startTls()
    const { subject: found } = (talk.talker.socket as TLSSocket).getPeerCertificate()
    talk.close()
    return String(found.CN)
  }
  expect(await subject()).toBe('mx.estafeta.test')
  await expect(
    server.reload(load({ plugins: plugins('one'), tls: { cert: files.cert, key: files.cert } })),
  ).rejects.toThrow(/tls: .*cannot be used/)
  expect(await subject()).toBe('mx.estafeta.test')
  await server.reload(load({ plugins: plugins('one'), tls: files }))
  expect(await subject()).toBe('new.estafeta.test')
})

test('settings that a running server cannot change are named', async () => {
  const { notes } = await server.reload(
    load({ plugins: plugins('one'), hostname: 'other.estafeta.test', limits: { connections: 7, recipients: 500 } }),
  )
  expect(notes).toEqual(['hostname: takes effect at a restart', 'limits.connections: takes effect at a restart'])
})

test('estafeta reload: mistakes that only the server can find are printed, with exit 78', async () => {
  const config = join(server.folder, 'estafeta.yaml')
  const write = (tagger: string): void =>
    writeFileSync(
      config,
      [
        'profile: internet-site',
        'hostname: mx.estafeta.test',
        'domains: [estafeta.test]',
        `postmaster: ${ANA}`,
        `data: ${server.site.data}`,
        `listen: ${JSON.stringify(settings.listen)}`,
        'users: { file: users.yaml }',
        'queue: { minFree: 0 }',
        'plugins:',
        '  spf-dkim-dmarc: { enabled: false }',
        `  tagger: { use: ./tagger.ts, onError: defer, ${tagger} }`,
        '',
      ].join('\n'),
    )
  await server.stop(0)
  write('tag: one')
  const { startServer } = await import('../../core/main.ts')
  const running = await startServer({ loaded: loadConfig({ path: config }), write: () => {} })
  try {
    const reload = () => runBin('estafeta', ['--config', config, 'reload'])
    expect(await reload()).toEqual({ code: 0, stdout: 'reloaded: generation 2\n', stderr: '' })
    write('tag: one, tog: two')
    const refused = await reload()
    expect(refused).toMatchObject({ code: 78, stdout: '' })
    expect(refused.stderr).toMatch(/estafeta\.yaml:11:\d+: plugins\.tagger\.tog: .*tag/)
    write('tag: two }\nqueue: {')
    expect(await reload()).toMatchObject({ code: 78 })
    write('tag: two')
    expect(await reload()).toMatchObject({ code: 0, stdout: 'reloaded: generation 3\n' })
  } finally {
    await running.stop(0)
  }
  expect(await runBin('estafeta', ['--config', config, 'reload'])).toMatchObject({ code: 69 })
  server = await startTestServer({ folder: server.folder, config: { ...settings, plugins: plugins('one') } })
})

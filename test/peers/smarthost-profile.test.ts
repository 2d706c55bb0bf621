// The smarthost and satellite profiles behind Debian's Postfix with AUTH and TLS: whole servers, real wire.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTransport } from 'nodemailer'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAuthority, writeCertificate } from '../kit/certificates.ts'
import { type Scratch, scratch } from '../kit/daemon.ts'
import { type Postfix, startPostfix } from '../kit/peers/postfix.ts'
import { startTestServer } from '../kit/server.ts'

let postfix: Postfix
let folder: Scratch

beforeAll(async () => {
  folder = scratch('smarthost-profile')
  const authority = await createAuthority()
  const tls = writeCertificate(folder.path, 'postfix', await authority.issue())
  postfix = await startPostfix({ auth: { 'site@provider.test': 'right' }, tls, mailboxes: ['x@out.test'] })
})
afterAll(async () => {
  await postfix.stop()
  folder.remove()
})

const site = (profile: string, password: string, tls: string) =>
  startTestServer({
    config: {
      profile,
      hostname: 'mx.here.test',
      origin: 'here.test',
      domains: [],
      listen: { smtp: ['127.0.0.1:0'] },
      relay: { host: `[127.0.0.1]:${postfix.port}`, username: 'site@provider.test', password, tls },
    },
  })

const mailbox = (address: string): string[] => {
  const path = join(postfix.maildir(address), 'new')
  return readdirSync(path).map((name) => readFileSync(join(path, name), 'latin1'))
}

test('a satellite hands its mail to the smarthost over TLS with its password', async () => {
  const server = await site('satellite', 'right', 'encrypt')
  try {
    const transport = createTransport({ host: '127.0.0.1', port: server.port('smtp'), ignoreTLS: true })
    await transport.sendMail({ from: 'job@here.test', to: 'x@out.test', subject: 'over the smarthost', text: 'hello' })
    await server.logged(/to=<x@out\.test>, relay=.*status=sent/)
    expect(postfix.log()).toMatch(/sasl_username=site@provider\.test/)
    await expect
      .poll(() => mailbox('x@out.test').filter((m) => m.includes('Subject: over the smarthost')), { timeout: 10_000 })
      .toHaveLength(1)
    const [message] = mailbox('x@out.test')
    expect(message).toMatch(/with ESMTPSA id/)
  } finally {
    await server.end()
  }
})

test('a wrong password and an untrusted certificate only defer: mail waits until the site is mended', async () => {
  for (const [password, tls, why] of [
    ['wrong', 'encrypt', /status=deferred .*(535|authentication)/i],
    ['right', 'verify', /dsn=4\.7\.5, status=deferred/],
  ] as const) {
    const server = await site('null-client', password, tls)
    try {
      const transport = createTransport({ host: '127.0.0.1', port: server.port('smtp'), ignoreTLS: true })
      await transport.sendMail({ from: 'job@here.test', to: 'x@out.test', subject: 'waits', text: 'hello' })
      await server.logged(why)
      expect(server.queue.stats().items).toBe(1)
      expect(server.lines.join('\n')).not.toContain('"wrong"')
    } finally {
      await server.end()
    }
  }
})

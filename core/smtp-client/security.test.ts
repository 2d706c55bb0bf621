import { afterEach, describe, expect, test } from 'vitest'
import { createAuthority } from '../../test/kit/certificates.ts'
import { briefly as brief, outgoingMail as mail, neverAborted, destinationTo as to } from '../../test/kit/outgoing.ts'
import { type Script, type ScriptedServer, startScriptedSmtp } from '../../test/kit/scripted-smtp.ts'
import { systemClock } from '../base/clock.ts'
import { silentLogger } from '../base/log.ts'
import type { SmtpClient, SmtpDestination, SmtpSend, SmtpSendResult } from '../plugin/services.ts'
import { createSmtpClient, type SmtpClientOptions } from './client.ts'

const servers: ScriptedServer[] = []
const clients: SmtpClient[] = []
afterEach(async () => {
  // the servers first: no client then waits for a goodbye
  for (const server of servers.splice(0)) await server.close()
  for (const client of clients.splice(0)) await client.close()
})

async function serve(script: Script = {}): Promise<ScriptedServer> {
  const server = await startScriptedSmtp(script)
  servers.push(server)
  return server
}

function makeClient(options: Partial<SmtpClientOptions> = {}): SmtpClient {
  const client = createSmtpClient({ clock: systemClock, log: silentLogger, hostname: 'us.test', ...options })
  clients.push(client)
  return client
}

const send = (client: SmtpClient, destination: SmtpDestination, what: SmtpSend = mail()): Promise<SmtpSendResult> =>
  client.send(destination, what, neverAborted)

describe('TLS', async () => {
  const authority = await createAuthority()
  const good = await authority.issue(['mx0.test'])
  const other = await authority.issue(['elsewhere.test'])
  const knowing = { tlsOptions: { ca: authority.cert } }

  test('is used where it is offered', async () => {
    const server = await serve({ tls: good })
    expect(brief(await send(makeClient(), to(server)))).toEqual(['sent 250 2.0.0'])
    expect(server.mails[0]!.tls).toBe(true)
    expect(server.lines.slice(0, 3)).toEqual(['EHLO us.test', 'STARTTLS', 'EHLO us.test'])
  })

  test('none: not even then', async () => {
    const server = await serve({ tls: good })
    await send(makeClient(), to(server, { tls: 'none' }))
    expect(server.mails[0]!.tls).toBe(false)
  })

  test.each<[SmtpDestination['tls'], Script, string]>([
    ['encrypt', {}, 'deferred 450 4.7.5'],
    ['verify', {}, 'deferred 450 4.7.5'],
    ['encrypt', { offers: ['STARTTLS'], on: { STARTTLS: '454 4.7.0 not now' } }, 'deferred 450 4.7.5'],
    ['encrypt', { on: { EHLO: '502 no' } }, 'deferred 450 4.7.5'],
    ['encrypt', { on: { EHLO: '502 no', HELO: ['250 x', '250 STARTTLS'] } }, 'deferred 450 4.7.5'],
    ['encrypt', { tls: other }, 'sent 250 2.0.0'],
    ['verify', { tls: other }, 'deferred 450 4.7.5'],
    ['verify', { tls: good }, 'sent 250 2.0.0'],
    ['implicit', { tls: good, implicit: true }, 'sent 250 2.0.0'],
    ['implicit', { tls: other, implicit: true }, 'deferred 450 4.7.5'],
    ['implicit', { tls: good }, 'deferred 450 4.7.5'],
  ])('%s %#', async (tls, script, expected) => {
    const server = await serve(script)
    expect(brief(await send(makeClient(knowing), to(server, { tls })))).toEqual([expected])
    expect(server.mails.every((one) => one.tls)).toBe(true)
  })

  test('verify refuses an authority that it does not know', async () => {
    const result = await send(makeClient(), to(await serve({ tls: good }), { tls: 'verify' }))
    expect(brief(result)).toEqual(['deferred 450 4.7.5'])
    expect(result.results[0]!.reply.text).toMatch(
      /: TLS: self-signed certificate in certificate chain in the handshake$|: TLS: unable to verify the first certificate in the handshake$/,
    )
  })

  test('encrypt: the reply says in plain words why there is no TLS', async () => {
    const broken = await serve({ offers: ['STARTTLS'], on: { STARTTLS: '220 go' } })
    const result = await send(makeClient(), to(broken, { tls: 'encrypt' }))
    expect(result.results[0]!.reply.text).toMatch(/\]:\d+: TLS: [\w/ ]+ in the handshake$/)
  })

  test('may: goes on in clear when STARTTLS is refused, or its handshake fails', async () => {
    const refusing = await serve({ offers: ['STARTTLS'], on: { STARTTLS: '454 4.7.0 not now' } })
    expect(brief(await send(makeClient(), to(refusing)))).toEqual(['sent 250 2.0.0'])
    expect(refusing.connections).toBe(1)
    const broken = await serve({ offers: ['STARTTLS'], on: { STARTTLS: '220 go' } })
    expect(brief(await send(makeClient(), to(broken)))).toEqual(['sent 250 2.0.0'])
    expect(broken.connections).toBe(2)
  })

  test('text after the reply to STARTTLS is an attack', async () => {
    const server = await serve({
      offers: ['STARTTLS'],
      on: { STARTTLS: Buffer.from('220 go\r\n250-injected\r\n250 AUTH PLAIN\r\n') },
    })
    const result = await send(makeClient(), to(server, { tls: 'encrypt' }))
    expect(brief(result)).toEqual(['deferred 450 4.4.2'])
    expect(result.results[0]!.reply.text).toContain('unencrypted data')
  })
})

describe('AUTH', async () => {
  const auth = { username: 'ana', password: 'geheim' }
  const authority = await createAuthority()
  const tls = await authority.issue(['mx0.test'])

  test('over TLS', async () => {
    const server = await serve({ tls, auth })
    const client = makeClient({ tlsOptions: { ca: authority.cert } })
    expect(brief(await send(client, to(server, { tls: 'verify', auth })))).toEqual(['sent 250 2.0.0'])
  })

  test('a wrong password is a temporary failure of the site, not of the mail', async () => {
    const server = await serve({ auth })
    const wrong = { auth: { ...auth, password: 'x' } }
    const result = await send(makeClient(), to(server, wrong))
    expect(brief(result)).toEqual(['deferred 454 4.7.8'])
    expect(result.hostDown).toBe(true)
    expect(JSON.stringify(result)).not.toContain(Buffer.from('\0ana\0x').toString('base64'))
  })

  test('LOGIN', async () => {
    const answers: string[] = []
    const server = await serve({
      offers: ['AUTH LOGIN'],
      on: {
        AUTH: '334 VXNlcm5hbWU6',
        [b64('ana').toUpperCase()]: '334 UGFzc3dvcmQ6',
        [b64('geheim').toUpperCase()]: '235 fine',
      },
    })
    expect(brief(await send(makeClient(), to(server, { auth })))).toEqual(['sent 250 2.0.0'])
    answers.push(...server.lines.slice(1, 4))
    expect(answers).toEqual(['AUTH LOGIN', b64('ana'), b64('geheim')])
  })

  test('no common mechanism', async () => {
    const result = await send(makeClient(), to(await serve({ offers: ['AUTH GSSAPI'] }), { auth }))
    expect(brief(result)).toEqual(['deferred 454 4.7.8'])
    expect(result.results[0]!.reply.text).toContain('no common AUTH mechanism')
  })

  test('AUTH refused before a password was sent', async () => {
    const server = await serve({ offers: ['AUTH PLAIN'], on: { AUTH: '454 4.7.0 broken' } })
    expect(brief(await send(makeClient(), to(server, { auth })))).toEqual(['deferred 454 4.7.8'])
  })

  const b64 = (text: string) => Buffer.from(text).toString('base64')
})

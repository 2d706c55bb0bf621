// What a transcript cannot say: time, lost connections, TLS injection, back-pressure, draining, and what is put on record.
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { FakeClock } from '../../../core/base/clock.ts'
import { Failure, temporary } from '../../../core/base/failure.ts'
import { memoryBody } from '../../../core/message/content.ts'
import { replies } from '../../../core/message/reply.ts'
import type { BodySpool, BodyWriter } from '../../../core/message/spool.ts'
import { runDialogue } from '../../kit/dialogue.ts'
import { testSite } from '../../kit/site.ts'
import { memorySpool, type SmtpServiceOptions, startSmtpService, type TestSmtpService } from '../../kit/smtp-service.ts'

const running: TestSmtpService[] = []
afterEach(async () => {
  for (const server of running.splice(0)) {
    await server.end()
    expect(server.holders).toBe(0)
    expect(server.admission.open).toBe(0)
  }
})

async function start(options: SmtpServiceOptions = {}): Promise<TestSmtpService> {
  const server = await startSmtpService(options)
  running.push(server)
  return server
}

/** A client by hand. */
class Client {
  readonly socket: Socket
  text = ''
  #wake: () => void = () => {}
  constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1')
      this.#wake()
    })
    socket.on('close', () => this.#wake())
  }
  send(text: string): void {
    this.socket.write(text)
  }
  /** Waits until what was said matches. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.text)) {
      if (this.socket.closed) throw new Error(`closed after: ${this.text}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.text
  }
  async closed(): Promise<string> {
    if (!this.socket.closed) await once(this.socket, 'close')
    return this.text
  }
}

async function greeted(port: number): Promise<Client> {
  const client = new Client(connect(port, '127.0.0.1'))
  await client.until(/^220 /)
  return client
}

const MESSAGE = 'EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<ana@example.com>\r\nDATA\r\n'

describe('TLS', () => {
  test('what was sent behind STARTTLS in the clear is never carried out', async () => {
    const server = await start()
    const client = await greeted(await server.listen('smtp'))
    client.send('EHLO c.test\r\n')
    await client.until(/250 [^\r]*\r\n$/)
    client.send('STARTTLS\r\nMAIL FROM:<evil@b.test>\r\nRCPT TO:<ana@example.com>\r\n')
    await client.until(/220 2\.0\.0/)
    client.socket.removeAllListeners('data')
    const secure = connectTls({ socket: client.socket, rejectUnauthorized: false })
    await once(secure, 'secureConnect')
    const inside = new Client(secure)
    inside.send('NOOP\r\n')
    await inside.until(/\r\n/)
    expect(inside.text).toBe('250 2.0.0 OK\r\n')
    inside.send('EHLO c.test\r\nDATA\r\n')
    await inside.until(/503 5\.5\.1/)
    expect(server.log.some(({ event }) => /dropped 52 octets sent behind STARTTLS/.test(event))).toBe(true)
    secure.destroy()
  })

  test('a handshake that fails ends the session', async () => {
    const server = await start()
    const client = await greeted(await server.listen('smtp'))
    client.send('EHLO c.test\r\nSTARTTLS\r\n')
    await client.until(/220 2\.0\.0/)
    client.send('this is no handshake\r\n')
    await client.closed()
    expect(server.service.sessions()).toEqual([])
  })

  test('facts of TLS reach the hooks', async () => {
    let facts: unknown = null
    const server = await start({
      hooks: {
        helo(session) {
          facts = session.tls
          return { kind: 'pass' }
        },
      },
    })
    const port = await server.listen('submissions')
    await runDialogue('S: 220 *\nC: EHLO c.test\nS..250', { port, implicitTls: true })
    expect(facts).toMatchObject({ version: 'TLSv1.3', serverName: 'mx.test' })
  })
})

describe('passwords and the open net', () => {
  const proxied = 'C: PROXY TCP4 192.0.2.9 192.0.2.1 4000 587'

  test('without TLS none is offered or taken, but on loopback', async () => {
    const server = await start()
    const port = await server.listen('submission', { proxyProtocol: true })
    const said = await runDialogue(
      `${proxied}
       S: 220 *
       C: EHLO c.test
       S..250
       C: MAIL FROM:<ana@example.com>
       S: 530 5.7.0 Must issue a STARTTLS command first
       C: AUTH PLAIN AGFuYUBleGFtcGxlLmNvbQBhbmFAZXhhbXBsZS5jb20=
       S: 538 5.7.11 Encryption required for this authentication mechanism
       C: STARTTLS
       S: 220 *
       TLS
       C: EHLO c.test
       S..250
       C: MAIL FROM:<ana@example.com>
       S: 530 5.7.0 Authentication required
       C: AUTH PLAIN AGFuYUBleGFtcGxlLmNvbQBhbmFAZXhhbXBsZS5jb20=
       S: 235 *
       C: MAIL FROM:<ana@example.com>
       S: 250 *`,
      { port },
    )
    expect(said.match(/AUTH/g)).toHaveLength(1)
  })

  test('failed logins are logged without the password, slowed, and banned', async () => {
    const clock = new FakeClock()
    const server = await start({ clock })
    const port = await server.listen('submission')
    const wrong = Buffer.from('\0ana@example.com\0hunter2').toString('base64')
    const client = await greeted(port)
    client.send(`EHLO c.test\r\nAUTH PLAIN ${wrong}\r\nAUTH PLAIN ${wrong}\r\n`)
    await client.until(/535[\s\S]*535/)
    client.send(`AUTH PLAIN ${wrong}\r\n`)
    while (server.log.filter(({ event }) => event.includes('SASL')).length < 3) await new Promise(setImmediate)
    expect(client.text.match(/535/g)).toHaveLength(2)
    clock.advance(1_000)
    await client.closed()
    expect(client.text.match(/535/g)).toHaveLength(3)
    const line = server.log.find(({ event }) => event.includes('SASL'))!
    expect(line.event).toBe(
      'unknown[127.0.0.1]: SASL PLAIN authentication failed: authentication failure, sasl_username=ana@example.com',
    )
    expect(line.fields).toMatchObject({ ip: '127.0.0.1', user: 'ana@example.com' })
    const everything = JSON.stringify([server.log, server.trace])
    for (const secret of ['hunter2', wrong]) expect(everything).not.toContain(secret)

    for (let n = 0; n < 7; n++) server.admission.loginFailed('127.0.0.1')
    const banned = new Client(connect(port, '127.0.0.1'))
    expect(await banned.closed()).toBe('421 4.7.0 Too many failed logins from your address\r\n')
  })
})

describe('lost connections', () => {
  test.each([
    ['within a command', 'EHLO c.te'],
    ['after RCPT', 'EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<ana@example.com>\r\n'],
    ['within DATA', `${MESSAGE}half a mes`],
    ['before the last dot’s line end', `${MESSAGE}text\r\n.\r`],
    ['within BDAT', 'EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<ana@example.com>\r\nBDAT 100 LAST\r\nhalf'],
    ['within AUTH', 'EHLO c.test\r\nAUTH LOGIN\r\n'],
  ])('%s nothing is taken', async (_where, text) => {
    const server = await start()
    const port = await server.listen('smtp')
    for (const end of ['end', 'destroy'] as const) {
      const client = await greeted(port)
      await new Promise<void>((resolve) => client.socket.write(text, () => resolve()))
      client.socket[end]()
      await client.closed()
    }
    while (server.service.sessions().length > 0) await new Promise(setImmediate)
    expect(server.received).toEqual([])
    expect(server.log.filter(({ event }) => event.startsWith('disconnect from'))).toHaveLength(2)
  })

  test('a reset is on record as a lost connection', async () => {
    const server = await start()
    const client = await greeted(await server.listen('smtp'))
    client.send(MESSAGE)
    await client.until(/354/)
    client.socket.resetAndDestroy()
    while (server.service.sessions().length > 0) await new Promise(setImmediate)
    expect(server.log.map(({ event }) => event)).toContain('lost connection after DATA from unknown[127.0.0.1]')
  })

  test('a client that closes its side at once still gets its answers', async () => {
    const server = await start()
    const client = new Client(connect(await server.listen('smtp'), '127.0.0.1'))
    client.socket.end(`${MESSAGE}hello\r\n.\r\nQUIT\r\n`)
    expect(await client.closed()).toMatch(/354[\s\S]*250 2\.0\.0 OK queued as \w{16}\r\n221 /)
    expect(server.received).toHaveLength(1)
  })
})

describe('time', () => {
  test('a silent client hears 421 after five minutes (RFC 5321 §4.5.3.2.7)', async () => {
    const clock = new FakeClock()
    const server = await start({ clock })
    const client = await greeted(await server.listen('smtp'))
    clock.advance(299_000)
    expect(server.service.sessions()).toHaveLength(1)
    clock.advance(3_000)
    expect(await client.closed()).toMatch(/421 4\.4\.2 /)
  })

  test('a client that trickles a command is not kept alive by it', async () => {
    const clock = new FakeClock()
    const server = await start({ clock })
    const client = await greeted(await server.listen('smtp'))
    for (let n = 0; n < 4; n++) {
      client.send('NO')
      await new Promise(setImmediate)
      clock.advance(76_000)
    }
    expect(await client.closed()).toMatch(/421 4\.4\.2 /)
  })

  test('a message may not trickle for ever', async () => {
    const clock = new FakeClock()
    let octets = 0
    const arrived = Promise.withResolvers<void>()
    const server = await start({
      clock,
      spool: {
        writer: () => ({
          ...memorySpool.writer(),
          write() {
            octets += 1
            arrived.resolve()
          },
        }),
      },
    })
    const client = await greeted(await server.listen('smtp'))
    client.send(MESSAGE)
    await client.until(/354/)
    client.send('x')
    await arrived.promise
    for (let n = 0; n < 13 && !client.socket.closed; n++) {
      const before = octets
      client.send('x')
      while (octets === before && server.service.sessions()[0]?.state === 'receivingData')
        await new Promise(setImmediate)
      clock.advance(290_000)
    }
    expect(await client.closed()).toMatch(/421 4\.4\.2 /)
    expect(server.received).toEqual([])
  })

  test('a client that does not close after the last reply is cut off', async () => {
    const clock = new FakeClock()
    const server = await start({ clock })
    const socket = connect({ port: await server.listen('smtp'), host: '127.0.0.1', allowHalfOpen: true })
    const client = new Client(socket)
    await client.until(/^220/)
    client.send('GET / HTTP/1.1\r\n')
    await once(socket, 'end')
    expect(client.text).toMatch(/421 4\.7\.0 /)
    expect(server.service.sessions()).toHaveLength(1)
    clock.advance(12_000)
    while (server.service.sessions().length > 0) await new Promise(setImmediate)
    socket.destroy()
  })
})

describe('the spool', () => {
  test('a slow one stops the client', async () => {
    let release = (): void => {}
    let held = 0
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const spool: BodySpool = {
      writer(): BodyWriter {
        return {
          get size() {
            return held
          },
          write(chunk) {
            held += chunk.length
            return gate
          },
          finish: () => memoryBody(Buffer.alloc(0)),
          abort() {},
        }
      },
    }
    const server = await start({ spool })
    const client = await greeted(await server.listen('smtp'))
    client.send(MESSAGE)
    await client.until(/354/)
    const line = Buffer.alloc(1024, 'x')
    line.write('\r\n', 1022)
    let stopped = false
    for (let n = 0; n < 20_000 && !stopped; n++)
      stopped = !client.socket.write(line) && client.socket.writableLength > 2 ** 20
    expect(stopped).toBe(true)
    expect(held).toBeLessThan(200_000)
    release()
    client.send('.\r\n')
    await client.until(/250 2\.0\.0 OK queued/)
    expect(held % 1024).toBe(0)
  })

  test('a full one is 452, and the rest of the message is swallowed', async () => {
    const full = (): never => {
      throw temporary('disk full', { reply: replies.noRoom() })
    }
    for (const failing of [
      { ...memorySpool.writer(), write: full },
      { ...memorySpool.writer(), write: async () => full() },
      { ...memorySpool.writer(), finish: full },
      { ...memorySpool.writer(), finish: async () => full() },
    ]) {
      const server = await start({ spool: { writer: () => failing } })
      const client = await greeted(await server.listen('smtp'))
      client.send(`${MESSAGE}QUIT\r\nQUIT\r\n.\r\nNOOP\r\n`)
      await client.until(/452 4\.3\.1 [^\r]*\r\n250 2\.0\.0 OK\r\n$/)
      expect(server.received).toEqual([])
      client.socket.destroy()
    }
  })

  test('trouble without a reply of its own is 451', async () => {
    const spool = {
      writer: () => ({
        ...memorySpool.writer(),
        write: () => {
          throw new Failure('bug', 'unexpected')
        },
      }),
    }
    const server = await start({ spool })
    const client = await greeted(await server.listen('smtp'))
    client.send(`${MESSAGE}text\r\n.\r\n`)
    await client.until(/451 4\.3\.0 /)
  })

  test('an endless message is cut off', async () => {
    const limits = {
      messageSize: 1000,
      mailboxSize: 0,
      recipients: 10,
      connections: 10,
      connectionsPerClient: 10,
      connectionsPerMinute: 600,
    }
    const server = await start({ site: { limits: { ...limits, bodyMemory: 1 } } })
    const client = await greeted(await server.listen('smtp'))
    client.send(MESSAGE)
    await client.until(/354/)
    const block = Buffer.alloc(2 ** 20, 'x')
    for (let n = 0; n < 70 && !client.socket.closed; n++) {
      await new Promise<void>((resolve) => client.socket.write(block, () => resolve()))
    }
    expect(await client.closed()).toMatch(/552 5\.3\.4 /)
  })
})

describe('winding down', () => {
  test('idle sessions hear 421, a message under way is finished, new connections are turned away', async () => {
    const answered = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    const server = await start({
      async answer({ queueId }) {
        asked.resolve()
        await answered.promise
        return [replies.queued(queueId)]
      },
    })
    const port = await server.listen('smtp')
    const idle = await greeted(port)
    const busy = await greeted(port)
    busy.send(`${MESSAGE}text\r\n.\r\n`)
    await asked.promise
    const drained = server.service.drain(60_000)
    expect(await idle.closed()).toMatch(/421 4\.3\.2 /)
    const late = new Client(connect(port, '127.0.0.1'))
    expect(await late.closed()).toMatch(/^421 4\.3\.2 /)
    answered.resolve()
    expect(await busy.closed()).toMatch(/250 2\.0\.0 OK queued[\s\S]*421 4\.3\.2 /)
    await drained
    expect(server.service.sessions()).toEqual([])
  })

  test('who does not finish in time is cut off', async () => {
    const clock = new FakeClock()
    const server = await start({ clock })
    const client = await greeted(await server.listen('smtp'))
    client.send(`${MESSAGE}half`)
    await client.until(/354/)
    const drained = server.service.drain(5_000)
    clock.advance(5_001)
    await drained
    await client.closed()
  })
})

describe('limits of connections', () => {
  test.each([
    [{ connections: 1 }, '421 4.3.2 Too busy'],
    [{ connectionsPerClient: 1 }, '421 4.7.0 Too many connections from your address'],
    [{ connectionsPerMinute: 1 }, '421 4.7.0 Too many connections in a short time'],
  ])('%j', async (limits, reply) => {
    const server = await start({ limits })
    const port = await server.listen('smtp')
    const first = await greeted(port)
    const second = new Client(connect(port, '127.0.0.1'))
    expect((await second.closed()).startsWith(reply)).toBe(true)
    first.socket.destroy()
  })
})

test('a client that does not read its replies is not read from either', async () => {
  const server = await start()
  const client = connect(await server.listen('smtp'), '127.0.0.1')
  client.on('error', () => {})
  await once(client, 'connect')
  client.pause()
  const mail = 'MAIL FROM:<a@b.test>\r\nRCPT TO:<ana@example.com>\r\nDATA\r\nx\r\n.\r\n'.repeat(200)
  client.write('EHLO c.test\r\n')
  let stopped = false
  for (let n = 0; n < 3000 && !stopped; n++) {
    stopped = !client.write(mail) && client.writableLength > 4 * 2 ** 20
    await new Promise(setImmediate)
  }
  expect(stopped).toBe(true)
  client.destroy()
})

test('what a session says of itself', async () => {
  const server = await start()
  const client = await greeted(await server.listen('submission'))
  client.send(
    'EHLO c.test\r\nAUTH PLAIN AGFuYUBleGFtcGxlLmNvbQBhbmFAZXhhbXBsZS5jb20=\r\nMAIL FROM:<ana@example.com>\r\n',
  )
  await client.until(/250 2\.1\.0/)
  expect(server.service.sessions()).toMatchObject([
    {
      service: 'submission',
      remoteIp: '127.0.0.1',
      user: 'ana@example.com',
      state: 'mail',
      detail: 'from=<ana@example.com>',
    },
  ])
})

test('the envelope with all that DSN adds (RFC 3461)', async () => {
  const server = await start()
  await runDialogue(
    `S: 220 *
     C: EHLO c.test
     S..250
     C: MAIL FROM:<a@b.test> SIZE=5 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=id+3D1 AUTH=ana+40example.com
     C: RCPT TO:<ana@example.com> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;ana+2Bx@old.test
     C: RCPT TO:<josé@example.com> NOTIFY=NEVER ORCPT=utf-8;josé@old.test
     C: DATA
     S: 250 *
     S: 250 *
     S: 250 *
     S: 354 *
     C: .
     S: 250 *`,
    { port: await server.listen('smtp') },
  )
  const { envelope, submission, queueId } = server.received[0]!
  expect(envelope).toMatchObject({
    reversePath: { local: 'a', domain: 'b.test' },
    size: 5,
    body: '8bitmime',
    smtputf8: true,
    ret: 'hdrs',
    envid: 'id=1',
    auth: 'ana@example.com',
    recipients: [
      { address: { local: 'ana' }, notify: ['success', 'delay'], orcpt: 'rfc822;ana+x@old.test' },
      { address: { local: 'josé' }, notify: ['never'], orcpt: 'utf-8;josé@old.test' },
    ],
  })
  expect(queueId).toMatch(/^[0-9a-hjkmnp-tv-z]{16}$/)
  expect(submission.transaction.id).toBe(`${submission.transaction.session.id}.1`)
  expect(submission.transaction.session).toMatchObject({
    helo: 'c.test',
    extended: true,
    trusted: false,
    service: 'smtp',
  })
})

test('the local submit socket trusts its users and completes their addresses', async () => {
  const server = await start()
  const path = join(mkdtempSync(join(tmpdir(), 'estafeta-sock-')), 'submit.sock')
  await server.listen('local', {}, path)
  await runDialogue(
    `S: 220 *
     C: EHLO localhost
     S..250
     C: AUTH PLAIN
     S: 502 *
     C: STARTTLS
     S: 502 *
     C: MAIL FROM:<root>
     C: RCPT TO:<paco@elsewhere.test>
     C: RCPT TO:<ana>
     C: DATA
     S: 250 *
     S: 250 *
     S: 250 *
     S: 354 *
     C: .
     S: 250 *`,
    { port: 0, path },
  )
  expect(server.received[0]!.envelope.reversePath).toMatchObject({ local: 'root', domain: 'example.com' })
  expect(server.received[0]!.submission.transaction.session).toMatchObject({ service: 'local', trusted: true })
})

test('what a limit refuses is on record, too', async () => {
  const site = { limits: { ...testSite('').limits, messageSize: 1000, recipients: 1 } }
  const server = await start({ site, hasRoom: (size) => size < 900 })
  await runDialogue(
    `S: 220 *
     C: EHLO c.test
     S..250
     C: MAIL FROM:<a@b.test> SIZE=1001
     S: 552 *
     C: MAIL FROM:<a@b.test> SIZE=1000
     S: 452 *
     C: MAIL FROM:<a@b.test>
     S: 250 *
     C: RCPT TO:<ana@example.com>
     S: 250 *
     C: RCPT TO:<ana@example.com>
     S: 452 *`,
    { port: await server.listen('smtp') },
  )
  const lines = server.log.map(({ event }) => event).filter((event) => event.startsWith('NOQUEUE'))
  const client = 'unknown[127.0.0.1]'
  expect(lines).toEqual([
    `NOQUEUE: reject: MAIL from ${client}: 552 5.3.4 Message exceeds the limit of 1000 octets; from=<a@b.test> proto=ESMTP helo=<c.test>`,
    `NOQUEUE: reject: MAIL from ${client}: 452 4.3.1 Insufficient system storage; from=<a@b.test> proto=ESMTP helo=<c.test>`,
    `NOQUEUE: reject: RCPT from ${client}: 452 4.5.3 Too many recipients; from=<a@b.test> to=<ana@example.com> proto=ESMTP helo=<c.test>`,
  ])
  expect(server.trace.map(({ detail }) => detail)).toEqual([
    'MAIL: 552 5.3.4 Message exceeds the limit of 1000 octets',
    'MAIL: 452 4.3.1 Insufficient system storage',
    'RCPT: 452 4.5.3 Too many recipients',
  ])
})

test('refusals are on record as Postfix writes them, and in the trace', async () => {
  const server = await start()
  await runDialogue(
    `S: 220 *
     C: EHLO c.test
     S..250
     C: MAIL FROM:<a@b.test>
     C: RCPT TO:<x@elsewhere.test>
     S: 250 *
     S: 550 *`,
    { port: await server.listen('smtp') },
  )
  const line = server.log.find(({ event }) => event.startsWith('NOQUEUE'))!
  expect(line.event).toBe(
    'NOQUEUE: reject: RCPT from unknown[127.0.0.1]: 550 5.7.1 <x@elsewhere.test>: Recipient address rejected: Relaying denied; from=<a@b.test> to=<x@elsewhere.test> proto=ESMTP helo=<c.test>',
  )
  expect(server.trace).toMatchObject([
    {
      event: 'refused',
      verdict: 'reject',
      rcpt: 'x@elsewhere.test',
      from: 'a@b.test',
      tid: expect.stringMatching(/\.1$/),
    },
  ])
})

test('who talks before the greeting is noted', async () => {
  const greet = Promise.withResolvers<void>()
  const server = await start({
    hooks: {
      async connect() {
        await greet.promise
        return { kind: 'pass' }
      },
    },
  })
  const client = new Client(connect(await server.listen('smtp'), '127.0.0.1'))
  await new Promise<void>((resolve) => client.socket.write('EHLO c.test\r\n', () => resolve()))
  while (server.service.sessions().length === 0) await new Promise(setImmediate)
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  greet.resolve()
  await client.until(/^220 [\s\S]*250 /)
  expect(server.log.map(({ event }) => event)).toContain(
    'improper command pipelining after CONNECT from unknown[127.0.0.1]',
  )
})

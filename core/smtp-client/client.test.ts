import { afterEach, describe, expect, test, vi } from 'vitest'
import { briefly as brief, outgoingMail as mail, neverAborted, destinationTo as to } from '../../test/kit/outgoing.ts'
import { type Script, type ScriptedServer, startScriptedSmtp } from '../../test/kit/scripted-smtp.ts'
import { FakeClock, systemClock } from '../base/clock.ts'
import { silentLogger } from '../base/log.ts'
import type { SmtpClient, SmtpDestination, SmtpSend, SmtpSendResult } from '../plugin/services.ts'
import { createSmtpClient, type SmtpClientOptions } from './client.ts'

// megabytes through one process that other tests share
vi.setConfig({ testTimeout: 30_000 })

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

describe('a mail', () => {
  test('goes out with all that the server takes', async () => {
    const server = await serve()
    const result = await send(
      makeClient(),
      to(server),
      mail({ to: ['a@there.test', 'b@there.test'], parameters: { body: '8bitmime', ret: 'full', envid: 'e1' } }),
    )
    expect(brief(result)).toEqual(['sent 250 2.0.0', 'sent 250 2.0.0'])
    expect(result).toMatchObject({
      hostDown: false,
      results: [{ relay: `mx0.test[127.0.0.1]:${server.port}`, dsn: true }, {}],
    })
    expect(server.lines).toEqual([
      'EHLO us.test',
      'MAIL FROM:<ana@us.test> SIZE=20 BODY=8BITMIME RET=FULL ENVID=e1',
      'RCPT TO:<a@there.test>',
      'RCPT TO:<b@there.test>',
      'DATA',
      '<20 octets>',
    ])
    expect(server.mails[0]).toMatchObject({ from: 'ana@us.test', to: ['a@there.test', 'b@there.test'] })
    expect(server.mails[0]!.data).toBe('Subject: x\r\n\r\nbody\r\n')
  })

  test('goes out one command at a time without PIPELINING', async () => {
    const server = await serve({ offers: [] })
    expect(brief(await send(makeClient(), to(server), mail({ to: ['a@there.test', 'b@there.test'] })))).toEqual([
      'sent 250 2.0.0',
      'sent 250 2.0.0',
    ])
    expect(server.lines[1]).toBe('MAIL FROM:<ana@us.test>')
  })

  test('falls back to HELO', async () => {
    const server = await serve({ on: { EHLO: '502 5.5.1 what?' } })
    const result = await send(makeClient(), to(server))
    expect(brief(result)).toEqual(['sent 250 2.0.0'])
    expect(result.results[0]!.dsn).toBe(false)
    expect(server.lines.slice(0, 3)).toEqual(['EHLO us.test', 'HELO us.test', 'MAIL FROM:<ana@us.test>'])
  })

  test('is dot-stuffed', async () => {
    const server = await serve()
    const text = 'Subject: x\r\n\r\n.\r\n..\r\n.a\r\nend without line end'
    await send(makeClient(), to(server), mail({ text }))
    expect(server.mails[0]!.data).toBe(text + '\r\n')
  })

  test('of many megabytes streams as fast as the server reads', async () => {
    const server = await serve({ offers: ['PIPELINING'] })
    const text = 'Subject: x\r\n\r\n' + '.the same line again and again and again\r\n'.repeat(60_000)
    expect(brief(await send(makeClient(), to(server), mail({ text })))).toEqual(['sent 250 2.0.0'])
    expect(server.mails[0]!.data).toBe(text)
  })

  test.each([['8BITMIME'], []])(
    'a message that cannot be read is put off, and its connection cut (%s)',
    async (...offers) => {
      const server = await serve({ offers })
      const client = makeClient()
      const broken = mail()
      const content = {
        ...broken.content,
        size: 1_000_000,
        body: { ...broken.content.body, bytes: null, chunks: failingChunks },
      }
      const result = await send(client, to(server), { ...broken, content })
      expect(brief(result)).toEqual(['deferred 450 4.4.2'])
      expect(result.results[0]!.reply.text).not.toContain('disk gone')
      await server.until(() => server.open === 0)
      expect(server.mails).toHaveLength(0)
    },
  )

  async function* failingChunks(): AsyncIterable<Buffer> {
    yield Buffer.alloc(200_000, 'x')
    throw new Error('disk gone')
  }
})

describe('replies', () => {
  test.each<[string, Script['on'], string[]]>([
    ['MAIL refused', { MAIL: '550 5.1.8 bad sender' }, ['failed 550 5.1.8', 'failed 550 5.1.8']],
    ['MAIL put off', { MAIL: '451 4.7.1 later' }, ['deferred 451 4.7.1', 'deferred 451 4.7.1']],
    ['one RCPT refused', { RCPT: ['550 5.1.1 who', null] }, ['failed 550 5.1.1', 'sent 250 2.0.0']],
    ['one RCPT put off', { RCPT: [null, '450 4.2.1 full'] }, ['sent 250 2.0.0', 'deferred 450 4.2.1']],
    ['all RCPT refused', { RCPT: '550 no' }, ['failed 550 -', 'failed 550 -']],
    ['DATA refused', { DATA: '554 5.7.1 no' }, ['failed 554 5.7.1', 'failed 554 5.7.1']],
    ['DATA put off', { DATA: '451 no' }, ['deferred 451 -', 'deferred 451 -']],
    ['DATA taken with nonsense', { DATA: '250 thanks' }, ['deferred 450 4.5.0', 'deferred 450 4.5.0']],
    ['the message refused', { '.': '552 5.3.4 big' }, ['failed 552 5.3.4', 'failed 552 5.3.4']],
    ['the message put off', { '.': '452 4.3.1 full' }, ['deferred 452 4.3.1', 'deferred 452 4.3.1']],
    ['nonsense after the message', { '.': '354 more?' }, ['deferred 450 4.5.0', 'deferred 450 4.5.0']],
    ['552 at RCPT, once too many', { RCPT: '552 too many' }, ['deferred 452 4.5.3', 'deferred 452 4.5.3']],
    ['552 for a full mailbox', { RCPT: '552 5.2.2 full' }, ['failed 552 5.2.2', 'failed 552 5.2.2']],
  ])('%s', async (_name, on, expected) => {
    for (const offers of [['PIPELINING'], []]) {
      const server = await serve({ on: on ?? {}, offers })
      const client = makeClient()
      const what = mail({ to: ['a@there.test', 'b@there.test'] })
      expect(brief(await send(client, to(server), what)), offers.join()).toEqual(expected)
      await client.close()
    }
  })

  test('a refused mail does not spoil the connection for the next', async () => {
    for (const offers of [['PIPELINING'], []]) {
      const server = await serve({ on: { RCPT: ['550 5.1.1 who', null] }, offers })
      const client = makeClient()
      expect(brief(await send(client, to(server)))).toEqual(['failed 550 5.1.1'])
      expect(brief(await send(client, to(server)))).toEqual(['sent 250 2.0.0'])
      expect(server.connections).toBe(1)
      expect(server.lines).toContain('RSET')
    }
  })

  test('DATA taken without recipients is ended by the dot alone', async () => {
    const server = await serve({ on: { RCPT: '550 5.1.1 who', DATA: '354 whatever', '.': '554 5.5.1 nobody' } })
    const client = makeClient()
    expect(brief(await send(client, to(server)))).toEqual(['failed 550 5.1.1'])
    expect(server.lines.at(-1)).toBe('<0 octets>')
  })

  test.each(['452 4.5.3 too many', '452 too many'])(
    'recipients beyond the limit of the server go in a mail of their own: %s',
    async (refusal) => {
      let taken = 0
      const MAIL = () => {
        taken = 0
        return null
      }
      const RCPT = () => (++taken > 2 ? refusal : null)
      const server = await serve({ on: { MAIL, RCPT } })
      const what = mail({ to: ['a', 'b', 'c', 'd', 'e'].map((name) => `${name}@there.test`) })
      expect(new Set(brief(await send(makeClient(), to(server), what)))).toEqual(new Set(['sent 250 2.0.0']))
      expect(server.connections).toBe(1)
      expect(server.mails.flatMap((one) => one.to)).toHaveLength(5)
      expect(server.mails).toHaveLength(3)
    },
  )

  test('multi-line replies keep their text', async () => {
    const server = await serve({ on: { RCPT: () => ['550 5.7.1 go', '550 5.7.1 away'] } })
    const result = await send(makeClient(), to(server))
    expect(result.results[0]!.reply).toEqual({ code: 550, enhanced: '5.7.1', text: ['go', 'away'] })
  })
})

describe('what the server lacks', () => {
  test('a message above its size limit is not sent', async () => {
    const server = await serve({ offers: ['SIZE 10'] })
    expect(brief(await send(makeClient(), to(server)))).toEqual(['failed 552 5.3.4'])
    expect(server.lines).toEqual(['EHLO us.test'])
  })

  test('SMTPUTF8: only the recipients that need it fail', async () => {
    const server = await serve({ offers: ['PIPELINING'] })
    const what = mail({ to: ['jörg@there.test', 'paco@there.test'], parameters: { smtputf8: true } })
    expect(brief(await send(makeClient(), to(server), what))).toEqual(['failed 553 5.6.7', 'sent 250 2.0.0'])
  })

  test('SMTPUTF8: a header that needs it fails for all, an ASCII one travels', async () => {
    const server = await serve({ offers: ['PIPELINING'] })
    const client = makeClient()
    const parameters = { smtputf8: true }
    const wide = mail({ text: 'Subject: größer\r\n\r\nx\r\n', parameters })
    expect(brief(await send(client, to(server), wide))).toEqual(['failed 553 5.6.7'])
    expect(brief(await send(client, to(server), mail({ parameters })))).toEqual(['sent 250 2.0.0'])
    expect(brief(await send(client, to(server), mail({ from: 'jörg@us.test' })))).toEqual(['failed 553 5.6.7'])
  })

  test('SMTPUTF8 is said where it is offered', async () => {
    const server = await serve()
    const what = mail({ to: ['jörg@there.test'], parameters: { smtputf8: true } })
    expect(brief(await send(makeClient(), to(server), what))).toEqual(['sent 250 2.0.0'])
    expect(server.lines[1]).toContain(' SMTPUTF8')
    expect(Buffer.from(server.lines[2]!, 'latin1').toString()).toBe('RCPT TO:<jörg@there.test>')
  })

  test('8BITMIME: the message is encoded where that helps', async () => {
    const server = await serve({ offers: [] })
    const what = mail({ text: 'Subject: x\r\n\r\ngrün\r\n', parameters: { body: '8bitmime' } })
    expect(brief(await send(makeClient(), to(server), what))).toEqual(['sent 250 2.0.0'])
    expect(server.lines[1]).toBe('MAIL FROM:<ana@us.test>')
    expect(server.mails.at(-1)?.data).toContain('\r\n\r\ngr=C3=BCn\r\n')
    const broken = mail({ text: 'Content-Transfer-Encoding: base64\r\n\r\ngrün\r\n' })
    expect(brief(await send(makeClient(), to(server), broken))).toEqual(['sent 250 2.0.0'])
  })

  test('BINARYMIME and REQUIRETLS are refused clearly', async () => {
    const server = await serve()
    const client = makeClient()
    const binary = mail({ parameters: { body: 'binarymime' } })
    expect(brief(await send(client, to(server), binary))).toEqual(['failed 554 5.6.3'])
    const required = mail({ parameters: { requiretls: true } })
    expect(brief(await send(client, to(server), required))).toEqual(['failed 550 5.7.30'])
  })

  test('an address that would break the command line never reaches it', async () => {
    const server = await serve()
    const what = mail({ to: ['a@there.test', 'b@there.test'] })
    const bad = { ...what.recipients[0]!, address: { local: 'a>\r\nDATA\r\n', domain: 'there.test', original: '' } }
    const result = await send(makeClient(), to(server), { ...what, recipients: [bad, what.recipients[1]!] })
    expect(brief(result)).toEqual(['failed 501 5.1.3', 'sent 250 2.0.0'])
    expect(server.lines).toHaveLength(5)
  })
})

describe('connections that break', () => {
  test.each<[string, Script]>([
    ['before the greeting', { greeting: 'close' }],
    ['at EHLO', { on: { EHLO: 'close' } }],
    ['at MAIL', { on: { MAIL: 'close' } }],
    ['at RCPT', { on: { RCPT: 'close' } }],
    ['at DATA', { on: { DATA: 'close' } }],
    ['in the message', { on: { BODY: 'close' } }],
    ['by garbage', { on: { MAIL: Buffer.from('<html>no</html>\r\n') } }],
    ['by a flood', { greeting: Buffer.alloc(100_000, 'x') }],
    ['by 421 at MAIL', { on: { MAIL: { say: '421 4.3.2 going down', close: true } } }],
    ['by 421 in the greeting', { greeting: { say: '421 4.3.2 busy', close: true } }],
    ['by 554 in the greeting', { greeting: '554 5.7.1 go away' }],
    ['by a refused EHLO and HELO', { on: { EHLO: '554 no', HELO: '554 no' } }],
  ])('%s: the next host is tried', async (name, script) => {
    for (const offers of [['PIPELINING'], []]) {
      const [bad, good] = [await serve({ offers, ...script }), await serve()]
      const text = 'Subject: x\r\n\r\n' + 'many lines\r\n'.repeat(name === 'in the message' ? 500_000 : 1)
      const result = await send(makeClient(), to([bad, good]), mail({ text }))
      expect(brief(result)).toEqual(['sent 250 2.0.0'])
      expect(result.results[0]!.relay).toContain(`mx1.test[127.0.0.1]:${good.port}`)
      expect(good.mails).toHaveLength(1)
    }
  })

  test.each<[string, Script, string, boolean]>([
    ['no greeting', { greeting: 'close' }, 'deferred 450 4.4.2', true],
    ['a greeting of 554', { greeting: '554 5.7.1 go away' }, 'deferred 454 4.7.1', true],
    ['lost at MAIL', { on: { MAIL: 'close' } }, 'deferred 450 4.4.2', true],
    ['lost at RCPT', { on: { RCPT: 'close' } }, 'deferred 450 4.4.2', true],
    ['lost after the final dot', { on: { '.': 'close' } }, 'deferred 450 4.4.2', true],
    ['421 at RCPT', { on: { RCPT: { say: '421 4.3.2 bye', close: true } } }, 'deferred 421 4.3.2', false],
    ['garbage', { greeting: 'SSH-2.0-OpenSSH' }, 'deferred 450 4.4.2', true],
  ])('%s, and no other host: put off', async (_name, script, expected, hostDown) => {
    const result = await send(makeClient(), to(await serve(script)))
    expect(brief(result)).toEqual([expected])
    expect(result.hostDown).toBe(hostDown)
  })

  // RFC 5321 §4.1.1.10
  test.each<[string, Script]>([
    ['the greeting', { greeting: '554 5.7.1 go away' }],
    ['EHLO and HELO', { on: { EHLO: '554 no', HELO: '554 no' } }],
    ['RSET', { on: { RCPT: '550 5.7.1 no', RSET: '500 what' }, offers: [] }],
  ])('QUIT is said before the connection is closed: refused at %s', async (_name, script) => {
    const server = await serve(script)
    await send(makeClient(), to(server))
    await server.until(() => server.open === 0)
    expect(server.lines.at(-1)).toBe('QUIT')
  })

  test('nobody there', async () => {
    const server = await serve()
    await server.close()
    const result = await send(makeClient(), to(server))
    expect(brief(result)).toEqual(['deferred 450 4.4.1'])
    expect(result.results[0]!.reply.text).toMatch(/\]:\d+: connection refused while connecting$/)
    expect(result.hostDown).toBe(true)
  })

  test('lost after the final dot: put off, and no other host is tried, since it may have arrived', async () => {
    const [bad, good] = [await serve({ on: { '.': 'close' } }), await serve()]
    const result = await send(makeClient(), to([bad, good]))
    expect(brief(result)).toEqual(['deferred 450 4.4.2'])
    expect(result.results[0]!.reply.text).toContain('after the final dot')
    expect(good.connections).toBe(0)
  })

  test('recipients refused before the loss keep their reply; the others go to the next host', async () => {
    const bad = await serve({ on: { RCPT: ['550 5.1.1 who', null], DATA: 'close' } })
    const good = await serve()
    const result = await send(makeClient(), to([bad, good]), mail({ to: ['a@there.test', 'b@there.test'] }))
    expect(brief(result)).toEqual(['failed 550 5.1.1', 'sent 250 2.0.0'])
    expect(result.hostDown).toBe(false)
    expect(good.mails[0]!.to).toEqual(['b@there.test'])
  })

  test('4xx is tried at a second host, not at a third', async () => {
    const both = [await serve({ on: { RCPT: '450 4.7.1 grey' } }), await serve({ on: { RCPT: '450 4.7.1 grey' } })]
    const third = await serve()
    expect(brief(await send(makeClient(), to([...both, third])))).toEqual(['deferred 450 4.7.1'])
    expect(both.map((server) => server.connections)).toEqual([1, 1])
    expect(third.connections).toBe(0)
  })

  test('a reply to the message before the message is none', async () => {
    const server = await serve({ offers: [], on: { DATA: Buffer.from('354 go on\r\n250 2.0.0 got it\r\n') } })
    expect(brief(await send(makeClient(), to(server)))).toEqual(['deferred 450 4.4.2'])
  })

  test('a reply too many right after the greeting ends the connection, not the patience', async () => {
    const server = await serve({ on: { EHLO: Buffer.from('250 one\r\n250 two\r\n') } })
    expect(brief(await send(makeClient(), to(server)))).toEqual(['deferred 450 4.4.2'])
  })

  test('a refusal during the message counts', async () => {
    const server = await serve({ on: { BODY: { say: '552 5.3.4 enough', close: true } } })
    const text = 'Subject: x\r\n\r\n' + 'x'.repeat(2_000_000)
    expect(brief(await send(makeClient(), to(server), mail({ text })))).toEqual(['failed 552 5.3.4'])
  })
})

describe('a server that answers EHLO with our own name', () => {
  const ourselves = { on: { EHLO: () => ['250-US.test hello', '250 PIPELINING'] } }

  test('is a loop where hosts come from the DNS', async () => {
    const [us, better] = [await serve(ourselves), await serve()]
    const found = to([us, better], { ownNameIsLoop: true })
    const result = await send(makeClient(), found)
    expect(brief(result)).toEqual(['failed 554 5.4.6'])
    expect(result.hostDown).toBe(false)
    await us.until(() => us.lines.includes('QUIT'))
    expect(us.lines).toEqual(['EHLO us.test', 'QUIT'])
    expect(better.connections).toBe(0)
  })

  test('ends the search behind better hosts that are down', async () => {
    const [down, us, other] = [await serve({ greeting: '421 4.3.2 busy' }), await serve(ourselves), await serve()]
    const result = await send(makeClient(), to([down, us, other], { ownNameIsLoop: true }))
    expect(brief(result)).toEqual(['deferred 421 4.3.2'])
    expect(other.connections).toBe(0)
  })

  test('is a host like any other where the configuration names it', async () => {
    expect(brief(await send(makeClient(), to(await serve(ourselves))))).toEqual(['sent 250 2.0.0'])
  })
})

describe('time', () => {
  test.each<[string, Script, number]>([
    ['the greeting', { greeting: 'hang' }, 5 * 60_000],
    ['EHLO', { on: { EHLO: 'hang' } }, 5 * 60_000],
    ['MAIL', { on: { MAIL: 'hang' } }, 5 * 60_000],
    ['RCPT', { on: { RCPT: 'hang' } }, 5 * 60_000],
    ['the message', { on: { BODY: 'hang' } }, 3 * 60_000],
    ['the final dot', { on: { '.': 'hang' } }, 10 * 60_000],
  ])('waits for %s as RFC 5321 says, not longer', async (name, script, limit) => {
    const clock = new FakeClock()
    const server = await serve({ offers: [], ...script })
    const text = name === 'the message' ? 'x\r\n'.repeat(2_000_000) : 'Subject: x\r\n\r\nx\r\n'
    let done = false
    const sending = send(makeClient({ clock }), to(server), mail({ text })).finally(() => {
      done = true
    })
    const verb = { 'the greeting': '', 'the message': 'DATA', 'the final dot': '<' }[name] ?? name
    await server.until(() =>
      verb === '' ? server.connections === 1 : server.lines.some((line) => line.startsWith(verb)),
    )
    await settled()
    clock.advance(limit - 2000)
    await settled()
    expect(done).toBe(false)
    clock.advance(4000)
    const result = await sending
    expect(brief(result)).toEqual(['deferred 450 4.4.2'])
    expect(result.hostDown).toBe(true)
  })

  test('the caller can give up at any time', async () => {
    const server = await serve({ on: { RCPT: 'hang' } })
    const controller = new AbortController()
    const sending = makeClient().send(to(server), mail(), controller.signal)
    await server.until(() => server.lines.some((line) => line.startsWith('RCPT')))
    controller.abort()
    expect(brief(await sending)).toEqual(['deferred 450 4.4.2'])
    expect(brief(await makeClient().send(to(server), mail(), AbortSignal.abort()))).toEqual(['deferred 450 4.4.1'])
  })
})

/** Lets all I/O that is under way on loopback happen. */
async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise((next) => setImmediate(next))
}

describe('kept connections', () => {
  test('carry one mail after another', async () => {
    const server = await serve()
    const client = makeClient()
    for (let i = 0; i < 5; i++) expect(brief(await send(client, to(server)))).toEqual(['sent 250 2.0.0'])
    expect(server.connections).toBe(1)
    expect(server.lines.filter((line) => line.startsWith('EHLO'))).toHaveLength(1)
  })

  test('are not shared between destinations, levels or users', async () => {
    const server = await serve({ auth: { username: 'u', password: 'p' } })
    const client = makeClient()
    await send(client, to(server))
    await send(client, to(server, { key: 'other.test' }))
    await send(client, to(server, { tls: 'none' }))
    await send(client, to(server, { auth: { username: 'u', password: 'p' } }))
    expect(server.connections).toBe(4)
  })

  test('end with QUIT after their mails, their idle time and at close', async () => {
    const clock = new FakeClock()
    const server = await serve()
    const client = makeClient({ clock, limits: { uses: 2, idleMs: 3000 } })
    const quits = () => server.lines.filter((line) => line === 'QUIT').length
    await send(client, to(server))
    await send(client, to(server))
    await server.until(() => quits() === 1)
    await send(client, to(server))
    clock.advance(4000)
    await server.until(() => quits() === 2)
    await send(client, to(server))
    await client.close()
    expect(quits()).toBe(3)
    expect(server.connections).toBe(3)
  })

  test('that the server closed meanwhile are replaced without a word', async () => {
    const server = await serve()
    const client = makeClient()
    await send(client, to(server))
    server.cutAll()
    expect(brief(await send(client, to(server)))).toEqual(['sent 250 2.0.0'])
    expect(server.connections).toBe(2)
  })

  test('that say 421 to the next mail are replaced without a word', async () => {
    const server = await serve({ on: { MAIL: [null, { say: '421 4.4.2 idle too long', close: true }, null] } })
    const client = makeClient()
    await send(client, to(server))
    expect(brief(await send(client, to(server)))).toEqual(['sent 250 2.0.0'])
    expect(server.mails).toHaveLength(2)
  })

  test('are bounded: mails wait for a free one, idle ones make room', async () => {
    const [one, two] = [await serve(), await serve()]
    const client = makeClient({ limits: { connections: 2 } })
    const mails = Array.from({ length: 10 }, () => send(client, to(one, { key: 'one' })))
    for (const result of await Promise.all(mails)) expect(brief(result)).toEqual(['sent 250 2.0.0'])
    expect(one.connections).toBeLessThanOrEqual(10)
    expect(one.open).toBeLessThanOrEqual(2)
    for (let i = 0; i < 3; i++) await send(client, to(two, { key: `two${i}` }))
    expect(two.mails).toHaveLength(3)
    await one.until(() => one.open === 0)
    expect(one.lines.filter((line) => line === 'QUIT')).toHaveLength(one.connections)
  })
})

describe('LMTP', () => {
  test('gives a reply for each recipient', async () => {
    const answers: (string | null)[] = ['250 2.1.5 a', '552 5.2.2 full', '450 4.2.0 busy']
    const server = await serve({ lmtp: true, on: { '.': () => answers.shift() ?? null } })
    const what = mail({ to: ['a@there.test', 'b@there.test', 'c@there.test'] })
    expect(brief(await send(makeClient(), to(server, { protocol: 'lmtp' }), what))).toEqual([
      'sent 250 2.1.5',
      'failed 552 5.2.2',
      'deferred 450 4.2.0',
    ])
    expect(server.lines[0]).toBe('LHLO us.test')
  })

  test('lost between the replies: who has one keeps it', async () => {
    const answers: ('250 2.1.5 a' | 'close')[] = ['250 2.1.5 a', 'close']
    const server = await serve({ lmtp: true, on: { '.': () => answers.shift() ?? 'close' } })
    const what = mail({ to: ['a@there.test', 'b@there.test'] })
    const result = await send(makeClient(), to(server, { protocol: 'lmtp' }), what)
    expect(brief(result).at(-1)).toBe('deferred 450 4.4.2')
  })

  test('has no HELO', async () => {
    const server = await serve({ lmtp: true, on: { LHLO: '500 what' } })
    expect(brief(await send(makeClient(), to(server, { protocol: 'lmtp' })))).toEqual(['deferred 400 4.4.0'])
    expect(server.lines).not.toContain('HELO us.test')
  })
})

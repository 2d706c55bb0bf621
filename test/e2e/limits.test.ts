// Bad input and limits over the wire of a whole internet-site: strangers get the RFC's reply, and others are served meanwhile.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { FakeClock } from '../../core/base/clock.ts'
import { runDialogue } from '../kit/dialogue.ts'
import { startTestServer, type TestServer } from '../kit/server.ts'
import { queuedAs, SmtpTalk } from '../kit/smtp-talk.ts'
import { Talker } from '../kit/talker.ts'

const ANA = 'ana@estafeta.test'
const base64 = (text: string): string => Buffer.from(text).toString('base64')
/** The client is a stranger from elsewhere, as its proxy says. */
const STRANGER = 'C: PROXY TCP4 192.0.2.9 192.0.2.1 40000 25\n'
const HELLO = `${STRANGER}
  S: 220 mx.estafeta.test ESMTP Estafeta
  C: EHLO client.test
  S..250`
const MESSAGE = `${HELLO}
  C: MAIL FROM:<a@away.test>
  C: RCPT TO:<${ANA}>
  C: DATA
  S: 250 2.1.0 *
  S: 250 2.1.5 *
  S: 354 *`
const STILL_THERE = `
  C: NOOP
  S: 250 2.0.0 OK
  C: QUIT
  S: 221 2.0.0 *
  S<EOF>`
const proxied = { addresses: ['127.0.0.1:0'], proxyProtocol: ['127.0.0.0/8'] }

const start = (clock?: FakeClock): Promise<TestServer> =>
  startTestServer({
    users: { [ANA]: 'secret' },
    ...(clock ? { clock } : {}),
    config: {
      profile: 'internet-site',
      listen: {
        smtp: proxied,
        submission: proxied,
        submissions: [],
        imap: proxied,
        imaps: [],
        pop3: proxied,
        pop3s: [],
        lmtp: ['127.0.0.1:0'],
      },
      limits: { messageSize: '20KiB', recipients: 100, connectionsPerClient: 3 },
      plugins: { 'spf-dkim-dmarc': { enabled: false } },
    },
  })

const SMTP: readonly (readonly [string, string])[] = [
  [
    'over-long lines, NULs, bad UTF-8, bare LF, unknown and empty commands',
    `${HELLO}
      C: NOOP ${'x'.repeat(3000)}
      S: 500 5.5.2 Line too long
      C: MAIL FROM:<a@away.test> ${'x'.repeat(100_000)}
      S: 500 5.5.2 Line too long
      C: NOOP\\0
      S: 500 5.5.2 *
      C: MAIL FROM:<\\xff\\xfe@away.test>
      S: 500 5.5.2 *
      C: NOOP\\nNOOP
      S: 500 5.5.2 *
      C: FROBNICATE
      S: 500 5.5.2 *
      C:
      S: 500 5.5.2 *${STILL_THERE}`,
  ],
  [
    'commands out of order',
    `${STRANGER}
      S: 220 *
      C: MAIL FROM:<a@away.test>
      S: 503 5.5.1 *
      C: EHLO client.test
      S..250
      C: RCPT TO:<${ANA}>
      S: 503 5.5.1 *
      C: DATA
      S: 503 5.5.1 *
      C: MAIL FROM:<a@away.test>
      S: 250 *
      C: MAIL FROM:<a@away.test>
      S: 503 5.5.1 *
      C: DATA
      S: 554 5.5.1 *${STILL_THERE}`,
  ],
  [
    'unknown users, other domains, bad addresses: refused before any octet of a message',
    `${HELLO}
      C: MAIL FROM:<a@away.test>
      S: 250 *
      C: RCPT TO:<nobody@estafeta.test>
      S: 550 5.1.1 *
      C: RCPT TO:<x@elsewhere.test>
      S: 550 5.7.1 *
      C: RCPT TO:<${'l'.repeat(65)}@estafeta.test>
      S: 501 5.1.3 *
      C: RCPT TO:<"|/bin/sh"@estafeta.test>
      S: 550 5.1.1 *
      C: RCPT TO:</etc/passwd@estafeta.test>
      S: 550 5.1.1 *
      C: RCPT TO:<${ANA}> NOTIFY=SOMETIMES
      S: 501 5.5.4 *
      C: RCPT TO:<${ANA}> X=1
      S: 555 5.5.4 *${STILL_THERE}`,
  ],
  [
    'a message over the limit by its SIZE, and one that does not say so',
    `${HELLO}
      C: MAIL FROM:<a@away.test> SIZE=30000
      S: 552 5.3.4 *
      C: MAIL FROM:<a@away.test> SIZE=10
      S: 250 *
      C: RCPT TO:<${ANA}>
      S: 250 *
      C: DATA
      S: 354 *
      C| ${`${'x'.repeat(70)}\\r\\n`.repeat(600)}
      C: .
      S: 552 5.3.4 *${STILL_THERE}`,
  ],
  [
    'too many recipients: those taken so far get the mail',
    `${HELLO}
      C: MAIL FROM:<a@away.test>
      S: 250 *
      ${`C: RCPT TO:<${ANA}>\n`.repeat(101)}
      ${'S: 250 2.1.5 *\n'.repeat(100)}
      S: 452 4.5.3 Too many recipients${STILL_THERE}`,
  ],
  [
    'NULs and bare line feeds in a message',
    `${MESSAGE}
      C: Subject: a\\0b
      C: .
      S: 550 5.6.0 *
      C: MAIL FROM:<a@away.test>
      C: RCPT TO:<${ANA}>
      C: DATA
      S: 250 *
      S: 250 *
      S: 354 *
      C| one\\n.\\nMAIL FROM:<evil@away.test>\\r\\n.\\r\\n
      S: 550 5.6.0 *${STILL_THERE}`,
  ],
  [
    'pipelined garbage: as many replies as lines, then the end',
    `${HELLO}
      ${Array.from({ length: 60 }, (_, i) => `C: \\x01garbage ${i}\n`).join('')}
      ${'S: 500 5.5.2 *\n'.repeat(20)}
      S: 421 4.7.0 Too many errors, closing connection
      S<EOF>`,
  ],
  [
    'a header of hundreds of fields is taken',
    `${MESSAGE}
      C| ${`X-Filler: ${'y'.repeat(60)}\\r\\n`.repeat(250)}
      C:
      C: .
      S: 250 2.0.0 *${STILL_THERE}`,
  ],
  [
    'a password without TLS from elsewhere is refused, and AUTH not offered',
    `${STRANGER}
      S: 220 *
      C: EHLO client.test
      S: 250-mx.estafeta.test
      S: 250-PIPELINING
      S: 250-SIZE 20480
      S: 250-8BITMIME
      S: 250-SMTPUTF8
      S: 250-CHUNKING
      S: 250-DSN
      S: 250-ENHANCEDSTATUSCODES
      S: 250-LIMITS RCPTMAX=100
      S: 250-HELP
      S: 250 STARTTLS
      C: AUTH PLAIN ${base64(`\0${ANA}\0secret`)}
      S: 5* 5.7.11 *${STILL_THERE}`,
  ],
  [
    'within TLS the password is taken, the relay open to it',
    `${HELLO}
      C: STARTTLS
      S: 220 2.0.0 *
      TLS
      C: EHLO client.test
      S..250
      C: AUTH PLAIN ${base64(`\0${ANA}\0secret`)}
      S: 235 2.7.0 *
      C: MAIL FROM:<${ANA}>
      S: 250 *
      C: RCPT TO:<x@elsewhere.test>
      S: 250 *${STILL_THERE}`,
  ],
  [
    'commands smuggled before the TLS handshake are not run in it',
    `${HELLO}
      C: STARTTLS
      C: MAIL FROM:<evil@away.test>
      S: 220 2.0.0 *
      TLS
      C: EHLO client.test
      S: 250-mx.estafeta.test`,
  ],
]

const IMAP: readonly (readonly [string, string])[] = [
  [
    'nonsense, over-long lines, huge literals, LOGIN in the clear',
    `${STRANGER}
      S: * OK *LOGINDISABLED*
      C: a
      S: * BAD *
      C: a FROBNICATE
      S: a BAD *
      C: b LOGIN ${ANA} secret
      S: b NO [PRIVACYREQUIRED] *
      C: c SELECT INBOX
      S: c BAD *
      C: d LOGIN {999999999}
      S: d BAD *
      C: e NOOP
      S: e OK *
      C: f LOGOUT
      S: * BYE *
      S: f OK *
      S<EOF>`,
  ],
  [
    'a line without end',
    `${STRANGER}
      S: * OK *
      C: a NOOP ${'x'.repeat(200_000)}
      S: * B*`,
  ],
]

const POP3: readonly (readonly [string, string])[] = [
  [
    'nonsense, commands out of order, PASS in the clear',
    `${STRANGER}
      S: +OK *
      C: FROBNICATE
      S: -ERR *
      C: STAT
      S: -ERR *
      C: USER ${ANA}
      S: -ERR *
      C: RETR 99999999999999999999
      S: -ERR *
      C: NOOP\\0
      S: -ERR *
      C: ${'x'.repeat(5000)}
      S: -ERR *
      C: QUIT
      S: +OK *
      S<EOF>`,
  ],
]

describe('bad input', () => {
  let server: TestServer
  let bystander: SmtpTalk
  beforeAll(async () => {
    server = await start()
  })
  afterAll(() => server.end())
  beforeEach(async () => {
    bystander = await SmtpTalk.open(server.port('lmtp'))
  })
  afterEach(async () => {
    bystander.talker.send('LHLO client.test\r\n')
    await bystander.reply()
    expect(await bystander.ask('MAIL FROM:<>')).toMatch(/^250/)
    expect(await bystander.ask(`RCPT TO:<${ANA}>`)).toMatch(/^250/)
    bystander.close()
    expect(server.lines.filter((line) => /\b(error|panic|fatal)\b/.test(line))).toEqual([])
    expect(server.lines.filter((line) => line.includes('    at '))).toEqual([])
  })

  test.each(SMTP)('SMTP: %s', async (_name, transcript) => {
    await runDialogue(transcript, { port: server.port('smtp') })
  })
  test.each(IMAP)('IMAP: %s', async (_name, transcript) => {
    await runDialogue(transcript, { port: server.port('imap') })
  })
  test.each(POP3)('POP3: %s', async (_name, transcript) => {
    await runDialogue(transcript, { port: server.port('pop3') })
  })

  test('nobody submits without a password', async () => {
    await runDialogue(`${HELLO}\nC: MAIL FROM:<${ANA}>\nS: 530 5.7.0 *${STILL_THERE}`, {
      port: server.port('submission'),
    })
  })

  test('more connections than one client may have, over all services; another client is served', async () => {
    const port = server.port('smtp')
    const open = await Promise.all(
      Array.from({ length: 3 }, async () => {
        const talker = await Talker.connect(port)
        talker.send('PROXY TCP4 198.51.100.7 192.0.2.1 40000 25\r\n')
        expect(await talker.line()).toMatch(/^220/)
        return talker
      }),
    )
    const fourth = 'C: PROXY TCP4 198.51.100.7 192.0.2.1 40000 25'
    await runDialogue(`${fourth}\nS: 421 4.7.0 *\nS<EOF>`, { port })
    await runDialogue(`${fourth}\nS: * BYE *\nS<EOF>`, { port: server.port('imap') })
    await runDialogue(`${fourth}\nS: -ERR *\nS<EOF>`, { port: server.port('pop3') })
    await runDialogue(`${HELLO}${STILL_THERE}`, { port })
    for (const talker of open) talker.close()
  })

  test('a client that vanishes within its message leaves nothing behind', async () => {
    await runDialogue(`${MESSAGE.replace('192.0.2.9', '203.0.113.5')}\nC: Subject: half\nC<GONE>`, {
      port: server.port('smtp'),
    })
    await server.logged(/lost connection after .* from unknown\[203\.0\.113\.5\]/)
    expect(server.lines.some((line) => line.includes('client=unknown[203.0.113.5]'))).toBe(false)
    await expect.poll(() => [...server.queue.list()].map(({ origin, size }) => `${origin.service} ${size}`)).toEqual([])
  })
})

describe('slow clients', () => {
  test('are told and cut off by the clock: SMTP, IMAP and POP3', async () => {
    const clock = new FakeClock(Date.now())
    const server = await start(clock)
    try {
      const connect = async (service: string) => {
        const talker = await Talker.connect(server.port(service))
        talker.send('PROXY TCP4 192.0.2.9 192.0.2.1 40000 25\r\n')
        expect(await talker.line()).toMatch(/^(220|\* OK|\+OK)/)
        return talker
      }
      const smtp = await connect('smtp')
      const imap = await connect('imap')
      const pop3 = await connect('pop3')
      clock.advance(4 * 60_000)
      expect(await imap.line()).toMatch(/^\* BYE/)
      clock.advance(2 * 60_000)
      expect(await smtp.line()).toMatch(/^421 4\.4\.2 /)
      expect(await smtp.line()).toBeNull()
      clock.advance(10 * 60_000)
      await pop3.rest() // until it is closed
      const fresh = await SmtpTalk.open(server.port('lmtp'))
      fresh.close()
      for (const talker of [smtp, imap, pop3]) talker.close()
    } finally {
      await server.end()
    }
  })

  test('one that stops within its message is cut off, and the message is not taken', async () => {
    const clock = new FakeClock(Date.now())
    const server = await startTestServer({
      users: { [ANA]: 'secret' },
      clock,
      config: { profile: 'internet-site', plugins: { 'spf-dkim-dmarc': { enabled: false } } },
    })
    try {
      const talk = await SmtpTalk.open(server.port('smtp'))
      await talk.ask('MAIL FROM:<a@away.test>')
      await talk.ask(`RCPT TO:<${ANA}>`)
      await talk.ask('DATA')
      talk.talker.send('Subject: half\r\n')
      const other = await SmtpTalk.open(server.port('smtp'))
      queuedAs(await other.send({ to: ANA }))
      clock.advance(4 * 60_000)
      clock.advance(2 * 60_000)
      expect(await talk.reply()).toMatch(/^421 4\.4\.2 /)
      await server.logged(/: removed/)
      expect(server.queue.stats().items).toBe(0)
      other.close()
    } finally {
      await server.end()
    }
  })
})

import { afterEach, describe, expect, test } from 'vitest'
import { apopDigest, type Pop3Server, type Pop3ServerOptions, startPop3Server } from '../../test/kit/pop3-server.ts'
import { runTranscript, Talker } from '../../test/kit/talker.ts'
import { FakeClock } from '../base/clock.ts'
import { temporary } from '../base/failure.ts'
import type { Mailbox, MailboxStore } from '../store/mailbox-store.ts'
import { createMemoryStore } from '../store/memory-store.ts'

let server: Pop3Server
let talkers: Talker[] = []
afterEach(async () => {
  for (const talker of talkers) talker.close()
  talkers = []
  await server.end()
})

async function start(options: Pop3ServerOptions = {}): Promise<void> {
  server = await startPop3Server(options)
}
async function client(options: { tls?: boolean } = {}): Promise<Talker> {
  const talker = await Talker.connect(options.tls ? server.tlsPort : server.port, options)
  talkers.push(talker)
  return talker
}
/** Past the greeting, logged in as ana. */
async function loggedIn(): Promise<Talker> {
  const talker = await client()
  const { happened, wanted } = await runTranscript(talker, LOGIN)
  expect(happened).toBe(wanted)
  return talker
}
async function play(transcript: string, talker?: Talker): Promise<void> {
  const { happened, wanted } = await runTranscript(talker ?? (await client()), transcript)
  expect(happened).toBe(wanted)
}

const LOGIN = `
  S: +OK mail.example.com POP3 server ready
  C: USER ana
  S: +OK Send PASS
  C: PASS secret
  S: +OK Logged in, * messages
`
const SMALL = 'From: a@b.c\r\nSubject: one\r\n\r\nfirst\r\n'
const DOTS = 'Subject: dots\r\n\r\n.\r\n..two\r\n.three\r\nno end of line'

describe('a maildrop', () => {
  test('is counted, listed, read, cut and named', async () => {
    await start({ messages: [SMALL, DOTS] })
    await play(`${LOGIN}
      C: STAT
      S: +OK 2 ${SMALL.length + DOTS.length}
      C: LIST
      S: +OK 2 messages (* octets)
      S: 1 ${SMALL.length}
      S: 2 ${DOTS.length}
      S: .
      C: LIST 2
      S: +OK 2 ${DOTS.length}
      C: RETR 1
      S: +OK ${SMALL.length} octets
      S: From: a@b.c
      S: Subject: one
      S:
      S: first
      S: .
      C: RETR 2
      S: +OK ${DOTS.length} octets
      S: Subject: dots
      S:
      S: ..
      S: ...two
      S: ..three
      S: no end of line
      S: .
      C: TOP 2 0
      S: +OK *
      S: Subject: dots
      S:
      S: .
      C: TOP 2 2
      S: +OK *
      S: Subject: dots
      S:
      S: ..
      S: ...two
      S: .
      C: top 1 1000
      S: +OK *
      S: From: a@b.c
      S: Subject: one
      S:
      S: first
      S: .
      C: NOOP
      S: +OK OK
      C: QUIT
      S: +OK Goodbye
      S: <closed>`)
  })

  test('ids are the same over sessions, and end in the UIDVALIDITY', async () => {
    await start({ messages: [SMALL, DOTS] })
    const ids = async (): Promise<string[]> => {
      const talker = await loggedIn()
      talker.send('UIDL\r\nUIDL 2\r\nQUIT\r\n')
      await talker.line()
      const lines = await talker.lines()
      expect(await talker.line()).toBe(`+OK ${lines[1]}`)
      await talker.rest()
      return lines
    }
    const first = await ids()
    expect(first).toHaveLength(2)
    expect(first[0]).toMatch(/^1 00000001[0-9a-f]{8}$/)
    expect(await ids()).toEqual(first)
  })

  test('a long listing lets other sessions go between, and what follows it wait', async () => {
    await start({ messages: Array<string>(20_000).fill(SMALL) })
    const [listing, other] = [await loggedIn(), await client()]
    await other.line()
    const told: string[] = []
    const listed = (async () => {
      listing.send('LIST\r\nSTAT\r\n')
      await listing.line()
      expect(await listing.lines()).toHaveLength(20_000)
      expect(await listing.line()).toBe(`+OK 20000 ${20_000 * SMALL.length}`)
      told.push('listed')
    })()
    other.send('CAPA\r\n')
    await other.lines()
    told.push('heard')
    await listed
    expect(told).toEqual(['heard', 'listed'])
  })

  test('DELE hides, RSET brings back, QUIT removes', async () => {
    await start({ messages: [SMALL, DOTS, SMALL] })
    await play(`${LOGIN}
      C: DELE 2
      S: +OK *
      C: DELE 2
      S: -ERR Message 2 is deleted
      C: RETR 2
      S: -ERR Message 2 is deleted
      C: LIST 2
      S: -ERR Message 2 is deleted
      C: STAT
      S: +OK 2 ${2 * SMALL.length}
      C: UIDL
      S: +OK *
      S: 1 *
      S: 3 *
      S: .
      C: RSET
      S: +OK 3 messages
      C: STAT
      S: +OK 3 *
      C: DELE 1
      S: +OK *
      C: DELE 3
      S: +OK *
      C: QUIT
      S: +OK Goodbye
      S: <closed>`)
    await play(`${LOGIN}
      C: STAT
      S: +OK 1 ${DOTS.length}`)
  })

  test('without QUIT nothing is removed', async () => {
    await start({ messages: [SMALL] })
    const talker = await loggedIn()
    talker.send('DELE 1\r\n')
    expect(await talker.line()).toMatch(/^\+OK/)
    talker.close()
    await until(() => server.held === 0)
    await play(`${LOGIN}
      C: STAT
      S: +OK 1 *`)
  })

  test('belongs to one session at a time', async () => {
    await start({ messages: [SMALL] })
    const first = await loggedIn()
    await play(`
      S: +OK *
      C: USER ana
      S: +OK *
      C: PASS secret
      S: -ERR [IN-USE] *
      C: USER paco
      S: +OK *
      C: PASS secret
      S: +OK Logged in, 0 messages`)
    await play('C: QUIT\nS: +OK Goodbye\nS: <closed>', first)
    await play(LOGIN)
  })

  test('stays as it was at login while others deliver and remove', async () => {
    await start({ messages: [SMALL, DOTS] })
    const talker = await loggedIn()
    await server.deliver('ana@example.com', [SMALL])
    const account = await server.store.account('ana@example.com')
    const inbox = await account.open('INBOX')
    await inbox.expunge([1])
    await play(
      `C: STAT
       S: +OK 2 *
       C: RETR 1
       S: +OK ${SMALL.length} octets
       S: From: a@b.c
       S: Subject: one
       S:
       S: first
       S: .
       C: DELE 1
       S: +OK *
       C: QUIT
       S: +OK Goodbye`,
      talker,
    )
    expect([...inbox.uids()]).toEqual([2, 3])
    inbox.close()
    account.close()
  })
})

describe('mistakes of a client', () => {
  test('are answered, and the session goes on', async () => {
    await start({ messages: [SMALL] })
    await play(`
      S: +OK *
      C: STAT
      S: -ERR Log in first
      C: PASS secret
      S: -ERR Send USER first
      C: USER
      S: -ERR Syntax: USER name
      C: USER ana
      S: +OK *
      C: PASS
      S: -ERR Syntax: PASS password
      C: FOO
      S: -ERR Unknown command
      C: 12 34
      S: -ERR Bad command line
      C:
      S: -ERR Bad command line
      C: USER ${'x'.repeat(2000)}
      S: -ERR Line too long
      C: APOP ana 00
      S: -ERR APOP is not offered here
      C: USER ana
      S: +OK *
      C: PASS secret
      S: +OK *
      C: USER ana
      S: -ERR Not after login
      C: RETR
      S: -ERR Expected a message number
      C: RETR 0
      S: -ERR No such message
      C: RETR 2
      S: -ERR No such message
      C: RETR -1
      S: -ERR Expected a message number
      C: RETR 99999999999
      S: -ERR Expected a message number
      C: TOP 1
      S: -ERR Syntax: TOP message lines
      C: TOP 1 x
      S: -ERR Syntax: TOP message lines
      C: STAT 1
      S: -ERR Syntax: STAT
      C: LIST x
      S: -ERR Expected a message number
      C: NOOP
      S: +OK OK`)
  })

  test('NUL and bad UTF-8 are refused; too many mistakes end it', async () => {
    await start()
    const talker = await client()
    await talker.line()
    talker.send(Buffer.from('USER a\0b\r\nUSER \xff\xfe\r\n', 'latin1'))
    expect(await talker.line()).toBe('-ERR NUL in command line')
    expect(await talker.line()).toBe('-ERR Arguments are not UTF-8')
    talker.send('NOPE\r\n'.repeat(100))
    const lines = (await talker.rest()).toString().split('\r\n')
    expect(lines.filter((line) => line === '-ERR Unknown command')).toHaveLength(28)
    expect(lines.at(-2)).toBe('-ERR Too many errors, goodbye')
  })

  test('a line without end is dropped as it comes and told once', async () => {
    await start()
    const talker = await client()
    await talker.line()
    for (let i = 0; i < 100; i++) talker.send('x'.repeat(10_000))
    talker.send('\r\nCAPA\r\n')
    expect(await talker.line()).toBe('-ERR Line too long')
    expect(await talker.line()).toBe('+OK Capabilities')
  })

  test('a connection that ends within a command ends the session', async () => {
    await start()
    const talker = await client()
    await talker.line()
    talker.socket.end('USER an')
    await talker.rest()
    await until(() => server.held === 0)
    expect(server.service.sessions()).toEqual([])
  })
})

describe('logins', () => {
  test('wrong, unknown and unavailable look as they should, and no password is logged', async () => {
    await start()
    await play(`
      S: +OK *
      C: USER ana
      S: +OK Send PASS
      C: PASS wrong
      S: -ERR [AUTH] Authentication failed
      C: USER nobody
      S: +OK Send PASS
      C: PASS secret
      S: -ERR [AUTH] Authentication failed
      C: USER eva
      S: +OK Send PASS
      C: PASS secret
      S: -ERR [SYS/TEMP] *`)
    expect(server.logged.join('\n')).toContain('login failed')
    expect(server.logged.join('\n')).not.toMatch(/wrong|secret/)
  })

  test('three failures end the session, and answers are slowed', async () => {
    const clock = new FakeClock()
    await start({ clock })
    const talker = await client()
    await talker.line()
    for (const _ of [1, 2]) {
      talker.send('USER ana\r\nPASS wrong\r\n')
      expect(await talker.line()).toMatch(/^\+OK/)
      expect(await talker.line()).toMatch(/^-ERR \[AUTH\]/)
    }
    talker.send('USER ana\r\nPASS wrong\r\nNOOP\r\n')
    expect(await talker.line()).toMatch(/^\+OK/)
    await until(() => server.logged.length === 3)
    clock.advance(1000)
    expect(await talker.line()).toMatch(/^-ERR \[AUTH\]/)
    expect(await talker.line()).toBe('-ERR Too many errors, goodbye')
    expect(await talker.line()).toBeNull()
  })

  test('AUTH PLAIN with and without initial response, AUTH LOGIN, cancelled and malformed ones', async () => {
    await start()
    const plain = Buffer.from('\0ana\0secret').toString('base64')
    const b64 = (text: string): string => Buffer.from(text).toString('base64')
    await play(`
      S: +OK *
      C: AUTH
      S: +OK *
      S: PLAIN
      S: LOGIN
      S: .
      C: AUTH GSSAPI
      S: -ERR Unknown authentication mechanism
      C: AUTH PLAIN
      S: + *
      C: *
      S: -ERR Authentication cancelled
      C: AUTH PLAIN
      S: + *
      C: !!
      S: -ERR Malformed authentication response
      C: AUTH PLAIN =
      S: -ERR Malformed authentication response
      C: AUTH PLAIN ${plain}
      S: +OK Logged in, 0 messages
      C: QUIT
      S: +OK Goodbye`)
    await play(`
      S: +OK *
      C: AUTH PLAIN
      S: + *
      C: ${plain}
      S: +OK Logged in, 0 messages
      C: QUIT
      S: +OK Goodbye`)
    await play(`
      S: +OK *
      C: AUTH login
      S: + ${b64('Username:')}
      C: ${b64('ana')}
      S: + ${b64('Password:')}
      C: ${b64('secret')}
      S: +OK Logged in, 0 messages`)
  })

  test('a password may hold spaces', async () => {
    await start()
    await play(`
      S: +OK *
      C: USER ana
      S: +OK *
      C: PASS not the  password
      S: -ERR [AUTH] Authentication failed`)
  })

  test('APOP, where the listener offers it', async () => {
    await start({ apop: true })
    const talker = await client()
    const greeting = (await talker.line())!
    talker.send(`APOP ana ${apopDigest(greeting, 'wrong')}\r\n`)
    expect(await talker.line()).toBe('-ERR [AUTH] Authentication failed')
    talker.send(`APOP ana ${apopDigest(greeting)}\r\n`)
    expect(await talker.line()).toBe('+OK Logged in, 0 messages')
  })

  test('a plugin may refuse a login', async () => {
    const reply = { code: 550, enhanced: '5.7.1', text: 'no' }
    await start({
      hooks: { mailbox: (event) => ({ kind: event.account.startsWith('ana') ? 'reject' : 'pass', reply }) },
    })
    await play(`
      S: +OK *
      C: USER ana
      S: +OK *
      C: PASS secret
      S: -ERR [AUTH] Login is not allowed
      C: USER paco
      S: +OK *
      C: PASS secret
      S: +OK *`)
  })
})

test.each([
  ['reject', '[SYS/PERM] Messages may not be removed'],
  ['defer', '[SYS/TEMP] Messages could not be removed, try again later'],
] as const)('a plugin may %s the removal of messages, which stay then', async (kind, text) => {
  const reply = { code: kind === 'reject' ? 550 : 450, enhanced: null, text: 'no' }
  await start({
    messages: [SMALL],
    hooks: { mailbox: ({ action }) => (action === 'expunge' ? { kind, reply } : { kind: 'pass' }) },
  })
  await play(`${LOGIN}
      C: DELE 1
      S: +OK *
      C: QUIT
      S: -ERR ${text}`)
  await play(`${LOGIN}
      C: STAT
      S: +OK 1 *
      C: QUIT
      S: +OK *`)
})

describe('TLS', () => {
  test('off loopback no password is taken before STLS, and nothing sent in the clear is read after it', async () => {
    await start({ proxy: true, messages: [SMALL] })
    const talker = await client()
    talker.send('PROXY TCP4 192.0.2.9 127.0.0.1 40000 110\r\n')
    await play(
      `S: +OK *
       C: USER ana
       S: -ERR Plain-text logins need TLS: use STLS first
       C: AUTH PLAIN AGFuYQBzZWNyZXQ=
       S: -ERR Plain-text logins need TLS: use STLS first
       C: CAPA
       S: +OK *
       S: TOP
       S: UIDL
       S: PIPELINING
       S: RESP-CODES
       S: AUTH-RESP-CODE
       S: EXPIRE NEVER
       S: UTF8 USER
       S: LANG
       S: STLS
       S: IMPLEMENTATION Estafeta
       S: .`,
      talker,
    )
    talker.send('STLS\r\nUSER paco\r\n')
    expect(await talker.line()).toBe('+OK Begin TLS negotiation')
    await play(
      `TLS
       C: PASS secret
       S: -ERR Send USER first
       C: STLS
       S: -ERR TLS is active already
       C: USER ana
       S: +OK *
       C: PASS secret
       S: +OK Logged in, 1 messages
       C: STLS
       S: -ERR Not after login
       C: CAPA
       S: +OK *
       S: TOP
       S: UIDL
       S: PIPELINING
       S: RESP-CODES
       S: AUTH-RESP-CODE
       S: EXPIRE NEVER
       S: UTF8 USER
       S: LANG
       S: USER
       S: SASL PLAIN LOGIN
       S: IMPLEMENTATION Estafeta
       S: .
       C: QUIT
       S: +OK Goodbye
       S: <closed>`,
      talker,
    )
  })

  test('is there from the start on pop3s', async () => {
    await start({ messages: [SMALL] })
    await play(
      `${LOGIN}
      C: UTF8
      S: -ERR Not after login
      C: QUIT
      S: +OK Goodbye`,
      await client({ tls: true }),
    )
  })

  test('is not offered without a certificate', async () => {
    await start({ tls: false })
    await play(`
      S: +OK *
      C: STLS
      S: -ERR TLS is not available
      C: UTF8
      S: +OK UTF8 enabled
      C: LANG
      S: +OK *
      S: en English
      S: .
      C: LANG fr
      S: -ERR *
      C: LANG *
      S: +OK en *`)
  })

  test('a failed handshake ends the session', async () => {
    await start()
    const talker = await client()
    await talker.line()
    talker.send('STLS\r\n')
    await talker.line()
    talker.send('this is no handshake\r\n')
    await talker.rest()
    await until(() => server.held === 0)
  })
})

describe('trouble behind the session', () => {
  /** A memory store whose INBOXes have some operations replaced. */
  const failing = (changed: Partial<Mailbox>): MailboxStore => {
    const inner = createMemoryStore({ clock: new FakeClock() })
    return over(inner, {
      account: async (name) => {
        const account = await inner.account(name)
        return over(account, { open: async (mailbox) => over(await account.open(mailbox), changed) })
      },
    })
  }
  const over = <T extends object>(object: T, changed: Partial<T>): T =>
    new Proxy(object, {
      get(target, key) {
        const value = Reflect.get(key in changed ? changed : target, key)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })

  test('messages that cannot be removed are said to be there still', async () => {
    await start({
      messages: [SMALL],
      store: failing({
        expunge: async () => {
          throw temporary('disk full')
        },
      }),
    })
    await play(`${LOGIN}
      C: DELE 1
      S: +OK *
      C: QUIT
      S: -ERR [SYS/TEMP] Messages could not be removed, try again later
      S: <closed>`)
    await play(`${LOGIN}
      C: STAT
      S: +OK 1 *`)
  })

  test('a message that cannot be read is refused, and the session goes on', async () => {
    await start({
      messages: [SMALL],
      store: failing({
        message: async () => {
          throw temporary('gone')
        },
      }),
    })
    await play(`${LOGIN}
      C: RETR 1
      S: -ERR [SYS/TEMP] Message cannot be read now, try again later
      C: NOOP
      S: +OK OK`)
  })

  test('a message that breaks off ends the connection without a final dot', async () => {
    await start({
      messages: [SMALL],
      store: failing({
        message: async () => ({
          size: 10,
          bytes: null,
          read: async () => Buffer.alloc(0),
          async *chunks() {
            yield Buffer.from('Subject: x\r\n')
            throw new Error('read error')
          },
          close() {},
        }),
      }),
    })
    const talker = await loggedIn()
    talker.send('RETR 1\r\n')
    expect((await talker.rest()).toString()).not.toMatch(/^\.\r\n/m)
    await until(() => server.held === 0)
  })

  test('a mailbox that cannot be opened is temporary, and its lock is let go', async () => {
    let broken = true
    await start({
      store: failing({
        refresh: async () => {
          if (broken) throw temporary('not now')
        },
      }),
    })
    const attempt = `
      S: +OK *
      C: USER paco
      S: +OK *
      C: PASS secret`
    await play(`${attempt}
      S: -ERR [SYS/TEMP] Mailbox is not available now, try again later`)
    broken = false
    await play(`${attempt}
      S: +OK Logged in, 0 messages`)
  })
})

for (const size of [1, 7, 8, 9])
  test(`lines may come in pieces of ${size} octets`, async () => {
    await start({ messages: [SMALL] })
    const talker = await client()
    talker.socket.setNoDelay(true)
    const commands = 'USER ana\r\nPASS secret\r\nRETR 1\r\nQUIT\r\n'
    for (let at = 0; at < commands.length; at += size) {
      talker.send(commands.slice(at, at + size))
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    const said = (await talker.rest()).toString()
    expect(said).toMatch(/^\+OK .*\r\n\+OK Send PASS\r\n\+OK Logged in, 1 messages\r\n\+OK \d+ octets\r\n/)
    expect(said.endsWith(`${SMALL}.\r\n+OK Goodbye\r\n`)).toBe(true)
  })

test('pipelined commands are answered in order, with few writes', async () => {
  await start({ messages: Array.from({ length: 300 }, (_, i) => `Subject: ${i}\r\n\r\n${'x'.repeat(900)}\r\n`) })
  const talker = await loggedIn()
  let reads = 0
  talker.socket.on('data', () => {
    reads += 1
  })
  talker.send(Array.from({ length: 300 }, (_, i) => `RETR ${i + 1}\r\n`).join(''))
  for (let i = 0; i < 300; i++) {
    expect(await talker.line()).toMatch(/^\+OK/)
    expect((await talker.lines())[0]).toBe(`Subject: ${i}`)
  }
  expect(reads).toBeLessThan(60)
})

test('a client that does not read is not read from either, and memory stays bounded', async () => {
  const large = `Subject: large\r\n\r\n${`${'y'.repeat(998)}\r\n`.repeat(4000)}`
  await start({ messages: [large] })
  const talker = await loggedIn()
  talker.socket.pause()
  talker.send('RETR 1\r\n'.repeat(50))
  await until(() => server.service.sessions()[0]?.state === 'sending')
  talker.socket.resume()
  for (let i = 0; i < 50; i++) {
    expect(await talker.line()).toMatch(/^\+OK/)
    expect((await talker.lines()).length).toBe(4002)
  }
}, 30_000)

test('idle for ten minutes ends the session without a word', async () => {
  const clock = new FakeClock()
  await start({ clock })
  const talker = await client()
  await talker.line()
  clock.advance(590_000)
  talker.send('CAPA\r\n')
  await talker.line()
  await talker.lines()
  clock.advance(590_000)
  expect(server.service.sessions()).toHaveLength(1)
  clock.advance(20_000)
  expect(await talker.line()).toBeNull()
  expect(server.held).toBe(0)
})

test('draining says goodbye to idle sessions', async () => {
  await start({ messages: [SMALL] })
  const talker = await loggedIn()
  expect(server.service.sessions()).toMatchObject([
    { service: 'pop3', user: 'ana@example.com', state: 'transaction', detail: '1 messages' },
  ])
  const drained = server.service.drain(5000)
  expect(await talker.line()).toBe('-ERR [SYS/TEMP] Server is shutting down, try again later')
  talker.close()
  await drained
  expect(server.service.sessions()).toEqual([])
})

/** Waits for what other turns of the event loop bring about. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise<void>((resolve) => setImmediate(resolve))
}

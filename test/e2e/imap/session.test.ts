// IMAP sessions as wholes: TLS, privacy, limits, time-outs, plugins' gates, back-pressure, winding down.
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { FakeClock, systemClock } from '../../../core/base/clock.ts'
import { IDLE_TIMEOUT_MS, LOGIN_TIMEOUT_MS } from '../../../core/imap/session.ts'
import { memoryContent } from '../../../core/message/content.ts'
import { replies } from '../../../core/message/reply.ts'
import { reject } from '../../../core/plugin/contract.ts'
import { LineClient } from '../../kit/imap-dialogue.ts'
import { type ImapServer, type ImapServerOptions, sampleMessage, startImapServer } from '../../kit/imap-server.ts'

let server: ImapServer
const clients: LineClient[] = []

async function start(options: ImapServerOptions = {}): Promise<void> {
  server = await startImapServer(options)
}
function client(port = server.port): LineClient {
  const one = LineClient.to(port)
  clients.push(one)
  return one
}
async function loggedIn(): Promise<LineClient> {
  const one = client()
  one.send('l LOGIN ana secret\r\n')
  await one.until('l OK')
  return one
}
async function ask(one: LineClient, line: string): Promise<string> {
  one.send(`t ${line}\r\n`)
  return (await one.until('t ')).at(-1)!
}
async function fill(messages: readonly Buffer[]): Promise<void> {
  const inbox = await (await server.store.account('ana@example.com')).open('INBOX')
  await inbox.append(messages.map((m) => ({ content: memoryContent(m), flags: [], internalDate: 0 })))
  inbox.close()
}

afterEach(async () => {
  for (const one of clients.splice(0)) one.end()
  await server.end()
})

describe('TLS', () => {
  it('starts with STARTTLS, and drops what was sent in the clear behind it', async () => {
    await start()
    const socket = connect(server.port, '127.0.0.1')
    const plain = new LineClient(socket)
    await plain.until('* OK')
    plain.send('a STARTTLS\r\nb LOGIN ana secret\r\n')
    expect(await plain.line()).toBe('a OK Begin TLS negotiation now')
    socket.removeAllListeners('data')
    const secure = new LineClient(connectTls({ socket, rejectUnauthorized: false }))
    expect(await ask(secure, 'CAPABILITY')).toBe('t OK Done')
    expect(await ask(secure, 'STARTTLS')).toBe('t BAD TLS is not available')
    expect(await ask(secure, 'SELECT INBOX')).toBe('t BAD Command is not allowed in this state')
    expect(await ask(secure, 'LOGIN ana secret')).toMatch(/^t OK/)
    secure.end()
  })

  it('survives a handshake that is none', async () => {
    await start()
    const one = client()
    one.send('a STARTTLS\r\n')
    await one.until('a OK')
    one.send('this is no client hello, and never will be one\r\n')
    await one.closed
    expect(await ask(await loggedIn(), 'NOOP')).toBe('t OK Done')
  })

  it('is there from the start on imaps', async () => {
    await start()
    const secure = new LineClient(connectTls({ port: server.tlsPort, rejectUnauthorized: false }))
    const greeting = await secure.until('* OK')
    expect(greeting[0]).toContain('AUTH=PLAIN')
    expect(greeting[0]).not.toContain('STARTTLS')
    expect(await ask(secure, 'LOGIN ana secret')).toMatch(/^t OK/)
    secure.end()
  })

  it('is needed for passwords from elsewhere', async () => {
    await start({ proxy: true })
    const one = client()
    one.send('PROXY TCP4 192.0.2.7 192.0.2.1 40000 143\r\n')
    const [greeting] = await one.until('* OK')
    expect(greeting).toContain('LOGINDISABLED')
    expect(greeting).toContain('STARTTLS')
    expect(greeting).not.toContain('AUTH=')
    expect(await ask(one, 'LOGIN ana secret')).toBe('t NO [PRIVACYREQUIRED] Start TLS first')
    expect(await ask(one, 'AUTHENTICATE PLAIN AGFuYQBzZWNyZXQ=')).toBe('t NO [PRIVACYREQUIRED] Start TLS first')
  })
})

describe('limits', () => {
  it('slow down and end sessions that guess passwords', async () => {
    const clock = new FakeClock()
    await start({ clock })
    const one = client()
    const answers: string[] = []
    for (let i = 0; i < 5; i++) {
      one.send(`t${i} LOGIN ana guess${i}\r\n`)
      const answer = one.until(`t${i} `)
      // the answer comes with the clock alone
      while ((await Promise.race([answer, new Promise((resolve) => setImmediate(resolve, null))])) === null)
        clock.advance(1000)
      answers.push((await answer).at(-1)!)
    }
    expect(answers).toEqual(
      Array.from({ length: 5 }, (_, i) => `t${i} NO [AUTHENTICATIONFAILED] Authentication failed`),
    )
    expect(clock.mono()).toBeGreaterThanOrEqual(1000 + 2000 + 3000)
    expect(await one.line()).toBe('* BYE Too many failed logins')
    await one.closed
  })

  it('end sessions that send no commands', async () => {
    await start()
    const one = client()
    one.send('nonsense\r\n'.repeat(30))
    const heard = await one.until('* BYE')
    expect(heard.filter((line) => line === '* BAD Invalid tag')).toHaveLength(20)
    await one.closed
  })

  it('hold for lines before and after login', async () => {
    await start()
    const one = client()
    one.send(`a NOOP ${'x'.repeat(10_000)}\r\n`)
    await one.until('a BAD Line is too long')
    one.send(`${'x'.repeat(10_000)}\r\n`)
    await one.until('* BAD Line is too long')
    one.send('l LOGIN ana secret\r\n')
    await one.until('l OK')
    expect(await ask(one, `SEARCH ${'x'.repeat(10_000)}`)).toBe('t BAD Command is not allowed in this state')
    one.send(`b SEARCH ${'x'.repeat(600_000)}\r\n`)
    await one.until('b BAD Line is too long')
    expect(await ask(one, 'NOOP')).toBe('t OK Done')
  })

  it('take 20,000 UIDs that are no ranges', async () => {
    await start()
    const one = await loggedIn()
    await ask(one, 'SELECT INBOX')
    const uids = Array.from({ length: 20_000 }, (_, i) => 2 * i + 1).join()
    expect(await ask(one, `UID FETCH ${uids} (FLAGS)`)).toBe('t OK Done')
  })

  it('do not let an unwanted literal stop the session', async () => {
    await start()
    const one = await loggedIn()
    one.send(`a SELECT {600000+}\r\n${'x'.repeat(600_000)} more\r\n`)
    expect(await one.line()).toBe('a BAD [TOOBIG] Literal is too long')
    one.send(`b APPEND INBOX {60000000+}\r\n`)
    for (let i = 0; i < 60; i++) one.send('y'.repeat(1_000_000))
    one.send('\r\n')
    expect(await one.line()).toBe('b NO [TOOBIG] Message exceeds the limit of 52428800 octets')
    expect(await ask(one, 'NOOP')).toBe('t OK Done')
  })
})

describe('time', () => {
  it('ends a session that does not log in, and one that idles', async () => {
    const clock = new FakeClock()
    await start({ clock })
    const silent = client()
    await silent.until('* OK')
    const idle = await loggedIn()
    idle.send('i IDLE\r\n')
    await idle.until('+ ')
    clock.advance(LOGIN_TIMEOUT_MS + 20_000)
    await silent.until('* BYE Idle for too long')
    await silent.closed
    expect(server.service.sessions()).toMatchObject([{ user: 'ana@example.com', state: 'authenticated.idling' }])
    clock.advance(IDLE_TIMEOUT_MS - LOGIN_TIMEOUT_MS)
    await idle.until('* BYE Idle for too long')
    await idle.closed
    expect(server.service.sessions()).toEqual([])
  })
})

describe('plugins', () => {
  it('may refuse a login and changes of a mailbox', async () => {
    const refused = new Set(['flag', 'expunge', 'append', 'move'])
    await start({
      hooks: {
        mailbox: ({ action, account }) =>
          refused.has(action) || account.startsWith('paco')
            ? reject(replies.accessDenied(`no ${action} today`))
            : { kind: 'pass' },
      },
    })
    await fill([sampleMessage(1)])
    const paco = client()
    expect(await ask(paco, 'LOGIN paco secret')).toBe('t NO [NOPERM] no login today')
    expect(await ask(paco, 'SELECT INBOX')).toBe('t BAD Command is not allowed in this state')
    const ana = await loggedIn()
    expect(await ask(ana, 'SELECT INBOX')).toMatch(/^t OK/)
    expect(await ask(ana, 'STORE 1 +FLAGS (\\Seen)')).toBe('t NO [NOPERM] no flag today')
    expect(await ask(ana, 'EXPUNGE')).toBe('t NO [NOPERM] no expunge today')
    expect(await ask(ana, 'MOVE 1 INBOX')).toBe('t NO [NOPERM] no move today')
    expect(await ask(ana, 'APPEND INBOX {3+}\r\nabc')).toBe('t NO [NOPERM] no append today')
    ana.send('f FETCH 1 (BODY[TEXT])\r\n')
    expect((await ana.until('f ')).at(0)).toBe('* 1 FETCH (BODY[TEXT] {20}')
  })
  it('may keep messages where they are, whichever command would take them away', async () => {
    await start({
      hooks: {
        mailbox: ({ action, mailbox }) =>
          action === 'expunge' && mailbox !== 'Drafts' ? reject(replies.accessDenied('kept')) : { kind: 'pass' },
      },
    })
    await fill([sampleMessage(1)])
    const ana = await loggedIn()
    for (const name of ['Drafts', 'Archive']) expect(await ask(ana, `CREATE ${name}`)).toMatch(/^t OK/)
    expect(await ask(ana, 'SELECT INBOX')).toMatch(/^t OK/)
    expect(await ask(ana, 'MOVE 1 Drafts')).toBe('t NO [NOPERM] kept')
    expect(await ask(ana, 'COPY 1 Drafts')).toMatch(/^t OK/)
    expect(await ask(ana, 'DELETE Archive')).toBe('t NO [NOPERM] kept')
    expect(await ask(ana, 'SELECT Drafts')).toMatch(/^t OK/)
    expect(await ask(ana, 'MOVE 1 Archive')).toMatch(/^t OK/)
    expect(await ask(ana, 'DELETE Drafts')).toMatch(/^t OK/)
  })
})

describe('large answers', () => {
  it('wait for a client that reads slowly, in bounded memory, while others are served', async () => {
    await start()
    const big = Buffer.concat([Buffer.from('Subject: big\r\n\r\n'), Buffer.alloc(1 << 20, 'x\r\n')])
    await fill(Array.from({ length: 16 }, () => big))
    const socket: Socket = connect(server.port, '127.0.0.1')
    let got = 0
    socket.write('l LOGIN ana secret\r\ns SELECT INBOX\r\nf FETCH 1:16 BODY.PEEK[]\r\nz LOGOUT\r\n')
    await once(socket, 'readable')
    // not reading: what the server holds for this client must not be the whole answer
    const other = await loggedIn()
    expect(await ask(other, 'SELECT INBOX')).toMatch(/^t OK/)
    expect(await ask(other, 'NOOP')).toBe('t OK Done')
    expect(server.service.sessions().find((s) => s.state === 'selected.executing')).toBeDefined()
    for await (const chunk of socket) got += (chunk as Buffer).length
    expect(got).toBeGreaterThan(16 * big.length)
  })

  it('let others run between messages', async () => {
    // a clock on which every look costs a millisecond: slices end by count, whatever the machine does
    let now = 0
    await start({ clock: { ...systemClock, mono: () => ++now } })
    await fill(Array.from({ length: 2000 }, (_, i) => sampleMessage(i)))
    const one = await loggedIn()
    await ask(one, 'SELECT INBOX')
    for (const line of ['FETCH 1:* (FLAGS UID)', 'UID FETCH 1:* (ENVELOPE BODYSTRUCTURE)', 'FETCH 1:* BODY.PEEK[]']) {
      let turns = 0
      let done = false
      const count = () => {
        turns++
        if (!done) setImmediate(count)
      }
      count()
      await ask(one, line)
      done = true
      expect(turns, line).toBeGreaterThan(8)
    }
  })
})

describe('files that cannot be read', () => {
  const home = () => join(server.folder, 'mail', 'example.com', 'ana')

  it('are missing from FETCH, which says so and tells the rest', async () => {
    await start({ maildir: true })
    await fill([1, 2, 3].map((n) => Buffer.from(`Subject: s${n}\r\n\r\nbody\r\n`)))
    const files = readdirSync(join(home(), 'new')).map((name) => join(home(), 'new', name))
    const file = files.find((path) => readFileSync(path, 'latin1').includes('s2'))!
    rmSync(file)
    mkdirSync(file)
    const one = await loggedIn()
    await ask(one, 'EXAMINE INBOX')
    one.send('f FETCH 1:* BODY.PEEK[]\r\n')
    const lines = await one.until('f ')
    expect(lines.filter((line) => line.startsWith('Subject: '))).toEqual(['Subject: s1', 'Subject: s3'])
    expect(lines.at(-1)).toMatch(/^f NO \[UNAVAILABLE\]/)
    expect(server.troubles).toContain('message cannot be read')
  })

  it('are named in the log when a mailbox cannot be opened for them', async () => {
    await start({ maildir: true })
    mkdirSync(join(home(), 'dovecot-uidlist'), { recursive: true })
    const one = await loggedIn()
    expect(await ask(one, 'SELECT INBOX')).toMatch(/^t NO \[UNAVAILABLE\]/)
    expect(server.troubles.some((line) => line.includes('SELECT failed') && line.includes('dovecot-uidlist'))).toBe(
      true,
    )
  })
})

describe('winding down', () => {
  it('says goodbye to those who wait, and lets a command finish', async () => {
    await start()
    const idle = await loggedIn()
    idle.send('i IDLE\r\n')
    await idle.until('+ ')
    const busy = await loggedIn()
    busy.send('a APPEND INBOX {11}\r\n')
    await busy.until('+ ')
    const drained = server.service.drain(60_000)
    await idle.until('* BYE Shutting down')
    busy.send('Subject: x\n\r\n')
    expect((await busy.until('a ')).at(-1)).toMatch(/^a OK \[APPENDUID/)
    await busy.until('* BYE Shutting down')
    await drained
    const late = client()
    expect(await late.line()).toBe('* BYE [UNAVAILABLE] Shutting down')
  })

  it('lets go of everything when a client just leaves', async () => {
    await start()
    await fill([sampleMessage(1)])
    const one = await loggedIn()
    await ask(one, 'SELECT INBOX')
    one.send('a APPEND INBOX {100+}\r\nhalf of it')
    expect(server.service.sessions()).toHaveLength(1)
    one.end()
    await one.closed
    while (server.service.sessions().length > 0) await new Promise((resolve) => setImmediate(resolve))
    expect(server.troubles).toEqual([])
    const two = await loggedIn()
    expect((await ask(two, 'SELECT INBOX')).startsWith('t OK')).toBe(true)
  })
})

it('writes what it filed into the trace, and no password anywhere', async () => {
  await start()
  const one = await loggedIn()
  expect(await ask(one, 'APPEND INBOX {11+}\r\nSubject: x\n')).toMatch(/^t OK/)
  expect(server.traced).toMatchObject([
    { event: 'filed', rcpt: 'ana@example.com', detail: 'IMAP APPEND to INBOX, UID 1' },
  ])
  const two = client()
  await ask(two, 'LOGIN ana not-the-secret')
  expect(JSON.stringify([server.traced, server.troubles])).not.toContain('secret')
})

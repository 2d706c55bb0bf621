// Mail on its way through access tables, aliases, virtual users and redirections of a whole server, read and removed over POP3.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { editUsers } from '../../../core/directory/edit-users.ts'
import { memoryContent } from '../../../core/message/content.ts'
import { startTestServer, type TestServer } from '../../kit/server.ts'
import { sendRaw } from '../../kit/smtp-send.ts'
import { Talker } from '../../kit/talker.ts'

const USERS = `
domains:
  virtual.test:
  caught.test: { catchAll: paco@estafeta.test }
users:
  ana@estafeta.test: { password: "{PLAIN}ana-pw", addresses: [ana@virtual.test] }
  paco@estafeta.test: { password: "{PLAIN}paco-pw" }
  eva@estafeta.test: { password: "{PLAIN}eva-pw", forward: paco@estafeta.test, keepCopy: true }
  full@estafeta.test: { password: "{PLAIN}x", quota: 10B }
  off@estafeta.test: { password: "{PLAIN}x", enabled: false }
aliases:
  sales@virtual.test: [ana@estafeta.test, paco@estafeta.test]
`
const ALIASES = 'team: ana, paco\nloop-a: loop-b\nloop-b: loop-a\nowner-list: eva\nlist: ana\n'
const ACCESS = 'From:spam.test REJECT go away\nTo:gone@estafeta.test DISCARD\nFrom:quiet.test DISCARD\n'

let folder: string
let server: TestServer
const config = () => ({
  profile: 'internet-site',
  users: { file: join(folder, 'users.yaml') },
  postmaster: 'ana@estafeta.test',
  networks: ['192.0.2.0/24'],
  plugins: {
    'spf-dkim-dmarc': null,
    'dkim-sign': null,
    access: { tables: [join(folder, 'access')] },
    aliases: { files: [join(folder, 'aliases')] },
  },
})
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'estafeta-pop3-'))
  for (const [name, text] of Object.entries({ 'users.yaml': USERS, aliases: ALIASES, access: ACCESS }))
    writeFileSync(join(folder, name), text)
  server = await startTestServer({ config: config(), folder })
})
afterAll(async () => {
  await server.end()
  rmSync(folder, { recursive: true, force: true })
})

let letters = 0
/** Sends a letter with a subject of its own; resolves when all its deliveries (`n`) are in the log. */
async function send(to: string, n: number, from = 'someone@outside.test'): Promise<string> {
  letters += 1
  const subject = `letter ${letters}`
  const message = Buffer.from(
    `From: ${from}\r\nSubject: ${subject}\r\nMessage-ID: <${letters}@outside.test>\r\n\r\n.\r\n`,
  )
  const reply = await sendRaw({ port: server.port('smtp'), from, to, message })
  const id = /queued as (\w+)/.exec(reply)?.[1]
  if (n > 0) await server.logged(new RegExp(`${id}: to=`))
  while (n > 0 && server.lines.filter((line) => line.includes(`${id}: to=`)).length < n)
    await new Promise<void>((resolve) => setImmediate(resolve))
  return subject
}
const refusal = (to: string, from?: string): Promise<string> =>
  send(to, 0, from).then(
    () => 'accepted',
    (error: Error) => error.message,
  )

async function pop3(user: string, password: string): Promise<Talker> {
  const talker = await Talker.connect(server.port('pop3'))
  await talker.line()
  talker.send(`USER ${user}\r\nPASS ${password}\r\n`)
  await talker.line()
  expect(await talker.line()).toMatch(/^\+OK/)
  return talker
}
/** Subjects of all letters in a maildrop. */
async function subjects(user: string, password: string): Promise<string[]> {
  const talker = await pop3(user, password)
  talker.send('STAT\r\n')
  const count = Number((await talker.line())!.split(' ')[1])
  const found: string[] = []
  for (let n = 1; n <= count; n++) {
    talker.send(`TOP ${n} 0\r\n`)
    expect(await talker.line()).toMatch(/^\+OK/)
    found.push((await talker.lines()).find((line) => line.startsWith('Subject: '))!.slice(9))
  }
  talker.send('QUIT\r\n')
  await talker.rest()
  return found
}
const ana = () => subjects('ana', 'ana-pw')
const paco = () => subjects('paco', 'paco-pw')

test('aliases, virtual aliases, catch-all, details, copies and the postmaster reach their mailboxes', async () => {
  const team = await send('team@estafeta.test', 2)
  const sales = await send('Sales+x@virtual.test', 2)
  const caught = await send('anything@caught.test', 1)
  const detail = await send('ana+lists@estafeta.test', 1)
  const other = await send('ANA@virtual.test', 1)
  const copied = await send('eva@estafeta.test', 2)
  const master = await send('postmaster@estafeta.test', 1)
  const virtualMaster = await send('postmaster@virtual.test', 1)
  expect((await ana()).sort()).toEqual([team, sales, detail, other, master, virtualMaster].sort())
  expect((await paco()).sort()).toEqual([team, sales, caught, copied].sort())
  expect(await subjects('eva', 'eva-pw')).toEqual([copied])
})

test('what is refused is refused at once, with the right codes', async () => {
  expect(await refusal('nobody@estafeta.test')).toContain('550 5.1.1')
  expect(await refusal('nobody@virtual.test')).toContain('550 5.1.1')
  expect(await refusal('ana@elsewhere.test')).toContain('550 5.7.1 Relaying denied')
  expect(await refusal('ana@estafeta.test', 'x@spam.test')).toContain('550 5.7.1 go away')
  const content = memoryContent(Buffer.from('Subject: more than ten octets\r\n\r\n'))
  const full = { account: 'full@estafeta.test', mailbox: 'INBOX', message: { content, flags: [], internalDate: 0 } }
  await Promise.all(await server.store.deliver([full]))
  expect(await refusal('full@estafeta.test')).toContain('452 4.2.2')
  expect(await refusal('off@estafeta.test')).toContain('550 5.2.1')
})

test('what is to be discarded is accepted and never arrives', async () => {
  const before = await ana()
  expect(await refusal('gone@estafeta.test')).toBe('accepted')
  expect(await refusal('ana@estafeta.test', 'x@quiet.test')).toBe('accepted')
  const marker = await send('ana@estafeta.test', 1)
  expect(await ana()).toEqual([...before, marker])
})

test('aliases that lead to each other end in a report, not in a loop', async () => {
  const before = (await ana()).length
  await send('loop-a@estafeta.test', 1, 'ana@estafeta.test')
  await server.logged(/from=<>/)
  while ((await ana()).length === before) await new Promise<void>((resolve) => setImmediate(resolve))
})

test('a .forward file counts from the moment it is there', async () => {
  mkdirSync(join(server.site.data, 'mail/estafeta.test/ana'), { recursive: true })
  const path = join(server.site.data, 'mail/estafeta.test/ana/.forward')
  writeFileSync(path, 'paco\n')
  const forwarded = await send('ana@estafeta.test', 1)
  expect(await paco()).toContain(forwarded)
  expect(await ana()).not.toContain(forwarded)
  rmSync(path)
})

test('a user who is added while the server runs can log in and get mail at once', async () => {
  editUsers(join(folder, 'users.yaml'), (users) => users.addUser('new@estafeta.test', { password: '{PLAIN}new-pw' }))
  expect(await subjects('new', 'new-pw')).toEqual([])
  const letter = await send('new@estafeta.test', 1)
  expect(await subjects('new@estafeta.test', 'new-pw')).toEqual([letter])
})

test('removed letters stay away, unique ids stay the same, also over a restart', async () => {
  const uidl = async (): Promise<string[]> => {
    const talker = await pop3('paco', 'paco-pw')
    talker.send('UIDL\r\nQUIT\r\n')
    await talker.line()
    return (await talker.lines()).map((line) => line.split(' ')[1]!)
  }
  const before = await uidl()
  const talker = await pop3('paco', 'paco-pw')
  talker.send('DELE 1\r\nQUIT\r\n')
  await talker.rest()
  expect(await uidl()).toEqual(before.slice(1))
  await server.stop(1000)
  server = await startTestServer({ config: config(), folder })
  expect(await uidl()).toEqual(before.slice(1))
})

test('logs name the user and no password', async () => {
  await ana()
  const text = server.lines.join('\n')
  expect(text).toMatch(/logged in.*ana@estafeta\.test/)
  expect(text).not.toMatch(/ana-pw|paco-pw|new-pw/)
})

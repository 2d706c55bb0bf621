// A mailbox goes to Dovecot and comes back: both programs see the same UIDs, UIDVALIDITY, flags, keywords, sizes and octets.
import { chownSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ImapFlow } from 'imapflow'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../core/base/clock.ts'
import { silentLogger } from '../../core/base/log.ts'
import { memoryContent } from '../../core/message/content.ts'
import type { Mailbox, MailboxStore, NewMessage } from '../../core/store/mailbox-store.ts'
import { openMaildirStore } from '../../core/store/maildir-store.ts'
import { type Dovecot, startDovecot } from '../kit/peers/dovecot.ts'

const ANA = 'ana@estafeta.test'
const text = (subject: string): string =>
  `From: Ana <ana@estafeta.test>\r\nTo: paco@estafeta.test\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@estafeta.test>\r\n` +
  `Date: Sat, 14 Mar 2026 12:00:00 +0000\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${`Grüße, ${subject}\r\n`.repeat(5)}`
const message = (subject: string, flags: readonly string[] = []): NewMessage => ({
  content: memoryContent(Buffer.from(text(subject))),
  flags,
  internalDate: Date.UTC(2026, 2, 14, 12),
})

let directory: string
let home: string
let store: MailboxStore | null
let dovecot: Dovecot | null
let client: ImapFlow | null

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'estafeta-dovecot-'))
  home = join(directory, 'estafeta.test', 'ana')
})
afterEach(async () => {
  await store?.close()
  client?.close()
  await dovecot?.stop()
  store = null
  client = null
  dovecot = null
  rmSync(directory, { recursive: true })
})

async function ours(): Promise<MailboxStore> {
  await theirsEnds()
  chown(directory, process.getuid!(), process.getgid!())
  store = await openMaildirStore({ directory, clock: systemClock, log: silentLogger, hostname: 'mail.estafeta.test' })
  return store
}

/** Ends our store cleanly and gives the mail to Dovecot. */
async function theirs(): Promise<ImapFlow> {
  await store?.close()
  store = null
  dovecot = await startDovecot({ users: [{ name: ANA, password: 'secret', mail: `maildir:${home}` }] })
  chown(directory, dovecot.uid, dovecot.gid)
  client = new ImapFlow({
    host: '127.0.0.1',
    port: dovecot.imap,
    secure: false,
    auth: { user: ANA, pass: 'secret' },
    logger: false,
  })
  await client.connect()
  return client
}

async function theirsEnds(): Promise<void> {
  await client?.logout()
  await dovecot?.stop()
  client = null
  dovecot = null
}

function chown(path: string, uid: number, gid: number): void {
  chownSync(path, uid, gid)
  if (!statSync(path).isDirectory()) return
  for (const name of readdirSync(path)) chown(join(path, name), uid, gid)
}

interface Row {
  readonly uid: number
  readonly flags: string
  readonly size: number
  readonly date: number
  readonly octets: string
}

/** imapflow's view of the selected mailbox. */
async function rowsOf(imap: ImapFlow): Promise<Row[]> {
  const rows: Row[] = []
  for await (const { uid, flags, size, internalDate, source } of imap.fetch('1:*', {
    uid: true,
    flags: true,
    size: true,
    internalDate: true,
    source: true,
  })) {
    const names = [...flags!].filter((flag) => flag !== '\\Recent')
    rows.push({
      uid,
      flags: names.sort().join(' '),
      size: size!,
      date: new Date(internalDate!).getTime(),
      octets: source!.toString(),
    })
  }
  return rows
}

async function rowsOfOurs(mailbox: Mailbox): Promise<Row[]> {
  const rows: Row[] = []
  for await (const { uid, message: stored } of mailbox.messages(mailbox.uids())) {
    const { flags, size, internalDate } = mailbox.meta(uid)!
    rows.push({
      uid,
      flags: flags.toSorted().join(' '),
      size,
      // IMAP tells whole seconds
      date: Math.floor(internalDate / 1000) * 1000,
      octets: (await stored.read()).toString(),
    })
  }
  return rows
}

test('a mailbox goes to Dovecot and comes back', async () => {
  const account = await (await ours()).account(ANA)
  await account.create('Büro/Post')
  await account.subscribe('Büro/Post', true)
  const inbox = await account.open('INBOX')
  await inbox.append([
    message('one', ['\\Seen']),
    message('two', ['Work', '\\Flagged']),
    message('three'),
    message('four'),
  ])
  await inbox.store([4], 'add', ['$Forwarded', '\\Answered'])
  await inbox.expunge([3])
  await inbox.copy([1], 'Büro/Post')
  const before = { rows: await rowsOfOurs(inbox), uidValidity: inbox.uidValidity, uidNext: inbox.uidNext }
  const post = await account.open('Büro/Post')
  const postBefore = { rows: await rowsOfOurs(post), uidValidity: post.uidValidity }

  const imap = await theirs()
  const listed = new Map((await imap.list()).map((entry) => [entry.path, entry]))
  expect(listed.get('Büro.Post')?.subscribed).toBe(true)
  expect(listed.has('INBOX')).toBe(true)
  await imap.mailboxOpen('INBOX')
  const selected = imap.mailbox as { uidValidity: bigint; uidNext: number }
  expect(Number(selected.uidValidity)).toBe(before.uidValidity)
  expect(selected.uidNext).toBe(before.uidNext)
  expect(await rowsOf(imap)).toEqual(before.rows)
  // what a client does there
  await imap.messageFlagsAdd({ uid: '1' }, ['\\Flagged', 'Later'], { uid: true })
  await imap.messageFlagsRemove({ uid: '2' }, ['Work'], { uid: true })
  await imap.messageDelete({ uid: '4' }, { uid: true })
  await imap.append('INBOX', text('five'), ['\\Draft', 'Work'], new Date(Date.UTC(2025, 0, 2, 3, 4, 5)))
  await imap.messageCopy({ uid: '2' }, 'Büro.Post', { uid: true })
  await imap.mailboxCreate('From.There')
  const after = await rowsOf(imap)
  await imap.mailboxOpen('Büro.Post')
  expect(Number((imap.mailbox as { uidValidity: bigint }).uidValidity)).toBe(postBefore.uidValidity)
  const postAfter = await rowsOf(imap)
  expect(postAfter.slice(0, 1)).toEqual(postBefore.rows)

  const again = await (await ours()).account(ANA)
  expect(
    (await again.list()).filter(({ selectable }) => selectable).map(({ name, subscribed }) => [name, subscribed]),
  ).toEqual([
    ['INBOX', false],
    ['Büro/Post', true],
    ['From/There', true],
  ])
  const back = await again.open('INBOX')
  expect(back.uidValidity).toBe(before.uidValidity)
  expect(back.mailboxId).toBe(inbox.mailboxId)
  expect(await rowsOfOurs(back)).toEqual(after)
  expect(after.map(({ uid, flags }) => [uid, flags])).toEqual([
    [1, 'Later \\Flagged \\Seen'],
    [2, '\\Flagged'],
    [5, 'Work \\Draft'],
  ])
  expect(await rowsOfOurs(await again.open('Büro/Post'))).toEqual(postAfter)
  // and on from there
  expect(await back.append([message('six')])).toEqual([6])
  expect([...(await back.search({ kind: 'text', value: 'GRÜSSE, FIVE' }))]).toEqual([])
  expect([...(await back.search({ kind: 'text', value: 'grüße, five' }))]).toEqual([5])
})

test('Dovecot writes while we have the mailbox open: we see it, with its UIDs', async () => {
  const account = await (await ours()).account(ANA)
  const inbox = await account.open('INBOX')
  await inbox.append([message('one'), message('two')])
  const rows = await rowsOfOurs(inbox)
  dovecot = await startDovecot({ users: [{ name: ANA, password: 'secret', mail: `maildir:${home}` }] })
  chown(directory, dovecot.uid, dovecot.gid)
  client = new ImapFlow({
    host: '127.0.0.1',
    port: dovecot.imap,
    secure: false,
    auth: { user: ANA, pass: 'secret' },
    logger: false,
  })
  await client.connect()
  await client.mailboxOpen('INBOX')
  expect(await rowsOf(client)).toEqual(rows)
  await client.messageFlagsAdd({ uid: '2' }, ['\\Seen', 'Later'], { uid: true })
  await client.append('INBOX', text('three'), [])
  await client.noop()
  const theirRows = await rowsOf(client)
  await inbox.refresh()
  expect(await rowsOfOurs(inbox)).toEqual(theirRows)
})

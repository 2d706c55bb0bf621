// A Maildir as other programs, backups and accidents leave it: what is no message, or cannot be read, takes no other mail along.
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../base/clock.ts'
import { type Logger, silentLogger } from '../../base/log.ts'
import type { MailAccount, Mailbox, MailboxStore } from '../mailbox-store.ts'
import { openMaildirStore } from '../maildir-store.ts'

const ANA = 'ana@estafeta.test'

let directory: string
let home: string
let store: MailboxStore
let account: MailAccount
let inbox: Mailbox
let warnings: string[]

const log: Logger = {
  ...silentLogger,
  warn: (line, fields) => warnings.push(`${line} ${fields?.file}`),
  error: (line, fields) => warnings.push(`${line} ${fields?.file}`),
  with: () => log,
}

const start = async () => {
  store = await openMaildirStore({ directory, clock: systemClock, log, hostname: 'mail.estafeta.test' })
  account = await store.account(ANA)
  inbox = await account.open('INBOX')
}
const restart = async () => {
  await store.close()
  await start()
}
beforeEach(() => {
  warnings = []
  directory = mkdtempSync(join(tmpdir(), 'estafeta-strange-'))
  home = join(directory, 'estafeta.test', 'ana')
  for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(home, part), { recursive: true })
})
afterEach(async () => {
  await store.close()
  rmSync(directory, { recursive: true })
})

const put = (place: string, subject: string) =>
  writeFileSync(join(home, place), `From: a@b.test\nSubject: ${subject}\n\nbody of ${subject}\n`)

interface Seen {
  readonly uid: number
  readonly subject: string
  readonly flags: string
}

async function seen(): Promise<Seen[]> {
  const rows: Seen[] = []
  for await (const { uid, message } of inbox.messages(inbox.uids())) {
    const octets = (await message.read()).toString()
    expect(inbox.meta(uid)!.size).toBe(octets.length)
    rows.push({ uid, subject: /^Subject: (.*)\r$/m.exec(octets)![1]!, flags: inbox.meta(uid)!.flags.join(' ') })
  }
  return rows
}
const subjects = async () => (await seen()).map(({ subject }) => subject)

describe('what is no message', () => {
  const strange: [string, (path: string) => void][] = [
    ['a directory', (path) => mkdirSync(path)],
    ['a named pipe', (path) => execFileSync('mkfifo', [path])],
    ['a link that leads to itself', (path) => symlinkSync(path, path)],
    ['a link that leads nowhere', (path) => symlinkSync(`${path}.gone`, path)],
  ]
  test.each(strange)('%s among the messages', async (_, make) => {
    put('cur/1700000001.a.host:2,', 'first')
    make(join(home, 'cur/1700000002.b.host:2,'))
    put('new/1700000003.c.host', 'third')
    await start()
    expect(await subjects()).toEqual(['first', 'third'])
    make(join(home, 'new/1700000004.d.host'))
    put('new/1700000005.e.host', 'fifth')
    await inbox.refresh()
    expect(await subjects()).toEqual(['first', 'third', 'fifth'])
  })

  test('is named in the log, once', async () => {
    mkdirSync(join(home, 'cur/1700000002.b.host:2,'))
    await start()
    put('new/1700000003.c.host', 'third')
    await inbox.refresh()
    await store.close()
    expect(warnings).toEqual(['file is left out of the mailbox cur/1700000002.b.host:2,'])
  })

  test('a directory in tmp/ that is named as our own files are', async () => {
    mkdirSync(join(home, 'tmp/expunged.1.a'))
    put('cur/1700000001.a.host:2,', 'first')
    await start()
    expect(await subjects()).toEqual(['first'])
  })
})

test('a message that cannot be read is missing from what is read, and from nothing else', async () => {
  for (const name of ['1.a', '2.b', '3.c']) put(`cur/170000000${name}.host:2,S`, name)
  await start()
  await seen()
  rmSync(join(home, 'cur/1700000002.b.host:2,S'))
  mkdirSync(join(home, 'cur/1700000002.b.host:2,S'))
  rmSync(join(home, 'estafeta-index.db'), { force: true })
  await restart()
  expect(await subjects()).toEqual(['1.a', '3.c'])
  const headers: number[] = []
  for await (const batch of inbox.headers(inbox.uids())) headers.push(...batch.map(({ uid }) => uid))
  expect(headers).toEqual([1, 3])
  const structures: number[] = []
  for await (const batch of inbox.structures(inbox.uids())) structures.push(...batch.map(({ uid }) => uid))
  expect(structures).toEqual([1, 3])
  expect([...(await inbox.search({ kind: 'text', value: 'body of' }))]).toEqual([1, 3])
  expect(warnings.some((line) => /cannot be read .*1700000002/.test(line))).toBe(true)
})

describe('names that other programs gave', () => {
  const names = [
    'cur/1700000001.a.host',
    'cur/1700000002.b.host:2,SF',
    'cur/1700000003.c.host:2,FSPXz',
    'cur/1700000004.d.host:1,A',
    'new/1700000005.e.host:2,S',
    'cur/no-number',
    'cur/1700000007.two words.host:2,S',
    'cur/1700000008.é→.host:2,S',
    'cur/1700000009.line\nend.host:2,F',
    `cur/${'1'.repeat(255)}`,
    `new/${'2'.repeat(250)}`,
    'cur/:2,S',
  ]

  test('headers and structures of all are there before there is an index', async () => {
    for (const [i, name] of names.entries()) put(name, `s${i}`)
    await start()
    const headers: string[] = []
    for await (const batch of inbox.headers(inbox.uids(), ['subject']))
      headers.push(...batch.map(({ header }) => header.toString().trim()))
    expect(headers.toSorted()).toEqual(names.map((_, i) => `Subject: s${i}`).toSorted())
    let described = 0
    for await (const batch of inbox.structures(inbox.uids())) described += batch.length
    expect(described).toBe(names.length)
  })

  test('all keep UID and flags, take new flags, and can be searched and expunged', async () => {
    for (const [i, name] of names.entries()) put(name, `s${i}`)
    await start()
    const before = await seen()
    expect(before.map(({ subject }) => subject).toSorted()).toEqual(names.map((_, i) => `s${i}`).toSorted())
    expect(before.filter(({ flags }) => flags.includes('\\Seen')).map(({ subject }) => subject)).toEqual(
      expect.arrayContaining(['s1', 's2', 's4', 's6', 's7', 's11']),
    )
    await restart()
    expect(await seen()).toEqual(before)
    await inbox.store([...inbox.uids()], 'add', ['\\Answered', 'Work'])
    expect([...(await inbox.search({ kind: 'text', value: 'body of s' }))]).toEqual([...inbox.uids()])
    await restart()
    const after = await seen()
    expect(after.map(({ uid }) => uid)).toEqual(before.map(({ uid }) => uid))
    expect(after.every(({ flags }) => flags.includes('\\Answered') && flags.includes('Work'))).toBe(true)
    await inbox.expunge([...inbox.uids()])
    expect(readdirSync(join(home, 'cur'))).toEqual([])
  })

  test('wrong sizes in a name deceive nobody', async () => {
    const octets = 'Subject: sizes\n\none\ntwo\n'
    writeFileSync(join(home, `cur/1700000001.a.host,S=3,W=4:2,`), octets)
    writeFileSync(join(home, `cur/1700000002.b.host,S=${octets.length},W=5:2,`), octets)
    writeFileSync(join(home, `cur/1700000003.c.host,W=7:2,`), octets)
    await start()
    expect(await subjects()).toEqual(['sizes', 'sizes', 'sizes'])
  })
})

describe('two files of one base name', () => {
  test('are two messages, which do not come back one for the other', async () => {
    put('new/1700000001.a.host', 'unread')
    put('cur/1700000001.a.host:2,S', 'read')
    put('cur/1700000002.b.host:2,', 'plain')
    put('cur/1700000002.b.host:2,F', 'flagged')
    await start()
    const before = await seen()
    expect(before.map(({ subject, flags }) => [subject, flags]).toSorted()).toEqual([
      ['flagged', '\\Flagged'],
      ['plain', ''],
      ['read', '\\Seen'],
      ['unread', ''],
    ])
    await restart()
    expect(await seen()).toEqual(before)
    await inbox.expunge([before[0]!.uid])
    await inbox.refresh()
    expect(await seen()).toEqual(before.slice(1))
  })

  test('are one message when they are links to one file', async () => {
    put('cur/1700000001.a.host:2,', 'one')
    linkSync(join(home, 'cur/1700000001.a.host:2,'), join(home, 'new/1700000001.a.host'))
    await start()
    expect(await subjects()).toEqual(['one'])
  })
})

describe('keywords', () => {
  const KEYWORDS = 'dovecot-keywords'

  test('letters that mean nothing here are given to no new keyword', async () => {
    put('cur/1700000001.a.host:2,ab', 'lettered')
    put('cur/1700000002.b.host:2,', 'plain')
    await start()
    await inbox.store([2], 'add', ['Work'])
    await restart()
    expect((await seen()).map(({ flags }) => flags)).toEqual(['', 'Work'])
    expect(readdirSync(join(home, 'cur'))).toContain('1700000001.a.host:2,ab')
  })

  test('a letter that was seen before its keyword was written down is the keyword once it is', async () => {
    put('cur/1700000001.a.host:2,', 'one')
    await start()
    renameSync(join(home, 'cur/1700000001.a.host:2,'), join(home, 'cur/1700000001.a.host:2,a'))
    await inbox.refresh()
    expect((await seen()).map(({ flags }) => flags)).toEqual([''])
    writeFileSync(join(home, KEYWORDS), '0 Theirs\n')
    await vi.waitFor(async () => expect((await seen()).map(({ flags }) => flags)).toEqual(['Theirs']), 5000)
  })

  test.each([
    ['deleted', () => unlinkSync(join(home, KEYWORDS))],
    ['spoilt', () => writeFileSync(join(home, KEYWORDS), '\0\0\0\0')],
  ])('their list, %s while the mailbox is open, is written again', async (_, harm) => {
    put('cur/1700000001.a.host:2,', 'one')
    await start()
    await inbox.store([1], 'add', ['Work'])
    harm()
    put('new/1700000002.b.host', 'two')
    await inbox.refresh()
    expect((await seen()).map(({ flags }) => flags)).toEqual(['Work', ''])
    expect(readFileSync(join(home, KEYWORDS), 'utf8')).toBe('0 Work\n')
    await restart()
    expect((await seen()).map(({ flags }) => flags)).toEqual(['Work', ''])
  })
})

test('after an older UID list came back, no UID is given to another message', async () => {
  const list = join(home, 'dovecot-uidlist')
  put('cur/1700000001.a.host:2,', 'a')
  await start()
  const old = readFileSync(list)
  put('cur/1700000002.b.host:2,', 'b')
  put('cur/1700000003.c.host:2,', 'c')
  await inbox.refresh()
  await inbox.expunge([2])
  await store.close()
  writeFileSync(list, old)
  await start()
  expect((await seen()).map(({ uid, subject }) => [uid, subject])).toEqual([
    [1, 'a'],
    [4, 'c'],
  ])
})

test('folders that no client could select are not listed', async () => {
  for (const name of [
    '.Foo',
    '.&AOQ-',
    '.ä',
    '.&bad',
    '.&-good',
    '.inbox',
    '.INBOX',
    '.INBOX.Sub',
    '.inbox.Sub',
    '..x',
  ])
    for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(home, name, part), { recursive: true })
  await start()
  const names = (await account.list()).filter(({ selectable }) => selectable).map(({ name }) => name)
  expect(names.toSorted()).toEqual(['&good', 'Foo', 'INBOX', 'INBOX/Sub', 'ä'])
  for (const name of names) expect((await account.open(name)).uids().length).toBe(0)
  expect(existsSync(join(home, '.inbox'))).toBe(true)
})

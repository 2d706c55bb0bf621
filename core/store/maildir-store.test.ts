// The Maildir store keeps the contract, on a real file system.
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { firstValueFrom } from 'rxjs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../base/clock.ts'
import { silentLogger } from '../base/log.ts'
import { memoryContent } from '../message/content.ts'
import { collect, describeStore, message, text } from './contract.suite.ts'
import type { EngineStore } from './engine-store.ts'
import type { MailAccount, Mailbox, MailboxStore, SearchKey } from './mailbox-store.ts'
import { openMaildirStore } from './maildir-store.ts'

const OTHER_DISK = '/dev/shm'

describeStore('Maildir store', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'estafeta-maildir-'))
  const open = () =>
    openMaildirStore({ directory, clock: systemClock, log: silentLogger, hostname: 'mail.estafeta.test' })
  let store = await open()
  return {
    store,
    async reopen() {
      await store.close()
      store = await open()
      return store
    },
    async end() {
      await store.close()
      rmSync(directory, { recursive: true })
    },
  }
})

test('accounts beyond those that are kept in memory go on where they were', { timeout: 60_000 }, async () => {
  // where syncs cost nothing, if there is such a place
  const directory = mkdtempSync(join(existsSync(OTHER_DISK) ? OTHER_DISK : tmpdir(), 'estafeta-maildir-'))
  const store = await openMaildirStore({ directory, clock: systemClock, log: silentLogger, hostname: 'estafeta.test' })
  const users = Array.from({ length: 4100 }, (_, n) => `user${n}@estafeta.test`)
  for (const key of ['one', 'two', 'one']) {
    const deliveries = users.map((account) => ({ account, mailbox: 'INBOX', message: message(text(key), { key }) }))
    expect(await Promise.all(await store.deliver(deliveries))).toEqual(users.map(() => null))
  }
  for (const user of [users[0]!, users[2000]!, users[4099]!]) {
    const account = await store.account(user)
    expect([...(await account.open('INBOX')).uids()]).toEqual([1, 2])
    account.close()
  }
  await store.close()
  rmSync(directory, { recursive: true })
})

describe('Maildir on disk', () => {
  const ANA = 'ana@estafeta.test'
  let directory: string
  let home: string
  let store: MailboxStore
  let account: MailAccount
  let inbox: Mailbox

  const start = async () => {
    store = await openMaildirStore({ directory, clock: systemClock, log: silentLogger, hostname: 'mail.estafeta.test' })
    account = await store.account(ANA)
    inbox = await account.open('INBOX')
  }
  const restart = async () => {
    await store.close()
    await start()
  }
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'estafeta-maildir-'))
    home = join(directory, 'estafeta.test', 'ana')
    await start()
  })
  afterEach(async () => {
    await store.close()
    rmSync(directory, { recursive: true })
  })
  const files = (folder: string) => readdirSync(join(home, folder)).sort()
  const flags = (uid: number) => inbox.meta(uid)?.flags.toSorted().join(' ')
  const next = () => firstValueFrom(inbox.changes$)
  const read = async (uid: number) => (await (await inbox.message(uid)).read()).toString()

  test('files have LF line ends and tell their sizes', async () => {
    await inbox.append([message(text('lines', 'one\r\ntwo\r\n'))])
    const [name] = files('new')
    const stored = readFileSync(join(home, 'new', name!), 'latin1')
    expect(stored).toBe(text('lines', 'one\r\ntwo\r\n').replaceAll('\r\n', '\n'))
    expect(name).toMatch(new RegExp(`,S=${stored.length},W=${text('lines', 'one\r\ntwo\r\n').length}$`))
  })

  test('the UID list, keywords and names are as Dovecot writes them', async () => {
    await inbox.append([message(text('a'), { flags: ['\\Seen', '\\Flagged', 'Work'] }), message(text('b'))])
    const list = readFileSync(join(home, 'dovecot-uidlist'), 'latin1').split('\n')
    expect(list[0]).toMatch(new RegExp(`^3 V${inbox.uidValidity} N\\d+ G${inbox.mailboxId}$`))
    expect(list[1]).toMatch(/^1 :\d+\.M\d+P\d+Q\d+\.mail\.estafeta\.test,S=\d+,W=\d+$/)
    expect(readFileSync(join(home, 'dovecot-keywords'), 'utf8')).toBe('0 Work\n')
    expect(files('cur')).toEqual([`${list[1]!.slice(3)}:2,FSa`])
    await account.create('Büro/a.b&c')
    expect(readdirSync(home)).toContain('.B&APw-ro.a&AC4-b&-c')
  })

  test('what another program delivers, flags and removes is seen at once by all sessions', async () => {
    await inbox.append([message(text('a'))])
    const [name] = files('new')
    let change = next()
    writeFileSync(join(home, 'new', '1700000000.other.host'), text('foreign').replaceAll('\r\n', '\n'))
    expect(await change).toMatchObject({ kind: 'appended', uids: [2] })
    expect(await read(2)).toBe(text('foreign'))
    expect(inbox.meta(2)?.size).toBe(text('foreign').length)
    change = next()
    renameSync(join(home, 'new', name!), join(home, 'cur', `${name}:2,RS`))
    expect(await change).toMatchObject({ kind: 'flags', uids: [1] })
    expect(flags(1)).toBe('\\Answered \\Seen')
    change = next()
    rmSync(join(home, 'new', '1700000000.other.host'))
    expect(await change).toMatchObject({ kind: 'expunged', uids: [2] })
  })

  test('a folder that another program removes is gone, and new when it is made again', async () => {
    await account.create('Work')
    const work = await account.open('Work')
    await work.append([message(text('a'))])
    const changes = firstValueFrom(work.changes$)
    rmSync(join(home, '.Work'), { recursive: true })
    expect(await changes).toMatchObject({ kind: 'deleted' })
    await expect(account.open('Work')).rejects.toThrow('no such mailbox')
    for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(home, '.Work', part), { recursive: true })
    const again = await account.open('Work')
    expect([...again.uids()]).toEqual([])
    expect(again.uidValidity).toBeGreaterThan(work.uidValidity)
  })

  test('an INBOX that another program removes is made again for what is delivered', async () => {
    await inbox.append([message(text('a'))])
    const validity = inbox.uidValidity
    const changes = firstValueFrom(inbox.changes$)
    rmSync(home, { recursive: true })
    expect(await changes).toMatchObject({ kind: 'deleted' })
    inbox = await account.open('INBOX')
    expect(inbox.uidValidity).toBeGreaterThan(validity)
    expect(await inbox.append([message(text('b'))])).toEqual([1])
    expect(files('new')).toHaveLength(1)
  })

  test('refresh finds the same where no watch tells', async () => {
    await inbox.append([message(text('a'))])
    inbox.close()
    const [name] = files('new')
    renameSync(join(home, 'new', name!), join(home, 'cur', `${name}:2,FP`))
    inbox = await account.open('INBOX')
    await inbox.refresh()
    expect(flags(1)).toBe('\\Flagged')
    // a letter that means nothing here stays
    await inbox.store([1], 'add', ['\\Seen'])
    expect(files('cur')).toEqual([`${name}:2,FSP`])
    expect(await read(1)).toBe(text('a'))
  })

  test('what the last session of an account had open is there for the next, with what came meanwhile', async () => {
    await inbox.append([message('one')])
    const before = inbox.uids()
    inbox.close()
    account.close()
    account = await store.account(ANA)
    inbox = await account.open('INBOX')
    expect(inbox.uids()).toBe(before)
    inbox.close()
    account.close()
    await Promise.all(await store.deliver([{ account: ANA, mailbox: 'INBOX', message: message('two') }]))
    account = await store.account(ANA)
    inbox = await account.open('INBOX')
    await inbox.refresh()
    expect(inbox.uids()).toHaveLength(2)
  })

  test('what another program delivers into a folder that no session has open is there once when one opens it', async () => {
    const paco = { account: 'paco@estafeta.test', mailbox: 'INBOX', message: message(text('own')) }
    await Promise.all(await store.deliver([paco]))
    writeFileSync(
      join(directory, 'estafeta.test', 'paco', 'new', '1700000000.other.host'),
      'Subject: foreign\n\nbody\n',
    )
    const mailbox = await (await store.account('paco@estafeta.test')).open('INBOX')
    expect([...mailbox.uids()]).toEqual([1, 2])
    expect((await (await mailbox.message(2)).read()).toString()).toBe('Subject: foreign\r\n\r\nbody\r\n')
  })

  test('an append that fails takes no delivery with it', async () => {
    const flags = Array.from({ length: 40 }, (_, n) => `Word${n}`)
    const kept = { account: ANA, mailbox: 'INBOX', message: message(text('kept')) }
    // while the first is synced the others gather
    const [, refused, answers] = await Promise.allSettled([
      inbox.append([message(text('first'))]),
      inbox.append([message(text('refused'), { flags })]),
      store.deliver([kept]).then((all) => Promise.all(all)),
    ])
    expect(refused.status).toBe('rejected')
    expect(answers).toMatchObject({ value: [null] })
    expect([...inbox.uids()]).toEqual([1, 2])
    expect(await read(2)).toBe(text('kept'))
  })

  test('a file that another program renamed a moment ago is still read and flagged', async () => {
    await inbox.append([message(text('a'))])
    const [name] = files('new')
    renameSync(join(home, 'new', name!), join(home, 'cur', `${name}:2,R`))
    expect(await read(1)).toBe(text('a'))
    await inbox.store([1], 'add', ['\\Seen'])
    expect(files('cur')).toEqual([`${name}:2,RS`])
  })

  test('a Maildir of another program is taken over, in the order of arrival', async () => {
    const other = join(directory, 'estafeta.test', 'paco')
    for (const part of ['cur', 'new', 'tmp', '.Sent/cur', '.Sent/new', '.Sent/tmp'])
      mkdirSync(join(other, part), { recursive: true })
    writeFileSync(join(other, 'cur', '1700000002.b.host:2,S'), 'Subject: second\n\nbody\n')
    writeFileSync(join(other, 'cur', '1700000001.a.host:2,'), 'Subject: first\r\n\r\nwith CRLF\r\n')
    writeFileSync(join(other, 'new', '1700000003.c.host'), 'Subject: third\n\nbody\n')
    utimesSync(join(other, 'new', '1700000003.c.host'), 1700000003, 1700000003)
    const paco = await store.account('paco@estafeta.test')
    const mailbox = await paco.open('INBOX')
    const texts: string[] = []
    for await (const { message: stored } of mailbox.messages(mailbox.uids()))
      texts.push((await stored.read()).toString())
    expect(texts).toEqual([
      'Subject: first\r\n\r\nwith CRLF\r\n',
      'Subject: second\r\n\r\nbody\r\n',
      'Subject: third\r\n\r\nbody\r\n',
    ])
    expect([1, 2, 3].map((uid) => mailbox.meta(uid)?.size)).toEqual(texts.map((octets) => octets.length))
    expect(mailbox.meta(3)?.internalDate).toBe(1700000003000)
    expect((await paco.list()).map(({ name }) => name)).toEqual(['INBOX', 'Sent'])
  })

  test('index and cache can be deleted: what clients have seen stays, mod-sequences only rise', async () => {
    await inbox.append([
      message(text('a'), { flags: ['\\Seen', 'Work'] }),
      message(text('b', 'needle\r\n')),
      message(text('c'), { internalDate: Date.UTC(1969, 0, 1) }),
    ])
    await inbox.expunge([1])
    const before = { ...inbox.status() }
    const ids = { email: inbox.meta(2)?.emailId, thread: inbox.meta(2)?.threadId, date: inbox.meta(2)?.internalDate }
    await store.close()
    for (const name of readdirSync(home)) if (/^estafeta-(index|cache)/.test(name)) rmSync(join(home, name))
    await start()
    expect(inbox.status()).toMatchObject({ ...before, highestModSeq: inbox.highestModSeq })
    expect(inbox.highestModSeq).toBeGreaterThanOrEqual(before.highestModSeq)
    expect({
      email: inbox.meta(2)?.emailId,
      thread: inbox.meta(2)?.threadId,
      date: inbox.meta(2)?.internalDate,
    }).toEqual(ids)
    expect(inbox.meta(3)?.internalDate).toBe(Date.UTC(1969, 0, 1))
    expect([...(await inbox.search({ kind: 'text', value: 'needle' }))]).toEqual([2])
    expect(await inbox.append([message(text('d'))])).toEqual([4])
  })

  test('a damaged index is made anew', async () => {
    await inbox.append([message(text('a', 'needle\r\n'))])
    await store.close()
    writeFileSync(join(home, 'estafeta-index.db'), 'this is no database'.repeat(1000))
    for (const suffix of ['-wal', '-shm']) rmSync(join(home, `estafeta-index.db${suffix}`), { force: true })
    await start()
    expect([...(await inbox.search({ kind: 'body', value: 'needle' }))]).toEqual([1])
    expect((await collect(inbox.structures(inbox.uids())))[0]?.envelope).toContain('"a"')
  })

  test('the index forgets what was expunged, by whomever', async () => {
    const indexed = async () => {
      await (store as EngineStore).background.flush()
      const db = new DatabaseSync(join(home, 'estafeta-index.db'), { readOnly: true })
      const rows = db.prepare('SELECT id FROM known UNION SELECT id FROM text UNION SELECT id FROM header').all()
      db.close()
      return rows.map(({ id }) => Number(id) % 2 ** 32)
    }
    await inbox.append(['a', 'b', 'c', 'd'].map((name) => message(text(name))))
    expect(await indexed()).toEqual([1, 2, 3, 4])
    const few: SearchKey = {
      kind: 'and',
      keys: [
        { kind: 'uids', uids: Uint32Array.of(3) },
        { kind: 'body', value: 'x' },
      ],
    }
    await inbox.search(few)
    expect(await indexed()).toEqual([1, 2, 3, 4])
    const other = await account.open('INBOX')
    await inbox.expunge([2])
    inbox.release([2])
    expect(await indexed()).toEqual([1, 2, 3, 4])
    other.release([2])
    await collect(inbox.headers(Uint32Array.of(1)))
    expect(await indexed()).toEqual([1, 3, 4])
    await store.close()
    rmSync(join(home, 'new', files('new')[1]!))
    await start()
    await inbox.refresh()
    await collect(inbox.headers(Uint32Array.of(1)))
    expect(await indexed()).toEqual([1, 4])
  })

  test('after a start without a clean end every message counts as changed, above all that was seen', async () => {
    await inbox.append([message(text('a')), message(text('b'))])
    await inbox.store([1], 'add', ['\\Seen'])
    const seen = inbox.highestModSeq
    const copy = join(directory, 'estafeta.test', 'crashed')
    cpSync(home, copy, { recursive: true })
    const crashed = await (await store.account('crashed@estafeta.test')).open('INBOX')
    expect(crashed.uidValidity).toBe(inbox.uidValidity)
    for (const uid of [1, 2]) expect(crashed.meta(uid)!.modSeq).toBeGreaterThan(seen)
    await restart()
    expect(inbox.highestModSeq).toBe(seen)
  })

  test('a UID list without its last line is mended, never misread', async () => {
    await inbox.append([message(text('a')), message(text('b'))])
    const validity = inbox.uidValidity
    await store.close()
    const path = join(home, 'dovecot-uidlist')
    writeFileSync(path, readFileSync(path, 'latin1').slice(0, -10))
    await start()
    expect(inbox.uidValidity).toBe(validity)
    expect(inbox.uids().length).toBe(2)
    expect(await inbox.append([message(text('c'))])).toHaveLength(1)
    expect(readFileSync(path, 'latin1')).toMatch(/^3 V\d+ N\d+ G[0-9a-f]{32}\n(\d+ :[^\n]+\n){3}$/)
  })

  test('a folder whose UID list is gone gets a higher UIDVALIDITY', async () => {
    await inbox.append([message(text('a'))])
    const validity = inbox.uidValidity
    await store.close()
    rmSync(join(home, 'dovecot-uidlist'))
    await start()
    expect(inbox.uidValidity).toBeGreaterThan(validity)
    expect(inbox.uids().length).toBe(1)
  })

  test('large messages stream in pieces, in and out', async () => {
    const line = 'A line of text that is rather ordinary.\r\n'
    const octets = Buffer.from(`Subject: large\r\n\r\n${line.repeat(60_000)}`)
    const [uid] = await inbox.append([message(octets)])
    const stored = await inbox.message(uid!)
    expect(stored.bytes).toBeNull()
    expect(stored.size).toBe(octets.length)
    let at = 0
    for await (const chunk of stored.chunks()) {
      expect(chunk.length).toBeLessThanOrEqual(131_072)
      expect(chunk.equals(octets.subarray(at, at + chunk.length))).toBe(true)
      at += chunk.length
    }
    expect(at).toBe(octets.length)
    for (const [from, to] of [
      [2_000_000, 2_000_050],
      [5, 20],
      [octets.length - 7, octets.length],
      [1_000_000, 1_300_000],
    ] as const) {
      expect((await stored.read(from, to)).equals(octets.subarray(from, to))).toBe(true)
    }
    stored.close()
  })

  const device = statSync(tmpdir()).dev
  const isAlone = (statSync(OTHER_DISK, { throwIfNoEntry: false })?.dev ?? device) === device
  test.skipIf(isAlone)('mail may lie on another file system', async () => {
    const elsewhere = mkdtempSync(join(OTHER_DISK, 'estafeta-maildir-'))
    symlinkSync(elsewhere, join(directory, 'estafeta.test', 'paco'))
    const large = text('large', 'x'.repeat(400_000))
    const texts = [...Array.from({ length: 10 }, (_, n) => text(`small${n}`)), large]
    const message = (octets: string, n: number) => ({
      account: n % 2 === 0 ? 'paco@estafeta.test' : ANA,
      mailbox: 'INBOX',
      message: { content: memoryContent(Buffer.from(octets)), flags: [], internalDate: 1e12, key: `q.${n}` },
    })
    expect(await Promise.all(await store.deliver(texts.map(message)))).toEqual(texts.map(() => null))
    const paco = await store.account('paco@estafeta.test')
    const mailbox = await paco.open('INBOX')
    const found: string[] = []
    for await (const { message: stored } of mailbox.messages(mailbox.uids()))
      found.push((await stored.read()).toString())
    expect(found).toEqual(texts.filter((_, n) => n % 2 === 0))
    expect(statSync(join(elsewhere, 'new', readdirSync(join(elsewhere, 'new'))[0]!)).mtimeMs).toBe(1e12)
    expect(readdirSync(join(elsewhere, 'tmp'))).toEqual([])
    expect(readdirSync(join(directory, '.estafeta-staging'))).toEqual([])
    rmSync(elsewhere, { recursive: true })
  })

  test('searches answer the same with the index and without', { timeout: 60_000 }, async () => {
    const bodies = Array.from(
      { length: 1100 },
      (_, i) => `Ümlaut word${i % 97} token-${i} ${i % 5 === 0 ? 'grün' : 'rot'}\r\n`,
    )
    await inbox.append(
      bodies.map((body, i) => message(text(`n${i}`, body, 'Content-Type: text/plain; charset=utf-8\r\n'))),
    )
    const keys: SearchKey[] = ['word11', 'ord1', 'token-10', 'GRÜN', 'üml', 'o', 'xyz', 'rot\r\n', 'grün rot'].map(
      (value) => ({ kind: 'body', value }),
    )
    keys.push(
      { kind: 'text', value: 'n77' },
      { kind: 'header', name: 'subject', value: 'n10' },
      { kind: 'header', name: 'date', value: '2026' },
    )
    keys.push({ kind: 'since', of: 'sent', day: '2026-03-15' }, { kind: 'before', of: 'sent', day: '2026-03-15' })
    const answers = async () => Promise.all(keys.map(async (key) => [...(await inbox.search(key))]))
    const before = await answers()
    const expected = bodies.map((body) => body.normalize('NFKD').toLowerCase())
    for (const [i, value] of [
      'word11',
      'ord1',
      'token-10',
      'gru\u0308n',
      'u\u0308ml',
      'o',
      'xyz',
      'rot\r\n',
    ].entries()) {
      expect(before[i]).toEqual(expected.flatMap((body, n) => (body.includes(value) ? [n + 1] : [])))
    }
    await (store as EngineStore).background.flush()
    expect(await answers()).toEqual(before)
  })
})

// mbox files as other programs and accidents leave them: every message is found, and no octet of a file is lost when it is written anew.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../base/clock.ts'
import { silentLogger } from '../../base/log.ts'
import { message, text } from '../contract.suite.ts'
import type { MailAccount, Mailbox, MailboxStore } from '../mailbox-store.ts'
import { openMboxStore } from '../mbox-store.ts'

const FROM = 'From a@b.test Sat Mar 14 12:00:00 2026\n'

let directory: string
let folder: string
let file: string
let store: MailboxStore
let account: MailAccount
let inbox: Mailbox

const start = async () => {
  store = await openMboxStore({ directory, clock: systemClock, log: silentLogger, hostname: 'mail.estafeta.test' })
  account = await store.account('ana@estafeta.test')
  inbox = await account.open('INBOX')
}
const restart = async (between = () => {}) => {
  await store.close()
  between()
  await start()
}
/** Opens a store over this file. */
const startWith = async (octets: string) => {
  writeFileSync(file, octets, 'latin1')
  await start()
}
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'estafeta-mbox-'))
  folder = join(directory, 'estafeta.test', 'ana', 'mbox')
  file = join(folder, 'INBOX')
  mkdirSync(folder, { recursive: true })
})
afterEach(async () => {
  await store.close()
  rmSync(directory, { recursive: true })
})

async function bodies(mailbox = inbox): Promise<Map<number, string>> {
  const found = new Map<number, string>()
  for await (const { uid, message: stored } of mailbox.messages(mailbox.uids())) {
    const octets = (await stored.read()).toString('latin1')
    expect(mailbox.meta(uid)!.size).toBe(octets.length)
    found.set(uid, octets)
  }
  return found
}
const values = async () => [...(await bodies()).values()]

/** Makes the store write the whole file anew. */
async function rewrite(): Promise<void> {
  const [uid] = await inbox.append([message(text('to be removed'))])
  await inbox.expunge([uid!])
}

describe('every message is found, once', () => {
  test.each([
    ['without an empty line between', `${FROM}Subject: a\n\none\n${FROM}Subject: b\n\ntwo\n`, ['one\r\n', 'two\r\n']],
    [
      'with DOS line ends',
      `${FROM}Subject: a\n\none\n\n${FROM}Subject: b\n\ntwo\n`.replaceAll('\n', '\r\n'),
      ['one\r\n', 'two\r\n'],
    ],
    [
      'that came by UUCP',
      `From x Sat Mar 14 12:00:00 2026 remote from far\nSubject: a\n\none\n\n${FROM}Subject: b\n\ntwo\n`,
      ['one\r\n', 'two\r\n'],
    ],
  ])('%s', async (_, octets, expected) => {
    await startWith(octets)
    expect(await values()).toEqual(expected.map((body, i) => `Subject: ${'ab'[i]}\r\n\r\n${body}`))
    await rewrite()
    await restart()
    expect([...(await bodies()).keys()]).toEqual([1, 2])
    expect(await values()).toEqual(expected.map((body, i) => `Subject: ${'ab'[i]}\r\n\r\n${body}`))
  })

  test('whose body has such a line, unquoted, where Content-Length tells', async () => {
    const body = `a patch:\n\n${FROM}Subject: not a message\n\nend\n`
    await startWith(`${FROM}Subject: a\nContent-Length: ${body.length}\n\n${body}\n${FROM}Subject: b\n\ntwo\n`)
    const expected = [`Subject: a\r\n\r\n${body.replaceAll('\n', '\r\n')}`, 'Subject: b\r\n\r\ntwo\r\n']
    expect(await values()).toEqual(expected)
  })

  test.each([3, 20, 1_000_000, 999_999_999_999_999])('where Content-Length is wrong: %i', async (length) => {
    await startWith(`${FROM}Subject: a\nContent-Length: ${length}\n\none\n\n${FROM}Subject: b\n\ntwo\n`)
    expect(await values()).toEqual(['Subject: a\r\n\r\none\r\n', 'Subject: b\r\n\r\ntwo\r\n'])
  })
})

describe('writing the file anew', () => {
  test('a last message without a line end stays apart from what is appended', async () => {
    await startWith(`${FROM}Subject: a\n\none\n\n${FROM}Subject: b\n\ntwo`)
    await inbox.append([message(text('c'))])
    await inbox.store([...inbox.uids()], 'add', ['Work', '\\Seen'])
    await restart()
    expect([...(await bodies()).keys()]).toEqual([1, 2, 3])
    expect((await bodies()).get(2)).toBe('Subject: b\r\n\r\ntwo\r\n')
    expect((await bodies()).get(3)).toBe(text('c'))
  })

  test.each(['Subject: b\n', 'Subject: b', 'Subject: b\n\n'])(
    'a last message that is but a header keeps it: %j',
    async (last) => {
      await startWith(`${FROM}Subject: a\n\none\n\n${FROM}${last}`)
      await inbox.append([message(text('c'))])
      await inbox.store([...inbox.uids()], 'add', ['Work'])
      await restart()
      expect([...(await bodies()).values()]).toEqual(['Subject: a\r\n\r\none\r\n', 'Subject: b\r\n\r\n', text('c')])
      expect([...inbox.uids()]).toEqual([1, 2, 3])
    },
  )

  test.each([
    ['before the first message', `an old note\n\n${FROM}Subject: a\n\none\n`],
    ['where no message can be told', 'From somebody without a date\nSubject: x\n\ntext\n'],
    ['without a line end', 'no mail at all'],
  ])('keeps text %s', async (_, octets) => {
    await startWith(octets)
    const before = await values()
    await rewrite()
    await inbox.append([message(text('z'))])
    await inbox.store([...inbox.uids()], 'add', ['Work'])
    await restart()
    expect(await values()).toEqual([...before, text('z')])
    expect(readFileSync(file, 'latin1').startsWith(octets.split(FROM)[0]!)).toBe(true)
  })
})

test('UIDs and UIDVALIDITY that c-client kept in a message of its own hold', async () => {
  const own = `${FROM}Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1234567890 0000000012 Work\nStatus: RO\n\ntext\n\n`
  await startWith(
    `${own}${FROM}Subject: a\nX-UID: 7\nX-Keywords: Work\nStatus: RO\n\none\n\n${FROM}Subject: b\nX-UID: 12\n\ntwo\n`,
  )
  expect(inbox.uidValidity).toBe(1234567890)
  expect([...(await bodies()).keys()]).toEqual([7, 12])
  expect(inbox.meta(7)!.flags).toEqual(['\\Seen', 'Work'])
  expect(await inbox.append([message(text('c'))])).toEqual([13])
})

describe('locks', () => {
  test('a mailbox may be called as the lock of another, or as a file that is being written', async () => {
    await start()
    const names = [
      'Projects',
      'Projects/lock',
      'Projects/lock/more',
      'Projects/estafeta',
      'INBOX/lock',
      'lock',
      'estafeta',
    ]
    for (const name of names) await account.create(name)
    expect((await account.list()).map(({ name }) => name).toSorted()).toEqual(['INBOX', ...names].toSorted())
    const long = Date.now() / 1000 - 3600
    for (const name of readdirSync(folder)) utimesSync(join(folder, name), long, long)
    for (const name of names) await (await account.open(name)).append([message(text(name))])
    await inbox.append([message(text('INBOX'))])
    await restart()
    for (const name of ['INBOX', ...names])
      expect([...(await bodies(await account.open(name))).values()]).toEqual([text(name)])
  })

  test('a lock that somebody took away meanwhile, and put another in its place, is not ours to remove', async () => {
    await start()
    const large = Buffer.from(`Subject: large\r\n\r\n${'a line that takes room\r\n'.repeat(100_000)}`)
    await inbox.append([message(large)])
    // writing the file anew takes several turns, and the lock is there from before the first to the last
    const expunged = inbox.expunge([1])
    const replaced = (async () => {
      while (!existsSync(`${file}.lock`)) await new Promise((resolve) => setImmediate(resolve))
      unlinkSync(`${file}.lock`)
      writeFileSync(`${file}.lock`, 'theirs')
    })()
    await Promise.all([expunged, replaced])
    expect(readFileSync(`${file}.lock`, 'utf8')).toBe('theirs')
    unlinkSync(`${file}.lock`)
    expect(await inbox.append([message(text('b'))])).toEqual([2])
  })
})

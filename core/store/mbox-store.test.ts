// The mbox store keeps the contract, on a real file system.
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../base/clock.ts'
import { silentLogger } from '../base/log.ts'
import { describeStore, message, text } from './contract.suite.ts'
import type { Mailbox, MailboxStore } from './mailbox-store.ts'
import { openMboxStore } from './mbox-store.ts'

describeStore('mbox store', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'estafeta-mbox-'))
  const open = () => openMboxStore({ directory, clock: systemClock, log: silentLogger, hostname: 'mail.estafeta.test' })
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

describe('mbox on disk', () => {
  const ANA = 'ana@estafeta.test'
  let directory: string
  let file: string
  let store: MailboxStore
  let inbox: Mailbox

  const start = async () => {
    store = await openMboxStore({ directory, clock: systemClock, log: silentLogger, hostname: 'mail.estafeta.test' })
    inbox = await (await store.account(ANA)).open('INBOX')
  }
  const restart = async (between = () => {}) => {
    await store.close()
    between()
    await start()
  }
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'estafeta-mbox-'))
    file = join(directory, 'estafeta.test', 'ana', 'mbox', 'INBOX')
    await start()
  })
  afterEach(async () => {
    await store.close()
    rmSync(directory, { recursive: true })
  })
  const read = async (uid: number) => (await (await inbox.message(uid)).read()).toString('latin1')
  const flags = (uid: number) => inbox.meta(uid)?.flags.toSorted().join(' ')
  const stored = () => readFileSync(file, 'latin1')

  test('a message is written as other programs expect it, quoted, and read back as it came', async () => {
    const octets = text('quoted', 'From the start\r\n>From before\r\nnot a From line\r\n')
    await inbox.append([message(octets, { flags: ['\\Seen', '\\Answered', 'Work'] })])
    expect(stored()).toMatch(/^From MAILER-DAEMON Sat Mar 14 12:00:00 2026\nFrom: Ana /)
    expect(stored()).toMatch(
      /\nX-IMAPbase: \d+ 0000000001 Work\nX-UID: 0000000001\nStatus: RO\nX-Status: A {3}\nX-Keywords: Work +\n\n/,
    )
    expect(stored()).toMatch(/\n\n>From the start\n>>From before\nnot a From line\n\n$/)
    expect(await read(1)).toBe(octets)
    expect(inbox.meta(1)?.size).toBe(octets.length)
  })

  test('flags change in place; the rest of the file does not move', async () => {
    await inbox.append([message(text('a')), message(text('b'))])
    const before = stored()
    await inbox.store([1], 'add', ['\\Seen', '\\Flagged', 'Work'])
    expect(stored().length).toBe(before.length)
    expect(stored()).toContain('Status: RO\nX-Status: F   \nX-Keywords: Work ')
    await restart()
    expect(flags(1)).toBe('Work \\Flagged \\Seen')
    expect(await read(2)).toBe(text('b'))
  })

  test('mail that another program appended is found, with its flags, and can be flagged', async () => {
    await inbox.append([message(text('ours'))])
    appendFileSync(file, 'From paco@estafeta.test Sun Mar 15 10:20:30 2026\nSubject: theirs\nStatus: R\n\nbody\n\n')
    await inbox.refresh()
    expect([...inbox.uids()]).toEqual([1, 2])
    expect(flags(2)).toBe('\\Seen')
    expect(inbox.meta(2)?.internalDate).toBe(Date.UTC(2026, 2, 15, 10, 20, 30))
    expect(await read(2)).toBe('Subject: theirs\r\n\r\nbody\r\n')
    await inbox.store([2], 'add', ['\\Deleted'])
    expect(stored()).toMatch(/Subject: theirs\nX-UID: 0000000002\nStatus: RO\nX-Status: D {3}\n/)
    await restart()
    expect([...inbox.uids()]).toEqual([1, 2])
    expect(flags(2)).toBe('\\Deleted \\Seen')
    expect(await read(1)).toBe(text('ours'))
  })

  test('what another program removes is expunged, the others keep their UIDs', async () => {
    await inbox.append(['a', 'b', 'c'].map((name) => message(text(name))))
    const parts = stored().split(/^(?=From MAILER)/m)
    writeFileSync(file, parts[0]! + parts[2]!)
    await inbox.refresh()
    expect([...inbox.uids()]).toEqual([1, 3])
    expect(await read(3)).toBe(text('c'))
    expect(await inbox.append([message(text('d'))])).toEqual([4])
  })

  test('UIDs of another program hold: X-IMAPbase and X-UID', async () => {
    await restart(() => {
      rmSync(join(directory, 'estafeta.test', 'ana', 'mbox-state'), { recursive: true })
      const one = (uid: number, more = '') =>
        `From x Sat Mar 14 12:00:00 2026\nSubject: m${uid}\n${more}X-UID: ${uid}\nStatus: RO\n\nbody ${uid}\n\n`
      writeFileSync(file, one(7, 'X-IMAPbase: 1700000000 20 Work\n') + one(12) + one(19))
    })
    expect(inbox.uidValidity).toBe(1700000000)
    expect([...inbox.uids()]).toEqual([7, 12, 19])
    expect(inbox.uidNext).toBe(21)
    expect(await read(12)).toBe('Subject: m12\r\n\r\nbody 12\r\n')
  })

  test('without the list beside the file, and after a crash, UIDs stay', async () => {
    await inbox.append(['a', 'b', 'c'].map((name) => message(text(name))))
    await inbox.expunge([1])
    const { uidValidity } = inbox
    await restart(() => rmSync(join(directory, 'estafeta.test', 'ana', 'mbox-state', 'INBOX', 'messages')))
    expect(inbox.uidValidity).toBe(uidValidity)
    expect([...inbox.uids()]).toEqual([2, 3])
    expect(inbox.uidNext).toBe(4)
  })

  test('the message that c-client keeps for itself is not shown', async () => {
    await restart(() => {
      rmSync(join(directory, 'estafeta.test', 'ana', 'mbox-state'), { recursive: true })
      const own =
        "From MAILER-DAEMON Sat Mar 14 12:00:00 2026\nSubject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1700000001 0000000003\nStatus: RO\n\ntext\n\n"
      writeFileSync(file, `${own}From x Sat Mar 14 12:00:00 2026\nSubject: real\n\nbody\n\n`)
    })
    expect(inbox.uids().length).toBe(1)
    expect(await read(inbox.uids()[0]!)).toBe('Subject: real\r\n\r\nbody\r\n')
  })

  test('a file that somebody holds locked is waited for', async () => {
    writeFileSync(`${file}.lock`, '')
    let done = false
    const append = inbox.append([message(text('late'))]).then(() => {
      done = true
    })
    const other = await (await store.account('paco@estafeta.test')).open('INBOX')
    await other.append([message(text('at once'))])
    expect(done).toBe(false)
    rmSync(`${file}.lock`)
    await append
    expect(await read(1)).toBe(text('late'))
  })

  test('a delivery into a file that somebody holds locked holds up none that came with it', async () => {
    writeFileSync(`${file}.lock`, '')
    const [late, quick] = await store.deliver(
      ['ana', 'paco'].map((user) => ({
        account: `${user}@estafeta.test`,
        mailbox: 'INBOX',
        message: message(text(user)),
      })),
    )
    expect(quick).toBeNull()
    expect(late).toBeInstanceOf(Promise)
    rmSync(`${file}.lock`)
    expect(await late).toBeNull()
    await inbox.refresh()
    expect(await read(1)).toBe(text('ana'))
  })

  test('a lock that nobody has touched for long is left over', async () => {
    writeFileSync(`${file}.lock`, '')
    const old = Date.now() / 1000 - 3600
    utimesSync(`${file}.lock`, old, old)
    expect(await inbox.append([message(text('a'))])).toEqual([1])
    expect(existsSync(`${file}.lock`)).toBe(false)
  })

  test('large messages stream, in and out, and copy', { timeout: 30_000 }, async () => {
    const octets = Buffer.from(
      `Subject: large\r\n\r\n${'From time to time a line is quoted.\r\nAnother is not.\r\n'.repeat(20_000)}`,
    )
    const [uid] = await inbox.append([message(octets)])
    const { pairs } = await inbox.copy([uid!], 'INBOX')
    for (const one of [uid!, pairs[0]![1]]) {
      const large = await inbox.message(one)
      expect(large.bytes).toBeNull()
      expect((await large.read()).equals(octets)).toBe(true)
      expect((await large.read(5, 25)).equals(octets.subarray(5, 25))).toBe(true)
      expect((await large.read(700_000, 700_100)).equals(octets.subarray(700_000, 700_100))).toBe(true)
      large.close()
    }
  })
})

// A large Maildir folder that the store does not know yet is read while others go on: judged by the order of events.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { firstValueFrom } from 'rxjs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FakeClock, systemClock } from '../base/clock.ts'
import type { Files } from '../base/files.ts'
import { silentLogger } from '../base/log.ts'
import { nodeFiles } from '../base/node-files.ts'
import { message, text } from './contract.suite.ts'
import type { Mailbox, MailboxStore } from './mailbox-store.ts'
import { openMaildirStore } from './maildir-store.ts'

const LARGE = 'large@estafeta.test'
const SMALL = 'small@estafeta.test'
const COUNT = 60

let directory: string
let folder: string
let store: MailboxStore

/** A Maildir of another program; half of it read, in no order. */
function makeFolder(path: string, count: number): void {
  for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(path, part), { recursive: true })
  for (let n = 0; n < count; n++) {
    const base = `${1_700_000_000 + ((n * 7) % count)}.M1P1Q${n}.host`
    const place = n % 2 === 0 ? `new/${base}` : `cur/${base}:2,${n % 3 === 0 ? 'FSa' : 'S'}`
    writeFileSync(join(path, place), `Subject: n${n}\n\nbody\n`)
  }
  writeFileSync(join(path, 'dovecot-keywords'), '0 Work\n')
}

const to = (account: string, subject: string) => ({
  account,
  mailbox: 'INBOX',
  message: message(text(subject), { key: subject }),
})

const settled = async (answers: Awaited<ReturnType<MailboxStore['deliver']>>) => Promise.all(answers)

const view = (mailbox: Mailbox) =>
  [...mailbox.uids()].map((uid) => {
    const { emailId, threadId, ...meta } = mailbox.meta(uid)!
    return { ...meta, emailId, threadId }
  })

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'estafeta-large-'))
  folder = join(directory, 'estafeta.test', 'large')
})
afterEach(async () => {
  await store.close()
  rmSync(directory, { recursive: true })
})

describe('on the thread of the store', () => {
  test('another account is listed before a folder of 10,000 is open', { timeout: 60_000 }, async () => {
    makeFolder(folder, 10_000)
    store = await openMaildirStore({ directory, clock: systemClock, log: silentLogger, hostname: 'estafeta.test' })
    const large = await store.account(LARGE)
    const small = await store.account(SMALL)
    const order: string[] = []
    const opening = large.open('INBOX').then((mailbox) => {
      order.push('open')
      return mailbox
    })
    expect(await small.list()).toHaveLength(1)
    order.push('listed')
    const inbox = await opening
    expect(order).toEqual(['listed', 'open'])
    expect(inbox.uids()).toHaveLength(10_000)
  })
})

describe('in turns of two files', () => {
  let clock: FakeClock
  /** How often each file was looked at. */
  let looks: Map<string, number>

  const open = (files: Files) =>
    openMaildirStore({ directory, files, clock, log: silentLogger, hostname: 'estafeta.test' })
  const slowFiles: Files = {
    ...nodeFiles,
    readdir(path) {
      if (/\/large\/.*(new|cur)$/.test(path)) clock.advance(2)
      return nodeFiles.readdir(path)
    },
    stat(path) {
      if (/\/large\/.*(new|cur)\/\d/.test(path)) {
        looks.set(path, (looks.get(path) ?? 0) + 1)
        clock.advance(1)
      }
      return nodeFiles.stat(path)
    },
  }

  beforeEach(async () => {
    clock = new FakeClock(1_800_000_000_000)
    looks = new Map()
    makeFolder(folder, COUNT)
    store = await open(slowFiles)
  })

  test('a delivery that waits for the folder holds up none that came with it, and becomes its last message', async () => {
    const order: string[] = []
    const opening = (await store.account(LARGE)).open('INBOX').then((mailbox) => {
      order.push('open')
      return mailbox
    })
    const [late, quick] = await store.deliver([to(LARGE, 'late'), to(SMALL, 'quick')])
    expect(quick).toBeNull()
    expect(late).toBeInstanceOf(Promise)
    const small = await (await store.account(SMALL)).open('INBOX')
    expect(small.status().messages).toBe(1)
    order.push('small')
    expect(await settled(await store.deliver([to(SMALL, 'next')]))).toEqual([null])
    order.push('next')
    const inbox = await opening
    expect(await late).toBeNull()
    expect(order).toEqual(['small', 'next', 'open'])
    const last = await inbox.message(COUNT + 1)
    expect((await last.read()).toString()).toBe(text('late'))
    expect(inbox.uids()).toHaveLength(COUNT + 1)
  })

  test('what clients see is the same as when it is read at once', async () => {
    const copy = mkdtempSync(join(tmpdir(), 'estafeta-copy-'))
    cpSync(directory, copy, { recursive: true, preserveTimestamps: true })
    const inTurns = await (await store.account(LARGE)).open('INBOX')
    const other = await openMaildirStore({
      directory: copy,
      files: { ...nodeFiles },
      clock: new FakeClock(1_800_000_000_000),
      log: silentLogger,
      hostname: 'estafeta.test',
    })
    const atOnce = await (await other.account(LARGE)).open('INBOX')
    expect(view(inTurns)).toEqual(view(atOnce))
    expect(inTurns.meta(1)?.flags).toBeDefined()
    expect(inTurns.flags()).toContain('Work')
    const list = (path: string) => readFileSync(join(path, 'estafeta.test/large/dovecot-uidlist'), 'latin1')
    expect(list(directory).replace(/ G.*/, '')).toBe(list(copy).replace(/ G.*/, ''))
    await other.close()
    rmSync(copy, { recursive: true })
  })

  test('also with a UID list and no cache: the UIDs stay', async () => {
    const before = view(await (await store.account(LARGE)).open('INBOX'))
    await store.close()
    rmSync(join(folder, 'estafeta-cache'))
    store = await open(slowFiles)
    let opened = false
    const opening = (await store.account(LARGE)).open('INBOX').then((mailbox) => {
      opened = true
      return mailbox
    })
    expect(await settled(await store.deliver([to(SMALL, 'quick')]))).toEqual([null])
    expect(opened).toBe(false)
    const after = view(await opening)
    expect(after.map(({ uid, flags, emailId }) => ({ uid, flags, emailId }))).toEqual(
      before.map(({ uid, flags, emailId }) => ({ uid, flags, emailId })),
    )
  })

  test('all who ask for it meanwhile share one reading', async () => {
    const account = await store.account(LARGE)
    const [one, two] = await Promise.all([
      account.open('INBOX'),
      account.open('INBOX'),
      store.deliver([to(LARGE, 'a'), to(LARGE, 'b')]).then(settled),
    ])
    expect([...looks.values()]).toEqual(Array(COUNT).fill(1))
    await one.refresh()
    expect(one.uids()).toHaveLength(COUNT + 2)
    expect(two.uids()).toEqual(one.uids())
    expect(new Set(one.uids())).toHaveLength(COUNT + 2)
  })

  test('its size is counted in turns too, once for all who ask', async () => {
    const large = await store.account(LARGE)
    let counted = false
    const counting = Promise.all([large.usage(), large.usage()]).then((sizes) => {
      counted = true
      return sizes
    })
    expect(await settled(await store.deliver([to(SMALL, 'quick')]))).toEqual([null])
    expect(counted).toBe(false)
    const [one, two] = await counting
    expect(one.messages).toBe(COUNT)
    expect(two).toEqual(one)
    expect([...looks.values()]).toEqual(Array(COUNT).fill(1))
  })

  test('what another program does meanwhile is found afterwards', async () => {
    const opening = (await store.account(LARGE)).open('INBOX')
    while (looks.size === 0) await setImmediate()
    expect(looks.size).toBeLessThan(COUNT)
    writeFileSync(join(folder, 'new', '1800000000.foreign.host'), 'Subject: foreign\n\nbody\n')
    const inbox = await opening
    expect(inbox.uids()).toHaveLength(COUNT)
    const change = firstValueFrom(inbox.changes$)
    clock.advance(1000)
    expect(await change).toMatchObject({ kind: 'appended', uids: [COUNT + 1] })
  })

  test('a look at what is known takes turns too, and holds up only deliveries into the same folder', async () => {
    const inbox = await (await store.account(LARGE)).open('INBOX')
    writeFileSync(join(folder, 'new', '1800000000.foreign.host'), 'Subject: foreign\n\nbody\n')
    const order: string[] = []
    const looking = inbox.refresh().then(() => order.push('looked'))
    const [late, quick] = await store.deliver([to(LARGE, 'late'), to(SMALL, 'quick')])
    expect(quick).toBeNull()
    expect(late).toBeInstanceOf(Promise)
    order.push('quick')
    const [again] = await store.deliver([to(LARGE, 'late')])
    await looking
    expect(order).toEqual(['quick', 'looked'])
    expect(await Promise.all([late, again])).toEqual([null, null])
    expect([...inbox.uids()]).toEqual(Array.from({ length: COUNT + 2 }, (_, n) => n + 1))
    expect((await (await inbox.message(COUNT + 1)).read()).toString()).toContain('Subject: foreign')
    expect((await (await inbox.message(COUNT + 2)).read()).toString()).toBe(text('late'))
  })

  test('a session that opens it while it is looked at has each message once', async () => {
    const account = await store.account(LARGE)
    await Promise.all(await store.deliver([to(LARGE, 'a')]))
    writeFileSync(join(folder, 'new', '1800000000.foreign.host'), 'Subject: foreign\n\nbody\n')
    const opening = account.open('INBOX')
    const [late] = await store.deliver([to(LARGE, 'b')])
    const inbox = await opening
    expect(await late).toBeNull()
    await inbox.refresh()
    expect([...inbox.uids()]).toEqual(Array.from({ length: COUNT + 3 }, (_, n) => n + 1))
    for (const uid of inbox.uids()) expect((await (await inbox.message(uid)).read()).length).toBe(inbox.meta(uid)?.size)
  })

  test('renaming and deleting wait for it', async () => {
    const home = join(folder, '.Box')
    makeFolder(home, COUNT)
    const account = await store.account(LARGE)
    const opening = account.open('Box')
    await account.rename('Box', 'Other')
    expect((await opening).uids()).toHaveLength(COUNT)
    const other = await account.open('Other')
    expect(other.uids()).toHaveLength(COUNT)
    expect(existsSync(home)).toBe(false)
    makeFolder(home, COUNT)
    const again = account.open('Box')
    await Promise.all([again, account.delete('Box')])
    expect(existsSync(home)).toBe(false)
    await expect(account.open('Box')).rejects.toThrow('no such mailbox')
  })

  test('a store that is closed meanwhile leaves it as it was, for the next', async () => {
    const opening = (await store.account(LARGE)).open('INBOX').then(
      () => 'open',
      (error: Error) => error.message,
    )
    const [late] = await store.deliver([to(LARGE, 'late')])
    await store.close()
    expect(await opening).toContain('closed')
    expect(await late).toMatchObject({ kind: 'temporary' })
    expect(readdirSync(folder)).not.toContain('dovecot-uidlist')
    store = await open(slowFiles)
    expect((await (await store.account(LARGE)).open('INBOX')).uids()).toHaveLength(COUNT)
  })
})

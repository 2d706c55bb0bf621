// A Maildir in which Dovecot is at work too: what writes the UID list keeps to its lock, so that no UID is given twice.
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../base/clock.ts'
import { silentLogger } from '../../base/log.ts'
import { nodeFiles } from '../../base/node-files.ts'
import { message, text } from '../contract.suite.ts'
import type { Mailbox, MailboxStore } from '../mailbox-store.ts'
import { openMaildirStore } from '../maildir-store.ts'

let directory: string
let home: string
let lock: string
let store: MailboxStore
let inbox: Mailbox

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'estafeta-lock-'))
  home = join(directory, 'estafeta.test', 'ana')
  lock = join(home, 'dovecot-uidlist.lock')
  for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(home, part), { recursive: true })
  store = await openMaildirStore({ directory, clock: systemClock, log: silentLogger, hostname: 'mail.estafeta.test' })
  inbox = await (await store.account('ana@estafeta.test')).open('INBOX')
  await inbox.append([message(text('first'))])
})
afterEach(async () => {
  await store.close()
  rmSync(directory, { recursive: true })
})

/** As Dovecot leaves it. */
const dovecotWasHere = () => writeFileSync(join(home, 'dovecot.index.log'), '')

/** As Dovecot does: it waits while we have the lock, to look at what a watch told us of, say. */
async function dovecotLocks(): Promise<void> {
  for (;;) {
    try {
      return writeFileSync(lock, '', { flag: 'wx' })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

/** Dovecot gives the next UID to a message of its own. */
function dovecotAppends(uid: number): void {
  writeFileSync(join(home, 'cur', `1700000001.theirs${uid}.host:2,`), `Subject: theirs ${uid}\n\nbody\n`)
  appendFileSync(join(home, 'dovecot-uidlist'), `${uid} :1700000001.theirs${uid}.host\n`)
}

/** A pending answer, after another mailbox took a message meanwhile. */
async function pending<T>(answer: Promise<T>): Promise<boolean> {
  let settled = false
  void answer.finally(() => {
    settled = true
  })
  const other = await (await store.account('paco@estafeta.test')).open('INBOX')
  await other.append([message(text('meanwhile'))])
  other.close()
  return !settled
}

const subjects = async () => {
  const found: [number, string][] = []
  for await (const { uid, message: stored } of inbox.messages(inbox.uids()))
    found.push([uid, /^Subject: (.*)\r$/m.exec((await stored.read()).toString())![1]!])
  return found
}

test('a message waits while Dovecot gives a UID, and gets the next one', async () => {
  dovecotWasHere()
  await dovecotLocks()
  const append = inbox.append([message(text('ours'))])
  expect(await pending(append)).toBe(true)
  dovecotAppends(2)
  unlinkSync(lock)
  expect(await append).toEqual([3])
  expect(await subjects()).toEqual([
    [1, 'first'],
    [2, 'theirs 2'],
    [3, 'ours'],
  ])
  expect(existsSync(lock)).toBe(false)
})

test('so do deliveries, copies and new keywords', async () => {
  dovecotWasHere()
  const works = [
    async () => {
      const account = 'ana@estafeta.test'
      await Promise.all(await store.deliver([{ account, mailbox: 'INBOX', message: message(text('delivered')) }]))
    },
    () => inbox.copy([1], 'INBOX'),
    () => inbox.store([1], 'add', ['Work']),
  ]
  for (const work of works) {
    await dovecotLocks()
    const done: Promise<unknown> = work()
    expect(await pending(done)).toBe(true)
    unlinkSync(lock)
    await done
  }
  expect((await subjects()).map(([uid]) => uid)).toEqual([1, 2, 3])
  expect(inbox.meta(1)!.flags).toEqual(['Work'])
})

test('a keyword that Dovecot added a moment ago keeps its letter', async () => {
  dovecotWasHere()
  writeFileSync(join(home, 'dovecot-keywords'), '0 Theirs\n')
  await inbox.store([1], 'add', ['Ours'])
  expect(readFileSync(join(home, 'dovecot-keywords'), 'utf8')).toBe('0 Theirs\n1 Ours\n')
})

test('a lock that was left over is taken away', async () => {
  dovecotWasHere()
  await dovecotLocks()
  const old = Date.now() / 1000 - 3600
  utimesSync(lock, old, old)
  expect(await inbox.append([message(text('ours'))])).toEqual([2])
  expect(existsSync(lock)).toBe(false)
})

test('a lock that we left in a crash is taken away at the next start', async () => {
  dovecotWasHere()
  await store.close()
  writeFileSync(lock, 'estafeta\n')
  store = await openMaildirStore({ directory, clock: systemClock, log: silentLogger, hostname: 'mail.estafeta.test' })
  inbox = await (await store.account('ana@estafeta.test')).open('INBOX')
  expect(await inbox.append([message(text('ours'))])).toEqual([2])
  expect(existsSync(lock)).toBe(false)
})

test('where Dovecot never was, nothing waits for its lock', async () => {
  writeFileSync(lock, '')
  expect(await inbox.append([message(text('ours'))])).toEqual([2])
  expect(existsSync(lock)).toBe(true)
})

test('a UID list that could not be looked at leaves no lock behind', async () => {
  dovecotWasHere()
  await store.close()
  let broken = false
  const stat = (path: string) => {
    if (broken && path.endsWith('dovecot-uidlist')) throw new Error('EIO')
    return nodeFiles.stat(path)
  }
  const files = { ...nodeFiles, stat }
  const options = { directory, files, clock: systemClock, log: silentLogger, hostname: 'mail.estafeta.test' }
  store = await openMaildirStore(options)
  const deliver = async () => {
    const [answer] = await store.deliver([
      { account: 'ana@estafeta.test', mailbox: 'INBOX', message: message(text('x')) },
    ])
    return answer
  }
  expect(await deliver()).toBeNull()
  broken = true
  expect(await deliver()).toBeInstanceOf(Error)
  broken = false
  expect(existsSync(lock)).toBe(false)
})

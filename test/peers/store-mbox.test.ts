// mbox files shared with procmail, which writes them, and mutt, which reads and rewrites them, while we have them open.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../core/base/clock.ts'
import { silentLogger } from '../../core/base/log.ts'
import { memoryContent } from '../../core/message/content.ts'
import type { Mailbox, MailboxStore, NewMessage } from '../../core/store/mailbox-store.ts'
import { openMboxStore } from '../../core/store/mbox-store.ts'
import { needPackages, peerPath } from '../kit/peers.ts'

const text = (subject: string): string =>
  `From: ana@estafeta.test\r\nTo: paco@estafeta.test\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@estafeta.test>\r\n\r\n` +
  `From ${subject}, quoted\r\n${`a line of ${subject}\r\n`.repeat(50)}`
const message = (subject: string, flags: readonly string[] = []): NewMessage => ({
  content: memoryContent(Buffer.from(text(subject))),
  flags,
  internalDate: Date.UTC(2026, 2, 14, 12),
})

let directory: string
let file: string
let store: MailboxStore
let inbox: Mailbox

beforeAll(() => needPackages(['procmail', 'mutt']))
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'estafeta-mbox-'))
  file = join(directory, 'estafeta.test', 'ana', 'mbox', 'INBOX')
  store = await openMboxStore({ directory, clock: systemClock, log: silentLogger, hostname: 'mail.estafeta.test' })
  inbox = await (await store.account('ana@estafeta.test')).open('INBOX')
})
afterEach(async () => {
  await store.close()
  rmSync(directory, { recursive: true })
})

/** Delivers to the mail file under procmail's own dot lock, asked for every second. */
function procmail(subject: string): Promise<void> {
  const rc = join(directory, 'procmailrc')
  writeFileSync(rc, `SHELL=/bin/sh\nLOCKSLEEP=1\nLOGFILE=${directory}/procmail.log\n\n:0:\n${file}\n`)
  return new Promise((resolve, reject) => {
    const child = spawn(peerPath('procmail', 'usr/bin/procmail'), ['-f', 'ana@estafeta.test', '-m', rc], {
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    child.on('error', reject)
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`procmail ended with ${code}`))))
    child.stdin.end(text(subject).replaceAll('\r\n', '\n'))
  })
}

/** Runs mutt's keys on the file. */
function mutt(keys: string): void {
  const rc = join(directory, 'muttrc')
  const settings = [
    'mbox_type=mbox',
    'move=no',
    'delete=yes',
    'mark_old=yes',
    'wait_key=no',
    'sleep_time=0',
    'confirmappend=no',
    `folder=${directory}`,
    `record=${directory}/sent`,
  ]
  writeFileSync(rc, settings.map((setting) => `set ${setting}\n`).join(''))
  const command = `${peerPath('mutt', 'usr/bin/mutt')} -n -F ${rc} -f ${file} -e 'push "${keys}"'`
  execFileSync('script', ['-qec', command, '/dev/null'], {
    env: { ...process.env, TERM: 'vt100', HOME: directory },
    stdio: 'ignore',
    timeout: 20_000,
  })
}

const contents = async (): Promise<[number, string, string][]> => {
  const found: [number, string, string][] = []
  for await (const { uid, message: stored } of inbox.messages(inbox.uids())) {
    const octets = (await stored.read()).toString()
    const subject = /^Subject: (.*)\r$/m.exec(octets)![1]!
    expect(octets).toBe(text(subject))
    found.push([uid, subject, inbox.meta(uid)!.flags.toSorted().join(' ')])
  }
  return found
}

test('procmail delivers while we append, flag and expunge: nothing is lost, nothing doubled', async () => {
  await inbox.append([message('first')])
  const theirs = Array.from({ length: 12 }, (_, i) => `theirs${i}`)
  const ours = Array.from({ length: 12 }, (_, i) => `ours${i}`)
  const deliveries = Promise.all(theirs.map(procmail))
  for (const [i, subject] of ours.entries()) {
    const [uid] = await inbox.append([message(subject)])
    if (i % 3 === 0) await inbox.store([uid!], 'add', ['\\Seen', `word${i}`])
    if (i === 6) await inbox.expunge([1])
  }
  await deliveries
  await inbox.refresh()
  const subjects = (await contents()).map(([, subject]) => subject)
  expect(subjects.toSorted()).toEqual([...theirs, ...ours].toSorted())
  expect(inbox.uids().length).toBe(24)
})

test('mutt reads what we wrote, flags, deletes and rewrites; we see it, with the UIDs as they were', async () => {
  await inbox.append([message('one'), message('two', ['\\Flagged']), message('three', ['Work']), message('four')])
  mutt('<first-entry><flag-message><delete-message><last-entry><set-flag>r<sync-mailbox><exit>')
  await inbox.refresh()
  expect(await contents()).toEqual([
    [1, 'one', '\\Flagged'],
    [3, 'three', 'Work'],
    [4, 'four', '\\Answered \\Seen'],
  ])
  expect(readFileSync(file, 'latin1')).toContain('X-UID: ')
  expect(await inbox.append([message('five')])).toEqual([5])
  await inbox.store([3], 'add', ['\\Seen'])
  mutt('<first-entry><delete-message><sync-mailbox><exit>')
  await inbox.refresh()
  expect((await contents()).map(([uid, subject]) => [uid, subject])).toEqual([
    [3, 'three'],
    [4, 'four'],
    [5, 'five'],
  ])
})

// Writes messages as a Maildir that both servers can read: LF line ends, two of three seen.
import { chownSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CorpusMessage } from './corpus.ts'
import { MAIL_UID, own, USERS } from './server.ts'

/** `parents`: folders on the way, given to the mail user with the Maildir itself. */
export function fillMaildir(path: string, parents: readonly string[], messages: Iterable<CorpusMessage>): void {
  for (const name of ['cur', 'new', 'tmp']) mkdirSync(join(path, name), { recursive: true })
  for (const folder of [...parents, path, ...['cur', 'new', 'tmp'].map((name) => join(path, name))]) own(folder)
  let n = 0
  for (const { bytes, time } of messages) {
    const text = Buffer.from(bytes.toString('latin1').replace(/\r\n/g, '\n'), 'latin1')
    const flags = n % 3 === 0 ? '' : 'S'
    const file = join(path, 'cur', `${time}.M${String(n).padStart(6, '0')}P1.bench,S=${text.length}:2,${flags}`)
    writeFileSync(file, text)
    utimesSync(file, time, time)
    chownSync(file, MAIL_UID, MAIL_UID)
    n += 1
  }
}

/** The first user's Maildir in our data folder, with the folders on the way. */
export function ourMaildir(data: string): { path: string; parents: string[] } {
  const domain = join(data, 'mail/peer.test')
  return { path: join(domain, USERS[0]!), parents: [data, join(data, 'mail'), domain] }
}

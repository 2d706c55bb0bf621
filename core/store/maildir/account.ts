// One account's directory: its tree of folders on disk, subscriptions, special uses, and the UIDVALIDITY values given so far.
import { randomBytes } from 'node:crypto'
import { dirname } from 'node:path'
import type { Files } from '../../base/files.ts'
import { inboxStays, mailboxExists, noSuchMailbox } from '../errors.ts'
import type { MailboxInfo, SpecialUse } from '../mailbox-store.ts'
import { INBOX, listTree, renames } from '../names.ts'
import { decodeUtf7, encodeUtf7, folderDirectory, folderName } from './folder-names.ts'

const SUBSCRIPTIONS = 'subscriptions'
const SPECIAL_USE = 'estafeta-special-use'
const UIDVALIDITY = 'dovecot-uidvalidity'
/** Names that start with two dots are no mailboxes. */
const DELETED = '..estafeta-deleted.'

export class AccountTree {
  readonly #files: Files
  readonly path: string
  readonly #stable: Set<string>

  /** `stable` are the directories of all accounts whose names this process has seen synced. */
  constructor(files: Files, path: string, stable: Set<string>) {
    this.#files = files
    this.path = path
    this.#stable = stable
  }

  directoryOf(name: string): string {
    const directory = folderDirectory(name)
    return directory === '' ? this.path : `${this.path}/${directory}`
  }

  exists(name: string): boolean {
    return this.#files.stat(`${this.directoryOf(name)}/cur`)?.isDirectory === true
  }

  /** The mailboxes that can be selected. */
  names(): string[] {
    const names: string[] = this.exists(INBOX) ? [INBOX] : []
    for (const entry of this.#files.readdir(this.path)) {
      const name = folderName(entry)
      if (name !== null && name !== INBOX && this.#files.stat(`${this.path}/${entry}/cur`)?.isDirectory)
        names.push(name)
    }
    return names
  }

  list(): MailboxInfo[] {
    return listTree(this.names(), new Set(this.#subscriptions()), this.#specialUse())
  }

  /** Makes what is missing of the directories. They are stable when it returns, even if an earlier process just made them. */
  make(name: string): void {
    const path = this.directoryOf(name)
    if (this.#stable.has(`${path}/cur`)) return
    makeStable(this.#files, path, this.#stable)
    for (const part of ['tmp', 'new', 'cur'])
      if (!this.#files.stat(`${path}/${part}`)) this.#files.mkdir(`${path}/${part}`)
    // Maildir++: marks a folder for delivery agents that are told its path alone
    if (name !== INBOX) this.#files.close(this.#files.open(`${path}/maildirfolder`, 'a'))
    this.#files.fsyncDir(path)
    this.#stable.add(`${path}/cur`)
  }

  #forget(name: string): void {
    const path = this.directoryOf(name)
    this.#stable.delete(path)
    this.#stable.delete(`${path}/cur`)
  }

  create(name: string, specialUse: readonly SpecialUse[] | null): void {
    if (this.exists(name)) throw mailboxExists()
    this.make(name)
    if (specialUse) this.#changeSpecialUse((uses) => uses.set(name, specialUse))
  }

  /** The name is free at once; gives the directory that is left to `clear`. */
  remove(name: string): string {
    if (name === INBOX) throw inboxStays()
    if (!this.exists(name)) throw noSuchMailbox()
    const removed = `${this.path}/${DELETED}${randomBytes(6).toString('hex')}`
    this.#forget(name)
    this.#files.rename(this.directoryOf(name), removed)
    this.#files.fsyncDir(this.path)
    this.#changeSpecialUse((uses) => uses.delete(name))
    return removed
  }

  /** What a crash left of removed folders. */
  leftovers(): string[] {
    return this.#files
      .readdir(this.path)
      .filter((entry) => entry.startsWith(DELETED))
      .map((entry) => `${this.path}/${entry}`)
  }

  clear(directory: string): void {
    for (const entry of this.#files.readdir(directory)) {
      const path = `${directory}/${entry}`
      if (this.#files.lstat(path)?.isDirectory) this.clear(path)
      else this.#files.unlink(path)
    }
    this.#files.rmdir(directory)
  }

  /** Old and new names of all that RENAME moves. `from` may exist only through its children. Not for INBOX. */
  renames(from: string, to: string): [string, string][] {
    const names = this.names()
    const moves = renames(names, from, to)
    if (moves.length === 0) throw noSuchMailbox()
    if (names.includes(to) || moves.some(([, name]) => names.includes(name))) throw mailboxExists()
    for (const [, name] of moves) folderDirectory(name)
    return moves
  }

  move(from: string, to: string): void {
    this.#forget(from)
    this.#files.rename(this.directoryOf(from), this.directoryOf(to))
    this.#changeSpecialUse((uses) => {
      const use = uses.get(from)
      if (use) uses.set(to, use)
      uses.delete(from)
    })
  }

  sync(): void {
    this.#files.fsyncDir(this.path)
  }

  subscribe(name: string, on: boolean): void {
    const names = new Set(this.#subscriptions())
    if (on) names.add(name)
    else names.delete(name)
    this.#replace(SUBSCRIPTIONS, formatSubscriptions([...names]))
  }

  /** Higher than all that this account gave before (RFC 9051 §2.3.1.1); stable when it returns. */
  nextUidValidity(now: number): number {
    const path = `${this.path}/${UIDVALIDITY}`
    const last = this.#files.stat(path) ? Number.parseInt(this.#files.readFile(path).toString('latin1'), 16) || 0 : 0
    const next = Math.max(last + 1, Math.floor(now / 1000))
    this.#replace(UIDVALIDITY, next.toString(16).padStart(8, '0'))
    return next
  }

  #subscriptions(): string[] {
    return parseSubscriptions(this.#read(SUBSCRIPTIONS))
  }

  #specialUse(): Map<string, readonly SpecialUse[]> {
    const uses = new Map<string, readonly SpecialUse[]>()
    for (const line of this.#read(SPECIAL_USE).split('\n')) {
      const tab = line.indexOf('\t')
      if (tab >= 0) uses.set(line.slice(tab + 1), line.slice(0, tab).split(' ').filter(Boolean) as SpecialUse[])
    }
    return uses
  }

  #changeSpecialUse(change: (uses: Map<string, readonly SpecialUse[]>) => unknown): void {
    const before = this.#specialUse()
    const after = new Map(before)
    change(after)
    const format = (uses: Map<string, readonly SpecialUse[]>) =>
      [...uses].map(([name, use]) => `${use.join(' ')}\t${name}\n`).join('')
    if (format(before) !== format(after)) this.#replace(SPECIAL_USE, format(after))
  }

  #read(name: string): string {
    const path = `${this.path}/${name}`
    return this.#files.stat(path) ? this.#files.readFile(path).toString('utf8') : ''
  }

  #replace(name: string, text: string): void {
    const path = `${this.path}/${name}`
    const fd = this.#files.open(`${path}.estafeta`, 'w')
    try {
      this.#files.write(fd, [Buffer.from(text)], 0)
      this.#files.fdatasync(fd)
    } finally {
      this.#files.close(fd)
    }
    this.#files.rename(`${path}.estafeta`, path)
    this.#files.fsyncDir(this.path)
  }
}

/** Up to the root of all mail, which the set holds from the start. */
function makeStable(files: Files, path: string, stable: Set<string>): void {
  if (stable.has(path)) return
  makeStable(files, dirname(path), stable)
  if (!files.stat(path)) files.mkdir(path)
  files.fsyncDir(dirname(path))
  stable.add(path)
}

const VERSION_2 = 'V\t2\n\n'

/** Dovecot's file: version 2 parts levels by TAB, the older one is a name a line with Maildir's dots. */
function parseSubscriptions(text: string): string[] {
  if (text.startsWith(VERSION_2)) {
    const unescapePart = (part: string) =>
      part.replace(/\x01([01tnr])/g, (_, c: string) => ({ '0': '\0', '1': '\x01', t: '\t', n: '\n', r: '\r' })[c] ?? '')
    return lines(text.slice(VERSION_2.length)).map((line) =>
      line.split('\t').map(unescapePart).map(decodeUtf7).join('/'),
    )
  }
  return lines(text).map((line) => line.split(/[./]/).map(decodeUtf7).join('/'))
}

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '')

const formatSubscriptions = (names: readonly string[]): string =>
  VERSION_2 + names.map((name) => `${name.split('/').map(encodeUtf7).join('\t')}\n`).join('')

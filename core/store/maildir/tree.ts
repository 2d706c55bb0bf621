// The tree of an account's Maildir folders on disk.
import { randomBytes } from 'node:crypto'
import { dirname } from 'node:path'
import type { Files } from '../../base/files.ts'
import { AccountFiles } from '../account-files.ts'
import { inboxStays, mailboxExists, noSuchMailbox } from '../errors.ts'
import type { MailboxInfo, SpecialUse } from '../mailbox-store.ts'
import { INBOX, listTree, renames } from '../names.ts'
import { folderDirectory, folderName } from './folder-names.ts'

/** Names that start with two dots are no mailboxes. */
const DELETED = '..estafeta-deleted.'

export class MaildirTree {
  readonly #files: Files
  readonly path: string
  readonly account: AccountFiles
  readonly #stable: Set<string>

  /** `stable` are the directories of all accounts whose names this process has seen synced. */
  constructor(files: Files, path: string, stable: Set<string>) {
    this.#files = files
    this.path = path
    this.account = new AccountFiles(files, path)
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
    return listTree(this.names(), new Set(this.account.subscriptions()), this.account.specialUse())
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

  /** What is known of its directories no longer holds. */
  forget(name: string): void {
    const path = this.directoryOf(name)
    this.#stable.delete(path)
    this.#stable.delete(`${path}/cur`)
  }

  create(name: string, specialUse: readonly SpecialUse[] | null): void {
    if (this.exists(name)) throw mailboxExists()
    this.make(name)
    if (specialUse) this.account.changeSpecialUse((uses) => uses.set(name, specialUse))
  }

  /** The name is free at once; gives the directory that is left to `clear`. */
  remove(name: string): string {
    if (name === INBOX) throw inboxStays()
    if (!this.exists(name)) throw noSuchMailbox()
    const removed = `${this.path}/${DELETED}${randomBytes(6).toString('hex')}`
    this.forget(name)
    this.#files.rename(this.directoryOf(name), removed)
    this.#files.fsyncDir(this.path)
    this.account.changeSpecialUse((uses) => uses.delete(name))
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
    this.forget(from)
    this.#files.rename(this.directoryOf(from), this.directoryOf(to))
    this.account.changeSpecialUse((uses) => {
      const use = uses.get(from)
      if (use) uses.set(to, use)
      uses.delete(from)
    })
  }

  sync(): void {
    this.#files.fsyncDir(this.path)
  }
}

/** Up to the root of all mail, which the set holds from the start. */
export function makeStable(files: Files, path: string, stable: Set<string>): void {
  if (stable.has(path)) return
  makeStable(files, dirname(path), stable)
  if (!files.stat(path)) files.mkdir(path)
  files.fsyncDir(dirname(path))
  stable.add(path)
}

// The tree of an account's mbox files: `mbox/Level.Level`, names in modified UTF-7, and a folder beside each for what the file cannot hold.
import type { Files } from '../../base/files.ts'
import { AccountFiles } from '../account-files.ts'
import { inboxStays, mailboxExists, noSuchMailbox } from '../errors.ts'
import type { MailboxInfo, SpecialUse } from '../mailbox-store.ts'
import { folderDirectory, folderName, writtenOf } from '../maildir/folder-names.ts'
import { makeStable } from '../maildir/tree.ts'
import { INBOX, listTree, renames } from '../names.ts'

const MAIL = 'mbox'
const BESIDE = 'mbox-state'
/** Locks and files being written. */
const BESIDE_FILE = /\.(lock|estafeta)(\.|$)/

export class MboxTree {
  readonly path: string
  readonly account: AccountFiles
  readonly #files: Files
  readonly #stable: Set<string>

  constructor(files: Files, path: string, stable: Set<string>) {
    this.path = path
    this.account = new AccountFiles(files, path)
    this.#files = files
    this.#stable = stable
  }

  fileOf(name: string): string {
    return `${this.path}/${MAIL}/${fileName(name)}`
  }
  stateOf(name: string): string {
    return `${this.path}/${BESIDE}/${fileName(name)}`
  }
  exists(name: string): boolean {
    return this.#files.stat(this.fileOf(name)) !== null
  }

  names(): string[] {
    const names: string[] = []
    for (const entry of this.#files.readdir(`${this.path}/${MAIL}`)) {
      const name = entry === INBOX ? INBOX : folderName(`.${entry}`, (known) => `.${coded(writtenOf(known).slice(1))}`)
      if (name !== null && !BESIDE_FILE.test(entry) && this.#files.stat(`${this.path}/${MAIL}/${entry}`)?.isFile)
        names.push(name)
    }
    return names
  }

  list(): MailboxInfo[] {
    return listTree(this.names(), new Set(this.account.subscriptions()), this.account.specialUse())
  }

  /** Makes the file and the folder beside it; stable when it returns. */
  make(name: string): void {
    const file = this.fileOf(name)
    if (this.#stable.has(file)) return
    makeStable(this.#files, `${this.path}/${MAIL}`, this.#stable)
    makeStable(this.#files, this.stateOf(name), this.#stable)
    if (!this.#files.stat(file)) this.#files.close(this.#files.open(file, 'a'))
    this.#files.fsyncDir(`${this.path}/${MAIL}`)
    this.#stable.add(file)
  }

  create(name: string, specialUse: readonly SpecialUse[] | null): void {
    if (this.exists(name)) throw mailboxExists()
    this.make(name)
    if (specialUse) this.account.changeSpecialUse((uses) => uses.set(name, specialUse))
  }

  remove(name: string): void {
    if (name === INBOX) throw inboxStays()
    if (!this.exists(name)) throw noSuchMailbox()
    this.#forget(name)
    this.#files.unlink(this.fileOf(name))
    const beside = this.stateOf(name)
    if (this.#files.stat(beside)) {
      for (const entry of this.#files.readdir(beside)) this.#files.unlink(`${beside}/${entry}`)
      this.#files.rmdir(beside)
    }
    this.sync()
    this.account.changeSpecialUse((uses) => uses.delete(name))
  }

  /** Old and new names of all that RENAME moves. Not for INBOX. */
  renames(from: string, to: string): [string, string][] {
    const names = this.names()
    const moves = renames(names, from, to)
    if (moves.length === 0) throw noSuchMailbox()
    if (names.includes(to) || moves.some(([, name]) => names.includes(name))) throw mailboxExists()
    for (const [, name] of moves) fileName(name)
    return moves
  }

  move(from: string, to: string): void {
    this.#forget(from)
    this.#files.rename(this.fileOf(from), this.fileOf(to))
    if (this.#files.stat(this.stateOf(from))) this.#files.rename(this.stateOf(from), this.stateOf(to))
    this.account.changeSpecialUse((uses) => {
      const use = uses.get(from)
      if (use) uses.set(to, use)
      uses.delete(from)
    })
  }

  sync(): void {
    for (const part of [MAIL, BESIDE]) this.#files.fsyncDir(`${this.path}/${part}`)
  }

  #forget(name: string): void {
    this.#stable.delete(this.fileOf(name))
    this.#stable.delete(this.stateOf(name))
  }
}

/** Levels that would make the name of a lock, or of a file being written, have their last letter coded. */
const coded = (file: string): string =>
  file.replace(/\.lock(?=\.|$)/g, '.loc&AGs-').replace(/\.estafeta(?=\.|$)/g, '.estafet&AGE-')

const fileName = (name: string): string => (name === INBOX ? INBOX : coded(folderDirectory(name).slice(1)))

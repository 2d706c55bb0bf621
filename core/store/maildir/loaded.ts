// Which accounts and folders are in memory: loaded as they are asked for, unloaded when they were not used for long.
import { randomBytes } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type { Files } from '../../base/files.ts'
import { noSuchMailbox } from '../errors.ts'
import { INBOX, mailboxName } from '../names.ts'
import type { Steps, Turns } from '../turns.ts'
import { namedSizes, parseFileName } from './file-name.ts'
import type { FolderDeps, MaildirFolder } from './folder.ts'
import { accountDirectory } from './folder-names.ts'
import { loadFolder } from './load.ts'
import { MaildirTree } from './tree.ts'

export interface Account {
  readonly name: string
  readonly tree: MaildirTree
  readonly folders: Map<string, MaildirFolder>
  /** Large folders that are being read into memory. */
  readonly loading: Map<string, Promise<MaildirFolder>>
  /** Sizes of folders that are not loaded. */
  readonly counted: Map<string, Counted | Promise<Counted>>
  /** Sessions that listen to it. */
  uses: number
}

export interface Counted {
  readonly messages: number
  readonly bytes: number
}

const MAX_LOADED_MESSAGES = 1_000_000
const MAX_LOADED_FOLDERS = 2000
const MAX_ACCOUNTS = 4000
const MAX_STABLE = 50_000

export class LoadedFolders {
  readonly #deps: FolderDeps
  readonly #turns: Turns
  readonly #directory: string
  readonly #accounts = new Map<string, Account>()
  /** By id; in the order of use. */
  readonly #folders = new Map<number, MaildirFolder>()
  readonly #stable: Set<string>
  #lastId = 0
  #trimming = false

  /** `directory` is that of all mail. */
  constructor(deps: FolderDeps, turns: Turns, directory: string) {
    this.#deps = deps
    this.#turns = turns
    this.#directory = directory
    this.#stable = new Set([directory])
  }

  account(name: string): Account {
    let account = this.#accounts.get(name)
    if (!account) {
      this.#trimAccounts()
      const tree = new MaildirTree(this.#deps.files, accountDirectory(this.#directory, name), this.#stable)
      tree.make(INBOX)
      for (const directory of tree.leftovers()) tree.clear(directory)
      account = { name, tree, folders: new Map(), loading: new Map(), counted: new Map(), uses: 0 }
      this.#accounts.set(name, account)
    }
    return account
  }

  listening(account: string): boolean {
    return (this.#accounts.get(account)?.uses ?? 0) > 0
  }

  /** A promise when it is large and must be read first. */
  folder(accountName: string, mailbox: string): MaildirFolder | Promise<MaildirFolder> {
    const account = this.account(accountName)
    const name = mailboxName(mailbox)
    const loaded = account.folders.get(name)
    if (!loaded) return account.loading.get(name) ?? this.#load(account, name)
    this.#folders.delete(loaded.id)
    this.#folders.set(loaded.id, loaded)
    return loaded
  }

  /** undefined when it is not in memory. */
  find(id: number): MaildirFolder | undefined {
    return this.#folders.get(id)
  }
  /** One that sessions have open. */
  opened(id: number): MaildirFolder {
    const folder = this.#folders.get(id)
    if (!folder || folder.gone) throw noSuchMailbox()
    return folder
  }

  /** Runs with the folder locked, if it is in memory; while it is read into memory, that is waited for. */
  async exclusive(account: string, name: string, run: (folder: MaildirFolder | undefined) => void): Promise<void> {
    const { folders, loading } = this.account(account)
    for (let load = loading.get(name); load; load = loading.get(name)) await load.catch(() => {})
    const folder = folders.get(name)
    const leave = folder && (await folder.lock.enter())
    try {
      run(folder)
    } finally {
      leave?.()
    }
  }

  renamed(folder: MaildirFolder, name: string): void {
    const { tree, folders } = this.account(folder.account)
    folders.delete(folder.name)
    folder.path = tree.directoryOf(name)
    folder.state.facts.name = name
    folders.set(name, folder)
  }

  /** It is no more what it was. */
  forget(folder: MaildirFolder): void {
    folder.gone = true
    this.#folders.delete(folder.id)
    const folders = this.#accounts.get(folder.account)?.folders
    if (folders?.get(folder.name) === folder) folders.delete(folder.name)
  }

  /** Of all folders of an account, loaded or not. */
  async usage(account: string): Promise<Counted> {
    const found = this.account(account)
    let messages = 0
    let bytes = 0
    for (const name of found.tree.names()) {
      const folder = found.folders.get(name)
      const part = folder
        ? { messages: folder.state.count, bytes: folder.state.totals().size }
        : await this.#count(found, name)
      messages += part.messages
      bytes += part.bytes
    }
    return { messages, bytes }
  }

  /** Unloads beyond the bounds, in a turn of its own: until then all who were given a folder have begun to work with it. */
  trimSoon(): void {
    if (this.#trimming) return
    this.#trimming = true
    void setImmediate().then(() => {
      this.#trimming = false
      this.#trim()
    })
  }

  unloadAll(): void {
    for (const folder of this.#folders.values()) folder.save()
    this.#folders.clear()
    this.#accounts.clear()
  }

  #load(account: Account, name: string): MaildirFolder | Promise<MaildirFolder> {
    const { tree } = account
    if (!tree.exists(name)) {
      if (name !== INBOX) throw noSuchMailbox()
      // it is always there: another program removed it
      tree.forget(name)
    }
    tree.make(name)
    const make = {
      uidValidity: () => tree.account.nextUidValidity(this.#deps.clock.now()),
      guid: () => randomBytes(16).toString('hex'),
    }
    const identity = { id: ++this.#lastId, account: account.name, name, path: tree.directoryOf(name) }
    const folder = this.#turns.run(loadFolder(this.#deps, identity, make))
    if (!(folder instanceof Promise)) return this.#loaded(account, folder)
    const loading = folder
      .then((read) => {
        // other programs had turns too, and no watch told of them
        read.unverified = true
        return this.#loaded(account, read)
      })
      .finally(() => account.loading.delete(name))
    account.loading.set(name, loading)
    return loading
  }

  #loaded({ folders, counted }: Account, folder: MaildirFolder): MaildirFolder {
    folders.set(folder.name, folder)
    counted.delete(folder.name)
    this.#folders.set(folder.id, folder)
    this.trimSoon()
    return folder
  }

  #count({ tree, counted }: Account, name: string): Counted | Promise<Counted> {
    const known = counted.get(name)
    if (known) return known
    if (!tree.exists(name)) return { messages: 0, bytes: 0 }
    const sum = this.#turns.run(countFolder(this.#deps.files, tree.directoryOf(name)))
    counted.set(name, sum)
    if (sum instanceof Promise) sum.catch(() => counted.delete(name))
    return sum
  }

  /** What was not used for longest goes first. */
  #trim(): void {
    let messages = 0
    for (const folder of this.#folders.values()) messages += folder.state.count
    let loaded = this.#folders.size
    for (const folder of this.#folders.values()) {
      if (messages <= MAX_LOADED_MESSAGES && loaded <= MAX_LOADED_FOLDERS) return
      if (folder.busy) continue
      folder.save()
      messages -= folder.state.count
      loaded--
      this.#folders.delete(folder.id)
      this.#accounts.get(folder.account)?.folders.delete(folder.name)
    }
  }

  /** Makes room for one more. */
  #trimAccounts(): void {
    for (const { name, uses, folders, loading } of this.#accounts.values()) {
      if (this.#accounts.size < MAX_ACCOUNTS) break
      if (uses === 0 && folders.size === 0 && loading.size === 0) this.#accounts.delete(name)
    }
    if (this.#stable.size <= MAX_STABLE) return
    this.#stable.clear()
    this.#stable.add(this.#directory)
  }
}

function* countFolder(files: Files, path: string): Steps<Counted> {
  const names = ['new', 'cur'].flatMap((part) => files.readdir(`${path}/${part}`).map((name) => `${part}/${name}`))
  let bytes = 0
  for (const name of names) {
    const { wire, file } = namedSizes(parseFileName(name).base)
    bytes += wire ?? file ?? files.stat(`${path}/${name}`)?.size ?? 0
    yield
  }
  return { messages: names.length, bytes }
}

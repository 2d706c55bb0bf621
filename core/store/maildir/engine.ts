// The Maildir++ back end: accounts and folders on disk, loaded as they are needed, changed under a lock each.
import { randomBytes } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../../base/clock.ts'
import type { Files } from '../../base/files.ts'
import type { Logger } from '../../base/log.ts'
import type {
  EngineDelivery,
  EngineEvent,
  EngineMessage,
  MessagePlace,
  OpenedMailbox,
  PlacedMessage,
  PostedFailure,
  StoredMessages,
  StoreEngine,
} from '../engine.ts'
import { noSuchMailbox } from '../errors.ts'
import { postFailure, unpostFailure } from '../failures.ts'
import { LateOutcomes } from '../late-outcomes.ts'
import type { Flag, MailboxInfo, SpecialUse } from '../mailbox-store.ts'
import { INBOX, mailboxName } from '../names.ts'
import type { CopyResult } from '../open-mailbox.ts'
import { packStrings } from '../packed-strings.ts'
import { flagChange } from '../store-flags.ts'
import type { Syncer } from '../syncer.ts'
import { type Steps, Turns } from '../turns.ts'
import { uidSet } from '../uid-set.ts'
import { Committer, type Outcome } from './commit.ts'
import { FileNamer, fileName, flagLetters, namedSizes, parseFileName } from './file-name.ts'
import type { FolderDeps, MaildirFolder, NewFile, Placed } from './folder.ts'
import { accountDirectory } from './folder-names.ts'
import { loadFolder, scanFolder } from './load.ts'
import { MessageWriter } from './message-file.ts'
import { Staging } from './staging.ts'
import { MaildirTree } from './tree.ts'
import { FolderWatch } from './watch.ts'

export interface MaildirOptions {
  readonly directory: string
  readonly files: Files
  readonly clock: Clock
  readonly log: Logger
  readonly hostname: string
  readonly syncer: Syncer
  /** Watch open folders for changes of other programs. */
  readonly watch: boolean
  readonly emit: (event: EngineEvent) => void
}

interface Account {
  readonly name: string
  readonly tree: MaildirTree
  readonly folders: Map<string, MaildirFolder>
  /** Large folders that are being read into memory. */
  readonly loading: Map<string, Promise<MaildirFolder>>
  /** Sizes of folders that are not loaded. */
  readonly counted: Map<string, Counted | Promise<Counted>>
  uses: number
}

interface Counted {
  readonly messages: number
  readonly bytes: number
}

const INDEX = 'estafeta-index.db'
const MAX_LOADED_MESSAGES = 1_000_000
const MAX_LOADED_FOLDERS = 2000
const MAX_ACCOUNTS = 4000
const MAX_STABLE = 50_000
/** When a folder that was taken over from its cache is looked at. */
const VERIFY_MS = 1000
/** A burst of foreign changes is looked at once. */
const SETTLE_MS = 20

export class MaildirEngine implements StoreEngine {
  readonly #options: MaildirOptions
  readonly #deps: FolderDeps
  readonly #committer: Committer
  readonly #turns: Turns
  readonly #late = new LateOutcomes()
  readonly #accounts = new Map<string, Account>()
  /** By id; in the order of use. */
  readonly #folders = new Map<number, MaildirFolder>()
  readonly #watches = new Map<number, FolderWatch>()
  readonly #staging: Staging
  readonly #staged = new Map<number, MessageWriter>()
  readonly #stable: Set<string>
  readonly #stored: StoredMessages[] = []
  #lastId = 0
  #lastStaged = 0
  #trimming = false

  constructor(options: MaildirOptions) {
    const { files, clock, log, hostname } = options
    this.#options = options
    this.#stable = new Set([options.directory])
    this.#deps = { files, clock, log, namer: new FileNamer(hostname, process.pid) }
    this.#turns = new Turns(clock)
    this.#staging = new Staging(files, options.directory)
    this.#committer = new Committer({
      deps: this.#deps,
      syncer: options.syncer,
      staging: this.#staging,
      takeStaged: (staged) => this.#takeStaged(staged),
      catchUp: (folder) => this.#scan(folder),
      shown: (folder, placed) => this.#shown(folder, placed),
    })
  }

  async join(account: string): Promise<void> {
    this.#account(account).uses++
  }
  async leave(account: string): Promise<void> {
    this.#account(account).uses--
  }
  async list(account: string): Promise<readonly MailboxInfo[]> {
    return this.#account(account).tree.list()
  }
  async exists(account: string, name: string): Promise<boolean> {
    return this.#account(account).tree.exists(mailboxName(name))
  }
  async create(account: string, name: string, specialUse: readonly SpecialUse[] | null): Promise<void> {
    const key = mailboxName(name)
    this.#account(account).tree.create(key, specialUse)
    await this.#folder(account, key)
    this.#options.emit({ kind: 'list', account })
  }
  async subscribe(account: string, name: string, on: boolean): Promise<void> {
    this.#account(account).tree.account.subscribe(mailboxName(name), on)
    this.#options.emit({ kind: 'list', account })
  }

  async delete(account: string, name: string): Promise<void> {
    const key = mailboxName(name)
    const { tree, folders, loading } = this.#account(account)
    for (let load = loading.get(key); load; load = loading.get(key)) await load.catch(() => {})
    const folder = folders.get(key)
    const leave = folder && (await folder.lock.enter())
    try {
      const removed = tree.remove(key)
      if (folder) this.#forget(folder)
      tree.clear(removed)
    } finally {
      leave?.()
    }
    this.#options.emit({ kind: 'list', account })
  }

  async rename(account: string, from: string, to: string): Promise<void> {
    const { tree, folders, loading } = this.#account(account)
    const [source, target] = [mailboxName(from), mailboxName(to)]
    if (source === INBOX) await this.#renameInbox(account, target)
    else {
      const moves = tree.renames(source, target)
      for (const [old, name] of moves) {
        for (let load = loading.get(old); load; load = loading.get(old)) await load.catch(() => {})
        const folder = folders.get(old)
        const leave = folder && (await folder.lock.enter())
        try {
          tree.move(old, name)
          if (folder) this.#renamed(folders, folder, name, tree.directoryOf(name))
        } finally {
          leave?.()
        }
      }
      tree.sync()
    }
    this.#options.emit({ kind: 'list', account })
  }

  async usage(account: string): Promise<{ readonly messages: number; readonly bytes: number }> {
    const found = this.#account(account)
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

  async open(account: string, name: string): Promise<OpenedMailbox> {
    const known = this.#account(account).folders.has(mailboxName(name))
    const folder = await this.#folder(account, name)
    return folder.lock.run(async () => {
      if (folder.uses++ === 0 && this.#options.watch) this.#watch(folder)
      // SELECT does not wait for the directories to be read; what a watch could not have seen is found a little later
      if (known && !folder.unverified) await this.#scan(folder)
      if (folder.unverified) this.#deps.clock.after(VERIFY_MS, () => this.#verify(folder))
      if (folder.gone) throw noSuchMailbox()
      const { id, state, path } = folder
      const places = { directory: path, bases: packStrings(folder.bases) }
      const index = `${this.#account(account).tree.path}/${INDEX}`
      return {
        id,
        facts: { ...state.facts },
        keywords: [...state.table.keywords],
        columns: state.snapshot(),
        places,
        index,
      }
    })
  }

  async close(id: number): Promise<void> {
    const folder = this.#folders.get(id)
    if (!folder) return
    folder.uses--
    if (folder.uses > 0) return
    this.#watches.get(id)?.close()
    this.#watches.delete(id)
    folder.purge([...folder.held.keys()])
    this.#trimSoon()
  }

  async stage(): Promise<number> {
    const staged = ++this.#lastStaged
    this.#staged.set(staged, new MessageWriter(this.#deps.files, this.#staging.next()))
    return staged
  }
  async stagePiece(staged: number, octets: Uint8Array): Promise<void> {
    this.#staged.get(staged)?.write(Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength))
  }
  async unstage(staged: number): Promise<void> {
    if (this.#staged.has(staged)) this.#takeStaged(staged).abort()
  }

  async append(id: number, messages: readonly EngineMessage[]): Promise<readonly number[]> {
    const outcome = await this.#commit(this.#opened(id), messages)
    if ('failure' in outcome) throw unpostFailure(outcome.failure)
    return outcome.uids
  }

  async deliver(deliveries: readonly EngineDelivery[]): Promise<readonly (PostedFailure | null | number)[]> {
    return Promise.all(deliveries.map((delivery) => this.#deliver(delivery)))
  }
  async delivered(late: number): Promise<PostedFailure | null> {
    return this.#late.take(late)
  }

  async store(
    id: number,
    uids: readonly number[],
    action: 'add' | 'remove' | 'replace',
    flags: readonly Flag[],
    unchangedSince: number | null,
  ): Promise<readonly number[]> {
    const folder = this.#opened(id)
    return folder.lock.run(async () => {
      const { table } = folder.state
      const before = [...table.keywords]
      const change = flagChange(folder.state, uids, action, flags, unchangedSince ?? undefined)
      folder.saveKeywords(before)
      if (change.uids.length === 0) return change.modified
      const modSeq = folder.nextModSeq()
      this.#touching(folder, change.uids, change.flags)
      const { done, missing, error } = folder.renameFlags(change.uids, change.flags)
      this.#flagged(
        folder,
        done.map((i) => change.uids[i]!),
        done.map((i) => change.flags[i]!),
        modSeq,
      )
      if (missing.length > 0) {
        // another program renamed them meanwhile: take that over, then try once more
        await this.#scan(folder)
        const again = flagChange(folder.state, missing, action, flags)
        const retried = folder.renameFlags(again.uids, again.flags)
        const second = retried.done.length > 0 ? folder.nextModSeq() : modSeq
        this.#flagged(
          folder,
          retried.done.map((i) => again.uids[i]!),
          retried.done.map((i) => again.flags[i]!),
          second,
        )
      }
      if (error) throw error
      return change.modified
    })
  }

  async expunge(id: number, uids: readonly number[], keep: boolean): Promise<readonly number[]> {
    const folder = this.#opened(id)
    return folder.lock.run(() => this.#expunge(folder, uids, keep))
  }

  async copy(id: number, uids: readonly number[], target: string): Promise<CopyResult> {
    const to = await this.#folder(this.#opened(id).account, target)
    const source = this.#opened(id)
    const leave = await enterBoth(source, to)
    try {
      return await this.#copy(source, uids, to)
    } finally {
      leave()
    }
  }

  async move(id: number, uids: readonly number[], target: string, keep: boolean): Promise<CopyResult> {
    const to = await this.#folder(this.#opened(id).account, target)
    const source = this.#opened(id)
    const leave = await enterBoth(source, to)
    try {
      const result = await this.#copy(source, uids, to)
      this.#expunge(
        source,
        result.pairs.map(([uid]) => uid),
        keep,
      )
      return result
    } finally {
      leave()
    }
  }

  async refresh(id: number): Promise<void> {
    const folder = this.#opened(id)
    const watch = this.#watches.get(id)
    if (watch?.active) {
      // what the kernel has told already is heard in the next turn of the loop
      for (let turn = 0; turn < 2 && !watch.touched; turn++) await setImmediate()
      if (!watch.touched) return
    }
    // what waited for the lock may have looked already
    await folder.lock.run(() => (watch?.active && !watch.touched ? null : this.#scan(folder)))
  }

  async purge(id: number, uids: readonly number[]): Promise<void> {
    this.#folders.get(id)?.purge(uids)
  }

  async places(account: string, name: string, uids: readonly number[]): Promise<readonly PlacedMessage[]> {
    const folder = this.#accounts.get(account)?.folders.get(mailboxName(name))
    if (!folder) return []
    return uids.flatMap((uid) => {
      const at = folder.state.find(uid)
      return at < 0 ? [] : [{ uid, place: whole(`${folder.path}/${folder.place(at)}`) }]
    })
  }

  async locate(id: number, uid: number): Promise<MessagePlace | null> {
    const folder = this.#folders.get(id)
    if (!folder) return null
    const { files } = this.#deps
    const at = folder.state.find(uid)
    const place = folder.held.get(uid) ?? (at < 0 ? undefined : folder.place(at))
    if (place === undefined) return null
    if (files.stat(`${folder.path}/${place}`)) return whole(`${folder.path}/${place}`)
    await folder.lock.run(() => this.#scan(folder))
    const now = folder.state.find(uid)
    return now < 0 ? null : whole(`${folder.path}/${folder.place(now)}`)
  }

  async shutdown(): Promise<void> {
    this.#turns.stop()
    await this.#committer.idle()
    for (const watch of this.#watches.values()) watch.close()
    for (const writer of this.#staged.values()) writer.abort()
    this.#staged.clear()
    for (const folder of this.#folders.values()) folder.save()
    this.#folders.clear()
    this.#accounts.clear()
    this.#options.syncer.close()
  }

  #account(name: string): Account {
    let account = this.#accounts.get(name)
    if (!account) {
      this.#trimAccounts()
      const tree = new MaildirTree(this.#deps.files, accountDirectory(this.#options.directory, name), this.#stable)
      tree.make(INBOX)
      for (const directory of tree.leftovers()) tree.clear(directory)
      account = { name, tree, folders: new Map(), loading: new Map(), counted: new Map(), uses: 0 }
      this.#accounts.set(name, account)
    }
    return account
  }

  /** A promise when it is large and must be read first. */
  #folder(accountName: string, mailbox: string): MaildirFolder | Promise<MaildirFolder> {
    const account = this.#account(accountName)
    const name = mailboxName(mailbox)
    const loaded = account.folders.get(name)
    if (!loaded) return account.loading.get(name) ?? this.#load(account, name)
    this.#folders.delete(loaded.id)
    this.#folders.set(loaded.id, loaded)
    return loaded
  }

  #load(account: Account, name: string): MaildirFolder | Promise<MaildirFolder> {
    const { tree } = account
    if (!tree.exists(name)) throw noSuchMailbox()
    tree.make(name)
    const make = {
      uidValidity: () => tree.account.nextUidValidity(this.#deps.clock.now()),
      guid: () => randomBytes(16).toString('hex'),
    }
    const identity = { id: ++this.#lastId, account: account.name, name, path: tree.directoryOf(name) }
    const loaded = (folder: MaildirFolder): MaildirFolder => {
      account.folders.set(name, folder)
      account.counted.delete(name)
      this.#folders.set(folder.id, folder)
      this.#trimSoon()
      return folder
    }
    const folder = this.#turns.run(loadFolder(this.#deps, identity, make))
    if (!(folder instanceof Promise)) return loaded(folder)
    const loading = folder
      .then((read) => {
        // other programs had turns too, and no watch told of them
        read.unverified = true
        return loaded(read)
      })
      .finally(() => account.loading.delete(name))
    account.loading.set(name, loading)
    return loading
  }

  #folderForDelivery(account: string, mailbox: string): MaildirFolder | Promise<MaildirFolder> {
    const name = mailboxName(mailbox)
    const { tree, folders } = this.#account(account)
    if (!folders.has(name) && !tree.exists(name)) {
      tree.make(name)
      this.#options.emit({ kind: 'list', account })
    }
    return this.#folder(account, name)
  }

  /** The outcome, or a number that stands for it while the folder must be waited for. */
  async #deliver({ account, mailbox, message }: EngineDelivery): Promise<PostedFailure | null | number> {
    const refuse = (error: unknown): PostedFailure => {
      if (message.staged !== null) this.unstage(message.staged).catch(() => {})
      return postFailure(error)
    }
    try {
      const folder = this.#folderForDelivery(account, mailbox)
      if (folder instanceof Promise)
        return this.#late.add(folder.then((read) => this.#commit(read, [message])).then(failureOf, refuse))
      const outcome = await this.#committer.add(folder, [message])
      return 'later' in outcome ? this.#late.add(outcome.later.then(failureOf)) : failureOf(outcome)
    } catch (error) {
      return refuse(error)
    }
  }

  async #commit(folder: MaildirFolder, messages: readonly EngineMessage[]): Promise<Outcome> {
    const outcome = await this.#committer.add(folder, messages)
    return 'later' in outcome ? outcome.later : outcome
  }

  #opened(id: number): MaildirFolder {
    const folder = this.#folders.get(id)
    if (!folder || folder.gone) throw noSuchMailbox()
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

  /** The folder is locked. */
  async #scan(folder: MaildirFolder): Promise<void> {
    if (folder.gone) return
    const watch = this.#watches.get(folder.id)
    if (watch) watch.touched = false
    const found = await this.#turns.run(scanFolder(folder))
    if (found === null) {
      this.#forget(folder)
      return
    }
    const { flagged, expunged, appended } = found
    this.#emitFlags(folder, flagged.uids, flagged.flags, flagged.modSeq)
    this.#emitExpunged(folder, expunged.uids, expunged.modSeq)
    if (appended.length > 0) this.#emitAppended(folder, appended, folder.bases.slice(-appended.length))
  }

  #shown(folder: MaildirFolder, placed: Placed): void {
    const watch = this.#watches.get(folder.id)
    if (watch) {
      placed.rows.forEach((row, i) => {
        watch.expect(placed.bases[i]!)
        watch.expect(fileName(placed.bases[i]!, flagLetters(row.flags)))
      })
    }
    this.#emitAppended(folder, placed.rows, placed.bases)
  }

  #expunge(folder: MaildirFolder, uids: readonly number[], keep: boolean): number[] {
    const present = [...uidSet(uids)].filter((uid) => folder.state.find(uid) >= 0)
    if (present.length === 0) return []
    this.#touching(folder, present, null)
    const { done, error } = folder.takeOut(present, keep && folder.uses > 0)
    if (done.length > 0) {
      const modSeq = folder.nextModSeq()
      folder.drop(done, modSeq)
      this.#emitExpunged(folder, done, modSeq)
    }
    if (error) throw error
    return done
  }

  async #copy(source: MaildirFolder, uids: readonly number[], to: MaildirFolder): Promise<CopyResult> {
    if (to.listChanged()) await this.#scan(to)
    if (source.gone || to.gone) throw noSuchMailbox()
    const { table } = to.state
    const before = [...table.keywords]
    let used = to.state.usedFlags()
    const present = [...uidSet(uids)].filter((uid) => source.state.find(uid) >= 0)
    const items = present.map((uid): NewFile => {
      const at = source.state.find(uid)
      const row = source.state.row(at)
      const flags = table.bits(source.state.table.names(row.flags), () => used)
      used |= flags
      const base = source.bases[at]!
      const comma = base.indexOf(',')
      const sizes = comma < 0 ? '' : base.slice(comma)
      return {
        from: `${source.path}/${source.place(at)}`,
        link: true,
        base: this.#deps.namer.unique(this.#deps.clock.now()) + sizes,
        flags,
        internalDate: row.internalDate,
        size: row.size,
        thread: row.thread,
        guid: source.guidAt(at),
      }
    })
    to.saveKeywords(before)
    const { uidValidity } = to.state.facts
    if (items.length === 0) return { uidValidity, pairs: [] }
    const placed = to.placeFiles(items)
    try {
      await this.#options.syncer.sync(placed.syncFiles, placed.syncDirectories)
    } catch (error) {
      placed.undo()
      throw error
    }
    to.show(placed, items)
    this.#shown(to, placed)
    return { uidValidity, pairs: present.map((uid, i) => [uid, placed.rows[i]!.uid] as const) }
  }

  /** RFC 9051 §6.3.6: the messages move, INBOX stays. */
  async #renameInbox(account: string, target: string): Promise<void> {
    this.#account(account).tree.create(target, null)
    const inbox = await this.#folder(account, INBOX)
    await this.move(inbox.id, [...inbox.state.uids()], target, true)
  }

  #renamed(folders: Map<string, MaildirFolder>, folder: MaildirFolder, name: string, path: string): void {
    folders.delete(folder.name)
    folder.path = path
    folder.state.facts.name = name
    folders.set(name, folder)
    if (this.#watches.has(folder.id)) this.#watch(folder)
    if (folder.uses > 0) this.#options.emit({ kind: 'renamed', id: folder.id, name, directory: path })
  }

  /** The folder is no more what sessions knew. */
  #forget(folder: MaildirFolder): void {
    folder.gone = true
    this.#watches.get(folder.id)?.close()
    this.#watches.delete(folder.id)
    this.#folders.delete(folder.id)
    const folders = this.#accounts.get(folder.account)?.folders
    if (folders?.get(folder.name) === folder) folders.delete(folder.name)
    if (folder.uses > 0) this.#options.emit({ kind: 'deleted', id: folder.id })
  }

  #verify(folder: MaildirFolder): void {
    if (!folder.unverified || folder.gone) return
    const scan = () => (folder.unverified ? this.#scan(folder) : null)
    folder.lock.run(scan).catch((error: unknown) => this.#complain(folder, error))
  }

  #watch(folder: MaildirFolder): void {
    this.#watches.get(folder.id)?.close()
    const { clock } = this.#deps
    const look = () => {
      const scan = () => (this.#watches.get(folder.id)?.touched ? this.#scan(folder) : null)
      folder.lock.run(scan).catch((error: unknown) => this.#complain(folder, error))
    }
    let waiting = false
    const watch = new FolderWatch(folder.path, clock, () => {
      if (waiting) return
      waiting = true
      clock.after(SETTLE_MS, () => {
        waiting = false
        look()
      })
    })
    this.#watches.set(folder.id, watch)
  }

  #complain(folder: MaildirFolder, error: unknown): void {
    this.#deps.log.error('mailbox cannot be read', { user: folder.account, mailbox: folder.name, error: String(error) })
  }

  /** Tells the watch which names we are about to touch. `flags`: the new ones; null when the files go. */
  #touching(folder: MaildirFolder, uids: readonly number[], flags: readonly number[] | null): void {
    const watch = this.#watches.get(folder.id)
    if (!watch) return
    if (FolderWatch.tooMany(uids.length)) {
      this.#watch(folder)
      return
    }
    for (const [i, uid] of uids.entries()) {
      const at = folder.state.find(uid)
      watch.expect(folder.place(at).slice(4))
      if (flags) watch.expect(fileName(folder.bases[at]!, flagLetters(flags[i]!)))
    }
  }

  #flagged(folder: MaildirFolder, uids: readonly number[], flags: readonly number[], modSeq: number): void {
    for (const [i, uid] of uids.entries()) folder.state.setFlags(folder.state.find(uid), flags[i]!, modSeq)
    this.#emitFlags(folder, uids, flags, modSeq)
  }

  #emitFlags(folder: MaildirFolder, uids: readonly number[], flags: readonly number[], modSeq: number): void {
    if (uids.length === 0) return
    const { id, uses, state } = folder
    if (uses > 0) this.#options.emit({ kind: 'flags', id, uids, flags, modSeq, keywords: [...state.table.keywords] })
    else this.#emitElsewhere(folder, 'flags', uids, modSeq)
  }

  #emitExpunged(folder: MaildirFolder, uids: readonly number[], modSeq: number): void {
    if (uids.length === 0) return
    if (folder.uses > 0) this.#options.emit({ kind: 'expunged', id: folder.id, uids, modSeq })
    else this.#emitElsewhere(folder, 'expunged', uids, modSeq)
  }

  #emitAppended(folder: MaildirFolder, rows: Placed['rows'], bases: readonly string[]): void {
    const { id, uses, state, account, name: mailbox } = folder
    if (uses > 0) {
      this.#options.emit({ kind: 'appended', id, rows, bases, keywords: [...state.table.keywords] })
      return
    }
    const uids = rows.map((row) => row.uid)
    this.#emitElsewhere(folder, 'appended', uids, rows[0]!.modSeq)
    const file = `${this.#account(account).tree.path}/${INDEX}`
    const { mailboxId, uidValidity } = state.facts
    // all of a batch in one event
    if (this.#stored.push({ account, mailbox, key: { file, mailboxId, uidValidity }, uids }) === 1)
      queueMicrotask(() => this.#emitStored())
  }

  #emitStored(): void {
    this.#options.emit({ kind: 'stored', messages: this.#stored.splice(0) })
  }

  #emitElsewhere(
    folder: MaildirFolder,
    change: 'appended' | 'flags' | 'expunged',
    uids: readonly number[],
    modSeq: number,
  ): void {
    const { account, name: mailbox } = folder
    if ((this.#accounts.get(account)?.uses ?? 0) === 0) return
    this.#options.emit({ kind: 'elsewhere', account, mailbox, change, uids, modSeq })
  }

  /** In a turn of its own: until then all who were given a folder have begun to work with it. */
  #trimSoon(): void {
    if (this.#trimming) return
    this.#trimming = true
    void setImmediate().then(() => {
      this.#trimming = false
      this.#trim()
    })
  }

  /** Unloads what was not used for longest, beyond the bounds. */
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
    this.#stable.add(this.#options.directory)
  }

  #takeStaged(staged: number): MessageWriter {
    const writer = this.#staged.get(staged)!
    this.#staged.delete(staged)
    return writer
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

const failureOf = (outcome: Outcome): PostedFailure | null => ('failure' in outcome ? outcome.failure : null)

const whole = (path: string): MessagePlace => ({ path, start: 0, end: null, quoted: false })

async function enterBoth(a: MaildirFolder, b: MaildirFolder): Promise<() => void> {
  if (a === b) return a.lock.enter()
  // asked for at once, so that the order is the same everywhere, and neither leaves memory while the other is waited for
  const leave = await Promise.all([a.lock.enter(), b.lock.enter()])
  return () => {
    for (const done of leave) done()
  }
}

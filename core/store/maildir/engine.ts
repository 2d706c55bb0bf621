// The Maildir++ back end: what sessions and deliveries ask of folders, each done under the folder's lock, and told to all who know it.
import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../../base/clock.ts'
import type { Files } from '../../base/files.ts'
import type { Logger } from '../../base/log.ts'
import type {
  EngineDelivery,
  EngineEvent,
  EngineMessage,
  MailboxPlaces,
  MessagePlace,
  OpenedMailbox,
  PostedFailure,
  StoreEngine,
} from '../engine.ts'
import { noSuchMailbox } from '../errors.ts'
import { postFailure, unpostFailure } from '../failures.ts'
import { LateOutcomes } from '../late-outcomes.ts'
import { indexPath, MailboxEvents, openedMailbox } from '../mailbox-events.ts'
import type { MessageRow } from '../mailbox-state.ts'
import type { Flag, MailboxInfo, SpecialUse } from '../mailbox-store.ts'
import { INBOX, mailboxName } from '../names.ts'
import type { CopyResult } from '../open-mailbox.ts'
import { packStrings } from '../packed-strings.ts'
import { StagedBodies } from '../staged-bodies.ts'
import { flagChange } from '../store-flags.ts'
import type { Syncer } from '../syncer.ts'
import { Turns } from '../turns.ts'
import { uidSet } from '../uid-set.ts'
import { Committer, type Outcome } from './commit.ts'
import { FileNamer } from './file-name.ts'
import type { FolderDeps, MaildirFolder, NewFile, Placed } from './folder.ts'
import { type Found, scanFolder } from './load.ts'
import { LoadedFolders } from './loaded.ts'
import { Watches } from './watches.ts'

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

/** When a folder that was taken over from its cache is looked at. */
const VERIFY_MS = 1000
/** When names with letters of no known keyword are looked at again: Dovecot may write its list of keywords after them. */
const PUZZLED_MS = 1000

export class MaildirEngine implements StoreEngine {
  readonly #options: MaildirOptions
  readonly #deps: FolderDeps
  readonly #committer: Committer
  readonly #turns: Turns
  readonly #late = new LateOutcomes()
  readonly #loaded: LoadedFolders
  readonly #watches: Watches
  readonly #events: MailboxEvents
  readonly #staged: StagedBodies
  /** Not yet told of. */
  #stored: { readonly ids: number[]; readonly uids: number[] } = { ids: [], uids: [] }

  constructor(options: MaildirOptions) {
    const { files, clock, log, hostname, directory, emit, syncer } = options
    this.#options = options
    this.#deps = { files, clock, log, namer: new FileNamer(hostname, process.pid) }
    this.#turns = new Turns(clock)
    this.#loaded = new LoadedFolders(this.#deps, this.#turns, directory)
    this.#watches = new Watches(clock, (folder) => this.#look(folder, () => this.#watches.of(folder)?.touched === true))
    this.#events = new MailboxEvents(emit, (account) => this.#loaded.listening(account))
    this.#staged = new StagedBodies(files, directory)
    this.#committer = new Committer({
      deps: this.#deps,
      syncer,
      staged: this.#staged,
      catchUp: (folder) => this.#scan(folder),
      shown: (folder, placed) => this.#shown(folder, placed),
    })
  }

  async join(account: string): Promise<void> {
    this.#loaded.account(account).uses++
  }
  async leave(account: string): Promise<void> {
    this.#loaded.account(account).uses--
  }
  async list(account: string): Promise<readonly MailboxInfo[]> {
    return this.#loaded.account(account).tree.list()
  }
  async exists(account: string, name: string): Promise<boolean> {
    return this.#loaded.account(account).tree.exists(mailboxName(name))
  }
  async create(account: string, name: string, specialUse: readonly SpecialUse[] | null): Promise<void> {
    const key = mailboxName(name)
    this.#loaded.account(account).tree.create(key, specialUse)
    await this.#loaded.folder(account, key)
    this.#options.emit({ kind: 'list', account })
  }
  async subscribe(account: string, name: string, on: boolean): Promise<void> {
    this.#loaded.account(account).tree.account.subscribe(mailboxName(name), on)
    this.#options.emit({ kind: 'list', account })
  }

  async delete(account: string, name: string): Promise<void> {
    const key = mailboxName(name)
    const { tree } = this.#loaded.account(account)
    await this.#loaded.exclusive(account, key, (folder) => {
      const removed = tree.remove(key)
      if (folder) this.#forget(folder)
      tree.clear(removed)
    })
    this.#options.emit({ kind: 'list', account })
  }

  async rename(account: string, from: string, to: string): Promise<void> {
    const { tree } = this.#loaded.account(account)
    const [source, target] = [mailboxName(from), mailboxName(to)]
    if (source === INBOX) await this.#renameInbox(account, target)
    else {
      for (const [old, name] of tree.renames(source, target)) {
        await this.#loaded.exclusive(account, old, (folder) => {
          tree.move(old, name)
          if (folder) this.#renamed(folder, name)
        })
      }
      tree.sync()
    }
    this.#options.emit({ kind: 'list', account })
  }

  async usage(account: string): Promise<{ readonly messages: number; readonly bytes: number }> {
    return this.#loaded.usage(account)
  }

  async open(account: string, name: string): Promise<OpenedMailbox> {
    const { tree, folders } = this.#loaded.account(account)
    const known = folders.has(mailboxName(name))
    const folder = await this.#loaded.folder(account, name)
    return folder.lock.run(async () => {
      if (folder.uses++ === 0 && this.#options.watch) this.#watches.start(folder)
      // SELECT does not wait for the directories to be read; what a watch could not have seen is found a little later
      if (known && !folder.unverified) await this.#scan(folder)
      if (folder.unverified)
        this.#deps.clock.after(VERIFY_MS, () => {
          if (folder.unverified) this.#look(folder, () => folder.unverified)
        })
      // another may stand in its place by now
      if (folder.gone) return this.open(account, name)
      return openedMailbox(folder, tree.path, { directory: folder.path, bases: packStrings(folder.bases) })
    })
  }

  async close(id: number): Promise<void> {
    const folder = this.#loaded.find(id)
    if (!folder) return
    folder.uses--
    if (folder.uses > 0) return
    this.#watches.stop(id)
    folder.purge([...folder.held.keys()])
    this.#loaded.trimSoon()
  }

  async stage(): Promise<number> {
    return this.#staged.begin()
  }
  async stagePiece(staged: number, octets: Uint8Array): Promise<void> {
    this.#staged.write(staged, octets)
  }
  async unstage(staged: number): Promise<void> {
    this.#staged.abort(staged)
  }

  async append(id: number, messages: readonly EngineMessage[]): Promise<readonly number[]> {
    const outcome = await this.#commit(this.#loaded.opened(id), messages)
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
    const folder = this.#loaded.opened(id)
    return folder.lock.run(async () => {
      const change = await this.#flagChange(folder, uids, action, flags, unchangedSince)
      if (change.uids.length === 0) return change.modified
      const modSeq = folder.nextModSeq()
      this.#watches.expectChange(folder, change.uids, change.flags)
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

  /** What the flags become; new keywords are in their list when it resolves. */
  async #flagChange(
    folder: MaildirFolder,
    uids: readonly number[],
    action: 'add' | 'remove' | 'replace',
    flags: readonly Flag[],
    unchangedSince: number | null,
  ): Promise<ReturnType<typeof flagChange>> {
    await folder.listLock.enter()
    try {
      const before = folder.currentKeywords()
      const change = flagChange(folder.state, uids, action, flags, unchangedSince ?? undefined)
      folder.saveKeywords(before)
      return change
    } finally {
      folder.listLock.leave()
    }
  }

  async expunge(id: number, uids: readonly number[], keep: boolean): Promise<readonly number[]> {
    const folder = this.#loaded.opened(id)
    return folder.lock.run(() => this.#expunge(folder, uids, keep))
  }

  async copy(id: number, uids: readonly number[], target: string): Promise<CopyResult> {
    const to = await this.#loaded.folder(this.#loaded.opened(id).account, target)
    const source = this.#loaded.opened(id)
    const leave = await enterBoth(source, to)
    try {
      return await this.#copy(source, uids, to)
    } finally {
      leave()
    }
  }

  async move(id: number, uids: readonly number[], target: string, keep: boolean): Promise<CopyResult> {
    const to = await this.#loaded.folder(this.#loaded.opened(id).account, target)
    const source = this.#loaded.opened(id)
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
    const folder = this.#loaded.opened(id)
    const watch = this.#watches.of(folder)
    if (watch?.active) {
      // what the kernel has told already is heard in the next turn of the loop
      for (let turn = 0; turn < 2 && !watch.touched; turn++) await setImmediate()
      if (!watch.touched) return
    }
    // what waited for the lock may have looked already
    await folder.lock.run(() => (watch?.active && !watch.touched ? null : this.#scan(folder)))
  }

  async purge(id: number, uids: readonly number[]): Promise<void> {
    this.#loaded.find(id)?.purge(uids)
  }

  async places(id: number, uids: readonly number[]): Promise<MailboxPlaces | null> {
    const folder = this.#loaded.find(id)
    if (!folder) return null
    const messages = uids.flatMap((uid) => {
      const at = folder.state.find(uid)
      return at < 0 ? [] : [{ uid, place: whole(`${folder.path}/${folder.place(at)}`) }]
    })
    const { account, name: mailbox, state } = folder
    const { mailboxId, uidValidity } = state.facts
    const file = indexPath(this.#loaded.account(account).tree.path)
    return { account, mailbox, key: { file, mailboxId, uidValidity }, messages }
  }

  async locate(id: number, uid: number): Promise<MessagePlace | null> {
    const folder = this.#loaded.find(id)
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
    this.#watches.stopAll()
    this.#staged.abortAll()
    this.#loaded.unloadAll()
    this.#options.syncer.close()
  }

  #folderForDelivery(account: string, mailbox: string): MaildirFolder | Promise<MaildirFolder> {
    const name = mailboxName(mailbox)
    const { tree, folders } = this.#loaded.account(account)
    if (!folders.has(name) && !tree.exists(name)) {
      tree.make(name)
      this.#options.emit({ kind: 'list', account })
    }
    return this.#loaded.folder(account, name)
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

  /** The folder is locked. */
  async #scan(folder: MaildirFolder): Promise<void> {
    if (folder.gone) return
    const watch = this.#watches.of(folder)
    if (watch) watch.touched = false
    const found = await this.#found(folder)
    if (found === null) {
      this.#forget(folder)
      return
    }
    const { flagged, expunged, appended, puzzling } = found
    if (puzzling) this.#options.clock.after(PUZZLED_MS, () => this.#look(folder, () => !folder.gone))
    this.#events.flags(folder, flagged.uids, flagged.flags, flagged.modSeq)
    this.#events.expunged(folder, expunged.uids, expunged.modSeq)
    if (appended.length > 0) this.#tellAppended(folder, appended, folder.bases.slice(-appended.length))
  }

  /** null also for a folder that another program removed. */
  async #found(folder: MaildirFolder): Promise<Found | null> {
    try {
      return await this.#scanLocked(folder)
    } catch (error) {
      const isThere = ['cur', 'new'].every((part) => this.#deps.files.stat(`${folder.path}/${part}`)?.isDirectory)
      if (isThere) throw error
      return null
    }
  }

  async #scanLocked(folder: MaildirFolder): Promise<Found | null> {
    await folder.listLock.enter()
    try {
      return await this.#turns.run(scanFolder(folder))
    } finally {
      folder.listLock.leave()
    }
  }

  #shown(folder: MaildirFolder, placed: Placed): void {
    this.#watches.expectPlaced(folder, placed)
    this.#tellAppended(folder, placed.rows, placed.bases)
  }

  #expunge(folder: MaildirFolder, uids: readonly number[], keep: boolean): number[] {
    const present = [...uidSet(uids)].filter((uid) => folder.state.find(uid) >= 0)
    if (present.length === 0) return []
    this.#watches.expectChange(folder, present, null)
    const { done, error } = folder.takeOut(present, keep && folder.uses > 0)
    if (done.length > 0) {
      const modSeq = folder.nextModSeq()
      folder.drop(done, modSeq)
      this.#events.expunged(folder, done, modSeq)
    }
    if (error) throw error
    return done
  }

  async #copy(source: MaildirFolder, uids: readonly number[], to: MaildirFolder): Promise<CopyResult> {
    await to.listLock.enter()
    try {
      return await this.#copyLocked(source, uids, to)
    } finally {
      to.listLock.leave()
    }
  }

  async #copyLocked(source: MaildirFolder, uids: readonly number[], to: MaildirFolder): Promise<CopyResult> {
    if (to.listChanged()) await this.#scan(to)
    if (source.gone || to.gone) throw noSuchMailbox()
    const { table } = to.state
    const before = to.currentKeywords()
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
    this.#loaded.account(account).tree.create(target, null)
    const inbox = await this.#loaded.folder(account, INBOX)
    await this.move(inbox.id, [...inbox.state.uids()], target, true)
  }

  #renamed(folder: MaildirFolder, name: string): void {
    this.#loaded.renamed(folder, name)
    if (this.#watches.of(folder)) this.#watches.start(folder)
    this.#events.renamed(folder, folder.path)
  }

  /** The folder is no more what sessions knew. */
  #forget(folder: MaildirFolder): void {
    this.#watches.stop(folder.id)
    this.#loaded.forget(folder)
    this.#events.deleted(folder)
  }

  /** Scans it in its turn, if that is still `due` by then. */
  #look(folder: MaildirFolder, due: () => boolean): void {
    const { log } = this.#deps
    folder.lock
      .run(() => (due() ? this.#scan(folder) : null))
      .catch((error: unknown) =>
        log.error('mailbox cannot be read', { user: folder.account, mailbox: folder.name, error: String(error) }),
      )
  }

  #flagged(folder: MaildirFolder, uids: readonly number[], flags: readonly number[], modSeq: number): void {
    for (const [i, uid] of uids.entries()) folder.state.setFlags(folder.state.find(uid), flags[i]!, modSeq)
    this.#events.flags(folder, uids, flags, modSeq)
  }

  #tellAppended(folder: MaildirFolder, rows: readonly MessageRow[], bases: readonly string[]): void {
    this.#events.appended(folder, rows, bases)
    if (folder.uses > 0) return
    const { ids, uids } = this.#stored
    // all of a batch in one event
    if (ids.length === 0) queueMicrotask(() => this.#tellStored())
    for (const { uid } of rows) {
      ids.push(folder.id)
      uids.push(uid)
    }
  }

  #tellStored(): void {
    const stored = this.#stored
    this.#stored = { ids: [], uids: [] }
    this.#options.emit({ kind: 'stored', ...stored })
  }
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

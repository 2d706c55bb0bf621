// Writes messages into Maildirs, many at a time: all that arrive while a sync runs share the next one.
import { temporary } from '../../base/failure.ts'
import type { EngineMessage, PostedFailure } from '../engine.ts'
import { postFailure } from '../failures.ts'
import type { StagedBodies } from '../staged-bodies.ts'
import type { Syncer } from '../syncer.ts'
import { withSizes } from './file-name.ts'
import type { FolderDeps, MaildirFolder, NewFile, Placed } from './folder.ts'
import { type StagedFile, writeMessage } from './message-file.ts'

/** Messages for one folder that succeed or fail together. */
interface Group {
  readonly folder: MaildirFolder
  readonly messages: readonly EngineMessage[]
  /** Set on the way. */
  settle: (outcome: Outcome | Later) => void
  files: WrittenFile[]
  uids: readonly number[]
  failure: PostedFailure | null
  /** Not settled with the batch it came in. */
  late: boolean
}

export type Outcome = { readonly uids: readonly number[] } | { readonly failure: PostedFailure }
/** Somebody is at work in the folder. */
export interface Later {
  readonly later: Promise<Outcome>
}

interface WrittenFile {
  readonly staged: StagedFile | null
  readonly message: EngineMessage
  /** Name without sizes. */
  readonly name: string
}

interface PlacedGroups {
  readonly folder: MaildirFolder
  readonly groups: readonly Group[]
  /** By their names without sizes. */
  readonly files: ReadonlyMap<string, NewFile>
  readonly placed: Placed
}

export interface CommitHost {
  readonly deps: FolderDeps
  readonly syncer: Syncer
  readonly staged: StagedBodies
  /** Looks for foreign changes before we append, when the UID list is not as we left it. */
  catchUp(folder: MaildirFolder): Promise<void>
  /** Tells sessions; called once a folder and batch, with the folder locked. */
  shown(folder: MaildirFolder, placed: Placed): void
}

export class Committer {
  readonly #host: CommitHost
  #waiting: Group[] = []
  #running: Promise<void> | null = null
  readonly #slow = new Set<Promise<void>>()

  constructor(host: CommitHost) {
    this.#host = host
  }

  /** UIDs in order once all is stable. The folder stays in memory until then. */
  add(folder: MaildirFolder, messages: readonly EngineMessage[]): Promise<Outcome | Later> {
    folder.expecting++
    return new Promise((settle) => {
      this.#waiting.push({ folder, messages, settle, files: [], uids: [], failure: null, late: false })
      this.#running ??= this.#run()
    })
  }

  async idle(): Promise<void> {
    await this.#running
    await Promise.all(this.#slow)
  }

  async #run(): Promise<void> {
    // what was called together arrives together
    await null
    while (this.#waiting.length > 0) await this.#batch(this.#waiting.splice(0))
    this.#running = null
  }

  async #batch(groups: Group[]): Promise<void> {
    for (const group of groups) this.#attempt([group], () => this.#write(group))
    const staged = groups.flatMap((group) => group.files.flatMap((file) => (file.staged ? [file.staged.path] : [])))
    await this.#attemptAsync(groups, () => this.#host.syncer.sync(staged, []))
    const free = byFolder(groups)
    const leave: (() => void)[] = []
    for (const [folder, held] of free) {
      const done = lockFree(folder)
      if (done) leave.push(done)
      else {
        free.delete(folder)
        this.#commitLater(folder, held)
      }
    }
    try {
      await this.#commit(free)
    } finally {
      for (const done of leave) done()
    }
    for (const group of groups) if (!group.late) this.#finish(group)
  }

  /** By itself, once whoever is at work in the folder is done, and after a look at it where that is due. */
  #commitLater(folder: MaildirFolder, groups: Group[]): void {
    for (const group of groups) {
      const { promise, resolve } = Promise.withResolvers<Outcome>()
      group.late = true
      group.settle({ later: promise })
      group.settle = resolve as Group['settle']
    }
    const slow = folder.lock
      .run(async () => {
        await this.#attemptAsync(groups, async () => {
          await folder.listLock.enter()
          try {
            if (folder.listChanged()) await this.#host.catchUp(folder)
          } catch (error) {
            folder.listLock.leave()
            throw error
          }
        })
        await this.#commit(byFolder(groups))
      })
      .then(() => {
        for (const group of groups) this.#finish(group)
        this.#slow.delete(slow)
      })
    this.#slow.add(slow)
  }

  /** Files of all folders into place, one sync for all of them, then they are shown. Folders and their lists are locked. */
  async #commit(folders: Map<MaildirFolder, Group[]>): Promise<void> {
    const placed: PlacedGroups[] = []
    for (const [folder, groups] of folders) {
      this.#attempt(groups, () => {
        const files = this.#newFiles(folder, groups)
        const good = groups.filter(({ failure }) => failure === null)
        placed.push({ folder, groups: good, files, placed: folder.placeFiles([...files.values()]) })
      })
      folder.listLock.leave()
    }
    const groups = placed.flatMap((entry) => entry.groups)
    await this.#attemptAsync(groups, () =>
      this.#host.syncer.sync(
        placed.flatMap((entry) => entry.placed.syncFiles),
        placed.flatMap((entry) => entry.placed.syncDirectories),
      ),
    )
    for (const entry of placed) this.#show(entry)
  }

  #show({ folder, groups, files, placed }: PlacedGroups): void {
    if (groups.some((group) => group.failure !== null)) {
      placed.undo()
      return
    }
    if (files.size > 0) {
      folder.show(placed, [...files.values()])
      this.#host.shown(folder, placed)
    }
    const uids = new Map(Array.from(files.keys(), (name, i) => [name, placed.rows[i]!.uid]))
    for (const group of groups) group.uids = group.files.map(({ name }) => uids.get(name) ?? folder.uidOf(name))
  }

  /** Writes a group's messages, not yet into their mailbox. */
  #write(group: Group): void {
    const { deps, staged: bodies } = this.#host
    const { files, clock, namer } = deps
    const { folder } = group
    for (const message of group.messages) {
      const { key, internalDate, octets, staged } = message
      const name = key === null ? namer.unique(clock.now()) : namer.keyed(key, internalDate)
      if (key !== null && folder.hasName(name)) {
        if (staged !== null) bodies.abort(staged)
        group.files.push({ staged: null, message, name })
        continue
      }
      const file =
        staged === null
          ? writeMessage(files, bodies.nextPath(), octets!, internalDate)
          : bodies.take(staged).finish(internalDate)
      group.files.push({ staged: file, message, name })
    }
  }

  #newFiles(folder: MaildirFolder, groups: readonly Group[]): ReadonlyMap<string, NewFile> {
    if (folder.gone) throw temporary('the mailbox was deleted or replaced')
    const { table } = folder.state
    const before = folder.currentKeywords()
    let given = 0
    const used = () => folder.state.usedFlags() | given
    const files = new Map<string, NewFile>()
    for (const group of groups) {
      this.#attempt([group], () => {
        const own: [string, NewFile][] = []
        for (const { staged, message, name } of group.files) {
          // two deliveries of one key may have met in this batch, or the first has been slow
          if (!staged || files.has(name) || (message.key !== null && folder.hasName(name))) continue
          const flags = table.bits(message.flags, used)
          given |= flags
          const base = withSizes(name, staged.fileSize, staged.wireSize)
          const file = {
            from: staged.path,
            link: false,
            base,
            flags,
            internalDate: message.internalDate,
            size: staged.wireSize,
            thread: staged.thread,
            guid: null,
          }
          own.push([name, file])
        }
        for (const [name, file] of own) files.set(name, file)
      })
    }
    folder.saveKeywords(before)
    return files
  }

  #finish(group: Group): void {
    group.folder.expecting--
    if (group.failure === null) {
      group.settle({ uids: group.uids })
      return
    }
    for (const { staged } of group.files) if (staged) this.#discard(staged.path)
    group.settle({ failure: group.failure })
  }

  #discard(path: string): void {
    try {
      this.#host.deps.files.unlink(path)
    } catch {
      // placed and undone, or swept at the next start
    }
  }

  #attempt(groups: readonly Group[], run: () => void): void {
    try {
      run()
    } catch (error) {
      fail(groups, error)
    }
  }
  async #attemptAsync(groups: readonly Group[], run: () => Promise<void>): Promise<void> {
    try {
      await run()
    } catch (error) {
      fail(groups, error)
    }
  }
}

function fail(groups: readonly Group[], error: unknown): void {
  for (const group of groups) group.failure ??= postFailure(error)
}

/**
 * Locks it and its list when nobody is at work in it and there is nothing to look for first: what unlocks the folder, or
 * null. When that cannot be told, the attempt will say why.
 */
function lockFree(folder: MaildirFolder): (() => void) | null {
  if (folder.lock.busy) return null
  let entered = false
  try {
    entered = folder.listLock.tryEnter()
    if (entered && !folder.listChanged()) return folder.lock.tryEnter()
  } catch {
    // told by the attempt
  }
  if (entered) folder.listLock.leave()
  return null
}

function byFolder(groups: readonly Group[]): Map<MaildirFolder, Group[]> {
  const folders = new Map<MaildirFolder, Group[]>()
  for (const group of groups) {
    if (group.failure !== null) continue
    const others = folders.get(group.folder)
    if (others) others.push(group)
    else folders.set(group.folder, [group])
  }
  return folders
}

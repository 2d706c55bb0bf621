// One Maildir folder that is loaded: its messages, where their files lie, and every change of them on disk.
import type { Clock } from '../../base/clock.ts'
import type { Files } from '../../base/files.ts'
import type { Logger } from '../../base/log.ts'
import { nameHash, shortHash } from '../header-text.ts'
import type { MailboxState, MessageRow } from '../mailbox-state.ts'
import { Mutex } from '../mutex.ts'
import { type FileNamer, fileName, flagLetters, parseFileName, savedAt, unsized } from './file-name.ts'
import { formatKeywords, KEYWORDS, parseKeywords } from './keywords-file.ts'
import { LeftOut } from './left-out.ts'
import { ListLock } from './list-lock.ts'
import { copyMessage } from './message-file.ts'
import { ModSeqFile } from './mod-seq-file.ts'
import { CACHE, formatCache, stampOf } from './state-cache.ts'
import { formatHeader, formatLine, UIDLIST } from './uidlist.ts'

/** In tmp/: a message that comes from another file system. */
const COPY = 'estafeta.copy'

export interface FolderDeps {
  readonly files: Files
  readonly clock: Clock
  readonly log: Logger
  readonly namer: FileNamer
}

/** A file that becomes a message of this folder. */
export interface NewFile {
  /** A staged file, which is renamed, or another message's, which is linked. */
  readonly from: string
  readonly link: boolean
  readonly base: string
  readonly flags: number
  readonly internalDate: number
  readonly size: number
  readonly thread: bigint | null
  /** Of the message it is a copy of. */
  readonly guid: string | null
}

/** Files in place and in the UID list, not yet known to be stable, and shown to nobody. */
export interface Placed {
  readonly rows: readonly MessageRow[]
  readonly bases: readonly string[]
  /** What must be synced before they may be shown. */
  readonly syncFiles: readonly string[]
  readonly syncDirectories: readonly string[]
  readonly undo: () => void
}

/** How far an operation came on many messages, and what stopped it. */
export interface Attempted {
  readonly done: number[]
  readonly error: Error | null
}

export interface ListSize {
  size: number
  ino: number
}

export class MaildirFolder {
  readonly id: number
  readonly account: string
  path: string
  readonly deps: FolderDeps
  readonly state: MailboxState
  /** In the order of the state's columns. */
  bases: string[] = []
  readonly guids: Map<number, string>
  /** Messages whose file name is not what base and flags say, with their path below the folder. */
  readonly odd = new Map<number, string>()
  /** Messages that lie in new/. */
  readonly fresh = new Set<number>()
  /** Expunged messages that sessions hold. */
  readonly held = new Map<number, string>()
  readonly lock = new Mutex()
  readonly modSeqs: ModSeqFile
  readonly uidlist: ListSize = { size: 0, ino: 0 }
  /** Sessions' mirrors of it. */
  uses = 0
  /** Deliveries and appends that are on their way into it. */
  expecting = 0
  gone = false
  /** Taken over from the cache, since nothing seems to have changed: a scan is still to come. */
  unverified = false
  /** Short hashes of the names that a delivery key may ask for; made at the first such question. */
  #names: Set<number> | null = null
  #staleLines = 0
  readonly leftOut: LeftOut
  /** Around all that writes the UID list. */
  readonly listLock: ListLock

  constructor(
    deps: FolderDeps,
    id: number,
    account: string,
    path: string,
    state: MailboxState,
    guids: Map<number, string>,
  ) {
    this.deps = deps
    this.id = id
    this.account = account
    this.path = path
    this.state = state
    this.guids = guids
    this.modSeqs = new ModSeqFile(deps.files, this)
    this.listLock = new ListLock(deps, this)
    this.leftOut = new LeftOut(deps.log.with({ user: account, mailbox: state.facts.name }))
  }

  /** Somebody works with it: it must stay in memory. */
  get busy(): boolean {
    return this.uses > 0 || this.expecting > 0 || this.lock.busy
  }

  get name(): string {
    return this.state.facts.name
  }

  /** Path below the folder of the message at this index. */
  place(at: number): string {
    const uid = this.state.uids()[at]!
    if (this.fresh.has(uid)) return `new/${this.bases[at]}`
    return this.odd.get(uid) ?? `cur/${fileName(this.bases[at]!, flagLetters(this.state.flagsAt(at)))}`
  }

  /** The name that ties copies of one message together. */
  guidAt(at: number): string {
    return this.guids.get(this.state.uids()[at]!) ?? unsized(this.bases[at]!)
  }

  /** The next mod-sequence; its reservation is stable when it returns. */
  nextModSeq(): number {
    const next = this.state.facts.highestModSeq + 1
    if (this.modSeqs.reserve(next)) this.#sync(this.modSeqs.path)
    return next
  }

  /** Whether a message of this unsized name is here. */
  hasName(name: string): boolean {
    this.#names ??= new Set(this.bases.map((base) => shortHash(unsized(base))))
    return this.#names.has(shortHash(name)) && this.uidOf(name) > 0
  }

  /** 0 when there is none. */
  uidOf(name: string): number {
    return this.state.uids()[this.bases.findLastIndex((base) => unsized(base) === name)] ?? 0
  }

  /**
   * Moves or links files into the folder and appends them to the UID list. All or none: what was done is undone before it
   * throws. The caller syncs, then shows them by `show`, or calls `undo`.
   */
  placeFiles(items: readonly NewFile[]): Placed {
    if (items.length === 0) return { rows: [], bases: [], syncFiles: [], syncDirectories: [], undo: () => {} }
    const { files } = this.deps
    const done: string[] = []
    const before = { ...this.uidlist }
    const undo = () => {
      for (const path of done) ignoreErrors(() => files.unlink(path))
      // lines without a file do no harm, another program's must stay
      ignoreErrors(() => this.listChanged() || this.#truncateList(before.size))
    }
    try {
      const next = this.state.facts.highestModSeq + 1
      const reserved = this.modSeqs.reserve(next)
      const rows: MessageRow[] = []
      const directories = new Set<string>()
      let lines = ''
      for (const item of items) {
        const uid = this.state.facts.uidNext + rows.length
        const guid = item.guid ?? undefined
        const directory = item.flags === 0 && !item.link ? 'new' : 'cur'
        const name = directory === 'new' ? item.base : fileName(item.base, flagLetters(item.flags))
        const to = `${this.path}/${directory}/${name}`
        this.#putInPlace(item, to)
        done.push(to)
        directories.add(`${this.path}/${directory}`)
        rows.push(this.newRow(uid, item.base, item.flags, next, item, guid))
        lines += formatLine(uid, item.base, guid)
      }
      this.#appendLines(lines)
      return {
        rows,
        bases: items.map((item) => item.base),
        syncFiles: [`${this.path}/${UIDLIST}`, ...(reserved ? [this.modSeqs.path] : [])],
        syncDirectories: [...directories, ...(reserved ? [this.path] : [])],
        undo,
      }
    } catch (error) {
      undo()
      throw error
    }
  }

  /** They are stable: now they belong to the mailbox. */
  show(placed: Placed, items: readonly NewFile[]): void {
    placed.rows.forEach((row, i) => {
      const item = items[i]!
      if (item.guid !== null) this.guids.set(row.uid, item.guid)
      if (row.flags === 0 && !item.link) this.fresh.add(row.uid)
    })
    this.append(placed.rows, placed.bases)
  }

  /** Bases and columns grow together: who looks at them from outside the lock finds them of one length. */
  append(rows: readonly MessageRow[], bases: readonly string[]): void {
    for (const base of bases) {
      this.bases.push(base)
      this.#names?.add(shortHash(unsized(base)))
    }
    this.state.append(rows)
  }

  /**
   * Renames files to their new flags (`flags[i]` of `uids[i]`, all present). Stops at the first error: what was done until
   * then stays done. `missing` are those whose file is not where it was.
   */
  renameFlags(uids: readonly number[], flags: readonly number[]): Attempted & { readonly missing: number[] } {
    const done: number[] = []
    const missing: number[] = []
    for (const [i, uid] of uids.entries()) {
      const at = this.state.find(uid)
      const from = this.place(at)
      const plain = `cur/${fileName(this.bases[at]!, flagLetters(flags[i]!))}`
      const to = plain + this.unknownLetters(uid)
      const error = from === to ? null : this.#rename(from, to)
      if (error?.code === 'ENOENT') missing.push(uid)
      else if (error) return { done, missing, error }
      else {
        this.fresh.delete(uid)
        if (to === plain) this.odd.delete(uid)
        else this.odd.set(uid, to)
        done.push(i)
      }
    }
    return { done, missing, error: null }
  }

  /** Takes files (all present) out of the folder, stable; with `keep` only out of sight, so that sessions can still read them. */
  takeOut(uids: readonly number[], keep: boolean): Attempted {
    const done: number[] = []
    const directories = new Set<string>()
    let error: NodeJS.ErrnoException | null = null
    for (const uid of uids) {
      const at = this.state.find(uid)
      const from = this.place(at)
      const to = `tmp/expunged.${uid}.${this.bases[at]!.slice(0, 200)}`
      error = keep ? this.#rename(from, to) : this.#unlink(from)
      if (error !== null && error.code !== 'ENOENT') break
      if (keep && error === null) this.held.set(uid, to)
      directories.add(from.slice(0, 3))
      done.push(uid)
      error = null
    }
    for (const directory of directories) this.deps.files.fsyncDir(`${this.path}/${directory}`)
    return { done, error }
  }

  /** Forgets messages whose files are gone (ascending). */
  drop(uids: readonly number[], modSeq: number): void {
    const gone = new Set(uids)
    const present = this.state.uids()
    let to = 0
    for (let from = 0; from < present.length; from++)
      if (!gone.has(present[from]!)) this.bases[to++] = this.bases[from]!
    this.bases.length = to
    for (const uid of uids) {
      this.fresh.delete(uid)
      this.odd.delete(uid)
      this.guids.delete(uid)
    }
    this.state.expunge(Uint32Array.from(uids), modSeq)
    this.#staleLines += uids.length
    this.#names = null
  }

  purge(uids: readonly number[]): void {
    for (const uid of uids) {
      const path = this.held.get(uid)
      if (path === undefined) continue
      this.held.delete(uid)
      ignoreErrors(() => this.deps.files.unlink(`${this.path}/${path}`))
    }
  }

  /** Takes over what another program wrote; a list that is gone or spoilt is written again. */
  takeKeywords(): void {
    const { files } = this.deps
    const path = `${this.path}/${KEYWORDS}`
    const keywords = files.stat(path) ? parseKeywords(files.readFile(path)) : []
    if (keywords.length > 0) this.state.table.replace(keywords)
    else this.saveKeywords([])
  }

  /** The keywords as they are, before new ones are added; with the list locked. */
  currentKeywords(): readonly (string | null)[] {
    if (this.listLock.keepsOut) this.takeKeywords()
    return [...this.state.table.keywords]
  }

  /** Writes dovecot-keywords when `before` was another list: before any name uses a new letter. */
  saveKeywords(before: readonly (string | null)[]): void {
    const { keywords } = this.state.table
    if (keywords.length === before.length && keywords.every((keyword, i) => keyword === before[i])) return
    this.replaceFile(KEYWORDS, Buffer.from(formatKeywords(keywords)))
  }

  /** Writes the UID list anew, stable when it returns. */
  writeList(): void {
    const { facts } = this.state
    const uids = this.state.uids()
    const lines = this.bases.map((base, i) => formatLine(uids[i]!, base, this.guids.get(uids[i]!)))
    this.replaceFile(UIDLIST, Buffer.from(formatHeader({ ...facts, guid: facts.mailboxId }) + lines.join(''), 'latin1'))
    this.#staleLines = 0
    this.noteList()
  }

  /** Appends lines for messages that were found, stable when it returns. */
  appendFound(rows: readonly MessageRow[], bases: readonly string[]): void {
    this.#appendLines(rows.map((row, i) => formatLine(row.uid, bases[i]!, undefined)).join(''))
    this.#sync(`${this.path}/${UIDLIST}`)
  }

  /** Remembers the list as it lies there now. */
  noteList(): void {
    const stat = this.deps.files.stat(`${this.path}/${UIDLIST}`)
    this.uidlist.size = stat?.size ?? 0
    this.uidlist.ino = stat?.ino ?? 0
  }

  /** True when another program wrote the UID list since. */
  listChanged(): boolean {
    const stat = this.deps.files.stat(`${this.path}/${UIDLIST}`)
    return stat === null || stat.size !== this.uidlist.size || stat.ino !== this.uidlist.ino
  }

  /** Leaves all that it knows on disk. Never throws: what is lost here is found again by a scan. */
  save(): void {
    if (this.gone) return
    this.purge([...this.held.keys()])
    ignoreErrors(() => {
      if (this.#staleLines > 100 && this.#staleLines > this.bases.length) this.#tidyList()
      if (!this.modSeqs.reserving) return
      // the names hold the flags that the numbers below vouch for; what flags moved must be in cur/ before it is gone from new/
      for (const directory of ['cur', 'new']) this.deps.files.fsyncDir(`${this.path}/${directory}`)
      this.#write(
        CACHE,
        formatCache(this.state, this.fresh, this.odd.size > 0 ? Buffer.alloc(16) : stampOf(this.deps.files, this.path)),
      )
      this.modSeqs.close(this.state.facts.highestModSeq)
    })
  }

  /** When no other program is about to write it, or has done so. */
  #tidyList(): void {
    if (!this.listLock.tryEnter()) return
    try {
      if (!this.listChanged()) this.writeList()
    } finally {
      this.listLock.leave()
    }
  }

  /** `guid` of a copy: the message it is a copy of. */
  newRow(
    uid: number,
    base: string,
    flags: number,
    modSeq: number,
    facts: { readonly internalDate: number; readonly size: number; readonly thread: bigint | null },
    guid: string | undefined = this.guids.get(uid),
  ): MessageRow {
    const email = nameHash(guid ?? unsized(base))
    const { internalDate, size } = facts
    return {
      uid,
      flags,
      modSeq,
      email,
      saveDate: savedAt(base) ?? internalDate,
      internalDate,
      size,
      thread: facts.thread ?? email,
    }
  }

  replaceFile(name: string, octets: Buffer): void {
    const temporary = this.#write(`${name}.estafeta`, octets)
    this.#sync(temporary)
    this.deps.files.rename(temporary, `${this.path}/${name}`)
    this.deps.files.fsyncDir(this.path)
  }

  #putInPlace({ from, link, internalDate }: NewFile, to: string): void {
    const { files } = this.deps
    try {
      if (link) files.link(from, to)
      else files.rename(from, to)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error
      const copy = `${this.path}/tmp/${COPY}`
      copyMessage(files, from, copy, internalDate)
      files.rename(copy, to)
      if (!link) files.unlink(from)
    }
  }

  #rename(from: string, to: string): NodeJS.ErrnoException | null {
    try {
      this.deps.files.rename(`${this.path}/${from}`, `${this.path}/${to}`)
      return null
    } catch (error) {
      return error as NodeJS.ErrnoException
    }
  }

  #unlink(name: string): NodeJS.ErrnoException | null {
    try {
      this.deps.files.unlink(`${this.path}/${name}`)
      return null
    } catch (error) {
      return error as NodeJS.ErrnoException
    }
  }

  /** Keyword letters in the name of this message that stand for no keyword. */
  unknownLetters(uid: number): string {
    const odd = this.odd.get(uid)
    if (odd === undefined) return ''
    const known = this.state.table.keywords
    return [...(parseFileName(odd).letters ?? '')]
      .filter((letter) => !'DFRST'.includes(letter) && !known[letter.charCodeAt(0) - 97])
      .join('')
  }

  #appendLines(lines: string): void {
    const { files } = this.deps
    const path = `${this.path}/${UIDLIST}`
    const octets = Buffer.from(lines, 'latin1')
    const fd = files.open(path, 'r+')
    try {
      files.write(fd, [octets], this.uidlist.size)
      this.uidlist.size += octets.length
    } finally {
      files.close(fd)
    }
  }

  #truncateList(size: number): void {
    const { files } = this.deps
    const fd = files.open(`${this.path}/${UIDLIST}`, 'r+')
    try {
      files.truncate(fd, size)
      this.uidlist.size = size
    } finally {
      files.close(fd)
    }
  }

  #write(name: string, octets: Buffer): string {
    const { files } = this.deps
    const path = `${this.path}/${name}`
    const fd = files.open(path, 'w')
    try {
      files.write(fd, [octets], 0)
    } finally {
      files.close(fd)
    }
    return path
  }

  #sync(path: string): void {
    const { files } = this.deps
    const fd = files.open(path, 'r+')
    try {
      files.fdatasync(fd)
    } finally {
      files.close(fd)
    }
  }
}

function ignoreErrors(run: () => void): void {
  try {
    run()
  } catch {
    // what could not be tidied up now is found and tidied at the next scan
  }
}

// The mbox back end: a file a mailbox, read and written under the dot lock that other mail programs honour.
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
  PostedFailure,
  StoreEngine,
} from '../engine.ts'
import { noSuchMailbox } from '../errors.ts'
import { postFailure } from '../failures.ts'
import { LateOutcomes } from '../late-outcomes.ts'
import { toLf } from '../line-ends.ts'
import { MailboxEvents, openedMailbox } from '../mailbox-events.ts'
import type { Flag, MailboxInfo, SpecialUse } from '../mailbox-store.ts'
import { accountDirectory } from '../maildir/folder-names.ts'
import { collectHeader, headerBlock, type MessageWriter } from '../maildir/message-file.ts'
import { INBOX, mailboxName } from '../names.ts'
import type { CopyResult } from '../open-mailbox.ts'
import { rawPieces } from '../place-reader.ts'
import { StagedBodies } from '../staged-bodies.ts'
import { flagChange } from '../store-flags.ts'
import { Turns } from '../turns.ts'
import { uidSet } from '../uid-set.ts'
import { lockMailFile } from './dotlock.ts'
import { MboxFile, type NewMboxMessage } from './mbox-file.ts'
import { MboxTree } from './tree.ts'

export interface MboxOptions {
  readonly directory: string
  readonly files: Files
  readonly clock: Clock
  readonly log: Logger
  readonly emit: (event: EngineEvent) => void
}

interface Account {
  readonly tree: MboxTree
  readonly boxes: Map<string, MboxFile>
  uses: number
}

const MAX_LOADED = 500
const LF = Buffer.from('\n')
/** The end of a line, and the empty one. */
const EMPTY_LINE = Buffer.from('\n\n')

export class MboxEngine implements StoreEngine {
  readonly #options: MboxOptions
  readonly #accounts = new Map<string, Account>()
  readonly #boxes = new Map<number, MboxFile>()
  readonly #staged: StagedBodies
  readonly #events: MailboxEvents
  readonly #late = new LateOutcomes()
  readonly #turns: Turns
  readonly #stable: Set<string>
  #lastId = 0

  constructor(options: MboxOptions) {
    const { files, clock, directory, emit } = options
    this.#options = options
    this.#stable = new Set([directory])
    this.#staged = new StagedBodies(files, directory)
    this.#turns = new Turns(clock)
    this.#events = new MailboxEvents(emit, (account) => (this.#accounts.get(account)?.uses ?? 0) > 0)
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
    this.#options.emit({ kind: 'list', account })
  }
  async subscribe(account: string, name: string, on: boolean): Promise<void> {
    this.#account(account).tree.account.subscribe(mailboxName(name), on)
    this.#options.emit({ kind: 'list', account })
  }

  async delete(account: string, name: string): Promise<void> {
    const key = mailboxName(name)
    const { tree, boxes } = this.#account(account)
    const box = boxes.get(key)
    const remove = () => {
      box?.purge([...box.held])
      tree.remove(key)
      if (!box) return
      box.gone = true
      boxes.delete(key)
      this.#boxes.delete(box.id)
      this.#events.deleted(box)
    }
    await (box ? box.lock.run(remove) : remove())
    this.#options.emit({ kind: 'list', account })
  }

  async rename(account: string, from: string, to: string): Promise<void> {
    const { tree, boxes } = this.#account(account)
    const [source, target] = [mailboxName(from), mailboxName(to)]
    if (source === INBOX) {
      tree.create(target, null)
      const inbox = this.#box(account, INBOX)
      await this.#locked(inbox, () => {})
      await this.move(inbox.id, [...inbox.state.uids()], target, true)
    } else {
      for (const [old, name] of tree.renames(source, target)) {
        const box = boxes.get(old)
        const move = () => {
          tree.move(old, name)
          if (!box) return
          boxes.delete(old)
          boxes.set(name, box)
          box.file = tree.fileOf(name)
          box.path = tree.stateOf(name)
          box.state.facts.name = name
          this.#events.renamed(box, null)
        }
        await (box ? box.lock.run(move) : move())
      }
      tree.sync()
    }
    this.#options.emit({ kind: 'list', account })
  }

  async usage(account: string): Promise<{ readonly messages: number; readonly bytes: number }> {
    let messages = 0
    let bytes = 0
    for (const name of this.#account(account).tree.names()) {
      const box = this.#box(account, name)
      if (!box.loaded) await this.#locked(box, () => {})
      messages += box.state.count
      bytes += box.state.totals().size
    }
    return { messages, bytes }
  }

  async open(account: string, name: string): Promise<OpenedMailbox> {
    const box = this.#box(account, mailboxName(name))
    return this.#locked(box, () => {
      box.uses++
      return openedMailbox(box, this.#account(account).tree.path, null)
    })
  }

  async close(id: number): Promise<void> {
    const box = this.#boxes.get(id)
    if (box && --box.uses === 0) box.purge([...box.held])
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
    const box = this.#opened(id)
    return this.#locked(box, () => this.#append(box, messages))
  }

  async deliver(deliveries: readonly EngineDelivery[]): Promise<readonly (PostedFailure | null | number)[]> {
    const groups = Map.groupBy(deliveries.entries(), ([, { account, mailbox }]) => `${account}\n${mailbox}`)
    const answers: (PostedFailure | null | number)[] = deliveries.map(() => null)
    const waiting = new Map<[number, EngineDelivery][], Promise<PostedFailure | null>>()
    const outcomes = [...groups.values()].map(async (group) => {
      const outcome = this.#deliver(group.map(([, delivery]) => delivery))
      waiting.set(group, outcome)
      const failure = await outcome
      waiting.delete(group)
      for (const [i] of group) answers[i] = failure
    })
    // who is not through by then waits for a lock
    await Promise.race([Promise.all(outcomes), setImmediate()])
    for (const [group, outcome] of waiting) for (const [i] of group) answers[i] = this.#late.add(outcome)
    return [...answers]
  }
  async delivered(late: number): Promise<PostedFailure | null> {
    return this.#late.take(late)
  }

  /** Into one mailbox, all or none. */
  async #deliver(group: readonly EngineDelivery[]): Promise<PostedFailure | null> {
    const { account, mailbox } = group[0]!
    try {
      const name = mailboxName(mailbox)
      const { tree } = this.#account(account)
      if (!tree.exists(name)) {
        tree.make(name)
        this.#options.emit({ kind: 'list', account })
      }
      const box = this.#box(account, name)
      const messages = group.map(({ message }) => message)
      await this.#locked(box, () => this.#append(box, messages))
      return null
    } catch (error) {
      return postFailure(error)
    }
  }

  async store(
    id: number,
    uids: readonly number[],
    action: 'add' | 'remove' | 'replace',
    flags: readonly Flag[],
    unchangedSince: number | null,
  ): Promise<readonly number[]> {
    const box = this.#opened(id)
    return this.#locked(box, async () => {
      const change = flagChange(box.state, uids, action, flags, unchangedSince ?? undefined)
      if (change.uids.length > 0) {
        const modSeq = box.nextModSeq()
        await this.#turns.run(box.setFlags(change.uids, change.flags, modSeq))
        this.#events.flags(box, change.uids, change.flags, modSeq)
      }
      return change.modified
    })
  }

  async expunge(id: number, uids: readonly number[], keep: boolean): Promise<readonly number[]> {
    const box = this.#opened(id)
    return this.#locked(box, () => this.#expunge(box, uids, keep))
  }

  async copy(id: number, uids: readonly number[], target: string): Promise<CopyResult> {
    const source = this.#opened(id)
    const to = this.#box(source.account, mailboxName(target))
    return this.#lockedBoth(source, to, () => this.#copy(source, uids, to))
  }

  async move(id: number, uids: readonly number[], target: string, keep: boolean): Promise<CopyResult> {
    const source = this.#opened(id)
    const to = this.#box(source.account, mailboxName(target))
    return this.#lockedBoth(source, to, async () => {
      const result = this.#copy(source, uids, to)
      await this.#expunge(
        source,
        result.pairs.map(([uid]) => uid),
        keep,
      )
      return result
    })
  }

  async refresh(id: number): Promise<void> {
    const box = this.#opened(id)
    if (box.changed()) await this.#locked(box, () => {})
  }

  async purge(id: number, uids: readonly number[]): Promise<void> {
    this.#boxes.get(id)?.purge(uids)
  }

  /** Without an index nobody asks. */
  async places(): Promise<null> {
    return null
  }

  async locate(id: number, uid: number): Promise<MessagePlace | null> {
    const box = this.#boxes.get(id)
    if (!box || box.gone) return null
    if (box.held.has(uid)) return box.place(uid)
    return this.#locked(box, () => box.place(uid))
  }

  async shutdown(): Promise<void> {
    this.#turns.stop()
    this.#staged.abortAll()
    for (const box of this.#boxes.values()) await box.lock.run(() => box.save())
    this.#boxes.clear()
    this.#accounts.clear()
  }

  #account(name: string): Account {
    let account = this.#accounts.get(name)
    if (!account) {
      const tree = new MboxTree(this.#options.files, accountDirectory(this.#options.directory, name), this.#stable)
      tree.make(INBOX)
      account = { tree, boxes: new Map(), uses: 0 }
      this.#accounts.set(name, account)
    }
    return account
  }

  #box(accountName: string, name: string): MboxFile {
    const { tree, boxes } = this.#account(accountName)
    const loaded = boxes.get(name)
    if (loaded) {
      this.#boxes.delete(loaded.id)
      this.#boxes.set(loaded.id, loaded)
      return loaded
    }
    if (!tree.exists(name)) throw noSuchMailbox()
    tree.make(name)
    const { files, clock } = this.#options
    const deps = { files, clock, nextUidValidity: () => tree.account.nextUidValidity(clock.now()) }
    const box = new MboxFile(deps, {
      id: ++this.#lastId,
      account: accountName,
      name,
      file: tree.fileOf(name),
      path: tree.stateOf(name),
    })
    boxes.set(name, box)
    this.#boxes.set(box.id, box)
    this.#trim()
    return box
  }

  #opened(id: number): MboxFile {
    const box = this.#boxes.get(id)
    if (!box || box.gone) throw noSuchMailbox()
    return box
  }

  /** Runs with the file locked against everybody, after taking over what others did. */
  #locked<T>(box: MboxFile, run: () => T | Promise<T>): Promise<T> {
    return box.lock.run(() => this.#dotLocked(box, run))
  }

  async #lockedBoth<T>(a: MboxFile, b: MboxFile, run: () => T | Promise<T>): Promise<T> {
    if (a === b) return this.#locked(a, run)
    const [first, second] = a.id < b.id ? [a, b] : [b, a]
    return first.lock.run(() => second.lock.run(() => this.#dotLocked(first, () => this.#dotLocked(second, run))))
  }

  async #dotLocked<T>(box: MboxFile, run: () => T | Promise<T>): Promise<T> {
    if (box.gone) throw noSuchMailbox()
    const lock = await lockMailFile(box.file, this.#options)
    try {
      if (!box.loaded) await this.#turns.run(box.load())
      else if (box.changed()) await this.#scan(box)
      return await run()
    } finally {
      lock.release()
    }
  }

  async #scan(box: MboxFile): Promise<void> {
    const { appended, flagged, expunged } = await this.#turns.run(box.scan())
    this.#events.flags(box, flagged.uids, flagged.flags, flagged.modSeq)
    this.#events.expunged(box, expunged.uids, expunged.modSeq)
    this.#events.appended(box, appended, null)
  }

  #append(box: MboxFile, messages: readonly EngineMessage[]): number[] {
    const { table } = box.state
    const uids: number[] = []
    const fresh: NewMboxMessage[] = []
    const keys = new Map<string, number>()
    const staged: MessageWriter[] = []
    let used = box.state.usedFlags()
    try {
      for (const { octets, staged: number, flags, internalDate, key } of messages) {
        const known = key === null ? null : (box.hasKey(key) ?? keys.get(key) ?? null)
        const writer = number === null ? null : this.#takeStaged(number)
        if (writer) staged.push(writer)
        uids.push(known ?? box.state.facts.uidNext + fresh.length)
        if (known !== null) continue
        if (key !== null) keys.set(key, uids.at(-1)!)
        const bits = table.bits(flags, () => used)
        used |= bits
        const parts = writer ? this.#stagedParts(writer) : splitMessage(toLf(asBuffer(octets!)))
        fresh.push({ ...parts, flags: bits, internalDate, key })
      }
      if (fresh.length > 0) this.#events.appended(box, box.append(fresh), null)
      return uids
    } finally {
      for (const { path } of staged) this.#options.files.unlink(path)
    }
  }

  async #expunge(box: MboxFile, uids: readonly number[], keep: boolean): Promise<number[]> {
    const present = [...uidSet(uids)].filter((uid) => box.state.find(uid) >= 0)
    if (present.length === 0) return present
    const modSeq = box.nextModSeq()
    await this.#turns.run(box.expunge(present, modSeq, keep))
    this.#events.expunged(box, present, modSeq)
    return present
  }

  #copy(source: MboxFile, uids: readonly number[], to: MboxFile): CopyResult {
    const { files } = this.#options
    const present = [...uidSet(uids)].filter((uid) => source.state.find(uid) >= 0)
    let used = to.state.usedFlags()
    const messages = present.map((uid): NewMboxMessage => {
      const row = source.state.row(source.state.find(uid))
      const flags = to.state.table.bits(source.state.table.names(row.flags), () => used)
      used |= flags
      const { head, ...rest } = source.place(uid)!
      // a small message is there whole; of a large one the header with its empty line
      const parts = splitMessage(asBuffer(head!))
      const body = () => chain(parts.body(), rest.start < rest.end! ? rawPieces(files, [rest]) : [])
      return { header: parts.header, body, flags, internalDate: row.internalDate, key: null }
    })
    const { uidValidity } = to.state.facts
    if (messages.length === 0) return { uidValidity, pairs: [] }
    const rows = to.append(messages)
    this.#events.appended(to, rows, null)
    return { uidValidity, pairs: present.map((uid, i) => [uid, rows[i]!.uid] as const) }
  }

  #takeStaged(staged: number): MessageWriter {
    const writer = this.#staged.take(staged)
    writer.finish(null)
    return writer
  }

  #stagedParts({ path }: MessageWriter): Pick<NewMboxMessage, 'header' | 'body'> {
    const { files } = this.#options
    const whole = { path, start: 0, end: null, quoted: false }
    const block = collectHeader(rawPieces(files, [whole]), Number.POSITIVE_INFINITY)
    return {
      header: withoutEmptyLine(block),
      body: () => rawPieces(files, [{ ...whole, start: block.length }]),
    }
  }

  #trim(): void {
    for (const box of this.#boxes.values()) {
      if (this.#boxes.size <= MAX_LOADED) return
      if (box.uses > 0 || box.lock.busy) continue
      box.save()
      this.#boxes.delete(box.id)
      this.#accounts.get(box.account)?.boxes.delete(box.name)
    }
  }
}

/** LF line ends; the header without its empty line. */
function splitMessage(octets: Buffer): Pick<NewMboxMessage, 'header' | 'body'> {
  const block = headerBlock(octets)
  return { header: withoutEmptyLine(block), body: () => [octets.subarray(block.length)] }
}

/** A message that is all header may lack it. */
const withoutEmptyLine = (block: Buffer): Buffer =>
  block.equals(LF) || block.subarray(-2).equals(EMPTY_LINE) ? block.subarray(0, -1) : block

function* chain(...parts: Iterable<Buffer>[]): Generator<Buffer> {
  for (const part of parts) yield* part
}

const asBuffer = (octets: Uint8Array): Buffer => Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength)

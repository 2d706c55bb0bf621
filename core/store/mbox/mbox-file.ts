// One mbox file: where its messages lie, what changes in it, and how it is written. The caller holds its lock, over all turns of a work.
import { randomBytes } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import type { Files } from '../../base/files.ts'
import { parseHeader } from '../../message/header.ts'
import type { MessagePlace } from '../engine.ts'
import { FlagTable } from '../flags.ts'
import { nameHash, threadOf } from '../header-text.ts'
import { missingCrs } from '../line-ends.ts'
import { MailboxState, type MessageRow } from '../mailbox-state.ts'
import { ModSeqFile } from '../maildir/mod-seq-file.ts'
import { Mutex } from '../mutex.ts'
import { rawPieces } from '../place-reader.ts'
import type { Steps } from '../turns.ts'
import { formatFromLine, quoteAfterLine, quoteFrom, unquoteFrom } from './from-line.ts'
import { formatMailboxList, type ListedMessage, type MailboxList, parseMailboxList } from './mailbox-list.ts'
import { type ScannedMessage, scanMbox } from './scan.ts'
import { formatImapBase, formatStatusFields, type ImapBase, parseStatusFields, replaceFlags } from './status-fields.ts'

/** Where a message lies. */
interface Spot {
  readonly from: number
  readonly start: number
  readonly bodyStart: number
  readonly end: number
  readonly hash: bigint
  readonly key: string | null
}

/** A message to append: LF line ends, in pieces that start at a line's start. */
export interface NewMboxMessage {
  readonly header: Buffer
  readonly body: () => Iterable<Buffer>
  readonly flags: number
  readonly internalDate: number
  readonly key: string | null
}

export interface MboxChanges {
  readonly appended: readonly MessageRow[]
  readonly flagged: { readonly uids: number[]; readonly flags: number[]; readonly modSeq: number }
  readonly expunged: { readonly uids: number[]; readonly modSeq: number }
}

const LIST = 'messages'
const SMALL = 262_144
const PIECE = 65_536
/** Of one message, of those that its header names. */
const MAX_FLAGS = 20
const LF = Buffer.from('\n')
const TWO_LF = Buffer.from('\n\n')

export interface MboxDeps {
  readonly files: Files
  readonly clock: Clock
  /** For a mailbox that never had one. */
  readonly nextUidValidity: () => number
}

export class MboxFile {
  readonly id: number
  readonly account: string
  readonly lock = new Mutex()
  readonly state: MailboxState
  readonly modSeqs: ModSeqFile
  /** Expunged messages that sessions hold: files beside the list. */
  readonly held = new Set<number>()
  uses = 0
  gone = false
  /** The mail file, and the folder of what stands beside it. */
  file: string
  path: string
  readonly #deps: MboxDeps
  readonly #spots = new Map<number, Spot>()
  /** UIDs in the order of the file, where new mail may have gone between. */
  #order: number[] = []
  #stamp = ''
  /** Octets before the first message, which are nobody's: they stay. */
  #preamble = 0
  #loaded = false

  constructor(deps: MboxDeps, identity: { id: number; account: string; name: string; file: string; path: string }) {
    const { id, account, name, file, path } = identity
    this.id = id
    this.account = account
    this.file = file
    this.path = path
    this.#deps = deps
    this.modSeqs = new ModSeqFile(deps.files, this)
    const facts = { name, uidValidity: 0, uidNext: 1, highestModSeq: 1, mailboxId: '' }
    this.state = new MailboxState(facts, new FlagTable())
  }

  /** Read into memory. */
  get loaded(): boolean {
    return this.#loaded
  }

  get name(): string {
    return this.state.facts.name
  }
  hasKey(key: string): number | null {
    for (const [uid, spot] of this.#spots) if (spot.key === key) return uid
    return null
  }
  /** Another program wrote the file since. */
  changed(): boolean {
    return this.#stampNow() !== this.#stamp
  }

  /** Reads the file again and takes over what changed. */
  *scan(): Steps<MboxChanges> {
    const { state } = this
    const stamp = this.#stampNow()
    const known = this.#listed()
    const { messages, preamble } = yield* this.#scanned()
    const found = yield* this.#match(messages, known, state.facts.uidNext)
    const present = new Set(found.map(({ uid }) => uid))
    const expunged = [...state.uids()].filter((uid) => !present.has(uid))
    const fresh = found.filter(({ uid }) => state.find(uid) < 0).sort((a, b) => a.uid - b.uid)
    const changed = found.filter(({ uid, flags }) => state.find(uid) >= 0 && state.flagsAt(state.find(uid)) !== flags)
    const any = expunged.length + fresh.length + changed.length > 0
    const modSeq = any ? this.nextModSeq() : state.facts.highestModSeq
    for (const { uid, flags } of changed) state.setFlags(state.find(uid), flags, modSeq)
    if (expunged.length > 0) state.expunge(Uint32Array.from(expunged), modSeq)
    const rows = fresh.map((message) => this.#row(message, modSeq))
    state.append(rows)
    this.#spots.clear()
    for (const { uid, spot } of found) this.#spots.set(uid, spot)
    this.#order = found.map(({ uid }) => uid)
    this.#preamble = preamble
    this.#stamp = stamp
    return {
      appended: rows,
      flagged: { uids: changed.map(({ uid }) => uid), flags: changed.map(({ flags }) => flags), modSeq },
      expunged: { uids: expunged, modSeq },
    }
  }

  nextModSeq(): number {
    const next = this.state.facts.highestModSeq + 1
    if (this.modSeqs.reserve(next)) this.#sync(this.modSeqs.path)
    return next
  }

  /** Appends and syncs. All or none: a failure leaves the file as it was. */
  append(messages: readonly NewMboxMessage[]): MessageRow[] {
    const { files, clock } = this.#deps
    const { facts, table } = this.state
    const modSeq = this.nextModSeq()
    const before = files.stat(this.file)?.size ?? 0
    const fd = files.open(this.file, 'r+')
    const rows: MessageRow[] = []
    const spots: Spot[] = []
    try {
      let at = this.#endAtLine(fd, before)
      if (this.#order.length === 0) this.#preamble = at
      for (const message of messages) {
        const uid = facts.uidNext + rows.length
        const base = this.#order.length + rows.length === 0 ? formatImapBase(facts.uidValidity, uid, table) : ''
        const written = this.#write(fd, at, message, base + formatStatusFields(uid, message.flags, table, message.key))
        spots.push(written.spot)
        rows.push(this.#newRow(uid, message, written, modSeq, clock.now()))
        at = written.next
      }
      files.fdatasync(fd)
    } catch (error) {
      files.truncate(fd, before)
      throw error
    } finally {
      files.close(fd)
      this.#stamp = this.#stampNow()
    }
    for (const [i, row] of rows.entries()) this.#take(row, spots[i]!)
    return rows
  }

  /** Changes flags in place where there is room, else by writing the file anew. */
  *setFlags(uids: readonly number[], flags: readonly number[], modSeq: number): Steps<void> {
    const { files } = this.#deps
    const fd = files.open(this.file, 'r+')
    let noRoom = false
    try {
      for (const [i, uid] of uids.entries()) {
        const { start, bodyStart } = this.#spots.get(uid)!
        const header = this.#readRange(fd, start, bodyStart)
        const replaced = replaceFlags(header, flags[i]!, this.state.table)
        if (replaced) files.write(fd, [replaced], start)
        else noRoom = true
        yield
      }
    } finally {
      files.close(fd)
    }
    for (const [i, uid] of uids.entries()) this.state.setFlags(this.state.find(uid), flags[i]!, modSeq)
    this.#stamp = this.#stampNow()
    if (noRoom) yield* this.#rewrite(new Set())
  }

  /** Takes messages out; `keep`: they stay readable until `purge`. */
  *expunge(uids: readonly number[], modSeq: number, keep: boolean): Steps<void> {
    for (const uid of keep ? uids : []) {
      this.#hold(uid)
      yield
    }
    yield* this.#rewrite(new Set(uids))
    for (const uid of uids) this.#spots.delete(uid)
    this.state.expunge(Uint32Array.from(uids), modSeq)
    // the highest UIDs may be gone with them: what comes next must be known
    this.saveList(true)
  }

  purge(uids: Iterable<number>): void {
    for (const uid of uids) if (this.held.delete(uid)) this.#deps.files.unlink(this.#heldPath(uid))
  }

  /** A small message comes along whole, so that nobody reads a file that changes meanwhile. */
  place(uid: number): MessagePlace | null {
    if (this.held.has(uid)) return { path: this.#heldPath(uid), start: 0, end: null, quoted: false }
    const spot = this.#spots.get(uid)
    if (!spot) return null
    const { files } = this.#deps
    const fd = files.open(this.file, 'r')
    try {
      const head = Buffer.concat([parseStatusFields(this.#header(fd, spot)).header, LF])
      const place = { path: this.file, start: spot.bodyStart, end: spot.end, quoted: true }
      if (spot.end - spot.bodyStart > SMALL) return { ...place, head: new Uint8Array(head) }
      const body = unquoteFrom(this.#readRange(fd, spot.bodyStart, spot.end))
      return { ...place, start: spot.end, head: new Uint8Array(Buffer.concat([head, body])) }
    } finally {
      files.close(fd)
    }
  }

  /** What the next start needs. `stable`: before anything is told that depends on it. */
  saveList(stable: boolean): void {
    const { facts, table } = this.state
    const messages = this.#order.flatMap((uid): ListedMessage[] => {
      const at = this.state.find(uid)
      if (at < 0) return []
      const { modSeq, internalDate, saveDate } = this.state.row(at)
      return [{ uid, hash: this.#spots.get(uid)!.hash, modSeq, internalDate, saveDate }]
    })
    const { uidValidity, uidNext, mailboxId: guid, highestModSeq } = facts
    const octets = formatMailboxList({ uidValidity, uidNext, guid, highestModSeq, keywords: table.keywords, messages })
    this.#replace(`${this.path}/${LIST}`, [octets], stable)
  }

  /** At a clean end: each message's own mod-sequence can be trusted at the next start. */
  save(): void {
    if (this.gone || !this.#loaded) return
    this.purge([...this.held])
    this.saveList(true)
    this.modSeqs.close(this.state.facts.highestModSeq)
  }

  /** Reads it for the first time. */
  *load(): Steps<void> {
    const { files } = this.#deps
    const { facts, table } = this.state
    for (const name of files.readdir(this.path)) if (name.startsWith('held.')) files.unlink(`${this.path}/${name}`)
    const list = this.#readList()
    const start = this.modSeqs.read()
    const stamp = this.#stampNow()
    const { messages, base, preamble } = yield* this.#scanned()
    table.replace(list?.keywords ?? base?.keywords ?? [])
    facts.uidValidity = list?.uidValidity ?? base?.uidValidity ?? this.#deps.nextUidValidity()
    facts.mailboxId = list?.guid ?? randomBytes(16).toString('hex')
    facts.uidNext = Math.max(list?.uidNext ?? 1, (base?.uidValidity === facts.uidValidity ? base.lastUid : 0) + 1)
    facts.highestModSeq = Math.max(start.highest, list?.highestModSeq ?? 1)
    const trusted = start.clean && (list?.highestModSeq ?? 1) >= start.highest
    if (!trusted) facts.highestModSeq++
    // without a list the UIDs of another program hold, if they go with its UIDVALIDITY
    const floor = list?.uidNext ?? (base ? 1 : facts.uidNext)
    const found = (yield* this.#match(messages, list?.messages ?? [], floor)).sort((a, b) => a.uid - b.uid)
    const modSeqs = new Map(trusted ? list?.messages.map(({ uid, modSeq }) => [uid, modSeq]) : [])
    this.state.append(found.map((message) => this.#row(message, modSeqs.get(message.uid) ?? facts.highestModSeq)))
    for (const { uid, spot } of found) this.#spots.set(uid, spot)
    this.#order = found.toSorted((a, b) => a.spot.from - b.spot.from).map(({ uid }) => uid)
    this.#preamble = preamble
    this.#stamp = stamp
    this.#loaded = true
    if (list === null || found.length !== list.messages.length) this.saveList(true)
  }

  // ------------------------------------------------------------ the inside

  #readList(): MailboxList | null {
    const path = `${this.path}/${LIST}`
    return this.#deps.files.stat(path) ? parseMailboxList(this.#deps.files.readFile(path)) : null
  }

  #listed(): ListedMessage[] {
    return this.#order.map((uid) => {
      const { modSeq, internalDate, saveDate } = this.state.row(this.state.find(uid))
      return { uid, hash: this.#spots.get(uid)!.hash, modSeq, internalDate, saveDate }
    })
  }

  *#scanned(): Steps<Scanned> {
    const { files } = this.#deps
    const stat = files.stat(this.file)
    if (!stat) return { messages: [], base: null, preamble: 0 }
    const fd = files.open(this.file, 'r')
    try {
      const all: ScannedMessage[] = []
      yield* scanMbox(files, fd, (message) => all.push(message))
      const [first] = all
      const base = first ? parseStatusFields(first.header).base : null
      return { messages: all.filter(({ header }) => !isInternal(header)), base, preamble: first?.from ?? stat.size }
    } finally {
      files.close(fd)
    }
  }

  /**
   * Knows messages again by their header, in order. Others keep the UID in their header if it is above `floor`, all that was
   * given before, or get the next one.
   */
  *#match(scanned: readonly ScannedMessage[], known: readonly ListedMessage[], floor: number): Steps<Matched[]> {
    const { facts, table } = this.state
    const places = Map.groupBy(known.entries(), ([, { hash }]) => hash)
    const matched: Matched[] = []
    let next = 0
    let used = this.state.usedFlags()
    for (const message of scanned) {
      yield
      const status = parseStatusFields(endedLine(message.header))
      const hash = nameHash(status.header.toString('latin1'))
      const [at, listed] = places.get(hash)?.find(([i]) => i >= next) ?? [-1, null]
      if (listed) next = at + 1
      const given = !listed && status.uid !== null && status.uid >= floor ? status.uid : null
      const uid = listed?.uid ?? given ?? facts.uidNext
      if (given !== null) floor = given + 1
      facts.uidNext = Math.max(facts.uidNext, uid + 1)
      const flags = table.bits(status.flags.slice(0, MAX_FLAGS), () => used)
      used |= flags
      const { from, start, bodyStart, end, date, bodySize } = message
      const thread = threadOf(parseHeader(status.header))
      const size = status.header.length + missingCrs(status.header) + 2 + bodySize
      const spot = { from, start, bodyStart, end, hash, key: status.key }
      const { internalDate = date, saveDate = date } = listed ?? {}
      matched.push({ uid, flags, spot, thread, size, internalDate, saveDate })
    }
    return matched
  }

  #row({ uid, flags, thread, size, internalDate, saveDate, spot }: Matched, modSeq: number): MessageRow {
    const email = spot.hash
    return { uid, flags, modSeq, internalDate, saveDate, size, email, thread: thread ?? email }
  }

  #newRow(uid: number, message: NewMboxMessage, written: Written, modSeq: number, now: number): MessageRow {
    const email = written.spot.hash
    const thread = threadOf(parseHeader(message.header)) ?? email
    const { flags, internalDate } = message
    return { uid, flags, modSeq, internalDate, saveDate: now, size: written.size, email, thread }
  }

  #take(row: MessageRow, spot: Spot): void {
    this.state.append([row])
    this.#spots.set(row.uid, spot)
    this.#order.push(row.uid)
  }

  /** Other programs may leave a file without the empty line that the next message needs before it. */
  #endAtLine(fd: number, size: number): number {
    const tail = this.#readRange(fd, Math.max(size - 2, 0), size).toString('latin1')
    const missing = size === 0 || tail === '\n\n' ? '' : tail.endsWith('\n') ? '\n' : '\n\n'
    if (missing !== '') this.#deps.files.write(fd, [Buffer.from(missing)], size)
    return size + missing.length
  }

  #write(fd: number, at: number, message: NewMboxMessage, fields: string): Written {
    const { files } = this.#deps
    const { header: plain } = parseStatusFields(message.header)
    const sender = /^<?([^<>\s]*)>?$/.exec(parseHeader(plain).get('return-path') ?? '')?.[1] ?? ''
    const from = Buffer.from(formatFromLine(sender, message.internalDate), 'utf8')
    const whole = endedLine(plain)
    const head = Buffer.concat([whole, Buffer.from(fields), LF])
    let next = at + files.write(fd, [from, head], at)
    const bodyStart = next
    let size = whole.length + missingCrs(whole) + 2
    let last = 10
    for (const piece of message.body()) {
      if (piece.length === 0) continue
      size += piece.length + missingCrs(piece, last)
      next += files.write(fd, [last === 10 ? quoteFrom(piece) : quoteAfterLine(piece)], next)
      last = piece.at(-1)!
    }
    if (last !== 10) {
      next += files.write(fd, [LF], next)
      size += 2
    }
    const spot = {
      from: at,
      start: at + from.length,
      bodyStart,
      end: next,
      hash: nameHash(whole.toString('latin1')),
      key: message.key,
    }
    next += files.write(fd, [LF], next)
    return { spot, next, size }
  }

  /** Writes the file anew without these messages; the others get their present flags and room for others. */
  *#rewrite(without: ReadonlySet<number>): Steps<void> {
    const { files } = this.#deps
    const { facts, table } = this.state
    const temporary = `${this.file}.estafeta`
    const source = files.open(this.file, 'r')
    const target = files.open(temporary, 'w')
    const moved = new Map<number, Spot>()
    const order = this.#order.filter((uid) => !without.has(uid) && this.#spots.has(uid))
    let done = false
    try {
      let at = yield* this.#copyRange(source, 0, this.#preamble, target, 0)
      for (const [i, uid] of order.entries()) {
        const spot = this.#spots.get(uid)!
        const from = this.#readRange(source, spot.from, spot.start)
        const { header, key } = parseStatusFields(this.#header(source, spot))
        const base = i === 0 ? formatImapBase(facts.uidValidity, facts.uidNext - 1, table) : ''
        const fields = base + formatStatusFields(uid, this.state.flagsAt(this.state.find(uid)), table, key)
        const start = at + files.write(target, [from], at)
        let next = start + files.write(target, [header, Buffer.from(fields), LF], start)
        const bodyStart = next
        next = yield* this.#copyRange(source, spot.bodyStart, spot.end, target, next)
        moved.set(uid, { ...spot, from: at, start, bodyStart, end: next })
        at = next + files.write(target, [this.#isEnded(source, spot) ? LF : TWO_LF], next)
      }
      files.fdatasync(target)
      done = true
    } finally {
      files.close(source)
      files.close(target)
      if (!done) files.unlink(temporary)
    }
    files.rename(temporary, this.file)
    files.fsyncDir(this.file.slice(0, this.file.lastIndexOf('/')))
    for (const [uid, spot] of moved) this.#spots.set(uid, spot)
    this.#order = order
    this.#stamp = this.#stampNow()
  }

  /** Gives where the copy ends. */
  *#copyRange(source: number, start: number, end: number, target: number, to: number): Steps<number> {
    const { files } = this.#deps
    for (let read = start; read < end; read += PIECE) {
      to += files.write(target, [this.#readRange(source, read, Math.min(read + PIECE, end))], to)
      yield
    }
    return to
  }

  /** The last message of a file may lack its last line end. */
  #isEnded(fd: number, { bodyStart, end }: Spot): boolean {
    return bodyStart === end || this.#readRange(fd, end - 1, end).at(-1) === 10
  }

  #hold(uid: number): void {
    const place = this.place(uid)
    if (!place) return
    const { files } = this.#deps
    const target = files.open(this.#heldPath(uid), 'w')
    try {
      let at = 0
      for (const piece of rawPieces(files, [place])) at += files.write(target, [piece], at)
    } finally {
      files.close(target)
    }
    this.held.add(uid)
  }

  #heldPath(uid: number): string {
    return `${this.path}/held.${uid}`
  }

  /** Without the empty line, which a message that ends with its header may lack. */
  #header(fd: number, { start, bodyStart }: Spot): Buffer {
    return endedLine(withoutEmptyLine(this.#readRange(fd, start, bodyStart)))
  }

  #readRange(fd: number, start: number, end: number): Buffer {
    const octets = Buffer.alloc(end - start)
    let at = 0
    while (at < octets.length) {
      const read = this.#deps.files.read(fd, octets, at, octets.length - at, start + at)
      if (read === 0) break
      at += read
    }
    return octets.subarray(0, at)
  }

  #stampNow(): string {
    const stat = this.#deps.files.stat(this.file)
    return stat ? `${stat.ino} ${stat.size} ${stat.mtimeMs}` : ''
  }

  #sync(path: string): void {
    const fd = this.#deps.files.open(path, 'r+')
    try {
      this.#deps.files.fdatasync(fd)
    } finally {
      this.#deps.files.close(fd)
    }
  }

  #replace(path: string, octets: readonly Buffer[], stable: boolean): void {
    const { files } = this.#deps
    const fd = files.open(`${path}.new`, 'w')
    try {
      files.write(fd, octets, 0)
      if (stable) files.fdatasync(fd)
    } finally {
      files.close(fd)
    }
    files.rename(`${path}.new`, path)
    if (stable) files.fsyncDir(this.path)
  }
}

interface Matched {
  readonly uid: number
  readonly flags: number
  readonly spot: Spot
  readonly thread: bigint | null
  readonly size: number
  readonly internalDate: number
  readonly saveDate: number
}

interface Written {
  readonly spot: Spot
  /** Where the next message starts. */
  readonly next: number
  readonly size: number
}

interface Scanned {
  readonly messages: readonly ScannedMessage[]
  /** Of the first message of the file, or of what c-client keeps there. */
  readonly base: ImapBase | null
  /** Octets before the first message. */
  readonly preamble: number
}

/** Header lines with a line end behind the last. */
const endedLine = (header: Buffer): Buffer =>
  header.length === 0 || header.at(-1) === 10 ? header : Buffer.concat([header, LF])

function withoutEmptyLine(block: Buffer): Buffer {
  const end = block.length - (block.at(-2) === 13 ? 2 : 1)
  const empty = block.at(-1) === 10 && (end === 0 || block[end - 1] === 10)
  return empty ? block.subarray(0, end) : block
}

/** The message that c-client keeps at the start of a file for itself. */
const isInternal = (header: Buffer): boolean =>
  /^X-IMAP:/im.test(header.toString('latin1')) && /FOLDER INTERNAL DATA/i.test(header.toString('latin1'))

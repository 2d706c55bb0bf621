// Reads a Maildir folder into memory, and later finds what other programs did to it.
import type { Files } from '../../base/files.ts'
import { FlagTable } from '../flags.ts'
import { MailboxState, type MessageRow } from '../mailbox-state.ts'
import type { Steps } from '../turns.ts'
import {
  fileName,
  flagLetters,
  inOrderOfArrival,
  isUsable,
  letterFlags,
  MAX_LETTERS,
  parseFileName,
  slotBits,
} from './file-name.ts'
import { type FolderDeps, MaildirFolder } from './folder.ts'
import { KEYWORDS, parseKeywords } from './keywords-file.ts'
import { ListLock } from './list-lock.ts'
import { type Inspection, inspect, Unreadable } from './message-file.ts'
import { CACHE, type CachedRow, IN_NEW, parseCache, type StateCache, stampOf } from './state-cache.ts'
import { parseUidList, UIDLIST, type UidList } from './uidlist.ts'

/** Each base with the place of its file below the folder: `new/…` or `cur/…`. */
type Listing = Map<string, string>

/** new/ is read first, so that a file that moves to cur/ meanwhile is not missed. */
function* listFiles(folder: MaildirFolder): Steps<Listing> {
  const listing: Listing = new Map()
  for (const directory of ['new', 'cur']) {
    for (const name of folder.deps.files.readdir(`${folder.path}/${directory}`)) {
      if (name.charCodeAt(0) !== DOT) enlist(folder, listing, directory, name)
      yield
    }
  }
  return listing
}

function enlist(folder: MaildirFolder, listing: Listing, directory: string, name: string): void {
  const { base } = parseFileName(name)
  const first = listing.get(base)
  const good = isUsable(name) && (first === undefined || !areTwo(folder, first, `${directory}/${name}`))
  const kept = good ? name : renameFile(folder, directory, name)
  if (kept !== null) listing.set(parseFileName(kept).base, `${directory}/${kept}`)
}

/** Of one base: two files, and not one that was renamed while the directory was read. */
function areTwo({ deps, path }: MaildirFolder, a: string, b: string): boolean {
  const [one, other] = [a, b].map((place) => deps.files.lstat(`${path}/${place}`))
  return one != null && other != null && one.ino !== other.ino
}

/** Gives a file a name that it can keep; null when that cannot be done. */
function renameFile(folder: MaildirFolder, directory: string, name: string): string | null {
  const { deps, path, leftOut } = folder
  const letters = parseFileName(name)
    .letters?.replace(/[^A-Za-z]/g, '')
    .slice(0, MAX_LETTERS)
  const base = deps.namer.unique(deps.clock.now())
  const to = letters === undefined ? base : fileName(base, letters)
  try {
    deps.files.rename(`${path}/${directory}/${name}`, `${path}/${directory}/${to}`)
    return to
  } catch (error) {
    leftOut.add(`${directory}/${name}`, (error as Error).message)
    return null
  }
}

/** null when it is gone, or is to be left out. */
function inspectFile({ deps, path, leftOut }: MaildirFolder, place: string, base: string): Inspection | null {
  try {
    return inspect(deps.files, `${path}/${place}`, base)
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    leftOut.add(place, error.message)
    return null
  }
}

const DOT = 46

const readIf = (files: Files, path: string): Buffer | null => (files.stat(path) ? files.readFile(path) : null)

export interface NewIdentity {
  readonly uidValidity: () => number
  readonly guid: () => string
}

interface Identity {
  readonly id: number
  readonly account: string
  readonly name: string
  readonly path: string
}

/** Loads a folder whose directories exist. What it gives UIDs to is stable in the UID list when it is done. */
export function* loadFolder(deps: FolderDeps, identity: Identity, make: NewIdentity): Steps<MaildirFolder> {
  // another program that has it just now will be done in a moment: what it does is found by the first scan
  const lock = new ListLock(deps, identity)
  lock.sweep()
  const locked = lock.tryEnter()
  try {
    return yield* load(deps, identity, make)
  } finally {
    if (locked) lock.leave()
  }
}

function* load(deps: FolderDeps, { id, account, name, path }: Identity, make: NewIdentity): Steps<MaildirFolder> {
  const { files } = deps
  sweepTmp(files, path)
  settle(files, path)
  const list = parseUidList(readIf(files, `${path}/${UIDLIST}`) ?? Buffer.alloc(0))
  const known: UidList = list ?? {
    uidValidity: make.uidValidity(),
    uidNext: 1,
    guid: '',
    uids: [],
    bases: [],
    guids: new Map(),
    clean: false,
  }
  const table = new FlagTable(parseKeywords(readIf(files, `${path}/${KEYWORDS}`) ?? Buffer.alloc(0)))
  const facts = {
    name,
    uidValidity: known.uidValidity,
    uidNext: known.uidNext,
    highestModSeq: 1,
    mailboxId: known.guid || make.guid(),
  }
  const folder = new MaildirFolder(deps, id, account, path, new MailboxState(facts, table), known.guids)
  const cache = usableCache(folder, parseCache(readIf(files, `${path}/${CACHE}`) ?? Buffer.alloc(0)))
  folder.noteList()
  if (list?.clean && cache && adoptAll(folder, list, cache)) return folder
  const listing = yield* listFiles(folder)
  yield* takeKnown(folder, known, listing, cache)
  const fresh = yield* takeNew(folder, listing)
  if (list === null || !list.clean || known.guid === '') folder.writeList()
  else if (fresh.length > 0) folder.appendFound(fresh, folder.bases.slice(-fresh.length))
  return folder
}

/** Files that deliveries, appends and expunges of an earlier run left behind. Nobody was told of them. */
function sweepTmp(files: Files, path: string): void {
  for (const name of files.readdir(`${path}/tmp`)) {
    const ours = name.startsWith('expunged.') || name.startsWith('estafeta.')
    if (ours && files.lstat(`${path}/tmp/${name}`)?.isFile) files.unlink(`${path}/tmp/${name}`)
  }
}

/** After a kill names and UIDs may be there that no sync has seen: before clients see them, one does. Costs nothing otherwise. */
function settle(files: Files, path: string): void {
  if (files.stat(`${path}/${UIDLIST}`)) {
    const fd = files.open(`${path}/${UIDLIST}`, 'r+')
    try {
      files.fdatasync(fd)
    } finally {
      files.close(fd)
    }
  }
  // what flags moved must be in cur/ before it is gone from new/
  for (const directory of ['cur', 'new']) files.fsyncDir(`${path}/${directory}`)
}

/** Sets HIGHESTMODSEQ and UIDNEXT. The cache, when it is of this folder, with mod-sequences that can be told to clients. */
function usableCache(folder: MaildirFolder, cache: StateCache | null): StateCache | null {
  const { facts } = folder.state
  const start = folder.modSeqs.read()
  const usable = cache !== null && cache.uidValidity === facts.uidValidity ? cache : null
  facts.highestModSeq = Math.max(start.highest, usable?.highestModSeq ?? 1)
  // a UID list that came out of a backup does not know all UIDs that were given
  facts.uidNext = Math.max(facts.uidNext, (usable?.columns.uid.at(-1) ?? 0) + 1)
  if (start.clean && usable !== null && usable.highestModSeq >= start.highest) return usable
  // a folder that never gave a number
  if (usable === null && start.clean && start.highest === 1) return null
  // what each message had is not known for sure: all count as changed just now
  facts.highestModSeq++
  usable?.columns.modSeq.fill(facts.highestModSeq)
  return usable
}

/** Takes all over from the cache, when directories and lists stand as they did when it was written. */
function adoptAll(folder: MaildirFolder, list: UidList, cache: StateCache): boolean {
  const { columns, stamp } = cache
  if (!stamp.equals(stampOf(folder.deps.files, folder.path))) return false
  const bases: string[] = []
  let at = 0
  for (let i = 0; i < list.uids.length && at < columns.count; i++) {
    if (list.uids[i] !== columns.uid[at]) continue
    bases.push(list.bases[i]!)
    at++
  }
  if (at < columns.count) return false
  for (let i = 0; i < columns.count; i++) {
    if (columns.flags[i]! < IN_NEW) continue
    columns.flags[i]! -= IN_NEW
    folder.fresh.add(columns.uid[i]!)
  }
  folder.bases = bases
  folder.state.adopt(columns)
  folder.unverified = true
  return true
}

/** Messages of the UID list that are there. */
function* takeKnown(folder: MaildirFolder, known: UidList, listing: Listing, cache: StateCache | null): Steps<void> {
  const { state } = folder
  const found: { uid: number; base: string; place: string }[] = []
  // of two lines with one base the later counts, so they are gone through from the end
  for (let i = known.uids.length - 1; i >= 0; i--) {
    const base = known.bases[i]!
    const place = listing.get(base)
    yield
    if (place === undefined) continue
    listing.delete(base)
    found.push({ uid: known.uids[i]!, base, place })
  }
  found.reverse()
  if (cache && state.count === 0 && sameUids(cache.columns.uid, found)) {
    const flags = Uint32Array.from(found, ({ uid, base, place }) => takeEntry(folder, uid, base, place))
    state.adopt({ ...cache.columns, flags })
    folder.bases = found.map(({ base }) => base)
    return
  }
  const rows: MessageRow[] = []
  const bases: string[] = []
  for (const { uid, base, place } of found) {
    const facts = cache?.row(uid) ?? inspectFile(folder, place, base)
    yield
    if (!facts) continue
    const modSeq = 'modSeq' in facts ? (facts as CachedRow).modSeq : state.facts.highestModSeq
    rows.push(folder.newRow(uid, base, takeEntry(folder, uid, base, place), modSeq, facts))
    bases.push(base)
  }
  folder.append(rows, bases)
}

function sameUids(cached: Uint32Array, found: readonly { readonly uid: number }[]): boolean {
  return cached.length === found.length && cached.every((uid, i) => uid === found[i]!.uid)
}

/** Messages without a UID get one, in the order in which they came. The caller writes them to the UID list. */
function* takeNew(folder: MaildirFolder, listing: Listing): Steps<MessageRow[]> {
  const { state } = folder
  if (listing.size === 0) return []
  const modSeq = folder.nextModSeq()
  const rows: MessageRow[] = []
  const bases: string[] = []
  for (const base of inOrderOfArrival(listing.keys())) {
    const entry = listing.get(base)!
    const facts = inspectFile(folder, entry, base)
    yield
    if (!facts) continue
    const uid = state.facts.uidNext + rows.length
    rows.push(folder.newRow(uid, base, takeEntry(folder, uid, base, entry), modSeq, facts))
    bases.push(base)
  }
  folder.append(rows, bases)
  return rows
}

/** Flag bits of a file as found; notes where it lies. */
function takeEntry(folder: MaildirFolder, uid: number, base: string, place: string): number {
  const { bits, unknown } = letterFlags(place.slice(place.lastIndexOf(INFO) + INFO.length), folder.state.table.keywords)
  const { fresh, odd } = folder
  if (fresh.size > 0) fresh.delete(uid)
  if (odd.size > 0) odd.delete(uid)
  if (place.length === base.length + 4 && place.startsWith('new/')) {
    fresh.add(uid)
    return 0
  }
  const named = place.length > base.length + 4 && place.startsWith(INFO, base.length + 4)
  const flags = named ? bits : 0
  if (named && unknown !== '') folder.state.reserve(slotBits(unknown))
  if (place !== `cur/${fileName(base, flagLetters(flags))}`) odd.set(uid, place)
  return flags
}

const INFO = ':2,'

export interface Found {
  readonly appended: readonly MessageRow[]
  readonly flagged: { readonly uids: number[]; readonly flags: number[]; readonly modSeq: number }
  readonly expunged: { readonly uids: number[]; readonly modSeq: number }
  /** Names have keyword letters that mean nothing yet: who wrote them may be about to say what they mean. */
  readonly puzzling: boolean
}

/**
 * Looks at the folder again, takes over what other programs changed, and says what that was. null: another program gave the
 * folder a new UIDVALIDITY, so that nothing known of it holds any more. The folder is locked.
 */
export function* scanFolder(folder: MaildirFolder): Steps<Found | null> {
  folder.unverified = false
  const { files } = folder.deps
  const { state } = folder
  const foreign = folder.listChanged()
    ? parseUidList(readIf(files, `${folder.path}/${UIDLIST}`) ?? Buffer.alloc(0))
    : null
  if (foreign && foreign.uidValidity !== state.facts.uidValidity) return null
  folder.takeKeywords()
  const odd = new Map(folder.odd)
  const listing = yield* listFiles(folder)
  const first = yield* compare(folder, listing, state.uids())
  // a file that was renamed while its directory was read can be missed once
  const second =
    first.missing.length > 0 ? yield* compare(folder, yield* listFiles(folder), Uint32Array.from(first.missing)) : null
  const flagged = takeMoved(folder, [...first.moved, ...(second?.moved ?? [])])
  const expunged = { uids: second?.missing ?? [], modSeq: state.facts.highestModSeq }
  if (expunged.uids.length > 0) {
    expunged.modSeq = folder.nextModSeq()
    folder.drop(expunged.uids, expunged.modSeq)
  }
  const appended = yield* takeFound(folder, listing, foreign)
  const puzzles = ([uid, place]: [number, string]) => odd.get(uid) !== place && folder.unknownLetters(uid) !== ''
  return { appended, flagged, expunged, puzzling: [...folder.odd].some(puzzles) }
}

interface Comparison {
  readonly moved: { readonly uid: number; readonly entry: string }[]
  readonly missing: number[]
}

/** What became of these known messages. What is left in `listing` after all were compared is new. */
function* compare(folder: MaildirFolder, listing: Listing, uids: Uint32Array): Steps<Comparison> {
  const found: Comparison = { moved: [], missing: [] }
  for (const uid of uids) {
    const at = folder.state.find(uid)
    const base = folder.bases[at]!
    const entry = listing.get(base)
    if (!entry) found.missing.push(uid)
    // letters that were odd may have got their meaning
    else if (entry !== folder.place(at) || folder.odd.has(uid)) found.moved.push({ uid, entry })
    listing.delete(base)
    yield
  }
  return found
}

/** Files that lie elsewhere now: most often that is other flags. */
function takeMoved(folder: MaildirFolder, moved: Comparison['moved']): Found['flagged'] {
  const { state } = folder
  const changed = { uids: [] as number[], flags: [] as number[] }
  for (const { uid, entry } of moved) {
    const at = state.find(uid)
    const flags = takeEntry(folder, uid, folder.bases[at]!, entry)
    if (flags === state.flagsAt(at)) continue
    changed.uids.push(uid)
    changed.flags.push(flags)
  }
  const modSeq = changed.uids.length > 0 ? folder.nextModSeq() : state.facts.highestModSeq
  for (const [i, uid] of changed.uids.entries()) state.setFlags(state.find(uid), changed.flags[i]!, modSeq)
  return { ...changed, modSeq }
}

/** New files: with the UIDs that another program's list gives them, where it does, else with the next ones. */
function* takeFound(folder: MaildirFolder, listing: Listing, foreign: UidList | null): Steps<MessageRow[]> {
  const { state } = folder
  const before = state.count
  if (foreign) {
    const later = foreign.uids.findIndex((uid) => uid >= state.facts.uidNext)
    if (later >= 0) {
      const given = { ...foreign, uids: foreign.uids.slice(later), bases: foreign.bases.slice(later) }
      state.facts.highestModSeq = folder.nextModSeq()
      for (const [uid, guid] of foreign.guids) folder.guids.set(uid, guid)
      yield* takeKnown(folder, given, listing, null)
    }
    state.facts.uidNext = Math.max(state.facts.uidNext, foreign.uidNext)
  }
  const own = yield* takeNew(folder, listing)
  if (folder.listChanged()) folder.writeList()
  else if (own.length > 0) folder.appendFound(own, folder.bases.slice(-own.length))
  return Array.from({ length: state.count - before }, (_, i) => state.row(before + i))
}

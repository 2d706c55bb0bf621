// Reads messages for sessions and searches, and keeps the index of what it read: on a thread of its own, or at once where there is none.
import type { Files } from '../base/files.ts'
import type { Logger } from '../base/log.ts'
import { MAX_HEADER_BLOCK } from '../message/mime.ts'
import { createDescriber } from '../message/structure.ts'
import { matchHeader, matchText } from './content-match.ts'
import type { MessagePlace } from './engine.ts'
import { fieldSelector } from './header-text.ts'
import { AccountIndex, type IndexedMessage, type IndexKey } from './index/account-index.ts'
import { describeForIndex, withEmptyLine } from './index/describe.ts'
import { type IndexAnswer, indexedHeaders, searchIndex } from './index/index-search.ts'
import { toCrlf } from './line-ends.ts'
import type { MessageStructure } from './mailbox-store.ts'
import { collectHeader } from './maildir/message-file.ts'
import { rawPieces, readMessage } from './place-reader.ts'
import { type ContentKey, isTextKey } from './search.ts'

/** A message by its UID and where its file may be: the first place that exists counts. */
export interface Item {
  readonly uid: number
  readonly places: readonly MessagePlace[]
}

export interface UidHeader {
  readonly uid: number
  readonly header: Buffer
}

/** Header blocks in one buffer: block `i` is `octets[ends[i-1], ends[i])`. */
export interface PackedHeaders {
  readonly uids: Uint32Array
  readonly octets: Uint8Array
  readonly ends: Uint32Array
}

/** `header`: octets, one a char. */
function packHeaders(headers: readonly { readonly uid: number; readonly header: string }[]): PackedHeaders {
  const ends = new Uint32Array(headers.length)
  let total = 0
  for (const [i, { header }] of headers.entries()) {
    total += header.length
    ends[i] = total
  }
  const octets = new Uint8Array(total)
  Buffer.from(octets.buffer).write(headers.map(({ header }) => header).join(''), 'latin1')
  return { uids: Uint32Array.from(headers, ({ uid }) => uid), octets, ends }
}

export function unpackHeaders({ uids, octets, ends }: PackedHeaders): UidHeader[] {
  const all = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength)
  return Array.from(uids, (uid, i) => ({ uid, header: all.subarray(i === 0 ? 0 : ends[i - 1], ends[i]) }))
}

/** Messages in one block, one after the other; the size of one that is gone is -1. */
export interface PackedMessages {
  readonly octets: Uint8Array
  readonly sizes: Int32Array
}

/** Packed here, then copied at its size: so each text can go as soon as it is written. */
let block = Buffer.alloc(0)

function packMessages(deps: ContentDeps, items: readonly Item[]): PackedMessages {
  const sizes = new Int32Array(items.length)
  let end = 0
  for (const [i, item] of items.entries()) {
    const text = attempt(deps, item, () => readMessage(deps.files, item.places))
    sizes[i] = text?.length ?? -1
    if (text === null) continue
    if (end + text.length > block.length) block = Buffer.concat([block], 2 * (end + text.length))
    end += block.write(text, end, 'latin1')
  }
  return { octets: new Uint8Array(block.subarray(0, end)), sizes }
}

export function unpackMessages({ octets, sizes }: PackedMessages): (Buffer | null)[] {
  let end = 0
  return Array.from(sizes, (size) => {
    if (size < 0) return null
    end += size
    return Buffer.from(octets.buffer, octets.byteOffset + end - size, size)
  })
}

/** Messages that are gone, or cannot be read, are left out of all answers. `key` null: without an index. */
export interface ContentService {
  /** Whole messages with CRLF line ends. */
  read(items: readonly Item[]): Promise<PackedMessages>
  describe(items: readonly Item[]): Promise<readonly MessageStructure[]>
  headers(items: readonly Item[], fields: readonly string[] | null): Promise<PackedHeaders>
  match(
    key: ContentKey,
    items: readonly Item[],
  ): Promise<{ readonly hits: readonly number[]; readonly missed: readonly number[] }>

  /** Puts messages into the index. */
  index(key: IndexKey, items: readonly Item[]): Promise<void>
  /** Of all UIDs of the mailbox (ascending) those that are not in the index, which forgets all others. */
  missing(key: IndexKey, uids: Uint32Array): Promise<Uint32Array>
  search(key: IndexKey, content: ContentKey, uids: Uint32Array): Promise<IndexAnswer>
  storedHeaders(key: IndexKey, uids: Uint32Array, fields: readonly string[] | null): Promise<PackedHeaders>
  forget(key: IndexKey, uids: Uint32Array): Promise<void>
  close(): Promise<void>
}

const MAX_OPEN = 64
/** Messages between which others get their turn. */
const SLICE = 8

export interface ContentDeps {
  readonly files: Files
  readonly log: Logger
}

/** `turn` lets others go first: on a thread that also answers sessions. */
export function createContentService(deps: ContentDeps, turn: () => Promise<void> = async () => {}): ContentService {
  const { files } = deps
  const indexes = new Map<string, AccountIndex>()
  const untidy = new Map<string, IndexKey>()
  let tidying = false

  const indexOf = ({ file }: IndexKey): AccountIndex => {
    const index = indexes.get(file) ?? new AccountIndex(file)
    indexes.delete(file)
    indexes.set(file, index)
    if (indexes.size > MAX_OPEN) {
      const [oldest, idle] = indexes.entries().next().value!
      idle.close()
      indexes.delete(oldest)
    }
    return index
  }
  const tidy = async (): Promise<void> => {
    if (tidying) return
    tidying = true
    for (let key = untidy.values().next().value; key; key = untidy.values().next().value) {
      await turn()
      if (!indexOf(key).tidy(key)) untidy.delete(key.mailboxId)
    }
    tidying = false
  }

  return {
    read: async (items) => packMessages(deps, items),
    describe: async (items) => present(deps, items, (item) => describeItem(files, item)),
    async headers(items, fields) {
      const select = fields ? fieldSelector(fields) : (block: string) => block
      return packHeaders(
        present(deps, items, (item) => ({ uid: item.uid, header: select(readHeader(files, item).toString('latin1')) })),
      )
    },
    async match(key, items) {
      const hits: number[] = []
      const missed: number[] = []
      for (const [n, item] of items.entries()) {
        const found = await matchItem(deps, key, item)
        if (found === null) missed.push(item.uid)
        else if (found) hits.push(item.uid)
        if (n % SLICE === SLICE - 1) await turn()
      }
      return { hits, missed }
    },
    async index(key, items) {
      const missing = new Set(indexOf(key).missing(key, Uint32Array.from(items, ({ uid }) => uid).sort()))
      const read: IndexedMessage[] = []
      for (const [n, item] of items.filter(({ uid }) => missing.has(uid)).entries()) {
        read.push(...present(deps, [item], ({ uid, places }) => describeForIndex(uid, rawPieces(files, places))))
        if (n % SLICE === SLICE - 1) await turn()
      }
      indexOf(key).add(key, read)
      untidy.set(key.mailboxId, key)
      void tidy()
    },
    async missing(key, uids) {
      const index = indexOf(key)
      index.keepOnly(key, uids)
      return index.missing(key, uids)
    },
    search: async (key, content, uids) => searchIndex(indexOf(key), key, content, uids),
    storedHeaders: async (key, uids, fields) => packHeaders(indexedHeaders(indexOf(key), key, uids, fields)),
    forget: async (key, uids) => indexOf(key).remove(key, uids),
    async close() {
      untidy.clear()
      for (const index of indexes.values()) index.close()
      indexes.clear()
    },
  }
}

/** What could be read of those that are there. */
function present<T>(deps: ContentDeps, items: readonly Item[], read: (item: Item) => T): T[] {
  return items.flatMap((item) => attempt(deps, item, () => read(item)) ?? [])
}

/** null for a message that is gone, and for one whose file cannot be read: the others are not to suffer. */
function attempt<T>(deps: ContentDeps, item: Item, read: () => T): T | null {
  try {
    return read()
  } catch (error) {
    return pass(deps, item, error)
  }
}

function pass({ log }: ContentDeps, { places }: Item, error: unknown): null {
  if ((error as { detail?: string }).detail === 'no such message') return null
  const { code, syscall, message } = error as NodeJS.ErrnoException
  if (code === undefined || syscall === undefined) throw error
  log.error('message cannot be read', { file: places[0]?.path, error: message })
  return null
}

function describeItem(files: Files, { uid, places }: Item): MessageStructure {
  const describer = createDescriber()
  for (const piece of rawPieces(files, places)) describer.write(piece)
  const { envelope, body, bodyStructure } = describer.end()
  return { uid, envelope, body, bodyStructure }
}

/** With its empty line and CRLF line ends. */
const readHeader = (files: Files, { places }: Item): Buffer =>
  withEmptyLine(toCrlf(collectHeader(rawPieces(files, places), MAX_HEADER_BLOCK)))

async function matchItem(deps: ContentDeps, key: ContentKey, item: Item): Promise<boolean | null> {
  try {
    if (isTextKey(key)) return await matchText(key, rawPieces(deps.files, item.places))
    return matchHeader(key, readHeader(deps.files, item))
  } catch (error) {
    return pass(deps, item, error)
  }
}

// Reads messages for sessions and searches: on a thread of its own, or at once where there is none.
import type { Files } from '../base/files.ts'
import { createDescriber } from '../message/structure.ts'
import { matchHeader, matchText } from './content-match.ts'
import type { MessagePlace } from './engine.ts'
import { selectFields } from './header-text.ts'
import { toCrlf } from './line-ends.ts'
import type { MessageStructure } from './mailbox-store.ts'
import { headerBlock } from './maildir/message-file.ts'
import { rawPieces, readMessage } from './place-reader.ts'
import { type ContentKey, isTextKey } from './search.ts'

/** A message by its UID and where its file may be: the first place that exists counts. */
export interface Item {
  readonly uid: number
  readonly places: readonly MessagePlace[]
}

/** Messages that are gone are left out of all answers. */
export interface ContentService {
  /** Whole messages with CRLF line ends; null for those that are gone. */
  read(items: readonly Item[]): Promise<readonly (Uint8Array | null)[]>
  describe(items: readonly Item[]): Promise<readonly MessageStructure[]>
  headers(
    items: readonly Item[],
    fields: readonly string[] | null,
  ): Promise<readonly { uid: number; header: Uint8Array }[]>
  match(key: ContentKey, items: readonly Item[]): Promise<readonly number[]>
}

const HEADER_PIECES = 4

/** Straight from the files. */
export function createContentService(files: Files): ContentService {
  const present = <T>(items: readonly Item[], read: (item: Item) => T | null): T[] => {
    const found: T[] = []
    for (const item of items) {
      const value = ifThere(() => read(item))
      if (value !== null) found.push(value)
    }
    return found
  }
  return {
    read: async (items) => items.map(({ places }) => readMessage(files, places)),
    describe: async (items) => present(items, (item) => describeItem(files, item)),
    headers: async (items, fields) =>
      present(items, (item) => {
        const block = readHeader(files, item)
        return { uid: item.uid, header: fields ? selectFields(block, fields) : block }
      }),
    async match(key, items) {
      const hits: number[] = []
      for (const item of items) if (await matchItem(files, key, item)) hits.push(item.uid)
      return hits
    },
  }
}

/** null when the message is gone. */
export function ifThere<T>(read: () => T): T | null {
  try {
    return read()
  } catch (error) {
    if ((error as { detail?: string }).detail === 'no such message') return null
    throw error
  }
}

function describeItem(files: Files, { uid, places }: Item): MessageStructure {
  const describer = createDescriber()
  for (const piece of rawPieces(files, places)) describer.write(piece)
  const { envelope, body, bodyStructure } = describer.end()
  return { uid, envelope, body, bodyStructure }
}

/** With its empty line and CRLF line ends. */
export function readHeader(files: Files, { places }: Item): Buffer {
  const pieces: Buffer[] = []
  for (const piece of rawPieces(files, places)) {
    pieces.push(piece)
    const all = pieces.length === 1 ? piece : Buffer.concat(pieces)
    const block = headerBlock(all)
    if (block.length < all.length || pieces.length >= HEADER_PIECES) return withEmptyLine(toCrlf(block))
  }
  return withEmptyLine(toCrlf(headerBlock(Buffer.concat(pieces))))
}

const EMPTY_LINE = Buffer.from('\r\n')

function withEmptyLine(block: Buffer): Buffer {
  return block.length === 2 || block.subarray(-4).equals(Buffer.from('\r\n\r\n'))
    ? block
    : Buffer.concat([block, EMPTY_LINE])
}

async function matchItem(files: Files, key: ContentKey, item: Item): Promise<boolean> {
  try {
    if (isTextKey(key)) return await matchText(key, rawPieces(files, item.places))
    return matchHeader(key, readHeader(files, item))
  } catch (error) {
    if ((error as { detail?: string }).detail === 'no such message') return false
    throw error
  }
}

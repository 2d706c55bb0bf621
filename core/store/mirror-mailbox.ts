// One open mailbox of an engine on the main thread: what sessions read at once, kept in step by the engine's events.
import { setImmediate } from 'node:timers/promises'
import { type Item, type UidHeader, unpackHeaders, unpackMessages } from './content-service.ts'
import type { EngineEvent, EngineMessage, MessagePlace, OpenedMailbox } from './engine.ts'
import { type EngineStore, wrap } from './engine-store.ts'
import { noSuchMessage } from './errors.ts'
import { FlagTable } from './flags.ts'
import type { IndexKey } from './index/account-index.ts'
import { MailboxState } from './mailbox-state.ts'
import type { Flag, MessageStructure, NewMessage, StoredMessage } from './mailbox-store.ts'
import { fileName, flagLetters } from './maildir/file-name.ts'
import { memoryMessage } from './memory-message.ts'
import { type CopyResult, type MailboxBackend, OpenMailbox } from './open-mailbox.ts'
import { StringColumn } from './packed-strings.ts'
import { FileMessage } from './place-reader.ts'
import { type ContentKey, isTextKey } from './search.ts'
import { uidSet } from './uid-set.ts'

/** Larger messages are read piece by piece. */
const SMALL = 262_144
const BATCH = 64
/** Rows of the index read at once. */
const ROWS = 256
const SEARCH_BATCH = 500
const AHEAD_OCTETS = 1_048_576

export class MirrorMailbox implements MailboxBackend {
  readonly id: number
  readonly account: string
  readonly open: OpenMailbox
  readonly #store: EngineStore
  #directory: string
  readonly #bases: StringColumn | null
  /** null: no index. */
  readonly #key: IndexKey | null

  constructor(opened: OpenedMailbox, account: string, store: EngineStore) {
    this.id = opened.id
    this.account = account
    this.#store = store
    this.#directory = opened.places?.directory ?? ''
    this.#bases = opened.places && new StringColumn(opened.places.bases)
    const { mailboxId, uidValidity } = opened.facts
    this.#key = opened.index === null || !store.deps.index ? null : { file: opened.index, mailboxId, uidValidity }
    const state = new MailboxState({ ...opened.facts }, new FlagTable(opened.keywords), opened.columns)
    this.open = new OpenMailbox(state, this, (change) => store.publish(account, { mailbox: this.name, change }))
  }

  get name(): string {
    return this.open.state.facts.name
  }
  get #engine() {
    return this.#store.deps.engine
  }
  get #content() {
    return this.#store.deps.content
  }

  apply(event: Extract<EngineEvent, { id: number }>): void {
    const { state } = this.open
    if ('keywords' in event) state.table.replace(event.keywords)
    switch (event.kind) {
      case 'appended': {
        // what came while the mailbox was opened may be in it already
        const first = event.rows.findIndex(({ uid }) => uid >= state.facts.uidNext)
        if (first < 0) return
        const rows = event.rows.slice(first)
        for (const base of event.bases?.slice(first) ?? []) this.#bases?.push(base)
        this.open.appended(rows)
        this.#indexLater(rows.map((row) => row.uid))
        return
      }
      case 'flags':
        this.open.flagged(event.uids, event.flags, event.modSeq)
        return
      case 'expunged': {
        const gone = new Set(event.uids)
        const uids = state.uids()
        this.#bases?.filter((at) => !gone.has(uids[at]!))
        this.open.expunged(event.uids, event.modSeq)
        return
      }
      case 'deleted':
        this.#store.forget(this)
        this.open.deleted()
        return
      case 'renamed': {
        const mirrors = this.#store.mirrorsOf(this.account)
        mirrors?.delete(this.name)
        mirrors?.set(event.name, this)
        this.#directory = event.directory ?? ''
        this.open.renamed(event.name)
      }
    }
  }

  async *structures(uids: Uint32Array): AsyncIterable<readonly MessageStructure[]> {
    const reader = this.#key && this.#store.readerOf(this.account, this.#key.file)
    for (const batch of batches(uids, ROWS)) {
      const known = reader && this.#key ? reader.structures(this.#key, batch) : []
      yield known.length === batch.length ? known : await this.#describe(batch, known)
      // one session must not keep all others waiting
      await setImmediate()
    }
  }

  async *headers(uids: Uint32Array, fields?: readonly string[]) {
    const all = [...batches(uids, ROWS)]
    let next = all.length > 0 ? this.#headers(all[0]!, fields ?? null) : null
    for (let i = 0; next !== null; i++) {
      const present: Promise<readonly UidHeader[]> = next
      next = i + 1 < all.length ? this.#headers(all[i + 1]!, fields ?? null) : null
      next?.catch(() => {})
      yield await present
    }
  }

  async #headers(batch: Uint32Array, fields: readonly string[] | null): Promise<readonly UidHeader[]> {
    const known = this.#key ? unpackHeaders(await wrap(this.#content.storedHeaders(this.#key, batch, fields))) : []
    if (known.length === batch.length) return known
    const read = async (items: readonly Item[]) => unpackHeaders(await wrap(this.#content.headers(items, fields)))
    return merge(batch, known, await this.#readPresent(without(batch, known), read))
  }

  async message(uid: number): Promise<StoredMessage> {
    const found = (await this.#read([uid], await this.#items([uid])))[0]
    if (found) return found
    const place = await wrap(this.#engine.locate(this.id, uid))
    const again = place ? (await this.#read([uid], [{ uid, places: [place] }]))[0] : null
    if (!again) throw noSuchMessage()
    return again
  }

  async *messages(uids: Uint32Array) {
    const groups = this.#groups(uids)
    let next = groups.length > 0 ? this.#readGroup(groups[0]!) : null
    for (let i = 0; next !== null; i++) {
      const present: Promise<(StoredMessage | null)[]> = next
      next = i + 1 < groups.length ? this.#readGroup(groups[i + 1]!) : null
      // a failure is met when its group's turn comes
      next?.catch(() => {})
      for (const [k, message] of (await present).entries()) if (message) yield { uid: groups[i]![k]!, message }
    }
  }

  async append(messages: readonly NewMessage[]): Promise<readonly number[]> {
    const posted = await this.#store.post(messages)
    const failure = posted.find((message) => message instanceof Error)
    if (failure) throw failure
    return wrap(this.#engine.append(this.id, posted as EngineMessage[]))
  }
  async store(
    uids: readonly number[],
    action: 'add' | 'remove' | 'replace',
    flags: readonly Flag[],
    unchangedSince?: number,
  ) {
    return { modified: await wrap(this.#engine.store(this.id, uids, action, flags, unchangedSince ?? null)) }
  }
  expunge(uids: readonly number[]): Promise<readonly number[]> {
    return wrap(this.#engine.expunge(this.id, uids, this.open.isShared))
  }
  copy(uids: readonly number[], target: string): Promise<CopyResult> {
    return wrap(this.#engine.copy(this.id, uids, target))
  }
  move(uids: readonly number[], target: string): Promise<CopyResult> {
    return wrap(this.#engine.move(this.id, uids, target, this.open.isShared))
  }
  refresh(): Promise<void> {
    return wrap(this.#engine.refresh(this.id))
  }
  purge(uids: readonly number[]): void {
    this.#engine.purge(this.id, uids).catch(() => {})
    if (this.#key) this.#content.forget(this.#key, Uint32Array.from(uids).sort()).catch(() => {})
  }
  released(): void {
    this.#store.released()
  }

  readonly match = async (key: ContentKey, uids: Uint32Array, signal?: AbortSignal): Promise<Uint32Array> => {
    const hits: number[] = []
    let unknown = await this.#matchIndexed(key, uids, hits)
    // text that is read for a search is read once: the index keeps it for the next
    if (this.#key && isTextKey(key) && unknown.length > 0) {
      const rest: number[] = []
      // the background begins with the oldest: they meet
      for (const batch of [...batches(unknown, BATCH)].reverse()) {
        signal?.throwIfAborted()
        await wrap(this.#content.index(this.#key, await this.#items(batch)))
        rest.push(...(await this.#matchIndexed(key, batch, hits)))
      }
      unknown = Uint32Array.from(rest)
    }
    for (const batch of batches(unknown, SEARCH_BATCH)) {
      signal?.throwIfAborted()
      const { hits: found, missed } = await wrap(this.#content.match(key, await this.#items(batch)))
      hits.push(...found)
      if (missed.length > 0) {
        const again = await wrap(this.#content.match(key, await this.#located(missed)))
        hits.push(...again.hits)
      }
    }
    return uidSet(hits)
  }

  /** Adds what the index finds; gives those that it does not know. */
  async #matchIndexed(key: ContentKey, uids: Uint32Array, hits: number[]): Promise<Uint32Array> {
    if (!this.#key) return uids
    const found = await wrap(this.#content.search(this.#key, key, uids))
    for (const uid of found.hits) hits.push(uid)
    return found.unknown
  }

  /** What the index lacks is put there in the background. */
  async indexMissing(): Promise<void> {
    if (!this.#key || this.open.state.count === 0) return
    const missing = await this.#content.missing(this.#key, this.open.state.uids()).catch(() => [])
    this.#indexLater([...missing])
  }

  #indexLater(uids: readonly number[]): void {
    if (this.#key && this.#bases) this.#store.background.add(this.id, uids)
  }

  async #describe(batch: Uint32Array, known: readonly MessageStructure[]): Promise<MessageStructure[]> {
    const read = (items: readonly Item[]) => wrap(this.#content.describe(items))
    return merge(batch, known, await this.#readPresent(without(batch, known), read))
  }

  /** What is not where its flags say is looked for once: another program may have renamed it. */
  async #readPresent<T extends WithUid>(
    uids: Uint32Array,
    read: (items: readonly Item[]) => Promise<readonly T[]>,
  ): Promise<readonly T[]> {
    const found = await read(await this.#items(uids))
    const missed = without(uids, found)
    return missed.length === 0 ? found : merge(uids, found, await read(await this.#located(missed)))
  }

  async #located(uids: ArrayLike<number>): Promise<Item[]> {
    const items: Item[] = []
    for (const uid of Array.from(uids)) {
      const place = await wrap(this.#engine.locate(this.id, uid))
      if (place) items.push({ uid, places: [place] })
    }
    return items
  }

  /** Where these messages should be. */
  async #items(uids: ArrayLike<number>): Promise<Item[]> {
    const items: Item[] = []
    for (let i = 0; i < uids.length; i++) {
      const uid = uids[i]!
      const at = this.open.state.find(uid)
      if (this.#bases && at >= 0) items.push({ uid, places: this.#places(this.#bases.at(at), at) })
      else {
        const place = await wrap(this.#engine.locate(this.id, uid))
        items.push({ uid, places: place ? [place] : [] })
      }
    }
    return items
  }

  #places(base: string, at: number): MessagePlace[] {
    const flags = this.open.state.flagsAt(at)
    const cur = wholeFile(`${this.#directory}/cur/${fileName(base, flagLetters(flags))}`)
    return flags === 0 ? [wholeFile(`${this.#directory}/new/${base}`), cur] : [cur]
  }

  #sizeOf(uid: number): number {
    return this.open.metaOf(uid)?.size ?? 0
  }

  /** Small ones are read together; null for those that are not at their place. */
  async #read(uids: readonly number[], items: readonly Item[]): Promise<(StoredMessage | null)[]> {
    const large = (uid: number) => this.#sizeOf(uid) > SMALL
    const small = unpackMessages(await wrap(this.#content.read(items.filter(({ uid }) => !large(uid)))))
    let next = 0
    return uids.map((uid, i) => {
      if (large(uid)) return this.#openLarge(items[i]!)
      const octets = small[next++]
      return octets ? memoryMessage(octets) : null
    })
  }

  #openLarge({ uid, places }: Item): FileMessage | null {
    const { files, log } = this.#store.deps
    try {
      return FileMessage.open(files, places, this.#sizeOf(uid))
    } catch (error) {
      log.error('message cannot be read', { file: places[0]?.path, error: String(error) })
      return null
    }
  }

  async #readGroup(uids: readonly number[]): Promise<(StoredMessage | null)[]> {
    const found = await this.#read(uids, await this.#items(uids))
    return Promise.all(found.map((message, i) => message ?? this.message(uids[i]!).catch(() => null)))
  }

  /** Runs of messages that are read ahead together: a bounded number of octets. */
  #groups(uids: Uint32Array): number[][] {
    const groups: number[][] = []
    let octets = Number.POSITIVE_INFINITY
    for (const uid of uids) {
      octets += this.#sizeOf(uid)
      if (octets > AHEAD_OCTETS || groups.at(-1)!.length >= BATCH) {
        groups.push([])
        octets = this.#sizeOf(uid)
      }
      groups.at(-1)!.push(uid)
    }
    return groups
  }
}

const wholeFile = (path: string): MessagePlace => ({ path, start: 0, end: null, quoted: false })

interface WithUid {
  readonly uid: number
}

function without(uids: Uint32Array, known: readonly WithUid[]): Uint32Array {
  const have = new Set(known.map(({ uid }) => uid))
  return uids.filter((uid) => !have.has(uid))
}

/** In the order of `uids`. */
function merge<T extends WithUid>(uids: Uint32Array, a: readonly T[], b: readonly T[]): T[] {
  if (b.length === 0 && a.length <= uids.length) return [...a]
  const all = new Map([...a, ...b].map((value) => [value.uid, value]))
  return [...uids].flatMap((uid) => all.get(uid) ?? [])
}

function* batches(uids: Uint32Array, size: number): Generator<Uint32Array> {
  for (let at = 0; at < uids.length; at += size) yield uids.subarray(at, at + size)
}

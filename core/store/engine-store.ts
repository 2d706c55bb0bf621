// The store that sessions use: mirrors of open mailboxes on the main thread, the work on an engine that may run elsewhere.
import type { Clock } from '../base/clock.ts'
import type { Files } from '../base/files.ts'
import type { Logger } from '../base/log.ts'
import { contentChunks, type MessageContent } from '../message/content.ts'
import { BackgroundIndex } from './background-index.ts'
import { ChangeFeed } from './changes.ts'
import type { ContentService } from './content-service.ts'
import type { EngineDelivery, EngineEvent, EngineMessage, StoreEngine } from './engine.ts'
import { storeClosed } from './errors.ts'
import { storeFailure, unpostFailure } from './failures.ts'
import { IndexReader } from './index/index-reader.ts'
import type {
  AccountChange,
  Delivered,
  Delivery,
  MailAccount,
  Mailbox,
  MailboxInfo,
  MailboxStore,
  NewMessage,
  SpecialUse,
} from './mailbox-store.ts'
import { MirrorMailbox } from './mirror-mailbox.ts'
import { mailboxName } from './names.ts'

export interface EngineStoreDeps {
  readonly engine: StoreEngine
  readonly content: ContentService
  /** For large messages, read without blocking. */
  readonly files: Files
  readonly clock: Clock
  readonly log: Logger
  /** Keep an index beside each account's mail. */
  readonly index: boolean
  /** Ends threads, after the engine has shut down. */
  readonly stop: () => Promise<void>
}

/** Larger ones go to the engine in pieces. */
const WHOLE = 262_144
/** Mirrors that no session uses are kept for the next SELECT, as long as they hold no more than this. */
const KEPT_MESSAGES = 500_000
const KEPT_MAILBOXES = 200

export class EngineStore implements MailboxStore {
  readonly deps: EngineStoreDeps
  readonly background: BackgroundIndex
  readonly #accounts = new Map<string, EngineAccount>()
  readonly #mirrors = new Map<number, MirrorMailbox>()
  /** Events of mailboxes whose opening is under way. */
  #early: EngineEvent[] = []
  #opening = 0
  #closed: Promise<void> | null = null

  constructor(deps: EngineStoreDeps) {
    this.deps = deps
    this.background = new BackgroundIndex(deps)
  }

  async account(name: string): Promise<MailAccount> {
    if (this.#closed) throw storeClosed()
    let account = this.#accounts.get(name)
    if (!account) {
      account = new EngineAccount(name, this, wrap(this.deps.engine.join(name)))
      this.#accounts.set(name, account)
    }
    account.uses++
    try {
      await account.joined
    } catch (error) {
      this.leave(account)
      throw error
    }
    return account
  }

  leave(account: EngineAccount): void {
    account.uses--
    this.#letGo(account)
  }

  /** Without a session an account stays as long as mailboxes of it are kept for the next. */
  #letGo(account: EngineAccount): void {
    if (account.uses > 0) return
    account.reader?.close()
    account.reader = null
    if (account.mirrors.size > 0 || !this.#accounts.delete(account.account)) return
    account.joined.then(() => this.deps.engine.leave(account.account)).catch(() => {})
  }

  async deliver(deliveries: readonly Delivery[]): Promise<readonly (Delivered | Promise<Delivered>)[]> {
    if (this.#closed) return deliveries.map(() => storeClosed())
    const posted = await this.post(deliveries.map(({ message }) => message))
    const sent: EngineDelivery[] = []
    posted.forEach((message, i) => {
      if (!(message instanceof Error))
        sent.push({ account: deliveries[i]!.account, mailbox: deliveries[i]!.mailbox, message })
    })
    const answers = await this.deps.engine.deliver(sent).catch((error) => sent.map(() => storeFailure(error)))
    let next = 0
    return posted.map((message) => {
      if (message instanceof Error) return message
      const answer = answers[next++] ?? null
      if (typeof answer === 'number') return this.#delivered(answer)
      return answer instanceof Error || answer === null ? answer : unpostFailure(answer)
    })
  }

  async #delivered(late: number): Promise<Delivered> {
    try {
      const failure = await this.deps.engine.delivered(late)
      return failure && unpostFailure(failure)
    } catch (error) {
      return storeFailure(error)
    }
  }

  async open(account: EngineAccount, name: string): Promise<Mailbox> {
    if (this.#closed) throw storeClosed()
    const key = mailboxName(name)
    const kept = account.mirrors.get(key)
    if (kept) {
      this.#mirrors.delete(kept.id)
      this.#mirrors.set(kept.id, kept)
      return kept.open.handle()
    }
    this.#opening++
    try {
      const opened = await wrap(this.deps.engine.open(account.account, key))
      const mirror = this.#mirrors.get(opened.id) ?? new MirrorMailbox(opened, account.account, this)
      if (this.#mirrors.has(opened.id)) void this.deps.engine.close(opened.id)
      this.#mirrors.set(opened.id, mirror)
      account.mirrors.set(mirror.name, mirror)
      const handle = mirror.open.handle()
      void mirror.indexMissing()
      this.#early = this.#early.filter((event) => !this.#apply(event))
      return handle
    } finally {
      this.#opening--
      if (this.#opening === 0) this.#early = []
    }
  }

  /** From the engine. */
  readonly event = (event: EngineEvent): void => {
    if (event.kind === 'list') this.#accounts.get(event.account)?.feed.publish({ list: true })
    else if (event.kind === 'elsewhere') {
      const { mailbox, change: kind, uids, modSeq } = event
      this.#accounts.get(event.account)?.feed.publish({ mailbox, change: { kind, uids, modSeq } })
    } else if (event.kind === 'stored') {
      const { ids, uids } = event
      if (this.deps.index) for (const [i, id] of ids.entries()) this.background.add(id, [uids[i]!])
    } else if (!this.#apply(event) && this.#opening > 0) this.#early.push(event)
  }

  publish(account: string, change: AccountChange): void {
    this.#accounts.get(account)?.feed.publish(change)
  }

  mirrorsOf(account: string): Map<string, MirrorMailbox> | undefined {
    return this.#accounts.get(account)?.mirrors
  }

  /** No session has it open: it stays for a while. */
  released(): void {
    let messages = 0
    for (const mirror of this.#mirrors.values()) messages += mirror.open.state.count
    for (const mirror of this.#mirrors.values()) {
      if (messages <= KEPT_MESSAGES && this.#mirrors.size <= KEPT_MAILBOXES) return
      if (mirror.open.inUse) continue
      messages -= mirror.open.state.count
      this.forget(mirror)
    }
  }

  forget(mirror: MirrorMailbox): void {
    if (!this.#mirrors.delete(mirror.id)) return
    this.deps.engine.close(mirror.id).catch(() => {})
    const account = this.#accounts.get(mirror.account)
    if (account?.mirrors.get(mirror.name) !== mirror) return
    account.mirrors.delete(mirror.name)
    this.#letGo(account)
  }

  /** As the engine takes them, small ones in one block; an Error for those that cannot be read. The callers' contents are not released. */
  post(messages: readonly NewMessage[]): Promise<(EngineMessage | Error)[]> {
    const small = messages.filter(({ content }) => content.size <= WHOLE)
    const block = new Uint8Array(small.reduce((sum, { content }) => sum + content.size, 0))
    let end = 0
    const post = async ({ content, flags, internalDate, key }: NewMessage): Promise<EngineMessage> => {
      const common = { flags, internalDate, key: key ?? null }
      if (content.size > WHOLE) return { ...common, octets: null, staged: await this.#stage(content) }
      const octets = block.subarray(end, end + content.size)
      end += content.size
      const rest = copyContent(content, octets)
      if (rest) await rest
      return { ...common, octets, staged: null }
    }
    return Promise.all(messages.map((message) => post(message).catch(storeFailure)))
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.background.close()
    for (const { reader } of this.#accounts.values()) reader?.close()
    await this.deps.engine.shutdown().catch(() => {})
    await this.deps.content.close().catch(() => {})
    await this.deps.stop()
  }

  async #stage(content: MessageContent): Promise<number> {
    const { engine } = this.deps
    const staged = await engine.stage()
    try {
      for await (const chunk of contentChunks(content)) await engine.stagePiece(staged, new Uint8Array(chunk))
    } catch (error) {
      await engine.unstage(staged).catch(() => {})
      throw error
    }
    return staged
  }

  /** The engine's thread has ended: what sessions have open is gone, the next call finds a new engine. */
  readonly lost = (why: string): void => {
    this.deps.log.error('the mailbox store restarts', { error: why })
    const mirrors = [...this.#mirrors.values()]
    this.#mirrors.clear()
    for (const account of [...this.#accounts.values()]) {
      account.mirrors.clear()
      if (account.uses === 0) this.#accounts.delete(account.account)
      else if (!this.#closed) this.deps.engine.join(account.account).catch(() => {})
    }
    for (const mirror of mirrors) mirror.open.deleted()
  }

  readerOf(account: string, file: string): IndexReader | null {
    const found = this.#accounts.get(account)
    if (!found || !this.deps.index) return null
    found.reader ??= new IndexReader(file)
    return found.reader
  }

  /** False when nobody here knows the mailbox. */
  #apply(event: EngineEvent): boolean {
    if (!('id' in event)) return false
    const mirror = this.#mirrors.get(event.id)
    mirror?.apply(event)
    return mirror !== undefined
  }
}

/** Failures of an engine in this thread come as they were thrown. */
export const wrap = <T>(promise: Promise<T>): Promise<T> =>
  promise.catch((error: unknown) => {
    throw storeFailure(error)
  })

/** What is not in memory comes later. */
function copyContent({ header, body, bodyStart }: MessageContent, to: Uint8Array): Promise<void> | null {
  to.set(header)
  if (!body.bytes) return copyChunks(body.chunks(bodyStart), to.subarray(header.length))
  to.set(body.bytes.subarray(bodyStart), header.length)
  return null
}

async function copyChunks(chunks: AsyncIterable<Buffer>, to: Uint8Array): Promise<void> {
  let at = 0
  for await (const chunk of chunks) {
    to.set(chunk, at)
    at += chunk.length
  }
}

class EngineAccount implements MailAccount {
  readonly account: string
  readonly joined: Promise<void>
  readonly feed = new ChangeFeed<AccountChange>()
  readonly changes$ = this.feed.changes$
  readonly mirrors = new Map<string, MirrorMailbox>()
  reader: IndexReader | null = null
  uses = 0
  readonly #store: EngineStore

  constructor(account: string, store: EngineStore, joined: Promise<void>) {
    this.account = account
    this.#store = store
    this.joined = joined
  }

  get #engine() {
    return this.#store.deps.engine
  }
  list(): Promise<readonly MailboxInfo[]> {
    return wrap(this.#engine.list(this.account))
  }
  exists(name: string): Promise<boolean> {
    return wrap(this.#engine.exists(this.account, name))
  }
  create(name: string, specialUse?: readonly SpecialUse[]): Promise<void> {
    return wrap(this.#engine.create(this.account, name, specialUse ?? null))
  }
  delete(name: string): Promise<void> {
    return wrap(this.#engine.delete(this.account, name))
  }
  rename(from: string, to: string): Promise<void> {
    return wrap(this.#engine.rename(this.account, from, to))
  }
  subscribe(name: string, on: boolean): Promise<void> {
    return wrap(this.#engine.subscribe(this.account, name, on))
  }
  open(name: string): Promise<Mailbox> {
    return this.#store.open(this, name)
  }
  usage() {
    return wrap(this.#engine.usage(this.account))
  }
  close(): void {
    this.#store.leave(this)
  }
}

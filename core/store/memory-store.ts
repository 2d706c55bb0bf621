// Mailboxes in memory: the twin of the file back ends for tests and for servers that keep nothing.
import { randomBytes } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { contentBytes, findBodyStart } from '../message/content.ts'
import { parseHeader } from '../message/header.ts'
import { createDescriber } from '../message/structure.ts'
import { ChangeFeed } from './changes.ts'
import { matchHeader, matchText } from './content-match.ts'
import { inboxStays, mailboxExists, noSuchMailbox, noSuchMessage, storeClosed } from './errors.ts'
import { FlagTable } from './flags.ts'
import { fieldSelector, threadOf } from './header-text.ts'
import { toCrlf } from './line-ends.ts'
import { MailboxState, type MessageRow } from './mailbox-state.ts'
import type {
  AccountChange,
  Delivered,
  Delivery,
  Flag,
  MailAccount,
  Mailbox,
  MailboxChange,
  MailboxInfo,
  MailboxStore,
  MessageStructure,
  NewMessage,
  SpecialUse,
  StoredMessage,
} from './mailbox-store.ts'
import { memoryMessage } from './memory-message.ts'
import { INBOX, listTree, mailboxName, renames } from './names.ts'
import { type CopyResult, type MailboxBackend, OpenMailbox } from './open-mailbox.ts'
import { type ContentKey, isTextKey } from './search.ts'
import { flagChange } from './store-flags.ts'
import { uidSet } from './uid-set.ts'

/** All accounts live as long as the store. */
export function createMemoryStore(deps: { readonly clock: Clock }): MailboxStore {
  return new MemoryStore(deps.clock)
}

class MemoryStore implements MailboxStore {
  readonly clock: Clock
  readonly #accounts = new Map<string, MemoryAccount>()
  #lastValidity = 0
  #closed = false

  constructor(clock: Clock) {
    this.clock = clock
  }

  async account(account: string): Promise<MailAccount> {
    if (this.#closed) throw storeClosed()
    return this.find(account)
  }

  async deliver(deliveries: readonly Delivery[]): Promise<readonly Delivered[]> {
    return Promise.all(
      deliveries.map(async ({ account, mailbox, message }) => {
        try {
          const open = await this.account(account)
          if (!(await open.exists(mailbox))) await open.create(mailbox)
          await this.find(account).mailbox(mailbox).append([message])
          return null
        } catch (error) {
          return error as Error
        }
      }),
    )
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  find(account: string): MemoryAccount {
    let found = this.#accounts.get(account)
    if (!found) {
      found = new MemoryAccount(account, this)
      this.#accounts.set(account, found)
    }
    return found
  }

  nextValidity(): number {
    this.#lastValidity = Math.max(this.#lastValidity + 1, Math.floor(this.clock.now() / 1000))
    return this.#lastValidity
  }
}

class MemoryAccount implements MailAccount {
  readonly account: string
  readonly store: MemoryStore
  readonly #mailboxes = new Map<string, MemoryMailbox>()
  readonly #subscribed = new Set<string>()
  readonly #specialUse = new Map<string, readonly SpecialUse[]>()
  readonly #feed = new ChangeFeed<AccountChange>()
  readonly changes$ = this.#feed.changes$

  constructor(account: string, store: MemoryStore) {
    this.account = account
    this.store = store
    this.#add(INBOX)
  }

  mailbox(name: string): MemoryMailbox {
    const found = this.#mailboxes.get(mailboxName(name))
    if (!found) throw noSuchMailbox()
    return found
  }
  async list(): Promise<readonly MailboxInfo[]> {
    return listTree(this.#mailboxes.keys(), this.#subscribed, this.#specialUse)
  }
  async exists(name: string): Promise<boolean> {
    return this.#mailboxes.has(mailboxName(name))
  }
  async create(name: string, specialUse?: readonly SpecialUse[]): Promise<void> {
    const key = mailboxName(name)
    if (this.#mailboxes.has(key)) throw mailboxExists()
    if (specialUse) this.#specialUse.set(key, specialUse)
    this.#add(key)
    this.#feed.publish({ list: true })
  }
  async delete(name: string): Promise<void> {
    const mailbox = this.mailbox(name)
    if (mailbox.name === INBOX) throw inboxStays()
    this.#mailboxes.delete(mailbox.name)
    this.#specialUse.delete(mailbox.name)
    mailbox.open.deleted()
    this.#feed.publish({ list: true })
  }
  async rename(from: string, to: string): Promise<void> {
    const source = mailboxName(from)
    const target = mailboxName(to)
    const moves = renames(this.#mailboxes.keys(), source, target)
    if (moves.length === 0) throw noSuchMailbox()
    if (moves.some(([, name]) => this.#mailboxes.has(name))) throw mailboxExists()
    if (source === INBOX) await this.#renameInbox(target)
    else for (const [old, name] of moves) this.#move(old, name)
    this.#feed.publish({ list: true })
  }
  async subscribe(name: string, on: boolean): Promise<void> {
    if (on) this.#subscribed.add(mailboxName(name))
    else this.#subscribed.delete(mailboxName(name))
    this.#feed.publish({ list: true })
  }
  async open(name: string): Promise<Mailbox> {
    return this.mailbox(name).open.handle()
  }
  async usage(): Promise<{ readonly messages: number; readonly bytes: number }> {
    let messages = 0
    let bytes = 0
    for (const { open } of this.#mailboxes.values()) {
      messages += open.state.count
      bytes += open.state.totals().size
    }
    return { messages, bytes }
  }
  close(): void {}

  /** RFC 9051 §6.3.6: the messages move, INBOX stays. */
  async #renameInbox(target: string): Promise<void> {
    this.#add(target)
    const inbox = this.mailbox(INBOX)
    await inbox.move([...inbox.open.state.uids()], target)
  }
  #move(old: string, name: string): void {
    const mailbox = this.#mailboxes.get(old)!
    this.#mailboxes.delete(old)
    this.#mailboxes.set(name, mailbox)
    const use = this.#specialUse.get(old)
    if (use) this.#specialUse.set(name, use)
    this.#specialUse.delete(old)
    mailbox.open.renamed(name)
  }
  #add(name: string): void {
    const told = (change: MailboxChange) => this.#feed.publish({ mailbox: mailbox.name, change })
    const mailbox = new MemoryMailbox(name, this, told)
    this.#mailboxes.set(name, mailbox)
  }
}

interface Body {
  readonly octets: Buffer
  readonly key: string | null
}

class MemoryMailbox implements MailboxBackend {
  readonly open: OpenMailbox
  readonly #account: MemoryAccount
  readonly #bodies = new Map<number, Body>()
  readonly #keys = new Map<string, number>()

  constructor(name: string, account: MemoryAccount, told: (change: MailboxChange) => void) {
    this.#account = account
    const facts = {
      name,
      uidValidity: account.store.nextValidity(),
      uidNext: 1,
      highestModSeq: 1,
      mailboxId: randomBytes(16).toString('hex'),
    }
    this.open = new OpenMailbox(new MailboxState(facts, new FlagTable()), this, told)
  }

  get name(): string {
    return this.open.state.facts.name
  }
  get #nextModSeq(): number {
    return this.open.state.facts.highestModSeq + 1
  }

  async *structures(uids: Uint32Array): AsyncIterable<readonly MessageStructure[]> {
    for (const uid of uids) {
      const body = this.#bodies.get(uid)
      if (!body) continue
      const describer = createDescriber()
      describer.write(body.octets)
      const { envelope, body: plain, bodyStructure } = describer.end()
      yield [{ uid, envelope, body: plain, bodyStructure }]
    }
  }
  async *headers(uids: Uint32Array, fields?: readonly string[]) {
    const select = fields ? fieldSelector(fields) : (block: string) => block
    for (const uid of uids) {
      const body = this.#bodies.get(uid)
      if (body) yield [{ uid, header: Buffer.from(select(headerOf(body).toString('latin1')), 'latin1') }]
    }
  }
  async message(uid: number): Promise<StoredMessage> {
    const body = this.#bodies.get(uid)
    if (!body) throw noSuchMessage()
    return memoryMessage(body.octets)
  }
  async *messages(uids: Uint32Array) {
    for (const uid of uids) {
      const body = this.#bodies.get(uid)
      if (body) yield { uid, message: memoryMessage(body.octets) }
    }
  }

  async append(messages: readonly NewMessage[]): Promise<readonly number[]> {
    const octets = await Promise.all(messages.map(async ({ content }) => toCrlf(await contentBytes(content))))
    const { state } = this.open
    let used = state.usedFlags()
    const bits = messages.map(({ flags }) => {
      const own = state.table.bits(flags, () => used)
      used |= own
      return own
    })
    const rows: MessageRow[] = []
    const modSeq = this.#nextModSeq
    const uids = messages.map((message, i) => {
      const known = message.key === undefined ? undefined : this.#keys.get(message.key)
      if (known !== undefined) return known
      const uid = state.facts.uidNext + rows.length
      const email = randomBytes(8).readBigUInt64BE()
      const thread = threadOf(parseHeader(octets[i]!.subarray(0, findBodyStart(octets[i]!)))) ?? email
      const saveDate = this.#account.store.clock.now()
      rows.push({
        uid,
        flags: bits[i]!,
        modSeq,
        internalDate: message.internalDate,
        saveDate,
        size: octets[i]!.length,
        email,
        thread,
      })
      this.#keep(uid, { octets: octets[i]!, key: message.key ?? null })
      return uid
    })
    this.open.appended(rows)
    return uids
  }

  async store(
    uids: readonly number[],
    action: 'add' | 'remove' | 'replace',
    flags: readonly Flag[],
    unchangedSince?: number,
  ) {
    const change = flagChange(this.open.state, uids, action, flags, unchangedSince)
    this.open.flagged(change.uids, change.flags, this.#nextModSeq)
    return { modified: change.modified }
  }

  async expunge(uids: readonly number[]): Promise<readonly number[]> {
    const gone = [...uidSet(uids)].filter((uid) => this.open.state.find(uid) >= 0)
    this.open.expunged(gone, this.#nextModSeq)
    return gone
  }

  async copy(uids: readonly number[], target: string): Promise<CopyResult> {
    const to = this.#account.mailbox(target)
    const { state } = this.open
    const modSeq = to.#nextModSeq
    const rows: MessageRow[] = []
    const pairs: [number, number][] = []
    let used = to.open.state.usedFlags()
    for (const uid of uidSet(uids)) {
      const at = state.find(uid)
      if (at < 0) continue
      const row = state.row(at)
      const flags = to.open.state.table.bits(state.table.names(row.flags), () => used)
      used |= flags
      const copied = to.open.state.facts.uidNext + rows.length
      rows.push({ ...row, uid: copied, flags, modSeq, saveDate: this.#account.store.clock.now() })
      to.#keep(copied, { octets: this.#bodies.get(uid)!.octets, key: null })
      pairs.push([uid, copied])
    }
    to.open.appended(rows)
    return { uidValidity: to.open.state.facts.uidValidity, pairs }
  }

  async move(uids: readonly number[], target: string): Promise<CopyResult> {
    const result = await this.copy(uids, target)
    await this.expunge(result.pairs.map(([uid]) => uid))
    return result
  }

  readonly match = async (key: ContentKey, uids: Uint32Array, signal?: AbortSignal): Promise<Uint32Array> => {
    const hits: number[] = []
    for (const uid of uids) {
      signal?.throwIfAborted()
      const body = this.#bodies.get(uid)
      if (!body) continue
      if (isTextKey(key) ? await matchText(key, [body.octets]) : matchHeader(key, headerOf(body))) hits.push(uid)
    }
    return Uint32Array.from(hits)
  }

  async refresh(): Promise<void> {}

  purge(uids: readonly number[]): void {
    for (const uid of uids) {
      const key = this.#bodies.get(uid)?.key
      if (key) this.#keys.delete(key)
      this.#bodies.delete(uid)
    }
  }
  released(): void {}

  #keep(uid: number, body: Body): void {
    this.#bodies.set(uid, body)
    if (body.key !== null) this.#keys.set(body.key, uid)
  }
}

const EMPTY_LINE = Buffer.from('\r\n')

/** With its empty line, which a message without a body may lack. */
function headerOf({ octets }: Body): Buffer {
  const start = findBodyStart(octets)
  return start < octets.length ? octets.subarray(0, start + 2) : Buffer.concat([octets, EMPTY_LINE])
}

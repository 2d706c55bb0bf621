// A maildrop as one POP3 session sees it: numbered messages that stay as they were at login, and marks for deletion.
import type { MailAccount, Mailbox, MailboxStore, StoredMessage } from '../store/mailbox-store.ts'
import { READ_AHEAD } from './wire/limits.ts'

/** Accounts with a POP3 session in this process: each has one at most (RFC 1939 §4). */
export class MaildropLocks {
  readonly #held = new Set<string>()

  /** False: another session has it. */
  take(account: string): boolean {
    if (this.#held.has(account)) return false
    this.#held.add(account)
    return true
  }
  free(account: string): void {
    this.#held.delete(account)
  }
}

/** Opens an account's INBOX as it is now. The caller holds the lock. */
export async function openMaildrop(store: MailboxStore, name: string): Promise<Maildrop> {
  const account = await store.account(name)
  try {
    const mailbox = await account.open('INBOX')
    try {
      await mailbox.refresh()
      return new Maildrop(account, mailbox)
    } catch (error) {
      mailbox.close()
      throw error
    }
  } catch (error) {
    account.close()
    throw error
  }
}

/** Message numbers count from 1 and never change within a session. */
export class Maildrop {
  readonly #account: MailAccount
  readonly #mailbox: Mailbox
  readonly #uids: Uint32Array
  readonly #deleted: Uint8Array
  readonly #all: Totals
  readonly #messages: Ahead<StoredMessage>
  readonly #headers: Ahead<Buffer>
  #present: Totals

  constructor(account: MailAccount, mailbox: Mailbox) {
    this.#account = account
    this.#mailbox = mailbox
    this.#uids = mailbox.uids()
    this.#deleted = new Uint8Array(this.#uids.length)
    const { messages, size } = mailbox.status()
    this.#all = { messages, octets: size }
    this.#present = this.#all
    this.#messages = new Ahead(this.#uids, (uids) => storedMessages(mailbox, uids), closeMessage)
    this.#headers = new Ahead(
      this.#uids,
      (uids) => headerBlocks(mailbox, uids),
      () => {},
    )
  }

  /** All messages, deleted ones too: the highest number. */
  get length(): number {
    return this.#uids.length
  }
  /** Those that are not deleted. */
  get totals(): Totals {
    return this.#present
  }
  /** Octets; 0 for one that another program has removed since the login. */
  size(number: number): number {
    return this.#mailbox.meta(this.#uids[number - 1]!)?.size ?? 0
  }
  /** Unique over sessions, in the form of Dovecot: UID and UIDVALIDITY, 8 hex digits each (RFC 1939 §7, UIDL). */
  uniqueId(number: number): string {
    return hex(this.#uids[number - 1]!) + hex(this.#mailbox.uidValidity)
  }
  isDeleted(number: number): boolean {
    return this.#deleted[number - 1] === 1
  }
  get hasDeleted(): boolean {
    return this.#present !== this.#all
  }
  delete(number: number): void {
    this.#deleted[number - 1] = 1
    const { messages, octets } = this.#present
    this.#present = { messages: messages - 1, octets: octets - this.size(number) }
  }
  reset(): void {
    this.#deleted.fill(0)
    this.#present = this.#all
  }

  /** Numbers of messages that are not deleted. */
  *numbers(): Iterable<number> {
    for (let number = 1; number <= this.#uids.length; number++) if (!this.isDeleted(number)) yield number
  }

  async message(number: number): Promise<StoredMessage> {
    return (await this.#messages.get(number)) ?? this.#mailbox.message(this.#uids[number - 1]!)
  }
  /** The header block with its empty line; null when it can only be had with the message. */
  header(number: number): Promise<Buffer | null> {
    return this.#headers.get(number)
  }

  /** Removes the marked messages for good; gives how many. Rejects when none could be removed. */
  async removeDeleted(): Promise<number> {
    if (!this.hasDeleted) return 0
    const uids = [...this.#uids.filter((_, i) => this.#deleted[i] === 1)]
    await this.#mailbox.expunge(uids)
    return uids.length
  }

  close(): void {
    this.#messages.close()
    this.#headers.close()
    this.#mailbox.close()
    this.#account.close()
  }
}

interface Totals {
  readonly messages: number
  readonly octets: number
}

const hex = (value: number): string => value.toString(16).padStart(8, '0')

/** Something of the messages by number: who asks for one after the other has the next ones read ahead. */
class Ahead<T> {
  readonly #uids: Uint32Array
  readonly #open: (uids: Uint32Array) => AsyncGenerator<readonly [uid: number, item: T]>
  readonly #discard: (item: T) => void
  #reading: AsyncGenerator<readonly [uid: number, item: T]> | null = null
  #last = 0

  constructor(
    uids: Uint32Array,
    open: (uids: Uint32Array) => AsyncGenerator<readonly [uid: number, item: T]>,
    discard: (item: T) => void,
  ) {
    this.#uids = uids
    this.#open = open
    this.#discard = discard
  }

  /** null: not asked for in order, or not there any more. */
  async get(number: number): Promise<T | null> {
    const sequential = number === this.#last + 1 && number > 1
    this.#last = number
    if (!sequential) {
      this.close()
      return null
    }
    const found = this.#reading && (await this.#next(number))
    if (found) return found
    this.close()
    this.#reading = this.#open(this.#uids.subarray(number - 1, number - 1 + READ_AHEAD))
    return this.#next(number)
  }

  close(): void {
    this.#reading?.return(undefined).catch(() => {})
    this.#reading = null
  }

  async #next(number: number): Promise<T | null> {
    const { done, value } = await this.#reading!.next()
    if (done) return null
    const [uid, item] = value
    if (uid === this.#uids[number - 1]) return item
    this.#discard(item)
    return null
  }
}

const closeMessage = (message: StoredMessage): void => message.close()

async function* storedMessages(mailbox: Mailbox, uids: Uint32Array) {
  for await (const { uid, message } of mailbox.messages(uids)) yield [uid, message] as const
}

async function* headerBlocks(mailbox: Mailbox, uids: Uint32Array) {
  for await (const batch of mailbox.headers(uids)) for (const { uid, header } of batch) yield [uid, header] as const
}

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
  readonly #sizes: Float64Array
  readonly #deleted: Uint8Array
  #ahead: AheadReader | null = null
  #last = 0

  constructor(account: MailAccount, mailbox: Mailbox) {
    this.#account = account
    this.#mailbox = mailbox
    this.#uids = mailbox.uids()
    this.#sizes = Float64Array.from(this.#uids, (uid) => mailbox.meta(uid)?.size ?? 0)
    this.#deleted = new Uint8Array(this.#uids.length)
  }

  /** All messages, deleted ones too: the highest number. */
  get length(): number {
    return this.#uids.length
  }
  size(number: number): number {
    return this.#sizes[number - 1]!
  }
  /** Unique over sessions, in the form of Dovecot: UID and UIDVALIDITY, 8 hex digits each (RFC 1939 §7, UIDL). */
  uniqueId(number: number): string {
    return hex(this.#uids[number - 1]!) + hex(this.#mailbox.uidValidity)
  }
  isDeleted(number: number): boolean {
    return this.#deleted[number - 1] === 1
  }
  delete(number: number): void {
    this.#deleted[number - 1] = 1
  }
  reset(): void {
    this.#deleted.fill(0)
  }

  /** Numbers of messages that are not deleted. */
  *numbers(): Iterable<number> {
    for (let number = 1; number <= this.#uids.length; number++) if (!this.isDeleted(number)) yield number
  }
  totals(): { messages: number; octets: number } {
    let messages = 0
    let octets = 0
    for (const number of this.numbers()) {
      messages += 1
      octets += this.size(number)
    }
    return { messages, octets }
  }

  /** Who asks for one message after the other has the next ones read ahead. */
  async message(number: number): Promise<StoredMessage> {
    const sequential = number === this.#last + 1 && number > 1
    this.#last = number
    const ahead = await this.#ahead?.next(this.#uids[number - 1]!)
    if (ahead) return ahead
    this.#stopReading()
    if (!sequential) return this.#mailbox.message(this.#uids[number - 1]!)
    this.#ahead = new AheadReader(this.#mailbox, this.#uids.subarray(number - 1, number - 1 + READ_AHEAD))
    return (await this.#ahead.next(this.#uids[number - 1]!)) ?? this.#mailbox.message(this.#uids[number - 1]!)
  }

  /** Removes the marked messages for good; gives how many. Rejects when none could be removed. */
  async removeDeleted(): Promise<number> {
    const uids = [...this.#uids].filter((_, i) => this.#deleted[i] === 1)
    if (uids.length > 0) await this.#mailbox.expunge(uids)
    return uids.length
  }

  close(): void {
    this.#stopReading()
    this.#mailbox.close()
    this.#account.close()
  }

  #stopReading(): void {
    this.#ahead?.close()
    this.#ahead = null
  }
}

const hex = (value: number): string => value.toString(16).padStart(8, '0')

/** Messages in order, read ahead by the store. */
class AheadReader {
  readonly #messages: AsyncIterator<{ readonly uid: number; readonly message: StoredMessage }>

  constructor(mailbox: Mailbox, uids: Uint32Array) {
    this.#messages = mailbox.messages(uids)[Symbol.asyncIterator]()
  }

  /** The next message if it is this one; null: another, or none is left. */
  async next(uid: number): Promise<StoredMessage | null> {
    const { done, value } = await this.#messages.next()
    if (done) return null
    if (value.uid === uid) return value.message
    value.message.close()
    return null
  }

  close(): void {
    this.#messages.return?.()?.then(undefined, () => {})
  }
}

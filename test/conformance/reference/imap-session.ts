// One session of the reference IMAP server: its state, and what it believes about the selected mailbox.
import type { Account, Mailbox, Message } from './imap-store.ts'
import { canonicalName } from './imap-store.ts'
import { Bad, decodeMutf7, encodeMutf7, fromOctets, No, toOctets } from './imap-syntax.ts'

export interface ServerSide {
  readonly faults: ReadonlySet<string>
  /** Whether the faults are in force now. */
  armed(): boolean
  login(user: string, password: string): Account | null
  /** For faults: whoever it may be. */
  somebody(): Account
  /** Whether LOGIN is refused without TLS. */
  readonly privacyRequired: boolean
  readonly offersTls: boolean
  /** Further extensions are announced. */
  readonly extended: boolean
  /** ENABLE knows CONDSTORE: all of it that UNAUTHENTICATE's proof needs. */
  readonly modseq: boolean
  /** Names above a new mailbox are levels, not mailboxes. */
  readonly bareLevels: boolean
  /** APPENDLIMIT is announced without a number: STATUS tells it. */
  readonly limitByStatus: boolean
  /** RFC 7889; 0 is none. */
  readonly appendLimit: number
  /** A mailbox with inferiors is not deleted. */
  readonly keepsParents: boolean
  readonly literals: 'LITERAL+' | 'LITERAL-'
}

interface Seen {
  readonly message: Message
  version: number
}

export class Session {
  readonly server: ServerSide
  readonly #write: (unit: string) => void
  secure: boolean
  account: Account | null = null
  mailbox: Mailbox | null = null
  mailboxName = ''
  readOnly = false
  rev2 = false
  /** UTF8=ACCEPT (RFC 6855) is enabled. */
  utf8 = false
  /** UIDONLY (RFC 9586) is enabled. */
  uidOnly = false
  /** ENABLE CONDSTORE: STORE tells mod-sequences (RFC 7162 §3.1). */
  condstore = false
  /** NOTIFY (RFC 5465): whether changes of the selected mailbox are told unasked. */
  notified: 'at once' | 'delayed' | null = null
  loggedOut = false
  /** What sequence numbers mean. */
  view: Seen[] = []
  /** `$` (RFC 5182), as UIDs. */
  saved: number[] = []
  #onChange: () => void = () => {}
  #watch: (() => void) | null = null
  /** For faults: what was selected before, and flags as they were. */
  #old: Seen[] = []
  /** By which messages know that this selection was told of them first. */
  #claim = {}
  readonly #stale = new Map<Message, string>()

  constructor(server: ServerSide, secure: boolean, write: (unit: string) => void) {
    this.server = server
    this.secure = secure
    this.#write = write
  }

  get state(): 'not authenticated' | 'authenticated' | 'selected' {
    if (this.mailbox) return 'selected'
    return this.account ? 'authenticated' : 'not authenticated'
  }

  faulty(name: string): boolean {
    return this.server.armed() && this.server.faults.has(name)
  }

  say(text: string): void {
    this.#write(`${text}\r\n`)
  }
  untagged(text: string): void {
    this.say(`* ${text}`)
  }

  /** Whether octets above 127 stand in quoted strings. */
  get unicode(): boolean {
    return this.rev2 || this.utf8
  }

  /** A mailbox name as the client sends it (RFC 3501 §5.1.3, RFC 9051 §5.1). */
  name(octets: string, code = ''): string {
    if (octets === '' || /[\x00-\x1f\x7f]/.test(octets)) throw new No('no mailbox has such a name', code)
    const text = this.unicode ? fromOctets(octets) : decodeMutf7(octets)
    if (text === null && /[\x80-\xff]/.test(octets)) throw new Bad('8-bit octets in a mailbox name')
    if (text === null && code !== '') throw new No('the name is no modified UTF-7', code)
    // RFC 9051 §5.1: names are Net-Unicode, so in the form NFC
    const normal = this.faulty('names-unnormalized') ? (text ?? octets) : (text ?? octets).normalize('NFC')
    return this.faulty('inbox-minds-case') ? normal : canonicalName(normal)
  }

  encode(name: string): string {
    return this.unicode || this.faulty('utf8-in-rev1') ? toOctets(name) : encodeMutf7(name)
  }

  find(name: string, code = 'NONEXISTENT'): Mailbox {
    const mailbox = this.account!.mailboxes.get(name)
    if (!mailbox || mailbox.noSelect) throw new No('no such mailbox', code)
    return mailbox
  }

  select(name: string, mailbox: Mailbox, readOnly: boolean): void {
    this.leave()
    this.mailbox = mailbox
    this.mailboxName = name
    this.readOnly = readOnly
    if (!this.faulty('select-keeps-view') || this.#old.length === 0)
      this.view = mailbox.messages.map((message) => ({ message, version: message.version }))
    else this.view = this.#old
    this.#claim = {}
    if (!readOnly) this.#claimRecent()
    if (this.faulty('searchres-all-at-first')) this.saved = mailbox.messages.map(({ uid }) => uid)
    for (const message of mailbox.messages) this.#stale.set(message, [...message.flags].join(' '))
    const watch = (): void => this.#onChange()
    mailbox.watchers.add(watch)
    this.#watch = watch
  }

  leave(): void {
    if (this.#watch) this.mailbox?.watchers.delete(this.#watch)
    this.#watch = null
    if (this.mailbox) this.#old = this.view
    this.mailbox = null
    this.view = []
    if (!this.faulty('searchres-survives-select')) this.saved = []
  }

  onChange(listener: () => void): void {
    this.#onChange = listener
  }

  isRecent(message: Message): boolean {
    if (this.faulty('never-recent') || this.faulty('always-recent')) return this.faulty('always-recent')
    return message.recent === this.#claim || (this.readOnly && message.recent === null)
  }

  #claimRecent(): void {
    for (const { message } of this.view) message.recent ??= this.#claim
  }

  flagsOf(message: Message): string {
    if (this.faulty('flags-stale')) return `(${this.#stale.get(message) ?? ''})`
    const recent = !this.rev2 && this.isRecent(message) ? ['\\Recent'] : []
    return `(${[...message.flags, ...recent].join(' ')})`
  }

  /** Notes that the client knows the flags as they are. */
  told(message: Message): void {
    const seen = this.view.find((one) => one.message === message)
    if (seen) seen.version = message.version
  }

  /** Tells what changed; expunges only where RFC 9051 §7.5.1 lets them be told. */
  sync(expunges: boolean): void {
    if (!this.mailbox) return
    if (this.faulty('expunge-silent')) this.view = this.view.filter(({ message }) => !message.expunged)
    if (this.faulty('expunge-ascending')) this.#expungeAscending()
    if (expunges || this.faulty('expunge-anywhere')) {
      for (let at = this.view.length - 1; at >= 0; at--) {
        const { message } = this.view[at]!
        if (!message.expunged) continue
        if (!this.faulty('expunge-keeps-view')) this.view.splice(at, 1)
        if (this.uidOnly && !this.faulty('uidonly-expunge')) this.untagged(`VANISHED ${message.uid}`)
        else this.untagged(`${this.faulty('expunge-tells-uids') ? message.uid : at + 1} EXPUNGE`)
      }
    }
    const last = this.view.at(-1)?.message.uid ?? 0
    const known = new Set(this.view.map(({ message }) => message))
    const fresh = this.mailbox.messages.filter((message) => message.uid > last && !known.has(message))
    if (fresh.length > 0) {
      const seen = fresh.map((message) => ({ message, version: message.version }))
      if (this.faulty('new-is-first')) this.view.unshift(...seen)
      else this.view.push(...seen)
      if (!this.readOnly) this.#claimRecent()
      this.untagged(`${this.view.length} EXISTS`)
      if (!this.rev2) this.untagged(`${this.recentCount} RECENT`)
    }
    this.view.forEach((seen, at) => {
      if (seen.version === seen.message.version || seen.message.expunged) return
      seen.version = seen.message.version
      this.untagged(
        `${at + 1} FETCH (FLAGS ${this.flagsOf(seen.message)}${(this.rev2 || this.notified) && !this.faulty('notify-without-uid') ? ` UID ${seen.message.uid}` : ''})`,
      )
    })
  }

  #expungeAscending(): void {
    this.view.forEach(({ message }, at) => {
      if (message.expunged) this.untagged(`${at + 1} EXPUNGE`)
    })
    this.view = this.view.filter(({ message }) => !message.expunged)
  }

  get recentCount(): number {
    return this.view.filter(({ message }) => this.isRecent(message)).length
  }

  #refuseGaps(ranges: readonly (readonly [number, number])[]): void {
    const uids = this.view.map(({ message }) => message.uid)
    for (const [from, to] of ranges)
      for (let uid = from; uid <= Math.min(to, uids.at(-1) ?? 0); uid++)
        if (!uids.includes(uid)) throw new No('no such UID')
  }

  /** What a set of sequence numbers or UIDs means: places in the view, ascending. */
  resolve(set: string, asUid: boolean): number[] {
    if (this.faulty('expunge-silent')) this.view = this.view.filter(({ message }) => !message.expunged)
    const byUid = asUid && !this.faulty('uid-is-number')
    if (set === '$' && this.faulty('searchres-empty')) return []
    if (set === '$' && this.faulty('searchres-by-number'))
      return this.saved.map((number) => number - 1).filter((at) => at < this.view.length)
    if (set === '$') return this.view.flatMap(({ message }, at) => (this.saved.includes(message.uid) ? [at] : []))
    const largest = byUid ? Math.max(0, ...this.view.map(({ message }) => message.uid)) : this.view.length
    const ranges = set.split(',').map((part) => {
      const ends = part.split(':').map((end) => (end === '*' ? largest : Number(end)))
      const isOrdered = byUid && this.faulty('uid-star-not-below')
      return isOrdered ? ([ends[0]!, ends.at(-1)!] as const) : ([Math.min(...ends), Math.max(...ends)] as const)
    })
    if (byUid && this.faulty('uid-gaps-refused')) this.#refuseGaps(ranges)
    if (!byUid && !this.faulty('beyond-ignored') && ranges.some(([from, to]) => from < 1 || to > this.view.length))
      throw new Bad('no such message number')
    return this.view.flatMap(({ message }, at) => {
      const number = byUid ? message.uid : at + 1
      return ranges.some(([from, to]) => number >= from && number <= to) ? [at] : []
    })
  }
}

/** `1:3,5` */
export function asSet(numbers: readonly number[]): string {
  const sorted = [...new Set(numbers)].sort((a, b) => a - b)
  const ranges: [number, number][] = []
  for (const number of sorted) {
    const last = ranges.at(-1)
    if (last && last[1] === number - 1) last[1] = number
    else ranges.push([number, number])
  }
  return ranges.map(([from, to]) => (from === to ? from : `${from}:${to}`)).join(',')
}

// The reference IMAP server's mail: an account's mailboxes and messages in memory, and what changed in them.

export interface Message {
  readonly uid: number
  /** One character an octet. */
  readonly raw: string
  readonly date: Date
  readonly saved: Date
  readonly flags: Set<string>
  /** Grows with each change of the flags. */
  version: number
  expunged: boolean
  /** The session that was told first; null while nobody was. */
  recent: object | null
}

export interface Draft {
  readonly raw: string
  readonly date: Date
  readonly flags: Iterable<string>
}

export const SYSTEM_FLAGS = ['\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft']

let lastValidity = Math.floor(Date.now() / 1000)

export class Mailbox {
  validity = ++lastValidity
  /** Of URLAUTH: changed by RESETKEY. */
  urlKey = 1
  readonly messages: Message[] = []
  readonly keywords = new Set<string>()
  uidNext = 1
  /** Has inferiors but was deleted itself. */
  noSelect = false
  specialUse: string[] = []
  /** Sessions that have it selected: told of each change. */
  readonly watchers = new Set<() => void>()

  add({ raw, date, flags }: Draft): Message {
    const message: Message = {
      uid: this.uidNext++,
      raw,
      date,
      saved: new Date(),
      flags: this.#canonical(flags),
      version: 0,
      expunged: false,
      recent: null,
    }
    this.messages.push(message)
    return message
  }

  remove(message: Message): void {
    message.expunged = true
    this.messages.splice(this.messages.indexOf(message), 1)
  }

  /** Gives whether anything changed. */
  setFlags(message: Message, flags: Iterable<string>): boolean {
    const wanted = this.#canonical(flags)
    if (wanted.size === message.flags.size && [...wanted].every((flag) => message.flags.has(flag))) return false
    message.flags.clear()
    for (const flag of wanted) message.flags.add(flag)
    message.version += 1
    return true
  }

  /** Flags are the same in any case (RFC 9051 §2.3.2): written as they were first. */
  #canonical(flags: Iterable<string>): Set<string> {
    return new Set(
      [...flags].map((flag) => {
        const known = [...SYSTEM_FLAGS, ...this.keywords].find((one) => one.toLowerCase() === flag.toLowerCase())
        if (known === undefined) this.keywords.add(flag)
        return known ?? flag
      }),
    )
  }

  changed(): void {
    for (const watcher of [...this.watchers]) watcher()
  }
}

export const DELIMITER = '/'

export class Account {
  readonly mailboxes = new Map<string, Mailbox>([
    ['INBOX', new Mailbox()],
    ['Sent', Object.assign(new Mailbox(), { specialUse: ['\\Sent'] })],
  ])
  readonly subscribed = new Set<string>()
  /** RFC 5466: name → search criteria. */
  readonly filters = new Map<string, string>()
  /** For a fault: what was in deleted mailboxes. */
  readonly deleted = new Map<string, Message[]>()

  hasInferiors(name: string): boolean {
    return [...this.mailboxes.keys()].some((other) => other.startsWith(name + DELIMITER))
  }

  /** With the superiors that are missing. */
  create(name: string, withSuperiors = true): Mailbox {
    const parts = name.split(DELIMITER)
    for (let length = 1; withSuperiors && length < parts.length; length++) {
      const superior = canonicalName(parts.slice(0, length).join(DELIMITER))
      if (!this.mailboxes.has(superior)) this.mailboxes.set(superior, new Mailbox())
    }
    const mailbox = new Mailbox()
    this.mailboxes.set(name, mailbox)
    return mailbox
  }
}

/** INBOX in any case is the same name, as the first level too (RFC 9051 §5.1). */
export const canonicalName = (name: string): string => {
  const [first = '', ...rest] = name.split(DELIMITER)
  return [first.toUpperCase() === 'INBOX' ? 'INBOX' : first, ...rest].join(DELIMITER)
}

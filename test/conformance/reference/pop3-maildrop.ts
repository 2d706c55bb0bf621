// The maildrop of the reference POP3 server: messages in memory, one session at a time.
export interface Message {
  readonly uid: string
  /** With CR LF behind each line; one character an octet. */
  readonly text: string
}

export class Maildrop {
  messages: Message[] = []
  locked = false
  /** How many messages were removed so far, for the fault that goes on counting. */
  removed = 0
  #next = 1
  readonly #reuses: boolean

  /** `reuses`: for the fault that gives unique-ids of removed messages again. */
  constructor(reuses = false) {
    this.#reuses = reuses
  }

  add(text: string): void {
    const free = [...this.messages.keys(), this.messages.length].find(
      (n) => !this.messages.some((m) => m.uid === `uid-${n + 1}`),
    )
    this.messages.push({ uid: `uid-${this.#reuses ? free! + 1 : this.#next++}`, text })
  }

  remove(marked: ReadonlySet<string>): void {
    const kept = this.messages.filter(({ uid }) => !marked.has(uid))
    this.removed += this.messages.length - kept.length
    this.messages = kept
  }
}

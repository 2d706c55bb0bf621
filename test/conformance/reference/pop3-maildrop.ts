// The maildrop of the reference POP3 server: messages in memory, one session at a time.
export interface Message {
  readonly uid: string
  /** With CR LF behind each line; one character an octet. */
  readonly text: string
}

export class Maildrop {
  messages: Message[] = []
  locked = false
  #next = 1

  add(text: string): void {
    this.messages.push({ uid: `uid-${this.#next++}`, text })
  }

  remove(marked: ReadonlySet<string>): void {
    this.messages = this.messages.filter(({ uid }) => !marked.has(uid))
  }
}

// Contents of messages that were queued just now, so that their first delivery need not read them back from the log.
import type { MessageContent } from '../message/content.ts'

/** Octets kept at most, the oldest go first. */
const RECENT_MAX = 4 << 20

export class RecentContents {
  readonly #contents = new Map<string, MessageContent>()
  readonly #forgotten: (id: string) => void
  #octets = 0

  constructor(forgotten: (id: string) => void) {
    this.#forgotten = forgotten
  }

  /** Keeps a content whose body is in memory; false for others. */
  keep(id: string, content: MessageContent): boolean {
    if (content.body.bytes === null || content.size > RECENT_MAX) return false
    content.body.retain()
    this.#contents.set(id, content)
    this.#octets += content.size
    for (const oldest of this.#contents.keys()) {
      if (this.#octets <= RECENT_MAX) break
      this.drop(oldest)
      this.#forgotten(oldest)
    }
    return true
  }

  /** Gives a content away: whoever gets it releases its body. */
  take(id: string): MessageContent | null {
    const content = this.#contents.get(id)
    if (content === undefined) return null
    this.#contents.delete(id)
    this.#octets -= content.size
    return content
  }

  drop(id: string): void {
    this.take(id)?.body.release()
  }

  clear(): void {
    for (const id of [...this.#contents.keys()]) this.drop(id)
  }
}

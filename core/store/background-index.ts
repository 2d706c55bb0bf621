// Puts new messages into the index when nothing more urgent is to be done.
import type { Clock, Timer } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { ContentService, Item } from './content-service.ts'
import type { IndexKey } from './index/account-index.ts'

/** Nothing new for so long: a good time. */
const QUIET_MS = 250
const BATCH = 64
/** Waiting messages beyond this are left to be found missing when their mailbox is opened. */
const MAX_WAITING = 50_000

interface Waiting {
  readonly key: IndexKey
  readonly items: Item[]
}

export class BackgroundIndex {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #content: ContentService
  readonly #waiting = new Map<string, Waiting>()
  #count = 0
  #timer: Timer | null = null
  #lastAdded = 0
  #running: Promise<void> | null = null
  #closed = false

  constructor(deps: { readonly clock: Clock; readonly log: Logger; readonly content: ContentService }) {
    this.#clock = deps.clock
    this.#log = deps.log
    this.#content = deps.content
  }

  add(key: IndexKey, items: readonly Item[]): void {
    if (this.#closed || this.#count + items.length > MAX_WAITING) return
    const waiting = this.#waiting.get(key.mailboxId)
    if (waiting) waiting.items.push(...items)
    else this.#waiting.set(key.mailboxId, { key, items: [...items] })
    this.#count += items.length
    this.#lastAdded = this.#clock.mono()
    if (!this.#running) this.#timer ??= this.#clock.after(QUIET_MS, () => this.#wake())
  }

  /** Resolves when all that waits now is in the index. */
  async flush(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = null
    this.#running ??= this.#run()
    await this.#running
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    this.#waiting.clear()
    await this.#running
  }

  #wake(): void {
    this.#timer = null
    const quiet = this.#clock.mono() - this.#lastAdded
    if (quiet < QUIET_MS) this.#timer = this.#clock.after(QUIET_MS - quiet, () => this.#wake())
    else this.#running ??= this.#run()
  }

  async #run(): Promise<void> {
    for (let next = this.#waiting.values().next().value; next; next = this.#waiting.values().next().value) {
      const items = next.items.splice(0, BATCH)
      this.#count -= items.length
      if (next.items.length === 0) this.#waiting.delete(next.key.mailboxId)
      try {
        await this.#content.index(next.key, items)
      } catch (error) {
        this.#log.warn('messages could not be indexed', { error: String(error) })
      }
    }
    this.#count = 0
    this.#running = null
  }
}

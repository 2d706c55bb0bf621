// Puts new messages into the index: at once when all is quiet, a little at a time while mail comes in.
import type { Clock, Timer } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { ContentService, Item } from './content-service.ts'
import type { IndexKey } from './index/account-index.ts'

/** Nothing new for so long: nobody is kept waiting. */
const QUIET_MS = 250
/** While mail comes in, it rests for so many times as long as it worked. */
const REST = 20
const LONGEST_REST_MS = 1000
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
  #wake: (() => void) | null = null
  #hurried = false
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
    if (!this.#running) this.#timer ??= this.#clock.after(QUIET_MS, () => this.#start())
  }

  /** Resolves when all that waits now is in the index. */
  async flush(): Promise<void> {
    this.#hurried = true
    this.#wake?.()
    await this.#start()
    this.#hurried = false
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    this.#waiting.clear()
    this.#wake?.()
    await this.#running
  }

  #start(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = null
    this.#running ??= this.#run()
    return this.#running
  }

  async #run(): Promise<void> {
    for (let next = this.#waiting.values().next().value; next; next = this.#waiting.values().next().value) {
      const started = this.#clock.mono()
      const items = next.items.splice(0, BATCH)
      this.#count -= items.length
      if (next.items.length === 0) this.#waiting.delete(next.key.mailboxId)
      try {
        await this.#content.index(next.key, items)
      } catch (error) {
        this.#log.warn('messages could not be indexed', { error: String(error) })
      }
      await this.#rest(started)
    }
    this.#count = 0
    this.#running = null
  }

  async #rest(started: number): Promise<void> {
    const now = this.#clock.mono()
    if (this.#hurried || this.#closed || now - this.#lastAdded >= QUIET_MS) return
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      this.#clock.after(Math.min(LONGEST_REST_MS, REST * (now - started)), resolve)
    })
    this.#wake = null
  }
}

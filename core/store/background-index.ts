// Puts new messages into the index: at once when all is quiet, a little at a time while mail comes in.
import type { Clock, Timer } from '../base/clock.ts'
import type { LogFields, Logger } from '../base/log.ts'
import type { ContentService } from './content-service.ts'
import type { StoreEngine } from './engine.ts'

/** Nothing new for so long: nobody is kept waiting. */
const QUIET_MS = 250
/** While mail comes in, it rests for so many times as long as it worked. */
const REST = 20
const LONGEST_REST_MS = 1000
const BATCH = 64
/** Waiting messages beyond this are left to be found missing when their mailbox is opened. */
const MAX_WAITING = 500_000

interface Waiting {
  readonly uids: number[]
  /** How many of them have had their turn. */
  done: number
}

export interface IndexDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly engine: Pick<StoreEngine, 'places'>
  readonly content: Pick<ContentService, 'index'>
}

export class BackgroundIndex {
  readonly #deps: IndexDeps
  /** By the mailbox's id. */
  readonly #waiting = new Map<number, Waiting>()
  #count = 0
  #timer: Timer | null = null
  #lastAdded = 0
  #running: Promise<void> | null = null
  #wake: (() => void) | null = null
  #hurried = false
  #closed = false

  constructor(deps: IndexDeps) {
    this.#deps = deps
  }

  /** Messages of the mailbox that the engine knows by this id. */
  add(id: number, uids: readonly number[]): void {
    if (this.#closed || this.#count + uids.length > MAX_WAITING) return
    const waiting = this.#waiting.get(id)
    if (waiting) for (const uid of uids) waiting.uids.push(uid)
    else this.#waiting.set(id, { uids: [...uids], done: 0 })
    this.#count += uids.length
    this.#lastAdded = this.#deps.clock.mono()
    if (!this.#running) this.#timer ??= this.#deps.clock.after(QUIET_MS, () => this.#start())
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
    for (let next = this.#waiting.entries().next().value; next; next = this.#waiting.entries().next().value) {
      const started = this.#deps.clock.mono()
      const [id, mailbox] = next
      const uids = mailbox.uids.slice(mailbox.done, mailbox.done + BATCH)
      mailbox.done += uids.length
      this.#count -= uids.length
      if (mailbox.done === mailbox.uids.length) this.#waiting.delete(id)
      await this.#index(id, uids)
      await this.#rest(started)
    }
    this.#count = 0
    this.#running = null
  }

  async #index(id: number, uids: readonly number[]): Promise<void> {
    let about: LogFields = {}
    try {
      const found = await this.#deps.engine.places(id, uids)
      if (!found || found.messages.length === 0) return
      about = { user: found.account, mailbox: found.mailbox }
      const items = found.messages.map(({ uid, place }) => ({ uid, places: [place] }))
      await this.#deps.content.index(found.key, items)
    } catch (error) {
      this.#deps.log.warn('messages could not be indexed', { ...about, error: String(error) })
    }
  }

  async #rest(started: number): Promise<void> {
    const now = this.#deps.clock.mono()
    if (this.#hurried || this.#closed || now - this.#lastAdded >= QUIET_MS) return
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      this.#deps.clock.after(Math.min(LONGEST_REST_MS, REST * (now - started)), resolve)
    })
    this.#wake = null
  }
}

// Notices that another program touched a folder: names that we did not touch ourselves.
import { type FSWatcher, watch } from 'node:fs'
import type { Clock } from '../../base/clock.ts'

const FORGET_MS = 2000
const MANY = 2000

export class FolderWatch {
  readonly #clock: Clock
  readonly #onTouched: () => void
  #watchers: FSWatcher[] = []
  /** Names that we touched lately, in two generations. */
  #ours = new Set<string>()
  #before = new Set<string>()
  #timer = false
  /** False when the system gives no watch: then only `refresh` finds changes. */
  active = false
  touched = false

  constructor(path: string, clock: Clock, onTouched: () => void) {
    this.#clock = clock
    this.#onTouched = onTouched
    this.#start(path)
  }

  /** We are about to touch, or touched, this name (in cur/ or new/). */
  expect(name: string): void {
    this.#ours.add(name)
    if (this.#timer) return
    this.#timer = true
    this.#clock.after(FORGET_MS, () => this.#forget())
  }

  /** So many names change that it is cheaper to look at the folder once afterwards. */
  static tooMany(count: number): boolean {
    return count > MANY
  }

  close(): void {
    for (const watcher of this.#watchers) watcher.close()
    this.#watchers = []
    this.active = false
  }

  #start(path: string): void {
    try {
      for (const directory of ['new', 'cur']) {
        const watcher = watch(`${path}/${directory}`, { persistent: false }, (_, name) => this.#event(name))
        watcher.on('error', () => this.close())
        this.#watchers.push(watcher)
      }
      this.active = true
    } catch {
      this.close()
    }
  }

  #event(name: string | null): void {
    if (name !== null && (this.#ours.has(name) || this.#before.has(name))) return
    this.touched = true
    this.#onTouched()
  }

  #forget(): void {
    this.#before = this.#ours
    this.#ours = new Set()
    this.#timer = this.#before.size > 0
    if (this.#timer) this.#clock.after(FORGET_MS, () => this.#forget())
  }
}

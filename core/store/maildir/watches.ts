// The watches on folders that sessions have open: they are told what we are about to touch ourselves, so that they notice only others.
import type { Clock } from '../../base/clock.ts'
import { fileName, flagLetters } from './file-name.ts'
import type { MaildirFolder, Placed } from './folder.ts'
import { FolderWatch } from './watch.ts'

/** A burst of foreign changes is looked at once. */
const SETTLE_MS = 20

export class Watches {
  readonly #clock: Clock
  readonly #touched: (folder: MaildirFolder) => void
  readonly #watches = new Map<number, FolderWatch>()

  /** `touched`: another program changed the folder a moment ago. */
  constructor(clock: Clock, touched: (folder: MaildirFolder) => void) {
    this.#clock = clock
    this.#touched = touched
  }

  of(folder: MaildirFolder): FolderWatch | undefined {
    return this.#watches.get(folder.id)
  }

  /** Begins, or begins anew. */
  start(folder: MaildirFolder): void {
    this.stop(folder.id)
    let waiting = false
    const watch = new FolderWatch(folder.path, this.#clock, () => {
      if (waiting) return
      waiting = true
      this.#clock.after(SETTLE_MS, () => {
        waiting = false
        this.#touched(folder)
      })
    })
    this.#watches.set(folder.id, watch)
  }

  stop(id: number): void {
    this.#watches.get(id)?.close()
    this.#watches.delete(id)
  }

  stopAll(): void {
    for (const id of [...this.#watches.keys()]) this.stop(id)
  }

  /** `flags`: the new ones; null when the files go. */
  expectChange(folder: MaildirFolder, uids: readonly number[], flags: readonly number[] | null): void {
    const watch = this.of(folder)
    if (!watch) return
    if (FolderWatch.tooMany(uids.length)) {
      this.start(folder)
      return
    }
    for (const [i, uid] of uids.entries()) {
      const at = folder.state.find(uid)
      watch.expect(folder.place(at).slice(4))
      if (flags) watch.expect(fileName(folder.bases[at]!, flagLetters(flags[i]!)))
    }
  }

  expectPlaced(folder: MaildirFolder, { rows, bases }: Placed): void {
    const watch = this.of(folder)
    if (!watch) return
    for (const [i, { flags }] of rows.entries()) {
      watch.expect(bases[i]!)
      watch.expect(fileName(bases[i]!, flagLetters(flags)))
    }
  }
}

// The lock under which Dovecot writes the UID list: taken for folders that it has been at work in, so that no UID is given twice.
import type { Clock } from '../../base/clock.ts'
import { temporary } from '../../base/failure.ts'
import type { Files } from '../../base/files.ts'
import { replies } from '../../message/reply.ts'
import { UIDLIST } from './uidlist.ts'

/** Dovecot's own, which it makes where it opens a folder. */
const TRACE = 'dovecot.index.log'
/** In a lock that we made. */
const OURS = Buffer.from('estafeta\n')
const RETRY_MS = 10
const GIVE_UP_MS = 30_000
/** A lock of this age is left over. */
const STALE_MS = 120_000

/** Entered and left by who holds the folder's own lock; may be entered again before it is left. */
export class ListLock {
  readonly #deps: { readonly files: Files; readonly clock: Clock }
  readonly #folder: { readonly path: string }
  #depth = 0
  /** Where it was made: the folder may move meanwhile. */
  #made: string | null = null

  constructor(deps: { readonly files: Files; readonly clock: Clock }, folder: { readonly path: string }) {
    this.#deps = deps
    this.#folder = folder
  }

  /** Other programs are kept out just now. */
  get keepsOut(): boolean {
    return this.#made !== null
  }

  /** False when another program has it. */
  tryEnter(): boolean {
    if (this.#depth === 0 && this.#needed() && !this.#make()) return false
    this.#depth++
    return true
  }

  /** A temporary Failure (450 4.2.0) when another program keeps it. */
  async enter(): Promise<void> {
    const { clock } = this.#deps
    const start = clock.mono()
    while (!this.tryEnter()) {
      if (clock.mono() - start > GIVE_UP_MS)
        throw temporary(`${this.#folder.path}/${UIDLIST} stays locked`, { reply: replies.mailboxBusy() })
      await new Promise<void>((resolve) => clock.after(RETRY_MS, resolve))
    }
  }

  leave(): void {
    this.#depth--
    if (this.#depth === 0) this.#remove()
  }

  /** Takes away what an earlier run of ours left: nobody else has this folder's mail in charge. */
  sweep(): void {
    const { files } = this.#deps
    if (files.stat(this.#path)?.size === OURS.length && files.readFile(this.#path).equals(OURS))
      files.unlink(this.#path)
  }

  get #path(): string {
    return `${this.#folder.path}/${UIDLIST}.lock`
  }

  #needed(): boolean {
    return this.#deps.files.stat(`${this.#folder.path}/${TRACE}`) !== null
  }

  #remove(): void {
    const path = this.#made
    this.#made = null
    if (path !== null && this.#deps.files.stat(path)) this.#deps.files.unlink(path)
  }

  #make(): boolean {
    const { files, clock } = this.#deps
    const path = this.#path
    try {
      const fd = files.open(path, 'wx')
      this.#made = path
      try {
        files.write(fd, [OURS], 0)
      } finally {
        files.close(fd)
      }
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
        this.#remove()
        throw error
      }
      const stat = files.stat(path)
      if (stat && clock.now() - stat.mtimeMs > STALE_MS) files.unlink(path)
      return false
    }
  }
}

// A file read into a value and read again when it changed: a bad new version is reported and the last good one stays.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { systemClock } from '../base/clock.ts'
import { temporary } from '../base/failure.ts'
import type { Logger } from '../base/log.ts'
import type { Problem } from '../config/problems.ts'
import { ConfigError } from '../config/problems.ts'

export interface Parsed<T> {
  readonly value: T
  readonly problems: readonly Problem[]
}

/** Files beyond this are refused: they are no tables of ours. */
const MAX_OCTETS = 64 * 2 ** 20

/** After so many looks, each this soon after the last (ms), a file is one that is asked for all the time … */
const MANY_LOOKS = 20
const SOON_MS = 20
/** … and is looked at this often, ms. */
const SELDOM_MS = 10

/** From here on a changed file is parsed on a thread, and the old version serves until that is done. */
const LARGE = 65_536

type Parse<T> = (text: string, path: string) => Parsed<T>

export interface WatchOptions<T> {
  /** What a missing file means, when it need not exist. Its folder must: an unmounted disk is trouble. */
  readonly missing?: T
  /** The same as the parser, on a thread of its own. */
  readonly parseAside?: (text: string, path: string) => Promise<Parsed<T>>
}

export class WatchedFile<T> {
  readonly path: string
  readonly #parse: Parse<T>
  readonly #log: Logger
  readonly #options: WatchOptions<T>
  #good: T | null = null
  #problems: readonly Problem[] = []
  #stamp = ''
  #fresh = false
  #looks = 0
  #looked = 0
  #parsing = false

  constructor(path: string, parse: Parse<T>, log: Logger, options: WatchOptions<T> = {}) {
    this.path = path
    this.#parse = parse
    this.#log = log
    this.#options = options
  }

  /** The newest good version. None so far: a temporary Failure. */
  get(): T {
    const value = this.getOrNull()
    if (value === null) throw temporary(`cannot use ${this.path}: ${new ConfigError(this.#problems).format()}`)
    return value
  }

  /**
   * The newest good version; null when there was none. One look at the file a turn of the event loop, and under load one
   * every 10 ms.
   */
  getOrNull(): T | null {
    if (!this.#fresh) this.#look()
    return this.#good ?? (this.#problems.length === 0 ? (this.#options.missing ?? null) : null)
  }

  /** What is wrong with the file as it stands now; empty when it is good. */
  problems(): readonly Problem[] {
    this.#check()
    return this.#problems
  }

  #look(): void {
    this.#check()
    this.#fresh = true
    const now = systemClock.mono()
    this.#looks = now - this.#looked <= SOON_MS ? this.#looks + 1 : 0
    this.#looked = now
    const stale = (): void => {
      this.#fresh = false
    }
    if (this.#looks >= MANY_LOOKS) systemClock.after(SELDOM_MS, stale)
    else setImmediate(stale)
  }

  #check(): void {
    if (this.#parsing) return
    const stamp = this.#stat()
    if (stamp === this.#stamp) return
    this.#stamp = stamp
    const { missing, parseAside } = this.#options
    if (stamp === 'ENOENT' && this.#good === null && missing !== undefined && existsSync(dirname(this.path))) {
      this.#problems = []
      this.#log.info('file not there yet', { file: this.path })
      return
    }
    const text = this.#read()
    if (typeof text !== 'string') this.#settle(text)
    else if (parseAside && this.#good !== null && text.length > LARGE) this.#parseAside(parseAside(text, this.path))
    else this.#settle(this.#parse(text, this.path))
  }

  #parseAside(parsed: Promise<Parsed<T>>): void {
    this.#parsing = true
    parsed
      .then(
        (done) => this.#settle(done),
        (error: Error) => this.#settle({ problems: [problem(this.path, error.message)] }),
      )
      .finally(() => {
        this.#parsing = false
      })
  }

  #settle({ value, problems }: { readonly value?: T; readonly problems: readonly Problem[] }): void {
    this.#problems = problems
    if (problems.length === 0 && value !== undefined) this.#good = value
    if (problems.length === 0) return
    const kept = this.#good === null ? 'nothing can be looked up in it' : 'the last good version stays in use'
    this.#log.error('file unusable', { file: this.path, kept, problems: new ConfigError(problems).format() })
  }

  #stat(): string {
    try {
      const s = statSync(this.path, { throwIfNoEntry: false })
      return s ? `${s.ino} ${s.size} ${s.mtimeMs} ${s.ctimeMs}` : 'ENOENT'
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? 'unreadable'
    }
  }

  #read(): string | { readonly problems: readonly Problem[] } {
    try {
      if (statSync(this.path).size <= MAX_OCTETS) return readFileSync(this.path, 'utf8')
      return { problems: [problem(this.path, `larger than ${MAX_OCTETS} octets`)] }
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      return { problems: [problem(this.path, code === 'ENOENT' ? 'no such file' : `cannot be read (${code})`)] }
    }
  }
}

const problem = (file: string, message: string): Problem => ({ at: { file, line: 1, column: 1 }, path: [], message })

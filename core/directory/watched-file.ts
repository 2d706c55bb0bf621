// A file read into a value and read again when it changed: a bad new version is reported and the last good one stays.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
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

export class WatchedFile<T> {
  readonly path: string
  readonly #parse: (text: string, path: string) => Parsed<T>
  readonly #log: Logger
  /** What a missing file means, when it need not exist. Its folder must: an unmounted disk is trouble. */
  readonly #missing: T | null
  #good: T | null = null
  #problems: readonly Problem[] = []
  #stamp = ''
  #fresh = false

  constructor(path: string, parse: (text: string, path: string) => Parsed<T>, log: Logger, missing: T | null = null) {
    this.path = path
    this.#parse = parse
    this.#log = log
    this.#missing = missing
  }

  /** The newest good version. None so far: a temporary Failure. */
  get(): T {
    const value = this.getOrNull()
    if (value === null) throw temporary(`cannot use ${this.path}: ${new ConfigError(this.#problems).format()}`)
    return value
  }

  /** The newest good version; null when there was none. One look at the file a turn of the event loop. */
  getOrNull(): T | null {
    if (!this.#fresh) {
      this.#check()
      this.#fresh = true
      setImmediate(() => {
        this.#fresh = false
      })
    }
    return this.#good ?? (this.#problems.length === 0 ? this.#missing : null)
  }

  /** What is wrong with the file as it stands now; empty when it is good. */
  problems(): readonly Problem[] {
    this.#check()
    return this.#problems
  }

  #check(): void {
    const stamp = this.#stat()
    if (stamp === this.#stamp) return
    this.#stamp = stamp
    if (stamp === 'ENOENT' && this.#good === null && this.#missing !== null && existsSync(dirname(this.path))) {
      this.#problems = []
      this.#log.info('file not there yet', { file: this.path })
      return
    }
    const problems = this.#read()
    this.#problems = problems
    if (problems.length === 0) return
    const kept = this.#good === null ? 'nothing can be looked up in it' : 'the last good version stays in use'
    this.#log.error('file unusable', { file: this.path, kept, problems: new ConfigError(problems).format() })
  }

  #stat(): string {
    try {
      const s = statSync(this.path)
      return `${s.ino} ${s.size} ${s.mtimeMs} ${s.ctimeMs}`
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? 'unreadable'
    }
  }

  #read(): readonly Problem[] {
    try {
      if (statSync(this.path).size > MAX_OCTETS) return [problem(this.path, `larger than ${MAX_OCTETS} octets`)]
      const { value, problems } = this.#parse(readFileSync(this.path, 'utf8'), this.path)
      if (problems.length === 0) this.#good = value
      return problems
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === undefined) throw error
      return [problem(this.path, code === 'ENOENT' ? 'no such file' : `cannot be read (${code})`)]
    }
  }
}

const problem = (file: string, message: string): Problem => ({ at: { file, line: 1, column: 1 }, path: [], message })

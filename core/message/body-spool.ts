// Bodies while they arrive: in memory while small and within the process's budget, else in files of the queue's body folder.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { Failure, temporary } from '../base/failure.ts'
import type { Files } from '../base/files.ts'
import type { SpooledBody } from './content.ts'
import { replies } from './reply.ts'
import type { BodySpool, BodyWriter } from './spool.ts'

/** A body larger than this goes to a file. */
export const MEMORY_BODY = 131_072
const CHUNK = 65_536

export interface BodySpoolOptions {
  /** Where files go; must exist. They are named `spool-…`; what a crash leaves behind, the queue removes at its start. */
  readonly directory: string
  readonly files: Files
  /** Octets that all bodies in memory may take together. */
  readonly memoryBudget: number
}

/** Writes bodies as they come, and whole ones for filters. */
export interface Spooling extends BodySpool {
  write(chunks: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<SpooledBody>
  /** Octets now in memory. */
  readonly used: number
  /** Bodies that are arriving. */
  readonly arriving: number
}

export function createBodySpool(options: BodySpoolOptions): Spooling {
  const budget = new Budget(options.memoryBudget)
  let arriving = 0
  const ended = (): void => {
    arriving--
  }
  const writer = () => {
    arriving++
    return new Writer(options, budget, ended)
  }
  return {
    writer,
    async write(chunks) {
      const body = writer()
      try {
        for await (const chunk of chunks) await body.write(chunk)
        const made = await body.finish()
        made.endWhenDropped()
        return made
      } catch (error) {
        body.abort()
        throw error
      }
    },
    get used() {
      return budget.used
    },
    get arriving() {
      return arriving
    },
  }
}

class Budget {
  used = 0
  readonly #limit: number
  constructor(limit: number) {
    this.#limit = limit
  }
  take(octets: number): boolean {
    if (this.used + octets > this.#limit) return false
    this.used += octets
    return true
  }
  give(octets: number): void {
    this.used -= octets
  }
}

class Writer implements BodyWriter {
  size = 0
  readonly #options: BodySpoolOptions
  readonly #budget: Budget
  /** Not yet written; all of the body while it is in memory. */
  #chunks: Buffer[] = []
  #pending = 0
  #reserved = 0
  #file: { path: string; fd: number } | null = null
  #writing: Promise<unknown> = Promise.resolve()
  #ended = false
  readonly #tellEnded: () => void

  constructor(options: BodySpoolOptions, budget: Budget, tellEnded: () => void) {
    this.#options = options
    this.#budget = budget
    this.#tellEnded = tellEnded
  }

  write(chunk: Buffer): void | Promise<void> {
    this.size += chunk.length
    this.#chunks.push(chunk)
    this.#pending += chunk.length
    if (!this.#file) {
      if (this.size <= MEMORY_BODY && this.#budget.take(chunk.length)) {
        this.#reserved += chunk.length
        return
      }
      this.#openFile()
    }
    if (this.#pending >= CHUNK) return this.#flush()
  }

  finish(plain = false): MemoryBody | Promise<FileBody> {
    return this.#file ? this.#finishFile(this.#file) : this.#finishMemory(plain)
  }

  abort(): void {
    if (this.#ended) return
    this.#end()
    this.#chunks = []
    this.#budget.give(this.#reserved)
    const file = this.#file
    if (file) void this.#writing.catch(() => {}).then(() => discard(this.#options.files, file))
  }

  #end(): void {
    this.#ended = true
    this.#tellEnded()
  }

  #finishMemory(plain: boolean): MemoryBody {
    this.#end()
    const bytes = inOne(this.#chunks, this.size)
    this.#chunks = []
    return new MemoryBody(bytes, plain, () => this.#budget.give(this.#reserved))
  }

  async #finishFile(file: { path: string; fd: number }): Promise<FileBody> {
    await this.#flush()
    this.#end()
    const { files } = this.#options
    return new FileBody(files, file.fd, file.path, this.size, () => discard(files, file))
  }

  #openFile(): void {
    const path = join(this.#options.directory, `spool-${randomBytes(9).toString('base64url')}`)
    try {
      this.#file = { path, fd: this.#options.files.open(path, 'wx+', 0o600) }
    } catch (error) {
      throw spoolFailure(error)
    }
    this.#budget.give(this.#reserved)
    this.#reserved = 0
  }

  #flush(): Promise<void> {
    const chunks = this.#chunks
    const at = this.size - this.#pending
    this.#chunks = []
    this.#pending = 0
    const { fd } = this.#file!
    const written = this.#writing.then(() => this.#options.files.writeAsync(fd, chunks, at))
    this.#writing = written
    return written.then(
      () => {},
      (error) => {
        throw spoolFailure(error)
      },
    )
  }
}

/** A chunk that came alone stays as it is, unless what it was read with is kept along and much larger. */
function inOne(chunks: readonly Buffer[], size: number): Buffer {
  const alone = chunks.length === 1 ? chunks[0]! : null
  return alone !== null && alone.length * 2 > alone.buffer.byteLength ? alone : Buffer.concat(chunks, size)
}

/** A file that cannot be removed now is removed at the next start. */
function discard(files: Files, file: { path: string; fd: number }): void {
  try {
    files.unlink(file.path)
  } catch {}
  files.close(file.fd)
}

/** Disk full and its kin are the sender's to retry. */
function spoolFailure(cause: unknown): Failure {
  if (cause instanceof Failure) return cause
  const code = (cause as { code?: string }).code
  const full = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EMFILE' || code === 'ENFILE'
  const reply = full ? replies.noRoom() : replies.internalError()
  return temporary(`cannot spool a message: ${(cause as Error).message}`, { reply, cause })
}

/** Counts its holders; the last one to release it ends it. */
abstract class CountedBody {
  readonly #end: () => void
  #holders = 1
  constructor(end: () => void) {
    this.#end = end
  }
  retain(): void {
    if (this.#holders === 0) throw new Error('a body was retained after its release')
    this.#holders++
  }
  release(): void {
    if (this.#holders === 0) throw new Error('a body was released twice')
    if (--this.#holders > 0) return
    dropped.unregister(this)
    this.#end()
  }
  /** For a filter that throws before it hands over what it has written. */
  endWhenDropped(): void {
    dropped.register(this, this.#end, this)
  }
}

/** Ends bodies that are collected as garbage without having been released. */
const dropped = new FinalizationRegistry<() => void>((end) => end())

class MemoryBody extends CountedBody implements SpooledBody {
  readonly path = null
  readonly bytes: Buffer
  readonly plain: boolean
  constructor(bytes: Buffer, plain: boolean, end: () => void) {
    super(end)
    this.bytes = bytes
    this.plain = plain
  }
  get size(): number {
    return this.bytes.length
  }
  async *chunks(start = 0, end = this.bytes.length): AsyncIterable<Buffer> {
    for (let at = start; at < end; at += CHUNK) yield this.bytes.subarray(at, Math.min(end, at + CHUNK))
  }
}

/** A body in an open file. `end` closes it; until then it can be read, even when its name is gone. */
export class FileBody extends CountedBody implements SpooledBody {
  readonly bytes = null
  readonly path: string
  readonly size: number
  readonly #files: Files
  readonly #fd: number

  constructor(files: Files, fd: number, path: string, size: number, end: () => void) {
    super(end)
    this.#files = files
    this.#fd = fd
    this.path = path
    this.size = size
  }

  async *chunks(start = 0, end = this.size): AsyncIterable<Buffer> {
    for (let at = start; at < end; ) {
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK, end - at))
      const octets = await this.#files.readAsync(this.#fd, buffer, 0, buffer.length, at)
      if (octets === 0) throw temporary(`${this.path} is shorter than the ${this.size} octets it should have`)
      yield buffer.subarray(0, octets)
      at += octets
    }
  }
}

// Where a queued message's bytes go: small ones into the log's record, large bodies into files beside it.
import { join } from 'node:path'
import { temporary } from '../base/failure.ts'
import type { Files } from '../base/files.ts'
import type { Logger } from '../base/log.ts'
import { FileBody } from '../message/body-spool.ts'
import type { MessageContent, SpooledBody } from '../message/content.ts'
import { replies } from '../message/reply.ts'
import type { Committer } from './committer.ts'
import type { ContentRow } from './operations.ts'
import type { LargeBody } from './segment.ts'
import { noRoom } from './state-queue.ts'

/** Bodies up to this many octets stand in the log. */
const INLINE = 131_072

export interface StoredContent {
  readonly row: ContentRow
  /** What goes into the record. */
  readonly payload: readonly Buffer[]
}

export interface BodyStoreOptions {
  /** `queue/body`, where the spool writes, too. */
  readonly directory: string
  readonly files: Files
  readonly log: Logger
  /** A thread of its own, so that small messages do not wait for large ones. Started with the first. */
  start(): Committer
}

export class BodyStore {
  syncs = 0
  readonly #options: BodyStoreOptions
  #committer: Committer | null = null

  constructor(options: BodyStoreOptions) {
    this.#options = options
  }

  /** A small body in memory needs nothing but the log; null for all others. */
  small({ header, body, bodyStart }: MessageContent): StoredContent | null {
    if (!body.bytes || body.size - bodyStart > INLINE) return null
    const rest = body.bytes.subarray(bodyStart)
    return { row: [header.length, rest.length, null], payload: [header, rest] }
  }

  /** A large body is durable, under this name, when the promise resolves. */
  async store(name: string, content: MessageContent): Promise<StoredContent> {
    const { header, body, bodyStart } = content
    const small = this.small(content)
    if (small) return small
    if (body.size - bodyStart <= INLINE) {
      const rest: Buffer[] = []
      for await (const chunk of body.chunks(bodyStart)) rest.push(chunk)
      return { row: [header.length, body.size - bodyStart, null], payload: [header, ...rest] }
    }
    await this.#keep(join(this.#options.directory, name), body)
    return { row: [header.length, 0, { file: name, size: body.size, bodyStart }], payload: [header] }
  }

  open({ file, size }: LargeBody): SpooledBody {
    const { files, directory } = this.#options
    const path = join(directory, file)
    const fd = files.open(path, 'r')
    return new FileBody(files, fd, path, size, () => files.close(fd))
  }

  /** What cannot be removed now goes at the next start. */
  remove(name: string): void {
    void this.#run().run({ kind: 'remove', paths: [join(this.#options.directory, name)] })
  }

  /** Removes what a crash left behind: spooled, but never queued, or settled, but not yet removed. */
  keepOnly(names: ReadonlySet<string>): void {
    const { files, directory, log } = this.#options
    const missing = new Set(names)
    for (const name of files.readdir(directory)) if (!missing.delete(name)) files.unlink(join(directory, name))
    for (const name of missing) log.error('queue: a message has lost its body file', { file: join(directory, name) })
  }

  async close(): Promise<void> {
    await this.#committer?.close()
  }

  #run(): Committer {
    this.#committer ??= this.#options.start()
    return this.#committer
  }

  async #keep(path: string, body: SpooledBody): Promise<void> {
    const from = body.path ?? body.bytes
    if (from === null) throw new Error('a body is neither in memory nor in a file')
    const result = await this.#run().run({ kind: 'body', path, from })
    this.syncs += result.syncs
    if (result.ok) return
    const why = `cannot keep a message body: ${result.error}`
    throw result.full ? noRoom(why) : temporary(why, { reply: replies.internalError() })
  }
}

// Takes the content of one message from DATA or BDAT chunks to the spool, and remembers the first thing wrong with it.
import { asFailure, type Reply } from '../base/failure.ts'
import type { SpooledBody } from '../message/content.ts'
import { replies } from '../message/reply.ts'
import type { BodyWriter } from '../message/spool.ts'
import { DataDecoder } from './wire/data-decoder.ts'
import { DRAIN_MAX } from './wire/limits.ts'

export interface ReceiverOptions {
  readonly dots: boolean
  readonly normalise: boolean
  /** Octets of content, as received. */
  readonly maxSize: number
}

export class MessageReceiver {
  readonly #decoder: DataDecoder
  readonly #maxSize: number
  #writer: BodyWriter | null
  #size = 0
  #drained = 0
  /** Why the message cannot be taken; the rest of it is read and dropped. */
  refusal: Reply | null = null

  constructor(writer: BodyWriter, options: ReceiverOptions) {
    this.#decoder = new DataDecoder(options)
    this.#maxSize = options.maxSize
    this.#writer = writer
  }

  /** Octets of the last chunk that belong to this message; -1 while the end of DATA has not come. */
  get end(): number {
    return this.#decoder.end
  }
  /** A refused message goes on for longer than anybody need listen. */
  get endless(): boolean {
    return this.#drained > DRAIN_MAX
  }

  /** A promise asks to wait before the next chunk; it does not reject. */
  write(chunk: Buffer): Promise<void> | null {
    const content = this.#decoder.decode(chunk)
    return this.#store(content)
  }

  /** BDAT LAST: completes the last line. */
  completeLine(): Promise<void> | null {
    return this.#store(this.#decoder.finish())
  }

  /** Gives the body, or null with `refusal` set. Call `abort` instead when the connection is gone. */
  finish(): SpooledBody | null | Promise<SpooledBody | null> {
    const writer = this.#writer
    if (writer === null) return null
    this.#writer = null
    const failed = (error: unknown): null => {
      this.refusal = asFailure(error).reply ?? replies.internalError()
      return null
    }
    try {
      const body = writer.finish(this.#decoder.plain)
      return body instanceof Promise ? body.catch(failed) : body
    } catch (error) {
      return failed(error)
    }
  }

  refuse(reply: Reply): void {
    this.refusal ??= reply
    this.abort()
  }

  abort(): void {
    this.#writer?.abort()
    this.#writer = null
  }

  #store(content: Buffer): Promise<void> | null {
    this.#size += content.length
    this.#check()
    if (this.#writer === null) {
      this.#drained += content.length
      return null
    }
    if (content.length === 0) return null
    try {
      const wait = this.#writer.write(content)
      return wait ? wait.catch((error) => this.#failed(error)) : null
    } catch (error) {
      this.#failed(error)
      return null
    }
  }

  #check(): void {
    if (this.refusal !== null) return
    if (this.#size > this.#maxSize)
      this.refuse(replies.messageTooBig(this.#maxSize)) // RFC 1870 §6.3
    else if (this.#decoder.nul) this.refuse(replies.nulInMessage())
    else if (this.#decoder.bareLineEnd && !this.#decoder.normalise) this.refuse(replies.bareLineFeed())
  }

  #failed(error: unknown): void {
    this.refuse(asFailure(error).reply ?? replies.internalError())
  }
}

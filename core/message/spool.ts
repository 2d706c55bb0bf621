// Where a body goes while it arrives: memory first, a file when it is large or the process's budget is spent.
import type { SpooledBody } from './content.ts'

/** Takes one body. Ends with exactly one of `finish` and `abort`. */
export interface BodyWriter {
  readonly size: number
  /** A promise asks the caller to wait before the next chunk. Disk full rejects with Failure 452 4.3.1. */
  write(chunk: Buffer): void | Promise<void>
  /** `plain`: what is known of the body, see there. */
  finish(plain?: boolean): SpooledBody | Promise<SpooledBody>
  abort(): void
}

export interface BodySpool {
  writer(): BodyWriter
}

// A message as bytes at rest: an edited header block over a body that is never copied for it.

/**
 * Octets of one message as received (CRLF line ends, dots unstuffed), in memory or in a file.
 * Immutable; whoever created it releases it; a holder that outlives the creator calls `retain` first.
 */
export interface SpooledBody {
  readonly size: number
  /** The file that holds it, or null when it is in memory. */
  readonly path: string | null
  /** All octets, when in memory. */
  readonly bytes: Buffer | null
  /** DATA carries it as it is: every line ends in CRLF, none begins with a dot. Else that is not known. */
  readonly plain?: boolean
  /** Octets `start` (inclusive) to `end` (exclusive) in chunks of at most 64 KiB; the whole by default. */
  chunks(start?: number, end?: number): AsyncIterable<Buffer>
  retain(): void
  release(): void
}

export interface MessageContent {
  /** Header fields in order, each ended by CRLF, without the empty line. */
  readonly header: Buffer
  readonly body: SpooledBody
  /** Where in `body` the empty line between header and body starts (or its end, when there is none). */
  readonly bodyStart: number
  /** Octets in all: the header and what follows `bodyStart`. */
  readonly size: number
}

/** The message in order, ready for the wire (before dot-stuffing) or a mailbox. */
export async function* contentChunks(content: MessageContent): AsyncIterable<Buffer> {
  yield content.header
  if (content.body.bytes) yield content.body.bytes.subarray(content.bodyStart)
  else yield* content.body.chunks(content.bodyStart)
}

/** The whole message in one buffer: only for messages known to be small, or libraries that take nothing else. */
export async function contentBytes(content: MessageContent): Promise<Buffer> {
  if (content.body.bytes) return Buffer.concat([content.header, content.body.bytes.subarray(content.bodyStart)])
  const parts: Buffer[] = []
  for await (const chunk of contentChunks(content)) parts.push(chunk)
  return Buffer.concat(parts)
}

/** A body held in memory. */
export function memoryBody(bytes: Buffer): SpooledBody {
  return {
    size: bytes.length,
    path: null,
    bytes,
    async *chunks(start = 0, end = bytes.length) {
      for (let at = start; at < end; at += 65536) yield bytes.subarray(at, Math.min(end, at + 65536))
    },
    retain() {},
    release() {},
  }
}

/** Content of a complete message in memory, split at its first empty line. */
export function memoryContent(bytes: Buffer): MessageContent {
  const bodyStart = findBodyStart(bytes)
  return {
    header: bytes.subarray(0, bodyStart),
    body: memoryBody(bytes),
    bodyStart,
    size: bytes.length,
  }
}

const HEADER_END = Buffer.from('\r\n\r\n')

/** Offset of the empty line that ends the header block; the length when there is none. */
export function findBodyStart(bytes: Buffer): number {
  if (bytes[0] === 13 && bytes[1] === 10) return 0
  const at = bytes.indexOf(HEADER_END)
  return at < 0 ? bytes.length : at + 2
}

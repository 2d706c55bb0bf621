// Appends one message to a mail file: under its lock, quoted, stable when it resolves, and the file as it was when it fails.
import type { Clock } from '../base/clock.ts'
import { temporary } from '../base/failure.ts'
import type { Files } from '../base/files.ts'
import { nodeFiles } from '../base/node-files.ts'
import { parseHeader } from '../message/header.ts'
import { replies } from '../message/reply.ts'
import { storeFailure } from './failures.ts'
import { LfStream } from './line-ends.ts'
import { lockMailFile } from './mbox/dotlock.ts'
import { formatFromLine, quoteAfterLine, quoteFrom } from './mbox/from-line.ts'

const LF = 10
const MAX_HELD = 131_072
/** Where people send what they do not want: nothing is locked or kept there. */
const NOWHERE = '/dev/null'

/**
 * `chunks` is the message with CRLF or LF line ends; the envelope sender is that of its Return-Path field. The file is made
 * when it is missing. Trouble is a temporary Failure. Bounded memory: a line at most, beside the chunk.
 */
export async function appendToMbox(
  path: string,
  chunks: AsyncIterable<Buffer>,
  deps: { readonly clock: Clock; readonly files?: Files },
): Promise<void> {
  const files = deps.files ?? nodeFiles
  if (path === NOWHERE) return
  try {
    const lock = await lockMailFile(path, { files, clock: deps.clock })
    try {
      await append(path, chunks, files, deps.clock)
    } finally {
      lock.release()
    }
  } catch (error) {
    throw storeFailure(error)
  }
}

async function append(path: string, chunks: AsyncIterable<Buffer>, files: Files, clock: Clock): Promise<void> {
  const before = files.stat(path)
  // to open a pipe would wait for its reader
  if (before && !before.isFile)
    throw temporary(`${path} is no regular file`, { reply: replies.mailFileUnusable('is no regular file') })
  const fd = files.open(path, 'a+', 0o600)
  try {
    if (before && isCutOff(fd, before.size, files)) files.write(fd, [Buffer.from('\n\n')], null)
    let previous = 0
    for await (const octets of nearlyLines(chunks)) {
      if (previous === 0) files.write(fd, [fromLine(octets, clock)], null)
      files.write(fd, [previous === 0 || previous === LF ? quoteFrom(octets) : quoteAfterLine(octets)], null)
      previous = octets.at(-1)!
    }
    if (previous === 0) files.write(fd, [fromLine(Buffer.alloc(0), clock)], null)
    files.write(fd, [Buffer.from(previous === LF || previous === 0 ? '\n' : '\n\n')], null)
    files.fdatasync(fd)
  } catch (error) {
    files.truncate(fd, before?.size ?? 0)
    throw error
  } finally {
    files.close(fd)
  }
  if (!before) files.fsyncDir(path.slice(0, path.lastIndexOf('/')) || '/')
}

/** A crash left the beginning of a message: the next one is not to become its end. */
function isCutOff(fd: number, size: number, files: Files): boolean {
  const last = Buffer.alloc(1)
  return size > 0 && files.read(fd, last, 0, 1, size - 1) === 1 && last[0] !== LF
}

/** With LF line ends, cut after a line end; only in lines longer than any mail program makes elsewhere. */
async function* nearlyLines(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  const stream = new LfStream()
  let held: Buffer = Buffer.alloc(0)
  for await (const chunk of chunks) {
    const octets = Buffer.concat([held, stream.write(chunk)])
    const cut = octets.length > MAX_HELD ? octets.length : octets.lastIndexOf(LF) + 1
    held = octets.subarray(cut)
    if (cut > 0) yield octets.subarray(0, cut)
  }
  const rest = Buffer.concat([held, stream.end()])
  if (rest.length > 0) yield rest
}

/** `octets` are the message's first. */
function fromLine(octets: Buffer, clock: Clock): Buffer {
  const field = parseHeader(octets.subarray(0, MAX_HELD)).get('return-path') ?? ''
  const sender = /^<?([^<>\s]*)>?$/.exec(field)?.[1] ?? ''
  return Buffer.from(formatFromLine(sender, clock.now()), 'utf8')
}

// One message as a file: written with LF line ends, looked at for what its name does not tell.
import type { FileStat, Files } from '../../base/files.ts'
import { parseHeader } from '../../message/header.ts'
import { threadOf } from '../header-text.ts'
import { LfStream, missingCrs, toLfInPlace } from '../line-ends.ts'
import { namedSizes } from './file-name.ts'

/** A written file that is not yet in its mailbox. */
export interface StagedFile {
  readonly path: string
  readonly fileSize: number
  readonly wireSize: number
  /** null: the message stands by itself. */
  readonly thread: bigint | null
}

const MAX_HEADER = 65_536
const PIECE = 65_536

/** Writes a message whole; its octets are changed on the way. Removes what it began when it fails. */
export function writeMessage(files: Files, path: string, octets: Uint8Array, internalDate: number): StagedFile {
  const { lf, missing } = toLfInPlace(octets)
  const fd = files.open(path, 'wx')
  try {
    files.write(fd, [lf], null)
    files.futimes?.(fd, internalDate)
  } catch (error) {
    files.close(fd)
    files.unlink(path)
    throw error
  }
  files.close(fd)
  return { path, fileSize: lf.length, wireSize: lf.length + missing, thread: threadOfOctets(lf) }
}

/** Writes a message that comes in pieces. */
export class MessageWriter {
  readonly path: string
  readonly #files: Files
  readonly #fd: number
  readonly #lines = new LfStream()
  #head: Buffer[] = []
  #headSize = 0
  #size = 0
  #missing = 0
  #previous = 0

  constructor(files: Files, path: string) {
    this.#files = files
    this.path = path
    this.#fd = files.open(path, 'wx')
  }

  write(octets: Buffer): void {
    this.#put(this.#lines.write(octets))
  }
  finish(internalDate: number | null): StagedFile {
    this.#put(this.#lines.end())
    if (internalDate !== null) this.#files.futimes?.(this.#fd, internalDate)
    this.#files.close(this.#fd)
    const thread = threadOfOctets(Buffer.concat(this.#head))
    return { path: this.path, fileSize: this.#size, wireSize: this.#size + this.#missing, thread }
  }
  abort(): void {
    this.#files.close(this.#fd)
    this.#files.unlink(this.path)
  }

  #put(octets: Buffer): void {
    if (octets.length === 0) return
    this.#files.write(this.#fd, [octets], null)
    this.#missing += missingCrs(octets, this.#previous)
    this.#previous = octets.at(-1)!
    this.#size += octets.length
    if (this.#headSize < MAX_HEADER) {
      this.#head.push(octets)
      this.#headSize += octets.length
    }
  }
}

/** For what cannot be renamed or linked from another file system: a copy, stable when it returns. */
export function copyMessage(files: Files, from: string, to: string, internalDate: number): void {
  const source = files.open(from, 'r')
  const target = files.open(to, 'w')
  try {
    let at = 0
    for (let length = -1; length !== 0; at += length) {
      length = files.read(source, piece, 0, PIECE, at)
      files.write(target, [piece.subarray(0, length)], at)
    }
    files.futimes?.(target, internalDate)
    files.fdatasync(target)
  } finally {
    files.close(source)
    files.close(target)
  }
}

/** The header block and its empty line at the start of `octets`, or as much as there is of it. */
export function headerBlock(octets: Buffer): Buffer {
  if (octets[0] === 10) return octets.subarray(0, 1)
  if (octets[0] === 13 && octets[1] === 10) return octets.subarray(0, 2)
  for (let lf = octets.indexOf(10); lf >= 0; lf = octets.indexOf(10, lf + 1)) {
    if (octets[lf + 1] === 10) return octets.subarray(0, lf + 2)
    if (octets[lf + 1] === 13 && octets[lf + 2] === 10) return octets.subarray(0, lf + 3)
  }
  return octets
}

/** The same of octets that come in pieces; one that does not end within about `bound` octets is cut. */
export function collectHeader(pieces: Iterable<Buffer>, bound: number): Buffer {
  const held: Buffer[] = []
  let size = 0
  let seam: Buffer = Buffer.alloc(0)
  for (const piece of pieces) {
    held.push(piece)
    size += piece.length
    seam = Buffer.concat([seam, piece])
    if (size >= bound || seam.includes('\n\n') || seam.includes('\n\r\n')) break
    seam = seam.subarray(-2)
  }
  return headerBlock(held.length === 1 ? held[0]! : Buffer.concat(held))
}

const threadOfOctets = (octets: Buffer): bigint | null =>
  threadOf(parseHeader(headerBlock(octets.subarray(0, MAX_HEADER))))

export interface Inspection {
  readonly internalDate: number
  readonly size: number
  /** null: the message stands by itself. */
  readonly thread: bigint | null
}

/** Used by one file after the other. */
const piece = Buffer.allocUnsafeSlow(PIECE)

/** A directory, a device, a file that is not ours to read: it takes no other message along. */
export class Unreadable extends Error {}

const UNREADABLE = new Set(['EACCES', 'EPERM', 'ELOOP', 'ENXIO'])

/**
 * What a file says of itself; null when it is gone. Reads only the header when the name tells the size. Throws `Unreadable`
 * for what cannot be a message.
 */
export function inspect(files: Files, path: string, base: string): Inspection | null {
  try {
    const stat = files.stat(path)
    if (stat && !stat.isFile) throw new Unreadable('it is no regular file')
    return stat && look(files, path, base, stat)
  } catch (error) {
    if (UNREADABLE.has((error as NodeJS.ErrnoException).code ?? '')) throw new Unreadable((error as Error).message)
    throw error
  }
}

function look(files: Files, path: string, base: string, stat: FileStat): Inspection {
  const fd = files.open(path, 'r')
  try {
    const named = namedSizes(base)
    const first = files.read(fd, piece, 0, PIECE, 0)
    const thread = threadOfOctets(piece.subarray(0, first))
    const told = named.file === stat.size && named.wire !== null && named.wire >= stat.size
    const size = told ? named.wire! : stat.size + countMissing(files, fd, first)
    return { internalDate: Math.round(stat.mtimeMs), size, thread }
  } finally {
    files.close(fd)
  }
}

function countMissing(files: Files, fd: number, first: number): number {
  let missing = 0
  let previous = 0
  let at = 0
  for (let length = first; length > 0; length = files.read(fd, piece, 0, PIECE, at)) {
    missing += missingCrs(piece.subarray(0, length), previous)
    previous = piece[length - 1]!
    at += length
  }
  return missing
}

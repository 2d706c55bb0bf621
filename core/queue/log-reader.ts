// Reads the whole log at start: every record in order; what is damaged is put aside and reported, never skipped in silence.
import { basename, dirname, join } from 'node:path'
import { asFailure, permanent } from '../base/failure.ts'
import type { Files } from '../base/files.ts'
import type { Logger } from '../base/log.ts'
import {
  contentLength,
  type Damage,
  endsWithin,
  hasLaterBatch,
  type LogRecord,
  parseHeader,
  scanSegment,
} from './log-format.ts'
import type { Operation } from './operations.ts'
import { cutPath, parseLogFile, Segment } from './segment.ts'

export interface LogFiles {
  /** In order. */
  readonly segments: Segment[]
  readonly nextNumber: number
  readonly spares: { path: string; size: number }[]
  readonly reserve: number | null
}

export interface LogReaderOptions {
  /** `queue/log` */
  readonly directory: string
  /** `queue/damaged`: made when needed. */
  readonly damaged: string
  readonly files: Files
  readonly log: Logger
  record(operations: readonly Operation[], segment: Segment, record: LogRecord): void
}

export function readLog(options: LogReaderOptions): LogFiles {
  return new LogReader(options).read()
}

interface Found {
  readonly path: string
  readonly number: number
  readonly cut: number | null
}

/** What a disk gives, or gives no more, as a whole. */
const BLOCK = 4096

class LogReader {
  readonly #options: LogReaderOptions
  #buffer = Buffer.alloc(0)

  constructor(options: LogReaderOptions) {
    this.#options = options
  }

  read(): LogFiles {
    const { directory, files, log } = this.#options
    const found: Found[] = []
    const spares: { path: string; size: number }[] = []
    let reserve: number | null = null
    for (const name of files.readdir(directory)) {
      const path = join(directory, name)
      const file = parseLogFile(name)
      if (file?.kind === 'segment') found.push({ path, number: file.number, cut: file.cut })
      else if (file?.kind === 'spare') spares.push({ path, size: files.stat(path)?.size ?? 0 })
      else if (file?.kind === 'reserve') reserve = files.stat(path)?.size ?? 0
      else log.warn('queue log: unknown file left alone', { file: path })
    }
    found.sort((a, b) => a.number - b.number)
    const segments: Segment[] = []
    for (const file of found) {
      const segment = this.#segment(file, file === found.at(-1))
      if (segment) segments.push(segment)
    }
    return { segments, nextNumber: (found.at(-1)?.number ?? 0) + 1, spares, reserve }
  }

  #segment(file: Found, newest: boolean): Segment | null {
    const { bytes: whole, missing } = this.#load(file.path)
    const bytes = file.cut === null ? whole : whole.subarray(0, file.cut)
    const header = parseHeader(bytes, file.number)
    if (header === null || header === 'other') return missing ? null : this.#noSegment(file, bytes, header, newest)
    const scan = scanSegment(bytes, header)
    const segment = new Segment(file.number, header, file.path, scan.end, whole.length)
    segment.poisoned = file.cut !== null || missing
    if (missing) segment.keepAs = this.#aside(basename(file.path))
    for (const damage of scan.damages) this.#quarantine(file, bytes, damage)
    if (scan.torn) this.#tail(segment, bytes, newest && file.cut === null)
    for (const record of scan.records) {
      const operations = JSON.parse(record.head.toString()) as Operation[]
      this.#options.record(operations, segment, record)
    }
    return segment
  }

  /** The newest: a crash came before its first batch was durable. Any other: its header is damaged. */
  #noSegment(file: Found, bytes: Buffer, header: 'other' | null, newest: boolean): null {
    const { files, log, directory } = this.#options
    if (header === 'other' || bytes.every((octet) => octet === 0)) {
      files.unlink(file.path)
      files.fsyncDir(directory)
      return null
    }
    const to = this.#aside(basename(file.path))
    files.rename(file.path, to)
    files.fsyncDir(dirname(to))
    files.fsyncDir(directory)
    const fields = { segment: file.path, file: to }
    if (newest && !hasLaterBatch(bytes))
      log.warn(
        'queue log: a segment that a crash left without its header was put aside; nothing in it was acknowledged',
        fields,
      )
    else log.error('queue log: a segment with a damaged header was put aside; mail in it was not read', fields)
    return null
  }

  /** What a crash left unfinished at the end of the newest segment is cut off; in an older one it was acknowledged. */
  #tail(segment: Segment, bytes: Buffer, newest: boolean): void {
    const { files, log, directory } = this.#options
    if (!newest) {
      this.#quarantine(segment, bytes, { from: segment.end, to: bytes.length, acknowledged: true })
      return
    }
    const to = cutPath(directory, segment.number, segment.end)
    files.rename(segment.path, to)
    files.fsyncDir(directory)
    segment.path = to
    segment.poisoned = true
    const octets = contentLength(bytes.subarray(segment.end))
    // a commit gives the file its length before it writes
    if (endsWithin(bytes, segment.end))
      log.warn(
        'queue log: the newest segment ends within a record; what it held from there on is lost, and unless the power failed it had been acknowledged',
        { file: to, octets },
      )
    else log.info('queue log: cut off what a crash left unfinished and unacknowledged', { file: to, octets })
  }

  #quarantine(file: { path: string; number: number }, bytes: Buffer, damage: Damage): void {
    const { files, log } = this.#options
    const to = this.#aside(`${file.number}-${damage.from}`)
    // reported before, and the segment is still here
    if (files.stat(to) !== null) return
    const fd = files.open(to, 'wx')
    files.write(fd, [bytes.subarray(damage.from, damage.to)], 0)
    files.fsync(fd)
    files.close(fd)
    files.fsyncDir(dirname(to))
    const fields = { segment: file.path, from: damage.from, to: damage.to, file: to }
    if (damage.acknowledged) log.error('queue log: a damaged record was put aside; mail in it was not read', fields)
    else log.warn('queue log: a record that a crash left unfinished was put aside; it was never acknowledged', fields)
  }

  #aside(name: string): string {
    const { files, damaged } = this.#options
    if (files.stat(damaged) === null) files.mkdir(damaged, 0o700)
    files.fsyncDir(dirname(damaged))
    return join(damaged, name)
  }

  /** `missing`: octets that the disk does not give any more stand there as zeros. */
  #load(path: string): { bytes: Buffer; missing: boolean } {
    const { files } = this.#options
    const size = files.stat(path)?.size ?? 0
    if (this.#buffer.length < size) this.#buffer = Buffer.allocUnsafe(size)
    const fd = files.open(path, 'r')
    try {
      return { bytes: this.#buffer.subarray(0, this.#fill(fd, 0, size)), missing: false }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EIO')
        throw permanent(`queue log: ${path}: ${asFailure(error).detail}`, { cause: error })
      return { bytes: this.#salvage(fd, path, size), missing: true }
    } finally {
      files.close(fd)
    }
  }

  /** Reads from one place to another, or to the end of the file; gives where it stopped. */
  #fill(fd: number, from: number, to: number): number {
    let at = from
    for (let more = -1; more !== 0 && at < to; at += more)
      more = this.#options.files.read(fd, this.#buffer, at, to - at, at)
    return at
  }

  #salvage(fd: number, path: string, size: number): Buffer {
    let octets = 0
    for (let at = 0; at < size; at += BLOCK) {
      const end = Math.min(size, at + BLOCK)
      try {
        this.#fill(fd, at, end)
      } catch {
        this.#buffer.fill(0, at, end)
        octets += end - at
      }
    }
    const fields = { file: path, octets }
    this.#options.log.error('queue log: part of a segment cannot be read; mail that stood there is missing', fields)
    return this.#buffer.subarray(0, size)
  }
}

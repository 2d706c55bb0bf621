// Reads messages out of the log's segments, with few files open.
import { temporary } from '../base/failure.ts'
import type { Files } from '../base/files.ts'
import type { Place, Segment } from './segment.ts'

const OPEN_FILES = 32

export class SegmentReader {
  readonly #files: Files
  /** In the order of their last use. */
  readonly #open = new Map<Segment, number>()

  constructor(files: Files) {
    this.#files = files
  }

  /** Header and inline body of an item. */
  read(place: Place): Buffer {
    const bytes = Buffer.allocUnsafe(place.header + place.inline)
    const octets = this.#files.read(this.fd(place.segment), bytes, 0, bytes.length, place.at)
    if (octets !== bytes.length) throw temporary(`${place.segment.path} ends before its record at ${place.at} does`)
    return bytes
  }

  fd(segment: Segment): number {
    const known = this.#open.get(segment)
    if (known !== undefined) {
      this.#open.delete(segment)
      this.#open.set(segment, known)
      return known
    }
    if (this.#open.size >= OPEN_FILES) this.forget(this.#open.keys().next().value as Segment)
    const fd = this.#files.open(segment.path, 'r')
    this.#open.set(segment, fd)
    return fd
  }

  forget(segment: Segment): void {
    const fd = this.#open.get(segment)
    this.#open.delete(segment)
    if (fd !== undefined) this.#files.close(fd)
  }

  close(): void {
    for (const segment of [...this.#open.keys()]) this.forget(segment)
  }
}

// The blocking file work of the queue as jobs: run on the commit thread, or where they are asked for.
import { dirname } from 'node:path'
import type { Files } from '../base/files.ts'
import { sealBatch } from './log-format.ts'

/** Appends a batch of records to a segment and syncs it. */
export interface CommitJob {
  readonly kind: 'commit'
  readonly path: string
  /** For the first batch of a segment: its header, and the file that becomes the segment (none: a new one). */
  readonly create: { readonly from: string | null; readonly header: Uint8Array } | null
  readonly nonce: bigint
  readonly at: number
  readonly buffer: ArrayBuffer
  readonly length: number
  /** The file is filled with zeros from here … */
  readonly allocated: number
  /** … to here, before anything else is written: so that later syncs write no metadata. */
  readonly allocate: number
}

/** Names a segment, for good, by where its valid part ends. */
export interface RenameJob {
  readonly kind: 'rename'
  readonly from: string
  /** null: away with it. */
  readonly to: string | null
}

/** Makes a large body a file of the queue: by a second name for its spool file, or by a copy. */
export interface BodyJob {
  readonly kind: 'body'
  readonly path: string
  readonly from: string | Uint8Array
}

export interface RemoveJob {
  readonly kind: 'remove'
  readonly paths: readonly string[]
}

/** Makes a file of zeros, kept for the day the disk is full. */
export interface ReserveJob {
  readonly kind: 'reserve'
  readonly path: string
  readonly size: number
}

export type Job = CommitJob | RenameJob | BodyJob | RemoveJob | ReserveJob

export interface JobResult {
  readonly ok: boolean
  /** Set when not ok. */
  readonly error: string | null
  /** Nothing was written, for lack of space. */
  readonly full: boolean
  readonly syncs: number
  /** The buffer of a commit, to be used again. */
  readonly buffer: ArrayBuffer | null
}

const ZEROS = Buffer.alloc(1 << 20)
const NO_SPACE = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** Runs jobs one after another. Keeps the active segment open in between. */
export class JobRunner {
  readonly #files: Files
  #active: { path: string; fd: number } | null = null
  #syncs = 0
  /** Some of a batch may be on disk: a lack of space now is a failure like any other. */
  #touched = false

  constructor(files: Files) {
    this.#files = files
  }

  run(job: Job): JobResult {
    this.#syncs = 0
    this.#touched = false
    const buffer = job.kind === 'commit' ? job.buffer : null
    try {
      this.#run(job)
      return { ok: true, error: null, full: false, syncs: this.#syncs, buffer }
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown.message : String(thrown)
      const full = !this.#touched && NO_SPACE.has((thrown as { code?: string }).code ?? '')
      return { ok: false, error, full, syncs: this.#syncs, buffer }
    }
  }

  close(): void {
    if (this.#active) this.#files.close(this.#active.fd)
    this.#active = null
  }

  #run(job: Job): void {
    switch (job.kind) {
      case 'commit':
        this.#commit(job)
        break
      case 'rename':
        this.#rename(job)
        break
      case 'body':
        this.#body(job)
        break
      case 'remove':
        this.#remove(job)
        break
      case 'reserve':
        this.#reserve(job)
    }
  }

  #commit(job: CommitJob): void {
    const fd = job.create ? this.#create(job.path, job.create.from) : this.#open(job.path)
    try {
      this.#zero(fd, job.allocated, job.allocate)
    } catch (error) {
      if (job.create && job.create.from === null) this.#undoCreate(job.path)
      throw error
    }
    const batch = Buffer.from(job.buffer, 0, job.length)
    sealBatch(batch, job.nonce, job.at)
    this.#touched = true
    if (job.create) this.#files.write(fd, [Buffer.from(job.create.header)], 0)
    this.#files.write(fd, [batch], job.at)
    this.#syncs++
    this.#files.fdatasync(fd)
    if (job.create) this.#syncDir(job.path)
  }

  #create(path: string, from: string | null): number {
    this.close()
    if (from !== null) this.#files.rename(from, path)
    const fd = this.#files.open(path, from === null ? 'wx+' : 'r+')
    this.#active = { path, fd }
    return fd
  }

  #undoCreate(path: string): void {
    this.close()
    this.#files.unlink(path)
  }

  #open(path: string): number {
    if (this.#active?.path === path) return this.#active.fd
    this.close()
    const fd = this.#files.open(path, 'r+')
    this.#active = { path, fd }
    return fd
  }

  #zero(fd: number, from: number, to: number): void {
    for (let at = from; at < to; at += ZEROS.length)
      this.#files.write(fd, [ZEROS.subarray(0, Math.min(ZEROS.length, to - at))], at)
  }

  #rename(job: RenameJob): void {
    // closed without a sync: a failed sync left pages whose fate nobody knows
    if (this.#active?.path === job.from) this.close()
    if (this.#files.stat(job.from) !== null) {
      if (job.to === null) this.#files.unlink(job.from)
      else this.#files.rename(job.from, job.to)
    }
    this.#syncDir(job.from)
  }

  #body(job: BodyJob): void {
    try {
      if (typeof job.from === 'string') this.#linkOrCopy(job.from, job.path)
      else this.#writeFile(job.path, [Buffer.from(job.from.buffer, job.from.byteOffset, job.from.length)])
      this.#syncFile(job.path)
      this.#syncDir(job.path)
    } catch (error) {
      this.#remove({ kind: 'remove', paths: [job.path] })
      throw error
    }
  }

  #linkOrCopy(from: string, to: string): void {
    try {
      this.#files.link(from, to)
    } catch (error) {
      const code = (error as { code?: string }).code
      if (code !== 'EXDEV' && code !== 'EPERM' && code !== 'EMLINK') throw error
      this.#writeFile(to, this.#chunksOf(from))
    }
  }

  *#chunksOf(path: string): Iterable<Buffer> {
    const fd = this.#files.open(path, 'r')
    try {
      for (let at = 0; ; ) {
        const chunk = Buffer.allocUnsafe(1 << 20)
        const octets = this.#files.read(fd, chunk, 0, chunk.length, at)
        if (octets === 0) return
        yield chunk.subarray(0, octets)
        at += octets
      }
    } finally {
      this.#files.close(fd)
    }
  }

  #writeFile(path: string, chunks: Iterable<Buffer>): void {
    const fd = this.#files.open(path, 'wx')
    try {
      let at = 0
      for (const chunk of chunks) at += this.#files.write(fd, [chunk], at)
    } finally {
      this.#files.close(fd)
    }
  }

  #reserve(job: ReserveJob): void {
    const fd = this.#files.open(job.path, 'w')
    try {
      this.#zero(fd, 0, job.size)
      this.#syncs++
      this.#files.fdatasync(fd)
    } catch (error) {
      this.#files.unlink(job.path)
      throw error
    } finally {
      this.#files.close(fd)
    }
    this.#syncDir(job.path)
  }

  #remove(job: RemoveJob): void {
    for (const path of job.paths) {
      try {
        this.#files.unlink(path)
      } catch (error) {
        if ((error as { code?: string }).code !== 'ENOENT') throw error
      }
    }
  }

  #syncFile(path: string): void {
    const fd = this.#files.open(path, 'r')
    try {
      this.#syncs++
      this.#files.fsync(fd)
    } finally {
      this.#files.close(fd)
    }
  }

  #syncDir(path: string): void {
    this.#syncs++
    this.#files.fsyncDir(dirname(path))
  }
}

// The mod-sequence that a mailbox has reserved durably ahead: after a crash numbering goes on above all that clients may have seen.
import type { Files } from '../../base/files.ts'

export const MODSEQ = 'estafeta-modseq'

const STEP = 1000

export interface ModSeqStart {
  /** All numbers given so far are at most this. */
  readonly highest: number
  /** The mailbox was closed in order, so each message's own number can be trusted. */
  readonly clean: boolean
}

const format = (highest: number, clean: boolean): Buffer =>
  Buffer.from(`${String(highest).padStart(16, '0')} ${clean ? 'clean' : 'open '} \n`)

/** One block of fixed length, overwritten in place: a crash leaves the old or the new one. */
export class ModSeqFile {
  readonly #files: Files
  readonly #folder: { readonly path: string }
  /** Numbers up to here may be given; null: nothing written since it was opened. */
  #reserved: number | null = null

  /** The folder may move while it is open. */
  constructor(files: Files, folder: { readonly path: string }) {
    this.#files = files
    this.#folder = folder
  }

  get path(): string {
    return `${this.#folder.path}/${MODSEQ}`
  }

  read(): ModSeqStart {
    const text = this.#files.stat(this.path) ? this.#files.readFile(this.path).toString('latin1') : ''
    const m = /^(\d{16}) (clean|open )/.exec(text)
    return m ? { highest: Math.max(Number(m[1]), 1), clean: m[2] === 'clean' } : { highest: 1, clean: text === '' }
  }

  /** Makes sure that `modSeq` may be given. True when it wrote: the caller syncs `path` before anyone sees the number. */
  reserve(modSeq: number): boolean {
    if (this.#reserved !== null && modSeq <= this.#reserved) return false
    this.#write(format(modSeq + STEP, false))
    this.#reserved = modSeq + STEP
    return true
  }

  close(highest: number): void {
    if (this.#reserved === null) return
    this.#write(format(highest, true))
    this.#reserved = null
  }

  #write(block: Buffer): void {
    const fd = this.#files.open(this.path, this.#files.stat(this.path) ? 'r+' : 'wx+')
    try {
      this.#files.write(fd, [block], 0)
    } finally {
      this.#files.close(fd)
    }
  }
}

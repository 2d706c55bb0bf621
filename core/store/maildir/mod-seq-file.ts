// The mod-sequence that a mailbox has reserved durably ahead: after a crash numbering goes on above all that clients may have seen.
import { crc32 } from 'node:zlib'
import type { Files } from '../../base/files.ts'

export const MODSEQ = 'estafeta-modseq'

const STEP = 1000
/** Two slots are written in turn, so that a torn write leaves the other. */
const SLOT = 512

export interface ModSeqStart {
  /** All numbers given so far are at most this. */
  readonly highest: number
  /** The mailbox was closed in order, so each message's own number can be trusted. */
  readonly clean: boolean
}

interface Slot extends ModSeqStart {
  readonly turn: number
}

function formatSlot({ turn, highest, clean }: Slot): Buffer {
  const text = `${turn} ${highest} ${clean ? 'clean' : 'open'}`
  return Buffer.from(`${text} ${crc32(text).toString(16)}\n`)
}

function parseSlot(octets: Buffer): Slot | null {
  const m = /^((\d+) (\d+) (clean|open)) ([0-9a-f]+)\n/.exec(octets.toString('latin1'))
  if (!m || crc32(m[1]!).toString(16) !== m[5]) return null
  return { turn: Number(m[2]), highest: Math.max(Number(m[3]), 1), clean: m[4] === 'clean' }
}

export class ModSeqFile {
  readonly #files: Files
  readonly #folder: { readonly path: string }
  #turn = 0
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
    if (!this.#files.stat(this.path)) return { highest: 1, clean: true }
    const octets = this.#files.readFile(this.path)
    const slots = [octets.subarray(0, SLOT), octets.subarray(SLOT)].map(parseSlot).filter((slot) => slot !== null)
    const last = slots.toSorted((a, b) => b.turn - a.turn)[0]
    this.#turn = last?.turn ?? 0
    return last ?? { highest: 1, clean: false }
  }

  /** Numbers were given since it was opened or closed. */
  get reserving(): boolean {
    return this.#reserved !== null
  }

  /** Makes sure that `modSeq` may be given. True when it wrote: the caller syncs `path` before anyone sees the number. */
  reserve(modSeq: number): boolean {
    if (this.#reserved !== null && modSeq <= this.#reserved) return false
    this.#write(modSeq + STEP, false)
    this.#reserved = modSeq + STEP
    return true
  }

  close(highest: number): void {
    if (this.#reserved === null) return
    this.#write(highest, true)
    this.#reserved = null
  }

  #write(highest: number, clean: boolean): void {
    const fd = this.#files.open(this.path, this.#files.stat(this.path) ? 'r+' : 'wx+')
    const turn = this.#turn + 1
    try {
      this.#files.write(fd, [formatSlot({ turn, highest, clean })], (turn % 2) * SLOT)
    } finally {
      this.#files.close(fd)
    }
    this.#turn = turn
  }
}

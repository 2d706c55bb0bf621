// Many short latin1 strings in one block: 100,000 file names travel between threads and lie in memory as one object.
import type { PackedStrings } from './engine.ts'

export function packStrings(strings: readonly string[]): PackedStrings {
  const ends = new Uint32Array(strings.length)
  let total = 0
  for (let i = 0; i < strings.length; i++) {
    total += strings[i]!.length
    ends[i] = total
  }
  return { octets: new Uint8Array(Buffer.from(strings.join(''), 'latin1')), ends }
}

/** A list that grows at its end and from which entries are taken out. */
export class StringColumn {
  #octets: Buffer
  #ends: Uint32Array
  #count: number

  constructor(packed: PackedStrings) {
    this.#octets = Buffer.from(packed.octets.buffer, packed.octets.byteOffset, packed.octets.byteLength)
    this.#ends = packed.ends
    this.#count = packed.ends.length
  }

  at(index: number): string {
    return this.#octets.toString('latin1', this.#start(index), this.#ends[index])
  }

  push(text: string): void {
    const start = this.#start(this.#count)
    const end = start + text.length
    if (end > this.#octets.length) this.#octets = Buffer.concat([this.#octets], Math.ceil(end * 1.5) + 256)
    if (this.#count === this.#ends.length) {
      const grown = new Uint32Array(Math.ceil(this.#count * 1.5) + 16)
      grown.set(this.#ends)
      this.#ends = grown
    }
    this.#octets.write(text, start, 'latin1')
    this.#ends[this.#count++] = end
  }

  /** Keeps the entries for which `keep` holds. */
  filter(keep: (index: number) => boolean): void {
    let to = 0
    let end = 0
    let start = 0
    for (let from = 0; from < this.#count; from++) {
      const next = this.#ends[from]!
      if (keep(from)) {
        this.#octets.copyWithin(end, start, next)
        end += next - start
        this.#ends[to++] = end
      }
      start = next
    }
    this.#count = to
  }

  #start(index: number): number {
    return index === 0 ? 0 : this.#ends[index - 1]!
  }
}

// Line ends: LF in mailbox files, as Unix mail programs expect, CRLF towards clients.
const CR = 13
const LF = 10

/** LF and CRLF both become CRLF. */
export const toCrlf = (octets: Buffer): Buffer => Buffer.from(toCrlfText(octets.toString('latin1')), 'latin1')

/** The same for text that has an octet a char. */
export const toCrlfText = (text: string): string =>
  text.includes('\r') ? text.replace(/\r?\n/g, '\r\n') : text.replace(/\n/g, '\r\n')

/** CRLF becomes LF. */
export function toLf(octets: Buffer): Buffer {
  return octets.includes(CR) ? Buffer.from(octets.toString('latin1').replace(/\r\n/g, '\n'), 'latin1') : octets
}

/** CRLF becomes LF, in the same memory. `missing` are the octets that `toCrlf` adds to the outcome. */
export function toLfInPlace(octets: Uint8Array): { readonly lf: Buffer; readonly missing: number } {
  const all = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength)
  let length = 0
  let missing = 0
  let from = 0
  const keep = (end: number): void => {
    all.copyWithin(length, from, end)
    length += end - from
  }
  for (let lf = all.indexOf(LF); lf >= 0; lf = all.indexOf(LF, lf + 1)) {
    keep(all[lf - 1] === CR ? lf - 1 : lf)
    if (all[length - 1] !== CR) missing++
    from = lf
  }
  keep(all.length)
  return { lf: all.subarray(0, length), missing }
}

/** Octets that `toCrlf` adds. `previous` is the octet before. */
export function missingCrs(octets: Buffer, previous = 0): number {
  let missing = 0
  for (let lf = octets.indexOf(LF); lf >= 0; lf = octets.indexOf(LF, lf + 1)) {
    if ((lf === 0 ? previous : octets[lf - 1]) !== CR) missing++
  }
  return missing
}

/** Converts a stream piece by piece: a CRLF cut in two comes out whole. */
export class LfStream {
  #heldCr = false

  write(octets: Buffer): Buffer {
    const all = this.#heldCr ? Buffer.concat([Buffer.from('\r'), octets]) : octets
    this.#heldCr = all.at(-1) === CR
    return toLf(this.#heldCr ? all.subarray(0, -1) : all)
  }
  end(): Buffer {
    return Buffer.from(this.#heldCr ? '\r' : '')
  }
}

export class CrlfStream {
  #previous: number

  /** `previous` is the octet before the stream. */
  constructor(previous = 0) {
    this.#previous = previous
  }

  write(octets: Buffer): Buffer {
    if (octets.length === 0) return octets
    const split = this.#previous === CR && octets[0] === LF
    this.#previous = octets.at(-1)!
    return split ? Buffer.concat([octets.subarray(0, 1), toCrlf(octets.subarray(1))]) : toCrlf(octets)
  }
}

// UTF-7 (RFC 2152) as old mail has it: text between `+` and `-` is UTF-16 in base64.

const SHIFTED = /\+([A-Za-z0-9+/]*)-?/g
const NO_BASE64 = /[^A-Za-z0-9+/]/
/** A longer stretch is not held together. */
const MAX_HELD = 8192

/** Like a TextDecoder: with `stream` what another chunk may complete is held. */
export class Utf7Decoder {
  #held = ''

  decode(octets: Uint8Array, options?: { readonly stream?: boolean }): string {
    let text = this.#held + Buffer.from(octets).toString('latin1')
    const open = options?.stream ? openAt(text) : -1
    this.#held = open < 0 ? '' : text.slice(open)
    if (open >= 0) text = text.slice(0, open)
    return text.replace(SHIFTED, (whole, base64: string) => {
      if (base64 === '') return whole === '+-' ? '+' : whole
      const utf16 = Buffer.from(base64, 'base64')
      return utf16
        .subarray(0, utf16.length & ~1)
        .swap16()
        .toString('utf16le')
    })
  }
}

/** Where a stretch begins that has not ended yet; -1: nowhere. */
function openAt(text: string): number {
  let at = text.length
  while (at > 0 && text.length - at < MAX_HELD && !NO_BASE64.test(text[at - 1]!)) at--
  return text.indexOf('+', at)
}

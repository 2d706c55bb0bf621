// Modified UTF-7, the mailbox names of IMAP4rev1 (RFC 3501 §5.1.3).

const PRINTABLE = /^[\x20-\x7e]*$/

export function encodeMutf7(name: string): string {
  if (PRINTABLE.test(name) && !name.includes('&')) return name
  return name.replace(/&|[^\x20-\x7e]+/g, (run) => {
    if (run === '&') return '&-'
    const octets = Buffer.from(run, 'utf16le').swap16()
    return `&${octets.toString('base64').replace(/=+$/, '').replaceAll('/', ',')}-`
  })
}

/** null when it is not well-formed: unpaired surrogates, superfluous or broken shifts. */
export function decodeMutf7(text: string): string | null {
  if (!PRINTABLE.test(text)) return null
  if (!text.includes('&')) return text
  let out = ''
  let at = 0
  let shiftedBack = -1
  for (;;) {
    const shift = text.indexOf('&', at)
    if (shift < 0) return out + text.slice(at)
    const end = text.indexOf('-', shift)
    if (end < 0) return null
    const ampersand = end === shift + 1
    // back to ASCII and at once away again
    if (!ampersand && shift === shiftedBack) return null
    const run = ampersand ? '&' : decodeRun(text.slice(shift + 1, end))
    if (run === null) return null
    out += text.slice(at, shift) + run
    at = end + 1
    shiftedBack = ampersand ? -1 : at
  }
}

function decodeRun(base64: string): string | null {
  if (!/^[A-Za-z0-9+,]+$/.test(base64)) return null
  const octets = Buffer.from(base64.replaceAll(',', '/'), 'base64')
  if (octets.length === 0 || octets.length % 2 !== 0) return null
  const text = octets.swap16().toString('utf16le')
  return text.isWellFormed() && !/[\x20-\x7e]/.test(text) ? text : null
}

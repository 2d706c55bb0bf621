// xtext (RFC 3461 §4): printable ASCII in which `+`, `=` and all else stand as `+XX`.

/** Decodes; null when it is no xtext. The result is UTF-8 text and may hold any character. */
export function decodeXtext(text: string): string | null {
  if (!/^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/.test(text)) return null
  if (!text.includes('+')) return text
  const octets = text.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  const bytes = Buffer.from(octets, 'latin1')
  const decoded = bytes.toString('utf8')
  return Buffer.from(decoded).equals(bytes) ? decoded : null
}

/** Encodes the UTF-8 octets of `text`. */
export function encodeXtext(text: string): string {
  return Buffer.from(text)
    .toString('latin1')
    .replace(/[^!-*,-<>-~]/g, (c) => '+' + c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0'))
}

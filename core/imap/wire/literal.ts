// Literal markers at the end of a line (RFC 9051 §4.3, RFC 7888).

export interface LiteralMarker {
  readonly size: number
  /** `{n+}`: the octets follow at once. */
  readonly nonSync: boolean
  /** `~{n}`: octets may be NUL (RFC 3516). */
  readonly binary: boolean
  /** Where the marker starts in the line. */
  readonly start: number
}

/** null when the line does not end in a marker. */
export function parseLiteralMarker(line: string): LiteralMarker | null {
  if (!line.endsWith('}')) return null
  const open = line.lastIndexOf('{')
  const m = open < 0 ? null : /^\{(\d{1,19})(\+?)\}$/.exec(line.slice(open))
  if (!m) return null
  const binary = line[open - 1] === '~'
  return { size: Number(m[1]), nonSync: m[2] === '+', binary, start: binary ? open - 1 : open }
}

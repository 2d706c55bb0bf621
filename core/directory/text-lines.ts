// Logical lines of Sendmail and Postfix text files: comments and empty lines dropped, lines that start with white space joined on.

export interface TextLine {
  /** Where it starts, from 1. */
  readonly line: number
  readonly text: string
}

export function logicalLines(text: string): TextLine[] {
  const out: { line: number; parts: string[] }[] = []
  text.split(/\r?\n/).forEach((raw, index) => {
    const last = out.at(-1)
    if (raw.trim() === '' || raw.trimStart().startsWith('#')) return
    if (/^[ \t]/.test(raw) && last) last.parts.push(raw.trim())
    else out.push({ line: index + 1, parts: [raw.trim()] })
  })
  return out.map(({ line, parts }) => ({ line, text: parts.join(' ') }))
}

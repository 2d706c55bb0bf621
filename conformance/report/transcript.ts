// A transcript for people: one line a line, who said it in front, every octet that is not printable as an escape.
import { visible } from '../judgement.ts'
import type { TranscriptEntry } from '../types.ts'

/** A line that is longer is cut, with its length. */
const MAX_SHOWN = 400
const MAX_LINES = 200

const MARK = { client: 'C:', server: 'S:', note: '--' } as const

export function formatTranscript(entries: readonly TranscriptEntry[]): string[] {
  const many = entries.some(({ connection }) => connection > 1)
  const lines = entries.flatMap(({ connection, from, text }) =>
    splitLines(text).map((line) => `${many && connection > 0 ? `${connection} ` : ''}${MARK[from]} ${shown(line)}`),
  )
  if (lines.length <= MAX_LINES) return lines
  const half = MAX_LINES / 2
  return [...lines.slice(0, half), `-- ${lines.length - MAX_LINES} lines left out`, ...lines.slice(-half)]
}

/** Behind each LF. */
const splitLines = (text: string): string[] => text.match(/[^\n]*\n|[^\n]+$/g) ?? ['']

function shown(line: string): string {
  const text = visible(line)
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}… (${line.length} octets)`
}

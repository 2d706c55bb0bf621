// How listings look: aligned columns for people, one JSON value for programs.

/** Columns are as wide as their widest cell; the last is not padded. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i === cells.length - 1 ? cell : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd()
  return [line(head), ...rows.map(line)].join('\n')
}

/** Texts may come from outside (a Message-ID, a remote reply): what a terminal would obey becomes `?`. */
export const print = (text: string): void => void process.stdout.write(`${text.replace(/(?![\n\t])\p{Cc}/gu, '?')}\n`)
export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2))

/** `2026-11-22 01:35:15` in local time. */
export function formatTime(ms: number): string {
  const d = new Date(ms)
  const two = (n: number) => String(n).padStart(2, '0')
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`
}

/** `3d`, `5h`, `12m`, `8s`. */
export function formatAge(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000))
  if (s < 60) return `${s}s`
  if (s < 3600) return `${Math.floor(s / 60)}m`
  return s < 86_400 ? `${Math.floor(s / 3600)}h` : `${Math.floor(s / 86_400)}d`
}

// Figures of several rounds, side by side: medians, ranges, and the ratio of ours to theirs.

export interface Figure {
  /** What was measured: `accept, a connection each, s=10`. */
  readonly work: string
  readonly unit: string
  readonly ours: readonly number[]
  readonly theirs: readonly number[]
  /** Whose figures the others are: `Postfix`, `Dovecot`. */
  readonly peer: string
  readonly better: 'higher' | 'lower'
  /** What targets ask for: ours / theirs at least (higher) or at most (lower); or our own value. */
  readonly target?: { readonly ratio: number } | { readonly value: number }
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return Number.NaN
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** The value below which the share `q` of all lies. */
export const quantile = (values: readonly number[], q: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? Number.NaN

export const ratio = (figure: Figure): number => median(figure.ours) / median(figure.theirs)

const round = (value: number): string =>
  Number.isNaN(value) ? '–' : value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)

const spread = (values: readonly number[]): string =>
  values.length === 0
    ? '–'
    : values.length === 1
      ? round(values[0]!)
      : `${round(median(values))} [${round(Math.min(...values))}–${round(Math.max(...values))}]`

function meets({ target, better, ...figure }: Figure): string {
  if (!target) return ''
  const [value, limit] =
    'ratio' in target
      ? [median(figure.ours) / median(figure.theirs), target.ratio]
      : [median(figure.ours), target.value]
  const sign = better === 'higher' ? '≥' : '≤'
  const good = better === 'higher' ? value >= limit : value <= limit
  return `${sign} ${limit}${'ratio' in target ? ' ×' : ''} ${good ? 'met' : 'MISSED'}`
}

export function formatFigures(figures: readonly Figure[]): string {
  const head = ['work', 'unit', 'ours', 'theirs', 'ours / theirs', 'target']
  const rows = figures.map((figure) => [
    figure.work,
    figure.unit,
    spread(figure.ours),
    figure.theirs.length > 0 ? `${figure.peer} ${spread(figure.theirs)}` : '–',
    figure.theirs.length > 0 ? round(ratio(figure)) : '–',
    meets(figure),
  ])
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)))
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

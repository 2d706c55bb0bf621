// Everything that is wrong with a configuration, in one report: where, what was expected, and the nearest right name.
import type { LoadedConfig } from './load.ts'

/** A place in a file; lines and columns count from 1. */
export interface Position {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** Names a setting: `['plugins', 'rbl', 'lists', 0]`. */
export type KeyPath = readonly (string | number)[]

export interface Problem {
  /** null: not from a file (an override, or a setting that is missing everywhere). */
  readonly at: Position | null
  readonly path: KeyPath
  readonly message: string
}

/** As `check --json` shows it; null where there is none. */
export interface ListedProblem {
  readonly file: string | null
  readonly line: number | null
  readonly column: number | null
  readonly key: string | null
  readonly message: string
  /** The nearest right name. */
  readonly hint: string | null
}

export interface Draft {
  readonly loaded: LoadedConfig
  /** The facts of the site are as they were written. */
  readonly whole: boolean
  /** The profile is known: what is missing is missing. */
  readonly complete: boolean
}

/** sysexits: a configuration error. */
export const EX_CONFIG = 78

/** Thrown when a configuration cannot be used. Nothing has been started. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly Problem[]
  readonly exitCode = EX_CONFIG
  /** What is left without the mistakes, so that others can say what they find in it; null when nothing is. */
  readonly draft: Draft | null

  constructor(problems: readonly Problem[], draft: Draft | null = null) {
    super(problems.map(formatProblem).join('\n'))
    this.problems = problems
    this.draft = draft
  }

  /** One problem a line, in file order, as `file:line:column: key: what is wrong`. */
  format(): string {
    return [...this.problems].sort(inFileOrder).map(formatProblem).join('\n')
  }

  /** The same for programs. */
  list(): readonly ListedProblem[] {
    return [...this.problems].sort(inFileOrder).map(listed)
  }
}

const inFileOrder = (a: Problem, b: Problem): number =>
  (a.at?.file ?? '').localeCompare(b.at?.file ?? '') ||
  (a.at?.line ?? 0) - (b.at?.line ?? 0) ||
  (a.at?.column ?? 0) - (b.at?.column ?? 0)

function formatProblem(problem: Problem): string {
  const at = problem.at ? `${problem.at.file}:${problem.at.line}:${problem.at.column}: ` : ''
  const key = problem.path.length > 0 ? `${formatPath(problem.path)}: ` : ''
  return at + key + problem.message
}

const listed = ({ at, path, message }: Problem): ListedProblem => ({
  file: at?.file ?? null,
  line: at?.line ?? null,
  column: at?.column ?? null,
  key: path.length > 0 ? formatPath(path) : null,
  message,
  hint: / \(did you mean '(.+?)'\?\)/.exec(message)?.[1] ?? null,
})

/** `plugins.rbl.lists[0]` */
export const formatPath = (path: KeyPath): string =>
  path.reduce<string>((text, key) => (typeof key === 'number' ? `${text}[${key}]` : text ? `${text}.${key}` : key), '')

/** ` (did you mean 'smtp'?)`, or nothing when no name is near. */
export function didYouMean(wrong: string, names: Iterable<string>): string {
  const near = nearest(wrong, names)
  return near === null ? '' : ` (did you mean '${near}'?)`
}

/** The name with the fewest edits, if they are few for its length. */
export function nearest(wrong: string, names: Iterable<string>): string | null {
  let best: string | null = null
  let least = Math.max(1, Math.floor(wrong.length / 3)) + 1
  for (const name of names) {
    const distance = edits(wrong.toLowerCase(), name.toLowerCase())
    if (distance < least) {
      least = distance
      best = name
    }
  }
  return best
}

/** Levenshtein's distance, a swap of neighbours counting one. */
function edits(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let cost = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, before[j - 2]! + 1)
      next.push(cost)
    }
    before = row
    row = next
  }
  return row[b.length]!
}

// What every piece of work of the bench gets: where to put things, how many rounds, how to say what is going on.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Figure } from './report.ts'

export interface Context {
  readonly rounds: number
  /** The bench's own folder; not emptied between rounds. */
  readonly folder: string
  say(text: string): void
}

export interface Work {
  /** For --only. */
  readonly name: string
  readonly description: string
  run(context: Context): Promise<Figure[]>
}

/** A new folder of the bench. */
export function place(context: Context, name: string): string {
  const path = join(context.folder, name)
  mkdirSync(path, { recursive: true, mode: 0o755 })
  return path
}

export interface Pair<T> {
  readonly ours: T[]
  readonly theirs: T[]
}

/** Measures both in turn, ours first, as many rounds as asked for. */
export async function alternate<T>(
  context: Context,
  what: string,
  ours: () => Promise<T>,
  theirs: () => Promise<T>,
  show: (value: T) => string,
): Promise<Pair<T>> {
  const pair: Pair<T> = { ours: [], theirs: [] }
  for (let round = 1; round <= context.rounds; round++) {
    const our = await ours()
    const their = await theirs()
    pair.ours.push(our)
    pair.theirs.push(their)
    context.say(`${what}, round ${round}: ours ${show(our)}, theirs ${show(their)}`)
  }
  return pair
}

// The order of plugin entries: as listed, an entry with `before` or `after` moved no further than it asks.
import type { KeyPath } from '../config/problems.ts'

export interface Ordered {
  readonly name: string
  readonly before: readonly string[]
  readonly after: readonly string[]
}

export interface OrderProblem {
  readonly path: KeyPath
  readonly message: string
}

/** Entries that name others must find them in the list; the loader of the configuration has seen to it. */
export function orderEntries<E extends Ordered>(entries: readonly E[]): { order: E[]; problems: OrderProblem[] } {
  let order = [...entries]
  // each round can only move an entry past those that moved before it
  for (let round = 0; round <= entries.length; round++) {
    const moved = entries.filter((entry) => {
      const next = place(order, entry)
      const same = next.every((one, i) => one === order[i])
      order = next
      return !same
    })
    if (moved.length === 0) return { order, problems: unmet(order) }
  }
  return { order, problems: unmet(order) }
}

function place<E extends Ordered>(order: E[], entry: E): E[] {
  const rest = order.filter((one) => one !== entry)
  const index = (name: string): number => rest.findIndex((one) => one.name === name)
  const lowest = Math.max(0, ...entry.after.map((name) => index(name) + 1))
  const highest = Math.min(rest.length, ...entry.before.map(index).filter((at) => at >= 0))
  const at = Math.max(lowest, Math.min(highest, order.indexOf(entry)))
  return [...rest.slice(0, at), entry, ...rest.slice(at)]
}

function unmet<E extends Ordered>(order: readonly E[]): OrderProblem[] {
  const index = (name: string): number => order.findIndex((one) => one.name === name)
  return order.flatMap((entry) => [
    ...entry.before
      .filter((name) => index(name) >= 0 && index(name) <= index(entry.name))
      .map((name) => contradiction(entry.name, 'before', name)),
    ...entry.after
      .filter((name) => index(name) >= index(entry.name))
      .map((name) => contradiction(entry.name, 'after', name)),
  ])
}

const contradiction = (entry: string, key: 'before' | 'after', name: string): OrderProblem => ({
  path: ['plugins', entry, key],
  message: `cannot come ${key} '${name}': the entries' wishes contradict each other`,
})

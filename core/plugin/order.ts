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
  for (const entry of entries) order = place(order, entry)
  if (unmet(order).length === 0) return { order, problems: [] }
  const sorted = sort(order)
  return { order: sorted, problems: unmet(sorted) }
}

/** All wishes fulfilled, if they can be by moving those that wish alone: for wishes that build on each other. */
function sort<E extends Ordered>(order: readonly E[]): E[] {
  const left = [...order]
  const sorted: E[] = []
  const wishes = ({ before, after }: E): boolean => before.length + after.length > 0
  const mustWait = (entry: E): boolean =>
    left.some((other) => other !== entry && (entry.after.includes(other.name) || other.before.includes(entry.name))) ||
    (!wishes(entry) && left.find((other) => !wishes(other)) !== entry)
  while (left.length > 0) {
    const free = left.findIndex((entry) => !mustWait(entry))
    // nobody is free: the rest wait for each other, which the caller finds
    sorted.push(...left.splice(Math.max(0, free), free < 0 ? left.length : 1))
  }
  return sorted
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

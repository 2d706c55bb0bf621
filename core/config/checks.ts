// What is wrong with the settings: all of it in one go, also what another mistake hides from the schema.
import { type ListenAddress, parseListenAddress } from './addresses.ts'
import { checkAgainst, keysAt, missing } from './issues.ts'
import { didYouMean, formatPath, type KeyPath, type Position, type Problem } from './problems.ts'
import { configSchema, SERVICES, type Settings, UNBUILT_SERVICES, UNBUILT_USER_SOURCES } from './schema.ts'
import { childOf, plainValue, positionAt, removeAt, type Tree, treeAt } from './tree.ts'
import { parseDuration } from './units.ts'

export interface Checked {
  /** With what is wrong left out; null when nothing sensible is left. */
  readonly settings: Settings | null
  readonly problems: readonly Problem[]
  /** Every fact of the site is as it was written: only plugins' entries and unknown keys are wrong. */
  readonly whole: boolean
}

/** `complete`: the profile is known; without it nobody can say what is missing. */
export function checkSettings(merged: Tree, complete: boolean): Checked {
  const absent = unbuilt(merged)
  const seen = new Set(absent.map((problem) => formatPath(problem.path)))
  const settled = settle(merged)
  const problems = [
    ...absent,
    ...settled.problems.filter((problem) => !seen.has(formatPath(problem.path))),
    ...checkEntries(merged, complete),
    ...checkListeners(merged),
  ]
  const isThere = ({ path }: Problem): boolean => treeAt(merged, path) !== null
  return { ...settled, problems: complete ? problems : problems.filter(isThere) }
}

const MAX_ROUNDS = 20

/** Parses, leaves out what is wrong, and parses again: a check of a whole map sees nothing while one of its keys is wrong. */
function settle(merged: Tree): Checked {
  const problems: Problem[] = []
  const leftOut: string[] = []
  let whole = true
  let tree = merged
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const { value, problems: found } = checkAgainst(configSchema, plainValue(tree), tree)
    if (value !== null) return { settings: value, problems, whole }
    for (const problem of found) {
      const { path } = problem
      // what a map lacks now, or is no more fit for, comes of what was left out
      const follows = leftOut.some((other) => `${other}.`.startsWith(`${formatPath(path)}.`))
      if (!follows) problems.push(problem)
      // its map or list was left out as a whole
      if (leftOut.some((other) => ['.', '['].some((next) => formatPath(path).startsWith(other + next)))) continue
      if (isUnknown(path)) tree = removeAt(tree, path)
      else {
        whole &&= path[0] === 'plugins'
        const part = inTree(tree, path)
        leftOut.push(formatPath(part))
        tree = removeAt(tree, part)
      }
    }
  }
  return { settings: null, problems, whole: false }
}

function isUnknown(path: KeyPath): boolean {
  const known = keysAt(configSchema, path.slice(0, -1))
  return known.length > 0 && !known.includes(String(path.at(-1)))
}

/** The part of a path that can be taken out: lists as a whole, and the map that lacks what is missing. */
function inTree(tree: Tree, path: KeyPath): KeyPath {
  const index = path.findIndex((key) => typeof key === 'number')
  let part = index < 0 ? path : path.slice(0, index)
  while (part.length > 0 && treeAt(tree, part) === null) part = part.slice(0, -1)
  return part
}

/** What the design names and this version does not have. */
function unbuilt(merged: Tree): Problem[] {
  const absent = (path: KeyPath, what: string): Problem[] =>
    treeAt(merged, path) === null
      ? []
      : [{ at: positionAt(merged, path), path, message: `${what} is not built in this version` }]
  const format = treeAt(merged, ['store', 'format'])
  return [
    ...UNBUILT_SERVICES.flatMap((name) => absent(['listen', name], `the service '${name}'`)),
    ...UNBUILT_USER_SOURCES.flatMap((name) => absent(['users', name], `the user source '${name}'`)),
    ...(format?.kind === 'scalar' && format.value === 'postgres' ? absent(['store', 'format'], "'postgres'") : []),
  ]
}

/** What one plugin entry alone cannot know: `onError` is stated, neighbours exist. */
function checkEntries(merged: Tree, complete: boolean): Problem[] {
  const plugins = childOf(merged, 'plugins')
  if (plugins?.kind !== 'map') return []
  const names = [...plugins.entries.keys()]
  return [...plugins.entries].flatMap(([name, entry]) => {
    if (entry.kind !== 'map') return []
    const path = ['plugins', name]
    const enabled = childOf(entry, 'enabled')
    const off = enabled?.kind === 'scalar' && enabled.value === false
    const onError = off
      ? []
      : missing(merged, [...path, 'onError'], 'missing: say what its failure means: defer, reject or pass')
    const wishes = complete ? neighbours(entry, path, names) : []
    return [...onError, ...wishes, ...servicesOf(entry, path), ...neverAsked(entry, path)]
  })
}

function neighbours(entry: Tree, path: KeyPath, names: readonly string[]): Problem[] {
  return ['before', 'after'].flatMap((key) =>
    textsOf(childOf(entry, key))
      .filter(({ value }) => !names.includes(value))
      .map(({ value, at }) => ({
        at,
        path: [...path, key],
        message: `no plugin entry is called '${value}'${didYouMean(value, names)}`,
      })),
  )
}

function servicesOf(entry: Tree, path: KeyPath): Problem[] {
  const names = [...SERVICES, 'local']
  return textsOf(childOf(entry, 'listeners'))
    .filter(({ value }) => !names.includes(value as 'local'))
    .map(({ value, at }) => ({
      at,
      path: [...path, 'listeners'],
      message: `no service is called '${value}'${didYouMean(value, names)}`,
    }))
}

/** Keys with which no hook would ever be asked, or none have the time to answer. */
function neverAsked(entry: Tree, path: KeyPath): Problem[] {
  const listeners = childOf(entry, 'listeners')
  const timeout = childOf(entry, 'timeout')
  const none = listeners?.kind === 'list' && listeners.items.length === 0
  const time = timeout?.kind === 'scalar' ? parseDuration(String(timeout.value)) : null
  return [
    ...(none ? [{ at: listeners.at, path: [...path, 'listeners'], message: NO_LISTENER }] : []),
    ...(time?.ok && time.value === 0 ? [{ at: timeout!.at, path: [...path, 'timeout'], message: NO_TIME }] : []),
  ]
}
const NO_LISTENER = "no service is named: leave it out for all, or say 'enabled: false'"
const NO_TIME = 'no hook answers in no time: leave it out for the default'

function textsOf(tree: Tree | null): { value: string; at: Position | null }[] {
  const items = tree?.kind === 'list' ? tree.items : tree === null ? [] : [tree]
  return items.flatMap((item) => (item.kind === 'scalar' ? [{ value: String(item.value), at: item.at }] : []))
}

/** One address cannot be bound twice, nor beside all addresses of its kind (port 0 is a free one each time). */
function checkListeners(merged: Tree): Problem[] {
  const listen = childOf(merged, 'listen')
  const seen: { address: ListenAddress; value: string; name: string }[] = []
  if (listen?.kind !== 'map') return []
  return [...listen.entries].flatMap(([name, service]) =>
    textsOf(childOf(service, 'addresses')).flatMap(({ value, at }) => {
      const address = parseListenAddress(value)
      if (!address.ok) return []
      const other = seen.find((one) => collide(one.address, address.value))
      seen.push({ address: address.value, value, name })
      if (other === undefined) return []
      const taken =
        other.value === value ? `${value} is already taken by` : `${value} is part of ${other.value}, taken by`
      return [{ at, path: ['listen', name], message: `${taken} '${other.name}'` }]
    }),
  )
}

const ALL = ['*', '::', '0.0.0.0']

/** As the kernel sees it, where `::` takes IPv4 too. */
function collide(a: ListenAddress, b: ListenAddress): boolean {
  if (a.path !== null || b.path !== null) return a.path === b.path
  if (a.port !== b.port || a.port === 0) return false
  return a.host === b.host || covers(a.host, b.host) || covers(b.host, a.host)
}

const covers = (all: string, one: string): boolean =>
  all === '0.0.0.0' ? !one.includes(':') || ALL.includes(one) : ALL.includes(all)

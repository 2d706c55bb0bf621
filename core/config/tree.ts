// YAML as a tree in which every value knows its file, line and column, so that merged settings can still be pointed at.
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type YAMLError } from 'yaml'
import type { KeyPath, Position, Problem } from './problems.ts'

export type Tree = Scalar | List | Mapping
export interface Scalar {
  readonly kind: 'scalar'
  readonly at: Position | null
  readonly value: unknown
}
export interface List {
  readonly kind: 'list'
  readonly at: Position | null
  readonly items: readonly Tree[]
}
export interface Mapping {
  readonly kind: 'map'
  readonly at: Position | null
  readonly entries: ReadonlyMap<string, Tree>
}

export const emptyMapping: Mapping = { kind: 'map', at: null, entries: new Map() }

/**
 * Parses a file's text. Its syntax errors, repeated keys and non-text keys come as problems; `readable`: the rest is as it
 * was meant.
 */
export function parseTree(text: string, file: string): { tree: Mapping; problems: Problem[]; readable: boolean } {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const problems: Problem[] = []
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { file, line, column: col }
  }
  for (const error of [...document.errors, ...document.warnings])
    problems.push({ at: position(error.pos[0]), path: [], message: syntaxMessage(error) })

  const convert = (node: Node | null, start: number): Tree => {
    const at = position(start)
    if (isAlias(node)) {
      problems.push({ at, path: [], message: `*${node.source} is a YAML alias, which is not taken here${QUOTES}` })
      return { kind: 'scalar', at, value: null }
    }
    if (isSeq(node))
      return {
        kind: 'list',
        at,
        items: node.items.map((item) => convert(item as Node | null, rangeStart(item, start))),
      }
    if (!isMap(node)) return { kind: 'scalar', at, value: isScalar(node) ? node.value : null }
    const entries = new Map<string, Tree>()
    for (const pair of node.items) {
      const keyStart = rangeStart(pair.key, start)
      if (!isScalar(pair.key) || pair.key.value === null || typeof pair.key.value === 'object')
        problems.push({ at: position(keyStart), path: [], message: 'a key must be a plain word' })
      else entries.set(String(pair.key.value), convert(pair.value as Node | null, keyStart))
    }
    return { kind: 'map', at, entries }
  }

  const readable = document.errors.every(({ code }) => code === 'DUPLICATE_KEY')
  if (!readable) return { tree: emptyMapping, problems, readable }
  const tree = convert(document.contents as Node | null, 0)
  if (tree.kind === 'map') return { tree, problems, readable }
  if (tree.kind === 'scalar' && tree.value === null)
    return { tree: { ...emptyMapping, at: tree.at }, problems, readable }
  problems.push({ at: tree.at, path: [], message: 'expected keys and values' })
  return { tree: emptyMapping, problems, readable: false }
}

const rangeStart = (node: unknown, otherwise: number): number => (node as Node | null)?.range?.[0] ?? otherwise

const QUOTES = ` (write addresses that begin with '*' in quotes: "*:25")`

const syntaxMessage = ({ code, message }: YAMLError): string =>
  code === 'MULTIPLE_DOCS'
    ? "a second document ('---'): the file holds one"
    : message.split('\n')[0]! + (/alias|anchor/i.test(message) ? QUOTES : '')

/** A tree of plain values that come from no file. */
export function plainTree(value: unknown): Tree {
  if (Array.isArray(value)) return { kind: 'list', at: null, items: value.map(plainTree) }
  if (typeof value !== 'object' || value === null) return { kind: 'scalar', at: null, value }
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined)
  return { kind: 'map', at: null, entries: new Map(entries.map(([key, inner]) => [key, plainTree(inner)])) }
}

/** `over` on top of `under`: maps merge key by key, lists replace, null takes the key away (or stays, to do so later). */
export function mergeTrees(under: Tree, over: Tree, nulls: 'apply' | 'keep' = 'apply'): Tree {
  if (over.kind !== 'map') return over
  const entries = new Map(under.kind === 'map' ? under.entries : [])
  for (const [key, value] of over.entries) {
    if (nulls === 'apply' && value.kind === 'scalar' && value.value === null) entries.delete(key)
    else entries.set(key, mergeTrees(entries.get(key) ?? emptyMapping, value, nulls))
  }
  return { kind: 'map', at: over.at ?? under.at, entries }
}

export function plainValue(tree: Tree): unknown {
  if (tree.kind === 'scalar') return tree.value
  if (tree.kind === 'list') return tree.items.map(plainValue)
  return Object.fromEntries([...tree.entries].map(([key, inner]) => [key, plainValue(inner)]))
}

export function childOf(tree: Tree | null, key: string | number): Tree | null {
  if (tree?.kind === 'map') return tree.entries.get(String(key)) ?? null
  if (tree?.kind === 'list') return tree.items[Number(key)] ?? null
  return null
}

export const treeAt = (tree: Tree, path: KeyPath): Tree | null => path.reduce<Tree | null>(childOf, tree)

/** Position of the deepest part of `path` that stands in a file. */
export function positionAt(tree: Tree, path: KeyPath): Position | null {
  let at = tree.at
  let node: Tree | null = tree
  for (const key of path) {
    node = childOf(node, key)
    if (node === null) break
    at = node.at ?? at
  }
  return at
}

/** The same tree with every scalar under it changed by `change`. */
export function mapScalars(tree: Tree, change: (scalar: Scalar) => Tree): Tree {
  if (tree.kind === 'scalar') return change(tree)
  if (tree.kind === 'list') return { ...tree, items: tree.items.map((item) => mapScalars(item, change)) }
  return { ...tree, entries: new Map([...tree.entries].map(([key, inner]) => [key, mapScalars(inner, change)])) }
}

/** The same tree with the value at `path`, if there is one, replaced by what `change` makes of it. */
export function replaceAt(tree: Tree, path: KeyPath, change: (inner: Tree) => Tree): Tree {
  if (path.length === 0) return change(tree)
  const inner = childOf(tree, path[0]!)
  if (tree.kind !== 'map' || inner === null) return tree
  return { ...tree, entries: new Map(tree.entries).set(String(path[0]), replaceAt(inner, path.slice(1), change)) }
}

/** The same tree without what stands at `path`. */
export function removeAt(tree: Tree, path: KeyPath): Tree {
  if (path.length === 0) return emptyMapping
  return replaceAt(tree, path.slice(0, -1), (parent) => {
    if (parent.kind !== 'map') return parent
    const entries = new Map(parent.entries)
    entries.delete(String(path.at(-1)))
    return { ...parent, entries }
  })
}

// Turns the schema's complaints into problems with a place in a file, what was expected, and the nearest right name.
import { z } from 'zod'
import { didYouMean, type KeyPath, type Problem } from './problems.ts'
import { childOf, positionAt, type Tree, treeAt } from './tree.ts'

type Issue = z.core.$ZodIssue

/** Checks what stands at `path` in `tree` against `schema`; `value` is it as plain data. */
export function checkAgainst<S extends z.ZodType>(
  schema: S,
  value: unknown,
  tree: Tree,
  path: KeyPath = [],
): { value: z.output<S> | null; problems: Problem[] } {
  const result = schema.safeParse(value)
  if (result.success) return { value: result.data, problems: [] }
  return { value: null, problems: result.error.issues.flatMap((issue) => issueProblems(issue, schema, tree, path)) }
}

function issueProblems(issue: Issue, schema: z.ZodType, tree: Tree, base: KeyPath): Problem[] {
  const path = [...base, ...issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key))]
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, issue.path)
    return issue.keys.map((key) => ({
      at: positionAt(tree, [...path, key]),
      path: [...path, key],
      message: `unknown key${didYouMean(key, known) || (known.length > 0 ? ` (known here: ${known.join(', ')})` : ': there are no settings here')}`,
    }))
  }
  return [{ at: positionAt(tree, path), path, message: describe(issue, treeAt(tree, path)) }]
}

function describe(issue: Issue, found: Tree | null): string {
  if (issue.code === 'invalid_value') {
    const values = issue.values.map(String)
    const wrong = found?.kind === 'scalar' ? String(found.value) : null
    return `expected ${values.length > 1 ? 'one of ' : ''}${values.join(', ')}${found ? `, not ${shown(found)}` : ''}${wrong === null ? '' : didYouMean(wrong, values)}`
  }
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input')) {
    const expected = TYPES[issue.expected] ?? issue.expected
    return found ? `expected ${expected}, not ${shown(found)}` : `missing: expected ${expected}`
  }
  const message =
    issue.message.startsWith('expected') || issue.code === 'custom' ? issue.message : lowerFirst(issue.message)
  return found?.kind === 'scalar' && message.startsWith('expected') ? `${message}, not ${shown(found)}` : message
}

const TYPES: { readonly [type: string]: string } = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of keys',
  record: 'a map of keys',
}

const lowerFirst = (text: string): string => text.slice(0, 1).toLowerCase() + text.slice(1)

function shown(tree: Tree): string {
  if (tree.kind === 'list') return 'a list'
  if (tree.kind === 'map') return 'a map of keys'
  return typeof tree.value === 'string' ? `'${tree.value}'` : String(tree.value)
}

/** Names that a map at this place of a schema may have. */
export function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): readonly string[] {
  let at: z.ZodType | null = inner(schema)
  for (const key of path) {
    if (at instanceof z.ZodObject) at = inner((at.shape as { [key: string]: z.ZodType })[String(key)] ?? z.unknown())
    else if (at instanceof z.ZodArray) at = inner(at.element as z.ZodType)
    else if (at instanceof z.ZodRecord) at = inner(at.valueType as z.ZodType)
    else at = null
    if (at === null) return []
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : []
}

/** A schema without its wrappers (optional, default, prefault, pipe …). */
export function inner(schema: z.ZodType): z.ZodType {
  const definition = schema.def as { innerType?: z.ZodType; in?: z.ZodType }
  const wrapped = definition.innerType ?? definition.in
  return wrapped ? inner(wrapped) : schema
}

/** Problems of `required` keys that are nowhere. */
export const missing = (tree: Tree, path: KeyPath, message: string): Problem[] =>
  path.reduce<Tree | null>(childOf, tree) === null ? [{ at: positionAt(tree, path), path, message }] : []

// The configuration for people: what it comes to, what the site changes in its profile, and where a setting was made.
import { isDeepStrictEqual } from 'node:util'
import { stringify } from 'yaml'
import type { LoadedConfig } from './load.ts'
import { formatPath, type KeyPath, type Position } from './problems.ts'
import { findRow, presetOf, type SettingRow, settingRows } from './reference.ts'
import { configSchema } from './schema.ts'
import { emptyMapping, mergeTrees, plainValue, type Tree, treeAt } from './tree.ts'
import { formatDuration, formatSize } from './units.ts'

const HIDDEN = '(hidden)'
const SECRET_NAME = /(password|secret|token)$/i

/** Every setting with its value, defaults included, secrets hidden, as a YAML file's data. */
export function effective(loaded: LoadedConfig): { readonly [key: string]: unknown } {
  const { site, settings } = loaded
  const { profile, hostname, ...rest } = settings
  const whole = {
    profile,
    hostname,
    origin: site.origin,
    ...rest,
    users: { file: site.users.file, system: site.users.system },
    listen: Object.fromEntries(
      Object.entries(settings.listen).map(([service, listener]) => {
        const { addresses, ...options } = listener!
        const texts = addresses.map(
          ({ host, port, path }) => path ?? (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`),
        )
        return [service, Object.keys(options).length === 0 ? texts : { addresses: texts, ...options }]
      }),
    ),
  }
  return readable(whole, '') as { [key: string]: unknown }
}

/** Sizes and durations with their units again; secrets hidden; absent keys left out. */
function readable(value: unknown, key: string): unknown {
  if (SECRET_NAME.test(key) && value !== undefined && value !== null) return HIDDEN
  if (Array.isArray(value)) return value.map((item) => readable(item, ''))
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, inner]) => inner !== undefined && inner !== null)
    return Object.fromEntries(
      entries.map(([name, inner]) => [name, readable(inner, key === '' ? name : `${key}.${name}`)]),
    )
  }
  if (typeof value !== 'number' || value === 0) return value
  const form = findRow(key, ROWS).row?.form
  return form === 'size' ? formatSize(value) : form === 'duration' ? formatDuration(value) : value
}

const ROWS = settingRows()

export const toYaml = (value: unknown): string =>
  stringify(value, { lineWidth: 120, flowCollectionPadding: true }).trimEnd()

export interface Difference {
  readonly key: string
  /** What the profile says, or the default where it says nothing. */
  readonly was: unknown
  /** undefined: taken away. */
  readonly is: unknown
  readonly at: Position | null
}

/** Settings of the site that are not what its profile, or the default, already says. */
export function differences(loaded: LoadedConfig): readonly Difference[] {
  const profile = mergeTrees(emptyMapping, loaded.sources.profile)
  const defaults = configSchema.safeParse({})
  const settled = defaults.success ? (defaults.data as { [key: string]: unknown }) : {}
  return leaves(loaded.sources.site, [])
    .filter(({ path }) => formatPath(path) !== 'profile')
    .map(({ path, tree }) => {
      const under = treeAt(profile, path)
      const was =
        under === null
          ? (valueAt(readable(settled, ''), path) ?? presetOf(findRow(formatPath(path), ROWS).row))
          : hide(plainValue(under), path)
      const is = tree.kind === 'scalar' && tree.value === null ? undefined : hide(plainValue(tree), path)
      return { key: formatPath(path), was, is, at: tree.at }
    })
    .filter(({ was, is }) => !isDeepStrictEqual(was, is))
}

const hide = (value: unknown, path: KeyPath): unknown =>
  readable(value, `${SECRET_NAME.test(String(path.at(-1))) ? 'password' : '-'}`)

const valueAt = (value: unknown, path: KeyPath): unknown =>
  path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? (at as { [key: string]: unknown })[key] : undefined),
    value,
  )

/** Everything that is no map. */
function leaves(tree: Tree, path: KeyPath): { path: KeyPath; tree: Tree }[] {
  if (tree.kind !== 'map') return [{ path, tree }]
  return [...tree.entries].flatMap(([key, inner]) => leaves(inner, [...path, key]))
}

export interface Explanation {
  readonly row: SettingRow | null
  readonly key: string
  readonly value: unknown
  /** Files that set it, the deciding one first. */
  readonly sources: readonly {
    readonly from: 'site' | 'profile'
    readonly at: Position | null
    readonly value: unknown
  }[]
}

/** What one setting means, what it is, and who made it so. Null for a key that cannot be. */
export function explainKey(loaded: LoadedConfig, key: string): Explanation | { readonly hint: string } {
  const path = key.split('.')
  const { row, hint } = findRow(key)
  const sources = (['site', 'profile'] as const).flatMap((from) => {
    const tree = treeAt(loaded.sources[from], path)
    return tree === null ? [] : [{ from, at: tree.at, value: hide(plainValue(tree), path) }]
  })
  if (row === null && sources.length === 0) return { hint }
  return { row, key, value: valueAt(effective(loaded), path), sources }
}

// Loads a configuration: profile and site file merged, paths resolved, everything checked, all mistakes in one report.
import { readFileSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { checkSettings } from './checks.ts'
import { checkAgainst, missing } from './issues.ts'
import { ConfigError, didYouMean, formatPath, type KeyPath, type Position, type Problem } from './problems.ts'
import { PROFILE_KEYS, type ProfileHead, profileHead, profileNames, profilePath, type Question } from './profiles.ts'
import type { Settings } from './schema.ts'
import type { ListenerSettings, Site } from './site.ts'
import {
  childOf,
  emptyMapping,
  type Mapping,
  mapScalars,
  mergeTrees,
  parseTree,
  plainTree,
  plainValue,
  positionAt,
  replaceAt,
  type Scalar,
  type Tree,
  treeAt,
} from './tree.ts'

export type OnError = 'defer' | 'reject' | 'pass'

/** One entry under `plugins`, its order that of the profile, then of the site file. */
export interface PluginEntry {
  readonly name: string
  /** A shipped plugin's name, an absolute path, or an npm package. */
  readonly use: string
  /** Folder of the file that names it: npm packages are looked for from there. */
  readonly folder: string
  readonly enabled: boolean
  readonly onError: OnError
  /** Milliseconds; null is the host's default. */
  readonly timeout: number | null
  readonly listeners: readonly string[] | null
  readonly authenticated: boolean | null
  readonly before: readonly string[]
  readonly after: readonly string[]
  /** The plugin's own settings, not yet checked. */
  readonly settings: { readonly [key: string]: unknown }
}

export interface LoadedConfig {
  /** null: made of overrides alone. */
  readonly path: string | null
  /** Name or path; null without one. */
  readonly profile: string | null
  readonly about: string
  readonly questions: readonly Question[]
  readonly site: Site
  readonly plugins: readonly PluginEntry[]
  /** The settings with defaults filled in, in the file's own form but for units (octets, milliseconds). */
  readonly settings: Settings
  /** What was written: the profile's part, the site's part, and both merged. */
  readonly sources: { readonly profile: Tree; readonly site: Tree; readonly merged: Tree }
  /** Where a setting stands; null when no file sets it. */
  locate(path: KeyPath): Position | null
  /** Problems that others find in it (plugin settings), placed. */
  problem(path: KeyPath, message: string): Problem
  /** The same file and overrides as they are now. Throws ConfigError. */
  reread(): LoadedConfig
}

export interface LoadOptions {
  /** The site file. */
  readonly path?: string
  /** Merged over the file, in the file's own form; relative paths in it are relative to `folder`. */
  readonly overrides?: { readonly [key: string]: unknown }
  /** The working folder when left out. */
  readonly folder?: string
}

/** A program may be called from a folder that is gone; absolute paths need none. */
function workingFolder(): string {
  try {
    return process.cwd()
  } catch {
    return '/'
  }
}

/** Throws ConfigError with every mistake found. */
export function loadConfig(options: LoadOptions): LoadedConfig {
  const problems: Problem[] = []
  const folder = options.folder ?? workingFolder()
  const path = options.path === undefined ? null : resolve(folder, options.path)
  const file = path === null ? emptyMapping : readTree(path, problems)
  const overrides = plainTree(options.overrides ?? {})
  if (file === null) throw new ConfigError(problems)
  const site = normalise(mergeTrees(file, overrides, 'keep'), folder)
  const sound = problems.length === 0

  const { name, head, tree: profile, complete } = loadProfile(site, path, folder, problems)
  const merged = borrowed(head.questions, mergeTrees(mergeTrees(emptyMapping, profile), site))
  const checked = checkSettings(merged, complete)
  const asked = unanswered(head.questions, merged, name, positionAt(site, ['profile']))
  const isAsked = ({ path: key }: Problem): boolean => asked.some((one) => formatPath(one.path) === formatPath(key))
  problems.push(...checked.problems.filter((problem) => !isAsked(problem)), ...asked)

  const { settings } = checked
  if (settings === null) throw new ConfigError(problems)
  const loaded: LoadedConfig = {
    path,
    profile: name,
    about: head.about,
    questions: head.questions,
    site: toSite(settings),
    plugins: pluginEntries(settings, merged, path === null ? folder : dirname(path)),
    settings,
    sources: { profile, site, merged },
    locate: (key) => (treeAt(merged, key) ? positionAt(merged, key) : null),
    problem: (key, message) => ({ at: positionAt(merged, key), path: key, message }),
    reread: () => loadConfig({ ...options, folder }),
  }
  const whole = checked.whole && complete && sound && asked.length === 0
  if (problems.length > 0) throw new ConfigError(problems, { loaded, whole, complete })
  return loaded
}

/** null: it says nothing that can be gone by. */
function readTree(file: string, problems: Problem[]): Mapping | null {
  try {
    const parsed = parseTree(readFileSync(file, 'utf8'), file)
    problems.push(...parsed.problems)
    return parsed.readable ? parsed.tree : null
  } catch (error) {
    problems.push({ at: null, path: [], message: `cannot read ${file}: ${(error as Error).message}` })
    return null
  }
}

// ---------------------------------------------------------------- profile

/** `complete`: it is known and well, so that one can say what is missing. */
function loadProfile(
  site: Tree,
  path: string | null,
  folder: string,
  problems: Problem[],
): { name: string | null; head: ProfileHead; tree: Tree; complete: boolean } {
  const none = { name: null, head: { about: '', questions: [] }, tree: emptyMapping, complete: false }
  const node = childOf(site, 'profile')
  if (node === null || (node.kind === 'scalar' && node.value === null)) return { ...none, complete: true }
  const name = node.kind === 'scalar' && typeof node.value === 'string' ? node.value : null
  const file = name === null ? null : profilePath(name, path === null ? folder : dirname(path))
  if (file === null || (!name!.includes('/') && !profileNames().includes(name!))) {
    const near = didYouMean(name ?? '', profileNames())
    const message = `unknown profile${near}; there are ${profileNames().join(', ')}, or a path such as ./mine.yaml`
    problems.push({ at: node.at, path: ['profile'], message })
    return none
  }
  const before = problems.length
  const whole = readTree(file, problems)
  if (whole === null) return none
  const entries = [...whole.entries]
  const isHead = ([key]: [string, Tree]): boolean => (PROFILE_KEYS as readonly string[]).includes(key)
  const headTree: Mapping = { ...whole, entries: new Map(entries.filter(isHead)) }
  const head = checkAgainst(profileHead, plainValue(headTree), headTree)
  problems.push(...head.problems)
  const rest: Mapping = { ...whole, entries: new Map(entries.filter((entry) => !isHead(entry))) }
  if (rest.entries.has('profile'))
    problems.push({ at: positionAt(rest, ['profile']), path: ['profile'], message: 'a profile cannot name another' })
  const complete = problems.length === before
  return { name, head: head.value ?? none.head, tree: normalise(rest, dirname(file)), complete }
}

/** Blanks whose default is another setting (`=hostname`), or a list that begins with one, get what that one has. */
function borrowed(questions: readonly Question[], merged: Tree): Tree {
  if (merged.kind !== 'map') return merged
  const entries = new Map(merged.entries)
  for (const { key, default: preset, list } of questions) {
    const [first, ...others] = [preset].flat()
    const value = typeof first === 'string' && first.startsWith('=') ? entries.get(first.slice(1)) : undefined
    if (!value || entries.has(key)) continue
    const { at } = value
    const items = [value, ...others.map((other): Scalar => ({ kind: 'scalar', at, value: other }))]
    entries.set(key, list ? { kind: 'list', at, items } : value)
  }
  return { ...merged, entries }
}

/** Blanks of the profile that must be filled. */
function unanswered(
  questions: readonly Question[],
  merged: Tree,
  profile: string | null,
  at: Position | null,
): Problem[] {
  return questions
    .filter((question) => question.required)
    .flatMap(({ key, ask, example }) => {
      const hint = example === undefined ? '' : ` (for example ${example})`
      const message = `missing: profile ${profile} asks: ${ask}${hint}`
      return missing(merged, key.split('.'), message).map((problem) => ({ ...problem, at }))
    })
}

// ---------------------------------------------------------------- short forms and paths

/** Short forms written out, and paths made absolute by the file they stand in. */
function normalise(tree: Tree, folder: string): Tree {
  const base = (scalar: Scalar): string => (scalar.at ? dirname(scalar.at.file) : folder)
  const absolute = (inner: Tree): Tree =>
    mapScalars(inner, (scalar) =>
      typeof scalar.value === 'string' && scalar.value !== '' && !isAbsolute(scalar.value)
        ? { ...scalar, value: resolve(base(scalar), scalar.value) }
        : scalar,
    )
  const absoluteIfDotted = (inner: Tree): Tree =>
    mapScalars(inner, (scalar) =>
      typeof scalar.value === 'string' && /^\.\.?\//.test(scalar.value) ? (absolute(scalar) as Scalar) : scalar,
    )
  let out = tree
  for (const path of [['data'], ['tls', 'cert'], ['tls', 'key'], ['users', 'file'], ['log', 'file']])
    out = replaceAt(out, path, absolute)
  out = replaceAt(out, ['relay'], (relay) => listMember(underKey(relay, 'host'), 'host'))
  out = replaceAt(out, ['listen'], (listen) => {
    if (listen.kind !== 'map') return listen
    const services = [...listen.entries].map(([name, service]): [string, Tree] => [
      name,
      replaceAt(listMember(underKey(service, 'addresses'), 'addresses'), ['addresses'], absoluteIfDotted),
    ])
    return { ...listen, entries: new Map(services) }
  })
  return replaceAt(out, ['plugins'], absoluteIfDotted)
}

/** `value` as `{ key: value }`, unless it is a map (or a null, which resets) already. */
function underKey(value: Tree, key: string): Tree {
  if (value.kind === 'map' || (value.kind === 'scalar' && value.value === null)) return value
  return { kind: 'map', at: value.at, entries: new Map([[key, value]]) }
}

/** One text where a list is expected becomes a list of one. */
function listMember(tree: Tree, key: string): Tree {
  return replaceAt(tree, [key], (value) =>
    value.kind === 'scalar' && value.value !== null ? { kind: 'list', at: value.at, items: [value] } : value,
  )
}

// ---------------------------------------------------------------- results

/** Names without a domain are ours: so the first of our domains, unless the host's own name is one of them. */
const defaultOrigin = (hostname: string, domains: readonly string[]): string =>
  domains.includes(hostname) ? hostname : (domains.find((domain) => domain !== 'localhost') ?? hostname)

function toSite(settings: Settings): Site {
  const { users, relay, log } = settings
  return {
    hostname: settings.hostname,
    origin: settings.origin ?? defaultOrigin(settings.hostname, settings.domains),
    domains: settings.domains,
    networks: settings.networks,
    postmaster: settings.postmaster,
    user: settings.user,
    data: settings.data,
    protocols: settings.protocols,
    listen: listeners(settings),
    tls: settings.tls ?? null,
    relay: relay
      ? { hosts: relay.host, username: relay.username ?? null, password: relay.password ?? null, tls: relay.tls }
      : null,
    recipientDelimiter: settings.recipientDelimiter,
    limits: settings.limits,
    store: settings.store,
    queue: settings.queue,
    users: { file: users.file ?? (users.system ? null : join(settings.data, 'users.yaml')), system: users.system },
    dns: settings.dns,
    log: { format: log.format, level: log.level, file: log.file ?? null },
    trace: settings.trace,
    bareLineFeed: settings.bareLineFeed,
  }
}

const listeners = (settings: Settings): ListenerSettings[] =>
  Object.entries(settings.listen).flatMap(([service, listener]) => {
    const { addresses, ...options } = listener ?? { addresses: [] }
    return addresses.map((address) => ({ service, ...address, options }))
  })

/** Keys of a plugin's entry that are ours; the rest are the plugin's settings. */
export const ENTRY_KEYS = [
  'use',
  'enabled',
  'onError',
  'timeout',
  'listeners',
  'authenticated',
  'before',
  'after',
] as const

function pluginEntries(settings: Settings, merged: Tree, folder: string): PluginEntry[] {
  const list = (value: string | string[] | undefined): string[] => (typeof value === 'string' ? [value] : (value ?? []))
  return Object.entries(settings.plugins).map(([name, entry]) => {
    const { use, enabled, onError, timeout, listeners, authenticated, before, after, ...own } = entry
    const file = positionAt(merged, ['plugins', name, ...(use === undefined ? [] : ['use'])])?.file
    return {
      name,
      use: use ?? name,
      folder: file === undefined ? folder : dirname(file),
      enabled,
      onError: onError ?? 'defer',
      timeout: timeout ?? null,
      listeners: listeners ?? null,
      authenticated: authenticated ?? null,
      before: list(before),
      after: list(after),
      settings: own,
    }
  })
}

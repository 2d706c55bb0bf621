// Finds a plugin's definition: shipped by name, a file by path, or an npm package as seen from the configuration's folder.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { systemClock } from '../base/clock.ts'
import { modulePath } from '../base/program.ts'
import { within } from '../base/within.ts'
import type { PluginEntry } from '../config/load.ts'
import { didYouMean } from '../config/problems.ts'
import { API_VERSION, type PluginDefinition } from './contract.ts'
import { packageFrom, partsOf, registerResolveHook, withoutVersion, withVersion } from './resolve-hook.ts'

const MODULE = /\.([cm]?[jt]s|json)$/

/** How long a plugin's modules may take to load, ms of the real clock. */
const LOAD_TIMEOUT = 10_000

const shippedFile = (name: string): string => modulePath(`plugins/${name}/index`)
const pluginsFolder = dirname(dirname(shippedFile('any')))
const isShipped = (name: string): boolean => /^[a-z][a-z0-9-]*$/.test(name) && existsSync(shippedFile(name))

/** Names of the plugins that come with Estafeta. */
export const shippedPlugins = (): readonly string[] =>
  readdirSync(pluginsFolder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .filter(isShipped)
    .sort()

export type Found = { readonly definition: PluginDefinition; readonly source: string } | { readonly problem: string }

/** Loads the plugin that an entry names. What is wrong with it comes as a problem, never as a throw. */
export async function findDefinition({ use, folder }: Pick<PluginEntry, 'use' | 'folder'>): Promise<Found> {
  registerResolveHook()
  if (isShipped(use)) return importDefinition(pathToFileURL(shippedFile(use)).href, shippedFile(use), use)
  if (isAbsolute(use)) return findFile(use)
  if (!installedFrom(use, folder)) {
    const near = existsSync(join(folder, use)) ? ` (did you mean './${use}'?)` : didYouMean(use, shippedPlugins())
    return { problem: `no plugin '${use}' is shipped, nor is a package of this name installed in ${folder}${near}` }
  }
  return importDefinition(packageFrom(use, folder), use, null)
}

async function findFile(path: string): Promise<Found> {
  try {
    const file = pluginFile(path)
    if (file === null) return { problem: `there is no plugin at ${path}` }
    return await importDefinition(withVersion(pathToFileURL(file).href, versionOf(file)), file, null)
  } catch (error) {
    return { problem: `the plugin at ${path} cannot be read: ${(error as Error).message}` }
  }
}

/** A file as it is, or a folder's index. */
function pluginFile(path: string): string | null {
  const candidates = [path, join(path, 'index.ts'), join(path, 'index.js')]
  return candidates.find((file) => statSync(file, { throwIfNoEntry: false })?.isFile()) ?? null
}

/** Changes when one of its parts does, wherever it lies, or a module beside it, which may become one. */
function versionOf(file: string): string {
  const folder = dirname(file)
  const beside = readdirSync(folder).filter((name) => MODULE.test(name))
  const files = new Set([...beside.map((name) => join(folder, name)), ...partsOf(file)])
  const hash = createHash('sha256')
  for (const path of [...files].sort()) {
    const stat = statSync(path, { throwIfNoEntry: false })
    hash.update(`${path} ${stat?.ino} ${stat?.size} ${stat?.mtimeMs} ${stat?.ctimeMs}\n`)
  }
  return hash.digest('hex').slice(0, 16)
}

function installedFrom(name: string, folder: string): boolean {
  const packageName = name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/')
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, 'node_modules', packageName, 'package.json'))) return true
    if (at === dirname(at)) return false
  }
}

async function importDefinition(specifier: string, source: string, name: string | null): Promise<Found> {
  try {
    const imported = import(/* @vite-ignore */ specifier) as Promise<{ default?: unknown }>
    const module = await within(systemClock, LOAD_TIMEOUT, imported, 'its top-level await')
    const problem = checkDefinition(module.default, name)
    return problem === null ? { definition: module.default as PluginDefinition, source } : { problem }
  } catch (error) {
    return { problem: `${basename(source)} cannot be loaded: ${importMessage(error)}` }
  }
}

/** The first line, and for syntax errors the place, which Node puts at the head of the stack. */
function importMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const place = error instanceof SyntaxError ? /^(file:\/\/\S+:\d+|\/\S+:\d+)/.exec(error.stack ?? '')?.[1] : undefined
  return withoutVersion(`${error.message.split('\n')[0]}${place ? ` (at ${place.replace('file://', '')})` : ''}`)
}

/** What every definition must be, whoever wrote it. */
export function checkDefinition(value: unknown, name: string | null): string | null {
  if (typeof value !== 'object' || value === null || typeof (value as PluginDefinition).setup !== 'function')
    return "its default export is no plugin: expected 'export default definePlugin({ … })'"
  const definition = value as PluginDefinition
  if (typeof definition.name !== 'string' || !/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(definition.name))
    return `its name '${String(definition.name)}' is not in kebab-case`
  if (name !== null && definition.name !== name) return `it calls itself '${definition.name}', its folder '${name}'`
  if (typeof definition.description !== 'string') return 'it has no description'
  if (definition.api !== undefined && definition.api !== API_VERSION)
    return `it was written for version ${definition.api} of the plugin contract; this is version ${API_VERSION}`
  return null
}

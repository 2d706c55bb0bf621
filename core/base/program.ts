// Where the program itself lies: its modules, as source or as built, and its package's folder.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
const modules = new URL('../../', import.meta.url)

/** A module by its place in the sources, without its ending: `core/queue/commit-worker`. */
export const moduleUrl = (place: string): URL => new URL(place + extension, modules)
export const modulePath = (place: string): string => fileURLToPath(moduleUrl(place))

/** What stands before the URL of everything that is the core's own. */
export const coreUrl = new URL('core/', modules).href

/** With package.json, profiles, docs and the plugins' template. */
export const packageRoot = fileURLToPath(ancestorWith('package.json', modules))

function ancestorWith(name: string, folder: URL): URL {
  if (existsSync(new URL(name, folder))) return folder
  const up = new URL('../', folder)
  if (up.href === folder.href) throw new Error(`no folder above ${modules.pathname} has ${name}`)
  return ancestorWith(name, up)
}

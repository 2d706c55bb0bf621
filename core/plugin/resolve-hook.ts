// Makes `estafeta/plugin` and `estafeta/testing` mean the running instance, from wherever a plugin lies.
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
const OWN: { readonly [specifier: string]: string } = {
  'estafeta/plugin': new URL(`./contract${extension}`, import.meta.url).href,
  'estafeta/testing': new URL(`./testing${extension}`, import.meta.url).href,
}

/** `estafeta-from:<file URL>!<specifier>`: the specifier as a module at that URL would resolve it. */
const FROM = /^estafeta-from:(.*?)!(.*)$/

/** Node keeps a module by its URL for good: a plugin's own files bear a version, so that a reload sees their change. */
const VERSIONED = /\?estafeta-version=(\d+)$/
export const withVersion = (url: string, version: string): string => `${url}?estafeta-version=${version}`

let registered = false

/** Once a process; sync hooks of Node itself, no loader thread. */
export function registerResolveHook(): void {
  if (registered) return
  registered = true
  registerHooks({
    resolve(specifier, context, next) {
      const own = OWN[specifier]
      if (own !== undefined) return { url: own, shortCircuit: true }
      const from = FROM.exec(specifier)
      if (from) return next(from[2]!, { ...context, parentURL: from[1]! })
      const found = next(specifier, context)
      const version = VERSIONED.exec(context.parentURL ?? '')?.[1]
      const isPart = version !== undefined && specifier.startsWith('.') && !found.url.includes('?')
      return isPart ? { ...found, url: withVersion(found.url, version) } : found
    },
  })
}

/** The specifier of an npm package as seen from a folder. */
export const packageFrom = (name: string, folder: string): string =>
  `estafeta-from:${pathToFileURL(join(folder, 'estafeta.yaml')).href}!${name}`

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
      return from ? next(from[2]!, { ...context, parentURL: from[1]! }) : next(specifier, context)
    },
  })
}

/** The specifier of an npm package as seen from a folder. */
export const packageFrom = (name: string, folder: string): string =>
  `estafeta-from:${pathToFileURL(join(folder, 'estafeta.yaml')).href}!${name}`

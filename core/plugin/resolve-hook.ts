// Makes `estafeta/plugin` and `estafeta/testing` mean the running instance, from wherever a plugin lies.
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { moduleUrl } from '../base/program.ts'

const OWN: { readonly [specifier: string]: string } = {
  'estafeta/plugin': moduleUrl('core/plugin/contract').href,
  'estafeta/testing': moduleUrl('core/plugin/testing').href,
}

/** `estafeta-from:<file URL>!<specifier>`: the specifier as a module at that URL would resolve it. */
const FROM = /^estafeta-from:(.*?)!(.*)$/

/** Node keeps a module by its URL for good: a plugin's own files bear a version, so that a reload sees their change. */
const VERSIONED = /\?estafeta-version=([0-9a-f]+)$/
export const withVersion = (url: string, version: string): string => `${url}?estafeta-version=${version}`
export const withoutVersion = (text: string): string => text.replace(/\?estafeta-version=[0-9a-f]+/g, '')

/** What each file of a plugin imported by a relative path, as URLs. */
const imports = new Map<string, Set<string>>()

/** The files that were loaded so far as parts of this one, parts of parts included. */
export function partsOf(file: string): readonly string[] {
  const found = new Set([pathToFileURL(file).href])
  for (const url of found) for (const part of imports.get(url) ?? []) found.add(part)
  return [...found].map((url) => fileURLToPath(url))
}

function notePart(parent: string, part: string): void {
  const known = imports.get(parent)
  if (known) known.add(part)
  else imports.set(parent, new Set([part]))
}

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
      if (version === undefined || !specifier.startsWith('.') || found.url.includes('?')) return found
      notePart(withoutVersion(context.parentURL!), found.url)
      return { ...found, url: withVersion(found.url, version) }
    },
  })
}

/** The specifier of an npm package as seen from a folder. */
export const packageFrom = (name: string, folder: string): string =>
  `estafeta-from:${pathToFileURL(join(folder, 'estafeta.yaml')).href}!${name}`

// The docs say what the code says: maps name every folder, generated pages are up to date, nothing is shipped without a page and a test.
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { generatedDocs, generatedFolder } from '../core/cli/docs.ts'
import { profileNames } from '../core/config/profiles.ts'
import { shippedPlugins } from '../core/plugin/definitions.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const folders = (path: string): string[] =>
  readdirSync(join(root, path), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)

it('core/README.md names every folder of core, and no other', () => {
  const named = [...read('core/README.md').matchAll(/^\| `([a-z0-9-]+)\/` \|/gm)].map(([, name]) => name!)
  expect(named.sort()).toEqual(folders('core').sort())
})

it('profiles/README.md has a row for every profile', () => {
  const named = [...read('profiles/README.md').matchAll(/^\| \[([a-z-]+)\]\(\1\.yaml\) \|/gm)].map(([, name]) => name!)
  expect(named.sort()).toEqual([...profileNames()])
})

it('docs/generated is what `npm run docs` writes', async () => {
  const generated = await generatedDocs()
  expect(readdirSync(generatedFolder).sort()).toEqual([...generated.keys()].sort())
  for (const [name, text] of generated) expect(readFileSync(join(generatedFolder, name), 'utf8'), name).toBe(text)
})

it.each(shippedPlugins())('plugin %s has a README and a test', (name) => {
  expect(existsSync(join(root, 'plugins', name, 'README.md'))).toBe(true)
  expect(globSync('*.test.ts', { cwd: join(root, 'plugins', name) })).not.toEqual([])
})

it('every file of core and plugins says its purpose in its first line', () => {
  const silent = globSync('{core,plugins}/**/*.ts', { cwd: root })
    .filter((file) => !/\.(test|suite|d)\.ts$|(^|\/)_template\//.test(file))
    .filter((file) => !/^(#!|\/\/ \S)/.test(read(file)))
  expect(silent).toEqual([])
})

it('links between the pages lead somewhere', () => {
  const pages = globSync('{*.md,{core,docs,plugins,profiles,conformance,test}/**/*.md}', { cwd: root })
  const dead = pages.flatMap((page) =>
    // what stands in a block of code is no link
    [
      ...read(page)
        .replace(/^```[\s\S]*?^```/gm, '')
        .matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g),
    ]
      .filter(([, target]) => !existsSync(join(root, page, '..', target!)))
      .map(([, target]) => `${page}: ${target}`),
  )
  expect(dead).toEqual([])
})

it('the changelog begins with what is not yet released, or with the present version', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string }
  const first = /^## (.+)$/m.exec(read('CHANGELOG.md'))?.[1]
  expect(first === 'Unreleased' || first?.startsWith(version)).toBe(true)
})

// The docs say what the code says: maps name every folder, generated pages are up to date, nothing is shipped without a page and a test.
import { existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { generatedDocs, generatedFolder } from '../core/cli/docs.ts'
import { program } from '../core/cli/main.ts'
import { loadConfig } from '../core/config/load.ts'
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

describe('the operator guide', () => {
  const guide = read('docs/operator-guide.md')
  const blocks = [...guide.matchAll(/^( *)```(\w*)\n([\s\S]*?)^\1```/gm)].map(([, indent, language, text]) => ({
    language,
    text: text!.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  }))

  it('has a configuration for every profile that is put to use, and all of them load', () => {
    const folder = mkdtempSync(join(tmpdir(), 'estafeta-guide-'))
    const path = join(folder, 'estafeta.yaml')
    const profiles = blocks
      .filter(({ language }) => language === 'yaml')
      .map(({ text }) => {
        writeFileSync(path, text)
        return loadConfig({ path }).profile
      })
    rmSync(folder, { recursive: true })
    expect(profiles.sort()).toEqual(profileNames().filter((name) => !['demo', 'no-configuration'].includes(name)))
  })

  it('names commands and flags that exist', async () => {
    const prose = guide.replace(/^( *)```[\s\S]*?^\1```/gm, '')
    const lines = [
      ...[...prose.matchAll(/`([^`\n]+)`/g)].map(([, text]) => text!),
      ...blocks.filter(({ language }) => language === '').flatMap(({ text }) => text.split('\n')),
    ]
    const calls = lines.flatMap((line) => /(?:^|bin\/)estafeta ([a-z][^']*)/.exec(line)?.[1] ?? [])
    expect(calls.length).toBeGreaterThan(25)
    for (const call of calls) {
      const words = call.split(/\s+/)
      const command = (await program(words[0]!)).commands.find((one) => one.name() === words[0])
      const nested = words.length > 1 && command && command.commands.length > 0
      const found = nested ? command.commands.find((one) => one.name() === words[1]) : command
      expect(found, call).toBeDefined()
      const flags = words.flatMap((word) => /^--[a-z-]+/.exec(word)?.[0] ?? [])
      const known = found!.options.map(({ long }) => long)
      expect(
        flags.filter((flag) => !known.includes(flag)),
        call,
      ).toEqual([])
    }
  })
})

it('the changelog begins with what is not yet released, or with the present version', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string }
  const first = /^## (.+)$/m.exec(read('CHANGELOG.md'))?.[1]
  expect(first === 'Unreleased' || first?.startsWith(version)).toBe(true)
})

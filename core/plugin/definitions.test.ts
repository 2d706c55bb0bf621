// How Node itself finds and loads plugins: in a process of its own, without the test runner's module loader.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'

let folder: string
let found: Told[]
const write = (name: string, text: string): void => {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

type Told = { problem?: string; description?: string }

/** What `findDefinition` makes of each, as seen from the folder; a plugin's description is told. */
function findAll(uses: readonly string[]): Told[] {
  const script = `
    const { findDefinition } = await import(${JSON.stringify(new URL('./definitions.ts', import.meta.url).href)})
    const { writeFileSync } = await import('node:fs')
    const told = []
    for (const use of ${JSON.stringify(uses)}) {
      const found = await findDefinition({ use, folder: ${JSON.stringify(folder)} })
      told.push(found.problem ? found : { description: found.definition.description })
    }
    const changes = [
      () => writeFileSync('parted/part.ts', "export const description: string = 'second'"),
      () => writeFileSync('parted/deep/part.ts', "export const deep = ' of many'"),
    ]
    for (const change of changes) {
      change()
      const { definition } = await findDefinition({ use: ${JSON.stringify(join(folder, 'parted'))}, folder: '.' })
      told.push({ description: definition.description })
    }
    console.log(JSON.stringify(told))`
  const out = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
    cwd: folder,
  })
  return JSON.parse(out.replaceAll(folder, '')) as Told[]
}

const definition =
  "export default definePlugin({ name: 'found', description: API_VERSION === 1 ? 'same' : 'other', setup: () => ({}) })"
const source = `import { API_VERSION, definePlugin } from 'estafeta/plugin'\n${definition}\n`

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'estafeta-definitions-'))
  write('typed.ts', `${source}const one: number = 1\n`)
  write('broken.ts', 'export default {\n  oops oops\n}\n')
  write('throws.ts', "throw new Error('no such thing')\n")
  write(
    'node_modules/only-esm/package.json',
    '{ "name": "only-esm", "type": "module", "exports": { ".": { "import": "./m.js" } } }',
  )
  write('node_modules/only-esm/m.js', source)
  write('node_modules/@scope/old/package.json', '{ "name": "@scope/old", "type": "module", "main": "lib/m.js" }')
  write('node_modules/@scope/old/lib/m.js', source)
  write(
    'parted/index.ts',
    source.replace("API_VERSION === 1 ? 'same' : 'other'", 'description + deep').replace('API_VERSION, ', '') +
      "import { description } from './part.ts'\nimport { deep } from './deep/part.ts'\n",
  )
  write('parted/part.ts', "export const description: string = 'first'")
  write('parted/deep/part.ts', "export const deep = ' of all'")
  const files = ['typed.ts', 'broken.ts', 'throws.ts'].map((name) => join(folder, name))
  found = findAll([...files, 'only-esm', '@scope/old', 'demo-magic', 'absent', 'typed.ts', join(folder, 'parted')])
})
afterAll(() => rmSync(folder, { recursive: true }))

it('loads a TypeScript file anywhere', () => expect(found[0]).toEqual({ description: 'same' }))

it('loads npm packages as the folder of the configuration sees them', () => {
  expect(found.slice(3, 5)).toEqual([{ description: 'same' }, { description: 'same' }])
})

it('loads what is shipped by its name', () => expect(found[5]!.description).toContain('demo'))

it('says in one line why a file cannot be loaded', () => {
  expect(found[1]!.problem).toMatch(/^broken\.ts cannot be loaded: .*\S/)
  expect(found[1]!.problem).not.toContain('\n')
  expect(found[2]!.problem).toBe('throws.ts cannot be loaded: no such thing')
  expect(found[6]).toEqual({ problem: "no plugin 'absent' is shipped, nor is a package of this name installed in " })
  expect(found[7]!.problem).toMatch(/^no plugin 'typed\.ts' is shipped, .* \(did you mean '\.\/typed\.ts'\?\)$/)
})

it('sees a change of a file, and of a part of it, at the next load', () => {
  expect(found.slice(8).map(({ description }) => description)).toEqual([
    'first of all',
    'second of all',
    'second of many',
  ])
})

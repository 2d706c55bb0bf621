// Writes a new plugin from the template: a single file or a folder, its test, and a tsconfig that lets an editor find our types.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { permanent } from '../base/failure.ts'
import { packageRoot } from '../base/program.ts'

const templateFolder = join(packageRoot, 'plugins', '_template')

/**
 * `path` ending in `.ts`: that file, its test and a tsconfig beside it; else a folder. Gives the files written.
 * Throws Failure('permanent') for a bad name, and rather than overwrite anything.
 */
export function writePlugin(path: string): readonly string[] {
  const single = path.endsWith('.ts')
  const name = basename(path, '.ts')
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) throw permanent(`a plugin's name is in kebab-case, not '${name}'`)
  const folder = resolve(single ? dirname(path) : path)
  const main = single ? name : 'index'
  const files = new Map([
    [`${main}.ts`, fromTemplate('index.ts', name, main)],
    [`${main}.test.ts`, fromTemplate('index.test.ts', name, main)],
    ...(single ? [] : [['README.md', fromTemplate('README.md', name, main)] as const]),
  ])
  const taken = [...files.keys()].find((file) => existsSync(join(folder, file)))
  if (taken !== undefined) throw permanent(`${join(folder, taken)} is there already`)
  if (!existsSync(join(folder, 'tsconfig.json'))) files.set('tsconfig.json', editorConfig())
  mkdirSync(folder, { recursive: true })
  for (const [file, text] of files) writeFileSync(join(folder, file), text)
  return [...files.keys()].map((file) => join(folder, file))
}

/** `my-plugin`, `My-Plugin` and `myPlugin` become the new name in their own manner. */
function fromTemplate(file: string, name: string, main: string): string {
  const capital = (word: string): string => word.slice(0, 1).toUpperCase() + word.slice(1)
  const words = name.split('-')
  const camel = words.map((word, i) => (i === 0 ? word : capital(word))).join('')
  return readFileSync(join(templateFolder, file), 'utf8')
    .replaceAll('./index.ts', `./${main}.ts`)
    .replaceAll('my-plugin', name)
    .replaceAll('My-Plugin', words.map(capital).join('-'))
    .replaceAll('myPlugin', camel)
}

/** For editors only: Node runs the file as it is. */
function editorConfig(): string {
  const built = join(packageRoot, 'dist', 'core', 'plugin')
  const types = (file: string): string[] =>
    existsSync(join(built, `${file}.d.ts`))
      ? [join(built, `${file}.d.ts`)]
      : [join(packageRoot, 'core', 'plugin', `${file}.ts`)]
  const typeRoots = join(packageRoot, 'node_modules', '@types')
  const config = {
    compilerOptions: {
      target: 'ES2024',
      module: 'preserve',
      moduleResolution: 'bundler',
      strict: true,
      noEmit: true,
      erasableSyntaxOnly: true,
      allowImportingTsExtensions: true,
      verbatimModuleSyntax: true,
      skipLibCheck: true,
      ...(existsSync(typeRoots) ? { typeRoots: [typeRoots], types: ['node'] } : {}),
      paths: { 'estafeta/plugin': types('contract'), 'estafeta/testing': types('testing') },
    },
  }
  return `${JSON.stringify(config, null, 2)}\n`
}

// estafeta plugin: write a new one, list what there is, run its tests.
import { spawn } from 'node:child_process'
import { existsSync, globSync, statSync } from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'
import { Command } from 'commander'
import { moduleUrl } from '../base/program.ts'
import type { LoadedConfig } from '../config/load.ts'
import { findDefinition, shippedPlugins } from '../plugin/definitions.ts'
import { writePlugin } from '../plugin/scaffold.ts'
import { CliError, EX, loadFound } from './context.ts'
import { formatTable, print, printJson } from './output.ts'

export function build(): Command {
  const plugin = new Command('plugin')
  plugin
    .command('new')
    .description('write a plugin to start from: a single file (filters/lottery.ts) or a folder (filters/lottery)')
    .argument('<path>')
    .action(create)
  plugin
    .command('list')
    .description('plugins that are shipped, and those that the configuration uses')
    .option('--shipped', 'only those that are shipped, without a configuration')
    .option('--json', 'as JSON')
    .action(list)
  plugin
    .command('test')
    .description("run a plugin's tests (node:test)")
    .argument('[path...]', 'plugin files, test files or folders', ['.'])
    .action(test)
  return plugin
}

function create(path: string): void {
  const [main = path, ...others] = writePlugin(path).map((file) => relative('.', file))
  for (const file of [main, ...others]) print(`wrote ${file}`)
  print(`\nTest it:       estafeta plugin test ${path}`)
  print(`Configure it:  plugins: { ${basename(path, '.ts')}: { use: ${resolve(path)}, onError: pass } }`)
  print('               (or a path that begins with ./ and is relative to the configuration file)')
}

// ---------------------------------------------------------------- list

interface Listed {
  readonly name: string
  readonly use: string
  /** on, off, or shipped and not configured. */
  readonly state: 'on' | 'off' | '–'
  readonly onError: string
  readonly description: string
}

async function list(options: { shipped?: true; json?: true }): Promise<void> {
  const configured = options.shipped ? null : foundConfig()
  const entries = configured?.plugins ?? []
  const unused = shippedPlugins().filter((name) => !entries.some(({ use }) => use === name))
  const rows: Listed[] = []
  for (const { name, use, folder, enabled, onError } of entries)
    rows.push({ name, use, state: enabled ? 'on' : 'off', onError, description: await describe(use, folder) })
  for (const name of unused)
    rows.push({ name, use: name, state: '–', onError: '–', description: await describe(name, '.') })
  if (options.json) {
    printJson(rows)
    return
  }
  print(
    formatTable(
      ['ENTRY', 'STATE', 'ON ERROR', 'WHAT IT DOES'],
      rows.map(({ name, use, state, onError, description }) => [
        name,
        state,
        onError,
        use === name ? description : `${description} (${use})`,
      ]),
    ),
  )
}

/** Without any configuration the shipped plugins are still worth a list; a broken one is reported as ever. */
function foundConfig(): LoadedConfig | null {
  try {
    return loadFound()
  } catch (error) {
    if (error instanceof CliError) return null
    throw error
  }
}

async function describe(use: string, folder: string): Promise<string> {
  const found = await findDefinition({ use, folder })
  return 'problem' in found ? `broken: ${found.problem}` : found.definition.description
}

// ---------------------------------------------------------------- test

const TEST_FILES = '**/*.test.{ts,mts,js,mjs}'

/** The test files that a path means: itself, those of its folder, or the one beside a plugin's file. */
function testFilesOf(path: string): readonly string[] {
  if (!existsSync(path)) throw new CliError(`there is no ${path}`, EX.noInput)
  if (statSync(path).isDirectory())
    return globSync(TEST_FILES, { cwd: path, exclude: (name) => name === 'node_modules' })
      .sort()
      .map((file) => join(path, file))
  const beside = path.replace(/\.(m?[jt]s)$/, '.test.$1')
  return /\.test\.m?[jt]s$/.test(path) ? [path] : existsSync(beside) ? [beside] : []
}

async function test(paths: readonly string[]): Promise<void> {
  const files = paths.flatMap(testFilesOf)
  if (files.length === 0) throw new CliError(`no tests (*.test.ts) in ${paths.join(', ')}`, EX.noInput)
  const register = moduleUrl('core/plugin/register').href
  // what a failed test leaves open keeps nobody waiting for its report
  const child = spawn(process.execPath, ['--import', register, '--test', '--test-force-exit', ...files], {
    stdio: 'inherit',
    // under a test runner of its own, node:test would report to that one
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  })
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve(code ?? EX.failed))
  })
}

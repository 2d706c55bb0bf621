// estafeta config: what the configuration comes to, what it changes, what a setting means, and how to change one.
import { Command } from 'commander'
import { setSetting } from '../config/edit.ts'
import type { LoadedConfig } from '../config/load.ts'
import { formatPath } from '../config/problems.ts'
import { describeSchema, editorSchema, findRow, rowsOf, type SettingRow } from '../config/reference.ts'
import { differences, effective, explainKey, toYaml } from '../config/show.ts'
import { findDefinition } from '../plugin/definitions.ts'
import { CliError, EX, findConfig, loadFound } from './context.ts'
import { print, printJson } from './output.ts'

export function build(): Command {
  const config = new Command('config')
  config
    .command('show')
    .description('every setting with its value, defaults included')
    .argument('[key]', 'only this part, such as limits or plugins.rbl')
    .option('--json', 'as JSON')
    .action(show)
  config.command('diff').description('what the site changes in its profile').option('--json', 'as JSON').action(diff)
  config
    .command('explain')
    .description('what a setting means, what it is, and which file made it so')
    .argument('<key>', 'such as limits.messageSize')
    .option('--json', 'as JSON')
    .action(explain)
  config
    .command('schema')
    .description('a JSON Schema, for editors')
    .action(() => printJson(editorSchema()))
  config
    .command('set')
    .description('change one setting in the file; comments stay')
    .argument('<key>', 'such as limits.messageSize')
    .argument('[value]', "in YAML: 50MiB, '[a, b]', null")
    .option('--unset', 'take the key out of the file')
    .action(set)
  return config
}

function show(key: string | undefined, options: { json?: true }): void {
  const whole = effective(loadFound())
  const value = (key?.split('.') ?? []).reduce<unknown>(
    (at, part) => (typeof at === 'object' && at !== null ? (at as { [key: string]: unknown })[part] : undefined),
    whole,
  )
  if (value === undefined) throw new CliError(`${key} is not set`, EX.usage)
  if (options.json) printJson(value)
  else print(toYaml(value))
}

function diff(options: { json?: true }): void {
  const found = differences(loadFound())
  if (options.json) {
    printJson(found)
    return
  }
  const text = (value: unknown): string => (value === undefined ? '(not set)' : JSON.stringify(value))
  for (const { key, was, is } of found) print(`${key}: ${text(was)} → ${text(is)}`)
}

async function explain(key: string, options: { json?: true }): Promise<void> {
  const loaded = loadFound()
  const known = explainKey(loaded, key)
  const own = await pluginSetting(loaded, key)
  const found = 'hint' in known && own ? { key, row: own, value: undefined, sources: [] } : known
  if ('hint' in found) throw new CliError(`there is no setting ${key}${found.hint}`, EX.usage)
  if (options.json) {
    printJson(found)
    return
  }
  const { value, sources } = found
  const row = found.row ?? own
  print(`${key}: ${value === undefined ? '(not set)' : JSON.stringify(value)}`)
  if (row) {
    print(`  ${row.what || '(a group of settings)'}`)
    print(`  form: ${row.form}; default: ${row.default}${row.restart ? '; a change needs a restart' : ''}`)
  }
  for (const { from, at, value: set } of sources) {
    const place = at ? `${at.file}:${at.line}:${at.column}` : 'the command line'
    print(`  ${from}: ${JSON.stringify(set)} at ${place}`)
  }
  if (sources.length === 0) print('  no file sets it: the default holds')
}

/** A plugin's own setting (`plugins.rbl.lists`), as its schema describes it. */
async function pluginSetting({ plugins }: LoadedConfig, key: string): Promise<SettingRow | null> {
  const [top, name, ...rest] = key.split('.')
  const entry = plugins.find((one) => one.name === name)
  if (top !== 'plugins' || !entry || rest.length === 0) return null
  const found = await findDefinition(entry)
  if ('problem' in found || !found.definition.config) return null
  const rows = rowsOf(describeSchema(found.definition.config), `plugins.${name}`)
  return rows.find((row) => row.key === key) ?? null
}

function set(key: string, value: string | undefined, options: { unset?: true }): void {
  if ((value === undefined) === (options.unset === undefined))
    throw new CliError('give either a value or --unset', EX.usage)
  const file = findConfig()
  const loaded = setSetting(file, key, value)
  const at = loaded.locate(key.split('.'))
  const next = findRow(key).row?.restart ? 'restart the server' : "run 'estafeta reload'"
  print(
    `${formatPath(key.split('.'))} ${options.unset ? 'taken out of' : 'set in'} ${file}${at ? `:${at.line}` : ''}; ${next} to have it taken`,
  )
}

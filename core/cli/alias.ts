// estafeta alias: local aliases of the alias file (`sales`) and virtual ones of the users file (`sales@example.com`).
import { existsSync, readFileSync } from 'node:fs'
import { Command } from 'commander'
import { ConfigError } from '../config/problems.ts'
import type { Site } from '../config/site.ts'
import { parseAliasFile } from '../directory/alias-file.ts'
import type { AliasTarget } from '../directory/directory.ts'
import { addAlias, removeAlias } from '../directory/edit-aliases.ts'
import { editUsers } from '../directory/edit-users.ts'
import { makeForServer } from './as-server.ts'
import { loadSite } from './context.ts'
import { aliasPath, readAddress, requireOurs, usersAccess } from './directory-access.ts'
import { formatTable, print, printJson } from './output.ts'

interface AliasRow {
  readonly alias: string
  readonly targets: readonly string[]
  readonly file: string
}

export function build(): Command {
  const alias = new Command('alias')
  alias
    .command('add')
    .description('add an alias: a local name, or a whole address')
    .argument('<name>')
    .argument('<target...>', 'addresses; for a local name also \\user, /file, "|command" and :include:file')
    .action(add)
  alias.command('remove').description('remove an alias').argument('<name>').action(remove)
  alias.command('list', { isDefault: true }).description('list aliases').option('--json', 'as JSON').action(list)
  return alias
}

async function add(name: string, targets: string[]): Promise<void> {
  const { site } = await loadSite()
  if (name.includes('@')) {
    const access = await usersAccess()
    const address = readAddress(name, site)
    requireOurs(address, access)
    const addresses = targets.map((target) => readAddress(target, site))
    await makeForServer(site, access.path)
    editUsers(access.path, (users) => users.addAlias(address, addresses))
  } else {
    await makeForServer(site, aliasPath(site))
    addAlias(aliasPath(site), name, targets.map(quoted))
  }
  print(`added ${name}`)
}

async function remove(name: string): Promise<void> {
  const { site } = await loadSite()
  if (name.includes('@')) {
    const { path } = await usersAccess()
    editUsers(path, (users) => users.removeAlias(readAddress(name, site)))
  } else removeAlias(aliasPath(site), name)
  print(`removed ${name}`)
}

async function list({ json }: { json?: true }): Promise<void> {
  const { site } = await loadSite()
  const rows = [...localAliases(site), ...(await virtualAliases(site))]
  if (json) return printJson(rows)
  print(
    formatTable(
      ['alias', 'targets', 'file'],
      rows.map(({ alias, targets, file }) => [alias, targets.join(', '), file]),
    ),
  )
}

function localAliases(site: Site): AliasRow[] {
  const path = aliasPath(site)
  if (!existsSync(path)) return []
  const { value, problems } = parseAliasFile(readFileSync(path, 'utf8'), path)
  if (problems.length > 0) throw new ConfigError(problems)
  return Array.from(value, ([alias, targets]) => ({ alias, targets: targets.map(shown), file: path }))
}

async function virtualAliases(site: Site): Promise<AliasRow[]> {
  if (site.users.file === null) return []
  const { path, read } = await usersAccess()
  return Array.from(read().aliases, ([alias, targets]) => ({ alias, targets, file: path }))
}

/** A command or file with white space or commas is one item only in quotes. */
const quoted = (target: string): string =>
  /^[|/]/.test(target) && /[\s,]/.test(target) ? `"${target.replace(/["\\]/g, '\\$&')}"` : target

function shown(target: AliasTarget): string {
  if (target.kind === 'address') return target.final ? `\\${target.address}` : target.address
  if (target.kind === 'file') return target.path
  return target.kind === 'command' ? `|${target.command}` : `:include:${target.path}`
}

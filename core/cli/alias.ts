// estafeta alias: local aliases of the alias file (`sales`) and virtual ones of the users file (`sales@example.com`).
import { Command } from 'commander'
import type { Site } from '../config/site.ts'
import type { AliasTarget } from '../directory/directory.ts'
import { addAlias, removeAlias } from '../directory/edit-aliases.ts'
import { editUsers } from '../directory/edit-users.ts'
import { makeForServer } from './as-server.ts'
import { listCommand, loadFound } from './context.ts'
import { aliasFiles, readAddress, readAliasFile, requireOurs, usersAccess } from './directory-access.ts'
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
  listCommand(alias).description('list aliases').option('--json', 'as JSON').action(list)
  return alias
}

async function add(name: string, targets: string[]): Promise<void> {
  const loaded = loadFound()
  const { site } = loaded
  if (name.includes('@')) {
    const access = await usersAccess()
    const address = readAddress(name, site)
    requireOurs(address, access)
    const addresses = targets.map((target) => readAddress(target, site))
    await makeForServer(site, access.path)
    editUsers(access.path, (users) => users.addAlias(address, addresses))
  } else {
    const files = aliasFiles(loaded)
    const path = holderOf(name, files) ?? files[0]!
    await makeForServer(site, path)
    addAlias(path, name, targets.map(quoted))
  }
  print(`added ${name}`)
}

async function remove(name: string): Promise<void> {
  const loaded = loadFound()
  const { site } = loaded
  if (name.includes('@')) {
    const { path } = await usersAccess()
    editUsers(path, (users) => users.removeAlias(readAddress(name, site)))
  } else {
    const files = aliasFiles(loaded)
    removeAlias(holderOf(name, files) ?? files[0]!, name)
  }
  print(`removed ${name}`)
}

async function list({ json }: { json?: true }): Promise<void> {
  const loaded = loadFound()
  const rows = [...localAliases(aliasFiles(loaded)), ...(await virtualAliases(loaded.site))]
  if (json) return printJson(rows)
  print(
    formatTable(
      ['alias', 'targets', 'file'],
      rows.map(({ alias, targets, file }) => [alias, targets.join(', '), file]),
    ),
  )
}

function localAliases(files: readonly string[]): AliasRow[] {
  return files
    .map(readAliasFile)
    .flatMap(({ path, aliases }) =>
      Array.from(aliases, ([alias, targets]) => ({ alias, targets: targets.map(shown), file: path })),
    )
}

/** The first file that has the alias: the one whose word counts. */
const holderOf = (name: string, files: readonly string[]): string | undefined =>
  files.map(readAliasFile).find(({ aliases }) => aliases.has(name.toLowerCase()))?.path

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

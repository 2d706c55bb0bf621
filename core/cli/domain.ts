// estafeta domain: the domains whose mail ends here; virtual ones are added to and removed from the users file.
import { domainToUnicode } from 'node:url'
import { Command } from 'commander'
import { editUsers } from '../directory/edit-users.ts'
import { makeForServer } from './as-server.ts'
import { CliError, EX, listCommand, loadSite } from './context.ts'
import { readAddress, readDomain, usersAccess } from './directory-access.ts'
import { formatTable, print, printJson } from './output.ts'

export function build(): Command {
  const domain = new Command('domain')
  domain
    .command('add')
    .description('add a virtual domain')
    .argument('<domain>')
    .option('--catch-all <address...>', 'where mail for unknown names of it goes', [])
    .action(add)
  domain.command('remove').description('remove a virtual domain').argument('<domain>').action(remove)
  listCommand(domain).description('list domains').option('--json', 'as JSON').action(list)
  return domain
}

async function add(text: string, options: { catchAll: string[] }): Promise<void> {
  const { site, path } = await usersAccess()
  const domain = readDomain(text)
  if (site.domains.includes(domain))
    throw new CliError(`${domain} is one of the configuration's domains already`, EX.data)
  const catchAll = options.catchAll.map((address) => readAddress(address, site))
  await makeForServer(site, path)
  editUsers(path, (users) => users.addDomain(domain, catchAll))
  print(`added ${domain}`)
}

async function remove(text: string): Promise<void> {
  const { site, path, read } = await usersAccess()
  const domain = readDomain(text)
  if (site.domains.includes(domain))
    throw new CliError(`${domain} stands in the configuration: change 'domains' there`, EX.data)
  const users = [...read().users.keys()].filter((account) => account.endsWith(`@${domain}`))
  if (users.length > 0) throw new CliError(`${domain} still has users: ${users.slice(0, 5).join(', ')}`, EX.data)
  editUsers(path, (file) => file.removeDomain(domain))
  print(`removed ${domain}`)
}

async function list({ json }: { json?: true }): Promise<void> {
  const { site } = await loadSite()
  const own = site.domains.map((domain) => ({ domain, kind: 'local', catchAll: [] as readonly string[] }))
  const rows = [...own, ...(site.users.file === null ? [] : await virtualDomains())]
  if (json) return printJson(rows)
  print(
    formatTable(
      ['domain', 'kind', 'catch-all'],
      rows.map(({ domain, kind, catchAll }) => [asRead(domain), kind, catchAll.join(', ')]),
    ),
  )
}

/** With the U-labels that people read beside A-labels. */
function asRead(domain: string): string {
  const unicode = domainToUnicode(domain)
  return unicode === '' || unicode === domain ? domain : `${domain} (${unicode})`
}

async function virtualDomains(): Promise<{ domain: string; kind: string; catchAll: readonly string[] }[]> {
  const { domains, catchAll } = (await usersAccess()).read()
  return Array.from(domains, (domain) => ({ domain, kind: 'virtual', catchAll: catchAll.get(domain) ?? [] }))
}

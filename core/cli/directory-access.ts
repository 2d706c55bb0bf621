// What the user, alias and domain commands share: the site, its users file, and how their mistakes end.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { ConfigError } from '../config/problems.ts'
import type { Site } from '../config/site.ts'
import { type Aliases, parseAliasFile } from '../directory/alias-file.ts'
import { addressKey, parseUsersFile, type UsersFile } from '../directory/users-file.ts'
import { parseDomain } from '../message/address.ts'
import { CliError, EX, type loadFound, loadSite } from './context.ts'

export interface UsersAccess {
  readonly site: Site
  readonly path: string
  read(): UsersFile
}

/** Throws for a site whose users are all the operating system's. */
export async function usersAccess(): Promise<UsersAccess> {
  const { site } = await loadSite()
  const path = site.users.file
  if (path === null)
    throw new CliError('this site has no users file: its users are those of the operating system', EX.config)
  return {
    site,
    path,
    read() {
      const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
      const { value, problems } = parseUsersFile(text, path, site.limits.mailboxSize)
      if (problems.length > 0) throw new ConfigError(problems)
      return value
    },
  }
}

/** The alias files that the server asks, in their order; never empty. */
export function aliasFiles({ site, plugins, path }: ReturnType<typeof loadFound>): readonly string[] {
  const named = plugins.flatMap(({ use, enabled, settings }) =>
    use === 'aliases' && enabled && Array.isArray(settings.files) ? settings.files.map(String) : [],
  )
  return named.length > 0 ? named.map((file) => resolve(dirname(path), file)) : [join(site.data, 'aliases')]
}

export interface AliasFile {
  readonly path: string
  readonly aliases: Aliases
}

/** Throws ConfigError for mistakes in it; one that is not there is empty. */
export function readAliasFile(path: string): AliasFile {
  const { value, problems } = parseAliasFile(existsSync(path) ? readFileSync(path, 'utf8') : '', path)
  if (problems.length > 0) throw new ConfigError(problems)
  return { path, aliases: value }
}

/** An account or address in the form of the users file; `ana` alone is one at `origin`, or at the first domain of ours. */
export function readAddress(text: string, site: Site): string {
  const domain = site.domains.includes(site.origin) ? site.origin : (site.domains[0] ?? site.origin)
  const key = addressKey(text.includes('@') ? text : `${text}@${domain}`)
  if (key === null) throw new CliError(`'${text}' is not an address`, EX.data)
  return key
}

export function readDomain(text: string): string {
  const domain = parseDomain(text)
  if (!domain.ok || text.startsWith('[')) throw new CliError(`'${text}' is not a domain`, EX.data)
  return domain.value
}

/** Mail for another domain would never come here. */
export function requireOurs(address: string, { site, read }: UsersAccess): void {
  const domain = address.slice(address.lastIndexOf('@') + 1)
  if (site.domains.includes(domain) || read().domains.has(domain)) return
  throw new CliError(
    `${domain} is not a domain of this site: add it first with 'estafeta domain add ${domain}'`,
    EX.data,
  )
}

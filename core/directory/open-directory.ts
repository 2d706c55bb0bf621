// The directory of one site: users.yaml, aliases and tables behind the Directory interface.
import { lstatSync, readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join, resolve } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { permanent, temporary } from '../base/failure.ts'
import type { Logger } from '../base/log.ts'
import type { Problem } from '../config/problems.ts'
import type { Site } from '../config/site.ts'
import { formatAddress } from '../message/address.ts'
import { accountDirectory } from '../store/maildir/folder-names.ts'
import { AliasFile } from './alias-file.ts'
import { parseTargets } from './alias-targets.ts'
import type { Directory, User } from './directory.ts'
import { Passwords } from './passwords.ts'
import { parseDefinition, TableFile } from './tables.ts'
import { addressKey, parseUsersFile, type UsersFile } from './users-file.ts'
import { parseUsersAside } from './users-worker.ts'
import { WatchedFile } from './watched-file.ts'

export interface DirectoryOptions {
  readonly site: Site
  readonly clock: Clock
  readonly log: Logger
  /** What relative paths of maps are relative to: the configuration file's folder; the data folder when left out. */
  readonly base?: string
  /** Shared by generations, so that a reload forgets no login and doubles no work. */
  readonly passwords?: Passwords
}

export interface OpenDirectory extends Directory {
  /** What is wrong with users.yaml and the maps opened so far, as they stand now. */
  problems(): readonly Problem[]
}

const NO_USERS: UsersFile = {
  users: new Map(),
  byAddress: new Map(),
  byName: new Map(),
  domains: new Set(),
  catchAll: new Map(),
  aliases: new Map(),
}
const MAX_FORWARD_FILE = 65536

/** A local part as users.yaml has it: in quotes where it needs them. */
const written = (local: string): string => formatAddress({ local, domain: '', original: '' })

/** Never throws for the state of a file: that is reported in the log, by `problems`, and as a temporary Failure of lookups. */
export function openDirectory(options: DirectoryOptions): OpenDirectory {
  const { site, log } = options
  const passwords = options.passwords ?? new Passwords(options.clock)
  const file = site.users.file === null ? null : usersFile(site.users.file, site.limits.mailboxSize, log)
  const read = (): UsersFile => file?.get() ?? NO_USERS
  const locals = new LocalDomains(site)
  const maps = new MapFiles(options.base ?? site.data, log)
  const mail = join(site.data, 'mail')

  /** Site domains are one name space: `ana@localhost` reaches ana@example.com. */
  const find = (local: string, domain: string): User | null => {
    const { byAddress } = read()
    const name = local.toLowerCase()
    const exact = byAddress.get(`${name}@${domain}`)
    if (exact || !locals.isFinal(domain)) return exact ?? null
    const elsewhere = site.domains.find((other) => byAddress.has(`${name}@${other}`))
    return elsewhere === undefined ? null : byAddress.get(`${name}@${elsewhere}`)!
  }
  const findAddress = (address: string): User | null => {
    const at = address.lastIndexOf('@')
    return at < 1 ? null : find(address.slice(0, at), address.slice(at + 1).toLowerCase())
  }

  return {
    user(login) {
      return login.includes('@')
        ? findAddress(addressKey(login) ?? login)
        : (read().byName.get(login.toLowerCase()) ?? null)
    },
    userByAddress: (address) => findAddress(address),
    users: () => [...read().users.values()],
    isLocalDomain: (domain) =>
      locals.isFinal(domain) || (file?.getOrNull()?.domains.has(domain.toLowerCase()) ?? false),
    knowsDomains: () => file === null || file.getOrNull() !== null,
    recipient({ local, domain }) {
      const exact = find(written(local), domain)
      if (exact) return { user: exact, detail: null }
      const at = site.recipientDelimiter === '' ? -1 : local.indexOf(site.recipientDelimiter)
      const user = at < 1 ? null : find(written(local.slice(0, at)), domain)
      return user && { user, detail: local.slice(at + site.recipientDelimiter.length) }
    },
    async verifyPassword(user, password) {
      const secret = user?.enabled ? user.secret : null
      return passwords.verify(secret, password, secret === null ? decoy(read(), password) : null)
    },
    virtualAlias: (address) => read().aliases.get(address.toLowerCase()) ?? null,
    catchAll: (domain) => read().catchAll.get(domain.toLowerCase()) ?? null,
    aliases: (path, { optional = false } = {}) => maps.aliases(path, optional),
    table: (definition) => maps.table(definition),
    parseTargets,
    readForward: (account) => readForward(`${accountDirectory(mail, account)}/.forward`),
    problems: () => [...(file?.problems() ?? []), ...maps.problems()],
  }
}

const usersFile = (path: string, quota: number, log: Logger): WatchedFile<UsersFile> =>
  new WatchedFile(path, (text, name) => parseUsersFile(text, name, quota), log, {
    missing: NO_USERS,
    parseAside: (text, name) => parseUsersAside(text, name, quota),
  })

/** Some user's secret to check in vain, so that no user costs what a user costs, whatever the schemes in use. */
function decoy(file: UsersFile, password: string): string | null {
  const secrets = [...file.users.values()].filter((user) => user.secret !== null)
  return secrets[password.length % Math.max(1, secrets.length)]?.secret ?? null
}

/** Alias files and tables, each opened once. */
class MapFiles {
  readonly #base: string
  readonly #log: Logger
  readonly #aliases = new Map<string, AliasFile>()
  readonly #tables = new Map<string, TableFile>()

  constructor(base: string, log: Logger) {
    this.#base = base
    this.#log = log
  }
  aliases(path: string, optional: boolean): AliasFile {
    const whole = resolve(this.#base, path)
    const file = this.#aliases.get(whole) ?? new AliasFile(whole, this.#log, optional)
    this.#aliases.set(whole, file)
    return file
  }
  table(definition: string): TableFile {
    const parts = parseDefinition(definition)
    if (!parts) throw permanent(`'${definition}': expected a path, or text:, cidr: or regexp: before it`)
    const key = `${parts.kind}:${resolve(this.#base, parts.path)}`
    const table = this.#tables.get(key) ?? new TableFile(parts.kind, resolve(this.#base, parts.path), this.#log)
    this.#tables.set(key, table)
    return table
  }
  problems(): readonly Problem[] {
    return [...this.#aliases.values(), ...this.#tables.values()].flatMap((map) => map.problems())
  }
}

/** Final destinations: the site's domains, `<postmaster>`'s empty one, and address literals of this machine (RFC 5321 §4.1.3). */
class LocalDomains {
  readonly #domains: ReadonlySet<string>

  constructor(site: Site) {
    this.#domains = new Set(site.domains.map((domain) => domain.toLowerCase()))
  }
  isFinal(domain: string): boolean {
    if (domain.startsWith('[')) return isOwnLiteral(domain)
    return domain === '' || this.#domains.has(domain.toLowerCase())
  }
}

function isOwnLiteral(literal: string): boolean {
  const ip = literal
    .slice(1, -1)
    .replace(/^ipv6:/i, '')
    .toLowerCase()
  return Object.values(networkInterfaces()).some((addresses) => addresses?.some((a) => a.address.toLowerCase() === ip))
}

function readForward(path: string): string | null {
  try {
    // an exception costs more than all the rest, and hardly anybody has such a file
    const stat = lstatSync(path, { throwIfNoEntry: false })
    if (!stat) return null
    if (!stat.isFile() || stat.size > MAX_FORWARD_FILE) throw temporary(`${path}: no plain file, or too large`)
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw error instanceof Error && code === undefined ? error : temporary(`${path} cannot be read (${code})`)
  }
}

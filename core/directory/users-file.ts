// users.yaml: who has a mailbox, which virtual domains there are, and what their aliases say. Text in; values or problems out.
import type { KeyPath, Problem } from '../config/problems.ts'
import { didYouMean } from '../config/problems.ts'
import { type Mapping, parseTree, type Tree } from '../config/tree.ts'
import { parseSize } from '../config/units.ts'
import { formatAddress, parseAddress, parseDomain } from '../message/address.ts'
import type { User } from './directory.ts'
import { schemeProblem } from './password-schemes.ts'
import type { Parsed } from './watched-file.ts'

export interface UsersFile {
  /** By account, in file order. */
  readonly users: ReadonlyMap<string, User>
  /** By account and by each address that is not `@domain`. */
  readonly byAddress: ReadonlyMap<string, User>
  /** By local part of the account; null where two accounts share it. */
  readonly byName: ReadonlyMap<string, User | null>
  readonly domains: ReadonlySet<string>
  readonly catchAll: ReadonlyMap<string, readonly string[]>
  readonly aliases: ReadonlyMap<string, readonly string[]>
}

const TOP_KEYS = ['users', 'domains', 'aliases']
const USER_KEYS = ['name', 'password', 'addresses', 'sendAs', 'quota', 'forward', 'keepCopy', 'enabled']
const DOMAIN_KEYS = ['catchAll']

/** `local@domain` in lower case, the form in which addresses of our domains are looked up; null when it is no address. */
export function addressKey(text: string): string | null {
  const parsed = parseAddress(text)
  return parsed.ok ? formatAddress(parsed.value).toLowerCase() : null
}

/** Reads users.yaml. `defaultQuota` (octets) is that of users without one. */
export function parseUsersFile(text: string, path: string, defaultQuota: number): Parsed<UsersFile> {
  const { tree, problems } = parseTree(text, path)
  const reader = new Reader(problems)
  reader.keys(tree, [], TOP_KEYS)
  const domains = reader.domains(tree.entries.get('domains'))
  const users = reader.users(tree.entries.get('users'), defaultQuota)
  const aliases = reader.aliases(tree.entries.get('aliases'))
  const byAddress = reader.index(users)
  for (const address of aliases.keys()) reader.notTwice(address, users, tree)
  const catchAll = new Map(domains)
  for (const user of users.values())
    for (const address of user.addresses) if (address.startsWith('@')) catchAll.set(address.slice(1), [user.account])
  return {
    value: {
      users,
      byAddress,
      byName: byName(users),
      domains: new Set(domains.keys()),
      catchAll: new Map([...catchAll].filter(([, to]) => to.length > 0)),
      aliases,
    },
    problems,
  }
}

function byName(users: ReadonlyMap<string, User>): Map<string, User | null> {
  const names = new Map<string, User | null>()
  for (const user of users.values()) {
    const name = user.account.slice(0, user.account.lastIndexOf('@'))
    names.set(name, names.has(name) ? null : user)
  }
  return names
}

class Reader {
  readonly #problems: Problem[]

  constructor(problems: Problem[]) {
    this.#problems = problems
  }

  #wrong(tree: Tree | undefined, path: KeyPath, message: string): void {
    this.#problems.push({ at: tree?.at ?? null, path, message })
  }

  keys(tree: Mapping, path: KeyPath, known: readonly string[]): void {
    for (const [key, value] of tree.entries)
      if (!known.includes(key))
        this.#wrong(
          value,
          [...path, key],
          `unknown key${didYouMean(key, known) || `; known here: ${known.join(', ')}`}`,
        )
  }

  /** A mapping; an empty value is an empty one. */
  #map(tree: Tree | undefined, path: KeyPath, expected: string): Mapping | null {
    if (tree?.kind === 'map') return tree
    if (tree && !isNull(tree)) this.#wrong(tree, path, `expected ${expected}`)
    return null
  }

  domains(tree: Tree | undefined): Map<string, readonly string[]> {
    const out = new Map<string, readonly string[]>()
    const map = this.#map(tree, ['domains'], 'domains as keys, such as "example.org: { catchAll: ana@example.org }"')
    for (const [name, value] of map?.entries ?? []) {
      const path = ['domains', name]
      const domain = parseDomain(name)
      if (!domain.ok) this.#wrong(value, path, 'not a domain')
      const settings = this.#map(value, path, '{ catchAll: address }, or nothing')
      if (settings) this.keys(settings, path, DOMAIN_KEYS)
      const catchAll = this.#addresses(settings?.entries.get('catchAll'), [...path, 'catchAll'])
      if (domain.ok) out.set(domain.value, catchAll)
    }
    return out
  }

  users(tree: Tree | undefined, defaultQuota: number): Map<string, User> {
    const out = new Map<string, User>()
    const map = this.#map(tree, ['users'], 'accounts as keys, such as "ana@example.com: { password: … }"')
    for (const [name, value] of map?.entries ?? []) {
      const path = ['users', name]
      const account = addressKey(name)
      if (account === null) this.#wrong(value, path, 'an account is named by its address, such as ana@example.com')
      else if (out.has(account)) this.#wrong(value, path, `the account ${account} is there twice`)
      const settings = this.#map(value, path, 'the settings of a user')
      if (settings) this.keys(settings, path, USER_KEYS)
      if (account !== null) out.set(account, this.#user(account, settings?.entries ?? new Map(), path, defaultQuota))
    }
    return out
  }

  #user(account: string, entries: ReadonlyMap<string, Tree>, path: KeyPath, defaultQuota: number): User {
    const forward = this.#addresses(entries.get('forward'), [...path, 'forward'])
    return {
      account,
      addresses: this.#addresses(entries.get('addresses'), [...path, 'addresses'], true),
      sendAs: this.#addresses(entries.get('sendAs'), [...path, 'sendAs'], true),
      secret: this.#secret(entries.get('password'), [...path, 'password']),
      name: this.#text(entries.get('name'), [...path, 'name']),
      quota: this.#size(entries.get('quota'), [...path, 'quota'], defaultQuota),
      enabled: this.#flag(entries.get('enabled'), [...path, 'enabled'], true),
      forward,
      keepCopy: this.#flag(entries.get('keepCopy'), [...path, 'keepCopy'], false),
    }
  }

  aliases(tree: Tree | undefined): Map<string, readonly string[]> {
    const out = new Map<string, readonly string[]>()
    const map = this.#map(tree, ['aliases'], 'addresses as keys, such as "sales@example.com: [ana@example.com]"')
    for (const [name, value] of map?.entries ?? []) {
      const key = addressKey(name)
      const targets = this.#addresses(value, ['aliases', name])
      if (key === null) this.#wrong(value, ['aliases', name], 'expected an address with its domain on the left')
      else if (targets.length === 0) this.#wrong(value, ['aliases', name], 'leads nowhere: name at least one address')
      else out.set(key, targets)
    }
    return out
  }

  /** Every address by its user; one address of two users is a mistake. */
  index(users: ReadonlyMap<string, User>): Map<string, User> {
    const out = new Map<string, User>(users)
    for (const user of users.values())
      for (const address of user.addresses) {
        const other = out.get(address)
        if (other && other !== user)
          this.#problems.push({
            at: null,
            path: ['users', user.account, 'addresses'],
            message: `${address} belongs to ${other.account} too`,
          })
        else if (!address.startsWith('@')) out.set(address, user)
      }
    return out
  }

  notTwice(alias: string, users: ReadonlyMap<string, User>, tree: Mapping): void {
    if (users.has(alias)) {
      const aliases = tree.entries.get('aliases')
      const message = 'is a user too: give the user "forward" and "keepCopy" instead'
      this.#wrong(aliases, ['aliases', alias], message)
    }
  }

  /** One address or a list of them, each in lower case. */
  #addresses(tree: Tree | undefined, path: KeyPath, wholeDomains = false): string[] {
    if (tree === undefined || isNull(tree)) return []
    const items = tree.kind === 'list' ? tree.items : [tree]
    const out: string[] = []
    items.forEach((item, i) => {
      const text = this.#text(item, [...path, i])
      if (text === null) return
      const key = wholeDomains && text.startsWith('@') ? domainAddress(text) : addressKey(text)
      if (key === null) this.#wrong(item, tree.kind === 'list' ? [...path, i] : path, `'${text}' is not an address`)
      else out.push(key)
    })
    return out
  }

  #text(tree: Tree | undefined, path: KeyPath): string | null {
    if (tree === undefined || isNull(tree)) return null
    if (tree.kind === 'scalar' && (typeof tree.value === 'string' || typeof tree.value === 'number'))
      return String(tree.value)
    this.#wrong(tree, path, 'expected text')
    return null
  }

  #secret(tree: Tree | undefined, path: KeyPath): string | null {
    const text = this.#text(tree, path)
    if (text === null) return null
    const wrong = schemeProblem(text)
    if (wrong !== null) this.#wrong(tree, path, wrong)
    return text
  }

  #size(tree: Tree | undefined, path: KeyPath, otherwise: number): number {
    const text = this.#text(tree, path)
    if (text === null) return otherwise
    const size = parseSize(text)
    if (!size.ok) this.#wrong(tree, path, size.error)
    return size.ok ? size.value : 0
  }

  #flag(tree: Tree | undefined, path: KeyPath, otherwise: boolean): boolean {
    if (tree === undefined || isNull(tree)) return otherwise
    if (tree.kind === 'scalar' && typeof tree.value === 'boolean') return tree.value
    this.#wrong(tree, path, 'expected true or false')
    return otherwise
  }
}

const isNull = (tree: Tree): boolean => tree.kind === 'scalar' && tree.value === null

function domainAddress(text: string): string | null {
  const domain = parseDomain(text.slice(1))
  return domain.ok ? `@${domain.value}` : null
}

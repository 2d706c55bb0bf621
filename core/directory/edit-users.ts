// Changes users.yaml by parts, comments and order kept: what `estafeta user`, `alias` and `domain` do.
import { type Document, isMap, isPair, isScalar, type Pair, parseDocument, type YAMLMap } from 'yaml'
import { permanent } from '../base/failure.ts'
import { ConfigError } from '../config/problems.ts'
import { editFile } from './edit-file.ts'
import { addressKey, parseUsersFile } from './users-file.ts'

export interface UserSettings {
  readonly name?: string
  /** Stored form, scheme first. */
  readonly password?: string
  readonly addresses?: readonly string[]
  readonly sendAs?: readonly string[]
  /** As written: `1GiB`. */
  readonly quota?: string
  readonly enabled?: boolean
}

type Section = 'users' | 'aliases' | 'domains'

/**
 * Runs `change` on the file as it is and writes the outcome, if it is valid. Throws Failure('permanent') for what
 * cannot be done, ConfigError for a file that is or would become invalid; then nothing is written.
 */
export function editUsers(path: string, change: (users: UsersEditor) => void): void {
  editFile(path, (text) => {
    check(text, path)
    const document = parseDocument(text)
    change(new UsersEditor(document))
    const changed = document.toString({ lineWidth: 0 })
    check(changed, path)
    return changed
  })
}

function check(text: string, path: string): void {
  const { problems } = parseUsersFile(text, path, 0)
  if (problems.length > 0) throw new ConfigError(problems)
}

export class UsersEditor {
  readonly #document: Document

  constructor(document: Document) {
    this.#document = document
  }

  addUser(account: string, settings: UserSettings): void {
    this.#add('users', account, { ...settings }, `the user ${account} exists already`)
  }
  removeUser(account: string): void {
    this.#remove('users', account, `no such user: ${account}`)
  }
  /** Sets one setting of a user; null takes it away. */
  setUser(account: string, key: keyof UserSettings, value: string | boolean | null): void {
    const pair = this.#find('users', account)
    if (!pair) throw permanent(`no such user: ${account}`)
    if (!isMap(pair.value)) pair.value = this.#document.createNode({})
    const settings = pair.value as YAMLMap
    if (value === null) settings.delete(key)
    else settings.set(key, value)
  }

  addAlias(address: string, targets: readonly string[]): void {
    const value = targets.length === 1 ? targets[0] : targets
    this.#add('aliases', address, value, `the alias ${address} exists already`)
  }
  removeAlias(address: string): void {
    this.#remove('aliases', address, `no such alias: ${address}`)
  }

  addDomain(domain: string, catchAll: readonly string[]): void {
    const settings = catchAll.length === 0 ? {} : { catchAll: catchAll.length === 1 ? catchAll[0] : catchAll }
    this.#add('domains', domain, settings, `the domain ${domain} exists already`)
  }
  removeDomain(domain: string): void {
    this.#remove('domains', domain, `no such domain in this file: ${domain}`)
  }

  #add(section: Section, key: string, value: unknown, exists: string): void {
    if (this.#find(section, key)) throw permanent(exists)
    const map = this.#section(section)
    const node = this.#document.createNode(value)
    if (isMap(node) && node.items.length > 0) node.flow = map.flow ?? false
    map.set(this.#document.createNode(key), node)
  }

  #remove(section: Section, key: string, missing: string): void {
    const pair = this.#find(section, key)
    if (!pair) throw permanent(missing)
    this.#section(section).delete(pair.key)
  }

  /** Keys of people's writing: compared as the server compares them. */
  #find(section: Section, key: string): Pair | null {
    const map = this.#document.get(section)
    if (!isMap(map)) return null
    const wanted = keyOf(key)
    const found = map.items.find(
      (pair) => isPair(pair) && isScalar(pair.key) && keyOf(String(pair.key.value)) === wanted,
    )
    return found ?? null
  }

  #section(section: Section): YAMLMap {
    const map = this.#document.get(section)
    if (isMap(map)) return map
    const made = this.#document.createNode({}) as YAMLMap
    this.#document.set(section, made)
    return made
  }
}

const keyOf = (text: string): string => (text.includes('@') ? (addressKey(text) ?? text) : text.toLowerCase())

// Who has a mailbox here, which domains are ours, and what the aliases say: asked by plugins, kept fresh when files change.
import { token } from '../base/token.ts'
import type { Address } from '../message/address.ts'

export interface User {
  /** `local@domain`, lower case: names the account in the store. A system user: the login name. */
  readonly account: string
  /** Addresses it may send as and that reach it, besides the account itself; `@domain` means all of a domain. */
  readonly addresses: readonly string[]
  /** Addresses it may send as and that do not reach it. */
  readonly sendAs: readonly string[]
  /** Stored password, scheme first (`{ARGON2ID}…`, `{PLAIN}…`); null: cannot log in. */
  readonly secret: string | null
  readonly name: string | null
  /** Octets; 0 is without limit. */
  readonly quota: number
  readonly enabled: boolean
  /** Redirections to other addresses, with or without a copy kept. */
  readonly forward: readonly string[]
  readonly keepCopy: boolean
}

/** One item on the right of an alias or in a .forward file. */
export type AliasTarget =
  /** `user` or `user@domain`; final: written `\user`, it is not expanded again. */
  | { readonly kind: 'address'; readonly address: string; readonly final: boolean }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'command'; readonly command: string }
  | { readonly kind: 'include'; readonly path: string }

/** Aliases in the syntax of /etc/aliases. */
export interface AliasMap {
  /** What the name (any letter case, no domain) stands for, :include: files read in; null: no such alias. Throws a temporary Failure when a file cannot be read. */
  lookup(name: string): readonly AliasTarget[] | null
}

/** A lookup table in text: `key value` lines, `cidr:` or `regexp:`. */
export interface LookupTable {
  /** Value of the key (any letter case); of the first pattern that matches in a regexp table. */
  get(key: string): string | null
  /**
   * Value of the closest network that holds this IP address: itself, CIDR blocks, then prefixes (`192.0.2`, `2001:db8`).
   * With a tag (`connect:`) only keys that begin with it count in a text table.
   */
  network(ip: string, tag?: string): string | null
}

/** Reads of users.yaml and maps, in memory: each call answers at once and sees the newest file. Trouble reading one throws a temporary Failure. */
export interface Directory {
  /** By account or address, or by login name without domain when that is unambiguous. */
  user(login: string): User | null
  /** The user whose account or address this is, in lower case. */
  userByAddress(address: string): User | null
  users(): readonly User[]
  /**
   * True for the site's final destinations and the virtual domains of users.yaml. `''` (as in `<postmaster>`) is local.
   * Never throws.
   */
  isLocalDomain(domain: string): boolean
  /** False while users.yaml is there and was never good: other domains may be local too, and `recipient` fails for all addresses. */
  knowsDomains(): boolean
  /** The user that mail to this address of a local domain reaches: exactly, else with the detail (`+x`) split off. */
  recipient(address: Address): { readonly user: User; readonly detail: string | null } | null
  /** Checks a login; null (nobody) costs the time of a wrong password. Too many at once: Failure 454. */
  verifyPassword(user: User | null, password: string): Promise<boolean>
  /** Targets of a virtual alias of users.yaml (`local@domain`, lower case). */
  virtualAlias(address: string): readonly string[] | null
  /** Where mail for unknown names of this domain goes. */
  catchAll(domain: string): readonly string[] | null
  /**
   * An alias file; a relative path lies beside the configuration file. Opened once, checked for changes at each lookup.
   * One that need not exist is empty until it does.
   */
  aliases(path: string, options?: { readonly optional?: boolean }): AliasMap
  /** `path`, `text:path`, `cidr:path` or `regexp:path`, likewise. Postfix's hash:, lmdb:, texthash: and pcre: name the text they are made from. */
  table(definition: string): LookupTable
  /** Reads the items of a .forward file or one alias's right side. */
  parseTargets(text: string): { readonly targets: readonly AliasTarget[]; readonly errors: readonly string[] }
  /** Text of the .forward file in an account's mail folder; null without one. */
  readForward(account: string): string | null
}

export const DIRECTORY = token<Directory>('Directory')

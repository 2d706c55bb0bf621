// Who has a mailbox here, which domains are ours, and what the aliases say: asked by plugins, kept fresh when files change.
import { token } from '../base/token.ts'

export interface User {
  /** `local@domain`, lower case: names the account in the store. A system user: the login name. */
  readonly account: string
  /** Addresses it may send as and that reach it, besides the account itself; `@domain` means all of a domain. */
  readonly addresses: readonly string[]
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

/** Reads of users.yaml and maps; each call sees the newest file. Trouble reading one is a temporary Failure. */
export interface Directory {
  /** By account, or by login name without domain when that is unambiguous. */
  user(login: string): Promise<User | null>
  /** The user whose account or address this is, in lower case. */
  userByAddress(address: string): Promise<User | null>
  users(): Promise<readonly User[]>
  /** True for the site's final destinations and the virtual domains of users.yaml. */
  isLocalDomain(domain: string): boolean
}

export const DIRECTORY = token<Directory>('Directory')

// Virtual aliases: whole addresses that stand for others, catch-all of a domain, distribution lists; in users.yaml or in Postfix's virtual(5) tables.
import {
  type Address,
  admit,
  DIRECTORY,
  type Directory,
  definePlugin,
  formatAddress,
  type LookupTable,
  type NewRecipient,
  parseAddress,
  pass,
  type RcptVerdict,
  SITE,
  type Site,
  SYSTEM_USERS,
  type SystemUsers,
  sameAddress,
  splitDetail,
  temporary,
  z,
} from 'estafeta/plugin'

const config = z.strictObject({
  maps: z
    .array(z.string())
    .default([])
    .describe("Tables in the syntax of Postfix's virtual(5), asked before users.yaml: paths, or regexp:path"),
})

export default definePlugin({
  name: 'virtual-users',
  description: 'Virtual aliases, catch-all addresses, redirections and distribution lists',
  config,
  inject: { directory: DIRECTORY, site: SITE, systemUsers: SYSTEM_USERS },
  setup({ directory, site, systemUsers, config: { maps } }) {
    const virtual = new VirtualAliases(
      directory,
      site,
      systemUsers,
      maps.map((map) => directory.table(map)),
    )
    return {
      rcpt(_transaction, { address }): RcptVerdict | Promise<RcptVerdict> {
        if (!virtual.concerns(address)) return pass()
        const verdict = (found: Found | null) => (found ? admit('local', { detail: found.detail }) : pass())
        const found = virtual.find(address)
        return found instanceof Promise ? found.then(verdict) : verdict(found)
      },
      expand(recipient) {
        const { address: original, reversePath, notify, orcpt } = recipient
        if (!virtual.concerns(original)) return null
        const toRecipient = (text: string): NewRecipient => {
          const address = toAddress(text, original, site)
          return { address, reversePath, notify, orcpt, final: sameAddress(address, original) }
        }
        const into = (found: Found | null) => found?.targets.map(toRecipient) ?? null
        const found = virtual.find(original)
        return found instanceof Promise ? found.then(into) : into(found)
      },
    }
  },
})

interface Found {
  readonly targets: readonly string[]
  readonly detail: string
}

class VirtualAliases {
  readonly #directory: Directory
  readonly #site: Site
  readonly #systemUsers: SystemUsers
  readonly #tables: readonly LookupTable[]

  constructor(directory: Directory, site: Site, systemUsers: SystemUsers, tables: readonly LookupTable[]) {
    this.#directory = directory
    this.#site = site
    this.#systemUsers = systemUsers
    this.#tables = tables
  }

  concerns({ domain }: Address): boolean {
    return domain !== '' && this.#directory.isLocalDomain(domain)
  }

  /** What an address of a local domain stands for: itself, then without its detail, then its domain's catch-all. */
  find(address: Address): Found | null | Promise<Found | null> {
    for (const key of this.#keys(address)) {
      const targets = this.#table(key) ?? (key.includes('@') ? this.#directory.virtualAlias(key) : null)
      if (targets) return { targets, detail: `virtual alias ${key}` }
    }
    if (this.#directory.recipient(address)) return null
    if (!this.#site.users.system || !this.#isFinal(address.domain)) return this.#forOthers(address)
    return this.#isSystemUser(address.local).then((is) => (is ? null : this.#forOthers(address)))
  }

  /** What stands for addresses of a domain that nobody has. */
  #forOthers({ local, domain }: Address): Found | null {
    const caught = this.#table(`@${domain}`) ?? this.#directory.catchAll(domain)
    if (caught) return { targets: caught, detail: `catch-all of ${domain}` }
    // RFC 5321 §4.5.1: every domain that takes mail has a postmaster; final destinations have theirs from `aliases`
    const needsPostmaster = local.toLowerCase() === 'postmaster' && !this.#isFinal(domain)
    return needsPostmaster ? { targets: [this.#site.postmaster], detail: 'postmaster' } : null
  }

  /** The order of virtual(5): whole address, without detail; for final destinations also the local part alone. */
  #keys({ local, domain }: Address): string[] {
    const name = local.toLowerCase()
    const user = splitDetail(name, this.#site.recipientDelimiter)?.user
    const names = user === undefined ? [name] : [name, user]
    return [...names.map((one) => `${one}@${domain}`), ...(this.#isFinal(domain) ? names : [])]
  }

  #table(key: string): readonly string[] | null {
    for (const table of this.#tables) {
      const value = table.get(key)
      if (value !== null) return this.#targets(key, value)
    }
    return null
  }

  #targets(key: string, value: string): readonly string[] {
    // plain addresses may be parted by white space too; `@domain` keeps the local part
    const plain = value.split(/[\s,]+/).filter((item) => item !== '')
    if (plain.length > 0 && plain.every((item) => /^[^@"<>()|/:\\]*@?[^@"<>()|/:\\]+$/.test(item))) return plain
    const { targets, errors } = this.#directory.parseTargets(value)
    const addresses = targets.flatMap((target) => (target.kind === 'address' ? [target.address] : []))
    if (errors.length > 0 || addresses.length !== targets.length)
      throw temporary(`virtual alias '${key}': ${errors[0] ?? 'only addresses may stand on the right'}`)
    return addresses
  }

  #isFinal(domain: string): boolean {
    return this.#site.domains.includes(domain)
  }

  async #isSystemUser(local: string): Promise<boolean> {
    const user = splitDetail(local, this.#site.recipientDelimiter)?.user
    return (
      (await this.#systemUsers.find(local)) !== null ||
      (user !== undefined && (await this.#systemUsers.find(user)) !== null)
    )
  }
}

/** `@domain` keeps the local part; a name alone is one at `origin`. */
function toAddress(text: string, from: Address, site: Site): Address {
  const whole = text.startsWith('@')
    ? formatAddress({ ...from, domain: text.slice(1) })
    : text.includes('@')
      ? text
      : `${text}@${site.origin}`
  const parsed = parseAddress(whole)
  if (!parsed.ok) throw temporary(`'${text}': ${parsed.error}`)
  return parsed.value
}

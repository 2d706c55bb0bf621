// Local aliases in the syntax of /etc/aliases, and the postmaster that every mail site must have.
import {
  type Address,
  type AliasTarget,
  admit,
  DIRECTORY,
  definePlugin,
  formatAddress,
  type NewRecipient,
  parseAddress,
  pass,
  type QueuedRecipient,
  type RcptVerdict,
  SITE,
  sameAddress,
  splitDetail,
  temporary,
  z,
} from 'estafeta/plugin'

const config = z.strictObject({
  files: z
    .array(z.string())
    .optional()
    .describe('Alias files, asked in order; left out: `aliases` in the data folder, which need not exist'),
  runAs: z
    .string()
    .optional()
    .describe("System user under whose id commands and files of aliases run; left out: the server's own"),
})

export default definePlugin({
  name: 'aliases',
  description: 'Local aliases in the syntax of /etc/aliases; root and postmaster',
  config,
  inject: { directory: DIRECTORY, site: SITE },
  setup({ directory, site, config: { files, runAs } }) {
    const maps = files
      ? files.map((path) => directory.aliases(path))
      : [directory.aliases(`${site.data}/aliases`, { optional: true })]
    const isOurs = (domain: string): boolean =>
      domain === '' || site.domains.includes(domain) || (domain.startsWith('[') && directory.isLocalDomain(domain))

    function lookup(name: string): readonly AliasTarget[] | null {
      for (const map of maps) {
        const targets = map.lookup(name)
        if (targets) return targets
      }
      return null
    }

    /** The alias for a local part: exactly, else without its detail. */
    function find(local: string): { name: string; targets: readonly AliasTarget[] } | null {
      const user = splitDetail(local, site.recipientDelimiter)?.user
      for (const name of user === undefined ? [local] : [local, user]) {
        const targets = lookup(name)
        if (targets) return { name: name.toLowerCase(), targets }
      }
      return null
    }

    /** An unqualified target: a local name where it is one, else at `origin`. */
    function toAddress(text: string, final: boolean, domain: string): Address {
      const local = final || site.domains.includes(site.origin) || lookup(text) !== null
      return qualified(text, local ? domain : site.origin)
    }

    function toRecipient(target: AliasTarget, from: QueuedRecipient, list: ListSender | null): NewRecipient {
      const { reversePath, notify, orcpt } = list ?? from
      const envelope = { reversePath, notify, orcpt }
      if (target.kind === 'address') {
        const address = toAddress(target.address, target.final, from.address.domain)
        return { address, ...envelope, final: target.final || sameAddress(address, from.address) }
      }
      const local = target.kind === 'command' ? `|${target.command}` : target.path
      const user = runAs === undefined ? {} : { asUser: runAs }
      return { address: { local, domain: '', original: local }, ...envelope, ...user }
    }

    /** Bounces of a list go to its owner, and DSN wishes end there (RFC 5321 §3.9.2, RFC 3461 §5.2.7.3). */
    function listSender(name: string, domain: string): ListSender | null {
      if (name.startsWith('owner-') || name.endsWith('-request') || lookup(`owner-${name}`) === null) return null
      return { reversePath: qualified(`owner-${name}`, domain), notify: [], orcpt: null }
    }

    const isBuiltIn = (local: string): boolean => /^(root|postmaster)$/i.test(local)

    /** root and postmaster without an alias or a mailbox of their own go to the site's postmaster. */
    function builtIn(recipient: QueuedRecipient): readonly NewRecipient[] | null {
      const { address, reversePath, notify, orcpt } = recipient
      if (directory.recipient(address) || directory.virtualAlias(formatAddress(address))) return null
      const to = qualified(site.postmaster, site.origin)
      return sameAddress(to, address) ? null : [{ address: to, reversePath, notify, orcpt }]
    }

    return {
      rcpt(_transaction, { address }): RcptVerdict {
        const { local, domain } = address
        if (!isOurs(domain)) return pass()
        // RFC 5321 §4.5.1: postmaster is always accepted, also without a domain
        if (domain === '') return admit('local', { rewrite: qualified(local, site.domains[0] ?? site.hostname) })
        if (isBuiltIn(local)) return admit('local', { detail: 'postmaster' })
        const alias = find(local)
        return alias ? admit('local', { detail: `alias ${alias.name}` }) : pass()
      },

      expand(recipient): readonly NewRecipient[] | null {
        const { local, domain } = recipient.address
        if (!isOurs(domain) && domain !== site.hostname) return null
        const alias = find(local)
        if (!alias) return isBuiltIn(local) ? builtIn(recipient) : null
        const list = listSender(alias.name, domain)
        return alias.targets
          .filter((target) => !(target.kind === 'file' && target.path === '/dev/null'))
          .map((target) => toRecipient(target, recipient, list))
      },
    }
  },
})

type ListSender = Pick<QueuedRecipient, 'reversePath' | 'notify' | 'orcpt'>

/** An address with a domain added where it has none. What files hold was checked when they were read. */
function qualified(text: string, domain: string): Address {
  const parsed = parseAddress(/@[^"]*$/.test(text) ? text : `${quoteLocal(text)}@${domain}`)
  if (!parsed.ok) throw temporary(`'${text}': ${parsed.error}`)
  return parsed.value
}

const quoteLocal = (text: string): string => (text.startsWith('"') ? text : formatAddress(asLocal(text)))
const asLocal = (local: string): Address => ({ local, domain: '', original: local })

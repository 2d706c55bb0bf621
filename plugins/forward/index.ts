// Redirections that users write themselves: .forward files in Sendmail's syntax, of virtual users and of system users.
import {
  type Address,
  type AliasTarget,
  AS_USER,
  DIRECTORY,
  definePlugin,
  formatAddress,
  LOGGER,
  type NewRecipient,
  parseAddress,
  type QueuedRecipient,
  SITE,
  SYSTEM_USERS,
  sameAddress,
  splitDetail,
  systemUserFor,
  temporary,
  z,
} from 'estafeta/plugin'

/** Whose .forward it is. Only system users have an id under which commands and files may run. */
interface Owner {
  readonly name: string
  readonly asUser: string | null
  readonly text: string
}

export default definePlugin({
  name: 'forward',
  description: 'Redirections of .forward files',
  config: z.strictObject({
    commands: z
      .boolean()
      .default(true)
      .describe("System users may forward to commands and files, which run under the user's own id"),
  }),
  inject: {
    directory: DIRECTORY,
    site: SITE,
    users: SYSTEM_USERS,
    asUser: AS_USER,
    log: LOGGER,
  },
  setup({ directory, site, users, asUser, log, config: { commands } }) {
    const hasSystemUsers = site.users.system && asUser.available

    async function systemOwner({ local }: Address): Promise<Owner | null> {
      const user = (await systemUserFor(users, local, site.recipientDelimiter))?.user
      const text = user ? await asUser.readForward(user.name) : null
      return user && text !== null ? { name: user.name, asUser: user.name, text } : null
    }

    function owner(address: Address): Owner | null | Promise<Owner | null> {
      const account = directory.recipient(address)?.user.account
      if (account === undefined)
        return hasSystemUsers && site.domains.includes(address.domain) ? systemOwner(address) : null
      const text = directory.readForward(account)
      return text === null ? null : { name: account, asUser: null, text }
    }

    /** null: this may not stand in that user's .forward. */
    function toRecipient(target: AliasTarget, from: QueuedRecipient, { asUser: user }: Owner): NewRecipient | null {
      const { reversePath, notify, orcpt } = from
      if (target.kind === 'address') {
        const address = qualified(target.address, from.address.domain)
        return { address, reversePath, notify, orcpt, final: target.final || isSelf(address, from.address) }
      }
      if (target.kind === 'include' || user === null || !commands) return null
      const local = target.kind === 'command' ? `|${target.command}` : target.path
      return { address: { local, domain: '', original: local }, reversePath, notify, orcpt, asUser: user }
    }

    /** The same mailbox, whatever detail the mail came with. */
    function isSelf(address: Address, from: Address): boolean {
      const user = splitDetail(from.local, site.recipientDelimiter)?.user ?? from.local
      return (
        sameAddress(address, from) ||
        (address.domain === from.domain && address.local.toLowerCase() === user.toLowerCase())
      )
    }

    function redirected(recipient: QueuedRecipient, found: Owner | null): readonly NewRecipient[] | null {
      if (!found) return null
      const { targets, errors } = directory.parseTargets(forwardText(found.text))
      const made = targets.map((target) => toRecipient(target, recipient, found))
      const into = made.filter((one) => one !== null).map((one) => keepOwn(one, recipient, isSelf))
      const refused = made.length - into.length
      if (errors.length === 0 && refused === 0) return into.length > 0 ? into : null
      const why = [...errors, ...(refused > 0 ? ['commands, files and :include: are not allowed here'] : [])]
      log.warn('mistake in .forward: the mail stays in the mailbox too', {
        user: found.name,
        problem: why.join('; '),
      })
      return into.some((one) => one.final && sameAddress(one.address, recipient.address))
        ? into
        : [...into, ownCopy(recipient)]
    }

    return {
      expand(recipient) {
        if (!directory.isLocalDomain(recipient.address.domain)) return null
        const found = owner(recipient.address)
        return found instanceof Promise
          ? found.then((late) => redirected(recipient, late))
          : redirected(recipient, found)
      },
    }
  },
})

const ownCopy = ({ address, reversePath, notify, orcpt }: QueuedRecipient): NewRecipient => ({
  address,
  reversePath,
  notify,
  orcpt,
  final: true,
})

/** A copy for oneself keeps the detail of the address it came to. */
const keepOwn = (
  one: NewRecipient,
  from: QueuedRecipient,
  isSelf: (address: Address, from: Address) => boolean,
): NewRecipient => (one.final && isSelf(one.address, from.address) ? ownCopy(from) : one)

/** Lines joined by commas; comments dropped. */
const forwardText = (text: string): string =>
  text
    .split(/\r?\n/)
    .map((line) => line.trim().replace(/,$/, ''))
    .filter((line) => line !== '' && !line.startsWith('#'))
    .join(', ')

function qualified(text: string, domain: string): Address {
  const whole = /@[^"]*$/.test(text) ? text : `${text}@${domain}`
  const parsed = parseAddress(whole)
  if (!parsed.ok) throw temporary(`'${formatAddress({ local: text, domain, original: text })}': ${parsed.error}`)
  return parsed.value
}

// Users of users.yaml: their logins, their mail at RCPT, and their redirections.
import {
  type Address,
  admit,
  DIRECTORY,
  defer,
  definePlugin,
  formatAddress,
  type Identity,
  MAILBOX_STORE,
  type MailboxStore,
  type NewRecipient,
  parseAddress,
  pass,
  type RcptVerdict,
  reject,
  replies,
  type User,
  z,
} from 'estafeta/plugin'

const config = z.strictObject({
  checkQuota: z
    .boolean()
    .default(true)
    .describe(
      'Answer 452 4.2.2 at RCPT when the mailbox of a user with a quota is full, 552 5.2.2 when the quota is too small',
    ),
})

export default definePlugin({
  name: 'users-file',
  description: 'Users of users.yaml: logins, mailboxes, redirections',
  config,
  inject: { directory: DIRECTORY, store: MAILBOX_STORE },
  setup({ directory, store, config: { checkQuota } }) {
    function admission(address: Address, size: number): RcptVerdict | Promise<RcptVerdict> {
      const user = directory.recipient(address)?.user
      if (user === undefined) return NO_SUCH_USER
      if (!user.enabled) return reject(replies.mailboxDisabled(formatAddress(address)))
      const admitted = admit('local', { detail: `account ${user.account}` })
      if (!checkQuota || user.quota === 0) return admitted
      if (size > user.quota) return reject(replies.overQuota())
      const full = (): RcptVerdict => defer(replies.mailboxFull(), `quota of ${user.quota} octets reached`)
      return isFull(store, user, size).then((is) => (is ? full() : admitted))
    }

    return {
      auth: {
        async verify(login, password) {
          const user = directory.user(login)
          const right = await directory.verifyPassword(user, password)
          if (user === null) return null
          return right ? identityOf(user, login) : 'wrong'
        },
        async secret(login, scheme) {
          const user = directory.user(login)
          const prefix = `{${scheme}}`
          if (!user?.enabled || !user.secret?.toUpperCase().startsWith(prefix)) return null
          return { identity: identityOf(user, login), secret: user.secret.slice(prefix.length) }
        },
      },

      rcpt({ parameters }, { address }): RcptVerdict | Promise<RcptVerdict> {
        // while nobody knows which domains are ours, the question for the user fails, and this defers
        if (!directory.isLocalDomain(address.domain) && directory.knowsDomains()) return NO_SUCH_USER
        return admission(address, parameters.size ?? 0)
      },

      expand(recipient): readonly NewRecipient[] | null {
        const { address: original, reversePath, notify, orcpt } = recipient
        if (!directory.isLocalDomain(original.domain)) return null
        const user = directory.recipient(original)?.user
        if (user === undefined || user.forward.length === 0) return null
        const to = (address: Address, final: boolean): NewRecipient => ({ address, reversePath, notify, orcpt, final })
        const targets = user.forward.map((text) => to(toAddress(text), false))
        return user.keepCopy ? [to(original, true), ...targets] : targets
      },
    }
  },
})

const NO_SUCH_USER = pass('no such user')

const identityOf = (user: User, login: string): Identity => ({
  account: user.account,
  authcid: login,
  authzid: user.account,
  addresses: [user.account, ...user.addresses, ...user.sendAs],
})

/** users.yaml was checked when it was read: its addresses parse. */
function toAddress(text: string): Address {
  const parsed = parseAddress(text)
  if (!parsed.ok) throw new TypeError(`'${text}': ${parsed.error}`)
  return parsed.value
}

/** True when a message of `size` octets has no room beside what is there. */
async function isFull(store: MailboxStore, user: User, size: number): Promise<boolean> {
  const account = await store.account(user.account)
  try {
    const { bytes } = await account.usage()
    return bytes + Math.max(1, size) > user.quota
  } finally {
    account.close()
  }
}

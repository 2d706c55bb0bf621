// Admits mail for the operating system's accounts at the site's own domains.
import {
  admit,
  DIRECTORY,
  definePlugin,
  pass,
  type RcptVerdict,
  SITE,
  SYSTEM_USERS,
  systemUserFor,
  z,
} from 'estafeta/plugin'

export default definePlugin({
  name: 'system-users',
  description: "Admits mail for the operating system's accounts",
  config: z.strictObject({
    minimumUid: z
      .number()
      .int()
      .min(0)
      .default(0)
      .describe('Accounts with a lower user id get no mail; root is left to aliases'),
  }),
  inject: { users: SYSTEM_USERS, site: SITE, directory: DIRECTORY },
  setup({ users, site, directory, config: { minimumUid } }) {
    async function admission(local: string): Promise<RcptVerdict> {
      const user = (await systemUserFor(users, local, site.recipientDelimiter))?.user
      return user && user.uid >= minimumUid ? admit('local', { detail: `system user ${user.name}` }) : pass()
    }

    return {
      rcpt(_transaction, { address }) {
        const { local, domain } = address
        const literal = domain.startsWith('[') && directory.isLocalDomain(domain)
        return site.domains.includes(domain) || literal ? admission(local) : pass()
      },
    }
  },
})

// Delivers to the mailboxes of this site: users of the directory, system users, and the files and commands that aliases name.
import {
  type Address,
  type Answer,
  AS_USER,
  type Attempt,
  CLOCK,
  DIRECTORY,
  definePlugin,
  durationSetting,
  formatAddress,
  LOGGER,
  MAILBOX_STORE,
  type NextHop,
  type Outcome,
  type QueuedRecipient,
  type Reject,
  reject,
  replies,
  SITE,
  SYSTEM_USERS,
  splitDetail,
  systemUserFor,
  type UserTarget,
  z,
} from 'estafeta/plugin'
import { AT_ONCE, createBatcher } from './batch.ts'
import { createCommandCourier } from './command.ts'
import { failedOutcome, loopOutcome, withDeliveryFields } from './fields.ts'
import { createFileCourier } from './file.ts'

const config = z.strictObject({
  folder: z
    .string()
    .default('INBOX')
    .describe('Where mail is put: a mailbox name in which {user}, {domain} and {detail} are filled in'),
  detailFolder: z
    .boolean()
    .default(false)
    .describe('Mail for user+detail goes into the mailbox of that name, if there is one'),
  systemMailbox: z
    .enum(['none', 'mbox', 'maildir'])
    .default('mbox')
    .describe(
      "Where mail of system users goes: the store, their file in mailSpool, or ~/Maildir (the last two under the user's own id)",
    ),
  mailSpool: z.string().default('/var/mail').describe("Directory of the system users' mail files"),
  allowPrograms: z
    .boolean()
    .default(false)
    .describe("Let aliases without a user's id write files and run commands under the server's own id"),
  mailboxFull: z
    .enum(['defer', 'bounce'])
    .default('defer')
    .describe('Mail for a mailbox over its quota: tried again later (4.2.2), or back to its sender (5.2.2)'),
  commandLimit: durationSetting
    .default(15 * 60_000)
    .describe('A command that takes longer is ended, and the mail tried again later'),
})

/** What `route` found out, for the courier. */
interface Target {
  readonly detail: string | null
  /** Mail goes to the system user's own mail file or Maildir. */
  readonly system: { readonly user: string; readonly home: string } | null
}

export default definePlugin({
  name: 'deliver-local',
  description: 'Delivers to the mailboxes of this site',
  config,
  inject: {
    directory: DIRECTORY,
    site: SITE,
    store: MAILBOX_STORE,
    users: SYSTEM_USERS,
    asUser: AS_USER,
    clock: CLOCK,
    log: LOGGER,
  },
  setup({ directory, site, store, users, asUser, clock, log, config: settings }) {
    const batcher = createBatcher(store, clock)
    const fixedFolder = settings.folder.includes('{') ? null : mailboxName(settings.folder)

    async function systemUser({ local, domain }: Address) {
      if (!site.users.system || !(site.domains.includes(domain) || domain === '')) return null
      return systemUserFor(users, local, site.recipientDelimiter)
    }

    function routeMailbox(address: Address): NextHop | Reject | Promise<NextHop | Reject> {
      const found = directory.recipient(address)
      if (!found) return routeSystemUser(address)
      const { user, detail } = found
      if (!user.enabled) return reject(replies.mailboxDisabled(formatAddress(address)))
      return hop(user.account, { detail, system: null })
    }

    async function routeSystemUser(address: Address): Promise<NextHop | Reject> {
      const system = await systemUser(address)
      if (!system) return reject(replies.userUnknown(formatAddress(address)))
      const own = settings.systemMailbox !== 'none' && asUser.available
      const { name, home } = system.user
      return hop(name, { detail: system.detail, system: own ? { user: name, home } : null })
    }

    /** null: it fits. What is larger than the whole quota never will. */
    async function overQuota(account: string, size: number, quota: number): Promise<'deferred' | 'failed' | null> {
      if (size > quota) return 'failed'
      const mailboxes = await store.account(account)
      try {
        if ((await mailboxes.usage()).bytes + size <= quota) return null
        return settings.mailboxFull === 'bounce' ? 'failed' : 'deferred'
      } finally {
        mailboxes.close()
      }
    }

    /** The mailbox of that name, if there is one. */
    async function detailFolderOf(account: string, detail: string): Promise<string | null> {
      const mailboxes = await store.account(account)
      try {
        const wanted = detail.toLowerCase()
        const all = await mailboxes.list()
        return all.find(({ name, selectable }) => selectable && name.toLowerCase() === wanted)?.name ?? null
      } finally {
        mailboxes.close()
      }
    }

    function folderOf(account: string, detail: string | null): string {
      if (fixedFolder !== null) return fixedFolder
      const { user, detail: domain } = splitDetail(account, '@') ?? { user: account, detail: '' }
      const filled = settings.folder
        .replaceAll('{user}', user)
        .replaceAll('{domain}', domain)
        .replaceAll('{detail}', detail ?? '')
      return mailboxName(filled)
    }

    async function deliverOne(
      attempt: Attempt,
      recipient: QueuedRecipient,
      { detail, system }: Target,
      signal: AbortSignal,
    ): Promise<Outcome> {
      const account = attempt.nextHop.destination
      const loop = loopOutcome(attempt.content, recipient.n, account)
      if (loop) return loop
      const content = withDeliveryFields(attempt.content, recipient, account)
      const key = `${attempt.message.queueId}.${recipient.n}`
      if (system) {
        const target: UserTarget =
          settings.systemMailbox === 'maildir'
            ? { path: `${system.home}/Maildir`, format: 'maildir', key }
            : { path: `${settings.mailSpool}/${system.user}`, format: 'mbox', key, spool: true }
        await asUser.deliver(system.user, target, content, signal)
        return delivered(recipient.n, target.path)
      }
      const quota = directory.user(account)?.quota ?? site.limits.mailboxSize
      const full = quota === 0 ? null : await overQuota(account, content.size, quota)
      if (full) return failedOutcome(recipient.n, full, full === 'failed' ? replies.overQuota() : replies.mailboxFull())
      const ofDetail = settings.detailFolder && detail ? await detailFolderOf(account, detail) : null
      const mailbox = ofDetail ?? folderOf(account, detail)
      const message = { content, flags: [], internalDate: attempt.message.arrived, key }
      const error = await batcher.deliver({ account, mailbox, message })
      if (error) throw error
      return delivered(recipient.n, mailbox)
    }

    return {
      route({ address }: QueuedRecipient): Answer<NextHop | Reject | null> {
        if (address.domain === '' && address.local.startsWith('/'))
          return { courier: 'file', destination: address.local }
        if (address.domain === '' && address.local.startsWith('|'))
          return { courier: 'pipe', destination: address.local }
        return directory.isLocalDomain(address.domain) ? routeMailbox(address) : null
      },
      couriers: {
        local: {
          // what comes together shares a sync
          concurrency: 400,
          async deliver(attempt, signal) {
            const target = (attempt.nextHop.options ?? { detail: null, system: null }) as unknown as Target
            const deliver = (recipient: QueuedRecipient): Promise<Outcome> =>
              deliverOne(attempt, recipient, target, signal).catch((error) => {
                log.warn('local delivery failed', { user: attempt.nextHop.destination, error: String(error) })
                return failedOutcome(recipient.n, 'deferred', error.reply ?? replies.internalError(), String(error))
              })
            const outcomes: Outcome[] = []
            for (const together of inGroups(attempt)) outcomes.push(...(await Promise.all(together.map(deliver))))
            return outcomes
          },
        },
        file: createFileCourier({ asUser, clock, log, allowed: settings.allowPrograms }),
        pipe: createCommandCourier({
          asUser,
          clock,
          log,
          allowed: settings.allowPrograms,
          limit: settings.commandLimit,
          delimiter: site.recipientDelimiter,
        }),
      },
    }
  },
})

/** Copies for one account, as many at once as the store takes in one call: mail for others goes between them. */
function* inGroups({ recipients, content }: Attempt): Iterable<readonly QueuedRecipient[]> {
  const length = Math.max(1, Math.floor(AT_ONCE / content.size))
  for (let i = 0; i < recipients.length; i += length) yield recipients.slice(i, i + length)
}

/** An empty {detail} leaves no empty level behind. */
const mailboxName = (filled: string): string => filled.split('/').filter(Boolean).join('/') || 'INBOX'

const hop = (destination: string, target: Target): NextHop => ({
  courier: 'local',
  destination,
  options: { ...target },
})

const delivered = (n: number, where: string): Outcome => ({
  n,
  kind: 'delivered',
  reply: replies.delivered(`delivered to ${where}`),
  relay: 'local',
  detail: where,
})

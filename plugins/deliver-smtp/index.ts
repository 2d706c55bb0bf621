// Delivery to other sites by their MX records: one lane and one connection pool a domain.
import {
  CLOCK,
  type Courier,
  DIRECTORY,
  DNS_RESOLVER,
  definePlugin,
  noHostsReply,
  outcomeForAll,
  relayAttempt,
  relayHostFinder,
  replies,
  SITE,
  SMTP_CLIENT,
  z,
} from 'estafeta/plugin'

const tlsLevel = z.enum(['none', 'may', 'encrypt', 'verify'])

const config = z.strictObject({
  tls: tlsLevel
    .default('may')
    .describe(
      'none: never; may: if offered, any certificate; encrypt: always, any certificate; verify: always, checked',
    ),
  tlsPerDomain: z
    .record(z.string(), tlsLevel)
    .default({})
    .describe('Other levels for recipient domains: `example.com`, or `.example.com` for all below it'),
  port: z.int().min(1).max(65535).default(25).describe('Where the mail hosts of other sites listen'),
  concurrency: z.int().min(1).max(1000).default(20).describe('Connections to one domain at once'),
  recipientsPerAttempt: z.int().min(1).max(10_000).default(50).describe('Recipients of one mail over one connection'),
})

export default definePlugin({
  name: 'deliver-smtp',
  description: 'Sends mail for other domains to the hosts that their MX records name',
  config,
  inject: { directory: DIRECTORY, dns: DNS_RESOLVER, client: SMTP_CLIENT, site: SITE, clock: CLOCK },
  setup({ directory, client, config, ...needed }) {
    const { tls, tlsPerDomain, port, concurrency, recipientsPerAttempt } = config
    const findHosts = relayHostFinder(needed)
    const levels = new Map(Object.entries(tlsPerDomain).map(([domain, level]) => [domain.toLowerCase(), level]))

    const smtp: Courier = {
      concurrency,
      firstConcurrency: 2,
      recipientsPerAttempt,
      async deliver(attempt, signal) {
        const domain = attempt.nextHop.destination
        const found = await findHosts(domain, { port, mx: true }, signal).catch((thrown: Error) => thrown)
        // RFC 5321 §5.1: a look-up that failed is tried again later
        if (found instanceof Error)
          return outcomeForAll(attempt, 'deferred', replies.routingFailed(found.message), { hostDown: true })
        if (found.kind === 'none') return outcomeForAll(attempt, 'failed', noHostsReply(domain, found.why))
        const level = levelFor(domain, levels) ?? tls
        const destination = {
          key: domain,
          hosts: found.hosts,
          tls: level,
          auth: null,
          protocol: 'smtp' as const,
          ownNameIsLoop: true,
        }
        return relayAttempt(client, destination, attempt, signal)
      },
    }

    return {
      route: {
        stage: 'late',
        run({ address }) {
          return directory.isLocalDomain(address.domain) ? null : { courier: 'smtp', destination: address.domain }
        },
      },
      couriers: { smtp },
    }
  },
})

/** The level of the domain itself, else of the nearest `.domain` above it. */
function levelFor<T>(domain: string, levels: ReadonlyMap<string, T>): T | undefined {
  const exact = levels.get(domain)
  if (exact !== undefined) return exact
  for (let dot = domain.indexOf('.'); dot >= 0; dot = domain.indexOf('.', dot + 1)) {
    const above = levels.get(domain.slice(dot))
    if (above !== undefined) return above
  }
  return undefined
}

// Mail for other domains goes to the site's relay host, or where a transport map sends their domain.
import {
  CLOCK,
  type Courier,
  type Defer,
  DIRECTORY,
  DNS_RESOLVER,
  definePlugin,
  type FindRelayHosts,
  type MailHost,
  type NextHop,
  outcomeForAll,
  type Reject,
  relayAttempt,
  relayHostFinder,
  replies,
  SITE,
  type Site,
  SMTP_CLIENT,
  type SmtpDestination,
  z,
} from 'estafeta/plugin'
import { formatHosts, parseRelayHost, parseRoute, type RelayHost, type Route, routeFor } from './routes.ts'

const SMTP_PORT = 25
const SMTPS_PORT = 465

const tlsLevel = z.enum(['none', 'may', 'encrypt', 'verify', 'implicit'])
const route = z.string().refine((text) => parseRoute(text, SMTP_PORT) !== null, {
  error: "expected '[host]:port', 'host:port', 'smtp', 'discard' or 'error:text'",
})

const config = z.strictObject({
  routes: z
    .record(z.string(), route)
    .default({})
    .describe(
      'Next hops by recipient domain (`example.com`, `.example.com` for all below it, `*` for all): `[host]:port`, `host:port`, `smtp` (its own MX records), `discard`, `error:5.7.1 text`',
    ),
  routesTls: tlsLevel.default('may').describe('TLS level towards hosts that only `routes` names'),
  concurrency: z.int().min(1).max(1000).default(20).describe('Connections to one next hop at once'),
  recipientsPerAttempt: z.int().min(1).max(10_000).default(100).describe('Recipients of one mail over one connection'),
})

interface Target {
  readonly hosts: readonly RelayHost[]
  readonly tls: SmtpDestination['tls']
  readonly auth: SmtpDestination['auth']
}

export default definePlugin({
  name: 'smarthost',
  description: "Sends mail for other domains through the site's relay host, or by a transport map",
  config,
  inject: { directory: DIRECTORY, dns: DNS_RESOLVER, client: SMTP_CLIENT, site: SITE, clock: CLOCK },
  setup({ directory, client, site, config: { routes, routesTls, concurrency, recipientsPerAttempt }, ...needed }) {
    const findHosts = relayHostFinder({ site, ...needed })
    const map = parseRoutes(routes, routesTls)
    const relay = relayTarget(site)
    const targets = new Map<string, Target>()
    for (const chosen of map.values()) {
      if (chosen.kind !== 'hosts') continue
      targets.set(formatHosts(chosen.hosts), { hosts: chosen.hosts, tls: routesTls, auth: null })
    }
    if (relay) targets.set(formatHosts(relay.hosts), relay)

    const smarthost: Courier = {
      concurrency,
      firstConcurrency: 2,
      recipientsPerAttempt,
      async deliver(attempt, signal) {
        const key = attempt.nextHop.destination
        if (key === 'discard') return outcomeForAll(attempt, 'discarded', replies.discarded())
        const target = targets.get(key)
        if (!target)
          return outcomeForAll(attempt, 'deferred', replies.routingFailed(`${key} is not configured any more`))
        const { hosts, trouble } = await resolveHosts(target.hosts, findHosts, signal)
        if (hosts.length > 0) {
          const { tls, auth } = target
          return relayAttempt(client, { key, hosts, tls, auth, protocol: 'smtp' }, attempt, signal)
        }
        // A mistake in the site's own configuration must not bounce its mail.
        return outcomeForAll(attempt, 'deferred', replies.routingFailed(trouble), { hostDown: true })
      },
    }

    return {
      route: {
        stage: 'normal',
        run({ address: { domain } }) {
          if (directory.isLocalDomain(domain)) return null
          const chosen = routeFor(domain, map)
          if (chosen) return nextHop(chosen, domain)
          return relay ? { courier: 'smarthost', destination: formatHosts(relay.hosts) } : null
        },
      },
      couriers: { smarthost },
    }
  },
})

function parseRoutes(routes: { readonly [domain: string]: string }, tls: Target['tls']): Map<string, Route> {
  const port = tls === 'implicit' ? SMTPS_PORT : SMTP_PORT
  return new Map(Object.entries(routes).map(([domain, text]) => [domain.toLowerCase(), parseRoute(text, port)!]))
}

function relayTarget({ relay }: Site): Target | null {
  if (!relay) return null
  const { tls, username, password } = relay
  const port = tls === 'implicit' ? SMTPS_PORT : SMTP_PORT
  const auth = username !== null && password !== null ? { username, password } : null
  return { hosts: relay.hosts.map((host) => parseRelayHost(host, port)!), tls, auth }
}

function nextHop(chosen: Route, domain: string): NextHop | Reject | Defer {
  switch (chosen.kind) {
    case 'hosts':
      return { courier: 'smarthost', destination: formatHosts(chosen.hosts) }
    case 'direct':
      return { courier: 'smtp', destination: domain }
    case 'discard':
      return { courier: 'smarthost', destination: 'discard' }
    case 'error':
      return { kind: chosen.reply.code < 500 ? 'defer' : 'reject', reply: chosen.reply, detail: `route of ${domain}` }
  }
}

/** Every host that can be looked up, in order; why there is none, if there is none. */
async function resolveHosts(
  wanted: readonly RelayHost[],
  findHosts: FindRelayHosts,
  signal: AbortSignal,
): Promise<{ hosts: MailHost[]; trouble: string }> {
  const hosts: MailHost[] = []
  const troubles: string[] = []
  for (const { name, port, mx } of wanted) {
    try {
      const found = await findHosts(name, { port, mx }, signal)
      if (found.kind === 'hosts') hosts.push(...found.hosts)
      else troubles.push(`${name}: ${TROUBLES[found.why]}`)
    } catch (error) {
      troubles.push(error instanceof Error ? error.message : String(error))
    }
  }
  return { hosts, trouble: troubles.join('; ') }
}

const TROUBLES = {
  nxdomain: 'no such domain',
  nullMx: 'accepts no mail (null MX)',
  noAddress: 'has no address',
  loop: 'is this server itself',
} as const

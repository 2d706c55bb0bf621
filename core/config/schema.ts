// The configuration file's schema: every key with its meaning, default and bounds. Profiles and site files share it.
import { hostname as systemHostname } from 'node:os'
import { z } from 'zod'
import type { Result } from '../base/result.ts'
import { domainKey, isNameServer, isNetwork, isRelayHost, type ListenAddress, parseListenAddress } from './addresses.ts'
import { parseDuration, parseSize } from './units.ts'

// each schema checks one file and is done: compiling its checks costs more than it saves
z.config({ jitless: true })

/** What a key may look like besides its schema, for the JSON Schema and the reference. */
export interface KeyMeta {
  readonly description?: string
  /** size, duration, path, address …: how a text value is read. */
  readonly form?: string
  /** Shorter ways to write a map. */
  readonly short?: readonly ('string' | 'list')[]
  /** Never shown. */
  readonly secret?: boolean
  /** Takes effect only at a restart. */
  readonly restart?: boolean
}

function parsed<T>(parse: (text: string | number) => Result<T>, form: string) {
  return z
    .union([z.string(), z.number()], { error: () => `expected a ${form}` })
    .transform((text, context) => {
      const result = parse(text)
      if (result.ok) return result.value
      context.addIssue({ code: 'custom', message: result.error, input: text })
      return z.NEVER
    })
    .meta({ form })
}

function text(check: (text: string) => boolean, expected: string, form: string) {
  return z
    .string()
    .refine(check, { error: `expected ${expected}` })
    .meta({ form })
}

/** Settings such as 50MiB (octets) and 4h (milliseconds). */
export const size = parsed(parseSize, 'size')
export const duration = parsed(parseDuration, 'duration')
const path = z.string().min(1, { error: 'expected a path' }).meta({ form: 'path' })
const domain = z
  .string()
  .transform((name, context) => {
    const key = domainKey(name)
    if (key !== null) return key
    context.addIssue({ code: 'custom', message: 'expected a domain name such as example.com', input: name })
    return z.NEVER
  })
  .meta({ form: 'domain' })
const network = text(isNetwork, 'a network such as 192.0.2.0/24, 2001:db8::/32 or 192.0.2.7', 'network')
const listenAddress = z
  .string()
  .transform((address, context): ListenAddress => {
    const result = parseListenAddress(address)
    if (result.ok) return result.value
    context.addIssue({ code: 'custom', message: result.error, input: address })
    return z.NEVER
  })
  .meta({ form: 'address' })

export const SERVICES = ['smtp', 'submission', 'submissions', 'lmtp', 'imap', 'imaps', 'pop3', 'pop3s'] as const
/** In the design, refused until they exist. */
export const UNBUILT_SERVICES: readonly string[] = ['managesieve', 'http']
export const UNBUILT_USER_SOURCES: readonly string[] = ['sqlite', 'postgres', 'mysql', 'ldap']

const listener = z
  .strictObject({
    addresses: z
      .array(listenAddress)
      .describe('Where it listens: `*:port`, `ip:port`, `[ipv6]:port`, or the path of a socket'),
    proxyProtocol: z
      .array(network)
      .optional()
      .describe('Proxies whose PROXY protocol header (v1 and v2) is demanded and believed'),
    auth: z
      .boolean()
      .optional()
      .describe('SMTP: offer AUTH, within TLS or on loopback; `true` for smtp and submission when left out'),
    anySender: z
      .boolean()
      .optional()
      .describe('SMTP: authenticated users may send as any address; `false` when left out'),
    mode: z
      .string()
      .regex(/^0?[0-7]{3}$/, { error: 'expected file permissions such as "0660"' })
      .optional()
      .describe('Permissions of a socket, in octal; "0666" when left out'),
  })
  .meta({ short: ['list', 'string'] })

const describeService: { readonly [S in (typeof SERVICES)[number]]: string } = {
  smtp: 'Mail from other servers (RFC 5321)',
  submission: 'Mail from users, with STARTTLS and AUTH (RFC 6409)',
  submissions: 'The same with TLS from the start (RFC 8314)',
  lmtp: 'Local delivery for other servers (RFC 2033)',
  imap: 'Reading, with STARTTLS (RFC 9051, RFC 3501)',
  imaps: 'Reading with TLS from the start',
  pop3: 'Fetching, with STLS (RFC 1939)',
  pop3s: 'Fetching with TLS from the start',
}
const services = Object.fromEntries(
  SERVICES.map((name) => [name, listener.optional().describe(describeService[name])]),
) as { [S in (typeof SERVICES)[number]]: z.ZodOptional<typeof listener> }

const relay = z
  .strictObject({
    host: z
      .array(text(isRelayHost, 'a host such as "[mail.provider.net]:587" (brackets: no MX look-up)', 'relay host'))
      .min(1, { error: 'expected at least one host' })
      .describe(
        'Tried in order; in brackets the name is taken as it is, without brackets its MX records are asked for',
      ),
    username: z.string().optional().describe('For AUTH'),
    password: z.string().optional().meta({ secret: true }).describe('For AUTH; only over TLS'),
    tls: z
      .enum(['none', 'may', 'encrypt', 'verify', 'implicit'])
      .prefault('verify')
      .describe(
        'none: never; may: if offered; encrypt: always, any certificate; verify: always, checked; implicit: from the start, checked',
      ),
  })
  .refine((value) => (value.username === undefined) === (value.password === undefined), {
    error: 'username and password go together',
  })
  .refine(
    (value) =>
      value.password === undefined || value.tls === 'verify' || value.tls === 'implicit' || value.tls === 'encrypt',
    {
      path: ['tls'],
      error: "a password is only sent over TLS: expected 'verify', 'implicit' or 'encrypt'",
    },
  )
  .meta({ short: ['string', 'list'] })

/** Keys of a plugin's entry that are ours; all others are the plugin's own. */
export const pluginEntry = z.looseObject(
  {
    use: z
      .string()
      .min(1)
      .optional()
      .describe(
        "Which plugin, when it is not the entry's own name: a shipped name, a path (`./filters/lottery.ts`) or an npm package",
      ),
    enabled: z.boolean().prefault(true).describe('false leaves it out'),
    onError: z
      .enum(['defer', 'reject', 'pass'])
      .optional()
      .describe(
        'When it throws or is late: `defer` answers 4xx, `reject` 5xx, `pass` goes on without it. Must be stated',
      ),
    timeout: duration.optional().describe('How long one hook may take'),
    listeners: z.array(z.string()).optional().describe('Only for sessions of these services'),
    authenticated: z
      .boolean()
      .optional()
      .describe('Only for sessions that are (true) or are not (false) authenticated'),
    before: z
      .union([z.string(), z.array(z.string())])
      .optional()
      .describe('Runs before these entries'),
    after: z
      .union([z.string(), z.array(z.string())])
      .optional()
      .describe('Runs after these entries'),
  },
  {
    error: ({ code, input }) =>
      code === 'invalid_type' && typeof input === 'boolean'
        ? `expected a map of keys ('{ enabled: ${input} }' ${input ? 'puts it in' : 'leaves it out'})`
        : undefined,
  },
)

export const configSchema = z.strictObject({
  profile: z.string().min(1).optional().describe('The profile that this file fills in: a shipped name, or a path'),
  hostname: domain
    .prefault(() => systemHostname())
    .meta({ restart: true, defaultText: "the system's host name" })
    .describe('Full name of this machine: in greetings, HELO and Received'),
  origin: domain
    .optional()
    .meta({ defaultText: 'the host name if it is one of the domains, else the first of them' })
    .describe('What addresses without a domain get ("mail name")'),
  domains: z.array(domain).prefault([]).describe('Final destinations: mail for them ends here'),
  networks: z.array(network).prefault(['127.0.0.0/8', '::1/128']).describe('Clients that may relay'),
  postmaster: z
    .string()
    .min(1)
    .prefault('postmaster')
    .describe("Who gets root's and postmaster's mail: a user here, or an address"),
  user: z
    .string()
    .prefault('estafeta')
    .meta({ restart: true })
    .describe('Whom the server runs as when it is started as root; root itself only binds, reads keys and delivers'),
  data: path.prefault('/var/lib/estafeta').meta({ restart: true }).describe('Everything the program writes'),
  protocols: z
    .enum(['all', 'ipv4', 'ipv6'])
    .prefault('all')
    .meta({ restart: true })
    .describe('Internet protocols used to listen and to connect'),
  listen: z.strictObject(services).prefault({}).describe('Services, each with its addresses'),
  tls: z
    .strictObject({
      cert: path.describe('Certificate chain, PEM'),
      key: path.describe('Private key, PEM'),
    })
    .optional()
    .meta({ defaultText: 'a self-signed certificate made at first start' })
    .describe('The certificate of all services'),
  relay: relay.optional().describe('The smarthost: where mail for others goes'),
  recipientDelimiter: z
    .string()
    .max(4)
    .prefault('+')
    .describe("Parts the user from a detail (`ana+lists@…`) in our domains; '' is none"),
  limits: z
    .strictObject({
      messageSize: size.prefault('50MiB').describe('Largest message'),
      mailboxSize: size
        .prefault(0)
        .describe('Largest account, where the user has no quota of its own; 0 is without limit'),
      recipients: z
        .int()
        .min(100, { error: 'expected at least 100 (RFC 5321 §4.5.3.1.8)' })
        .prefault(1000)
        .describe('Recipients a message; of local programs 50000'),
      connections: z
        .int()
        .min(1)
        .prefault(5000)
        .meta({ restart: true })
        .describe('Connections at once, all services together'),
      connectionsPerClient: z
        .int()
        .min(1)
        .prefault(100)
        .meta({ restart: true })
        .describe('Connections at once from one address'),
      connectionsPerMinute: z
        .int()
        .min(1)
        .prefault(600)
        .meta({ restart: true })
        .describe('New connections a minute from one address'),
      bodyMemory: size
        .prefault('32MiB')
        .meta({ restart: true })
        .describe('Bodies held in memory by the whole process; beyond it they go to files at once'),
    })
    .prefault({})
    .describe('Limits'),
  store: z
    .strictObject({
      format: z
        .enum(['maildir', 'mbox'])
        .prefault('maildir')
        .meta({ restart: true })
        .describe('How mailboxes are kept'),
    })
    .prefault({})
    .describe('Mailboxes'),
  queue: z
    .strictObject({
      lifetime: duration.prefault('5d').describe('How long delivery is tried before the message bounces'),
      warnAfter: duration.prefault('4h').describe('When the sender is told of a delay; 0 is never'),
      minFree: size
        .prefault('200MiB')
        .meta({ restart: true })
        .describe('Free disk space below which no new mail is taken'),
      firstRetry: duration.prefault('5m').describe('Wait after the first failed attempt; it doubles from there'),
      maxRetry: duration.prefault('2h').describe('Longest wait between attempts'),
    })
    .prefault({})
    .describe('The queue'),
  users: z
    .strictObject({
      file: path
        .optional()
        .meta({ defaultText: '`users.yaml` in the data folder, unless `system` is true' })
        .describe('Users, in YAML'),
      system: z.boolean().prefault(false).describe("The operating system's accounts are users too"),
    })
    .prefault({})
    .describe('Where users are found'),
  dns: z
    .strictObject({
      servers: z
        .array(text(isNameServer, 'an address such as 127.0.0.1 or [::1]:5353', 'name server'))
        .prefault([])
        .meta({ restart: true })
        .describe("Name servers; none: the system's"),
      trusted: z
        .boolean()
        .prefault(false)
        .meta({ restart: true })
        .describe('Their DNSSEC validation is believed though they are not on this machine'),
    })
    .prefault({})
    .describe('DNS'),
  log: z
    .strictObject({
      format: z
        .enum(['text', 'json'])
        .prefault('text')
        .meta({ restart: true })
        .describe('One line an event as mail administrators read it, or JSON'),
      level: z
        .enum(['debug', 'info', 'warn', 'error'])
        .prefault('info')
        .meta({ restart: true })
        .describe('The least level that is written'),
      file: path.optional().meta({ defaultText: 'standard output', restart: true }).describe('Where it goes'),
    })
    .prefault({})
    .describe('The log'),
  trace: z
    .strictObject({
      days: z.number().positive().prefault(14).meta({ restart: true }).describe('How long traces are kept'),
      maxSize: size
        .prefault('512MiB')
        .meta({ restart: true })
        .describe('Largest trace file; the oldest traces go first'),
    })
    .prefault({})
    .describe('The trace: what happened to each message, and why'),
  bareLineFeed: z
    .enum(['reject', 'normalise'])
    .prefault('reject')
    .describe('How a bare LF or CR in DATA is met: refused, or made CRLF (only for clients in `networks`)'),
  plugins: z.record(z.string(), pluginEntry).prefault({}).describe("Plugins by entry name, merged with the profile's"),
})

export type Settings = z.output<typeof configSchema>

// Who may do what: relaying for networks and users, access tables in Sendmail's and Postfix's syntax, senders that belong to the login.
import {
  type Address,
  admit,
  DIRECTORY,
  type Directory,
  DNS_RESOLVER,
  type DnsResolver,
  definePlugin,
  discard,
  EXEMPT,
  type MessageAnswer,
  type Notes,
  pass,
  type RcptVerdict,
  type Recipient,
  reject,
  replies,
  SITE,
  sameAddress,
  type TransactionFacts,
  token,
  type Verdict,
  z,
} from 'estafeta/plugin'
import type { Action } from './actions.ts'
import { addressKeys, domainKeys } from './keys.ts'
import { AccessTables, STEPS } from './tables.ts'

const config = z.strictObject({
  tables: z
    .array(z.union([z.string(), z.strictObject({ file: z.string(), at: z.array(z.enum(STEPS)) })]))
    .default([])
    .describe(
      'Access tables: a path, cidr:path or regexp:path for all steps, or { file, at: [connect, helo, mail, rcpt] }',
    ),
  hostNames: z
    .boolean()
    .default(false)
    .describe("Look up the client's host name (checked forward and back) for keys that are host names or domains"),
  relayDomains: z
    .array(z.string())
    .default([])
    .describe('Domains that anybody may relay to through us (backup MX, hub)'),
  senderLogin: z.boolean().default(true).describe('After a login, refuse senders that do not belong to the account'),
})

/** The client may relay, as a table says. */
const MAY_RELAY = token<string>('access.relay')
/** The whole message is dropped or quarantined after acceptance. */
const DROP = token<string>('access.discard')
const HOLD = token<string>('access.quarantine')
/** Recipients whose copies are dropped. */
const DROPPED = token<readonly Address[]>('access.discarded-recipients')

export default definePlugin({
  name: 'access',
  description: 'Relay rules, access tables, and senders that belong to the login',
  config,
  inject: { directory: DIRECTORY, site: SITE, dns: DNS_RESOLVER },
  setup({ directory, site, dns, config: { tables, hostNames, relayDomains, senderLogin } }) {
    const access = new AccessTables(
      tables.map((entry) => (typeof entry === 'string' ? { file: entry, at: STEPS } : entry)),
      (definition) => directory.table(definition),
    )
    const relayed = new Set(relayDomains.map((domain) => domain.toLowerCase()))
    const delimiter = site.recipientDelimiter

    return {
      connect: {
        stage: 'early',
        run(session, signal) {
          if (!access.has('connect')) return pass()
          const inTables = (names: readonly string[]): Verdict => {
            const found = access.client(session.remoteIp, names.flatMap(domainKeys))
            if (found?.action.kind === 'relay') session.notes.set(MAY_RELAY, found.key)
            return found ? answer(found.action, found.key, session.notes) : pass()
          }
          return hostNames ? clientNames(dns, session.remoteIp, signal).then(inTables) : inTables([])
        },
      },

      helo: {
        stage: 'early',
        run(session) {
          const { helo } = session
          const found = helo === null ? null : access.find('helo', () => domainKeys(helo.toLowerCase()))
          return found ? answer(found.action, found.key, session.notes) : pass()
        },
      },

      mail: {
        stage: 'early',
        run(transaction) {
          const { session, reversePath, notes } = transaction
          // RFC 6409 §4.3: a submission service takes mail from those it knows
          if (/^submissions?$/.test(session.service) && session.identity === null && !session.trusted)
            return reject(replies.authRequired())
          const inTables = (): Verdict => {
            const keys = () => (reversePath === null ? ['<>'] : addressKeys(reversePath, delimiter))
            const found = access.find('mail', keys)
            return found ? answer(found.action, found.key, notes) : pass()
          }
          if (!senderLogin || session.identity === null) return inTables()
          const notOwned = () => reject(replies.senderNotOwned(), `not an address of ${session.identity?.account}`)
          return ownsSender(directory, transaction).then((owns) => (owns ? inTables() : notOwned()))
        },
      },

      rcpt: {
        stage: 'early',
        run(transaction, recipient): RcptVerdict {
          const { notes } = transaction
          const { address } = recipient
          const found = access.find('rcpt', () => addressKeys(address, delimiter))
          const isLocal = directory.isLocalDomain(address.domain)
          if (found?.action.kind === 'discard') {
            notes.set(DROPPED, [...(notes.get(DROPPED) ?? []), address])
            return isLocal ? admit('local', { detail: `${found.key}: discarded` }) : pass(`${found.key}: discarded`)
          }
          if (found?.action.kind === 'reply') return replyVerdict(found.action, found.key)
          if (found?.action.kind === 'quarantine') notes.set(HOLD, found.action.text)
          if (isLocal) return pass(found ? `${found.key}: ${found.action.kind}` : undefined)
          const right = relayRight(transaction, recipient, relayed, found?.action.kind === 'relay' ? found.key : null)
          return right === null ? pass('may not relay') : admit('relay', { detail: right })
        },
      },

      message(message): MessageAnswer {
        const reason = message.notes.get(DROP) ?? message.session.notes.get(DROP)
        if (reason !== undefined) return { all: discard(reason) }
        const held = message.notes.get(HOLD) ?? message.session.notes.get(HOLD)
        const dropped = message.notes.get(DROPPED)
        if (dropped === undefined) return held === undefined ? {} : { quarantine: held }
        const perRecipient = message.recipients.flatMap(({ address }, i) =>
          dropped.some((one) => sameAddress(one, address)) ? [[i, discard('access table')] as const] : [],
        )
        return {
          ...(held === undefined ? {} : { quarantine: held }),
          ...(perRecipient.length === 0 ? {} : { perRecipient: new Map(perRecipient) }),
        }
      },
    }
  },
})

/** What an entry means before there are recipients. */
function answer(action: Action, key: string, notes: Notes): Verdict {
  if (action.kind === 'reply') return replyVerdict(action, key)
  if (action.kind === 'discard') notes.set(DROP, `${key}: ${action.text}`)
  if (action.kind === 'quarantine') notes.set(HOLD, action.text)
  if (action.kind === 'ok' || action.kind === 'relay') notes.set(EXEMPT, `access table: ${key}`)
  return pass(`${key}: ${action.kind}`)
}

const replyVerdict = ({ reply }: Extract<Action, { kind: 'reply' }>, key: string): Verdict => ({
  kind: reply.code < 500 ? 'defer' : 'reject',
  reply,
  detail: `access table: ${key}`,
  ...(reply.code === 421 || reply.code === 521 ? { disconnect: true } : {}),
})

/** Why this session may relay to a domain that is not ours; null: it may not. */
function relayRight(
  { session }: TransactionFacts,
  { address }: Recipient,
  relayed: ReadonlySet<string>,
  table: string | null,
): string | null {
  if (session.identity !== null) return `authenticated as ${session.identity.account}`
  if (session.trusted) return `${session.remoteIp} is in our networks`
  const client = session.notes.get(MAY_RELAY)
  if (client !== undefined) return `access table: ${client}`
  if (table !== null) return `access table: ${table}`
  const domain = relayed.size === 0 ? undefined : domainKeys(address.domain).find((key) => relayed.has(key))
  return domain === undefined ? null : `relay domain ${domain}`
}

/** True when nobody logged in, for `<>`, and for addresses of the login (its details and other final destinations too). */
async function ownsSender(directory: Directory, { session, reversePath }: TransactionFacts): Promise<boolean> {
  const { identity } = session
  if (identity === null || reversePath === null) return true
  const written = `${reversePath.local}@${reversePath.domain}`.toLowerCase()
  if (identity.addresses.some((own) => own === written || own === `@${reversePath.domain}`)) return true
  if (!directory.isLocalDomain(reversePath.domain)) return false
  return directory.recipient(reversePath)?.user.account === identity.account
}

const MAX_NAMES = 5

/** Host names of the client that lead back to its address (RFC 8601 §3: iprev). Throws a temporary Failure when the DNS does not answer. */
async function clientNames(dns: DnsResolver, ip: string, signal: AbortSignal): Promise<string[]> {
  const { records } = await dns.ptr(ip, signal)
  const names: string[] = []
  for (const name of records.slice(0, MAX_NAMES)) {
    const answers = ip.includes(':') ? await dns.aaaa(name, signal) : await dns.a(name, signal)
    if (answers.records.includes(ip)) names.push(name.toLowerCase())
  }
  return names
}

// DNS block and allow lists (RFC 5782): the client's address, its names, HELO and the sender's domain, weighed together.
import {
  CLOCK,
  type Clock,
  DNS_RESOLVER,
  type DnsResolver,
  definePlugin,
  durationSetting,
  EXEMPT,
  type Notes,
  pass,
  reject,
  replies,
  reverseLabels,
  type SessionFacts,
  token,
  type Verdict,
  z,
} from 'estafeta/plugin'
import { type List, listSetting, toList, weigh } from './lists.ts'

const lists = z.array(listSetting).default([])

const config = z.strictObject({
  lists: lists.describe("Block lists of addresses, asked about the client's"),
  allow: lists.describe('Allow lists of addresses: who is on one is spared, here and by later checks'),
  helo: lists.describe('Block lists of domains, asked about the name in HELO or EHLO'),
  reverse: lists.describe(
    "Block lists of domains, asked about the names that the client's address has in the DNS (PTR)",
  ),
  sender: lists.describe("Block lists of domains, asked about the sender's domain"),
  threshold: z.number().positive().default(1).describe('The sum of weights from which a client is refused'),
  delay: z
    .boolean()
    .default(true)
    .describe('Refuse at RCPT rather than at once, so that logs name sender and recipient'),
  text: z
    .string()
    .default('{ip} is listed by {list} ({txt})')
    .describe('What a refused client reads; {ip}, {name}, {list} and {txt} are filled in'),
  spare: z
    .array(z.string())
    .default(['postmaster'])
    .describe('Local parts that anybody may write to (RFC 5321 §4.5.1)'),
  lookupTimeout: durationSetting.default(5000).describe('How long a list may take to answer'),
})

interface Hit {
  readonly list: List
  readonly weight: number
  /** The address or domain that is listed. */
  readonly subject: string
  readonly txt: string
}

interface Findings {
  readonly hits: readonly Hit[]
  /** Lists that gave no answer, with the reason: they count for nothing. */
  readonly silent: readonly string[]
}

const MAX_NAMES = 3 // of one address

/** Under way since the client connected. */
const ADDRESS_FINDINGS = token<Promise<Findings>>('rbl.address')

export default definePlugin({
  name: 'rbl',
  description: 'Refuses clients that DNS block lists name, unless an allow list does too',
  config,
  inject: { dns: DNS_RESOLVER, clock: CLOCK },
  setup({ dns, clock, config: settings }) {
    const { threshold, delay, spare } = settings
    const block = settings.lists.map(toList)
    const allow = settings.allow.map(toList)
    const helo = settings.helo.map(toList)
    const sender = settings.sender.map(toList)
    const reverse = settings.reverse.map(toList)
    const ask = (wanted: readonly List[], query: string | null, subject: string) =>
      query === null ? nothing : askLists({ dns, clock, timeout: settings.lookupTimeout }, wanted, query, subject)

    const aboutAddress = (session: SessionFacts): Promise<Findings> => {
      const known = session.notes.get(ADDRESS_FINDINGS)
      if (known) return known
      const findings = askBoth(session)
      session.notes.set(ADDRESS_FINDINGS, findings)
      return findings
    }

    async function askBoth({ remoteIp, notes }: SessionFacts): Promise<Findings> {
      const query = reverseLabels(remoteIp)
      const [allowed, blocked] = await Promise.all([ask(allow, query, remoteIp), ask(block, query, remoteIp)])
      const [vouching] = allowed.hits
      if (!vouching) return merge(allowed, blocked)
      notes.set(EXEMPT, `listed by ${vouching.list.zone}`)
      return { hits: [], silent: [...allowed.silent, ...blocked.silent] }
    }

    /** Whoever owns the address wrote these names: enough to be listed by, never to be spared. */
    async function aboutNames(ip: string, signal: AbortSignal): Promise<Findings> {
      if (reverse.length === 0) return nothing
      try {
        const names = (await dns.ptr(ip, signal)).records.slice(0, MAX_NAMES)
        return (await Promise.all(names.map((name) => ask(reverse, domainQuery(name), name)))).reduce(merge, NOTHING)
      } catch (error) {
        return { hits: [], silent: [reasonOf(error)] }
      }
    }

    const judge = ({ hits, silent }: Findings): Verdict => {
      const sum = hits.reduce((total, hit) => total + hit.weight, 0)
      const detail = describe(hits, silent, sum)
      const [worst] = [...hits].sort((a, b) => b.weight - a.weight)
      return worst && sum >= threshold ? reject(replies.blocked(fillIn(worst, settings.text)), detail) : pass(detail)
    }

    return {
      async connect(session) {
        if (isSpared(session)) return pass()
        const findings = aboutAddress(session)
        return delay ? pass('asking') : judge(await findings)
      },

      async rcpt({ session, notes, reversePath }, { address }, signal) {
        if (isSpared(session)) return pass()
        if (spare.includes(address.local.toLowerCase())) return pass(`${address.local} is spared`)
        const domain = reversePath?.domain ?? null
        const findings = await Promise.all([
          aboutAddress(session),
          aboutNames(session.remoteIp, signal),
          ask(helo, domainQuery(session.helo), session.helo ?? ''),
          ask(sender, domainQuery(domain), domain ?? ''),
        ])
        const exempt = exemption(session.notes) ?? exemption(notes)
        return exempt === null ? judge(findings.reduce(merge)) : pass(exempt)
      },
    }
  },
})

const NOTHING: Findings = { hits: [], silent: [] }
const nothing = Promise.resolve(NOTHING)

const merge = (a: Findings, b: Findings): Findings => ({
  hits: [...a.hits, ...b.hits],
  silent: [...a.silent, ...b.silent],
})

/** Our own users and networks are nobody's spammers. */
const isSpared = (session: SessionFacts): boolean =>
  session.trusted || session.identity !== null || exemption(session.notes) !== null

const exemption = (notes: Notes): string | null => notes.get(EXEMPT) ?? null

/** Domain lists know no addresses; a name of one label is no domain. */
function domainQuery(name: string | null): string | null {
  const domain = name?.toLowerCase().replace(/\.$/, '') ?? ''
  return /^[a-z0-9_-]+(\.[a-z0-9_-]+)+$/.test(domain) && !/\.\d+$/.test(domain) ? domain : null
}

interface Asking {
  readonly dns: DnsResolver
  readonly clock: Clock
  /** Milliseconds. */
  readonly timeout: number
}

/** Asks all lists at once. A list that fails or is late is named, and lists nobody. */
async function askLists(asking: Asking, wanted: readonly List[], query: string, subject: string): Promise<Findings> {
  const hits: Hit[] = []
  const silent: string[] = []
  const limit = new AbortController()
  const timer = asking.clock.after(asking.timeout, () => limit.abort())
  const answers = await Promise.allSettled(
    wanted.map((list) => askList(asking.dns, list, query, subject, limit.signal)),
  )
  timer.cancel()
  for (const [i, answer] of answers.entries()) {
    if (answer.status === 'rejected') silent.push(`${wanted[i]!.zone}: ${reasonOf(answer.reason)}`)
    else if (answer.value) hits.push(answer.value)
  }
  return { hits, silent }
}

async function askList(
  dns: DnsResolver,
  list: List,
  query: string,
  subject: string,
  signal: AbortSignal,
): Promise<Hit | null> {
  const name = `${query}.${list.zone}`
  const weight = weigh(list, (await dns.a(name, signal)).records)
  if (weight === null) return null
  const txt = list.txt
    ? await dns.txt(name, signal).then(
        (answer) => answer.records.join(' '),
        () => '',
      )
    : ''
  return { list, weight, subject, txt }
}

const reasonOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown))

function describe(hits: readonly Hit[], silent: readonly string[], sum: number): string {
  const listed = hits.map(({ list, weight, subject }) => `${subject} on ${list.zone} (${weight})`)
  const parts = [
    listed.length > 0 ? `${listed.join(', ')}: sum ${sum}` : 'not listed',
    ...silent.map((s) => `no answer: ${s}`),
  ]
  return parts.join('; ')
}

/** The text comes from others: it may be anything. */
function fillIn({ list, subject, txt }: Hit, common: string): string {
  const values: { readonly [key: string]: string } = { ip: subject, name: subject, list: list.zone, txt }
  const text = (list.text ?? common).replace(/\{(ip|name|list|txt)\}/g, (_, key: string) => values[key]!)
  return text
    .replace(/[^\x20-\x7e]/g, '?')
    .replace(/ ?\(\)/g, '')
    .slice(0, 400)
}

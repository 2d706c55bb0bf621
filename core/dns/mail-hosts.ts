// Which hosts take mail for a domain (RFC 5321 §5.1): MX by preference, implicit MX, null MX, address literals, and ourselves left out.
import { isIPv4 } from 'node:net'
import { asFailure, temporary } from '../base/failure.ts'
import { isIPv6 } from '../base/ip.ts'
import { reverseLabels } from './names.ts'
import type { DnsResolver, MxRecord } from './resolver.ts'

export interface MailHost {
  readonly name: string
  readonly addresses: readonly string[]
  readonly port: number
}

export type MailHosts =
  | { readonly kind: 'hosts'; readonly hosts: readonly MailHost[] }
  /** nxdomain: no such domain; nullMx: RFC 7505; noAddress: nothing that could be connected to; loop: the best host is this one. */
  | { readonly kind: 'none'; readonly why: 'nxdomain' | 'nullMx' | 'noAddress' | 'loop' }

export interface MailHostsOptions {
  readonly dns: DnsResolver
  readonly port: number
  readonly protocols: 'all' | 'ipv4' | 'ipv6'
  /** False asks for the addresses of the name itself: `[host]:port`. */
  readonly mx: boolean
  /** Is this connection one to ourselves? */
  isSelf(name: string, address: string, port: number): boolean
  /** 0 ≤ n < 1, to mix hosts of equal preference. */
  readonly random: () => number
}

const MAX_HOSTS = 10
const MAX_ADDRESSES = 10

/** Hosts in the order in which to try them. Throws Failure('temporary') when the DNS gives no answer. */
export async function findMailHosts(
  domain: string,
  options: MailHostsOptions,
  signal?: AbortSignal,
): Promise<MailHosts> {
  const literal = literalAddress(domain)
  if (literal !== null) return literalHost(literal, options)
  const exchanges = options.mx ? await findExchanges(domain, options, signal) : [{ preference: 0, exchange: domain }]
  if (!Array.isArray(exchanges)) return exchanges
  return findAddresses(exchanges, options, signal)
}

/** `192.0.2.1`, `[192.0.2.1]`, `[ipv6:2001:db8::1]`; null for names. */
function literalAddress(domain: string): string | null {
  const text = domain.startsWith('[') ? domain.replace(/^\[(?:ipv6:)?(.*)\]$/i, '$1') : domain
  return isIPv4(text) || isIPv6(text) ? text : null
}

function literalHost(address: string, { port, protocols, isSelf }: MailHostsOptions): MailHosts {
  if (isSelf(address, address, port)) return { kind: 'none', why: 'loop' }
  if (!spoken(address, protocols)) return { kind: 'none', why: 'noAddress' }
  return { kind: 'hosts', hosts: [{ name: address, addresses: [address], port }] }
}

async function findExchanges(
  domain: string,
  { dns, random }: MailHostsOptions,
  signal?: AbortSignal,
): Promise<MxRecord[] | MailHosts> {
  const mx = await dns.mx(domain, signal)
  if (mx.status === 'nxdomain') return { kind: 'none', why: 'nxdomain' }
  // RFC 5321 §5.1: without MX the domain is its own, of preference 0
  if (mx.status === 'nodata') return [{ preference: 0, exchange: domain }]
  // RFC 7505 §3
  if (mx.records.every((record) => record.exchange === '')) return { kind: 'none', why: 'nullMx' }
  return mx.records
    .filter((record) => record.exchange !== '')
    .map((record) => ({ record, tie: random() }))
    .sort((x, y) => x.record.preference - y.record.preference || x.tie - y.tie)
    .map(({ record }) => record)
    .slice(0, MAX_HOSTS)
}

async function findAddresses(
  exchanges: readonly MxRecord[],
  options: MailHostsOptions,
  signal?: AbortSignal,
): Promise<MailHosts> {
  const found = await Promise.all(exchanges.map(async ({ exchange }) => await addressesOf(exchange, options, signal)))
  const hosts: MailHost[] = []
  let unanswered: string | null = null
  // RFC 5321 §5.1: neither ourselves nor any host of equal or higher preference number
  const limit = Math.min(
    ...exchanges.filter(({ exchange }, i) => isOurs(exchange, found[i]!, options)).map(({ preference }) => preference),
  )
  for (const [i, { exchange, preference }] of exchanges.entries()) {
    const addresses = found[i]!
    if (preference >= limit) continue
    if (typeof addresses === 'string') unanswered = addresses
    else if (addresses.length > 0) hosts.push({ name: exchange, addresses, port: options.port })
  }
  if (hosts.length > 0) return { kind: 'hosts', hosts }
  if (unanswered !== null) throw temporary(unanswered)
  return { kind: 'none', why: limit === Number.POSITIVE_INFINITY ? 'noAddress' : 'loop' }
}

function isOurs(exchange: string, addresses: readonly string[] | string, options: MailHostsOptions): boolean {
  if (typeof addresses === 'string') return options.isSelf(exchange, '', options.port)
  return ['', ...addresses].some((address) => options.isSelf(exchange, address, options.port))
}

/** Addresses of one host, IPv6 and IPv4 in turns; the reason when the DNS gave none of them. */
async function addressesOf(
  host: string,
  { dns, protocols }: MailHostsOptions,
  signal?: AbortSignal,
): Promise<string[] | string> {
  if (reverseLabels(host) !== null) return spoken(host, protocols) ? [host] : []
  const asked = [
    ...(protocols === 'ipv4' ? [] : [dns.aaaa(host, signal)]),
    ...(protocols === 'ipv6' ? [] : [dns.a(host, signal)]),
  ]
  const answers = await Promise.allSettled(asked)
  const lists = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value.records : []))
  const failed = answers.find((answer) => answer.status === 'rejected')
  const addresses = inTurns(lists).slice(0, MAX_ADDRESSES)
  if (addresses.length === 0 && failed) return asFailure(failed.reason).detail
  return addresses
}

function inTurns(lists: readonly (readonly string[])[]): string[] {
  const longest = Math.max(0, ...lists.map((list) => list.length))
  return Array.from({ length: longest }, (_, i) => lists.flatMap((list) => list.slice(i, i + 1))).flat()
}

const spoken = (address: string, protocols: MailHostsOptions['protocols']): boolean =>
  protocols === 'all' || (protocols === 'ipv6') === isIPv6(address)

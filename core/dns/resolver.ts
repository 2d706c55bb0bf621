// Questions to the DNS, with TTLs, negative answers and the AD bit told apart from failures.
import { token } from '../base/token.ts'

export interface MxRecord {
  readonly preference: number
  readonly exchange: string
}
export interface TlsaRecord {
  readonly usage: number
  readonly selector: number
  readonly matchingType: number
  readonly certificate: Buffer
}
export interface SrvRecord {
  readonly priority: number
  readonly weight: number
  readonly port: number
  readonly target: string
}

/** `nxdomain` and `nodata` are answers; anything that is no answer throws a temporary Failure. */
export interface DnsAnswer<T> {
  readonly status: 'ok' | 'nxdomain' | 'nodata'
  readonly records: readonly T[]
  /** Seconds that the answer may be kept. */
  readonly ttl: number
  /** DNSSEC-validated by a resolver that the site trusts. */
  readonly secure: boolean
}

/** Names without a final dot; addresses as text. Throws Failure('temporary') on time-out, SERVFAIL, REFUSED. */
export interface DnsResolver {
  a(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>>
  aaaa(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>>
  /** In order of preference. A null MX (RFC 7505) is one record with exchange ''. */
  mx(name: string, signal?: AbortSignal): Promise<DnsAnswer<MxRecord>>
  /** Character strings of each record joined. */
  txt(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>>
  /** Names of an address. */
  ptr(ip: string, signal?: AbortSignal): Promise<DnsAnswer<string>>
  srv(name: string, signal?: AbortSignal): Promise<DnsAnswer<SrvRecord>>
  tlsa(name: string, signal?: AbortSignal): Promise<DnsAnswer<TlsaRecord>>
  cname(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>>
}

export const DNS_RESOLVER = token<DnsResolver>('DnsResolver')

// From a DNS message to what was asked: follows aliases, tells "no such name" from "no such record", finds the time to live.
import type * as dns from 'dns-packet'
import { canonicalName } from './names.ts'
import type { DnsAnswer } from './resolver.ts'

export type Type = 'A' | 'AAAA' | 'MX' | 'TXT' | 'PTR' | 'SRV' | 'TLSA' | 'CNAME'

export const NOERROR = 0
export const FORMERR = 1
export const NXDOMAIN = 3

/** Names of the response codes for logs (RFC 1035 §4.1.1). */
export const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED']

/** With the upper bits that EDNS adds (RFC 6891 §6.1.3). */
export function rcodeOf(packet: dns.Packet): number {
  const opt = (packet.additionals ?? []).find((record) => record.type === 'OPT')
  const upper = opt?.type === 'OPT' ? opt.extendedRcode : 0
  return (upper << 4) | ((packet.flags ?? 0) & 15)
}

const MAX_TTL = 86_400
const MAX_NEGATIVE_TTL = 3 * 3600 // RFC 2308 §5
const MAX_ALIASES = 16

/** Data of the records of one type, in the form dns-packet gives them; `alias` is where an unfinished chain of CNAMEs ends. */
export interface RawAnswer extends DnsAnswer<unknown> {
  readonly alias: string | null
}

/** Null when the aliases form a loop. */
export function readAnswer(packet: dns.DecodedPacket, name: string, type: Type): RawAnswer | null {
  const answers = packet.answers ?? []
  let owner = canonicalName(name)
  let ttl = MAX_TTL
  for (let passed = 0; passed <= MAX_ALIASES; passed++) {
    const records = answers.filter((a) => a.type === type && canonicalName(a.name) === owner)
    if (records.length > 0) {
      for (const record of records) ttl = Math.min(ttl, ttlOf(record))
      return { status: 'ok', records: records.map(dataOf), ttl, secure: packet.flag_ad, alias: null }
    }
    const alias = answers.find((a) => a.type === 'CNAME' && canonicalName(a.name) === owner)
    if (alias?.type !== 'CNAME') return negative(packet, ttl, passed > 0, owner)
    ttl = Math.min(ttl, ttlOf(alias))
    owner = canonicalName(alias.data)
  }
  return null
}

function negative(packet: dns.DecodedPacket, ttl: number, aliased: boolean, owner: string): RawAnswer {
  const status = rcodeOf(packet) === NXDOMAIN ? 'nxdomain' : 'nodata'
  const answer = { status, records: [], secure: packet.flag_ad } as const
  const unfinished = aliased && status === 'nodata' && !(packet.authorities ?? []).some((a) => a.type === 'SOA')
  if (unfinished) return { ...answer, ttl, alias: owner }
  return { ...answer, ttl: Math.min(ttl, negativeTtl(packet)), alias: null }
}

/** RFC 2308 §5: the lesser of the SOA's own TTL and its minimum field; without SOA nothing may be kept. */
function negativeTtl(packet: dns.DecodedPacket): number {
  for (const record of packet.authorities ?? []) {
    if (record.type === 'SOA') return Math.min(ttlOf(record), record.data.minimum ?? 0, MAX_NEGATIVE_TTL)
  }
  return 0
}

function ttlOf(record: dns.Answer): number {
  const ttl = 'ttl' in record ? (record.ttl ?? 0) : 0
  return ttl > 0x7fffffff ? 0 : ttl // RFC 2181 §8
}

const dataOf = (record: dns.Answer): unknown => ('data' in record ? record.data : null)

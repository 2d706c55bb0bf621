// DNS data as plain objects: what the fake resolver and the tests' name server answer from.
import { canonicalName, reverseName } from './names.ts'
import type { MxRecord, SrvRecord, TlsaRecord } from './resolver.ts'

export interface ZoneName {
  readonly A?: readonly string[]
  readonly AAAA?: readonly string[]
  /** Preference and exchange; a null MX is `[0, '']`. */
  readonly MX?: readonly (readonly [number, string])[]
  readonly TXT?: readonly string[]
  readonly PTR?: readonly string[]
  /** Priority, weight, port, target. */
  readonly SRV?: readonly (readonly [number, number, number, string])[]
  /** Usage, selector, matching type, certificate data in hex. */
  readonly TLSA?: readonly (readonly [number, number, number, string])[]
  readonly CNAME?: string
  /** Instead of any answer. `hang` differs from `timeout` in the fake alone: it waits for the caller's signal. */
  readonly fail?: 'servfail' | 'refused' | 'timeout' | 'hang'
  /** Seconds; 300 when left out. */
  readonly ttl?: number
  /** Answers carry the AD bit. */
  readonly secure?: boolean
  /** UDP answers come truncated and empty. */
  readonly truncate?: boolean
}

/** Names in any letter case; an address as key stands for its name under in-addr.arpa or ip6.arpa. */
export type Zone = { readonly [name: string]: ZoneName }

export type ZoneType = 'A' | 'AAAA' | 'MX' | 'TXT' | 'PTR' | 'SRV' | 'TLSA' | 'CNAME'

export interface ZoneRecords {
  readonly A: string
  readonly AAAA: string
  readonly MX: MxRecord
  readonly TXT: string
  readonly PTR: string
  readonly SRV: SrvRecord
  readonly TLSA: TlsaRecord
  readonly CNAME: string
}

export interface ZoneAnswer<T extends ZoneType> {
  readonly status: 'ok' | 'nxdomain' | 'nodata' | 'servfail' | 'refused' | 'timeout' | 'hang'
  /** Names passed on the way, each with the name it stands for. */
  readonly aliases: readonly { readonly name: string; readonly target: string; readonly ttl: number }[]
  readonly records: readonly ZoneRecords[T][]
  /** The least on the way. */
  readonly ttl: number
  readonly secure: boolean
  readonly truncate: boolean
}

const MAX_ALIASES = 8

/** A zone that can change while it is served. */
export class ZoneData {
  readonly #names = new Map<string, ZoneName>()

  constructor(zone: Zone) {
    for (const [name, data] of Object.entries(zone)) this.set(name, data)
  }

  /** Replaces all that a name has; null removes it. */
  set(name: string, data: ZoneName | null): void {
    const key = reverseName(name) ?? canonicalName(name)
    if (data === null) this.#names.delete(key)
    else this.#names.set(key, data)
  }

  lookup<T extends ZoneType>(name: string, type: T): ZoneAnswer<T> {
    const aliases: { name: string; target: string; ttl: number }[] = []
    let at = canonicalName(name)
    for (;;) {
      const data = this.#names.get(at)
      const answer = (status: ZoneAnswer<T>['status'], records: readonly ZoneRecords[T][] = []): ZoneAnswer<T> => ({
        status,
        aliases,
        records,
        ttl: Math.min(data?.ttl ?? 300, ...aliases.map((alias) => alias.ttl)),
        secure: data?.secure ?? false,
        truncate: data?.truncate ?? false,
      })
      if (!data) return answer(this.#hasBelow(at) ? 'nodata' : 'nxdomain')
      if (data.fail) return answer(data.fail)
      const records = recordsOf(data, type)
      if (records.length > 0) return answer('ok', records)
      if (data.CNAME === undefined || type === 'CNAME') return answer('nodata')
      aliases.push({ name: at, target: canonicalName(data.CNAME), ttl: data.ttl ?? 300 })
      if (aliases.length > MAX_ALIASES) return answer('servfail')
      at = canonicalName(data.CNAME)
    }
  }

  /** A name without data exists if names lie below it (RFC 8020). */
  #hasBelow(name: string): boolean {
    for (const other of this.#names.keys()) if (other.endsWith('.' + name)) return true
    return false
  }
}

function recordsOf<T extends ZoneType>(data: ZoneName, type: T): readonly ZoneRecords[T][]
function recordsOf(data: ZoneName, type: ZoneType): readonly ZoneRecords[ZoneType][] {
  switch (type) {
    case 'MX':
      return (data.MX ?? []).map(([preference, exchange]) => ({ preference, exchange: canonicalName(exchange) }))
    case 'SRV':
      return (data.SRV ?? []).map(([priority, weight, port, target]) => ({ priority, weight, port, target }))
    case 'TLSA':
      return (data.TLSA ?? []).map(([usage, selector, matchingType, hex]) => ({
        usage,
        selector,
        matchingType,
        certificate: Buffer.from(hex, 'hex'),
      }))
    case 'CNAME':
      return data.CNAME === undefined ? [] : [canonicalName(data.CNAME)]
    default:
      return data[type] ?? []
  }
}

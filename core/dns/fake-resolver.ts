// A resolver that answers from data at hand: for tests and dry runs without a network.
import { temporary } from '../base/failure.ts'
import { reverseName } from './names.ts'
import type { DnsAnswer, DnsResolver } from './resolver.ts'
import { type Zone, ZoneData, type ZoneName, type ZoneRecords, type ZoneType } from './zone.ts'

export interface FakeResolver extends DnsResolver {
  /** All questions so far, as `TYPE name`. */
  readonly asked: readonly string[]
  /** Replaces all that a name has; null removes it. */
  set(name: string, data: ZoneName | null): void
}

/**
 * `{ 'example.com': { MX: [[10, 'mx.example.com']], TXT: ['v=spf1 -all'] }, '192.0.2.1': { PTR: ['mx.example.com'] } }`.
 * A name with `fail` throws as a time-out, SERVFAIL or REFUSED would; `hang` answers only to the signal.
 */
export function createFakeResolver(zone: Zone = {}): FakeResolver {
  const data = new ZoneData(zone)
  const asked: string[] = []

  async function ask<T extends ZoneType>(
    name: string,
    type: T,
    signal?: AbortSignal,
  ): Promise<DnsAnswer<ZoneRecords[T]>> {
    asked.push(`${type} ${name}`)
    const { status, records, ttl, secure } = data.lookup(name, type)
    if (status === 'hang') await aborted(name, type, signal)
    if (signal?.aborted) throw temporary(`DNS: ${type} ${name}: given up`)
    if (status === 'ok' || status === 'nxdomain' || status === 'nodata') return { status, records, ttl, secure }
    throw temporary(`DNS: ${type} ${name}: ${status}`)
  }

  return {
    asked,
    set: (name, names) => data.set(name, names),
    a: (name, signal) => ask(name, 'A', signal),
    aaaa: (name, signal) => ask(name, 'AAAA', signal),
    mx: async (name, signal) => {
      const answer = await ask(name, 'MX', signal)
      return { ...answer, records: [...answer.records].sort((x, y) => x.preference - y.preference) }
    },
    txt: (name, signal) => ask(name, 'TXT', signal),
    ptr: (ip, signal) => ask(reverseName(ip) ?? ip, 'PTR', signal),
    srv: (name, signal) => ask(name, 'SRV', signal),
    tlsa: (name, signal) => ask(name, 'TLSA', signal),
    cname: (name, signal) => ask(name, 'CNAME', signal),
  }
}

function aborted(name: string, type: string, signal?: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const giveUp = () => reject(temporary(`DNS: ${type} ${name}: given up`))
    if (signal?.aborted) giveUp()
    else signal?.addEventListener('abort', giveUp, { once: true })
  })
}

// Our resolver in the shape that mailauth asks for: answers as node:dns gives them, failures by code.
import { type DnsAnswer, type DnsResolver, Failure } from 'estafeta/plugin'

export type NodeResolver = (name: string, type: string) => Promise<string[]>

/** A final dot, which SPF macros may leave, is no part of a name here. */
const bare = (name: string) => name.replace(/\.$/, '')

/** Every question ends with the signal; what is no answer throws with code ETIMEOUT. */
export function nodeResolver(dns: DnsResolver, signal: AbortSignal): NodeResolver {
  const ask = async (name: string, type: string): Promise<unknown[]> => {
    switch (type) {
      case 'A':
        return records(await dns.a(bare(name), signal), name)
      case 'AAAA':
        return records(await dns.aaaa(bare(name), signal), name)
      case 'MX':
        return records(await dns.mx(bare(name), signal), name).map((mx) => ({
          priority: mx.preference,
          exchange: mx.exchange,
        }))
      case 'TXT':
        return records(await dns.txt(bare(name), signal), name).map((text) => [text])
      case 'CNAME':
        return records(await dns.cname(bare(name), signal), name)
      case 'PTR':
        return records(await dns.ptr(addressOf(bare(name)), signal), name)
      default:
        throw coded('ENOTIMP', `${type} ${name}`)
    }
  }
  return async (name, type) => {
    if (signal.aborted) throw coded('ETIMEOUT', name)
    try {
      // mailauth's own types know TXT records alone
      return (await ask(name, type)) as string[]
    } catch (error) {
      throw error instanceof Failure ? coded('ETIMEOUT', error.detail) : error
    }
  }
}

function records<T>(answer: DnsAnswer<T>, name: string): T[] {
  if (answer.status === 'nxdomain') throw coded('ENOTFOUND', name)
  if (answer.status === 'nodata' || answer.records.length === 0) throw coded('ENODATA', name)
  return [...answer.records]
}

/** As much of an error as mailauth reads: no stack, since most messages ask for a name that is not there. */
const coded = (code: string, text: string) => ({ code, message: `${code} ${text}` })

/** `1.2.0.192.in-addr.arpa` and the 32 nibbles of `ip6.arpa` as the address that they name (RFC 1035 §3.5, RFC 3596 §2.5). */
export function addressOf(name: string): string {
  const labels = name.toLowerCase().split('.')
  if (labels.length === 6 && name.endsWith('in-addr.arpa')) return labels.slice(0, 4).reverse().join('.')
  if (labels.length === 34 && name.endsWith('ip6.arpa'))
    return labels.slice(0, 32).reverse().join('').match(/.{4}/g)!.join(':')
  return name
}

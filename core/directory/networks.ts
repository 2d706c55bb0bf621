// IP addresses as octets, and CIDR blocks over them: for lookup tables keyed by network.
import { isIP } from '../base/ip.ts'

export interface Network {
  readonly octets: Uint8Array
  readonly bits: number
}

/** 4 or 16 octets; an IPv4 address mapped into IPv6 gives its 4. null when it is no address. */
export function ipOctets(text: string): Uint8Array | null {
  const version = isIP(text)
  if (version === 4) return Uint8Array.from(text.split('.'), Number)
  if (version !== 6) return null
  const plain = text.replace(/%.*$/, '').replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) => {
    const group = (high: string, low: string): string => (Number(high) * 256 + Number(low)).toString(16)
    return `${group(a, b)}:${group(c, d)}`
  })
  const [head = '', tail] = plain.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right]
  const octets = Uint8Array.from(groups.flatMap((g) => [Number.parseInt(g, 16) >> 8, Number.parseInt(g, 16) & 255]))
  const mapped = octets.slice(0, 10).every((o) => o === 0) && octets[10] === 255 && octets[11] === 255
  return mapped ? octets.slice(12) : octets
}

/** `address/bits`, or an address for itself alone. */
export function parseNetwork(text: string): Network | null {
  const [address = '', length, more] = text.replace(/^\[|\]$/g, '').split('/')
  const octets = ipOctets(address.replace(/\]$/, ''))
  if (!octets || more !== undefined) return null
  if (length === undefined) return { octets, bits: octets.length * 8 }
  return /^\d{1,3}$/.test(length) && Number(length) <= octets.length * 8 ? { octets, bits: Number(length) } : null
}

/** The address with all bits after the first `bits` cleared, as a key that tells IPv4 from IPv6. */
export function maskedKey(octets: Uint8Array, bits: number): string {
  const kept = octets.map((octet, i) => octet & (0xff00 >> Math.max(0, Math.min(8, bits - i * 8))) & 0xff)
  return `${Buffer.from(kept).toString('hex')}/${bits}`
}

/** The address and its shorter prefixes as table keys, longest first: `192.0.2.1 192.0.2 192.0 192`; IPv6 by groups, also after `ipv6:`. */
export function prefixKeys(ip: string): string[] {
  const octets = ipOctets(ip)
  if (!octets) return [ip.toLowerCase()]
  if (octets.length === 4) return [4, 3, 2, 1].map((n) => octets.subarray(0, n).join('.'))
  const groups = Array.from({ length: 8 }, (_, i) => (octets[2 * i]! * 256 + octets[2 * i + 1]!).toString(16))
  const prefixes = [ip.toLowerCase(), ...[8, 7, 6, 5, 4, 3, 2, 1].map((n) => groups.slice(0, n).join(':'))]
  return prefixes.flatMap((prefix) => [prefix, `ipv6:${prefix}`])
}

// IP addresses as text. What node:net asks an expression that takes 5 ms and more to compile, the system's own parser answers.
import { isIPv4, SocketAddress } from 'node:net'

const IPV6_CHARACTERS = /^[\da-f:.]+(%[\da-z.:-]+)?$/i

export function isIPv6(text: string): boolean {
  if (!text.includes(':') || !IPV6_CHARACTERS.test(text)) return false
  try {
    new SocketAddress({ address: text, family: 'ipv6' })
    return true
  } catch {
    return false
  }
}

/** An IPv4 address that is written as one of IPv6 (RFC 4291 §2.5.5.2) as itself; any other stays. */
export function unmapped(address: string): string {
  if (!/^[0:]*:ffff:/i.test(address)) return address
  const text = new SocketAddress({ address, family: 'ipv6' }).address
  return text.startsWith('::ffff:') ? text.slice(7) : text
}

/** 4, 6, or 0 for what is no address. */
export const isIP = (text: string): 0 | 4 | 6 => (isIPv4(text) ? 4 : isIPv6(text) ? 6 : 0)

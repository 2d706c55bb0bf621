// Names of addresses in the DNS, and which names can stand in a question at all.
import { isIPv4 } from 'node:net'
import { isIPv6 } from '../base/ip.ts'

/** `192.0.2.1` → `1.2.0.192`; IPv6 in nibbles (RFC 3596 §2.5). Null when `ip` is no address. */
export function reverseLabels(ip: string): string | null {
  if (isIPv4(ip)) return ip.split('.').reverse().join('.')
  if (!isIPv6(ip)) return null
  return expandIPv6(ip).reverse().join('.')
}

/** The name that holds the PTR records of an address; null when `ip` is none. */
export function reverseName(ip: string): string | null {
  const labels = reverseLabels(ip)
  return labels === null ? null : `${labels}.${isIPv4(ip) ? 'in-addr' : 'ip6'}.arpa`
}

/** 32 nibbles. */
function expandIPv6(ip: string): string[] {
  let text = ip.replace(/%.*$/, '')
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text)
  if (dotted) {
    const [a, b, c, d] = dotted.slice(1).map(Number) as [number, number, number, number]
    text = `${text.slice(0, dotted.index)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
  }
  const [left = '', right] = text.split('::') as [string, string?]
  const head = left === '' ? [] : left.split(':')
  const tail = right === undefined || right === '' ? [] : right.split(':')
  const gap = right === undefined ? [] : new Array<string>(8 - head.length - tail.length).fill('0')
  return [...head, ...gap, ...tail].flatMap((group) => [...group.padStart(4, '0').toLowerCase()])
}

/** The form in which names are compared and kept: lower case, no final dot. */
export const canonicalName = (name: string): string => (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase()

/** True if the name fits a question: labels of 1-63 octets, 253 in all (RFC 1035 §2.3.4). */
export function isAskable(name: string): boolean {
  return name !== '' && Buffer.byteLength(name) <= 253 && name.split('.').every(isLabel)
}

function isLabel(label: string): boolean {
  const octets = Buffer.byteLength(label)
  return octets >= 1 && octets <= 63
}

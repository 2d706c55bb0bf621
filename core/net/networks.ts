// Sets of client addresses: CIDR blocks, loopback, and the textual forms that one address can take.
import { BlockList, isIPv4 } from 'node:net'
import { isIP, isIPv6 } from '../base/ip.ts'
import { err, ok, type Result } from '../base/result.ts'

export interface Networks {
  contains(ip: string): boolean
}

/** An address in the form that logs and tables use: IPv4 mapped into IPv6 becomes IPv4, a zone is cut off. */
export function normalIp(ip: string): string {
  const zone = ip.indexOf('%')
  const address = zone < 0 ? ip : ip.slice(0, zone)
  if (!address.startsWith('::ffff:')) return address
  const mapped = address.slice(7)
  return isIPv4(mapped) ? mapped : address
}

/** Checks one `address` or `address/prefix`; the error says what is wrong. */
export function parseNetwork(text: string): Result<{ address: string; prefix: number; family: 'ipv4' | 'ipv6' }> {
  const [address = '', bits, ...more] = text.trim().split('/')
  const version = isIP(address)
  if (version === 0 || more.length > 0) return err(`'${text}' is no address or address/prefix`)
  const size = version === 4 ? 32 : 128
  const prefix = bits === undefined ? size : /^\d{1,3}$/.test(bits) ? Number(bits) : -1
  if (prefix < 0 || prefix > size) return err(`'${text}': the prefix is a number from 0 to ${size}`)
  return ok({ address, prefix, family: version === 4 ? 'ipv4' : 'ipv6' })
}

/** Throws a TypeError that names the first block that is no CIDR block. */
export function createNetworks(blocks: readonly string[]): Networks {
  const list = new BlockList()
  for (const block of blocks) {
    const parsed = parseNetwork(block)
    if (!parsed.ok) throw new TypeError(parsed.error)
    list.addSubnet(parsed.value.address, parsed.value.prefix, parsed.value.family)
  }
  const check = (ip: string): boolean => {
    const address = normalIp(ip)
    if (isIPv4(address)) return list.check(address, 'ipv4')
    return isIPv6(address) && list.check(address, 'ipv6')
  }
  // a client is looked up several times a connection, and comes again
  const known = new Map<string, boolean>()
  return {
    contains(ip) {
      let found = known.get(ip)
      if (found !== undefined) return found
      if (known.size >= KNOWN_MAX) known.clear()
      found = check(ip)
      known.set(ip, found)
      return found
    },
  }
}

/** Addresses whose answer is remembered. */
const KNOWN_MAX = 2000

/** 127.0.0.0/8 and ::1. */
export function isLoopback(ip: string): boolean {
  const address = normalIp(ip)
  return address === '::1' || (address.startsWith('127.') && isIPv4(address))
}

/** What limits count as one client: an IPv4 address, or the /64 of an IPv6 address. */
export function clientKey(ip: string): string {
  const address = normalIp(ip)
  if (!isIPv6(address)) return address
  const [head = '', tail = ''] = address.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === '' ? [] : tail.split(':')
  const middle = address.includes('::') ? Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0') : []
  return [...left, ...middle, ...right].slice(0, 4).join(':') + '::/64'
}

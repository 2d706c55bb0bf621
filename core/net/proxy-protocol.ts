// The PROXY protocol, versions 1 and 2: a trusted load balancer says who the client is before the client's first octet.
import { isIPv4, type Socket, SocketAddress } from 'node:net'
import type { Clock } from '../base/clock.ts'
import { isIPv6 } from '../base/ip.ts'
import { normalIp } from './networks.ts'

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
/** Longest header of version 1, its line end included. */
const V1_MAX = 107
const V2_FIXED = 16
/** Addresses and extensions that version 2 may carry; more than any proxy sends. */
const V2_MAX = 4096
export const PROXY_TIMEOUT_MS = 10_000

export interface ProxyAddresses {
  readonly remoteIp: string
  readonly remotePort: number
  readonly localIp: string
  readonly localPort: number
}

/** `length`: octets of the header. `addresses` is null when the proxy speaks for itself (UNKNOWN, LOCAL). */
export type ProxyHeader =
  | { readonly kind: 'header'; readonly length: number; readonly addresses: ProxyAddresses | null }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'invalid' }

const INCOMPLETE: ProxyHeader = { kind: 'incomplete' }
const INVALID: ProxyHeader = { kind: 'invalid' }

/** Parses the start of a connection. */
export function parseProxyHeader(octets: Buffer): ProxyHeader {
  if (octets.length === 0) return INCOMPLETE
  if (octets[0] === SIGNATURE[0]) return parseVersion2(octets)
  return parseVersion1(octets)
}

function parseVersion1(octets: Buffer): ProxyHeader {
  const start = octets.subarray(0, 6).toString('latin1')
  if (start !== 'PROXY '.slice(0, start.length)) return INVALID
  const end = octets.indexOf('\r\n')
  if (end < 0) return octets.length >= V1_MAX ? INVALID : INCOMPLETE
  if (end + 2 > V1_MAX) return INVALID
  const words = octets.toString('latin1', 0, end).split(' ')
  const length = end + 2
  if (words[1] === 'UNKNOWN') return { kind: 'header', length, addresses: null }
  const isAddress = words[1] === 'TCP4' ? isIPv4 : words[1] === 'TCP6' ? isIPv6 : null
  const [, , remote = '', local = '', remotePort = '', localPort = ''] = words
  if (isAddress === null || words.length !== 6 || !isAddress(remote) || !isAddress(local)) return INVALID
  if (!isPort(remotePort) || !isPort(localPort)) return INVALID
  const [remoteIp, localIp] = words[1] === 'TCP4' ? [remote, local] : [plainIpv6(remote), plainIpv6(local)]
  const ports = { remotePort: Number(remotePort), localPort: Number(localPort) }
  return { kind: 'header', length, addresses: { remoteIp, localIp, ...ports } }
}

const isPort = (text: string): boolean => /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535

function parseVersion2(octets: Buffer): ProxyHeader {
  const seen = Math.min(octets.length, SIGNATURE.length)
  if (!octets.subarray(0, seen).equals(SIGNATURE.subarray(0, seen))) return INVALID
  if (octets.length < V2_FIXED) return INCOMPLETE
  const rest = octets.readUInt16BE(14)
  const version = octets[12]! >> 4
  const command = octets[12]! & 15
  if (version !== 2 || command > 1 || rest > V2_MAX) return INVALID
  const length = V2_FIXED + rest
  if (octets.length < length) return INCOMPLETE
  if (command === 0) return { kind: 'header', length, addresses: null }
  return version2Addresses(octets, length)
}

function version2Addresses(octets: Buffer, length: number): ProxyHeader {
  const family = octets[13]! >> 4
  if (family === 1 && length >= V2_FIXED + 12) {
    const ip = (at: number): string => octets.subarray(at, at + 4).join('.')
    return { kind: 'header', length, addresses: v2(octets, ip(16), ip(20), 24) }
  }
  if (family === 2 && length >= V2_FIXED + 36) {
    return { kind: 'header', length, addresses: v2(octets, ipv6At(octets, 16), ipv6At(octets, 32), 48) }
  }
  return family === 0 || family === 3 ? { kind: 'header', length, addresses: null } : INVALID
}

const v2 = (octets: Buffer, remoteIp: string, localIp: string, ports: number): ProxyAddresses => ({
  remoteIp,
  localIp,
  remotePort: octets.readUInt16BE(ports),
  localPort: octets.readUInt16BE(ports + 2),
})

function ipv6At(octets: Buffer, at: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => octets.readUInt16BE(at + 2 * i).toString(16))
  return plainIpv6(groups.join(':'))
}

/**
 * The address as the kernel would have told it: in the short form, and IPv4 where the proxy's own socket serves both
 * families and IPv4 came mapped into IPv6.
 */
const plainIpv6 = (address: string): string => normalIp(new SocketAddress({ address, family: 'ipv6' }).address)

/**
 * Reads the header from a paused socket and leaves what follows it unread. null: the proxy speaks for itself.
 * Rejects when there is no valid header, or it does not come in time.
 */
export function readProxyHeader(socket: Socket, clock: Clock): Promise<ProxyAddresses | null> {
  return new Promise((resolve, reject) => {
    let octets: Buffer = Buffer.alloc(0)
    const settle = (): void => {
      timer.cancel()
      socket.pause()
      socket.off('data', read)
      socket.off('end', closed)
      socket.off('close', closed)
    }
    const fail = (why: string): void => {
      settle()
      reject(new Error(why))
    }
    const closed = (): void => fail('connection closed before the PROXY header')
    const read = (chunk: Buffer): void => {
      octets = Buffer.concat([octets, chunk])
      const header = parseProxyHeader(octets)
      if (header.kind === 'incomplete') return
      if (header.kind === 'invalid') {
        fail('no valid PROXY header')
        return
      }
      settle()
      if (octets.length > header.length) socket.unshift(octets.subarray(header.length))
      resolve(header.addresses)
    }
    const timer = clock.after(PROXY_TIMEOUT_MS, () => fail('the PROXY header took too long'))
    socket.on('data', read)
    socket.on('end', closed)
    socket.on('close', closed)
    socket.resume()
  })
}

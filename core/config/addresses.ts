// What stands in a listen list or a relay: `*:25`, `127.0.0.1:25`, `[::1]:25`, `/run/lmtp.sock`, `[host]:587`, `host`.
import { domainToASCII } from 'node:url'
import { isIP } from '../base/ip.ts'
import { err, ok, type Result } from '../base/result.ts'

export interface ListenAddress {
  /** `*` for all addresses, an IP address, or '' for a socket path. */
  readonly host: string
  readonly port: number
  readonly path: string | null
}

const EXPECTED =
  'expected an address with a port, such as "*:25", "127.0.0.1:25" or "[::1]:25", or the path of a socket'

export function parseListenAddress(text: string): Result<ListenAddress> {
  if (text.startsWith('/')) return ok({ host: '', port: 0, path: text })
  const match = /^(\*|\[[^\]]*\]|[^:]*):(\d+)$/.exec(text)
  if (!match) return err(EXPECTED)
  const port = Number(match[2])
  if (port > 65535) return err(`port ${port} is above 65535`)
  const host = match[1]!.replace(/^\[|\]$/g, '')
  if (host === '*') return ok({ host, port, path: null })
  if (host === 'localhost') return ok({ host: '127.0.0.1', port, path: null })
  return isIP(host) > 0 ? ok({ host, port, path: null }) : err(EXPECTED)
}

/** A CIDR block, or one address. */
export function isNetwork(text: string): boolean {
  const [address = '', bits, more] = text.split('/')
  const version = isIP(address)
  if (version === 0 || more !== undefined) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128))
}

/** A host name or domain in A-labels and lower case; null when it is none. */
export function domainKey(text: string): string | null {
  const ascii = domainToASCII(text).toLowerCase()
  const labels = ascii.split('.')
  const fits = ascii.length <= 255 && labels.every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label))
  return ascii !== '' && fits && isIP(ascii) === 0 ? ascii : null
}

/** `[host]:port`, `host:port`, `[ip]`, `host`: where a relay is. */
export function isRelayHost(text: string): boolean {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text)
  if (!match || Number(match[3] ?? 25) > 65535 || Number(match[3] ?? 25) === 0) return false
  const host = match[1] ?? match[2]!
  return isIP(host.replace(/^IPv6:/i, '')) > 0 || domainKey(host) !== null
}

/** A name server: `ip`, `ip:port` or `[ip]:port`. */
export function isNameServer(text: string): boolean {
  if (isIP(text) > 0) return true
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text)
  return match !== null && isIP(match[1] ?? match[2]!) > 0 && Number(match[3]) > 0 && Number(match[3]) <= 65535
}

// Which name servers to ask: those of the configuration, or else those of the system.
import { readFileSync } from 'node:fs'
import { isIP, isIPv6 } from '../base/ip.ts'
import { err, ok, type Result } from '../base/result.ts'
import type { NameServer } from './exchange.ts'

/** `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:5353`. */
export function parseNameServer(text: string): Result<NameServer> {
  if (isIP(text.replace(/%.*$/, '')) !== 0) return ok({ host: text, port: 53 })
  const parts = /^(?:\[(.+)\]|([^:]+)):(\d{1,5})$/.exec(text)
  const host = parts?.[1] ?? parts?.[2] ?? ''
  const port = Number(parts?.[3])
  if (isIP(host) === 0 || port < 1 || port > 65535) return err(`'${text}' is not an address or address:port`)
  return ok({ host, port })
}

/** The `nameserver` lines of resolv.conf(5); none: the machine itself, as its manual says. */
export function systemNameServers(path = '/etc/resolv.conf'): NameServer[] {
  let text = ''
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    // no such file is the same as an empty one
  }
  const servers = [...text.matchAll(/^[ \t]*nameserver[ \t]+(\S+)/gm)]
    .map((match) => parseNameServer(match[1]!))
    .flatMap((server) => (server.ok ? [server.value] : []))
  return servers.length > 0 ? servers : [{ host: '127.0.0.1', port: 53 }]
}

/** Reached without leaving the machine: nobody else can have written its answers. */
export const isLoopback = (host: string): boolean => (isIPv6(host) ? host === '::1' : host.startsWith('127.'))

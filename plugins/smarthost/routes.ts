// The text forms of next hops: hosts with or without brackets, and the entries of a transport map.
import { type Reply, replies } from 'estafeta/plugin'

export interface RelayHost {
  readonly name: string
  readonly port: number
  /** Without brackets the name is a domain whose MX records are asked for. */
  readonly mx: boolean
}

export type Route =
  | { readonly kind: 'hosts'; readonly hosts: readonly RelayHost[] }
  /** By the domain's own MX records: the courier of deliver-smtp. */
  | { readonly kind: 'direct' }
  | { readonly kind: 'discard' }
  | { readonly kind: 'error'; readonly reply: Reply }

/** `[host]:port`, `host:port`, the port left out; null for anything else. */
export function parseRelayHost(text: string, defaultPort: number): RelayHost | null {
  const match = /^(?:\[(?:IPv6:)?([^\]\s]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/i.exec(text)
  if (!match) return null
  const port = Number(match[3] ?? defaultPort)
  const name = (match[1] ?? match[2]!).toLowerCase()
  return port >= 1 && port <= 65535 ? { name, port, mx: match[1] === undefined } : null
}

/** The name of a next hop: all its hosts in the form in which they are configured. */
export const formatHosts = (hosts: readonly RelayHost[]): string =>
  hosts.map(({ name, port, mx }) => `${mx ? name : `[${name}]`}:${port}`).join(',')

/** `[host]:port`, `host`, several with commas between them; `smtp`; `discard`; `error:5.7.1 text`. Null for anything else. */
export function parseRoute(text: string, defaultPort: number): Route | null {
  if (text === 'smtp') return { kind: 'direct' }
  if (text === 'discard') return { kind: 'discard' }
  if (text.startsWith('error:')) return parseError(text.slice('error:'.length).trim())
  const hosts = text.split(',').map((host) => parseRelayHost(host.trim(), defaultPort))
  return hosts.every((host) => host !== null) ? { kind: 'hosts', hosts } : null
}

/** A status code at the start decides between bounce and delay; without one it is 5.7.1. */
function parseError(text: string): Route {
  const [, status, rest] = /^([45]\.\d{1,3}\.\d{1,3})\s+(.+)$/.exec(text) ?? []
  if (status === undefined || rest === undefined) {
    return { kind: 'error', reply: replies.accessDenied(text || 'This address takes no mail') }
  }
  return { kind: 'error', reply: { code: status.startsWith('4') ? 450 : 550, enhanced: status, text: rest } }
}

/** The entry for a domain: itself, then `.domain` for each domain above it, then `*`. */
export function routeFor(domain: string, routes: ReadonlyMap<string, Route>): Route | null {
  const exact = routes.get(domain)
  if (exact) return exact
  for (let dot = domain.indexOf('.'); dot >= 0; dot = domain.indexOf('.', dot + 1)) {
    const above = routes.get(domain.slice(dot))
    if (above) return above
  }
  return routes.get('*') ?? null
}

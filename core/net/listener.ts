// Binds one listener of the configuration and hands each connection to its service, after PROXY header and implicit TLS.
import { chmodSync, rmSync, statSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { ListenerSettings } from '../config/site.ts'
import { bindAddress, listen } from './bind.ts'
import { createNetworks, type Networks, normalIp } from './networks.ts'
import { type ProxyAddresses, readProxyHeader } from './proxy-protocol.ts'
import type { Connection, ProtocolService } from './service.ts'
import type { TlsService } from './tls.ts'

/** Connections of one listener within their PROXY header or TLS handshake, before admission counts them. */
const PENDING_MAX = 1000
/** Services that speak TLS from the first octet (RFC 8314 §3). */
const IMPLICIT_TLS = new Set(['submissions', 'imaps', 'pop3s'])

export interface ListenerDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly tls: TlsService | null
  readonly protocols: 'all' | 'ipv4' | 'ipv6'
  /** A socket that is bound already: by the broker, or as a descriptor from systemd. */
  readonly bound?: Server | { readonly fd: number }
}

export interface Listener {
  readonly settings: ListenerSettings
  /** The port in use (the one chosen, when 0 was asked for); 0 for a path. */
  readonly port: number
  /** Takes no more connections; those that are open stay. */
  close(): Promise<void>
}

/**
 * `host` `*` means every address of the protocols in use. Options of a listener: `proxyProtocol` (true, or the CIDR
 * blocks of the proxies; true trusts loopback alone) and, for a path, `mode` (octal text, `0666` by default).
 * Rejects with a temporary Failure that says which address could not be bound, and why.
 */
export async function openListener(
  settings: ListenerSettings,
  service: ProtocolService,
  deps: ListenerDeps,
): Promise<Listener> {
  const proxies = proxyNetworks(settings.options.proxyProtocol)
  const direct = proxies === null && !IMPLICIT_TLS.has(settings.service)
  let pending = 0
  let local: LocalAddress | null = null
  const server = createServer({ pauseOnConnect: !direct, noDelay: true, allowHalfOpen: true }, (socket) => {
    socket.on('error', ignore)
    const { localIp, localPort } = local ?? localOf(socket)
    // a peer on a unix socket counts as this machine
    const remoteIp = normalIp(socket.remoteAddress ?? '127.0.0.1')
    const addresses = { remoteIp, remotePort: socket.remotePort ?? 0, localIp, localPort }
    if (direct) {
      service.accept({ socket, listener: settings, ...addresses })
      return
    }
    if (pending >= PENDING_MAX) {
      socket.destroy()
      return
    }
    pending += 1
    prepare(socket, addresses, settings, deps, proxies)
      .then((connection) => service.accept(connection))
      .catch((error: Error) => {
        deps.log.info(`${settings.service}: connection ended early: ${error.message}`, { ip: addresses.remoteIp })
        socket.destroy()
      })
      .finally(() => {
        pending -= 1
      })
  })
  await bind(server, settings, deps)
  local = localOfAll(server)
  server.on('error', (error) => deps.log.error(`${settings.service}: ${error.message}`))
  const address = server.address()
  return {
    settings,
    port: typeof address === 'object' && address !== null ? address.port : 0,
    async close() {
      server.close()
    },
  }
}

type LocalAddress = Pick<ProxyAddresses, 'localIp' | 'localPort'>

const ignore = (): void => {}

function proxyNetworks(option: unknown): Networks | null {
  if (option === undefined || option === false) return null
  return createNetworks(Array.isArray(option) ? option.map(String) : ['127.0.0.0/8', '::1'])
}

const localOf = (socket: Socket): LocalAddress => ({
  localIp: normalIp(socket.localAddress ?? '127.0.0.1'),
  localPort: socket.localPort ?? 0,
})

/** The same for all connections of a server; null where it is every address of the machine. */
function localOfAll(server: Server): LocalAddress | null {
  const bound = server.address()
  if (bound === null || typeof bound === 'string') return { localIp: '127.0.0.1', localPort: 0 }
  if (bound.address === '::' || bound.address === '0.0.0.0') return null
  return { localIp: normalIp(bound.address), localPort: bound.port }
}

/** PROXY header and TLS handshake, where there are such. */
async function prepare(
  socket: Socket,
  direct: ProxyAddresses,
  settings: ListenerSettings,
  deps: ListenerDeps,
  proxies: Networks | null,
): Promise<Connection> {
  let addresses = direct
  if (proxies !== null) {
    if (!proxies.contains(direct.remoteIp)) throw new Error('not one of the trusted proxies')
    addresses = (await readProxyHeader(socket, deps.clock)) ?? direct
  }
  if (!IMPLICIT_TLS.has(settings.service)) return { socket, listener: settings, ...addresses }
  if (deps.tls === null) throw new Error('no certificate')
  const secure = await deps.tls.upgrade(socket)
  secure.on('error', ignore)
  return { socket: secure, listener: settings, ...addresses }
}

async function bind(server: Server, settings: ListenerSettings, deps: ListenerDeps): Promise<void> {
  if (deps.bound !== undefined) return listen(server, deps.bound, settings)
  if (settings.path === null) return bindAddress(server, settings, deps.protocols)
  await removeStaleSocket(settings.path)
  await listen(server, { path: settings.path }, settings)
  chmodSync(settings.path, Number.parseInt(String(settings.options.mode ?? '0666'), 8))
}

/** Removes a socket file that nobody answers on any more; one that is in use stays, and binding it fails. */
async function removeStaleSocket(path: string): Promise<void> {
  if (!statSync(path, { throwIfNoEntry: false })?.isSocket()) return
  const alive = await new Promise<boolean>((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
  if (!alive) rmSync(path, { force: true })
}

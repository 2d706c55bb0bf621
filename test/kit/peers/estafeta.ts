// Estafeta as its operators start it: `bin/estafeta serve` with the internet-site profile, on free loopback ports.
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { type Daemon, listening, scratch, startDaemon } from '../daemon.ts'
import { freePorts } from '../free-port.ts'

export interface EstafetaOptions {
  readonly domain: string
  /** Local parts with their passwords. */
  readonly users: { readonly [name: string]: string }
  readonly tls?: { readonly cert: string; readonly key: string }
  /** Merged over the settings, in the configuration file's form. */
  readonly config?: { readonly [key: string]: unknown }
}

const SERVICES = ['smtp', 'submission', 'submissions', 'lmtp', 'imap', 'imaps', 'pop3', 'pop3s'] as const

export type Estafeta = Daemon & { readonly [service in (typeof SERVICES)[number]]: number }

const ROOT = fileURLToPath(
  new URL(import.meta.url.includes('/dist/test/') ? '../../../../' : '../../../', import.meta.url),
)
const UID = 5000

export const estafetaVersion = (): string =>
  (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }).version

/** What runs is the build in dist/. Clients on loopback are strangers to it. */
export async function startEstafeta(options: EstafetaOptions): Promise<Estafeta> {
  const ports = await freePorts(SERVICES.length)
  const { path: folder, remove } = scratch('site')
  mkdirSync(join(folder, 'data'))
  const users = Object.entries(options.users).map(
    ([name, password]) => [`${name}@${options.domain}`, { password: `{PLAIN}${password}` }] as const,
  )
  writeFileSync(join(folder, 'users.yaml'), stringify({ users: Object.fromEntries(users) }))
  const config = {
    profile: 'internet-site',
    hostname: 'mx.estafeta.test',
    domains: [options.domain],
    postmaster: users[0]?.[0] ?? `postmaster@${options.domain}`,
    data: 'data',
    users: { file: 'users.yaml' },
    networks: [],
    ...(options.tls ? { tls: ownTls(folder, options.tls) } : {}),
    listen: Object.fromEntries(SERVICES.map((service, i) => [service, [`127.0.0.1:${ports[i]}`]])),
    limits: { connectionsPerClient: 1000, connectionsPerMinute: 1_000_000 },
    // nothing that asks the network
    plugins: { 'spf-dkim-dmarc': { enabled: false } },
    ...options.config,
  }
  writeFileSync(join(folder, 'estafeta.yaml'), stringify(config))
  const asRoot = process.getuid?.() === 0
  if (asRoot) for (const name of ['', 'data', 'users.yaml', 'estafeta.yaml']) chownSync(join(folder, name), UID, UID)
  const daemon = startDaemon(join(ROOT, 'bin/estafeta'), ['--config', join(folder, 'estafeta.yaml'), 'serve'], {
    env: { ...process.env, HOME: folder },
    ...(asRoot ? { uid: UID, gid: UID } : {}),
  })
  void daemon.ended.then(remove)
  for (const port of ports) await listening(daemon, { port })
  return {
    ...daemon,
    ...(Object.fromEntries(SERVICES.map((service, i) => [service, ports[i]])) as {
      [s in (typeof SERVICES)[number]]: number
    }),
  }
}

/** Copies that the server's own user can read. */
function ownTls(folder: string, tls: { readonly cert: string; readonly key: string }) {
  for (const name of ['cert', 'key'] as const) {
    const path = join(folder, name)
    writeFileSync(path, readFileSync(tls[name]))
    chmodSync(path, 0o600)
    if (process.getuid?.() === 0) chownSync(path, UID, UID)
  }
  return { cert: 'cert', key: 'key' }
}

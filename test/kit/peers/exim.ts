// A private Exim, unpacked aside since it conflicts with Postfix: takes any mail and drops it, or relays it.
import { chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemUser } from '../accounts.ts'
import { type Daemon, listening, scratch, startDaemon } from '../daemon.ts'
import { freePort } from '../free-port.ts'
import { needPackages, peerEnvironment, peerPath } from '../peers.ts'

export interface Exim extends Daemon {
  readonly port: number
}

/** Needs root, as Exim does. */
export async function startExim(options: { relay?: { host: string; port: number } } = {}): Promise<Exim> {
  await needPackages(['exim4-daemon-light'])
  // compiled in by Debian
  const user = systemUser('Debian-exim')
  const folder = scratch('exim')
  const port = await freePort()
  for (const name of ['spool', 'log']) {
    mkdirSync(join(folder.path, name))
    chownSync(join(folder.path, name), user, -1)
  }
  const config = join(folder.path, 'exim.conf')
  const router = options.relay
    ? `  driver = manualroute
  route_list = * ${options.relay.host}::${options.relay.port} byname
  transport = smtp
  self = send
`
    : '  driver = redirect\n  data = :blackhole:\n'
  writeFileSync(
    config,
    `exim_path = ${peerPath('exim4-daemon-light', 'usr/sbin/exim4')}
spool_directory = ${folder.path}/spool
log_file_path = ${folder.path}/log/%slog
pid_file_path = ${folder.path}/spool/exim.pid
primary_hostname = exim.test
local_interfaces = 127.0.0.1
daemon_smtp_ports = ${port}
host_lookup =
tls_advertise_hosts =
rfc1413_query_timeout = 0s
keep_environment =
acl_smtp_rcpt = accept
begin routers
all:
${router}begin transports
smtp:
  driver = smtp
  hosts_avoid_tls = *
`,
  )
  const daemon = startDaemon(peerPath('exim4-daemon-light', 'usr/sbin/exim4'), ['-C', config, '-bdf'], {
    env: peerEnvironment('exim4-daemon-light'),
  })
  void daemon.ended.then(folder.remove)
  await listening(daemon, { port })
  return { ...daemon, port }
}

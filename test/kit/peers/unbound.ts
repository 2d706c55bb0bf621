// A private unbound that forwards everything to one DNS server of the test: for tools that take unbound's configuration.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Daemon, listening, scratch, startDaemon } from '../daemon.ts'
import { freePort } from '../free-port.ts'
import { needPackages, peerEnvironment, peerPath } from '../peers.ts'

export interface Unbound extends Daemon {
  readonly host: string
  readonly port: number
}

export async function startUnbound(options: { forwardTo: number; host?: string; port?: number }): Promise<Unbound> {
  await needPackages(['unbound'])
  const folder = scratch('unbound')
  const host = options.host ?? '127.0.0.1'
  const port = options.port ?? (await freePort())
  const config = join(folder.path, 'unbound.conf')
  writeFileSync(
    config,
    `server:
  interface: ${host}@${port}
  port: ${port}
  username: ""
  chroot: ""
  directory: "${folder.path}"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  do-not-query-localhost: no
  module-config: "iterator"
  local-zone: "test." nodefault
  local-zone: "invalid." nodefault
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@${options.forwardTo}
`,
  )
  const daemon = startDaemon(peerPath('unbound', 'usr/sbin/unbound'), ['-d', '-c', config], {
    env: peerEnvironment('unbound'),
  })
  void daemon.ended.then(folder.remove)
  await listening(daemon, { host, port })
  return { ...daemon, host, port }
}

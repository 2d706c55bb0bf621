// A private opendkim milter: verifies, or signs with one key.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Daemon, listening, scratch, startDaemon } from '../daemon.ts'
import { freePort } from '../free-port.ts'
import { needPackages, peerEnvironment, peerPath } from '../peers.ts'

export type OpendkimOptions =
  | {
      readonly mode: 'verify'
      /** UDP and TCP port on loopback of the DNS server that it asks. */
      readonly dnsPort: number
    }
  | { readonly mode: 'sign'; readonly domain: string; readonly selector: string; readonly keyFile: string }

export interface Opendkim extends Daemon {
  readonly host: string
  readonly port: number
}

export async function startOpendkim(options: OpendkimOptions): Promise<Opendkim> {
  await needPackages(['opendkim'])
  const folder = scratch('opendkim')
  const port = await freePort()
  const config = join(folder.path, 'opendkim.conf')
  writeFileSync(config, configuration(folder.path, port, options))
  const daemon = startDaemon(peerPath('opendkim', 'usr/sbin/opendkim'), ['-f', '-x', config], {
    env: peerEnvironment('opendkim'),
    // asked kindly, it waits for its open connections
    signal: 'SIGKILL',
  })
  void daemon.ended.then(folder.remove)
  await listening(daemon, { port })
  return { ...daemon, host: '127.0.0.1', port }
}

function configuration(folder: string, port: number, options: OpendkimOptions): string {
  const common = `Socket inet:${port}@127.0.0.1
Background no
Syslog no
RequireSafeKeys no
TemporaryDirectory ${folder}
`
  if (options.mode === 'sign')
    return `${common}Mode s
InternalHosts 127.0.0.0/8
Canonicalization relaxed/relaxed
Domain ${options.domain}
Selector ${options.selector}
KeyFile ${options.keyFile}
`
  const resolver = join(folder, 'resolver.conf')
  writeFileSync(
    resolver,
    `server:
  do-not-query-localhost: no
  module-config: "iterator"
  local-zone: "test." nodefault
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@${options.dnsPort}
`,
  )
  return `${common}Mode v
AlwaysAddARHeader yes
AuthservID verifier.test
ResolverConfiguration ${resolver}
`
}

// A private Exim, unpacked aside since it conflicts with Postfix: takes any mail and drops it, relays it, or serves one domain.
import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemUser } from '../accounts.ts'
import { type Daemon, listening, scratch, startDaemon } from '../daemon.ts'
import { freePorts } from '../free-port.ts'
import { needPackages, peerEnvironment, peerPath } from '../peers.ts'
import { withResolver } from '../resolver-view.ts'

export interface EximOptions {
  /** Takes what is for these users and drops it, and what strangers send elsewhere it refuses; anything is taken by default. */
  readonly local?: { readonly domain: string; readonly users: readonly string[] }
  readonly relay?: { readonly host: string; readonly port: number }
  /** Mail for other domains goes to where their MX points, by the system's resolver, or by `dns`. */
  readonly sends?: boolean
  /** The IPv4 address of a resolver that listens on port 53. */
  readonly dns?: string
  readonly tls?: { readonly cert: string; readonly key: string }
  /** Names and passwords that may relay; the submission port takes nobody else. */
  readonly auth?: { readonly [user: string]: string }
}

export interface Exim extends Daemon {
  readonly port: number
  readonly submission: number
}

/** Needs root, as Exim does. */
export async function startExim(options: EximOptions = {}): Promise<Exim> {
  await needPackages(['exim4-daemon-light', 'libidn12'])
  // compiled in by Debian
  const user = systemUser('Debian-exim')
  const folder = scratch('exim')
  const [port = 0, submission = 0] = await freePorts(2)
  for (const name of ['spool', 'log']) {
    mkdirSync(join(folder.path, name))
    chownSync(join(folder.path, name), user, -1)
  }
  for (const name of ['cert', 'key'] as const) {
    if (!options.tls) continue
    const path = join(folder.path, name)
    writeFileSync(path, readFileSync(options.tls[name]), { mode: 0o600 })
    chownSync(path, user, -1)
  }
  const config = join(folder.path, 'exim.conf')
  writeFileSync(config, eximConf(folder.path, { port, submission }, options))
  const program = [peerPath('exim4-daemon-light', 'usr/sbin/exim4'), '-C', config, '-bdf', '-q1m']
  const [command = '', ...args] = options.dns === undefined ? program : withResolver(folder.path, options.dns, program)
  const daemon = startDaemon(command, args, { env: peerEnvironment('exim4-daemon-light') })
  void daemon.ended.then(folder.remove)
  for (const one of options.auth ? [port, submission] : [port]) await listening(daemon, { port: one })
  return { ...daemon, port, submission }
}

function eximConf(
  folder: string,
  ports: { readonly port: number; readonly submission: number },
  options: EximOptions,
): string {
  const { local, relay, tls, auth } = options
  return `exim_path = ${peerPath('exim4-daemon-light', 'usr/sbin/exim4')}
spool_directory = ${folder}/spool
log_file_path = ${folder}/log/%slog
pid_file_path = ${folder}/spool/exim.pid
primary_hostname = exim.test
local_interfaces = 127.0.0.1
daemon_smtp_ports = ${ports.port}${auth ? ` : ${ports.submission}` : ''}
host_lookup =
${tls ? `tls_advertise_hosts = *\ntls_certificate = ${folder}/cert\ntls_privatekey = ${folder}/key\n` : 'tls_advertise_hosts =\n'}\
rfc1413_query_timeout = 0s
dsn_advertise_hosts = *
smtp_accept_max = 200
keep_environment =
domainlist local_domains = ${local?.domain ?? ''}
acl_smtp_mail = mail
acl_smtp_rcpt = rcpt
begin acl
mail:
  deny condition = \${if and{{eq{$received_port}{${ports.submission}}}{!def:authenticated_id}}}
       message = 530 5.7.0 authentication required
  accept
rcpt:
${local ? '  accept authenticated = *\n         domains = !+local_domains\n         control = submission\n  require message = relay not permitted\n          domains = +local_domains\n  require verify = recipient\n' : ''}\
  accept
begin routers
${routers(options)}begin transports
smtp:
  driver = smtp
${relay ? '  hosts_avoid_tls = *\n' : ''}\
begin retry
* * F,4d,${relay ? '1s' : '15m'}
begin authenticators
${auth ? authenticators(auth) : ''}`
}

/** What is taken here is dropped. */
function routers({ local, relay, sends }: EximOptions): string {
  const drop = (name: string, condition: string) => `${name}:\n  driver = redirect\n${condition}  data = :blackhole:\n`
  const here = local
    ? drop('here', `  domains = +local_domains\n  local_parts = ${local.users.join(' : ')}\n`) +
      'nobody:\n  driver = redirect\n  domains = +local_domains\n  allow_fail\n  data = :fail: Unknown user\n'
    : ''
  if (relay)
    return `${here}all:
  driver = manualroute
  route_list = * ${relay.host}::${relay.port} byname
  transport = smtp
  self = send
`
  if (sends) return `${here}there:\n  driver = dnslookup\n  transport = smtp\n  no_more\n`
  return here + drop('all', '')
}

function authenticators(auth: { readonly [user: string]: string }): string {
  const secret = (name: string) =>
    Object.entries(auth).reduceRight(
      (rest, [user, password]) => `\${if eq{${name}}{${user}}{${password}}${rest === '' ? 'fail' : `{${rest}}`}}`,
      '',
    )
  const good = (name: string, password: string) => `eq{${password}}{${secret(name)}}`
  return `plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = \${if and{{or{{eq{$auth1}{}}{eq{$auth1}{$auth2}}}}{${good('$auth2', '$auth3')}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = <| Username: | Password:
  server_condition = \${if ${good('$auth1', '$auth2')}}
  server_set_id = $auth1
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${secret('$auth1')}
  server_set_id = $auth1
`
}

// A private Cyrus IMAP server, unpacked aside since it conflicts with Dovecot: IMAP, POP3 and LMTP on loopback.
import { execFileSync } from 'node:child_process'
import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { systemGroup, systemUser } from '../accounts.ts'
import { type Daemon, listening, scratch, startDaemon } from '../daemon.ts'
import { freePorts } from '../free-port.ts'
import { needPackages, peerEnvironment, peerPath } from '../peers.ts'

export interface CyrusOptions {
  /** Each has an INBOX; mail for `name@anything` is delivered to it by LMTP. */
  readonly users: readonly { readonly name: string; readonly password: string }[]
  /** The certificate also opens STARTTLS and STLS; without it nothing speaks TLS. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** Further lines for imapd.conf. */
  readonly settings?: { readonly [name: string]: string | number }
}

export interface Cyrus extends Daemon {
  readonly imap: number
  readonly imaps: number
  readonly pop3: number
  readonly pop3s: number
  readonly lmtp: number
  readonly folder: string
}

const PACKAGES = ['cyrus-imapd', 'cyrus-pop3d', 'sasl2-bin']
const HOSTNAME = 'cyrus.test'

/** Needs root, as Cyrus does. */
export async function startCyrus(options: CyrusOptions): Promise<Cyrus> {
  await needPackages(PACKAGES)
  // as Debian's package makes them
  systemGroup('mail')
  const user = systemUser('cyrus')
  const [imap = 0, imaps = 0, pop3 = 0, pop3s = 0, lmtp = 0] = await freePorts(5)
  const ports = { imap, imaps, pop3, pop3s, lmtp }
  const { path: folder, remove } = scratch('cyrus')
  for (const name of ['', 'db', 'socket', 'proc', 'ptclient', 'spool', 'sieve', 'lock', 'log']) {
    mkdirSync(join(folder, name), { recursive: true })
    chownSync(join(folder, name), user, -1)
  }
  for (const name of ['cert', 'key'] as const) {
    if (!options.tls) continue
    writeFileSync(join(folder, name), readFileSync(options.tls[name]), { mode: 0o600 })
    chownSync(join(folder, name), user, -1)
  }
  const settings = join(folder, 'imapd.conf')
  const services = join(folder, 'cyrus.conf')
  writeFileSync(settings, imapdConf(folder, options))
  writeFileSync(services, cyrusConf(settings, ports, options.tls !== undefined))
  const env = peerEnvironment(...PACKAGES)
  for (const one of options.users) setPassword(join(folder, 'sasldb2'), one, env)
  if (options.users.length > 0) chownSync(join(folder, 'sasldb2'), user, -1)
  const master = peerPath('cyrus-imapd', 'usr/lib/cyrus/bin/master')
  const pid = join(folder, 'master.pid')
  const daemon = startDaemon(master, ['-D', '-C', settings, '-M', services, '-p', pid], { env, leadsItself: true })
  void daemon.ended.then(remove)
  for (const port of [imap, pop3, lmtp]) await listening(daemon, { port })
  for (const { name, password } of options.users) await makeInbox(imap, name, password)
  return { ...daemon, ...ports, folder }
}

const imapdConf = (folder: string, { tls, settings }: CyrusOptions): string =>
  Object.entries({
    servername: HOSTNAME,
    configdirectory: folder,
    defaultpartition: 'default',
    'partition-default': join(folder, 'spool'),
    sievedir: join(folder, 'sieve'),
    mboxname_lockpath: join(folder, 'lock'),
    cyrus_user: 'cyrus',
    cyrus_group: 'mail',
    admins: 'cyrus',
    unixhierarchysep: 'yes',
    altnamespace: 'yes',
    // an account's INBOX comes with its first login, with a quota, so that QUOTA can be asked for
    autocreate_quota: 1_000_000,
    allowplaintext: 'yes',
    allowapop: 'yes',
    sasl_pwcheck_method: 'auxprop',
    sasl_auxprop_plugin: 'sasldb',
    sasl_sasldb_path: join(folder, 'sasldb2'),
    sasl_mech_list: 'PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256',
    duplicatesuppression: 'no',
    specialusealways: 'yes',
    expunge_mode: 'immediate',
    delete_mode: 'immediate',
    conversations: 'yes',
    ...(tls === undefined
      ? {}
      : {
          // copies that its own user can read
          tls_server_cert: join(folder, 'cert'),
          tls_server_key: join(folder, 'key'),
          tls_sessions_db_path: join(folder, 'tls.db'),
        }),
    ...settings,
  })
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('')

function cyrusConf(settings: string, ports: Omit<Cyrus, keyof Daemon | 'folder'>, tls: boolean): string {
  const program = (name: string) =>
    `${peerPath(name === 'pop3d' ? 'cyrus-pop3d' : 'cyrus-imapd', `usr/lib/cyrus/bin/${name}`)} -C ${settings}`
  const service = (name: string, command: string, port: number) =>
    `  ${name} cmd="${command}" listen="127.0.0.1:${port}" prefork=0 maxchild=100\n`
  return `START {
  recover cmd="${program('ctl_cyrusdb')} -r"
}
SERVICES {
${service('imap', program('imapd'), ports.imap)}${tls ? service('imaps', `${program('imapd')} -s`, ports.imaps) : ''}\
${service('pop3', program('pop3d'), ports.pop3)}${tls ? service('pop3s', `${program('pop3d')} -s`, ports.pop3s) : ''}\
${service('lmtp', `${program('lmtpd')} -a`, ports.lmtp)}}
EVENTS {
}
DAEMON {
  idled cmd="${program('idled')}"
}
`
}

function setPassword(file: string, { name, password }: CyrusOptions['users'][number], env: NodeJS.ProcessEnv): void {
  const program = peerPath('sasl2-bin', 'usr/sbin/saslpasswd2')
  execFileSync(program, ['-c', '-p', '-f', file, '-u', HOSTNAME, name], { input: password, env })
}

/** The first login makes the INBOX, which mail by LMTP needs. */
function makeInbox(port: number, name: string, password: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let seen = ''
    socket.on('data', (chunk) => {
      seen += chunk.toString('latin1')
      if (/^b OK/m.test(seen)) resolve()
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error(`Cyrus made no mailbox for ${name}:\n${seen}`)))
    socket.write(`a LOGIN "${name}" "${password}"\r\nb LOGOUT\r\n`)
  })
}

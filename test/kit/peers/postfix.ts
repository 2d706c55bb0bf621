// A private Postfix: own queue, own configuration, one loopback port; a smarthost with AUTH and TLS when asked for.
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemGroup, systemUser } from '../accounts.ts'
import { type Daemon, listening, scratch, startDaemon } from '../daemon.ts'
import { freePort } from '../free-port.ts'
import { needPackages, peerEnvironment, peerPath } from '../peers.ts'
import { withResolver } from '../resolver-view.ts'
import { type Dovecot, startDovecot } from './dovecot.ts'

export interface PostfixOptions {
  readonly hostname?: string
  readonly port?: number
  /** Where all mail goes: `[127.0.0.1]:port`. Without it, mail for other domains is discarded, on the log's record. */
  readonly relay?: string
  /** Mail for other domains goes to where their MX points, by the resolver that listens on port 53 of this IPv4 address. */
  readonly dns?: string
  /** Addresses with a Maildir here (see `maildir`); their domains are local, and any other address of them is unknown. */
  readonly mailboxes?: readonly string[]
  /** Names and passwords that may relay. With it, nobody else may, not even from loopback. */
  readonly auth?: { readonly [user: string]: string }
  readonly tls?: { readonly cert: string; readonly key: string }
  /** AUTH only after STARTTLS: true by default when there is a certificate. */
  readonly authNeedsTls?: boolean
  /** Further lines for main.cf. */
  readonly main?: { readonly [name: string]: string | number }
  /** The most smtpd processes. */
  readonly sessions?: number
  /** Where the instance lives; a folder of its own, removed at the end, by default. */
  readonly folder?: string
}

export interface Postfix extends Daemon {
  readonly port: number
  readonly folder: string
  /** Queue folders in which a message may still wait. */
  readonly queues: readonly string[]
  /** Where the mail of one address was delivered (a Maildir). */
  maildir(address: string): string
  /** The mail log so far. */
  log(): string
  /** Runs postqueue -f or another queue command of this instance. */
  command(name: 'postqueue' | 'postsuper', args: readonly string[]): string
}

const MAIL_UID = 5000

/** Needs root, as Postfix does. */
export async function startPostfix(options: PostfixOptions = {}): Promise<Postfix> {
  await needPackages(['postfix'])
  if (process.getuid?.() !== 0) throw new Error('a private Postfix needs root')
  const own = options.folder === undefined ? scratch('postfix') : null
  const folder = own?.path ?? options.folder ?? ''
  const port = options.port ?? (await freePort())
  const accounts = { postfix: systemUser('postfix'), postdrop: systemGroup('postdrop') }
  const sasl = options.auth ? await startSasl(options.auth) : null
  makeFolders(folder, accounts)
  const etc = join(folder, 'etc')
  writeFileSync(join(etc, 'main.cf'), mainCf(folder, options, sasl))
  const maildir = (address: string) => join(...address.toLowerCase().split('@').reverse())
  const mailboxes = (options.mailboxes ?? []).map((address) => `${address} ${maildir(address)}/\n`)
  writeFileSync(join(etc, 'mailboxes'), mailboxes.join(''))
  writeFileSync(join(etc, 'master.cf'), masterCf(port, options.sessions ?? 100))
  // Postfix reads a file that changed just now again and again, to be sure that it is whole
  for (const name of ['main.cf', 'master.cf', 'mailboxes']) utimesSync(join(etc, name), 1, 1)
  const program = [peerPath('postfix', 'usr/lib/postfix/sbin/master'), '-c', etc, '-d']
  const [master = '', ...args] = options.dns === undefined ? program : withResolver(folder, options.dns, program)
  const daemon = startDaemon(master, args, {
    env: peerEnvironment('postfix'),
    leadsItself: true,
  })
  void daemon.ended.then(async () => {
    await sasl?.stop()
    own?.remove()
  })
  await listening(daemon, { port })
  return {
    ...daemon,
    port,
    folder,
    queues: ['maildrop', 'incoming', 'active', 'deferred'].map((name) => join(folder, 'queue', name)),
    maildir: (address) => join(folder, 'mail', maildir(address)),
    log: () => readFileSync(join(folder, 'maillog'), 'utf8'),
    command: (name, args) =>
      execFileSync(peerPath('postfix', `usr/sbin/${name}`), ['-c', etc, ...args], {
        encoding: 'utf8',
        env: peerEnvironment('postfix'),
      }),
    async stop() {
      await daemon.stop()
      await sasl?.stop()
    },
  }
}

const startSasl = (users: { readonly [user: string]: string }): Promise<Dovecot> =>
  startDovecot({ users: Object.entries(users).map(([name, password]) => ({ name, password })) })

interface Accounts {
  readonly postfix: number
  readonly postdrop: number
}

function makeFolders(folder: string, { postfix, postdrop }: Accounts): void {
  chmodSync(folder, 0o755)
  for (const name of ['etc', 'data', 'mail', 'queue']) mkdirSync(join(folder, name), { recursive: true })
  chownSync(join(folder, 'data'), postfix, 0)
  chownSync(join(folder, 'mail'), MAIL_UID, MAIL_UID)
  for (const name of [
    'active',
    'bounce',
    'corrupt',
    'defer',
    'deferred',
    'flush',
    'hold',
    'incoming',
    'saved',
    'trace',
  ])
    makeOwned(join(folder, 'queue', name), 0o700, postfix, 0)
  makeOwned(join(folder, 'queue/private'), 0o700, postfix, 0)
  makeOwned(join(folder, 'queue/public'), 0o710, postfix, postdrop)
  makeOwned(join(folder, 'queue/maildrop'), 0o730, postfix, postdrop)
  makeOwned(join(folder, 'queue/pid'), 0o755, 0, 0)
}

function makeOwned(path: string, mode: number, uid: number, gid: number): void {
  mkdirSync(path, { recursive: true })
  chmodSync(path, mode)
  chownSync(path, uid, gid)
}

function mainCf(folder: string, options: PostfixOptions, sasl: Dovecot | null): string {
  const settings: { [name: string]: string | number } = {
    compatibility_level: '3.6',
    queue_directory: join(folder, 'queue'),
    data_directory: join(folder, 'data'),
    command_directory: peerPath('postfix', 'usr/sbin'),
    daemon_directory: peerPath('postfix', 'usr/lib/postfix/sbin'),
    shlib_directory: peerPath('postfix', 'usr/lib/postfix'),
    meta_directory: peerPath('postfix', 'etc/postfix'),
    mail_owner: 'postfix',
    setgid_group: 'postdrop',
    maillog_file: join(folder, 'maillog'),
    maillog_file_prefixes: folder,
    myhostname: options.hostname ?? 'peer.test',
    mydestination: '',
    mynetworks: sasl ? '' : '127.0.0.0/8 [::1]/128',
    inet_interfaces: 'loopback-only',
    alias_maps: '',
    alias_database: '',
    local_recipient_maps: '',
    smtp_dns_support_level: 'disabled',
    smtp_host_lookup: 'native',
    smtp_tls_security_level: 'may',
    smtpd_tls_security_level: 'none',
    smtpd_peername_lookup: 'no',
    smtpd_relay_restrictions: 'permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination',
    default_transport: 'discard:test',
    relay_transport: 'discard:test',
  }
  if (options.relay || options.dns) {
    delete settings.default_transport
    delete settings.relay_transport
  }
  if (options.relay) settings.relayhost = options.relay
  if (options.dns) Object.assign(settings, { smtp_dns_support_level: 'enabled', smtp_host_lookup: 'dns' })
  if (options.mailboxes)
    Object.assign(settings, {
      virtual_mailbox_domains: [...new Set(options.mailboxes.map((address) => address.split('@')[1]))].join(' '),
      virtual_mailbox_base: join(folder, 'mail'),
      virtual_mailbox_maps: `texthash:${join(folder, 'etc/mailboxes')}`,
      virtual_uid_maps: `static:${MAIL_UID}`,
      virtual_gid_maps: `static:${MAIL_UID}`,
      virtual_mailbox_limit: 0,
    })
  if (options.tls)
    Object.assign(settings, {
      smtpd_tls_security_level: 'may',
      smtpd_tls_cert_file: options.tls.cert,
      smtpd_tls_key_file: options.tls.key,
    })
  if (sasl)
    Object.assign(settings, {
      smtpd_sasl_auth_enable: 'yes',
      smtpd_sasl_type: 'dovecot',
      smtpd_sasl_path: `inet:127.0.0.1:${sasl.auth}`,
      smtpd_tls_auth_only: (options.authNeedsTls ?? options.tls !== undefined) ? 'yes' : 'no',
    })
  Object.assign(settings, options.main)
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join('')
}

/** Debian's master.cf without chroot, listening on one loopback port. */
function masterCf(port: number, sessions: number): string {
  return `127.0.0.1:${port} inet n - n - ${sessions} smtpd
pickup    unix  n  -  n  60    1  pickup
cleanup   unix  n  -  n  -     0  cleanup
qmgr      unix  n  -  n  300   1  qmgr
tlsmgr    unix  -  -  n  1000? 1  tlsmgr
rewrite   unix  -  -  n  -     -  trivial-rewrite
bounce    unix  -  -  n  -     0  bounce
defer     unix  -  -  n  -     0  bounce
trace     unix  -  -  n  -     0  bounce
verify    unix  -  -  n  -     1  verify
flush     unix  n  -  n  1000? 0  flush
proxymap  unix  -  -  n  -     -  proxymap
proxywrite unix -  -  n  -     1  proxymap
smtp      unix  -  -  n  -     -  smtp
relay     unix  -  -  n  -     -  smtp
showq     unix  n  -  n  -     -  showq
error     unix  -  -  n  -     -  error
retry     unix  -  -  n  -     -  error
discard   unix  -  -  n  -     -  discard
local     unix  -  n  n  -     -  local
virtual   unix  -  n  n  -     -  virtual
lmtp      unix  -  -  n  -     -  lmtp
anvil     unix  -  -  n  -     1  anvil
scache    unix  -  -  n  -     1  scache
postlog   unix-dgram n - n -   1  postlogd
`
}

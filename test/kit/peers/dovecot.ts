// A private Dovecot: IMAP, POP3 and LMTP on loopback, users from a password file, mail wherever the test wants it.
import { chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { type Daemon, listening, scratch, startDaemon } from '../daemon.ts'
import { freePorts } from '../free-port.ts'
import { needPackages, peerEnvironment, peerPath } from '../peers.ts'

export interface DovecotUser {
  readonly name: string
  readonly password: string
  /** `maildir:/path`, `mbox:/path:INBOX=/path`; the instance's `mailLocation` by default. */
  readonly mail?: string
}

export interface DovecotOptions {
  readonly users: readonly DovecotUser[]
  /** With Dovecot's own variables: `maildir:~/Maildir` by default, homes being folders of the instance. */
  readonly mailLocation?: string
  /** Owner of the mail files: that of this process by default (root is given uid 5000 instead). */
  readonly uid?: number
  readonly gid?: number
  readonly tls?: { readonly cert: string; readonly key: string }
  /** LOGIN without TLS is allowed unless false. */
  readonly plaintext?: boolean
  /** Added at the end of dovecot.conf. */
  readonly extra?: string
}

export interface Dovecot extends Daemon {
  readonly imap: number
  readonly imaps: number
  readonly pop3: number
  readonly pop3s: number
  readonly lmtp: number
  /** For Postfix: `smtpd_sasl_type = dovecot`, `smtpd_sasl_path = inet:127.0.0.1:<auth>`. */
  readonly auth: number
  readonly folder: string
  readonly config: string
  readonly uid: number
  readonly gid: number
  /** Home folder of a user. */
  home(user: string): string
}

export async function startDovecot(options: DovecotOptions): Promise<Dovecot> {
  await needPackages(['dovecot-imapd', 'dovecot-pop3d', 'dovecot-lmtpd'])
  const [imap = 0, imaps = 0, pop3 = 0, pop3s = 0, lmtp = 0, auth = 0] = await freePorts(6)
  const folder = scratch('dovecot')
  const uid = options.uid ?? (userInfo().uid || 5000)
  const gid = options.gid ?? (userInfo().gid || 5000)
  const home = (user: string) => join(folder.path, 'home', user)
  const config = join(folder.path, 'dovecot.conf')
  makeWritable(folder.path, uid, gid)
  writeUsers(join(folder.path, 'users'), options.users, home, uid, gid)
  const ports = { imap, imaps, pop3, pop3s, lmtp, auth }
  writeFileSync(config, configuration(folder.path, ports, options))
  const daemon = startDaemon(peerPath('dovecot-imapd', 'usr/sbin/dovecot'), ['-F', '-c', config], {
    env: peerEnvironment('dovecot-imapd'),
    // its master waits 6 s for children that have just started; sessions that are over have written all they know
    signal: 'SIGKILL',
  })
  void daemon.ended.then(folder.remove)
  for (const port of [imap, pop3, lmtp, auth]) await listening(daemon, { port })
  return { ...daemon, ...ports, folder: folder.path, config, uid, gid, home }
}

function makeWritable(folder: string, uid: number, gid: number): void {
  mkdirSync(join(folder, 'home'))
  if (process.getuid?.() === 0) chownSync(join(folder, 'home'), uid, gid)
}

function writeUsers(
  path: string,
  users: readonly DovecotUser[],
  home: (user: string) => string,
  uid: number,
  gid: number,
): void {
  const line = ({ name, password, mail }: DovecotUser) =>
    `${name}:{PLAIN}${password}:${uid}:${gid}::${home(name)}::${mail === undefined ? '' : `userdb_mail=${mail}`}\n`
  writeFileSync(path, users.map(line).join(''))
}

function configuration(
  folder: string,
  ports: { imap: number; imaps: number; pop3: number; pop3s: number; lmtp: number; auth: number },
  options: DovecotOptions,
): string {
  const tls = options.tls ? `ssl = yes\nssl_cert = <${options.tls.cert}\nssl_key = <${options.tls.key}\n` : 'ssl = no\n'
  const listener = (name: string, port: number, more = '') =>
    `  inet_listener ${name} {\n    address = 127.0.0.1\n    port = ${port}\n${more}  }\n`
  const secure = options.tls ? '    ssl = yes\n' : ''
  return `base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = /dev/stderr
protocols = imap pop3 lmtp
${tls}disable_plaintext_auth = ${options.plaintext === false ? 'yes' : 'no'}
auth_mechanisms = plain login scram-sha-256 cram-md5
auth_username_format = %Lu
first_valid_uid = 1
mail_location = ${options.mailLocation ?? 'maildir:~/Maildir'}
mail_max_userip_connections = 10000
passdb {
  driver = passwd-file
  args = username_format=%u ${folder}/users
}
userdb {
  driver = passwd-file
  args = username_format=%u ${folder}/users
}
namespace inbox {
  inbox = yes
}
service imap-login {
${listener('imap', ports.imap)}${listener('imaps', options.tls ? ports.imaps : 0, secure)}}
service pop3-login {
${listener('pop3', ports.pop3)}${listener('pop3s', options.tls ? ports.pop3s : 0, secure)}}
service lmtp {
${listener('lmtp', ports.lmtp)}}
service auth {
${listener('auth', ports.auth)}}
${options.extra ?? ''}
`
}

// A private OpenSMTPD, unpacked aside since it conflicts with Postfix: mailboxes, TLS, AUTH, and a submission port.
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemUser } from '../accounts.ts'
import { type Daemon, listening, scratch } from '../daemon.ts'
import { freePorts } from '../free-port.ts'
import { startInstalled } from '../installed-view.ts'
import { needPackages } from '../peers.ts'

export interface OpensmtpdOptions {
  /** Addresses with a Maildir here; their domains are local, and any other address of them is unknown. */
  readonly mailboxes: readonly string[]
  /** Of no use where the package is built with OpenSSL 3, as in Debian 12: every handshake fails. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** Names and passwords for the submission port, which opens with them; needs `tls`. */
  readonly auth?: { readonly [user: string]: string }
  /** Where anybody's mail for other domains goes; by default that of who has logged in, to where its MX points. */
  readonly relay?: { readonly host: string; readonly port: number }
  /** The IPv4 address of a resolver that listens on port 53; none is asked by default. */
  readonly dns?: string
}

export interface Opensmtpd extends Daemon {
  readonly port: number
  readonly submission: number
  /** Where the mail of one address was delivered. */
  maildir(address: string): string
}

const PACKAGE = 'opensmtpd'
const MAIL_UID = 5000

/** Needs root, as OpenSMTPD does. */
export async function startOpensmtpd(options: OpensmtpdOptions): Promise<Opensmtpd> {
  await needPackages([PACKAGE])
  // compiled in
  for (const name of ['opensmtpd', 'opensmtpq']) systemUser(name)
  const [port = 0, submission = 0] = await freePorts(2)
  const { path: folder, remove } = scratch('opensmtpd')
  const home = (address: string) => join(folder, 'mail', address)
  for (const address of options.mailboxes) {
    mkdirSync(home(address), { recursive: true })
    chownSync(home(address), MAIL_UID, MAIL_UID)
  }
  const lines = (of: (address: string, at: number) => string) => options.mailboxes.map(of).join('')
  writeFileSync(
    join(folder, 'virtual'),
    lines((address, at) => `${address} mailbox${at}\n`),
  )
  writeFileSync(
    join(folder, 'users'),
    lines((address, at) => `mailbox${at} ${MAIL_UID}:${MAIL_UID}:${home(address)}\n`),
  )
  const accounts = Object.entries(options.auth ?? {}).map(([name, password]) => `${name} ${encrypt(password)}\n`)
  writeFileSync(join(folder, 'accounts'), accounts.join(''))
  writeFileSync(join(folder, 'smtpd.conf'), smtpdConf(folder, { port, submission }, options))
  chmodSync(join(folder, 'smtpd.conf'), 0o600)
  writeFileSync(
    join(folder, 'resolv.conf'),
    options.dns === undefined ? 'lookup file\n' : `nameserver ${options.dns}\n`,
  )
  const daemon = startInstalled({
    packages: [PACKAGE],
    folder,
    script: `mkdir -p /var/lib/opensmtpd/empty
mount --bind ${folder}/resolv.conf "$(readlink -f /etc/resolv.conf)"
exec /usr/sbin/smtpd -d -f ${folder}/smtpd.conf
`,
  })
  void daemon.ended.then(remove)
  for (const one of options.auth ? [port, submission] : [port]) await listening(daemon, { port: one })
  return { ...daemon, port, submission, maildir: (address) => join(home(address), 'Maildir') }
}

/** As crypt(3) does, which Node lacks. */
const encrypt = (password: string): string =>
  execFileSync('perl', ['-e', 'print crypt(<STDIN>, q($6$estafeta$))'], { input: password, encoding: 'utf8' })

function smtpdConf(
  folder: string,
  ports: { readonly port: number; readonly submission: number },
  { tls, auth, mailboxes, relay }: OpensmtpdOptions,
): string {
  const domains = [...new Set(mailboxes.map((address) => address.split('@')[1]))]
  const pki = tls === undefined ? '' : 'tls pki own '
  return `${tls === undefined ? '' : `pki own cert "${tls.cert}"\npki own key "${tls.key}"\n`}\
table addresses file:${folder}/virtual
table homes file:${folder}/users
table accounts file:${folder}/accounts
listen on 127.0.0.1 port ${ports.port} ${pki}hostname opensmtpd.test
${auth ? `listen on 127.0.0.1 port ${ports.submission} ${pki}auth <accounts> hostname opensmtpd.test tag submission\n` : ''}\
action "in" maildir userbase <homes> virtual <addresses>
action "out" relay${relay ? ` host "smtp://${relay.host}:${relay.port}"` : ''}
${domains.length > 0 ? `match from any for domain { ${domains.join(' ')} } action "in"\n` : ''}\
match ${relay ? '' : 'auth '}from any for any action "out"
`
}

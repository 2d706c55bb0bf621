// A private Sendmail, unpacked aside since it conflicts with Postfix: a domain with known users, TLS, AUTH, and a submission port.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemUser } from '../accounts.ts'
import { type Daemon, listening, scratch } from '../daemon.ts'
import { freePorts } from '../free-port.ts'
import { startInstalled } from '../installed-view.ts'
import { needPackages } from '../peers.ts'

export interface SendmailOptions {
  readonly domain: string
  /** Local parts whose mail is accepted, and dropped; any other is unknown. */
  readonly users: readonly string[]
  readonly tls?: { readonly cert: string; readonly key: string }
  /** Names and passwords for AUTH, which the submission port demands. */
  readonly auth?: { readonly [user: string]: string }
  /** Where anybody's mail for other domains goes; by default that of who has logged in, to where its MX points. */
  readonly relay?: { readonly host: string; readonly port: number }
  /** The IPv4 address of a resolver that listens on port 53, by which anybody's mail finds its way; without it names are looked up in the hosts file alone. */
  readonly dns?: string
}

export interface Sendmail extends Daemon {
  readonly port: number
  readonly submission: number
}

const PACKAGES = ['sendmail-bin', 'sasl2-bin']
const HOSTNAME = 'sendmail.test'

/** Needs root, as Sendmail does. */
export async function startSendmail(options: SendmailOptions): Promise<Sendmail> {
  await needPackages(PACKAGES)
  // as Debian's package makes them
  for (const name of ['smmta', 'smmsp']) systemUser(name)
  const [port = 0, submission = 0] = await freePorts(2)
  const { path: folder, remove } = scratch('sendmail')
  writeFileSync(join(folder, 'sendmail.mc'), sendmailMc(port, submission, options))
  writeFileSync(join(folder, 'aliases'), options.users.map((user) => `${user}: /dev/null\n`).join(''))
  const daemon = startInstalled({ packages: PACKAGES, folder, script: startScript(folder, options) })
  void daemon.ended.then(remove)
  for (const one of [port, submission]) await listening(daemon, { port: one })
  return { ...daemon, port, submission }
}

function startScript(folder: string, { tls, auth = {}, dns }: SendmailOptions): string {
  const passwords = Object.entries(auth).map(
    ([user, password]) =>
      `printf %s '${password}' | saslpasswd2 -c -p -f /etc/mail/sasl/sasldb2 -u ${HOSTNAME} '${user}'\n`,
  )
  const resolver =
    dns === undefined
      ? ''
      : `echo nameserver ${dns} >${folder}/resolv.conf
mount --bind ${folder}/resolv.conf "$(readlink -f /etc/resolv.conf)"
`
  // it waits a minute for a name of its own that has a dot, and relays for whoever has it
  return `printf '127.0.0.2 ${HOSTNAME} %s\\n' "$(hostname)" >/etc/hosts
mkdir -p /var/lib/sendmail/host_status /run/sendmail/mta /usr/lib/sasl2 /var/spool/mqueue
chown smmta:smmsp /var/lib/sendmail/host_status /run/sendmail/mta
chmod 700 /var/spool/mqueue
${passwords.join('')}${resolver}cat >/usr/lib/sasl2/Sendmail.conf <<END
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: /etc/mail/sasl/sasldb2
mech_list: PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256
END
${tls === undefined ? '' : `cp ${tls.cert} /etc/mail/tls/own.crt\ncp ${tls.key} /etc/mail/tls/own.key\nchmod 600 /etc/mail/tls/own.key\n`}\
${dns === undefined ? 'cp /etc/mail/service.switch-nodns /etc/mail/service.switch\n' : ''}\
cp ${folder}/aliases /etc/mail/aliases
m4 ${folder}/sendmail.mc >/etc/mail/sendmail.cf
sed -i '/^R127/d; /see if it is local/d' /etc/mail/sendmail.cf
/usr/libexec/sendmail/sendmail -C /etc/mail/sendmail.cf -bi
exec /usr/libexec/sendmail/sendmail -C /etc/mail/sendmail.cf -bD -q1m
`
}

/** Debian's own settings without its dial-up parts, its pause before the greeting and its limits on connections and load; clients on loopback are strangers. */
const sendmailMc = (port: number, submission: number, { domain, tls, auth, relay, dns }: SendmailOptions): string =>
  `define(\`_USE_ETC_MAIL_')dnl
include(\`/usr/share/sendmail/cf/m4/cf.m4')dnl
OSTYPE(\`debian')dnl
DOMAIN(\`debian-mta')dnl
define(\`confDOMAIN_NAME', \`${HOSTNAME}')dnl
define(\`ALIAS_FILE', \`/etc/mail/aliases')dnl
define(\`confSERVICE_SWITCH_FILE', \`/etc/mail/service.switch')dnl
define(\`confTO_IDENT', \`0')dnl
${tls ? "define(`confCACERT_PATH', `/etc/ssl/certs')dnl\ndefine(`confCACERT', `/etc/mail/tls/own.crt')dnl\ndefine(`confSERVER_CERT', `/etc/mail/tls/own.crt')dnl\ndefine(`confSERVER_KEY', `/etc/mail/tls/own.key')dnl\n" : ''}\
${auth ? "define(`confAUTH_MECHANISMS', `PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256')dnl\nTRUST_AUTH_MECH(`PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256')dnl\n" : ''}\
FEATURE(\`no_default_msa')dnl
FEATURE(\`nocanonify')dnl
FEATURE(\`accept_unresolvable_domains')dnl
${relay || dns ? "FEATURE(`promiscuous_relay')dnl\n" : ''}\
${relay ? "define(`confTO_HOSTSTATUS', `1s')dnl\n" : ''}\
${relay ? `define(\`SMART_HOST', \`relay:[${relay.host}]')dnl\ndefine(\`RELAY_MAILER_ARGS', \`TCP $h ${relay.port}')dnl\n` : ''}\
DAEMON_OPTIONS(\`Family=inet, Name=MTA-v4, Port=${port}, Addr=127.0.0.1')dnl
DAEMON_OPTIONS(\`Family=inet, Name=MSP-v4, Port=${submission}, M=${auth ? 'Ea' : 'E'}, Addr=127.0.0.1')dnl
LOCAL_DOMAIN(\`${domain}')dnl
MAILER_DEFINITIONS
MAILER(\`local')dnl
MAILER(\`smtp')dnl
`

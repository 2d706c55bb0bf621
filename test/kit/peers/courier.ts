// A private Courier, unpacked aside since it conflicts with Dovecot: IMAP and POP3 on loopback over Maildirs of the test's.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemUser } from '../accounts.ts'
import { type Daemon, listening, scratch } from '../daemon.ts'
import { freePorts } from '../free-port.ts'
import { startInstalled } from '../installed-view.ts'
import { needPackages } from '../peers.ts'

export interface CourierUser {
  readonly name: string
  readonly password: string
  /** A folder of the instance by default. */
  readonly maildir?: string
}

export interface CourierOptions {
  readonly users: readonly CourierUser[]
  /** The certificate also opens STARTTLS and STLS. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** Owner of the Maildirs: 5000 by default, as in the Postfix of this kit. */
  readonly uid?: number
}

export interface Courier extends Daemon {
  readonly imap: number
  readonly imaps: number
  readonly pop3: number
  readonly pop3s: number
  maildir(user: string): string
}

const PACKAGES = ['courier-imap', 'courier-pop']

/** Needs root, as Courier does. */
export async function startCourier(options: CourierOptions): Promise<Courier> {
  await needPackages(PACKAGES)
  // as Debian's package makes it
  systemUser('courier')
  const [imap = 0, imaps = 0, pop3 = 0, pop3s = 0] = await freePorts(4)
  const ports = { imap, imaps, pop3, pop3s }
  const { path: folder, remove } = scratch('courier')
  const uid = options.uid ?? 5000
  const maildirs = new Map(options.users.map(({ name, maildir }) => [name, maildir ?? join(folder, 'mail', name)]))
  const accounts = options.users.map(({ name, password }) => {
    const path = maildirs.get(name)!
    const folders = ['', 'cur', 'new', 'tmp'].map((part) => join(path, part))
    execFileSync('install', ['-d', '-m', '700', '-o', String(uid), '-g', String(uid), ...folders])
    return `${name}\tuid=${uid}|gid=${uid}|home=${path}|mail=${path}|systempw=${encrypt(password)}\n`
  })
  writeFileSync(join(folder, 'userdb'), accounts.join(''), { mode: 0o600 })
  const daemon = startInstalled({ packages: PACKAGES, folder, script: startScript(folder, ports, uid, options.tls) })
  void daemon.ended.then(remove)
  for (const port of options.tls ? Object.values(ports) : [imap, pop3]) await listening(daemon, { port })
  return { ...daemon, ...ports, maildir: (user) => maildirs.get(user)! }
}

/** As crypt(3) does, which Node lacks. */
const encrypt = (password: string): string =>
  execFileSync('perl', ['-e', 'print crypt(<STDIN>, q($6$estafeta$))'], { input: password, encoding: 'utf8' })

/** What its own start scripts do, without their loggers, and in the foreground. */
function startScript(
  folder: string,
  ports: { readonly imap: number; readonly imaps: number; readonly pop3: number; readonly pop3s: number },
  uid: number,
  tls: CourierOptions['tls'],
): string {
  const listen = (port: number) => `/usr/sbin/couriertcpd -address=127.0.0.1 -maxprocs=200 -maxperip=200 \
-nodnslookup -noidentlookup ${port}`
  const imap = '/usr/lib/courier/courier/imaplogin /usr/bin/imapd .'
  const pop3 = '/usr/lib/courier/courier/courierpop3login /usr/lib/courier/courier/courierpop3d .'
  const secured = (port: number) => `${listen(port)} /usr/bin/couriertls -server -tcpd`
  return `mkdir -p /run/courier/authdaemon
cp ${folder}/userdb /etc/courier/userdb
chmod 600 /etc/courier/userdb
# its file watcher wants a name for the owner
getent passwd ${uid} >/dev/null || echo "mailbox:x:${uid}:${uid}::/:/usr/sbin/nologin" >>/etc/passwd
makeuserdb
sed -i 's/^authmodulelist=.*/authmodulelist="authuserdb"/' /etc/courier/authdaemonrc
${tls === undefined ? '' : `cat ${tls.cert} ${tls.key} >/etc/courier/own.pem\n`}\
set -a
(. /etc/courier/authdaemonrc; exec /usr/lib/courier/courier-authlib/authdaemond) &
(
  . /etc/courier/imapd
  . /etc/courier/imapd-ssl
  IMAP_CAPABILITY="$IMAP_CAPABILITY AUTH=PLAIN" IMAP_IDLE_TIMEOUT=1
${tls === undefined ? 'IMAP_STARTTLS=NO' : 'IMAP_STARTTLS=YES TLS_CERTFILE=/etc/courier/own.pem TLS_CACHEFILE='}
  ${listen(ports.imap)} ${imap} &
${tls === undefined ? '' : `  IMAP_TLS=1 exec ${secured(ports.imaps)} ${imap}\n`}\
) &
(
  . /etc/courier/pop3d
  . /etc/courier/pop3d-ssl
  POP3AUTH="PLAIN LOGIN" POP3AUTH_TLS="PLAIN LOGIN"
${tls === undefined ? 'POP3_STARTTLS=NO' : 'POP3_STARTTLS=YES TLS_CERTFILE=/etc/courier/own.pem TLS_CACHEFILE='}
  ${listen(ports.pop3)} ${pop3} &
${tls === undefined ? '' : `  POP3_TLS=1 exec ${secured(ports.pop3s)} ${pop3}\n`}\
) &
wait
`
}

// What is published: each product with its version, how it is started here, and where each suite finds it.
import type { SuiteRun } from '../../../conformance/index.ts'
import { freePorts } from '../../kit/free-port.ts'
import { startCourier } from '../../kit/peers/courier.ts'
import { startCyrus } from '../../kit/peers/cyrus.ts'
import { startDovecot } from '../../kit/peers/dovecot.ts'
import { estafetaVersion, startEstafeta } from '../../kit/peers/estafeta.ts'
import { startExim } from '../../kit/peers/exim.ts'
import { HARAKA_VERSION, startHaraka } from '../../kit/peers/haraka.ts'
import { startOpensmtpd } from '../../kit/peers/opensmtpd.ts'
import { startPostfix } from '../../kit/peers/postfix.ts'
import { startSendmail } from '../../kit/peers/sendmail.ts'
import { packageVersion } from '../../kit/peers.ts'

export interface Tls {
  readonly cert: string
  readonly key: string
}

/** Suite name → where it finds the server, and with what. */
export type Targets = { readonly [suite: string]: SuiteRun }

export interface Running {
  readonly targets: Targets
  stop(): Promise<void>
}

export interface Product {
  /** Also the name of its file in conformance/expectations. */
  readonly name: string
  readonly title: string
  /** For the page: what a reader should know of how it was run. */
  readonly note?: string
  version(): string
  start(tls: Tls): Promise<Running>
}

const PASSWORD = 'secret'
const host = '127.0.0.1'
/** Where senders that know standard ports alone find the runner's hosts and its name server. */
const POSTFIX_SEES = '127.0.1.3'
const EXIM_SEES = '127.0.1.1'
const SENDMAIL_SEES = '127.0.1.2'

/** Mail for two users of a domain; everything may be tried, since the server is ours. */
const mailFor = (domain: string) =>
  ({ host, from: `sender@example.org`, rcpt: `ana@${domain}`, rcpt2: `eva@${domain}`, consent: ['all'] }) as const

// RFC 5321 §4.5.1 wants a postmaster
const LOCAL_PARTS = ['ana', 'eva', 'postmaster']
const mailboxesOf = (domain: string): string[] => LOCAL_PARTS.map((name) => `${name}@${domain}`)

const account = (user: string) => ({ user, password: PASSWORD })

/** The server looks names up at the runner, and finds all its hosts there; both have their standard ports at that address. */
const sendingByDns = (port: number, address: string, retry?: number): SuiteRun => ({
  ...sending(port, 25, retry),
  listen: `${address}:25`,
  dns: `${address}:53`,
})

/** What is handed in at the port goes to the runner. `retry`: in how many seconds it is tried again at the latest. */
const sending = (port: number, listen: number, retry?: number): SuiteRun => ({
  host,
  port,
  listen: `${host}:${listen}`,
  consent: ['all'],
  answerSeconds: 30,
  caseMs: 150_000,
  ...(retry === undefined ? {} : { retryWaitSeconds: retry }),
})

const ended =
  (...servers: readonly { stop(): Promise<void> }[]): (() => Promise<void>) =>
  async () => {
    for (const server of servers) await server.stop()
  }

export const products: readonly Product[] = [
  {
    name: 'estafeta',
    title: 'Estafeta',
    note: 'As `estafeta serve` runs it with the profile internet-site; the connections come from one of its own networks, since a stranger is banned after so many wrong passwords.',
    version: estafetaVersion,
    async start(tls) {
      const domain = 'estafeta.test'
      const users = { ana: PASSWORD, eva: PASSWORD }
      // who comes so often with wrong passwords is banned: to all but submission we are no stranger
      const server = await startEstafeta({ domain, users, tls, config: { networks: ['127.0.0.0/8'] } })
      const strict = await startEstafeta({ domain, users, tls })
      const [listen = 0, dns = 0] = await freePorts(2)
      const sender = await startEstafeta({
        domain,
        users,
        config: {
          networks: ['127.0.0.0/8'],
          dns: { servers: [`${host}:${dns}`] },
          queue: { firstRetry: '2s', maxRetry: '4s' },
          plugins: { 'spf-dkim-dmarc': { enabled: false }, 'deliver-smtp': { port: listen } },
        },
      })
      const mail = { ...mailFor(domain), ...account(`ana@${domain}`) }
      // who has logged in may send as nobody else
      const own = { from: `ana@${domain}` }
      return {
        targets: {
          smtp: { ...mail, ...own, port: server.smtp },
          submission: { ...mail, ...own, port: strict.submission, tls: 'starttls' },
          lmtp: { ...mail, port: server.lmtp },
          pop3: { ...mail, port: server.pop3, feed: `lmtp://${host}:${server.lmtp}` },
          imap: { ...mail, port: server.imap },
          'smtp-client': { ...sending(sender.smtp, listen, 90), dns: `${host}:${dns}` },
        },
        stop: ended(server, strict, sender),
      }
    },
  },
  {
    name: 'postfix',
    title: 'Postfix',
    note: 'Submission is the service that its master.cf shows as a comment.',
    version: () => packageVersion('postfix'),
    async start(tls) {
      const domain = 'postfix.test'
      const mailboxes = mailboxesOf(domain)
      const server = await startPostfix({
        mailboxes,
        tls,
        hostname: `mx.${domain}`,
        main: { mynetworks: '192.0.2.0/24' },
      })
      // as the submission service that its master.cf has as a comment
      const submission = await startPostfix({
        mailboxes,
        tls,
        hostname: `mx.${domain}`,
        auth: { ana: PASSWORD },
        main: { smtpd_tls_security_level: 'encrypt', smtpd_relay_restrictions: 'permit_sasl_authenticated,reject' },
      })
      const pauses = { minimal_backoff_time: '2s', maximal_backoff_time: '4s', queue_run_delay: '2s' }
      const sender = await startPostfix({ hostname: `mx.${domain}`, dns: POSTFIX_SEES, main: pauses })
      const mail = mailFor(domain)
      return {
        targets: {
          smtp: { ...mail, port: server.port },
          submission: { ...mail, ...account('ana'), from: `ana@${domain}`, port: submission.port, tls: 'starttls' },
          'smtp-client': sendingByDns(sender.port, POSTFIX_SEES, 30),
        },
        stop: ended(server, submission, sender),
      }
    },
  },
  {
    name: 'exim',
    title: 'Exim',
    note: 'One domain with known users, relaying for nobody but who has logged in; DSN is switched on.',
    version: () => packageVersion('exim4-daemon-light'),
    async start(tls) {
      const domain = 'exim.test'
      const server = await startExim({
        local: { domain, users: LOCAL_PARTS },
        tls,
        auth: { ana: PASSWORD },
        sends: true,
      })
      const sender = await startExim({ sends: true, dns: EXIM_SEES })
      const mail = { ...mailFor(domain), ...account('ana') }
      return {
        targets: {
          smtp: { ...mail, port: server.port },
          submission: { ...mail, from: `ana@${domain}`, port: server.submission, tls: 'starttls' },
          'smtp-client': sendingByDns(sender.port, EXIM_SEES),
        },
        stop: ended(server, sender),
      }
    },
  },
  {
    name: 'opensmtpd',
    title: 'OpenSMTPD',
    note: 'Without TLS, and so without AUTH. No handshake succeeds in this package, which is built with OpenSSL 3, and no setting changes that: its sessions hold no key and ask another process to sign, but OpenSSL 3 signs with the half of a key that they have (“missing private key”). Tried: RSA and ECDSA keys, TLS 1.2 and 1.3, key exchange by RSA, anonymous ciphers (“no shared cipher”), and OPENSSL_CONF.',
    version: () => packageVersion('opensmtpd'),
    async start() {
      const domain = 'opensmtpd.test'
      // smtp-client is not run: it ends at a failed handshake, too
      const server = await startOpensmtpd({ mailboxes: mailboxesOf(domain) })
      return { targets: { smtp: { ...mailFor(domain), port: server.port } }, stop: ended(server) }
    },
  },
  {
    name: 'sendmail',
    title: 'Sendmail',
    note: 'Debian’s settings, without its limits on rate and load; clients on loopback are strangers to it.',
    version: () => packageVersion('sendmail-bin'),
    async start(tls) {
      const domain = 'sendmail.test'
      const server = await startSendmail({ domain, users: LOCAL_PARTS, tls, auth: { ana: PASSWORD } })
      const sender = await startSendmail({ domain, users: LOCAL_PARTS, dns: SENDMAIL_SEES })
      const mail = { ...mailFor(domain), ...account('ana') }
      return {
        targets: {
          smtp: { ...mail, port: server.port },
          submission: { ...mail, from: `ana@${domain}`, port: server.submission, tls: 'starttls' },
          'smtp-client': sendingByDns(sender.port, SENDMAIL_SEES),
        },
        stop: ended(server, sender),
      }
    },
  },
  {
    name: 'haraka',
    title: 'Haraka',
    note: 'With its plugins tls, auth/flat_file and rcpt_to.in_host_list, which takes any local part.',
    version: () => HARAKA_VERSION,
    async start(tls) {
      const domain = 'haraka.test'
      const server = await startHaraka({ domain, tls, auth: { ana: PASSWORD } })
      return { targets: { smtp: { ...mailFor(domain), ...account('ana'), port: server.port } }, stop: ended(server) }
    },
  },
  {
    name: 'dovecot',
    title: 'Dovecot',
    version: () => packageVersion('dovecot-imapd'),
    async start(tls) {
      const domain = 'dovecot.test'
      const users = ['ana', 'eva'].map((name) => ({ name: `${name}@${domain}`, password: PASSWORD }))
      // no waiting after failed logins
      const extra =
        'auth_failure_delay = 0\nservice anvil {\n  unix_listener anvil-auth-penalty {\n    mode = 0\n  }\n}\n'
      const server = await startDovecot({ users, tls, extra })
      const mail = { ...mailFor(domain), ...account(`ana@${domain}`) }
      return {
        targets: {
          lmtp: { ...mail, port: server.lmtp },
          pop3: { ...mail, port: server.pop3, feed: `lmtp://${host}:${server.lmtp}` },
          imap: { ...mail, port: server.imap },
        },
        stop: ended(server),
      }
    },
  },
  {
    name: 'cyrus',
    title: 'Cyrus IMAP',
    version: () => packageVersion('cyrus-imapd'),
    async start(tls) {
      const users = ['ana', 'eva'].map((name) => ({ name, password: PASSWORD }))
      const server = await startCyrus({ users, tls })
      const mail = { ...mailFor('cyrus.test'), ...account('ana') }
      return {
        targets: {
          lmtp: { ...mail, port: server.lmtp },
          pop3: { ...mail, port: server.pop3, feed: `lmtp://${host}:${server.lmtp}` },
          imap: { ...mail, port: server.imap },
        },
        stop: ended(server),
      }
    },
  },
  {
    name: 'courier',
    title: 'Courier',
    note: 'Its Maildirs are filled by a Postfix, since its own MTA is another package. After a change in a folder it takes two seconds for what follows, so that its IMAP suite takes a quarter of an hour.',
    version: () => packageVersion('courier-imap'),
    async start(tls) {
      const domain = 'courier.test'
      // Courier's own MTA is another package: a Postfix delivers into the Maildirs
      const postfix = await startPostfix({ mailboxes: mailboxesOf(domain), main: { mynetworks: '192.0.2.0/24' } })
      const server = await startCourier({
        users: [{ name: 'ana', password: PASSWORD, maildir: postfix.maildir(`ana@${domain}`) }],
        tls,
      })
      const mail = { ...mailFor(domain), ...account('ana') }
      return {
        targets: {
          pop3: { ...mail, port: server.pop3, feed: `smtp://${host}:${postfix.port}` },
          imap: { ...mail, port: server.imap },
        },
        stop: ended(server, postfix),
      }
    },
  },
]

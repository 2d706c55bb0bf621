// Facts of the site that everything may ask for: the top-level keys of the configuration, defaults filled in.
import { token } from '../base/token.ts'

export interface RelaySettings {
  /** `[host]:port` (no MX) or `host:port`; several are tried in order. */
  readonly hosts: readonly string[]
  readonly username: string | null
  readonly password: string | null
  /** none: never; may: if offered; encrypt: always, any certificate; verify: always, checked; implicit: TLS from the start, checked. */
  readonly tls: 'none' | 'may' | 'encrypt' | 'verify' | 'implicit'
}

export interface ListenerSettings {
  /** Service name: smtp, submission, submissions, lmtp, imap, imaps, pop3, pop3s, managesieve, http. */
  readonly service: string
  readonly host: string
  readonly port: number
  /** An LMTP or submit socket instead of host and port. */
  readonly path: string | null
  readonly options: { readonly [key: string]: unknown }
}

export interface Site {
  readonly hostname: string
  readonly origin: string
  readonly domains: readonly string[]
  /** CIDR blocks of clients that may relay. */
  readonly networks: readonly string[]
  readonly postmaster: string
  /** Whom the server runs as when it is started as root. */
  readonly user: string
  readonly data: string
  readonly protocols: 'all' | 'ipv4' | 'ipv6'
  readonly listen: readonly ListenerSettings[]
  readonly tls: { readonly cert: string; readonly key: string } | null
  readonly relay: RelaySettings | null
  /** '' is none. */
  readonly recipientDelimiter: string
  readonly limits: {
    /** Octets. */
    readonly messageSize: number
    /** Octets; 0 is without limit. */
    readonly mailboxSize: number
    readonly recipients: number
    readonly connections: number
    readonly connectionsPerClient: number
    readonly connectionsPerMinute: number
    /** Octets of bodies held in memory by the whole process. */
    readonly bodyMemory: number
  }
  readonly store: { readonly format: 'maildir' | 'mbox' }
  /** Milliseconds and octets. */
  readonly queue: {
    readonly lifetime: number
    readonly warnAfter: number
    readonly minFree: number
    readonly firstRetry: number
    readonly maxRetry: number
  }
  readonly users: { readonly file: string | null; readonly system: boolean }
  /** Name servers as `ip` or `ip:port`; empty: the system's. */
  readonly dns: { readonly servers: readonly string[]; readonly trusted: boolean }
  readonly log: {
    readonly format: 'text' | 'json'
    readonly level: 'debug' | 'info' | 'warn' | 'error'
    readonly file: string | null
  }
  readonly trace: { readonly days: number; readonly maxSize: number }
  /** How a bare LF or CR in DATA is met. */
  readonly bareLineFeed: 'reject' | 'normalise'
}

export const SITE = token<Site>('Site')

// Services that plugins get by token and that lie above the contract in the import order: interfaces only.
import type { Clock } from '../base/clock.ts'
import type { Reply } from '../base/failure.ts'
import type { Logger } from '../base/log.ts'
import { token } from '../base/token.ts'
import type { Address } from '../message/address.ts'
import type { MessageContent, SpooledBody } from '../message/content.ts'
import type { MailParameters, Notify } from '../message/envelope.ts'

export const CLOCK = token<Clock>('Clock')
/** Each plugin gets its own, with its name in the `plugin` field. */
export const LOGGER = token<Logger>('Logger')
/** Set by a check to spare the later ones (greylisting, lists, scores): value is the reason. */
export const EXEMPT = token<string>('exempt')
/** Results of checks for Authentication-Results, as method=result text (RFC 8601). */
export const AUTH_RESULTS = token<readonly string[]>('authentication-results')

/** Makes new bodies: for filters that replace one. */
export interface Spool {
  write(chunks: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<SpooledBody>
}
export const SPOOL = token<Spool>('Spool')

export type TlsLevel = 'none' | 'may' | 'encrypt' | 'verify' | 'implicit'

export interface SmtpDestination {
  /** Names the connection pool: sends to the same key may share a connection. */
  readonly key: string
  /** Tried in order; `name` is for TLS (SNI, verification), the log, and loop detection. */
  readonly hosts: readonly { readonly name: string; readonly addresses: readonly string[]; readonly port: number }[]
  readonly tls: TlsLevel
  readonly auth: { readonly username: string; readonly password: string } | null
  readonly protocol: 'smtp' | 'lmtp'
  /**
   * The hosts come from the DNS: one that answers EHLO with our own name is this server, reached by an address that it does
   * not know as its own. Neither it nor any after it is used (RFC 5321 §5.1), and mail fails if it is the best.
   */
  readonly ownNameIsLoop?: boolean
}

export interface SmtpSend {
  readonly reversePath: Address | null
  readonly parameters: MailParameters
  readonly recipients: readonly {
    readonly address: Address
    readonly notify: readonly Notify[]
    readonly orcpt: string | null
  }[]
  readonly content: MessageContent
}

/** `results[i]` answers `recipients[i]`. */
export interface SmtpSendResult {
  readonly results: readonly {
    readonly kind: 'sent' | 'deferred' | 'failed'
    readonly reply: Reply
    readonly relay: string | null
    readonly dsn: boolean
  }[]
  /** No host had an answer for any recipient: none was reached, or the connection ended, or stalled, before. */
  readonly hostDown: boolean
}

/** Sends by SMTP or LMTP over pooled connections. Never throws for what a remote server did. */
export interface SmtpClient {
  send(destination: SmtpDestination, mail: SmtpSend, signal: AbortSignal): Promise<SmtpSendResult>
  close(): Promise<void>
}
export const SMTP_CLIENT = token<SmtpClient>('SmtpClient')

/** Work done under another user's id: by the broker when started as root; refused otherwise. */
export interface AsUser {
  readonly available: boolean
  /** Delivers to a mail file or Maildir under the user's id, synced. `signal` gives it up: a temporary Failure. */
  deliver(user: string, target: UserTarget, content: MessageContent, signal?: AbortSignal): Promise<void>
  /** Text of ~/.forward after the ownership checks; null when there is none. */
  readForward(user: string): Promise<string | null>
  /** Runs a command with the message on its standard input; its exit code and the last of its output. */
  pipe(
    user: string,
    command: UserCommand,
    content: MessageContent,
    signal?: AbortSignal,
  ): Promise<{ code: number; output: string }>
}

export interface UserTarget {
  readonly path: string
  readonly format: 'mbox' | 'maildir'
  /** Names the message's file in a Maildir. */
  readonly key: string
  /** The user's own mail file in the mail spool: made with the rights of the spool's group, and taken from nobody else. */
  readonly spool?: boolean
}

export interface UserCommand {
  /** For /bin/sh. */
  readonly command: string
  readonly environment: { readonly [name: string]: string }
  /** Milliseconds after which it is ended. */
  readonly limit: number
}
export const AS_USER = token<AsUser>('AsUser')

/** A system account, from the operating system's user database. */
export interface SystemUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
  readonly shell: string
}
export interface SystemUsers {
  find(name: string): Promise<SystemUser | null>
}
export const SYSTEM_USERS = token<SystemUsers>('SystemUsers')

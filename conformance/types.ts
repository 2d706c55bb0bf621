// What a conformance case is, what a suite is, and what a run gives back.
import type { Socket } from 'node:net'
import type { Wire } from './wire.ts'

export type Level = 'must' | 'should' | 'may'

/** What the owner of the server must have agreed to: sending mail, changing a mailbox, sending much or oversized data. */
export type Consent = 'mail' | 'mailbox' | 'load'
export const CONSENTS: readonly Consent[] = ['mail', 'mailbox', 'load']

export interface Needs {
  /** Names as the server announces them (EHLO keywords, CAPA tags, IMAP capabilities), upper case. */
  readonly capabilities?: readonly string[]
  /** A user name and password. */
  readonly account?: true
  /** An address whose mail the server takes (`--rcpt`). */
  readonly recipient?: true
  /** Messages that must be in the maildrop. */
  readonly messages?: number
  readonly consent?: readonly Consent[]
  /** The server finds other hosts by the runner's name server (`--dns`). */
  readonly dns?: true
  /** The server tries again within `--retry-wait`. */
  readonly retry?: true
}

/** What a reader of reports sees of a case. */
export interface CaseFacts {
  /** A slug under its topic, `smtp/data/bare-lf`; never renamed or given to another requirement. */
  readonly id: string
  /** `RFC 5321 §2.3.8` */
  readonly rfc: string
  readonly level: Level
  /** The one normative statement that is judged, in our own words. */
  readonly requirement: string
  readonly needs?: Needs
  /** Where the connection stands when `run` begins; each suite names its states. */
  readonly state: string
  /** `polite` (default): the session must still be able to end as the protocol says; `any`: the case leaves it unusable, or ends it. */
  readonly ending?: 'polite' | 'any'
}

export interface Case<C extends Dialect = Dialect> extends CaseFacts {
  /** Throws Violation, Blocked or Skipped (judgement.ts); returning is passing. */
  run(connection: C): Promise<void>
}

/** A connection that speaks a suite's protocol. */
export interface Dialect {
  readonly wire: Wire
}

/** What a suite gets to work with during one case. */
export interface Context {
  readonly target: Target
  /** Opens a connection whose transcript belongs to the case; with another TLS mode than the target's, if one is given. */
  open(tls?: TlsMode): Promise<Wire>
  /** The same for a connection that came to the runner, which plays the server on it. */
  adopt(socket: Socket): Wire
  /** Work that is done when the case is over, however it ended; the next case of a suite that runs alone waits for it. */
  atEnd(work: () => void | Promise<void>): void
}

export interface Suite<C extends Dialect = Dialect> {
  readonly name: string
  readonly description: string
  readonly port: { readonly plain: number; readonly tls: number }
  readonly cases: readonly Case<C>[]
  /** The server lets one session in at a time: cases run one after another. */
  readonly alone?: boolean
  /** Before the first case: puts what the cases need on the server; throws Blocked when that fails. */
  before?(context: Context, selected: readonly CaseFacts[]): Promise<void>
  /** After the last case: takes away what `before` and the cases left behind. */
  after?(context: Context): Promise<void>
  /** Connects and brings the connection to the case's state. Throws Skipped for what the server does not offer. */
  connect(context: Context, facts: CaseFacts): Promise<C>
  /** Ends the session as the protocol says; throws Violation when the server does not. */
  finish(connection: C): Promise<void>
}

export interface Endpoint {
  readonly host: string
  readonly port: number
}

export type TlsMode = 'none' | 'starttls' | 'implicit'

export interface Target {
  readonly host: string
  readonly port: number
  readonly tls: TlsMode
  readonly user: string | null
  readonly password: string | null
  /** A sender that the server takes. */
  readonly from: string
  /** A recipient whose mail the server takes; null skips the cases that need one. */
  readonly rcpt: string | null
  /** A second recipient, for LMTP's answer to each. */
  readonly rcpt2: string | null
  /** An address in a domain of the server that has no mailbox. */
  readonly unknown: string | null
  /** What the client calls itself in HELO, EHLO and LHLO. */
  readonly helo: string
  /** Where messages for a maildrop can be handed in: `smtp://host:port` or `lmtp://host:port`. */
  readonly feed: string | null
  readonly consent: readonly Consent[]
  /** Where the runner plays a server that mail is sent to, and where it plays the name server. */
  readonly listen: Endpoint | null
  readonly dns: Endpoint | null
  /** How long to wait for another attempt; null skips the cases that need one. */
  readonly retryMs: number | null
  /** How long one answer may take. */
  readonly answerMs: number
}

export type Verdict = 'pass' | 'fail' | 'warn' | 'skip' | 'blocked' | 'unclean'
export const VERDICTS: readonly Verdict[] = ['pass', 'fail', 'warn', 'unclean', 'blocked', 'skip']

export interface TranscriptEntry {
  /** Which connection of the case, from 1. */
  readonly connection: number
  readonly from: 'client' | 'server' | 'note'
  /** One character an octet. */
  readonly text: string
}

export interface CaseResult {
  readonly facts: CaseFacts
  readonly verdict: Verdict
  /** Why, when it is not a pass: what was expected and what came. */
  readonly reason: string | null
  readonly transcript: readonly TranscriptEntry[]
  readonly ms: number
  /** Against the expected failures: `known` failed as expected, `surprise` passed though a failure was expected. */
  readonly expectation: 'known' | 'surprise' | null
  /** What the expectations file says about it. */
  readonly remark: string | null
}

export interface RunReport {
  readonly suite: string
  readonly product: string
  readonly server: string
  readonly startedAt: string
  readonly ms: number
  readonly results: readonly CaseResult[]
  readonly counts: { readonly [verdict in Verdict]: number }
  /** 0 all well; 1 a MUST failed (strict: also a SHOULD, or an unexpected pass); 2 nothing could be judged, or not all. */
  readonly exitCode: 0 | 1 | 2
}

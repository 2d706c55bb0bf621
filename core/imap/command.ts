// What a command file gives: its name, where it is allowed, how its arguments are read, what it does.
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { BodySpool } from '../message/spool.ts'
import type { Identity, MailboxEvent, SessionFacts } from '../plugin/contract.ts'
import type { Generation } from '../plugin/generation.ts'
import type { MailAccount, Mailbox } from '../store/mailbox-store.ts'
import type { Trace } from '../trace/trace.ts'
import type { CommandReader } from './command-reader.ts'
import type { LoginGuard } from './login-guard.ts'
import type { Output } from './output.ts'
import type { ImapEvent, ProtocolState } from './session.machine.ts'
import type { View } from './view.ts'
import type { Decoder } from './wire/decoder.ts'
import type { LiteralMarker } from './wire/literal.ts'

/** How a command ended: the tagged response, and what it means for the chart. */
export interface Completion {
  readonly status: 'OK' | 'NO' | 'BAD'
  /** Response code without brackets. */
  readonly code?: string
  readonly text: string
  /** `imap.done` when left out. */
  readonly event?: Exclude<ImapEvent['type'], 'imap.command'>
  /** False: no EXPUNGE response may come before the tagged one (RFC 9051 §7.5.1). */
  readonly expunge?: boolean
  /** Of the command that this ends, when it is not the one that began: the last of several APPENDs. */
  readonly tag?: string
  /** The tagged response was sent already (STARTTLS), or comes later (IDLE). */
  readonly silent?: boolean
}

export const ok = (text: string, more: Partial<Completion> = {}): Completion => ({ status: 'OK', text, ...more })
export const no = (code: string | null, text: string): Completion =>
  code === null ? { status: 'NO', text } : { status: 'NO', code, text }
export const bad = (text: string): Completion => ({ status: 'BAD', text })

/** What stands behind the tag. */
export const formatCompletion = ({ status, code, text }: Completion): string =>
  `${status} ${code === undefined ? '' : `[${code}] `}${text}\r\n`

/** Thrown where a command cannot go on: the completion is its answer. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly completion: Completion
  constructor(completion: Completion) {
    super(completion.text)
    this.completion = completion
  }
}

/** What a command may use of its session. */
export interface Session {
  readonly clock: Clock
  readonly log: Logger
  readonly out: Output
  readonly reader: CommandReader
  readonly spool: BodySpool
  readonly trace: Trace
  readonly generation: Generation
  readonly facts: SessionFacts
  /** IMAP4rev2 was enabled: UTF-8 names, ESEARCH only, no RECENT. */
  rev2: boolean
  /** CONDSTORE was enabled: MODSEQ goes with every FLAGS (RFC 7162 §3.1). */
  condstore: boolean
  /** Passwords may be sent: within TLS, or on loopback. */
  readonly secure: boolean
  readonly canStartTls: boolean
  readonly capabilities: string
  readonly account: MailAccount
  /** The selected mailbox. */
  readonly view: View
  readonly readOnly: boolean
  readonly isSelected: boolean
  /** Moves the chart within a command. */
  enter(event: 'imap.saslStarted' | 'imap.tlsStarted'): void
  logIn(identity: Identity): Promise<Completion>
  readonly logins: LoginGuard
  select(mailbox: Mailbox, readOnly: boolean): void
  unselect(): void
  startTls(): Promise<void>
  /** An open mailbox for a moment; closed afterwards. */
  withMailbox<T>(name: string, use: (mailbox: Mailbox) => Promise<T> | T): Promise<T>
  /** Unicode name from the wire; refuses what is none. */
  mailboxName(octets: string): string
  /** The plugins' mailbox hook: null, or why not. */
  gate(action: MailboxEvent['action'], mailbox: string | null): Promise<Completion | null>
  /** Octets that still fit into the account, Infinity without a quota; `storing` is waited for where it counts. */
  room(storing: Promise<unknown> | null): Promise<number>
  /** Lets others run when this session has held the loop for a while. */
  breathe(): Promise<void> | null
  /** What the client hears of a failure; one that nobody expected is logged. */
  answerTo(thrown: unknown, command: string): Completion
  /** Aborted when the connection goes away. */
  readonly signal: AbortSignal
  text(line: string): void
}

export interface CommandInput {
  readonly tag: string
  readonly args: Decoder
  /** APPEND's message literal. */
  readonly message: LiteralMarker | null
}

export interface Command {
  readonly name: string
  readonly states: readonly ProtocolState[]
  /** Reads all arguments (SyntaxFault: BAD) and gives what is to be done. */
  prepare(input: CommandInput): (session: Session) => Completion | Promise<Completion>
}

export const ANY_STATE: readonly ProtocolState[] = ['notAuthenticated', 'authenticated', 'selected']
export const LOGGED_IN: readonly ProtocolState[] = ['authenticated', 'selected']
export const SELECTED: readonly ProtocolState[] = ['selected']

export function defineCommand<A>(definition: {
  readonly name: string
  readonly states: readonly ProtocolState[]
  parse(args: Decoder, input: CommandInput): A
  run(session: Session, args: A): Completion | Promise<Completion>
}): Command {
  return {
    name: definition.name,
    states: definition.states,
    prepare(input) {
      const args = definition.parse(input.args, input)
      // APPEND reads on after its message literal
      if (input.message === null) input.args.end()
      return (session) => definition.run(session, args)
    },
  }
}

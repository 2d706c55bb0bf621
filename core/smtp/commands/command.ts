// What the file of a verb exports: a command takes its arguments and gives an answer, which the session replies and tells its chart.
import type { Reply } from '../../base/failure.ts'
import { formatReply } from '../../message/reply.ts'
import type { Defer, Reject } from '../../plugin/contract.ts'
import type { OwnTransaction } from '../facts.ts'
import type { CommandName, Outcome, Verb } from '../session.machine.ts'
import type { SmtpSession } from '../session.ts'

/** A refusal on policy, for log and trace. */
export interface Refusal {
  /** The command, as Postfix names it in its log. */
  readonly where: string
  readonly transaction: OwnTransaction | null
  readonly recipient: string
}

export interface Answer {
  /** null: it comes later (BDAT). */
  readonly reply: Reply | null
  /** The reply as it goes over the wire. */
  readonly text: string
  /** null: the chart stays in its state. */
  readonly outcome: Outcome | null
  readonly refusal: Refusal | null
}

const answer = (reply: Reply | null, outcome: Answer['outcome'], refusal: Refusal | null = null): Answer => ({
  reply,
  text: reply === null ? '' : formatReply(reply),
  outcome,
  refusal,
})

/** Replies where the state does not wait for an outcome. */
export const stay = (reply: Reply): Answer => answer(reply, null)
export const proceed = (outcome: Outcome, reply: Reply): Answer => answer(reply, outcome)
/** BDAT is answered when its octets are here. */
export const expectOctets: Answer = answer(null, 'bdat.expected')
/** The last reply. */
export const goodbye = (reply: Reply): Answer => answer(reply, 'session.goodbye')
/** A 421 ends the session (RFC 5321 §3.8). */
export const refuse = (reply: Reply, refusal: Refusal | null = null): Answer =>
  answer(reply, reply.code === 421 ? 'session.goodbye' : 'command.refused', refusal)

export const refuseOnPolicy = (
  where: string,
  reply: Reply,
  transaction: OwnTransaction | null,
  recipient = '',
): Answer => refuse(reply, { where, transaction, recipient })

export function refuseByHook(
  where: string,
  verdict: Reject | Defer,
  transaction: OwnTransaction | null,
  recipient = '',
): Answer {
  const refused = refuseOnPolicy(where, verdict.reply, transaction, recipient)
  return verdict.disconnect ? { ...refused, outcome: 'session.goodbye' } : refused
}

export interface Command {
  readonly verb: Verb
  /** What the chart calls it. */
  readonly event: CommandName
  /** The section that defines it. */
  readonly rfc: string
  /** Its syntax, for HELP. */
  readonly syntax: string
  /** The protocol that alone knows it; absent: both. */
  readonly only?: 'ESMTP' | 'LMTP'
  /** Whether HELP names it in this session; absent: always. */
  offered?(session: SmtpSession): boolean
  /** Checks `args`, asks the hooks, and answers: at once, unless a hook waits for something. */
  run(session: SmtpSession, args: string): Answer | Promise<Answer>
}

export const defineCommand = (command: Omit<Command, 'event'>): Command => ({
  ...command,
  event: `smtp.${command.verb}`,
})

/** Goes on at once with a value that is here, so that a bare server waits for nothing. */
export function whenAnswered<T, R>(value: T | Promise<T>, then: (value: T) => R | Promise<R>): R | Promise<R> {
  return value instanceof Promise ? value.then(then) : then(value)
}

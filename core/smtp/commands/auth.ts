// AUTH (RFC 4954): one SASL dialogue; its lines come back here as responses. No payload reaches a log.
import { replies } from '../../message/reply.ts'
import type { Line } from '../../net/line-reader.ts'
import type { Identity } from '../../plugin/contract.ts'
import { findMechanism, SaslDialogue, type SaslTurn } from '../../sasl/sasl.ts'
import { isSecure } from '../capabilities.ts'
import { logAuthFailure, logAuthSuccess } from '../journal.ts'
import type { SmtpSession } from '../session.ts'
import { AUTH_FAILURES_MAX } from '../wire/limits.ts'
import { type Answer, defineCommand, goodbye, proceed, refuse, whenAnswered } from './command.ts'

export const auth = defineCommand({
  verb: 'auth',
  rfc: 'RFC 4954 §4',
  syntax: 'AUTH <mechanism> [<initial response>]',
  offered: ({ role }) => role.auth,
  run(session, args) {
    const { facts, generation, service } = session
    if (!session.role.auth) return refuse(replies.notImplemented())
    if (!facts.extended) return refuse(replies.badSequence('Send EHLO first'))
    if (facts.identity !== null) return refuse(replies.badSequence('Already authenticated'))
    const [name = '', initial = null, ...more] = args.split(/ +/)
    if (name === '' || more.length > 0) return refuse(replies.syntaxError('Syntax: AUTH mechanism [response]'))
    const mechanism = findMechanism(name)
    if (mechanism === null) return refuse(replies.unknownMechanism())
    if (mechanism.plaintext && !isSecure(facts)) return refuse(replies.encryptionNeeded()) // RFC 4954 §4, §6
    if (service.admission.isBanned(facts.remoteIp)) return goodbye(replies.banned())
    const dialogue = new SaslDialogue<Identity>(mechanism, {
      verify: (user, password) => generation.hooks.authVerify(user, password, facts),
    })
    session.dialogue = dialogue
    return whenAnswered(dialogue.begin(initial), (turn) => take(session, dialogue, turn))
  },
})

/** A line of the dialogue; one that is none ends it. */
export function respond(session: SmtpSession, line: Line): Answer | Promise<Answer> {
  const dialogue = session.dialogue!
  if (typeof line !== 'string') {
    return whenAnswered(dialogue.answer(line.toString('latin1')), (turn) => take(session, dialogue, turn))
  }
  session.dialogue = null
  return refuse(line === 'tooLong' ? replies.authLineTooLong() : replies.authMalformed())
}

function take(
  session: SmtpSession,
  dialogue: SaslDialogue<Identity>,
  turn: SaslTurn<Identity>,
): Answer | Promise<Answer> {
  if (turn.kind === 'challenge') return proceed('auth.challenged', replies.challenge(turn.text))
  session.dialogue = null
  const mechanism = dialogue.mechanism.name
  switch (turn.kind) {
    case 'identity':
      session.facts.identity = turn.identity
      session.service.admission.loginSucceeded(session.facts.remoteIp)
      logAuthSuccess(session, mechanism, turn.identity.account)
      return proceed('auth.accepted', replies.authenticated())
    case 'denied':
      logAuthFailure(session, mechanism, turn.user, 'authentication failure')
      return denied(session)
    case 'unavailable':
      logAuthFailure(session, mechanism, turn.user, 'temporary failure')
      return refuse(replies.authUnavailable())
    case 'cancelled':
      return refuse(replies.authCancelled())
    case 'malformed':
      return refuse(replies.authMalformed())
  }
}

/** The answer to a wrong password comes the later, the more of them came from there. */
async function denied(session: SmtpSession): Promise<Answer> {
  const { admission, clock } = session.service
  session.authFailures += 1
  const wait = admission.loginFailed(session.facts.remoteIp)
  if (wait > 0) await new Promise<void>((resolve) => clock.after(wait, resolve))
  return session.authFailures < AUTH_FAILURES_MAX ? refuse(replies.authFailed()) : goodbye(replies.authFailed())
}

// AUTH (RFC 5034): one SASL dialogue; its lines come back here as responses. No payload reaches a log.
import type { Identity } from '../../plugin/contract.ts'
import { findMechanism, mechanismsFor, SaslDialogue, type SaslTurn } from '../../sasl/sasl.ts'
import type { Pop3Session } from '../session.ts'
import { listingEnd, responses } from '../wire/response.ts'
import { defineCommand } from './command.ts'

export const auth = defineCommand({
  verb: 'auth',
  rfc: 'RFC 5034 §4',
  run(session, args) {
    if (args === '') return session.refuse(listMechanisms(session), false)
    const [name = '', initial = null, ...more] = args.split(/ +/)
    if (more.length > 0) return session.refuse(responses.syntax('Syntax: AUTH mechanism [initial-response]'))
    const mechanism = findMechanism(name)
    if (mechanism === null) return session.refuse(responses.unknownMechanism())
    if (mechanism.plaintext && !session.secure) return session.refuse(responses.tlsNeeded())
    const dialogue = new SaslDialogue<Identity>(mechanism, {
      verify: (user, password) => session.verify(user, password),
    })
    session.dialogue = dialogue
    follow(session, dialogue.begin(initial))
  },
})

/** A line of the dialogue, without its line end. */
export function respond(session: Pop3Session, line: string): void {
  follow(session, session.dialogue!.answer(line))
}

/** AUTH alone lists the mechanisms: older than RFC 5034, and some clients still ask so. */
const listMechanisms = (session: Pop3Session): string =>
  responses.listing('Mechanisms') +
  mechanismsFor(session.secure)
    .map((mechanism) => `${mechanism.name}\r\n`)
    .join('') +
  listingEnd

type Turn = SaslTurn<Identity>

function follow(session: Pop3Session, turn: Turn | Promise<Turn>): void {
  if (turn instanceof Promise) turn.then((settled) => take(session, settled))
  else take(session, turn)
}

function take(session: Pop3Session, turn: Turn): void {
  if (turn.kind === 'challenge') session.proceed('auth.challenged', responses.continuation(turn.text))
  else if (turn.kind === 'cancelled') session.refuse(responses.cancelled())
  else if (turn.kind === 'malformed') session.refuse(responses.malformed())
  else if (turn.kind === 'identity') session.login(turn.identity.authcid, Promise.resolve(turn))
  else session.login(turn.user, Promise.resolve(turn))
}

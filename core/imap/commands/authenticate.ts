// AUTHENTICATE (RFC 9051 §6.2.2, SASL-IR of RFC 4959)
import type { Identity } from '../../plugin/contract.ts'
import { findMechanism, SaslDialogue } from '../../sasl/sasl.ts'
import { bad, defineCommand, no } from '../command.ts'

export const authenticate = defineCommand({
  name: 'AUTHENTICATE',
  states: ['notAuthenticated'],
  parse(args) {
    args.space()
    const mechanism = args.keyword('mechanism')
    if (args.atEnd) return { mechanism, initial: null }
    args.space()
    return { mechanism, initial: args.rest() }
  },
  async run(session, { mechanism: name, initial }) {
    const mechanism = findMechanism(name)
    if (!mechanism) return no('CANNOT', 'Unsupported authentication mechanism')
    if (mechanism.plaintext && !session.secure) return no('PRIVACYREQUIRED', 'Start TLS first')
    session.enter('imap.saslStarted')
    const dialogue = new SaslDialogue<Identity>(mechanism, session.logins)
    let turn = await dialogue.begin(initial)
    while (turn.kind === 'challenge') {
      session.text(`+ ${turn.text}\r\n`)
      const line = await session.reader.line()
      turn = line === null ? { kind: 'malformed' } : await dialogue.answer(line)
    }
    if (turn.kind === 'identity') return session.logIn(turn.identity)
    if (turn.kind === 'cancelled') return bad('Authentication cancelled')
    if (turn.kind === 'malformed') return bad('Malformed authentication response')
    return session.logins.failed(turn.kind, turn.user)
  },
})

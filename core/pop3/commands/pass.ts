// PASS (RFC 1939 §7): the password, all of it, spaces too.
import { responses } from '../wire/response.ts'
import { defineCommand } from './command.ts'

export const pass = defineCommand({
  verb: 'pass',
  rfc: 'RFC 1939 §7',
  run(session, args) {
    const name = session.userName
    session.userName = null
    if (!session.secure) return session.refuse(responses.tlsNeeded())
    if (name === null) return session.refuse(responses.badSequence('Send USER first'))
    if (args === '') return session.refuse(responses.syntax('Syntax: PASS password'))
    session.login(name, session.verify(name, args))
  },
})

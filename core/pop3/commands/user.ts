// USER (RFC 1939 §7): the name, for the PASS that follows.
import { responses } from '../wire/response.ts'
import { defineCommand } from './command.ts'

export const user = defineCommand({
  verb: 'user',
  rfc: 'RFC 1939 §7',
  run(session, args) {
    if (!session.secure) return session.error(responses.tlsNeeded())
    if (args === '') return session.error(responses.syntax('Syntax: USER name'))
    session.userName = args
    session.answer(responses.sendPassword()) // the same for names that nobody has
  },
})

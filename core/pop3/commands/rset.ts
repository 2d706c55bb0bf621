// RSET (RFC 1939 §5): takes all marks for deletion back.
import { responses } from '../wire/response.ts'
import { defineCommand } from './command.ts'

export const rset = defineCommand({
  verb: 'rset',
  rfc: 'RFC 1939 §5',
  run(session, args) {
    if (args !== '') return session.error(responses.syntax('Syntax: RSET'))
    session.maildrop!.reset()
    session.answer(responses.reset(session.maildrop!.length))
  },
})

// NOOP (RFC 1939 §5).
import { responses } from '../wire/response.ts'
import { defineCommand } from './command.ts'

export const noop = defineCommand({
  verb: 'noop',
  rfc: 'RFC 1939 §5',
  run(session, args) {
    if (args !== '') return session.error(responses.syntax('Syntax: NOOP'))
    session.answer(responses.ok())
  },
})

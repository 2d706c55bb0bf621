// STAT (RFC 1939 §5): how many messages, and how large they are together.
import { responses } from '../wire/response.ts'
import { defineCommand } from './command.ts'

export const stat = defineCommand({
  verb: 'stat',
  rfc: 'RFC 1939 §5',
  run(session, args) {
    if (args !== '') return session.error(responses.syntax('Syntax: STAT'))
    const { messages, octets } = session.maildrop!.totals
    session.answer(responses.status(messages, octets))
  },
})

// RSET (RFC 5321 §4.1.1.5): the transaction is forgotten; the greeting, TLS and the identity stay.
import { replies } from '../../message/reply.ts'
import { defineCommand, proceed, stay } from './command.ts'

export const rset = defineCommand({
  verb: 'rset',
  rfc: 'RFC 5321 §4.1.1.5',
  syntax: 'RSET',
  run(session, args) {
    if (args !== '') return stay(replies.syntaxError('No parameters allowed'))
    session.reset()
    return proceed('transaction.reset', replies.ok())
  },
})

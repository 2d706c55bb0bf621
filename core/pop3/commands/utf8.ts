// UTF8 (RFC 6856 §2.1): the client reads header fields in UTF-8.
import { responses } from '../wire/response.ts'
import { defineCommand } from './command.ts'

// Deviates: RFC 6856 §2, as messages with UTF-8 in their header go to clients without UTF8 too: such mail came long before
// the RFC, and a client that cannot fetch it could not delete it either.
export const utf8 = defineCommand({
  verb: 'utf8',
  rfc: 'RFC 6856 §2.1',
  run(session, args) {
    if (args !== '') return session.error(responses.syntax('Syntax: UTF8'))
    session.answer(responses.utf8())
  },
})

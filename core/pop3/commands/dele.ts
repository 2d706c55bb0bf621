// DELE (RFC 1939 §5): marks a message; it goes at QUIT.
import { responses } from '../wire/response.ts'
import { defineCommand, messageNumber } from './command.ts'

export const dele = defineCommand({
  verb: 'dele',
  rfc: 'RFC 1939 §5',
  run(session, args) {
    const number = messageNumber(session, args, (response) => session.error(response))
    if (number === null) return
    session.maildrop!.delete(number)
    session.answer(responses.deleted(number))
  },
})

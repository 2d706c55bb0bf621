// RETR (RFC 1939 §5): a whole message.
import { defineCommand, messageNumber } from './command.ts'

export const retr = defineCommand({
  verb: 'retr',
  rfc: 'RFC 1939 §5',
  run(session, args) {
    const number = messageNumber(session, args, (response) => session.refuse(response))
    if (number !== null) session.sendMessage(number, null)
  },
})

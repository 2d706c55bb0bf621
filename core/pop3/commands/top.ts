// TOP (RFC 1939 §7): the header and the first lines of a message.
import { parseNumber } from '../wire/command.ts'
import { responses } from '../wire/response.ts'
import { defineCommand, messageNumber } from './command.ts'

export const top = defineCommand({
  verb: 'top',
  rfc: 'RFC 1939 §7',
  run(session, args) {
    const [message = '', count = '', ...more] = args.split(/ +/)
    const lines = parseNumber(count)
    if (lines === null || more.length > 0) return session.refuse(responses.syntax('Syntax: TOP message lines'))
    const number = messageNumber(session, message, (response) => session.refuse(response))
    if (number !== null) session.sendMessage(number, lines)
  },
})

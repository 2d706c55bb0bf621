// UIDL (RFC 1939 §7): ids of messages that stay the same over sessions.
import { listingEnd, responses } from '../wire/response.ts'
import { defineCommand, messageNumber } from './command.ts'

export const uidl = defineCommand({
  verb: 'uidl',
  rfc: 'RFC 1939 §7',
  run(session, args) {
    const maildrop = session.maildrop!
    if (args === '') {
      const lines = Array.from(maildrop.numbers(), (number) => `${number} ${maildrop.uniqueId(number)}\r\n`)
      return session.answer(responses.listing('Unique ids') + lines.join('') + listingEnd)
    }
    const number = messageNumber(session, args, (response) => session.error(response))
    if (number !== null) session.answer(responses.item(number, maildrop.uniqueId(number)))
  },
})

// UIDL (RFC 1939 §7): ids of messages that stay the same over sessions.
import { responses } from '../wire/response.ts'
import { defineCommand, messageNumber } from './command.ts'

export const uidl = defineCommand({
  verb: 'uidl',
  rfc: 'RFC 1939 §7',
  run(session, args) {
    const maildrop = session.maildrop!
    if (args === '') return session.sendListing(responses.listing('Unique ids'), (number) => maildrop.uniqueId(number))
    const number = messageNumber(session, args, (response) => session.refuse(response))
    if (number !== null) session.proceed('answer.sent', responses.item(number, maildrop.uniqueId(number)))
  },
})

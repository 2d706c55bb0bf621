// LIST (RFC 1939 §5): the size of one message, or of each.
import { responses } from '../wire/response.ts'
import { defineCommand, messageNumber } from './command.ts'

export const list = defineCommand({
  verb: 'list',
  rfc: 'RFC 1939 §5',
  run(session, args) {
    const maildrop = session.maildrop!
    if (args === '') {
      const { messages, octets } = maildrop.totals
      const head = responses.listing(`${messages} messages (${octets} octets)`)
      return session.sendListing(head, (number) => maildrop.size(number))
    }
    const number = messageNumber(session, args, (response) => session.refuse(response))
    if (number !== null) session.proceed('answer.sent', responses.item(number, maildrop.size(number)))
  },
})

// LIST (RFC 1939 §5): the size of one message, or of each.
import { listingEnd, responses } from '../wire/response.ts'
import { defineCommand, messageNumber } from './command.ts'

export const list = defineCommand({
  verb: 'list',
  rfc: 'RFC 1939 §5',
  run(session, args) {
    const maildrop = session.maildrop!
    if (args === '') {
      const { messages, octets } = maildrop.totals
      const lines = Array.from(maildrop.numbers(), (number) => `${number} ${maildrop.size(number)}\r\n`)
      return session.answer(responses.listing(`${messages} messages (${octets} octets)`) + lines.join('') + listingEnd)
    }
    const number = messageNumber(session, args, (response) => session.error(response))
    if (number !== null) session.answer(responses.item(number, maildrop.size(number)))
  },
})

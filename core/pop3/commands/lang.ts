// LANG (RFC 6856 §3): the language of response texts, of which there is one.
import { listingEnd, responses } from '../wire/response.ts'
import { defineCommand } from './command.ts'

export const lang = defineCommand({
  verb: 'lang',
  rfc: 'RFC 6856 §3.2',
  run(session, args) {
    if (args === '') return session.answer(`${responses.listing('Languages')}en English\r\n${listingEnd}`)
    if (/^(\*|en|en-[a-z0-9-]+|i-default)$/i.test(args)) return session.answer(responses.language('en'))
    session.error(responses.unknownLanguage())
  },
})

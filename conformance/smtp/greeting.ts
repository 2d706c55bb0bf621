// SMTP: what the server says before anything was asked.
import { check, visible } from '../judgement.ts'
import { isOneOf, type Smtp } from './client.ts'
import type { SmtpCase } from './suite.ts'

const DOMAIN =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[^\]\s]+\])(?: |$)/

/** Domain or address literal in front, as the greeting and the replies to HELO and EHLO begin. */
export const beginsWithDomain = (text: string): boolean => DOMAIN.test(text)

const greeting = async (s: Smtp) => {
  const reply = await s.reply('the connection')
  s.demand(reply, '220|554', 'the connection')
  return reply
}

export const greetingCases: readonly SmtpCase[] = [
  {
    id: 'smtp/greeting/code',
    rfc: 'RFC 5321 §3.1',
    level: 'must',
    requirement: 'A connection is answered by 220, or by 554 when the host takes no mail at all.',
    state: 'connected',
    ending: 'any',
    async run(s) {
      await greeting(s)
    },
  },
  {
    id: 'smtp/greeting/domain',
    rfc: 'RFC 5321 §4.2',
    level: 'must',
    requirement: 'The text of the 220 greeting begins with the domain name or address literal of the server.',
    state: 'connected',
    async run(s) {
      const { lines } = await greeting(s)
      check(beginsWithDomain(lines[0]!), 'a domain or address literal behind 220', `"${visible(lines[0]!)}"`)
    },
  },
  {
    id: 'smtp/greeting/ascii',
    rfc: 'RFC 5321 §4.2',
    level: 'must',
    requirement: 'The text of replies is printable US-ASCII, spaces and tabs.',
    state: 'connected',
    async run(s) {
      const replies = [await greeting(s), await s.ehlo(), await s.send('NOOP')]
      for (const line of replies.flatMap(({ raw }) => raw))
        check(/^[\t\x20-\x7e]*$/.test(line), 'printable US-ASCII', `"${visible(line)}"`)
    },
  },
  {
    id: 'smtp/greeting/crlf',
    rfc: 'RFC 5321 §2.3.8',
    level: 'must',
    requirement: 'The server ends every line by CR LF, never by a bare LF.',
    state: 'connected',
    async run(s) {
      await greeting(s)
      await s.ehlo()
      check(s.wire.bareLines === 0, 'CR LF behind every line', `${s.wire.bareLines} lines ended by a bare LF`)
    },
  },
  {
    id: 'smtp/greeting/line-length',
    rfc: 'RFC 5321 §4.5.3.1.5',
    level: 'must',
    requirement: 'A reply line has at most 512 octets, the code and CR LF included.',
    state: 'connected',
    async run(s) {
      const replies = [await greeting(s), await s.ehlo(), await s.send('HELP')]
      const longest = Math.max(...replies.flatMap(({ raw }) => raw).map((line) => line.length + 2))
      check(longest <= 512, 'reply lines of up to 512 octets', `${longest} octets`)
    },
  },
  {
    id: 'smtp/session/one-reply',
    rfc: 'RFC 5321 §4.2',
    level: 'must',
    requirement: 'Every command generates exactly one reply.',
    state: 'ehlo',
    async run(s) {
      for (const command of ['NOOP', 'RSET', 'VRFY nobody-of-this-name', 'XCONFORMANCE']) await s.send(command)
      await s.wire.write('NOOP\r\nQUIT\r\n')
      const codes = [(await s.expect('NOOP')).code, (await s.expect('QUIT')).code]
      check(
        isOneOf(codes[0]!, '250') && isOneOf(codes[1]!, '221'),
        '250 to NOOP, then 221 to QUIT',
        codes.join(', then '),
      )
    },
    ending: 'any',
  },
]

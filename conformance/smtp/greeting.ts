// SMTP: what the server says before anything was asked, and the form of all replies.
import { check, isJudgement, Skipped, Violation, visible } from '../judgement.ts'
import { isOneOf, quoted, type Reply, type Smtp } from './client.ts'
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

/** The greeting, and replies to commands that succeed, fail, are unknown, misplaced and wrong. */
async function manyReplies(s: Smtp): Promise<Reply[]> {
  const replies = [await greeting(s), await s.ehlo()]
  for (const line of ['NOOP', 'HELP', 'VRFY nobody-of-this-name', 'XCONFORMANCE', 'DATA x', 'MAIL', 'RSET'])
    replies.push(await s.send(line))
  return replies
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
      const { code, lines } = await greeting(s)
      if (code !== 220) throw new Skipped('the server takes no mail')
      check(beginsWithDomain(lines[0]!), 'a domain or address literal behind 220', `"${visible(lines[0]!)}"`)
    },
  },
  {
    id: 'smtp/greeting/ascii',
    rfc: 'RFC 5321 §4.2',
    level: 'must',
    requirement:
      'The text of replies (judged: the greeting, and the replies to EHLO, NOOP and an unknown command) is US-ASCII, without control characters but the tab.',
    state: 'connected',
    async run(s) {
      const replies = [await greeting(s), await s.ehlo(), await s.send('NOOP'), await s.send('XCONFORMANCE')]
      for (const { raw } of replies)
        for (const line of raw) check(/^[\t\x20-\x7e]*$/.test(line), 'printable US-ASCII', `"${visible(line)}"`)
    },
  },
  {
    id: 'smtp/greeting/crlf',
    rfc: 'RFC 5321 §2.3.8',
    level: 'must',
    requirement: 'The server ends every line of its replies by CR LF, never by a bare LF.',
    state: 'connected',
    async run(s) {
      await manyReplies(s)
      check(s.wire.bareLines === 0, 'CR LF behind every line', `${s.wire.bareLines} lines ended by a bare LF`)
    },
  },
  {
    id: 'smtp/greeting/line-length',
    rfc: 'RFC 5321 §4.5.3.1.5',
    level: 'should',
    requirement: 'A reply line has at most 512 octets, the code and CR LF included.',
    state: 'connected',
    async run(s) {
      const replies = [await greeting(s), await s.ehlo(), await s.send('HELP')]
      // an overlong command whose text the server may be tempted to repeat
      replies.push(await s.send(`XCONFORMANCE ${'x'.repeat(490)}`))
      const longest = Math.max(...replies.flatMap(({ raw }) => raw).map((line) => line.length + 2))
      check(longest <= 512, 'reply lines of up to 512 octets', `${longest} octets`)
    },
  },
  {
    id: 'smtp/reply/code-range',
    rfc: 'RFC 5321 §4.2',
    level: 'must',
    requirement: 'A reply code has three digits: the first from 2 to 5, the second from 0 to 5, the third from 0 to 9.',
    state: 'connected',
    async run(s) {
      await manyReplies(s)
    },
  },
  {
    id: 'smtp/reply/listed-codes',
    rfc: 'RFC 5321 §4.2',
    level: 'should',
    requirement:
      'Only reply codes that RFC 5321 lists are sent (judged: replies to NOOP, HELP, VRFY, an unknown command, DATA and MAIL with wrong arguments, RSET).',
    state: 'connected',
    async run(s) {
      // 530 is what servers with STARTTLS or AUTH add (RFC 3207 §4, RFC 4954 §6)
      const known = '2(?:11|14|20|21|5[0-2])|354|4(?:21|5[0-25])|5(?:0[0-4]|5[0-5]|30)'
      for (const reply of await manyReplies(s)) check(isOneOf(reply.code, known), 'a listed code', quoted(reply))
    },
  },
  {
    id: 'smtp/reply/multiline-code',
    rfc: 'RFC 5321 §4.2.1',
    level: 'must',
    requirement: 'All lines of a reply have the same code (judged: the replies to EHLO and HELP).',
    state: 'greeted',
    async run(s) {
      await s.ehlo()
      await s.send('HELP')
    },
  },
  {
    id: 'smtp/reply/last-line',
    rfc: 'RFC 5321 §4.2.1',
    level: 'should',
    requirement: 'The last line of a reply has a space behind its code, also when no text follows.',
    state: 'connected',
    async run(s) {
      for (const { raw } of await manyReplies(s))
        check(raw.at(-1)![3] === ' ', 'a space behind the code', `"${visible(raw.at(-1)!)}"`)
    },
  },
  {
    id: 'smtp/reply/text',
    rfc: 'RFC 5321 §4.2',
    level: 'should',
    requirement: 'Replies are not bare codes: some text follows.',
    state: 'connected',
    async run(s) {
      for (const reply of await manyReplies(s))
        check(
          reply.lines.some((text) => text.trim() !== ''),
          'some text',
          quoted(reply),
        )
    },
  },
  {
    id: 'smtp/session/one-reply',
    rfc: 'RFC 5321 §4.2',
    level: 'must',
    requirement: 'Every command generates exactly one reply.',
    state: 'ehlo',
    async run(s) {
      for (const command of ['NOOP', 'RSET', 'VRFY nobody-of-this-name', 'XCONFORMANCE', 'HELP']) await s.send(command)
      // a reply too many would stand before this one
      await s.send('QUIT', '221')
      const rest = await s.wire.closed()
      check(rest === '', 'nothing behind the reply to QUIT', `"${visible(rest)}"`)
    },
    ending: 'any',
  },
  {
    id: 'smtp/session/concurrent',
    rfc: 'RFC 5321 §4.5.4.2',
    level: 'should',
    requirement: 'The server handles more than one session at a time: a second is greeted while a first is open.',
    state: 'ehlo',
    async run(s) {
      try {
        const other = await s.another()
        await other.ehlo()
        await s.send('NOOP', '250')
        await other.send('QUIT', '221')
      } catch (thrown) {
        if (!isJudgement(thrown)) throw thrown
        // 421 too, which elsewhere is the server's right
        throw new Violation(`expected a second session; ${thrown.message}`)
      }
    },
  },
]

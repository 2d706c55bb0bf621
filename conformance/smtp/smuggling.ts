// SMTP: nothing but CR LF ends a line, and nothing but <CRLF>.<CRLF> ends a message.
import { check, visible } from '../judgement.ts'
import type { Smtp } from './client.ts'
import { quoted } from './client.ts'
import type { SmtpCase } from './suite.ts'

/**
 * Sends text with a false end in its middle and a NOOP behind that, then the true end, then QUIT. A server that takes the
 * false end answers the NOOP as well; one that refuses the message, or ends the session, is right.
 */
async function falseEnd(s: Smtp, end: string): Promise<void> {
  await s.wire.write(`${s.header('Smuggling probe')}before${end}NOOP\r\nbehind\r\n.\r\n`)
  const first = await s.replyOrEnd('the end of the message')
  if (first === null || first.code === 421) return
  await s.wire.write('QUIT\r\n')
  const second = await s.replyOrEnd('QUIT')
  check(
    second === null || second.code === 221 || second.code === 421,
    `one reply to the message, then 221 to QUIT (${visible(end)} is no end)`,
    second === null ? '' : quoted(second),
  )
}

const named = (octets: string): string =>
  visible(octets).replaceAll('\\r', '<CR>').replaceAll('\\n', '<LF>').replaceAll('\\t', '<HT>').replaceAll(' ', '<SP>')

const falseEndCase = (slug: string, end: string, rfc = 'RFC 5321 §2.3.8'): SmtpCase => ({
  id: `smtp/smuggling/${slug}`,
  rfc,
  level: 'must',
  requirement: `The octets ${named(end)} do not end a message: what follows is text (or the message is refused as a whole).`,
  needs: { recipient: true, consent: ['mail'] },
  state: 'data',
  ending: 'any',
  run: (s) => falseEnd(s, end),
})

/** Two commands with a false line end between them are one line, with one reply. */
const falseLine = (slug: string, end: string, name: string): SmtpCase => ({
  id: `smtp/smuggling/${slug}`,
  rfc: 'RFC 5321 §2.3.8',
  level: 'must',
  requirement: `A bare ${name} does not end a command line: what stands before and behind it has one reply, or ends the session.`,
  state: 'ehlo',
  ending: 'any',
  async run(s) {
    await s.wire.write(`NOOP${end}NOOP\r\n`)
    const first = await s.replyOrEnd('one line')
    if (first === null || first.code === 421) return
    await s.wire.write('QUIT\r\n')
    const second = await s.replyOrEnd('QUIT')
    check(
      second === null || second.code === 221 || second.code === 421,
      'one reply to the line, then 221 to QUIT',
      second === null ? '' : quoted(second),
    )
  },
})

export const smugglingCases: readonly SmtpCase[] = [
  falseEndCase('lf-dot-lf', '\n.\n', 'RFC 5321 §4.1.1.4'),
  falseEndCase('crlf-dot-lf', '\r\n.\n'),
  falseEndCase('lf-dot-crlf', '\n.\r\n'),
  falseEndCase('cr-dot-cr', '\r.\r'),
  falseEndCase('cr-dot-crlf', '\r.\r\n'),
  falseEndCase('crlf-dot-cr', '\r\n.\r'),
  falseEndCase('dot-space', '\r\n. \r\n', 'RFC 5321 §4.5.2'),
  falseEndCase('space-dot', '\r\n .\r\n', 'RFC 5321 §4.5.2'),
  falseLine('command-lf', '\n', 'LF'),
  falseLine('command-cr', '\r', 'CR'),
]

// SMTP: nothing but CR LF ends a line, and nothing but <CRLF>.<CRLF> ends a message.
import { check, visible } from '../judgement.ts'
import { isOneOf, type Smtp } from './client.ts'
import type { SmtpCase } from './suite.ts'

/**
 * Sends text with a false end in its middle and a NOOP behind that, then the true end. A server that takes the false end
 * answers the NOOP as well; one that refuses the message, or ends the session, is right.
 */
async function falseEnd(s: Smtp, end: string): Promise<void> {
  await s.wire.write(`${s.header('Smuggling probe')}before${end}NOOP\r\nbehind\r\n.\r\n`)
  const first = await s.expect('the end of the message')
  if (!isOneOf(first.code, '2..')) return
  await s.wire.write('QUIT\r\n')
  const second = await s.expect('QUIT')
  check(
    second.code === 221,
    `one reply to the message, then 221 to QUIT (${visible(end)} is no end)`,
    `"${visible(second.raw[0]!)}"`,
  )
}

const falseEndCase = (slug: string, end: string, rfc = 'RFC 5321 §4.1.1.4'): SmtpCase => ({
  id: `smtp/smuggling/${slug}`,
  rfc,
  level: 'must',
  requirement: `The octets ${visible(end).toUpperCase().replaceAll('\\R', '<CR>').replaceAll('\\N', '<LF>')} do not end a message.`,
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
  requirement: `A bare ${name} does not end a command line.`,
  state: 'ehlo',
  ending: 'any',
  async run(s) {
    await s.wire.write(`NOOP${end}NOOP\r\n`)
    const first = await s.expect('one line')
    if (first.code === 421 || s.wire.over) return
    await s.wire.write('QUIT\r\n')
    if (s.wire.over) return
    const second = await s.expect('QUIT')
    check(isOneOf(second.code, '221|421'), 'one reply to the line, then 221 to QUIT', `"${visible(second.raw[0]!)}"`)
  },
})

export const smugglingCases: readonly SmtpCase[] = [
  falseEndCase('lf-dot-lf', '\n.\n'),
  falseEndCase('crlf-dot-lf', '\r\n.\n', 'RFC 5321 §2.3.8'),
  falseEndCase('lf-dot-crlf', '\n.\r\n', 'RFC 5321 §2.3.8'),
  falseEndCase('cr-dot-cr', '\r.\r', 'RFC 5321 §2.3.8'),
  falseEndCase('cr-dot-crlf', '\r.\r\n', 'RFC 5321 §2.3.8'),
  falseEndCase('crlf-dot-cr', '\r\n.\r', 'RFC 5321 §2.3.8'),
  falseLine('command-lf', '\n', 'LF'),
  falseLine('command-cr', '\r', 'CR'),
]

// SMTP: DATA, its end, its transparency, and what a transaction leaves behind.
import { check, visible } from '../judgement.ts'
import { isOneOf, lines, type Smtp } from './client.ts'
import type { SmtpCase } from './suite.ts'

const MAIL = { recipient: true, consent: ['mail'] } as const

/** DATA that must not lead to an accepted message: refused at once, or behind the dot. */
async function refusedData(s: Smtp): Promise<void> {
  const reply = await s.send('DATA', '503|554|354|451|550')
  if (reply.code !== 354) return
  await s.wire.write('.\r\n')
  await s.expect('the end of a message without recipients', '[45]..')
}

export const dataCases: readonly SmtpCase[] = [
  {
    id: 'smtp/data/354',
    rfc: 'RFC 5321 §4.1.1.4',
    level: 'must',
    requirement: 'DATA with a recipient is answered by 354.',
    needs: { recipient: true },
    state: 'rcpt',
    ending: 'any',
    async run(s) {
      await s.send('DATA', '354')
    },
  },
  {
    id: 'smtp/data/without-mail',
    rfc: 'RFC 5321 §4.1.1.4',
    level: 'must',
    requirement: 'DATA outside of a transaction never leads to an accepted message.',
    state: 'ehlo',
    run: refusedData,
  },
  {
    id: 'smtp/data/without-rcpt',
    rfc: 'RFC 5321 §4.1.1.4',
    level: 'must',
    requirement: 'DATA without an accepted recipient never leads to an accepted message.',
    state: 'mail',
    run: refusedData,
  },
  {
    id: 'smtp/data/all-rcpt-refused',
    rfc: 'RFC 5321 §3.3',
    level: 'must',
    requirement: 'DATA behind refused recipients alone never leads to an accepted message.',
    state: 'mail',
    async run(s) {
      await s.send('RCPT TO:<a@b@@>', '[45]..')
      await refusedData(s)
    },
  },
  {
    id: 'smtp/data/argument',
    rfc: 'RFC 5321 §4.1.1',
    level: 'should',
    requirement: 'DATA takes no parameter: one is a syntax error.',
    needs: { recipient: true },
    state: 'rcpt',
    ending: 'any',
    async run(s) {
      await s.send('DATA now', '50[01]')
    },
  },
  {
    id: 'smtp/data/accepted',
    rfc: 'RFC 5321 §4.1.1.4',
    level: 'must',
    requirement: 'A message that was taken is acknowledged by 250 behind <CRLF>.<CRLF>.',
    needs: MAIL,
    state: 'ehlo',
    async run(s) {
      await s.message(lines('This is a conformance probe.'))
    },
  },
  {
    id: 'smtp/data/clears-buffers',
    rfc: 'RFC 5321 §4.1.1.4',
    level: 'must',
    requirement: 'The end of a message clears the transaction: RCPT behind it is out of order.',
    needs: MAIL,
    state: 'ehlo',
    async run(s) {
      await s.message(lines('Text.'))
      await s.send(`RCPT TO:<${s.recipient}>`, '503')
    },
  },
  {
    id: 'smtp/data/second-transaction',
    rfc: 'RFC 5321 §4.1.4',
    level: 'must',
    requirement: 'A session takes several transactions, one after another.',
    needs: MAIL,
    state: 'ehlo',
    async run(s) {
      await s.message(lines('First.'))
      await s.message(lines('Second.'))
    },
  },
  {
    id: 'smtp/data/dot-line',
    rfc: 'RFC 5321 §4.5.2',
    level: 'must',
    requirement: 'A line that begins with a doubled period does not end the message.',
    needs: MAIL,
    state: 'ehlo',
    async run(s) {
      await s.message(lines('..', '..x', 'behind'))
      await s.send('NOOP', '250')
    },
  },
  {
    id: 'smtp/data/split-end',
    rfc: 'RFC 5321 §4.1.1.4',
    level: 'must',
    requirement: 'The end of the message is recognised however it is cut into packets.',
    needs: MAIL,
    state: 'data',
    async run(s) {
      await s.wire.write(`${s.header()}Text.\r`)
      for (const octet of '\n.\r\n') {
        await s.wire.speaks(30)
        check(s.wire.waiting() === '', 'no reply before the end is whole', `"${visible(s.wire.waiting())}"`)
        await s.wire.write(octet)
      }
      await s.expect('the end of the message', '250')
    },
  },
  {
    id: 'smtp/data/commands-are-text',
    rfc: 'RFC 5321 §4.1.1.4',
    level: 'must',
    requirement: 'Lines between DATA and the final dot are text, whatever they look like.',
    needs: MAIL,
    state: 'ehlo',
    async run(s) {
      await s.message(lines('QUIT', 'RSET', 'NOOP', 'DATA', 'MAIL FROM:<>'))
      await s.send('NOOP', '250')
    },
  },
  {
    id: 'smtp/data/line-1000',
    rfc: 'RFC 5321 §4.5.3.1.6',
    level: 'must',
    requirement: 'A text line of 1000 octets, CR LF included, is taken.',
    needs: MAIL,
    state: 'ehlo',
    async run(s) {
      await s.message(lines('x'.repeat(998)))
    },
  },
  {
    id: 'smtp/data/line-1000-dot',
    rfc: 'RFC 5321 §4.5.3.1.6',
    level: 'must',
    requirement: 'The period that transparency adds does not count towards the 1000 octets of a line.',
    needs: MAIL,
    state: 'ehlo',
    async run(s) {
      await s.message(lines(`..${'x'.repeat(997)}`))
    },
  },
  {
    id: 'smtp/data/64k',
    rfc: 'RFC 5321 §4.5.3.1.7',
    level: 'must',
    requirement: 'A message of 64 KiB is taken.',
    needs: { recipient: true, consent: ['mail', 'load'] },
    state: 'ehlo',
    async run(s) {
      await s.message(`${'x'.repeat(62)}\r\n`.repeat(1000))
    },
  },
  {
    id: 'smtp/data/no-header',
    rfc: 'RFC 5321 §3.3',
    level: 'should',
    requirement: 'A message is not refused for defects of its header section, such as having none.',
    needs: MAIL,
    state: 'data',
    async run(s) {
      await s.wire.write(`\r\nA conformance probe without a header.\r\n.\r\n`)
      await s.expect('the end of the message', '250')
    },
  },
  {
    id: 'smtp/data/resent-mismatch',
    rfc: 'RFC 5321 §3.3',
    level: 'must',
    requirement: 'A message is not refused because Resent-To appears without Resent-From or Resent-Date.',
    needs: MAIL,
    state: 'data',
    async run(s) {
      await s.wire.write(`Resent-To: <${s.recipient}>\r\n${s.header()}Text.\r\n.\r\n`)
      await s.expect('the end of the message', '250')
    },
  },
  {
    id: 'smtp/data/odd-received',
    rfc: 'RFC 5321 §3.7.2',
    level: 'must',
    requirement: 'Mail is not refused for the format of a trace field.',
    needs: MAIL,
    state: 'data',
    async run(s) {
      await s.wire.write(`Received: (no one; can read this)\r\n${s.header()}Text.\r\n.\r\n`)
      await s.expect('the end of the message', '250')
    },
  },
  {
    id: 'smtp/data/null-reverse-path',
    rfc: 'RFC 5321 §4.5.5',
    level: 'must',
    requirement: 'A message with the null reverse-path is taken like another.',
    needs: MAIL,
    state: 'ehlo',
    async run(s) {
      await s.send('MAIL FROM:<>', '250')
      await s.rcpt()
      await s.data()
      await s.wire.write(`${s.header('Notification probe')}Text.\r\n.\r\n`)
      await s.expect('the end of the message', '250')
    },
  },
  {
    id: 'smtp/data/refused-then-new',
    rfc: 'RFC 5321 §4.1.4',
    level: 'must',
    requirement: 'A DATA out of order leaves the session usable.',
    state: 'ehlo',
    async run(s) {
      const { code } = await s.send('DATA', '[45]..|354')
      if (isOneOf(code, '354')) {
        await s.wire.write('.\r\n')
        await s.expect('the end', '[45]..')
      }
      await s.mail()
    },
  },
]

// SMTP: DATA, its end, its transparency, and what a transaction leaves behind.
import { check, Skipped, visible } from '../judgement.ts'
import { alive, isOneOf, lines, type Smtp } from './client.ts'
import { commandCase, type SmtpCase } from './suite.ts'

const MAIL = { recipient: true, consent: ['mail'] } as const
const MINIMUM_CONTENT = 65_536

/** DATA that must not lead to an accepted message: refused at once, or behind the dot. */
async function refusedData(s: Smtp): Promise<void> {
  const reply = await s.send('DATA', '354|[45]..')
  if (reply.code === 354) await s.endData('', '[45]..')
}

/** A recipient that the server refuses; throws Skipped when it takes whatever comes. */
async function refusedRecipient(s: Smtp): Promise<void> {
  const bad = ['RCPT TO:<>', ...(s.target.unknown === null ? [] : [`RCPT TO:<${s.target.unknown}>`])]
  for (const line of bad) if (isOneOf((await s.send(line)).code, '[45]..')) return
  throw new Skipped('the server refuses no recipient')
}

/** A case whose message, sent behind 354 as it stands, must be taken. */
const takenCase = (
  slug: string,
  rfc: string,
  level: SmtpCase['level'],
  requirement: string,
  content: (s: Smtp) => string,
  needs: SmtpCase['needs'] = MAIL,
): SmtpCase => ({
  id: `smtp/data/${slug}`,
  rfc,
  level,
  requirement,
  needs: needs!,
  state: 'data',
  async run(s) {
    await s.endData(content(s))
  },
})

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
    rfc: 'RFC 5321 §3.3',
    level: 'must',
    requirement: 'DATA outside of a transaction never leads to an accepted message.',
    state: 'ehlo',
    run: refusedData,
  },
  {
    id: 'smtp/data/without-rcpt',
    rfc: 'RFC 5321 §3.3',
    level: 'must',
    requirement: 'DATA without a recipient never leads to an accepted message.',
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
      await refusedRecipient(s)
      await refusedData(s)
    },
  },
  {
    id: 'smtp/data/out-of-order-code',
    rfc: 'RFC 5321 §4.3.2',
    level: 'should',
    requirement: 'DATA without MAIL is answered by 503 or 554.',
    state: 'ehlo',
    async run(s) {
      const reply = await s.send('DATA')
      if (reply.code === 354) await s.endData('', '[45]..')
      s.demand(reply, '503|554', 'DATA')
    },
  },
  {
    id: 'smtp/data/some-rcpt-refused',
    rfc: 'RFC 5321 §3.3',
    level: 'must',
    requirement: 'One accepted recipient is enough for DATA, though others were refused.',
    needs: { recipient: true },
    state: 'rcpt',
    ending: 'any',
    async run(s) {
      await refusedRecipient(s)
      await s.send('DATA', '354')
    },
  },
  {
    ...commandCase({
      id: 'smtp/data/argument',
      rfc: 'RFC 5321 §4.1.1',
      level: 'should',
      requirement: 'DATA takes no parameter: one is a syntax error (500 or 501).',
      needs: { recipient: true },
      state: 'rcpt',
      line: 'DATA now',
      codes: '50[01]',
    }),
    ending: 'any',
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
    requirement: 'The end of a message clears the sender: RCPT behind it is out of order (503).',
    needs: MAIL,
    state: 'ehlo',
    async run(s) {
      await s.message(lines('Text.'))
      await s.send(`RCPT TO:<${s.recipient}>`, '503')
    },
  },
  {
    id: 'smtp/data/clears-recipients',
    rfc: 'RFC 5321 §4.1.1.4',
    level: 'must',
    requirement:
      'The end of a message clears the recipients: the next MAIL has none, and DATA leads to no accepted message.',
    needs: MAIL,
    state: 'ehlo',
    async run(s) {
      await s.message(lines('Text.'))
      await s.mail()
      await refusedData(s)
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
    id: 'smtp/data/empty',
    rfc: 'RFC 5321 §4.1.1.4',
    level: 'must',
    requirement: 'A line with a period right behind the 354 ends the data: it has one reply, and the session goes on.',
    needs: MAIL,
    state: 'data',
    async run(s) {
      await s.endData('', '250|[45]..')
      await alive(s)
    },
  },
  {
    id: 'smtp/data/dot-line',
    rfc: 'RFC 5321 §4.5.2',
    level: 'must',
    requirement:
      'A line that begins with a doubled period does not end the message, also when nothing follows the periods.',
    needs: MAIL,
    state: 'ehlo',
    async run(s) {
      await s.message(lines('..', '..x', 'behind'))
      await alive(s)
    },
  },
  {
    id: 'smtp/data/split-end',
    rfc: 'RFC 5321 §4.1.1.4',
    level: 'must',
    requirement:
      'The end of the message is recognised however it is cut into packets, and never before it is whole: a doubled period that is cut in its middle is none.',
    needs: MAIL,
    state: 'data',
    async run(s) {
      const parts = [`${s.header()}Text.\r\n.`, '.\r\nMore text.\r', '\n', '.', '\r']
      for (const part of parts) {
        await s.wire.write(part)
        await s.wire.speaks(30)
        check(s.wire.waiting() === '', 'no reply before the end is whole', `"${visible(s.wire.waiting())}"`)
      }
      await s.wire.write('\n')
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
      await alive(s)
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
  takenCase(
    '64k',
    'RFC 5321 §4.5.3.1.7',
    'must',
    'A message of 64 KiB (65536 octets, header included) is taken.',
    (s) => {
      const header = s.header()
      const left = MINIMUM_CONTENT - header.length
      const line = `${'x'.repeat(62)}\r\n`
      return `${header}${line.repeat(Math.floor(left / 64) - 1)}${'x'.repeat((left % 64) + 62)}\r\n`
    },
    { recipient: true, consent: ['mail', 'load'] },
  ),
  takenCase(
    'control-characters',
    'RFC 5321 §4.5.2',
    'should',
    'Mail data may contain any ASCII character: control characters (judged: all but NUL, CR and LF) are taken.',
    (s) =>
      `${s.header()}${Array.from({ length: 31 }, (_, i) => String.fromCharCode(i + 1))
        .join('')
        .replace(/[\r\n]/g, '')}\x7f\r\n`,
  ),
  takenCase(
    'no-header',
    'RFC 5321 §3.3',
    'should',
    'A message is not refused for defects of its header section, such as having none.',
    () => '\r\nA conformance probe without a header.\r\n',
  ),
  takenCase(
    'bad-mime',
    'RFC 5321 §3.3',
    'should',
    'A message is not refused for defects of its MIME structure (judged: a multipart body without any boundary line).',
    (s) =>
      `${s.header('Conformance probe', 'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n')}No part.\r\n`,
  ),
  takenCase(
    'resent-mismatch',
    'RFC 5321 §3.3',
    'must',
    'A message is not refused because Resent-To appears without Resent-From or Resent-Date.',
    (s) => `Resent-To: <${s.recipient}>\r\n${s.header()}Text.\r\n`,
  ),
  takenCase(
    'resent-count',
    'RFC 5321 §3.3',
    'must',
    'A message is not refused because the numbers of its Resent- fields do not match (two Resent-From, one Resent-Date).',
    (s) =>
      `Resent-From: <${s.target.from}>\r\nResent-From: <${s.recipient}>\r\nResent-Date: ${new Date().toUTCString()}\r\n${s.header()}Text.\r\n`,
  ),
  takenCase(
    'odd-received',
    'RFC 5321 §3.7.2',
    'must',
    'Mail is not refused for the format of a trace field.',
    (s) => `Received: (no one; can read this)\r\n${s.header()}Text.\r\n`,
  ),
  takenCase(
    'many-in-header',
    'RFC 5321 §4.5.3.1.8',
    'should',
    'A message is not refused for the number of recipients in its header (judged: 150 in Cc).',
    (s) => {
      const cc = Array.from({ length: 150 }, (_, i) => `<someone${i}@example.org>`).join(',\r\n ')
      return `${s.header('Conformance probe', `Cc: ${cc}\r\n`)}Text.\r\n`
    },
  ),
  {
    id: 'smtp/data/null-reverse-path',
    rfc: 'RFC 5321 §4.5.5',
    level: 'must',
    requirement: 'A message with the null reverse-path is taken like another.',
    needs: MAIL,
    state: 'ehlo',
    async run(s) {
      const { code } = await s.send('MAIL FROM:<>')
      if (s.target.user !== null && code !== 250) throw new Skipped('users may not send from <>')
      await s.rcpt()
      await s.data()
      await s.endData(`${s.header('Notification probe')}Text.\r\n`)
    },
  },
  {
    id: 'smtp/data/refused-then-new',
    rfc: 'RFC 5321 §4.1.4',
    level: 'must',
    requirement: 'A DATA out of order leaves the session usable: MAIL is taken behind it.',
    state: 'ehlo',
    async run(s) {
      await refusedData(s)
      await s.mail()
    },
  },
]

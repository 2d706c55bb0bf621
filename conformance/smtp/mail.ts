// SMTP: the MAIL command.
import { check, Skipped } from '../judgement.ts'
import { alive, domainOf, isOneOf, quoted, type Smtp, understood } from './client.ts'
import { commandCase, type SmtpCase } from './suite.ts'

/** Labels of up to 63 octets. */
const longDomain = (length: number): string => {
  const labels: string[] = []
  for (let left = length; left > 0; left -= 64) labels.push('d'.repeat(Math.min(63, left)))
  return labels.join('.')
}

/** A path of 256 octets, its brackets included: 64 octets, "@", 189 octets. */
export const PATH_256 = `<${'a'.repeat(64)}@${longDomain(189)}>`

/** A case whose MAIL has a syntax that must be understood, whatever the server thinks of the sender. */
const syntaxCase = (
  id: string,
  rfc: string,
  requirement: string,
  path: (s: Smtp) => string,
  level: SmtpCase['level'] = 'must',
): SmtpCase => ({
  id,
  rfc,
  level,
  requirement,
  state: 'ehlo',
  async run(s) {
    await understood(s, `MAIL FROM:${path(s)}`)
  },
})

export const mailCases: readonly SmtpCase[] = [
  {
    id: 'smtp/mail/accepted',
    rfc: 'RFC 5321 §3.3',
    level: 'must',
    requirement: 'An acceptable MAIL command is answered by 250.',
    state: 'ehlo',
    async run(s) {
      await s.mail()
    },
  },
  {
    id: 'smtp/mail/null-reverse-path',
    rfc: 'RFC 5321 §4.5.5',
    level: 'must',
    requirement: 'The null reverse-path <>, which notifications have, is taken (a login may forbid it by 550 or 553).',
    state: 'ehlo',
    async run(s) {
      await s.send('MAIL FROM:<>', s.target.user === null ? '250' : '250|55[03]')
    },
  },
  {
    id: 'smtp/mail/null-with-parameters',
    rfc: 'RFC 5321 §4.1.1.2',
    level: 'must',
    requirement: 'The null reverse-path may have parameters behind it, as any other.',
    needs: { capabilities: ['SIZE'] },
    state: 'ehlo',
    async run(s) {
      await s.send('MAIL FROM:<> SIZE=100', s.target.user === null ? '250' : '250|55[03]')
    },
  },
  commandCase({
    id: 'smtp/mail/keyword-case',
    rfc: 'RFC 5321 §2.4',
    level: 'must',
    requirement: 'MAIL and "FROM:" are recognised in any case.',
    line: (s) => `mAiL fRoM:<${s.target.from}>`,
    codes: '250',
  }),
  {
    id: 'smtp/mail/nested',
    rfc: 'RFC 5321 §4.1.4',
    level: 'should',
    requirement: 'A second MAIL within an open transaction is out of order: 503.',
    state: 'mail',
    async run(s) {
      await s.send(`MAIL FROM:<${s.target.from}>`, '503')
    },
  },
  {
    id: 'smtp/mail/nested-clears',
    rfc: 'RFC 5321 §4.1.1.2',
    level: 'must',
    requirement:
      'A second MAIL, where it is taken, clears the recipients before it: DATA then has none, and leads to no accepted message.',
    needs: { recipient: true },
    state: 'rcpt',
    async run(s) {
      const { code } = await s.send(`MAIL FROM:<${s.target.from}>`)
      if (code !== 250) throw new Skipped('the server refuses a second MAIL')
      const data = await s.send('DATA', '354|[45]..')
      if (data.code === 354) await s.endData('', '[45]..')
    },
  },
  {
    id: 'smtp/mail/nested-keeps-state',
    rfc: 'RFC 5321 §4.1.4',
    level: 'must',
    requirement:
      'A command that is refused by 503 (judged: DATA without a recipient, a second MAIL) leaves the open transaction as it is: RCPT is taken.',
    needs: { recipient: true },
    state: 'mail',
    async run(s) {
      const data = await s.send('DATA', '354|[45]..')
      if (data.code === 354) {
        await s.endData('', '[45]..')
        await s.send('RSET', '250')
        await s.mail()
      } else if (data.code === 503) await s.send(`RCPT TO:<${s.recipient}>`, '25[01]')
      const mail = await s.send(`MAIL FROM:<${s.target.from}>`)
      if (mail.code === 503) await s.send(`RCPT TO:<${s.recipient}>`, '25[01]')
      else if (data.code !== 503) throw new Skipped('the server answers neither by 503')
    },
  },
  {
    id: 'smtp/mail/bad-syntax',
    rfc: 'RFC 5321 §4.1.4',
    level: 'must',
    requirement: 'A MAIL command without a path ("MAIL FROM:") is refused by a 5yz reply, and the session goes on.',
    state: 'ehlo',
    async run(s) {
      await s.send('MAIL FROM:', '5..')
      await alive(s)
    },
  },
  commandCase({
    id: 'smtp/mail/bad-syntax-code',
    rfc: 'RFC 5321 §4.1.4',
    level: 'must',
    requirement:
      'A MAIL command whose argument is not acceptable ("MAIL FROM:" without a path) is answered by 501, or by 553, which §4.2.2 has for wrong mailbox syntax.',
    line: 'MAIL FROM:',
    codes: '501|553',
  }),
  commandCase({
    id: 'smtp/mail/no-argument',
    rfc: 'RFC 5321 §4.1.1.2',
    level: 'must',
    requirement: 'MAIL without any argument is refused by a 5yz reply.',
    line: 'MAIL',
    codes: '5..',
  }),
  {
    id: 'smtp/mail/refusal-keeps-state',
    rfc: 'RFC 5321 §4.1.4',
    level: 'must',
    requirement:
      'A refused MAIL begins no transaction: RCPT behind it is out of order (503), and a good MAIL is taken.',
    needs: { recipient: true },
    state: 'ehlo',
    async run(s) {
      await s.send('MAIL FROM:', '5..')
      await s.send(`RCPT TO:<${s.recipient}>`, '503')
      await s.mail()
    },
  },
  commandCase({
    id: 'smtp/mail/control-character',
    rfc: 'RFC 5321 §4.1.2',
    level: 'must',
    requirement: 'A MAIL command with a control character in its mailbox is refused by a 5yz reply.',
    line: (s) => `MAIL FROM:<con\x01formance@${domainOf(s.target.from)}>`,
    codes: '5..',
  }),
  commandCase({
    id: 'smtp/mail/non-ascii',
    rfc: 'RFC 5321 §2.4',
    level: 'should',
    requirement:
      'A mailbox with octets above 127 is refused by a 5yz reply where no extension (SMTPUTF8) was asked for.',
    line: (s) => `MAIL FROM:<gr\xc3\xbc\xc3\x9fe@${domainOf(s.target.from)}>`,
    codes: '5..',
  }),
  commandCase({
    id: 'smtp/mail/unknown-parameter',
    rfc: 'RFC 5321 §4.1.1.11',
    level: 'must',
    requirement: 'A MAIL command with a parameter that the server does not know is refused by a 5yz reply.',
    line: (s) => `MAIL FROM:<${s.target.from}> XCONFORMANCE=1`,
    codes: '5..',
  }),
  {
    id: 'smtp/mail/unknown-parameter-opens-nothing',
    rfc: 'RFC 5321 §4.1.4',
    level: 'must',
    requirement:
      'A MAIL command that is refused for its parameter begins no transaction: RCPT behind it is answered by 503.',
    needs: { recipient: true },
    state: 'ehlo',
    async run(s) {
      const { code } = await s.send(`MAIL FROM:<${s.target.from}> XCONFORMANCE=1`)
      if (code === 250) throw new Skipped('the server takes the parameter')
      await s.send(`RCPT TO:<${s.recipient}>`, '503')
    },
  },
  commandCase({
    id: 'smtp/mail/unknown-parameter-code',
    rfc: 'RFC 5321 §4.1.1.11',
    level: 'should',
    requirement: 'A MAIL command with a parameter that the server does not know is answered by 555.',
    line: (s) => `MAIL FROM:<${s.target.from}> XCONFORMANCE=1`,
    codes: '555',
  }),
  commandCase({
    id: 'smtp/mail/parameter-syntax',
    rfc: 'RFC 5321 §4.1.2',
    level: 'must',
    requirement: 'A MAIL parameter without a name ("=1") is refused by a 5yz reply.',
    line: (s) => `MAIL FROM:<${s.target.from}> =1`,
    codes: '5..',
  }),
  syntaxCase(
    'smtp/mail/quoted-local-part',
    'RFC 5321 §4.1.2',
    'A quoted local part, with a space and an escaped quote in it, is a valid reverse-path: not called a syntax error.',
    (s) => `<"con \\"for\\" mance"@${domainOf(s.target.from)}>`,
  ),
  syntaxCase(
    'smtp/mail/quoted-at',
    'RFC 5321 §4.1.2',
    'An "@" within a quoted local part belongs to the local part: not called a syntax error.',
    (s) => `<"a@b"@${domainOf(s.target.from)}>`,
  ),
  syntaxCase(
    'smtp/mail/quoted-brackets',
    'RFC 5321 §4.1.2',
    'A ">" within a quoted local part does not end the path: not called a syntax error.',
    (s) => `<"a>b"@${domainOf(s.target.from)}>`,
  ),
  syntaxCase(
    'smtp/mail/atom-characters',
    'RFC 5321 §4.1.2',
    'All atext characters may stand in an unquoted local part: not called a syntax error.',
    (s) => `<a!#$%&'*+-/=?^_\`{|}~b@${domainOf(s.target.from)}>`,
  ),
  syntaxCase(
    'smtp/mail/local-part-64',
    'RFC 5321 §4.5.3.1.1',
    'A local part of 64 octets is understood.',
    (s) => `<${'a'.repeat(64)}@${domainOf(s.target.from)}>`,
  ),
  syntaxCase(
    'smtp/mail/path-256',
    'RFC 5321 §4.5.3.1.3',
    'A reverse-path of 256 octets, its brackets included, is understood.',
    () => PATH_256,
  ),
  syntaxCase(
    'smtp/mail/source-route',
    'RFC 5321 §4.1.2',
    'The syntax of a source route in the reverse-path is accepted.',
    (s) => `<@relay.example.org,@other.example.org:${s.target.from}>`,
  ),
  syntaxCase(
    'smtp/mail/address-literal',
    'RFC 5321 §4.1.3',
    'An IPv4 address literal may stand in place of the domain: not called a syntax error.',
    () => '<conformance@[127.0.0.1]>',
    'should',
  ),
  syntaxCase(
    'smtp/mail/ipv6-literal',
    'RFC 5321 §4.1.3',
    'An IPv6 address literal, with its tag, may stand in place of the domain: not called a syntax error.',
    () => '<conformance@[IPv6:2001:db8::25]>',
    'should',
  ),
  commandCase({
    id: 'smtp/mail/trailing-space',
    rfc: 'RFC 5321 §4.1.1',
    level: 'should',
    requirement: 'White space before the CR LF of a command is tolerated.',
    line: (s) => `MAIL FROM:<${s.target.from}> `,
    codes: '250',
  }),
  {
    id: 'smtp/mail/before-hello',
    rfc: 'RFC 5321 §4.1.4',
    level: 'should',
    requirement:
      'A mail transaction begins only in a session that was initialised by EHLO or HELO: MAIL before is refused (503, or 530 or 550).',
    state: 'greeted',
    async run(s) {
      const reply = await s.send(`MAIL FROM:<${s.target.from}>`)
      check(isOneOf(reply.code, '503|530|55[04]'), '503 to MAIL before EHLO', quoted(reply))
    },
  },
]

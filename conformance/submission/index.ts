// The submission suite: what a server that takes new mail from its users adds to SMTP. The smtp suite runs against it too, with an account.
import { check, Skipped, visible } from '../judgement.ts'
import { isOneOf } from '../smtp/client.ts'
import { type SmtpCase, smtpSuite } from '../smtp/suite.ts'

const announces = (keyword: string, level: SmtpCase['level']): SmtpCase => ({
  id: `submission/extensions/${keyword.toLowerCase()}`,
  rfc: 'RFC 6409 §7',
  level,
  requirement: `A submission server announces ${keyword}.`,
  state: 'ehlo',
  async run(s) {
    check(s.has(keyword), keyword, [...s.capabilities.keys()].join(', '))
  },
})

const cases: readonly SmtpCase[] = [
  announces('PIPELINING', 'should'),
  announces('ENHANCEDSTATUSCODES', 'should'),
  announces('8BITMIME', 'should'),
  announces('DSN', 'should'),
  {
    id: 'submission/auth/announced',
    rfc: 'RFC 6409 §4.3',
    level: 'must',
    requirement: 'AUTH is offered, within TLS at the latest.',
    state: 'ehlo',
    async run(s) {
      if (!s.has('AUTH') && s.has('STARTTLS')) {
        await s.startTls()
        await s.ehlo()
      }
      check(s.has('AUTH'), 'AUTH', [...s.capabilities.keys()].join(', '))
    },
  },
  {
    id: 'submission/auth/required',
    rfc: 'RFC 6409 §4.3',
    level: 'must',
    requirement:
      "By default, mail of clients that did not log in is refused: at MAIL, or at RCPT for a domain that is not the server's.",
    state: 'ehlo',
    async run(s) {
      const mail = await s.send(`MAIL FROM:<${s.target.from}>`)
      if (!isOneOf(mail.code, '2..')) return s.demand(mail, '5..', 'MAIL')
      await s.send('RCPT TO:<conformance@example.com>', '5..')
    },
  },
  {
    id: 'submission/auth/code',
    rfc: 'RFC 4954 §6',
    level: 'should',
    requirement: 'A server that wants a login says so by 530.',
    state: 'ehlo',
    async run(s) {
      const { code, raw } = await s.send(`MAIL FROM:<${s.target.from}>`)
      if (isOneOf(code, '2..')) throw new Skipped('MAIL is taken without a login')
      check(code === 530, '530 to MAIL', `"${visible(raw[0]!)}"`)
    },
  },
  {
    id: 'submission/auth/mail-accepted',
    rfc: 'RFC 6409 §4.3',
    level: 'must',
    requirement: 'An authenticated client can begin a transaction.',
    needs: { account: true },
    state: 'ehlo',
    async run(s) {
      await s.login()
      await s.mail()
    },
  },
  {
    id: 'submission/etrn/absent',
    rfc: 'RFC 6409 §7',
    level: 'must',
    requirement: 'ETRN has no place on a submission server and is not announced.',
    state: 'ehlo',
    async run(s) {
      check(!s.has('ETRN'), 'no ETRN', 'ETRN')
    },
  },
  {
    id: 'submission/message/accepted',
    rfc: 'RFC 6409 §3.1',
    level: 'must',
    requirement: "A message of an authenticated client, for a recipient of the server's own, is taken.",
    needs: { account: true, recipient: true, consent: ['mail'] },
    state: 'rcpt',
    async run(s) {
      await s.data()
      await s.wire.write(`${s.header()}Text.\r\n.\r\n`)
      await s.expect('the end of the message', '250')
    },
  },
  {
    id: 'submission/message/no-date-or-id',
    rfc: 'RFC 6409 §8',
    level: 'should',
    requirement: 'A message without Date and Message-ID is completed, not refused.',
    needs: { account: true, recipient: true, consent: ['mail'] },
    state: 'rcpt',
    async run(s) {
      await s.data()
      await s.wire.write(`From: <${s.target.from}>\r\nTo: <${s.recipient}>\r\nSubject: Probe\r\n\r\nText.\r\n.\r\n`)
      await s.expect('the end of the message', '250')
    },
  },
]

export const submission = smtpSuite({
  name: 'submission',
  description: 'a server that takes new mail from its users (RFC 6409)',
  port: { plain: 587, tls: 465 },
  hello: 'EHLO',
  login: true,
  cases,
})

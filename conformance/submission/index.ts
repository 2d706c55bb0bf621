// The submission suite: what a server that takes new mail from its users adds to SMTP. The smtp suite runs against it too, with an account.
import { check, Skipped } from '../judgement.ts'
import { domainOf, isOneOf, quoted, type Smtp } from '../smtp/client.ts'
import { commandCase, type SmtpCase, smtpSuite } from '../smtp/suite.ts'

const ACCOUNT = { account: true } as const
const MAIL = { account: true, recipient: true, consent: ['mail'] } as const
/** A domain that is not the server's, and never will be (RFC 2606 §3). */
const FOREIGN = 'conformance@example.com'

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

/** An extension that has no place on the submission port. */
const lacks = (slug: string, keyword: string): SmtpCase => ({
  id: slug,
  rfc: 'RFC 6409 §7',
  level: 'must',
  requirement: `${keyword} has no place on a submission server and is not announced.`,
  state: 'ehlo',
  async run(s) {
    check(!s.has(keyword), `no ${keyword}`, keyword)
  },
})

/** A command that works before any login. */
const freeCase = (verb: string, line: (s: Smtp) => string, codes: string): SmtpCase => ({
  id: `submission/auth/free-${verb.toLowerCase()}`,
  rfc: 'RFC 4954 §6',
  level: 'must',
  requirement: `${verb} is not answered by 530 before the login, but by ${codes}.`,
  state: 'ehlo',
  client: 'anonymous',
  ...(verb === 'QUIT' ? { ending: 'any' as const } : {}),
  async run(s) {
    const reply = await s.send(line(s))
    check(isOneOf(reply.code, codes), codes, quoted(reply))
  },
})

/** What a client that did not log in is told when it sends mail: the refusal, or null when none came. */
async function refusal(s: Smtp) {
  const mail = await s.send(`MAIL FROM:<${s.target.from}>`)
  if (!isOneOf(mail.code, '2..')) return mail
  const rcpt = await s.send(`RCPT TO:<${FOREIGN}>`)
  return isOneOf(rcpt.code, '2..') ? null : rcpt
}

/** A case whose message is completed or taken as it is, not refused. */
const takenCase = (slug: string, rfc: string, requirement: string, content: (s: Smtp) => string): SmtpCase => ({
  id: `submission/message/${slug}`,
  rfc,
  level: 'should',
  requirement,
  needs: MAIL,
  state: 'data',
  async run(s) {
    await s.endData(content(s))
  },
})

const cases: readonly SmtpCase[] = [
  announces('PIPELINING', 'should'),
  announces('ENHANCEDSTATUSCODES', 'should'),
  announces('8BITMIME', 'should'),
  announces('DSN', 'should'),
  lacks('submission/etrn/absent', 'ETRN'),
  lacks('submission/atrn/absent', 'ATRN'),
  {
    id: 'submission/greeting/not-521',
    rfc: 'RFC 6409 §7',
    level: 'must',
    requirement: 'The greeting is not 521, which has no place on a submission server.',
    state: 'connected',
    ending: 'any',
    async run(s) {
      const reply = await s.reply('the connection')
      check(reply.code !== 521, 'no 521', quoted(reply))
    },
  },
  {
    id: 'submission/auth/announced',
    rfc: 'RFC 6409 §7',
    level: 'must',
    requirement: 'AUTH is announced, within TLS at the latest.',
    state: 'ehlo',
    client: 'anonymous',
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
    client: 'anonymous',
    async run(s) {
      check((await refusal(s)) !== null, '5xx to MAIL or RCPT', '250 to both')
    },
  },
  {
    id: 'submission/auth/refused-at-mail',
    rfc: 'RFC 6409 §4.3',
    level: 'should',
    requirement:
      'The mail of a client that did not log in is refused at MAIL already (as the default: a site may choose otherwise).',
    state: 'ehlo',
    client: 'anonymous',
    async run(s) {
      const reply = await s.send(`MAIL FROM:<${s.target.from}>`)
      check(!isOneOf(reply.code, '2..'), '530 to MAIL', quoted(reply))
    },
  },
  {
    id: 'submission/auth/code',
    rfc: 'RFC 6409 §4.3',
    level: 'should',
    requirement: 'A server that wants a login says so by 530.',
    state: 'ehlo',
    client: 'anonymous',
    async run(s) {
      const reply = await refusal(s)
      if (reply === null) throw new Skipped('mail is taken without a login')
      check(reply.code === 530, '530', quoted(reply))
    },
  },
  {
    id: 'submission/auth/status',
    rfc: 'RFC 4954 §6',
    level: 'should',
    requirement: 'The 530 that asks for a login has the status code 5.7.0.',
    needs: { capabilities: ['ENHANCEDSTATUSCODES'] },
    state: 'ehlo',
    client: 'anonymous',
    async run(s) {
      const reply = await refusal(s)
      if (reply?.code !== 530) throw new Skipped('there is no 530')
      check(reply.lines[0]!.startsWith('5.7.0 '), '5.7.0', quoted(reply))
    },
  },
  {
    id: 'submission/auth/data-refused',
    rfc: 'RFC 6409 §4.3',
    level: 'must',
    requirement:
      'A client that did not log in, and sends MAIL, RCPT to a foreign domain and DATA all the same, gets no 354.',
    state: 'ehlo',
    client: 'anonymous',
    async run(s) {
      await refusal(s)
      await s.send('DATA', '5..|4..')
    },
  },
  freeCase('NOOP', () => 'NOOP', '250'),
  freeCase('RSET', () => 'RSET', '250'),
  {
    id: 'submission/auth/free-ehlo',
    rfc: 'RFC 4954 §6',
    level: 'must',
    requirement: 'EHLO is not answered by 530 before the login, but by 250: first, again, and within TLS.',
    state: 'greeted',
    client: 'anonymous',
    async run(s) {
      const hello = async (): Promise<void> => {
        const reply = await s.send(`EHLO ${s.target.helo}`)
        check(reply.code === 250, '250', quoted(reply))
      }
      await hello()
      if (s.target.tls === 'starttls') await s.startTls()
      await hello()
      await hello()
    },
  },
  freeCase('QUIT', () => 'QUIT', '221'),
  {
    id: 'submission/auth/failed-is-none',
    rfc: 'RFC 4954 §4',
    level: 'must',
    requirement:
      'Behind a failed login a client is no more than one that has not logged in: its mail to a foreign domain is refused.',
    needs: { capabilities: ['AUTH'], account: true },
    state: 'ehlo',
    client: 'anonymous',
    async run(s) {
      const { user, password } = s.target
      const secret = Buffer.from(`\0${user}\0${password}x`, 'utf8').toString('base64')
      await s.send(`AUTH PLAIN ${secret}`, '[45]..')
      check((await refusal(s)) !== null, '5xx to MAIL or RCPT', '250 to both')
    },
  },
  {
    id: 'submission/auth/mail-accepted',
    rfc: 'RFC 6409 §4.3',
    level: 'must',
    requirement: 'An authenticated client can begin a transaction: MAIL is answered by 250.',
    needs: ACCOUNT,
    state: 'ehlo',
    async run(s) {
      const reply = await s.send(`MAIL FROM:<${s.target.from}>`)
      check(reply.code === 250, '250 to MAIL', quoted(reply))
    },
  },
  {
    id: 'submission/auth/may-relay',
    rfc: 'RFC 6409 §3.1',
    level: 'should',
    requirement:
      "An authenticated client may send to domains that are not the server's (judged: RCPT, without a message).",
    needs: ACCOUNT,
    state: 'mail',
    async run(s) {
      await s.send(`RCPT TO:<${FOREIGN}>`, '25[01]')
      await s.send('RSET', '250')
    },
  },
  commandCase({
    id: 'submission/syntax/sender',
    rfc: 'RFC 6409 §5.1',
    level: 'should',
    requirement:
      'A sender address with illegal syntax (two periods in a row in its local part) is refused by a 5yz reply.',
    needs: ACCOUNT,
    line: (s) => `MAIL FROM:<con..formance@${domainOf(s.target.from)}>`,
    codes: '5..',
  }),
  commandCase({
    id: 'submission/syntax/sender-domain',
    rfc: 'RFC 6409 §5.1',
    level: 'should',
    requirement: 'A sender address with an illegal domain (an empty label) is refused by a 5yz reply.',
    needs: ACCOUNT,
    line: 'MAIL FROM:<conformance@example..com>',
    codes: '5..',
  }),
  commandCase({
    id: 'submission/syntax/recipient',
    rfc: 'RFC 6409 §5.1',
    level: 'should',
    requirement:
      'A recipient address with illegal syntax (two periods in a row in its local part) is refused by a 5yz reply.',
    needs: ACCOUNT,
    state: 'mail',
    line: 'RCPT TO:<con..formance@example.com>',
    codes: '5..',
  }),
  commandCase({
    id: 'submission/syntax/code',
    rfc: 'RFC 6409 §5.1',
    level: 'should',
    requirement: 'A recipient address that is detectably improper (no mailbox behind "TO:") is answered by 501.',
    needs: ACCOUNT,
    state: 'mail',
    line: 'RCPT TO:',
    codes: '501',
  }),
  {
    id: 'submission/rights/code',
    rfc: 'RFC 6409 §6.1',
    level: 'should',
    requirement:
      'A sender that the login has no right to is refused by 550 (judged: MAIL from a foreign domain, where it is refused).',
    needs: ACCOUNT,
    state: 'ehlo',
    async run(s) {
      const reply = await s.send(`MAIL FROM:<${FOREIGN}>`)
      if (isOneOf(reply.code, '2..')) throw new Skipped('users may send from any address')
      check(reply.code === 550, '550', quoted(reply))
    },
  },
  {
    id: 'submission/message/accepted',
    rfc: 'RFC 6409 §3.1',
    level: 'must',
    requirement: "A message of an authenticated client, for a recipient of the server's own, is taken.",
    needs: MAIL,
    state: 'data',
    async run(s) {
      await s.endData(`${s.header()}Text.\r\n`)
    },
  },
  takenCase(
    'no-date-or-id',
    'RFC 6409 §8',
    'A message without Date and Message-ID is completed, not refused.',
    (s) => `From: <${s.target.from}>\r\nTo: <${s.recipient}>\r\nSubject: Probe\r\n\r\nText.\r\n`,
  ),
  takenCase(
    'sender-field',
    'RFC 6409 §8.1',
    'A message with a Sender field of its own is not refused.',
    (s) => `Sender: <${s.target.from}>\r\n${s.header()}Text.\r\n`,
  ),
  takenCase(
    'bcc-only',
    'RFC 5322 §3.6.3',
    'A message whose only recipient field is an empty Bcc is not refused.',
    (s) =>
      `Date: ${new Date().toUTCString().replace('GMT', '+0000')}\r\nFrom: <${s.target.from}>\r\nBcc:\r\nSubject: Probe\r\n\r\nText.\r\n`,
  ),
]

export const submission = smtpSuite({
  name: 'submission',
  description: 'a server that takes new mail from its users (RFC 6409)',
  port: { plain: 587, tls: 465 },
  hello: 'EHLO',
  login: true,
  cases,
})

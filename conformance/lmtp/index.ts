// The LMTP suite: local delivery, with an answer for each recipient.
import { check } from '../judgement.ts'
import { quoted } from '../smtp/client.ts'
import { beginsWithDomain } from '../smtp/greeting.ts'
import { commandCase, type SmtpCase, smtpSuite } from '../smtp/suite.ts'
import { chunkingCases, dataCases } from './data.ts'

const RECIPIENT = { recipient: true } as const

const announces = (keyword: string, level: SmtpCase['level']): SmtpCase => ({
  id: `lmtp/extensions/${keyword.toLowerCase()}`,
  rfc: 'RFC 2033 §5',
  level,
  requirement: `An LMTP server announces ${keyword}.`,
  state: 'ehlo',
  async run(s) {
    check(s.has(keyword), keyword, [...s.capabilities.keys()].join(', '))
  },
})

/** HELO and EHLO belong to SMTP. */
const foreignHello = (verb: 'HELO' | 'EHLO'): readonly SmtpCase[] => [
  commandCase({
    id: `lmtp/lhlo/${verb.toLowerCase()}-refused`,
    rfc: 'RFC 2033 §4.1',
    level: 'must',
    requirement: `${verb} is not part of LMTP: it has no positive reply, but a 4yz or 5yz one.`,
    state: 'greeted',
    line: (s) => `${verb} ${s.target.helo}`,
    codes: '[45]..',
  }),
  commandCase({
    id: `lmtp/lhlo/${verb.toLowerCase()}-code`,
    rfc: 'RFC 2033 §4.1',
    level: 'should',
    requirement: `${verb} is answered by 500.`,
    state: 'greeted',
    line: (s) => `${verb} ${s.target.helo}`,
    codes: '500',
  }),
]

/** A case of a plain command that LMTP has from SMTP. */
const plainCase = (id: string, rfc: string, requirement: string, line: string, codes: string): SmtpCase =>
  commandCase({ id: `lmtp/${id}`, rfc, level: 'must', requirement, line, codes })

const helloCases: readonly SmtpCase[] = [
  {
    id: 'lmtp/greeting/code',
    rfc: 'RFC 5321 §4.3.1',
    level: 'must',
    requirement: 'The server greets by 220 and its domain name.',
    state: 'connected',
    async run(s) {
      const reply = await s.reply('the connection')
      s.demand(reply, '220', 'the connection')
      check(beginsWithDomain(reply.lines[0]!), 'a domain behind 220', quoted(reply))
    },
  },
  {
    id: 'lmtp/lhlo/accepted',
    rfc: 'RFC 2033 §4.1',
    level: 'must',
    requirement: 'LHLO is answered by 250, as SMTP answers EHLO.',
    state: 'greeted',
    async run(s) {
      await s.ehlo('LHLO')
    },
  },
  {
    id: 'lmtp/lhlo/form',
    rfc: 'RFC 2033 §4.1',
    level: 'must',
    requirement:
      'The reply to LHLO has the form of that to EHLO: the domain of the server first, then a line a keyword, with parameters behind single spaces.',
    state: 'greeted',
    async run(s) {
      const reply = await s.ehlo('LHLO')
      const [first = '', ...rest] = reply.lines
      check(beginsWithDomain(first), 'a domain in the first line', quoted(reply))
      for (const line of rest)
        check(/^[A-Za-z0-9][A-Za-z0-9-]*(?: [\x21-\x7e]+)*$/.test(line), 'a keyword', `"${line}"`)
    },
  },
  {
    id: 'lmtp/lhlo/clears-transaction',
    rfc: 'RFC 2033 §4.1',
    level: 'must',
    requirement: 'LHLO later in the session clears an open transaction, as EHLO does in SMTP (RCPT: 503).',
    needs: RECIPIENT,
    state: 'rcpt',
    async run(s) {
      await s.ehlo('LHLO')
      await s.send(`RCPT TO:<${s.recipient}>`, '503')
    },
  },
  commandCase({
    id: 'lmtp/lhlo/no-argument',
    rfc: 'RFC 2033 §4.1',
    level: 'should',
    requirement: 'LHLO without a name is a syntax error: 500, 501 or 504.',
    state: 'greeted',
    line: 'LHLO',
    codes: '50[014]',
  }),
  ...foreignHello('HELO'),
  ...foreignHello('EHLO'),
  announces('PIPELINING', 'must'),
  announces('ENHANCEDSTATUSCODES', 'must'),
  announces('8BITMIME', 'should'),
]

const sessionCases: readonly SmtpCase[] = [
  {
    id: 'lmtp/mail/accepted',
    rfc: 'RFC 5321 §3.3',
    level: 'must',
    requirement: 'MAIL is answered by 250.',
    state: 'ehlo',
    async run(s) {
      await s.mail()
    },
  },
  commandCase({
    id: 'lmtp/rcpt/accepted',
    rfc: 'RFC 5321 §3.3',
    level: 'must',
    requirement: 'RCPT for a mailbox of the server is answered by 250.',
    needs: RECIPIENT,
    state: 'mail',
    line: (s) => `RCPT TO:<${s.recipient}>`,
    codes: '25[01]',
  }),
  commandCase({
    id: 'lmtp/rcpt/unknown-mailbox',
    rfc: 'RFC 5321 §3.3',
    level: 'should',
    requirement: 'A mailbox that does not exist is refused at RCPT by a 5yz reply.',
    needs: RECIPIENT,
    state: 'mail',
    line: (s) => `RCPT TO:<${s.target.unknown}>`,
    codes: '5..',
  }),
  commandCase({
    id: 'lmtp/rcpt/without-mail',
    rfc: 'RFC 5321 §3.3',
    level: 'must',
    requirement: 'RCPT without a MAIL before it is answered by 503.',
    needs: RECIPIENT,
    line: (s) => `RCPT TO:<${s.recipient}>`,
    codes: '503',
  }),
  {
    id: 'lmtp/rset/ok',
    rfc: 'RFC 5321 §4.1.1.5',
    level: 'must',
    requirement: 'RSET works as in SMTP: RCPT behind it is out of order (503).',
    needs: RECIPIENT,
    state: 'rcpt',
    async run(s) {
      await s.send('RSET', '250')
      await s.send(`RCPT TO:<${s.recipient}>`, '503')
    },
  },
  {
    id: 'lmtp/rset/clears-recipients',
    rfc: 'RFC 5321 §4.1.1.5',
    level: 'must',
    requirement: 'RSET discards the recipients: DATA in the next transaction is answered by 503.',
    needs: RECIPIENT,
    state: 'rcpt',
    async run(s) {
      await s.send('RSET', '250')
      await s.mail()
      await s.send('DATA', '503')
    },
  },
  plainCase('noop/ok', 'RFC 5321 §4.1.1.9', 'NOOP is answered by 250.', 'NOOP', '250'),
  plainCase(
    'unknown/refused',
    'RFC 5321 §4.2.4',
    'A command that is not recognised is refused by a 5yz reply.',
    'XCONFORMANCE',
    '5..',
  ),
  {
    id: 'lmtp/quit/221',
    rfc: 'RFC 5321 §4.1.1.10',
    level: 'must',
    requirement: 'QUIT is answered by 221, and the server closes the connection.',
    state: 'ehlo',
    ending: 'any',
    async run(s) {
      await s.send('QUIT', '221')
      await s.wire.closed()
    },
  },
  {
    id: 'lmtp/session/one-reply',
    rfc: 'RFC 5321 §4.2',
    level: 'must',
    requirement: 'Every command other than the end of a message generates exactly one reply.',
    state: 'ehlo',
    ending: 'any',
    async run(s) {
      for (const line of ['NOOP', 'RSET', 'XCONFORMANCE', 'VRFY nobody-of-this-name']) await s.send(line)
      await s.send('QUIT', '221')
    },
  },
]

export const lmtp = smtpSuite({
  name: 'lmtp',
  description: 'a server that delivers locally (RFC 2033)',
  port: { plain: 24, tls: 24 },
  hello: 'LHLO',
  login: false,
  cases: [...helloCases, ...sessionCases, ...dataCases, ...chunkingCases],
})

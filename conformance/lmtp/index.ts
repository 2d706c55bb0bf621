// The LMTP suite: local delivery, with an answer for each recipient.
import { check, Skipped } from '../judgement.ts'
import { alive, isOneOf, lines, quoted, type Reply, type Smtp } from '../smtp/client.ts'
import { beginsWithDomain } from '../smtp/greeting.ts'
import { commandCase, type SmtpCase, smtpSuite } from '../smtp/suite.ts'

const RECIPIENT = { recipient: true } as const
const MAIL = { recipient: true, consent: ['mail'] } as const
const CHUNKING = { ...MAIL, capabilities: ['CHUNKING'] } as const
const ANY = '2..|4..|5..'

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

const content = (s: Smtp): string => `${s.header()}${lines('Text.')}`

/** DATA and a message; the replies are the caller's to read. */
async function send(s: Smtp): Promise<void> {
  await s.data()
  await s.wire.write(`${content(s)}.\r\n`)
}

async function replies(s: Smtp, count: number, codes = ANY): Promise<Reply[]> {
  const all: Reply[] = []
  for (let i = 1; i <= count; i++) all.push(await s.expect(`the message, for recipient ${i} of ${count}`, codes))
  return all
}

/** A recipient that the server refuses; throws Skipped when it takes every one. */
async function refusedRecipient(s: Smtp): Promise<void> {
  const bad = ['RCPT TO:<>', ...(s.target.unknown === null ? [] : [`RCPT TO:<${s.target.unknown}>`])]
  for (const line of bad) if (isOneOf((await s.send(line)).code, '[45]..')) return
  throw new Skipped('the server refuses no recipient')
}

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

const dataCases: readonly SmtpCase[] = [
  {
    id: 'lmtp/data/no-recipients',
    rfc: 'RFC 2033 §4.2',
    level: 'must',
    requirement: 'DATA without a recipient is answered by 503.',
    state: 'mail',
    async run(s) {
      await s.send('DATA', '503')
    },
  },
  {
    id: 'lmtp/data/refused-recipients-alone',
    rfc: 'RFC 2033 §4.2',
    level: 'must',
    requirement: 'DATA behind refused recipients alone is answered by 503.',
    state: 'mail',
    async run(s) {
      await refusedRecipient(s)
      await s.send('DATA', '503')
    },
  },
  {
    id: 'lmtp/data/accepted',
    rfc: 'RFC 2033 §4.2',
    level: 'must',
    requirement: 'A message for one recipient is delivered and answered by one 250.',
    needs: MAIL,
    state: 'rcpt',
    async run(s) {
      await send(s)
      await replies(s, 1, '250')
      await alive(s)
    },
  },
  {
    id: 'lmtp/data/one-reply-each',
    rfc: 'RFC 2033 §4.2',
    level: 'must',
    requirement: 'The end of the message is answered once for each accepted recipient.',
    needs: MAIL,
    state: 'rcpt',
    async run(s) {
      if (s.target.rcpt2 === null) throw new Skipped('needs a second recipient (--rcpt2)')
      await s.rcpt(s.target.rcpt2)
      await send(s)
      await replies(s, 2)
      await alive(s)
    },
  },
  {
    id: 'lmtp/data/same-recipient-twice',
    rfc: 'RFC 2033 §4.2',
    level: 'must',
    requirement: 'A recipient that was accepted twice is answered twice.',
    needs: MAIL,
    state: 'rcpt',
    async run(s) {
      await s.rcpt()
      await send(s)
      await replies(s, 2)
      await alive(s)
    },
  },
  {
    id: 'lmtp/data/refused-not-answered',
    rfc: 'RFC 2033 §4.2',
    level: 'must',
    requirement: 'A recipient that was refused at RCPT gets no answer behind the message.',
    needs: MAIL,
    state: 'rcpt',
    async run(s) {
      await refusedRecipient(s)
      await send(s)
      await replies(s, 1, '250')
      // a reply too many would stand before this one
      await s.send('QUIT', '221')
    },
    ending: 'any',
  },
  {
    id: 'lmtp/data/clears-recipients',
    rfc: 'RFC 2033 §4.2',
    level: 'must',
    requirement: 'The recipients of a message are gone with it: the next one is answered for its own recipients alone.',
    needs: MAIL,
    state: 'rcpt',
    async run(s) {
      await s.rcpt()
      await send(s)
      await replies(s, 2)
      await s.mail()
      await s.rcpt()
      await send(s)
      await replies(s, 1)
      await s.send('QUIT', '221')
    },
    ending: 'any',
  },
  {
    id: 'lmtp/data/status-codes',
    rfc: 'RFC 2034 §4',
    level: 'must',
    requirement: 'Each of the replies to the end of a message begins with an enhanced status code of its own class.',
    needs: { ...MAIL, capabilities: ['ENHANCEDSTATUSCODES'] },
    state: 'rcpt',
    async run(s) {
      await s.rcpt()
      await send(s)
      for (const reply of await replies(s, 2))
        for (const line of reply.lines)
          check(
            new RegExp(`^${String(reply.code)[0]}\\.\\d{1,3}\\.\\d{1,3} `).test(line),
            'a status code',
            quoted(reply),
          )
    },
  },
  {
    id: 'lmtp/data/null-reverse-path',
    rfc: 'RFC 5321 §4.5.5',
    level: 'must',
    requirement: 'A message with the null reverse-path is taken like another.',
    needs: MAIL,
    state: 'ehlo',
    async run(s) {
      await s.send('MAIL FROM:<>', '250')
      await s.rcpt()
      await send(s)
      await replies(s, 1, '250')
    },
  },
  {
    id: 'lmtp/data/dot-line',
    rfc: 'RFC 5321 §4.5.2',
    level: 'must',
    requirement: 'A line that begins with a doubled period does not end the message.',
    needs: MAIL,
    state: 'data',
    async run(s) {
      await s.endData(`${s.header()}${lines('..', '..x', 'NOOP')}`)
      await alive(s)
    },
  },
  {
    id: 'lmtp/data/bare-lf-end',
    rfc: 'RFC 5321 §4.1.1.4',
    level: 'must',
    requirement: 'The octets <LF>.<LF> do not end a message (or the message is refused as a whole).',
    needs: MAIL,
    state: 'data',
    ending: 'any',
    async run(s) {
      await s.wire.write(`${s.header()}before\n.\nNOOP\r\nbehind\r\n.\r\n`)
      const first = await s.replyOrEnd('the end of the message')
      if (first === null || first.code === 421) return
      await s.wire.write('QUIT\r\n')
      const second = await s.replyOrEnd('QUIT')
      check(second === null || second.code === 221, '221 to QUIT', second ? quoted(second) : '')
    },
  },
  {
    id: 'lmtp/data/8bit',
    rfc: 'RFC 6152 §3',
    level: 'must',
    requirement: 'A MIME message declared BODY=8BITMIME is taken with octets above 127 in its body.',
    needs: { ...MAIL, capabilities: ['8BITMIME'] },
    state: 'ehlo',
    async run(s) {
      await s.mail(' BODY=8BITMIME')
      await s.rcpt()
      await s.data()
      const mime =
        'MIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n'
      await s.endData(`${s.header('Conformance probe', mime)}gr\xfc\xdfe\r\n`)
    },
  },
]

const chunkingCases: readonly SmtpCase[] = [
  {
    id: 'lmtp/chunking/one-reply-each',
    rfc: 'RFC 2033 §4.3',
    level: 'must',
    requirement: 'BDAT LAST is answered once for each accepted recipient.',
    needs: CHUNKING,
    state: 'rcpt',
    async run(s) {
      await s.rcpt()
      const text = content(s)
      await s.wire.write(`BDAT ${text.length} LAST\r\n${text}`)
      await replies(s, 2)
      await alive(s)
    },
  },
  {
    id: 'lmtp/chunking/not-last',
    rfc: 'RFC 2033 §4.3',
    level: 'must',
    requirement: 'A BDAT without LAST has one reply alone, however many recipients there are.',
    needs: CHUNKING,
    state: 'rcpt',
    async run(s) {
      await s.rcpt()
      const text = content(s)
      await s.wire.write(`BDAT ${text.length}\r\n${text}`)
      await s.expect('BDAT', '250')
      await s.send('RSET', '250')
      await alive(s)
    },
  },
  {
    id: 'lmtp/chunking/no-recipients',
    rfc: 'RFC 2033 §4.3',
    level: 'must',
    requirement: 'BDAT without a recipient is answered by 503, once.',
    needs: { capabilities: ['CHUNKING'] },
    state: 'mail',
    async run(s) {
      await s.wire.write('BDAT 7 LAST\r\nText.\r\n')
      await s.expect('BDAT', '503')
      await s.send('RSET', '250')
    },
  },
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
    id: 'lmtp/pipelining/group',
    rfc: 'RFC 2920 §3.1',
    level: 'must',
    requirement: 'MAIL, two RCPT and DATA sent as one group are answered one by one, in their order.',
    needs: { ...MAIL, capabilities: ['PIPELINING'] },
    state: 'ehlo',
    async run(s) {
      const to = `RCPT TO:<${s.recipient}>\r\n`
      await s.wire.write(`MAIL FROM:<${s.target.from}>\r\n${to}${to}DATA\r\n`)
      await s.expect('MAIL', '250')
      await s.expect('the first RCPT', '25[01]')
      await s.expect('the second RCPT', '25[01]')
      await s.expect('DATA', '354')
      await s.wire.write(`${content(s)}.\r\n`)
      await replies(s, 2)
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

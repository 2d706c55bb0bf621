// The LMTP suite: local delivery, with an answer for each recipient.
import { check, Skipped, visible } from '../judgement.ts'
import { isOneOf, lines, type Smtp } from '../smtp/client.ts'
import { type SmtpCase, smtpSuite } from '../smtp/suite.ts'

const MAIL = { recipient: true, consent: ['mail'] } as const

const announces = (keyword: string, level: SmtpCase['level'], rfc: string): SmtpCase => ({
  id: `lmtp/extensions/${keyword.toLowerCase()}`,
  rfc,
  level,
  requirement: `An LMTP server announces ${keyword}.`,
  state: 'ehlo',
  async run(s) {
    check(s.has(keyword), keyword, [...s.capabilities.keys()].join(', '))
  },
})

async function send(s: Smtp): Promise<void> {
  await s.data()
  await s.wire.write(`${s.header()}${lines('Text.')}.\r\n`)
}

const cases: readonly SmtpCase[] = [
  {
    id: 'lmtp/lhlo/accepted',
    rfc: 'RFC 2033 §4.1',
    level: 'must',
    requirement: 'LHLO is answered as SMTP answers EHLO.',
    state: 'greeted',
    async run(s) {
      await s.ehlo('LHLO')
    },
  },
  {
    id: 'lmtp/lhlo/helo-refused',
    rfc: 'RFC 2033 §4.1',
    level: 'must',
    requirement: 'HELO is not part of LMTP: 500.',
    state: 'greeted',
    async run(s) {
      await s.send(`HELO ${s.target.helo}`, '5..')
    },
  },
  {
    id: 'lmtp/lhlo/ehlo-refused',
    rfc: 'RFC 2033 §4.1',
    level: 'must',
    requirement: 'EHLO is not part of LMTP: 500.',
    state: 'greeted',
    async run(s) {
      await s.send(`EHLO ${s.target.helo}`, '5..')
    },
  },
  announces('PIPELINING', 'must', 'RFC 2033 §5'),
  announces('ENHANCEDSTATUSCODES', 'must', 'RFC 2033 §5'),
  announces('8BITMIME', 'should', 'RFC 2033 §5'),
  {
    id: 'lmtp/data/no-recipients',
    rfc: 'RFC 2033 §4.2',
    level: 'must',
    requirement: 'DATA without an accepted recipient is refused by 503.',
    state: 'mail',
    async run(s) {
      await s.send('DATA', '503')
    },
  },
  {
    id: 'lmtp/data/refused-recipients-alone',
    rfc: 'RFC 2033 §4.2',
    level: 'must',
    requirement: 'DATA behind refused recipients alone is refused by 503.',
    state: 'mail',
    async run(s) {
      await s.send('RCPT TO:<a@b@@>', '[45]..')
      await s.send('DATA', '503')
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
      await s.expect('the message, for the first recipient', '2..|4..|5..')
      await s.expect('the message, for the second recipient', '2..|4..|5..')
      await s.send('NOOP', '250')
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
      await s.expect('the message, for the first RCPT', '2..|4..|5..')
      await s.expect('the message, for the second RCPT', '2..|4..|5..')
      await s.send('NOOP', '250')
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
      const { code } = await s.send(`RCPT TO:<${s.target.unknown}>`)
      if (isOneOf(code, '2..')) throw new Skipped('the server refuses no recipient')
      await send(s)
      await s.expect('the message', '250')
      const next = await s.send('RSET')
      check(next.code === 250, '250 to RSET', `"${visible(next.raw[0]!)}"`)
      const quit = await s.send('NOOP')
      check(quit.code === 250, '250 to NOOP', `"${visible(quit.raw[0]!)}"`)
      check(s.wire.waiting() === '', 'nothing more', `"${visible(s.wire.waiting())}"`)
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
      await s.expect('the message', '250')
      await s.send('NOOP', '250')
    },
  },
  {
    id: 'lmtp/chunking/one-reply-each',
    rfc: 'RFC 2033 §4.3',
    level: 'must',
    requirement: 'BDAT LAST is answered once for each accepted recipient.',
    needs: { ...MAIL, capabilities: ['CHUNKING'] },
    state: 'rcpt',
    async run(s) {
      await s.rcpt()
      const text = `${s.header()}${lines('Text.')}`
      await s.wire.write(`BDAT ${text.length} LAST\r\n${text}`)
      await s.expect('the message, for the first RCPT', '2..|4..|5..')
      await s.expect('the message, for the second RCPT', '2..|4..|5..')
      await s.send('NOOP', '250')
    },
  },
  {
    id: 'lmtp/rset/ok',
    rfc: 'RFC 2033 §4',
    level: 'must',
    requirement: 'RSET works as in SMTP: RCPT behind it is out of order.',
    needs: { recipient: true },
    state: 'rcpt',
    async run(s) {
      await s.send('RSET', '250')
      await s.send(`RCPT TO:<${s.recipient}>`, '503')
    },
  },
]

export const lmtp = smtpSuite({
  name: 'lmtp',
  description: 'a server that delivers locally (RFC 2033)',
  port: { plain: 24, tls: 24 },
  hello: 'LHLO',
  login: false,
  cases,
})

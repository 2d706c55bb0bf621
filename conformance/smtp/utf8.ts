// SMTP: SMTPUTF8.
import { check, Skipped } from '../judgement.ts'
import { domainOf, isOneOf, quoted, type Smtp, understood } from './client.ts'
import { bareKeyword, commandCase, type SmtpCase } from './suite.ts'

const UTF8 = { capabilities: ['SMTPUTF8'] } as const
const WITH_MAIL = { ...UTF8, recipient: true, consent: ['mail'] } as const

/** UTF-8, one character an octet. */
const octets = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')
const GREEK = octets('δοκιμή')
const IDN = octets('bücher.example')

/** A case whose MAIL, with SMTPUTF8, has a syntax that must be understood. */
const syntaxCase = (slug: string, requirement: string, path: (s: Smtp) => string): SmtpCase => ({
  id: `smtp/smtputf8/${slug}`,
  rfc: 'RFC 6531 §3.3',
  level: 'must',
  requirement,
  needs: UTF8,
  state: 'ehlo',
  async run(s) {
    await understood(s, `MAIL FROM:<${path(s)}> SMTPUTF8`)
  },
})

/** Replies have no octet above 127. */
function checkAscii(reply: Awaited<ReturnType<Smtp['send']>>): void {
  check(!reply.raw.some((line) => /[\x80-\xff]/.test(line)), 'US-ASCII', quoted(reply))
}

export const utf8Cases: readonly SmtpCase[] = [
  bareKeyword('smtp/smtputf8/no-parameters', 'RFC 6531 §3.1', 'SMTPUTF8'),
  {
    id: 'smtp/smtputf8/8bitmime',
    rfc: 'RFC 6531 §3.1',
    level: 'must',
    requirement: 'A server that announces SMTPUTF8 announces 8BITMIME too.',
    needs: UTF8,
    state: 'ehlo',
    async run(s) {
      check(s.has('8BITMIME'), '8BITMIME', [...s.capabilities.keys()].join(', '))
    },
  },
  commandCase({
    id: 'smtp/smtputf8/parameter',
    rfc: 'RFC 6531 §3.4',
    level: 'must',
    requirement: 'MAIL takes the parameter SMTPUTF8.',
    needs: UTF8,
    line: (s) => `MAIL FROM:<${s.target.from}> SMTPUTF8`,
    codes: '250',
  }),
  commandCase({
    id: 'smtp/smtputf8/no-value',
    rfc: 'RFC 6531 §3.4',
    level: 'must',
    requirement: 'The MAIL parameter SMTPUTF8 has no value: SMTPUTF8=yes is refused by a 5yz reply.',
    needs: UTF8,
    line: (s) => `MAIL FROM:<${s.target.from}> SMTPUTF8=yes`,
    codes: '5..',
  }),
  commandCase({
    id: 'smtp/smtputf8/with-8bitmime',
    rfc: 'RFC 6531 §3.6',
    level: 'must',
    requirement: 'MAIL takes SMTPUTF8 and BODY=8BITMIME together.',
    needs: UTF8,
    line: (s) => `MAIL FROM:<${s.target.from}> BODY=8BITMIME SMTPUTF8`,
    codes: '250',
  }),
  syntaxCase(
    'mailbox',
    'A reverse-path with a UTF-8 local part is understood under SMTPUTF8.',
    (s) => `${GREEK}@${domainOf(s.target.from)}`,
  ),
  syntaxCase(
    'quoted',
    'A quoted local part may have UTF-8 in it under SMTPUTF8: it is understood.',
    (s) => `"${GREEK} ${GREEK}"@${domainOf(s.target.from)}`,
  ),
  syntaxCase('u-label', 'A domain may have UTF-8 labels under SMTPUTF8: it is understood.', () => `conformance@${IDN}`),
  {
    id: 'smtp/smtputf8/recipient',
    rfc: 'RFC 6531 §3.3',
    level: 'must',
    requirement: 'A forward-path with a UTF-8 local part is understood in a transaction that began with SMTPUTF8.',
    needs: { ...UTF8, recipient: true },
    state: 'ehlo',
    async run(s) {
      await s.mail(' SMTPUTF8')
      await understood(s, `RCPT TO:<${GREEK}@${domainOf(s.recipient)}>`)
    },
  },
  {
    id: 'smtp/smtputf8/not-kept',
    rfc: 'RFC 6531 §3.4',
    level: 'must',
    requirement: 'SMTPUTF8 holds for its transaction alone: in the next one a UTF-8 mailbox is refused by a 5yz reply.',
    needs: UTF8,
    state: 'ehlo',
    async run(s) {
      const line = `MAIL FROM:<${GREEK}@${domainOf(s.target.from)}>`
      const { code } = await s.send(line)
      if (code === 250) throw new Skipped('the server takes such a mailbox without SMTPUTF8')
      await s.mail(' SMTPUTF8')
      await s.send('RSET', '250')
      await s.send(line, '5..')
    },
  },
  commandCase({
    id: 'smtp/smtputf8/bad-utf8',
    rfc: 'RFC 6531 §3.3',
    level: 'must',
    requirement: 'Octets that are not UTF-8 make no mailbox, not even under SMTPUTF8: refused by a 5yz reply.',
    needs: UTF8,
    line: (s) => `MAIL FROM:<\xff\xfe@${domainOf(s.target.from)}> SMTPUTF8`,
    codes: '5..',
  }),
  {
    id: 'smtp/smtputf8/ascii-replies',
    rfc: 'RFC 6531 §3.7.4.2',
    level: 'must',
    requirement:
      'Replies have no UTF-8 (but 251 and 551): judged are MAIL and RCPT with UTF-8 addresses, taken or refused, under SMTPUTF8.',
    needs: { ...UTF8, recipient: true },
    state: 'ehlo',
    async run(s) {
      const mail = await s.send(`MAIL FROM:<${GREEK}@${domainOf(s.target.from)}> SMTPUTF8`)
      checkAscii(mail)
      if (mail.code !== 250) return
      const rcpt = await s.send(`RCPT TO:<${GREEK}@${domainOf(s.recipient)}>`)
      if (!isOneOf(rcpt.code, '[25]51')) checkAscii(rcpt)
    },
  },
  {
    id: 'smtp/smtputf8/ascii-vrfy',
    rfc: 'RFC 6531 §3.7.4.2',
    level: 'must',
    requirement: 'The reply to a VRFY without the parameter SMTPUTF8 has no UTF-8.',
    needs: UTF8,
    state: 'ehlo',
    async run(s) {
      checkAscii(await s.send(`VRFY ${GREEK}`))
    },
  },
  {
    id: 'smtp/smtputf8/vrfy',
    rfc: 'RFC 6531 §3.7.4.2',
    level: 'must',
    requirement: 'VRFY takes the parameter SMTPUTF8: it is answered as without it.',
    needs: { ...UTF8, recipient: true },
    state: 'ehlo',
    async run(s) {
      const { code } = await s.send(`VRFY ${s.recipient}`)
      if (isOneOf(code, '50[02]')) throw new Skipped('the server has no VRFY')
      await s.send(`VRFY ${s.recipient} SMTPUTF8`, String(code))
    },
  },
  {
    id: 'smtp/smtputf8/message',
    rfc: 'RFC 6531 §3.2',
    level: 'must',
    requirement: 'Under SMTPUTF8 a message with UTF-8 in its header is taken.',
    needs: WITH_MAIL,
    state: 'ehlo',
    async run(s) {
      await s.mail(' SMTPUTF8 BODY=8BITMIME')
      await s.rcpt()
      await s.data()
      await s.endData(`${s.header(GREEK)}Text.\r\n`)
    },
  },
  {
    id: 'smtp/smtputf8/not-international',
    rfc: 'RFC 6531 §3.6',
    level: 'must',
    requirement: 'Under SMTPUTF8 a message that is all US-ASCII is taken.',
    needs: WITH_MAIL,
    state: 'ehlo',
    async run(s) {
      await s.mail(' SMTPUTF8')
      await s.rcpt()
      await s.data()
      await s.endData(`${s.header()}Text.\r\n`)
    },
  },
]

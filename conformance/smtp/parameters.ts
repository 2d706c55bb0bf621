// SMTP: SIZE and 8BITMIME.
import { check, Skipped } from '../judgement.ts'
import { alive, isOneOf, lines, quoted, type Reply, type Smtp } from './client.ts'
import { bareKeyword, commandCase, type SmtpCase } from './suite.ts'

const SIZE = { capabilities: ['SIZE'] } as const
const EIGHT = { capabilities: ['8BITMIME'] } as const
/** The largest limit that is worth exceeding. */
const MOST_SENT = 16 * 1024 * 1024

const from = (parameters: string) => (s: Smtp) => `MAIL FROM:<${s.target.from}> ${parameters}`

/** The announced limit; 0 when there is none. */
const limitOf = (s: Smtp): bigint => BigInt(/^\d+$/.exec(s.capabilities.get('SIZE')?.[0] ?? '')?.[0] ?? '0')

export const sizeCases: readonly SmtpCase[] = [
  {
    id: 'smtp/size/keyword',
    rfc: 'RFC 1870 §3',
    level: 'must',
    requirement: 'The parameter of SIZE in the reply to EHLO, if there is one, is a decimal number of up to 20 digits.',
    needs: SIZE,
    state: 'ehlo',
    async run(s) {
      const parameters = s.capabilities.get('SIZE') ?? []
      const isGood = parameters.length === 0 || (parameters.length === 1 && /^\d{1,20}$/.test(parameters[0]!))
      check(isGood, 'one number', parameters.join(' '))
    },
  },
  {
    id: 'smtp/size/limit-64k',
    rfc: 'RFC 5321 §4.5.3.1.7',
    level: 'must',
    requirement: 'The announced limit is no smaller than the 64 KiB (65536 octets) that every server takes.',
    needs: SIZE,
    state: 'ehlo',
    async run(s) {
      const limit = limitOf(s)
      check(limit === 0n || limit >= 65536n, '65536 or more', String(limit))
    },
  },
  commandCase({
    id: 'smtp/size/small',
    rfc: 'RFC 1870 §6.1',
    level: 'must',
    requirement: 'A declared size within the limit is taken.',
    needs: SIZE,
    line: from('SIZE=1000'),
    codes: '250',
  }),
  commandCase({
    id: 'smtp/size/zero',
    rfc: 'RFC 1870 §3',
    level: 'must',
    requirement: 'A size is any decimal number: SIZE=0 is taken.',
    needs: SIZE,
    line: from('SIZE=0'),
    codes: '250',
  }),
  {
    id: 'smtp/size/too-large',
    rfc: 'RFC 1870 §6.1',
    level: 'must',
    requirement: 'A declared size above the announced limit is answered by 552.',
    needs: SIZE,
    state: 'ehlo',
    async run(s) {
      const limit = limitOf(s)
      if (limit === 0n) throw new Skipped('the server announces no limit')
      await s.send(`MAIL FROM:<${s.target.from}> SIZE=${limit + 1n}`, '552')
    },
  },
  commandCase({
    id: 'smtp/size/twenty-digits',
    rfc: 'RFC 1870 §3',
    level: 'must',
    requirement:
      'A size of 20 digits is a valid number: it is taken, or refused as too large (4yz or 550 to 554), not as a syntax error.',
    needs: SIZE,
    line: from(`SIZE=${'9'.repeat(20)}`),
    codes: '250|4..|55[0-4]',
  }),
  commandCase({
    id: 'smtp/size/not-a-number',
    rfc: 'RFC 1870 §3',
    level: 'should',
    requirement: 'A size that is no number is refused by a 5yz reply.',
    needs: SIZE,
    line: from('SIZE=big'),
    codes: '5..',
  }),
  commandCase({
    id: 'smtp/size/no-value',
    rfc: 'RFC 1870 §3',
    level: 'should',
    requirement: 'The MAIL parameter SIZE without a value is refused by a 5yz reply.',
    needs: SIZE,
    line: from('SIZE='),
    codes: '5..',
  }),
  commandCase({
    id: 'smtp/size/twice',
    rfc: 'RFC 1870 §6',
    level: 'may',
    requirement: 'Only one SIZE may stand in a MAIL command: two are refused by a 5yz reply.',
    needs: SIZE,
    line: from('SIZE=1000 SIZE=1001'),
    codes: '5..',
  }),
  commandCase({
    id: 'smtp/size/lower-case',
    rfc: 'RFC 5321 §2.4',
    level: 'must',
    requirement: 'Parameter names are recognised in any case (size=1000).',
    needs: SIZE,
    line: from('size=1000'),
    codes: '250',
  }),
  {
    id: 'smtp/size/not-the-end',
    rfc: 'RFC 1870 §6',
    level: 'must',
    requirement:
      'The declared size does not end the data: a message that is larger has one reply, behind its dot, and the session goes on.',
    needs: { ...SIZE, recipient: true, consent: ['mail'] },
    state: 'ehlo',
    async run(s) {
      await s.mail(' SIZE=20')
      await s.rcpt()
      await s.data()
      await s.endData(`${s.header()}${lines('NOOP', 'NOOP', 'NOOP')}`, '250|[45]..')
      await alive(s)
    },
  },
  {
    id: 'smtp/size/agreed',
    rfc: 'RFC 1870 §6.3',
    level: 'should',
    requirement:
      'Once a declared size was taken (judged: 100000 octets), a message of that size is not refused by 552.',
    needs: { ...SIZE, recipient: true, consent: ['mail'] },
    state: 'ehlo',
    async run(s) {
      const header = s.header()
      const text = `${header}${lines('x'.repeat(70)).repeat(Math.floor((100_000 - header.length) / 72))}`
      await s.mail(` SIZE=${text.length}`)
      await s.rcpt()
      await s.data()
      const reply = await s.endData(text, '250|[45]..')
      check(reply.code !== 552, 'no 552', quoted(reply))
    },
  },
  {
    id: 'smtp/size/exceeded',
    rfc: 'RFC 1870 §4',
    level: 'must',
    requirement: 'A message larger than the announced limit, sent without a declared size, is not accepted.',
    needs: { ...SIZE, recipient: true, consent: ['mail', 'load'] },
    state: 'rcpt',
    ending: 'any',
    async run(s) {
      const reply = await exceed(s)
      check(reply === null || isOneOf(reply.code, '[45]..'), '552', reply === null ? '' : quoted(reply))
    },
  },
  {
    id: 'smtp/size/exceeded-goes-on',
    rfc: 'RFC 5321 §4.1.1.4',
    level: 'must',
    requirement: 'A message that was refused for its size keeps no other message of the session from being taken.',
    needs: { ...SIZE, recipient: true, consent: ['mail', 'load'] },
    state: 'rcpt',
    ending: 'any',
    async run(s) {
      const reply = await exceed(s)
      if (reply === null || s.wire.ended) throw new Skipped('the server ends the session')
      if (reply.code < 400) throw new Skipped('the server takes the message')
      await s.message('Text.\r\n')
    },
  },
]

/** Sends a message larger than the limit; null when the server goes away. */
async function exceed(s: Smtp): Promise<Reply | null> {
  const limit = Number(limitOf(s))
  if (limit === 0) throw new Skipped('the server announces no limit')
  if (limit > MOST_SENT) throw new Skipped(`the limit is above ${MOST_SENT} octets`)
  await s.data()
  await s.wire.write(s.header())
  const block = `${'x'.repeat(998)}\r\n`.repeat(256)
  for (let sent = 0; sent <= limit; sent += block.length) await s.wire.write(block)
  await s.wire.write('.\r\n')
  return s.replyOrEnd('the end of the message')
}

/** ISO 8859-1, declared as RFC 6152 §3 wants it of the client. */
const mime = (s: Smtp, charset: string): string =>
  s.header(
    'Conformance probe',
    `MIME-Version: 1.0\r\nContent-Type: text/plain; charset=${charset}\r\nContent-Transfer-Encoding: 8bit\r\n`,
  )

export const eightBitCases: readonly SmtpCase[] = [
  bareKeyword('smtp/8bitmime/no-parameters', 'RFC 6152 §2', '8BITMIME'),
  commandCase({
    id: 'smtp/8bitmime/body-8bitmime',
    rfc: 'RFC 6152 §2',
    level: 'must',
    requirement: 'MAIL takes BODY=8BITMIME.',
    needs: EIGHT,
    line: from('BODY=8BITMIME'),
    codes: '250',
  }),
  commandCase({
    id: 'smtp/8bitmime/body-7bit',
    rfc: 'RFC 6152 §2',
    level: 'must',
    requirement: 'MAIL takes BODY=7BIT.',
    needs: EIGHT,
    line: from('BODY=7BIT'),
    codes: '250',
  }),
  commandCase({
    id: 'smtp/8bitmime/body-case',
    rfc: 'RFC 5321 §2.4',
    level: 'must',
    requirement: 'The values of BODY are recognised in any case.',
    needs: EIGHT,
    line: from('BODY=8BitMime'),
    codes: '250',
  }),
  commandCase({
    id: 'smtp/8bitmime/body-unknown',
    rfc: 'RFC 6152 §2',
    level: 'must',
    requirement: 'A BODY value that does not exist (BODY=9BIT) is refused by a 5yz reply.',
    needs: EIGHT,
    line: from('BODY=9BIT'),
    codes: '5..',
  }),
  commandCase({
    id: 'smtp/8bitmime/body-no-value',
    rfc: 'RFC 6152 §2',
    level: 'should',
    requirement: 'The MAIL parameter BODY without a value is refused by a 5yz reply.',
    needs: EIGHT,
    line: from('BODY'),
    codes: '5..',
  }),
  {
    id: 'smtp/8bitmime/message',
    rfc: 'RFC 6152 §3',
    level: 'must',
    requirement: 'A MIME message declared BODY=8BITMIME is taken with octets above 127 in its body.',
    needs: { ...EIGHT, recipient: true, consent: ['mail'] },
    state: 'ehlo',
    async run(s) {
      await s.mail(' BODY=8BITMIME')
      await s.rcpt()
      await s.data()
      await s.endData(`${mime(s, 'iso-8859-1')}${lines('gr\xfc\xdfe', '\xff\xfe\x80')}`)
    },
  },
  {
    id: 'smtp/8bitmime/7bit-message',
    rfc: 'RFC 6152 §3',
    level: 'must',
    requirement: 'A message declared BODY=7BIT is taken.',
    needs: { ...EIGHT, recipient: true, consent: ['mail'] },
    state: 'ehlo',
    async run(s) {
      await s.message(lines('Text.'), { parameters: ' BODY=7BIT' })
    },
  },
]

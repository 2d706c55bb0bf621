// SMTP: the extensions that concern MAIL and RCPT parameters, replies and pipelining.
import { check, Skipped, visible } from '../judgement.ts'
import { lines, type Reply, type Smtp } from './client.ts'
import type { SmtpCase } from './suite.ts'

const capability = (...capabilities: readonly string[]) => ({ capabilities })
const RECIPIENT = { recipient: true } as const

/** A case that one MAIL command decides. */
const mailCase = (
  id: string,
  [rfc, keyword]: readonly [string, string],
  requirement: string,
  line: (s: Smtp) => string,
  codes: string,
): SmtpCase => ({
  id: `smtp/${id}`,
  rfc,
  level: 'must',
  requirement,
  needs: capability(keyword),
  state: 'ehlo',
  async run(s) {
    await s.send(line(s), codes)
  },
})

/** A case that one RCPT command decides. */
const rcptCase = (
  id: string,
  [rfc, keyword]: readonly [string, string],
  requirement: string,
  parameters: string,
  codes: string,
): SmtpCase => ({
  id: `smtp/${id}`,
  rfc,
  level: 'must',
  requirement,
  needs: { ...capability(keyword), ...RECIPIENT },
  state: 'mail',
  async run(s) {
    await s.send(`RCPT TO:<${s.recipient}> ${parameters}`, codes)
  },
})

const from =
  (parameters: string) =>
  (s: Smtp): string =>
    `MAIL FROM:<${s.target.from}> ${parameters}`

export const pipeliningCases: readonly SmtpCase[] = [
  {
    id: 'smtp/pipelining/order',
    rfc: 'RFC 2920 §3.2',
    level: 'must',
    requirement: 'Commands sent as one group are answered in their order, none of them lost.',
    needs: { ...capability('PIPELINING'), ...RECIPIENT },
    state: 'ehlo',
    async run(s) {
      await s.wire.write(`RSET\r\nMAIL FROM:<${s.target.from}>\r\nRCPT TO:<${s.recipient}>\r\nXCONFORMANCE\r\nRSET\r\n`)
      await s.expect('RSET', '250')
      await s.expect('MAIL', '250')
      await s.expect('RCPT', '25[01]')
      await s.expect('XCONFORMANCE', '5..')
      await s.expect('RSET', '250')
    },
  },
  {
    id: 'smtp/pipelining/cut-within-command',
    rfc: 'RFC 2920 §3.2',
    level: 'must',
    requirement: 'What stands in the input buffer is kept, also when a group ends in the middle of a command.',
    needs: capability('PIPELINING'),
    state: 'ehlo',
    async run(s) {
      await s.wire.write('NOOP\r\nNOOP\r\nNO')
      await s.expect('NOOP', '250')
      await s.expect('NOOP', '250')
      await s.wire.write('OP\r\n')
      await s.expect('NOOP', '250')
    },
  },
  {
    id: 'smtp/pipelining/refused-mail',
    rfc: 'RFC 2920 §3.1',
    level: 'must',
    requirement:
      'When MAIL is refused, the RCPT and DATA that were sent with it are refused too, each with its own reply.',
    needs: { ...capability('PIPELINING'), ...RECIPIENT },
    state: 'ehlo',
    async run(s) {
      await s.wire.write(`MAIL FROM:<a@b@@>\r\nRCPT TO:<${s.recipient}>\r\nDATA\r\n`)
      await s.expect('MAIL', '[45]..')
      await s.expect('RCPT', '[45]..')
      await s.expect('DATA', '[45]..')
    },
  },
  {
    id: 'smtp/pipelining/message',
    rfc: 'RFC 2920 §3.1',
    level: 'must',
    requirement:
      'MAIL, RCPT and DATA may be sent as one group, and the next group right behind the end of the message.',
    needs: { ...capability('PIPELINING'), recipient: true, consent: ['mail'] },
    state: 'ehlo',
    async run(s) {
      await s.wire.write(`MAIL FROM:<${s.target.from}>\r\nRCPT TO:<${s.recipient}>\r\nDATA\r\n`)
      await s.expect('MAIL', '250')
      await s.expect('RCPT', '25[01]')
      await s.expect('DATA', '354')
      await s.wire.write(`${s.header()}Text.\r\n.\r\nNOOP\r\nRSET\r\n`)
      await s.expect('the end of the message', '250')
      await s.expect('NOOP', '250')
      await s.expect('RSET', '250')
    },
  },
  {
    id: 'smtp/pipelining/no-parameters',
    rfc: 'RFC 2920 §3',
    level: 'must',
    requirement: 'The keyword PIPELINING has no parameters.',
    needs: capability('PIPELINING'),
    state: 'ehlo',
    async run(s) {
      const parameters = s.capabilities.get('PIPELINING') ?? []
      check(parameters.length === 0, 'PIPELINING alone', parameters.join(' '))
    },
  },
]

export const sizeCases: readonly SmtpCase[] = [
  {
    id: 'smtp/size/keyword',
    rfc: 'RFC 1870 §3',
    level: 'must',
    requirement: 'The parameter of SIZE in the reply to EHLO, if there is one, is a decimal number of up to 20 digits.',
    needs: capability('SIZE'),
    state: 'ehlo',
    async run(s) {
      const parameters = s.capabilities.get('SIZE') ?? []
      check(
        parameters.length === 0 || (parameters.length === 1 && /^\d{1,20}$/.test(parameters[0]!)),
        'one number',
        parameters.join(' '),
      )
    },
  },
  mailCase(
    'size/small',
    ['RFC 1870 §5', 'SIZE'],
    'A declared size within the limit is taken.',
    from('SIZE=1000'),
    '250',
  ),
  {
    id: 'smtp/size/too-large',
    rfc: 'RFC 1870 §6.1',
    level: 'must',
    requirement: 'A declared size above the announced limit is not taken: 552.',
    needs: capability('SIZE'),
    state: 'ehlo',
    async run(s) {
      const limit = BigInt(s.capabilities.get('SIZE')?.[0] ?? '0')
      if (limit === 0n) throw new Skipped('the server announces no limit')
      await s.send(`MAIL FROM:<${s.target.from}> SIZE=${limit + 1n}`, '552')
    },
  },
  mailCase(
    'size/not-a-number',
    ['RFC 1870 §5', 'SIZE'],
    'A size that is no number is a syntax error.',
    from('SIZE=big'),
    '5..',
  ),
  mailCase(
    'size/lower-case',
    ['RFC 5321 §2.4', 'SIZE'],
    'Parameter names are recognised in any case.',
    from('size=1000'),
    '250',
  ),
]

export const eightBitCases: readonly SmtpCase[] = [
  mailCase(
    '8bitmime/body-8bitmime',
    ['RFC 6152 §3', '8BITMIME'],
    'MAIL takes BODY=8BITMIME.',
    from('BODY=8BITMIME'),
    '250',
  ),
  mailCase('8bitmime/body-7bit', ['RFC 6152 §3', '8BITMIME'], 'MAIL takes BODY=7BIT.', from('BODY=7BIT'), '250'),
  mailCase(
    '8bitmime/body-case',
    ['RFC 6152 §3', '8BITMIME'],
    'The values of BODY are recognised in any case.',
    from('body=8BitMime'),
    '250',
  ),
  mailCase(
    '8bitmime/body-unknown',
    ['RFC 6152 §3', '8BITMIME'],
    'A BODY value that does not exist is refused.',
    from('BODY=9BIT'),
    '5..',
  ),
  {
    id: 'smtp/8bitmime/message',
    rfc: 'RFC 6152 §3',
    level: 'must',
    requirement: 'A message declared BODY=8BITMIME is taken with octets above 127 in it.',
    needs: { ...capability('8BITMIME'), recipient: true, consent: ['mail'] },
    state: 'ehlo',
    async run(s) {
      await s.message(lines('gr\xc3\xbc\xc3\x9fe', '\xff\xfe'), { parameters: ' BODY=8BITMIME' })
    },
  },
]

const U = ['RFC 6531 §3.3', 'SMTPUTF8'] as const
/** `δοκιμή` in UTF-8, one character an octet. */
const GREEK = Buffer.from('δοκιμή', 'utf8').toString('latin1')

export const utf8Cases: readonly SmtpCase[] = [
  {
    id: 'smtp/smtputf8/8bitmime',
    rfc: 'RFC 6531 §3.1',
    level: 'must',
    requirement: 'A server that announces SMTPUTF8 announces 8BITMIME too.',
    needs: capability('SMTPUTF8'),
    state: 'ehlo',
    async run(s) {
      check(s.has('8BITMIME'), '8BITMIME', [...s.capabilities.keys()].join(', '))
    },
  },
  mailCase(
    'smtputf8/parameter',
    ['RFC 6531 §3.4', 'SMTPUTF8'],
    'MAIL takes the parameter SMTPUTF8.',
    from('SMTPUTF8'),
    '250',
  ),
  mailCase(
    'smtputf8/mailbox',
    U,
    'A reverse-path with a UTF-8 local part is taken under SMTPUTF8.',
    (s) => `MAIL FROM:<${GREEK}@${s.target.from.split('@').at(-1)}> SMTPUTF8`,
    '250|530|550',
  ),
  {
    id: 'smtp/smtputf8/bad-utf8',
    rfc: 'RFC 6531 §3.3',
    level: 'must',
    requirement: 'Octets that are not UTF-8 make no mailbox, SMTPUTF8 or not.',
    needs: capability('SMTPUTF8'),
    state: 'ehlo',
    async run(s) {
      await s.send(`MAIL FROM:<\xff\xfe@${s.target.from.split('@').at(-1)}> SMTPUTF8`, '5..')
    },
  },
  {
    id: 'smtp/smtputf8/message',
    rfc: 'RFC 6531 §3.1',
    level: 'must',
    requirement: 'Under SMTPUTF8 a message with UTF-8 in its header is taken.',
    needs: { ...capability('SMTPUTF8'), recipient: true, consent: ['mail'] },
    state: 'ehlo',
    async run(s) {
      await s.mail(' SMTPUTF8 BODY=8BITMIME')
      await s.rcpt()
      await s.data()
      await s.wire.write(`${s.header(GREEK)}Text.\r\n.\r\n`)
      await s.expect('the end of the message', '250')
    },
  },
]

const dsn = (section: string) => [`RFC 3461 §${section}`, 'DSN'] as const
const LONG_ENVID = 'x'.repeat(100)

export const dsnCases: readonly SmtpCase[] = [
  mailCase('dsn/ret-hdrs', dsn('4.3'), 'MAIL takes RET=HDRS.', from('RET=HDRS'), '250'),
  mailCase('dsn/ret-full', dsn('4.3'), 'MAIL takes RET=FULL.', from('RET=FULL'), '250'),
  mailCase('dsn/ret-case', dsn('4.3'), 'The values of RET are recognised in any case.', from('ret=hdrs'), '250'),
  mailCase(
    'dsn/ret-unknown',
    dsn('4.3'),
    'A RET value other than FULL and HDRS is a syntax error.',
    from('RET=BODY'),
    '5..',
  ),
  mailCase('dsn/envid', dsn('4.4'), 'MAIL takes an ENVID of 100 characters.', from(`ENVID=${LONG_ENVID}`), '250'),
  mailCase('dsn/envid-xtext', dsn('4.4'), 'An ENVID is xtext: "+3D" stands for "=".', from('ENVID=a+3Db'), '250'),
  mailCase(
    'dsn/envid-bad-xtext',
    dsn('4.4'),
    'An ENVID that is not xtext is a syntax error.',
    from('ENVID=a+zz'),
    '5..',
  ),
  mailCase('dsn/ret-twice', dsn('4.3'), 'RET given twice is a syntax error.', from('RET=HDRS RET=FULL'), '5..'),
  rcptCase('dsn/notify-never', dsn('4.1'), 'RCPT takes NOTIFY=NEVER.', 'NOTIFY=NEVER', '25[01]'),
  rcptCase(
    'dsn/notify-list',
    dsn('4.1'),
    'RCPT takes a list of SUCCESS, FAILURE, DELAY in NOTIFY.',
    'NOTIFY=SUCCESS,FAILURE,DELAY',
    '25[01]',
  ),
  rcptCase('dsn/notify-never-alone', dsn('4.1'), 'NEVER stands alone in NOTIFY.', 'NOTIFY=NEVER,FAILURE', '5..'),
  rcptCase(
    'dsn/notify-unknown',
    dsn('4.1'),
    'A NOTIFY value that does not exist is a syntax error.',
    'NOTIFY=SOMETIMES',
    '5..',
  ),
  rcptCase(
    'dsn/orcpt',
    dsn('4.2'),
    'RCPT takes ORCPT with an address type and an xtext address.',
    'ORCPT=rfc822;first+2Blast@example.org',
    '25[01]',
  ),
  rcptCase(
    'dsn/orcpt-no-type',
    dsn('4.2'),
    'An ORCPT without an address type is a syntax error.',
    'ORCPT=ana@example.org',
    '5..',
  ),
]

const STATUS = /^([245])\.\d{1,3}\.\d{1,3}(?: |$)/

function checkStatus(reply: Reply): void {
  const digit = String(reply.code)[0]
  for (const [i, line] of reply.lines.entries()) {
    const found = STATUS.exec(line)?.[1]
    check(found === digit, `an enhanced status code of class ${digit}`, `"${visible(reply.raw[i]!)}"`)
  }
}

const statusCase = (
  slug: string,
  requirement: string,
  state: SmtpCase['state'],
  provoke: (s: Smtp) => Promise<Reply>,
): SmtpCase => ({
  id: `smtp/enhanced/${slug}`,
  rfc: 'RFC 2034 §4',
  level: 'must',
  requirement,
  needs: { ...capability('ENHANCEDSTATUSCODES'), ...(state === 'mail' ? RECIPIENT : {}) },
  state,
  async run(s) {
    checkStatus(await provoke(s))
  },
})

export const enhancedCases: readonly SmtpCase[] = [
  statusCase('mail', 'The 250 to MAIL begins with an enhanced status code of class 2.', 'ehlo', (s) => s.mail()),
  statusCase('rcpt', 'The 250 to RCPT begins with an enhanced status code of class 2.', 'mail', (s) => s.rcpt()),
  statusCase(
    'unknown-mailbox',
    'The reply to an unknown recipient begins with an enhanced status code of its own class.',
    'mail',
    (s) => s.send(`RCPT TO:<${s.target.unknown}>`),
  ),
  statusCase(
    'unknown-command',
    'The reply to an unknown command begins with an enhanced status code of class 5.',
    'ehlo',
    (s) => s.send('XCONFORMANCE'),
  ),
  statusCase('sequence', 'The 503 begins with an enhanced status code of class 5.', 'ehlo', (s) =>
    s.send('DATA', '503|554'),
  ),
  statusCase('noop', 'The 250 to NOOP begins with an enhanced status code of class 2.', 'ehlo', (s) =>
    s.send('NOOP', '250'),
  ),
  statusCase('rset', 'The 250 to RSET begins with an enhanced status code of class 2.', 'ehlo', (s) =>
    s.send('RSET', '250'),
  ),
  {
    id: 'smtp/enhanced/quit',
    rfc: 'RFC 2034 §4',
    level: 'must',
    requirement: 'The 221 to QUIT begins with an enhanced status code of class 2.',
    needs: capability('ENHANCEDSTATUSCODES'),
    state: 'ehlo',
    ending: 'any',
    async run(s) {
      checkStatus(await s.send('QUIT', '221'))
    },
  },
  {
    id: 'smtp/enhanced/not-in-ehlo',
    rfc: 'RFC 2034 §4',
    level: 'must',
    requirement: 'The reply to EHLO has no enhanced status codes.',
    needs: capability('ENHANCEDSTATUSCODES'),
    state: 'ehlo',
    async run(s) {
      const { lines: texts } = await s.ehlo()
      const found = texts.find((line) => STATUS.test(line))
      check(found === undefined, 'none', `"${visible(found ?? '')}"`)
    },
  },
  {
    id: 'smtp/enhanced/message',
    rfc: 'RFC 2034 §4',
    level: 'must',
    requirement: 'The 250 to a message begins with an enhanced status code of class 2.',
    needs: { ...capability('ENHANCEDSTATUSCODES'), recipient: true, consent: ['mail'] },
    state: 'ehlo',
    async run(s) {
      checkStatus(await s.message(lines('Text.')))
    },
  },
]

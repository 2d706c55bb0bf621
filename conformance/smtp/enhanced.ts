// SMTP: enhanced status codes, which replies have them and what they say.
import { check, Skipped, visible } from '../judgement.ts'
import { lines, quoted, type Reply, type Smtp } from './client.ts'
import { bareKeyword, type SmtpCase } from './suite.ts'

const CODES = { capabilities: ['ENHANCEDSTATUSCODES'] } as const
const RECIPIENT = { recipient: true } as const
const STATUS = /^([245])\.\d{1,3}\.\d{1,3} ./

/** Every line of the reply begins with a status code of the reply's class, all with the same one. */
function checkStatus(reply: Reply): void {
  const digit = String(reply.code)[0]
  const first = reply.lines[0]!.split(' ')[0]
  for (const [i, line] of reply.lines.entries()) {
    const found = STATUS.exec(line)?.[1]
    check(found === digit, `an enhanced status code of class ${digit}`, `"${visible(reply.raw[i]!)}"`)
    check(line.split(' ')[0] === first, `${first} in every line`, `"${visible(reply.raw[i]!)}"`)
  }
}

function checkNoStatus(reply: Reply): void {
  const found = reply.lines.find((line) => STATUS.test(line))
  check(found === undefined, 'no enhanced status code', `"${visible(found ?? '')}"`)
}

const statusCase = (
  slug: string,
  requirement: string,
  provoke: (s: Smtp) => Promise<Reply>,
  more: Partial<Pick<SmtpCase, 'state' | 'needs' | 'ending' | 'rfc'>> = {},
): SmtpCase => ({
  id: `smtp/enhanced/${slug}`,
  rfc: 'RFC 2034 §4',
  level: 'must',
  requirement,
  state: 'ehlo',
  ...more,
  needs: { ...CODES, ...more.needs },
  async run(s) {
    checkStatus(await provoke(s))
  },
})

/** A status code that stands for one thing, X.1.1 for an unknown mailbox; RFC 3463 lets others be more precise. */
const meaningCase = (
  slug: string,
  section: string,
  requirement: string,
  status: RegExp,
  provoke: (s: Smtp) => Promise<Reply>,
  more: Partial<Pick<SmtpCase, 'state' | 'needs'>> = {},
): SmtpCase => ({
  id: `smtp/enhanced/${slug}`,
  rfc: `RFC 3463 §${section}`,
  level: 'should',
  requirement,
  state: 'ehlo',
  ...more,
  needs: { ...CODES, ...more.needs },
  async run(s) {
    const reply = await provoke(s)
    if (!/^[45]/.test(String(reply.code))) throw new Skipped('the server does not refuse this')
    check(status.test(reply.lines[0]!), `a status code that matches ${status.source}`, quoted(reply))
  },
})

export const enhancedCases: readonly SmtpCase[] = [
  bareKeyword('smtp/enhanced/no-parameters', 'RFC 2034 §3', 'ENHANCEDSTATUSCODES'),
  statusCase('mail', 'The 250 to MAIL begins with an enhanced status code of class 2.', (s) => s.mail()),
  statusCase('rcpt', 'The 250 to RCPT begins with an enhanced status code of class 2.', (s) => s.rcpt(), {
    state: 'mail',
    needs: RECIPIENT,
  }),
  {
    id: 'smtp/enhanced/no-code-in-354',
    rfc: 'RFC 2034 §4',
    level: 'must',
    requirement: 'The 354 to DATA has no enhanced status code: there is no class for it.',
    needs: { ...CODES, ...RECIPIENT },
    state: 'rcpt',
    ending: 'any',
    async run(s) {
      checkNoStatus(await s.data())
    },
  },
  statusCase(
    'unknown-mailbox',
    'The reply to an unknown recipient begins with an enhanced status code of the class of its reply code.',
    (s) => s.send(`RCPT TO:<${s.target.unknown}>`),
    { state: 'mail', needs: RECIPIENT },
  ),
  statusCase(
    'unknown-command',
    'The reply to an unknown command begins with an enhanced status code of class 5.',
    (s) => s.send('XCONFORMANCE', '5..'),
  ),
  statusCase(
    'sequence',
    'The refusals of RCPT without MAIL, and of DATA without MAIL, begin with an enhanced status code of class 5.',
    async (s) => {
      const data = await s.send('DATA')
      if (data.code === 354) await s.endData('', '[45]..')
      else checkStatus(data)
      return s.send('RCPT TO:<conformance@example.org>', '5..')
    },
  ),
  statusCase('syntax', 'The refusal of a MAIL without a path begins with an enhanced status code of class 5.', (s) =>
    s.send('MAIL FROM:', '5..'),
  ),
  statusCase(
    'parameter',
    'The refusal of an unknown MAIL parameter begins with an enhanced status code of class 5.',
    (s) => s.send(`MAIL FROM:<${s.target.from}> XCONFORMANCE=1`, '5..'),
  ),
  statusCase('noop', 'The 250 to NOOP begins with an enhanced status code of class 2.', (s) => s.send('NOOP', '250')),
  statusCase('rset', 'The 250 to RSET begins with an enhanced status code of class 2.', (s) => s.send('RSET', '250')),
  statusCase('vrfy', 'The reply to VRFY begins with an enhanced status code of the class of its reply code.', (s) =>
    s.send(`VRFY ${s.target.rcpt ?? 'postmaster'}`),
  ),
  statusCase(
    'help',
    'Every line of the reply to HELP begins with the same enhanced status code, of the class of the reply code.',
    (s) => s.send('HELP'),
  ),
  statusCase('quit', 'The 221 to QUIT begins with an enhanced status code of class 2.', (s) => s.send('QUIT', '221'), {
    ending: 'any',
  }),
  statusCase(
    'message',
    'The 250 to a message begins with an enhanced status code of class 2.',
    (s) => s.message(lines('Text.')),
    { needs: { ...RECIPIENT, consent: ['mail'] } },
  ),
  {
    id: 'smtp/enhanced/without-ehlo',
    rfc: 'RFC 2034 §4',
    level: 'must',
    requirement: 'Enhanced status codes are sent whether or not EHLO was used: in the 250 to NOOP behind HELO too.',
    state: 'greeted',
    async run(s) {
      const other = await s.another()
      await other.ehlo()
      other.need(...CODES.capabilities)
      await s.send(`HELO ${s.target.helo}`, '250')
      checkStatus(await s.send('NOOP', '250'))
    },
  },
  {
    id: 'smtp/enhanced/not-in-greeting',
    rfc: 'RFC 2034 §4',
    level: 'must',
    requirement: 'The greeting has no enhanced status codes.',
    state: 'connected',
    async run(s) {
      const greeting = await s.reply('the connection')
      await s.ehlo()
      s.need(...CODES.capabilities)
      checkNoStatus(greeting)
    },
  },
  {
    id: 'smtp/enhanced/not-in-ehlo',
    rfc: 'RFC 2034 §4',
    level: 'must',
    requirement: 'The reply to EHLO has no enhanced status codes.',
    state: 'greeted',
    async run(s) {
      const reply = await s.ehlo()
      s.need(...CODES.capabilities)
      checkNoStatus(reply)
    },
  },
  {
    id: 'smtp/enhanced/not-in-helo',
    rfc: 'RFC 2034 §4',
    level: 'must',
    requirement: 'The reply to HELO has no enhanced status codes.',
    state: 'greeted',
    async run(s) {
      const other = await s.another()
      await other.ehlo()
      other.need(...CODES.capabilities)
      checkNoStatus(await s.send(`HELO ${s.target.helo}`))
    },
  },
  meaningCase(
    'means-unknown-mailbox',
    '3.2',
    'An unknown mailbox is named by X.1.1 (or another code of subject 1).',
    /^[45]\.1\.\d/,
    (s) => s.send(`RCPT TO:<${s.target.unknown}>`),
    { state: 'mail', needs: RECIPIENT },
  ),
  meaningCase(
    'means-sequence',
    '3.6',
    'A command out of order (RCPT without MAIL) is named by X.5.1, or another code of subject 5.',
    /^[45]\.5\.\d/,
    (s) => s.send('RCPT TO:<conformance@example.org>'),
  ),
  meaningCase(
    'means-unknown-command',
    '3.6',
    'An unknown command is named by a code of subject 5 (X.5.1 or X.5.2).',
    /^[45]\.5\.\d/,
    (s) => s.send('XCONFORMANCE'),
  ),
  meaningCase(
    'means-argument',
    '3.6',
    'An unknown MAIL parameter is named by a code of subject 5 (X.5.4).',
    /^[45]\.5\.\d/,
    (s) => s.send(`MAIL FROM:<${s.target.from}> XCONFORMANCE=1`),
  ),
  meaningCase(
    'means-too-large',
    '3.4',
    'A declared size above the limit is named by X.3.4 (or X.2.3, a limit of the mailbox).',
    /^[45]\.(?:3\.4|2\.3)/,
    (s) => {
      const [limit = '0'] = s.capabilities.get('SIZE') ?? []
      if (!/^[1-9]\d*$/.test(limit)) throw new Skipped('the server announces no limit')
      return s.send(`MAIL FROM:<${s.target.from}> SIZE=${BigInt(limit) + 1n}`)
    },
    { needs: { capabilities: ['ENHANCEDSTATUSCODES', 'SIZE'] } },
  ),
]

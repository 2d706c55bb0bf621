// SMTP: AUTH, with PLAIN, which every server that offers AUTH has (RFC 4954 §4).
import { Blocked, check, Skipped } from '../judgement.ts'
import { alive, base64, isOneOf, quoted, type Smtp } from './client.ts'
import type { SmtpCase } from './suite.ts'

const AUTH = { capabilities: ['AUTH'] } as const
const ACCOUNT = { capabilities: ['AUTH'], account: true } as const
const PLAINTEXT = ['PLAIN', 'LOGIN']
/** A message of PLAIN whose three parts have the 255 octets that RFC 4616 §2 allows. */
const LONGEST_PLAIN = base64(`${'z'.repeat(255)}\0${'n'.repeat(255)}\0${'p'.repeat(255)}`)
const BUFFER = 12_288
const FLOOD = 200_000

function needPlain(s: Smtp): void {
  if (!s.capabilities.get('AUTH')?.includes('PLAIN')) throw new Skipped('the server does not announce AUTH PLAIN')
}

const secret = ({ target }: Smtp, password = target.password): string => base64(`\0${target.user}\0${password}`)

interface AuthCase {
  readonly slug: string
  readonly rfc?: string
  readonly level?: SmtpCase['level']
  readonly requirement: string
  readonly needs?: SmtpCase['needs']
  readonly ending?: 'any'
  run(s: Smtp): Promise<void>
}

const authCase = ({ slug, rfc = 'RFC 4954 §4', level = 'must', needs = AUTH, run, ...facts }: AuthCase): SmtpCase => ({
  ...facts,
  id: `smtp/auth/${slug}`,
  rfc,
  level,
  needs: needs!,
  state: 'ehlo',
  client: 'anonymous',
  run,
})

/** Logs in where a second login is refused, by which it is seen that the first one holds. */
async function loginOnce(s: Smtp): Promise<void> {
  needPlain(s)
  await s.login()
  const { code } = await s.send(`AUTH PLAIN ${secret(s)}`)
  if (code !== 503) throw new Skipped('the server takes AUTH twice')
}

/** A case that begins PLAIN, sends one response, and wants that reply; the session must go on. */
const responseCase = (slug: string, requirement: string, response: string, codes: string): SmtpCase =>
  authCase({
    slug,
    requirement,
    async run(s) {
      needPlain(s)
      await s.send('AUTH PLAIN', '334')
      await s.send(response, codes)
      await alive(s)
    },
  })

/** A case of the replies' enhanced status codes; RFC 4954 §6 names them. */
const statusCase = (slug: string, requirement: string, status: string, provoke: (s: Smtp) => Promise<string>) =>
  authCase({
    slug,
    rfc: 'RFC 4954 §6',
    level: 'should',
    requirement,
    needs: { capabilities: ['AUTH', 'ENHANCEDSTATUSCODES'], ...(slug === 'status-mechanism' ? {} : { account: true }) },
    async run(s) {
      needPlain(s)
      const reply = await s.send(await provoke(s))
      check(reply.lines[0]!.startsWith(`${status} `), status, quoted(reply))
    },
  })

export const authCases: readonly SmtpCase[] = [
  authCase({
    slug: 'mechanisms',
    rfc: 'RFC 4954 §3',
    requirement:
      'AUTH is announced with the names of mechanisms, each of 1 to 20 capitals, digits, hyphens and underscores.',
    async run(s) {
      const names = s.capabilities.get('AUTH') ?? []
      const areGood = names.length > 0 && names.every((name) => /^[A-Z0-9_-]{1,20}$/.test(name))
      check(areGood, 'names of mechanisms', names.join(' ') || 'none')
    },
  }),
  authCase({
    slug: 'plain-offered',
    requirement: 'A server that offers AUTH offers PLAIN over TLS.',
    async run(s) {
      if (!s.wire.secure) throw new Skipped('the connection has no TLS')
      check(s.capabilities.get('AUTH')!.includes('PLAIN'), 'PLAIN', s.capabilities.get('AUTH')!.join(' '))
    },
  }),
  authCase({
    slug: 'no-plaintext',
    level: 'should',
    requirement: 'Without TLS (and not over loopback), no mechanism that sends passwords in the clear is offered.',
    async run(s) {
      if (s.wire.secure) throw new Skipped('the connection has TLS')
      if (/^(?:127\.|::1$|localhost$)/.test(s.target.host)) throw new Skipped('nobody listens in over loopback')
      const offered = PLAINTEXT.filter((name) => s.capabilities.get('AUTH')!.includes(name))
      check(offered.length === 0, 'no PLAIN and LOGIN', offered.join(' '))
    },
  }),
  authCase({
    slug: 'plain',
    requirement: 'PLAIN with an initial response and the right password is answered by 235.',
    needs: ACCOUNT,
    async run(s) {
      needPlain(s)
      await s.send(`AUTH PLAIN ${secret(s)}`, '235')
    },
  }),
  authCase({
    slug: 'plain-challenge',
    requirement: 'PLAIN without an initial response is answered by a 334 without text, and the response to it by 235.',
    needs: ACCOUNT,
    async run(s) {
      needPlain(s)
      const reply = await s.send('AUTH PLAIN', '334')
      check(reply.lines.join('').trim() === '', 'an empty challenge', quoted(reply))
      await s.send(secret(s), '235')
    },
  }),
  authCase({
    slug: 'empty-challenge',
    requirement: 'An empty challenge is the line "334 ", with its space.',
    async run(s) {
      needPlain(s)
      const reply = await s.send('AUTH PLAIN', '334')
      check(reply.raw.join('') === '334 ', '"334 "', quoted(reply))
      await s.send('*')
    },
  }),
  authCase({
    slug: 'challenge-base64',
    requirement: 'A challenge has base64 for its text and nothing else (judged: CRAM-MD5).',
    needs: AUTH,
    async run(s) {
      if (!s.capabilities.get('AUTH')!.includes('CRAM-MD5')) throw new Skipped('the server does not offer CRAM-MD5')
      const reply = await s.send('AUTH CRAM-MD5', '334')
      const [text = ''] = reply.lines
      const isGood =
        reply.raw.length === 1 && /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)
      check(isGood && text !== '', 'base64', quoted(reply))
      await s.send('*')
    },
  }),
  authCase({
    slug: 'server-first',
    requirement:
      'An initial response to a mechanism in which the server speaks first (judged: CRAM-MD5) is answered by 501.',
    async run(s) {
      if (!s.capabilities.get('AUTH')!.includes('CRAM-MD5')) throw new Skipped('the server does not offer CRAM-MD5')
      await s.send(`AUTH CRAM-MD5 ${base64('ana 0123456789abcdef')}`, '501')
    },
  }),
  authCase({
    slug: 'verb-case',
    rfc: 'RFC 5321 §2.4',
    requirement: 'Names of mechanisms are recognised in any case.',
    needs: ACCOUNT,
    async run(s) {
      needPlain(s)
      await s.send(`auth plain ${secret(s)}`, '235')
    },
  }),
  authCase({
    slug: 'wrong-password-refused',
    requirement: 'A wrong password, and an empty one, is not answered by 235, but by a 4yz or 5yz reply.',
    needs: ACCOUNT,
    async run(s) {
      needPlain(s)
      await s.send(`AUTH PLAIN ${secret(s, `${s.target.password}x`)}`, '[45]..')
      await s.send(`AUTH PLAIN ${secret(s, '')}`, '[45]..')
    },
  }),
  authCase({
    slug: 'wrong-password',
    level: 'should',
    requirement: 'A wrong password is answered by 535.',
    needs: ACCOUNT,
    async run(s) {
      needPlain(s)
      await s.send(`AUTH PLAIN ${secret(s, `${s.target.password}x`)}`, '535')
    },
  }),
  authCase({
    slug: 'authorization',
    rfc: 'RFC 4616 §2',
    requirement:
      'PLAIN with the right password, but for another identity (judged: one that does not exist) to act as, fails.',
    needs: ACCOUNT,
    async run(s) {
      needPlain(s)
      const { user, password } = s.target
      await s.send(`AUTH PLAIN ${base64(`nobody-of-this-name\0${user}\0${password}`)}`, '[45]..')
    },
  }),
  authCase({
    slug: 'malformed-plain',
    rfc: 'RFC 4616 §2',
    requirement: 'A message of PLAIN without its NUL octets fails.',
    async run(s) {
      needPlain(s)
      await s.send(`AUTH PLAIN ${base64('nobody')}`, '[45]..')
      await alive(s)
    },
  }),
  authCase({
    slug: 'failure-goes-on',
    requirement: 'Behind a failed AUTH another attempt can succeed.',
    needs: ACCOUNT,
    async run(s) {
      needPlain(s)
      const reply = await s.send(`AUTH PLAIN ${secret(s, `${s.target.password}x`)}`)
      if (isOneOf(reply.code, '4..')) throw new Blocked(quoted(reply))
      await s.send(`AUTH PLAIN ${secret(s)}`, '235')
    },
  }),
  authCase({
    slug: 'unknown-mechanism-refused',
    requirement: 'A mechanism that the server does not have is refused by a 5yz reply.',
    async run(s) {
      await s.send('AUTH X-CONFORMANCE', '5..')
    },
  }),
  authCase({
    slug: 'unknown-mechanism',
    level: 'should',
    requirement: 'A mechanism that the server does not have is answered by 504.',
    async run(s) {
      await s.send('AUTH X-CONFORMANCE', '504')
    },
  }),
  authCase({
    slug: 'no-mechanism',
    rfc: 'RFC 4954 §8',
    requirement: 'AUTH without a mechanism is refused by a 5yz reply.',
    async run(s) {
      await s.send('AUTH', '5..')
    },
  }),
  responseCase('cancel', 'The line "*" cancels the exchange: 501.', '*', '501'),
  responseCase('bad-base64', 'A response that is not base64 is answered by 501.', '!not base64!', '501'),
  responseCase(
    'pad-in-front',
    'A response with the pad character in front ("=AAA") is answered by 501.',
    '=AAA',
    '501',
  ),
  responseCase(
    'pad-inside',
    'A response with the pad character in its middle ("AAA=BBB") is answered by 501.',
    'AAA=BBB',
    '501',
  ),
  responseCase(
    'empty-response',
    'An empty line is an empty response, which PLAIN has no use for: a 4yz or 5yz reply, and the session goes on.',
    '',
    '[45]..',
  ),
  authCase({
    slug: 'bad-base64-initial',
    requirement: 'An initial response that is not base64 is answered by 501.',
    async run(s) {
      needPlain(s)
      await s.send('AUTH PLAIN !!!!', '501')
    },
  }),
  authCase({
    slug: 'alphabet',
    requirement:
      'A character outside of the base64 alphabet is not ignored: the right response with one in it is answered by 501.',
    needs: ACCOUNT,
    async run(s) {
      needPlain(s)
      const text = secret(s)
      await s.send('AUTH PLAIN', '334')
      await s.send(`${text.slice(0, 4)}!${text.slice(4)}`, '501')
    },
  }),
  authCase({
    slug: 'equals-sign',
    requirement:
      'The initial response "=" is an empty one: PLAIN fails with it by a 4yz or 5yz reply, without a challenge.',
    async run(s) {
      needPlain(s)
      await s.send('AUTH PLAIN =', '[45]..')
      await alive(s)
    },
  }),
  authCase({
    slug: 'twice',
    requirement: 'AUTH behind a successful AUTH is answered by 503.',
    needs: ACCOUNT,
    async run(s) {
      needPlain(s)
      await s.send(`AUTH PLAIN ${secret(s)}`, '235')
      await s.send(`AUTH PLAIN ${secret(s)}`, '503')
    },
  }),
  authCase({
    slug: 'kept-by-rset',
    requirement: 'RSET does not undo the login: AUTH behind it is answered by 503.',
    needs: ACCOUNT,
    async run(s) {
      await loginOnce(s)
      await s.send('RSET', '250')
      await s.send(`AUTH PLAIN ${secret(s)}`, '503')
    },
  }),
  authCase({
    slug: 'kept-by-message',
    requirement: 'The end of a message does not undo the login: AUTH behind it is answered by 503.',
    needs: { ...ACCOUNT, recipient: true, consent: ['mail'] },
    async run(s) {
      await loginOnce(s)
      await s.message('Text.\r\n')
      await s.send(`AUTH PLAIN ${secret(s)}`, '503')
    },
  }),
  authCase({
    slug: 'other-user',
    rfc: 'RFC 4616 §2',
    requirement: "A password that is right for one user logs nobody else in: PLAIN with another's name is refused.",
    needs: ACCOUNT,
    async run(s) {
      needPlain(s)
      const [local, domain] = s.target.user!.split('@')
      const other = `not-${local}${domain === undefined ? '' : `@${domain}`}`
      await s.send(`AUTH PLAIN ${base64(`\0${other}\0${s.target.password}`)}`, '[45]..')
    },
  }),
  authCase({
    slug: 'in-transaction',
    requirement: 'AUTH within a mail transaction is answered by 503.',
    async run(s) {
      const { code } = await s.send(`MAIL FROM:<${s.target.from}>`)
      if (code !== 250) throw new Skipped('the server begins no transaction before AUTH')
      await s.send('AUTH PLAIN', '503')
    },
  }),
  authCase({
    slug: 'mail-parameter',
    rfc: 'RFC 4954 §5',
    requirement: 'MAIL takes AUTH=<> from an authenticated client.',
    needs: ACCOUNT,
    async run(s) {
      await s.login()
      await s.mail(' AUTH=<>')
    },
  }),
  authCase({
    slug: 'mail-parameter-mailbox',
    rfc: 'RFC 4954 §5',
    requirement: 'MAIL takes AUTH with a mailbox in xtext ("+3D" for "=") from an authenticated client.',
    needs: ACCOUNT,
    async run(s) {
      await s.login()
      await s.mail(' AUTH=e+3Dmc2@example.com')
    },
  }),
  authCase({
    slug: 'mail-parameter-anonymous',
    rfc: 'RFC 4954 §5',
    requirement:
      'The MAIL parameter AUTH=<> is supported also when the client has not logged in: the reply is the one without it.',
    async run(s) {
      const without = await s.send(`MAIL FROM:<${s.target.from}>`)
      await s.send('RSET', '250')
      const reply = await s.send(`MAIL FROM:<${s.target.from}> AUTH=<>`)
      check(reply.code === without.code, `${without.code}, as without AUTH=<>`, quoted(reply))
    },
  }),
  authCase({
    slug: 'mail-line-length',
    rfc: 'RFC 4954 §3',
    requirement:
      'AUTH lengthens the MAIL command by 500 octets: one of 700 octets, with AUTH, is not called too long (500).',
    needs: ACCOUNT,
    async run(s) {
      await s.login()
      // each character of the mailbox as three
      const mailbox = `${'+61'.repeat(64)}@${'+62'.repeat(60)}.${'+63'.repeat(30)}.example`
      const line = `MAIL FROM:${pathOf(190)} AUTH=${mailbox}`
      const reply = await s.send(line)
      check(!isOneOf(reply.code, '50[0-2]|555'), `a line of ${line.length + 2} octets to be read`, quoted(reply))
    },
  }),
  authCase({
    slug: 'plain-longest',
    requirement: `The longest message of PLAIN, ${LONGEST_PLAIN.length} octets of base64, is handled: it fails for its password, not as a line too long (500).`,
    async run(s) {
      needPlain(s)
      await s.send('AUTH PLAIN', '334')
      const reply = await s.send(LONGEST_PLAIN, '[45]..')
      check(reply.code !== 500, 'no 500', quoted(reply))
    },
  }),
  authCase({
    slug: 'long-response',
    level: 'should',
    requirement: `A response line of ${BUFFER} octets is read as one line: it has one 4yz or 5yz reply other than 500, and the session goes on.`,
    needs: { ...AUTH, consent: ['load'] },
    async run(s) {
      needPlain(s)
      await s.send('AUTH PLAIN', '334')
      const reply = await s.send('QUJD'.repeat((BUFFER - 4) / 4), '[45]..')
      check(reply.code !== 500, 'no 500', quoted(reply))
      await alive(s)
    },
  }),
  authCase({
    slug: 'too-long-response',
    requirement: `A response line of ${FLOOD} octets has one reply, a 4yz or 5yz (500), or ends the session.`,
    needs: { ...AUTH, consent: ['load'] },
    ending: 'any',
    async run(s) {
      needPlain(s)
      await s.send('AUTH PLAIN', '334')
      await s.wire.write(`${'QUJD'.repeat(FLOOD / 4)}\r\n`)
      const first = await s.replyOrEnd('an overlong response')
      if (first === null || first.code === 421) return
      s.demand(first, '[45]..', 'an overlong response')
      await s.wire.write('QUIT\r\n')
      const second = await s.replyOrEnd('QUIT')
      check(second === null || isOneOf(second.code, '221|421'), '221 to QUIT', second ? quoted(second) : '')
    },
  }),
  statusCase('status-success', 'The 235 has the status code 2.7.0.', '2.7.0', async (s) => `AUTH PLAIN ${secret(s)}`),
  statusCase(
    'status-failure',
    'The 535 to a wrong password has the status code 5.7.8.',
    '5.7.8',
    async (s) => `AUTH PLAIN ${secret(s, `${s.target.password}x`)}`,
  ),
  statusCase(
    'status-mechanism',
    'The refusal of an unknown mechanism has the status code 5.5.4.',
    '5.5.4',
    async () => 'AUTH X-CONFORMANCE',
  ),
]

/** A path of that many octets, its brackets included. */
function pathOf(length: number): string {
  const host = `${'d'.repeat(60)}.${'e'.repeat(60)}.example`
  return `<${'a'.repeat(length - host.length - 3)}@${host}>`
}

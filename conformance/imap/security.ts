// IMAP: STARTTLS, AUTHENTICATE and LOGIN.
import { check, Skipped, visible } from '../judgement.ts'
import { base64, type Imap, quoted, type Response, type Result } from './client.ts'
import { ACCOUNT, anew, casesOf, type ImapCase, NOTHING } from './suite.ts'

const TLS = { capabilities: ['STARTTLS'] }
const PLAIN = { ...ACCOUNT, capabilities: ['AUTH=PLAIN'] }
const PLAIN_IR = { ...ACCOUNT, capabilities: ['AUTH=PLAIN', 'SASL-IR'] }
/** How long a server may take to say something that it must not say. */
const SILENCE_MS = 400

const starttls = casesOf('starttls', { state: 'greeted', needs: TLS })
const authenticate = casesOf('authenticate', { state: 'greeted', needs: PLAIN })
const initial = casesOf('sasl-ir', { state: 'greeted', needs: PLAIN_IR })
const login = casesOf('login', { state: 'greeted', needs: ACCOUNT })

async function intoTls(c: Imap): Promise<void> {
  await c.ok('STARTTLS')
  await c.wire.startTls()
  c.capabilities = null
}

export const starttlsCases: readonly ImapCase[] = [
  starttls(
    'handshake',
    'RFC 3501 §6.2.1',
    'TLS negotiation begins behind the OK to STARTTLS, and commands go on under TLS.',
    async (c) => {
      await intoTls(c)
      await c.ok('NOOP')
    },
  ),
  starttls(
    'no-second-greeting',
    'RFC 3501 §6.2.1',
    'The server does not greet again after the TLS negotiation.',
    async (c) => {
      await intoTls(c)
      check(!(await c.wire.speaks(SILENCE_MS)), 'silence behind the handshake', `"${visible(c.wire.waiting())}"`)
    },
  ),
  starttls('capability-again', 'RFC 3501 §6.2.1', 'CAPABILITY can be asked again under TLS.', async (c) => {
    await intoTls(c)
    await c.ok('CAPABILITY')
    check(c.capabilities !== null, 'an untagged CAPABILITY', 'none')
  }),
  starttls(
    'not-announced-again',
    'RFC 9051 §6.2.1',
    'STARTTLS is not announced after a successful STARTTLS.',
    async (c) => {
      await intoTls(c)
      await c.capability()
      check(!c.announces('STARTTLS'), 'no STARTTLS', [...(c.capabilities ?? [])].join(' '))
    },
    { level: 'should' },
  ),
  starttls(
    'still-not-authenticated',
    'RFC 3501 §6.2.1',
    'After STARTTLS the connection is still in the not authenticated state.',
    async (c) => {
      await intoTls(c)
      await c.refused('STATUS INBOX (MESSAGES)')
    },
  ),
  starttls(
    'login-under-tls',
    'RFC 3501 §6.2.1',
    'A login is possible after STARTTLS.',
    async (c) => {
      await intoTls(c)
      await c.capability()
      const { user, password } = c.account
      if (c.announces('LOGINDISABLED')) expectStatus(await plain(c, message(c.account)), 'OK')
      else await c.ok(`LOGIN ${quoted(user)} ${quoted(password)}`)
      await c.ok('STATUS INBOX (MESSAGES)')
    },
    { needs: { ...ACCOUNT, ...TLS } },
  ),
  starttls(
    'no-injection',
    'RFC 9051 §6.2.1',
    'What stands in the clear behind the CR LF of STARTTLS is not executed as a command under TLS.',
    async (c) => {
      const tag = c.tag()
      c.expectTag(tag)
      await c.write(`${tag} STARTTLS\r\ninj CAPABILITY\r\n`)
      const { status } = await c.result(tag)
      if (status !== 'OK') throw new Skipped('the server refuses STARTTLS with something behind it')
      try {
        await c.wire.startTls()
      } catch {
        return
      }
      check(!(await c.wire.speaks(SILENCE_MS)) || c.wire.over, 'silence under TLS', `"${visible(c.wire.waiting())}"`)
    },
    { ending: 'any' },
  ),
  starttls('twice', 'RFC 3501 §6.2.1', 'STARTTLS on a connection that has TLS is refused.', async (c) => {
    await intoTls(c)
    await c.refused('STARTTLS')
  }),
  starttls(
    'twice-is-bad',
    'RFC 9051 §6.2.1',
    'STARTTLS on a connection that has TLS is answered BAD.',
    async (c) => {
      await intoTls(c)
      await c.bad('STARTTLS')
    },
    { needs: { capabilities: ['STARTTLS', 'IMAP4REV2'] } },
  ),
  starttls(
    'argument',
    'RFC 3501 §6.2.1',
    'STARTTLS with an argument is answered BAD.',
    async (c) => {
      await c.bad('STARTTLS now')
    },
    { level: 'should' },
  ),
  starttls(
    'on-tls-port',
    'RFC 9051 §6.2.1',
    'STARTTLS on a port with implicit TLS is answered BAD.',
    async (c) => {
      if (c.target.tls !== 'implicit') throw new Skipped('the port has no implicit TLS')
      await c.bad('STARTTLS')
    },
    { needs: NOTHING },
  ),
]

const isEnd = (go: Response | Result): go is Result => 'status' in go

const message = ({ user, password }: { user: string; password: string }): string => base64(`\0${user}\0${password}`)

/** AUTHENTICATE up to the server's challenge. */
async function challenged(c: Imap, mechanism: string): Promise<{ tag: string; challenge: Response }> {
  const tag = await c.start(`AUTHENTICATE ${mechanism}`)
  const go = await c.continuation(tag, `AUTHENTICATE ${mechanism}`)
  check(!isEnd(go), `a challenge to AUTHENTICATE ${mechanism}`, `"${visible(go.raw)}"`)
  return { tag, challenge: go }
}

/** AUTHENTICATE PLAIN with that response, which must end it. */
async function plain(c: Imap, response: string): Promise<Result> {
  const { tag } = await challenged(c, 'PLAIN')
  await c.write(`${response}\r\n`)
  return c.result(tag, `the response "${response}"`)
}

const expectStatus = ({ status, raw }: Result, ...wanted: readonly string[]): void =>
  check(wanted.includes(status), wanted.join(' or '), `"${visible(raw)}"`)

/** Mechanisms whose exchange begins with the server's challenge, or with an empty one. */
const CHALLENGING = ['PLAIN', 'LOGIN', 'CRAM-MD5', 'DIGEST-MD5', 'SCRAM-SHA-1', 'SCRAM-SHA-256']

export const authenticateCases: readonly ImapCase[] = [
  authenticate('plain', 'RFC 3501 §6.2.2', 'AUTHENTICATE PLAIN with a separate response logs in.', async (c) => {
    expectStatus(await plain(c, message(c.account)), 'OK')
    await c.ok('STATUS INBOX (MESSAGES)')
  }),
  authenticate(
    'empty-challenge',
    'RFC 3501 §9',
    'A challenge without data is "+", a space and nothing more.',
    async (c) => {
      const { tag, challenge } = await challenged(c, 'PLAIN')
      await c.write('*\r\n')
      await c.result(tag)
      check(challenge.raw === '+ ', '"+ "', `"${visible(challenge.raw)}"`)
    },
  ),
  authenticate(
    'cancel',
    'RFC 3501 §6.2.2',
    'A response of "*" cancels the exchange, which is answered BAD.',
    async (c) => {
      expectStatus(await plain(c, '*'), 'BAD')
    },
  ),
  // RFC 3501 says it of "*" alone: before IMAP4rev2 it is an error of syntax as any other
  authenticate(
    'bad-base64',
    'RFC 3501 §2.2.2',
    'A response that is not base64 is answered BAD.',
    async (c) => {
      expectStatus(await plain(c, '!!!not base64!!!'), 'BAD')
    },
    { level: 'should' },
  ),
  authenticate(
    'padding-inside',
    'RFC 9051 §6.2.2',
    'A response with "=" before its end is answered BAD.',
    async (c) => {
      expectStatus(await plain(c, 'AAA=BBBB'), 'BAD')
    },
    { needs: { ...ACCOUNT, capabilities: ['AUTH=PLAIN', 'IMAP4REV2'] } },
  ),
  authenticate('wrong-password', 'RFC 3501 §6.2.2', 'Credentials that are rejected are answered NO.', async (c) => {
    expectStatus(await plain(c, message({ ...c.account, password: 'conformance-wrong' })), 'NO')
  }),
  authenticate(
    'incomplete',
    'RFC 4616 §2',
    'A PLAIN message without its two NULs does not authenticate.',
    async (c) => {
      expectStatus(await plain(c, base64(c.account.user)), 'NO', 'BAD')
      await c.refused('STATUS INBOX (MESSAGES)')
    },
  ),
  authenticate(
    'foreign-identity',
    'RFC 4616 §2',
    'Right credentials with an authorization identity that they may not act as are refused.',
    async (c) => {
      const { user, password } = c.account
      expectStatus(await plain(c, base64(`conformance-nobody\0${user}\0${password}`)), 'NO', 'BAD')
    },
  ),
  authenticate('retry', 'RFC 3501 §6.2.2', 'After a failed AUTHENTICATE another one may be tried.', async (c) => {
    expectStatus(await plain(c, '*'), 'BAD', 'NO')
    expectStatus(await plain(c, message(c.account)), 'OK')
  }),
  authenticate(
    'failure-changes-nothing',
    'RFC 3501 §6.2.2',
    'A failed AUTHENTICATE leaves the connection in the not authenticated state.',
    async (c) => {
      expectStatus(await plain(c, message({ ...c.account, password: 'conformance-wrong' })), 'NO', 'BAD')
      await c.refused('STATUS INBOX (MESSAGES)')
    },
  ),
  authenticate(
    'no-detail',
    'RFC 3501 §11.2',
    'The answer to a failed AUTHENTICATE does not tell an unknown user from a wrong password.',
    async (c) => {
      const wrong = { ...c.account, password: 'conformance-wrong' }
      const known = await plain(c, message(wrong))
      const unknown = await plain(await anew(c), message({ ...wrong, user: 'conformance-nobody' }))
      const [one, two] = [known, unknown].map(({ raw, tag }) => raw.slice(tag.length))
      check(one === two, visible(one!), visible(two!))
    },
    { level: 'should' },
  ),
  authenticate(
    'unknown-mechanism',
    'RFC 9051 §6.2.2',
    'A mechanism that is not supported is answered NO.',
    async (c) => {
      await c.no('AUTHENTICATE X-CONFORMANCE-NONE')
    },
    { needs: NOTHING, level: 'should' },
  ),
  authenticate(
    'announced-mechanisms',
    'RFC 3501 §7.2.1',
    'Each mechanism announced by AUTH= is supported: its exchange begins.',
    async (c) => {
      const announced = CHALLENGING.filter((name) => c.announces(`AUTH=${name}`))
      if (announced.length === 0) throw new Skipped('none of the mechanisms that begin with a challenge is announced')
      for (const name of announced) {
        const { tag } = await challenged(c, name)
        await c.write('*\r\n')
        await c.result(tag)
      }
    },
    { needs: NOTHING },
  ),
  authenticate(
    'missing-mechanism',
    'RFC 3501 §6.2.2',
    'AUTHENTICATE without a mechanism is answered BAD.',
    async (c) => {
      await c.bad('AUTHENTICATE')
    },
    { needs: NOTHING, level: 'should' },
  ),
]

export const initialResponseCases: readonly ImapCase[] = [
  initial(
    'plain',
    'RFC 4959 §3',
    'An initial response stands in the place of the response to an empty challenge.',
    async (c) => {
      await c.ok(`AUTHENTICATE PLAIN ${message(c.account)}`)
      await c.ok('STATUS INBOX (MESSAGES)')
    },
  ),
  initial('optional', 'RFC 4959 §3', 'A server that takes initial responses also does without them.', async (c) => {
    expectStatus(await plain(c, message(c.account)), 'OK')
  }),
  initial(
    'bad-base64',
    'RFC 4959 §3',
    'An initial response that is not base64 is answered BAD by a server of IMAP4rev2, NO or BAD by one of IMAP4rev1 alone.',
    async (c) => {
      await (c.announces('IMAP4REV2') ? c.bad('AUTHENTICATE PLAIN !!!!') : c.refused('AUTHENTICATE PLAIN !!!!'))
    },
  ),
  initial(
    'padding-inside',
    'RFC 9051 §6.2.2',
    'An initial response with "=" before its end is answered BAD.',
    async (c) => {
      await c.bad('AUTHENTICATE PLAIN =AAA')
    },
    { needs: { ...ACCOUNT, capabilities: ['AUTH=PLAIN', 'SASL-IR', 'IMAP4REV2'] } },
  ),
  initial(
    'empty',
    'RFC 4959 §3',
    'An initial response of "=" is the empty one: for PLAIN it is refused without a challenge.',
    async (c) => {
      await c.refused('AUTHENTICATE PLAIN =')
    },
  ),
  initial(
    'where-none-may-be',
    'RFC 4959 §3',
    'An initial response for a mechanism in which the server speaks first is answered BAD.',
    async (c) => {
      await c.bad(`AUTHENTICATE CRAM-MD5 ${base64('early')}`)
    },
    { needs: { capabilities: ['AUTH=CRAM-MD5', 'SASL-IR'] } },
  ),
]

/** The account, where LOGIN is to be tried. */
function loginAccount(c: Imap): { user: string; password: string } {
  if (c.announces('LOGINDISABLED')) throw new Skipped('the server takes no LOGIN here')
  return c.account
}

export const loginCases: readonly ImapCase[] = [
  login(
    'right-password',
    'RFC 3501 §6.2.3',
    'LOGIN with the right password enters the authenticated state.',
    async (c) => {
      const { user, password } = loginAccount(c)
      await c.ok(`LOGIN ${quoted(user)} ${quoted(password)}`)
      await c.ok('STATUS INBOX (MESSAGES)')
    },
  ),
  login('wrong-password', 'RFC 3501 §6.2.3', 'LOGIN with a wrong password is answered NO.', async (c) => {
    const { user } = loginAccount(c)
    await c.no(`LOGIN ${quoted(user)} conformance-wrong`)
  }),
  login(
    'failure-changes-nothing',
    'RFC 3501 §6.2.3',
    'A failed LOGIN leaves the connection in the not authenticated state.',
    async (c) => {
      const { user } = loginAccount(c)
      await c.refused(`LOGIN ${quoted(user)} conformance-wrong`)
      await c.refused('STATUS INBOX (MESSAGES)')
    },
  ),
  login('retry', 'RFC 3501 §6.2.3', 'After a failed LOGIN another one may be tried.', async (c) => {
    const { user, password } = loginAccount(c)
    await c.refused(`LOGIN ${quoted(user)} conformance-wrong`)
    await c.ok(`LOGIN ${quoted(user)} ${quoted(password)}`)
  }),
  login(
    'disabled',
    'RFC 3501 §7.2.1',
    'A server that announces LOGINDISABLED answers NO to LOGIN even with the right password.',
    async (c) => {
      const { user, password } = c.account
      await c.no(`LOGIN ${quoted(user)} ${quoted(password)}`)
    },
    { needs: { ...ACCOUNT, capabilities: ['LOGINDISABLED'] } },
  ),
  login(
    'missing-password',
    'RFC 3501 §6.2.3',
    'LOGIN without a password is answered BAD.',
    async (c) => {
      loginAccount(c)
      await c.bad('LOGIN someone')
    },
    { level: 'should' },
  ),
]

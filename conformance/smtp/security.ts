// SMTP: STARTTLS and AUTH.
import { Blocked, check, Skipped, visible } from '../judgement.ts'
import { alive, base64, isOneOf, type Smtp } from './client.ts'
import type { SmtpCase } from './suite.ts'

const STARTTLS = { capabilities: ['STARTTLS'] } as const
const AUTH = { capabilities: ['AUTH'] } as const
const ACCOUNT = { capabilities: ['AUTH'], account: true } as const

export const startTlsCases: readonly SmtpCase[] = [
  {
    id: 'smtp/starttls/handshake',
    rfc: 'RFC 3207 §4',
    level: 'must',
    requirement: 'STARTTLS is answered by 220, and a TLS handshake follows.',
    needs: STARTTLS,
    state: 'ehlo',
    async run(s) {
      await s.startTls()
      await s.ehlo()
    },
  },
  {
    id: 'smtp/starttls/argument',
    rfc: 'RFC 3207 §4',
    level: 'must',
    requirement: 'STARTTLS takes no parameter: 501.',
    needs: STARTTLS,
    state: 'ehlo',
    ending: 'any',
    async run(s) {
      await s.send('STARTTLS now', '501')
    },
  },
  {
    id: 'smtp/starttls/not-announced-again',
    rfc: 'RFC 3207 §4.2',
    level: 'must',
    requirement: 'Within TLS, STARTTLS is not announced.',
    needs: STARTTLS,
    state: 'ehlo',
    async run(s) {
      await s.startTls()
      await s.ehlo()
      check(!s.has('STARTTLS'), 'no STARTTLS', [...s.capabilities.keys()].join(', '))
    },
  },
  {
    id: 'smtp/starttls/not-twice',
    rfc: 'RFC 3207 §4.2',
    level: 'should',
    requirement: 'A second STARTTLS within TLS is refused.',
    needs: STARTTLS,
    state: 'ehlo',
    ending: 'any',
    async run(s) {
      await s.startTls()
      await s.ehlo()
      await s.send('STARTTLS', '5..')
    },
  },
  {
    id: 'smtp/starttls/discards-commands',
    rfc: 'RFC 3207 §4.2',
    level: 'must',
    requirement: 'Commands that came in the clear behind STARTTLS are not carried out within TLS.',
    needs: STARTTLS,
    state: 'ehlo',
    ending: 'any',
    async run(s) {
      await s.wire.write('STARTTLS\r\nNOOP injected\r\n')
      const { code } = await s.expect('STARTTLS')
      // refusing the whole is as good
      if (code !== 220) return
      const plain = s.wire.waiting()
      if (plain !== '') throw new Skipped('the server answered the NOOP in the clear')
      try {
        await s.wire.startTls()
      } catch {
        return
      }
      await s.wire.write('QUIT\r\n')
      const reply = await s.expect('QUIT')
      check(isOneOf(reply.code, '221|503'), 'the reply to QUIT first', `"${visible(reply.raw[0]!)}"`)
    },
  },
  {
    id: 'smtp/starttls/discards-transaction',
    rfc: 'RFC 3207 §4.2',
    level: 'must',
    requirement: 'The handshake resets the session: a transaction from before is gone.',
    needs: { ...STARTTLS, recipient: true },
    state: 'mail',
    async run(s) {
      const { code } = await s.send('STARTTLS')
      if (code !== 220) throw new Skipped('the server takes no STARTTLS within a transaction')
      await s.wire.startTls()
      await s.ehlo()
      await s.send(`RCPT TO:<${s.recipient}>`, '503|530')
    },
  },
]

/** Begins an exchange with PLAIN, which every server with AUTH over TLS has. */
function needPlain(s: Smtp): void {
  if (!s.capabilities.get('AUTH')?.includes('PLAIN')) throw new Skipped('the server does not announce AUTH PLAIN')
}

const secret = ({ target }: Smtp, password = target.password): string => base64(`\0${target.user}\0${password}`)

const authCase = (
  slug: string,
  rfc: string,
  requirement: string,
  needs: SmtpCase['needs'],
  run: (s: Smtp) => Promise<void>,
): SmtpCase => ({ id: `smtp/auth/${slug}`, rfc, level: 'must', requirement, needs: needs!, state: 'ehlo', run })

export const authCases: readonly SmtpCase[] = [
  authCase(
    'mechanisms',
    'RFC 4954 §3',
    'AUTH is announced with the names of mechanisms, as SASL writes them.',
    AUTH,
    async (s) => {
      const names = s.capabilities.get('AUTH') ?? []
      check(
        names.length > 0 && names.every((name) => /^[A-Z0-9_-]{1,20}$/.test(name)),
        'names of mechanisms',
        names.join(' ') || 'none',
      )
    },
  ),
  authCase(
    'plain',
    'RFC 4954 §4',
    'PLAIN with an initial response and the right password is answered by 235.',
    ACCOUNT,
    async (s) => {
      needPlain(s)
      await s.send(`AUTH PLAIN ${secret(s)}`, '235')
    },
  ),
  authCase(
    'plain-challenge',
    'RFC 4954 §4',
    'PLAIN without an initial response is answered by an empty 334 challenge, then goes on.',
    ACCOUNT,
    async (s) => {
      needPlain(s)
      const { lines } = await s.send('AUTH PLAIN', '334')
      check(lines.join('') === '', 'an empty challenge', `"${visible(lines.join(''))}"`)
      await s.send(secret(s), '235')
    },
  ),
  authCase('verb-case', 'RFC 4954 §4', 'Names of mechanisms are recognised in any case.', ACCOUNT, async (s) => {
    needPlain(s)
    await s.send(`auth plain ${secret(s)}`, '235')
  }),
  authCase('wrong-password', 'RFC 4954 §6', 'A wrong password is answered by 535.', ACCOUNT, async (s) => {
    needPlain(s)
    await s.send(`AUTH PLAIN ${secret(s, `${s.target.password}x`)}`, '535')
  }),
  authCase(
    'failure-goes-on',
    'RFC 4954 §4',
    'A failed AUTH leaves the session as it was: another attempt can succeed.',
    ACCOUNT,
    async (s) => {
      needPlain(s)
      const { code, raw } = await s.send(`AUTH PLAIN ${secret(s, `${s.target.password}x`)}`)
      if (isOneOf(code, '4..')) throw new Blocked(visible(raw[0]!))
      await s.send(`AUTH PLAIN ${secret(s)}`, '235')
    },
  ),
  authCase(
    'unknown-mechanism',
    'RFC 4954 §4',
    'A mechanism that the server does not have is refused by 504.',
    AUTH,
    async (s) => {
      await s.send('AUTH X-CONFORMANCE', '504')
    },
  ),
  authCase('cancel', 'RFC 4954 §4', 'The line "*" cancels the exchange: 501.', AUTH, async (s) => {
    needPlain(s)
    await s.send('AUTH PLAIN', '334')
    await s.send('*', '501')
    await alive(s)
  }),
  authCase('bad-base64', 'RFC 4954 §4', 'A response that is not base64 is refused by 501.', AUTH, async (s) => {
    needPlain(s)
    await s.send('AUTH PLAIN', '334')
    await s.send('!not base64!', '501')
  }),
  authCase(
    'bad-base64-initial',
    'RFC 4954 §4',
    'An initial response that is not base64 is refused by 501.',
    AUTH,
    async (s) => {
      needPlain(s)
      await s.send('AUTH PLAIN !!!!', '501')
    },
  ),
  authCase('no-mechanism', 'RFC 4954 §4', 'AUTH without a mechanism is a syntax error.', AUTH, async (s) => {
    await s.send('AUTH', '50[014]')
  }),
  authCase('twice', 'RFC 4954 §4', 'AUTH behind a successful AUTH is refused by 503.', ACCOUNT, async (s) => {
    needPlain(s)
    await s.send(`AUTH PLAIN ${secret(s)}`, '235')
    await s.send(`AUTH PLAIN ${secret(s)}`, '503')
  }),
  authCase('in-transaction', 'RFC 4954 §4', 'AUTH within a mail transaction is refused by 503.', AUTH, async (s) => {
    const { code } = await s.send(`MAIL FROM:<${s.target.from}>`)
    if (code !== 250) throw new Skipped('the server begins no transaction before AUTH')
    await s.send('AUTH PLAIN', '503')
  }),
  authCase('mail-parameter', 'RFC 4954 §5', 'MAIL takes AUTH=<> from an authenticated client.', ACCOUNT, async (s) => {
    needPlain(s)
    await s.send(`AUTH PLAIN ${secret(s)}`, '235')
    await s.send(`MAIL FROM:<${s.target.from}> AUTH=<>`, '250')
  }),
  authCase(
    'long-response',
    'RFC 4954 §4',
    'A response line of up to 12288 octets is read as one line.',
    { ...AUTH, consent: ['load'] },
    async (s) => {
      needPlain(s)
      await s.send('AUTH PLAIN', '334')
      await s.send(base64(`\0nobody\0${'x'.repeat(9100)}`), '5..|454')
      await alive(s)
    },
  ),
]

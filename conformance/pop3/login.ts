// POP3: USER, PASS and APOP: their arguments, their order, and what a failure leaves behind.
import { createHash } from 'node:crypto'
import { Blocked, check, Skipped, visible } from '../judgement.ts'
import { authorization } from './facts.ts'
import { beside, type Pop3Case } from './suite.ts'

const ACCOUNT = { account: true } as const
const LOGIN = 'RFC 1939 §7'

/** Gives up where the server closed, as it may behind a failure (RFC 1939 §4). */
const stillOpen = (p: { readonly wire: { readonly over: boolean } }): void => {
  if (p.wire.over) throw new Blocked('the server closed behind the failed attempt')
}

export const loginCases: readonly Pop3Case[] = [
  authorization('login/user-without-name', LOGIN, 'USER without a name is answered by -ERR.', null, async (p) => {
    await p.send('USER', '-ERR')
  }),
  authorization(
    'login/pass-without-password',
    LOGIN,
    'PASS without a password is answered by -ERR.',
    ACCOUNT,
    async (p) => {
      await p.send(`USER ${p.account.user}`, '+OK')
      await p.send('PASS', '-ERR')
    },
  ),
  authorization('login/unknown-user', LOGIN, 'A name that nobody has does not log in.', null, async (p) => {
    const { status } = await p.send('USER no-such-user-here')
    if (status === '-ERR') return
    await p.send('PASS something', '-ERR')
    stillOpen(p)
    await p.send('STAT', '-ERR')
  }),
  authorization(
    'login/pass-again',
    LOGIN,
    'PASS counts right behind a successful USER alone: behind a failed PASS it is answered by -ERR.',
    ACCOUNT,
    async (p) => {
      const { user, password } = p.account
      await p.send(`USER ${user}`, '+OK')
      await p.send(`PASS ${password}x`, '-ERR')
      stillOpen(p)
      await p.send(`PASS ${password}`, '-ERR')
    },
  ),
  authorization('login/other-user', LOGIN, 'The password of one user does not log in another.', ACCOUNT, async (p) => {
    await p.send('USER no-such-user-here')
    await p.send(`PASS ${p.account.password}`, '-ERR')
  }),
  authorization(
    'login/user-again',
    LOGIN,
    'The last USER before PASS counts.',
    ACCOUNT,
    async (p) => {
      const { user, password } = p.account
      const { status } = await p.send('USER no-such-user-here')
      const again = await p.send(`USER ${user}`)
      if (status === '+OK' && again.status === '-ERR') throw new Skipped('the server takes no second USER')
      await p.send(`PASS ${password}`, '+OK')
    },
    { level: 'may' },
  ),
  authorization(
    'login/password-case',
    LOGIN,
    'The letters of a password are taken as they are.',
    ACCOUNT,
    async (p) => {
      const { user, password } = p.account
      const other = password === password.toUpperCase() ? password.toLowerCase() : password.toUpperCase()
      if (other === password) throw new Skipped('the password has no letters')
      await p.send(`USER ${user}`, '+OK')
      await p.send(`PASS ${other}`, '-ERR')
    },
  ),
  authorization(
    'login/keywords-in-any-case',
    'RFC 1939 §3',
    'USER and PASS are known in lower case.',
    ACCOUNT,
    async (p) => {
      const { user, password } = p.account
      await p.send(`user ${user}`, '+OK')
      await p.wire.write(`pass ${password}\r\n`)
      await p.response('pass …', '+OK')
    },
  ),
  authorization(
    'quit/after-failure',
    'RFC 1939 §4',
    'Behind a failed login QUIT is answered by +OK.',
    ACCOUNT,
    async (p) => {
      const { user, password } = p.account
      await p.send(`USER ${user}`)
      await p.send(`PASS ${password}x`, '-ERR')
      stillOpen(p)
      await p.send('QUIT', '+OK')
      await p.wire.closed()
    },
    { ending: 'any' },
  ),
  authorization(
    'quit/behind-user',
    'RFC 1939 §7',
    'Between USER and PASS, QUIT is answered by +OK.',
    ACCOUNT,
    async (p) => {
      await p.send(`USER ${p.account.user}`, '+OK')
      await p.send('QUIT', '+OK')
      await p.wire.closed()
    },
    { ending: 'any' },
  ),
  authorization(
    'apop/timestamp',
    LOGIN,
    'A timestamp in the greeting has the form of a message-id.',
    null,
    async (p) => {
      const found = /<[^>]*>?/.exec(p.greeting)?.[0]
      if (found === undefined) throw new Skipped('the greeting has no timestamp: no APOP')
      check(/^<[^<>@\s]+@[^<>@\s]+>$/.test(found), '<…@…>', visible(found))
    },
  ),
  authorization('apop/timestamp-differs', LOGIN, 'Each greeting has another timestamp.', null, async (p) => {
    const stamp = (greeting: string): string | undefined => /<[^>]*>/.exec(greeting)?.[0]
    const first = stamp(p.greeting)
    if (first === undefined) throw new Skipped('the greeting has no timestamp: no APOP')
    const other = await beside(p).open()
    check(stamp(other.greeting) !== first, 'another timestamp', visible(first))
  }),
  authorization('apop/no-digest', LOGIN, 'APOP without a digest is answered by -ERR.', ACCOUNT, async (p) => {
    await p.send(`APOP ${p.account.user}`, '-ERR')
  }),
  authorization(
    'order/apop-in-transaction',
    'RFC 1939 §7',
    'APOP in the transaction state is answered by -ERR.',
    ACCOUNT,
    async (p) => {
      const { user, password } = p.account
      const timestamp = /<[^>]*>/.exec(p.greeting)?.[0] ?? ''
      const digest = createHash('md5')
        .update(timestamp + password)
        .digest('hex')
      await p.send(`APOP ${user} ${digest}`, '-ERR')
    },
    { state: 'transaction' },
  ),
]

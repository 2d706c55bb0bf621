// POP3: the exchange that AUTH begins, and what a failed one leaves behind (RFC 5034).
import { check, Skipped, visible } from '../judgement.ts'
import { base64, type Pop3 } from './client.ts'
import { ACCOUNT, authorization, continuation, plain } from './facts.ts'
import type { Pop3Case } from './suite.ts'

const SASL = 'RFC 5034 §4'
const NEEDS = { ...ACCOUNT, capabilities: ['SASL'] } as const
/** Mechanisms in which the server speaks first. */
const SERVER_FIRST = ['CRAM-MD5', 'DIGEST-MD5']

const auth = (
  slug: string,
  requirement: string,
  run: (p: Pop3) => Promise<void>,
  more: { level?: Pop3Case['level']; rfc?: string } = {},
): Pop3Case => {
  const { rfc = SASL, ...rest } = more
  return authorization(`auth/${slug}`, rfc, requirement, NEEDS, run, rest)
}

/** AUTH PLAIN up to the empty challenge. */
async function begin(p: Pop3): Promise<string> {
  const secret = plain(p)
  await p.wire.write('AUTH PLAIN\r\n')
  await continuation(p)
  return secret
}

const MESSAGE = 'RFC 4616 §2'

/** A message of PLAIN that must not log in. */
const badMessage = (slug: string, requirement: string, message: (account: Pop3['account']) => string): Pop3Case =>
  auth(
    slug,
    requirement,
    async (p) => {
      plain(p)
      await p.send(`AUTH PLAIN ${base64(message(p.account))}`, '-ERR')
      if (!p.wire.over) await p.send('STAT', '-ERR')
    },
    { rfc: MESSAGE },
  )

const serverFirst = (p: Pop3): string => {
  const found = SERVER_FIRST.find((name) => p.capabilities?.get('SASL')?.includes(name))
  if (found === undefined) throw new Skipped(`the server announces none of ${SERVER_FIRST.join(', ')}`)
  return found
}

export const saslCases: readonly Pop3Case[] = [
  auth(
    'any-case',
    'AUTH and the name of the mechanism are taken in any case.',
    async (p) => {
      const secret = plain(p)
      await p.wire.write(`aUtH pLaIn ${secret}\r\n`)
      await p.response('AUTH PLAIN', '+OK')
    },
    // the grammar of names in RFC 4422 §3.1 has capitals alone, that of RFC 5034 takes any case
    { level: 'should', rfc: 'RFC 5034 §5' },
  ),
  auth('transaction', 'A successful exchange enters the transaction state.', async (p) => {
    await p.send(`AUTH PLAIN ${plain(p)}`, '+OK')
    await p.stat()
  }),
  auth('after-failure', 'A failed exchange leaves the session as it was: another may succeed.', async (p) => {
    const secret = plain(p)
    await p.send(`AUTH PLAIN ${base64(`\0${p.account.user}\0${p.account.password}x`)}`, '-ERR')
    if (p.wire.over) throw new Skipped('the server closed behind the failed attempt')
    await p.send(`AUTH PLAIN ${secret}`, '+OK')
  }),
  auth('not-in-after-failure', 'After a failed exchange the session is in the authorization state.', async (p) => {
    plain(p)
    await p.send(`AUTH PLAIN ${base64(`\0${p.account.user}\0${p.account.password}x`)}`, '-ERR')
    if (p.wire.over) throw new Skipped('the server closed behind the failed attempt')
    await p.send('STAT', '-ERR')
  }),
  auth('after-cancel', 'A cancelled exchange leaves the session as it was: another may succeed.', async (p) => {
    const secret = await begin(p)
    await p.send('*', '-ERR')
    await p.send(`AUTH PLAIN ${secret}`, '+OK')
  }),
  auth('foreign-character', 'A response with a character outside base64 is refused, not cleaned.', async (p) => {
    const secret = await begin(p)
    await p.send(`${secret.slice(0, 4)}!${secret.slice(4)}`, '-ERR')
  }),
  auth('padding-in-front', 'A response that begins with a pad character is refused.', async (p) => {
    const secret = await begin(p)
    await p.send(`=${secret}`, '-ERR')
  }),
  auth('padding-inside', 'A response with a pad character inside is refused.', async (p) => {
    const secret = await begin(p)
    await p.send(`${secret.slice(0, 4)}=${secret.slice(4)}`, '-ERR')
  }),
  auth('bad-initial-response', 'An initial response that is not base64 is answered by -ERR.', async (p) => {
    const secret = plain(p)
    await p.send(`AUTH PLAIN ${secret.slice(0, 4)}!${secret.slice(4)}`, '-ERR')
  }),
  auth('empty-initial-response', '"=" is an initial response of no octets, not a missing one.', async (p) => {
    plain(p)
    await p.wire.write('AUTH PLAIN =\r\n')
    const line = await p.wire.line('a response to "AUTH PLAIN ="')
    check(line.startsWith('-ERR'), '-ERR, since PLAIN needs a message', `"${visible(line)}"`)
  }),
  auth('empty-response', 'An empty line is a response of no octets: PLAIN fails by it.', async (p) => {
    await begin(p)
    await p.send('', '-ERR')
  }),
  badMessage(
    'unknown-user',
    'PLAIN with the password of another user fails.',
    ({ password }) => `\0no-such-user-here\0${password}`,
  ),
  badMessage('empty-password', 'PLAIN without a password fails.', ({ user }) => `\0${user}\0`),
  badMessage(
    'other-identity',
    'PLAIN with the right password, but for another identity (judged: one that does not exist) to act as, fails.',
    ({ user, password }) => `no-such-user-here\0${user}\0${password}`,
  ),
  badMessage(
    'malformed-plain',
    'A message of PLAIN without its NUL octets fails.',
    ({ user, password }) => `${user} ${password}`,
  ),
  auth('challenge', 'A challenge is "+", a space and base64, nothing else.', async (p) => {
    const name = serverFirst(p)
    await p.wire.write(`AUTH ${name}\r\n`)
    const challenge = await continuation(p)
    const valid = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(challenge)
    check(valid && challenge !== '', 'base64', `"${visible(challenge)}"`)
    await p.send('*', '-ERR')
  }),
  auth(
    'unwanted-initial-response',
    'An initial response to a mechanism where the server speaks first is refused.',
    async (p) => {
      const name = serverFirst(p)
      await p.wire.write(`AUTH ${name} ${base64('something')}\r\n`)
      const line = await p.wire.line(`a response to "AUTH ${name} …"`)
      if (line.startsWith('+ ')) await p.send('*')
      check(line.startsWith('-ERR'), '-ERR', `"${visible(line)}"`)
    },
  ),
  auth('long-response', 'A response of 1500 octets is read as one.', async (p) => {
    await begin(p)
    await p.send(base64(`\0${p.account.user}\0${'x'.repeat(1100)}`), '-ERR')
    if (p.wire.over) throw new Skipped('the server closed behind the failed attempt')
    await p.send('XCONFORMANCE', '-ERR')
  }),
  auth('no-commands-within', 'A line within an exchange is a response, not a command.', async (p) => {
    await begin(p)
    const { status } = await p.send('QUIT')
    check(status === '-ERR', '-ERR to what is no PLAIN message', status)
    if (!p.wire.over) await p.send('XCONFORMANCE', '-ERR')
  }),
]

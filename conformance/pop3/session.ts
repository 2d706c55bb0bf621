// POP3: greeting, responses, login, QUIT and the order of commands.
import { createHash } from 'node:crypto'
import { Blocked, check, Skipped, visible } from '../judgement.ts'
import type { Pop3 } from './client.ts'
import type { Pop3Case } from './suite.ts'

const ACCOUNT = { account: true } as const
const MAX_RESPONSE = 512

/** A command that has no place where the session stands. */
const misplaced = (slug: string, state: Pop3Case['state'], command: string, where: string): Pop3Case => ({
  id: `pop3/order/${slug}`,
  rfc: 'RFC 1939 §3',
  level: 'must',
  requirement: `${command.split(' ')[0]} in the ${where} state is answered by -ERR.`,
  ...(state === 'transaction' ? { needs: ACCOUNT } : {}),
  state,
  async run(p) {
    await p.send(command, '-ERR')
  },
})

const timestampOf = (p: Pop3): string => {
  const found = /<[^<>@\s]*@[^<>@\s]*>/.exec(p.greeting)?.[0]
  if (found === undefined) throw new Skipped('the greeting has no timestamp: no APOP')
  return found
}

const digest = (text: string): string => createHash('md5').update(text).digest('hex')

export const sessionCases: readonly Pop3Case[] = [
  {
    id: 'pop3/greeting/ok',
    rfc: 'RFC 1939 §4',
    level: 'must',
    requirement: 'A connection is greeted by a positive response.',
    state: 'connected',
    async run(p) {
      await p.response('the connection', '+OK')
    },
  },
  {
    id: 'pop3/greeting/one-line',
    rfc: 'RFC 1939 §4',
    level: 'must',
    requirement: 'The greeting is one line.',
    state: 'connected',
    async run(p) {
      await p.response('the connection', '+OK')
      await p.wire.speaks(200)
      check(p.wire.waiting() === '', 'nothing more', `"${visible(p.wire.waiting())}"`)
    },
  },
  {
    id: 'pop3/responses/length',
    rfc: 'RFC 1939 §3',
    level: 'must',
    requirement: 'The first line of a response has at most 512 octets, CR LF included.',
    state: 'connected',
    async run(p) {
      const texts = [await p.response('the connection', '+OK'), await p.send('CAPA')]
      if (texts[1]!.status === '+OK') await p.lines('CAPA')
      texts.push(await p.send('XCONFORMANCE'))
      const longest = Math.max(...texts.map(({ raw }) => raw.length + 2))
      check(longest <= MAX_RESPONSE, `up to ${MAX_RESPONSE} octets`, String(longest))
    },
  },
  {
    id: 'pop3/responses/crlf',
    rfc: 'RFC 1939 §3',
    level: 'must',
    requirement: 'All lines of responses end in CR LF.',
    needs: ACCOUNT,
    state: 'transaction',
    async run(p) {
      await p.multi('LIST')
      check(p.wire.bareLines === 0, 'CR LF behind every line', `${p.wire.bareLines} lines ended by a bare LF`)
    },
  },
  {
    id: 'pop3/commands/case',
    rfc: 'RFC 1939 §3',
    level: 'must',
    requirement: 'Keywords are recognised in any case.',
    needs: ACCOUNT,
    state: 'transaction',
    async run(p) {
      await p.send('nOoP', '+OK')
      await p.send('stat', '+OK')
    },
  },
  {
    id: 'pop3/commands/unknown',
    rfc: 'RFC 1939 §3',
    level: 'must',
    requirement: 'A command that is not recognised is answered by -ERR.',
    state: 'authorization',
    async run(p) {
      await p.send('XCONFORMANCE', '-ERR')
    },
  },
  {
    id: 'pop3/commands/unknown-in-transaction',
    rfc: 'RFC 1939 §3',
    level: 'must',
    requirement: 'An unknown command within the transaction state is answered by -ERR, and the session goes on.',
    needs: ACCOUNT,
    state: 'transaction',
    async run(p) {
      await p.send('XCONFORMANCE', '-ERR')
      await p.send('NOOP', '+OK')
    },
  },
  {
    id: 'pop3/commands/octet-by-octet',
    rfc: 'RFC 1939 §3',
    level: 'must',
    requirement: 'A command is what CR LF ends, however it is cut into packets.',
    needs: ACCOUNT,
    state: 'transaction',
    async run(p) {
      for (const octet of 'NOOP\r\n') {
        check(p.wire.waiting() === '', 'no response before the line is whole', `"${visible(p.wire.waiting())}"`)
        await p.wire.write(octet)
        await p.wire.speaks(20)
      }
      await p.response('NOOP', '+OK')
    },
  },
  {
    id: 'pop3/commands/line-255',
    rfc: 'RFC 2449 §4',
    level: 'must',
    requirement: 'A command line of 255 octets, CR LF included, is read as one line.',
    state: 'authorization',
    async run(p) {
      if (p.capabilities === null) throw new Skipped('the server has no CAPA')
      await p.send(`USER ${'x'.repeat(248)}`)
      await p.send('XCONFORMANCE', '-ERR')
    },
  },
  misplaced('stat-before-login', 'authorization', 'STAT', 'authorization'),
  misplaced('list-before-login', 'authorization', 'LIST', 'authorization'),
  misplaced('retr-before-login', 'authorization', 'RETR 1', 'authorization'),
  misplaced('dele-before-login', 'authorization', 'DELE 1', 'authorization'),
  misplaced('rset-before-login', 'authorization', 'RSET', 'authorization'),
  misplaced('noop-before-login', 'authorization', 'NOOP', 'authorization'),
  misplaced('top-before-login', 'authorization', 'TOP 1 0', 'authorization'),
  misplaced('uidl-before-login', 'authorization', 'UIDL', 'authorization'),
  misplaced('user-in-transaction', 'transaction', 'USER someone', 'transaction'),
  misplaced('pass-in-transaction', 'transaction', 'PASS something', 'transaction'),
  {
    id: 'pop3/login/user-pass',
    rfc: 'RFC 1939 §7',
    level: 'may',
    requirement: 'USER and PASS log in.',
    needs: ACCOUNT,
    state: 'authorization',
    async run(p) {
      const { user, password } = p.account
      await p.send(`USER ${user}`, '+OK')
      await p.send(`PASS ${password}`, '+OK')
      await p.stat()
    },
  },
  {
    id: 'pop3/login/wrong-password',
    rfc: 'RFC 1939 §7',
    level: 'must',
    requirement: 'A wrong password is answered by -ERR, and the session stays in the authorization state.',
    needs: ACCOUNT,
    state: 'authorization',
    async run(p) {
      const { user, password } = p.account
      await p.send(`USER ${user}`)
      await p.send(`PASS ${password}x`, '-ERR')
      await p.send('STAT', '-ERR')
    },
  },
  {
    id: 'pop3/login/after-failure',
    rfc: 'RFC 1939 §7',
    level: 'must',
    requirement: 'Behind a failed PASS the client may try again with USER.',
    needs: ACCOUNT,
    state: 'authorization',
    async run(p) {
      const { user, password } = p.account
      await p.send(`USER ${user}`)
      await p.send(`PASS ${password}x`, '-ERR')
      if (p.wire.over) throw new Blocked('the server closed behind the failed attempt')
      await p.send(`USER ${user}`, '+OK')
      await p.send(`PASS ${password}`, '+OK')
    },
  },
  {
    id: 'pop3/login/pass-without-user',
    rfc: 'RFC 1939 §7',
    level: 'must',
    requirement: 'PASS without a USER before it is answered by -ERR.',
    needs: ACCOUNT,
    state: 'authorization',
    async run(p) {
      await p.send(`PASS ${p.account.password}`, '-ERR')
    },
  },
  {
    id: 'pop3/apop/login',
    rfc: 'RFC 1939 §7',
    level: 'may',
    requirement:
      "APOP with the MD5 digest of the greeting's timestamp and the secret (judged: the account's password) logs in.",
    needs: ACCOUNT,
    state: 'authorization',
    async run(p) {
      const timestamp = timestampOf(p)
      const { user, password } = p.account
      await p.send(`APOP ${user} ${digest(timestamp + password)}`, '+OK')
      await p.stat()
    },
  },
  {
    id: 'pop3/apop/wrong-digest',
    rfc: 'RFC 1939 §7',
    level: 'must',
    requirement: 'APOP with another digest is answered by -ERR.',
    needs: ACCOUNT,
    state: 'authorization',
    async run(p) {
      timestampOf(p)
      await p.send(`APOP ${p.account.user} ${digest('something else')}`, '-ERR')
    },
  },
  {
    id: 'pop3/quit/in-authorization',
    rfc: 'RFC 1939 §4',
    level: 'must',
    requirement: 'QUIT in the authorization state is answered by +OK, and the server closes.',
    state: 'authorization',
    ending: 'any',
    async run(p) {
      await p.send('QUIT', '+OK')
      await p.wire.closed()
    },
  },
  {
    id: 'pop3/quit/in-transaction',
    rfc: 'RFC 1939 §6',
    level: 'must',
    requirement: 'QUIT in the transaction state is answered by +OK, and the server closes.',
    needs: ACCOUNT,
    state: 'transaction',
    ending: 'any',
    async run(p) {
      await p.send('QUIT', '+OK')
      await p.wire.closed()
    },
  },
  {
    id: 'pop3/noop/ok',
    rfc: 'RFC 1939 §5',
    level: 'must',
    requirement: 'NOOP is answered by +OK.',
    needs: ACCOUNT,
    state: 'transaction',
    async run(p) {
      await p.send('NOOP', '+OK')
    },
  },
]

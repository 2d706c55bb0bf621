// IMAP: the greeting, CAPABILITY, NOOP and LOGOUT.
import { check, Skipped, visible } from '../judgement.ts'
import { codeOf, type Imap, quoted, single, untagged } from './client.ts'
import { ACCOUNT, again, casesOf, type ImapCase, MAILBOX, NOTHING } from './suite.ts'

const connected = casesOf('greeting', { state: 'connected', needs: NOTHING })
const capability = casesOf('capability', { state: 'greeted', needs: NOTHING })
const noop = casesOf('noop', { state: 'greeted', needs: NOTHING })
const logout = casesOf('logout', { state: 'greeted', needs: NOTHING })

const REVISIONS = ['IMAP4REV1', 'IMAP4REV2']

const names = (c: Imap): string => [...(c.capabilities ?? [])].sort().join(' ')

/** The capabilities that a response code has told; throws Skipped when it was not there. */
function told(c: Imap, by: string): string {
  if (c.capabilities === null) throw new Skipped(`${by} has no CAPABILITY code`)
  return names(c)
}

export const greetingCases: readonly ImapCase[] = [
  connected(
    'form',
    'RFC 3501 §7.1',
    'The first response on a connection is an untagged OK, PREAUTH or BYE.',
    async (c) => {
      const { kind, name, raw } = await c.response('the connection')
      check(
        kind === 'untagged' && ['OK', 'PREAUTH', 'BYE'].includes(name),
        '"* OK", "* PREAUTH" or "* BYE"',
        visible(raw),
      )
    },
    { ending: 'any' },
  ),
  connected(
    'preauth-unprotected',
    'RFC 9051 §7.1.4',
    'A connection without TLS is not greeted by PREAUTH.',
    async (c) => {
      if (c.wire.secure) throw new Skipped('the connection has TLS')
      const { name, raw } = await c.response('the connection')
      check(name !== 'PREAUTH', 'a greeting other than PREAUTH', visible(raw))
    },
    { level: 'should' },
  ),
  connected(
    'waits-for-the-server',
    'RFC 3501 §2.2',
    'A server that lets a client in greets it before the client has sent anything.',
    async (c) => {
      const { name, raw } = await c.response('the connection')
      check(name !== 'BYE', 'a greeting that lets the client in', visible(raw))
    },
  ),
  connected(
    'capability-code',
    'RFC 3501 §7.2.1',
    'A CAPABILITY code in the greeting names IMAP4rev1 or IMAP4rev2.',
    async (c) => {
      await c.response('the connection')
      const found = told(c, 'the greeting')
      check(
        REVISIONS.some((name) => c.announces(name)),
        'IMAP4rev1 or IMAP4rev2',
        found,
      )
    },
  ),
  connected(
    'capability-code-agrees',
    'RFC 3501 §7.1',
    'A CAPABILITY code in the greeting names the capabilities that the CAPABILITY command gives then.',
    async (c) => {
      await c.response('the connection')
      const before = told(c, 'the greeting')
      await c.ok('CAPABILITY')
      check(names(c) === before, before, names(c))
    },
    { level: 'may' },
  ),
]

export const capabilityCases: readonly ImapCase[] = [
  capability(
    'one-response',
    'RFC 3501 §6.1.1',
    'CAPABILITY gives one untagged CAPABILITY response before its OK.',
    async (c) => {
      single(await c.ok('CAPABILITY'), 'CAPABILITY')
    },
  ),
  capability('revision', 'RFC 3501 §7.2.1', 'The CAPABILITY response names IMAP4rev1 or IMAP4rev2.', async (c) => {
    await c.ok('CAPABILITY')
    check(
      REVISIONS.some((name) => c.announces(name)),
      'IMAP4rev1 or IMAP4rev2',
      names(c),
    )
  }),
  capability('atoms', 'RFC 3501 §9', 'Each capability is an atom; AUTH= is followed by a mechanism.', async (c) => {
    const { values, raw } = single(await c.ok('CAPABILITY'), 'CAPABILITY')
    check(
      values.every(({ kind, text }) => kind === 'atom' && !/^auth=$/i.test(text) && !text.includes(']')),
      'atoms',
      visible(raw),
    )
  }),
  capability(
    'any-state',
    'RFC 3501 §6.1',
    'CAPABILITY is valid in the authenticated and in the selected state.',
    async (c) => {
      await c.ok('CAPABILITY')
      await c.examine('INBOX')
      await c.ok('CAPABILITY')
    },
    { state: 'authenticated', needs: ACCOUNT },
  ),
  capability(
    'argument',
    'RFC 3501 §6.1.1',
    'CAPABILITY with an argument is answered BAD.',
    async (c) => {
      await c.bad('CAPABILITY now')
    },
    { level: 'should' },
  ),
  capability(
    'starttls-in-the-clear',
    'RFC 3501 §7.2.1',
    'A server offers STARTTLS on a connection without TLS.',
    async (c) => {
      if (c.wire.secure) throw new Skipped('the connection has TLS')
      check(c.announces('STARTTLS'), 'STARTTLS', names(c))
    },
    { level: 'should' },
  ),
  capability(
    'no-starttls-under-tls',
    'RFC 9051 §6.2.1',
    'A connection that has TLS is not offered STARTTLS.',
    async (c) => {
      if (!c.wire.secure) throw new Skipped('the connection has no TLS')
      check(!c.announces('STARTTLS'), 'no STARTTLS', names(c))
    },
    { level: 'should' },
  ),
  capability(
    'plaintext-passwords-in-the-clear',
    'RFC 3501 §6.2.3',
    'A site does not permit LOGIN on a connection without TLS: LOGINDISABLED is announced.',
    async (c) => {
      if (c.wire.secure) throw new Skipped('the connection has TLS')
      check(c.announces('LOGINDISABLED'), 'LOGINDISABLED', names(c))
    },
    { level: 'should' },
  ),
  capability(
    'auth-plain-under-tls',
    'RFC 9051 §6.1.1',
    'A connection that has TLS is offered AUTH=PLAIN.',
    async (c) => {
      if (!c.wire.secure) throw new Skipped('the connection has no TLS')
      check(c.announces('AUTH=PLAIN'), 'AUTH=PLAIN', names(c))
    },
    { level: 'should' },
  ),
  capability(
    'literal-plus-or-minus',
    'RFC 7888 §5',
    'LITERAL+ and LITERAL- are not announced together.',
    async (c) => {
      check(!(c.announces('LITERAL+') && c.announces('LITERAL-')), 'one of LITERAL+ and LITERAL-', names(c))
    },
    { state: 'authenticated', needs: ACCOUNT },
  ),
]

export const noopCases: readonly ImapCase[] = [
  noop('succeeds', 'RFC 3501 §6.1.2', 'NOOP succeeds before a login.', async (c) => {
    await c.ok('NOOP')
  }),
  noop(
    'any-state',
    'RFC 3501 §6.1.2',
    'NOOP succeeds in the authenticated and in the selected state.',
    async (c) => {
      await c.ok('NOOP')
      await c.examine('INBOX')
      await c.ok('NOOP')
    },
    { state: 'authenticated', needs: ACCOUNT },
  ),
  noop(
    'argument',
    'RFC 3501 §6.1.2',
    'NOOP with an argument is answered BAD.',
    async (c) => {
      await c.bad('NOOP now')
    },
    { level: 'should' },
  ),
]

export const logoutCases: readonly ImapCase[] = [
  logout(
    'bye-first',
    'RFC 3501 §6.1.3',
    'LOGOUT is answered by an untagged BYE before the tagged OK.',
    async (c) => {
      const result = await c.ok('LOGOUT')
      check(untagged(result, 'BYE').length === 1, 'one untagged BYE before the OK', visible(result.raw))
    },
    { ending: 'any' },
  ),
  logout(
    'closes',
    'RFC 3501 §6.1.3',
    'The server closes the connection after LOGOUT.',
    async (c) => {
      await c.ok('LOGOUT')
      await c.wire.closed('the server to close the connection after LOGOUT')
    },
    { ending: 'any' },
  ),
  logout(
    'any-state',
    'RFC 3501 §6.1',
    'LOGOUT is valid in the selected state.',
    async (c) => {
      await c.examine('INBOX')
      await c.ok('LOGOUT')
    },
    { state: 'authenticated', needs: ACCOUNT, ending: 'any' },
  ),
  logout(
    'argument',
    'RFC 3501 §6.1.3',
    'LOGOUT with an argument is answered BAD.',
    async (c) => {
      await c.bad('LOGOUT now')
    },
    { level: 'should' },
  ),
  logout(
    'does-not-expunge',
    'RFC 3501 §6.4.2',
    'LOGOUT does not remove the messages that are marked \\Deleted in the selected mailbox.',
    async (c) => {
      await c.must('STORE 1 +FLAGS (\\Deleted)')
      await c.ok('LOGOUT')
      const other = await again(c)
      const result = await other.examine(c.mailbox)
      const exists = single(result, 'EXISTS').number
      const before = c.selected === null ? null : single(c.selected, 'EXISTS').number
      check(exists === before, `${before} messages`, `${exists}`)
    },
    { state: 'selected', needs: MAILBOX, ending: 'any' },
  ),
]

export const loginCodeCases: readonly ImapCase[] = [
  capability(
    'after-login-agrees',
    'RFC 3501 §7.1',
    'A CAPABILITY code in the answer to a login names the capabilities that the CAPABILITY command gives then.',
    async (c) => {
      if (c.announces('LOGINDISABLED')) throw new Skipped('the server takes no LOGIN here')
      const { user, password } = c.account
      const result = await c.ok(`LOGIN ${quoted(user)} ${quoted(password)}`)
      const code = codeOf(result, 'CAPABILITY')
      if (code === null) throw new Skipped('the answer has no CAPABILITY code')
      const before = names(c)
      await c.ok('CAPABILITY')
      check(names(c) === before, before, names(c))
    },
    { needs: ACCOUNT, level: 'may' },
  ),
]

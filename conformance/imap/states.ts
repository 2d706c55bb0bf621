// IMAP: which commands are valid in which state, and ENABLE.
import { check, Skipped, visible } from '../judgement.ts'
import { base64, type Imap, quoted, single } from './client.ts'
import { ACCOUNT, casesOf, type ImapCase, NOTHING } from './suite.ts'

const before = casesOf('not-authenticated', { state: 'greeted', needs: NOTHING })
const unselected = casesOf('not-selected', { state: 'authenticated', needs: ACCOUNT })
const after = casesOf('authenticated', { state: 'authenticated', needs: ACCOUNT })
const enable = casesOf('enable', { state: 'authenticated', needs: { ...ACCOUNT, capabilities: ['ENABLE'] } })

/** Command, its section, and the capability of those that not every server has. */
type Row = readonly [command: string, rfc: string, capability?: string]

const AUTHENTICATED: readonly Row[] = [
  ['SELECT INBOX', 'RFC 3501 §6.3.1'],
  ['EXAMINE INBOX', 'RFC 3501 §6.3.2'],
  ['CREATE conformance-early', 'RFC 3501 §6.3.3'],
  ['DELETE conformance-early', 'RFC 3501 §6.3.4'],
  ['RENAME conformance-early conformance-late', 'RFC 3501 §6.3.5'],
  ['SUBSCRIBE INBOX', 'RFC 3501 §6.3.6'],
  ['UNSUBSCRIBE conformance-early', 'RFC 3501 §6.3.7'],
  ['LIST "" *', 'RFC 3501 §6.3.8'],
  ['LSUB "" *', 'RFC 3501 §6.3.9', 'IMAP4REV1'],
  ['STATUS INBOX (MESSAGES)', 'RFC 3501 §6.3.10'],
  ['NAMESPACE', 'RFC 2342 §5'],
]

const SELECTED: readonly Row[] = [
  ['CHECK', 'RFC 3501 §6.4.1', 'IMAP4REV1'],
  ['CLOSE', 'RFC 3501 §6.4.2'],
  ['UNSELECT', 'RFC 3691 §2', 'UNSELECT'],
  ['EXPUNGE', 'RFC 3501 §6.4.3'],
  ['SEARCH ALL', 'RFC 3501 §6.4.4'],
  ['FETCH 1 FLAGS', 'RFC 3501 §6.4.5'],
  ['STORE 1 +FLAGS (\\Seen)', 'RFC 3501 §6.4.6'],
  ['COPY 1 INBOX', 'RFC 3501 §6.4.7'],
  ['UID FETCH 1 FLAGS', 'RFC 3501 §6.4.8'],
  ['UID EXPUNGE 1', 'RFC 4315 §2.1', 'UIDPLUS'],
  ['MOVE 1 INBOX', 'RFC 6851 §3.1', 'MOVE'],
]

const wordOf = (command: string): string => /^(?:UID )?\S+/.exec(command)![0]
const slugOf = (command: string): string => wordOf(command).toLowerCase().replace(' ', '-')

export const stateCases: readonly ImapCase[] = [
  ...AUTHENTICATED.map(([command, rfc, capability]) =>
    before(
      slugOf(command),
      rfc,
      `${wordOf(command)} is refused in the not authenticated state.`,
      async (c) => {
        await c.refused(command)
      },
      capability === undefined ? {} : { needs: { capabilities: [capability] } },
    ),
  ),
  before(
    'append',
    'RFC 3501 §6.3.11',
    'APPEND is refused in the not authenticated state, with its literal or before it.',
    async (c) => {
      await c.refused(['APPEND INBOX ', { octets: 'Subject: x\r\n\r\nx\r\n', form: 'sync' }])
    },
  ),
  ...SELECTED.map(([command, rfc, capability]) =>
    unselected(
      slugOf(command),
      rfc,
      `${wordOf(command)} is refused when no mailbox is selected.`,
      async (c) => {
        await c.refused(command)
      },
      capability === undefined ? {} : { needs: { ...ACCOUNT, capabilities: [capability] } },
    ),
  ),
  after('login', 'RFC 3501 §6.2', 'LOGIN is refused in the authenticated state.', async (c) => {
    const { user, password } = c.account
    await c.refused(`LOGIN ${quoted(user)} ${quoted(password)}`)
  }),
  after('authenticate', 'RFC 3501 §6.2', 'AUTHENTICATE is refused in the authenticated state.', async (c) => {
    const { user, password } = c.account
    const tag = await c.start('AUTHENTICATE PLAIN')
    const go = await c.continuation(tag, 'AUTHENTICATE PLAIN')
    if ('status' in go) {
      check(go.status !== 'OK', 'NO or BAD', visible(go.raw))
      return
    }
    await c.write(`${base64(`\0${user}\0${password}`)}\r\n`)
    const { status, raw } = await c.result(tag)
    check(status !== 'OK', 'NO or BAD', visible(raw))
  }),
  after('starttls', 'RFC 3501 §6.2', 'STARTTLS is refused in the authenticated state.', async (c) => {
    await c.refused('STARTTLS')
  }),
]

/** Extensions that are enabled by ENABLE; the first that the server announces and has not been asked for. */
const ENABLEABLE = ['CONDSTORE', 'QRESYNC', 'UTF8=ACCEPT', 'IMAP4REV2']

function enableable(c: Imap, ...but: readonly string[]): string {
  const found = ENABLEABLE.find((name) => c.announces(name) && !c.enabled.has(name) && !but.includes(name))
  if (found === undefined) throw new Skipped('the server announces nothing that this suite could enable')
  return found
}

const namesIn = async (c: Imap, command: string): Promise<string[]> =>
  single(await c.ok(command), 'ENABLED').values.map(({ text }) => text.toUpperCase())

export const enableCases: readonly ImapCase[] = [
  enable(
    'nothing-enabled',
    'RFC 5161 §3.1',
    'ENABLE is answered by ENABLED, also when nothing is enabled.',
    async (c) => {
      const names = await namesIn(c, 'ENABLE X-CONFORMANCE-NONE')
      check(names.length === 0, 'an empty ENABLED', names.join(' '))
    },
  ),
  enable('named', 'RFC 5161 §3.1', 'ENABLED names the extension that is enabled.', async (c) => {
    const name = enableable(c)
    const names = await namesIn(c, `ENABLE ${name}`)
    check(names.includes(name), name, names.join(' '))
  }),
  enable(
    'unknown-ignored',
    'RFC 5161 §3.1',
    'A name that the server does not know is ignored, and the others are enabled.',
    async (c) => {
      const name = enableable(c)
      const names = await namesIn(c, `ENABLE X-CONFORMANCE-NONE ${name}`)
      check(names.includes(name) && !names.includes('X-CONFORMANCE-NONE'), name, names.join(' '))
    },
  ),
  enable(
    'not-to-be-enabled',
    'RFC 5161 §3.1',
    'An extension that is not meant to be enabled by ENABLE is ignored.',
    async (c) => {
      const names = await namesIn(c, 'ENABLE IDLE')
      check(!names.includes('IDLE'), 'no IDLE', names.join(' '))
    },
    { needs: { ...ACCOUNT, capabilities: ['ENABLE', 'IDLE'] } },
  ),
  enable('case', 'RFC 5161 §4', 'The names behind ENABLE may be written in any case.', async (c) => {
    const name = enableable(c)
    const names = await namesIn(c, `ENABLE ${name.toLowerCase()}`)
    check(names.includes(name), name, names.join(' '))
  }),
  enable('capability-stays', 'RFC 5161 §3.1', 'ENABLE does not change what CAPABILITY gives.', async (c) => {
    await c.ok('CAPABILITY')
    const earlier = [...(c.capabilities ?? [])].sort().join(' ')
    await c.ok(`ENABLE ${enableable(c)}`)
    await c.ok('CAPABILITY')
    const later = [...(c.capabilities ?? [])].sort().join(' ')
    check(later === earlier, earlier, later)
  }),
  enable(
    'additive',
    'RFC 5161 §3.2',
    'A second ENABLED names only what the second ENABLE enabled.',
    async (c) => {
      const first = enableable(c, 'QRESYNC')
      await c.ok(`ENABLE ${first}`)
      const second = enableable(c, first, 'QRESYNC')
      const names = await namesIn(c, `ENABLE ${second}`)
      check(names.join() === second, second, names.join(' '))
    },
    { level: 'should' },
  ),
  enable(
    'no-names',
    'RFC 5161 §3.1',
    'ENABLE without a name is answered BAD.',
    async (c) => {
      await c.bad('ENABLE')
    },
    { level: 'should' },
  ),
  enable(
    'not-authenticated',
    'RFC 5161 §3.1',
    'ENABLE is refused in the not authenticated state.',
    async (c) => {
      await c.refused('ENABLE IMAP4rev2')
    },
    { state: 'greeted', needs: { capabilities: ['ENABLE'] } },
  ),
  enable(
    'rev2-with-rev1',
    'RFC 9051 §6.3.1',
    'A server that announces IMAP4rev1 and IMAP4rev2 enables IMAP4rev2.',
    async (c) => {
      if (!c.announces('IMAP4REV2')) throw new Skipped('the server does not announce IMAP4rev2')
      const names = await namesIn(c, 'ENABLE IMAP4rev2')
      check(names.includes('IMAP4REV2'), 'IMAP4REV2', names.join(' '))
    },
    { needs: { ...ACCOUNT, capabilities: ['ENABLE', 'IMAP4REV1'] } },
  ),
]

// IMAP: how commands are written: lines, tags, words, arguments, and commands sent ahead.
import { check, Skipped, visible } from '../judgement.ts'
import { type Imap, items, numberOf, quoted, type Result, single } from './client.ts'
import { ACCOUNT, casesOf, type ImapCase, MAILBOX, NOTHING } from './suite.ts'

const tag = casesOf('tag', { state: 'greeted', needs: NOTHING })
const command = casesOf('command', { state: 'greeted', needs: NOTHING })
const pipelining = casesOf('pipelining', { state: 'authenticated', needs: ACCOUNT })

/** Sends a line that is no command: BAD, tagged or not, is the answer of a server that enforces the syntax. */
async function rejectsLine(c: Imap, line: string): Promise<void> {
  await c.write(`${line}\r\n`)
  const { name, raw } = await c.response(line)
  check(name === 'BAD', `BAD to "${visible(line)}"`, `"${visible(raw)}"`)
}

/** Sends a command as it is under a tag and expects an OK with the same tag. */
async function takesLine(c: Imap, under: string, rest: string): Promise<void> {
  await c.line(under, rest)
  const { status, raw } = await c.result(under, `${under} ${rest}`)
  check(status === 'OK', `"${under} OK"`, `"${visible(raw)}"`)
}

export const tagCases: readonly ImapCase[] = [
  tag(
    'echoed',
    'RFC 3501 §2.2.2',
    'The completion of a command has the tag of the command, letter for letter.',
    async (c) => {
      await takesLine(c, 'aBc0Xy', 'NOOP')
    },
  ),
  tag(
    'all-characters',
    'RFC 3501 §9',
    'A tag may consist of any ASTRING-CHARs but "+": letters, digits and !#$&\',-./:;<=>?@[]^_`|}~.',
    async (c) => {
      await takesLine(c, "Z9!#$&',-./:;<=>?@[]^_`|}~", 'NOOP')
    },
  ),
  tag('long', 'RFC 3501 §9', 'A tag of 60 characters is taken.', async (c) => {
    await takesLine(c, 't'.repeat(60), 'NOOP')
  }),
  tag(
    'reused',
    'RFC 9051 §2.2.1',
    'A tag that an earlier command had is taken.',
    async (c) => {
      await takesLine(c, 'again', 'NOOP')
      await takesLine(c, 'again', 'NOOP')
    },
    { needs: { capabilities: ['IMAP4REV2'] } },
  ),
  tag('plus', 'RFC 3501 §9', 'A tag with "+" is answered BAD.', (c) => rejectsLine(c, 'a+b NOOP'), { level: 'should' }),
  tag('wildcard', 'RFC 3501 §9', 'A tag with "%" is answered BAD.', (c) => rejectsLine(c, 'a%b NOOP'), {
    level: 'should',
  }),
  tag('alone', 'RFC 3501 §2.2.2', 'A tag without a command is answered BAD.', (c) => rejectsLine(c, 'lonely'), {
    level: 'should',
  }),
  tag('missing', 'RFC 3501 §2.2.2', 'An empty line is answered BAD.', (c) => rejectsLine(c, ''), { level: 'should' }),
  tag('space-before', 'RFC 3501 §2.2.2', 'A space before the tag is answered BAD.', (c) => rejectsLine(c, ' a NOOP'), {
    level: 'should',
  }),
]

/** A command with an error in its syntax, answered BAD, after which the session goes on. */
const wrong = (slug: string, text: string, requirement: string, more: Parameters<typeof command>[4] = {}): ImapCase =>
  command(
    slug,
    'RFC 3501 §2.2.2',
    requirement,
    async (c) => {
      await c.bad(text)
      await c.ok('NOOP')
    },
    { level: 'should', ...more },
  )

/** Two commands sent at once, by their completions and what came untagged with either. */
async function together(c: Imap, ...parts: readonly string[]): Promise<Result> {
  const tags: string[] = []
  for (const part of parts) tags.push(await c.start(part))
  const results: Result[] = []
  for (const one of tags) results.push(await c.result(one))
  return { ...results.at(-1)!, untagged: results.flatMap(({ untagged: some }) => some) }
}

const LOGGED_IN = { state: 'authenticated', needs: ACCOUNT } as const

export const commandCases: readonly ImapCase[] = [
  command(
    'unknown',
    'RFC 3501 §2.2.2',
    'An unknown command is answered BAD.',
    async (c) => {
      await c.bad('BLURDYBLOOP')
      await c.ok('NOOP')
    },
    { level: 'should' },
  ),
  command(
    'unknown-when-logged-in',
    'RFC 3501 §2.2.2',
    'An unknown command with arguments is answered BAD in the authenticated state.',
    async (c) => {
      await c.bad('BLURDYBLOOP 1:* (FLAGS)')
    },
    { ...LOGGED_IN, level: 'should' },
  ),
  command('case', 'RFC 3501 §9', 'The name of a command may be written in any case.', async (c) => {
    await c.ok('nOoP')
  }),
  command(
    'argument-case',
    'RFC 3501 §9',
    'Words of the protocol in arguments may be written in any case.',
    async (c) => {
      const { values } = single(await c.ok('STATUS INBOX (mEsSaGeS)'), 'STATUS')
      check(
        items(values[1], 'status items').length === 2,
        'MESSAGES and its value',
        visible(values[1]?.text ?? 'nothing'),
      )
    },
    LOGGED_IN,
  ),
  wrong('space-before', ' NOOP', 'Two spaces between tag and command are answered BAD.'),
  wrong('space-behind', 'NOOP ', 'A space behind the last word of a command is answered BAD.'),
  wrong('space-doubled', 'SELECT  INBOX', 'Two spaces before an argument are answered BAD.', LOGGED_IN),
  wrong('missing-argument', 'SELECT', 'A command without its required argument is answered BAD.', LOGGED_IN),
  wrong('missing-second-argument', 'LIST ""', 'A command without its second argument is answered BAD.', LOGGED_IN),
  wrong('argument-too-many', 'SUBSCRIBE one two', 'A command with an argument too many is answered BAD.', LOGGED_IN),
  wrong('list-unclosed', 'STATUS INBOX (MESSAGES', 'A list that is not closed is answered BAD.', LOGGED_IN),
  wrong('list-expected', 'STATUS INBOX MESSAGES', 'An atom where a list is required is answered BAD.', LOGGED_IN),
  wrong('list-empty', 'STATUS INBOX ()', 'An empty list where one item is required is answered BAD.', LOGGED_IN),
  wrong('atom-brace', 'SELECT a{b', '"{" in an atom is answered BAD.', LOGGED_IN),
  wrong(
    'atom-wildcard',
    'SELECT a%b',
    '"%" in the name of a mailbox that is no pattern and not quoted is answered BAD.',
    LOGGED_IN,
  ),
  wrong('nul', 'NOOP\0', 'NUL in a command is answered BAD.'),
  wrong('eight-bit', 'NO\xd6P', 'An octet above 127 in the name of a command is answered BAD.'),
  wrong('quoted-unterminated', 'LIST "" "abc', 'A quoted string without an end is answered BAD.', LOGGED_IN),
  wrong('quoted-nul', 'LIST "" "a\0b"', 'NUL in a quoted string is answered BAD.', LOGGED_IN),
  wrong('quoted-cr', 'LIST "" "a\rb"', 'CR in a quoted string is answered BAD.', LOGGED_IN),
  wrong(
    'quoted-escape',
    'LIST "" "a\\bc"',
    'A backslash before anything but a quote or backslash is answered BAD.',
    LOGGED_IN,
  ),
  wrong('quoted-joined', 'LIST """%"', 'Two quoted strings without a space between them are answered BAD.', LOGGED_IN),
  command(
    'quoted-special',
    'RFC 3501 §9',
    'In a quoted string, \\" is a quote and \\\\ a backslash.',
    async (c) => {
      await c.append(c.mailbox, 'From: a@conformance.example\r\nSubject: specials\r\n\r\nSay "x\\y" now.\r\n')
      await c.must('NOOP')
      const { values } = single(await c.ok('SEARCH BODY "\\"x\\\\y\\""'), 'SEARCH')
      check(values.length === 1, 'the one message whose body has "x\\y" in quotes', `${values.length} messages`)
    },
    { state: 'selected', needs: { ...MAILBOX, capabilities: ['IMAP4REV1'] } },
  ),
  command(
    'quoted-utf8',
    'RFC 9051 §4.3.1',
    'UTF-8 is taken in a quoted string.',
    async (c) => {
      await c.ok('LIST "" "no such ma\xc3\xb1ana"')
    },
    { state: 'authenticated', needs: { ...ACCOUNT, capabilities: ['IMAP4REV2'] } },
  ),
  command(
    'atom-or-quoted',
    'RFC 3501 §4.3',
    'A mailbox name means the same as an atom and as a quoted string.',
    async (c) => {
      const [atom, string] = [await c.ok('STATUS INBOX (UIDVALIDITY)'), await c.ok('STATUS "INBOX" (UIDVALIDITY)')]
      const [one, other] = [atom, string].map((result) => single(result, 'STATUS').values[1]?.text ?? '')
      check(one === other, visible(one!), visible(other!))
    },
    LOGGED_IN,
  ),
  command(
    'nil-is-a-name',
    'RFC 3501 §4.5',
    'NIL as a mailbox name is the mailbox of that name: no syntax error.',
    async (c) => {
      await c.send('STATUS NIL (MESSAGES)', 'OK', 'NO')
    },
    LOGGED_IN,
  ),
  command(
    'long-line',
    'RFC 2683 §3.2.1.5',
    'A command line of 8000 octets is taken.',
    async (c) => {
      const start = 'FETCH '
      const end = ' UID'
      const set = `1${',1'.repeat(Math.floor((8000 - start.length - end.length - 20) / 2))}`
      await c.ok(`${start}${set}${end}`)
    },
    { state: 'examined', needs: MAILBOX, level: 'should' },
  ),
  command(
    'bad-changes-nothing',
    'RFC 3501 §6',
    'A command that is answered BAD leaves the selected mailbox selected.',
    async (c) => {
      const { status } = await c.send('SELECT')
      if (status !== 'BAD') throw new Skipped('the server does not answer BAD to SELECT without a name')
      await c.ok('FETCH 1 UID')
    },
    { state: 'examined', needs: MAILBOX },
  ),
]

export const pipeliningCases: readonly ImapCase[] = [
  pipelining('all-answered', 'RFC 3501 §5.5', 'Commands that are sent without waiting are all answered.', async (c) => {
    const tags = [await c.start('NOOP'), await c.start('CAPABILITY'), await c.start('STATUS INBOX (MESSAGES)')]
    for (const one of tags) {
      const { status, raw } = await c.result(one)
      check(status === 'OK', 'OK', visible(raw))
    }
  }),
  pipelining(
    'login-and-on',
    'RFC 3501 §5.5',
    'Commands that are sent behind LOGIN and SELECT at once are executed after them.',
    async (c) => {
      if (c.announces('LOGINDISABLED')) throw new Skipped('the server takes no LOGIN here')
      const { user, password } = c.account
      await c.write(
        `p1 LOGIN ${quoted(user)} ${quoted(password)}\r\np2 EXAMINE INBOX\r\np3 UID FETCH 4294967295 FLAGS\r\n`,
      )
      for (const one of ['p1', 'p2', 'p3']) {
        c.expectTag(one)
        const { status, raw } = await c.result(one)
        check(status === 'OK', `${one} OK`, visible(raw))
      }
    },
    { state: 'greeted' },
  ),
  pipelining(
    'order-when-ambiguous',
    'RFC 3501 §5.5',
    'A FETCH that sets \\Seen and a SEARCH UNSEEN sent behind it at once are executed in that order.',
    async (c) => {
      const unseen = single(await c.ok('SEARCH UNSEEN'), 'SEARCH').values.map(({ text }) => text)
      const first = unseen[0]
      if (first === undefined) throw new Skipped('no message is unseen')
      const after = single(await together(c, `FETCH ${first} BODY[]`, 'SEARCH UNSEEN'), 'SEARCH').values.map(
        ({ text }) => text,
      )
      check(after.join() === unseen.slice(1).join(), `SEARCH ${unseen.slice(1).join(' ')}`, `SEARCH ${after.join(' ')}`)
    },
    { state: 'selected', needs: { ...MAILBOX, capabilities: ['IMAP4REV1'] } },
  ),
  pipelining(
    'store-then-expunge',
    'RFC 3501 §5.5',
    'A STORE of \\Deleted and an EXPUNGE sent behind it at once are executed in that order.',
    async (c) => {
      const result = await together(c, 'STORE 2 +FLAGS.SILENT (\\Deleted)', 'EXPUNGE')
      check(single(result, 'EXPUNGE').number === 2, '"* 2 EXPUNGE"', visible(result.raw))
    },
    { state: 'selected', needs: MAILBOX },
  ),
  pipelining(
    'store-then-status',
    'RFC 3501 §5.5',
    'STATUS sent behind a STORE of \\Seen at once counts what STORE has changed.',
    async (c) => {
      const result = await together(c, 'STORE 1:* +FLAGS.SILENT (\\Seen)', `STATUS ${quoted(c.mailbox)} (UNSEEN)`)
      const { values } = single(result, 'STATUS')
      const unseen = numberOf(items(values[1], 'status items')[1], 'UNSEEN')
      check(unseen === 0, 'UNSEEN 0', String(unseen))
    },
    { state: 'selected', needs: MAILBOX },
  ),
]

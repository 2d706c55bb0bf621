// IMAP: extensions about the session as a whole and about searching elsewhere: COMPRESS, UTF8=ACCEPT, UNAUTHENTICATE, MULTISEARCH and their like.
import { check, Skipped, visible } from '../judgement.ts'
import { expand, item, numbers, octets, same, search, topic, uids } from './cases.ts'
import { codeOf, fetched, flagsOf, type Imap, items, pairs, quoted, type Response, single, untagged } from './client.ts'
import { CORPUS } from './corpus.ts'
import { alongside, freshMailbox } from './suite.ts'

const COUNT = CORPUS.length
const TEXT = CORPUS[3]!.text

const compress = topic('compress', 'selected', 'COMPRESS=DEFLATE')

async function deflated(c: Imap): Promise<void> {
  await c.must('COMPRESS DEFLATE')
  c.wire.startDeflate()
}

const compressCases = [
  compress('deflate', '4978 §3', 'After OK to COMPRESS DEFLATE, commands and responses go compressed.', async (c) => {
    await c.ok('COMPRESS DEFLATE')
    c.wire.startDeflate()
    await c.ok('NOOP')
  }),
  compress('literals', '4978 §3', 'Literals come through compression octet for octet.', async (c) => {
    await deflated(c)
    for (let n = 1; n <= COUNT; n++)
      same(octets(await item(c, n, 'BODY.PEEK[]', 'BODY[]'), 'BODY[]'), CORPUS[n - 1]!.text, `message ${n}`)
  }),
  compress('keeps-state', '4978 §3', 'COMPRESS leaves the selected mailbox selected.', async (c) => {
    await deflated(c)
    same((await uids(c)).length, COUNT, 'messages')
  }),
  compress('append', '4978 §3', 'A message appended through compression is stored octet for octet.', async (c) => {
    await deflated(c)
    await c.append(c.mailbox, TEXT)
    await c.ok('NOOP')
    same(octets(await item(c, COUNT + 1, 'BODY.PEEK[]', 'BODY[]'), 'BODY[]'), TEXT, 'the message')
  }),
  compress('twice', '4978 §3', 'COMPRESS while it is active is answered by BAD or NO.', async (c) => {
    await deflated(c)
    await c.send('COMPRESS DEFLATE', 'BAD', 'NO')
    await c.ok('NOOP')
  }),
  compress(
    'unknown',
    '4978 §3',
    'COMPRESS with an unknown mechanism is answered by BAD, and nothing is compressed.',
    async (c) => {
      await c.send('COMPRESS NOSUCHMECHANISM', 'BAD')
      await c.ok('NOOP')
    },
  ),
]

const utf8 = topic('utf8-fetch', 'authenticated', 'UTF8=ACCEPT|UTF8=ONLY')
const WORD = Buffer.from('niño', 'utf8').toString('latin1')

const utf8FetchCases = [
  utf8('quoted-search', '6855 §3', 'After ENABLE UTF8=ACCEPT, a quoted string in SEARCH may be UTF-8.', async (c) => {
    await c.must('ENABLE UTF8=ACCEPT')
    const mailbox = await freshMailbox(c)
    await c.append(mailbox, `Subject: =?utf-8?q?ni=C3=B1o?=\r\n\r\ntext\r\n`)
    await c.must(`SELECT ${quoted(mailbox)}`)
    same(await search(c, `SUBJECT "${WORD}"`), [1], 'messages')
  }),
  utf8(
    'charset-refused',
    '6855 §3',
    'After ENABLE UTF8=ACCEPT, SEARCH with CHARSET is answered by BAD.',
    async (c) => {
      await c.must('ENABLE UTF8=ACCEPT')
      await c.must(`SELECT ${quoted(await freshMailbox(c))}`)
      await c.send('SEARCH CHARSET UTF-8 ALL', 'BAD')
    },
    { level: 'should' },
  ),
]

const unauthenticate = topic('unauthenticate', 'selected', 'UNAUTHENTICATE')

const unauthenticateCases = [
  unauthenticate(
    'leaves',
    '8437 §3',
    'After UNAUTHENTICATE nobody is logged in: SELECT is answered by BAD or NO.',
    async (c) => {
      await c.ok('UNAUTHENTICATE')
      await c.send(`SELECT ${quoted(c.mailbox)}`, 'BAD', 'NO')
    },
  ),
  unauthenticate(
    'login-again',
    '8437 §3',
    'After UNAUTHENTICATE a login is possible on the same connection.',
    async (c) => {
      await c.ok('UNAUTHENTICATE')
      const { user, password } = c.account
      await c.capability()
      if (c.announces('LOGINDISABLED')) await c.login()
      else await c.ok(`LOGIN ${quoted(user)} ${quoted(password)}`)
      await c.ok('STATUS INBOX (MESSAGES)')
    },
  ),
  unauthenticate('no-expunge', '8437 §3', 'UNAUTHENTICATE removes no messages with \\Deleted.', async (c) => {
    await c.must('STORE 2 +FLAGS.SILENT (\\Deleted)')
    await c.ok('UNAUTHENTICATE')
    await c.capability()
    await c.login()
    await c.must(`EXAMINE ${quoted(c.mailbox)}`)
    same((await uids(c)).length, COUNT, 'messages')
  }),
  unauthenticate('unselects', '8437 §3', 'After UNAUTHENTICATE and a login no mailbox is selected.', async (c) => {
    await c.ok('UNAUTHENTICATE')
    await c.capability()
    await c.login()
    await c.send('FETCH 1 (FLAGS)', 'BAD')
  }),
  unauthenticate(
    'resets-enable',
    '8437 §4.1',
    'What ENABLE has enabled is no longer so: STORE tells no MODSEQ.',
    async (c) => {
      await c.must('ENABLE CONDSTORE')
      await c.ok('UNAUTHENTICATE')
      c.enabled.clear()
      await c.capability()
      await c.login()
      await c.must(`SELECT ${quoted(c.mailbox)}`)
      const told = fetched(await c.ok('STORE 4 +FLAGS (\\Flagged)')).get(4)
      check(!told?.has('MODSEQ'), 'no MODSEQ', [...(told?.keys() ?? [])].join(', '))
    },
    { capabilities: ['CONDSTORE', 'ENABLE|IMAP4REV2'] },
  ),
  unauthenticate(
    'not-before-login',
    '8437 §3',
    'UNAUTHENTICATE when nobody is logged in is answered by BAD.',
    async (c) => {
      await c.ok('UNAUTHENTICATE')
      await c.send('UNAUTHENTICATE', 'BAD')
    },
  ),
]

const multi = topic('multisearch', 'selected', 'MULTISEARCH')

interface Found {
  readonly mailbox: string | undefined
  readonly validity: string | undefined
  readonly tag: string | undefined
  readonly all: number[]
  readonly uid: boolean
}

function foundIn({ values }: Response): Found {
  const correlator = pairs(values[0], 'the correlator of ESEARCH')
  const at = values.findIndex(({ text }) => /^ALL$/i.test(text))
  return {
    mailbox: correlator.get('MAILBOX')?.text,
    validity: correlator.get('UIDVALIDITY')?.text,
    tag: correlator.get('TAG')?.text,
    all: at < 0 ? [] : expand(values[at + 1]?.text ?? ''),
    uid: values.some(({ kind, text }) => kind === 'atom' && /^UID$/i.test(text)),
  }
}

const multisearchCases = [
  multi(
    'correlators',
    '7377 §2.1',
    'ESEARCH responses have TAG, MAILBOX and UIDVALIDITY of the mailbox, and UIDs.',
    async (c) => {
      const wanted = codeOf(c.selected!, 'UIDVALIDITY')?.text
      const result = await c.ok('ESEARCH IN (selected) SEEN')
      const found = untagged(result, 'ESEARCH').map(foundIn)
      const all = await uids(c)
      same(
        found,
        [{ mailbox: c.mailbox, validity: wanted, tag: result.tag, all: [all[0], all[2]], uid: true }],
        'ESEARCH responses',
      )
    },
  ),
  multi(
    'other-mailbox',
    '7377 §2.2',
    'ESEARCH IN (mailboxes …) searches mailboxes that are not selected.',
    async (c) => {
      const other = await freshMailbox(c)
      await c.append(other, TEXT)
      const result = await c.ok(`ESEARCH IN (mailboxes ${quoted(other)}) ALL`)
      same(
        untagged(result, 'ESEARCH').map((one) => foundIn(one).mailbox),
        [other],
        'mailboxes',
      )
    },
  ),
  multi(
    'one-for-each',
    '7377 §2.1',
    'There is one ESEARCH response for each mailbox in which something was found.',
    async (c) => {
      const other = await freshMailbox(c)
      await c.append(other, TEXT)
      const result = await c.ok(`ESEARCH IN (mailboxes (${quoted(other)} ${quoted(c.mailbox)})) SUBJECT "Eight bits"`)
      same(
        untagged(result, 'ESEARCH')
          .map((one) => foundIn(one).mailbox)
          .sort(),
        [c.mailbox, other].sort(),
        'mailboxes',
      )
    },
  ),
  multi(
    'none',
    '7377 §2.1',
    'There is no ESEARCH response for a mailbox in which nothing was found, not even for COUNT.',
    async (c) => {
      const result = await c.ok(`ESEARCH IN (selected) RETURN (COUNT) SUBJECT "not in this mailbox"`)
      same(untagged(result, 'ESEARCH').length, 0, 'ESEARCH responses')
    },
  ),
  multi('selected-by-default', '7377 §2.2', 'ESEARCH without IN searches the selected mailbox.', async (c) => {
    const all = await uids(c)
    same(
      untagged(await c.ok('ESEARCH SEEN'), 'ESEARCH').map((one) => foundIn(one).all),
      [[all[0], all[2]]],
      'UIDs',
    )
  }),
  multi(
    'keeps-selected',
    '7377 §2.1',
    'ESEARCH in other mailboxes leaves the selected mailbox selected.',
    async (c) => {
      await c.ok(`ESEARCH IN (mailboxes ${quoted(await freshMailbox(c))}) ALL`)
      same((await uids(c)).length, COUNT, 'messages')
    },
  ),
  multi(
    'unselected',
    '7377 §2.2',
    'ESEARCH of the selected mailbox when none is selected is answered by BAD.',
    async (c) => c.send('ESEARCH IN (selected) ALL', 'BAD'),
    { state: 'authenticated' },
  ),
]

const filters = topic('filters', 'selected', 'FILTERS')
const ENTRY = '/private/filters/values/conformance'

const filterCases = [
  filters('filter', '5466 §3.1', 'SEARCH FILTER stands for the criteria stored under that name.', async (c) => {
    await c.must(`SETMETADATA "" (${ENTRY} "SEEN ANSWERED")`)
    const found = await search(c, 'FILTER conformance')
    await c.must(`SETMETADATA "" (${ENTRY} NIL)`)
    same(found, [3], 'messages')
  }),
  filters(
    'undefined',
    '5466 §3.1',
    'SEARCH with a FILTER that does not exist is answered by NO with UNDEFINED-FILTER and its name.',
    async (c) => {
      const { status, code, raw } = await c.send('SEARCH FILTER no-such-filter')
      check(
        status === 'NO' && code?.name === 'UNDEFINED-FILTER' && code.text.includes('no-such-filter'),
        'NO [UNDEFINED-FILTER no-such-filter]',
        visible(raw),
      )
    },
  ),
]

const uidOnly = topic('uidonly', 'selected', 'UIDONLY')

const uidOnlyCases = [
  uidOnly('enable', '9586 §3.1', 'ENABLE UIDONLY is answered by ENABLED with UIDONLY.', async (c) => {
    await c.ok('ENABLE UIDONLY')
    check(c.enabled.has('UIDONLY'), 'ENABLED with UIDONLY', [...c.enabled].join(' ') || 'none')
  }),
  uidOnly(
    'numbers-refused',
    '9586 §3',
    'After ENABLE UIDONLY, a command with message numbers is answered by BAD.',
    async (c) => {
      await c.must('ENABLE UIDONLY')
      await c.send('FETCH 1 (FLAGS)', 'BAD')
    },
  ),
  uidOnly(
    'uidrequired',
    '9586 §3',
    'BAD to message numbers has the code UIDREQUIRED.',
    async (c) => {
      await c.must('ENABLE UIDONLY')
      const result = await c.send('FETCH 1 (FLAGS)', 'BAD')
      check(result.code?.name === 'UIDREQUIRED', 'the code UIDREQUIRED', visible(result.raw))
    },
    { level: 'should' },
  ),
  uidOnly(
    'uidfetch',
    '9586 §3.3',
    'After ENABLE UIDONLY, UID FETCH is answered by UIDFETCH with UIDs, not by FETCH.',
    async (c) => {
      const all = await uids(c)
      await c.must('ENABLE UIDONLY')
      const result = await c.ok('UID FETCH 1:* (FLAGS)')
      same(
        [numbers(result, 'UIDFETCH').sort((a, b) => a - b), numbers(result, 'FETCH')],
        [all, []],
        'UIDFETCH and FETCH',
      )
    },
  ),
  uidOnly(
    'vanished',
    '9586 §3.4',
    'After ENABLE UIDONLY, removed messages are told by VANISHED, not by EXPUNGE.',
    async (c) => {
      const all = await uids(c)
      await c.must('STORE 2 +FLAGS.SILENT (\\Deleted)')
      await c.must('ENABLE UIDONLY')
      const result = await c.ok('EXPUNGE')
      const gone = untagged(result, 'VANISHED').flatMap(({ values }) => expand(values.at(-1)?.text ?? ''))
      same([gone, numbers(result, 'EXPUNGE')], [[all[1]], []], 'VANISHED and EXPUNGE')
    },
  ),
]

/** The number behind `name=` among the capabilities; null when it is announced without one or not at all. */
const announced = (c: Imap, name: string): number | null => {
  const found = [...(c.capabilities ?? [])].find((one) => one.startsWith(`${name}=`))
  return found === undefined ? null : Number(found.slice(name.length + 1))
}

const progress = topic('inprogress', 'selected', 'INPROGRESS')

const progressCases = [
  progress(
    'form',
    '9585 §4',
    'INPROGRESS, if it is sent, has no data, or the tag, the progress and the goal in parentheses.',
    async (c) => {
      const result = await c.ok('SEARCH TEXT nut')
      for (const { code, raw } of result.untagged.filter(({ code }) => code?.name === 'INPROGRESS')) {
        if (code!.text === '') continue
        const [tag, done, goal, ...more] = items(code!.values[0], 'INPROGRESS')
        check(more.length === 0, 'three members', visible(raw))
        check(tag?.kind === 'nil' || tag?.text === result.tag, `the tag ${result.tag} or NIL`, visible(raw))
        check(done?.kind === 'nil' || /^\d+$/.test(done?.text ?? ''), 'a number or NIL as progress', visible(raw))
        check(goal?.kind === 'nil' || Number(goal?.text) > 0, 'a number above 0 or NIL as goal', visible(raw))
      }
    },
  ),
]

const messageLimit = topic('messagelimit', 'selected')

const messageLimitCases = [
  messageLimit('announced', '9738 §3', 'MESSAGELIMIT is announced with a number above 0.', async (c) => {
    const announcement = [...(c.capabilities ?? [])].find((one) => one.startsWith('MESSAGELIMIT'))
    if (announcement === undefined) throw new Skipped('the server does not announce MESSAGELIMIT')
    check((announced(c, 'MESSAGELIMIT') ?? 0) > 0, 'MESSAGELIMIT=n', announcement)
  }),
]

const unilateral = topic('flags-told', 'selected', 'CONDSTORE|QRESYNC', 'IDLE|IMAP4REV2')

const idleModSeqCases = [
  unilateral(
    'in-idle',
    '7162 §3.1',
    'After SELECT (CONDSTORE), flags that change while in IDLE are told with MODSEQ.',
    async (c) => {
      const other = await alongside(c)
      await c.must(`SELECT ${quoted(c.mailbox)} (CONDSTORE)`)
      const tag = await c.start('IDLE')
      await c.continuation(tag, 'IDLE')
      await other.must('STORE 4 +FLAGS.SILENT (\\Flagged)')
      const { values } = await c.awaitUntagged('FETCH', ({ number }) => number === 4)
      const all = pairs(values[0], 'FETCH')
      await c.write('DONE\r\n')
      await c.result(tag, 'IDLE')
      check(all.has('MODSEQ'), 'MODSEQ', [...all.keys()].join(', '))
      check(flagsOf(all.get('FLAGS')).includes('\\flagged'), '\\Flagged', all.get('FLAGS')?.text ?? 'no FLAGS')
    },
  ),
]

const jmap = topic('jmapaccess', 'authenticated', 'JMAPACCESS')

const jmapCases = [
  jmap('url', '9698', 'GETJMAPACCESS tells the URL of the JMAP session by one untagged JMAPACCESS.', async (c) => {
    const url = single(await c.ok('GETJMAPACCESS'), 'JMAPACCESS').values[0]?.text ?? ''
    check(/^https:\/\/\S+$/.test(url), 'a URL that begins with https://', visible(url))
  }),
]

export const sessionExtensionCases = [
  ...compressCases,
  ...utf8FetchCases,
  ...unauthenticateCases,
  ...multisearchCases,
  ...filterCases,
  ...uidOnlyCases,
  ...progressCases,
  ...messageLimitCases,
  ...idleModSeqCases,
  ...jmapCases,
]

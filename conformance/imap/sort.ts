// IMAP: SORT (RFC 5256, RFC 5957), extended SORT and updated searches (RFC 5267).
import { check, visible } from '../judgement.ts'
import { expand, same, topic, uids } from './cases.ts'
import { fetched, type Imap, items, numberOf, quoted, type Result, single, untagged, type Value } from './client.ts'
import { CORPUS } from './corpus.ts'
import { extended } from './search-results.ts'
import { freshMailbox } from './suite.ts'

const OWN = { state: 'selected' } as const
const MADE = { state: 'authenticated' } as const
const SORT = '5256 §3 SORT'

const sort = topic('sort', 'examined', 'SORT')

function sorted(result: Result): number[] {
  const { values } = single(result, 'SORT')
  return values.filter(({ kind }) => kind !== 'list').map((value) => numberOf(value, 'a member of SORT'))
}

const sorts = (
  slug: string,
  requirement: string,
  program: string,
  wanted: readonly number[],
  criteria = 'ALL',
  more: { level?: 'should'; capabilities?: readonly string[]; rfc?: string } = {},
) =>
  sort(
    slug,
    more.rfc ?? SORT,
    requirement,
    async (c) => same(sorted(await c.ok(`SORT (${program}) UTF-8 ${criteria}`)), wanted, 'messages'),
    more,
  )

export interface Made {
  readonly header: readonly string[]
  /** Internal date. */
  readonly date?: string
}

export async function make(c: Imap, messages: readonly Made[]): Promise<void> {
  c.mailbox = await freshMailbox(c)
  for (const { header, date = null } of messages)
    await c.append(c.mailbox, ['From: ana@conformance.example', ...header, '', 'text', ''].join('\r\n'), [], date)
  await c.must(`EXAMINE ${quoted(c.mailbox)}`)
}

/** SORT of messages made for it. */
const sortsMade = (
  slug: string,
  rfc: string,
  requirement: string,
  program: string,
  all: readonly Made[],
  wanted: number[],
) =>
  sort(
    slug,
    rfc,
    requirement,
    async (c) => {
      await make(c, all)
      same(sorted(await c.ok(`SORT (${program}) UTF-8 ALL`)), wanted, 'messages')
    },
    MADE,
  )

const subject = (text: string): Made => ({ header: [`Subject: ${text}`] })
const dated = (date: string): Made => ({ header: [`Date: ${date}`] })

/** Numbers of the corpus by the size of their messages. */
const BY_SIZE = CORPUS.map(({ text }, i) => [text.length, i + 1] as const)
  .sort(([a, n], [b, m]) => a - b || n - m)
  .map(([, n]) => n)
const BY_SENDER_REVERSED = [3, 7, 6, 1, 2, 4, 5, 8, 9]
const BY_ARRIVAL = [1, 7, 2, 3, 4, 5, 6, 8, 9]

export const sortCases = [
  sorts('arrival', 'ARRIVAL sorts by internal date and time.', 'ARRIVAL', BY_ARRIVAL),
  sorts(
    'reverse',
    'REVERSE turns the order of the criterion behind it around.',
    'REVERSE ARRIVAL',
    BY_ARRIVAL.toReversed(),
  ),
  sortsMade(
    'date',
    SORT,
    'DATE sorts by the Date field.',
    'DATE',
    [
      { header: ['Date: Wed, 08 Jan 2020 12:00:00 +0000'], date: '01-Feb-2020 12:00:00 +0000' },
      { header: ['Date: Mon, 06 Jan 2020 12:00:00 +0000'], date: '02-Feb-2020 12:00:00 +0000' },
      { header: ['Date: Tue, 07 Jan 2020 12:00:00 +0000'], date: '03-Feb-2020 12:00:00 +0000' },
    ],
    [2, 3, 1],
  ),
  sorts('size', 'SIZE sorts by the size in octets.', 'SIZE', BY_SIZE),
  // of messages that differ by the criterion: ties are another case
  sorts('from', 'FROM sorts by the local part of the first From address.', 'FROM', [1, 6, 3], '1,3,6'),
  sorts('to', 'TO sorts by the local part of the first To address, absent ones first.', 'TO', [9, 3, 5, 1], '1,3,5,9'),
  sorts('cc', 'CC sorts by the local part of the first Cc address, absent ones first.', 'CC', [2, 1], '1:2'),
  sorts('subject', 'SUBJECT sorts by base subject, absent ones first.', 'SUBJECT', [9, 5, 4, 8, 2, 3, 1], '1:5,8:9'),
  sorts(
    'several',
    'Of several criteria the first decides, then the second.',
    'SUBJECT REVERSE DATE',
    [9, 5, 4, 8, 2, 3, 7, 1],
    'UNDRAFT',
  ),
  sort(
    'tie',
    SORT,
    'Messages that are equal by the criteria stay in the order of their numbers, after REVERSE too.',
    async (c) => same(sorted(await c.ok('SORT (REVERSE FROM) UTF-8 ALL')), BY_SENDER_REVERSED, 'messages'),
    OWN,
  ),
  sort(
    'tie-after-another',
    SORT,
    'The order of messages that are equal by the criteria is the same after a SORT of some of them.',
    async (c) => {
      await c.ok('SORT (FROM) UTF-8 1,3,6')
      same(sorted(await c.ok('SORT (REVERSE FROM) UTF-8 ALL')), BY_SENDER_REVERSED, 'messages')
    },
    OWN,
  ),
  sorts('criteria', 'Only messages that match the search criteria are returned.', 'REVERSE ARRIVAL', [3, 1], 'SEEN'),
  sorts(
    'none',
    'When no message matches, an untagged SORT without numbers is sent.',
    'ARRIVAL',
    [],
    'SUBJECT "not there"',
  ),
  sort('uid', SORT, 'UID SORT tells UIDs.', async (c) => {
    const all = await uids(c)
    same(sorted(await c.ok('UID SORT (REVERSE ARRIVAL) UTF-8 SEEN')), [all[2], all[0]], 'UIDs')
  }),
  sort('us-ascii', SORT, 'The charset US-ASCII is supported.', async (c) =>
    same(sorted(await c.ok('SORT (ARRIVAL) US-ASCII SEEN')), [1, 3], 'messages'),
  ),
  sort('charset-unknown', SORT, 'An unknown charset is answered by NO.', async (c) =>
    c.send('SORT (ARRIVAL) X-NO-SUCH-CHARSET SUBJECT Plain', 'NO'),
  ),
  sort(
    'without-charset',
    '5256 §5',
    'SORT without a charset is answered by BAD.',
    async (c) => c.send('SORT (ARRIVAL) ALL', 'BAD'),
    { level: 'should' },
  ),
  sort('unknown-criterion', '5256 §5', 'An unknown sort criterion is answered by BAD.', async (c) =>
    c.send('SORT (NOSUCHCRITERION) UTF-8 ALL', 'BAD'),
  ),
  sort('no-criteria', '5256 §5', 'SORT with an empty list of criteria is answered by BAD.', async (c) =>
    c.send('SORT () UTF-8 ALL', 'BAD'),
  ),
  sortsMade(
    'date-zone',
    '5256 §2.2',
    'DATE compares instants: the zone of the Date field is taken into account.',
    'DATE',
    [
      dated('Tue, 31 Dec 2019 23:00:00 +0000'),
      dated('Wed, 01 Jan 2020 00:30:00 +0200'),
      dated('Tue, 31 Dec 2019 20:30:00 -0500'),
    ],
    [2, 1, 3],
  ),
  sortsMade(
    'date-absent',
    '5256 §2.2',
    'A message without a Date field is sorted by its internal date.',
    'DATE',
    [
      dated('Wed, 08 Jan 2020 12:00:00 +0000'),
      { header: [], date: '07-Jan-2020 12:00:00 +0000' },
      dated('Mon, 06 Jan 2020 12:00:00 +0000'),
    ],
    [3, 2, 1],
  ),
  sortsMade(
    'subject-any-case',
    '5256 §5.1',
    'Subjects are compared without regard to case.',
    'SUBJECT',
    [subject('b'), subject('C'), subject('A')],
    [3, 1, 2],
  ),
  sortsMade(
    'subject-encoded',
    '5256 §2.1',
    'Encoded words of a subject are decoded first.',
    'SUBJECT',
    [subject('=?utf-8?q?z?='), subject('b')],
    [2, 1],
  ),
  sortsMade(
    'subject-re',
    '5256 §2.1',
    'Re: and Fwd: before a subject are passed over.',
    'SUBJECT',
    [subject('b'), subject('Re: Fwd: a'), subject('c')],
    [2, 1, 3],
  ),
  sortsMade(
    'subject-blob',
    '5256 §2.1',
    'A word in brackets before a subject is passed over.',
    'SUBJECT',
    [subject('b'), subject('[list] a'), subject('c')],
    [2, 1, 3],
  ),
  sortsMade(
    'subject-trailer',
    '5256 §2.1',
    '(fwd) behind a subject is passed over.',
    'SUBJECT',
    [subject('a !'), subject('a (fwd)')],
    [2, 1],
  ),
  sortsMade(
    'subject-forwarded',
    '5256 §2.1',
    '[fwd: …] around a subject is passed over.',
    'SUBJECT',
    [subject('b'), subject('[Fwd: a]'), subject('c')],
    [2, 1, 3],
  ),
  sort(
    'keeps-unseen',
    SORT,
    'SORT sets no \\Seen.',
    async (c) => {
      await c.ok('SORT (SUBJECT) UTF-8 BODY nut')
      same(sorted(await c.ok('SORT (ARRIVAL) UTF-8 SEEN')), [1, 3], 'seen messages')
    },
    OWN,
  ),
  sort(
    'modseq',
    '7162 §3.1.9',
    'SORT with MODSEQ tells the highest mod-sequence at its end.',
    async (c) => {
      const all = fetched(await c.ok('FETCH 1:* (MODSEQ)'))
      const top = Math.max(...[...all.values()].map((one) => Number(items(one.get('MODSEQ'), 'MODSEQ')[0]?.text)))
      const last = single(await c.ok('SORT (ARRIVAL) UTF-8 MODSEQ 1'), 'SORT').values.at(-1)
      same(Number(items(last, '(MODSEQ n)')[1]?.text), top, 'MODSEQ')
    },
    { capabilities: ['CONDSTORE|QRESYNC'] },
  ),
]

const display = topic('sort-display', 'authenticated', 'SORT=DISPLAY')
const named = (from: string): string => `Date: Mon, 06 Jan 2020 12:00:00 +0000\r\nFrom: ${from}`

const displays = (slug: string, requirement: string, program: string, headers: readonly string[], wanted: number[]) =>
  display(slug, '5957 §3', requirement, async (c) => {
    c.mailbox = await freshMailbox(c)
    for (const header of headers) await c.append(c.mailbox, `${header}\r\n\r\ntext\r\n`)
    await c.must(`EXAMINE ${quoted(c.mailbox)}`)
    same(sorted(await c.ok(`SORT (${program}) UTF-8 ALL`)), wanted, 'messages')
  })

export const sortDisplayCases = [
  displays(
    'from',
    'DISPLAYFROM sorts by the display name of the first From address.',
    'DISPLAYFROM',
    [named('Zoe <a@conformance.example>'), named('Ana <z@conformance.example>')],
    [2, 1],
  ),
  displays(
    'from-address',
    'DISPLAYFROM takes the address where there is no display name.',
    'DISPLAYFROM',
    [named('Zoe <a@conformance.example>'), named('mara@conformance.example'), named('Ana <z@conformance.example>')],
    [3, 2, 1],
  ),
  displays(
    'to',
    'DISPLAYTO sorts by the display name of the first To address.',
    'DISPLAYTO',
    [
      `${named('ana@conformance.example')}\r\nTo: Zoe <a@conformance.example>`,
      `${named('ana@conformance.example')}\r\nTo: Ana <z@conformance.example>`,
    ],
    [2, 1],
  ),
]

const esort = topic('esort', 'examined', 'ESORT')
const REVERSED = '(REVERSE ARRIVAL) UTF-8'

export const esortCases = [
  esort('min', '5267 §3.1', 'RETURN (MIN) gives the message that is sorted first.', async (c) =>
    same(extended(await c.ok(`SORT RETURN (MIN) ${REVERSED} ALL`)).data.get('MIN')?.text, '9', 'MIN'),
  ),
  esort('max', '5267 §3.1', 'RETURN (MAX) gives the message that is sorted last.', async (c) =>
    same(extended(await c.ok(`SORT RETURN (MAX) ${REVERSED} ALL`)).data.get('MAX')?.text, '1', 'MAX'),
  ),
  esort('all', '5267 §3.1', 'RETURN (ALL) gives all messages in their order.', async (c) =>
    same(
      expand(extended(await c.ok(`SORT RETURN (ALL) ${REVERSED} ALL`)).data.get('ALL')?.text ?? ''),
      BY_ARRIVAL.toReversed(),
      'ALL',
    ),
  ),
  esort('no-options', '5267 §3.3', 'SORT RETURN () is the same as SORT RETURN (ALL).', async (c) =>
    same(expand(extended(await c.ok(`SORT RETURN () ${REVERSED} SEEN`)).data.get('ALL')?.text ?? ''), [3, 1], 'ALL'),
  ),
  esort('count', '5267 §3.1', 'RETURN (COUNT) gives how many were found.', async (c) =>
    same(extended(await c.ok(`SORT RETURN (COUNT) ${REVERSED} SEEN`)).data.get('COUNT')?.text, '2', 'COUNT'),
  ),
  esort('instead-of-sort', '5267 §3', 'SORT with RETURN gives no untagged SORT.', async (c) =>
    same(untagged(await c.ok(`SORT RETURN (ALL) ${REVERSED} ALL`), 'SORT').length, 0, 'untagged SORT responses'),
  ),
  esort('uid', '5267 §3', 'ESEARCH in answer to UID SORT has the word UID, and UIDs as data.', async (c) => {
    const all = await uids(c)
    const { uid, data } = extended(await c.ok(`UID SORT RETURN (MIN) ${REVERSED} SEEN`))
    same([uid, data.get('MIN')?.text], [true, String(all[2])], 'UID and MIN')
  }),
]

const context = topic('context', 'selected', 'CONTEXT=SEARCH')

/** The changes that ESEARCH responses of a command tell of the search with that tag. */
function changes(result: Result, tag: string): string[] {
  return untagged(result, 'ESEARCH')
    .filter(({ values }) => values[0]?.kind === 'list' && values[0].items[1]?.text === tag)
    .flatMap(({ values }) =>
      values.flatMap(({ text }, i) =>
        /^(ADDTO|REMOVEFROM)$/i.test(text) ? [[text.toUpperCase(), values[i + 1]]] : [],
      ),
    )
    .map(([name, list]) => `${name as string} ${items(list as Value, 'the changes').at(-1)?.text}`)
}

export const contextCases = [
  context('returns', '5267 §4.3', 'SEARCH RETURN (UPDATE COUNT) gives COUNT as without UPDATE.', async (c) =>
    same(extended(await c.ok('SEARCH RETURN (UPDATE COUNT) FLAGGED')).data.get('COUNT')?.text, '1', 'COUNT'),
  ),
  context(
    'addto',
    '5267 §4.3.3',
    'A message that comes to match is told by ADDTO with the tag of the search.',
    async (c) => {
      const { tag } = await c.ok('SEARCH RETURN (UPDATE COUNT) FLAGGED')
      const stored = await c.ok('STORE 4 +FLAGS (\\Flagged)')
      same([...changes(stored, tag), ...changes(await c.ok('NOOP'), tag)], ['ADDTO 4'], 'changes')
    },
    { level: 'should' },
  ),
  context(
    'removefrom',
    '5267 §4.3.4',
    'A message that no longer matches is told by REMOVEFROM.',
    async (c) => {
      const { tag } = await c.ok('SEARCH RETURN (UPDATE COUNT) FLAGGED')
      const stored = await c.ok('STORE 2 -FLAGS (\\Flagged)')
      same([...changes(stored, tag), ...changes(await c.ok('NOOP'), tag)], ['REMOVEFROM 2'], 'changes')
    },
    { level: 'should' },
  ),
  context(
    'new-message',
    '5267 §4.3.3',
    'A new message that matches is told by ADDTO, behind its EXISTS.',
    async (c) => {
      const { tag } = await c.ok('SEARCH RETURN (UPDATE COUNT) UNSEEN')
      const appended = await c.append(c.mailbox, CORPUS[3]!.text)
      const result = await c.ok('NOOP')
      const all = [...appended.untagged, ...result.untagged]
      same([...changes(appended, tag), ...changes(result, tag)], ['ADDTO 10'], 'changes')
      const order = all.map(({ name }) => name)
      check(order.indexOf('EXISTS') < order.indexOf('ESEARCH'), 'EXISTS, then ESEARCH', visible(order.join(', ')))
    },
    { level: 'should' },
  ),
  context(
    'uid',
    '5267 §4.3.2',
    'Changes of a UID SEARCH are told with UIDs, behind the word UID.',
    async (c) => {
      const all = await uids(c)
      const { tag } = await c.ok('UID SEARCH RETURN (UPDATE COUNT) FLAGGED')
      const told = [await c.ok('STORE 4 +FLAGS (\\Flagged)'), await c.ok('NOOP')]
      same(
        told.flatMap((result) => changes(result, tag)),
        [`ADDTO ${all[3]}`],
        'changes',
      )
      for (const { values, raw } of told.flatMap((result) => untagged(result, 'ESEARCH')))
        check(
          values.some(({ kind, text }) => kind === 'atom' && /^UID$/i.test(text)),
          'the word UID in ESEARCH',
          visible(raw),
        )
    },
    { level: 'should' },
  ),
  context('cancelupdate', '5267 §4.3.5', 'After CANCELUPDATE no changes are told.', async (c) => {
    const { tag } = await c.ok('SEARCH RETURN (UPDATE COUNT) FLAGGED')
    await c.ok(`CANCELUPDATE "${tag}"`)
    const stored = await c.ok('STORE 4 +FLAGS (\\Flagged)')
    same([...changes(stored, tag), ...changes(await c.ok('NOOP'), tag)], [], 'changes')
  }),
  context(
    'tag-reused',
    '5267 §4.3',
    'UPDATE with the tag of a search that is kept up to date is answered by BAD.',
    async (c) => {
      await c.line('again', 'SEARCH RETURN (UPDATE COUNT) FLAGGED')
      same((await c.result('again')).status, 'OK', 'answer to the first')
      await c.line('again', 'SEARCH RETURN (UPDATE COUNT) SEEN')
      same((await c.result('again')).status, 'BAD', 'answer to the second')
    },
  ),
  context('hint', '5267 §4.2', 'The return option CONTEXT is accepted.', async (c) =>
    same(extended(await c.ok('SEARCH RETURN (CONTEXT COUNT) SEEN')).data.get('COUNT')?.text, '2', 'COUNT'),
  ),
]

// IMAP: what a SEARCH returns and keeps: ESEARCH, the saved result, WITHIN and PARTIAL.
import { check, visible } from '../judgement.ts'
import { expand, numbers, same, search, topic, uids } from './cases.ts'
import { fetched, type Imap, isNumber, items, type Result, shown, single, untagged, type Value } from './client.ts'
import { CORPUS } from './corpus.ts'

const OWN = { state: 'selected' } as const
const COUNT = CORPUS.length
const NOTHING = 'SUBJECT "not in this mailbox"'

interface Extended {
  readonly tag: string | null
  readonly uid: boolean
  /** MIN, MAX, ALL, COUNT, MODSEQ, PARTIAL … */
  readonly data: ReadonlyMap<string, Value>
}

/** The one ESEARCH response of a command. */
export function extended(result: Result): Extended {
  const { values } = single(result, 'ESEARCH')
  const data = new Map<string, Value>()
  let tag: string | null = null
  let uid = false
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (value.kind === 'list' && i === 0) {
      const [name, text] = items(value, 'the correlator')
      check(/^TAG$/i.test(name?.text ?? ''), '(TAG "…")', shown(value))
      tag = text?.text ?? null
    } else if (/^UID$/i.test(value.text)) uid = true
    else {
      const given = values[++i]
      check(
        given !== undefined,
        `a value of ${value.text} in ESEARCH`,
        visible(values.map(({ text }) => text).join(' ')),
      )
      if (/^(MIN|MAX|COUNT)$/i.test(value.text)) check(isNumber(given), `a number behind ${value.text}`, shown(given))
      data.set(value.text.toUpperCase(), given)
    }
  }
  return { tag, uid, data }
}

export const returned = async (c: Imap, rest: string, command = 'SEARCH'): Promise<Extended> =>
  extended(await c.ok(`${command} RETURN ${rest}`))

const plain = ({ data }: Extended): { [name: string]: string } =>
  Object.fromEntries([...data].map(([name, value]) => [name, value.text]))

const define = topic('esearch', 'examined', 'ESEARCH|IMAP4REV2')
const RFC = '9051 §6.4.4'

/** The options give exactly these data in the corpus. */
const gives = (
  slug: string,
  requirement: string,
  options: string,
  criteria: string,
  wanted: { [name: string]: string },
) =>
  define(slug, RFC, requirement, async (c) =>
    same(plain(await returned(c, `${options} ${criteria}`)), wanted, 'ESEARCH data'),
  )

export const esearchCases = [
  gives('min', 'RETURN (MIN) gives the lowest number found, and nothing else.', '(MIN)', 'UNSEEN', { MIN: '2' }),
  gives('max', 'RETURN (MAX) gives the highest number found, and nothing else.', '(MAX)', 'SEEN', { MAX: '3' }),
  gives('count', 'RETURN (COUNT) gives how many were found, and nothing else.', '(COUNT)', 'UNSEEN', {
    COUNT: String(COUNT - 2),
  }),
  define('all', RFC, 'RETURN (ALL) gives all numbers found as a set.', async (c) => {
    const { data } = await returned(c, '(ALL) OR SEEN FLAGGED')
    same([[...data.keys()], expand(data.get('ALL')?.text ?? '')], [['ALL'], [1, 2, 3]], 'ALL')
  }),
  define('no-options', RFC, 'RETURN () is the same as RETURN (ALL).', async (c) => {
    const { data } = await returned(c, '() SEEN')
    same([[...data.keys()], expand(data.get('ALL')?.text ?? '').sort()], [['ALL'], [1, 3]], 'ALL')
  }),
  define('together', RFC, 'Several options are answered in a single ESEARCH.', async (c) => {
    const { data } = await returned(c, '(MIN MAX COUNT ALL) SEEN')
    same(
      [data.get('MIN')?.text, data.get('MAX')?.text, data.get('COUNT')?.text, expand(data.get('ALL')?.text ?? '')],
      ['1', '3', '2', [1, 3]],
      'MIN, MAX, COUNT and ALL',
    )
  }),
  gives('min-of-none', 'When nothing is found, ESEARCH is sent without MIN.', '(MIN)', NOTHING, {}),
  gives('max-of-none', 'When nothing is found, ESEARCH is sent without MAX.', '(MAX)', NOTHING, {}),
  gives('all-of-none', 'When nothing is found, ESEARCH is sent without ALL.', '(ALL)', NOTHING, {}),
  gives('count-of-none', 'When nothing is found, COUNT is given as 0.', '(COUNT MIN)', NOTHING, { COUNT: '0' }),
  define('tag', '9051 §7.3.4', 'ESEARCH names the tag of the command that it answers.', async (c) => {
    const result = await c.ok('SEARCH RETURN (COUNT) ALL')
    same(extended(result).tag, result.tag, 'TAG')
  }),
  define('instead-of-search', RFC, 'A SEARCH with RETURN gives no untagged SEARCH.', async (c) => {
    const result = await c.ok('SEARCH RETURN (ALL) ALL')
    same(untagged(result, 'SEARCH').length, 0, 'untagged SEARCH responses')
    extended(result)
  }),
  define('uid', '9051 §6.4.9', 'ESEARCH in answer to UID SEARCH has the word UID, and UIDs as data.', async (c) => {
    const all = await uids(c)
    const { uid, data } = await returned(c, '(MIN MAX) ALL', 'UID SEARCH')
    check(uid, 'the word UID', 'none')
    same([data.get('MIN')?.text, data.get('MAX')?.text], [String(all[0]), String(all.at(-1))], 'MIN and MAX')
  }),
  define('no-uid', '9051 §7.3.4', 'ESEARCH in answer to SEARCH does not have the word UID.', async (c) =>
    check(!(await returned(c, '(COUNT) ALL')).uid, 'no word UID', 'UID'),
  ),
  define('unknown-option', RFC, 'An unknown return option is answered by BAD.', async (c) =>
    c.send('SEARCH RETURN (NOSUCHOPTION) ALL', 'BAD'),
  ),
  define(
    'always-in-rev2',
    '9051 §6.4.4',
    'In IMAP4rev2 a SEARCH without RETURN gives ESEARCH with ALL.',
    async (c) => {
      const { data } = extended(await c.ok('SEARCH SEEN'))
      same(expand(data.get('ALL')?.text ?? '').sort(), [1, 3], 'ALL')
    },
    { capabilities: ['IMAP4REV2'] },
  ),
  define(
    'always-in-rev2-none',
    '9051 §6.4.4',
    'In IMAP4rev2 a SEARCH that finds nothing gives ESEARCH without ALL.',
    async (c) => same([...extended(await c.ok(`SEARCH ${NOTHING}`)).data.keys()], [], 'ESEARCH data'),
    { capabilities: ['IMAP4REV2'] },
  ),
]

const saved = topic('searchres', 'selected', 'SEARCHRES|IMAP4REV2')
const SAVED = '9051 §6.4.4.1'

/** The messages that `$` stands for. */
async function dollar(c: Imap): Promise<number[]> {
  return [...fetched(await c.ok('FETCH $ (FLAGS)')).keys()].sort((a, b) => a - b)
}

const keeps = (slug: string, requirement: string, options: string, wanted: readonly number[]) =>
  saved(slug, SAVED, requirement, async (c) => {
    await c.ok(`SEARCH RETURN (${options}) UNSEEN`)
    same(await dollar(c), wanted, 'what $ stands for')
  })

const UNSEEN = [2, 4, 5, 6, 7, 8, 9]

export const searchresCases = [
  keeps('save', 'SAVE keeps what was found: $ stands for it in FETCH.', 'SAVE', UNSEEN),
  saved(
    'alone-says-nothing',
    '9051 §6.4.4',
    'SEARCH RETURN (SAVE) alone gives neither ESEARCH nor SEARCH.',
    async (c) => {
      const result = await c.ok('SEARCH RETURN (SAVE) ALL')
      same([untagged(result, 'ESEARCH').length, untagged(result, 'SEARCH').length], [0, 0], 'responses')
    },
  ),
  saved('uid-fetch', SAVED, '$ of a SEARCH stands for the same messages in UID FETCH.', async (c) => {
    await c.ok('SEARCH RETURN (SAVE) SEEN')
    same([...fetched(await c.ok('UID FETCH $ (FLAGS)')).keys()].sort(), [1, 3], 'messages')
  }),
  saved('from-uid-search', SAVED, '$ of a UID SEARCH stands for the same messages in FETCH.', async (c) => {
    await c.ok('UID SEARCH RETURN (SAVE) SEEN')
    same(await dollar(c), [1, 3], 'messages')
  }),
  saved('store', '9051 §6.4.4', '$ may stand in STORE.', async (c) => {
    await c.ok('SEARCH RETURN (SAVE) SEEN')
    await c.ok('STORE $ +FLAGS.SILENT (\\Flagged)')
    same(await search(c, 'FLAGGED'), [1, 2, 3], 'flagged messages')
  }),
  saved('copy', '9051 §6.4.4', '$ may stand in COPY.', async (c) => {
    await c.ok('SEARCH RETURN (SAVE) SEEN')
    await c.ok(`COPY $ "${c.mailbox}"`)
    await c.ok('NOOP')
    same((await uids(c)).length, COUNT + 2, 'messages')
  }),
  saved('as-key', SAVED, '$ may stand as a key in SEARCH.', async (c) => {
    await c.ok('SEARCH RETURN (SAVE) SEEN')
    same(await search(c, '$ ANSWERED'), [3], 'messages')
  }),
  saved('negated-key', SAVED, 'NOT $ finds the messages that $ does not stand for.', async (c) => {
    await c.ok('SEARCH RETURN (SAVE) SEEN')
    same(await search(c, 'NOT $'), UNSEEN, 'messages')
  }),
  saved('initially-empty', SAVED, 'Once a mailbox is selected, $ is empty: FETCH $ gives OK and no data.', async (c) =>
    same(await dollar(c), [], 'messages'),
  ),
  saved('none-found', SAVED, 'SAVE of a SEARCH that finds nothing makes $ empty.', async (c) => {
    await c.ok('SEARCH RETURN (SAVE) SEEN')
    await c.ok(`SEARCH RETURN (SAVE) ${NOTHING}`)
    same(await dollar(c), [], 'messages')
  }),
  saved('reset-by-select', SAVED, 'SELECT makes $ empty.', async (c) => {
    await c.ok('SEARCH RETURN (SAVE) SEEN')
    await c.select(c.mailbox)
    same(await dollar(c), [], 'messages')
  }),
  saved('kept-by-search', SAVED, 'A SEARCH without SAVE leaves $ as it is.', async (c) => {
    await c.ok('SEARCH RETURN (SAVE) SEEN')
    await c.ok('SEARCH FLAGGED')
    same(await dollar(c), [1, 3], 'messages')
  }),
  saved('kept-by-bad', SAVED, 'A SEARCH that is answered by BAD leaves $ as it is.', async (c) => {
    await c.ok('SEARCH RETURN (SAVE) SEEN')
    await c.send('SEARCH RETURN (SAVE) NOSUCHKEY', 'BAD')
    same(await dollar(c), [1, 3], 'messages')
  }),
  saved('cleared-by-no', SAVED, 'A SEARCH with SAVE that is answered by NO makes $ empty.', async (c) => {
    await c.ok('SEARCH RETURN (SAVE) SEEN')
    const { status } = await c.send('SEARCH RETURN (SAVE) CHARSET X-NO-SUCH-CHARSET SUBJECT Plain')
    same(await dollar(c), status === 'NO' ? [] : [1, 3], 'messages')
  }),
  saved(
    'kept-by-no-without-save',
    SAVED,
    'A SEARCH without SAVE that is answered by NO leaves $ as it is.',
    async (c) => {
      await c.ok('SEARCH RETURN (SAVE) SEEN')
      await c.send('SEARCH CHARSET X-NO-SUCH-CHARSET SUBJECT Plain')
      same(await dollar(c), [1, 3], 'messages')
    },
  ),
  saved('without-expunged', SAVED, 'An expunged message leaves $, and the numbers of the others follow.', async (c) => {
    await c.ok('SEARCH RETURN (SAVE) UNSEEN')
    await c.must('STORE 1,4 +FLAGS.SILENT (\\Deleted)')
    await c.ok('EXPUNGE')
    same(await dollar(c), [1, 3, 4, 5, 6, 7], 'messages')
  }),
  keeps('min', 'With SAVE and MIN alone, $ stands for the lowest message found.', 'SAVE MIN', [2]),
  keeps('max', 'With SAVE and MAX alone, $ stands for the highest message found.', 'SAVE MAX', [9]),
  keeps('min-max', 'With SAVE, MIN and MAX, $ stands for these two messages.', 'SAVE MIN MAX', [2, 9]),
  keeps('all', 'With SAVE and ALL, $ stands for all messages found.', 'SAVE ALL', UNSEEN),
  keeps('count-min', 'With SAVE, COUNT and MIN, $ stands for all messages found.', 'SAVE COUNT MIN', UNSEEN),
  saved('still-returns', SAVED, 'SAVE changes nothing in what the other options return.', async (c) =>
    same(plain(await returned(c, '(SAVE MIN COUNT) UNSEEN')), { MIN: '2', COUNT: '7' }, 'ESEARCH data'),
  ),
  saved('pipelined', '9051 §6.4.4.2', 'A command with $ sent right behind the SEARCH gets its result.', async (c) => {
    const first = await c.start('SEARCH RETURN (SAVE) SEEN')
    const second = await c.start('FETCH $ (FLAGS)')
    same((await c.result(first)).status, 'OK', 'answer to SEARCH')
    const result = await c.result(second)
    same([result.status, [...fetched(result).keys()].sort()], ['OK', [1, 3]], 'answer to FETCH')
  }),
]

const within = topic('within', 'selected', 'WITHIN')
/** Two messages more: one of an hour ago, one of now. */
async function recent(c: Imap): Promise<void> {
  await c.append(c.mailbox, CORPUS[0]!.text, [], dateTime(Date.now() - 3_600_000))
  await c.append(c.mailbox, CORPUS[0]!.text, [], dateTime(Date.now()))
  await c.select(c.mailbox)
}

/** RFC 3501's date-time in UTC. */
export function dateTime(ms: number): string {
  const [, day, month, year, time] = new Date(ms).toUTCString().split(' ')
  return `${day}-${month}-${year} ${time} +0000`
}

export const withinCases = [
  within('younger', '5032 §2', 'YOUNGER n finds messages whose internal date is at most n seconds ago.', async (c) => {
    await recent(c)
    same(
      [await search(c, 'YOUNGER 1800'), await search(c, 'YOUNGER 86400')],
      [[COUNT + 2], [COUNT + 1, COUNT + 2]],
      'of half an hour and of a day',
    )
  }),
  within('older', '5032 §2', 'OLDER n finds messages whose internal date is at least n seconds ago.', async (c) => {
    await recent(c)
    same((await search(c, 'OLDER 1800')).at(-1), COUNT + 1, 'last message')
    same((await search(c, 'OLDER 86400')).at(-1), COUNT, 'last message')
  }),
  within('combined', '5032 §2', 'OLDER and YOUNGER are keys as others are, also with NOT.', async (c) => {
    await recent(c)
    same(await search(c, 'NOT OLDER 86400 OLDER 1800'), [COUNT + 1], 'messages')
  }),
  within('zero', '5032 §3', 'An interval of 0 is answered by BAD.', async (c) => c.send('SEARCH YOUNGER 0', 'BAD'), {
    level: 'should',
  }),
]

const partial = topic('partial', 'examined', 'PARTIAL|CONTEXT=SEARCH')
const signed = topic('partial', 'examined', 'PARTIAL')

/** The range and the numbers of a PARTIAL item; null for NIL. */
function part(result: Result): [range: string, found: number[] | null] {
  const value = extended(result).data.get('PARTIAL')
  const [range, found] = items(value, 'PARTIAL')
  return [range?.text ?? '', found?.kind === 'nil' ? null : expand(found?.text ?? '')]
}

export const partialCases = [
  partial('range', '9394 §3.1', 'PARTIAL n:m gives the n-th to the m-th message found.', async (c) =>
    same(part(await c.ok('SEARCH RETURN (PARTIAL 2:3) UNSEEN')), ['2:3', [4, 5]], 'PARTIAL'),
  ),
  partial('over-the-end', '9394 §3.1', 'A range that goes beyond what was found gives what there is.', async (c) =>
    same(part(await c.ok('SEARCH RETURN (PARTIAL 6:20) UNSEEN')), ['6:20', [8, 9]], 'PARTIAL'),
  ),
  partial('beyond', '9394 §3.1', 'A range wholly beyond what was found gives NIL.', async (c) =>
    same(part(await c.ok('SEARCH RETURN (PARTIAL 100:200) UNSEEN')), ['100:200', null], 'PARTIAL'),
  ),
  partial('uid', '9394 §3.1', 'PARTIAL of UID SEARCH gives UIDs, behind the word UID.', async (c) => {
    const all = await uids(c)
    const result = await c.ok('UID SEARCH RETURN (PARTIAL 1:2) ALL')
    same([extended(result).uid, part(result)[1]], [true, all.slice(0, 2)], 'UID and PARTIAL')
  }),
  partial('with-count', '9394 §3.1', 'COUNT beside PARTIAL counts all that was found.', async (c) => {
    const result = await c.ok('SEARCH RETURN (PARTIAL 1:2 COUNT) UNSEEN')
    same([part(result)[1], extended(result).data.get('COUNT')?.text], [[2, 4], '7'], 'PARTIAL and COUNT')
  }),
  partial(
    'with-all',
    '9394 §3.1',
    'PARTIAL together with ALL is answered by BAD.',
    async (c) => c.send('SEARCH RETURN (PARTIAL 1:2 ALL) UNSEEN', 'BAD'),
    { level: 'should' },
  ),
  signed('from-the-end', '9394 §3.1', 'PARTIAL -1:-n gives the last n messages found.', async (c) => {
    const [range, found] = part(await c.ok('SEARCH RETURN (PARTIAL -1:-3) UNSEEN'))
    same([range, found?.sort()], ['-1:-3', [7, 8, 9]], 'PARTIAL')
  }),
  signed('reversed', '9394 §4', 'A range of PARTIAL means the same with its ends exchanged.', async (c) =>
    same(part(await c.ok('SEARCH RETURN (PARTIAL 3:2) UNSEEN'))[1], [4, 5], 'PARTIAL'),
  ),
  signed(
    'save',
    '9394 §3.2',
    'With SAVE and PARTIAL, $ stands for the messages that PARTIAL gives.',
    async (c) => {
      await c.ok('SEARCH RETURN (SAVE PARTIAL 2:3) UNSEEN')
      same(await dollar(c), [4, 5], 'what $ stands for')
    },
    { capabilities: ['SEARCHRES|IMAP4REV2'], ...OWN },
  ),
  signed(
    'fetch',
    '9394 §3.3',
    'UID FETCH with the PARTIAL modifier gives only that range of the messages.',
    async (c) =>
      same(
        numbers(await c.ok('UID FETCH 1:* (FLAGS) (PARTIAL 2:4)'), 'FETCH').sort(),
        [2, 3, 4],
        'FETCH responses for messages',
      ),
  ),
  signed('fetch-from-the-end', '9394 §3.3', 'UID FETCH with PARTIAL -1:-n gives the last n messages.', async (c) =>
    same(numbers(await c.ok('UID FETCH 1:* (FLAGS) (PARTIAL -1:-2)'), 'FETCH').sort(), [8, 9], 'messages'),
  ),
]

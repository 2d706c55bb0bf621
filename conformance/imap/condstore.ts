// IMAP: mod-sequences (RFC 7162 §3.1) and quick resynchronization (§3.2).
import { check, visible } from '../judgement.ts'
import { expand, flags, item, itemIn, numbers, same, search, topic, uidOf, uids } from './cases.ts'
import {
  codeOf,
  fetched,
  flagsOf,
  type Imap,
  items,
  numberOf,
  quoted,
  type Result,
  untagged,
  type Value,
} from './client.ts'
import { CORPUS } from './corpus.ts'
import { extended } from './search-results.ts'
import { again, alongside, freshMailbox } from './suite.ts'

const COUNT = CORPUS.length
const TEXT = CORPUS[3]!.text

const define = topic('condstore', 'selected', 'CONDSTORE|QRESYNC')

/** MODSEQ of a FETCH: a list of one positive 63-bit number. */
function modSeqOf(value: Value | undefined): bigint {
  const [one, ...more] = items(value, 'MODSEQ')
  check(more.length === 0 && /^[1-9]\d*$/.test(one?.text ?? ''), 'one number in MODSEQ', value?.text ?? 'nothing')
  return BigInt(one!.text)
}

const modSeq = async (c: Imap, n: number): Promise<bigint> => modSeqOf(await item(c, n, 'MODSEQ'))

const told = (result: Result, n: number): bigint => modSeqOf(itemIn(fetched(result), n, 'MODSEQ'))

function highest(result: Result): bigint {
  const code = codeOf(result, 'HIGHESTMODSEQ')
  check(
    code !== null && /^[1-9]\d*$/.test(code.text),
    'the code HIGHESTMODSEQ with a number',
    visible(code?.text ?? 'none'),
  )
  return BigInt(code.text)
}

const modified = (result: Result): number[] => (result.code?.name === 'MODIFIED' ? expand(result.code.text) : [])

const reselect = (c: Imap): Promise<Result> => c.must(`SELECT ${quoted(c.mailbox)} (CONDSTORE)`)

const statusOf = async (c: Imap, mailbox: string): Promise<bigint> => {
  const result = await c.ok(`STATUS ${quoted(mailbox)} (HIGHESTMODSEQ)`)
  const raw = untagged(result, 'STATUS')[0]?.raw ?? ''
  const match = /HIGHESTMODSEQ (\d+)/i.exec(raw)
  check(match !== null, 'HIGHESTMODSEQ in STATUS', visible(raw))
  return BigInt(match[1]!)
}

export const condstoreCases = [
  define('highestmodseq', '7162 §3.1.2.1', 'SELECT (CONDSTORE) tells HIGHESTMODSEQ in an untagged OK.', async (c) => {
    const result = await reselect(c)
    highest(result)
    check(result.code?.name !== 'HIGHESTMODSEQ', 'the code in an untagged OK', visible(result.raw))
  }),
  define('examine', '7162 §3.1.8', 'EXAMINE takes the parameter CONDSTORE too, and tells HIGHESTMODSEQ.', async (c) =>
    highest(await c.ok(`EXAMINE ${quoted(c.mailbox)} (CONDSTORE)`)),
  ),
  define('highest-of-all', '7162 §3.1.2.1', 'No message has a mod-sequence above HIGHESTMODSEQ.', async (c) => {
    const top = highest(await reselect(c))
    const all = fetched(await c.ok('FETCH 1:* (MODSEQ)'))
    for (let n = 1; n <= COUNT; n++) {
      const one = modSeqOf(itemIn(all, n, 'MODSEQ'))
      check(one <= top, `mod-sequences up to ${top}`, `${one} of message ${n}`)
    }
  }),
  define('fetch', '7162 §3.1.4.2', 'FETCH MODSEQ gives a number from 1 to 2^63 - 1 in parentheses.', async (c) =>
    check((await modSeq(c, 1)) < 2n ** 63n, 'less than 2^63', 'more'),
  ),
  define('store-raises', '7162 §3.1', 'A changed flag raises the mod-sequence of the message.', async (c) => {
    const before = await modSeq(c, 4)
    await c.ok('STORE 4 +FLAGS (\\Flagged)')
    const after = await modSeq(c, 4)
    check(after > before, `a mod-sequence above ${before}`, String(after))
  }),
  define(
    'store-leaves-others',
    '7162 §3.1',
    'A changed flag leaves the mod-sequences of other messages.',
    async (c) => {
      const before = await modSeq(c, 5)
      await c.ok('STORE 4 +FLAGS (\\Flagged)')
      same(String(await modSeq(c, 5)), String(before), 'mod-sequence of message 5')
    },
  ),
  define(
    'ascending',
    '7162 §3.1',
    'Of two STOREs in a session, the second gives the higher mod-sequence.',
    async (c) => {
      await reselect(c)
      await c.ok('STORE 4 +FLAGS (\\Flagged)')
      await c.ok('STORE 5 +FLAGS (\\Flagged)')
      const [first, second] = [await modSeq(c, 4), await modSeq(c, 5)]
      check(second > first, `a mod-sequence above ${first}`, String(second))
    },
  ),
  define(
    'unchanged-flag',
    '7162 §3.1.11',
    'Adding a flag that is set already does not change the mod-sequence.',
    async (c) => {
      const before = await modSeq(c, 1)
      await c.ok('STORE 1 +FLAGS (\\Seen)')
      same(String(await modSeq(c, 1)), String(before), 'mod-sequence')
    },
    { level: 'should' },
  ),
  define('append-is-highest', '7162 §3.1', 'A new message has a mod-sequence above those of all others.', async (c) => {
    const top = highest(await reselect(c))
    await c.append(c.mailbox, TEXT)
    await c.must('NOOP')
    const one = await modSeq(c, COUNT + 1)
    check(one > top, `a mod-sequence above ${top}`, String(one))
  }),
  define('seen-by-fetch', '7162 §3.1', '\\Seen set by FETCH raises the mod-sequence.', async (c) => {
    const before = await modSeq(c, 4)
    await c.ok('FETCH 4 (BODY[TEXT])')
    const after = await modSeq(c, 4)
    check(after > before, `a mod-sequence above ${before}`, String(after))
  }),
  define('status', '7162 §3.1.7', 'STATUS gives the HIGHESTMODSEQ that SELECT gives.', async (c) => {
    const top = highest(await reselect(c))
    await c.must('CLOSE')
    same(String(await statusOf(c, c.mailbox)), String(top), 'HIGHESTMODSEQ')
  }),
  define('status-rises', '7162 §3.1.7', 'HIGHESTMODSEQ of STATUS is higher after a change.', async (c) => {
    const top = highest(await reselect(c))
    await c.ok('STORE 4 +FLAGS (\\Flagged)')
    await c.must('CLOSE')
    const now = await statusOf(c, c.mailbox)
    check(now > top, `HIGHESTMODSEQ above ${top}`, String(now))
  }),
  define(
    'store-tells',
    '7162 §3.1',
    'Once a mailbox is selected with CONDSTORE, the FETCH responses of STORE have MODSEQ.',
    async (c) => {
      await reselect(c)
      told(await c.ok('STORE 4 +FLAGS (\\Flagged)'), 4)
    },
  ),
  define(
    'unasked-tells',
    '7162 §3.1',
    'Once a mailbox is selected with CONDSTORE, changes of other sessions come with MODSEQ.',
    async (c) => {
      await reselect(c)
      const other = await alongside(c)
      await other.must('STORE 4 +FLAGS.SILENT (\\Flagged)')
      for (const [n, all] of fetched(await c.ok('NOOP')))
        check(all.has('MODSEQ'), `MODSEQ in FETCH of message ${n}`, [...all.keys()].join(', '))
    },
  ),
  define(
    'enable',
    '7162 §3.1',
    'After ENABLE CONDSTORE, the FETCH responses of STORE have MODSEQ.',
    async (c) => {
      await c.must('ENABLE CONDSTORE')
      told(await c.ok('STORE 4 +FLAGS (\\Flagged)'), 4)
    },
    { capabilities: ['CONDSTORE', 'ENABLE|IMAP4REV2'] },
  ),
  define('fetch-enables', '7162 §3.1', 'After FETCH MODSEQ, the FETCH responses of STORE have MODSEQ.', async (c) => {
    await c.ok('FETCH 1 (MODSEQ)')
    told(await c.ok('STORE 4 +FLAGS (\\Flagged)'), 4)
  }),
  define(
    'status-enables',
    '7162 §3.1',
    'After STATUS (HIGHESTMODSEQ), the FETCH responses of STORE have MODSEQ.',
    async (c) => {
      await statusOf(c, await freshMailbox(c))
      told(await c.ok('STORE 4 +FLAGS (\\Flagged)'), 4)
    },
  ),
  define(
    'first-enabling-tells',
    '7162 §3.1',
    'The first CONDSTORE enabling command with a mailbox selected tells its HIGHESTMODSEQ, unless SELECT has.',
    async (c) => {
      const known = codeOf(c.selected!, 'HIGHESTMODSEQ') !== null
      const result = await c.ok('FETCH 1 (MODSEQ)')
      check(known || codeOf(result, 'HIGHESTMODSEQ') !== null, 'the code HIGHESTMODSEQ', visible(result.raw))
    },
  ),
  define(
    'silent-tells',
    '7162 §3.1.3',
    'STORE .SILENT with UNCHANGEDSINCE tells the new MODSEQ by FETCH.',
    async (c) => {
      const top = highest(await reselect(c))
      const now = told(await c.ok(`STORE 4 (UNCHANGEDSINCE ${top}) +FLAGS.SILENT (\\Flagged)`), 4)
      same(String(await modSeq(c, 4)), String(now), 'MODSEQ')
    },
  ),
  define(
    'unchangedsince',
    '7162 §3.1.3',
    'STORE with UNCHANGEDSINCE changes messages with a mod-sequence up to that.',
    async (c) => {
      const one = await modSeq(c, 4)
      const result = await c.ok(`STORE 4 (UNCHANGEDSINCE ${one}) +FLAGS (\\Flagged)`)
      same([modified(result), await flags(c, 4)], [[], ['\\flagged']], 'MODIFIED and the flags')
    },
  ),
  define(
    'unchangedsince-older',
    '7162 §3.1.3',
    'STORE with UNCHANGEDSINCE leaves messages with a higher mod-sequence.',
    async (c) => {
      const before = await modSeq(c, 4)
      const other = await alongside(c)
      await other.must('STORE 4 +FLAGS (\\Flagged)')
      await c.must('NOOP')
      await c.send(`STORE 4 (UNCHANGEDSINCE ${before}) FLAGS (\\Draft)`, 'OK', 'NO')
      same(await flags(c, 4), ['\\flagged'], 'flags')
    },
  ),
  define('modified', '7162 §3.1.3', 'Messages that failed UNCHANGEDSINCE are told by the code MODIFIED.', async (c) => {
    const before = highest(await reselect(c))
    const other = await alongside(c)
    await other.must('STORE 4,6 +FLAGS (\\Flagged)')
    await c.must('NOOP')
    const result = await c.send(`STORE 3:7 (UNCHANGEDSINCE ${before}) FLAGS (\\Answered)`, 'OK', 'NO')
    same(modified(result).sort(), [4, 6], 'MODIFIED')
    same(await flags(c, 5), ['\\answered'], 'flags of message 5')
  }),
  define('modified-uid', '7162 §3.1.3', 'MODIFIED in answer to UID STORE names UIDs.', async (c) => {
    await c.must('STORE 1 +FLAGS.SILENT (\\Deleted)')
    await c.must('EXPUNGE')
    const before = highest(await reselect(c))
    const uid = await uidOf(c, 4)
    const other = await alongside(c)
    await other.must('STORE 4 +FLAGS (\\Answered)')
    await c.must('NOOP')
    const result = await c.send(`UID STORE ${uid} (UNCHANGEDSINCE ${before}) FLAGS (\\Flagged)`, 'OK', 'NO')
    same(modified(result), [uid], 'MODIFIED')
  }),
  define('unchangedsince-zero', '7162 §3.1.3', 'UNCHANGEDSINCE 0 fails for a system flag.', async (c) => {
    const result = await c.send('STORE 4 (UNCHANGEDSINCE 0) FLAGS (\\Flagged)', 'OK', 'NO')
    same([modified(result), await flags(c, 4)], [[4], []], 'MODIFIED and the flags')
  }),
  define(
    'named-twice',
    '7162 §3.1.3',
    'A message named twice in a conditional STORE does not fail for its own change.',
    async (c) => {
      const top = highest(await reselect(c))
      const result = await c.ok(`STORE 4,3:5 (UNCHANGEDSINCE ${top}) +FLAGS.SILENT (\\Flagged)`)
      same(modified(result), [], 'MODIFIED')
    },
  ),
  define(
    'changedsince',
    '7162 §3.1.4.1',
    'FETCH (CHANGEDSINCE) gives only messages with a higher mod-sequence.',
    async (c) => {
      const top = highest(await reselect(c))
      await c.ok('STORE 4,6 +FLAGS (\\Flagged)')
      same(numbers(await c.ok(`FETCH 1:* (FLAGS) (CHANGEDSINCE ${top})`), 'FETCH').sort(), [4, 6], 'messages')
    },
  ),
  define(
    'changedsince-has-modseq',
    '7162 §3.1.4.1',
    'FETCH (CHANGEDSINCE) gives MODSEQ, though it was not asked for.',
    async (c) => {
      const top = highest(await reselect(c))
      await c.ok('STORE 4 +FLAGS (\\Flagged)')
      told(await c.ok(`UID FETCH 1:* (FLAGS) (CHANGEDSINCE ${top})`), 4)
    },
  ),
  define(
    'changedsince-none',
    '7162 §3.1.4.1',
    'FETCH (CHANGEDSINCE) of the highest mod-sequence gives nothing.',
    async (c) => {
      const top = highest(await reselect(c))
      same(numbers(await c.ok(`FETCH 1:* (FLAGS) (CHANGEDSINCE ${top})`), 'FETCH'), [], 'messages')
    },
  ),
  define('search', '7162 §3.1.5', 'SEARCH MODSEQ n finds messages with a mod-sequence of n or more.', async (c) => {
    await reselect(c)
    await c.ok('STORE 4 +FLAGS (\\Flagged)')
    const one = await modSeq(c, 4)
    same([await search(c, `MODSEQ ${one}`), await search(c, `MODSEQ ${one + 1n}`)], [[4], []], 'messages')
  }),
  define(
    'search-tells',
    '7162 §3.1.5',
    'A SEARCH with MODSEQ that finds something tells the highest mod-sequence of it.',
    async (c) => {
      await reselect(c)
      await c.ok('STORE 4 +FLAGS (\\Flagged)')
      const result = await c.ok('SEARCH MODSEQ 1')
      const list = untagged(result, 'SEARCH')[0]?.values.at(-1)
      const value = list?.kind === 'list' ? items(list, '(MODSEQ n)')[1]?.text : undefined
      const found =
        value ?? (untagged(result, 'ESEARCH').length > 0 ? extended(result).data.get('MODSEQ')?.text : undefined)
      same(found, String(await modSeq(c, 4)), 'MODSEQ')
    },
  ),
  define('search-none', '7162 §3.1.6', 'A SEARCH with MODSEQ that finds nothing tells no mod-sequence.', async (c) => {
    const top = highest(await reselect(c))
    const result = await c.ok(`SEARCH MODSEQ ${top + 1000n}`)
    check(!/MODSEQ/i.test(result.untagged.map(({ raw }) => raw).join(' ')), 'no MODSEQ', 'MODSEQ')
  }),
  define('search-entry', '7162 §3.1.5', 'SEARCH MODSEQ may name a flag and its kind.', async (c) => {
    await reselect(c)
    await c.ok('STORE 4 +FLAGS (\\Flagged)')
    same(await search(c, `MODSEQ "/flags/\\\\Flagged" all ${await modSeq(c, 4)}`), [4], 'messages')
  }),
  define(
    'esearch-min',
    '4731 §3.2',
    'ESEARCH of MIN with MODSEQ tells the mod-sequence of that message.',
    async (c) => {
      await reselect(c)
      await c.ok('STORE 6 +FLAGS (\\Flagged)')
      const { data } = extended(await c.ok('SEARCH RETURN (MIN) MODSEQ 1'))
      same([data.get('MIN')?.text, data.get('MODSEQ')?.text], ['1', String(await modSeq(c, 1))], 'MIN and MODSEQ')
    },
    { capabilities: ['ESEARCH|IMAP4REV2'] },
  ),
  define(
    'esearch-all',
    '4731 §3.2',
    'ESEARCH of ALL with MODSEQ tells the highest mod-sequence of the messages found.',
    async (c) => {
      await reselect(c)
      await c.ok('STORE 6 +FLAGS (\\Flagged)')
      const { data } = extended(await c.ok('SEARCH RETURN (ALL) MODSEQ 1'))
      same(data.get('MODSEQ')?.text, String(await modSeq(c, 6)), 'MODSEQ')
    },
    { capabilities: ['ESEARCH|IMAP4REV2'] },
  ),
  define(
    'closed',
    '7162 §3.2.11',
    'Selecting another mailbox tells CLOSED between the responses of the two.',
    async (c) => {
      const result = await c.ok(`SELECT ${quoted(await freshMailbox(c))}`)
      const order = result.untagged.map(({ name, code }) => code?.name ?? name)
      const closed = order.indexOf('CLOSED')
      check(closed >= 0 && closed < order.indexOf('EXISTS'), 'CLOSED before EXISTS', order.join(', '))
    },
  ),
  define('kept', '7162 §3.1', 'Mod-sequences are the same in a later session.', async (c) => {
    const before = String(await modSeq(c, 4))
    await c.must('CLOSE')
    const other = await again(c)
    await other.must(`SELECT ${quoted(c.mailbox)} (CONDSTORE)`)
    same(String(await modSeq(other, 4)), before, 'mod-sequence')
  }),
]

const resync = topic('qresync', 'selected', 'QRESYNC')

const enable = (c: Imap): Promise<Result> => c.must('ENABLE QRESYNC')

/** The UIDs of VANISHED responses, and how many of them had (EARLIER). */
function vanished(result: Result): { uids: number[]; earlier: number } {
  const all = untagged(result, 'VANISHED')
  const found = all.flatMap(({ values }) => expand(values.at(-1)?.text ?? ''))
  const earlier = all.filter(({ values }) => values[0]?.kind === 'list' && /^\(EARLIER\)$/i.test(values[0].text)).length
  return { uids: found.sort((a, b) => a - b), earlier }
}

interface Known {
  readonly validity: string
  readonly modSeq: bigint
  readonly uids: readonly number[]
}

/** What a client knows of the mailbox as it is now. */
async function know(c: Imap): Promise<Known> {
  const selected = await c.must(`SELECT ${quoted(c.mailbox)} (CONDSTORE)`)
  return { validity: codeOf(selected, 'UIDVALIDITY')!.text, modSeq: highest(selected), uids: await uids(c) }
}

/** Another session flags message 4 and removes messages 2 and 6. */
async function changeElsewhere(c: Imap): Promise<void> {
  const other = await alongside(c)
  await other.must('STORE 4 +FLAGS (\\Flagged)')
  await other.must('STORE 2,6 +FLAGS.SILENT (\\Deleted)')
  await other.must('EXPUNGE')
}

const quick = (c: Imap, { validity, modSeq: known }: Known, more = ''): Promise<Result> =>
  c.ok(`SELECT ${quoted(c.mailbox)} (QRESYNC (${validity} ${known}${more}))`)

export const qresyncCases = [
  resync('enable', '7162 §3.2.3', 'ENABLE QRESYNC is answered by ENABLED with QRESYNC.', async (c) => {
    const result = await c.ok('ENABLE QRESYNC')
    const words = untagged(result, 'ENABLED').flatMap(({ values }) => values.map(({ text }) => text.toUpperCase()))
    check(words.includes('QRESYNC'), 'ENABLED QRESYNC', words.join(' ') || 'no ENABLED')
  }),
  resync('enable-both', '7162 §3.2.3', 'ENABLE QRESYNC CONDSTORE is supported.', async (c) => {
    await c.ok('ENABLE QRESYNC CONDSTORE')
    check(c.enabled.has('QRESYNC'), 'ENABLED with QRESYNC', [...c.enabled].join(' '))
  }),
  resync(
    'select-unenabled',
    '7162 §3.2.5',
    'SELECT with QRESYNC before ENABLE QRESYNC is answered by BAD.',
    async (c) => c.send(`SELECT ${quoted(c.mailbox)} (QRESYNC (1 1))`, 'BAD'),
  ),
  resync(
    'fetch-unenabled',
    '7162 §3.2.6',
    'UID FETCH with VANISHED before ENABLE QRESYNC is answered by BAD.',
    async (c) => c.send('UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)', 'BAD'),
  ),
  resync(
    'select-malformed',
    '7162 §3.2.5',
    'SELECT with QRESYNC without a mod-sequence is answered by BAD.',
    async (c) => {
      await enable(c)
      await c.send(`SELECT ${quoted(c.mailbox)} (QRESYNC (1))`, 'BAD')
    },
  ),
  resync(
    'expunge',
    '7162 §3.2.7',
    'After ENABLE QRESYNC, EXPUNGE tells VANISHED with UIDs, not EXPUNGE.',
    async (c) => {
      await enable(c)
      const before = await uids(c)
      await c.must('STORE 2,4 +FLAGS.SILENT (\\Deleted)')
      const result = await c.ok('EXPUNGE')
      same(
        [vanished(result), numbers(result, 'EXPUNGE')],
        [{ uids: [before[1], before[3]], earlier: 0 }, []],
        'VANISHED and EXPUNGE',
      )
    },
  ),
  resync(
    'expunge-highestmodseq',
    '7162 §3.2.7',
    'EXPUNGE that has removed messages is answered by OK with HIGHESTMODSEQ.',
    async (c) => {
      await enable(c)
      await c.must('STORE 2 +FLAGS.SILENT (\\Deleted)')
      const before = await modSeq(c, 2)
      const { code, raw } = await c.ok('EXPUNGE')
      check(code?.name === 'HIGHESTMODSEQ', 'the code HIGHESTMODSEQ', visible(raw))
      check(BigInt(code.text) > before, `a number above ${before}`, code.text)
    },
  ),
  resync(
    'uid-expunge',
    '7162 §3.2.9',
    'UID EXPUNGE tells VANISHED and HIGHESTMODSEQ too.',
    async (c) => {
      await enable(c)
      const uid = await uidOf(c, 2)
      await c.must('STORE 2 +FLAGS.SILENT (\\Deleted)')
      const result = await c.ok(`UID EXPUNGE ${uid}`)
      same([vanished(result).uids, result.code?.name], [[uid], 'HIGHESTMODSEQ'], 'VANISHED and the code')
    },
    { capabilities: ['UIDPLUS|IMAP4REV2'] },
  ),
  resync(
    'close-without',
    '7162 §3.2.8',
    'CLOSE is answered without HIGHESTMODSEQ, and tells no VANISHED.',
    async (c) => {
      await enable(c)
      await c.must('STORE 2 +FLAGS.SILENT (\\Deleted)')
      const result = await c.ok('CLOSE')
      same([codeOf(result, 'HIGHESTMODSEQ'), untagged(result, 'VANISHED').length], [null, 0], 'code and VANISHED')
    },
  ),
  resync(
    'other-session',
    '7162 §3.2.10',
    'A message that another session has removed is told by VANISHED.',
    async (c) => {
      await enable(c)
      const uid = await uidOf(c, 3)
      const other = await alongside(c)
      await other.must('STORE 3 +FLAGS.SILENT (\\Deleted)')
      await other.must('EXPUNGE')
      const result = await c.ok('NOOP')
      same([vanished(result), numbers(result, 'EXPUNGE')], [{ uids: [uid], earlier: 0 }, []], 'VANISHED and EXPUNGE')
    },
  ),
  resync('not-in-fetch', '7162 §3.2.10.2', 'No VANISHED is sent in answer to FETCH.', async (c) => {
    await enable(c)
    const other = await alongside(c)
    await other.must('STORE 3 +FLAGS.SILENT (\\Deleted)')
    await other.must('EXPUNGE')
    same(untagged(await c.send('FETCH 1 (FLAGS)', 'OK', 'NO'), 'VANISHED').length, 0, 'VANISHED responses')
  }),
  resync(
    'unasked-has-uid',
    '7162 §3.2.4',
    'After ENABLE QRESYNC, FETCH responses of STORE have UID and MODSEQ.',
    async (c) => {
      await enable(c)
      const all = fetched(await c.ok('STORE 4 +FLAGS (\\Flagged)'))
      numberOf(itemIn(all, 4, 'UID'), 'UID')
      modSeqOf(itemIn(all, 4, 'MODSEQ'))
    },
  ),
  resync(
    'select-vanished',
    '7162 §3.2.5.1',
    'SELECT with QRESYNC tells what was removed since by VANISHED (EARLIER).',
    async (c) => {
      await enable(c)
      const known = await know(c)
      await changeElsewhere(c)
      const { uids: gone, earlier } = vanished(await quick(c, known))
      same([gone, earlier > 0], [[known.uids[1], known.uids[5]], true], 'UIDs and (EARLIER)')
    },
  ),
  resync(
    'select-flags',
    '7162 §3.2.5.1',
    'SELECT with QRESYNC tells changed flags by FETCH with UID and MODSEQ.',
    async (c) => {
      await enable(c)
      const known = await know(c)
      await changeElsewhere(c)
      const told = [...fetched(await quick(c, known)).values()]
      same(
        told.map((all) => Number(all.get('UID')?.text)),
        [known.uids[3]],
        'UIDs',
      )
      check(flagsOf(told[0]?.get('FLAGS')).includes('\\flagged'), '\\Flagged', told[0]?.get('FLAGS')?.text ?? 'none')
      modSeqOf(told[0]?.get('MODSEQ'))
    },
  ),
  resync('select-order', '7162 §3.2.6', 'VANISHED (EARLIER) comes before the FETCH responses.', async (c) => {
    await enable(c)
    const known = await know(c)
    await changeElsewhere(c)
    const order = (await quick(c, known)).untagged.map(({ name }) => name)
    const [gone, first] = [order.lastIndexOf('VANISHED'), order.indexOf('FETCH')]
    check(gone >= 0 && gone < first, 'VANISHED, then FETCH', order.join(', '))
  }),
  resync(
    'select-known-uids',
    '7162 §3.2.5.1',
    'With a list of known UIDs, only these are told of.',
    async (c) => {
      await enable(c)
      const known = await know(c)
      await changeElsewhere(c)
      const { uids: gone } = vanished(await quick(c, known, ` ${known.uids[4]}:${known.uids[8]}`))
      same(gone, [known.uids[5]], 'UIDs')
    },
    { level: 'should' },
  ),
  resync(
    'select-other-validity',
    '7162 §3.2.5',
    'With another UIDVALIDITY, SELECT with QRESYNC tells no changes.',
    async (c) => {
      await enable(c)
      const known = await know(c)
      await changeElsewhere(c)
      const result = await quick(c, { ...known, validity: String(Number(known.validity) + 1) })
      same([untagged(result, 'VANISHED').length, untagged(result, 'FETCH').length], [0, 0], 'VANISHED and FETCH')
    },
  ),
  resync(
    'select-unchanged',
    '7162 §3.2.5.1',
    'When nothing has changed, SELECT with QRESYNC tells no changes.',
    async (c) => {
      await enable(c)
      const result = await quick(c, await know(c))
      same([vanished(result).uids, untagged(result, 'FETCH').length], [[], 0], 'VANISHED and FETCH')
    },
  ),
  resync(
    'select-tells-all',
    '7162 §3.2.5',
    'SELECT with QRESYNC tells EXISTS, FLAGS, UIDVALIDITY and UIDNEXT as ever.',
    async (c) => {
      await enable(c)
      const result = await quick(c, await know(c))
      same([numbers(result, 'EXISTS'), untagged(result, 'FLAGS').length], [[COUNT], 1], 'EXISTS and FLAGS')
      for (const name of ['UIDVALIDITY', 'UIDNEXT']) check(codeOf(result, name) !== null, `the code ${name}`, 'none')
    },
  ),
  resync(
    'fetch-vanished',
    '7162 §3.2.6',
    'UID FETCH (CHANGEDSINCE VANISHED) tells removed UIDs by VANISHED (EARLIER).',
    async (c) => {
      await enable(c)
      const known = await know(c)
      await changeElsewhere(c)
      await c.must('NOOP')
      const result = await c.ok(`UID FETCH 1:${known.uids.at(-1)} (FLAGS) (CHANGEDSINCE ${known.modSeq} VANISHED)`)
      same(
        vanished(result),
        { uids: [known.uids[1], known.uids[5]], earlier: untagged(result, 'VANISHED').length },
        'VANISHED',
      )
      same(numbers(result, 'FETCH'), [3], 'FETCH')
    },
  ),
  resync(
    'fetch-vanished-alone',
    '7162 §3.2.6',
    'UID FETCH with VANISHED but without CHANGEDSINCE is answered by BAD.',
    async (c) => {
      await enable(c)
      await c.send('UID FETCH 1:* (FLAGS) (VANISHED)', 'BAD')
    },
  ),
  resync(
    'fetch-vanished-numbers',
    '7162 §3.2.6',
    'FETCH by message numbers with VANISHED is answered by BAD.',
    async (c) => {
      await enable(c)
      await c.send('FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)', 'BAD')
    },
  ),
  resync(
    'move',
    '7162 §3.2.10',
    'MOVE tells the messages that it took out by VANISHED.',
    async (c) => {
      await enable(c)
      const uid = await uidOf(c, 2)
      const result = await c.ok(`MOVE 2 ${quoted(await freshMailbox(c))}`)
      same([vanished(result).uids, numbers(result, 'EXPUNGE')], [[uid], []], 'VANISHED and EXPUNGE')
    },
    { capabilities: ['MOVE|IMAP4REV2'] },
  ),
  resync('expunge-raises', '7162 §3.2', 'Removing messages raises HIGHESTMODSEQ of the mailbox.', async (c) => {
    await c.must('STORE 2 +FLAGS.SILENT (\\Deleted)')
    const before = highest(await reselect(c))
    await c.must('EXPUNGE')
    const after = highest(await reselect(c))
    check(after > before, `HIGHESTMODSEQ above ${before}`, String(after))
  }),
]

// IMAP: mod-sequences (RFC 7162 §3.1).
import { check, visible } from '../judgement.ts'
import { expand, flags, item, itemIn, numbers, same, search, topic, uidOf } from './cases.ts'
import { codeOf, fetched, type Imap, items, quoted, type Result, untagged, type Value } from './client.ts'
import { CORPUS } from './corpus.ts'
import { extended } from './search-results.ts'
import { again, alongside, freshMailbox } from './suite.ts'

const COUNT = CORPUS.length
const TEXT = CORPUS[3]!.text

const define = topic('condstore', 'selected', 'CONDSTORE|QRESYNC')

/** MODSEQ of a FETCH: a list of one positive 63-bit number. */
export function modSeqOf(value: Value | undefined): bigint {
  const [one, ...more] = items(value, 'MODSEQ')
  check(more.length === 0 && /^[1-9]\d*$/.test(one?.text ?? ''), 'one number in MODSEQ', value?.text ?? 'nothing')
  return BigInt(one!.text)
}

export const modSeq = async (c: Imap, n: number): Promise<bigint> => modSeqOf(await item(c, n, 'MODSEQ'))

const told = (result: Result, n: number): bigint => modSeqOf(itemIn(fetched(result), n, 'MODSEQ'))

export function highest(result: Result): bigint {
  const code = codeOf(result, 'HIGHESTMODSEQ')
  check(
    code !== null && /^[1-9]\d*$/.test(code.text),
    'the code HIGHESTMODSEQ with a number',
    visible(code?.text ?? 'none'),
  )
  return BigInt(code.text)
}

const modified = (result: Result): number[] => (result.code?.name === 'MODIFIED' ? expand(result.code.text) : [])

export const reselect = (c: Imap): Promise<Result> => c.must(`SELECT ${quoted(c.mailbox)} (CONDSTORE)`)

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

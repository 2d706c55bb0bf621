// IMAP: quick resynchronization (RFC 7162 §3.2).
import { check, visible } from '../judgement.ts'
import { expand, itemIn, numbers, same, topic, uidOf, uids } from './cases.ts'
import { codeOf, fetched, flagsOf, type Imap, numberOf, quoted, type Result, untagged } from './client.ts'
import { highest, modSeq, modSeqOf, reselect } from './condstore.ts'
import { CORPUS } from './corpus.ts'
import { alongside, freshMailbox } from './suite.ts'

const COUNT = CORPUS.length

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

/** What is told of UIDs that the client knew; of those before them a server need not keep what became (RFC 7162 §5). */
const amongKnown = (gone: readonly number[], { uids: known }: Known): number[] =>
  gone.filter((uid) => uid >= (known[0] ?? 0))

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
      same([amongKnown(gone, known), earlier > 0], [[known.uids[1], known.uids[5]], true], 'UIDs and (EARLIER)')
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
      const known = await know(c)
      const result = await quick(c, known)
      same([amongKnown(vanished(result).uids, known), untagged(result, 'FETCH').length], [[], 0], 'VANISHED and FETCH')
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
      const result = await c.ok(
        `UID FETCH ${known.uids[0]}:${known.uids.at(-1)} (FLAGS) (CHANGEDSINCE ${known.modSeq} VANISHED)`,
      )
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

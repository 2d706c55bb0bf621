// IMAP: what sessions learn of changes: EXISTS, EXPUNGE and FETCH unasked, \Recent, and the rules of UIDs.
import { check, Skipped, visible } from '../judgement.ts'
import { flags, itemIn, numbers, same, search, topic, uids } from './cases.ts'
import { codeOf, fetched, flagsOf, type Imap, quoted, type Result, single, untagged } from './client.ts'
import { CORPUS } from './corpus.ts'
import { again, alongside, freshMailbox } from './suite.ts'

const COUNT = CORPUS.length
const TEXT = CORPUS[3]!.text

const updates = topic('updates', 'selected')

/** Names of the untagged responses of a command, numbers before them. */
const names = ({ untagged: all }: Result): string[] => all.map(({ name, number }) => `${number ?? ''} ${name}`.trim())

/** Another session removes a message. */
async function removedElsewhere(c: Imap, number: number): Promise<void> {
  const other = await alongside(c)
  await other.must(`STORE ${number} +FLAGS.SILENT (\\Deleted)`)
  await other.must('EXPUNGE')
}

/** EXPUNGE must not come while that command is answered, but with the NOOP after it. */
const notDuring = (slug: string, rfc: string, command: string) =>
  updates(
    `no-expunge-in-${slug}`,
    rfc,
    `No EXPUNGE is sent in answer to ${slug.toUpperCase()}; a message that another session has removed is told later.`,
    async (c) => {
      await removedElsewhere(c, 2)
      const result = await c.send(command, 'OK', 'NO')
      same(numbers(result, 'EXPUNGE'), [], `EXPUNGE in answer to ${command}`)
      same(numbers(await c.ok('NOOP'), 'EXPUNGE'), [2], 'EXPUNGE in answer to NOOP')
    },
  )

export const updateCases = [
  notDuring('fetch', '9051 §7.5.1', 'FETCH 1:* (FLAGS)'),
  notDuring('store', '9051 §7.5.1', 'STORE 1 +FLAGS (\\Flagged)'),
  notDuring('search', '9051 §7.5.1', 'SEARCH ALL'),
  updates(
    'numbers-until-told',
    '9051 §7.5.1',
    'Until EXPUNGE is told, message numbers mean what they meant.',
    async (c) => {
      const before = await uids(c)
      await removedElsewhere(c, 2)
      const result = await c.send('FETCH 5 (UID)', 'OK', 'NO')
      const uid = fetched(result).get(5)?.get('UID')?.text
      check(uid === undefined || Number(uid) === before[4], `UID ${before[4]} as message 5`, String(uid))
    },
  ),
  updates(
    'expunge-told',
    '9051 §5.2',
    'A message that another session has removed is told by EXPUNGE with NOOP.',
    async (c) => {
      await removedElsewhere(c, 3)
      same(numbers(await c.ok('NOOP'), 'EXPUNGE'), [3], 'EXPUNGE in answer to NOOP')
      same((await uids(c)).length, COUNT - 1, 'messages')
    },
  ),
  updates('exists-told', '9051 §5.2', 'A new message from another session is told by EXISTS with NOOP.', async (c) => {
    await (await again(c)).append(c.mailbox, TEXT)
    same(numbers(await c.ok('NOOP'), 'EXISTS').at(-1), COUNT + 1, 'EXISTS')
  }),
  updates(
    'append-told',
    '9051 §6.3.12',
    'A message appended to the selected mailbox is told by EXISTS at the latest with NOOP.',
    async (c) => {
      const appended = await c.append(c.mailbox, TEXT)
      const told = [...numbers(appended, 'EXISTS'), ...numbers(await c.ok('NOOP'), 'EXISTS')]
      same(told.at(-1), COUNT + 1, 'EXISTS')
    },
  ),
  updates(
    'append-told-at-once',
    '9051 §6.3.12',
    'A message appended to the selected mailbox is told by EXISTS in answer to APPEND.',
    async (c) => same(numbers(await c.append(c.mailbox, TEXT), 'EXISTS').at(-1), COUNT + 1, 'EXISTS'),
    { level: 'should' },
  ),
  updates('new-is-last', '9051 §2.3.1.2', 'A new message gets the number behind the last.', async (c) => {
    const before = await uids(c)
    await (await again(c)).append(c.mailbox, TEXT)
    await c.ok('NOOP')
    const after = [...fetched(await c.ok('FETCH 1:* (UID)'))]
      .map(([number, items]) => [number, Number(items.get('UID')?.text)] as const)
      .sort(([a], [b]) => a - b)
    same(
      after.slice(0, -1),
      before.map((one, i) => [i + 1, one]),
      'numbers and UIDs of the messages before',
    )
    same(after.at(-1)?.[0], COUNT + 1, 'number of the new message')
  }),
  updates(
    'flags-told',
    '9051 §5.2',
    'Flags that another session has changed are told by FETCH with NOOP.',
    async (c) => {
      await c.ok('FETCH 1:* (FLAGS)')
      const other = await alongside(c)
      await other.must('STORE 4 +FLAGS.SILENT (\\Flagged)')
      const told = fetched(await c.ok('NOOP'))
        .get(4)
        ?.get('FLAGS')
      check(flagsOf(told).includes('\\flagged'), 'FETCH of message 4 with \\Flagged', told?.text ?? 'no such FETCH')
    },
    { level: 'should' },
  ),
  updates(
    'unasked-has-uid',
    '9051 §7.5.2',
    'In IMAP4rev2, a FETCH response that nothing asked for has UID.',
    async (c) => {
      const other = await alongside(c)
      await other.must('STORE 4 +FLAGS.SILENT (\\Flagged)')
      for (const [number, items] of fetched(await c.ok('NOOP')))
        check(items.has('UID'), `UID in FETCH of message ${number}`, [...items.keys()].join(', '))
    },
    { capabilities: ['IMAP4REV2'] },
  ),
  updates('flags-seen', '9051 §2.3.2', 'A FETCH shows flags that another session has set.', async (c) => {
    const other = await alongside(c)
    await other.must('STORE 4 +FLAGS (\\Answered)')
    await c.ok('NOOP')
    same(await flags(c, 4), ['\\answered'], 'flags')
  }),
  updates(
    'expunge-and-new',
    '9051 §7.5.1',
    'EXPUNGE and EXISTS told together lead to the right number of messages.',
    async (c) => {
      const other = await alongside(c)
      await other.must('STORE 1:2 +FLAGS.SILENT (\\Deleted)')
      await other.must('EXPUNGE')
      await other.append(c.mailbox, TEXT)
      let count = COUNT
      for (const { name, number } of (await c.ok('NOOP')).untagged) {
        if (name === 'EXPUNGE') count--
        if (name === 'EXISTS') {
          check(number !== null && number >= count, `EXISTS of ${count} or more`, String(number))
          count = number
        }
      }
      same(count, COUNT - 1, 'messages as told')
    },
  ),
  updates(
    'store-of-expunged',
    '9051 §7.5.1',
    'A session goes on when it stores flags of a message that another has removed.',
    async (c) => {
      await removedElsewhere(c, 2)
      const result = await c.send('STORE 2 +FLAGS (\\Seen)', 'OK', 'NO')
      same(numbers(result, 'EXPUNGE'), [], 'EXPUNGE in answer to STORE')
      await c.ok('NOOP')
      same((await uids(c)).length, COUNT - 1, 'messages')
    },
  ),
  updates(
    'none-when-unchanged',
    '9051 §6.1.2',
    'NOOP in a mailbox in which nothing has changed tells no EXPUNGE.',
    async (c) => same(numbers(await c.ok('NOOP'), 'EXPUNGE'), [], 'EXPUNGE'),
  ),
  updates('check', '3501 §6.4.1', 'CHECK is answered by OK.', async (c) => c.ok('CHECK'), {
    capabilities: ['IMAP4REV1'],
  }),
  updates('unselected-is-silent', '9051 §7.4.1', 'After CLOSE, changes of that mailbox are not told.', async (c) => {
    await c.ok('CLOSE')
    await (await again(c)).append(c.mailbox, TEXT)
    const told = names(await c.ok('NOOP')).filter((name) => /EXISTS|EXPUNGE|FETCH|RECENT/.test(name))
    same(told, [], 'untagged responses')
  }),
]

const recent = topic('recent', 'selected', 'IMAP4REV1')

const recentCount = (result: Result): number => single(result, 'RECENT').number ?? -1

export const recentCases = [
  recent('select', '3501 §6.3.1', 'SELECT tells the number of recent messages by RECENT.', async (c) =>
    check(recentCount(c.selected!) >= 0, 'a number before RECENT', visible(single(c.selected!, 'RECENT').raw)),
  ),
  recent(
    'first-session',
    '3501 §2.3.2',
    'Messages are recent in the first session that is told of them.',
    async (c) => same(recentCount(c.selected!), COUNT, 'recent messages'),
    { level: 'should' },
  ),
  recent('agrees', '3501 §7.3.2', 'As many messages have \\Recent as RECENT tells.', async (c) => {
    const all = fetched(await c.ok('FETCH 1:* (FLAGS)'))
    const found = [...all.keys()].filter((n) => flagsOf(itemIn(all, n, 'FLAGS')).includes('\\recent'))
    same(found.length, recentCount(c.selected!), 'messages with \\Recent')
  }),
  recent('search', '3501 §6.4.4', 'SEARCH RECENT finds the messages with \\Recent.', async (c) => {
    const all = fetched(await c.ok('FETCH 1:* (FLAGS)'))
    const found = [...all.keys()].filter((n) => flagsOf(itemIn(all, n, 'FLAGS')).includes('\\recent'))
    same(await search(c, 'RECENT'), found, 'messages')
  }),
  recent('once', '3501 §2.3.2', 'Messages that one session has selected are not recent in the next.', async (c) => {
    const other = await again(c)
    same(recentCount(await other.must(`SELECT ${quoted(c.mailbox)}`)), 0, 'recent messages in the second session')
  }),
  recent('kept-by-examine', '3501 §6.3.2', 'EXAMINE takes \\Recent off no message.', async (c) => {
    c.mailbox = await freshMailbox(c)
    await c.append(c.mailbox, TEXT)
    const examined = recentCount(await c.must(`EXAMINE ${quoted(c.mailbox)}`))
    await c.ok('CLOSE')
    const selected = recentCount(await c.must(`SELECT ${quoted(c.mailbox)}`))
    same(selected, examined, 'recent messages')
  }),
]

const uid = topic('uid', 'selected')
const UID = '9051 §2.3.1.1'

/** The number of a code that SELECT must give, which other cases judge. */
function numberIn(result: Result, name: string): number {
  const code = codeOf(result, name)
  if (code === null) throw new Skipped(`SELECT does not tell ${name}`)
  check(/^\d+$/.test(code.text), `the code ${name} with a number`, visible(code.text))
  return Number(code.text)
}

const status = async (c: Imap, mailbox: string, name: string): Promise<number> => {
  const result = await c.ok(`STATUS ${quoted(mailbox)} (${name})`)
  const raw = untagged(result, 'STATUS')[0]?.raw ?? ''
  const match = new RegExp(`\\b${name} (\\d+)`, 'i').exec(raw)
  check(match !== null, `${name} in STATUS`, visible(raw))
  return Number(match[1])
}

export const uidCases = [
  uid('ascending', UID, 'UIDs ascend strictly with the message numbers.', async (c) => {
    const all = await uids(c)
    check(
      all.every((one, i) => i === 0 || one > all[i - 1]!),
      'UIDs that ascend',
      all.join(', '),
    )
  }),
  uid('uidnext-above', UID, 'UIDNEXT is above the UIDs of all messages.', async (c) => {
    const [next, last] = [numberIn(c.selected!, 'UIDNEXT'), (await uids(c)).at(-1)!]
    check(next > last, `UIDNEXT above ${last}`, String(next))
  }),
  uid(
    'uidnext-reached',
    UID,
    'A message that comes after UIDNEXT was told has that UID or a higher one.',
    async (c) => {
      const next = numberIn(c.selected!, 'UIDNEXT')
      await c.append(c.mailbox, TEXT)
      await c.must('NOOP')
      const last = (await uids(c)).at(-1)!
      check(last >= next, `a UID of ${next} or more`, String(last))
    },
  ),
  uid(
    'uidnext-unchanged',
    UID,
    'UIDNEXT stays while no message comes: flags and removals do not change it.',
    async (c) => {
      const before = numberIn(c.selected!, 'UIDNEXT')
      await c.must('STORE 1:2 +FLAGS (\\Deleted \\Flagged)')
      await c.must('EXPUNGE')
      await c.must('CLOSE')
      same(await status(c, c.mailbox, 'UIDNEXT'), before, 'UIDNEXT')
    },
  ),
  uid('uidnext-changes', UID, 'UIDNEXT changes when a message has come, even if it is gone again.', async (c) => {
    const before = numberIn(c.selected!, 'UIDNEXT')
    await c.append(c.mailbox, TEXT)
    await c.must('NOOP')
    await c.must(`STORE ${COUNT + 1} +FLAGS.SILENT (\\Deleted)`)
    await c.must('EXPUNGE')
    await c.must('CLOSE')
    const after = await status(c, c.mailbox, 'UIDNEXT')
    check(after > before, `UIDNEXT above ${before}`, String(after))
  }),
  uid('not-reused', UID, 'The UID of a removed last message is not given to the next one.', async (c) => {
    const last = (await uids(c)).at(-1)!
    await c.must(`STORE ${COUNT} +FLAGS.SILENT (\\Deleted)`)
    await c.must('EXPUNGE')
    await c.append(c.mailbox, TEXT)
    await c.must('NOOP')
    const next = (await uids(c)).at(-1)!
    check(next > last, `a UID above ${last}`, String(next))
  }),
  uid(
    'not-reused-when-empty',
    UID,
    'UIDs go on when all messages were removed and the mailbox was opened again.',
    async (c) => {
      const last = (await uids(c)).at(-1)!
      const validity = numberIn(c.selected!, 'UIDVALIDITY')
      await c.must('STORE 1:* +FLAGS.SILENT (\\Deleted)')
      await c.must('CLOSE')
      await c.append(c.mailbox, TEXT)
      const now = await c.must(`SELECT ${quoted(c.mailbox)}`)
      const [first = 0] = await uids(c)
      check(
        first > last || numberIn(now, 'UIDVALIDITY') > validity,
        `a UID above ${last}, or a higher UIDVALIDITY`,
        String(first),
      )
    },
  ),
  uid('uidvalidity', UID, 'UIDVALIDITY is a number from 1 to 4294967295.', async (c) => {
    const validity = numberIn(c.selected!, 'UIDVALIDITY')
    check(validity > 0 && validity < 2 ** 32, 'an unsigned 32-bit number above 0', String(validity))
  }),
  uid(
    'kept',
    UID,
    'UIDs and UIDVALIDITY are the same when the mailbox is opened again in another session.',
    async (c) => {
      const before = [numberIn(c.selected!, 'UIDVALIDITY'), await uids(c)]
      await c.must('CLOSE')
      const other = await again(c)
      const selected = await other.must(`SELECT ${quoted(c.mailbox)}`)
      same([numberIn(selected, 'UIDVALIDITY'), await uids(other)], before, 'UIDVALIDITY and UIDs')
    },
    { level: 'should' },
  ),
  uid('status-agrees', '9051 §6.3.11', 'STATUS gives the UIDVALIDITY and UIDNEXT that SELECT gives.', async (c) => {
    const selected = [numberIn(c.selected!, 'UIDVALIDITY'), numberIn(c.selected!, 'UIDNEXT')]
    await c.must('CLOSE')
    same([await status(c, c.mailbox, 'UIDVALIDITY'), await status(c, c.mailbox, 'UIDNEXT')], selected, 'both')
  }),
  uid('recreated', UID, 'A mailbox deleted and made again has another UIDVALIDITY, or higher UIDs.', async (c) => {
    const validity = numberIn(c.selected!, 'UIDVALIDITY')
    const last = (await uids(c)).at(-1)!
    await c.must('CLOSE')
    await c.must(`DELETE ${quoted(c.mailbox)}`)
    await c.must(`CREATE ${quoted(c.mailbox)}`)
    await c.append(c.mailbox, TEXT)
    const now = numberIn(await c.must(`SELECT ${quoted(c.mailbox)}`), 'UIDVALIDITY')
    const [first = 0] = await uids(c)
    check(
      now !== validity || first > last,
      `another UIDVALIDITY than ${validity}, or a UID above ${last}`,
      `${now}, ${first}`,
    )
  }),
]

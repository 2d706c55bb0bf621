// IMAP: NOTIFY (RFC 5465): what is told without being asked for.
import { check, visible } from '../judgement.ts'
import { numbers, same, topic } from './cases.ts'
import { codeOf, flagsOf, type Imap, items, numberOf, pairs, quoted, type Response, untagged } from './client.ts'
import { CORPUS } from './corpus.ts'
import { again, alongside, freshMailbox, freshName } from './suite.ts'

const COUNT = CORPUS.length
const TEXT = CORPUS[3]!.text
/** How long silence is listened to. */
const SILENCE_MS = 700

const define = topic('notify', 'selected', 'NOTIFY')

const SELECTED = 'NOTIFY SET (SELECTED (MessageNew (UID FLAGS) MessageExpunge FlagChange))'

/** The names and numbers of a STATUS response. */
function statusData(response: Response | undefined): Map<string, number> {
  const all = pairs(response?.values[1], 'STATUS')
  return new Map([...all].map(([name, value]) => [name, numberOf(value, `${name} of STATUS`)]))
}

const awaitStatus = (c: Imap, mailbox: string): Promise<Response> =>
  c.awaitUntagged('STATUS', ({ values }) => values[0]?.text === mailbox)

/** Waits for a LIST of that name and gives its attributes in lower case. */
async function awaitList(c: Imap, mailbox: string): Promise<string[]> {
  const { values } = await c.awaitUntagged('LIST', (response) => response.values[2]?.text === mailbox)
  return items(values[0], 'the attributes of LIST').map(({ text }) => text.toLowerCase())
}

/** The response, told at once or with the next command: how soon is judged by one case alone. */
async function told(c: Imap, name: string, holds: (response: Response) => boolean): Promise<Response> {
  if (await c.wire.speaks(SILENCE_MS)) return c.awaitUntagged(name, holds)
  const response = untagged(await c.ok('NOOP'), name).find(holds)
  check(response !== undefined, `an untagged ${name}`, 'none, neither at once nor in answer to NOOP')
  return response
}

async function silent(c: Imap): Promise<void> {
  const spoke = await c.wire.speaks(SILENCE_MS)
  check(!spoke, 'nothing', visible(c.wire.waiting()))
}

export const notifyCases = [
  define(
    'new',
    '5465 §5.2',
    'With MessageNew for the selected mailbox, a new message is told by EXISTS at once.',
    async (c) => {
      await c.ok(SELECTED)
      await (await again(c)).append(c.mailbox, TEXT)
      await c.awaitUntagged('EXISTS', ({ number }) => number === COUNT + 1)
    },
  ),
  define(
    'new-fetch',
    '5465 §5.2',
    'MessageNew with a list of items tells these of a new message by FETCH.',
    async (c) => {
      await c.ok(SELECTED)
      await (await again(c)).append(c.mailbox, TEXT)
      const { values } = await told(c, 'FETCH', ({ number }) => number === COUNT + 1)
      const all = pairs(values[0], 'FETCH')
      check(all.has('UID') && all.has('FLAGS'), 'UID and FLAGS', [...all.keys()].join(', '))
    },
  ),
  define(
    'expunge',
    '5465 §5.3',
    'With MessageExpunge for the selected mailbox, a removal is told by EXPUNGE.',
    async (c) => {
      const other = await alongside(c)
      await other.must('STORE 3 +FLAGS.SILENT (\\Deleted)')
      await c.ok(SELECTED)
      await other.must('EXPUNGE')
      await told(c, 'EXPUNGE', ({ number }) => number === 3)
    },
  ),
  define(
    'flags',
    '5465 §5.1',
    'With FlagChange for the selected mailbox, changed flags are told by FETCH with UID and FLAGS.',
    async (c) => {
      const other = await alongside(c)
      await c.ok(SELECTED)
      await other.must('STORE 4 +FLAGS.SILENT (\\Flagged)')
      const { values } = await told(c, 'FETCH', ({ number }) => number === 4)
      const all = pairs(values[0], 'FETCH')
      check(all.has('UID'), 'UID', [...all.keys()].join(', '))
      check(flagsOf(all.get('FLAGS')).includes('\\flagged'), '\\Flagged', all.get('FLAGS')?.text ?? 'no FLAGS')
    },
  ),
  define(
    'delayed-expunge',
    '5465 §6.1.2',
    'With SELECTED-DELAYED, EXPUNGE waits for a command that allows it.',
    async (c) => {
      const other = await alongside(c)
      await other.must('STORE 3 +FLAGS.SILENT (\\Deleted)')
      await c.must('NOOP')
      await c.ok('NOTIFY SET (SELECTED-DELAYED (MessageNew MessageExpunge))')
      await other.must('EXPUNGE')
      await silent(c)
      same(numbers(await c.ok('NOOP'), 'EXPUNGE'), [3], 'EXPUNGE in answer to NOOP')
    },
  ),
  define('delayed-new', '5465 §6.1.2', 'With SELECTED-DELAYED, a new message is told by EXISTS.', async (c) => {
    await c.ok('NOTIFY SET (SELECTED-DELAYED (MessageNew MessageExpunge))')
    await (await again(c)).append(c.mailbox, TEXT)
    await told(c, 'EXISTS', ({ number }) => number === COUNT + 1)
  }),
  define('none', '5465 §3.1', 'After NOTIFY NONE nothing is told unasked.', async (c) => {
    await c.ok(SELECTED)
    await c.ok('NOTIFY NONE')
    await (await again(c)).append(c.mailbox, TEXT)
    await silent(c)
  }),
  define(
    'other-mailbox',
    '5465 §5.2',
    'A new message in another mailbox that is watched is told by STATUS with MESSAGES and UIDNEXT.',
    async (c) => {
      const mailbox = await freshMailbox(c)
      await c.ok(`NOTIFY SET (MAILBOXES ${quoted(mailbox)} (MessageNew MessageExpunge))`)
      await (await again(c)).append(mailbox, TEXT)
      const data = statusData(await awaitStatus(c, mailbox))
      same([data.get('MESSAGES'), data.has('UIDNEXT')], [1, true], 'MESSAGES and UIDNEXT')
    },
  ),
  define(
    'other-mailbox-expunge',
    '5465 §5.3',
    'A removal in another mailbox that is watched is told by STATUS with MESSAGES.',
    async (c) => {
      const mailbox = await freshMailbox(c)
      const other = await again(c)
      await other.append(mailbox, TEXT)
      await other.must(`SELECT ${quoted(mailbox)}`)
      await other.must('STORE 1 +FLAGS.SILENT (\\Deleted)')
      await c.ok(`NOTIFY SET (MAILBOXES ${quoted(mailbox)} (MessageNew MessageExpunge))`)
      await other.must('EXPUNGE')
      same(statusData(await awaitStatus(c, mailbox)).get('MESSAGES'), 0, 'MESSAGES')
    },
  ),
  define(
    'unwatched',
    '5465 §3.1',
    'Without SELECTED, new messages of the selected mailbox are not told unasked.',
    async (c) => {
      await c.ok(`NOTIFY SET (MAILBOXES ${quoted(await freshMailbox(c))} (MessageNew MessageExpunge))`)
      await (await again(c)).append(c.mailbox, TEXT)
      await silent(c)
    },
  ),
  define('status', '5465 §3.1', 'NOTIFY SET STATUS tells STATUS of watched mailboxes before its end.', async (c) => {
    const mailbox = await freshMailbox(c)
    await c.append(mailbox, TEXT)
    const result = await c.ok(`NOTIFY SET STATUS (MAILBOXES ${quoted(mailbox)} (MessageNew MessageExpunge))`)
    const response = untagged(result, 'STATUS').find(({ values }) => values[0]?.text === mailbox)
    const data = statusData(response)
    same(
      [data.get('MESSAGES'), data.has('UIDNEXT'), data.has('UIDVALIDITY')],
      [1, true, true],
      'MESSAGES, UIDNEXT, UIDVALIDITY',
    )
  }),
  define('without-status', '5465 §3.1', 'NOTIFY SET without STATUS tells no STATUS before its end.', async (c) => {
    const mailbox = await freshMailbox(c)
    const result = await c.ok(`NOTIFY SET (MAILBOXES ${quoted(mailbox)} (MessageNew MessageExpunge))`)
    same(untagged(result, 'STATUS').length, 0, 'STATUS responses')
  }),
  define('new-without-expunge', '5465 §5', 'MessageNew without MessageExpunge is answered by BAD.', async (c) =>
    c.send('NOTIFY SET (SELECTED (MessageNew))', 'BAD'),
  ),
  define('flags-alone', '5465 §5', 'FlagChange without MessageNew and MessageExpunge is answered by BAD.', async (c) =>
    c.send('NOTIFY SET (SELECTED (FlagChange))', 'BAD'),
  ),
  define('unknown-event', '5465 §3.1', 'An event that the server does not have is answered by NO.', async (c) =>
    c.send('NOTIFY SET (SELECTED (MessageNew MessageExpunge NoSuchEvent))', 'NO'),
  ),
  define(
    'badevent',
    '5465 §3.1',
    'NO to an unknown event has the code BADEVENT with the events of the server.',
    async (c) => {
      const result = await c.send('NOTIFY SET (SELECTED (MessageNew MessageExpunge NoSuchEvent))', 'NO')
      check(/MessageNew/i.test(codeOf(result, 'BADEVENT')?.text ?? ''), 'BADEVENT with MessageNew', visible(result.raw))
    },
    { level: 'should' },
  ),
  define('missing-mailbox', '5465 §3.1', 'A mailbox that does not exist is passed over.', async (c) =>
    c.ok(`NOTIFY SET (MAILBOXES (${quoted(c.mailbox)} ${quoted(freshName(c))}) (MessageNew MessageExpunge))`),
  ),
  define('created', '5465 §5.4', 'With MailboxName, a mailbox made by another session is told by LIST.', async (c) => {
    await c.ok('NOTIFY SET (PERSONAL (MailboxName))')
    const name = freshName(c)
    await (await again(c)).must(`CREATE ${quoted(name)}`)
    const attributes = await awaitList(c, name)
    check(!attributes.includes('\\nonexistent'), 'no \\NonExistent', attributes.join(' '))
  }),
  define(
    'deleted',
    '5465 §5.4',
    'With MailboxName, a deleted mailbox is told by LIST with \\NonExistent.',
    async (c) => {
      const name = await freshMailbox(c)
      await c.ok('NOTIFY SET (PERSONAL (MailboxName))')
      await (await again(c)).must(`DELETE ${quoted(name)}`)
      const attributes = await awaitList(c, name)
      check(attributes.includes('\\nonexistent'), '\\NonExistent', attributes.join(' '))
    },
  ),
  define(
    'renamed',
    '5465 §5.4',
    'With MailboxName, a renamed mailbox is told by LIST of the new name with OLDNAME.',
    async (c) => {
      const [before, after] = [await freshMailbox(c), freshName(c, 'renamed')]
      await c.ok('NOTIFY SET (PERSONAL (MailboxName))')
      await (await again(c)).must(`RENAME ${quoted(before)} ${quoted(after)}`)
      const { values } = await c.awaitUntagged('LIST', (response) => response.values[2]?.text === after)
      const old = values[3]?.kind === 'list' ? pairs(values[3], 'the extended data').get('OLDNAME') : undefined
      same(old?.kind === 'list' ? old.items[0]?.text : undefined, before, 'OLDNAME')
    },
  ),
  define(
    'subscribed',
    '5465 §5.5',
    'With SubscriptionChange, a subscription is told by LIST with \\Subscribed.',
    async (c) => {
      const name = await freshMailbox(c)
      await c.ok('NOTIFY SET (PERSONAL (SubscriptionChange))')
      await (await again(c)).must(`SUBSCRIBE ${quoted(name)}`)
      const attributes = await awaitList(c, name)
      check(attributes.includes('\\subscribed'), '\\Subscribed', attributes.join(' '))
    },
  ),
  define(
    'implies-noop',
    '5465 §3.1',
    'NOTIFY SET tells what has changed in the selected mailbox before its end.',
    async (c) => {
      await (await again(c)).append(c.mailbox, TEXT)
      same(numbers(await c.ok(SELECTED), 'EXISTS').at(-1), COUNT + 1, 'EXISTS')
    },
  ),
  define('replaced', '5465 §3.1', 'A later NOTIFY SET takes the place of the earlier one.', async (c) => {
    const [first, second] = [await freshMailbox(c), await freshMailbox(c)]
    await c.ok(`NOTIFY SET (MAILBOXES ${quoted(first)} (MessageNew MessageExpunge))`)
    await c.ok(`NOTIFY SET (MAILBOXES ${quoted(second)} (MessageNew MessageExpunge))`)
    const other = await again(c)
    await other.append(first, TEXT)
    await other.append(second, TEXT)
    const { values } = await told(c, 'STATUS', () => true)
    same(values[0]?.text, second, 'the mailbox of the first STATUS')
  }),
]

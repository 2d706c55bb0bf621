// IMAP: EXPUNGE and UID EXPUNGE.
import { afterExpunges, numbers, same, topic, uids } from './cases.ts'
import { quoted } from './client.ts'
import { bodies } from './copy.ts'
import { CORPUS } from './corpus.ts'
import { again, freshMailbox } from './suite.ts'

const COUNT = CORPUS.length
const NONE = 4_000_000_000
const TEXTS = CORPUS.map(({ text }) => text)

const expunges = topic('expunge', 'selected')
const EXPUNGE = '9051 §6.4.3'

export const expungeCases = [
  expunges('removes-deleted', EXPUNGE, 'EXPUNGE removes the messages with \\Deleted and no others.', async (c) => {
    await c.must('STORE 2,4,9 +FLAGS.SILENT (\\Deleted)')
    await c.ok('EXPUNGE')
    same(
      await bodies(c),
      TEXTS.filter((_, i) => ![1, 3, 8].includes(i)),
      'messages',
    )
  }),
  expunges('permanent', EXPUNGE, 'What EXPUNGE has removed is gone in other sessions.', async (c) => {
    await c.must('STORE 2 +FLAGS.SILENT (\\Deleted)')
    await c.ok('EXPUNGE')
    const other = await again(c)
    await other.must(`EXAMINE ${quoted(c.mailbox)}`)
    same(
      await bodies(other),
      TEXTS.filter((_, i) => i !== 1),
      'messages',
    )
  }),
  expunges('told', EXPUNGE, 'Each removed message is told by an untagged EXPUNGE before the end.', async (c) => {
    await c.must('STORE 2,4,9 +FLAGS.SILENT (\\Deleted)')
    same(numbers(await c.ok('EXPUNGE'), 'EXPUNGE').length, 3, 'EXPUNGE responses')
  }),
  expunges(
    'numbers',
    '9051 §7.5.1',
    'Each EXPUNGE counts with the numbers that the ones before it have left.',
    async (c) => {
      await c.must('STORE 2,4:5,9 +FLAGS.SILENT (\\Deleted)')
      same(afterExpunges(await c.ok('EXPUNGE')), [1, 3, 6, 7, 8], 'messages left')
    },
  ),
  expunges(
    'nothing',
    EXPUNGE,
    'EXPUNGE without a message marked \\Deleted is answered by OK and tells nothing.',
    async (c) => {
      same(numbers(await c.ok('EXPUNGE'), 'EXPUNGE'), [], 'EXPUNGE responses')
      same((await uids(c)).length, COUNT, 'messages')
    },
  ),
  expunges(
    'renumbers',
    '9051 §2.3.1.2',
    'After EXPUNGE the messages behind have lower numbers and the same UIDs.',
    async (c) => {
      const before = await uids(c)
      await c.must('STORE 1,3 +FLAGS.SILENT (\\Deleted)')
      await c.ok('EXPUNGE')
      same(
        await uids(c),
        before.filter((_, i) => i !== 0 && i !== 2),
        'UIDs by number',
      )
    },
  ),
  expunges('read-only', '9051 §6.3.3', 'EXPUNGE in a mailbox opened by EXAMINE removes nothing.', async (c) => {
    await c.must('STORE 2 +FLAGS.SILENT (\\Deleted)')
    await c.must(`EXAMINE ${quoted(c.mailbox)}`)
    await c.send('EXPUNGE')
    const other = await again(c)
    await other.must(`EXAMINE ${quoted(c.mailbox)}`)
    same((await uids(other)).length, COUNT, 'messages')
  }),
  expunges(
    'read-only-refused',
    EXPUNGE,
    'EXPUNGE in a mailbox opened by EXAMINE is answered by NO.',
    async (c) => {
      await c.must('STORE 2 +FLAGS.SILENT (\\Deleted)')
      await c.must(`EXAMINE ${quoted(c.mailbox)}`)
      await c.send('EXPUNGE', 'NO')
    },
    { level: 'should' },
  ),
  expunges(
    'uid-expunge',
    '9051 §6.4.9',
    'UID EXPUNGE removes the messages of its set that have \\Deleted.',
    async (c) => {
      const all = await uids(c)
      await c.must('STORE 2,4,6 +FLAGS.SILENT (\\Deleted)')
      await c.ok(`UID EXPUNGE ${all[1]},${all[5]}`)
      same(
        await uids(c),
        all.filter((_, i) => i !== 1 && i !== 5),
        'UIDs left',
      )
    },
    { capabilities: ['UIDPLUS|IMAP4REV2'] },
  ),
  expunges(
    'uid-expunge-undeleted',
    '9051 §6.4.9',
    'UID EXPUNGE leaves messages of its set that do not have \\Deleted.',
    async (c) => {
      const all = await uids(c)
      await c.must('STORE 2 +FLAGS.SILENT (\\Deleted)')
      await c.ok(`UID EXPUNGE ${all[0]}:${all[4]}`)
      same(
        await uids(c),
        all.filter((_, i) => i !== 1),
        'UIDs left',
      )
    },
    { capabilities: ['UIDPLUS|IMAP4REV2'] },
  ),
  expunges(
    'uid-expunge-missing',
    '9051 §6.4.9',
    'UID EXPUNGE of UIDs that do not exist is answered by OK.',
    async (c) => {
      await c.ok(`UID EXPUNGE ${NONE}`)
      same((await uids(c)).length, COUNT, 'messages')
    },
    { capabilities: ['UIDPLUS|IMAP4REV2'] },
  ),
  expunges('close', '9051 §6.4.1', 'CLOSE removes the messages with \\Deleted without telling EXPUNGE.', async (c) => {
    await c.must('STORE 2 +FLAGS.SILENT (\\Deleted)')
    same(numbers(await c.ok('CLOSE'), 'EXPUNGE'), [], 'EXPUNGE responses')
    await c.must(`EXAMINE ${quoted(c.mailbox)}`)
    same((await uids(c)).length, COUNT - 1, 'messages')
  }),
  expunges('close-read-only', '9051 §6.4.1', 'CLOSE of a mailbox opened by EXAMINE removes nothing.', async (c) => {
    await c.must('STORE 2 +FLAGS.SILENT (\\Deleted)')
    await c.must(`EXAMINE ${quoted(c.mailbox)}`)
    await c.ok('CLOSE')
    await c.must(`EXAMINE ${quoted(c.mailbox)}`)
    same((await uids(c)).length, COUNT, 'messages')
  }),
  expunges(
    'select-removes-nothing',
    '9051 §6.4.1',
    'Selecting another mailbox without CLOSE removes nothing.',
    async (c) => {
      await c.must('STORE 2 +FLAGS.SILENT (\\Deleted)')
      await c.must(`SELECT ${quoted(await freshMailbox(c))}`)
      await c.must(`EXAMINE ${quoted(c.mailbox)}`)
      same((await uids(c)).length, COUNT, 'messages')
    },
  ),
]

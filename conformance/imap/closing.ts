// IMAP: CHECK, CLOSE, UNSELECT, EXPUNGE and UID EXPUNGE.
import { check, visible } from '../judgement.ts'
import { type Imap, numberOf, single, type untagged } from './client.ts'
import { CORPUS } from './corpus.ts'
import { statusOf } from './mailboxes.ts'
import { casesOf, type ImapCase, MAILBOX, withCapabilities } from './suite.ts'

const close = casesOf('close', { state: 'selected', needs: MAILBOX })
const unselect = casesOf('unselect', { state: 'selected', needs: withCapabilities('UNSELECT') })
const expunge = casesOf('expunge', { state: 'selected', needs: MAILBOX })
const uidExpunge = casesOf('uid-expunge', { state: 'selected', needs: withCapabilities('UIDPLUS') })
const rev1 = casesOf('check', { state: 'selected', needs: withCapabilities('IMAP4REV1') })

const ALL = CORPUS.length

const mark = async (c: Imap, set: string): Promise<void> => {
  await c.must(`STORE ${set} +FLAGS.SILENT (\\Deleted)`)
}

async function leaves(c: Imap, count: number): Promise<void> {
  const found = await statusOf(c, c.mailbox, 'MESSAGES')
  check(found === count, `${count} messages`, String(found))
}

const numbersOf = (result: { untagged: Parameters<typeof untagged>[0]['untagged'] }): number[] =>
  result.untagged.filter(({ name }) => name === 'EXPUNGE').map(({ number }) => number ?? 0)

export const closeCases: readonly ImapCase[] = [
  rev1('does-not-expunge', 'RFC 3501 §6.4.1', 'CHECK removes no messages.', async (c) => {
    await mark(c, '1')
    await c.ok('CHECK')
    await leaves(c, ALL)
  }),
  close('deselects', 'RFC 3501 §6.4.2', 'After CLOSE no mailbox is selected.', async (c) => {
    await c.ok('CLOSE')
    await c.refused('FETCH 1 FLAGS')
  }),
  close(
    'authenticated',
    'RFC 3501 §6.4.2',
    'CLOSE returns to the authenticated state: a mailbox can be selected.',
    async (c) => {
      await c.ok('CLOSE')
      await c.select(c.mailbox)
    },
  ),
  close(
    'argument',
    'RFC 3501 §6.4.2',
    'CLOSE with an argument is answered BAD.',
    async (c) => {
      await c.bad('CLOSE now')
    },
    { level: 'should' },
  ),
  unselect('keeps', 'RFC 3691 §2', 'UNSELECT removes no messages, also those marked \\Deleted.', async (c) => {
    await mark(c, '2,4')
    await c.ok('UNSELECT')
    await leaves(c, ALL)
  }),
  unselect(
    'keeps-marks',
    'RFC 3691 §2',
    'Messages are still marked \\Deleted after UNSELECT.',
    async (c) => {
      await mark(c, '2,4')
      await c.ok('UNSELECT')
      await c.examine(c.mailbox)
      const { values } = single(await c.ok('UID SEARCH DELETED'), 'SEARCH')
      check(values.length === 2, '2 messages', String(values.length))
    },
    { needs: withCapabilities('UNSELECT', 'IMAP4REV1') },
  ),
  unselect('deselects', 'RFC 3691 §2', 'After UNSELECT no mailbox is selected.', async (c) => {
    await c.ok('UNSELECT')
    await c.refused('FETCH 1 FLAGS')
  }),
  unselect(
    'authenticated',
    'RFC 3691 §2',
    'UNSELECT returns to the authenticated state: a mailbox can be selected.',
    async (c) => {
      await c.ok('UNSELECT')
      await c.select(c.mailbox)
    },
  ),
  unselect(
    'argument',
    'RFC 3691 §2',
    'UNSELECT with an argument is answered BAD.',
    async (c) => {
      await c.bad('UNSELECT now')
    },
    { level: 'should' },
  ),
]

export const expungeCases: readonly ImapCase[] = [
  expunge(
    'no-shrinking-exists',
    'RFC 3501 §7.3.1',
    'EXISTS behind EXPUNGE responses is the number that they leave.',
    async (c) => {
      await mark(c, '1,3')
      const { untagged: all } = await c.ok('EXPUNGE')
      let size = ALL
      for (const { name, number, raw } of all) {
        if (name === 'EXPUNGE') size--
        if (name === 'EXISTS') check(number === size, `${size} EXISTS`, visible(raw))
      }
    },
  ),
  expunge(
    'argument',
    'RFC 3501 §6.4.3',
    'EXPUNGE with an argument is answered BAD.',
    async (c) => {
      await c.bad('EXPUNGE 1:*')
    },
    { level: 'should' },
  ),
]

const uidOf = async (c: Imap, number: number): Promise<number> =>
  numberOf((await c.fetch(String(number), 'UID')).get(number)?.get('UID'), 'UID')

export const uidExpungeCases: readonly ImapCase[] = [
  uidExpunge(
    'responses',
    'RFC 4315 §2.1',
    'UID EXPUNGE sends EXPUNGE responses with message numbers, not UIDs.',
    async (c) => {
      await mark(c, '1')
      await c.must('EXPUNGE')
      const uid = await uidOf(c, 2)
      await mark(c, '2')
      const numbers = numbersOf(await c.ok(`UID EXPUNGE ${uid}`))
      check(numbers.join() === '2', '"* 2 EXPUNGE"', numbers.join() || 'none')
    },
  ),
  uidExpunge(
    'no-set',
    'RFC 4315 §4',
    'UID EXPUNGE without a set is answered BAD.',
    async (c) => {
      await c.bad('UID EXPUNGE')
    },
    { level: 'should' },
  ),
]

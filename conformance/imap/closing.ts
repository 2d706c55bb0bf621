// IMAP: CHECK, CLOSE, UNSELECT, EXPUNGE and UID EXPUNGE.
import { check, visible } from '../judgement.ts'
import { type Imap, numberOf, single, untagged } from './client.ts'
import { CORPUS } from './corpus.ts'
import { statusOf } from './mailboxes.ts'
import { alongside, casesOf, type ImapCase, MAILBOX, withCapabilities } from './suite.ts'

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

/** Message numbers before the responses, of what EXPUNGE responses with these numbers remove. */
function removed(numbers: readonly number[], before: number): number[] {
  const present = Array.from({ length: before }, (_, i) => i + 1)
  return numbers.map((number) => {
    check(number >= 1 && number <= present.length, `a number of 1 to ${present.length} before EXPUNGE`, String(number))
    return present.splice(number - 1, 1)[0]!
  })
}

const numbersOf = (result: { untagged: Parameters<typeof untagged>[0]['untagged'] }): number[] =>
  result.untagged.filter(({ name }) => name === 'EXPUNGE').map(({ number }) => number ?? 0)

const subjects = async (c: Imap): Promise<string[]> =>
  [...(await c.fetch('1:*', '(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])'))]
    .sort(([a], [b]) => a - b)
    .map(([, one]) => /<(\w+)@/.exec([...one.values()].at(-1)?.text ?? '')?.[1] ?? 'nosubject')

const without = (...numbers: readonly number[]): string =>
  CORPUS.filter((_, i) => !numbers.includes(i + 1))
    .map(({ name }) => name)
    .join(' ')

export const closeCases: readonly ImapCase[] = [
  rev1('succeeds', 'RFC 3501 §6.4.1', 'CHECK succeeds in the selected state.', async (c) => {
    await c.ok('CHECK')
  }),
  rev1('does-not-expunge', 'RFC 3501 §6.4.1', 'CHECK removes no messages.', async (c) => {
    await mark(c, '1')
    await c.ok('CHECK')
    await leaves(c, ALL)
  }),
  close('removes', 'RFC 3501 §6.4.2', 'CLOSE removes the messages marked \\Deleted, and no others.', async (c) => {
    await mark(c, '2,4')
    await c.ok('CLOSE')
    await c.examine(c.mailbox)
    const found = (await subjects(c)).join(' ')
    check(found === without(2, 4), without(2, 4), found)
  }),
  close('no-expunge-responses', 'RFC 3501 §6.4.2', 'CLOSE sends no EXPUNGE responses.', async (c) => {
    await mark(c, '2,4')
    const found = untagged(await c.ok('CLOSE'), 'EXPUNGE')
    check(found.length === 0, 'no EXPUNGE', visible(found[0]?.raw ?? ''))
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
  expunge('removes', 'RFC 3501 §6.4.3', 'EXPUNGE removes the messages marked \\Deleted, and no others.', async (c) => {
    await mark(c, '1,3:4,9')
    await c.ok('EXPUNGE')
    const found = (await subjects(c)).join(' ')
    check(found === without(1, 3, 4, 9), without(1, 3, 4, 9), found)
  }),
  expunge(
    'responses',
    'RFC 3501 §6.4.3',
    'EXPUNGE sends an EXPUNGE response for each message removed before its OK.',
    async (c) => {
      await mark(c, '1,3:4,9')
      const numbers = numbersOf(await c.ok('EXPUNGE'))
      check(numbers.length === 4, '4 EXPUNGE responses', String(numbers.length))
    },
  ),
  expunge(
    'numbers',
    'RFC 3501 §7.4.1',
    'Each EXPUNGE response counts from the numbers that the one before has left.',
    async (c) => {
      await mark(c, '1,3:4,9')
      const numbers = numbersOf(await c.ok('EXPUNGE'))
      const found = removed(numbers, ALL).sort((a, b) => a - b)
      check(
        found.join() === '1,3,4,9',
        'messages 1, 3, 4 and 9',
        `EXPUNGE ${numbers.join()}, which are ${found.join()}`,
      )
    },
  ),
  expunge(
    'nothing',
    'RFC 3501 §6.4.3',
    'EXPUNGE without marked messages succeeds without EXPUNGE responses.',
    async (c) => {
      const numbers = numbersOf(await c.ok('EXPUNGE'))
      check(numbers.length === 0, 'no EXPUNGE', numbers.join())
    },
  ),
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
  expunge('uids-stay', 'RFC 3501 §2.3.1.1', 'The UIDs of the messages that stay do not change.', async (c) => {
    const before = [...(await c.fetch('1:*', 'UID')).values()].map((one) => numberOf(one.get('UID'), 'UID'))
    await mark(c, '1')
    await c.ok('EXPUNGE')
    const after = [...(await c.fetch('1:*', 'UID')).values()].map((one) => numberOf(one.get('UID'), 'UID'))
    check(after.join() === before.slice(1).join(), before.slice(1).join(), after.join())
  }),
  expunge(
    'uid-not-again',
    'RFC 3501 §2.3.1.1',
    'The UID of a message that was removed is not given to another.',
    async (c) => {
      const last = numberOf((await c.fetch(String(ALL), 'UID')).get(ALL)?.get('UID'), 'UID')
      await mark(c, String(ALL))
      await c.ok('EXPUNGE')
      await c.append(c.mailbox, CORPUS[0]!.text)
      await c.ok('NOOP')
      const next = numberOf((await c.fetch('*', 'UID')).get(ALL)?.get('UID'), 'UID')
      check(next > last, `a UID above ${last}`, String(next))
    },
  ),
  expunge(
    'in-other-session',
    'RFC 9051 §7',
    'Another session that has the mailbox selected is told of the removal when it sends NOOP.',
    async (c) => {
      const other = await alongside(c)
      await mark(other, '2')
      await other.ok('EXPUNGE')
      const numbers = numbersOf(await c.ok('NOOP'))
      check(numbers.join() === '2', '"* 2 EXPUNGE"', numbers.join() || 'none')
    },
    { level: 'should' },
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
    'marked-in-set',
    'RFC 4315 §2.1',
    'UID EXPUNGE removes the messages that are marked \\Deleted and in the set, and no others.',
    async (c) => {
      await mark(c, '2:4')
      await c.ok(`UID EXPUNGE ${await uidOf(c, 3)}:${await uidOf(c, 6)}`)
      const found = (await subjects(c)).join(' ')
      check(found === without(3, 4), without(3, 4), found)
    },
  ),
  uidExpunge(
    'not-marked',
    'RFC 4315 §2.1',
    'UID EXPUNGE does not remove messages of the set that are not marked.',
    async (c) => {
      await c.ok(`UID EXPUNGE ${await uidOf(c, 1)}:*`)
      check((await subjects(c)).length === ALL, `${ALL} messages`, 'fewer')
    },
  ),
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
  uidExpunge('unknown-uid', 'RFC 4315 §2.1', 'UIDs that no message has are no error.', async (c) => {
    await c.ok('UID EXPUNGE 4294967290:4294967294')
  }),
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

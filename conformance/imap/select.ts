// IMAP: SELECT and EXAMINE.
import { Blocked, check, Skipped, visible } from '../judgement.ts'
import {
  codeOf,
  flagsOf,
  type Imap,
  items,
  numberOf,
  pairs,
  quoted,
  type Result,
  single,
  untagged,
  type Value,
} from './client.ts'
import { CORPUS } from './corpus.ts'
import { ACCOUNT, again, casesOf, freshMailbox, freshName, type ImapCase, MAILBOX, withCapabilities } from './suite.ts'

const select = casesOf('select', { state: 'selected', needs: MAILBOX })
const examine = casesOf('examine', { state: 'examined', needs: MAILBOX })

const REV1 = { needs: withCapabilities('IMAP4REV1') }
const REV2 = { needs: withCapabilities('IMAP4REV2') }
const SYSTEM_FLAGS = ['\\answered', '\\deleted', '\\draft', '\\flagged', '\\seen']

function selectionOf(c: Imap): Result {
  if (c.selected === null) throw new Blocked('no mailbox was selected')
  return c.selected
}

/** The number in an OK code of SELECT. */
function codeNumber(result: Result, name: string): number {
  const code = codeOf(result, name)
  check(code !== null, `an untagged OK with ${name}`, `none before "${visible(result.raw)}"`)
  return numberOf(code.values[0], name)
}

export const selectCases: readonly ImapCase[] = [
  select('flags', 'RFC 3501 §6.3.1', 'SELECT sends FLAGS, which has at the least the system flags.', async (c) => {
    const found = flagsOf(single(selectionOf(c), 'FLAGS').values[0])
    const missing = SYSTEM_FLAGS.filter((flag) => !found.includes(flag))
    check(missing.length === 0, SYSTEM_FLAGS.join(' '), found.join(' '))
  }),
  select('exists', 'RFC 3501 §6.3.1', 'SELECT sends EXISTS with the number of messages.', async (c) => {
    const { number } = single(selectionOf(c), 'EXISTS')
    check(number === CORPUS.length, `${CORPUS.length} EXISTS`, `${number} EXISTS`)
  }),
  select(
    'exists-empty',
    'RFC 3501 §6.3.1',
    'SELECT of an empty mailbox sends 0 EXISTS.',
    async (c) => {
      const { number } = single(await c.select(await freshMailbox(c)), 'EXISTS')
      check(number === 0, '0 EXISTS', `${number} EXISTS`)
    },
    { state: 'authenticated' },
  ),
  select('uidvalidity', 'RFC 3501 §6.3.1', 'SELECT sends UIDVALIDITY, a number from 1 to 4294967295.', async (c) => {
    const value = codeNumber(selectionOf(c), 'UIDVALIDITY')
    check(value >= 1 && value <= 0xffff_ffff, '1 to 4294967295', String(value))
  }),
  select('uidnext', 'RFC 3501 §6.3.1', 'SELECT sends UIDNEXT, which is above the UID of each message.', async (c) => {
    const next = codeNumber(selectionOf(c), 'UIDNEXT')
    const uids = [...(await c.fetch('1:*', 'UID')).values()].map((one) => numberOf(one.get('UID'), 'UID'))
    check(
      uids.every((uid) => uid < next),
      `UIDNEXT above ${Math.max(...uids)}`,
      String(next),
    )
  }),
  select('permanentflags', 'RFC 3501 §6.3.1', 'SELECT sends PERMANENTFLAGS.', async (c) => {
    const code = codeOf(selectionOf(c), 'PERMANENTFLAGS')
    check(
      code !== null && code.values[0]?.kind === 'list',
      'an untagged OK with PERMANENTFLAGS (…)',
      code?.text ?? 'none',
    )
  }),
  select(
    'permanentflags-within-flags',
    'RFC 3501 §7.1',
    'All flags of PERMANENTFLAGS but \\* are in FLAGS too.',
    async (c) => {
      const flags = flagsOf(single(selectionOf(c), 'FLAGS').values[0])
      const permanent = flagsOf(codeOf(selectionOf(c), 'PERMANENTFLAGS')?.values[0])
      const strange = permanent.filter((flag) => flag !== '\\*' && !flags.includes(flag))
      check(strange.length === 0, `flags out of ${flags.join(' ')}`, strange.join(' '))
    },
  ),
  select(
    'permanent-is-kept',
    'RFC 3501 §7.1',
    'A flag of PERMANENTFLAGS that is set is still set in a later session.',
    async (c) => {
      const permanent = flagsOf(codeOf(selectionOf(c), 'PERMANENTFLAGS')?.values[0])
      if (!permanent.includes('\\flagged')) throw new Skipped('\\Flagged is not permanent here')
      await c.ok('STORE 1 +FLAGS (\\Flagged)')
      const other = await again(c)
      await other.examine(c.mailbox)
      const flags = flagsOf((await other.fetch('1', 'FLAGS')).get(1)?.get('FLAGS'))
      check(flags.includes('\\flagged'), '\\Flagged', flags.join(' '))
    },
  ),
  select(
    'recent',
    'RFC 3501 §6.3.1',
    'SELECT sends RECENT.',
    async (c) => {
      check(single(selectionOf(c), 'RECENT').number !== null, 'a number before RECENT', 'none')
    },
    REV1,
  ),
  select(
    'unseen',
    'RFC 3501 §6.3.1',
    'SELECT sends UNSEEN with the number of the first message that is not seen.',
    async (c) => {
      const first = CORPUS.findIndex(({ flags }) => !flags.includes('\\Seen')) + 1
      const found = codeNumber(selectionOf(c), 'UNSEEN')
      check(found === first, `UNSEEN ${first}`, `UNSEEN ${found}`)
    },
    REV1,
  ),
  select(
    'list',
    'RFC 9051 §6.3.2',
    'SELECT sends LIST with the name of the mailbox.',
    async (c) => {
      const { values, raw } = single(selectionOf(c), 'LIST')
      check(values[2]?.text === c.mailbox, c.mailbox, visible(raw))
    },
    REV2,
  ),
  select(
    'read-write',
    'RFC 3501 §6.3.1',
    'The OK to SELECT of a mailbox that may be changed begins with READ-WRITE.',
    async (c) => {
      check(selectionOf(c).code?.name === 'READ-WRITE', '[READ-WRITE]', visible(selectionOf(c).raw))
    },
    { level: 'should' },
  ),
  select(
    'no-such-mailbox',
    'RFC 3501 §6.3.1',
    'SELECT of a mailbox that does not exist is answered NO.',
    async (c) => {
      await c.no(`SELECT ${quoted(freshName(c))}`)
    },
    { state: 'authenticated' },
  ),
  select('failure-deselects', 'RFC 3501 §6.3.1', 'After a SELECT that fails no mailbox is selected.', async (c) => {
    await c.no(`SELECT ${quoted(freshName(c))}`)
    await c.refused('FETCH 1 FLAGS')
  }),
  select(
    'another',
    'RFC 3501 §6.3.1',
    'SELECT of another mailbox deselects the first: numbers then mean messages of the second.',
    async (c) => {
      const other = await freshMailbox(c)
      const { number } = single(await c.select(other), 'EXISTS')
      check(number === 0, '0 EXISTS', `${number} EXISTS`)
      const found = untagged(await c.send('FETCH 1:9 FLAGS'), 'FETCH')
      check(found.length === 0, 'no FETCH of the mailbox before', visible(found[0]?.raw ?? ''))
    },
  ),
  select(
    'does-not-expunge',
    'RFC 3501 §6.4.2',
    'SELECT of another mailbox does not remove messages marked \\Deleted.',
    async (c) => {
      await c.must('STORE 1 +FLAGS (\\Deleted)')
      await c.select(await freshMailbox(c))
      const { number } = single(await c.select(c.mailbox), 'EXISTS')
      check(number === CORPUS.length, `${CORPUS.length} EXISTS`, `${number} EXISTS`)
    },
  ),
  select(
    'closed',
    'RFC 9051 §6.3.2',
    'SELECT while a mailbox is selected sends an untagged OK with CLOSED.',
    async (c) => {
      const result = await c.select(await freshMailbox(c))
      check(
        codeOf(result, 'CLOSED') !== null,
        '* OK [CLOSED]',
        visible(result.untagged.map(({ raw }) => raw).join(' | ')),
      )
    },
    REV2,
  ),
  select(
    'closed-comes-first',
    'RFC 9051 §7.1',
    'CLOSED comes before all that is said of the newly selected mailbox.',
    async (c) => {
      const { untagged: all } = await c.select(await freshMailbox(c))
      const closed = all.findIndex(({ code }) => code?.name === 'CLOSED')
      const exists = all.findIndex(({ name }) => name === 'EXISTS')
      check(closed >= 0 && closed < exists, 'CLOSED before EXISTS', visible(all.map(({ raw }) => raw).join(' | ')))
    },
    REV2,
  ),
  select(
    'closed-by-failure',
    'RFC 9051 §6.3.2',
    'A SELECT that fails also sends CLOSED for the mailbox that was selected.',
    async (c) => {
      const result = await c.no(`SELECT ${quoted(freshName(c))}`)
      check(codeOf(result, 'CLOSED') !== null, '* OK [CLOSED]', visible(result.raw))
    },
    REV2,
  ),
  select(
    'not-closed-at-first',
    'RFC 9051 §7.1',
    'The first SELECT of a session sends no CLOSED.',
    async (c) => {
      check(codeOf(selectionOf(c), 'CLOSED') === null, 'no CLOSED', visible(selectionOf(c).raw))
    },
    REV2,
  ),
  select(
    'inbox-case',
    'RFC 3501 §5.1',
    'INBOX may be written in any case.',
    async (c) => {
      const [one, other] = [await c.ok('EXAMINE INBOX'), await c.ok('EXAMINE iNbOx')]
      const [upper, mixed] = [codeNumber(one, 'UIDVALIDITY'), codeNumber(other, 'UIDVALIDITY')]
      check(upper === mixed, `UIDVALIDITY ${upper}`, `UIDVALIDITY ${mixed}`)
    },
    { state: 'authenticated', needs: ACCOUNT },
  ),
  select(
    'uids-stay',
    'RFC 3501 §2.3.1.1',
    'UIDVALIDITY and the UIDs of messages are the same in the next session.',
    async (c) => {
      const uids = async (session: Imap): Promise<string> =>
        [...(await session.fetch('1:*', 'UID')).values()].map((one) => one.get('UID')?.text).join()
      const other = await again(c)
      const later = await other.examine(c.mailbox)
      const [one, two] = [
        `${codeNumber(selectionOf(c), 'UIDVALIDITY')}:${await uids(c)}`,
        `${codeNumber(later, 'UIDVALIDITY')}:${await uids(other)}`,
      ]
      check(one === two, one, two)
    },
    { level: 'should' },
  ),
  select('uids-ascend', 'RFC 3501 §2.3.1.1', 'UIDs ascend strictly with message numbers.', async (c) => {
    const uids = [...(await c.fetch('1:*', 'UID'))]
      .sort(([a], [b]) => a - b)
      .map(([, one]) => numberOf(one.get('UID'), 'UID'))
    check(
      uids.every((uid, i) => i === 0 || uid > uids[i - 1]!),
      'ascending UIDs',
      uids.join(),
    )
  }),
  select('uidnext-changes', 'RFC 3501 §2.3.1.1', 'UIDNEXT changes when a message is added.', async (c) => {
    const before = codeNumber(selectionOf(c), 'UIDNEXT')
    await c.append(c.mailbox, CORPUS[0]!.text)
    const later = codeNumber(await c.select(c.mailbox), 'UIDNEXT')
    check(later > before, `UIDNEXT above ${before}`, String(later))
  }),
  select('uidnext-stays', 'RFC 3501 §2.3.1.1', 'UIDNEXT does not change when messages are removed.', async (c) => {
    const before = codeNumber(selectionOf(c), 'UIDNEXT')
    await c.must('STORE 1:* +FLAGS (\\Deleted)')
    await c.must('EXPUNGE')
    const later = codeNumber(await c.select(c.mailbox), 'UIDNEXT')
    check(later === before, `UIDNEXT ${before}`, String(later))
  }),
]

const flags = async (c: Imap, number: number): Promise<string> =>
  flagsOf((await c.fetch(String(number), 'FLAGS')).get(number)?.get('FLAGS'))
    .filter((flag) => flag !== '\\recent')
    .join(' ')

const status = async (c: Imap, mailbox: string, item: string): Promise<Value | undefined> =>
  pairs(single(await c.ok(`STATUS ${quoted(mailbox)} (${item})`), 'STATUS').values[1], 'STATUS').get(item)

export const examineCases: readonly ImapCase[] = [
  examine(
    'read-only',
    'RFC 3501 §6.3.2',
    'The text of the OK to EXAMINE begins with the code READ-ONLY.',
    async (c) => {
      check(selectionOf(c).code?.name === 'READ-ONLY', '[READ-ONLY]', visible(selectionOf(c).raw))
    },
  ),
  examine(
    'same-data',
    'RFC 3501 §6.3.2',
    'EXAMINE sends FLAGS, EXISTS, UIDVALIDITY, UIDNEXT and PERMANENTFLAGS as SELECT does.',
    async (c) => {
      const result = selectionOf(c)
      items(single(result, 'FLAGS').values[0], 'FLAGS')
      check(single(result, 'EXISTS').number === CORPUS.length, `${CORPUS.length} EXISTS`, 'another number')
      codeNumber(result, 'UIDVALIDITY')
      codeNumber(result, 'UIDNEXT')
      check(codeOf(result, 'PERMANENTFLAGS') !== null, 'PERMANENTFLAGS', 'none')
    },
  ),
  examine(
    'list',
    'RFC 9051 §6.3.3',
    'EXAMINE sends LIST with the name of the mailbox.',
    async (c) => {
      const { values, raw } = single(selectionOf(c), 'LIST')
      check(values[2]?.text === c.mailbox, c.mailbox, visible(raw))
    },
    REV2,
  ),
  examine(
    'no-such-mailbox',
    'RFC 3501 §6.3.2',
    'EXAMINE of a mailbox that does not exist is answered NO.',
    async (c) => {
      await c.no(`EXAMINE ${quoted(freshName(c))}`)
    },
    { state: 'authenticated' },
  ),
  examine('failure-deselects', 'RFC 3501 §6.3.2', 'After an EXAMINE that fails no mailbox is selected.', async (c) => {
    await c.no(`EXAMINE ${quoted(freshName(c))}`)
    await c.refused('FETCH 1 FLAGS')
  }),
  examine(
    'store',
    'RFC 3501 §6.3.2',
    'STORE changes no flag for good in a mailbox opened by EXAMINE.',
    async (c) => {
      await c.examine(c.mailbox)
      await c.send('STORE 4 +FLAGS (\\Flagged)')
      const other = await again(c)
      await other.examine(c.mailbox)
      const found = await flags(other, 4)
      check(found === '', 'no flag', found)
    },
    { state: 'selected' },
  ),
  examine(
    'fetch-sets-no-seen',
    'RFC 3501 §6.3.2',
    'FETCH of a body sets no \\Seen in a mailbox opened by EXAMINE.',
    async (c) => {
      await c.examine(c.mailbox)
      await c.ok('FETCH 4 BODY[]')
      const other = await again(c)
      await other.examine(c.mailbox)
      const found = await flags(other, 4)
      check(found === '', 'no \\Seen', found)
    },
    { state: 'selected' },
  ),
  examine(
    'expunge',
    'RFC 3501 §6.3.2',
    'EXPUNGE removes nothing from a mailbox opened by EXAMINE.',
    async (c) => {
      await c.must('STORE 1 +FLAGS (\\Deleted)')
      await c.examine(c.mailbox)
      await c.send('EXPUNGE')
      const found = numberOf(await status(await again(c), c.mailbox, 'MESSAGES'), 'MESSAGES')
      check(found === CORPUS.length, `${CORPUS.length} messages`, String(found))
    },
    { state: 'selected' },
  ),
  examine(
    'close',
    'RFC 3501 §6.4.2',
    'CLOSE of a mailbox opened by EXAMINE gives no error and removes nothing.',
    async (c) => {
      await c.must('STORE 1 +FLAGS (\\Deleted)')
      await c.examine(c.mailbox)
      await c.ok('CLOSE')
      const found = numberOf(await status(c, c.mailbox, 'MESSAGES'), 'MESSAGES')
      check(found === CORPUS.length, `${CORPUS.length} messages`, String(found))
    },
    { state: 'selected' },
  ),
  examine(
    'keeps-recent',
    'RFC 3501 §6.3.2',
    'EXAMINE does not take \\Recent from messages: the next SELECT finds as many.',
    async (c) => {
      const mailbox = await freshMailbox(c)
      await c.append(mailbox, CORPUS[0]!.text)
      const first = single(await c.examine(mailbox), 'RECENT').number
      const then = single(await c.select(mailbox), 'RECENT').number
      check(first === then, `${first} RECENT`, `${then} RECENT`)
    },
    { state: 'authenticated', ...REV1 },
  ),
]

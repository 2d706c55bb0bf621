// IMAP: SELECT and EXAMINE.
import { Blocked, check, Skipped, visible } from '../judgement.ts'
import { codeOf, flagsOf, type Imap, items, numberOf, quoted, type Result, single, untagged } from './client.ts'
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
  select('flags-keyword', 'RFC 3501 §6.3.1', 'FLAGS has the keywords that messages of the mailbox have.', async (c) => {
    const { status } = await c.send('STORE 4 +FLAGS.SILENT ($Forwarded)')
    if (status !== 'OK') throw new Skipped('the server keeps no such keyword')
    const other = await again(c)
    const selection = await other.must(`SELECT ${quoted(c.mailbox)}`)
    const kept = flagsOf((await other.fetch('4', 'FLAGS')).get(4)?.get('FLAGS')).includes('$forwarded')
    if (!kept) throw new Skipped('the server keeps no such keyword')
    const found = flagsOf(single(selection, 'FLAGS').values[0])
    check(found.includes('$forwarded'), '$Forwarded among the flags', found.join(' '))
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
  select(
    'uidvalidity',
    'RFC 3501 §6.3.1',
    'SELECT sends an untagged OK with UIDVALIDITY and a number from 1 to 4294967295.',
    async (c) => {
      const value = codeNumber(selectionOf(c), 'UIDVALIDITY')
      check(value >= 1 && value <= 0xffff_ffff, '1 to 4294967295', String(value))
    },
  ),
  select(
    'uidnext',
    'RFC 3501 §6.3.1',
    'SELECT sends an untagged OK with UIDNEXT and a number above the UID of the last message.',
    async (c) => {
      const next = codeNumber(selectionOf(c), 'UIDNEXT')
      const last = numberOf((await c.fetch('*', 'UID')).get(CORPUS.length)?.get('UID'), 'UID')
      check(next > last, `UIDNEXT above ${last}`, String(next))
    },
  ),
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
    'SELECT while no mailbox is selected sends no CLOSED.',
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
]

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
]

// IMAP: FETCH of flags, dates, sizes and UIDs, its macros, its message sets, and when it sets \Seen.
import { check, Skipped } from '../judgement.ts'
import { flags, item, itemIn, octets, same, section, topic, uidOf, uids } from './cases.ts'
import { codeOf, fetched, flagsOf, type Imap, isNumber, quoted, shown } from './client.ts'
import { CORPUS, fixture, number } from './corpus.ts'
import { again, freshMailbox } from './suite.ts'

const define = topic('fetch', 'examined')
const REV1 = { capabilities: ['IMAP4REV1'] }
const OWN = { state: 'selected' } as const
const COUNT = CORPUS.length
const UNSEEN = number('eightbit')
/** A message number and a UID that no mailbox of the suite comes to. */
const NONE = 4_000_000_000

/** date-time of RFC 3501 §9 and RFC 9051 §9. */
const DATE_TIME = /^[ \d]\d-(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-\d{4} \d{2}:\d{2}:\d{2} [+-]\d{4}$/i

/** The instant of a date-time, in milliseconds. */
const moment = (dateTime: string): number =>
  Date.parse(`${dateTime.trim().slice(0, -15).replaceAll('-', ' ')} ${dateTime.slice(-14)}`)

/** The message numbers that a FETCH of a set answers, ascending. */
async function answered(c: Imap, command: string): Promise<number[]> {
  return [...fetched(await c.ok(command)).keys()].sort((a, b) => a - b)
}

const set = (slug: string, requirement: string, text: string, wanted: readonly number[]) =>
  define(slug, '9051 §9 sequence-set', requirement, async (c) =>
    same(await answered(c, `FETCH ${text} (UID)`), wanted, 'FETCH responses for messages'),
  )

const macro = (slug: string, name: string, items: readonly string[]) =>
  define(
    slug,
    '9051 §6.4.5',
    `FETCH ${name} gives ${items.slice(0, -1).join(', ')} and ${items.at(-1)}, and nothing else.`,
    async (c) => {
      const got = [
        ...(fetched(await c.ok(`FETCH 1 ${name}`))
          .get(1)
          ?.keys() ?? []),
      ]
      same(got.filter((one) => one !== 'UID' && one !== 'MODSEQ').sort(), [...items].sort(), 'the items')
    },
  )

export const fetchItemCases = [
  define('flags', '9051 §7.5.2', 'FLAGS is a list of the flags that are set on the message.', async (c) => {
    same(await flags(c, number('nested')), ['\\answered', '\\seen'], 'the flags')
  }),
  define('flags-none', '9051 §7.5.2', 'FLAGS of a message without flags is an empty list.', async (c) => {
    const value = await item(c, UNSEEN, 'FLAGS')
    check(value.kind === 'list', 'a list', shown(value))
    same(
      flagsOf(value).filter((flag) => flag !== '\\recent'),
      [],
      'the flags',
    )
  }),
  define(
    'internaldate-form',
    '9051 §9 date-time',
    'INTERNALDATE is a quoted date-time: two characters of day, month, year, time and zone.',
    async (c) => {
      const value = await item(c, number('reply'), 'INTERNALDATE')
      check(value.kind === 'quoted' && DATE_TIME.test(value.text), 'a quoted date-time', shown(value))
    },
  ),
  define(
    'internaldate-of-append',
    '9051 §6.3.12',
    'INTERNALDATE of an appended message is the instant that APPEND was given.',
    async (c) => {
      const got = octets(await item(c, number('nested'), 'INTERNALDATE'), 'INTERNALDATE')
      same(moment(got), moment(fixture('nested').date), `${got} as the instant`)
    },
    { level: 'should' },
  ),
  define(
    'internaldate-not-of-the-header',
    '9051 §2.3.3',
    'INTERNALDATE is not taken from the Date field of the message.',
    async (c) => {
      const got = octets(await item(c, number('plain'), 'INTERNALDATE'), 'INTERNALDATE')
      check(moment(got) !== Date.parse('06 Jan 2020 10:11:12 +0000'), 'another instant than that of Date', got)
    },
  ),
  define(
    'internaldate-of-now',
    '9051 §6.3.12',
    'INTERNALDATE of a message appended without a date is the time of the APPEND (within a day).',
    async (c) => {
      await c.append(c.mailbox, fixture('plain').text)
      await c.must(`EXAMINE ${quoted(c.mailbox)}`)
      const got = octets(await item(c, COUNT + 1, 'INTERNALDATE'), 'INTERNALDATE')
      check(Math.abs(moment(got) - Date.now()) < 86_400_000, 'the current date', got)
    },
    OWN,
  ),
  define('size', '9051 §2.3.4', 'RFC822.SIZE is the number of octets of BODY[].', async (c) => {
    const all = fetched(await c.ok('FETCH 1:* (RFC822.SIZE BODY.PEEK[])'))
    for (let n = 1; n <= COUNT; n++) {
      const size = itemIn(all, n, 'RFC822.SIZE')
      const whole = octets(itemIn(all, n, 'BODY[]'), 'BODY[]')
      check(isNumber(size) && Number(size.text) === whole.length, `size ${whole.length}`, shown(size))
    }
  }),
  define('uid', '9051 §7.5.2', 'UID is a number from 1 to 4294967295.', async (c) => {
    for (const uid of await uids(c)) check(uid > 0 && uid < 2 ** 32, 'an unsigned 32-bit number above 0', String(uid))
  }),
  define('items-together', '9051 §6.4.5', 'All items of a list are given for each message of the set.', async (c) => {
    const names = ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE', 'BODYSTRUCTURE', 'UID']
    const all = fetched(await c.ok(`FETCH 1:${COUNT} (${names.join(' ')})`))
    for (let n = 1; n <= COUNT; n++) for (const name of names) itemIn(all, n, name)
  }),
  define('item-alone', '9051 §9 fetch', 'One item may be asked for without parentheses.', async (c) => {
    itemIn(fetched(await c.ok('FETCH 1 RFC822.SIZE')), 1, 'RFC822.SIZE')
  }),
  define('items-any-case', '9051 §9', 'Names of items are understood in any case.', async (c) => {
    itemIn(fetched(await c.ok('FETCH 1 (rfc822.Size)')), 1, 'RFC822.SIZE')
  }),
  define(
    'static',
    '9051 §2.3.1.1',
    'Internal date, size, envelope and body structure of a message are the same at each FETCH and in each session.',
    async (c) => {
      const names = '(INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)'
      const read = async (one: Imap) =>
        [...(await one.fetch('2', names))].map(([n, items]) => [n, [...items].map(([k, v]) => [k, v.text]).sort()])
      const other = await again(c)
      await other.must(`EXAMINE ${quoted(c.mailbox)}`)
      const first = await read(c)
      same(await read(c), first, 'the same as at the first FETCH')
      same(await read(other), first, 'the same as in another session')
    },
  ),
  macro('macro-fast', 'FAST', ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE']),
  macro('macro-all', 'ALL', ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE']),
  macro('macro-full', 'FULL', ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE', 'BODY']),
  define(
    'uid-fetch-has-uid',
    '9051 §6.4.9',
    'FETCH responses to UID FETCH have UID, though it was not asked for.',
    async (c) => {
      const uid = await uidOf(c, 2)
      const all = fetched(await c.ok(`UID FETCH ${uid} (RFC822.SIZE)`))
      same(Number(itemIn(all, 2, 'UID').text), uid, 'UID')
      itemIn(all, 2, 'RFC822.SIZE')
    },
  ),
  define('uid-fetch-set', '9051 §6.4.9', 'UID FETCH of a set of UIDs gives all its messages.', async (c) => {
    const all = await uids(c)
    same(
      await answered(c, `UID FETCH ${all[0]},${all[2]}:${all[3]} (FLAGS)`),
      [1, 3, 4],
      'FETCH responses for messages',
    )
  }),
  define(
    'uid-fetch-numbers',
    '9051 §6.4.9',
    'The number before FETCH is the message sequence number, for UID FETCH too.',
    async (c) => {
      await c.must('STORE 1 +FLAGS.SILENT (\\Deleted)')
      await c.must('EXPUNGE')
      const uid = await uidOf(c, 2)
      same(await answered(c, `UID FETCH ${uid} (FLAGS)`), [2], 'a FETCH response for message')
    },
    OWN,
  ),
  define(
    'uid-fetch-missing',
    '9051 §6.4.9',
    'UID FETCH of a UID that does not exist is answered by OK without data.',
    async (c) => same(await answered(c, `UID FETCH ${NONE} (FLAGS)`), [], 'FETCH responses for messages'),
  ),
  define(
    'uid-fetch-empty-mailbox',
    '9051 §6.4.9',
    'UID FETCH 1:* in an empty mailbox is answered by OK without data.',
    async (c) => {
      await c.must(`SELECT ${quoted(await freshMailbox(c))}`)
      same(await answered(c, 'UID FETCH 1:* (FLAGS)'), [], 'FETCH responses for messages')
    },
    { state: 'authenticated' },
  ),
  define(
    'uid-fetch-beyond',
    '9051 §6.4.9',
    'A UID range that ends in * has the last message, even if it begins above its UID.',
    async (c) => same(await answered(c, `UID FETCH ${NONE}:* (FLAGS)`), [COUNT], 'a FETCH response for message'),
  ),
  define(
    'uid-fetch-with-gaps',
    '9051 §6.4.9',
    'UIDs of a range that are no longer there are passed over.',
    async (c) => {
      const all = await uids(c)
      await c.must('STORE 2,4 +FLAGS.SILENT (\\Deleted)')
      await c.must('EXPUNGE')
      const got = fetched(await c.ok(`UID FETCH ${all[0]}:${all[4]} (FLAGS)`))
      same(
        [...got.keys()].sort().map((n) => Number(itemIn(got, n, 'UID').text)),
        [all[0], all[2], all[4]],
        'UIDs',
      )
    },
    OWN,
  ),
  set('set-star', 'In a message set * stands for the last message.', '*', [COUNT]),
  set('set-range-to-star', 'n:* stands for all messages from n on.', `${COUNT - 1}:*`, [COUNT - 1, COUNT]),
  set('set-star-to-number', '*:n is the same as n:*.', `*:${COUNT - 1}`, [COUNT - 1, COUNT]),
  set('set-reversed', 'A range means the same with its ends exchanged.', '3:1', [1, 2, 3]),
  set('set-list', 'Commas join numbers and ranges in any order.', '5,1:2,4', [1, 2, 4, 5]),
  define('set-zero', '9051 §9 nz-number', 'There is no message 0: a set with it is answered by BAD.', async (c) =>
    c.send('FETCH 0 (FLAGS)', 'BAD'),
  ),
  define('set-malformed', '9051 §9 sequence-set', 'A set with an open range is answered by BAD.', async (c) =>
    c.send('FETCH 1: (FLAGS)', 'BAD'),
  ),
  define(
    'set-beyond',
    '9051 §9 seq-number',
    'A message number above the number of messages is answered by BAD.',
    async (c) => c.send(`FETCH ${COUNT + 5} (FLAGS)`, 'BAD'),
    { level: 'should' },
  ),
  define('unknown-item', '9051 §6.4.5', 'An item that does not exist is answered by BAD.', async (c) =>
    c.send('FETCH 1 (NOSUCHITEM)', 'BAD'),
  ),
  define('unknown-section', '9051 §9 section-spec', 'A section that does not exist is answered by BAD.', async (c) =>
    c.send('FETCH 1 (BODY.PEEK[NOSUCHSECTION])', 'BAD'),
  ),
  define('no-items', '9051 §9 fetch', 'FETCH with an empty list of items is answered by BAD.', async (c) =>
    c.send('FETCH 1 ()', 'BAD'),
  ),
  define('without-items', '9051 §9 fetch', 'FETCH without items is answered by BAD.', async (c) =>
    c.send('FETCH 1', 'BAD'),
  ),
  define('mime-without-part', '9051 §6.4.5.1', 'MIME without a part number before it is answered by BAD.', async (c) =>
    c.send('FETCH 1 (BODY.PEEK[MIME])', 'BAD'),
  ),
  define(
    'partial-of-nothing',
    '9051 §9 partial',
    'A partial of 0 octets is answered by BAD.',
    async (c) => c.send('FETCH 1 (BODY.PEEK[]<0.0>)', 'BAD'),
    { level: 'should' },
  ),
]

const SETS_SEEN = 'RFC822 RFC822.TEXT'.split(' ')

/** Whether a FETCH of that makes an unseen message seen. */
async function seenBy(c: Imap, what: string): Promise<boolean> {
  check(!(await flags(c, UNSEEN)).includes('\\seen'), 'a message without \\Seen', 'one with it')
  await c.ok(`FETCH ${UNSEEN} (${what})`)
  return (await flags(c, UNSEEN)).includes('\\seen')
}

const seen = topic('seen', 'selected')
const setsSeen = (slug: string, rfc: string, what: string, more = {}) =>
  seen(
    slug,
    rfc,
    `FETCH ${what} sets \\Seen.`,
    async (c) => check(await seenBy(c, what), '\\Seen among the flags', 'none'),
    more,
  )
const keepsUnseen = (slug: string, rfc: string, what: string, more = {}) =>
  seen(
    slug,
    rfc,
    `FETCH ${what} does not set \\Seen.`,
    async (c) => check(!(await seenBy(c, what)), 'no \\Seen among the flags', '\\Seen'),
    more,
  )

export const seenCases = [
  setsSeen('by-body', '9051 §6.4.5', 'BODY[]'),
  setsSeen('by-part', '9051 §6.4.5', 'BODY[1]'),
  setsSeen('by-header', '9051 §6.4.5', 'BODY[HEADER]'),
  ...SETS_SEEN.map((what) => setsSeen(`by-${what.toLowerCase().replace('.', '-')}`, '3501 §6.4.5', what, REV1)),
  keepsUnseen(
    'not-by-peek',
    '9051 §6.4.5',
    'BODY.PEEK[] BODY.PEEK[1] BODY.PEEK[TEXT] BODY.PEEK[HEADER] BODY.PEEK[HEADER.FIELDS (SUBJECT)] BODY.PEEK[]<0.9>',
  ),
  keepsUnseen('not-by-rfc822-header', '3501 §6.4.5', 'RFC822.HEADER', REV1),
  keepsUnseen('not-by-envelope', '9051 §6.4.5', 'ENVELOPE BODYSTRUCTURE RFC822.SIZE INTERNALDATE'),
  seen(
    'told',
    '9051 §6.4.5',
    'When FETCH sets \\Seen, the changed flags are told in a FETCH response of the same command.',
    async (c) => {
      const all = fetched(await c.ok(`FETCH ${UNSEEN} (BODY[TEXT])`))
      const told = flagsOf(all.get(UNSEEN)?.get('FLAGS'))
      check(told.includes('\\seen'), 'FLAGS with \\Seen in a FETCH response', told.join(' ') || 'no FLAGS')
    },
    { level: 'should' },
  ),
  seen(
    'not-in-examine',
    '9051 §6.3.3',
    'In a mailbox opened by EXAMINE, FETCH BODY[] does not set \\Seen permanently.',
    async (c) => {
      await c.must(`EXAMINE ${quoted(c.mailbox)}`)
      await c.ok(`FETCH ${UNSEEN} (BODY[])`)
      const other = await again(c)
      await other.must(`EXAMINE ${quoted(c.mailbox)}`)
      check(!(await flags(other, UNSEEN)).includes('\\seen'), 'no \\Seen in another session', '\\Seen')
    },
  ),
  seen('kept', '9051 §2.3.2', '\\Seen that a FETCH has set is there in later sessions.', async (c) => {
    await c.ok(`FETCH ${UNSEEN} (BODY[TEXT])`)
    const permanent = codeOf(c.selected!, 'PERMANENTFLAGS')
    if (permanent !== null && !/\\Seen/i.test(permanent.text)) throw new Skipped('\\Seen is not among PERMANENTFLAGS')
    const other = await again(c)
    await other.must(`EXAMINE ${quoted(c.mailbox)}`)
    check((await flags(other, UNSEEN)).includes('\\seen'), '\\Seen in another session', 'none')
  }),
  seen('by-partial', '9051 §6.4.5', 'A partial FETCH of BODY[section] sets \\Seen too.', async (c) => {
    await c.ok(`FETCH ${UNSEEN} (BODY[TEXT]<0.1>)`)
    check((await flags(c, UNSEEN)).includes('\\seen'), '\\Seen among the flags', 'none')
    await section(c, UNSEEN, 'TEXT')
  }),
]

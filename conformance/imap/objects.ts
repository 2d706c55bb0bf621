// IMAP: object identifiers (RFC 8474), save dates (RFC 8514) and previews (RFC 8970).
import { check, Skipped, visible } from '../judgement.ts'
import { flags, item, itemIn, octets, same, search, topic } from './cases.ts'
import {
  codeOf,
  fetched,
  type Imap,
  isString,
  items,
  octetsOf,
  quoted,
  type Result,
  shown,
  untagged,
  type Value,
} from './client.ts'
import { CORPUS, number } from './corpus.ts'
import { again, freshMailbox, freshName } from './suite.ts'

const COUNT = CORPUS.length
const OBJECTID = /^[A-Za-z0-9_-]{1,255}$/

const object = topic('objectid', 'selected', 'OBJECTID')

/** The one identifier in parentheses. */
function idOf(value: Value | undefined, what: string): string {
  const [id, ...more] = items(value, what)
  check(
    more.length === 0 && OBJECTID.test(id?.text ?? ''),
    `one identifier of A-Z, a-z, 0-9, _ and - in ${what}`,
    shown(value),
  )
  return id!.text
}

function mailboxId(result: Result): string {
  const code = codeOf(result, 'MAILBOXID')
  check(code !== null, 'the code MAILBOXID', visible(result.raw))
  return idOf(code.values[0], 'MAILBOXID')
}

async function mailboxIdByStatus(c: Imap, mailbox: string): Promise<string> {
  const response = untagged(await c.ok(`STATUS ${quoted(mailbox)} (MAILBOXID)`), 'STATUS')[0]
  const data = items(response?.values[1], 'STATUS')
  return idOf(data[data.findIndex(({ text }) => /^MAILBOXID$/i.test(text)) + 1], 'MAILBOXID of STATUS')
}

const emailId = async (c: Imap, n: number): Promise<string> => idOf(await item(c, n, 'EMAILID'), 'EMAILID')

/** null when the server has none. */
const threadId = async (c: Imap, n: number): Promise<string | null> =>
  threadIdIn(await c.fetch(String(n), '(THREADID)'), n)

const threadIdIn = (all: ReturnType<typeof fetched>, n: number): string | null => {
  const value = itemIn(all, n, 'THREADID')
  return value.kind === 'nil' ? null : idOf(value, 'THREADID')
}

/** Message n and its copy, COUNT + 1. */
async function copyOf(c: Imap, n: number): Promise<void> {
  await c.must(`COPY ${n} ${quoted(c.mailbox)}`)
  await c.must(`SELECT ${quoted(c.mailbox)}`)
}

export const objectIdCases = [
  object('select', '8474 §4.2', 'SELECT tells MAILBOXID in an untagged OK.', async (c) => {
    mailboxId(c.selected!)
    check(c.selected!.code?.name !== 'MAILBOXID', 'MAILBOXID in an untagged OK', visible(c.selected!.raw))
  }),
  object('examine', '8474 §4.2', 'EXAMINE tells the same MAILBOXID.', async (c) =>
    same(mailboxId(await c.examine(c.mailbox)), mailboxId(c.selected!), 'MAILBOXID'),
  ),
  object('create', '8474 §4.1', 'CREATE is answered by OK with MAILBOXID.', async (c) => {
    const result = await c.ok(`CREATE ${quoted(freshName(c))}`)
    check(result.code?.name === 'MAILBOXID', 'the code MAILBOXID', visible(result.raw))
    idOf(result.code.values[0], 'MAILBOXID')
  }),
  object('create-agrees', '8474 §4', 'The MAILBOXID that CREATE gave is that of SELECT.', async (c) => {
    const name = freshName(c)
    const created = mailboxId(await c.ok(`CREATE ${quoted(name)}`))
    same(mailboxId(await c.select(name)), created, 'MAILBOXID')
  }),
  object('status', '8474 §4.3', 'STATUS gives the MAILBOXID that SELECT gives.', async (c) => {
    await c.must('CLOSE')
    same(await mailboxIdByStatus(c, c.mailbox), mailboxId(c.selected!), 'MAILBOXID')
  }),
  object('kept-by-rename', '8474 §4', 'A renamed mailbox keeps its MAILBOXID.', async (c) => {
    await c.must('CLOSE')
    const name = freshName(c, 'renamed')
    await c.must(`RENAME ${quoted(c.mailbox)} ${quoted(name)}`)
    same(await mailboxIdByStatus(c, name), mailboxId(c.selected!), 'MAILBOXID')
  }),
  object('distinct', '8474 §4', 'Two mailboxes do not have the same MAILBOXID.', async (c) => {
    const other = await mailboxIdByStatus(c, await freshMailbox(c))
    check(other !== mailboxId(c.selected!), 'another MAILBOXID', other)
  }),
  object(
    'not-reused',
    '8474 §4',
    'A mailbox deleted and made again with another UIDVALIDITY has another MAILBOXID.',
    async (c) => {
      const before = [mailboxId(c.selected!), codeOf(c.selected!, 'UIDVALIDITY')?.text]
      await c.must('CLOSE')
      await c.must(`DELETE ${quoted(c.mailbox)}`)
      await c.must(`CREATE ${quoted(c.mailbox)}`)
      const now = await c.select(c.mailbox)
      const kept = codeOf(now, 'UIDVALIDITY')?.text === before[1]
      check(kept || mailboxId(now) !== before[0], `another MAILBOXID than ${before[0]}`, mailboxId(now))
    },
  ),
  object('emailid', '8474 §5.3', 'FETCH EMAILID gives an identifier in parentheses.', (c) => emailId(c, 1)),
  object('emailid-kept', '8474 §5.1', 'A message has the same EMAILID in another session.', async (c) => {
    const before = await emailId(c, 2)
    const other = await again(c)
    await other.must(`EXAMINE ${quoted(c.mailbox)}`)
    same(await emailId(other, 2), before, 'EMAILID')
  }),
  object('emailid-of-copy', '8474 §5.1', 'A copied message has the EMAILID of its source.', async (c) => {
    await copyOf(c, 2)
    same(await emailId(c, COUNT + 1), await emailId(c, 2), 'EMAILID')
  }),
  object(
    'emailid-of-moved',
    '8474 §5.1',
    'A moved message keeps its EMAILID.',
    async (c) => {
      const before = await emailId(c, 2)
      const target = await freshMailbox(c)
      await c.must(`MOVE 2 ${quoted(target)}`)
      await c.must(`SELECT ${quoted(target)}`)
      same(await emailId(c, 1), before, 'EMAILID')
    },
    { capabilities: ['MOVE|IMAP4REV2'] },
  ),
  object('emailid-distinct', '8474 §5.1', 'Messages of different content have different EMAILIDs.', async (c) => {
    const all = fetched(await c.ok('FETCH 1:* (EMAILID)'))
    const ids = new Set([...all.keys()].map((n) => idOf(itemIn(all, n, 'EMAILID'), 'EMAILID')))
    same(ids.size, COUNT, 'different EMAILIDs')
  }),
  object('emailid-same-flags', '8474 §5.1', 'A change of flags leaves EMAILID.', async (c) => {
    const before = await emailId(c, 4)
    await c.must('STORE 4 +FLAGS (\\Flagged)')
    same(await emailId(c, 4), before, 'EMAILID')
  }),
  object('threadid', '8474 §5.3', 'FETCH THREADID gives an identifier in parentheses, or NIL.', (c) => threadId(c, 1)),
  object('threadid-of-copy', '8474 §5.2', 'Messages of the same EMAILID have the same THREADID.', async (c) => {
    await copyOf(c, 2)
    same(await threadId(c, COUNT + 1), await threadId(c, 2), 'THREADID')
  }),
  object('threadid-other-than-emailid', '8474 §5.2', 'No value is both an EMAILID and a THREADID.', async (c) => {
    const all = [...(await c.fetch('1:*', '(EMAILID THREADID)')).values()]
    const emails = new Set(all.map((one) => one.get('EMAILID')?.text))
    const both = all.map((one) => one.get('THREADID')?.text).filter((text) => text !== 'NIL' && emails.has(text))
    same(both, [], 'values that are both')
  }),
  object(
    'threadid-related',
    '8474 §5.2',
    'A reply has the THREADID of the message that it replies to, if the server has THREADIDs.',
    async (c) => same(await threadId(c, number('reply')), await threadId(c, number('plain')), 'THREADID'),
    { level: 'should' },
  ),
  object('search-emailid', '8474 §6', 'SEARCH EMAILID finds the message with exactly that identifier.', async (c) =>
    same(await search(c, `EMAILID ${await emailId(c, 3)}`), [3], 'messages'),
  ),
  object('search-emailid-unknown', '8474 §6', 'SEARCH EMAILID of an unknown identifier finds nothing.', async (c) =>
    same(await search(c, 'EMAILID NoSuchIdentifier'), [], 'messages'),
  ),
  object(
    'search-threadid',
    '8474 §6',
    'SEARCH THREADID finds the messages with exactly that identifier.',
    async (c) => {
      const wanted = await threadId(c, 3)
      const all = fetched(await c.ok('FETCH 1:* (THREADID)'))
      const alike = [...all.keys()].filter((n) => threadIdIn(all, n) === wanted)
      same(await search(c, `THREADID ${wanted ?? 'NoSuchIdentifier'}`), wanted === null ? [] : alike, 'messages')
    },
  ),
]

const save = topic('savedate', 'selected', 'SAVEDATE')
const DATE_TIME = /^[ \d]\d-(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-\d{4} \d{2}:\d{2}:\d{2} [+-]\d{4}$/i
const DAY = 86_400_000

const moment = (text: string): number =>
  Date.parse(`${text.trim().slice(0, -15).replaceAll('-', ' ')} ${text.slice(-14)}`)

/** The day of message 1's save date as SEARCH takes it, and the ones beside it; null without save dates. */
async function days(c: Imap): Promise<{ before: string; on: string; after: string } | null> {
  const value = await item(c, 1, 'SAVEDATE')
  if (value.kind === 'nil') return null
  const [day = '', month = '', year = ''] = value.text.trim().split(' ')[0]!.split('-')
  const middle = Date.parse(`${day} ${month} ${year} 12:00:00 +0000`)
  const at = (ms: number): string => new Date(ms).toUTCString().split(' ').slice(1, 4).join('-')
  return { before: at(middle - DAY), on: at(middle), after: at(middle + DAY) }
}

const ALL = CORPUS.map((_, i) => i + 1)

/** With save dates, the criterion of that day finds all or none of the messages. */
const finds = (slug: string, requirement: string, criterion: string, wanted: { [day: string]: boolean }) =>
  save(slug, '8514 §4.3', requirement, async (c) => {
    const known = await days(c)
    if (known === null) throw new Skipped('the mailbox has no save dates')
    for (const [name, all] of Object.entries(wanted)) {
      const day = known[name as keyof typeof known]
      same(await search(c, `${criterion} ${day}`), all ? ALL : [], `messages of ${criterion} ${day}`)
    }
  })

export const saveDateCases = [
  save('form', '8514 §4.2', 'FETCH SAVEDATE gives a quoted date-time, or NIL.', async (c) => {
    const value = await item(c, 1, 'SAVEDATE')
    check(
      value.kind === 'nil' || (value.kind === 'quoted' && DATE_TIME.test(value.text)),
      'a date-time or NIL',
      shown(value),
    )
  }),
  save(
    'is-now',
    '8514 §3',
    'The save date is when the message was saved, not the date that APPEND was given.',
    async (c) => {
      const value = await item(c, 1, 'SAVEDATE')
      if (value.kind !== 'nil') check(Math.abs(moment(value.text) - Date.now()) < DAY, 'the current date', shown(value))
    },
  ),
  save('of-copy', '8514 §3', 'A copy has a save date of its own: not the internal date of the message.', async (c) => {
    await copyOf(c, 2)
    const value = await item(c, COUNT + 1, 'SAVEDATE')
    if (value.kind !== 'nil') check(Math.abs(moment(value.text) - Date.now()) < DAY, 'the current date', shown(value))
  }),
  save('kept', '8514 §3', 'The save date does not change while the message stays in the mailbox.', async (c) => {
    const before = (await item(c, 1, 'SAVEDATE')).text
    await c.must('STORE 1 +FLAGS (\\Flagged)')
    await c.must(`COPY 1 ${quoted(await freshMailbox(c))}`)
    const other = await again(c)
    await other.must(`EXAMINE ${quoted(c.mailbox)}`)
    same((await item(other, 1, 'SAVEDATE')).text, before, 'SAVEDATE')
  }),
  finds('savedon', 'SAVEDON finds the messages saved on that day.', 'SAVEDON', {
    before: false,
    on: true,
    after: false,
  }),
  finds('savedbefore', 'SAVEDBEFORE finds the messages saved before that day.', 'SAVEDBEFORE', {
    on: false,
    after: true,
  }),
  finds('savedsince', 'SAVEDSINCE finds the messages saved on that day or later.', 'SAVEDSINCE', {
    before: true,
    on: true,
    after: false,
  }),
  save(
    'supported',
    '8514 §4.3',
    'SAVEDATESUPPORTED finds all messages if there are save dates, and none otherwise.',
    async (c) => same(await search(c, 'SAVEDATESUPPORTED'), (await days(c)) === null ? [] : ALL, 'messages'),
  ),
  save(
    'search-by-internal-date',
    '8514 §4.3',
    'The SAVED keys do not go by the internal date when there are save dates.',
    async (c) => {
      if ((await days(c)) === null) throw new Skipped('the mailbox has no save dates')
      same(await search(c, 'SAVEDBEFORE 1-Feb-2020'), [], 'messages')
    },
  ),
]

const preview = topic('preview', 'selected', 'PREVIEW')

/** NIL is judged by one case alone. */
async function previewOf(c: Imap, n: number): Promise<string> {
  const value = await item(c, n, 'PREVIEW')
  if (value.kind === 'nil') throw new Skipped('the server gives NIL as PREVIEW')
  return octets(value, 'PREVIEW')
}

const isUtf8 = (text: string): boolean =>
  Buffer.from(Buffer.from(text, 'latin1').toString('utf8'), 'utf8').toString('latin1') === text

async function withBody(c: Imap, type: string, body: string): Promise<void> {
  c.mailbox = await freshMailbox(c)
  const head = ['Date: Mon, 06 Jan 2020 10:11:12 +0000', 'From: ana@conformance.example', 'MIME-Version: 1.0']
  await c.append(c.mailbox, [...head, `Content-Type: ${type}`, '', body, ''].join('\r\n'))
  await c.must(`SELECT ${quoted(c.mailbox)}`)
}

export const previewCases = [
  preview('string', '8970 §3.2', 'FETCH PREVIEW gives a string, not NIL.', async (c) =>
    octets(await item(c, 1, 'PREVIEW'), 'PREVIEW'),
  ),
  preview(
    'of-the-text',
    '8970 §3.2',
    'The preview of a message of plain text is made of its text.',
    async (c) => {
      const text = await previewOf(c, 1)
      check(text.includes('first line of plain'), 'a preview with "first line of plain"', visible(text))
    },
    { level: 'may' },
  ),
  preview(
    'empty',
    '8970 §3.2',
    'The preview of a message with an empty body is the empty string.',
    async (c) => same(await previewOf(c, number('emptybody')), '', 'PREVIEW'),
    { level: 'should' },
  ),
  preview('lazy', '8970 §4.1', 'FETCH PREVIEW (LAZY) is supported: a string or NIL.', async (c) => {
    const value = itemIn(fetched(await c.ok('FETCH 1 (PREVIEW (LAZY))')), 1, 'PREVIEW')
    check(value.kind === 'nil' || isString(value), 'a string or NIL', shown(value))
  }),
  preview('length', '8970 §3.3', 'A preview has at most 256 characters.', async (c) => {
    await withBody(c, 'text/plain; charset=utf-8', octetsOf('ñandú '.repeat(400)))
    const { length } = [...Buffer.from(await previewOf(c, 1), 'latin1').toString('utf8')]
    check(length <= 256, 'at most 256 characters', String(length))
  }),
  preview(
    'length-advised',
    '8970 §3.3',
    'A preview has at most 200 characters.',
    async (c) => {
      await withBody(c, 'text/plain; charset=utf-8', octetsOf('ñandú '.repeat(400)))
      const { length } = [...Buffer.from(await previewOf(c, 1), 'latin1').toString('utf8')]
      check(length <= 200, 'at most 200 characters', String(length))
    },
    { level: 'should' },
  ),
  preview('utf-8', '8970 §3.3', 'A preview is UTF-8, whatever the charset of the message.', async (c) => {
    const text = await previewOf(c, number('encoded'))
    check(isUtf8(text), 'UTF-8', visible(text))
  }),
  preview('decoded', '8970 §3.3', 'A preview is not transfer encoded.', async (c) => {
    const text = await previewOf(c, number('encoded'))
    check(!text.includes('=F1'), 'a preview without "=F1"', visible(text))
  }),
  preview(
    'markup',
    '8970 §3.3',
    'A preview of HTML has no markup.',
    async (c) => {
      await withBody(c, 'text/html', '<html><body><p>An <b>acorn</b> here</p></body></html>')
      const text = await previewOf(c, 1)
      check(!/<\/?(html|body|p|b)>/i.test(text), 'a preview without tags', visible(text))
    },
    { level: 'should' },
  ),
  preview(
    'same',
    '8970 §3.2',
    'The preview of a message is the same each time.',
    async (c) => same(await previewOf(c, 2), await previewOf(c, 2), 'PREVIEW'),
    { level: 'should' },
  ),
  preview('keeps-unseen', '9051 §6.4.5', 'FETCH PREVIEW sets no \\Seen.', async (c) => {
    await previewOf(c, 4)
    same(await flags(c, 4), [], 'flags')
  }),
  preview('with-others', '8970 §3.1', 'PREVIEW can be asked for together with other items.', async (c) => {
    const all = fetched(await c.ok('UID FETCH 1:* (PREVIEW FLAGS)'))
    for (let n = 1; n <= COUNT; n++) {
      itemIn(all, n, 'PREVIEW')
      itemIn(all, n, 'FLAGS')
    }
  }),
]

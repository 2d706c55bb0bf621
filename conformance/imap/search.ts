// IMAP: SEARCH keys, charsets and what the answer holds.
import { check, visible } from '../judgement.ts'
import { foundBy, item, octets, same, search, topic, uids } from './cases.ts'
import { codeOf, type Imap, literal, octetsOf, type Parts, quoted, untagged } from './client.ts'
import { CORPUS, fixture } from './corpus.ts'
import { freshMailbox } from './suite.ts'

const define = topic('search', 'examined')
const RFC = '9051 §6.4.4'
const OWN = { state: 'selected' } as const
const EMPTY = { state: 'authenticated' } as const
const REV1 = { capabilities: ['IMAP4REV1'] }
const ALL = CORPUS.map((_, i) => i + 1)
const allBut = (...without: readonly number[]): number[] => ALL.filter((n) => !without.includes(n))
const sizeOf = (name: string): number => fixture(name).text.length

/** SEARCH in the corpus finds exactly these messages. */
const finds = (
  slug: string,
  requirement: string,
  criteria: Parts,
  wanted: readonly number[],
  more: Parameters<typeof define>[4] & { rfc?: string } = {},
) =>
  define(
    slug,
    more.rfc ?? RFC,
    requirement,
    async (c) => {
      const parts = typeof criteria === 'string' ? [criteria] : criteria
      same(foundBy(await c.ok(['SEARCH ', ...parts])), wanted, 'messages')
    },
    more,
  )

/** A UTF-8 string in a search of that charset. */
const inUtf8 = (key: string, text: string): Parts => [`CHARSET UTF-8 ${key} `, literal(octetsOf(text))]

/** SEARCH in a mailbox of these messages alone. */
const among = (
  slug: string,
  requirement: string,
  messages: readonly (readonly [text: string, date?: string])[],
  run: (c: Imap) => Promise<unknown>,
  more: Parameters<typeof define>[4] = {},
) =>
  define(
    slug,
    RFC,
    requirement,
    async (c) => {
      c.mailbox = await freshMailbox(c)
      for (const [text, date = null] of messages) await c.append(c.mailbox, text, [], date)
      await c.must(`EXAMINE ${quoted(c.mailbox)}`)
      await run(c)
    },
    { ...EMPTY, ...more },
  )

const message = (header: readonly string[], body = 'text'): string =>
  ['From: ana@conformance.example', ...header, '', body, ''].join('\r\n')

const base64Message = message(
  ['Date: Mon, 06 Jan 2020 10:11:12 +0000', 'MIME-Version: 1.0', 'Content-Type: text/plain; charset=utf-8'].concat(
    'Content-Transfer-Encoding: base64',
  ),
  Buffer.from('a hidden macadamia').toString('base64'),
)

export const searchCases = [
  finds('all', 'ALL finds all messages.', 'ALL', ALL),
  finds('answered', 'ANSWERED finds the messages with \\Answered.', 'ANSWERED', [3]),
  finds('unanswered', 'UNANSWERED finds the messages without \\Answered.', 'UNANSWERED', allBut(3)),
  finds('draft', 'DRAFT finds the messages with \\Draft.', 'DRAFT', [6]),
  finds('undraft', 'UNDRAFT finds the messages without \\Draft.', 'UNDRAFT', allBut(6)),
  finds('flagged', 'FLAGGED finds the messages with \\Flagged.', 'FLAGGED', [2]),
  finds('unflagged', 'UNFLAGGED finds the messages without \\Flagged.', 'UNFLAGGED', allBut(2)),
  finds('seen', 'SEEN finds the messages with \\Seen.', 'SEEN', [1, 3]),
  finds('unseen', 'UNSEEN finds the messages without \\Seen.', 'UNSEEN', allBut(1, 3)),
  define(
    'deleted',
    RFC,
    'DELETED finds the messages with \\Deleted.',
    async (c) => {
      await c.must('STORE 2,5 +FLAGS.SILENT (\\Deleted)')
      same(await search(c, 'DELETED'), [2, 5], 'messages')
    },
    OWN,
  ),
  define(
    'undeleted',
    RFC,
    'UNDELETED finds the messages without \\Deleted.',
    async (c) => {
      await c.must('STORE 2,5 +FLAGS.SILENT (\\Deleted)')
      same(await search(c, 'UNDELETED'), allBut(2, 5), 'messages')
    },
    OWN,
  ),
  define(
    'keyword',
    RFC,
    'KEYWORD finds the messages with that keyword.',
    async (c) => {
      await keyword(c)
      same(await search(c, 'KEYWORD $Forwarded'), [4, 6], 'messages')
    },
    OWN,
  ),
  define(
    'unkeyword',
    RFC,
    'UNKEYWORD finds the messages without that keyword.',
    async (c) => {
      await keyword(c)
      same(await search(c, 'UNKEYWORD $Forwarded'), allBut(4, 6), 'messages')
    },
    OWN,
  ),
  finds('keyword-unknown', 'KEYWORD with one that no message has finds nothing.', 'KEYWORD NoSuchKeyword', []),
  finds('from', 'FROM finds a string in the From field.', 'FROM paco@', [3, 7]),
  finds('from-name', 'FROM finds a string in a display name.', 'FROM "Ana Perez"', [1, 2]),
  finds('to', 'TO finds a string in the To field.', 'TO recipient-39', [5]),
  finds('cc', 'CC finds a string in the Cc field.', 'CC fourth@', [1]),
  finds('bcc', 'BCC finds a string in the Bcc field.', 'BCC hidden@', [2]),
  finds('subject', 'SUBJECT finds a string in the Subject field.', 'SUBJECT fixture', [1, 2, 3, 7]),
  finds('subject-not-elsewhere', 'SUBJECT does not find what stands only elsewhere.', 'SUBJECT walnut', []),
  finds('header', 'HEADER finds a string in the field of that name.', 'HEADER X-Fixture lai', [1]),
  finds('header-name-any-case', 'HEADER compares field names without regard to case.', 'HEADER x-fIXTURE plain', [1]),
  finds('header-empty', 'HEADER with an empty string finds all messages with that field.', 'HEADER X-Fixture ""', [1]),
  finds('header-other-field', 'HEADER does not find the string in other fields.', 'HEADER X-Fixture Perez', []),
  finds(
    'header-folded',
    'HEADER finds a string in the second line of a folded field.',
    'HEADER References multipart@',
    [5],
  ),
  finds('body', 'BODY finds a string in the body.', 'BODY walnut', [1]),
  finds('body-not-header', 'BODY does not find what stands only in the header.', 'BODY "X-Fixture"', []),
  finds('body-in-message', 'BODY finds a string within an encapsulated message.', 'BODY almond', [3]),
  define('body-several-words', RFC, 'A quoted string is sought as a whole.', async (c) => {
    same(await search(c, 'BODY "walnut in the second"'), [1], 'messages')
    // RFC 9051 §6.4.4 lets a server match bodies flexibly, RFC 3501 does not
    if (c.announces('IMAP4REV1')) same(await search(c, 'BODY "walnut first"'), [], 'messages')
  }),
  finds('text-in-header', 'TEXT finds a string in the header.', 'TEXT "X-Fixture: plain"', [1], { level: 'should' }),
  finds('text-in-body', 'TEXT finds a string in the body.', 'TEXT walnut', [1]),
  finds('larger', 'LARGER n finds messages of more than n octets, not of n.', `LARGER ${sizeOf('long')}`, []),
  finds('larger-by-one', 'LARGER n finds a message of n + 1 octets.', `LARGER ${sizeOf('long') - 1}`, [5]),
  finds('smaller', 'SMALLER n finds messages of less than n octets, not of n.', `SMALLER ${sizeOf('nosubject')}`, []),
  finds('smaller-by-one', 'SMALLER n finds a message of n - 1 octets.', `SMALLER ${sizeOf('nosubject') + 1}`, [9]),
  finds('before', 'BEFORE finds messages with an internal date before the day.', 'BEFORE 7-Jan-2020', [1, 7]),
  finds('since', 'SINCE finds messages with an internal date on the day or later.', 'SINCE 12-Jan-2020', [8, 9]),
  finds('on', 'ON finds messages with an internal date on the day.', 'ON 10-Jan-2020', [5]),
  finds('on-several', 'ON finds messages of any time of the day.', 'ON 6-Jan-2020', [1, 7]),
  finds('date-two-digits', 'The day of a date may have a leading zero.', 'ON 06-Jan-2020', [1, 7], {
    rfc: '9051 §9 date-day',
  }),
  finds('date-quoted', 'A date may stand in quotes.', 'ON "10-Jan-2020"', [5], { rfc: '9051 §9 date' }),
  finds('date-month-any-case', 'The month of a date may be in any case.', 'ON 10-jAN-2020', [5], { rfc: '9051 §9' }),
  finds('sentbefore', 'SENTBEFORE finds messages whose Date field is before the day.', 'SENTBEFORE 7-Jan-2020', [1, 7]),
  finds(
    'sentsince',
    'SENTSINCE finds messages whose Date field is on the day or later.',
    'SENTSINCE 12-Jan-2020',
    [8, 9],
  ),
  finds('senton', 'SENTON finds messages whose Date field is on the day.', 'SENTON 8-Jan-2020', [3]),
  define(
    'on-as-told',
    RFC,
    'ON goes by the day that INTERNALDATE shows, whatever the time and zone.',
    async (c) => {
      c.mailbox = await freshMailbox(c)
      await c.append(c.mailbox, fixture('plain').text, [], '08-Jan-2020 23:30:00 -0500')
      await c.must(`EXAMINE ${quoted(c.mailbox)}`)
      const day = octets(await item(c, 1, 'INTERNALDATE'), 'INTERNALDATE')
        .trim()
        .split(' ')[0]
      same(await search(c, `ON ${day}`), [1], `messages on ${day}`)
    },
    EMPTY,
  ),
  among(
    'senton-any-zone',
    'SENTON disregards the time and the zone of the Date field.',
    [[message(['Date: Wed, 08 Jan 2020 23:30:00 -0500'])], [message(['Date: Thu, 09 Jan 2020 00:30:00 +0500'])]],
    async (c) =>
      same([await search(c, 'SENTON 8-Jan-2020'), await search(c, 'SENTON 9-Jan-2020')], [[1], [2]], 'messages'),
  ),
  among(
    'sent-not-internal',
    'The SENT keys go by the Date field, not by the internal date.',
    [[message(['Date: Wed, 08 Jan 2020 12:00:00 +0000']), '01-Feb-2021 12:00:00 +0000']],
    async (c) =>
      same([await search(c, 'SENTSINCE 1-Jan-2021'), await search(c, 'SENTBEFORE 1-Jan-2021')], [[], [1]], 'messages'),
  ),
  among(
    'internal-not-sent',
    'BEFORE, ON and SINCE go by the internal date, not by the Date field.',
    [[message(['Date: Wed, 08 Jan 2020 12:00:00 +0000']), '01-Feb-2021 12:00:00 +0000']],
    async (c) =>
      same([await search(c, 'SINCE 1-Jan-2021'), await search(c, 'BEFORE 1-Jan-2021')], [[1], []], 'messages'),
  ),
  finds('sequence-set', 'A message set as key finds the messages of those numbers.', '2,4:5', [2, 4, 5]),
  finds('sequence-star', '* in a message set as key stands for the last message.', '8:*', [8, 9]),
  define('uid-key', RFC, 'UID finds the messages with those UIDs, told by their numbers.', async (c) => {
    const all = await uids(c)
    same(await search(c, `UID ${all[1]},${all[3]}:${all[4]}`), [2, 4, 5], 'messages')
  }),
  define(
    'uid-key-missing',
    '9051 §6.4.9',
    'UID with one that does not exist finds nothing, and is no error.',
    async (c) => same(await search(c, 'UID 4000000000'), [], 'messages'),
  ),
  define('uid-key-star', '9051 §6.4.9', 'UID n:* finds the last message even if n is above its UID.', async (c) =>
    same(await search(c, 'UID 4000000000:*'), [9], 'messages'),
  ),
  finds('not', 'NOT finds the messages that the key does not.', 'NOT SEEN', allBut(1, 3)),
  finds('not-not', 'NOT may stand before NOT.', 'NOT NOT SEEN', [1, 3]),
  finds('or', 'OR finds the messages that either key finds.', 'OR FLAGGED DRAFT', [2, 6]),
  finds('or-nested', 'OR may stand within OR.', 'OR FLAGGED OR DRAFT ANSWERED', [2, 3, 6]),
  finds('and', 'Several keys find the messages that all of them find.', 'SEEN FROM paco', [3]),
  finds(
    'parentheses',
    'Keys in parentheses are one key of which all must match.',
    'OR (SEEN ANSWERED) (FLAGGED UNSEEN)',
    [2, 3],
  ),
  finds(
    'not-parentheses',
    'NOT before parentheses negates all that is in them together.',
    'NOT (SEEN ANSWERED)',
    allBut(3),
  ),
  finds('keys-any-case', 'Keys are understood in any case.', 'fLaGgEd', [2], { rfc: '9051 §9' }),
  finds('any-case', 'Strings are found without regard to the case of ASCII letters.', 'SUBJECT "pLAIN FIX"', [1, 7], {
    level: 'should',
  }),
  finds('substring', 'A string is found within a word.', 'SUBJECT ixtur', [1, 2, 3, 7]),
  finds('literal', 'A string may be a literal.', ['SUBJECT ', literal('Plain')], [1, 7], { rfc: '9051 §4.3' }),
  finds(
    'encoded-word',
    'Encoded words of a header are decoded before they are compared.',
    inUtf8('SUBJECT', 'Ñandú'),
    [6],
  ),
  finds(
    'encoded-name',
    'Encoded words of a display name are decoded before they are compared.',
    inUtf8('FROM', 'José'),
    [6],
  ),
  finds(
    'quoted-printable',
    'A quoted-printable body is decoded before it is searched.',
    inUtf8('BODY', 'hazelnüt'),
    [2],
  ),
  finds(
    'body-charset',
    'A body in ISO-8859-1 is converted before it is searched for UTF-8.',
    inUtf8('BODY', 'piña'),
    [6],
    {
      level: 'should',
    },
  ),
  finds('eight-bit', 'An 8-bit body in UTF-8 is searched as such.', inUtf8('BODY', 'pequeña'), [4]),
  among('base64', 'A base64 body is decoded before it is searched.', [[base64Message]], async (c) =>
    same(await search(c, 'BODY macadamia'), [1], 'messages'),
  ),
  among('not-in-base64', 'The base64 letters of a text body are not what is searched.', [[base64Message]], async (c) =>
    same(await search(c, 'BODY "YSBoaWRk"'), [], 'messages'),
  ),
  finds('charset-us-ascii', 'CHARSET US-ASCII is supported.', 'CHARSET US-ASCII SUBJECT Multipart', [2]),
  finds('charset-utf-8', 'CHARSET UTF-8 is supported.', 'CHARSET UTF-8 SUBJECT Multipart', [2]),
  finds(
    'utf-8-without-charset',
    'Without CHARSET, strings are taken as UTF-8.',
    ['SUBJECT ', literal(octetsOf('Ñandú'))],
    [6],
    { capabilities: ['IMAP4REV2'] },
  ),
  define('charset-unknown', RFC, 'An unknown CHARSET is answered by NO.', async (c) =>
    c.send('SEARCH CHARSET X-NO-SUCH-CHARSET SUBJECT Plain', 'NO'),
  ),
  define(
    'badcharset',
    RFC,
    'NO to an unknown CHARSET has the code BADCHARSET.',
    async (c) => {
      const result = await c.send('SEARCH CHARSET X-NO-SUCH-CHARSET SUBJECT Plain', 'NO')
      check(codeOf(result, 'BADCHARSET') !== null, 'the code BADCHARSET', visible(result.raw))
    },
    { level: 'should' },
  ),
  define(
    'none',
    '3501 §6.4.4',
    'A SEARCH that finds nothing gives an untagged SEARCH (or ESEARCH) without numbers.',
    async (c) => same(await search(c, 'SUBJECT "not in this mailbox"'), [], 'messages'),
    REV1,
  ),
  define(
    'empty-mailbox',
    RFC,
    'SEARCH ALL in an empty mailbox finds nothing.',
    async (c) => {
      await c.must(`EXAMINE ${quoted(await freshMailbox(c))}`)
      same(await search(c, 'ALL'), [], 'messages')
    },
    EMPTY,
  ),
  define('uid-search', '9051 §6.4.9', 'UID SEARCH tells UIDs.', async (c) => {
    const all = await uids(c)
    same(await search(c, 'SEEN', 'UID SEARCH'), [all[0], all[2]], 'UIDs')
  }),
  define(
    'uid-search-numbers',
    '9051 §6.4.9',
    'A message set in UID SEARCH stands for message numbers.',
    async (c) => {
      await c.must('STORE 1 +FLAGS.SILENT (\\Deleted)')
      await c.must('EXPUNGE')
      const all = await uids(c)
      same(await search(c, '1:2', 'UID SEARCH'), all.slice(0, 2), 'the UIDs of messages 1 and 2')
    },
    OWN,
  ),
  define(
    'uid-search-both',
    '9051 §6.4.9',
    'UID SEARCH with a message set and a UID set finds what is in both.',
    async (c) => {
      const all = await uids(c)
      same(await search(c, `2:4 UID ${all[2]}:${all[6]}`, 'UID SEARCH'), [all[2], all[3]], 'UIDs')
    },
  ),
  define(
    'keeps-unseen',
    '9051 §6.4.4',
    'SEARCH in bodies sets no \\Seen.',
    async (c) => {
      await c.ok('SEARCH BODY hazelnut TEXT nut')
      same(await search(c, 'SEEN'), [1, 3], 'seen messages')
    },
    OWN,
  ),
  define(
    'only-numbers',
    '3501 §7.2.5',
    'An untagged SEARCH is made of message numbers.',
    async (c) => {
      const result = await c.ok('SEARCH ALL')
      for (const { values } of untagged(result, 'SEARCH'))
        same(
          values.map(({ text }) => text).filter((text) => !/^[1-9]\d*$/.test(text)),
          [],
          'what is no number',
        )
    },
    REV1,
  ),
  define('unknown-key', '9051 §9 search-key', 'A key that does not exist is answered by BAD.', async (c) =>
    c.send('SEARCH NOSUCHKEY', 'BAD'),
  ),
  define('without-key', '9051 §9 search', 'SEARCH without a key is answered by BAD.', async (c) =>
    c.send('SEARCH', 'BAD'),
  ),
  define('bad-date', '9051 §9 date', 'A date that does not have the form of one is answered by BAD.', async (c) =>
    c.send('SEARCH ON 2020-01-10', 'BAD'),
  ),
  define(
    'old',
    '3501 §6.4.4',
    'NEW finds the messages with \\Recent and without \\Seen, RECENT those with \\Recent, OLD those without.',
    async (c) => {
      const recent = await search(c, 'RECENT')
      const seen = await search(c, 'SEEN')
      const found = [await search(c, 'OLD'), await search(c, 'NEW')]
      const wanted = [ALL.filter((n) => !recent.includes(n)), recent.filter((n) => !seen.includes(n))]
      same(found, wanted, 'OLD and NEW')
    },
    { ...REV1, ...OWN },
  ),
]

async function keyword(c: Imap): Promise<void> {
  await c.must('STORE 4,6 +FLAGS.SILENT ($Forwarded)')
}

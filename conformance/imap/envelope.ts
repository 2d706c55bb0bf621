// IMAP: FETCH ENVELOPE, member by member.
import { check } from '../judgement.ts'
import { item, nullable, same, topic } from './cases.ts'
import { type Imap, items, quoted, shown, type Value } from './client.ts'
import { number } from './corpus.ts'
import { freshMailbox } from './suite.ts'

const define = topic('envelope', 'examined')
const OWN = { state: 'authenticated' } as const
const RFC = '9051 §7.5.2'

const MEMBERS = 'date subject from sender reply-to to cc bcc in-reply-to message-id'.split(' ')

/** Name, route, mailbox and host of an address; null for NIL. */
type Address = readonly (string | null)[]

async function members(c: Imap, n: number): Promise<readonly Value[]> {
  const all = items(await item(c, n, 'ENVELOPE'), 'ENVELOPE')
  check(all.length === MEMBERS.length, `${MEMBERS.length} members of ENVELOPE`, String(all.length))
  return all
}

const member = async (c: Imap, n: number, name: string): Promise<Value | undefined> =>
  (await members(c, n))[MEMBERS.indexOf(name)]

function addresses(value: Value | undefined, name: string): Address[] | null {
  if (value?.kind === 'nil') return null
  return items(value, name).map((one) => {
    const parts = items(one, `an address of ${name}`)
    check(parts.length === 4, `four members of an address of ${name}`, shown(one))
    return parts.map((part) => nullable(part, `a member of an address of ${name}`))
  })
}

/** A string member of a fixture's envelope. */
const text = (slug: string, requirement: string, fixture: string, name: string, wanted: string | null, more = {}) =>
  define(
    slug,
    RFC,
    requirement,
    async (c) => same(nullable(await member(c, number(fixture), name), name), wanted, name),
    more,
  )

/** An address member of a fixture's envelope. */
const people = (slug: string, requirement: string, fixture: string, name: string, wanted: readonly Address[] | null) =>
  define(slug, RFC, requirement, async (c) =>
    same(addresses(await member(c, number(fixture), name), name), wanted, name),
  )

/** A member of the envelope of a message with these header lines. */
const ofHeader = (
  slug: string,
  requirement: string,
  header: readonly string[],
  name: string,
  wanted: readonly Address[] | string | null,
  more = {},
) =>
  define(
    slug,
    RFC,
    requirement,
    async (c) => {
      c.mailbox = await freshMailbox(c)
      await c.append(c.mailbox, [...header, '', 'text', ''].join('\r\n'))
      await c.must(`EXAMINE ${quoted(c.mailbox)}`)
      const value = await member(c, 1, name)
      same(value?.kind === 'list' ? addresses(value, name) : nullable(value, name), wanted, name)
    },
    { ...OWN, ...more },
  )

const DATE = 'Date: Mon, 06 Jan 2020 10:11:12 +0000'
const FROM = 'From: ana@conformance.example'
const ANA: Address = [null, null, 'ana', 'conformance.example']

export const envelopeCases = [
  define('ten-members', RFC, 'ENVELOPE is a list of ten members.', (c) => members(c, 1)),
  define(
    'member-kinds',
    '9051 §9 envelope',
    'Date, subject, in-reply-to and message-id are strings or NIL; the others are lists of addresses or NIL.',
    async (c) => {
      for (let n = 1; n <= number('nosubject'); n++)
        for (const [i, value] of (await members(c, n)).entries()) {
          const name = MEMBERS[i]!
          if (/date|subject|id|in-/.test(name)) nullable(value, name)
          else addresses(value, name)
        }
    },
  ),
  text(
    'date',
    'The date is the Date field as it stands in the header.',
    'nested',
    'date',
    'Wed, 08 Jan 2020 12:00:00 -0500',
  ),
  text('subject', 'The subject is the text of the Subject field.', 'plain', 'subject', 'Plain fixture'),
  text(
    'subject-encoded',
    'Encoded words in the subject are given as they stand, not decoded.',
    'encoded',
    'subject',
    '=?utf-8?B?w5FhbmTDug==?= and =?iso-8859-1?Q?pi=F1a?=',
    { level: 'may' },
  ),
  text(
    'subject-folded',
    'A folded Subject is given unfolded, without its line ends.',
    'long',
    'subject',
    'A subject that is folded',
    { level: 'should' },
  ),
  text('subject-absent', 'Without a Subject field, the subject is NIL.', 'nosubject', 'subject', null),
  text(
    'in-reply-to',
    'In-Reply-To is given as in the header, angle brackets included.',
    'reply',
    'in-reply-to',
    '<plain@conformance.example>',
  ),
  text('in-reply-to-absent', 'Without an In-Reply-To field, in-reply-to is NIL.', 'plain', 'in-reply-to', null),
  text(
    'message-id',
    'Message-ID is given as in the header, angle brackets included.',
    'plain',
    'message-id',
    '<plain@conformance.example>',
  ),
  text('message-id-absent', 'Without a Message-ID field, message-id is NIL.', 'nosubject', 'message-id', null),
  people('from', 'An address has display name, NIL for no route, local part and domain.', 'plain', 'from', [
    ['Ana Perez', null, 'ana', 'conformance.example'],
  ]),
  people('without-name', 'The display name of an address without one is NIL.', 'nested', 'to', [ANA]),
  people(
    'several',
    'Several addresses of a field are given in their order, quotes of a name taken off.',
    'plain',
    'cc',
    [
      ['Third, Person', null, 'third', 'conformance.example'],
      [null, null, 'fourth', 'conformance.example'],
    ],
  ),
  people('bcc', 'Bcc is given as the eighth member.', 'multipart', 'bcc', [
    [null, null, 'hidden', 'conformance.example'],
  ]),
  people('sender', 'The sender is that of the Sender field.', 'multipart', 'sender', [
    ['Office', null, 'office', 'conformance.example'],
  ]),
  people('sender-default', 'Without a Sender field, the sender is the same as from.', 'plain', 'sender', [
    ['Ana Perez', null, 'ana', 'conformance.example'],
  ]),
  people('reply-to', 'Reply-to is that of the Reply-To field.', 'multipart', 'reply-to', [
    [null, null, 'answers', 'conformance.example'],
  ]),
  people('reply-to-default', 'Without a Reply-To field, reply-to is the same as from.', 'plain', 'reply-to', [
    ['Ana Perez', null, 'ana', 'conformance.example'],
  ]),
  people('to-absent', 'Without a To field, to is NIL.', 'nosubject', 'to', null),
  people('cc-absent', 'Without a Cc field, cc is NIL.', 'nested', 'cc', null),
  people('bcc-absent', 'Without a Bcc field, bcc is NIL.', 'plain', 'bcc', null),
  people(
    'group',
    'A group begins with an address of its name and no host, and ends with one of neither name nor host.',
    'encoded',
    'to',
    [
      [null, null, 'Friends', null],
      [null, null, 'one', 'conformance.example'],
      [null, null, 'two', 'conformance.example'],
      [null, null, null, null],
      [null, null, 'three', 'conformance.example'],
    ],
  ),
  ofHeader(
    'group-empty',
    'An empty group is given as its beginning and its end.',
    [DATE, FROM, 'To: undisclosed-recipients:;'],
    'to',
    [
      [null, null, 'undisclosed-recipients', null],
      [null, null, null, null],
    ],
  ),
  ofHeader('to-empty', 'A To field without an address is NIL.', [DATE, FROM, 'To: '], 'to', null),
  ofHeader(
    'reply-to-empty',
    'With a Reply-To field that is empty, reply-to is the same as from.',
    [DATE, FROM, 'Reply-To: '],
    'reply-to',
    [ANA],
  ),
  ofHeader(
    'sender-empty',
    'With a Sender field that is empty, the sender is the same as from.',
    [DATE, FROM, 'Sender: '],
    'sender',
    [ANA],
  ),
  ofHeader('without-date', 'Without a Date field, the date is NIL.', [FROM, 'Subject: undated'], 'date', null),
  ofHeader(
    'quotes-and-backslashes',
    'Quotes and backslashes in a subject come through the quoting of the string unchanged.',
    [DATE, FROM, 'Subject: a "quoted" back\\slash'],
    'subject',
    'a "quoted" back\\slash',
  ),
  ofHeader(
    'from-several',
    'All mailboxes of a From field with several are given; an absent Reply-To is all of them.',
    [DATE, 'From: ana@conformance.example, paco@conformance.example', 'Sender: ana@conformance.example'],
    'reply-to',
    [ANA, [null, null, 'paco', 'conformance.example']],
  ),
  ofHeader(
    'route',
    "An address with a source route has it as its second member, beginning with '@'.",
    [DATE, FROM, 'To: <@one.example,@two.example:paco@conformance.example>'],
    'to',
    [[null, '@one.example,@two.example', 'paco', 'conformance.example']],
    { level: 'should' },
  ),
]

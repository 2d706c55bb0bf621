// IMAP: THREAD (RFC 5256).
import { same, topic, uids } from './cases.ts'
import { items, numberOf, quoted, type Result, single, type Value } from './client.ts'
import { type Made, make } from './sort.ts'

type Thread = (number | Thread)[]

const threadOf = (value: Value): Thread =>
  items(value, 'a thread').map((one) => (one.kind === 'list' ? threadOf(one) : numberOf(one, 'a member of a thread')))

const threads = (result: Result): Thread[] => single(result, 'THREAD').values.map(threadOf)

const thread = topic('thread', 'authenticated')

/** Header lines of a reply and its like: day of January 2020, subject, further lines. */
const letter = (day: number, about: string, id: string, ...more: readonly string[]): Made => ({
  header: [
    `Date: ${String(day).padStart(2, '0')} Jan 2020 12:00:00 +0000`,
    `Subject: ${about}`,
    `Message-ID: <${id}@conformance.example>`,
    ...more,
  ],
})

const references = (...ids: readonly string[]): string =>
  `References: ${ids.map((id) => `<${id}@conformance.example>`).join(' ')}`

const threaded = (
  algorithm: string,
  slug: string,
  requirement: string,
  messages: readonly Made[],
  wanted: Thread[],
  criteria = 'ALL',
) =>
  thread(
    `${algorithm.toLowerCase()}-${slug}`,
    '5256 §3 THREAD',
    requirement,
    async (c) => {
      await make(c, messages)
      same(threads(await c.ok(`THREAD ${algorithm} UTF-8 ${criteria}`)), wanted, 'threads')
    },
    { capabilities: [`THREAD=${algorithm}`] },
  )

const bySubject = (slug: string, requirement: string, messages: readonly Made[], wanted: Thread[], criteria?: string) =>
  threaded('ORDEREDSUBJECT', slug, requirement, messages, wanted, criteria)
const byReferences = (
  slug: string,
  requirement: string,
  messages: readonly Made[],
  wanted: Thread[],
  criteria?: string,
) => threaded('REFERENCES', slug, requirement, messages, wanted, criteria)

const X = letter(1, 'x', 'a')

export const threadCases = [
  bySubject(
    'groups',
    'ORDEREDSUBJECT puts messages of the same base subject into one thread.',
    [X, letter(2, 'y', 'b'), letter(3, 'Re: x', 'c')],
    [[1, 3], [2]],
  ),
  bySubject(
    'children',
    'In ORDEREDSUBJECT all later messages of a thread are children of the first.',
    [X, letter(2, 'Re: x', 'b'), letter(3, 'Re: x', 'c')],
    [[1, [2], [3]]],
  ),
  bySubject(
    'by-date',
    'Within a thread of ORDEREDSUBJECT the messages are in the order of their dates.',
    [letter(3, 'Re: x', 'c'), letter(1, 'x', 'a')],
    [[2, 1]],
  ),
  bySubject(
    'threads-by-date',
    'Threads of ORDEREDSUBJECT are in the order of the dates of their first messages.',
    [letter(3, 'a', 'a'), letter(2, 'b', 'b'), letter(1, 'c', 'c')],
    [[3], [2], [1]],
  ),
  bySubject('criteria', 'THREAD takes only the messages that match.', [X, letter(2, 'y', 'b')], [[2]], 'SUBJECT y'),
  bySubject(
    'none',
    'When no message matches, an untagged THREAD without threads is sent.',
    [X],
    [],
    'SUBJECT "not there"',
  ),
  byReferences(
    'chain',
    'REFERENCES puts each message below the last of its references.',
    [X, letter(2, 'Re: x', 'b', references('a')), letter(3, 'Re: x', 'c', references('a', 'b'))],
    [[1, 2, 3]],
  ),
  byReferences(
    'siblings',
    'Two replies to one message are siblings, by date.',
    [X, letter(3, 'Re: x', 'b', references('a')), letter(2, 'Re: x', 'c', references('a'))],
    [[1, [3], [2]]],
  ),
  byReferences(
    'in-reply-to',
    'Without References, the message named by In-Reply-To is the parent.',
    [X, letter(2, 'other', 'b', 'In-Reply-To: <a@conformance.example>')],
    [[1, 2]],
  ),
  byReferences(
    'references-first',
    'With References, In-Reply-To does not count.',
    [X, letter(2, 'y', 'b'), letter(3, 'z', 'c', references('b'), 'In-Reply-To: <a@conformance.example>')],
    [[1], [2, 3]],
  ),
  byReferences(
    'missing-parent',
    'Two replies to a message that is not there are siblings in one thread.',
    [letter(1, 'q', 'b', references('gone')), letter(2, 'r', 'c', references('gone'))],
    [[[1], [2]]],
  ),
  byReferences(
    'missing-parent-of-one',
    'The only reply to a message that is not there takes its place.',
    [letter(1, 'q', 'b', references('gone')), letter(2, 'r', 'c', references('b'))],
    [[1, 2]],
  ),
  byReferences(
    'missing-between',
    'A missing message in the middle of the references is passed over.',
    [X, letter(3, 'other', 'c', references('a', 'gone'))],
    [[1, 2]],
  ),
  byReferences(
    'parent-later',
    'A reply that stands before its parent in the mailbox is still below it.',
    [letter(2, 'Re: x', 'b', references('a')), X],
    [[2, 1]],
  ),
  byReferences(
    'same-subject',
    'A reply by its subject without references is put below the message of that subject.',
    [X, letter(2, 'Re: x', 'b')],
    [[1, 2]],
  ),
  byReferences(
    'equal-subjects',
    'Two messages of the same subject, neither a reply, are siblings in one thread.',
    [X, letter(2, 'x', 'b')],
    [[[1], [2]]],
  ),
  byReferences(
    'unrelated',
    'Messages without a common reference or subject are threads of their own, by date.',
    [letter(2, 'y', 'b'), X],
    [[2], [1]],
  ),
  byReferences(
    'id-case',
    'Message-IDs are compared with regard to case.',
    [letter(1, 'q', 'A'), letter(2, 'r', 'b', references('a'))],
    [[1], [2]],
  ),
  byReferences(
    'loop',
    'References in a circle end in a thread all the same.',
    [letter(1, 'q', 'a', references('b')), letter(2, 'r', 'b', references('a'))],
    [[2, 1]],
  ),
  thread(
    'uid',
    '5256 §3 THREAD',
    'UID THREAD tells UIDs.',
    async (c) => {
      await make(c, [letter(1, 'w', 'w'), X, letter(2, 'Re: x', 'b', references('a'))])
      await c.must(`SELECT ${quoted(c.mailbox)}`)
      await c.must('STORE 1 +FLAGS.SILENT (\\Deleted)')
      await c.must('EXPUNGE')
      same(threads(await c.ok('UID THREAD REFERENCES UTF-8 ALL')), [await uids(c)], 'threads')
    },
    { capabilities: ['THREAD=REFERENCES'] },
  ),
  thread(
    'unknown-algorithm',
    '5256 §5',
    'An unknown threading algorithm is answered by BAD.',
    async (c) => {
      await make(c, [X])
      await c.send('THREAD NOSUCHALGORITHM UTF-8 ALL', 'BAD')
    },
    { capabilities: ['THREAD=REFERENCES|THREAD=ORDEREDSUBJECT'] },
  ),
  thread(
    'charset-unknown',
    '5256 §3 THREAD',
    'An unknown charset of THREAD is answered by NO.',
    async (c) => {
      await make(c, [X])
      await c.send('THREAD REFERENCES X-NO-SUCH-CHARSET SUBJECT x', 'NO')
    },
    { capabilities: ['THREAD=REFERENCES'] },
  ),
  thread(
    'refs',
    'draft-ietf-morg-inthread',
    'THREAD=REFS threads by references and not by subjects.',
    async (c) => {
      await make(c, [X, letter(2, 'Re: x', 'b'), letter(3, 'other', 'c', references('a'))])
      const found = threads(await c.ok('THREAD REFS UTF-8 ALL'))
      same(found.map((one) => JSON.stringify(one)).sort(), ['[1,3]', '[2]'], 'threads')
    },
    { level: 'may', capabilities: ['THREAD=REFS'] },
  ),
]

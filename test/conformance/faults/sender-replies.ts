// Faults of a sender in what it makes of replies, of their absence, and of refusals (RFC 5321 §3.3, §3.8, §4.2, §4.5.4.1).
import { isGood, type Reply, stuff, textOf } from '../reference/sender-client.ts'
import type { Attempt, Deviation, Scene } from '../reference/sender-deviation.ts'
import { toReply } from '../reference/sender-talk.ts'
import {
  codeOf,
  ends,
  senderFault as fault,
  impatient,
  lostBehind,
  refusedAt,
  type SenderFaults,
  says,
  saysFirst,
  settledAt,
  steps,
  takes,
} from '../sender-fault.ts'

const REPLY = '5321 §4.2'
const MULTI = '5321 §4.2.1'
const CODES = '5321 §4.3.2'
const CLOSED = '5321 §3.8'
const RETRY = '5321 §4.5.4.1'

/** Replies whose text matches are taken for this. */
const reads = (text: RegExp, as: string, command = /^/): Deviation => ({
  reply: (reply, to) => (command.test(to) && text.test(textOf(reply)) ? toReply([as]) : reply),
})
/** The reply to a command is one line. */
const oneLine = (command: RegExp): Deviation => ({ ends: (last, _, to) => last || command.test(to) })
/** A line of a reply to the command that matches is no reply. */
const rejects = (line: RegExp, command = /^/): Deviation => ({
  line: (heard, to) => (command.test(to) && line.test(heard) ? null : heard),
})
const KNOWN = /^(211|214|220|221|250|251|252|354|421|45[0125]|50[0-4]|55[0-5])/
const unknown = (digit: string, verb: RegExp, as: string): Deviation => ({
  reply: (reply, to) =>
    verb.test(to) && reply.lines[0]!.startsWith(digit) && !KNOWN.test(reply.lines[0]!) ? toReply([as]) : reply,
})
const VERBS = ['MAIL', 'RCPT', 'DATA', 'text'] as const

const replyFaults: SenderFaults = {
  'reads-number': fault(
    'a number of three digits in the text counts as the code',
    REPLY,
    {
      reply: (reply) => {
        const found = /\b[2-5]\d\d\b/.exec(textOf(reply))
        return found && reply.code !== 354 ? toReply([`${found[0]} ${textOf(reply)}`]) : reply
      },
    },
    'replies/text',
  ),
  'reads-enhanced': fault(
    'the enhanced code in the text counts, not the code',
    REPLY,
    {
      reply: (reply) => {
        const found = /^([245])\.\d+\.\d+/.exec(textOf(reply))
        return found && reply.code !== 354 ? toReply([`${found[1]}50 ${textOf(reply)}`]) : reply
      },
    },
    'replies/text',
  ),
  'reads-ok': fault(
    '250 without the word ok is a failure for now',
    REPLY,
    {
      reply: (reply) => (reply.code === 250 && !/\bok\b/i.test(textOf(reply)) ? toReply(['451 not ok']) : reply),
    },
    'replies/text',
  ),
  'reads-error': fault(
    'the word error makes a failure of 250',
    REPLY,
    reads(/error|fail/i, '550 error'),
    'replies/text',
  ),
  'reads-try-again': fault(
    '550 with the words "try again" is a failure for now',
    REPLY,
    reads(/again|later|temporar/i, '450 later', /^(MAIL|RCPT|text)/),
    'replies/text',
  ),
  'reads-354-text': fault(
    '354 counts when its text speaks of a period',
    REPLY,
    {
      reply: (reply) => (reply.code === 354 && !/\.|end/i.test(textOf(reply)) ? toReply(['451 what']) : reply),
    },
    'replies/text',
  ),

  'wants-text': fault('a reply without text is none', REPLY, rejects(/^\d{3} ?$/), 'replies/bare'),
  'wants-space': fault('a code without a space behind it is no reply', REPLY, rejects(/^\d{3}$/), 'replies/bare'),
  'wants-text-behind-space': fault(
    'a code with a space and no text is no reply',
    REPLY,
    rejects(/^\d{3} $/),
    'replies/bare',
  ),
  ...Object.fromEntries(
    ['MAIL', 'RCPT', 'DATA', 'text'].map((verb) => [
      `wants-text-to-${verb.toLowerCase()}`,
      fault(`a bare code is no reply to ${verb}`, REPLY, rejects(/^\d{3} ?$/, new RegExp(`^${verb}`)), 'replies/bare'),
    ]),
  ),
  ...Object.fromEntries(
    ['EHLO', 'MAIL', 'RCPT', 'DATA', 'text'].map((verb) => [
      `first-line-to-${verb.toLowerCase()}`,
      fault(
        `the first line of the reply to ${verb} is taken for all of it`,
        MULTI,
        oneLine(new RegExp(`^${verb}`)),
        'replies/multi-line',
      ),
    ]),
  ),
  'packet-is-line': fault(
    'the end of a packet ends a line',
    REPLY,
    { packet: (octets) => (octets.endsWith('\n') ? octets : `${octets}\r\n`) },
    'replies/in-pieces',
  ),
  'cr-is-line-end': fault(
    'a CR at the end of a packet ends a line, and the LF behind it ends another',
    REPLY,
    { packet: (octets) => (octets.endsWith('\r') ? `${octets}\n` : octets) },
    'replies/in-pieces',
  ),
  'code-in-one-packet': fault(
    'a packet that begins with less than a code is dropped',
    REPLY,
    { packet: (octets) => (/^\d{1,2}$/.test(octets) ? '' : octets) },
    'replies/in-pieces',
  ),
  'pieces-in-haste': fault(
    'a reply that comes in pieces has 50 ms to be complete',
    REPLY,
    impatient(/^(?!greeting|text)/, 50),
    'replies/in-pieces',
  ),

  ...Object.fromEntries(
    VERBS.filter((verb) => verb !== 'DATA').map((verb) => [
      `unknown-2yz-to-${verb.toLowerCase()}`,
      fault(
        `an unknown 2yz code to ${verb} is a failure for now`,
        CODES,
        unknown('2', new RegExp(`^${verb}`), '451 what'),
        'replies/unknown-2yz',
      ),
    ]),
  ),
  ...Object.fromEntries(
    VERBS.map((verb) => [
      `unknown-5yz-to-${verb.toLowerCase()}`,
      fault(
        `an unknown 5yz code to ${verb} is a failure for now`,
        CODES,
        unknown('5', new RegExp(`^${verb}`), '451 what'),
        'replies/unknown-5yz',
      ),
    ]),
  ),
  ...Object.fromEntries(
    VERBS.map((verb) => [
      `unknown-4yz-to-${verb.toLowerCase()}`,
      fault(
        `an unknown 4yz code to ${verb} is a failure for good`,
        CODES,
        unknown('4', new RegExp(`^${verb}`), '550 what'),
        'replies/unknown-4yz',
      ),
    ]),
  ),
  'unknown-5yz-success': fault(
    'an unknown 5yz code is a success',
    CODES,
    unknown('5', /^/, '250 what'),
    'replies/unknown-5yz',
  ),
  'unknown-4yz-success': fault(
    'an unknown 4yz code is a success',
    CODES,
    unknown('4', /^/, '250 what'),
    'replies/unknown-4yz',
  ),
  'codes-from-600-success': fault(
    'codes from 600 are a success',
    REPLY,
    takes(/^(MAIL|RCPT|text)/, /^[6-9]/, '250 what'),
    'replies/out-of-range',
  ),
  'codes-from-600-overlooked': fault(
    'a reply whose code begins with 6 or more is overlooked, and DATA sent',
    REPLY,
    takes(/^(MAIL|RCPT)/, /^[6-9]/, '250 what'),
    'replies/out-of-range',
  ),
  'codes-below-200-success': fault(
    'codes below 200 are a success',
    REPLY,
    takes(/^(MAIL|RCPT|text)/, /^[01]/, '250 what'),
    'replies/out-of-range',
  ),
  ...Object.fromEntries(
    ['MAIL', 'RCPT', 'text'].map((verb) => [
      `3yz-to-${verb.toLowerCase()}-success`,
      fault(
        `a 3yz reply to ${verb} is a success`,
        MULTI,
        takes(new RegExp(`^${verb}`), /^3/, '250 fine'),
        'replies/intermediate',
      ),
    ]),
  ),
  '251-fails': fault('251 is a failure', '5321 §3.4', takes(/^RCPT/, /^251/, '551 moved'), 'replies/251'),
  '251-defers': fault('251 is a failure for now', '5321 §3.4', takes(/^RCPT/, /^251/, '451 moved'), 'replies/251'),
  '251-ends': fault(
    'no text is sent behind 251',
    '5321 §3.4',
    steps('RCPT', 'DATA', 'QUIT', ({ heard }) => heard.at(-1)!.reply.code === 251),
    'replies/251',
  ),

  'rset-behind-421': fault(
    'RSET is sent behind 421',
    CLOSED,
    saysFirst(/^QUIT/, 'RSET', ({ heard }) => heard.at(-1)!.reply.code === 421),
    'replies/421-ends',
  ),
  ...Object.fromEntries(
    (
      [
        ['MAIL', '250 fine'],
        ['RCPT', '450 later'],
        ['DATA', '354 go on'],
      ] as const
    ).map(([verb, as]) => [
      `goes-on-behind-421-to-${verb.toLowerCase()}`,
      fault(
        `the transaction goes on behind 421 to ${verb}`,
        CLOSED,
        takes(new RegExp(`^${verb}`), /^421/, as),
        'replies/421-ends',
      ),
    ]),
  ),
}

const lostAt = {
  greeting: '',
  hello: 'greeting',
  mail: 'EHLO',
  rcpt: 'MAIL',
  data: 'RCPT',
  'in-text': 'DATA',
  'after-text': 'DATA',
} as const

const lossFaults: SenderFaults = {
  '421-returned': fault(
    'mail that 421 interrupts is returned',
    CLOSED,
    ends((result, scene) => codeOf(result) === 421 && !settledAt('greeting')(result, scene), 'failed'),
    'lost/421',
  ),
  '421-forgotten': fault(
    'mail that 421 interrupts is forgotten',
    CLOSED,
    ends((result, scene) => codeOf(result) === 421 && !settledAt('greeting')(result, scene), 'sent'),
    'lost/421',
  ),
  ...Object.fromEntries(
    Object.entries(lostAt).flatMap(([id, behind]) => [
      [
        `lost-${id}-returned`,
        fault(
          `mail is returned when the connection closes: ${id}`,
          CLOSED,
          ends(lostBehind(behind), 'failed'),
          `lost/${id}`,
        ),
      ],
      [
        `lost-${id}-forgotten`,
        fault(
          `mail counts as sent when the connection closes: ${id}`,
          CLOSED,
          ends(lostBehind(behind), 'sent'),
          `lost/${id}`,
        ),
      ],
    ]),
  ),
}

const refusalFaults: SenderFaults = {
  ...Object.fromEntries(
    VERBS.flatMap((verb) => {
      const id = verb.toLowerCase()
      const at = settledAt(verb)
      const one = (
        name: string,
        wrong: string,
        from: 'failed' | 'later',
        to: 'failed' | 'later' | 'sent',
        rfc: string,
      ) => [
        `${id}-${from === 'failed' ? 'refused' : 'deferred'}-${name}`,
        fault(
          `mail that is refused for ${from === 'failed' ? 'good' : 'now'} at ${verb} ${wrong}`,
          rfc,
          ends((result, scene) => result.kind === from && at(result, scene), to),
          `${from === 'failed' ? 'refused' : 'deferred'}/${id}`,
        ),
      ]
      return [
        one('forgotten', 'is forgotten', 'failed', 'sent', '5321 §3.6.3'),
        one('kept', 'is kept and tried again', 'failed', 'later', MULTI),
        one('returned', 'is returned', 'later', 'failed', RETRY),
        one('forgotten', 'is forgotten', 'later', 'sent', RETRY),
      ]
    }),
  ),
  'refused-one-of-two-reported': fault(
    'the first alone of several recipients is reported',
    '3464 §2.3',
    { reports: (results) => results.slice(0, 1) },
    'refused/mail refused/text',
  ),
  'refused-repeated': fault(
    'what was refused for good is reported, and tried again',
    MULTI,
    {
      again: (again, results) => [
        ...again,
        ...results.filter(({ kind }) => kind === 'failed').map(({ recipient }) => recipient),
      ],
    },
    'refused/not-repeated',
  ),
  'refused-repeated-once': fault(
    'what was refused for good at RCPT is tried once more before it is reported',
    MULTI,
    {
      results: (results, scene) =>
        results.map((one) =>
          one.kind === 'failed' && scene.attempt === 1 && settledAt('RCPT')(one, scene)
            ? { ...one, kind: 'later' }
            : one,
        ),
    },
    'refused/not-repeated',
  ),
  ...Object.fromEntries(
    (
      [
        ['sender', 'a sender', ({ message, domain }) => `${message.from} ${domain}`],
        ['sender-everywhere', 'a sender, to whatever domain,', ({ message }) => message.from],
        ['domain', 'any sender, to the same domain,', ({ domain }) => domain],
      ] as [string, string, (attempt: Pick<Attempt, 'message' | 'domain'>) => string][]
    ).map(([name, who, key]) => [
      `refused-remembered-${name}`,
      fault(
        `mail of ${who} whose MAIL was refused before is returned untried`,
        RETRY,
        () => {
          const refused = new Set<string>()
          return {
            found: (found, attempt) =>
              refused.has(key(attempt)) ? { kind: 'failed', text: '5.7.1 refused before' } : found,
            results: (results, scene) => {
              const domain = scene.recipients[0]!.path.replace(/^.*@/, '')
              if (refusedAt('MAIL')(scene) && results.every(({ kind }) => kind === 'failed'))
                refused.add(key({ message: scene.message, domain }))
              return results
            },
          }
        },
        'refused/not-remembered',
      ),
    ]),
  ),
  'refused-next-address': fault(
    'what one address refused for good is tried at the next',
    MULTI,
    { movesOn: (next, results) => next || results.every(({ kind }) => kind === 'failed') },
    'refused/not-repeated',
  ),

  ...Object.fromEntries(
    (
      [
        [
          'field',
          'has a field that counts attempts',
          { text: (text, { attempt }) => (attempt > 1 ? `X-Attempt: ${attempt}\r\n${text}` : text) },
        ],
        [
          'received',
          'has another Received field',
          {
            text: (text, { attempt }) =>
              attempt > 1 ? `${/^Received:[^;]*;.*\r\n/.exec(text)?.[0] ?? ''}${text}` : text,
          },
        ],
        [
          'trimmed',
          'has lost its last line',
          { text: (text, { attempt }) => (attempt > 1 ? text.replace(/[^\n]*\r\n$/, '') : text) },
        ],
        [
          'body',
          'has no body',
          { text: (text, { attempt }) => (attempt > 1 ? text.replace(/\r\n\r\n[\s\S]*$/, '\r\n\r\n') : text) },
        ],
        [
          'stuffed',
          'has its periods doubled once more',
          { data: (octets, { attempt }) => (attempt > 1 ? `${stuff(octets.slice(0, -3))}.\r\n` : octets) },
        ],
        ['sender', 'has the null reverse-path', says(/^MAIL FROM:<.*?>/, 'MAIL FROM:<>', ({ attempt }) => attempt > 1)],
        [
          'sender-case',
          'has its reverse-path in small letters',
          says(
            /^MAIL FROM:<.*?>/,
            (path) => path.slice(0, 11) + path.slice(11).toLowerCase(),
            ({ attempt }) => attempt > 1,
          ),
        ],
        [
          'recipient-case',
          'has its recipient in small letters',
          says(
            /^RCPT TO:<.*?>/,
            (path) => path.slice(0, 9) + path.slice(9).toLowerCase(),
            ({ attempt }) => attempt > 1,
          ),
        ],
        [
          'parameters',
          'has no parameters on MAIL',
          says(/^(MAIL FROM:<.*?>).*(?=\r\n)/, '$1', ({ attempt }) => attempt > 1),
        ],
        [
          'message-id',
          'has another Message-ID',
          {
            text: (text, { attempt }) =>
              attempt > 1 ? text.replace(/^Message-ID:.*/im, 'Message-ID: <2@sender.example>') : text,
          },
        ],
        [
          'date',
          'has another Date',
          {
            text: (text, { attempt }) =>
              attempt > 1 ? text.replace(/^Date:.*/im, 'Date: Thu, 01 Jan 2026 00:00:00 +0000') : text,
          },
        ],
      ] as [string, string, Deviation][]
    ).map(([name, wrong, does]) => [
      `again-${name}`,
      fault(`another attempt ${wrong}`, RETRY, does, 'deferred/unchanged'),
    ]),
  ),
}

const bad = (replies: readonly Reply[]): Reply | undefined => replies.find((reply) => !isGood(reply))
const partialReplies = (
  change: (replies: readonly Reply[], refused: Reply, at: number) => readonly Reply[],
): Deviation => ({
  rcpts: (replies) => {
    const refused = bad(replies)
    return refused === undefined ? replies : change(replies, refused, replies.indexOf(refused))
  },
})
const nobody = ({ heard }: Scene): boolean => {
  const begin = heard.findLastIndex(({ to }) => to.startsWith('MAIL'))
  const replies = heard.slice(begin).filter(({ to }) => to.startsWith('RCPT'))
  return replies.length > 0 && !replies.some(({ reply }) => isGood(reply))
}
/** The whole text where a single period would do. */
const wholeText: Deviation['data'] = (octets, { message }) =>
  octets === '.\r\n' ? `${stuff(message.text)}.\r\n` : octets

const partialFaults: SenderFaults = {
  'partial-all-refused': fault(
    'one refused recipient makes refused ones of all',
    '5321 §3.3',
    partialReplies((replies, refused) => replies.map(() => refused)),
    'partial/others-get-it',
  ),
  'partial-refused-behind': fault(
    'recipients behind a refused one are taken for refused',
    '5321 §3.3',
    partialReplies((replies, refused, at) => replies.map((reply, i) => (i > at ? refused : reply))),
    'partial/others-get-it',
  ),
  'partial-refused-before': fault(
    'recipients before a refused one are taken for refused',
    '5321 §3.3',
    partialReplies((replies, refused) => {
      const last = replies.findLastIndex((reply) => !isGood(reply))
      return replies.map((reply, i) => (i < last ? refused : reply))
    }),
    'partial/report',
  ),
  'partial-no-text': fault(
    'no text is sent when a recipient was refused',
    '5321 §3.3',
    {
      ...steps('RCPT', 'DATA', 'QUIT', ({ heard }) =>
        heard.some(({ to, reply }) => to.startsWith('RCPT') && reply.code >= 500),
      ),
      ...ends(({ reply }) => reply.startsWith('451 4.3.0'), 'sent'),
    },
    'partial/others-get-it',
  ),
  'partial-last-reply': fault(
    'the reply to the last RCPT is taken for all',
    '5321 §3.3',
    { rcpts: (replies) => replies.map(() => replies.at(-1)!) },
    'partial/others-get-it partial/report',
  ),
  'partial-all-reported': fault(
    'all recipients are reported when one is refused',
    '3464 §2.3',
    { reports: (results, action, all) => (action === 'failed' && results.length > 0 ? all : results) },
    'partial/report',
  ),
  'partial-others-reported': fault(
    'those are reported who got the message',
    '3464 §2.3',
    {
      reports: (results, action, all) =>
        action === 'failed' && results.length > 0 ? all.filter((one) => !results.includes(one)) : results,
    },
    'partial/report',
  ),
  'partial-others-in-prose': fault(
    'the part for people names all recipients',
    '3464 §2.3',
    {
      report: (report, about) => ({
        ...report,
        text: report.text.replace(
          /as you wished\./,
          () => `to ${about.recipients.map(({ path }) => path).join(', ')}.`,
        ),
      }),
    },
    'partial/report',
  ),
  'partial-unnamed': fault(
    'the report names nobody',
    '3464 §2.3',
    { report: (report) => ({ ...report, text: report.text.replace(/^Final-Recipient:.*\r\n/gm, '') }) },
    'partial/report',
  ),
  'partial-again-all': fault(
    'all recipients are tried again',
    RETRY,
    { again: (again, _, { recipients }) => (again.length > 0 ? recipients : again) },
    'partial/deferred partial/too-many',
  ),
  'partial-again-nobody': fault(
    'a recipient that is refused for now is forgotten when others got the message',
    RETRY,
    { again: (again, results) => (results.some(({ kind }) => kind === 'sent') ? [] : again) },
    'partial/deferred partial/too-many partial/552',
  ),
  'partial-again-first': fault(
    'one alone of several recipients that are refused for now is tried again',
    RETRY,
    { again: (again) => again.slice(0, 1) },
    'partial/too-many',
  ),
  'partial-deferred-returned': fault(
    'a recipient that is refused for now is returned when others got the message',
    RETRY,
    {
      results: (results) =>
        results.some(({ kind }) => kind === 'sent')
          ? results.map((one) => (one.kind === 'later' ? { ...one, kind: 'failed' } : one))
          : results,
    },
    'partial/deferred partial/too-many',
  ),
  '452-returned': fault(
    '452 to RCPT is a failure for good',
    '5321 §4.5.3.1.10',
    ends((one) => codeOf(one) === 452, 'failed'),
    'partial/too-many',
  ),
  '452-no-text': fault(
    'no text is sent when a recipient got 452',
    '5321 §4.5.3.1.10',
    steps('RCPT', 'DATA', 'QUIT', ({ heard }) =>
      heard.some(({ to, reply }) => to.startsWith('RCPT') && reply.code === 452),
    ),
    'partial/too-many',
  ),
  '552-returned': fault(
    '552 to RCPT is a failure for good',
    '5321 §4.5.3.1.10',
    ends((one) => codeOf(one) === 552, 'failed'),
    'partial/552',
  ),
  '552-forgotten': fault(
    '552 to RCPT is overlooked',
    '5321 §4.5.3.1.10',
    ends((one) => codeOf(one) === 552, 'sent'),
    'partial/552',
  ),
  'text-to-nobody': fault(
    'the text is sent though every recipient was refused',
    '5321 §3.3',
    { ...steps('RCPT', 'QUIT', 'DATA', nobody), data: wholeText! },
    'partial/nobody',
  ),
  'text-to-nobody-for-now': fault(
    'the text is sent though every recipient was refused for now',
    '5321 §3.3',
    {
      ...steps('RCPT', 'QUIT', 'DATA', (scene) => nobody(scene) && scene.heard.at(-1)!.reply.code < 500),
      data: wholeText!,
    },
    'partial/nobody',
  ),
  'text-to-one-refused': fault(
    'the text is sent though the one recipient was refused',
    '5321 §3.3',
    {
      ...steps('RCPT', 'QUIT', 'DATA', (scene) => nobody(scene) && scene.recipients.length === 1),
      data: wholeText!,
    },
    'partial/nobody',
  ),
}

export const senderReplyFaults: SenderFaults = {
  ...replyFaults,
  ...lossFaults,
  ...refusalFaults,
  ...partialFaults,
}

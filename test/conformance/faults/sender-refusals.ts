// Faults of a sender in what follows when a message, or some of its recipients, is refused (RFC 5321 §3.3, §3.6.3, §4.5.3.1.10, §4.5.4.1).
import { isGood, type Reply, stuff } from '../reference/sender-client.ts'
import type { Attempt, Deviation, Scene } from '../reference/sender-deviation.ts'
import {
  codeOf,
  ends,
  senderFault as fault,
  refusedAt,
  type SenderFaults,
  says,
  settledAt,
  steps,
} from '../sender-fault.ts'

const MULTI = '5321 §4.2.1'
const RETRY = '5321 §4.5.4.1'
const VERBS = ['MAIL', 'RCPT', 'DATA', 'text'] as const

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

export const senderRefusalFaults: SenderFaults = { ...refusalFaults, ...partialFaults }

// Faults of a sender in what it makes of replies, and of their absence (RFC 5321 §3.8, §4.2, §4.3.2).
import { textOf } from '../reference/sender-client.ts'
import type { Deviation } from '../reference/sender-deviation.ts'
import { toReply } from '../reference/sender-talk.ts'
import {
  codeOf,
  ends,
  senderFault as fault,
  impatient,
  lostBehind,
  type SenderFaults,
  saysFirst,
  settledAt,
  steps,
  takes,
} from '../sender-fault.ts'

const REPLY = '5321 §4.2'
const MULTI = '5321 §4.2.1'
const CODES = '5321 §4.3.2'
const CLOSED = '5321 §3.8'

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

export const senderReplyFaults: SenderFaults = { ...replyFaults, ...lossFaults }

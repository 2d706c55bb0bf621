// Faults of a sender in PIPELINING, SIZE and CHUNKING (RFC 2920, 1870, 3030).
import { isGood, stuff } from '../reference/sender-client.ts'
import type { Deviation, Scene } from '../reference/sender-deviation.ts'
import { isEightBit, splitText } from '../reference/sender-mail.ts'
import {
  codeOf,
  ends,
  senderFault as fault,
  type SenderFaults,
  says,
  settledAt,
  steps,
  supposes,
  takes,
} from '../sender-fault.ts'

const GROUP = '2920 §3.1'
const pipelines = ({ offers }: Scene): boolean => offers.has('PIPELINING')
const nobody = ({ heard }: Scene): boolean => !heard.some(({ to, reply }) => to.startsWith('RCPT') && isGood(reply))

const pipeliningFaults: SenderFaults = {
  'group-behind-data': fault(
    'the text goes out in one group with DATA',
    GROUP,
    { waits: (to, scene) => (to === 'DATA' && pipelines(scene) ? { ms: 0, supposed: '354 go on' } : null) },
    'pipelining/last-in-group',
  ),
  'group-behind-ehlo': fault(
    'MAIL goes out behind EHLO',
    GROUP,
    supposes(/^EHLO/, '250-hello\n250 PIPELINING'),
    'pipelining/last-in-group',
  ),
  'group-behind-quit': fault(
    'a command goes out behind QUIT',
    GROUP,
    says(/^QUIT\r\n/, 'QUIT\r\nNOOP\r\n'),
    'pipelining/last-in-group',
  ),
  'replies-shifted': fault(
    'each reply to RCPT is taken for that to the one before',
    GROUP,
    { rcpts: (replies) => [...replies.slice(1), replies[0]!] },
    'pipelining/correlation',
  ),
  'replies-reversed': fault(
    'replies to RCPT are taken in the reverse order',
    GROUP,
    { rcpts: (replies) => replies.toReversed() },
    'pipelining/correlation',
  ),
  'replies-blame-first': fault(
    'a refusal within a group is put on the first recipient',
    GROUP,
    { rcpts: (replies) => [...replies].sort((a, b) => b.code - a.code) },
    'pipelining/correlation',
  ),
  'replies-blame-last': fault(
    'a refusal within a group is put on the last recipient',
    GROUP,
    { rcpts: (replies) => [...replies].sort((a, b) => a.code - b.code) },
    'pipelining/correlation',
  ),
  'replies-lines-counted': fault(
    'each line of replies to RCPT is a reply',
    GROUP,
    { ends: (last, _, to) => last || to.startsWith('RCPT') },
    'replies/multi-line',
  ),
  'replies-packet-is-one': fault(
    'what comes in one packet is one reply',
    GROUP,
    { unread: () => '' },
    'pipelining/replies-together',
  ),
  'replies-packet-is-two': fault(
    'a third reply in a packet is lost',
    GROUP,
    { unread: (octets, to) => (to.startsWith('RCPT') ? '' : octets) },
    'pipelining/replies-together',
  ),
  'group-mail-refusal-overlooked': fault(
    'the reply to MAIL is overlooked within a group',
    GROUP,
    {
      reply: (reply, to, scene) =>
        to.startsWith('MAIL') && pipelines(scene) && reply.code >= 500 ? { code: 250, lines: ['250 fine'] } : reply,
    },
    'pipelining/mail-refused',
  ),
  'group-mail-refused-text': fault(
    'the text is sent behind 354 though MAIL was refused',
    GROUP,
    { data: (octets, { message }) => (octets === '.\r\n' ? `${stuff(message.text)}.\r\n` : octets) },
    'pipelining/mail-refused pipelining/single-dot',
  ),
  'group-mail-refused-forgotten': fault(
    'a message whose MAIL was refused within a group is forgotten',
    GROUP,
    {
      results: (results, scene) => {
        const refused = scene.heard.some(({ to, reply }) => to.startsWith('MAIL') && reply.code >= 500)
        return refused && pipelines(scene) ? results.map((one) => ({ ...one, kind: 'sent' as const })) : results
      },
    },
    'pipelining/mail-refused',
  ),
  'group-mail-refused-kept': fault(
    'a message whose MAIL was refused within a group is tried again',
    GROUP,
    {
      results: (results, scene) => {
        const refused = scene.heard.some(({ to, reply }) => to.startsWith('MAIL') && reply.code >= 500)
        return refused && pipelines(scene) ? results.map((one) => ({ ...one, kind: 'later' as const })) : results
      },
    },
    'pipelining/mail-refused',
  ),
  'single-dot-behind-line': fault(
    'an empty line goes before the single period',
    GROUP,
    { data: (octets) => (octets === '.\r\n' ? '\r\n.\r\n' : octets) },
    'pipelining/single-dot',
  ),
  'single-dot-closed': fault(
    'the connection is closed behind 354 where no recipient was taken',
    GROUP,
    steps('DATA', 'text', 'close', nobody),
    'pipelining/single-dot',
  ),
  'single-dot-quit': fault(
    'QUIT is sent behind 354 where no recipient was taken',
    GROUP,
    steps('DATA', 'text', 'QUIT', nobody),
    'pipelining/single-dot',
  ),
}

const declares = (size: (text: string) => number | string): Deviation => ({
  command: (line, { message }) => line.replace(/ SIZE=\d+/, ` SIZE=${size(message.text)}`),
})
const tooBig = (reply: string): boolean => reply.startsWith('552')

const sizeFaults: SenderFaults = {
  'size-unoffered': fault(
    'SIZE is declared where it is not offered',
    '5321 §4.1.1.11',
    says(
      /^MAIL.*(?=\r\n)/,
      (line) => `${line} SIZE=1000`,
      ({ offers }) => !offers.has('SIZE'),
    ),
    'size/only-offered',
  ),
  'size-with-dsn': fault(
    'SIZE is declared where any extension is offered',
    '5321 §4.1.1.11',
    says(
      /^MAIL.*(?=\r\n)/,
      (line) => `${line} SIZE=1000`,
      ({ offers }) => offers.size > 0 && !offers.has('SIZE'),
    ),
    'size/only-offered',
  ),
  'size-doubled': fault(
    'the size is declared twice as big',
    '1870 §5',
    declares((text) => text.length * 2),
    'size/declared',
  ),
  'size-halved': fault(
    'the size is declared half as big',
    '1870 §5',
    declares((text) => text.length >> 1),
    'size/declared',
  ),
  'size-zero': fault(
    'the size is declared as 0',
    '1870 §5',
    declares(() => 0),
    'size/declared',
  ),
  'size-of-header': fault(
    'the size of the header is declared',
    '1870 §5',
    declares((text) => splitText(text).header.length),
    'size/declared',
  ),
  'size-of-body': fault(
    'the size of the body is declared',
    '1870 §5',
    declares((text) => splitText(text).body.length),
    'size/declared',
  ),
  'size-kilobytes': fault(
    'the size is declared in kilobytes',
    '1870 §5',
    declares((text) => Math.ceil(text.length / 1024)),
    'size/declared',
  ),
  'size-lines': fault(
    'the number of lines is declared as size',
    '1870 §5',
    declares((text) => text.split('\n').length),
    'size/declared',
  ),
  'size-grouped': fault(
    'the size has a comma',
    '1870 §5',
    declares((text) => text.length.toLocaleString('en')),
    'size/declared',
  ),
  ...Object.fromEntries(
    (
      [
        ['zero', 'SIZE 0', /^0+$/],
        ['bare', 'SIZE without a number', /^$/],
      ] as const
    ).map(([name, what, value]) => [
      `size-${name}-is-limit`,
      fault(
        `${what} is taken for a limit of 0`,
        '1870 §3',
        {
          hinders: (reply, { offers }) => {
            const limit = offers.get('SIZE')
            return limit !== undefined && value.test(limit) ? { code: 552, lines: ['552 5.3.4 too big'] } : reply
          },
        },
        'size/no-maximum',
      ),
    ]),
  ),
  'too-big-forgotten': fault(
    'what is too big is forgotten',
    '1870 §6.2',
    ends((one) => codeOf(one) === 552, 'sent'),
    'size/too-big',
  ),
  'too-big-kept': fault(
    'what is too big is tried again',
    '1870 §6.2',
    ends((one) => codeOf(one) === 552, 'later'),
    'size/too-big',
  ),
  'too-big-sent': fault(
    'the text goes out whatever SIZE and 552 say',
    '1870 §6.2',
    {
      hinders: (reply) => (reply !== null && tooBig(reply.lines[0]!) ? null : reply),
      ...takes(/^MAIL/, /^552/, '250 fine'),
    },
    'size/too-big',
  ),
  'too-big-undeclared': fault(
    'what is too big is sent without SIZE behind 552',
    '1870 §6.2',
    {
      hinders: (reply) => (reply !== null && tooBig(reply.lines[0]!) ? null : reply),
      ...takes(/^MAIL/, /^552/, '250 fine'),
      command: (line) => (/ SIZE=/.test(line) ? [line, line.replace(/ SIZE=\d+/, '')] : line),
    },
    'size/too-big',
  ),
}

const offersChunking = (when: (scene: Scene) => boolean): Deviation => ({
  offers: (offers, scene) => (when(scene) ? new Map([...offers, ['CHUNKING', '']]) : offers),
})
const split = (octets: string): [command: string, text: string] => {
  const at = octets.indexOf('\r\n') + 2
  return [octets.slice(0, at), octets.slice(at)]
}
const chunks = (change: (command: string, text: string) => string): Deviation => ({
  chunk: (octets) => change(...split(octets)),
})
const counted = (text: string, command: string): string => `${command.replace(/\d+/, String(text.length))}${text}`

const chunkingFaults: SenderFaults = {
  'bdat-unoffered': fault(
    'BDAT is used unasked',
    '3030 §2',
    offersChunking(() => true),
    'chunking/only-offered',
  ),
  'bdat-with-8bitmime': fault(
    'BDAT is used where 8BITMIME is offered',
    '3030 §2',
    offersChunking(({ heard }) => heard.at(-1)!.reply.lines.some((line) => /8BITMIME/i.test(line))),
    'chunking/only-offered',
  ),
  'bdat-for-eight-bits': fault(
    'BDAT is used for 8-bit text, offered or not',
    '3030 §2',
    offersChunking(({ message }) => isEightBit(message.text)),
    'chunking/only-offered',
  ),
  'bdat-stuffed': fault(
    'periods are doubled in BDAT',
    '3030 §2',
    chunks((command, text) => counted(stuff(text), command)),
    'chunking/transfer',
  ),
  'bdat-lone-stuffed': fault(
    'a period alone in its line is doubled in BDAT',
    '3030 §2',
    chunks((command, text) => counted(text.replace(/^\.\r\n/gm, '..\r\n'), command)),
    'chunking/transfer',
  ),
  'bdat-no-last': fault(
    'no BDAT has LAST',
    '3030 §2',
    chunks((command, text) => command.replace(' LAST', '') + text),
    'chunking/transfer',
  ),
  'bdat-last-first': fault(
    'the first BDAT has LAST',
    '3030 §2',
    chunks((command, text) => command.replace(/(\d)\r/, '$1 LAST\r') + text),
    'chunking/transfer',
  ),
  'bdat-count-less': fault(
    'the count of BDAT is less by one, and so is the text',
    '3030 §2',
    chunks((command, text) => (/LAST/.test(command) ? counted(text.slice(0, -1), command) : command + text)),
    'chunking/transfer',
  ),
  'bdat-count-without-end': fault(
    'the last line end is not counted in BDAT',
    '3030 §2',
    chunks((command, text) =>
      /LAST/.test(command) ? command.replace(/\d+/, String(text.length - 2)) + text : command + text,
    ),
    'chunking/transfer',
  ),
  'bdat-count-more': fault(
    'the count of BDAT is more by one',
    '3030 §2',
    chunks((command, text) =>
      /LAST/.test(command) ? command.replace(/\d+/, String(text.length + 1)) + text : command + text,
    ),
    'chunking/transfer',
  ),
  'bdat-final-period': fault(
    'a final period ends the last BDAT, counted',
    '3030 §2',
    chunks((command, text) => (/LAST/.test(command) ? counted(`${text}.\r\n`, command) : command + text)),
    'chunking/transfer',
  ),
  'bdat-final-period-behind': fault(
    'a final period follows the last BDAT',
    '3030 §2',
    chunks((command, text) => (/LAST/.test(command) ? `${command}${text}.\r\n` : command + text)),
    'chunking/transfer',
  ),
  'bdat-lf': fault(
    'lines within BDAT end in LF',
    '3030 §2',
    chunks((command, text) => counted(text.replaceAll('\r\n', '\n'), command)),
    'chunking/transfer',
  ),
  'bdat-line-between': fault(
    'a line end is added to each chunk',
    '3030 §2',
    chunks((command, text) => counted(`${text}\r\n`, command)),
    'chunking/transfer',
  ),
  'bdat-octet-lost': fault(
    'the last octet of a chunk is lost where another follows',
    '3030 §2',
    chunks((command, text) => (/LAST/.test(command) ? command + text : counted(text.slice(0, -1), command))),
    'chunking/transfer',
  ),
  'bdat-then-data': fault(
    'DATA follows the last BDAT',
    '3030 §2',
    chunks((command, text) => (/LAST/.test(command) ? `${command}${text}DATA\r\n` : command + text)),
    'chunking/transfer',
  ),
}

const settledAtBdat = settledAt('BDAT')
const refusedChunkFaults: SenderFaults = {
  'bdat-refused-goes-on': fault(
    'the next chunk follows one that was refused',
    '3030 §2',
    {
      reply: (reply, to) => (/^BDAT \d+$/.test(to) && reply.code >= 500 ? { code: 250, lines: ['250 fine'] } : reply),
    },
    'chunking/refused',
  ),
  'bdat-refused-by-data': fault(
    'the text goes by DATA when a chunk was refused',
    '3030 §2',
    steps('BDAT', 'QUIT', 'DATA', ({ heard }) => heard.at(-1)!.reply.code >= 500),
    'chunking/refused',
  ),
  'bdat-refused-forgotten': fault(
    'a message of which a chunk was refused is forgotten',
    '3030 §2',
    ends((result, scene) => result.kind === 'failed' && settledAtBdat(result, scene), 'sent'),
    'chunking/refused',
  ),
  'bdat-refused-kept': fault(
    'a message of which a chunk was refused is tried again',
    '3030 §2',
    ends((result, scene) => result.kind === 'failed' && settledAtBdat(result, scene), 'later'),
    'chunking/refused',
  ),
}

export const senderExtensionFaults: SenderFaults = {
  ...pipeliningFaults,
  ...sizeFaults,
  ...chunkingFaults,
  ...refusedChunkFaults,
}

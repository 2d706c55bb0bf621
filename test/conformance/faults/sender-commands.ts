// Faults of a sender in its commands: their order, their waiting, their lines (RFC 5321 §2.3.8, §3.3, §4.1.1, §4.3.1).
import type { Deviation, Scene } from '../reference/sender-deviation.ts'
import { ends, senderFault as fault, type SenderFaults, says, saysFirst, supposes } from '../sender-fault.ts'

const later = ({ nth }: Scene): boolean => nth > 0

/** Commands of the message before on this connection. */
const before = ({ heard }: Scene, verb: RegExp): string[] => {
  const begin = heard.findLastIndex(({ to }) => to.startsWith('MAIL'))
  const old = heard.slice(0, begin).findLastIndex(({ to }) => to.startsWith('MAIL'))
  return heard
    .slice(old, begin)
    .map(({ to }) => to)
    .filter((to) => verb.test(to))
}
const isFirstRcpt = (line: string, { heard }: Scene): boolean => /^RCPT/.test(line) && /^MAIL/.test(heard.at(-1)!.to)

/** Replies to these commands are not waited for where PIPELINING is not offered. */
const hasty = (command: RegExp, then: string): Deviation => ({
  waits: (to, { offers }) => (command.test(to) && !offers.has('PIPELINING') ? { ms: 0, supposed: then } : null),
})

const ORDER = '5321 §3.3'
const WAIT = '5321 §4.3.1'
const LINE = '5321 §2.3.8'

export const senderCommandFaults: SenderFaults = {
  'mail-twice': fault(
    'MAIL is sent twice',
    ORDER,
    { command: (line) => (/^MAIL/.test(line) ? [line, line] : line) },
    'commands/order',
  ),
  'rcpt-before-mail': fault(
    'RCPT is sent before MAIL, and again behind it',
    ORDER,
    { command: (line, { recipients }) => (/^MAIL/.test(line) ? [`RCPT TO:<${recipients[0]!.path}>\r\n`, line] : line) },
    'commands/order',
  ),
  'rcpt-omitted': fault('DATA follows MAIL at once', ORDER, says(/^RCPT.*\r\n/, ''), 'commands/order'),
  'rset-before-rcpt': fault(
    'RSET is sent between MAIL and RCPT',
    ORDER,
    { command: (line, scene) => (isFirstRcpt(line, scene) ? ['RSET\r\n', line] : line) },
    'commands/order',
  ),
  'mail-for-each-rcpt': fault(
    'MAIL is repeated before every further recipient',
    ORDER,
    {
      command: (line, scene) =>
        /^RCPT/.test(line) && !isFirstRcpt(line, scene)
          ? [`${scene.heard.findLast(({ to }) => to.startsWith('MAIL'))!.to}\r\n`, line]
          : line,
    },
    'commands/order',
  ),

  'nothing-awaited': fault(
    'no reply is waited for',
    WAIT,
    {
      waits: (to, { offers }) =>
        /^(MAIL|RCPT|DATA)/.test(to) && !offers.has('PIPELINING')
          ? { ms: 0, supposed: to === 'DATA' ? '354 go on' : '250 fine' }
          : null,
    },
    'commands/wait',
  ),
  'mail-unawaited': fault(
    'RCPT does not wait for the reply to MAIL',
    WAIT,
    hasty(/^MAIL/, '250 fine'),
    'commands/wait',
  ),
  'rcpt-unawaited': fault('nothing waits for the replies to RCPT', WAIT, hasty(/^RCPT/, '250 fine'), 'commands/wait'),
  'ehlo-unawaited': fault(
    'MAIL does not wait for the reply to EHLO',
    WAIT,
    supposes(/^EHLO/, '250 hello'),
    'commands/wait',
  ),
  'text-unawaited': fault(
    'QUIT does not wait for the reply to the text',
    WAIT,
    supposes(/^text/, '250 fine'),
    'commands/wait',
  ),

  'lines-end-in-lf': fault('command lines end in LF', LINE, says(/\r\n$/, '\n'), 'commands/crlf'),
  'quit-ends-in-lf': fault('QUIT ends in LF', LINE, says(/^QUIT\r\n/, 'QUIT\n'), 'commands/crlf'),
  'rcpt-ends-in-lf': fault('RCPT ends in LF', LINE, says(/^(RCPT.*)\r\n/, '$1\n'), 'commands/crlf'),
  'data-ends-in-lf': fault('DATA ends in LF', LINE, says(/^DATA\r\n/, 'DATA\n'), 'commands/crlf'),
  'ehlo-ends-in-lf': fault('EHLO ends in LF', LINE, says(/^(EHLO.*)\r\n/, '$1\n'), 'commands/crlf'),
  'mail-ends-in-crcrlf': fault('MAIL ends in CR CR LF', LINE, says(/^(MAIL.*)\r\n/, '$1\r\r\n'), 'commands/crlf'),
  'rcpt-holds-cr': fault('RCPT has a CR before the path', LINE, says(/^RCPT TO:/, 'RCPT TO:\r'), 'commands/crlf'),
  'quit-ends-in-lfcr': fault('QUIT ends in LF CR', LINE, says(/^QUIT\r\n/, 'QUIT\n\r'), 'commands/crlf'),

  'ehlo-utf8': fault(
    'EHLO has a name in UTF-8',
    '5321 §2.4',
    says(/^EHLO .*(?=\r\n)/, 'EHLO s\xc3\xa9nder.example'),
    'commands/ascii',
  ),
  'ehlo-byte-order-mark': fault(
    'a byte order mark goes before EHLO',
    '5321 §2.4',
    says(/^EHLO/, '\xef\xbb\xbfEHLO'),
    'commands/ascii',
  ),
  'rcpt-no-break-space': fault(
    'a no-break space stands behind RCPT',
    '5321 §2.4',
    says(/^RCPT /, 'RCPT\xa0'),
    'commands/ascii',
  ),
  'quit-eighth-bit': fault('QUIT has its parity bit set', '5321 §2.4', says(/^QUIT/, 'Q\xd5IT'), 'commands/ascii'),

  'data-argument': fault('DATA has an argument', '5321 §4.1.1.4', says(/^DATA/, 'DATA now'), 'commands/bare-verbs'),
  'quit-argument': fault(
    'QUIT has an argument',
    '5321 §4.1.1.10',
    says(/^QUIT/, 'QUIT goodbye'),
    'commands/bare-verbs',
  ),
  'rset-argument': fault(
    'RSET, sent before MAIL, has an argument',
    '5321 §4.1.1.5',
    saysFirst(/^MAIL/, 'RSET all'),
    'commands/bare-verbs',
  ),

  ...Object.fromEntries(
    (
      [
        ['MAIL FROM', 'mail', '5321 §4.1.1.2'],
        ['RCPT TO', 'rcpt', '5321 §4.1.1.3'],
      ] as const
    ).flatMap(([words, name, rfc]) => {
      const begin = new RegExp(`^${words}:<`)
      const one = (slug: string, wrong: string, instead: string, pattern = begin) => [
        `${name}-${slug}`,
        fault(`${wrong} ${words}`, rfc, says(pattern, instead), `commands/${name}-syntax`),
      ]
      return [
        one('space-behind-colon', 'a space stands behind the colon of', `${words}: <`),
        one('space-before-colon', 'a space stands before the colon of', `${words} :<`),
        one('tab-behind-colon', 'a tab stands behind the colon of', `${words}:\t<`),
        one('no-colon', 'no colon stands behind', `${words}<`),
        one('two-spaces', 'two spaces stand within', `${words.replace(' ', '  ')}:<`),
        one('one-word', 'no space stands within', `${words.replace(' ', '')}:<`),
        one('no-brackets', 'no brackets are around the path of', `${words}:$1`, new RegExp(`^${words}:<(.*?)>`)),
        one('two-brackets', 'two brackets are around the path of', `${words}:<<$1>>`, new RegExp(`^${words}:<(.*?)>`)),
        one('padded-path', 'spaces are within the brackets of', `${words}:< $1 >`, new RegExp(`^${words}:<(.*?)>`)),
        one('display-name', 'a name stands before the path of', `${words}:Somebody <`),
        one('unclosed', 'the path is not closed in', `${words}:<$1`, new RegExp(`^${words}:<(.*?)>`)),
      ]
    }),
  ),
  'rcpt-second-space': fault(
    'the second RCPT has a space behind its colon',
    '5321 §4.1.1.3',
    {
      command: (line, scene) => (isFirstRcpt(line, scene) ? line : line.replace(/^RCPT TO:/, 'RCPT TO: ')),
    },
    'commands/rcpt-syntax',
  ),
  'mail-parameter-attached': fault(
    'no space stands between path and parameters of MAIL',
    '5321 §4.1.1.2',
    says(/^(MAIL FROM:<.*?>) /, '$1'),
    'commands/mail-syntax',
  ),
  'mail-parameters-first': fault(
    'parameters of MAIL go before the path',
    '5321 §4.1.1.2',
    says(/^MAIL FROM:(<.*?>) (.*)(?=\r\n)/, 'MAIL FROM:$2 $1'),
    'commands/mail-syntax',
  ),

  'old-recipients-too': fault(
    'recipients of the message before get the second one, too',
    '5321 §4.1.1.2',
    {
      command: (line, scene) =>
        later(scene) && isFirstRcpt(line, scene) ? [...before(scene, /^RCPT/).map((old) => `${old}\r\n`), line] : line,
    },
    'commands/fresh-transaction',
    { keeps: true },
  ),
  'old-recipients-instead': fault(
    'the second message goes to the recipient of the first',
    '5321 §4.1.1.2',
    {
      command: (line, scene) => (later(scene) && isFirstRcpt(line, scene) ? `${before(scene, /^RCPT/)[0]}\r\n` : line),
    },
    'commands/fresh-transaction',
    { keeps: true },
  ),
  'second-mail-omitted': fault(
    'the second message has no MAIL',
    '5321 §4.1.1.2',
    says(/^MAIL.*\r\n/, '', later),
    'commands/fresh-transaction',
    { keeps: true },
  ),
  'second-rcpt-omitted': fault(
    'the second message has no RCPT',
    '5321 §4.1.1.2',
    says(/^RCPT.*\r\n/, '', later),
    'commands/fresh-transaction',
    { keeps: true },
  ),
  'old-sender': fault(
    'the second message has the reverse-path of the first',
    '5321 §4.1.1.2',
    {
      command: (line, scene) =>
        /^MAIL/.test(line) && later(scene)
          ? `${scene.heard.findLast(({ to }) => to.startsWith('MAIL'))!.to}\r\n`
          : line,
    },
    'commands/fresh-transaction',
    { keeps: true },
  ),
  'kept-lost-returned': fault(
    'the second message is returned when the kept connection is gone',
    '5321 §3.8',
    ends(({ kind }, scene) => later(scene) && kind === 'later', 'failed'),
    'commands/kept-connection-lost',
    { keeps: true },
  ),
  'kept-lost-forgotten': fault(
    'the second message is forgotten when the kept connection is gone',
    '5321 §3.8',
    ends(({ kind }, scene) => later(scene) && kind === 'later', 'sent'),
    'commands/kept-connection-lost',
    { keeps: true },
  ),

  'copy-for-each': fault(
    'each recipient gets a transaction of its own',
    '5321 §4.5.4.1',
    { groups: (groups) => groups.flatMap((group) => group.map((one) => [one])) },
    'commands/one-copy',
  ),
  'copies-first-alone': fault(
    'the first recipient gets a transaction of its own',
    '5321 §4.5.4.1',
    { groups: (groups) => groups.flatMap(([first, ...rest]) => [[first!], rest].filter(({ length }) => length > 0)) },
    'commands/one-copy',
  ),
  'copies-by-spelling': fault(
    'domains that differ in case get copies of their own',
    '5321 §4.5.4.1',
    {
      groups: (_, { recipients }) => [
        ...Map.groupBy(recipients, ({ path }) => path.slice(path.lastIndexOf('@'))).values(),
      ],
    },
    'commands/one-copy',
  ),
}

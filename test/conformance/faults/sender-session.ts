// Faults of a sender in how it begins and ends a session (RFC 5321 §3.1, §3.2, §4.1.1.1, §4.1.1.10).
import { isGood } from '../reference/sender-client.ts'
import type { Deviation, Scene } from '../reference/sender-deviation.ts'
import {
  ends,
  senderFault as fault,
  lastHeard,
  refusedAt,
  type SenderFaults,
  says,
  saysFirst,
  settledAt,
  steps,
  supposes,
  takes,
} from '../sender-fault.ts'

const HELO = '5321 §4.1.1.1'
const QUIT = '5321 §4.1.1.10'

const inTls = ({ tls }: Scene): boolean => tls
const afterHelo = ({ heard }: Scene): boolean => heard.some(({ to, reply }) => to.startsWith('HELO') && isGood(reply))

/** EHLO has this argument. */
const greets = (argument: string): Deviation => says(/^EHLO .*(?=\r\n)/, `EHLO ${argument}`)

const linesOfEhlo = ({ heard }: Scene): string[] =>
  heard
    .findLast(({ to }) => to.startsWith('EHLO'))!
    .reply.lines.slice(1)
    .map((line) => line.slice(4))
const keywordIn = (line: string): string => /^\S*/.exec(line)![0]

/** Matching keywords are overlooked where they are not spelt as the pattern wants it. */
const knows = (keyword: RegExp, spelling: RegExp): Deviation => ({
  offers: (offers, scene) => {
    const unknown = linesOfEhlo(scene)
      .map(keywordIn)
      .filter((one) => keyword.test(one) && !spelling.test(one))
    return new Map([...offers].filter(([one]) => !unknown.some((name) => name.toUpperCase() === one)))
  },
})

const KNOWN = /^(8BITMIME|SMTPUTF8|DSN|SIZE|PIPELINING|CHUNKING|STARTTLS|ENHANCEDSTATUSCODES|HELP|VRFY|AUTH|ETRN)$/i
/** No mail is sent where a line of the EHLO reply is unknown, and matches. */
const stumbles = (line: RegExp): Deviation => ({
  next: (step, after, scene) =>
    after === 'EHLO' && linesOfEhlo(scene).some((one) => !KNOWN.test(keywordIn(one)) && line.test(one)) ? 'QUIT' : step,
})

export const senderSessionFaults: SenderFaults = {
  'greeting-unawaited': fault(
    'EHLO goes out as soon as the connection is there',
    '5321 §4.3.1',
    supposes(/^greeting/, '220 hello'),
    'greeting/wait',
  ),
  'greeting-half-a-second': fault(
    'EHLO goes out when the greeting does not come within half a second',
    '5321 §4.3.1',
    supposes(/^greeting/, '220 hello', 500),
    'greeting/wait',
  ),
  'greeting-first-line': fault(
    'the first line of the greeting is taken for all of it',
    '5321 §4.2.1',
    { ends: (last, _, to) => last || to === 'greeting' },
    'greeting/multi-line',
  ),
  'greeting-two-lines': fault(
    'a greeting has two lines at most',
    '5321 §4.2.1',
    { ends: (last, lines, to) => last || (to === 'greeting' && lines.length === 2) },
    'greeting/multi-line',
  ),
  'greeting-no-hyphen': fault(
    'a hyphen behind the code of a greeting is an error',
    '5321 §4.2.1',
    { line: (line, to) => (to === 'greeting' && line[3] === '-' ? null : line) },
    'greeting/multi-line',
  ),
  'reply-511-octets': fault(
    'a reply line of 512 octets is one too long',
    '5321 §4.5.3.1.5',
    { line: (line) => (line.length + 2 > 511 ? null : line) },
    'greeting/long',
  ),
  'greeting-256-octets': fault(
    'a greeting of more than 256 octets is an error',
    '5321 §4.5.3.1.5',
    { line: (line, to) => (to === 'greeting' && line.length + 2 > 256 ? null : line) },
    'greeting/long',
  ),
  'greeting-554-taken': fault(
    'the code of the greeting is overlooked when it begins with 5',
    '5321 §3.1',
    takes(/^greeting/, /^5/, '220 hello'),
    'greeting/refused',
  ),
  'greeting-554-mail': fault(
    'MAIL is tried behind a greeting with 554',
    '5321 §3.1',
    steps('greeting', 'QUIT', 'MAIL'),
    'greeting/refused',
  ),
  'greeting-421-returned': fault(
    'mail is returned when the greeting is 421',
    '5321 §4.5.4.1',
    ends(settledAt('greeting'), 'failed'),
    'greeting/not-now',
  ),
  'greeting-421-forgotten': fault(
    'mail is forgotten when the greeting is 421',
    '5321 §4.5.4.1',
    ends(settledAt('greeting'), 'sent'),
    'greeting/not-now',
  ),

  'helo-first': fault('a session begins with HELO', HELO, steps('greeting', 'EHLO', 'HELO'), 'hello/ehlo-first'),
  'helo-unless-esmtp': fault(
    'a session begins with HELO unless the greeting says ESMTP',
    HELO,
    steps('greeting', 'EHLO', 'HELO', ({ heard }) => !/ESMTP/.test(heard[0]!.reply.lines.join())),
    'hello/ehlo-first',
  ),
  'noop-first': fault(
    'a session begins with NOOP',
    HELO,
    saysFirst(/^EHLO/, 'NOOP', (scene) => !inTls(scene)),
    'hello/ehlo-first',
  ),
  'no-hello': fault('a session begins with MAIL', HELO, steps('greeting', 'EHLO', 'MAIL'), 'hello/before-mail'),
  'lhlo-first': fault('a session begins with LHLO', HELO, says(/^EHLO/, 'LHLO'), 'hello/ehlo-first'),

  'ehlo-bare': fault('EHLO has no argument', HELO, says(/^EHLO .*(?=\r\n)/, 'EHLO'), 'hello/argument'),
  'ehlo-two': fault('EHLO has two arguments', HELO, greets('sender.example [127.0.0.1]'), 'hello/argument'),
  'ehlo-underscore': fault('EHLO has an underscore', HELO, greets('my_host.example'), 'hello/argument'),
  'ehlo-root': fault('EHLO ends in a period', HELO, greets('sender.example.'), 'hello/argument'),
  'ehlo-hyphen-first': fault('a label in EHLO begins with a hyphen', HELO, greets('-sender.example'), 'hello/argument'),
  'ehlo-hyphen-last': fault('a label in EHLO ends in a hyphen', HELO, greets('sender-.example'), 'hello/argument'),
  'ehlo-empty-label': fault('a label in EHLO is empty', HELO, greets('sender..example'), 'hello/argument'),
  'ehlo-ipv6-untagged': fault('a literal of IPv6 in EHLO has no tag', '5321 §4.1.3', greets('[::1]'), 'hello/argument'),
  'ehlo-256': fault('a literal in EHLO has the number 256', '5321 §4.1.3', greets('[127.0.0.256]'), 'hello/argument'),
  'ehlo-unclosed': fault('a literal in EHLO is not closed', '5321 §4.1.3', greets('[127.0.0.1'), 'hello/argument'),
  'ehlo-path': fault(
    'the argument of EHLO stands in angle brackets',
    HELO,
    greets('<sender.example>'),
    'hello/argument',
  ),
  'ehlo-port': fault('a port follows the name in EHLO', HELO, greets('sender.example:25'), 'hello/argument'),
  'ehlo-short': fault('EHLO has a name of one label', '5321 §2.3.5', greets('sender'), 'hello/fully-qualified'),
  'ehlo-localhost': fault('EHLO has the name localhost', '5321 §2.3.5', greets('localhost'), 'hello/fully-qualified'),
  'ehlo-address': fault(
    'EHLO has an address without brackets',
    '5321 §4.1.3',
    greets('127.0.0.1'),
    'hello/fully-qualified',
  ),

  'no-fallback': fault(
    'a server that does not know EHLO gets no mail',
    '5321 §3.2',
    steps('EHLO', 'HELO', 'QUIT'),
    'hello/fallback',
  ),
  'fallback-to-mail': fault(
    'MAIL follows a refused EHLO at once',
    '5321 §3.2',
    steps('EHLO', 'HELO', 'MAIL'),
    'hello/fallback hello/all-refused',
  ),
  'fallback-ehlo-again': fault(
    'EHLO is repeated where HELO is due',
    '5321 §3.2',
    says(/^HELO/, 'EHLO'),
    'hello/fallback',
  ),
  'fallback-bare-helo': fault('HELO has no argument', HELO, says(/^HELO .*(?=\r\n)/, 'HELO'), 'hello/fallback'),
  'helo-size': fault(
    'MAIL has SIZE behind HELO',
    '5321 §4.1.1.11',
    says(/^MAIL.*(?=\r\n)/, (line) => `${line} SIZE=1000`, afterHelo),
    'hello/plain-after-helo',
  ),
  'helo-body': fault(
    'MAIL has BODY behind HELO',
    '5321 §4.1.1.11',
    says(/^MAIL.*(?=\r\n)/, (line) => `${line} BODY=8BITMIME`, afterHelo),
    'hello/plain-after-helo',
  ),
  'helo-notify': fault(
    'RCPT has NOTIFY behind HELO',
    '5321 §4.1.1.11',
    says(/^RCPT.*(?=\r\n)/, (line) => `${line} NOTIFY=FAILURE`, afterHelo),
    'hello/plain-after-helo',
  ),

  'keywords-in-capitals': fault(
    'EHLO keywords are known in capitals alone',
    HELO,
    knows(/^/, /^[^a-z]*$/),
    'hello/keyword-case',
  ),
  'keywords-not-mixed': fault(
    'EHLO keywords are known in capitals and in small letters, not in both',
    HELO,
    knows(/^/, /^([^a-z]*|[^A-Z]*)$/),
    'hello/keyword-case',
  ),
  ...Object.fromEntries(
    ['8BITMIME', 'SMTPUTF8', 'DSN', 'SIZE'].map((keyword) => [
      `keyword-${keyword.toLowerCase()}-in-capitals`,
      fault(
        `the keyword ${keyword} alone is known in capitals only`,
        HELO,
        knows(new RegExp(`^${keyword}$`, 'i'), /^[^a-z]*$/),
        'hello/keyword-case',
      ),
    ]),
  ),
  'unknown-keyword-stops': fault('an unknown keyword is an error', HELO, stumbles(/^/), 'hello/unknown-keywords'),
  'unknown-parameter-stops': fault(
    'an unknown keyword that has parameters is an error',
    HELO,
    stumbles(/ /),
    'hello/unknown-keywords',
  ),
  'unknown-standard-stops': fault(
    'an unknown keyword that does not begin with X is an error',
    HELO,
    stumbles(/^[^X]/i),
    'hello/unknown-keywords',
  ),
  'ehlo-reply-of-one-line': fault(
    'an EHLO reply of one line is an error',
    HELO,
    steps('EHLO', 'MAIL', 'QUIT', (scene) => linesOfEhlo(scene).length === 0),
    'hello/nothing-offered',
  ),
  'ehlo-reply-second-line': fault(
    'a second line of the EHLO reply is waited for',
    HELO,
    { ends: (last, lines, to) => last && (!to.startsWith('EHLO') || lines.length > 1) },
    'hello/nothing-offered',
  ),
  'helo-5yz-taken': fault(
    'the reply to HELO is overlooked',
    HELO,
    takes(/^HELO/, /^5/, '250 hello'),
    'hello/all-refused',
  ),
  'helo-4yz-taken': fault(
    'a reply to HELO that begins with 4 is overlooked',
    HELO,
    takes(/^HELO/, /^4/, '250 hello'),
    'hello/all-refused',
  ),

  'quit-never': fault('the connection is closed without QUIT', QUIT, steps(null, 'QUIT', 'close'), 'quit/sent'),
  'quit-rset': fault('RSET is sent in the place of QUIT', QUIT, says(/^QUIT/, 'RSET'), 'quit/sent'),
  'quit-unfinished': fault(
    'QUIT has no CR LF before the connection is closed',
    QUIT,
    { ...says(/^QUIT\r\n/, 'QUIT'), ...supposes(/^QUIT/, '221 bye') },
    'quit/sent commands/crlf',
  ),
  'quit-unawaited': fault(
    'the connection is closed before the reply to QUIT',
    QUIT,
    supposes(/^QUIT/, '221 bye'),
    'quit/waits',
  ),
  'quit-20-ms': fault('the reply to QUIT has 20 ms to come', QUIT, supposes(/^QUIT/, '221 bye', 20), 'quit/waits'),
  ...Object.fromEntries(
    ['greeting', 'MAIL', 'RCPT', 'DATA', 'text'].map((verb) => [
      `quit-not-after-refused-${verb.toLowerCase()}`,
      fault(
        `the connection is closed without QUIT where the refusal was to ${verb}`,
        QUIT,
        steps(null, 'QUIT', 'close', refusedAt(verb)),
        'quit/after-refusal',
      ),
    ]),
  ),
  'quit-not-after-some-refused': fault(
    'the connection is closed without QUIT where one recipient of several was refused',
    QUIT,
    steps(
      null,
      'QUIT',
      'close',
      (scene) => lastHeard(scene) === 'text' && scene.heard.some(({ reply }) => reply.code >= 500),
    ),
    'quit/after-refusal',
  ),
}

// Faults of a sender in the text that it passes on (RFC 5321 §2.3.8, §3.6.3, §4.1.1.4, §4.5.2, §4.5.3.1).
import type { Deviation, Scene } from '../reference/sender-deviation.ts'
import { splitText } from '../reference/sender-mail.ts'
import {
  senderFault as fault,
  impatient,
  queuesBody,
  queuesHeader,
  refusedAt,
  type SenderFaults,
  saysFirst,
  supposes,
  takes,
} from '../sender-fault.ts'

const DOT = '5321 §4.5.2'
const LINE = '5321 §2.3.8'
const RELAY = '5321 §3.6.3'

/** The text as DATA sends it, the final period aside. */
const sends = (change: (text: string, scene: Scene) => string): Deviation => ({
  data: (octets, scene) => `${change(octets.slice(0, -3), scene)}.\r\n`,
})
const header = (wrong: string, change: Parameters<typeof queuesHeader>[0]) =>
  fault(wrong, RELAY, queuesHeader(change), 'data/header')
const body = (wrong: string, change: (body: string) => string) => fault(wrong, RELAY, queuesBody(change), 'data/body')

/** Nothing of our own Received field is touched. */
const below = (change: (header: string) => string) => (text: string) => {
  const at = text.search(/\n(?![ \t])/) + 1
  return text.slice(0, at) + change(text.slice(at))
}

export const senderTextFaults: SenderFaults = {
  'text-with-data': fault('the text goes out with DATA', '5321 §3.3', supposes(/^DATA/, '354 go on'), 'data/wait'),
  'text-after-half-a-second': fault(
    'the text goes out when the reply to DATA does not come within half a second',
    '5321 §3.3',
    supposes(/^DATA/, '354 go on', 500),
    'data/wait',
  ),
  'text-after-5yz': fault(
    'the text is sent behind 5yz',
    '5321 §3.3',
    takes(/^DATA/, /^5/, '354 go on'),
    'data/refused',
  ),
  'text-after-4yz': fault(
    'the text is sent behind 4yz',
    '5321 §3.3',
    takes(/^DATA/, /^4/, '354 go on'),
    'data/refused',
  ),
  'period-after-5yz': fault(
    'a final period is sent behind 5yz to DATA',
    '5321 §3.3',
    saysFirst(/^QUIT/, '.', refusedAt('DATA')),
    'data/refused',
  ),
  'text-after-250': fault(
    'the text is sent behind 250',
    '5321 §3.3',
    takes(/^DATA/, /^250/, '354 go on'),
    'data/only-354',
  ),
  'text-after-2yz': fault(
    'the text is sent behind a 2yz reply other than 250',
    '5321 §3.3',
    takes(/^DATA/, /^2(?!50)/, '354 go on'),
    'data/only-354',
  ),
  'no-periods-doubled': fault(
    'periods are not doubled',
    DOT,
    sends((text) => text.replace(/^\.\./gm, '.')),
    'data/transparency',
  ),
  'lone-periods-doubled': fault(
    'a period is doubled when nothing follows it in the line',
    DOT,
    sends((text) => text.replace(/^\.\.(?!\r)/gm, '.')),
    'data/transparency',
  ),
  'followed-periods-doubled': fault(
    'a period is doubled when something follows it in the line',
    DOT,
    sends((text) => text.replace(/^\.\.\r/gm, '.\r')),
    'data/transparency',
  ),
  'two-periods-kept': fault(
    'a line that begins with two periods gets no third',
    DOT,
    sends((text) => text.replace(/^\.\.\./gm, '..')),
    'data/transparency',
  ),
  'first-period-kept': fault(
    'a period at the begin of the body is not doubled',
    DOT,
    sends((text) => text.replace('\r\n\r\n..', '\r\n\r\n.')),
    'data/transparency',
  ),
  'last-period-kept': fault(
    'a period at the begin of the last line is not doubled',
    DOT,
    sends((text) => text.replace(/\n\.(\.[^\n]*\r\n)$/, '\n$1')),
    'data/transparency',
  ),
  'periods-doubled-once': fault(
    'the first period alone is doubled',
    DOT,
    sends((text) => {
      let count = 0
      return text.replace(/^\.\./gm, (dots) => (count++ === 0 ? dots : '.'))
    }),
    'data/transparency',
  ),
  'indented-period-doubled': fault(
    'a period behind a space is doubled',
    DOT,
    sends((text) => text.replace(/^ \./gm, ' ..')),
    'data/transparency',
  ),
  'periods-tripled': fault(
    'two periods are added',
    DOT,
    sends((text) => text.replace(/^\./gm, '..')),
    'data/transparency',
  ),
  'periods-within-doubled': fault(
    'periods at the end of lines are doubled',
    DOT,
    sends((text) => text.replace(/\.\r\n/g, '..\r\n')),
    'data/transparency data/body',
  ),

  'text-lf': fault(
    'lines of the text end in LF',
    LINE,
    sends((text) => text.replaceAll('\r\n', '\n').replace(/\n$/, '\r\n')),
    'data/crlf',
  ),
  'header-lf': fault(
    'lines of the header end in LF',
    LINE,
    sends((text) => splitText(text).header.replaceAll('\r\n', '\n') + text.slice(splitText(text).header.length)),
    'data/crlf',
  ),
  'received-lf': fault(
    'the new Received field is folded by LF',
    LINE,
    { received: (field) => field.replace(/\r\n\t/g, '\n\t') },
    'data/crlf',
  ),
  'text-crcrlf': fault(
    'lines of the text end in CR CR LF',
    LINE,
    sends((text) => text.replaceAll('\r\n', '\r\r\n')),
    'data/crlf',
  ),
  'last-line-lf': fault(
    'the last line of the text ends in LF',
    LINE,
    sends((text) => text.replace(/\r\n$/, '\n')),
    'data/crlf',
  ),
  'first-body-line-lf': fault(
    'the first line of the body ends in LF',
    LINE,
    sends((text) => text.replace(/(\r\n\r\n.*)\r\n/, '$1\n')),
    'data/crlf',
  ),
  'text-holds-cr': fault(
    'a CR stands at the end of the last line before its CR LF',
    LINE,
    sends((text) => text.replace(/\r\n$/, '\r\r\n')),
    'data/crlf',
  ),
  'period-lf': fault(
    'the final period ends in LF',
    LINE,
    { data: (octets) => octets.replace(/\r\n$/, '\n') },
    'data/crlf',
  ),

  'empty-line-added': fault(
    'an empty line goes before the final period',
    '5321 §4.1.1.4',
    sends((text) => `${text}\r\n`),
    'data/end',
  ),
  'empty-line-added-sometimes': fault(
    'an empty line goes before the final period when the last line is not empty',
    '5321 §4.1.1.4',
    sends((text) => (text.endsWith('\r\n\r\n') ? text : `${text}\r\n`)),
    'data/end',
  ),
  'space-line-added': fault(
    'a line with a space goes before the final period',
    '5321 §4.1.1.4',
    sends((text) => `${text} \r\n`),
    'data/end',
  ),
  'period-line-added': fault(
    'a line with a period becomes part of the text',
    '5321 §4.1.1.4',
    sends((text) => `${text}..\r\n`),
    'data/end',
  ),

  'body-trimmed': body('spaces at the end of lines are dropped', (text) => text.replace(/[ \t]+(?=\r\n)/g, '')),
  'body-indent-dropped': body('spaces at the begin of lines are dropped', (text) => text.replace(/^[ \t]+/gm, '')),
  'body-tabs': body('tabs become spaces', (text) => text.replaceAll('\t', '        ')),
  'body-spaces-merged': body('several spaces become one', (text) => text.replace(/ {2,}/g, ' ')),
  'body-end-trimmed': body('empty lines at the end are dropped', (text) => text.replace(/(\r\n)+$/, '\r\n')),
  'body-begin-trimmed': body('empty lines at the begin are dropped', (text) => text.replace(/^(\r\n)+/, '')),
  'body-empty-merged': body('several empty lines become one', (text) => text.replace(/(\r\n){3,}/g, '\r\n\r\n')),
  'body-from': body('From at the begin of a line gets >', (text) => text.replace(/^From /gm, '>From ')),
  'body-footer': body('a line is added at the end', (text) => `${text}--\r\nSent by sender.example\r\n`),
  'body-wrapped': body('lines are wrapped at 78', (text) => text.replace(/^(.{78})(?=.)/gm, '$1\r\n')),
  'body-controls': body('control characters are dropped', (text) => text.replace(/[\x01-\x08\x0b\x0c\x0e-\x1f]/g, '')),
  'body-delete': body('DEL is dropped', (text) => text.replaceAll('\x7f', '')),
  'body-form-feed': body('a form feed becomes a line end', (text) => text.replaceAll('\f', '\r\n')),
  'body-equals': body('= followed by two hexadecimal digits is decoded', (text) =>
    text.replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
  ),
  'body-decoded-soft-breaks': body('lines that end in = are joined', (text) => text.replace(/=\r\n/g, '')),
  'body-entities': body('< becomes &lt;', (text) => text.replaceAll('<', '&lt;')),
  'body-backslash': body('backslashes are dropped', (text) => text.replaceAll('\\', '')),
  'body-percent': body('% followed by two digits is decoded', (text) => text.replace(/%[0-9A-F]{2}/g, '?')),
  'body-last-line': body('the last line is lost', (text) => text.replace(/[^\n]*\r\n$/, '')),
  'body-tilde': body('a line of ~ is dropped', (text) => text.replace(/^~.*\r\n/gm, '')),

  'header-sorted': header(
    'fields are sorted',
    below((text) =>
      text
        .match(/[^\r\n][^\n]*\n(?:[ \t][^\n]*\n)*/g)!
        .toSorted()
        .join(''),
    ),
  ),
  'header-reversed': header(
    'fields are put in the reverse order',
    below((text) =>
      text
        .match(/[^\r\n][^\n]*\n(?:[ \t][^\n]*\n)*/g)!
        .toReversed()
        .join(''),
    ),
  ),
  'header-unfolded': header(
    'fields are unfolded',
    below((text) => text.replace(/\r\n[ \t]+/g, ' ')),
  ),
  'header-unfolded-by-one': header(
    'folds lose their line end alone',
    below((text) => text.replace(/\r\n(?=[ \t])/g, '')),
  ),
  'header-tab-folds': header(
    'folds by a space become folds by a tab',
    below((text) => text.replace(/\r\n /g, '\r\n\t')),
  ),
  'header-space-folds': header(
    'folds by a tab become folds by a space',
    below((text) => text.replace(/\r\n\t/g, '\r\n ')),
  ),
  'header-folded': header(
    'long fields are folded',
    below((text) => text.replace(/^(.{50,70}) (?=.{20})/gm, '$1\r\n ')),
  ),
  'header-x': header(
    'fields that begin with X- are dropped',
    below((text) => text.replace(/^X-.*\r\n([ \t].*\r\n)*/gim, '')),
  ),
  'header-unknown': header(
    'fields that no RFC knows are dropped',
    below((text) =>
      text.replace(
        /^(?!(?:Date|From|To|Cc|Bcc|Subject|Message-ID|Received|Reply-To|Sender|MIME-Version|Content-\S*|References|In-Reply-To):)\S+:.*\r\n([ \t].*\r\n)*/gim,
        '',
      ),
    ),
  ),
  'header-duplicates': header(
    'the second field of a name is dropped',
    below((text) => {
      const seen = new Set<string>()
      return text
        .match(/[^\r\n][^\n]*\n(?:[ \t][^\n]*\n)*/g)!
        .filter((field) => {
          const name = field.split(':')[0]!.toLowerCase()
          return name === 'received' || (!seen.has(name) && seen.add(name))
        })
        .join('')
    }),
  ),
  'header-empty': header(
    'fields without a value are dropped',
    below((text) => text.replace(/^[^\s:]+:[ \t]*\r\n(?![ \t])/gm, '')),
  ),
  'header-names': header(
    'field names are put in their usual case',
    below((text) =>
      text.replace(/^[^\s:]+(?=:)/gm, (name) => name.toLowerCase().replace(/(^|-)[a-z]/g, (c) => c.toUpperCase())),
    ),
  ),
  'header-colon': header(
    'a space is added behind a colon',
    below((text) => text.replace(/^([^\s:]+:)(?=[^ \r])/gm, '$1 ')),
  ),
  'header-colon-spaces': header(
    'spaces behind a colon become one',
    below((text) => text.replace(/^([^\s:]+:)[ \t]+/gm, '$1 ')),
  ),
  'header-trimmed': header(
    'spaces at the end of fields are dropped',
    below((text) => text.replace(/[ \t]+(?=\r\n)/g, '')),
  ),
  'header-comments': header(
    'comments are dropped',
    below((text) => text.replace(/ \([^()]*\)/g, '')),
  ),
  'header-date': header(
    'Date is written anew',
    below((text) => text.replace(/^Date:.*/im, `Date: ${new Date().toUTCString()}`)),
  ),
  'header-message-id': header(
    'Message-ID is replaced',
    below((text) => text.replace(/^Message-ID:.*/im, 'Message-ID: <1@sender.example>')),
  ),
  'header-from': header('From is replaced by the reverse-path', (text, { from }) =>
    text.replace(/^From:.*/im, `From: <${from}>`),
  ),
  'header-to': header(
    'To and Cc are put in small letters',
    below((text) => text.replace(/^(To|Cc):.*/gim, (field) => field.slice(0, 3) + field.slice(3).toLowerCase())),
  ),
  'header-quotes': header(
    'quotes are dropped',
    below((text) => text.replaceAll('"', '')),
  ),
  'header-encoded-words': header(
    'encoded words are put in capitals',
    below((text) => text.replace(/=\?[^?]*\?[bq]\?/gi, (word) => word.toUpperCase())),
  ),
  'header-field-added': header('To is added', (text, { recipients }) => `${text}X-To: <${recipients[0]!.path}>\r\n`),

  'line-997': fault(
    'a line of 998 octets is broken behind the 997th',
    '5321 §4.5.3.1.6',
    { text: (text) => text.replace(/^([^\r\n]{997})(?=[^\r\n])/gm, '$1\r\n ') },
    'data/line-998',
  ),
  'line-998-cut': fault(
    'the 998th octet of a line is lost',
    '5321 §4.5.3.1.6',
    { text: (text) => text.replace(/^([^\r\n]{997})[^\r\n]/gm, '$1') },
    'data/line-998',
  ),
  'line-998-period': fault(
    'the period that is added counts: a line of 998 octets that begins with one is broken',
    '5321 §4.5.3.1.6',
    { data: (octets) => octets.replace(/^([^\r\n]{998})(?=[^\r\n])/gm, '$1\r\n ') },
    'data/line-998',
  ),
  'line-long': fault(
    'lines of any length are sent',
    '5321 §4.5.3.1.6',
    { text: (_, { message }) => message.text },
    'data/line-too-long',
  ),
  'line-1000': fault(
    'lines are broken at 1000 octets, CR LF not counted',
    '5321 §4.5.3.1.6',
    { text: (_, { message }) => message.text.replace(/[^\r\n]{1000}(?=[^\r\n])/g, '$&\r\n ') },
    'data/line-too-long',
  ),

  ...Object.fromEntries(
    [65_536, 131_072].map((size) => [
      `text-cut-${size}`,
      fault(
        `text beyond ${size} octets is lost`,
        '5321 §4.5.3.1.7',
        { text: (text) => (text.length > size ? `${text.slice(0, size - 2).replace(/\r$/, '')}\r\n` : text) },
        'data/large',
      ),
    ]),
  ),
  'text-octet-lost': fault(
    'the octet behind the first 64 KiB is lost',
    '5321 §4.5.3.1.7',
    { text: (text) => text.slice(0, 65_536) + text.slice(65_537) },
    'data/large',
  ),
  'text-block-twice': fault(
    'the last octets before 64 KiB are sent twice',
    '5321 §4.5.3.1.7',
    { text: (text) => text.slice(0, 65_536) + text.slice(65_536 - 64) },
    'data/large',
  ),
  'text-64k-returned': fault(
    'a message of 64 KiB is returned unsent',
    '5321 §4.5.3.1.7',
    {
      hinders: (reply, { message }) =>
        message.text.length >= 65_536 ? { code: 552, lines: ['552 5.3.4 too big'] } : reply,
    },
    'data/large',
  ),
  'text-periods-early': fault(
    'periods behind the first 64 KiB are not doubled',
    DOT,
    sends((text) => text.slice(0, 65_536) + text.slice(65_536).replace(/^\.\./gm, '.')),
    'data/transparency',
  ),

  'sent-twice': fault(
    'a message that was taken is sent once more',
    '5321 §4.1.1.4',
    { again: (again, results, { count }) => (count === 1 ? results.map(({ recipient }) => recipient) : again) },
    'data/once',
  ),
  'sent-again-unless-250': fault(
    'a message that was taken by a reply of several lines is sent again',
    '5321 §4.2.1',
    takes(/^text/, /\n/, '451 what'),
    'replies/multi-line',
  ),
  'sent-again-without-goodbye': fault(
    'a message that was taken is sent again when QUIT is not answered by 221',
    '5321 §4.1.1.4',
    {
      results: (results, { heard }) => {
        const { to, reply } = heard.at(-1)!
        const bye = to === 'QUIT' && reply.code === 221
        return results.map((one) => (one.kind === 'sent' && !bye ? { ...one, kind: 'later' } : one))
      },
    },
    'data/once',
  ),
  'patience-200-ms': fault(
    'the reply to the text has a fifth of a second to come',
    '5321 §4.5.3.2.6',
    impatient(/^text/, 200),
    'data/patience',
  ),
  'patience-one-second': fault(
    'the reply to the text has a second to come',
    '5321 §4.5.3.2.6',
    impatient(/^text/, 1000),
    'data/patience',
  ),
}

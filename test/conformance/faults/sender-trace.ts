// Faults of a sender in trace fields and hop counts (RFC 5321 §4.4, §6.3, §7.2).
import { fieldsOf, splitText } from '../reference/sender-mail.ts'
import { senderFault as fault, queuesHeader, type SenderFaults } from '../sender-fault.ts'

const TRACE = '5321 §4.4'

/** Our own Received field is written in another way. */
const writes = (wrong: string, change: (field: string) => string, proves: string) =>
  fault(wrong, TRACE, { received: change }, proves)
const dates = (wrong: string, change: (date: string) => string, proves = 'received/date') =>
  writes(wrong, (field) => field.replace(/; (.*)(?=\r\n)/, (_, date: string) => `; ${change(date)}`), proves)

const clauses = (wrong: string, change: (field: string) => string) => writes(wrong, change, 'received/clauses')

/** The header below our own Received field, and that. */
const older = (change: (fields: string[]) => string[]) =>
  queuesHeader((header) => {
    const [own = '', ...fields] = fieldsOf(header)
    return own + change(fields).join('')
  })
const isReceived = (field: string): boolean => /^received:/i.test(field)
const eachOld = (change: (field: string) => string) =>
  older((fields) => fields.map((field) => (isReceived(field) ? change(field) : field)))

const hops = (text: string, field: RegExp): number =>
  fieldsOf(splitText(text).header).filter((one) => field.test(one)).length
const stops = (count: (text: string) => number) => ({
  accepts: (_: string, { text }: { text: string }) => (count(text) >= 100 ? '554 5.4.6 too many hops' : '250 taken'),
})

export const senderTraceFaults: SenderFaults = {
  'received-none': writes('no Received field is added', () => '', 'received/first'),
  'received-last': fault(
    'the new Received field goes below the header',
    TRACE,
    queuesHeader((header) => {
      const [own = '', ...fields] = fieldsOf(header)
      return fields.join('') + own
    }),
    'received/first',
  ),
  'received-second': fault(
    'the new Received field goes below the first field',
    TRACE,
    queuesHeader((header) => {
      const [own = '', first = '', ...fields] = fieldsOf(header)
      return first + own + fields.join('')
    }),
    'received/first',
  ),
  'received-below-old': fault(
    'the new Received field goes below those that were there',
    TRACE,
    queuesHeader((header) => {
      const [own = '', ...fields] = fieldsOf(header)
      const last = fields.findLastIndex(isReceived) + 1
      return [...fields.slice(0, last), own, ...fields.slice(last)].join('')
    }),
    'received/first',
  ),
  'received-x': writes('the new field is named X-Received', (field) => `X-${field}`, 'received/first'),

  'old-received-unfolded': fault(
    'old Received fields are unfolded',
    TRACE,
    eachOld((field) => field.replace(/\r\n[ \t]+/g, ' ')),
    'received/kept',
  ),
  'old-received-dropped': fault(
    'old Received fields are dropped',
    TRACE,
    older((fields) => fields.filter((field) => !isReceived(field))),
    'received/kept',
  ),
  'old-received-oldest-dropped': fault(
    'the oldest Received field is dropped',
    TRACE,
    older((fields) => fields.toSpliced(fields.findLastIndex(isReceived), 1)),
    'received/kept',
  ),
  'old-received-reversed': fault(
    'old Received fields are put in the reverse order',
    TRACE,
    older((fields) => {
      const old = fields.filter(isReceived)
      return fields.map((field) => (isReceived(field) ? old.pop()! : field))
    }),
    'received/kept',
  ),
  'old-received-gathered': fault(
    'old Received fields move to the top',
    TRACE,
    older((fields) => [...fields.filter(isReceived), ...fields.filter((field) => !isReceived(field))]),
    'received/kept',
  ),
  'old-received-names': fault(
    'names of old Received fields are spelt anew',
    TRACE,
    eachOld((field) => field.replace(/^received/i, (name) => (name === 'Received' ? 'RECEIVED' : 'Received'))),
    'received/kept',
  ),
  'old-received-comments': fault(
    'comments in old Received fields are dropped',
    TRACE,
    eachOld((field) => field.replace(/\s*\([^()]*\)/g, '')),
    'received/kept',
  ),
  'old-received-addresses': fault(
    'addresses in old Received fields are hidden',
    TRACE,
    eachOld((field) => field.replace(/\[[\d.]+\]/g, '[hidden]')),
    'received/kept',
  ),
  'old-received-dates': fault(
    'dates in old Received fields are put in UTC',
    TRACE,
    eachOld((field) =>
      field.replace(
        /;\s*(.*)\r\n$/s,
        (_, date: string) => `; ${new Date(date).toUTCString().replace('GMT', '+0000')}\r\n`,
      ),
    ),
    'received/kept',
  ),

  'clauses-reversed': clauses('the BY clause goes before the FROM clause', (field) =>
    field.replace(/(from .*)(\r\n\t)(by .*)/, '$3$2$1'),
  ),
  'clauses-id-first': clauses('the ID clause goes before the WITH clause', (field) =>
    field.replace(/(with \S+) (id [^\s;]+)/, '$2 $1'),
  ),
  'clauses-with-before-by': clauses('the WITH clause goes before the BY clause', (field) =>
    field.replace(/(by \S+)\r\n\t(with \S+)/, '$2\r\n\t$1'),
  ),
  'clauses-for-first': clauses('a FOR clause goes before the ID clause', (field) =>
    field.replace(/id [^\s;]+/, 'for <somebody@there.example> $&').replace(/\r\n\tfor <[^>]*>;/, ';'),
  ),
  'clauses-via-late': clauses('a VIA clause follows the WITH clause', (field) =>
    field.replace(/with \S+/, '$& via TCP'),
  ),
  'clauses-from-twice': clauses('there are two FROM clauses', (field) => field.replace(/from .*\r\n\t/, '$&$&')),
  'clauses-by-twice': clauses('there are two BY clauses', (field) => field.replace(/by .*\r\n\t/, '$&$&')),
  'clauses-with-twice': clauses('there are two WITH clauses', (field) => field.replace(/with \S+ /, '$&$&')),
  'clauses-id-twice': clauses('there are two ID clauses', (field) => field.replace(/ id [^\s;]+/, '$&$&')),

  'from-none': writes('there is no FROM clause', (field) => field.replace(/from .*\r\n\t/, ''), 'received/from'),
  'from-comment-alone': writes(
    'the FROM clause has a comment alone',
    (field) => field.replace(/from \S+ /, 'from '),
    'received/from',
  ),
  'from-empty': writes('the FROM clause is empty', (field) => field.replace(/from .*/, 'from'), 'received/from'),
  'from-in-comment': writes(
    'the FROM clause stands within a comment',
    (field) => field.replace(/(from \S+) \((\S+)\)/, '($1 $2)'),
    'received/from',
  ),
  'from-unknown': writes(
    'the FROM clause has another name than EHLO had',
    (field) => field.replace(/from \S+/, 'from localhost'),
    'received/from-name',
  ),
  'from-first-label': writes(
    'the FROM clause has the first label of the name',
    (field) => field.replace(/from ([^\s.]+)\S+/, 'from $1'),
    'received/from-name',
  ),
  'from-own-name': writes(
    "the FROM clause has the server's own name",
    (field) => field.replace(/from \S+/, 'from sender.example'),
    'received/from-name',
  ),
  'from-no-address': writes(
    'the FROM clause has no address',
    (field) => field.replace(/ \(\[.*?\]\)/, ''),
    'received/from-address',
  ),
  'from-address-bare': writes(
    'the address in the FROM clause has no brackets',
    (field) => field.replace(/\(\[(.*?)\]\)/, '($1)'),
    'received/from-address',
  ),
  'from-address-any': writes(
    'the FROM clause has the address 0.0.0.0',
    (field) => field.replace(/\(\[.*?\]\)/, '([0.0.0.0])'),
    'received/from-address',
  ),
  'from-address-port': writes(
    'a port stands within the brackets of the address',
    (field) => field.replace(/\(\[(.*?)\]\)/, '([$1:2525])'),
    'received/from-address',
  ),

  'by-none': writes('there is no BY clause', (field) => field.replace(/\r\n\tby \S+/, ''), 'received/by'),
  'by-empty': writes('the BY clause is empty', (field) => field.replace(/by \S+/, 'by'), 'received/by'),
  'by-underscore': writes(
    'the name in the BY clause has an underscore',
    (field) => field.replace(/by \S+/, 'by my_host.example'),
    'received/by',
  ),
  'by-comment': writes(
    'the name in the BY clause stands within a comment',
    (field) => field.replace(/by (\S+)/, 'by ($1)'),
    'received/by',
  ),

  'date-none': writes('there is no date', (field) => field.replace(/;.*/, ''), 'received/date'),
  'date-comma': writes('a comma goes before the date', (field) => field.replace(';', ','), 'received/date'),
  'date-no-zone': dates('the date has no zone', (date) => date.replace(' +0000', '')),
  'date-no-time': dates('the date has no time', (date) => date.replace(/ \d\d:\d\d:\d\d \+0000/, '')),
  'date-zone-unsigned': dates('the zone has no sign', (date) => date.replace('+0000', '0000')),
  'date-zone-colon': dates('the zone has a colon', (date) => date.replace('+0000', '+00:00')),
  'date-iso': dates('the date is that of ISO 8601', (date) => new Date(date).toISOString()),
  'date-seconds': dates('the date is a number of seconds', (date) => String(Math.floor(Date.parse(date) / 1000))),
  'date-asctime': dates('the year is behind the time', (date) =>
    date.replace(/(\w+), (\d+) (\w+) (\d+) (\S+) \+0000/, '$1 $3 $2 $5 $4'),
  ),
  'date-two-digits': dates('the year has two digits', (date) => date.replace(/ 20(\d\d) /, ' $1 ')),
  'date-month-number': dates('the month is a number', (date) => date.replace(/ [A-Z][a-z]{2} /, ' 05 ')),
  'date-hyphens': dates('hyphens are within the date', (date) => date.replace(/ (\w{3}) (\d{4})/, '-$1-$2')),
  'date-before-clauses': writes(
    'the clauses stand behind the date',
    (field) => field.replace(/Received: ([^;]*); (.*)(?=\r\n)/, 'Received: ; $2\r\n\t$1'),
    'received/date',
  ),
  'date-weekday-wrong': dates('the weekday is that of the day before', (date) =>
    date.replace(/^\w+/, (day) => {
      const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
      return days[(days.indexOf(day) + 6) % 7]!
    }),
  ),
  'date-epoch': dates('the date is the begin of 1970', () => 'Thu, 01 Jan 1970 00:00:00 +0000'),
  'date-gmt': dates('the zone is called GMT', (date) => date.replace('+0000', 'GMT'), 'received/offset'),
  'date-utc': dates('the zone is called UTC', (date) => date.replace('+0000', 'UTC'), 'received/offset'),
  'date-z': dates('the zone is called Z', (date) => date.replace('+0000', 'Z'), 'received/offset'),
  'date-est': dates('the zone is called EST', (date) => date.replace('+0000', 'EST'), 'received/offset'),

  'with-smtp': writes(
    'the protocol is called SMTP',
    (field) => field.replace('with ESMTP', 'with SMTP'),
    'received/with',
  ),
  'with-smtps': writes('the protocol is called SMTPS', (field) => field.replace('ESMTP', 'SMTPS'), 'received/with'),
  'with-lmtp': writes('the protocol is called LMTP', (field) => field.replace('ESMTP', 'LMTP'), 'received/with'),

  'for-all': fault(
    'the FOR clause has all recipients',
    TRACE,
    {
      received: (field, { recipients }) =>
        field.replace(
          /(id \S+?)(\r\n\tfor \S+)?;/,
          `$1\r\n\tfor ${recipients.map(({ path }) => `<${path}>`).join(',')};`,
        ),
    },
    'received/for-one received/no-blind-copies',
  ),
  'for-twice': fault(
    'each recipient has a FOR clause',
    TRACE,
    {
      received: (field, { recipients }) =>
        field.replace(
          /(id \S+?)(\r\n\tfor \S+)?;/,
          `$1${recipients.map(({ path }) => `\r\n\tfor <${path}>`).join('')};`,
        ),
    },
    'received/for-one received/no-blind-copies',
  ),
  'for-many': fault(
    'the FOR clause says that there are several recipients',
    TRACE,
    {
      received: (field, { recipients }) =>
        recipients.length > 1 ? field.replace(/(id [^;\s]+)/, '$1\r\n\tfor multiple recipients') : field,
    },
    'received/for-one',
  ),
  'for-first': fault(
    'the FOR clause has the first of several recipients',
    '5321 §7.2',
    {
      received: (field, { recipients }) =>
        recipients.length > 1 ? field.replace(/(id [^;\s]+)/, `$1\r\n\tfor <${recipients[0]!.path}>`) : field,
    },
    'received/no-blind-copies',
  ),
  'for-comment': fault(
    'a comment in Received has all recipients',
    '5321 §7.2',
    {
      received: (field, { recipients }) =>
        field.replace(/(id [^;\s]+)/, `$1 (${recipients.map(({ path }) => path).join(' ')})`),
    },
    'received/no-blind-copies',
  ),
  ...Object.fromEntries(
    ['X-Envelope-To', 'Delivered-To', 'Apparently-To', 'Bcc'].map((name) => [
      `copies-${name.toLowerCase()}`,
      fault(
        `recipients are copied into ${name}`,
        '5321 §7.2',
        queuesHeader(
          (header, { recipients }) => `${header}${recipients.map(({ path }) => `${name}: <${path}>\r\n`).join('')}`,
        ),
        'received/no-blind-copies',
      ),
    ]),
  ),

  'return-path-added': fault(
    'Return-Path is added on top',
    TRACE,
    queuesHeader((header, { from }) => `Return-Path: <${from}>\r\n${header}`),
    'received/no-return-path',
  ),
  'return-path-below': fault(
    'return-path, in small letters, is added at the end of the header',
    TRACE,
    queuesHeader((header, { from }) => `${header}return-path: <${from}>\r\n`),
    'received/no-return-path',
  ),
  'return-path-below-received': fault(
    'Return-Path is added below the new Received field',
    TRACE,
    queuesHeader((header, { from }) => {
      const [own = '', ...fields] = fieldsOf(header)
      return `${own}Return-Path:<${from}>\r\n${fields.join('')}`
    }),
    'received/no-return-path',
  ),

  'hops-30': fault(
    'thirty hops are taken for a loop',
    '5321 §6.3',
    stops((text) => hops(text, /^received:/i) + 70),
    'loops/many-hops',
  ),
  'hops-99': fault(
    '99 hops are taken for a loop',
    '5321 §6.3',
    stops((text) => hops(text, /^received:/i) + 1),
    'loops/many-hops',
  ),
  'hops-all-trace-fields': fault(
    'fields whose name begins with Received are counted, too',
    '5321 §6.3',
    stops((text) => hops(text, /^received/i)),
    'loops/many-hops',
  ),
  'hops-in-body': fault(
    'Received fields within the body are counted, too',
    '5321 §6.3',
    stops((text) => text.match(/^received:/gim)?.length ?? 0),
    'loops/many-hops',
  ),
  'hops-uncounted': fault(
    'hops are not counted',
    '5321 §6.3',
    stops(() => 0),
    'loops/stopped',
  ),
  'hops-on-top': fault(
    'hops are counted down to the first other field',
    '5321 §6.3',
    stops((text) => {
      const first = fieldsOf(splitText(text).header).findIndex((field) => !isReceived(field))
      return Math.max(first, 0)
    }),
    'loops/stopped',
  ),
  'hops-by-case': fault(
    'Received in small letters is not counted',
    '5321 §6.3',
    stops((text) => hops(text, /^Received:/)),
    'loops/stopped',
  ),
}

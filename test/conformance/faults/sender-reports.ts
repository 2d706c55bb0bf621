// Faults of a sender in its reports, and in DSN (RFC 3461, 3464, 6522; RFC 5321 §3.6.3, §4.5.5, §6.1).
import type { Deviation, Scene } from '../reference/sender-deviation.ts'
import { fieldsOf, type Message, splitText } from '../reference/sender-mail.ts'
import { senderFault as fault, isReport, reportsText, type SenderFaults, says } from '../sender-fault.ts'

const addressIn = (text: string, name: string): string | null => {
  const field = fieldsOf(splitText(text).header).find((one) => one.toLowerCase().startsWith(`${name}:`))
  return /[^\s<>:,"]+@[^\s<>,"]+/.exec(field?.slice(name.length + 1) ?? '')?.[0] ?? null
}
const isAbout = (report: Message, action: string): boolean => new RegExp(`^Action: ${action}`, 'm').test(report.text)
/** A report's own text is rewritten. */
const writes = (
  wrong: string,
  rfc: string,
  pattern: RegExp,
  replacement: Parameters<typeof reportsText>[1],
  proves: string,
) => fault(wrong, rfc, reportsText(pattern, replacement), proves)
/** Reports, never reports of reports of reports. */
const toSomebody = (who: (about: Message) => string | null): Deviation => ({
  addressee: (path, about) => path ?? (about.id.endsWith('rr') ? null : who(about)),
})

/** Parts of a report, each with its own header. */
const parts = (change: (all: string[]) => string[]): Deviation => ({
  report: (report) => {
    const boundary = /boundary="(.*?)"/.exec(report.text)![1]!
    const [top = '', ...rest] = report.text.split(`--${boundary}`)
    const changed = change(rest.slice(0, -1))
    return { ...report, text: [top, ...changed, rest.at(-1)!].join(`--${boundary}`) }
  },
})

const reportFaults: SenderFaults = {
  ...Object.fromEntries(
    (
      [
        ['postmaster', 'postmaster', () => 'postmaster@sender.example'],
        ['daemon', 'MAILER-DAEMON', () => 'MAILER-DAEMON@sender.example'],
        ['sender', 'the sender of the message', (about: Message) => about.from],
      ] as const
    ).map(([name, who, from]) => [
      `report-from-${name}`,
      fault(
        `a report has the reverse-path of ${who}`,
        '5321 §3.6.3',
        { report: (report, about) => ({ ...report, from: isAbout(report, 'failed') ? from(about) : '' }) },
        'reports/null-path',
      ),
    ]),
  ),
  'delay-from-postmaster': fault(
    'a report of a delay has the reverse-path of postmaster',
    '5321 §4.5.5',
    { report: (report) => ({ ...report, from: isAbout(report, 'delayed') ? 'postmaster@sender.example' : '' }) },
    'reports/delay-null-path',
  ),
  'relayed-from-postmaster': fault(
    'a report of success has the reverse-path of postmaster',
    '3461 §6',
    { report: (report) => ({ ...report, from: isAbout(report, 'relayed') ? 'postmaster@sender.example' : '' }) },
    'dsn/relayed',
  ),
  ...Object.fromEntries(
    ['From', 'Reply-To', 'Sender', 'Errors-To', 'Return-Path', 'Return-Receipt-To', 'Disposition-Notification-To'].map(
      (field) => [
        `report-to-${field.toLowerCase()}`,
        fault(
          `a report goes to the address in ${field}`,
          '5321 §6.1',
          { addressee: (path, about) => (path === null ? null : (addressIn(about.text, field.toLowerCase()) ?? path)) },
          'reports/to-reverse-path',
        ),
      ],
    ),
  ),
  'report-to-recipient': fault(
    'a report goes to the recipient',
    '5321 §6.1',
    { addressee: (path, about) => (path === null ? null : about.recipients[0]!.path) },
    'reports/to-reverse-path',
  ),
  'report-for-null-to-from': fault(
    'a message from nobody is reported to the address in From',
    '5321 §6.1',
    toSomebody((about) => (isReport({ message: about }) ? null : addressIn(about.text, 'from'))),
    'reports/none-for-reports',
  ),
  'report-for-null-to-reply-to': fault(
    'a message from nobody is reported to the address in Reply-To',
    '5321 §6.1',
    toSomebody((about) => (isReport({ message: about }) ? null : addressIn(about.text, 'reply-to'))),
    'reports/none-for-reports',
  ),
  'report-for-null-to-sender': fault(
    'a message from nobody is reported to the address in Sender or Errors-To',
    '5321 §6.1',
    toSomebody((about) =>
      isReport({ message: about }) ? null : (addressIn(about.text, 'sender') ?? addressIn(about.text, 'errors-to')),
    ),
    'reports/none-for-reports',
  ),
  'report-for-null-to-postmaster-there': fault(
    "a message from nobody is reported to the recipient's postmaster",
    '5321 §6.1',
    toSomebody((about) =>
      isReport({ message: about }) ? null : about.recipients[0]!.path.replace(/^.*@/, 'postmaster@'),
    ),
    'reports/none-for-reports',
  ),
  'report-of-report': fault(
    'a report that is refused is reported to whom it was sent',
    '5321 §4.5.4',
    toSomebody((about) => (isReport({ message: about }) ? about.recipients[0]!.path : null)),
    'reports/refused-report',
  ),
  'report-of-report-to-postmaster-there': fault(
    "a report that is refused is reported to the recipient's postmaster",
    '5321 §4.5.4',
    toSomebody((about) =>
      isReport({ message: about }) ? about.recipients[0]!.path.replace(/^.*@/, 'postmaster@') : null,
    ),
    'reports/refused-report',
  ),

  ...Object.fromEntries(
    (
      [
        ['ret', 'RET=HDRS', /^MAIL/],
        ['ret-full', 'RET=FULL', /^MAIL/],
        ['notify-failure', 'NOTIFY=FAILURE', /^RCPT/],
        ['notify-success', 'NOTIFY=SUCCESS,FAILURE', /^RCPT/],
        ['notify-delay', 'NOTIFY=DELAY', /^RCPT/],
      ] as const
    ).map(([name, parameter, verb]) => [
      `report-with-${name}`,
      fault(
        `a report is sent with ${parameter}`,
        '3461 §6.1',
        {
          command: (line, scene) =>
            isReport(scene) && scene.offers.has('DSN') && verb.test(line)
              ? line.replace(/(?=\r\n)/, ` ${parameter}`)
              : line,
        },
        'reports/envelope',
      ),
    ]),
  ),
  'groups-joined': fault(
    'no blank line stands between the groups of two recipients',
    '3464 §2.1',
    reportsText(/(?<=^Diagnostic-Code:.*)\r\n\r\n(?=(?:Original|Final)-Recipient)/gm, '\r\n'),
    'reports/groups',
  ),
  'groups-without-line': fault(
    'no blank line stands behind the fields about the message',
    '3464 §2.1',
    reportsText(/(?<=^Reporting-MTA:.*)\r\n\r\n(?=(?:Original|Final)-Recipient)/m, '\r\n'),
    'reports/groups',
  ),
  'groups-line-within': fault(
    'a blank line stands within the group of a recipient',
    '3464 §2.1',
    reportsText(/^(Action:.*\r\n)/m, '$1\r\n'),
    'reports/groups',
  ),
  'groups-message-last': fault(
    'the fields about the message come last',
    '3464 §2.1',
    reportsText(/^(Reporting-MTA:.*\r\n)\r\n([\s\S]*?)(?=\r\n--)/m, '$2\r\n\r\n$1'),
    'reports/groups',
  ),
  'groups-space-line': fault(
    'a line with a space stands between groups',
    '3464 §2.1',
    reportsText(/\r\n\r\n(?=(?:Original|Final)-Recipient)/g, '\r\n \r\n'),
    'reports/groups',
  ),

  'report-plain': writes(
    'a report is of text/plain',
    '5321 §3.6.3',
    /^Content-Type: multipart\/report;.*\r\n\t.*(?=\r\n)/m,
    'Content-Type: text/plain',
    'reports/format',
  ),
  'report-mixed': writes(
    'a report is of multipart/mixed',
    '5321 §3.6.3',
    /multipart\/report; report-type=delivery-status;/,
    'multipart/mixed;',
    'reports/format',
  ),
  'report-no-type': writes('report-type is missing', '6522 §3', / report-type=delivery-status;/, '', 'reports/format'),
  'report-other-type': writes(
    'report-type is disposition-notification',
    '6522 §3',
    /report-type=delivery-status/,
    'report-type=disposition-notification',
    'reports/format',
  ),
  'report-misspelt-type': writes(
    'report-type is delivery_status',
    '6522 §3',
    /report-type=delivery-status/,
    'report-type=delivery_status',
    'reports/format',
  ),
  'parts-swapped': fault(
    'the first two parts are swapped',
    '6522 §3',
    parts(([people = '', status = '', ...rest]) => [status, people, ...rest]),
    'reports/parts',
  ),
  'parts-no-prose': fault(
    'there is no part for people',
    '6522 §3',
    parts((all) => all.slice(1)),
    'reports/parts',
  ),
  'parts-no-status': fault(
    'there is no part for machines',
    '6522 §3',
    parts((all) => all.toSpliced(1, 1)),
    'reports/parts',
  ),
  'parts-status-third': fault(
    'the part for machines is the last',
    '6522 §3',
    parts(([people = '', status = '', original = '']) => [people, original, status]),
    'reports/parts',
  ),
  'parts-status-plain': writes(
    'the part for machines is text/plain',
    '3464 §2.1',
    /message\/delivery-status/,
    'text/plain',
    'reports/parts',
  ),
  'parts-status-disposition': writes(
    'the part for machines is message/disposition-notification',
    '3464 §2.1',
    /message\/delivery-status/,
    'message/disposition-notification',
    'reports/parts',
  ),
  'parts-prose-binary': writes(
    'the part for people is application/octet-stream',
    '6522 §3',
    /^Content-Type: text\/plain/m,
    'Content-Type: application/octet-stream',
    'reports/parts',
  ),
  'parts-prose-empty': writes('the part for people is empty', '6522 §3', /Your message could.*/, '', 'reports/parts'),
  'parts-unclosed': fault(
    'the last boundary is missing',
    '2046 §5.1.1',
    { report: (report) => ({ ...report, text: report.text.replace(/--report-\S+--\r\n$/, '') }) },
    'reports/parts',
  ),
  'original-none': fault(
    'the message is not returned',
    '6522 §3',
    parts((all) => all.slice(0, 2)),
    'reports/original',
  ),
  'original-plain': writes(
    'the message is returned as text/plain',
    '6522 §3',
    /^Content-Type: text\/rfc822-headers/m,
    'Content-Type: text/plain',
    'reports/original',
  ),
  'original-misnamed': writes(
    'the header is returned as message/rfc822-headers',
    '6522 §3',
    /text\/rfc822-headers/,
    'message/rfc822-headers',
    'reports/original',
  ),
  'original-empty': fault(
    'the third part is empty',
    '6522 §3',
    parts(([people = '', status = '']) => [people, status, '\r\nContent-Type: text/rfc822-headers\r\n\r\n\r\n']),
    'reports/original',
  ),
  'original-received-alone': fault(
    'Received fields alone are returned of the header',
    '6522 §4',
    parts(([people = '', status = '', original = '']) => [
      people,
      status,
      original.replace(/^(?!Received|Content-Type|[ \t]|\r).*\r\n(?:[ \t].*\r\n)*/gm, ''),
    ]),
    'reports/original',
  ),
  'report-no-date': writes('a report has no Date', '5322 §3.6', /^Date:.*\r\n/m, '', 'reports/header'),
  'report-no-from': writes('a report has no From', '5322 §3.6', /^From:.*\r\n/m, '', 'reports/header'),
  'report-date-no-zone': writes(
    'the Date of a report has no zone',
    '5322 §3.3',
    /^(Date:.*) \+0000/m,
    '$1',
    'reports/header',
  ),
  'report-date-iso': writes(
    'the Date of a report is that of ISO 8601',
    '5322 §3.3',
    /^Date:.*/m,
    () => `Date: ${new Date().toISOString()}`,
    'reports/header',
  ),
  'report-date-empty': writes('the Date of a report is empty', '5322 §3.3', /^Date:.*/m, 'Date:', 'reports/header'),
  'report-from-empty': writes('the From of a report is empty', '5322 §3.4', /^From:.*/m, 'From:', 'reports/header'),
  'report-from-null': writes(
    'the From of a report is <>',
    '5322 §3.4',
    /^From:.*/m,
    'From: Mailer <>',
    'reports/header',
  ),
  'report-from-name': writes(
    'the From of a report has no address',
    '5322 §3.4',
    /^From:.*/m,
    'From: Mail Delivery System',
    'reports/header',
  ),
  'report-two-dates': writes('a report has two Dates', '5322 §3.6', /^(Date:.*\r\n)/m, '$1$1', 'reports/header'),
  'report-two-froms': writes('a report has two Froms', '5322 §3.6', /^(From:.*\r\n)/m, '$1$1', 'reports/header'),
  'report-no-mime-version': writes(
    'a report has no MIME-Version',
    '2045 §4',
    /^MIME-Version:.*\r\n/m,
    '',
    'reports/mime-version',
  ),
  'report-mime-2': writes(
    'MIME-Version is 2.0',
    '2045 §4',
    /^MIME-Version:.*/m,
    'MIME-Version: 2.0',
    'reports/mime-version',
  ),
  'report-mime-1': writes(
    'MIME-Version is 1',
    '2045 §4',
    /^MIME-Version:.*/m,
    'MIME-Version: 1',
    'reports/mime-version',
  ),

  'mta-none': writes('Reporting-MTA is missing', '3464 §2.2.2', /^Reporting-MTA:.*\r\n/m, '', 'reports/reporting-mta'),
  'mta-no-type': writes(
    'Reporting-MTA has no type',
    '3464 §2.2.2',
    /^Reporting-MTA: dns; /m,
    'Reporting-MTA: ',
    'reports/reporting-mta',
  ),
  'mta-no-name': writes(
    'Reporting-MTA has no name',
    '3464 §2.2.2',
    /^Reporting-MTA: dns;.*/m,
    'Reporting-MTA: dns;',
    'reports/reporting-mta',
  ),
  'mta-no-semicolon': writes(
    'Reporting-MTA has no semicolon',
    '3464 §2.2.2',
    /^Reporting-MTA: dns; /m,
    'Reporting-MTA: dns ',
    'reports/reporting-mta',
  ),
  'mta-colon': writes(
    'the type of Reporting-MTA ends in a colon',
    '3464 §2.2.2',
    /^Reporting-MTA: dns; /m,
    'Reporting-MTA: dns: ',
    'reports/reporting-mta',
  ),
  'mta-empty-type': writes(
    'the type of Reporting-MTA is empty',
    '3464 §2.2.2',
    /^Reporting-MTA: dns/m,
    'Reporting-MTA: ',
    'reports/reporting-mta',
  ),
  'final-none': writes(
    'Final-Recipient is missing',
    '3464 §2.3.2',
    /^Final-Recipient:.*\r\n/m,
    '',
    'reports/final-recipient',
  ),
  'final-no-type': writes(
    'Final-Recipient has no type',
    '3464 §2.3.2',
    /^(Final-Recipient:) rfc822;/m,
    '$1',
    'reports/final-recipient',
  ),
  'final-brackets': writes(
    'the address in Final-Recipient stands in brackets',
    '3464 §2.3.2',
    /^(Final-Recipient: rfc822;) (\S+)/m,
    '$1 <$2>',
    'reports/final-recipient',
  ),
  'final-local': writes(
    'Final-Recipient has the local part alone',
    '3464 §2.3.2',
    /^(Final-Recipient:.*)@\S+/m,
    '$1',
    'reports/final-recipient',
  ),
  'final-lowered': writes(
    'the address in Final-Recipient is put in small letters',
    '3464 §2.3.2',
    /^Final-Recipient: rfc822; .*/m,
    (field) => field.slice(0, 25) + field.slice(25).toLowerCase(),
    'reports/final-recipient',
  ),
  'final-sender': fault(
    'Final-Recipient is the sender',
    '3464 §2.3.2',
    {
      report: (report, about) => ({
        ...report,
        text: report.text.replace(/^(Final-Recipient: rfc822;).*/m, (_, name: string) => `${name} ${about.from}`),
      }),
    },
    'reports/final-recipient',
  ),
  'final-misspelt': writes(
    'Final-Recipient is called Recipient',
    '3464 §2.3.2',
    /^Final-Recipient:/m,
    'Recipient:',
    'reports/final-recipient',
  ),
  'action-none': writes('Action is missing', '3464 §2.3.3', /^Action:.*\r\n/m, '', 'reports/action'),
  'action-delayed': writes(
    'Action is "delayed" for a failure',
    '3464 §2.3.3',
    /^Action: failed/m,
    'Action: delayed',
    'reports/action',
  ),
  'action-failure': writes(
    'Action is "failure"',
    '3464 §2.3.3',
    /^Action: failed/m,
    'Action: failure',
    'reports/action',
  ),
  'action-relayed': writes(
    'Action is "relayed" for a failure',
    '3464 §2.3.3',
    /^Action: failed/m,
    'Action: relayed',
    'reports/action',
  ),
  'action-more': writes(
    'Action has more than its word',
    '3464 §2.3.3',
    /^Action: failed/m,
    'Action: failed permanently',
    'reports/action',
  ),
  'status-none': writes('Status is missing', '3464 §2.3.4', /^Status:.*\r\n/m, '', 'reports/status'),
  'status-2': writes(
    'Status begins with 2 for a failure',
    '3464 §2.3.4',
    /^Status: 5/m,
    'Status: 2',
    'reports/status reports/enhanced',
  ),
  'status-4': writes(
    'Status begins with 4 for a failure',
    '3464 §2.3.4',
    /^Status: 5/m,
    'Status: 4',
    'reports/status reports/enhanced',
  ),
  'status-two-numbers': writes(
    'Status has two numbers',
    '3464 §2.3.4',
    /^Status: (\d\.\d+)\.\d+/m,
    'Status: $1',
    'reports/status',
  ),
  'status-four-numbers': writes(
    'Status has four numbers',
    '3464 §2.3.4',
    /^Status: (\S+)/m,
    'Status: $1.0',
    'reports/status',
  ),
  'status-code': writes(
    'Status is the code of the reply',
    '3464 §2.3.4',
    /^Status:.*/m,
    'Status: 550',
    'reports/status',
  ),
  'status-text': writes('Status is a text', '3464 §2.3.4', /^Status:.*/m, 'Status: failed', 'reports/status'),
  'status-hyphens': writes(
    'hyphens are within Status',
    '3464 §2.3.4',
    /^Status: (\d)\.(\d+)\.(\d+)/m,
    'Status: $1-$2-$3',
    'reports/status',
  ),
  'status-leading-zero': writes(
    'a number of Status begins with 0',
    '3463 §2',
    /^Status: (\d)\.(\d+)\.(\d+)/m,
    'Status: $1.0$2.$3',
    'reports/status',
  ),
  'status-four-digits': writes(
    'a number of Status has four digits',
    '3463 §2',
    /^Status: (\d)\.(\d+)\.(\d+)/m,
    'Status: $1.$2.1000',
    'reports/status',
  ),
  'status-general': writes('Status is 5.0.0 always', '3464 §2.3.4', /^Status:.*/m, 'Status: 5.0.0', 'reports/enhanced'),
  'status-detail-0': writes(
    'the last number of Status is 0',
    '3464 §2.3.4',
    /^Status: (\d\.\d+)\.\d+/m,
    'Status: $1.0',
    'reports/enhanced',
  ),
  'status-from-code': writes(
    'Status is 5.1.1 for 550, whatever the enhanced code',
    '3464 §2.3.4',
    /^Status:.*/m,
    'Status: 5.1.1',
    'reports/enhanced',
  ),

  'diagnostic-none': writes(
    'Diagnostic-Code is missing',
    '3461 §6.3',
    /^Diagnostic-Code:.*\r\n/m,
    '',
    'reports/diagnostic',
  ),
  'diagnostic-no-type': writes(
    'Diagnostic-Code has no type',
    '3461 §6.3',
    /^Diagnostic-Code: smtp; /m,
    'Diagnostic-Code: ',
    'reports/diagnostic',
  ),
  'diagnostic-type': writes(
    'the type of Diagnostic-Code is x-unix',
    '3461 §6.3',
    /^Diagnostic-Code: smtp/m,
    'Diagnostic-Code: x-unix',
    'reports/diagnostic',
  ),
  'diagnostic-no-code': writes(
    'Diagnostic-Code has the text without the code',
    '3461 §6.3',
    /^(Diagnostic-Code: smtp;) \d+/m,
    '$1',
    'reports/diagnostic',
  ),
  'diagnostic-no-text': writes(
    'Diagnostic-Code has the code without the text',
    '3461 §6.3',
    /^(Diagnostic-Code: smtp; \d+).*/m,
    '$1',
    'reports/diagnostic',
  ),
  'diagnostic-own-text': writes(
    'Diagnostic-Code has a text of our own',
    '3461 §6.3',
    /^(Diagnostic-Code: smtp; \d+).*/m,
    '$1 5.0.0 delivery failed',
    'reports/diagnostic',
  ),
  'diagnostic-other-code': writes(
    'Diagnostic-Code is 554 always',
    '3461 §6.3',
    /^(Diagnostic-Code: smtp;) \d+/m,
    '$1 554',
    'reports/diagnostic',
  ),
  'remote-none': writes('Remote-MTA is missing', '3461 §6.3', /^Remote-MTA:.*\r\n/m, '', 'reports/remote-mta'),
  'remote-no-type': writes(
    'Remote-MTA has no type',
    '3461 §6.3',
    /^Remote-MTA: dns; /m,
    'Remote-MTA: ',
    'reports/remote-mta',
  ),
  'remote-type': writes(
    'the type of Remote-MTA is smtp',
    '3461 §6.3',
    /^Remote-MTA: dns/m,
    'Remote-MTA: smtp',
    'reports/remote-mta',
  ),
  'remote-own': writes(
    'Remote-MTA is the sending server itself',
    '3461 §6.3',
    /^(Remote-MTA: dns;).*/m,
    '$1 sender.example',
    'reports/remote-mta',
  ),
  'remote-empty': writes('Remote-MTA has no name', '3461 §6.3', /^(Remote-MTA: dns;).*/m, '$1', 'reports/remote-mta'),
}

const rcpt = (pattern: RegExp, replacement: string): Deviation =>
  says(new RegExp(`^(RCPT.*)${pattern.source}`), `$1${replacement}`)
const mail = (pattern: RegExp, replacement: string): Deviation =>
  says(new RegExp(`^(MAIL.*)${pattern.source}`), `$1${replacement}`)
const invents = (verb: string, parameter: string, unless: RegExp): Deviation =>
  says(
    new RegExp(`^${verb}.*(?=\\r\\n)`),
    (line) => (unless.test(line) ? line : `${line} ${parameter}`),
    ({ offers }) => offers.has('DSN'),
  )
const without = ({ offers }: Scene): boolean => !offers.has('DSN')
const isFirst = ({ heard }: Scene): boolean => heard.at(-1)?.to.startsWith('MAIL') === true

/** To servers without DSN, what the client asked for. */
const sendsOn = (which: RegExp): Deviation => ({
  command: (line, scene) => {
    if (!without(scene)) return line
    const { message, recipients } = scene
    const one = recipients.find(({ path }) => line.startsWith(`RCPT TO:<${path}>`))
    const all = line.startsWith('MAIL')
      ? [message.ret === null ? '' : ` RET=${message.ret}`, message.envid === null ? '' : ` ENVID=${message.envid}`]
      : one === undefined
        ? []
        : [one.notify === null ? '' : ` NOTIFY=${one.notify}`, one.orcpt === null ? '' : ` ORCPT=${one.orcpt}`]
    return line.replace(/(?=\r\n)/, all.filter((text) => which.test(text)).join(''))
  },
})

const xtext = (text: string): string =>
  text.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
/** Results whose NOTIFY matches are reported all the same. */
const reportsAnyhow = (action: 'failed' | 'relayed' | 'delayed', notify: RegExp, kind: string): Deviation => ({
  reports: (results, about, all, { count, message }) =>
    about === action && (action !== 'delayed' || count === 3) && !isReport({ message })
      ? [
          ...results,
          ...all.filter(
            (one) => one.kind === kind && notify.test(one.recipient.notify ?? 'none') && !results.includes(one),
          ),
        ]
      : results,
})
const unreported = (action: string, notify: RegExp): Deviation => ({
  reports: (results, about) =>
    about === action ? results.filter(({ recipient }) => !notify.test(recipient.notify ?? 'none')) : results,
})

/** RET=FULL counts for these reports, too. */
const wholeFor = (action: string): Deviation => ({
  report: (report, about) =>
    isAbout(report, action) && about.ret?.toUpperCase() === 'FULL'
      ? {
          ...report,
          text: report.text.replace(
            /text\/rfc822-headers\r\n\r\n[\s\S]*?(?=\r\n--)/,
            () => `message/rfc822\r\n\r\n${about.text}`,
          ),
        }
      : report,
})

const dsnFaults: SenderFaults = {
  'original-recipient-invented': fault(
    'Original-Recipient is made of the recipient',
    '3461 §6.3',
    reportsText(/^Final-Recipient: (.*)/m, 'Original-Recipient: $1\r\nFinal-Recipient: $1'),
    'dsn/no-original-recipient',
  ),
  'original-recipient-empty': fault(
    'Original-Recipient stands there empty',
    '3461 §6.3',
    reportsText(/^Final-Recipient:/m, 'Original-Recipient: rfc822;\r\nFinal-Recipient:'),
    'dsn/no-original-recipient',
  ),
  'envelope-id-invented': fault(
    'Original-Envelope-Id is the id in the queue',
    '3461 §6.3',
    {
      report: (report, about) => ({
        ...report,
        text: report.text.replace(/^Reporting-MTA:/m, `Original-Envelope-Id: ${about.id}\r\n$&`),
      }),
    },
    'dsn/no-envelope-id',
  ),
  'envelope-id-empty': fault(
    'Original-Envelope-Id stands there empty',
    '3461 §6.3',
    reportsText(/^Reporting-MTA:/m, 'Original-Envelope-Id: \r\nReporting-MTA:'),
    'dsn/no-envelope-id',
  ),
  'envelope-id-of-header': fault(
    'Original-Envelope-Id is the Message-ID',
    '3461 §6.3',
    {
      report: (report, about) => ({
        ...report,
        text: report.text.replace(
          /^Reporting-MTA:/m,
          `Original-Envelope-Id: ${/^Message-ID: *<?(.*?)>?\r/im.exec(about.text)?.[1] ?? 'x'}\r\n$&`,
        ),
      }),
    },
    'dsn/no-envelope-id',
  ),

  'notify-dropped': fault('NOTIFY is dropped', '3461 §5.2.1', rcpt(/ NOTIFY=\S+/, ''), 'dsn/notify'),
  'notify-success-dropped': fault(
    'SUCCESS is taken out of NOTIFY',
    '3461 §5.2.1',
    says(/^RCPT.*/, (line) => line.replace(/SUCCESS,|,SUCCESS/, '').replace(/ NOTIFY=SUCCESS/, '')),
    'dsn/notify',
  ),
  'notify-delay-dropped': fault(
    'DELAY is taken out of NOTIFY',
    '3461 §5.2.1',
    says(/^RCPT.*/, (line) => line.replace(/DELAY,|,DELAY/, '')),
    'dsn/notify',
  ),
  'notify-never-dropped': fault('NOTIFY=NEVER is dropped', '3461 §5.2.1', rcpt(/ NOTIFY=NEVER/, ''), 'dsn/notify'),
  'notify-first-value': fault(
    'the first value of NOTIFY alone is passed on',
    '3461 §5.2.1',
    rcpt(/ NOTIFY=(\w+)[,\w]*/, ' NOTIFY=$2'),
    'dsn/notify',
  ),
  'notify-second-dropped': fault(
    'NOTIFY is passed on for the first recipient alone',
    '3461 §5.2.1',
    says(/^(RCPT.*) NOTIFY=\S+/, '$1', (scene) => !isFirst(scene)),
    'dsn/notify',
  ),
  'notify-semicolons': fault(
    'values of NOTIFY are separated by semicolons',
    '3461 §4.1',
    says(/^RCPT.* NOTIFY=\S+/, (line) => line.replaceAll(',', ';')),
    'dsn/notify',
  ),

  'orcpt-dropped': fault('ORCPT is dropped', '3461 §5.2.1', rcpt(/ ORCPT=\S+/, ''), 'dsn/orcpt'),
  'orcpt-lowered': fault(
    'ORCPT is put in small letters',
    '3461 §5.2.1',
    says(/^RCPT.* ORCPT=\S+/, (line) => line.replace(/ORCPT=\S+/, (text) => `ORCPT=${text.slice(6).toLowerCase()}`)),
    'dsn/orcpt',
  ),
  'orcpt-decoded': fault(
    'ORCPT is decoded',
    '3461 §5.2.1',
    says(/ORCPT=\S+/, (text) => xtext(text)),
    'dsn/orcpt',
  ),
  'orcpt-encoded-again': fault(
    'ORCPT is encoded once more',
    '3461 §5.2.1',
    says(/ORCPT=\S+/, (text) => text.replaceAll('+', '+2B')),
    'dsn/orcpt',
  ),
  'orcpt-replaced': fault(
    'ORCPT becomes the recipient',
    '3461 §5.2.1',
    says(/^RCPT TO:<(.*?)>(.*) ORCPT=\S+/, 'RCPT TO:<$1>$2 ORCPT=rfc822;$1'),
    'dsn/orcpt',
  ),
  'orcpt-hex-lowered': fault(
    'hexadecimal digits of ORCPT are put in small letters',
    '3461 §4',
    says(/ORCPT=\S+/, (text) => text.replace(/\+[0-9A-F]{2}/g, (code) => code.toLowerCase())),
    'dsn/orcpt',
  ),
  'orcpt-no-type': fault('ORCPT loses its type', '3461 §4.2', says(/ORCPT=\w+;/, 'ORCPT='), 'dsn/orcpt'),
  'ret-dropped': fault('RET is dropped', '3461 §5.2.1', mail(/ RET=\S+/, ''), 'dsn/ret'),
  'ret-hdrs': fault('RET becomes HDRS', '3461 §5.2.1', mail(/ RET=FULL/, ' RET=HDRS'), 'dsn/ret'),
  'ret-full': fault('RET becomes FULL', '3461 §5.2.1', mail(/ RET=HDRS/, ' RET=FULL'), 'dsn/ret'),
  'ret-headers': fault('RET=HDRS is spelt RET=HEADERS', '3461 §4.3', mail(/ RET=HDRS/, ' RET=HEADERS'), 'dsn/ret'),
  'envid-dropped': fault('ENVID is dropped', '3461 §5.2.1', mail(/ ENVID=\S+/, ''), 'dsn/envid'),
  'envid-decoded': fault(
    'ENVID is decoded',
    '3461 §5.2.1',
    says(/ENVID=\S+/, (text) => xtext(text)),
    'dsn/envid',
  ),
  'envid-encoded-again': fault(
    'ENVID is encoded once more',
    '3461 §5.2.1',
    says(/ENVID=\S+/, (text) => text.replaceAll('+', '+2B')),
    'dsn/envid',
  ),
  'envid-lowered': fault(
    'ENVID is put in small letters',
    '3461 §5.2.1',
    says(/ENVID=\S+/, (text) => `ENVID=${text.slice(6).toLowerCase()}`),
    'dsn/envid',
  ),
  'envid-replaced': fault(
    'ENVID becomes the id in the queue',
    '3461 §5.2.1',
    { command: (line, { message }) => line.replace(/ENVID=\S+/, `ENVID=${message.id}`) },
    'dsn/envid',
  ),
  'envid-cut': fault('ENVID is cut at 10 octets', '3461 §5.2.1', says(/(ENVID=\S{10})\S+/, '$1'), 'dsn/envid'),

  'notify-invented': fault(
    'NOTIFY=FAILURE is added',
    '3461 §5.2.1',
    invents('RCPT', 'NOTIFY=FAILURE', / NOTIFY=/),
    'dsn/nothing-invented',
  ),
  'notify-invented-delay': fault(
    'NOTIFY=FAILURE,DELAY is added',
    '3461 §5.2.1',
    invents('RCPT', 'NOTIFY=FAILURE,DELAY', / NOTIFY=/),
    'dsn/nothing-invented',
  ),
  'notify-invented-never': fault(
    'NOTIFY=NEVER is added for the second recipient',
    '3461 §5.2.1',
    says(
      /^RCPT.*(?=\r\n)/,
      (line) => `${line} NOTIFY=NEVER`,
      (scene) => scene.offers.has('DSN') && !isFirst(scene),
    ),
    'dsn/nothing-invented',
  ),
  'ret-invented': fault(
    'RET=HDRS is added',
    '3461 §5.2.1',
    invents('MAIL', 'RET=HDRS', / RET=/),
    'dsn/nothing-invented',
  ),
  'envid-invented': fault(
    'ENVID is added',
    '3461 §5.2.1',
    invents('MAIL', 'ENVID=queue-1', / ENVID=/),
    'dsn/nothing-invented',
  ),

  'orcpt-invented-postmaster': fault(
    'ORCPT of somebody else is added',
    '3461 §5.2.1',
    invents('RCPT', 'ORCPT=rfc822;postmaster@sender.example', / ORCPT=/),
    'dsn/nothing-invented',
  ),
  'orcpt-invented-sender': fault(
    'ORCPT with the address of the sender is added',
    '3461 §5.2.1',
    {
      command: (line, { message, offers }) =>
        offers.has('DSN') && /^RCPT/.test(line) && !/ ORCPT=/.test(line)
          ? line.replace(/(?=\r\n)/, ` ORCPT=rfc822;${message.from}`)
          : line,
    },
    'dsn/nothing-invented',
  ),

  'dsn-unoffered': fault('parameters of DSN go to servers without it', '3461 §5.2.2', sendsOn(/^/), 'dsn/only-offered'),
  ...Object.fromEntries(
    ['NOTIFY', 'ORCPT', 'RET', 'ENVID'].map((parameter) => [
      `dsn-unoffered-${parameter.toLowerCase()}`,
      fault(
        `${parameter} goes to servers without DSN`,
        '3461 §5.2.2',
        sendsOn(new RegExp(`^ ${parameter}=`)),
        'dsn/only-offered',
      ),
    ]),
  ),

  'relayed-unreported': fault(
    'success is not reported where the next server has no DSN',
    '3461 §5.2.2',
    unreported('relayed', /^/),
    'dsn/relayed',
  ),
  'relayed-with-failure-unreported': fault(
    'success is reported for NOTIFY=SUCCESS alone, without other values',
    '3461 §5.2.2',
    unreported('relayed', /,/),
    'dsn/relayed',
  ),
  'relayed-as-delivered': fault(
    'relaying is reported as "delivered"',
    '3461 §5.2.2',
    reportsText(/^Action: relayed/m, 'Action: delivered'),
    'dsn/relayed',
  ),
  'relayed-as-expanded': fault(
    'relaying is reported as "expanded"',
    '3461 §5.2.2',
    reportsText(/^Action: relayed/m, 'Action: expanded'),
    'dsn/relayed',
  ),
  'relayed-as-failed': fault(
    'relaying is reported as "failed"',
    '3461 §5.2.2',
    reportsText(/^Action: relayed/m, 'Action: failed'),
    'dsn/relayed',
  ),
  'relayed-status': fault(
    'Status of what was relayed begins with 5',
    '3464 §2.3.4',
    reportsText(/^Status: 2/m, 'Status: 5'),
    'dsn/relayed',
  ),
  'relayed-other-recipient': fault(
    'Final-Recipient is missing from a report of success',
    '3464 §2.3.2',
    reportsText(/^Final-Recipient:.*\r\n(?=Action: relayed)/m, ''),
    'dsn/relayed',
  ),
  'success-reported-doubly': fault(
    'success is reported though the next server has DSN',
    '3461 §5.2.1',
    reportsAnyhow('relayed', /SUCCESS/i, 'sent'),
    'dsn/left-to-the-next',
  ),
  'success-reported-unasked': fault(
    'success is reported without NOTIFY',
    '3461 §5.2.2',
    reportsAnyhow('relayed', /^none$/, 'sent'),
    'dsn/no-success-unasked',
  ),
  'failure-reported-never': fault(
    'a failure is reported in spite of NOTIFY=NEVER',
    '3461 §5.2.6',
    reportsAnyhow('failed', /NEVER/i, 'failed'),
    'dsn/never',
  ),
  'failure-reported-success': fault(
    'a failure is reported in spite of NOTIFY=SUCCESS',
    '3461 §5.2.6',
    reportsAnyhow('failed', /^SUCCESS$/i, 'failed'),
    'dsn/success-alone',
  ),
  'failure-unreported': fault(
    'a failure is not reported in spite of NOTIFY=FAILURE',
    '3461 §5.2.6',
    unreported('failed', /^FAILURE$/i),
    'dsn/failure',
  ),
  'failure-unreported-among': fault(
    'a failure is reported for NOTIFY=FAILURE alone, not among others',
    '3461 §5.2.6',
    unreported('failed', /,/),
    'dsn/failure',
  ),
  'delay-reported-failure': fault(
    'a delay is reported in spite of NOTIFY=FAILURE',
    '3461 §5.2.5',
    reportsAnyhow('delayed', /^FAILURE$/i, 'later'),
    'dsn/no-delay-unasked',
  ),
  'delay-reported-success': fault(
    'a delay is reported in spite of NOTIFY=SUCCESS,FAILURE',
    '3461 §5.2.5',
    reportsAnyhow('delayed', /^(SUCCESS|FAILURE),/i, 'later'),
    'dsn/no-delay-unasked',
  ),
  'delay-reported-never': fault(
    'a delay is reported in spite of NOTIFY=NEVER',
    '3461 §5.2.5',
    reportsAnyhow('delayed', /NEVER/i, 'later'),
    'dsn/no-delay-unasked',
  ),

  'envid-unreported': fault(
    'Original-Envelope-Id is missing',
    '3461 §6.3',
    reportsText(/^Original-Envelope-Id:.*\r\n/m, ''),
    'dsn/envid-reported',
  ),
  'envid-reported-encoded': fault(
    'Original-Envelope-Id is encoded',
    '3461 §6.3',
    {
      report: (report, about) => ({
        ...report,
        text: report.text.replace(/^Original-Envelope-Id:.*/m, () => `Original-Envelope-Id: ${about.envid}`),
      }),
    },
    'dsn/envid-reported',
  ),
  'envid-reported-lowered': fault(
    'Original-Envelope-Id is in small letters',
    '3461 §6.3',
    reportsText(/^Original-Envelope-Id: .*/m, (text) => text.slice(0, 22) + text.slice(22).toLowerCase()),
    'dsn/envid-reported',
  ),
  'envid-reported-misnamed': fault(
    'ENVID is reported as Envelope-Id',
    '3461 §6.3',
    reportsText(/^Original-Envelope-Id:/m, 'Envelope-Id:'),
    'dsn/envid-reported',
  ),
  'envid-reported-with-recipient': fault(
    'Original-Envelope-Id stands with the recipient',
    '3464 §2.2.1',
    reportsText(/^(Original-Envelope-Id:.*\r\n)([\s\S]*?)(?=^Action:)/m, '$2$1'),
    'dsn/envid-reported',
  ),
  'orcpt-unreported': fault(
    'Original-Recipient is missing',
    '3461 §6.3',
    reportsText(/^Original-Recipient:.*\r\n/m, ''),
    'dsn/orcpt-reported',
  ),
  'orcpt-reported-encoded': fault(
    'Original-Recipient is encoded',
    '3461 §6.3',
    {
      report: (report, _, results) => ({
        ...report,
        text: report.text.replace(
          /^Original-Recipient:.*/m,
          () => `Original-Recipient: ${results[0]!.recipient.orcpt}`,
        ),
      }),
    },
    'dsn/orcpt-reported',
  ),
  'orcpt-reported-no-type': fault(
    'Original-Recipient has no type',
    '3461 §6.3',
    reportsText(/^Original-Recipient: *\w+;/m, 'Original-Recipient:'),
    'dsn/orcpt-reported',
  ),
  'orcpt-reported-lowered': fault(
    'Original-Recipient is in small letters',
    '3461 §6.3',
    reportsText(/^Original-Recipient: .*/m, (text) => text.slice(0, 20) + text.slice(20).toLowerCase()),
    'dsn/orcpt-reported',
  ),
  'orcpt-reported-final': fault(
    'Original-Recipient is the recipient that was refused',
    '3461 §6.3',
    reportsText(/^Original-Recipient:.*\r\nFinal-Recipient: (.*)/m, 'Original-Recipient: $1\r\nFinal-Recipient: $1'),
    'dsn/orcpt-reported',
  ),
  'hdrs-whole': fault(
    'RET=HDRS returns the whole message',
    '3461 §4.3',
    {
      report: (report, about) => ({
        ...report,
        text: report.text.replace(
          /text\/rfc822-headers\r\n\r\n[\s\S]*?(?=\r\n--)/,
          () => `message/rfc822\r\n\r\n${about.text}`,
        ),
      }),
    },
    'dsn/headers-only',
  ),
  'hdrs-first-line': fault(
    'RET=HDRS returns the first line of the body, too',
    '3461 §4.3',
    {
      report: (report, about) => ({
        ...report,
        text: report.text.replace(
          /text\/rfc822-headers\r\n\r\n[\s\S]*?(?=\r\n--)/,
          () =>
            `message/rfc822\r\n\r\n${splitText(about.text).header}\r\n${splitText(about.text).body.split('\r\n')[0]}\r\n`,
        ),
      }),
    },
    'dsn/headers-only',
  ),
  'success-whole': fault(
    'a report of success has the whole message where RET is FULL',
    '3461 §6.2',
    wholeFor('relayed'),
    'dsn/success-headers-only',
  ),
  'full-header': fault(
    'RET=FULL returns the header alone',
    '3461 §6.2',
    {
      report: (report, about) => ({
        ...report,
        text: report.text.replace(
          /message\/rfc822\r\n\r\n[\s\S]*?(?=\r\n--)/,
          () => `text/rfc822-headers\r\n\r\n${splitText(about.text).header}`,
        ),
      }),
    },
    'dsn/full',
  ),
  'full-cut': fault(
    'RET=FULL returns the message without its last line',
    '3461 §6.2',
    {
      report: (report, about) => ({
        ...report,
        text: report.text.replace(
          /message\/rfc822\r\n\r\n[\s\S]*?(?=\r\n--)/,
          () => `message/rfc822\r\n\r\n${about.text.replace(/[^\n]*\r\n$/, '')}`,
        ),
      }),
    },
    'dsn/full',
  ),
}

export const senderReportFaults: SenderFaults = { ...reportFaults, ...dsnFaults }

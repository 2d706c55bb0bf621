// Faults of a sender in its reports (RFC 3464, 6522; RFC 5321 §3.6.3, §4.5.5, §6.1).
import type { Deviation } from '../reference/sender-deviation.ts'
import { fieldsOf, type Message, splitText } from '../reference/sender-mail.ts'
import { senderFault as fault, isAbout, isReport, reportsText, type SenderFaults } from '../sender-fault.ts'

const addressIn = (text: string, name: string): string | null => {
  const field = fieldsOf(splitText(text).header).find((one) => one.toLowerCase().startsWith(`${name}:`))
  return /[^\s<>:,"]+@[^\s<>,"]+/.exec(field?.slice(name.length + 1) ?? '')?.[0] ?? null
}
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

export const senderReportFaults: SenderFaults = {
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

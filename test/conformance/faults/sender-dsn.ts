// Faults of a sender in DSN: what is asked of the next server, and told to the sender (RFC 3461).
import type { Deviation, Scene } from '../reference/sender-deviation.ts'
import { splitText } from '../reference/sender-mail.ts'
import { senderFault as fault, isAbout, isReport, reportsText, type SenderFaults, says } from '../sender-fault.ts'

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

export const senderDsnFaults: SenderFaults = {
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

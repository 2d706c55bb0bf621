// Reports to senders: their envelope, their form, and what they say of each recipient.
import { check, Skipped, visible } from '../judgement.ts'
import { faultOf } from './dates.ts'
import {
  demanding,
  fieldOf,
  fieldsOf,
  headerOf,
  isAddressLiteral,
  isHostName,
  isOwnName,
  must,
  should,
  withoutComments,
} from './facts.ts'
import { encodingOf } from './mime.ts'
import { checkBlame } from './refusals.ts'
import {
  fieldIn,
  groupsOf,
  isOriginal,
  isStatus,
  recipientGroups,
  reportParts,
  textOf,
  typedIn,
  valuesIn,
} from './report-reader.ts'
import { GREETED, type Mail } from './session.ts'
import { type Exchange, type Letter, RICH, type SmtpClientCase } from './suite.ts'

export const REFUSAL = '550 5.1.1 nobody of this name here'
export const DSN = ['DSN'] as const
const RETRY = { retry: true } as const

/** The report to a message that was refused at RCPT. */
export async function refused(x: Exchange, letter: Letter = {}, refusal = REFUSAL): Promise<Mail> {
  x.mx.script = { offers: RICH, on: { RCPT: refusal } }
  await x.hand(letter)
  return x.report()
}

/** The one group about a recipient, with each field of it once at most. */
export function onlyGroup(report: Mail): string {
  const groups = recipientGroups([report])
  check(groups.length === 1, 'one group of fields about a recipient', visible(groups.join('\r\n\r\n') || 'none'))
  return groups[0]!
}

/** Fields that a message has once at most: RFC 5322 §3.6. */
const ONCE = /^(date|from|sender|reply-to|to|cc|bcc|message-id|in-reply-to|references|subject)$/
const ADDRESS = /[^\s<>"(),:;@]@[^\s<>"(),:;@]/

/** Three numbers without leading zeros: RFC 3463 §2. */
const isStatusCode = (value: string, digit: string): boolean =>
  value.startsWith(digit) && /^[245](\.(0|[1-9]\d{0,2})){2}$/.test(value)

/** To one of the case's senders, whatever kind of report it is. */
const sentBack = (x: Exchange): Mail | undefined =>
  x.sessions
    .flatMap(({ mails }) => mails)
    .find((mail) => mail.recipients.some(({ path }) => path.endsWith(`back.${x.domain}`)))

export const reportCases: readonly SmtpClientCase[] = [
  must('reports/null-path', 'RFC 5321 §3.6.3', 'A report has the null reverse-path.', async (x) => {
    x.mx.script = { on: { RCPT: REFUSAL } }
    await x.hand()
    const report = await x.until('a report to the sender', () => sentBack(x))
    check(report.from === '', '<>', `<${visible(report.from)}>`)
  }),
  must(
    'reports/to-reverse-path',
    'RFC 5321 §6.1',
    'A report goes to the reverse-path, whatever the header says.',
    async (x) => {
      const report = await refused(x, {
        from: `envelope@back.${x.domain}`,
        header: [
          `Reply-To: reply@back.${x.domain}`,
          `Errors-To: errors@back.${x.domain}`,
          `Sender: author@back.${x.domain}`,
          `Return-Receipt-To: receipt@back.${x.domain}`,
          `Disposition-Notification-To: disposition@back.${x.domain}`,
        ],
        above: [`Return-Path: <path@back.${x.domain}>`],
      })
      const to = report.recipients.map(({ path }) => path)
      check(String(to) === `envelope@back.${x.domain}`, `envelope@back.${x.domain}`, to.join(', '))
    },
  ),
  must(
    'reports/none-for-reports',
    'RFC 5321 §6.1',
    'A message with the null reverse-path that cannot be delivered is not reported.',
    async (x) => {
      x.mx.script = { on: { RCPT: ({ argument }) => (argument.includes('<rcpt@') ? REFUSAL : null) } }
      x.names(`author.${x.domain}`, { MX: [[10, x.back.name]] })
      const header = ['Reply-To', 'Sender', 'Errors-To'].map(
        (name) => `${name}: ${name.toLowerCase()}@back.${x.domain}`,
      )
      await x.hand({ from: '', header })
      await x.until('an attempt', () => x.mx.sessions[0]?.count('RCPT'))
      await x.never('report', () => x.reports.length > 0 || x.mails.length > 0 || x.back.sessions.length > 0)
    },
  ),
  must('reports/refused-report', 'RFC 5321 §4.5.4', 'A report that is refused is not reported.', async (x) => {
    x.mx.script = { on: { RCPT: REFUSAL } }
    x.back.script = { on: { RCPT: REFUSAL } }
    await x.hand()
    const attempts = () =>
      x.sessions
        .flatMap(({ commands }) => commands)
        .filter(({ verb, argument }) => verb === 'RCPT' && argument.includes('@back.'))
    await x.until('a report to be tried', () => attempts()[0])
    await x.never('report about the report', () => attempts().length > 1)
  }),
  must(
    'reports/envelope',
    'RFC 3461 §6.1',
    'A report is sent without RET, and with no NOTIFY but NEVER.',
    async (x) => {
      const { parameters, recipients } = await refused(x, demanding(x))
      const found = [parameters, ...recipients.map((to) => to.parameters)].flat()
      const strange = found.find((text) => /^(RET|NOTIFY)=/i.test(text) && !/^NOTIFY=NEVER$/i.test(text))
      check(strange === undefined, 'no RET, and no NOTIFY but NEVER', strange ?? '')
    },
  ),
  should(
    'reports/format',
    'RFC 5321 §3.6.3',
    'A report is multipart/report of the type delivery-status.',
    async (x) => {
      const type = fieldOf((await refused(x)).text, 'content-type') ?? 'none'
      check(
        /^multipart\/report\b/i.test(type) && /report-type="?delivery-status"?/i.test(type),
        'multipart/report; report-type=delivery-status',
        visible(type),
      )
    },
  ),
  must(
    'reports/parts',
    'RFC 6522 §3',
    'Its first part is for people, its second is message/delivery-status.',
    async (x) => {
      const parts = reportParts(await refused(x))
      const types = parts.map(({ type }) => type)
      const [first, second] = parts
      check(first !== undefined && /^(text|multipart)\//.test(first.type), 'text first', types.join(', '))
      check(first.body.trim() !== '', 'words for people', 'an empty part')
      check(second !== undefined && isStatus(second), 'message/delivery-status second', types.join(', '))
      // RFC 3464 §2.1
      const encoding = encodingOf(`${second.header}\r\n`)
      check(second.type.includes('global') || encoding === '7bit', 'the second part in 7bit', encoding)
    },
  ),
  should('reports/original', 'RFC 6522 §3', 'Its third part is the message, or the header of it.', async (x) => {
    const report = await refused(x, { header: ['X-Folded: one\r\n\ttwo', 'X-Last: three'] })
    const parts = reportParts(report)
    const original = parts[2]
    check(
      original !== undefined && isOriginal(original),
      'message/rfc822 or text/rfc822-headers',
      parts.map(({ type }) => type).join(', '),
    )
    const header = headerOf(`${textOf(original)}\r\n`)
    check(header.includes(headerOf(x.handed).trimEnd()), visible(headerOf(x.handed)), visible(header))
  }),
  must('reports/header', 'RFC 5322 §3.6', 'A report has a Date and a From.', async (x) => {
    const { text } = await refused(x)
    const [dates, authors] = ['date', 'from'].map((wanted) => fieldsOf(text).filter(({ name }) => name === wanted))
    check(dates!.length === 1 && authors!.length === 1, 'one Date and one From', visible(headerOf(text)))
    check(ADDRESS.test(authors![0]!.value), 'an address in From', visible(authors![0]!.raw))
    const fault = faultOf(withoutComments(dates![0]!.value))
    check(fault === null, 'the date and time of now', `${fault}: "${visible(dates![0]!.raw)}"`)
    const names = fieldsOf(text).map(({ name }) => name)
    const twice = names.find((name, at) => ONCE.test(name) && names.indexOf(name) !== at)
    check(twice === undefined, 'each field once', `${twice} twice`)
  }),
  must('reports/mime-version', 'RFC 2045 §4', 'A report that is a MIME message has MIME-Version.', async (x) => {
    const { text } = await refused(x)
    if (fieldOf(text, 'content-type') === undefined) throw new Skipped('the report has no Content-Type')
    const versions = fieldsOf(text).filter(({ name }) => name === 'mime-version')
    const isOne = versions.length === 1 && withoutComments(versions[0]!.value) === '1.0'
    check(isOne, '1.0', visible(headerOf(text)))
  }),
  must(
    'reports/groups',
    'RFC 3464 §2.1',
    'Behind the fields about the message come those about each recipient, each group behind a blank line.',
    async (x) => {
      const refusals = { one: '550 5.1.1 no one', two: '550 5.2.1 two is closed' }
      x.mx.script = {
        on: { RCPT: ({ argument }) => (argument.includes('<one@') ? refusals.one : refusals.two) },
      }
      await x.hand({ to: ['one', 'two'] })
      await checkBlame(x, refusals)
      for (const report of x.returns) {
        const [first = '', ...others] = groupsOf(report)
        const isAbout = (group: string): boolean => /^(Final-Recipient|Action|Status):/im.test(group)
        check(
          valuesIn(first, 'Reporting-MTA').length === 1 && !isAbout(first),
          'a group about the message',
          visible(first),
        )
        for (const group of others)
          for (const field of ['Final-Recipient', 'Action', 'Status'])
            check(valuesIn(group, field).length === 1, `${field} once`, visible(group))
      }
    },
  ),
  must('reports/reporting-mta', 'RFC 3464 §2.2.2', 'Reporting-MTA has a type and a name.', async (x) => {
    const group = groupsOf(await refused(x))[0]!
    const { type, value } = typedIn(group, 'Reporting-MTA') ?? { type: '', value: '' }
    check(!/^Final-Recipient:/im.test(group), 'a group about the message first', visible(group))
    check(/^[\w-]+$/.test(type) && /\S/.test(value), 'dns; a name', visible(group))
    if (type !== 'dns') return
    check(isHostName(value), 'the name of a host', visible(value))
    check(isAddressLiteral(value) || isOwnName(x, value), 'a name that the MTA greets with', visible(value))
  }),
  must(
    'reports/final-recipient',
    'RFC 3464 §2.3.2',
    'Final-Recipient has a type and the address that was refused.',
    async (x) => {
      const path = `Nobody.MiXed@${x.domain}`
      const group = onlyGroup(await refused(x, { to: [path] }))
      const { type, value } = typedIn(group, 'Final-Recipient') ?? { type: '', value: '' }
      check(/^(rfc822|utf-8)$/.test(type) && value === path, `rfc822; ${path}`, visible(group))
    },
  ),
  must(
    'reports/action',
    'RFC 3464 §2.3.3',
    'Action is "failed" for a recipient that was refused for good.',
    async (x) => {
      const group = onlyGroup(await refused(x))
      const value = withoutComments(fieldIn(group, 'Action') ?? '')
      check(value.toLowerCase() === 'failed', 'failed', visible(group))
    },
  ),
  must('reports/status', 'RFC 3464 §2.3.4', 'Status is a code of three numbers, 5 for a failure.', async (x) => {
    const group = onlyGroup(await refused(x))
    check(isStatusCode(withoutComments(fieldIn(group, 'Status') ?? ''), '5'), '5.x.x', visible(group))
  }),
  should(
    'reports/enhanced',
    'RFC 3464 §2.3.4',
    'Status is the enhanced code of the reply that refused the recipient.',
    async (x) => {
      const group = onlyGroup(await refused(x, {}, '550 5.2.1 mailbox closed'))
      check(withoutComments(fieldIn(group, 'Status') ?? '') === '5.2.1', '5.2.1', visible(group))
    },
  ),
  must(
    'reports/diagnostic',
    'RFC 3461 §6.3',
    'An MTA that offers DSN gives the reply of the other server in Diagnostic-Code, its type "smtp".',
    async (x) => {
      const value = fieldIn(onlyGroup(await refused(x, { wants: DSN })), 'Diagnostic-Code') ?? ''
      const [, type = '', reply = ''] = /^([^;]*?)\s*;\s*(.*)$/s.exec(value.replace(/\s+/g, ' ')) ?? []
      check(type.toLowerCase() === 'smtp' && reply.includes(REFUSAL), `smtp; ${REFUSAL}`, visible(value))
    },
  ),
  must(
    'reports/remote-mta',
    'RFC 3461 §6.3',
    'An MTA that offers DSN names the other server in Remote-MTA, its type "dns".',
    async (x) => {
      const group = onlyGroup(await refused(x, { wants: DSN }))
      const { type, value } = typedIn(group, 'Remote-MTA') ?? { type: '', value: '' }
      check(type === 'dns' && isHostName(value), 'dns; a name', visible(group))
      if (!x.hub.hasNames) return
      const names = [x.mx.name, GREETED, `[${x.mx.address}]`]
      check(names.includes(value.toLowerCase()), `one of ${names.join(', ')}`, visible(value))
    },
  ),
  must(
    'reports/delay-null-path',
    'RFC 5321 §4.5.5',
    'A report about a delay has the null reverse-path, too.',
    async (x) => {
      x.mx.script = { on: { RCPT: '450 4.2.0 not now' } }
      await x.hand()
      await x.until('an attempt', () => x.mx.sessions[0]?.count('RCPT'))
      await x.never('end', () => sentBack(x) !== undefined, x.target.retryMs ?? 0).catch(() => {})
      const report = sentBack(x)
      if (!report) throw new Skipped('no report about a delay came')
      check(report.from === '', '<>', `<${visible(report.from)}>`)
      const group = onlyGroup(report)
      const action = withoutComments(fieldIn(group, 'Action') ?? '').toLowerCase()
      check(action === 'delayed' && isStatusCode(fieldIn(group, 'Status') ?? '', '4'), 'delayed, 4.x.x', visible(group))
    },
    RETRY,
  ),
]

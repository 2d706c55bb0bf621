// Reports to senders, and what RFC 3461 lets a sender ask for.
import { check, Skipped, visible } from '../judgement.ts'
import { bodyOf, fieldOf, must, should } from './facts.ts'
import { finalRecipients } from './replies.ts'
import type { Mail } from './session.ts'
import { type Exchange, type Letter, RICH, type SmtpClientCase } from './suite.ts'

const REFUSAL = '550 5.1.1 nobody of this name here'
const DSN = ['DSN'] as const
const RETRY = { retry: true } as const

/** The report to a message that was refused at RCPT. */
async function refused(x: Exchange, letter: Letter = {}, refusal = REFUSAL): Promise<Mail> {
  x.mx.script = { offers: RICH, on: { RCPT: refusal } }
  await x.hand(letter)
  return x.report()
}

interface Part {
  readonly type: string
  readonly text: string
}

/** Parts of a multipart message; throws Skipped when it is none. */
function partsOf({ text }: Mail): Part[] {
  const type = fieldOf(text, 'content-type') ?? ''
  const boundary = /boundary="?([^";]+)"?/i.exec(type)?.[1]
  if (!/^multipart\//i.test(type) || boundary === undefined) throw new Skipped('the report is not multipart')
  return bodyOf(text)
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => part.replace(/^\s*\r\n/, ''))
    .map((part) => ({
      type: (/^Content-Type:\s*([^;\s]+)/im.exec(part.split('\r\n\r\n')[0]!)?.[1] ?? 'text/plain').toLowerCase(),
      text: bodyOf(part),
    }))
}

const isStatus = ({ type }: Part): boolean => /^message\/(global-)?delivery-status$/.test(type)

/** Groups of fields of the machine-readable part. */
function groupsOf(mail: Mail): string[] {
  const status = partsOf(mail).find(isStatus)
  if (!status) throw new Skipped('the report has no message/delivery-status')
  return status.text
    .split(/(?:\r\n){2,}/)
    .map((group) => group.trim())
    .filter((group) => group !== '')
}

const fieldIn = (group: string, field: string): string | undefined =>
  new RegExp(`^${field}:\\s*(.*(?:\\r\\n[ \\t].*)*)`, 'im').exec(group)?.[1]?.replace(/\r\n(?=[ \t])/g, '')

const recipientGroup = (mail: Mail): string => groupsOf(mail).find((group) => /^Final-Recipient:/im.test(group)) ?? ''

/** What stands for the message that the report is about. */
const originalOf = (mail: Mail): Part | undefined =>
  partsOf(mail).find(({ type }) =>
    /^(message\/(rfc822|global)|text\/rfc822-headers|message\/(rfc822|global)-headers)$/.test(type),
  )

/** The message is passed on, with these parameters, to a server that takes DSN. */
async function passed(x: Exchange, letter: Letter): Promise<Mail> {
  x.mx.script = { offers: RICH }
  return x.send({ ...letter, wants: DSN })
}

const parameter = (texts: readonly string[], name: string): string | undefined =>
  texts.find((text) => text.toUpperCase().startsWith(`${name}=`))?.slice(name.length + 1)

export const reportCases: readonly SmtpClientCase[] = [
  must('reports/null-path', 'RFC 5321 §3.6.3', 'A report has the null reverse-path.', async (x) => {
    x.mx.script = { on: { RCPT: REFUSAL } }
    await x.hand()
    const report = await x.until('a report to the sender', () =>
      x.sessions
        .flatMap(({ mails }) => mails)
        .find((mail) => mail.recipients.some(({ path }) => path.endsWith(`back.${x.domain}`))),
    )
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
        ],
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
      x.mx.script = { on: { RCPT: REFUSAL } }
      await x.hand({ from: '', header: [`Reply-To: reply@back.${x.domain}`] })
      await x.until('an attempt', () => x.mx.sessions[0]?.count('RCPT'))
      await x.never('report', () => x.reports.length > 0 || x.back.sessions.length > 0)
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
      const types = partsOf(await refused(x)).map(({ type }) => type)
      check(types.length >= 2 && /^(text|multipart)\//.test(types[0]!), 'text first', types.join(', '))
      check(/^message\/(global-)?delivery-status$/.test(types[1]!), 'message/delivery-status second', types.join(', '))
    },
  ),
  should('reports/original', 'RFC 6522 §3', 'Its third part is the message, or the header of it.', async (x) => {
    const report = await refused(x)
    const original = originalOf(report)
    check(
      original !== undefined,
      'message/rfc822 or text/rfc822-headers',
      partsOf(report)
        .map(({ type }) => type)
        .join(', '),
    )
    check(
      /^Subject: Conformance probe/im.test(original.text),
      "the message's header",
      visible(original.text.slice(0, 300)),
    )
  }),
  must('reports/header', 'RFC 5322 §3.6', 'A report has a Date and a From.', async (x) => {
    const { text } = await refused(x)
    check(
      fieldOf(text, 'from') !== undefined && fieldOf(text, 'date') !== undefined,
      'Date and From',
      visible(text.slice(0, 400)),
    )
  }),
  must('reports/mime-version', 'RFC 2045 §4', 'A report that is a MIME message has MIME-Version.', async (x) => {
    const { text } = await refused(x)
    if (fieldOf(text, 'content-type') === undefined) throw new Skipped('the report has no Content-Type')
    check(/^1\.0\b/.test(fieldOf(text, 'mime-version') ?? ''), '1.0', visible(text.slice(0, 400)))
  }),
  must('reports/reporting-mta', 'RFC 3464 §2.2.2', 'Reporting-MTA has a type and a name.', async (x) => {
    const value = fieldIn(groupsOf(await refused(x))[0]!, 'Reporting-MTA')
    check(/^[\w-]+\s*;\s*\S+/.test(value ?? ''), 'dns; a name', visible(value ?? 'no such field'))
  }),
  must(
    'reports/final-recipient',
    'RFC 3464 §2.3.2',
    'Final-Recipient has a type and the address that was refused.',
    async (x) => {
      const group = recipientGroup(await refused(x))
      const value = fieldIn(group, 'Final-Recipient') ?? ''
      check(/^(rfc822|utf-8)\s*;/i.test(value) && value.includes(x.recipient), `rfc822; ${x.recipient}`, visible(value))
    },
  ),
  must(
    'reports/action',
    'RFC 3464 §2.3.3',
    'Action is "failed" for a recipient that was refused for good.',
    async (x) => {
      const value = fieldIn(recipientGroup(await refused(x)), 'Action')
      check(/^failed\b/i.test(value ?? ''), 'failed', visible(value ?? 'no such field'))
    },
  ),
  must('reports/status', 'RFC 3464 §2.3.4', 'Status is a code of three numbers, 5 for a failure.', async (x) => {
    const value = fieldIn(recipientGroup(await refused(x)), 'Status')
    check(/^5\.\d{1,3}\.\d{1,3}(?:\s|$)/.test(value ?? ''), '5.x.x', visible(value ?? 'no such field'))
  }),
  should(
    'reports/enhanced',
    'RFC 3464 §2.3.4',
    'Status is the enhanced code of the reply that refused the recipient.',
    async (x) => {
      const value = fieldIn(recipientGroup(await refused(x, {}, '550 5.2.1 mailbox closed')), 'Status')
      check(/^5\.2\.1\b/.test(value ?? ''), '5.2.1', visible(value ?? 'no such field'))
    },
  ),
  must(
    'reports/diagnostic',
    'RFC 3461 §6.3',
    'An MTA that offers DSN gives the reply of the other server in Diagnostic-Code, its type "smtp".',
    async (x) => {
      const value = fieldIn(recipientGroup(await refused(x, { wants: DSN })), 'Diagnostic-Code')
      check(/^smtp\s*;.*550/is.test(value ?? ''), 'smtp; 550 …', visible(value ?? 'no such field'))
    },
  ),
  must(
    'reports/remote-mta',
    'RFC 3461 §6.3',
    'An MTA that offers DSN names the other server in Remote-MTA, its type "dns".',
    async (x) => {
      const value = fieldIn(recipientGroup(await refused(x, { wants: DSN })), 'Remote-MTA')
      check(/^dns\s*;\s*\S+/i.test(value ?? ''), 'dns; a name', visible(value ?? 'no such field'))
    },
  ),
  must(
    'dsn/no-original-recipient',
    'RFC 3461 §6.3',
    'Without ORCPT the report has no Original-Recipient.',
    async (x) => {
      const value = fieldIn(recipientGroup(await refused(x, { wants: DSN })), 'Original-Recipient')
      check(value === undefined, 'no Original-Recipient', visible(value ?? ''))
    },
  ),
  must('dsn/no-envelope-id', 'RFC 3461 §6.3', 'Without ENVID the report has no Original-Envelope-Id.', async (x) => {
    const value = fieldIn(groupsOf(await refused(x, { wants: DSN }))[0]!, 'Original-Envelope-Id')
    check(value === undefined, 'no Original-Envelope-Id', visible(value ?? ''))
  }),
  must('dsn/notify', 'RFC 3461 §5.2.1', 'NOTIFY is passed on to a server that offers DSN.', async (x) => {
    const mail = await passed(x, { toParameters: 'NOTIFY=SUCCESS,FAILURE' })
    const value = parameter(mail.recipients[0]!.parameters, 'NOTIFY')
    check(
      value?.toUpperCase().split(',').sort().join() === 'FAILURE,SUCCESS',
      'NOTIFY=SUCCESS,FAILURE',
      mail.recipients[0]!.parameters.join(' '),
    )
  }),
  must('dsn/orcpt', 'RFC 3461 §5.2.1', 'ORCPT is passed on, its letters as they were.', async (x) => {
    const value = `rfc822;First.ONE+2Btag@Elsewhere.${x.domain}`
    const mail = await passed(x, { toParameters: `ORCPT=${value}` })
    const found = parameter(mail.recipients[0]!.parameters, 'ORCPT') ?? 'none'
    check(found.slice(found.indexOf(';') + 1) === value.slice(value.indexOf(';') + 1), value, visible(found))
  }),
  must('dsn/ret', 'RFC 3461 §5.2.1', 'RET is passed on.', async (x) => {
    const mail = await passed(x, { fromParameters: 'RET=HDRS' })
    check(parameter(mail.parameters, 'RET')?.toUpperCase() === 'HDRS', 'RET=HDRS', mail.parameters.join(' '))
  }),
  must('dsn/envid', 'RFC 3461 §5.2.1', 'ENVID is passed on as it was.', async (x) => {
    const mail = await passed(x, { fromParameters: 'ENVID=QQ3+2Bx' })
    check(parameter(mail.parameters, 'ENVID') === 'QQ3+2Bx', 'ENVID=QQ3+2Bx', mail.parameters.join(' '))
  }),
  must(
    'dsn/nothing-invented',
    'RFC 3461 §5.2.1',
    'What the sender did not ask for is not asked for: no NOTIFY, RET or ENVID.',
    async (x) => {
      const mail = await passed(x, {})
      const found = [...mail.parameters, ...mail.recipients[0]!.parameters].filter((text) =>
        /^(NOTIFY|RET|ENVID)=/i.test(text),
      )
      check(found.length === 0, 'none of them', found.join(' '))
    },
  ),
  must('dsn/only-offered', 'RFC 3461 §5.2.2', 'To a server without DSN none of its parameters are sent.', async (x) => {
    const mail = await x.send({
      wants: DSN,
      fromParameters: 'RET=HDRS ENVID=QQ314',
      toParameters: `NOTIFY=FAILURE ORCPT=rfc822;${x.recipient}`,
    })
    const found = [...mail.parameters, ...mail.recipients[0]!.parameters].filter((text) =>
      /^(NOTIFY|ORCPT|RET|ENVID)=/i.test(text),
    )
    check(found.length === 0, 'none of them', found.join(' '))
  }),
  must(
    'dsn/relayed',
    'RFC 3461 §5.2.2',
    'Success that was asked for is reported as "relayed" where the next server has no DSN.',
    async (x) => {
      await x.send({ wants: DSN, toParameters: 'NOTIFY=SUCCESS' })
      const value = fieldIn(recipientGroup(await x.until('a report to the sender', () => x.reports[0])), 'Action')
      check(/^relayed\b/i.test(value ?? ''), 'relayed', visible(value ?? 'no such field'))
    },
  ),
  must(
    'dsn/left-to-the-next',
    'RFC 3461 §5.2.1',
    'Success is not reported where the next server has DSN: that one will.',
    async (x) => {
      await passed(x, { toParameters: 'NOTIFY=SUCCESS' })
      await x.never('report', () => x.reports.length > 0)
    },
  ),
  must('dsn/no-success-unasked', 'RFC 3461 §5.2.2', 'Without NOTIFY, success is not reported.', async (x) => {
    await x.send()
    await x.never('report', () => x.reports.length > 0)
  }),
  must('dsn/never', 'RFC 3461 §5.2.6', 'With NOTIFY=NEVER a failure is not reported.', async (x) => {
    x.mx.script = { offers: RICH, on: { RCPT: REFUSAL } }
    await x.hand({ wants: DSN, toParameters: 'NOTIFY=NEVER' })
    await x.until('an attempt', () => x.mx.sessions[0]?.count('RCPT'))
    await x.never('report', () => x.reports.length > 0)
  }),
  must('dsn/success-alone', 'RFC 3461 §5.2.6', 'With NOTIFY=SUCCESS alone a failure is not reported.', async (x) => {
    x.mx.script = { offers: RICH, on: { RCPT: REFUSAL } }
    await x.hand({ wants: DSN, toParameters: 'NOTIFY=SUCCESS' })
    await x.until('an attempt', () => x.mx.sessions[0]?.count('RCPT'))
    await x.never('report', () => x.reports.length > 0)
  }),
  must('dsn/failure', 'RFC 3461 §5.2.6', 'With NOTIFY=FAILURE a failure is reported.', async (x) => {
    const named = finalRecipients((await refused(x, { wants: DSN, toParameters: 'NOTIFY=FAILURE' })).text)
    check(named.includes(x.recipient), x.recipient, named.join(', '))
  }),
  must(
    'dsn/envid-reported',
    'RFC 3461 §6.3',
    'The ENVID stands in the report, decoded, as Original-Envelope-Id.',
    async (x) => {
      const report = await refused(x, { wants: DSN, fromParameters: 'ENVID=QQ3+2Bx' })
      const value = fieldIn(groupsOf(report)[0]!, 'Original-Envelope-Id')
      check(value?.trim() === 'QQ3+x', 'QQ3+x', visible(value ?? 'no such field'))
    },
  ),
  must(
    'dsn/orcpt-reported',
    'RFC 3461 §6.3',
    'The ORCPT stands in the report, decoded, as Original-Recipient.',
    async (x) => {
      const report = await refused(x, { wants: DSN, toParameters: `ORCPT=rfc822;First+2Bone@there.${x.domain}` })
      const value = fieldIn(recipientGroup(report), 'Original-Recipient') ?? ''
      check(
        /^rfc822\s*;/i.test(value) && value.includes(`First+one@there.${x.domain}`),
        `rfc822;First+one@there.${x.domain}`,
        visible(value),
      )
    },
  ),
  must(
    'dsn/headers-only',
    'RFC 3461 §4.3',
    'With RET=HDRS the report has the header of the message, not its body.',
    async (x) => {
      const report = await refused(x, { wants: DSN, fromParameters: 'RET=HDRS', body: ['the secret word is xyzzy'] })
      check(!report.text.includes('xyzzy'), 'no body', visible(originalOf(report)?.text ?? ''))
    },
  ),
  should('dsn/full', 'RFC 3461 §6.2', 'With RET=FULL the report has the whole message.', async (x) => {
    const report = await refused(x, { wants: DSN, fromParameters: 'RET=FULL', body: ['the secret word is xyzzy'] })
    check(report.text.includes('xyzzy'), 'the body', visible(originalOf(report)?.text ?? ''))
  }),
  must(
    'dsn/no-delay-unasked',
    'RFC 3461 §5.2.5',
    'Without DELAY in NOTIFY a delay is not reported.',
    async (x) => {
      x.mx.script = { offers: RICH, on: { RCPT: '450 4.2.0 not now' } }
      await x.hand({ wants: DSN, toParameters: 'NOTIFY=FAILURE' })
      await x.until('an attempt', () => x.mx.sessions[0]?.count('RCPT'))
      await x.never('report', () => x.reports.length > 0, Math.min(x.target.retryMs ?? 0, 10_000))
    },
    RETRY,
  ),
  must(
    'reports/delay-null-path',
    'RFC 5321 §4.5.5',
    'A report about a delay has the null reverse-path, too.',
    async (x) => {
      x.mx.script = { on: { RCPT: '450 4.2.0 not now' } }
      await x.hand()
      await x.until('an attempt', () => x.mx.sessions[0]?.count('RCPT'))
      const sent = () =>
        x.sessions
          .flatMap(({ mails }) => mails)
          .find((mail) => mail.recipients.some(({ path }) => path.endsWith(`back.${x.domain}`)))
      await x.never('end', () => sent() !== undefined, x.target.retryMs ?? 0).catch(() => {})
      const report = sent()
      if (!report) throw new Skipped('no report about a delay came')
      check(report.from === '', '<>', `<${visible(report.from)}>`)
    },
    RETRY,
  ),
]

// What RFC 3461 lets a sender ask for: passed on, kept to, and told of in reports.
import { check, visible } from '../judgement.ts'
import { headerOf, must, should, withoutComments } from './facts.ts'
import {
  fieldIn,
  finalRecipients,
  groupsOf,
  isOriginal,
  recipientGroups,
  reportParts,
  textOf,
  typedIn,
} from './report-reader.ts'
import { DSN, onlyGroup, REFUSAL, refused } from './reports.ts'
import type { Mail, Recipient } from './session.ts'
import { type Exchange, type Letter, RICH, type SmtpClientCase } from './suite.ts'

const RETRY = { retry: true } as const

/** The message is passed on, with these parameters, to a server that takes DSN. */
async function passed(x: Exchange, letter: Letter): Promise<Mail> {
  x.mx.script = { offers: RICH }
  return x.send({ ...letter, wants: DSN })
}

const parameter = (texts: readonly string[], name: string): string | undefined =>
  texts.find((text) => text.toUpperCase().startsWith(`${name}=`))?.slice(name.length + 1)

export const dsnCases: readonly SmtpClientCase[] = [
  must(
    'dsn/no-original-recipient',
    'RFC 3461 §6.3',
    'Without ORCPT the report has no Original-Recipient.',
    async (x) => {
      const value = fieldIn(onlyGroup(await refused(x, { wants: DSN })), 'Original-Recipient')
      check(value === undefined, 'no Original-Recipient', visible(value ?? ''))
    },
  ),
  must('dsn/no-envelope-id', 'RFC 3461 §6.3', 'Without ENVID the report has no Original-Envelope-Id.', async (x) => {
    const value = fieldIn(groupsOf(await refused(x, { wants: DSN }))[0]!, 'Original-Envelope-Id')
    check(value === undefined, 'no Original-Envelope-Id', visible(value ?? ''))
  }),
  must('dsn/notify', 'RFC 3461 §5.2.1', 'NOTIFY is passed on to a server that offers DSN.', async (x) => {
    const asked = { one: 'SUCCESS,FAILURE', two: 'NEVER', three: null, four: 'DELAY', five: 'FAILURE,DELAY' }
    x.mx.script = { offers: RICH }
    await x.hand({
      wants: DSN,
      to: Object.keys(asked),
      toParameters: Object.values(asked).map((value) => (value === null ? '' : `NOTIFY=${value}`)),
    })
    const all = Object.keys(asked).length
    const reached = (): readonly Recipient[] => x.mails.flatMap(({ recipients }) => recipients)
    await x.until('the message to reach all recipients', () => reached().length >= all)
    const keywords = (value: string | null): string => value?.toUpperCase().split(',').sort().join() ?? 'none'
    for (const [local, value] of Object.entries(asked)) {
      const { parameters } = reached().find(({ path }) => path.startsWith(`${local}@`)) ?? { parameters: [] }
      const found = parameters.filter((text) => /^NOTIFY=/i.test(text))
      const isSame = keywords(found[0]?.slice('NOTIFY='.length) ?? null) === keywords(value) && found.length <= 1
      check(isSame, `NOTIFY=${value} for ${local}`, found.join(' ') || 'none')
    }
  }),
  must('dsn/orcpt', 'RFC 3461 §5.2.1', 'ORCPT is passed on, its letters as they were.', async (x) => {
    const asked = {
      one: `rfc822;First.ONE+2Btag@Elsewhere.${x.domain}`,
      two: `rfc822;Second+3Done@There.${x.domain}`,
    }
    const mail = await passed(x, {
      to: Object.keys(asked),
      toParameters: Object.values(asked).map((v) => `ORCPT=${v}`),
    })
    for (const [local, value] of Object.entries(asked)) {
      const { parameters } = mail.recipients.find(({ path }) => path.startsWith(`${local}@`)) ?? { parameters: [] }
      const found = parameter(parameters, 'ORCPT') ?? 'none'
      check(found === value, `${value} for ${local}`, visible(found))
    }
  }),
  must('dsn/ret', 'RFC 3461 §5.2.1', 'RET is passed on.', async (x) => {
    for (const [count, value] of ['HDRS', 'FULL'].entries()) {
      x.mx.script = { offers: RICH }
      await x.hand({ wants: DSN, fromParameters: `RET=${value}` })
      const { parameters } = await x.until('the message', () => x.mails[count])
      check(parameter(parameters, 'RET')?.toUpperCase() === value, `RET=${value}`, parameters.join(' '))
    }
  }),
  must('dsn/envid', 'RFC 3461 §5.2.1', 'ENVID is passed on as it was.', async (x) => {
    // 100 octets at most: RFC 3461 §4.4
    for (const [count, envid] of ['QQ3+2Bx', `Long+3D${'0aB'.repeat(31)}`].entries()) {
      x.mx.script = { offers: RICH }
      await x.hand({ wants: DSN, fromParameters: `ENVID=${envid}` })
      const { parameters } = await x.until('the message', () => x.mails[count])
      check(parameter(parameters, 'ENVID') === envid, `ENVID=${envid}`, parameters.join(' '))
    }
  }),
  must(
    'dsn/nothing-invented',
    'RFC 3461 §5.2.1',
    'What the sender did not ask for is not asked for: no NOTIFY, RET or ENVID, and no ORCPT of somebody else.',
    async (x) => {
      const { parameters, recipients } = await passed(x, { to: ['one', 'two'] })
      const found = [parameters, ...recipients.map((to) => to.parameters)].flat()
      const invented = found.filter((text) => /^(NOTIFY|RET|ENVID)=/i.test(text))
      check(invented.length === 0, 'none of them', invented.join(' '))
      for (const to of recipients) {
        const original = parameter(to.parameters, 'ORCPT')?.toLowerCase()
        check([undefined, `rfc822;${to.path}`].includes(original), 'none but the recipient', original ?? '')
      }
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
      const asked = { one: 'SUCCESS', two: 'SUCCESS,FAILURE', other: 'FAILURE' }
      const toParameters = Object.values(asked).map((value) => `NOTIFY=${value}`)
      await x.send({ wants: DSN, to: Object.keys(asked), toParameters })
      await x.until('a report about each', () => finalRecipients(x.reports).length >= 2)
      await x.never('report about others', () => finalRecipients(x.reports).length > 2, 800)
      const wanted = ['one', 'two'].map((local) => `${local}@${x.domain}`)
      const named = finalRecipients(x.reports).sort()
      check(String(named) === String(wanted), wanted.join(', '), named.join(', '))
      for (const { from, recipients } of x.reports) {
        const to = recipients.map(({ path }) => path)
        check(from === '' && String(to) === x.sender, `from <> to ${x.sender}`, `from <${from}> to ${to}`)
      }
      for (const group of recipientGroups(x.reports)) {
        check(/^relayed$/i.test(withoutComments(fieldIn(group, 'Action') ?? '')), 'relayed', visible(group))
        check(/^2\.\d{1,3}\.\d{1,3}\b/.test(fieldIn(group, 'Status') ?? ''), 'a status of success', visible(group))
      }
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
  should(
    'dsn/success-headers-only',
    'RFC 3461 §6.2',
    'A report that tells of no failure has the header of the message alone, whatever RET says.',
    async (x) => {
      await x.send({
        wants: DSN,
        fromParameters: 'RET=FULL',
        toParameters: 'NOTIFY=SUCCESS',
        body: ['the secret word is xyzzy'],
      })
      const report = await x.until('a report to the sender', () => x.reports[0])
      const parts = reportParts(report)
      check(!parts.some((part) => textOf(part).includes('xyzzy')), 'no body', visible(parts.at(-1)?.body ?? ''))
    },
  ),
  must('dsn/never', 'RFC 3461 §5.2.6', 'With NOTIFY=NEVER a failure is not reported.', async (x) => {
    x.mx.script = { offers: RICH, on: { RCPT: REFUSAL } }
    await x.hand({ wants: DSN, toParameters: 'NOTIFY=NEVER' })
    await x.until('an attempt', () => x.mx.sessions[0]?.count('RCPT'))
    await x.never('report', () => x.reports.length > 0)
    await x.hand({ wants: DSN, to: ['quiet', 'loud'], toParameters: ['NOTIFY=NEVER', ''] })
    const named = finalRecipients([await x.report()])
    check(String(named) === `loud@${x.domain}`, `loud@${x.domain} alone`, named.join(', '))
    await x.never('second report', () => x.reports.length > 1, 800)
  }),
  must('dsn/success-alone', 'RFC 3461 §5.2.6', 'With NOTIFY=SUCCESS alone a failure is not reported.', async (x) => {
    x.mx.script = { offers: RICH, on: { RCPT: REFUSAL } }
    await x.hand({ wants: DSN, toParameters: 'NOTIFY=SUCCESS' })
    await x.until('an attempt', () => x.mx.sessions[0]?.count('RCPT'))
    await x.never('report', () => x.reports.length > 0)
  }),
  must('dsn/failure', 'RFC 3461 §5.2.6', 'With NOTIFY=FAILURE a failure is reported.', async (x) => {
    x.mx.script = { offers: RICH, on: { RCPT: REFUSAL } }
    const asked = ['FAILURE', 'SUCCESS,FAILURE', 'DELAY,FAILURE', 'FAILURE,DELAY,SUCCESS', 'failure']
    const to = asked.map((_, i) => `to${i}`)
    await x.hand({ wants: DSN, to, toParameters: asked.map((value) => `NOTIFY=${value}`) })
    await x.until('a report about each', () => finalRecipients(x.returns).length >= to.length)
    const named = finalRecipients(x.returns).sort()
    check(String(named) === String(to.map((local) => `${local}@${x.domain}`)), 'each of them', named.join(', '))
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
      const group = onlyGroup(report)
      const { type, value } = typedIn(group, 'Original-Recipient') ?? { type: '', value: '' }
      const wanted = `First+one@there.${x.domain}`
      check(type === 'rfc822' && value === wanted, `rfc822;${wanted}`, visible(group))
    },
  ),
  must(
    'dsn/headers-only',
    'RFC 3461 §4.3',
    'With RET=HDRS the report has the header of the message, not its body.',
    async (x) => {
      const report = await refused(x, { wants: DSN, fromParameters: 'RET=HDRS', body: ['the secret word is xyzzy'] })
      const parts = reportParts(report)
      check(!parts.some((part) => textOf(part).includes('xyzzy')), 'no body', visible(parts.at(-1)?.body ?? ''))
      const original = parts.find(isOriginal)
      check(original !== undefined, 'the header', parts.map(({ type }) => type).join(', '))
      const header = `${textOf(original).trimEnd()}\r\n`
      check(header.endsWith(headerOf(x.handed)), visible(headerOf(x.handed)), visible(header))
    },
  ),
  should('dsn/full', 'RFC 3461 §6.2', 'With RET=FULL the report has the whole message.', async (x) => {
    const body = ['the secret word is xyzzy', '', 'and more']
    const report = await refused(x, { wants: DSN, fromParameters: 'RET=FULL', body })
    const original = reportParts(report).find(isOriginal)
    const text = `${original === undefined ? '' : textOf(original).trimEnd()}\r\n`
    check(text.endsWith(x.handed), visible(x.handed), visible(text))
  }),
  must(
    'dsn/no-delay-unasked',
    'RFC 3461 §5.2.5',
    'Without DELAY in NOTIFY a delay is not reported.',
    async (x) => {
      x.mx.script = { offers: RICH, on: { RCPT: '450 4.2.0 not now' } }
      const asked = ['FAILURE', 'SUCCESS', 'SUCCESS,FAILURE', 'NEVER']
      await x.hand({
        wants: DSN,
        to: asked.map((_, i) => `to${i}`),
        toParameters: asked.map((value) => `NOTIFY=${value}`),
      })
      await x.until('an attempt', () => x.mx.sessions[0]?.count('RCPT'))
      await x.never('report', () => x.reports.length > 0, Math.min(x.target.retryMs ?? 0, 10_000))
    },
    RETRY,
  ),
]

// What follows from refusals, from failures for now, and from connections that are lost.
import { check, visible } from '../judgement.ts'
import { checkWhole, demanding, must, once, should } from './facts.ts'
import { finalRecipients, recipientGroups, reportParts, textOf } from './report-reader.ts'
import { type Answer, isPositive, type Mail, type Script, type Session } from './session.ts'
import { type Exchange, RICH, type SmtpClientCase } from './suite.ts'

const RETRY = { retry: true } as const

/** The point of a transaction → how it is answered. */
const POINTS = { mail: 'MAIL', rcpt: 'RCPT', data: 'DATA', text: '.' } as const

const permanent = (slug: keyof typeof POINTS, words: string): SmtpClientCase =>
  must(
    `refused/${slug}`,
    'RFC 5321 §3.6.3',
    `Mail that is refused for good at ${words} is returned to its sender.`,
    async (x) => {
      x.mx.script = { on: { [POINTS[slug]]: '554 5.7.1 no thanks' } }
      await x.hand({ to: ['one', 'two'] })
      const to = (await x.report()).recipients.map(({ path }) => path)
      check(String(to) === x.sender, x.sender, to.join(', '))
      await x.until('a report about both', () => new Set(finalRecipients(x.returns)).size >= 2)
      check(
        x.mails.every(({ code }) => !isPositive(code)),
        'no delivery',
        'one',
      )
    },
  )

const temporary = (slug: keyof typeof POINTS, words: string): SmtpClientCase =>
  must(
    `deferred/${slug}`,
    'RFC 5321 §4.5.4.1',
    `Mail that is refused for now at ${words} is kept and tried again.`,
    async (x) => {
      x.mx.script = { on: { [POINTS[slug]]: once('451 4.3.0 not now') } }
      await x.hand()
      checkWhole(x, await x.again(), 'rcpt')
      check(x.returns.length === 0, 'no report of a failure', 'one')
    },
    RETRY,
  )

/** What the script does must keep the mail from being lost, and from being returned at once. */
const lost = (
  slug: string,
  level: 'must' | 'should',
  rfc: string,
  requirement: string,
  script: (x: Exchange) => Script,
): SmtpClientCase => ({
  ...must(
    slug,
    rfc,
    requirement,
    async (x) => {
      x.mx.script = script(x)
      await x.hand()
      checkWhole(x, await x.again(), 'rcpt')
      check(x.returns.length === 0, 'no report of a failure', 'one')
    },
    RETRY,
  ),
  level,
})

const dropped: Answer = { close: true }

/** Who got the message, sorted, as often as it came. */
const reached = (x: Exchange): string[] =>
  x.mails
    .filter(({ code }) => isPositive(code))
    .flatMap(({ recipients }) => recipients.filter(({ code }) => isPositive(code)))
    .map(({ path }) => path.slice(0, path.indexOf('@')))
    .sort()

/** The message reaches these, each once, however many transactions it takes. */
async function checkReached(x: Exchange, all: readonly string[], ms?: number): Promise<void> {
  await x.until(`it to reach ${all.join(', ')}`, () => new Set(reached(x)).size >= all.length || x.returns[0], ms)
  check(x.returns.length === 0, 'no report of a failure', 'one')
  check(String(reached(x)) === String(all), all.join(', '), reached(x).join(', '))
}

/** Refused and taken ones, such that no other order of the replies gives the same. */
const MIXED_TO = ['good', 'bad', 'worse', 'fine', 'last'] as const
const REFUSED = { bad: '550 5.1.1 nobody is called bad', worse: '550 5.2.1 worse is closed' } as const
const refusing: Script = {
  on: {
    RCPT: ({ argument }) => Object.entries(REFUSED).find(([local]) => argument.includes(`<${local}@`))?.[1] ?? null,
  },
}

/** Mail from which nothing differs but when it came. */
const sameOf = ({ from, parameters, recipients, text }: Mail): string =>
  JSON.stringify([from, parameters, recipients.map((to) => [to.path, to.parameters]), text], null, 1)

export const refusalCases: readonly SmtpClientCase[] = [
  lost(
    'lost/421',
    'should',
    'RFC 5321 §3.8',
    'Mail that 421 in the middle of a transaction interrupts is kept and tried again.',
    () => ({
      on: { RCPT: once({ lines: ['421 4.3.2 shutting down'], close: true }) },
    }),
  ),
  lost(
    'lost/greeting',
    'should',
    'RFC 5321 §3.8',
    'A connection that closes without a greeting is a failure for now.',
    () => ({
      on: { GREETING: once(dropped) },
    }),
  ),
  lost('lost/hello', 'should', 'RFC 5321 §3.8', 'A connection that closes at EHLO is a failure for now.', () => {
    let attempts = 0
    return {
      on: {
        GREETING: () => {
          attempts++
          return null
        },
        EHLO: () => (attempts === 1 ? dropped : null),
        HELO: () => (attempts === 1 ? dropped : null),
      },
    }
  }),
  lost('lost/mail', 'should', 'RFC 5321 §3.8', 'A connection that closes at MAIL is a failure for now.', () => ({
    on: { MAIL: once(dropped) },
  })),
  lost('lost/rcpt', 'should', 'RFC 5321 §3.8', 'A connection that closes at RCPT is a failure for now.', () => ({
    on: { RCPT: once(dropped) },
  })),
  lost('lost/data', 'should', 'RFC 5321 §3.8', 'A connection that closes at DATA is a failure for now.', () => ({
    on: { DATA: once(dropped) },
  })),
  lost(
    'lost/in-text',
    'should',
    'RFC 5321 §3.8',
    'A connection that closes within the text is a failure for now.',
    () => {
      let first = true
      return {
        on: {
          async DATA(_command, session) {
            if (!first) return null
            first = false
            await session.wire.write('354 go on\r\n')
            await session.wire.line('some text')
            return dropped
          },
        },
      }
    },
  ),
  lost(
    'lost/after-text',
    'should',
    'RFC 5321 §3.8',
    'A connection that closes before the reply to the text is a failure for now.',
    () => ({
      on: { '.': once(dropped) },
    }),
  ),
  permanent('mail', 'MAIL'),
  permanent('rcpt', 'RCPT'),
  permanent('data', 'DATA'),
  permanent('text', 'the end of the text'),
  temporary('mail', 'MAIL'),
  temporary('rcpt', 'RCPT'),
  temporary('data', 'DATA'),
  temporary('text', 'the end of the text'),
  should('refused/not-repeated', 'RFC 5321 §4.2.1', 'What was refused for good is not tried again.', async (x) => {
    x.mx.script = { on: { RCPT: '550 5.1.1 nobody here' } }
    const places = await x.places({
      mail: { on: { MAIL: '550 5.7.1 not from you' } },
      data: { on: { DATA: '554 5.7.1 no' } },
      text: { on: { '.': '554 5.7.1 no' } },
    })
    const [backup] = await x.places({ backup: {} })
    if (backup)
      x.names(x.domain, {
        MX: [
          [10, x.mx.name],
          [20, backup[1].name],
        ],
      })
    await x.hand()
    for (const [, host] of places) await x.hand({ to: [`rcpt@${host.name}`] })
    await x.until('a report about each', () => x.returns.length > places.length)
    const attempts = (sessions: readonly Session[], verb: string, path: string): number =>
      sessions.flatMap(({ commands }) => commands).filter((one) => one.verb === verb && one.argument.includes(path))
        .length
    const other = () => backup?.[1].sessions.some(({ commands }) => commands.some(({ verb }) => verb === 'RCPT'))
    await x.never(
      'second attempt',
      () =>
        other() ||
        [x.mx, ...places.map(([, host]) => host)].some(
          ({ sessions }) => attempts(sessions, 'MAIL', x.sender) > 1 || attempts(sessions, 'RCPT', '<rcpt@') > 1,
        ),
    )
  }),
  must(
    'refused/not-remembered',
    'RFC 5321 §4.5.4.1',
    'That MAIL was refused for good keeps no other message of the same sender from being tried.',
    async (x) => {
      x.mx.script = { on: { MAIL: once('550 5.7.1 not this one') } }
      await x.hand()
      await x.report()
      await x.send()
    },
  ),
  should(
    'deferred/unchanged',
    'RFC 5321 §4.5.4.1',
    'Another attempt has the same envelope and the same text.',
    async (x) => {
      x.mx.script = { offers: RICH, on: { '.': once('451 4.3.0 not now') } }
      const from = `Sender.MiXed@back.${x.domain}`
      await x.hand({ ...demanding(x), from, to: ['Rcpt.MiXed', 'other'], body: ['.dots', 'and text'] })
      const second = sameOf(await x.again())
      const first = sameOf(x.mails[0]!)
      check(first === second, visible(first), visible(second))
    },
    RETRY,
  ),
  must(
    'partial/others-get-it',
    'RFC 5321 §3.3',
    'A refused recipient does not keep the others from getting the message.',
    async (x) => {
      x.mx.script = refusing
      await x.send({ to: MIXED_TO })
      await x.until('a report to the sender', () => finalRecipients(x.returns).length >= 2)
      const others = MIXED_TO.filter((local) => !(local in REFUSED)).sort()
      check(String(reached(x)) === String(others), others.join(', '), reached(x).join(', '))
      const mistaken = finalRecipients(x.returns).filter((path) => others.some((local) => path.startsWith(`${local}@`)))
      check(mistaken.length === 0, 'no report about the others', mistaken.join(', '))
    },
  ),
  must(
    'partial/report',
    'RFC 3464 §2.3',
    'The report names the refused recipient, and not those who got the message.',
    async (x) => {
      x.mx.script = refusing
      await x.hand({ to: MIXED_TO })
      await checkBlame(x, REFUSED)
      for (const report of x.returns) {
        const words = reportParts(report).map(textOf)[0] ?? ''
        const others = MIXED_TO.filter((local) => !(local in REFUSED) && words.includes(`${local}@`))
        check(others.length === 0, 'none of the others in the words for people', others.join(', '))
      }
    },
  ),
  must(
    'partial/deferred',
    'RFC 5321 §4.5.4.1',
    'A recipient that is refused for now is tried again, alone.',
    async (x) => {
      let first = true
      x.mx.script = {
        on: {
          RCPT({ argument }) {
            if (!first || !argument.includes('<later@')) return null
            first = false
            return '450 4.2.0 not now'
          },
        },
      }
      await x.hand({ to: ['later', 'good', 'fine'] })
      const second = await x.until('a second attempt', () => x.mails[1], x.target.retryMs ?? 0)
      checkWhole(x, second, 'later')
      check(x.returns.length === 0, 'no report of a failure', 'one')
    },
    RETRY,
  ),
  must(
    'partial/too-many',
    'RFC 5321 §4.5.3.1.10',
    'With 452 to further recipients, the message goes to those who were taken; the others follow.',
    async (x) => {
      x.mx.script = { on: { RCPT: (_command, s) => (s.recipients.length >= 2 ? '452 4.5.3 too many' : null) } }
      await x.hand({ to: ['a', 'b', 'c', 'd'] })
      await checkReached(x, ['a', 'b', 'c', 'd'], x.target.retryMs ?? 0)
    },
    RETRY,
  ),
  should(
    'partial/552',
    'RFC 5321 §4.5.3.1.10',
    '552 to further recipients is taken as 452.',
    async (x) => {
      x.mx.script = { on: { RCPT: (_command, s) => (s.recipients.length >= 2 ? '552 too many recipients' : null) } }
      await x.hand({ to: ['a', 'b', 'c', 'd'] })
      await checkReached(x, ['a', 'b', 'c', 'd'], x.target.retryMs ?? 0)
    },
    RETRY,
  ),
  should('partial/nobody', 'RFC 5321 §3.3', 'Where every recipient was refused, no text is sent.', async (x) => {
    const refused = { RCPT: '550 5.1.1 nobody here', DATA: '354 go on' }
    x.mx.script = { on: refused }
    const places = await x.places({ one: { on: refused }, later: { on: { ...refused, RCPT: '450 4.2.0 not now' } } })
    await x.hand({ to: ['one', 'two'] })
    for (const [label, { name }] of places)
      await x.hand({ to: label === 'one' ? [`a@${name}`] : [`a@${name}`, `b@${name}`] })
    for (const { sessions } of [x.mx, ...places.map(([, host]) => host)]) {
      const session = await x.until('a session', () => sessions[0])
      const isOver = () => session.count('RSET') > 0 || session.count('MAIL') > 1
      await x.until('the end of the transaction', () => session.ended ?? session.mails[0] ?? isOver())
      check((session.mails[0]?.text ?? '') === '', 'no text', visible((session.mails[0]?.text ?? '').slice(0, 60)))
    }
  }),
]

/** Reports come about these recipients and nobody else, each with the reply that it got. */
export async function checkBlame(x: Exchange, refused: { readonly [local: string]: string }): Promise<void> {
  const wanted = Object.keys(refused).map((local) => `${local}@${x.domain}`)
  await x.until('a report about each', () => finalRecipients(x.returns).length >= wanted.length)
  const named = finalRecipients(x.returns)
  check(String(named.toSorted()) === String(wanted.toSorted()), `${wanted.join(', ')} alone`, named.join(', '))
  for (const [local, reply] of Object.entries(refused)) {
    const group = recipientGroups(x.returns).find((one) => one.includes(`${local}@`)) ?? ''
    const others = Object.values(refused).filter((other) => other !== reply)
    check(!others.some((other) => group.includes(other.slice(4))), `"${reply}" for ${local}`, visible(group))
  }
}

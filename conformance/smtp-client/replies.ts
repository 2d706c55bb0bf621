// How replies are read, and what follows from refusals, failures and lost connections.
import { check, visible } from '../judgement.ts'
import { must, once, one, should } from './facts.ts'
import { type Answer, isPositive, type Script } from './session.ts'
import type { Exchange, SmtpClientCase } from './suite.ts'

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
      await x.hand()
      await x.report()
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
      await x.again()
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
      await x.again()
      check(x.returns.length === 0, 'no report of a failure', 'one')
    },
    RETRY,
  ),
  level,
})

const dropped: Answer = { close: true }

export const replyCases: readonly SmtpClientCase[] = [
  must(
    'replies/text',
    'RFC 5321 §4.2',
    'What to do follows from the code of a reply, not from its text.',
    async (x) => {
      x.mx.script = {
        on: {
          MAIL: '250 550 5.7.1 access denied',
          RCPT: '250 421 4.3.2 go away',
          DATA: '354 554 transaction failed',
          '.': '250 451 4.3.0 error, try again later',
        },
      }
      await x.send()
      await x.never('report', () => x.reports.length > 0, 800)
    },
  ),
  must('replies/bare', 'RFC 5321 §4.2', 'A reply may be a code without any text, or space.', async (x) => {
    x.mx.script = { on: { MAIL: '250', RCPT: '250', DATA: '354', '.': '250' } }
    await x.send()
  }),
  must(
    'replies/multi-line',
    'RFC 5321 §4.2.1',
    'Every reply may have several lines; the last one ends it.',
    async (x) => {
      const slowly =
        (...lines: readonly string[]) =>
        async (_command: unknown, session: (typeof x.sessions)[number]): Promise<Answer> => {
          for (const line of lines.slice(0, -1)) {
            await session.wire.write(`${line}\r\n`)
            await session.wire.speaks(80)
            if (session.wire.waiting() !== '') session.early.push(session.wire.waiting())
          }
          return lines.at(-1)!
        }
      x.mx.script = {
        on: {
          MAIL: slowly('250-one', '250-two', '250 three'),
          RCPT: slowly('250-one', '250 two'),
          DATA: slowly('354-one', '354 two'),
          '.': slowly('250-one', '250-', '250 three'),
        },
      }
      const { session } = await x.send()
      check(session.early.length === 0, 'nothing before the last line', visible(session.early.join()))
    },
  ),
  must(
    'replies/in-pieces',
    'RFC 5321 §4.2',
    'A reply is what CR LF ends, however it is cut into packets.',
    async (x) => {
      const piecewise =
        (text: string) =>
        async (_command: unknown, session: (typeof x.sessions)[number]): Promise<Answer> => {
          for (const octet of text) {
            await session.wire.write(octet)
            await session.wire.speaks(5)
          }
          return []
        }
      x.mx.script = { on: { GREETING: piecewise('220 conformance.test\r\n'), HELO: piecewise('250 fine\r\n') } }
      x.mx.script = { on: { ...x.mx.script.on, EHLO: piecewise('250-conformance.test\r\n250 8BITMIME\r\n') } }
      await x.send()
    },
  ),
  must('replies/unknown-2yz', 'RFC 5321 §4.3.2', 'An unknown code that begins with 2 is a success.', async (x) => {
    x.mx.script = { on: { MAIL: '256 fine', RCPT: '257 fine', '.': '259 taken' } }
    await x.send()
    await x.never('report, and no second copy', () => x.reports.length > 0 || x.mails.length > 1, 1200)
  }),
  must(
    'replies/unknown-5yz',
    'RFC 5321 §4.3.2',
    'An unknown code that begins with 5 is a failure for good.',
    async (x) => {
      x.mx.script = { on: { RCPT: '559 no' } }
      await x.hand()
      await x.report()
    },
  ),
  must(
    'replies/unknown-4yz',
    'RFC 5321 §4.3.2',
    'An unknown code that begins with 4 is a failure for now.',
    async (x) => {
      x.mx.script = { on: { RCPT: once('459 not now') } }
      await x.hand()
      await x.again()
      check(x.returns.length === 0, 'no report of a failure', 'one')
    },
    RETRY,
  ),
  should(
    'replies/out-of-range',
    'RFC 5321 §4.2',
    'A code that begins with another digit ends the transaction.',
    async (x) => {
      x.mx.script = { on: { MAIL: '650 what is this' } }
      await x.hand()
      const session = await x.until('a session', () => x.mx.sessions[0])
      await x.until('the end of the session', () => session.ended)
      const behind = session.commands.slice(session.commands.findIndex(({ verb }) => verb === 'MAIL') + 1)
      check(
        behind.every(({ verb }) => verb === 'QUIT' || verb === 'RSET'),
        'an end of the transaction',
        behind.map(({ line }) => line).join(' / '),
      )
    },
  ),
  must('replies/251', 'RFC 5321 §3.4', '251 to RCPT is a success.', async (x) => {
    x.mx.script = { on: { RCPT: '251 2.1.5 will be passed on to <elsewhere@example.net>' } }
    await x.send()
    await x.never('report', () => x.reports.length > 0, 800)
  }),
  one('replies/421-ends', 'RFC 5321 §3.8', 'may', 'Behind 421 nothing but QUIT is sent.', async (x) => {
    x.mx.script = { on: { RCPT: '421 4.3.2 shutting down' } }
    await x.hand({ to: ['one', 'two'] })
    const session = await x.until('a session', () => x.mx.sessions[0])
    await x.until('the end of the session', () => session.ended)
    const behind = session.commands.slice(session.commands.findIndex(({ verb }) => verb === 'RCPT') + 1)
    check(
      behind.every(({ verb }) => verb === 'QUIT'),
      'QUIT at most',
      behind.map(({ line }) => line).join(' / '),
    )
  }),
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
    await x.hand()
    await x.report()
    await x.never(
      'second attempt',
      () =>
        x.sessions
          .flatMap((s) => s.commands)
          .filter(({ verb, argument }) => verb === 'RCPT' && argument.includes(x.recipient)).length > 1,
    )
  }),
  should(
    'deferred/unchanged',
    'RFC 5321 §4.5.4.1',
    'Another attempt has the same envelope and the same text.',
    async (x) => {
      x.mx.script = { on: { '.': once('451 4.3.0 not now') } }
      await x.hand({ body: ['.dots', 'and text'] })
      const second = await x.again()
      const first = x.mails[0]!
      check(first.from === second.from && first.text === second.text, visible(first.text), visible(second.text))
    },
    RETRY,
  ),
  must(
    'partial/others-get-it',
    'RFC 5321 §3.3',
    'A refused recipient does not keep the others from getting the message.',
    async (x) => {
      x.mx.script = { on: { RCPT: ({ argument }) => (argument.includes('<bad@') ? '550 5.1.1 nobody here' : null) } }
      const mail = await x.send({ to: ['good', 'bad', 'fine'] })
      const taken = x.mails.flatMap(({ recipients }) => recipients).filter(({ code }) => isPositive(code))
      check(mail.text !== '' && taken.length === 2, 'both others', String(taken.length))
    },
  ),
  must(
    'partial/report',
    'RFC 3464 §2.3',
    'The report names the refused recipient, and not those who got the message.',
    async (x) => {
      x.mx.script = { on: { RCPT: ({ argument }) => (argument.includes('<bad@') ? '550 5.1.1 nobody here' : null) } }
      await x.hand({ to: ['good', 'bad', 'fine'] })
      const named = finalRecipients((await x.report()).text)
      check(String(named) === `bad@${x.domain}`, `bad@${x.domain} alone`, named.join(', '))
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
      await x.hand({ to: ['good', 'later', 'fine'] })
      const second = await x.until('a second attempt', () => x.mails[1], x.target.retryMs ?? 0)
      const names = second.recipients.map(({ path }) => path)
      check(String(names) === `later@${x.domain}`, `later@${x.domain} alone`, names.join(', '))
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
      const reached = () =>
        new Set(x.mails.flatMap(({ recipients }) => recipients.filter((r) => isPositive(r.code)).map((r) => r.path)))
      await x.until('all four recipients to get it', () => reached().size === 4, x.target.retryMs ?? 0)
      check(x.returns.length === 0, 'no report of a failure', 'one')
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
      const reached = () =>
        new Set(x.mails.flatMap(({ recipients }) => recipients.filter((r) => isPositive(r.code)).map((r) => r.path)))
      await x.until('all four recipients to get it', () => reached().size === 4 || x.returns[0], x.target.retryMs ?? 0)
      check(x.returns.length === 0, 'no report of a failure', 'one')
    },
    RETRY,
  ),
  should('partial/nobody', 'RFC 5321 §3.3', 'Where every recipient was refused, no text is sent.', async (x) => {
    x.mx.script = { on: { RCPT: '550 5.1.1 nobody here', DATA: '354 go on' } }
    await x.hand({ to: ['one', 'two'] })
    const session = await x.until('a session', () => x.mx.sessions[0])
    await x.until('the end of the session', () => session.ended ?? session.mails[0])
    check((session.mails[0]?.text ?? '') === '', 'no text', visible((session.mails[0]?.text ?? '').slice(0, 60)))
  }),
]

/** Addresses in the Final-Recipient fields of a report. */
export const finalRecipients = (text: string): string[] =>
  [...text.matchAll(/^Final-Recipient:\s*[^;\r\n]*;\s*<?([^\s<>]+)>?\s*$/gim)].map(([, address]) => address!)

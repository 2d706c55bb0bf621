// How replies are read, and what a client makes of their codes.
import { check, visible } from '../judgement.ts'
import { must, once, one, should } from './facts.ts'
import { type Answer, type Command, isPositive } from './session.ts'
import type { Exchange, Host, SmtpClientCase } from './suite.ts'

const RETRY = { retry: true } as const

/** Behind the reply to the command that the label begins with, the transaction is given up. */
async function checkEnded(x: Exchange, { sessions }: Host, label: string): Promise<void> {
  const session = await x.until('a session', () => sessions[0])
  const behind = (): Command | undefined => {
    const at = session.commands.findIndex(({ verb }) => label.startsWith(verb.toLowerCase()))
    return at < 0 ? undefined : session.commands[at + 1]
  }
  await x.until('an end, or another transaction', () => session.ended ?? behind())
  const next = behind()
  check(
    next === undefined || ['QUIT', 'RSET', 'NOOP', 'MAIL'].includes(next.verb),
    `an end of the transaction (${label})`,
    visible(next?.line ?? ''),
  )
}

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
      const places = await x.places({
        friendly: { on: { RCPT: '550 250 2.1.5 recipient ok' } },
        enhanced: { on: { RCPT: '550 2.1.5 recipient ok' } },
        again: { on: { RCPT: '550 5.1.1 no, but try again later' } },
      })
      const [sad] = await x.places({ sad: { on: { MAIL: '250 5.7.1 no', RCPT: '250 5.1.1 no', '.': '250 4.3.0 no' } } })
      await x.send()
      if (sad) {
        await x.hand({ to: [`rcpt@${sad[1].name}`] })
        await x.until('the message to be sent', () => x.mails[1])
      }
      await x.never('report, and no second copy', () => x.reports.length > 0 || x.mails.length > 2, 800)
      for (const [count, [, host]] of places.entries()) {
        await x.hand({ to: [`rcpt@${host.name}`] })
        await x.until('a report to the sender', () => x.returns[count])
      }
    },
  ),
  must('replies/bare', 'RFC 5321 §4.2', 'A reply may be a code without any text, or space.', async (x) => {
    const bare = { MAIL: '250', RCPT: '250', DATA: '354', '.': '250', QUIT: '221' }
    x.mx.script = { on: bare }
    const spaced = Object.fromEntries(Object.entries(bare).map(([verb, code]) => [verb, `${code} `]))
    const places = await x.places({ spaced: { on: spaced } })
    for (const path of [x.recipient, ...places.map(([, { name }]) => `rcpt@${name}`)]) {
      const before = x.mails.length
      await x.hand({ to: [path] })
      await x.until('the message to be sent', () => x.mails.length > before)
    }
    await x.never('report, and no second copy', () => x.reports.length > 0 || x.mails.length > 1 + places.length, 800)
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
          EHLO: slowly('250-conformance.test', '250-X-ONE', '250 8BITMIME'),
          HELO: slowly('250-conformance.test', '250 hello'),
          MAIL: slowly('250-one', '250-two', '250 three'),
          RCPT: slowly('250-one', '250 two'),
          DATA: slowly('354-one', '354 two'),
          '.': slowly('250-one', '250-', '250 three'),
          async QUIT(command, own) {
            // who does not wait for any reply is another case's
            await own.wire.speaks(300)
            const waited = !own.wire.over
            const last = await slowly('221-one', '221 two')(command, own)
            if (waited && own.wire.over) own.early.push('an end')
            return last
          },
        },
      }
      const { session } = await x.send()
      await x.until('the end of the session', () => session.ended)
      check(session.early.length === 0, 'nothing before the last line', visible(session.early.join()))
      await x.never('second attempt', () => x.sessions.filter((one) => one.count('MAIL') > 0).length > 1, 1200)
    },
  ),
  must(
    'replies/in-pieces',
    'RFC 5321 §4.2',
    'A reply is what CR LF ends, however it is cut into packets.',
    async (x) => {
      const slowly = (...lines: readonly string[]): Answer => ({ lines, slowly: true })
      x.mx.script = {
        on: {
          GREETING: slowly('220 conformance.test'),
          EHLO: slowly('250-conformance.test', '250 8BITMIME'),
          HELO: slowly('250 fine'),
          MAIL: slowly('250-2.1.0', '250 2.1.0 fine'),
          RCPT: slowly('250 2.1.5 fine'),
          DATA: slowly('354 go on'),
          '.': slowly('250-2.0.0', '250 2.0.0 taken'),
        },
      }
      await x.send()
      await x.never('report, and no second copy', () => x.reports.length > 0 || x.mails.length > 1, 800)
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
      const places = await x.places({
        mail: { on: { MAIL: '558 no' } },
        data: { on: { DATA: '557 no' } },
        text: { on: { '.': '556 no' } },
      })
      await x.hand()
      for (const [, host] of places) await x.hand({ to: [`rcpt@${host.name}`] })
      await x.until('a report about each', () => x.returns.length > places.length)
    },
  ),
  must(
    'replies/unknown-4yz',
    'RFC 5321 §4.3.2',
    'An unknown code that begins with 4 is a failure for now.',
    async (x) => {
      x.mx.script = { on: { RCPT: once('459 not now') } }
      const places = await x.places({
        mail: { on: { MAIL: once('458 not now') } },
        data: { on: { DATA: once('457 not now') } },
        text: { on: { '.': once('456 not now') } },
      })
      await x.hand()
      for (const [, host] of places) await x.hand({ to: [`rcpt@${host.name}`] })
      const taken = () => x.mails.filter(({ code }) => isPositive(code)).length
      await x.until('another attempt with each', () => taken() > places.length || x.returns[0], x.target.retryMs ?? 0)
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
      const places = await x.places({
        'mail-150': { on: { MAIL: '150 in a moment' } },
        'rcpt-150': { on: { RCPT: '150 in a moment', DATA: '354 go on' } },
      })
      await x.hand()
      for (const [, host] of places) await x.hand({ to: [`rcpt@${host.name}`] })
      for (const [label, host] of [['mail-650', x.mx], ...places] as const) await checkEnded(x, host, label)
    },
  ),
  must(
    'replies/intermediate',
    'RFC 5321 §4.2.1',
    'A reply that begins with 3 is no success: what gets one in the place of 250 does not count as done.',
    async (x) => {
      x.mx.script = { on: { '.': once('354 go on') } }
      const places = await x.places({
        'mail-354': { on: { MAIL: '354 go on' } },
        'rcpt-354': { on: { RCPT: '354 go on', DATA: '354 go on' } },
      })
      for (const [, host] of places) await x.hand({ to: [`rcpt@${host.name}`] })
      for (const [label, host] of places) await checkEnded(x, host, label)
      await x.hand()
      await x.until(
        'another attempt, or a report to the sender',
        () => x.mails.find(({ code }) => isPositive(code)) ?? x.returns[0],
        x.target.retryMs ?? 0,
      )
    },
    RETRY,
  ),
  must('replies/251', 'RFC 5321 §3.4', '251 to RCPT is a success.', async (x) => {
    x.mx.script = { on: { RCPT: '251 2.1.5 will be passed on to <elsewhere@example.net>' } }
    await x.send()
    await x.never('report', () => x.reports.length > 0, 800)
  }),
  one('replies/421-ends', 'RFC 5321 §3.8', 'may', 'Behind 421 nothing but QUIT is sent.', async (x) => {
    x.mx.script = { on: { RCPT: '421 4.3.2 shutting down' } }
    const places = await x.places({
      mail: { on: { MAIL: '421 4.3.2 shutting down' } },
      data: { on: { DATA: '421 4.3.2 shutting down' } },
    })
    await x.hand({ to: ['one', 'two'] })
    for (const [, { name }] of places) await x.hand({ to: [`one@${name}`, `two@${name}`] })
    for (const [point, { sessions }] of [['rcpt', x.mx], ...places] as const) {
      const session = await x.until('a session', () => sessions[0])
      await x.until('the end of the session', () => session.ended)
      const behind = session.commands.slice(session.commands.findIndex(({ verb }) => verb.toLowerCase() === point) + 1)
      check(
        behind.every(({ verb }) => verb === 'QUIT'),
        `QUIT at most (421 to ${point.toUpperCase()})`,
        behind.map(({ line }) => line).join(' / '),
      )
    }
  }),
]

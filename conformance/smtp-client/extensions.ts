// Extensions of SMTP from the client's side: PIPELINING, SIZE, CHUNKING, STARTTLS.
import { check, Skipped, visible } from '../judgement.ts'
import { bodyOf, checkNoText, checkWhole, demanding, isHostName, must, once, one, patiently, should } from './facts.ts'
import { checkHeader } from './message.ts'
import { checkBlame } from './refusals.ts'
import { type Act, type Answer, multiline, type Script, type Session } from './session.ts'
import { type Exchange, type Letter, RICH, type SmtpClientCase } from './suite.ts'

const PIPELINING = [...RICH, 'PIPELINING'] as const
const RETRY = { retry: true } as const

const tlsSession = async (x: Exchange, script: Script = {}, letter: Letter = {}): Promise<Session> => {
  x.mx.script = { tls: true, offers: RICH, ...script }
  const { session } = await x.send(letter)
  if (session.count('STARTTLS') === 0) throw new Skipped('the client does not use STARTTLS')
  return session
}

const EIGHT_BIT = {
  fromParameters: 'BODY=8BITMIME',
  header: ['MIME-Version: 1.0', 'Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: 8bit'],
  body: ['gr\xc3\xbc\xc3\x9fe'],
}

/** Commands behind STARTTLS. */
const within = ({ commands }: Session) => commands.slice(commands.findIndex(({ verb }) => verb === 'STARTTLS') + 1)

export const extensionCases: readonly SmtpClientCase[] = [
  must(
    'pipelining/last-in-group',
    'RFC 2920 §3.1',
    'EHLO, DATA and QUIT are the last command of a group: what comes behind waits for their replies.',
    async (x) => {
      const wait = patiently(250)
      x.mx.script = { offers: PIPELINING, on: { EHLO: wait, DATA: wait, QUIT: wait } }
      const { session } = await x.send({ to: ['one', 'two'] })
      await x.until('the end of the session', () => session.ended)
      check(session.early.length === 0, 'nothing behind EHLO, DATA or QUIT', session.early.join(', '))
    },
  ),
  must(
    'pipelining/correlation',
    'RFC 2920 §3.1',
    'Replies belong to commands by their order: the recipient that was refused is the one that is reported.',
    async (x) => {
      const refused = { bad: '550 5.1.1 all have left', worse: '550 5.2.1 worse is closed' }
      const replies: { readonly [local: string]: readonly string[] } = {
        good: ['250-2.1.5 fine', '250 2.1.5 indeed'],
        bad: ['550-5.1.1 nobody', '550-5.1.1 at', refused.bad],
        worse: [refused.worse],
        fine: ['250'],
        last: ['251-2.1.5 will', '251 2.1.5 be passed on'],
      }
      x.mx.script = {
        offers: PIPELINING,
        on: { RCPT: ({ argument }) => replies[/<([^@]*)@/.exec(argument)?.[1] ?? ''] ?? null },
      }
      await x.hand({ to: Object.keys(replies) })
      await checkBlame(x, refused)
    },
  ),
  must('pipelining/replies-together', 'RFC 2920 §3.1', 'Replies that come in one packet are told apart.', async (x) => {
    const together =
      (line: string) =>
      (_command: unknown, session: Session): Answer => ({
        lines: [line],
        ...(session.wire.waiting() === '' ? {} : { hold: true }),
      })
    x.mx.script = {
      offers: PIPELINING,
      on: { MAIL: together('250 2.1.0 fine'), RCPT: together('250 2.1.5 fine') },
    }
    const mail = await x.send({ to: ['one', 'two', 'three'] })
    checkWhole(x, mail, 'one', 'two', 'three')
    await x.never('report, and no second copy', () => x.reports.length > 0 || x.mails.length > 1, 800)
  }),
  must(
    'pipelining/mail-refused',
    'RFC 2920 §3.1',
    'Where MAIL was refused within a group, no text is sent, and the message is returned.',
    async (x) => {
      x.mx.script = {
        offers: PIPELINING,
        on: { MAIL: '550 5.7.1 not from you', RCPT: '503 5.5.1 MAIL first', DATA: '354 go on' },
      }
      await x.hand()
      const { text } = await x.report()
      checkNoText(x)
      check(/5\.7\.1|not from you/.test(text), 'the reply to MAIL in the report', visible(bodyOf(text).slice(0, 600)))
    },
  ),
  should(
    'pipelining/single-dot',
    'RFC 2920 §3.1',
    'Where no recipient was taken but DATA was, the client sends a single period.',
    async (x) => {
      x.mx.script = { offers: PIPELINING, on: { RCPT: '550 5.1.1 nobody here', DATA: '354 go on' } }
      await x.hand({ to: ['one', 'two'] })
      const session = await x.until('a session', () => x.mx.sessions[0])
      await x.until('the end of the transaction', () => session.ended ?? session.mails[0])
      if (session.count('DATA') === 0) throw new Skipped('the client did not send DATA')
      const text = session.mails[0]?.text
      check(text === '', 'a single period', text === undefined ? 'an end' : visible(text.slice(0, 100)))
    },
  ),
  must('size/only-offered', 'RFC 5321 §4.1.1.11', 'Without SIZE offered, MAIL has no SIZE parameter.', async (x) => {
    x.mx.script = { offers: ['8BITMIME'] }
    const mail = await x.send()
    check(!mail.parameters.some((text) => /^SIZE\b/i.test(text)), 'no SIZE', mail.parameters.join(' '))
  }),
  should('size/declared', 'RFC 1870 §5', 'The size that MAIL declares is near the size of the message.', async (x) => {
    x.mx.script = { offers: ['SIZE 50000000'] }
    const header = Array.from({ length: 16 }, (_, i) => `X-${i}: ${'x'.repeat(490)}`)
    const mail = await x.send({ header, body: Array.from({ length: 100 }, () => 'x'.repeat(98)) })
    const given = mail.parameters.find((text) => /^SIZE=/i.test(text))
    if (given === undefined) throw new Skipped('the client declares no size')
    const size = Number(/^SIZE=(\d{1,20})$/i.exec(given)?.[1] ?? Number.NaN)
    const isNear = Math.abs(size - mail.text.length) < mail.text.length / 10
    check(isNear, `about ${mail.text.length}`, given)
  }),
  must(
    'size/no-maximum',
    'RFC 1870 §3',
    'A server that offers SIZE with 0, or without a number, names no limit: mail is sent to it.',
    async (x) => {
      x.mx.script = { offers: ['SIZE 0'] }
      const places = await x.places({ bare: { offers: ['SIZE'] } })
      await x.hand()
      for (const [, host] of places) await x.hand({ to: [`rcpt@${host.name}`] })
      for (const { sessions } of [x.mx, ...places.map(([, host]) => host)])
        await x.until('the message', () => sessions.find(({ mails }) => mails.length > 0) ?? x.returns[0])
      check(x.returns.length === 0, 'no report of a failure', 'one')
    },
  ),
  should(
    'size/too-big',
    'RFC 1870 §6.2',
    "A message that 552 to MAIL calls too big for the server's SIZE is returned, and its text is not sent.",
    async (x) => {
      let told = false
      x.mx.script = {
        offers: ['SIZE 2000'],
        on: {
          MAIL({ argument }) {
            if (!/SIZE=\d/i.test(argument)) return null
            told = true
            return '552 5.3.4 too big'
          },
          RCPT: '250 2.1.5 fine',
          // who was told so must not come as far
          DATA: () => (told ? '354 go on' : '552 5.3.4 too big'),
        },
      }
      await x.hand({ body: Array.from({ length: 300 }, () => 'x'.repeat(98)) })
      await x.report()
      checkNoText(x)
    },
  ),
  must('chunking/only-offered', 'RFC 3030 §2', 'Without CHUNKING offered, the text goes by DATA.', async (x) => {
    x.mx.script = { offers: RICH }
    for (const [count, letter] of [{}, ...(x.takes('8BITMIME') ? [EIGHT_BIT] : [])].entries()) {
      await x.hand(letter)
      const { session } = await x.until('the message', () => x.mails[count])
      check(session.count('BDAT') === 0, 'no BDAT', 'BDAT')
    }
  }),
  must(
    'chunking/transfer',
    'RFC 3030 §2',
    'BDAT carries the text as it is, no periods added, and ends with LAST.',
    async (x) => {
      x.mx.script = { offers: [...RICH, 'CHUNKING'], on: { BDAT: patiently(150) } }
      const body = ['.', '..x', 'text', '.', ...Array.from({ length: 4000 }, (_, i) => `${i} ${'x'.repeat(60)}`)]
      const mail = await x.send({ body })
      if (mail.via !== 'BDAT') throw new Skipped('the client does not use BDAT')
      const { session } = mail
      await x.until('the end of the session', () => session.ended)
      const { commands, early } = session
      const strange = commands
        .slice(commands.findIndex(({ verb }) => verb === 'BDAT'))
        .find(({ line }) => !/^(BDAT \d+( LAST)?|RSET|QUIT)$/i.test(line))
      check(strange === undefined, 'BDAT, a size, LAST', visible(strange?.line ?? ''))
      const [wanted, found] = [bodyOf(x.handed), bodyOf(mail.text)]
      check(found === wanted, `${wanted.length} octets as they were`, `${found.length} octets, or others`)
      checkHeader(x, mail)
      check(early.length === 0, 'each chunk to wait for the reply to the one before', early.join(', '))
    },
  ),
  must(
    'chunking/refused',
    'RFC 3030 §2',
    'A message of which a chunk is refused is returned, and nothing more of its text is sent.',
    async (x) => {
      const refusal = '554 5.6.0 not this one'
      const behind: string[] = []
      const refuse: Act = async (_command, session) => {
        await session.wire.write(`${refusal}\r\n`)
        await session.wire.speaks(700)
        behind.push(session.wire.waiting())
        return []
      }
      x.mx.script = { offers: [...RICH, 'CHUNKING'], on: { BDAT: refuse, '.': refusal } }
      await x.hand({ body: Array.from({ length: 4000 }, (_, i) => `${i} ${'x'.repeat(60)}`) })
      await x.report()
      if (!x.mx.sessions.some((session) => session.count('BDAT') > 0)) throw new Skipped('the client does not use BDAT')
      check(!x.mx.sessions.some((session) => session.count('DATA') > 0), 'no DATA behind the refusal', 'DATA')
      check(
        behind.every((said) => !/^BDAT/i.test(said)),
        'no chunk behind the refusal',
        visible(behind.join()),
      )
    },
  ),
]

export const tlsCases: readonly SmtpClientCase[] = [
  must('tls/only-offered', 'RFC 3207 §4', 'Without STARTTLS offered, the command is not sent.', async (x) => {
    x.mx.script = { offers: RICH }
    const { session } = await x.send()
    check(session.count('STARTTLS') === 0, 'no STARTTLS', 'STARTTLS')
  }),
  one('tls/used', 'RFC 3207 §4', 'may', 'STARTTLS is used where it is offered.', async (x) => {
    x.mx.script = { tls: true, offers: RICH }
    const { session } = await x.send()
    check(session.wire.secure, 'TLS', 'the message in the clear')
  }),
  must('tls/wait', 'RFC 3207 §4', 'Nothing is sent behind STARTTLS before its reply.', async (x) => {
    const session = await tlsSession(x, { offers: PIPELINING, on: { STARTTLS: patiently(500) } })
    check(session.early.length === 0, 'nothing before 220', session.early.join())
  }),
  should('tls/ehlo-again', 'RFC 3207 §4.2', 'EHLO is the first command within TLS.', async (x) => {
    const session = await tlsSession(x)
    const first = within(session)[0]
    check(first?.verb === 'EHLO', 'EHLO', visible(first?.line ?? ''))
    check(isHostName(first.argument), 'a domain or an address literal', visible(first.line))
  }),
  must('tls/forgets', 'RFC 3207 §4.2', 'What the server offered in the clear does not count within TLS.', async (x) => {
    const wait = patiently(120)
    const on = { MAIL: wait, RCPT: wait, DATA: wait }
    const offers = [...PIPELINING, 'CHUNKING']
    const session = await tlsSession(x, { offers, secureOffers: [], on }, demanding(x))
    const used = within(session).filter(
      ({ verb, line }) => verb === 'BDAT' || (/^(MAIL|RCPT)$/.test(verb) && />\s+\S/.test(line)),
    )
    check(used.length === 0, 'no parameters and no BDAT', used.map(({ line }) => line).join(' / '))
    check(session.early.length === 0, 'no pipelining', session.early.join())
    if (!x.takes('8BITMIME')) return
    const utf8 = { ...EIGHT_BIT, fromParameters: 'BODY=8BITMIME SMTPUTF8', header: ['Comments: gr\xc3\xbc\xc3\x9fe'] }
    for (const letter of [EIGHT_BIT, ...(x.takes('SMTPUTF8') ? [utf8] : [])]) {
      const before = x.mails.length + x.reports.length
      await x.hand(letter)
      await x.until('the message converted, or returned', () => x.mails.length + x.reports.length > before)
      const { parameters } = x.mails.at(-1)!
      check(parameters.length === 0, 'no 8BITMIME and no SMTPUTF8', parameters.join(' '))
    }
  }),
  must(
    'tls/injection',
    'RFC 3207 §6',
    'Replies that came in the clear behind 220 are not taken for replies within TLS.',
    async (x) => {
      const answered: number[] = []
      x.mx.script = {
        tls: true,
        on: {
          STARTTLS: [
            '220 2.0.0 go ahead',
            ...multiline(250, ['conformance.test', 'X-INJECTED', 'SIZE 100']),
            '250 2.1.0 fine',
          ],
          async EHLO(_command, own) {
            if (!own.wire.secure) return null
            await own.wire.speaks(500)
            answered.push(own.wire.waiting().length)
            return null
          },
        },
      }
      await x.hand()
      const session = await x.until('a session', () => x.mx.sessions[0])
      await x.until('the message, or an end', () => x.mails[0] ?? session.ended)
      if (session.count('STARTTLS') === 0) throw new Skipped('the client does not use STARTTLS')
      check(
        answered.every((count) => count === 0),
        'the client to wait for the reply to EHLO',
        'a command before it',
      )
      const parameters = x.mails[0]?.parameters ?? []
      check(parameters.length === 0, 'nothing that only the injected reply offers', parameters.join(' '))
    },
  ),
  must('tls/refused', 'RFC 3207 §4', 'Behind 454 to STARTTLS no handshake is begun.', async (x) => {
    const behind: string[] = []
    x.mx.script = {
      tls: true,
      offers: RICH,
      on: {
        async STARTTLS(_command, session) {
          await session.wire.write('454 4.7.0 not now\r\n')
          await session.wire.speaks(1500)
          behind.push(session.wire.waiting())
          return []
        },
      },
    }
    await x.hand()
    await x.until('STARTTLS, or the message', () => behind[0] !== undefined || x.mails[0])
    if (behind[0] === undefined) throw new Skipped('the client does not use STARTTLS')
    check(/^(|[A-Z]{4}\b.*\r\n)$/is.test(behind[0]), 'a command, or an end', visible(behind[0]))
  }),
  must(
    'tls/not-twice',
    'RFC 3207 §4.2',
    'STARTTLS is not sent within TLS, even where it is offered there.',
    async (x) => {
      const session = await tlsSession(x, { secureOffers: [...RICH, 'STARTTLS'] })
      check(session.count('STARTTLS') === 1, 'one STARTTLS', String(session.count('STARTTLS')))
    },
  ),
  must(
    'tls/failure',
    'RFC 3207 §6',
    'A handshake that fails does not lose the mail: it is sent all the same, tried again, or returned.',
    async (x) => {
      x.mx.script = {
        tls: true,
        offers: RICH,
        on: {
          STARTTLS: once({ lines: ['220 2.0.0 go ahead', 'this is no TLS'], close: true }),
        },
      }
      await x.hand()
      await x.until(
        'the message, or a report to its sender',
        () => x.mails.find(({ code }) => code === 250) ?? x.returns[0],
        x.target.retryMs ?? 0,
      )
    },
    RETRY,
  ),
]

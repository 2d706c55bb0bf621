// Extensions of SMTP from the client's side: PIPELINING, SIZE, CHUNKING, STARTTLS.
import { check, Skipped, visible } from '../judgement.ts'
import { bodyOf, must, once, one, patiently, should } from './facts.ts'
import { finalRecipients } from './replies.ts'
import { type Answer, multiline, type Script, type Session } from './session.ts'
import { type Exchange, RICH, type SmtpClientCase } from './suite.ts'

const PIPELINING = [...RICH, 'PIPELINING'] as const
const RETRY = { retry: true } as const

const tlsSession = async (x: Exchange, script: Script = {}): Promise<Session> => {
  x.mx.script = { tls: true, offers: RICH, ...script }
  const { session } = await x.send()
  if (session.count('STARTTLS') === 0) throw new Skipped('the client does not use STARTTLS')
  return session
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
      x.mx.script = {
        offers: PIPELINING,
        on: {
          RCPT: ({ argument }) =>
            argument.includes('<bad@')
              ? ['550-5.1.1 nobody', '550-5.1.1 at', '550 5.1.1 all']
              : ['250-2.1.5 fine', '250 2.1.5 indeed'],
        },
      }
      await x.hand({ to: ['good', 'bad', 'fine'] })
      const named = finalRecipients((await x.report()).text)
      check(String(named) === `bad@${x.domain}`, `bad@${x.domain} alone`, named.join(', '))
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
    check(mail.recipients.length === 3, 'three recipients', String(mail.recipients.length))
  }),
  must(
    'pipelining/mail-refused',
    'RFC 2920 §3.1',
    'Where MAIL was refused within a group, no text is sent, and the message is returned.',
    async (x) => {
      x.mx.script = {
        offers: PIPELINING,
        on: { MAIL: '550 5.7.1 not from you', RCPT: '503 5.5.1 MAIL first', DATA: '503 5.5.1 MAIL first' },
      }
      await x.hand()
      const { text } = await x.report()
      check(
        /5\.7\.1|not from you|550/.test(text),
        'the reply to MAIL in the report',
        visible(bodyOf(text).slice(0, 600)),
      )
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
    check(!mail.parameters.some((text) => /^SIZE=/i.test(text)), 'no SIZE', mail.parameters.join(' '))
  }),
  should('size/declared', 'RFC 1870 §5', 'The size that MAIL declares is near the size of the message.', async (x) => {
    x.mx.script = { offers: ['SIZE 50000000'] }
    const mail = await x.send({ body: Array.from({ length: 300 }, () => 'x'.repeat(98)) })
    const given = mail.parameters.find((text) => /^SIZE=/i.test(text))
    if (given === undefined) throw new Skipped('the client declares no size')
    const size = Number(/^SIZE=(\d{1,20})$/i.exec(given)?.[1] ?? Number.NaN)
    check(size > mail.text.length / 2 && size < mail.text.length * 2, `about ${mail.text.length}`, given)
  }),
  should(
    'size/too-big',
    'RFC 1870 §6.2',
    "A message that 552 to MAIL calls too big for the server's SIZE is returned, and its text is not sent.",
    async (x) => {
      x.mx.script = {
        offers: ['SIZE 2000'],
        on: {
          MAIL: ({ argument }) => (/SIZE=\d/i.test(argument) ? '552 5.3.4 too big' : null),
          DATA: '552 5.3.4 too big',
        },
      }
      await x.hand({ body: Array.from({ length: 300 }, () => 'x'.repeat(98)) })
      await x.report()
    },
  ),
  must('chunking/only-offered', 'RFC 3030 §2', 'Without CHUNKING offered, the text goes by DATA.', async (x) => {
    x.mx.script = { offers: RICH }
    const { session } = await x.send()
    check(session.count('BDAT') === 0, 'no BDAT', 'BDAT')
  }),
  must(
    'chunking/transfer',
    'RFC 3030 §2',
    'BDAT carries the text as it is, no periods added, and ends with LAST.',
    async (x) => {
      x.mx.script = { offers: [...RICH, 'CHUNKING'] }
      const body = ['.', '..x', 'text', '.']
      const mail = await x.send({ body })
      if (mail.via !== 'BDAT') throw new Skipped('the client does not use BDAT')
      check(bodyOf(mail.text) === `${body.join('\r\n')}\r\n`, visible(body.join('\r\n')), visible(bodyOf(mail.text)))
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
  }),
  must('tls/forgets', 'RFC 3207 §4.2', 'What the server offered in the clear does not count within TLS.', async (x) => {
    const wait = patiently(120)
    const session = await tlsSession(x, {
      offers: [...PIPELINING, 'CHUNKING'],
      secureOffers: [],
      on: {
        MAIL: (command, own) => (own.wire.secure && typeof wait === 'function' ? wait(command, own) : null),
        RCPT: (command, own) => (own.wire.secure && typeof wait === 'function' ? wait(command, own) : null),
      },
    })
    const used = within(session).filter(
      ({ verb, line }) => verb === 'BDAT' || (/^(MAIL|RCPT)$/.test(verb) && />\s+\S/.test(line)),
    )
    check(used.length === 0, 'no parameters and no BDAT', used.map(({ line }) => line).join(' / '))
    check(session.early.length === 0, 'no pipelining', session.early.join())
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
    },
  ),
  must('tls/refused', 'RFC 3207 §4', 'Behind 454 to STARTTLS no handshake is begun.', async (x) => {
    x.mx.script = {
      tls: true,
      offers: RICH,
      on: {
        STARTTLS: '454 4.7.0 not now',
      },
    }
    await x.hand()
    const session = await x.until(
      'STARTTLS, or the message',
      () => x.mx.sessions.find((s) => s.count('STARTTLS') > 0) ?? x.mails[0]?.session,
    )
    if (session.count('STARTTLS') === 0) throw new Skipped('the client does not use STARTTLS')
    await x.until('something behind 454', () => session.ended ?? within(session)[0])
    const next = within(session)[0]
    check(next === undefined || /^[A-Z]{4}\b/i.test(next.line), 'a command, or an end', visible(next?.line ?? ''))
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

// How a session is opened and closed: greeting, EHLO and HELO, QUIT.
import { check, Skipped, visible } from '../judgement.ts'
import { isAddressLiteral, isLdhDomain, mailCommand, must, once, patiently, rcptCommand, should } from './facts.ts'
import type { Exchange, SmtpClientCase } from './suite.ts'

const RETRY = { retry: true } as const
const NOT_EHLO = '502 5.5.1 not implemented'

const firstSession = (x: Exchange) => x.until('a connection', () => x.sessions[0])

const openedBy = async (x: Exchange) => {
  await x.hand()
  const session = await firstSession(x)
  await x.until('EHLO or HELO', () => session.commands[0])
  return session
}

export const openingCases: readonly SmtpClientCase[] = [
  should('greeting/wait', 'RFC 5321 §4.3.1', 'Nothing is sent before the greeting has come.', async (x) => {
    x.mx.script = { on: { GREETING: patiently(1200) } }
    const { session } = await x.send()
    check(session.early.length === 0, 'nothing before the greeting', session.early.join())
  }),
  must('greeting/multi-line', 'RFC 5321 §4.2.1', 'A greeting of several lines is read to its last one.', async (x) => {
    x.mx.script = {
      on: {
        async GREETING(_command, session) {
          await session.wire.write('220-conformance.test ESMTP\r\n')
          await session.wire.speaks(400)
          if (session.wire.waiting() !== '') session.early.push(session.wire.waiting())
          return '220 at your service'
        },
      },
    }
    const { session } = await x.send()
    check(session.early.length === 0, 'nothing before the last line of the greeting', visible(session.early.join()))
  }),
  must('greeting/long', 'RFC 5321 §4.5.3.1.5', 'A reply line of 512 octets is read.', async (x) => {
    x.mx.script = { on: { GREETING: `220 conformance.test ${'x'.repeat(512 - 2 - 21)}` } }
    await x.send()
  }),
  must('greeting/refused', 'RFC 5321 §3.1', 'A connection that is greeted by 554 is used for no mail.', async (x) => {
    x.mx.script = { on: { GREETING: '554 5.3.2 no SMTP service here' } }
    await x.hand()
    const session = await firstSession(x)
    await x.until('the end of the session', () => session.ended)
    check(session.count('MAIL') === 0, 'no MAIL behind a greeting with 554', mailCommand(session))
  }),
  must(
    'greeting/not-now',
    'RFC 5321 §4.5.4.1',
    'Mail that a greeting with 421 keeps from being sent is queued and tried again.',
    async (x) => {
      let first = true
      x.mx.script = {
        on: {
          GREETING: () => {
            if (!first) return null
            first = false
            return { lines: ['421 4.3.2 not now'], close: true }
          },
        },
      }
      await x.hand()
      await x.again()
    },
    RETRY,
  ),
  should('hello/ehlo-first', 'RFC 5321 §4.1.1.1', 'A session begins with EHLO.', async (x) => {
    const session = await openedBy(x)
    check(session.commands[0]!.verb === 'EHLO', 'EHLO', `"${visible(session.commands[0]!.line)}"`)
  }),
  must('hello/before-mail', 'RFC 5321 §4.1.1.1', 'EHLO or HELO comes before the first MAIL.', async (x) => {
    const { session } = await x.send()
    const verbs = session.commands.map(({ verb }) => verb)
    const hello = verbs.findIndex((verb) => verb === 'EHLO' || verb === 'HELO')
    check(hello >= 0 && hello < verbs.indexOf('MAIL'), 'EHLO or HELO before MAIL', verbs.join(', '))
  }),
  must('hello/argument', 'RFC 5321 §4.1.1.1', 'EHLO has one argument: a domain or an address literal.', async (x) => {
    const session = await openedBy(x)
    const { argument, line } = session.commands[0]!
    check(isLdhDomain(argument) || isAddressLiteral(argument), 'a domain or an address literal', `"${visible(line)}"`)
  }),
  should(
    'hello/fully-qualified',
    'RFC 5321 §2.3.5',
    'The name in EHLO is fully qualified, or an address literal.',
    async (x) => {
      const session = await openedBy(x)
      const { argument } = session.commands[0]!
      check(argument.includes('.') || isAddressLiteral(argument), 'a name with a dot', `"${visible(argument)}"`)
    },
  ),
  should('hello/fallback', 'RFC 5321 §3.2', 'A server that does not know EHLO gets HELO.', async (x) => {
    x.mx.script = { on: { EHLO: '500 5.5.1 what?' } }
    const { session } = await x.send()
    check(session.count('HELO') === 1, 'HELO', session.commands.map(({ line }) => line).join(' / '))
  }),
  must('hello/plain-after-helo', 'RFC 5321 §4.1.1.11', 'Behind HELO, MAIL and RCPT have no parameters.', async (x) => {
    x.mx.script = { on: { EHLO: NOT_EHLO } }
    await x.hand()
    const mail = await x.until('the message, or a refusal of it to the sender', () => x.mails[0] ?? x.reports[0])
    if (x.isReport(mail)) throw new Skipped('the MTA does not send to a server without EHLO')
    const parameters = [mail.parameters, ...mail.recipients.map((to) => to.parameters)].flat()
    check(parameters.length === 0, 'no parameters', parameters.join(' '))
  }),
  must('hello/keyword-case', 'RFC 5321 §4.1.1.1', 'EHLO keywords are recognised in any case.', async (x) => {
    const offers = ['8BITMIME', 'SIZE 50000000', 'DSN', 'SMTPUTF8']
    const letter = {
      wants: ['8BITMIME'],
      fromParameters: 'BODY=8BITMIME',
      header: ['MIME-Version: 1.0', 'Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: 8bit'],
      body: ['gr\xc3\xbc\xc3\x9fe', ...Array.from({ length: 1200 }, () => 'x'.repeat(70))],
    }
    const used: string[] = []
    for (const spelling of [offers, offers.map((offer) => offer.toLowerCase())]) {
      x.mx.script = { offers: spelling }
      await x.hand(letter)
      const mail = await x.until('the message', () => x.mails[used.length])
      used.push(mail.parameters.map((text) => text.split('=')[0]!.toUpperCase()).join(' '))
    }
    if (used[0] === '') throw new Skipped('the client uses none of them on MAIL')
    check(used[1] === used[0], `${used[0]} as with keywords in upper case`, used[1] || 'no parameters')
  }),
  must(
    'hello/unknown-keywords',
    'RFC 5321 §4.1.1.1',
    'Keywords that the client does not know do not keep it from sending.',
    async (x) => {
      x.mx.script = { offers: ['X-CONFORMANCE a=b c', 'XYZZY', 'NO-SOLICITING', 'LIMITS RCPTMAX=1000', '9PLUS'] }
      await x.send()
    },
  ),
  must('hello/nothing-offered', 'RFC 5321 §4.1.1.1', 'An EHLO reply of one line is enough.', async (x) => {
    x.mx.script = { on: { EHLO: '250 conformance.test' } }
    await x.send()
  }),
  must(
    'hello/all-refused',
    'RFC 5321 §4.1.1.1',
    'Where neither EHLO nor HELO is taken, no mail transaction is begun.',
    async (x) => {
      x.mx.script = { on: { EHLO: '550 5.7.1 not you', HELO: '550 5.7.1 not you' } }
      await x.hand()
      const session = await firstSession(x)
      await x.until('the end of the session', () => session.ended)
      check(session.count('MAIL') === 0, 'no MAIL', mailCommand(session))
    },
  ),
  must('quit/sent', 'RFC 5321 §4.1.1.10', 'QUIT is sent before the client closes the connection.', async (x) => {
    const { session } = await x.send()
    await x.until('QUIT', () => session.ended)
    if (session.ended === 'dropped') throw new Skipped('the client keeps the connection')
    check(session.count('QUIT') === 1, 'QUIT', 'a closed connection')
  }),
  should('quit/waits', 'RFC 5321 §4.1.1.10', 'The client waits for the reply to QUIT.', async (x) => {
    let gone = false
    x.mx.script = {
      on: {
        async QUIT(_command, session) {
          await session.wire.speaks(700)
          gone = session.wire.over
          return null
        },
      },
    }
    const { session } = await x.send()
    await x.until('QUIT', () => session.ended)
    if (session.count('QUIT') === 0) throw new Skipped('the client sent no QUIT')
    check(!gone, 'the client to wait for 221', 'a closed connection')
  }),
  must(
    'quit/after-refusal',
    'RFC 5321 §4.1.1.10',
    'QUIT is sent before the connection is closed after a refusal, too.',
    async (x) => {
      x.mx.script = { on: { RCPT: '550 5.1.1 nobody here' } }
      await x.hand()
      const session = await firstSession(x)
      await x.until('QUIT', () => session.ended)
      if (session.ended === 'dropped') throw new Skipped('the client keeps the connection')
      check(session.count('QUIT') === 1, 'QUIT', 'a closed connection')
    },
  ),
  must('commands/order', 'RFC 5321 §3.3', 'A transaction is one MAIL, then RCPT, then DATA.', async (x) => {
    const { session } = await x.send({ to: ['rcpt', 'other'] })
    const verbs = session.commands
      .map(({ verb }) => verb)
      .filter((verb) => ['MAIL', 'RCPT', 'DATA', 'BDAT'].includes(verb))
    check(/^MAIL( RCPT)+ (DATA|BDAT( BDAT)*)$/.test(verbs.join(' ')), 'MAIL, RCPT …, DATA', verbs.join(', '))
  }),
  must(
    'commands/wait',
    'RFC 5321 §4.3.1',
    'Where pipelining is not offered, each command waits for the reply to the one before.',
    async (x) => {
      const wait = patiently(150)
      x.mx.script = { offers: ['8BITMIME'], on: { EHLO: wait, MAIL: wait, RCPT: wait, DATA: wait } }
      const { session } = await x.send({ to: ['rcpt', 'other'] })
      check(session.early.length === 0, 'no command before the reply to the last one', session.early.join(', '))
    },
  ),
  must('commands/crlf', 'RFC 5321 §2.3.8', 'Command lines end in CR LF and hold no other CR or LF.', async (x) => {
    const { session } = await x.send()
    await x.until('the end of the session', () => session.ended ?? session.count('DATA'))
    check(session.bareLines === 0, 'CR LF behind every command', `${session.bareLines} lines ended by a bare LF`)
    const strange = session.commands.find(({ line }) => /[\r\n]/.test(line))
    check(strange === undefined, 'no bare CR', visible(strange?.line ?? ''))
  }),
  must('commands/ascii', 'RFC 5321 §2.4', 'Commands are ASCII where no extension allows more.', async (x) => {
    const { session } = await x.send()
    const strange = session.commands.find(({ line }) => /[^\x20-\x7e]/.test(line))
    check(strange === undefined, 'printable ASCII', visible(strange?.line ?? ''))
  }),
  must('commands/bare-verbs', 'RFC 5321 §4.1.1', 'DATA, RSET and QUIT have no argument.', async (x) => {
    const { session } = await x.send()
    await x.until('the end of the session', () => session.ended)
    const strange = session.commands.find(({ line }) => /^(DATA|RSET|QUIT)./i.test(line))
    check(strange === undefined, 'the bare verb', `"${visible(strange?.line ?? '')}"`)
  }),
  must(
    'commands/mail-syntax',
    'RFC 5321 §4.1.1.2',
    'MAIL FROM: is followed by the path in angle brackets at once.',
    async (x) => {
      const { session } = await x.send()
      const line = mailCommand(session)
      check(/^MAIL FROM:<[^\s<>]*>( [\x21-\x7e]+)*$/i.test(line), 'MAIL FROM:<path>', `"${visible(line)}"`)
    },
  ),
  must(
    'commands/rcpt-syntax',
    'RFC 5321 §4.1.1.3',
    'RCPT TO: is followed by the path in angle brackets at once.',
    async (x) => {
      const { session } = await x.send()
      const line = rcptCommand(session)
      check(/^RCPT TO:<[^\s<>]+>( [\x21-\x7e]+)*$/i.test(line), 'RCPT TO:<path>', `"${visible(line)}"`)
    },
  ),
  must(
    'commands/fresh-transaction',
    'RFC 5321 §4.1.1.2',
    'A second message on the same connection has a transaction, and recipients, of its own.',
    async (x) => {
      await x.hand({ to: ['one'] })
      await x.until('the first message', () => x.mails[0])
      await x.hand({ to: ['two'] })
      const second = await x.until('the second message', () => x.mails[1])
      const names = second.recipients.map(({ path }) => path)
      check(String(names) === `two@${x.domain}`, `two@${x.domain} alone`, names.join(', '))
    },
  ),
  should(
    'commands/kept-connection-lost',
    'RFC 5321 §3.8',
    'A connection that the server gave up between two messages does not lose the second.',
    async (x) => {
      x.mx.script = { on: { '.': once({ lines: ['250 2.0.0 taken', '421 4.4.2 idle'], close: true }) } }
      await x.hand({ to: ['one'] })
      await x.until('the first message', () => x.mails[0])
      await x.hand({ to: ['two'] })
      await x.until('the second message', () => x.mails[1], Math.max(x.target.answerMs, x.target.retryMs ?? 0))
    },
  ),
  should(
    'commands/one-copy',
    'RFC 5321 §4.5.4.1',
    'Recipients in one domain get one copy, in one transaction.',
    async (x) => {
      const mail = await x.send({ to: ['one', 'two', 'three'] })
      check(mail.recipients.length === 3, 'three recipients in the transaction', String(mail.recipients.length))
    },
  ),
]

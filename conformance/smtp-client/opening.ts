// How a session is opened and closed: greeting, EHLO and HELO, QUIT.
import { check, Skipped, visible } from '../judgement.ts'
import { bodyOf, demanding, isAddressLiteral, isDomain, isHostName, must, once, patiently, should } from './facts.ts'
import { multiline, type Session } from './session.ts'
import { type Exchange, type Host, RICH, type SmtpClientCase } from './suite.ts'

const RETRY = { retry: true } as const
const REFUSAL = '554 5.7.1 no'
/** The longest reply line: RFC 5321 §4.5.3.1.5, CR LF included. */
const MAX_REPLY_LINE = 512

const firstSession = (x: Exchange) => x.until('a connection', () => x.sessions[0])

const openedBy = async (x: Exchange) => {
  await x.hand()
  const session = await firstSession(x)
  await x.until('EHLO or HELO', () => session.commands[0])
  return session
}

/** Commands that begin a line so, on any connection of the case. */
const commandsOf = (sessions: readonly Session[], ...verbs: readonly string[]) =>
  sessions.flatMap(({ commands }) => commands).filter(({ verb }) => verbs.includes(verb))

const checkNoMail = ({ sessions }: Host): void => {
  const found = commandsOf(sessions, 'MAIL', 'RCPT', 'DATA', 'BDAT')
  check(found.length === 0, 'no mail transaction', found.map(({ line }) => line).join(' / '))
}

const longest = (start: string): string => start + 'x'.repeat(MAX_REPLY_LINE - 2 - start.length)

/** What the client made of a server's offers. */
const used = ({ parameters, recipients, via, session }: Session['mails'][number]): string => {
  const names = [parameters, ...recipients.map((to) => to.parameters)].flat().map((text) => text.split('=')[0]!)
  return [...names.map((name) => name.toUpperCase()), via, ...(session.wire.secure ? ['TLS'] : [])].join(' ')
}

/** RFC 5321 §4.1.2: esmtp-param */
const isParameter = (text: string): boolean => /^[A-Za-z0-9][A-Za-z0-9-]*(=[\x21-\x3c\x3e-\x7e]+)?$/.test(text)

/** MAIL or RCPT with the path behind the colon, and well-formed parameters. */
const isCommand = (line: string, start: string): boolean => {
  const [, found = '', parameters = ''] = /^([A-Z]{4} [A-Z]+:<[^\s<>]*>)((?: .*)?)$/i.exec(line) ?? []
  return found.toLowerCase() === start.toLowerCase() && parameters.split(' ').slice(1).every(isParameter)
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
          for (const line of ['220-conformance.test ESMTP', '220-welcome', '220-']) {
            await session.wire.write(`${line}\r\n`)
            await session.wire.speaks(250)
            if (session.wire.waiting() !== '') session.early.push(session.wire.waiting())
          }
          return '220 at your service'
        },
      },
    }
    const { session } = await x.send()
    check(session.early.length === 0, 'nothing before the last line of the greeting', visible(session.early.join()))
  }),
  must('greeting/long', 'RFC 5321 §4.5.3.1.5', 'A reply line of 512 octets is read.', async (x) => {
    x.mx.script = {
      on: {
        GREETING: longest('220 conformance.test '),
        EHLO: ['250-conformance.test', longest('250 X-')],
        MAIL: longest('250 2.1.0 '),
        RCPT: longest('250 2.1.5 '),
        DATA: longest('354 '),
        '.': longest('250 2.0.0 '),
      },
    }
    await x.send()
    await x.never('report, and no second copy', () => x.reports.length > 0 || x.mails.length > 1, 800)
  }),
  must('greeting/refused', 'RFC 5321 §3.1', 'A connection that is greeted by 554 is used for no mail.', async (x) => {
    x.mx.script = { on: { GREETING: '554 5.3.2 no SMTP service here' } }
    await x.hand()
    const session = await firstSession(x)
    await x.until('the end of the session', () => session.ended)
    checkNoMail(x.mx)
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
      check(x.returns.length === 0, 'no report of a failure', 'one')
    },
    RETRY,
  ),
  should('hello/ehlo-first', 'RFC 5321 §4.1.1.1', 'A session begins with EHLO.', async (x) => {
    const places = await x.places({ terse: { on: { GREETING: '220 conformance.test' } } })
    await openedBy(x)
    for (const [, host] of places) await x.hand({ to: [`rcpt@${host.name}`] })
    for (const { sessions } of [x.mx, ...places.map(([, host]) => host)]) {
      const first = await x.until('EHLO or HELO', () => sessions[0]?.commands[0])
      check(first.verb === 'EHLO', 'EHLO', `"${visible(first.line)}"`)
    }
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
    check(isHostName(argument), 'a domain or an address literal', `"${visible(line)}"`)
  }),
  should(
    'hello/fully-qualified',
    'RFC 5321 §2.3.5',
    'The name in EHLO is fully qualified, or an address literal.',
    async (x) => {
      const session = await openedBy(x)
      const { argument } = session.commands[0]!
      const isQualified = isDomain(argument) && argument.includes('.')
      check(isQualified || isAddressLiteral(argument), 'a name with a dot', `"${visible(argument)}"`)
    },
  ),
  should('hello/fallback', 'RFC 5321 §3.2', 'A server that does not know EHLO gets HELO.', async (x) => {
    const checkFallback = ({ commands }: Session): void => {
      const [ehlo, helo] = commands
      const found = commands.map(({ line }) => line).join(' / ')
      check(helo?.verb === 'HELO' && commands.filter(({ verb }) => verb === 'HELO').length === 1, 'HELO', found)
      check(isHostName(helo.argument) && helo.argument === ehlo!.argument, 'the name that EHLO had', found)
    }
    x.mx.script = { on: { EHLO: '500 5.5.1 what?' } }
    const places = await x.places({ unimplemented: { on: { EHLO: '502 5.5.1 not implemented' } } })
    checkFallback((await x.send()).session)
    for (const [, host] of places) {
      await x.hand({ to: [`rcpt@${host.name}`] })
      checkFallback(await x.until('a message behind 502 to EHLO', () => host.sessions.find(({ mails }) => mails[0])))
    }
  }),
  must('hello/plain-after-helo', 'RFC 5321 §4.1.1.11', 'Behind HELO, MAIL and RCPT have no parameters.', async (x) => {
    // what stands in a refusal is no offer
    x.mx.script = { on: { EHLO: multiline(502, ['not implemented', ...RICH]) } }
    await x.hand(demanding(x))
    const mail = await x.until('the message, or a refusal of it to the sender', () => x.mails[0] ?? x.reports[0])
    if (x.isReport(mail)) throw new Skipped('the MTA does not send to a server without EHLO')
    const parameters = [mail.parameters, ...mail.recipients.map((to) => to.parameters)].flat()
    check(parameters.length === 0, 'no parameters', parameters.join(' '))
  }),
  must('hello/keyword-case', 'RFC 5321 §4.1.1.1', 'EHLO keywords are recognised in any case.', async (x) => {
    const offers = [...RICH, 'CHUNKING', 'STARTTLS']
    const mixed = (offer: string): string => offer.replace(/[a-z]+/gi, (w) => w[0]!.toLowerCase() + w.slice(1))
    const scripts = {
      upper: { tls: true, offers },
      lower: { tls: true, offers: offers.map((offer) => offer.toLowerCase()) },
      mixed: { tls: true, offers: offers.map(mixed) },
    } as const
    const eightBits = x.takes('8BITMIME')
    const utf8 = x.takes('SMTPUTF8')
    const { fromParameters, toParameters } = demanding(x)
    const letter = {
      fromParameters: `${fromParameters}${utf8 ? ' SMTPUTF8' : ''}`,
      toParameters,
      above: utf8 ? ['Comments: gr\xc3\xbc\xc3\x9fe'] : [],
      header: ['MIME-Version: 1.0', 'Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: 8bit'],
      body: [eightBits ? 'gr\xc3\xbc\xc3\x9fe' : 'greetings', 'x'],
    }
    const found: string[] = []
    const places = await x.places(scripts)
    for (const [, host] of places) await x.hand({ ...letter, to: [`rcpt@${host.name}`] })
    for (const [label, { sessions }] of places)
      found.push(used(await x.until(`a message (${label})`, () => sessions.flatMap(({ mails }) => mails)[0])))
    for (const script of places.length > 0 ? [] : [scripts.upper, scripts.lower]) {
      x.mx.script = script
      await x.hand(letter)
      found.push(used(await x.until('the message', () => x.mails[found.length])))
    }
    for (const one of found) check(one === found[0], `${found[0]}, as with keywords in upper case`, one)
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
      const places = await x.places({ later: { on: { EHLO: '502 5.5.1 what?', HELO: '450 4.7.1 not now' } } })
      await x.hand()
      for (const [, host] of places) await x.hand({ to: [`rcpt@${host.name}`] })
      for (const host of [x.mx, ...places.map(([, one]) => one)]) {
        const session = await x.until('a connection', () => host.sessions[0])
        await x.until('the end of the session', () => session.ended)
        checkNoMail(host)
      }
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
      x.mx.script = { on: { RCPT: REFUSAL } }
      const places = await x.places({
        greeting: { on: { GREETING: REFUSAL } },
        hello: { on: { EHLO: REFUSAL, HELO: REFUSAL } },
        mail: { on: { MAIL: REFUSAL } },
        data: { on: { DATA: REFUSAL } },
        text: { on: { '.': REFUSAL } },
      })
      await x.hand()
      for (const [, host] of places) await x.hand({ to: [`rcpt@${host.name}`] })
      for (const [point, { sessions }] of [['rcpt', x.mx], ...places] as const) {
        const session = await x.until(`a connection to be refused (${point})`, () => sessions[0])
        await x.until(`QUIT (${point})`, () => session.ended)
        if (session.ended === 'dropped') throw new Skipped('the client keeps the connection')
        check(session.count('QUIT') === 1, 'QUIT', `a closed connection (refused: ${point})`)
      }
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
      x.mx.script = { offers: ['8BITMIME'], on: { EHLO: wait, MAIL: wait, RCPT: wait, DATA: wait, '.': wait } }
      const { session } = await x.send({ to: ['rcpt', 'other'] })
      check(session.early.length === 0, 'no command before the reply to the last one', session.early.join(', '))
    },
  ),
  must('commands/crlf', 'RFC 5321 §2.3.8', 'Command lines end in CR LF and hold no other CR or LF.', async (x) => {
    const { session } = await x.send()
    await x.until('the end of the session', () => session.ended)
    check(session.bareLines === 0, 'CR LF behind every command', `${session.bareLines} lines ended by a bare LF`)
    const rest = session.wire.waiting()
    check(rest === '', 'CR LF behind the last command', visible(rest))
    const strange = session.commands.find(({ line }) => /[\r\n]/.test(line))
    check(strange === undefined, 'no bare CR', visible(strange?.line ?? ''))
  }),
  must('commands/ascii', 'RFC 5321 §2.4', 'Commands are ASCII where no extension allows more.', async (x) => {
    const { session } = await x.send()
    await x.until('the end of the session', () => session.ended)
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
      x.mx.script = { offers: RICH }
      const { session } = await x.send(demanding(x))
      for (const { line } of commandsOf([session], 'MAIL'))
        check(isCommand(line, `MAIL FROM:<${x.sender}>`), `MAIL FROM:<${x.sender}>, parameters`, `"${visible(line)}"`)
    },
  ),
  must(
    'commands/rcpt-syntax',
    'RFC 5321 §4.1.1.3',
    'RCPT TO: is followed by the path in angle brackets at once.',
    async (x) => {
      x.mx.script = { offers: RICH }
      const to = ['rcpt', 'second', 'third']
      const { session } = await x.send({ ...demanding(x), to })
      const wanted = to.map((local) => `RCPT TO:<${local}@${x.domain}>`)
      for (const { line } of commandsOf([session], 'RCPT'))
        check(
          wanted.some((start) => isCommand(line, start)),
          `${wanted.join(' or ')}, parameters`,
          `"${visible(line)}"`,
        )
    },
  ),
  must(
    'commands/fresh-transaction',
    'RFC 5321 §4.1.1.2',
    'A second message on the same connection has a transaction, and recipients, of its own.',
    async (x) => {
      await x.hand({ to: ['one'] })
      await x.until('the first message', () => x.mails[0])
      await x.hand({ from: `other@back.${x.domain}`, to: ['two'], body: ['another text'] })
      const second = await x.until('the second message', () => x.mails[1])
      const names = second.recipients.map(({ path }) => path)
      check(String(names) === `two@${x.domain}`, `two@${x.domain} alone`, names.join(', '))
      check(second.from === `other@back.${x.domain}`, `from <other@back.${x.domain}>`, `<${visible(second.from)}>`)
      check(bodyOf(second.text) === 'another text\r\n', 'its own text', visible(bodyOf(second.text)))
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
      const mail = await x.send({ to: ['one', `two@${x.domain.toUpperCase()}`, 'three'] })
      const found = mail.recipients.map(({ path }) => path.toLowerCase()).sort()
      const wanted = ['one', 'three', 'two'].map((local) => `${local}@${x.domain}`)
      check(String(found) === String(wanted), wanted.join(', '), found.join(', '))
      await x.never('second copy', () => x.mails.length > 1, 800)
    },
  ),
]

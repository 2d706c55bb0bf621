// What becomes of the message text: DATA and its end, transparency, line ends, header and body, Received.
import { check, Skipped, visible } from '../judgement.ts'
import { bodyOf, fieldOf, fieldsOf, must, one, patiently, should } from './facts.ts'
import { type Exchange, RICH, type SmtpClientCase } from './suite.ts'

const DOTS = ['.', '..', '.x', 'x.', '', '. ', '...']
/** Handed in below Received fields of its own, so that the newest is told from them. */
const OLD = [
  'Received: from first.example (first.example [192.0.2.1]) by second.example; Mon, 1 Jan 2024 10:00:00 +0000',
  'Received: from zero.example (zero.example [192.0.2.2])\r\n\tby first.example with  ESMTP; Mon, 1 Jan 2024 09:00:00 +0000',
]

const newestReceived = async (x: Exchange): Promise<string> => {
  const mail = await x.send()
  const value = fieldOf(mail.text, 'received')
  check(value !== undefined, 'a Received field', visible(mail.text.slice(0, 200)))
  return value
}

/** Date and time behind the last semicolon, comments taken off. */
const stampOf = (received: string): string =>
  received
    .slice(received.lastIndexOf(';') + 1)
    .replace(/\([^()]*\)/g, '')
    .trim()

const STAMP =
  /^(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),\s+)?\d{1,2}\s+(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\s+\d{4,}\s+\d\d:\d\d(?::\d\d)?\s+([+-]\d{4}|[A-Z]{1,5})$/i

export const messageCases: readonly SmtpClientCase[] = [
  must('data/wait', 'RFC 5321 §3.3', 'No text is sent before the reply to DATA.', async (x) => {
    x.mx.script = { on: { DATA: patiently(700) } }
    const { session } = await x.send()
    check(session.early.length === 0, 'nothing before 354', session.early.join())
  }),
  must('data/refused', 'RFC 5321 §3.3', 'No text is sent behind a 5yz reply to DATA.', async (x) => {
    x.mx.script = {
      on: {
        async DATA(_command, session) {
          await session.wire.write('554 5.7.1 no mail today\r\n')
          await session.wire.speaks(1500)
          session.early.push(session.wire.waiting())
          return []
        },
      },
    }
    await x.hand()
    const said = await x.until('an end behind the refusal', () => x.mx.sessions[0]?.early[0] ?? x.mx.sessions[0]?.ended)
    check(
      /^(|closed|dropped|quit|(QUIT|RSET|NOOP|MAIL FROM:.*)\r\n)$/is.test(said),
      'QUIT, RSET or an end',
      `"${visible(said)}"`,
    )
  }),
  must(
    'data/only-354',
    'RFC 5321 §3.3',
    'A positive reply to DATA other than 354 is not answered by text.',
    async (x) => {
      x.mx.script = {
        on: {
          async DATA(_command, session) {
            await session.wire.write('250 2.0.0 fine\r\n')
            await session.wire.speaks(1500)
            session.early.push(session.wire.waiting())
            return []
          },
        },
      }
      await x.hand()
      const said = await x.until(
        'an end behind 250 to DATA',
        () => x.mx.sessions[0]?.early[0] ?? x.mx.sessions[0]?.ended,
      )
      check(
        /^(|closed|dropped|quit|(QUIT|RSET|NOOP|MAIL FROM:.*)\r\n)$/is.test(said),
        'QUIT, RSET or an end',
        `"${visible(said)}"`,
      )
    },
  ),
  must(
    'data/transparency',
    'RFC 5321 §4.5.2',
    'A line that begins with a period gets another one before it.',
    async (x) => {
      const mail = await x.send({ body: DOTS })
      if (mail.via === 'BDAT') throw new Skipped('the text came by BDAT')
      const wanted = `${DOTS.map((line) => (line.startsWith('.') ? `.${line}` : line)).join('\r\n')}\r\n`
      check(bodyOf(mail.raw) === wanted, visible(wanted), visible(bodyOf(mail.raw)))
    },
  ),
  must('data/crlf', 'RFC 5321 §2.3.8', 'The lines of the text end in CR LF; no other CR or LF is sent.', async (x) => {
    const { raw } = await x.send({ body: ['one', '', 'three', 'x'.repeat(500)] })
    const bare = /[^\r]\n|\r(?!\n)|^\n/.exec(raw)
    check(
      bare === null,
      'CR LF alone',
      visible(raw.slice(Math.max(0, (bare?.index ?? 0) - 20), (bare?.index ?? 0) + 20)),
    )
  }),
  must('data/end', 'RFC 5321 §4.1.1.4', 'The final period adds no line to the text.', async (x) => {
    const { text } = await x.send({ body: ['first', 'last'] })
    check(bodyOf(text) === 'first\r\nlast\r\n', 'two lines', visible(bodyOf(text)))
  }),
  must('data/body', 'RFC 5321 §3.6.3', 'The body of a relayed message is not changed.', async (x) => {
    const body = ['two  spaces ', '\tand tabs\t', '', '', 'From the beginning', '=20 ~ \x7e', ' leading', '']
    const { text } = await x.send({ body })
    check(bodyOf(text) === `${body.join('\r\n')}\r\n`, visible(body.join('\r\n')), visible(bodyOf(text)))
  }),
  must(
    'data/header',
    'RFC 5321 §3.6.3',
    'The header of a relayed message is not changed, new trace fields aside.',
    async (x) => {
      const own = ['X-One: a', 'Comments: folded\r\n\tover  two lines', 'x-one: B ', 'Keywords: z, a']
      const { text } = await x.send({ header: own })
      const raw = fieldsOf(text).map((field) => field.raw)
      const at = raw.indexOf('X-One: a\r\n')
      const found = raw.slice(at, at + own.length).join('')
      check(
        at >= 0 && found === own.map((line) => `${line}\r\n`).join(''),
        visible(own.join('\r\n')),
        visible(raw.join('')),
      )
    },
  ),
  must(
    'data/line-998',
    'RFC 5321 §4.5.3.1.6',
    'A text line of 1000 octets, CR LF included, passes whole.',
    async (x) => {
      const line = 'l'.repeat(998)
      const { text } = await x.send({ body: ['before', line, 'behind'] })
      check(
        bodyOf(text) === `before\r\n${line}\r\nbehind\r\n`,
        'the line',
        `${bodyOf(text).split('\r\n')[1]?.length} octets`,
      )
    },
  ),
  one(
    'data/line-too-long',
    'RFC 5321 §4.5.3.1.6',
    'may',
    'A text line of more than 1000 octets is not sent as it is.',
    async (x) => {
      const reply = await x.offer({ body: ['before', 'l'.repeat(3000), 'behind'] })
      if (reply.code >= 300) throw new Skipped(`the MTA does not take it: "${visible(reply.raw)}"`)
      const mail = await x.until('the message, or its return', () => x.mails[0] ?? x.reports[0])
      if (x.isReport(mail)) return
      const longest = Math.max(...mail.raw.split('\r\n').map((line) => line.length + 2))
      check(longest <= 1001, 'lines of up to 1000 octets', `one of ${longest}`)
    },
  ),
  must('data/large', 'RFC 5321 §4.5.3.1.7', 'A text of 64 KiB and more passes whole.', async (x) => {
    const body = Array.from({ length: 3000 }, (_, i) => `${i} ${'x'.repeat(60)}`)
    const { text } = await x.send({ body })
    check(
      bodyOf(text) === `${body.join('\r\n')}\r\n`,
      `${body.join('').length} octets`,
      `${bodyOf(text).length} octets`,
    )
  }),
  must('data/once', 'RFC 5321 §4.1.1.4', 'A message that was taken is not sent again.', async (x) => {
    await x.send()
    await x.never('second copy', () => x.mails.length > 1)
  }),
  should('data/patience', 'RFC 5321 §4.5.3.2.6', 'The reply to the text may take a while.', async (x) => {
    const waitMs = Math.min(6000, x.target.answerMs - 1000)
    let left = false
    x.mx.script = {
      on: {
        async '.'(_command, session) {
          await session.wire.speaks(waitMs)
          left = session.wire.over
          return null
        },
      },
    }
    await x.hand()
    await x.until('the reply to the text', () => x.mails[0], waitMs + x.target.answerMs)
    check(!left, `the client to wait ${waitMs / 1000} s`, 'a closed connection')
  }),
  must('received/first', 'RFC 5321 §4.4', 'A Received field is added in front of the message.', async (x) => {
    const mail = await x.send({ above: OLD })
    const names = fieldsOf(mail.text).map(({ name }) => name)
    const received = fieldsOf(mail.text).filter(({ name }) => name === 'received')
    check(received.length > OLD.length, 'one more Received field', `${received.length} of them`)
    const isOld = OLD.includes(received[0]!.raw.trimEnd())
    check(names[0] === 'received' && !isOld, 'the new Received field in front', visible(received[0]!.raw))
  }),
  must(
    'received/kept',
    'RFC 5321 §4.4',
    'Received fields that were there are neither changed nor moved.',
    async (x) => {
      const mail = await x.send({ above: OLD })
      const received = fieldsOf(mail.text)
        .filter(({ name }) => name === 'received')
        .map(({ raw }) => raw)
      const wanted = OLD.map((line) => `${line}\r\n`).join('')
      check(received.slice(-2).join('') === wanted, visible(wanted), visible(received.slice(-2).join('')))
    },
  ),
  must('received/from', 'RFC 5321 §4.4', 'The Received field has a FROM clause.', async (x) => {
    const value = await newestReceived(x)
    check(/^from\s+\S/i.test(value), 'from …', visible(value))
  }),
  should('received/from-name', 'RFC 5321 §4.4', "The FROM clause has the client's name as EHLO gave it.", async (x) => {
    const value = await newestReceived(x)
    const from = value.split(/\sby\s/i)[0]!
    check(from.toLowerCase().includes(x.target.helo.toLowerCase()), x.target.helo, visible(from))
  }),
  should(
    'received/from-address',
    'RFC 5321 §4.4',
    "The FROM clause has the client's address as a literal.",
    async (x) => {
      const value = await newestReceived(x)
      const from = value.split(/\sby\s/i)[0]!
      check(
        from.includes(`[${x.wire.localAddress.replace(/^::ffff:/, '')}]`),
        `[${x.wire.localAddress}]`,
        visible(from),
      )
    },
  ),
  must('received/by', 'RFC 5321 §4.4', 'The Received field has a BY clause with a domain.', async (x) => {
    const value = await newestReceived(x)
    check(/\sby\s+[A-Za-z0-9[]/i.test(value), 'by and a domain', visible(value))
  }),
  must(
    'received/date',
    'RFC 5321 §4.4',
    'The Received field ends in a semicolon and a date with time and zone.',
    async (x) => {
      const value = await newestReceived(x)
      check(STAMP.test(stampOf(value)), 'a date and time', visible(stampOf(value)))
    },
  ),
  should('received/offset', 'RFC 5321 §4.4', 'The zone in the Received field is an offset.', async (x) => {
    const zone = STAMP.exec(stampOf(await newestReceived(x)))?.[1] ?? ''
    check(/^[+-]\d{4}$/.test(zone), 'an offset such as +0100', visible(zone))
  }),
  should(
    'received/with',
    'RFC 5321 §4.4',
    'A message that came behind EHLO was received with a protocol named ESMTP….',
    async (x) => {
      const value = await newestReceived(x)
      const protocol = /\swith\s+(\S+?);?(?:\s|$)/i.exec(value)?.[1]
      if (protocol === undefined) throw new Skipped('there is no WITH clause')
      check(/^(ESMTP|UTF8E?SMTP)S?A?$/i.test(protocol), 'ESMTP, ESMTPS, ESMTPA or ESMTPSA', protocol)
    },
  ),
  must(
    'received/for-one',
    'RFC 5321 §4.4',
    'A FOR clause has one path, however many recipients there are.',
    async (x) => {
      const mail = await x.send({ to: ['one', 'two'] })
      const value = (fieldOf(mail.text, 'received') ?? '').replace(/\([^()]*\)/g, '')
      const clause = /\sfor\s+([^;]*)/i.exec(value)?.[1] ?? ''
      check((clause.match(/@/g) ?? []).length <= 1, 'one path at most', visible(clause))
    },
  ),
  should(
    'received/no-blind-copies',
    'RFC 5321 §7.2',
    'Recipients of the envelope are not copied into the header.',
    async (x) => {
      const mail = await x.send({ to: ['rcpt', 'hidden-one', 'hidden-two'] })
      const header = mail.text.split('\r\n\r\n')[0]!
      check(!header.includes('hidden-one') && !header.includes('hidden-two'), 'no hidden recipient', visible(header))
    },
  ),
  should('received/no-return-path', 'RFC 5321 §4.4', 'A message that is sent on gets no Return-Path.', async (x) => {
    const mail = await x.send()
    const value = fieldOf(mail.text, 'return-path')
    check(value === undefined, 'no Return-Path', visible(value ?? ''))
  }),
  should(
    'loops/many-hops',
    'RFC 5321 §6.3',
    'A message with fewer than 100 Received fields is not taken for a loop.',
    async (x) => {
      await x.admitted()
      const reply = await x.offer({ above: hops(95) })
      check(reply.code < 300, 'the message to be taken', `"${visible(reply.raw)}"`)
      const mail = await x.until('the message', () => x.mails[0] ?? x.reports[0])
      check(!x.isReport(mail), 'the message to be sent', 'a report to the sender')
    },
  ),
  must('loops/stopped', 'RFC 5321 §6.3', 'A message that has been everywhere is not sent on.', async (x) => {
    await x.admitted()
    const reply = await x.offer({ above: hops(400) })
    if (reply.code >= 300) return
    await x.never('message sent on', () => x.mails.length > 0)
  }),
  must(
    '8bit/only-offered',
    'RFC 5321 §4.1.1.11',
    'Without 8BITMIME offered, MAIL has no BODY parameter.',
    async (x) => {
      const mail = await x.send({ wants: ['8BITMIME'], fromParameters: 'BODY=8BITMIME' })
      check(!mail.parameters.some((text) => /^BODY=/i.test(text)), 'no BODY', mail.parameters.join(' '))
    },
  ),
  must('8bit/declared', 'RFC 6152 §3', 'A message with 8-bit text is sent with BODY=8BITMIME.', async (x) => {
    x.mx.script = { offers: RICH }
    const mail = await x.send(EIGHT_BIT)
    check(
      mail.parameters.some((text) => /^BODY=8BITMIME$/i.test(text)),
      'BODY=8BITMIME',
      mail.parameters.join(' '),
    )
  }),
  must(
    '8bit/intact',
    'RFC 6152 §3',
    'The octets of an 8-bit body pass unchanged to a server that offers 8BITMIME.',
    async (x) => {
      x.mx.script = { offers: RICH }
      const { text } = await x.send(EIGHT_BIT)
      check(bodyOf(text) === `${EIGHT_BIT.body.join('\r\n')}\r\n`, visible(EIGHT_BIT.body[0]!), visible(bodyOf(text)))
    },
  ),
  must('8bit/not-to-others', 'RFC 6152 §3', 'No octet above 127 is sent to a server without 8BITMIME.', async (x) => {
    await x.hand(EIGHT_BIT)
    const mail = await x.until(
      'the message converted, or returned',
      () => x.mails[0] ?? x.mx.sessions[0]?.unanswered ?? x.reports[0],
    )
    if (x.isReport(mail)) return
    check(!/[^\x00-\x7f]/.test(mail.raw), '7-bit text', visible(bodyOf(mail.raw)))
  }),
  must('8bit/converted', 'RFC 6152 §3', 'A conversion to 7 bits loses nothing, and is valid MIME.', async (x) => {
    await x.hand(EIGHT_BIT)
    const mail = await x.until('the message converted, or returned', () => x.mails[0] ?? x.reports[0])
    if (x.isReport(mail)) throw new Skipped('the MTA returns such mail')
    const encoding = (fieldOf(mail.text, 'content-transfer-encoding') ?? '7bit').toLowerCase()
    if (/^[78]bit$/.test(encoding) && /[^\x00-\x7f]/.test(mail.text)) throw new Skipped('the MTA sends it as it is')
    const decoded = decode(bodyOf(mail.text), encoding)
    const wanted = EIGHT_BIT.body.join('\r\n')
    check(decoded.trimEnd() === wanted, visible(wanted), `${encoding}: ${visible(decoded)}`)
  }),
]

const EIGHT_BIT = {
  wants: ['8BITMIME'],
  fromParameters: 'BODY=8BITMIME',
  header: ['MIME-Version: 1.0', 'Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: 8bit'],
  body: ['gr\xc3\xbc\xc3\x9fe = \xc3\xa9t\xc3\xa9', 'plain'],
} as const

const hops = (count: number): string[] =>
  Array.from(
    { length: count },
    (_, i) => `Received: from h${i}.example by h${i + 1}.example; Mon, 1 Jan 2024 10:00:00 +0000`,
  )

function decode(body: string, encoding: string): string {
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString('latin1')
  if (encoding !== 'quoted-printable') return body
  return body
    .replace(/[ \t]+\r\n/g, '\r\n')
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

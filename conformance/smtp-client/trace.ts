// The Received field that a message gets on its way, and the count of them that ends a loop.
import { check, Skipped, visible } from '../judgement.ts'
import { faultOf, zoneOf } from './dates.ts'
import {
  fieldOf,
  fieldsOf,
  headerOf,
  isAddressLiteral,
  isHostName,
  isOwnName,
  must,
  should,
  withoutComments,
} from './facts.ts'
import { checkHeader } from './message.ts'
import type { Exchange, SmtpClientCase } from './suite.ts'

/** Handed in below Received fields of its own, so that the newest is told from them. */
const OLD = [
  'Received: from first.example (first.example [192.0.2.1]) by second.example; Mon, 1 Jan 2024 10:00:00 +0000',
  'Received: from zero.example (zero.example [192.0.2.2])\r\n\tby first.example with  ESMTP; Mon, 1 Jan 2024 09:00:00 +0000',
]

interface Received {
  readonly value: string
  /** Without comments; names in lower case. */
  readonly clauses: readonly { readonly name: string; readonly value: string }[]
  /** The FROM clause with its comments. */
  readonly from: string
  /** Behind the last semicolon, comments taken off. */
  readonly date: string
}

function readReceived(value: string): Received {
  const plain = withoutComments(value)
  const end = plain.lastIndexOf(';')
  const words = (end < 0 ? plain : plain.slice(0, end)).trim().split(' ')
  const clauses = words.flatMap((name, i) =>
    i % 2 === 0 ? [{ name: name.toLowerCase(), value: words[i + 1] ?? '' }] : [],
  )
  return { value, clauses, from: value.split(/\sby\s/i)[0]!, date: end < 0 ? '' : plain.slice(end + 1).trim() }
}

const newest = async (x: Exchange): Promise<Received> => {
  const mail = await x.send()
  const value = fieldOf(mail.text, 'received')
  check(value !== undefined, 'a Received field', visible(mail.text.slice(0, 200)))
  return readReceived(value)
}

const hops = (count: number): string[] =>
  Array.from(
    { length: count },
    (_, i) => `Received: from h${i}.example by h${i + 1}.example; Mon, 1 Jan 2024 10:00:00 +0000`,
  )

export const traceCases: readonly SmtpClientCase[] = [
  must('received/first', 'RFC 5321 §4.4', 'A Received field is added in front of the message.', async (x) => {
    const mail = await x.send({ above: OLD })
    const names = fieldsOf(mail.text).map(({ name }) => name)
    const received = fieldsOf(mail.text).filter(({ name }) => name === 'received')
    check(received.length > OLD.length, 'one more Received field', `${received.length} of them`)
    const isOld = OLD.includes(received[0]!.raw.trimEnd())
    check(names[0] === 'received' && !isOld, 'the new Received field in front', visible(received[0]!.raw))
  }),
  must('received/kept', 'RFC 5321 §4.4', 'Received fields that were there are neither changed nor moved.', async (x) =>
    checkHeader(x, await x.send({ above: OLD, header: ['X-Between: other fields', ...OLD] })),
  ),
  must('received/from', 'RFC 5321 §4.4', 'The Received field has a FROM clause.', async (x) => {
    const { value, clauses } = await newest(x)
    const [first] = clauses
    const isThere = first?.name === 'from' && isHostName(first.value) && clauses[1]?.name === 'by'
    check(isThere, 'from and a domain first', visible(value))
  }),
  must(
    'received/clauses',
    'RFC 5321 §4.4',
    'The clauses of the Received field come in their order, each once: FROM, BY, VIA, WITH, ID, FOR.',
    async (x) => {
      const { value, clauses } = await newest(x)
      const names = clauses.map(({ name }) => name).join(' ')
      check(
        /^from by( via)?( with)?( id)?( for)?( (?!(from|by|via|with|id|for)\b)[a-z][a-z0-9-]*)*$/.test(names),
        'from, by, via, with, id, for',
        visible(value),
      )
      check(
        clauses.every((clause) => clause.value !== ''),
        'a value in each clause',
        visible(value),
      )
    },
  ),
  should('received/from-name', 'RFC 5321 §4.4', "The FROM clause has the client's name as EHLO gave it.", async (x) => {
    const { from } = await newest(x)
    const words = from.toLowerCase().split(/[^a-z0-9.-]+/)
    check(words.includes(x.target.helo.toLowerCase()), x.target.helo, visible(from))
  }),
  should(
    'received/from-address',
    'RFC 5321 §4.4',
    "The FROM clause has the client's address as a literal.",
    async (x) => {
      const { from } = await newest(x)
      check(
        from.includes(`[${x.wire.localAddress.replace(/^::ffff:/, '')}]`),
        `[${x.wire.localAddress}]`,
        visible(from),
      )
    },
  ),
  must('received/by', 'RFC 5321 §4.4', 'The Received field has a BY clause with a domain.', async (x) => {
    const { value, clauses } = await newest(x)
    const by = clauses.find(({ name }) => name === 'by')?.value ?? ''
    check(isHostName(by), 'by and a domain', visible(value))
    check(isAddressLiteral(by) || isOwnName(x, by), 'a name that the MTA greets with', visible(by))
  }),
  must(
    'received/date',
    'RFC 5321 §4.4',
    'The Received field ends in a semicolon and a date with time and zone.',
    async (x) => {
      const { date } = await newest(x)
      const fault = faultOf(date)
      check(fault === null, 'the date and time of now', `${fault}: "${visible(date)}"`)
    },
  ),
  should('received/offset', 'RFC 5321 §4.4', 'The zone in the Received field is an offset.', async (x) => {
    const zone = zoneOf((await newest(x)).date) ?? ''
    check(/^[+-]\d{4}$/.test(zone), 'an offset such as +0100', visible(zone))
  }),
  should(
    'received/with',
    'RFC 5321 §4.4',
    'A message that came behind EHLO was received with a protocol named ESMTP….',
    async (x) => {
      const protocol = (await newest(x)).clauses.find(({ name }) => name === 'with')?.value
      if (protocol === undefined) throw new Skipped('there is no WITH clause')
      // RFC 3848: S behind STARTTLS, A behind AUTH
      const { tls, user } = x.target
      const wanted = `ESMTP${tls === 'none' ? '' : 'S'}${user === null ? '' : 'A'}`
      check(protocol.toUpperCase() === wanted, wanted, protocol)
    },
  ),
  must(
    'received/for-one',
    'RFC 5321 §4.4',
    'A FOR clause has one path, however many recipients there are.',
    async (x) => {
      for (const [count, to] of [['rcpt'], ['one', 'two']].entries()) {
        await x.hand({ to })
        const mail = await x.until('the message', () => x.mails[count])
        const { clauses, value } = readReceived(fieldOf(mail.text, 'received') ?? '')
        const paths = clauses
          .filter(({ name }) => name === 'for')
          .map((clause) => clause.value.replace(/^<(.*)>$/, '$1'))
        const wanted = to.map((local) => `${local}@${x.domain}`)
        check(
          paths.length <= 1 && paths.every((path) => wanted.includes(path)),
          `one path of ${wanted.join(', ')}, or no FOR`,
          visible(value),
        )
      }
    },
  ),
  should(
    'received/no-blind-copies',
    'RFC 5321 §7.2',
    'Recipients of the envelope are not copied into the header.',
    async (x) => {
      const mail = await x.send({ to: ['hidden-one', 'rcpt', 'hidden-two'] })
      const header = headerOf(mail.text)
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
      const reply = await x.offer({
        above: hops(99),
        header: Array.from({ length: 9 }, (_, i) => `Received-SPF: none (${i})`),
        body: hops(9),
      })
      check(reply.code < 300, 'the message to be taken', `"${visible(reply.raw)}"`)
      const mail = await x.until('the message', () => x.mails[0] ?? x.reports[0])
      check(!x.isReport(mail), 'the message to be sent', 'a report to the sender')
    },
  ),
  must('loops/stopped', 'RFC 5321 §6.3', 'A message that has been everywhere is not sent on.', async (x) => {
    await x.admitted()
    const above = hops(400).flatMap((field, i) => {
      const name = ['Received', 'received', 'received', 'received', 'RECEIVED'][i % 5]!
      return [`X-Hop: ${i}`, field.replace('Received', name)]
    })
    const reply = await x.offer({ above })
    if (reply.code >= 300) return
    await x.never('message sent on', () => x.mails.length > 0)
  }),
]

// IMAP: FETCH of BODY[section]: headers, texts, part numbers and partials.
import { check, visible } from '../judgement.ts'
import { between, item, octets, same, section, topic } from './cases.ts'
import { fetched, type Imap } from './client.ts'
import { fixture, number } from './corpus.ts'

const define = topic('fetch', 'examined')

const PLAIN = fixture('plain').text
const headerOf = (text: string): string => text.slice(0, text.indexOf('\r\n\r\n') + 4)
const bodyOf = (text: string): string => text.slice(text.indexOf('\r\n\r\n') + 4)
const MULTIPART = fixture('multipart').text
const NESTED = fixture('nested').text
const INNER = between(NESTED, 'A forwarded message\r\n\r\n', '\r\n--wrap--')

const equals = (got: string, wanted: string, what: string): void =>
  check(got === wanted, `${what} "${visible(wanted)}"`, `"${visible(got)}"`)

/** `BODY[spec]` of a fixture is exactly these octets. */
const gives = (slug: string, rfc: string, requirement: string, name: string, spec: string, wanted: string) =>
  define(slug, rfc, requirement, async (c) => equals(await section(c, number(name), spec), wanted, `BODY[${spec}]`))

/** The same where the part ends in a closing boundary: whose the CR LF behind that is, servers see differently (RFC 2046 §5.1.1). */
const givesMultipart = (slug: string, rfc: string, requirement: string, name: string, spec: string, wanted: string) =>
  define(slug, rfc, requirement, async (c) => {
    const got = await section(c, number(name), spec)
    equals(got.endsWith('--\r\n') ? got.slice(0, -2) : got, wanted, `BODY[${spec}]`)
  })

/** The octets of the one BODY[…] item that a HEADER.FIELDS request gives, however the server spells the list. */
async function fields(c: Imap, name: string, spec: string, partial = ''): Promise<string> {
  const n = number(name)
  const all = fetched(await c.ok(`FETCH ${n} (BODY.PEEK[${spec}]${partial})`))
  const label = `BODY[${spec.split(' ')[0]!.toUpperCase()} `
  const [, value] = [...(all.get(n) ?? [])].find(([key]) => key.startsWith(label)) ?? []
  return octets(value, `BODY[${spec}]`)
}

export const fetchSectionCases = [
  gives('whole', '9051 §6.4.5', 'BODY[] gives the whole message, octet for octet.', 'plain', '', PLAIN),
  gives(
    'eight-bit',
    '9051 §7.5.2',
    'BODY[] of a message with 8-bit text gives its octets unchanged.',
    'eightbit',
    '',
    fixture('eightbit').text,
  ),
  gives(
    'long-lines',
    '9051 §6.4.5',
    'BODY[] of a message with long header fields gives its octets unchanged.',
    'long',
    '',
    fixture('long').text,
  ),
  gives(
    'header',
    '9051 §6.4.5.1',
    'BODY[HEADER] gives the header with the blank line that ends it.',
    'plain',
    'HEADER',
    headerOf(PLAIN),
  ),
  gives(
    'text',
    '9051 §6.4.5.1',
    'BODY[TEXT] gives what follows the blank line behind the header.',
    'plain',
    'TEXT',
    bodyOf(PLAIN),
  ),
  gives(
    'text-multipart',
    '9051 §6.4.5.1',
    'BODY[TEXT] of a multipart message gives its whole body, with preamble, boundaries and epilogue.',
    'multipart',
    'TEXT',
    bodyOf(MULTIPART),
  ),
  gives(
    'text-empty',
    '9051 §6.4.5.1',
    'BODY[TEXT] of a message whose body is empty is the empty string.',
    'emptybody',
    'TEXT',
    '',
  ),
  define(
    'header-fields',
    '9051 §6.4.5.1',
    'BODY[HEADER.FIELDS (names)] gives only the fields of those names and the blank line.',
    async (c) => {
      const got = await fields(c, 'plain', 'HEADER.FIELDS (TO X-FIXTURE)')
      equals(got, 'To: Paco <paco@conformance.example>\r\nX-Fixture: plain\r\n\r\n', 'the two fields')
    },
  ),
  define(
    'header-fields-name',
    '9051 §9 section-msgtext',
    'The response to HEADER.FIELDS repeats the section with its list of names.',
    async (c) => {
      const n = number('plain')
      const items = fetched(await c.ok(`FETCH ${n} (BODY.PEEK[HEADER.FIELDS (SUBJECT)])`)).get(n)
      const names = [...(items?.keys() ?? [])]
      check(
        names.some((name) => /^BODY\[HEADER\.FIELDS \("?SUBJECT"?\)\]$/.test(name)),
        'BODY[HEADER.FIELDS (SUBJECT)]',
        names.join(', '),
      )
    },
  ),
  define('header-fields-any-case', '9051 §6.4.5.1', 'HEADER.FIELDS compares names without regard to case.', async (c) =>
    equals(await fields(c, 'plain', 'HEADER.FIELDS (sUbJeCt)'), 'Subject: Plain fixture\r\n\r\n', 'the Subject'),
  ),
  define(
    'header-fields-exact',
    '9051 §6.4.5.1',
    'HEADER.FIELDS compares whole names: the beginning of a name matches nothing.',
    async (c) => equals(await fields(c, 'plain', 'HEADER.FIELDS (X-FIX)'), '\r\n', 'only the blank line'),
  ),
  define(
    'header-fields-none',
    '9051 §6.4.5.1',
    'HEADER.FIELDS without a matching field gives the blank line alone.',
    async (c) => equals(await fields(c, 'plain', 'HEADER.FIELDS (X-NOT-THERE)'), '\r\n', 'only the blank line'),
  ),
  define(
    'header-fields-folded',
    '9051 §6.4.5.1',
    'HEADER.FIELDS gives a folded field with all its lines.',
    async (c) => {
      const wanted = 'References: <plain@conformance.example>\r\n\t<multipart@conformance.example>\r\n\r\n'
      equals(await fields(c, 'long', 'HEADER.FIELDS (REFERENCES)'), wanted, 'both lines of References')
    },
  ),
  define(
    'header-fields-not',
    '9051 §6.4.5.1',
    'BODY[HEADER.FIELDS.NOT (names)] gives the fields of all other names and the blank line.',
    async (c) => {
      const wanted = headerOf(PLAIN).replace(/^Subject:.*\r\n/m, '')
      equals(await fields(c, 'plain', 'HEADER.FIELDS.NOT (SUBJECT)'), wanted, 'the header without Subject')
    },
  ),
  define(
    'header-fields-not-folded',
    '9051 §6.4.5.1',
    'HEADER.FIELDS.NOT leaves out all lines of a folded field.',
    async (c) => {
      const names = 'DATE FROM TO MESSAGE-ID REFERENCES X-LONG'
      const wanted = 'Subject: A subject\r\n that is folded\r\n\r\n'
      equals(await fields(c, 'long', `HEADER.FIELDS.NOT (${names})`), wanted, 'the Subject alone')
    },
  ),
  gives(
    'part-1-of-plain',
    '9051 §6.4.5.1',
    'The body of a message that is not multipart is its part 1.',
    'plain',
    '1',
    bodyOf(PLAIN),
  ),
  gives(
    'part-number',
    '9051 §6.4.5.1',
    'The parts of a multipart message are numbered in their order.',
    'multipart',
    '2',
    'AAECAwT/',
  ),
  gives(
    'part-of-nested-multipart',
    '9051 §6.4.5.1',
    'A part of a multipart part is named by both numbers with a period.',
    'multipart',
    '1.2',
    '<p>Text with a hazeln=C3=BCt.</p>',
  ),
  givesMultipart(
    'part-multipart',
    '9051 §6.4.5.1',
    'A part that is itself multipart is given with its boundaries.',
    'multipart',
    '1',
    between(MULTIPART, 'boundary=inner\r\n\r\n', '\r\n--outer-bound\r\nContent-Type: application'),
  ),
  gives(
    'part-without-boundary-line-end',
    '9051 §6.4.5.1',
    'The line end before a boundary belongs to the boundary, not to the part.',
    'multipart',
    '1.1',
    'Text with a hazelnut.\r\nTwo lines.',
  ),
  gives(
    'part-mime',
    '9051 §6.4.5.1',
    'BODY[n.MIME] gives the MIME header of that part with its blank line.',
    'multipart',
    '1.1.MIME',
    between(MULTIPART, '--inner\r\n', 'Text with a hazelnut'),
  ),
  givesMultipart(
    'part-message',
    '9051 §6.4.5.1',
    'A part of type message/rfc822 is the whole encapsulated message.',
    'nested',
    '2',
    INNER,
  ),
  gives(
    'part-message-header',
    '9051 §6.4.5.1',
    'BODY[n.HEADER] gives the header of the message encapsulated in part n.',
    'nested',
    '2.HEADER',
    headerOf(INNER),
  ),
  givesMultipart(
    'part-message-text',
    '9051 §6.4.5.1',
    'BODY[n.TEXT] gives the body of the message encapsulated in part n.',
    'nested',
    '2.TEXT',
    bodyOf(INNER),
  ),
  gives(
    'part-message-mime',
    '9051 §6.4.5.1',
    'BODY[n.MIME] of a message/rfc822 part gives the MIME header around the message, not that within.',
    'nested',
    '2.MIME',
    'Content-Type: message/rfc822\r\nContent-Description: A forwarded message\r\n\r\n',
  ),
  gives(
    'part-in-message',
    '9051 §6.4.5.1',
    'Parts of an encapsulated multipart message are numbered below the number of the message part.',
    'nested',
    '2.1',
    'An almond inside.',
  ),
  define(
    'part-message-fields',
    '9051 §6.4.5.1',
    'BODY[n.HEADER.FIELDS (names)] chooses fields of the encapsulated message.',
    async (c) =>
      equals(await fields(c, 'nested', '2.HEADER.FIELDS (SUBJECT)'), 'Subject: Inner message\r\n\r\n', 'its Subject'),
  ),
  define(
    'partial',
    '9051 §6.4.5',
    'BODY[]<o.n> gives n octets from octet o on (counted from 0), and names the origin.',
    async (c) => equals(await section(c, number('plain'), '', '6.20'), PLAIN.slice(6, 26), 'octets 6 to 25'),
  ),
  define(
    'partial-section',
    '9051 §6.4.5',
    'A partial of a section counts from the beginning of that section.',
    async (c) => equals(await section(c, number('plain'), 'TEXT', '4.5'), 'first', 'octets 4 to 8 of the text'),
  ),
  define('partial-across-line-end', '9051 §6.4.5', 'A partial may begin and end within CR LF.', async (c) => {
    const at = bodyOf(PLAIN).indexOf('\r\n') + 1
    equals(await section(c, number('plain'), 'TEXT', `${at}.3`), '\nA ', 'LF and two octets')
  }),
  define('partial-truncated', '9051 §6.4.5', 'A partial that goes beyond the end gives what there is.', async (c) =>
    equals(await section(c, number('multipart'), '2', '4.1000'), 'AwT/', 'the last four octets'),
  ),
  define('partial-beyond', '9051 §6.4.5', 'A partial that begins beyond the end gives an empty string.', async (c) =>
    equals(await section(c, number('multipart'), '2', '1000.10'), '', 'nothing'),
  ),
  define(
    'partial-from-zero',
    '9051 §6.4.5',
    'A partial from octet 0 that covers everything is still named as a partial, BODY[]<0>.',
    async (c) => equals(await section(c, number('plain'), '', '0.100000'), PLAIN, 'the whole message'),
  ),
  define('partial-of-fields', '9051 §6.4.5', 'A partial of HEADER.FIELDS is taken from the chosen fields.', async (c) =>
    equals(await fields(c, 'plain', 'HEADER.FIELDS (SUBJECT)', '<9.5>'), 'Plain', 'octets 9 to 13 of the field'),
  ),
  define(
    'no-origin-unasked',
    '9051 §7.5.2',
    'A response to BODY[section] without a partial names no origin.',
    async (c) => {
      const n = number('plain')
      const names = [
        ...(fetched(await c.ok(`FETCH ${n} (BODY.PEEK[])`))
          .get(n)
          ?.keys() ?? []),
      ]
      check(names.includes('BODY[]'), 'BODY[]', names.join(', '))
      check(!names.some((name) => name.includes('<')), 'no origin', names.join(', '))
    },
  ),
  define(
    'peek-is-named-body',
    '9051 §9 msg-att-static',
    'The response to BODY.PEEK[section] is named BODY[section].',
    async (c) => {
      const n = number('plain')
      const names = [
        ...(fetched(await c.ok(`FETCH ${n} (BODY.PEEK[HEADER])`))
          .get(n)
          ?.keys() ?? []),
      ]
      check(names.includes('BODY[HEADER]'), 'BODY[HEADER]', names.join(', '))
    },
  ),
  define('sections-together', '9051 §6.4.5', 'Several sections asked for in one command are all given.', async (c) => {
    const n = number('plain')
    const all = fetched(await c.ok(`FETCH ${n} (BODY.PEEK[TEXT] BODY.PEEK[HEADER] BODY.PEEK[1]<0.3>)`)).get(n)
    same(
      ['BODY[TEXT]', 'BODY[HEADER]', 'BODY[1]<0>'].map((name) => octets(all?.get(name), name)),
      [bodyOf(PLAIN), headerOf(PLAIN), 'The'],
      'the three sections',
    )
  }),
  define(
    'rfc822',
    '3501 §6.4.5',
    'RFC822 gives the whole message, named RFC822.',
    async (c) => equals(octets(await item(c, number('plain'), 'RFC822'), 'RFC822'), PLAIN, 'RFC822'),
    { capabilities: ['IMAP4REV1'] },
  ),
  define(
    'rfc822-header',
    '3501 §6.4.5',
    'RFC822.HEADER gives the header with its blank line.',
    async (c) =>
      equals(octets(await item(c, number('plain'), 'RFC822.HEADER'), 'RFC822.HEADER'), headerOf(PLAIN), 'the header'),
    { capabilities: ['IMAP4REV1'] },
  ),
  define(
    'rfc822-text',
    '3501 §6.4.5',
    'RFC822.TEXT gives the body without the header.',
    async (c) =>
      equals(octets(await item(c, number('plain'), 'RFC822.TEXT'), 'RFC822.TEXT'), bodyOf(PLAIN), 'the body'),
    { capabilities: ['IMAP4REV1'] },
  ),
]

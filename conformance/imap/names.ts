// IMAP: mailbox names beyond ASCII: modified UTF-7, Net-Unicode, and UTF8=ACCEPT (RFC 6855).
import { check, Skipped, visible } from '../judgement.ts'
import { type Imap, literal, octetsOf, quoted } from './client.ts'
import { expectNames, listing } from './list.ts'
import { again, casesOf, freshName, type ImapCase, withCapabilities } from './suite.ts'

const utf7 = casesOf('utf7', { state: 'authenticated', needs: withCapabilities('IMAP4REV1') })
const unicode = casesOf('unicode', { state: 'authenticated', needs: withCapabilities('IMAP4REV2') })
const accept = casesOf('utf8', { state: 'authenticated', needs: withCapabilities('UTF8=ACCEPT', 'ENABLE') })

/** Names of what begins with that, as LIST gives them. */
const beginning = (c: Imap, start: string) => listing(c, `LIST "" ${quoted(`${start}*`)}`)

const refusedName = (slug: string, name: string, requirement: string): ImapCase =>
  utf7(
    slug,
    'RFC 3501 §5.1.3',
    requirement,
    async (c) => {
      await c.refused(`CREATE ${quoted(`${freshName(c)}${name}`)}`)
    },
    { level: 'should' },
  )

export const utf7Cases: readonly ImapCase[] = [
  utf7('kept', 'RFC 3501 §5.1.3', 'A name in modified UTF-7 is listed exactly as it was created.', async (c) => {
    const name = `${freshName(c)}&U,BTFw-&-x`
    await c.ok(`CREATE ${quoted(name)}`)
    expectNames(await beginning(c, name.slice(0, name.indexOf('&'))), name)
  }),
  utf7(
    'case-sensitive',
    'RFC 3501 §5.1.3',
    'The base64 of a name is case-sensitive: it is listed as it was made, and is another name in other letters.',
    async (c) => {
      const start = freshName(c)
      await c.must(`CREATE ${quoted(`${start}&AOk-`)}`)
      expectNames(await beginning(c, start), `${start}&AOk-`)
      await c.no(`STATUS ${quoted(`${start}&aok-`)} (MESSAGES)`)
    },
  ),
  utf7(
    'text-in-ascii',
    'RFC 3501 §9',
    'The text of a response has no octets above 127, also when a name that is not ASCII is refused.',
    async (c) => {
      const { raw } = await c.no(`STATUS ${quoted(`${freshName(c)}&AOk-`)} (MESSAGES)`)
      check(!/[\x80-\xff]/.test(raw), 'a text in ASCII', visible(raw))
    },
  ),
  utf7('selectable', 'RFC 3501 §5.1.3', 'A mailbox whose name is in modified UTF-7 can be selected.', async (c) => {
    const name = `${freshName(c)}&AOk-`
    await c.must(`CREATE ${quoted(name)}`)
    await c.select(name)
  }),
  utf7('ampersand', 'RFC 3501 §5.1.3', 'A mailbox with "&" in its name has "&-" in its place.', async (c) => {
    const name = `${freshName(c)}&-co`
    await c.ok(`CREATE ${quoted(name)}`)
    expectNames(await beginning(c, name.slice(0, name.indexOf('&'))), name)
  }),
  refusedName('unshifted', '&Jjo!', 'CREATE of a name without a shift back to ASCII is refused.'),
  refusedName('superfluous-shift', '&U,BTFw-&ZeVnLIqe-', 'CREATE of a name with a superfluous shift is refused.'),
  refusedName('ascii-encoded', '&AGE-', 'CREATE of a name with an ASCII letter in base64 is refused.'),
  utf7(
    'eight-bit-create',
    'RFC 3501 §5.1',
    'CREATE of a name with octets above 127 is refused, as a quoted string and as a literal.',
    async (c) => {
      await c.refused(`CREATE ${quoted(`${freshName(c)}${octetsOf('\u00e9')}`)}`)
      await c.refused(['CREATE ', literal(`${freshName(c)}${octetsOf('\u00e9')}`)])
    },
    { level: 'should' },
  ),
  utf7(
    'eight-bit-list',
    'RFC 3501 §5.1',
    'LIST gives no name with octets above 127.',
    async (c) => {
      await c.must(`CREATE ${quoted(`${freshName(c)}&AOk-`)}`)
      const wrong = (await listing(c, 'LIST "" "*"')).find(({ name }) => /[\x80-\xff]/.test(name))
      check(wrong === undefined, 'names in ASCII', visible(wrong?.name ?? ''))
    },
    { level: 'should' },
  ),
]

export const unicodeCases: readonly ImapCase[] = [
  unicode(
    'create',
    'RFC 9051 §5.1',
    'A name in UTF-8 can be created, listed and selected under IMAP4rev2.',
    async (c) => {
      const name = `${freshName(c)}${octetsOf('ma\u00f1ana')}`
      await c.ok(`CREATE ${quoted(name)}`)
      expectNames(await beginning(c, name.slice(0, name.indexOf('ma\xc3'))), name)
      await c.select(name)
    },
  ),
  unicode('ampersand', 'RFC 9051 §5.1', '"&" in a name is itself under IMAP4rev2.', async (c) => {
    const name = `${freshName(c)}a&b`
    await c.ok(`CREATE ${quoted(name)}`)
    expectNames(await beginning(c, name.slice(0, -3)), name)
  }),
  unicode(
    'seen-by-rev1',
    'RFC 3501 §5.1.3',
    'A name made in UTF-8 is listed in modified UTF-7 to a session of IMAP4rev1.',
    async (c) => {
      if (!c.announces('IMAP4REV1')) throw new Skipped('the server has no IMAP4rev1')
      const start = freshName(c)
      await c.must(`CREATE ${quoted(`${start}${octetsOf('\u00e9')}`)}`)
      expectNames(await beginning(await again(c), start), `${start}&AOk-`)
    },
  ),
  unicode(
    'not-normalized',
    'RFC 9051 §5.1',
    'A name that is not in Normalization Form C is refused, or made in that form and found under both.',
    async (c) => {
      const start = freshName(c)
      const [given, normal] = ['e\u0301', '\u00e9'].map((text) => `${start}${octetsOf(text)}`)
      const { status } = await c.send(`CREATE ${quoted(given!)}`)
      if (status !== 'OK') return
      expectNames(await beginning(c, start), normal!)
      await c.select(given!)
    },
  ),
  unicode('not-utf8', 'RFC 9051 §9', 'Octets above 127 that are not UTF-8 are refused in a quoted name.', async (c) => {
    await c.refused(`CREATE ${quoted(`${freshName(c)}\xff\xfe`)}`)
  }),
]

const HEADER_8BIT = `From: a@conformance.example\r\nSubject: ${octetsOf('ma\u00f1ana')}\r\n\r\nHello.\r\n`

const enabled = async (c: Imap): Promise<void> => {
  await c.must('ENABLE UTF8=ACCEPT')
}

export const utf8Cases: readonly ImapCase[] = [
  accept(
    'name',
    'RFC 6855 §3',
    'After ENABLE UTF8=ACCEPT a name in UTF-8 can be created and is listed in UTF-8.',
    async (c) => {
      await enabled(c)
      const name = `${freshName(c)}${octetsOf('ma\u00f1ana')}`
      await c.ok(`CREATE ${quoted(name)}`)
      expectNames(await beginning(c, name.slice(0, name.indexOf('ma\xc3'))), name)
    },
    { level: 'should' },
  ),
  accept(
    'not-enabled',
    'RFC 6855 §3',
    'Without ENABLE no UTF-8 is sent in quoted strings: the name is in modified UTF-7.',
    async (c) => {
      const name = `${freshName(c)}&AOk-`
      await c.must(`CREATE ${quoted(name)}`)
      expectNames(await beginning(c, name.slice(0, name.indexOf('&'))), name)
    },
  ),
  accept(
    'not-utf8',
    'RFC 6855 §3',
    'Octets above 127 that are not UTF-8 in a quoted string are answered BAD.',
    async (c) => {
      await enabled(c)
      await c.bad(`STATUS "conformance\xff\xfe" (MESSAGES)`)
    },
  ),
  accept(
    'append-not-enabled',
    'RFC 6855 §4',
    'APPEND of a message with octets above 127 in its header is answered NO before ENABLE.',
    async (c) => {
      await c.no(['APPEND INBOX ', literal(HEADER_8BIT)])
    },
  ),
  accept(
    'append',
    'RFC 6855 §4',
    'After ENABLE a message with UTF-8 in its header is taken by the UTF8 data extension.',
    async (c) => {
      await enabled(c)
      const name = freshName(c)
      await c.must(`CREATE ${quoted(name)}`)
      await c.ok([`APPEND ${quoted(name)} UTF8 (`, literal(HEADER_8BIT, 'sync8'), ')'])
    },
  ),
  accept(
    'search-charset',
    'RFC 6855 §3',
    'After ENABLE a SEARCH with a charset is answered BAD.',
    async (c) => {
      await enabled(c)
      await c.must(`SELECT INBOX`)
      await c.bad('SEARCH CHARSET UTF-8 SUBJECT "x"')
    },
    { level: 'should' },
  ),
]

// IMAP: FETCH BODYSTRUCTURE and BODY.
import { check } from '../judgement.ts'
import { item, nullable, octets, same, section, topic } from './cases.ts'
import { type Imap, items, numberOf, quoted, shown, type Value } from './client.ts'
import { number } from './corpus.ts'
import { freshMailbox } from './suite.ts'

const define = topic('bodystructure', 'examined')
const RFC = '9051 §7.5.2'
const OWN = { state: 'authenticated' } as const

/** The fields of a non-multipart part, by their places. */
const FIELD = { type: 0, subtype: 1, params: 2, id: 3, description: 4, encoding: 5, octets: 6, lines: 7 } as const

/** The part with these numbers in BODYSTRUCTURE; message parts are passed through to what they hold. */
function partOf(whole: Value, path: readonly number[]): readonly Value[] {
  let part = items(whole, 'BODYSTRUCTURE')
  for (const n of path) {
    if (part[0]?.kind !== 'list') part = items(part[8], 'the body of a message part')
    const inner = part[n - 1]
    check(inner?.kind === 'list', `a part ${path.join('.')}`, whole.text)
    part = items(inner, `part ${path.join('.')}`)
  }
  return part
}

const structure = async (c: Imap, name: string, what = 'BODYSTRUCTURE'): Promise<Value> => item(c, number(name), what)

const part = async (c: Imap, name: string, ...path: readonly number[]): Promise<readonly Value[]> =>
  partOf(await structure(c, name), path)

/** Attribute (lower case) and value by turns as a map; null for NIL. */
function parameters(value: Value | undefined, what: string): { [name: string]: string } | null {
  if (value?.kind === 'nil') return null
  const all = items(value, what).map((one) => octets(one, `a member of ${what}`))
  check(all.length > 0 && all.length % 2 === 0, `attributes and values in ${what}`, shown(value))
  return Object.fromEntries(all.flatMap((one, i) => (i % 2 === 0 ? [[one.toLowerCase(), all[i + 1]!]] : [])))
}

const typeOf = (fields: readonly Value[]): string =>
  `${octets(fields[FIELD.type], 'the type')}/${octets(fields[FIELD.subtype], 'the subtype')}`.toLowerCase()

/** Type-specific fields, behind which the extension data begins. */
const basics = (fields: readonly Value[]): number => {
  const type = typeOf(fields)
  return type.startsWith('text/') ? 8 : type === 'message/rfc822' ? 10 : 7
}

/** MD5, disposition, language and location of a part that is not multipart; undefined where the server ends before. */
const extension = (fields: readonly Value[]): readonly (Value | undefined)[] => fields.slice(basics(fields))

const disposition = (value: Value | undefined): unknown => {
  const [type, params] = items(value, 'the disposition')
  return [octets(type, 'the disposition type').toLowerCase(), parameters(params, 'its parameters')]
}

const language = (value: Value | undefined): string[] =>
  value?.kind === 'list' ? value.items.map((one) => octets(one, 'a language')) : [octets(value, 'the language')]

/** Where the multipart subtype stands. */
const subtypeAt = (fields: readonly Value[]): number => fields.findIndex(({ kind }) => kind !== 'list')

/** BODYSTRUCTURE of a message of these lines. */
const ofMessage = (
  slug: string,
  rfc: string,
  requirement: string,
  lines: readonly string[],
  judge: (fields: readonly Value[], c: Imap) => unknown,
  more = {},
) =>
  define(
    slug,
    rfc,
    requirement,
    async (c) => {
      c.mailbox = await freshMailbox(c)
      const header = ['Date: Mon, 06 Jan 2020 10:11:12 +0000', 'From: ana@conformance.example', 'MIME-Version: 1.0']
      await c.append(c.mailbox, [...header, ...lines, ''].join('\r\n'))
      await c.must(`EXAMINE ${quoted(c.mailbox)}`)
      await judge(items(await item(c, 1, 'BODYSTRUCTURE'), 'BODYSTRUCTURE'), c)
    },
    { ...OWN, ...more },
  )

export const bodystructureCases = [
  define('text', RFC, 'A text part has eight fields first: type to size, then its lines.', async (c) => {
    const fields = await part(c, 'eightbit')
    same(typeOf(fields), 'text/plain', 'type')
    numberOf(fields[FIELD.octets], 'the octets')
    numberOf(fields[FIELD.lines], 'the lines')
  }),
  define(
    'default-type',
    RFC,
    'A message without Content-Type is TEXT/PLAIN with the charset US-ASCII.',
    async (c) => {
      const fields = await part(c, 'plain')
      same(typeOf(fields), 'text/plain', 'type')
      const charset = parameters(fields[FIELD.params], 'the parameters')?.charset
      same(charset?.toLowerCase(), 'us-ascii', 'charset')
    },
    { level: 'should' },
  ),
  define('default-encoding', RFC, 'Without Content-Transfer-Encoding, the encoding is 7BIT.', async (c) =>
    same(octets((await part(c, 'plain'))[FIELD.encoding], 'encoding').toLowerCase(), '7bit', 'encoding'),
  ),
  define('encoding', RFC, 'The encoding is that of Content-Transfer-Encoding.', async (c) =>
    same(octets((await part(c, 'multipart', 2))[FIELD.encoding], 'encoding').toLowerCase(), 'base64', 'encoding'),
  ),
  define('octets', RFC, 'The size of a part is the number of octets of its BODY[part].', async (c) => {
    for (const path of [[1, 1], [1, 2], [2]]) {
      const size = numberOf((await part(c, 'multipart', ...path))[FIELD.octets], 'the octets')
      same(size, (await section(c, number('multipart'), path.join('.'))).length, `the octets of part ${path.join('.')}`)
    }
  }),
  define('octets-encoded', RFC, 'The size of a part is that of its encoded form.', async (c) =>
    same(numberOf((await part(c, 'multipart', 2))[FIELD.octets], 'the octets'), 'AAECAwT/'.length, 'octets'),
  ),
  ofMessage(
    'lines',
    RFC,
    'The lines of a text part are those of its encoded form.',
    [
      'Content-Type: text/plain; charset=us-ascii',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      'a long =',
      'line',
      'and another',
    ],
    (fields) => same(numberOf(fields[FIELD.lines], 'the lines'), 3, 'lines'),
  ),
  define('parameters', RFC, 'Parameters are attributes and values by turns.', async (c) =>
    same(parameters((await part(c, 'eightbit'))[FIELD.params], 'parameters'), { charset: 'utf-8' }, 'parameters'),
  ),
  ofMessage(
    'parameters-none',
    '9051 §9 body-fld-param',
    'The parameters of a part without any are NIL.',
    ['Content-Type: application/octet-stream', '', 'x'],
    (fields) => same(parameters(fields[FIELD.params], 'the parameters'), null, 'parameters'),
  ),
  define('id-and-description', RFC, 'Content-ID and Content-Description are the fourth and fifth field.', async (c) => {
    const fields = await part(c, 'multipart', 1, 1)
    same(
      [octets(fields[FIELD.id], 'the id'), octets(fields[FIELD.description], 'the description')],
      ['<text@conformance.example>', 'The text'],
      'id and description',
    )
  }),
  define('id-and-description-absent', RFC, 'Without Content-ID and Content-Description, both are NIL.', async (c) => {
    const fields = await part(c, 'multipart', 2)
    same([nullable(fields[FIELD.id], 'id'), nullable(fields[FIELD.description], 'description')], [null, null], 'both')
  }),
  define(
    'other-has-no-lines',
    RFC,
    'A part that is neither text nor message has no lines: MD5 comes next.',
    async (c) => {
      const [md5] = extension(await part(c, 'multipart', 2))
      if (md5 !== undefined) nullable(md5, 'the MD5')
    },
  ),
  define('multipart', RFC, 'A multipart is the list of its parts, then its subtype.', async (c) => {
    const fields = await part(c, 'multipart')
    same(subtypeAt(fields), 2, 'parts before the subtype')
    same(octets(fields[2], 'the subtype').toLowerCase(), 'mixed', 'subtype')
  }),
  define('multipart-nested', RFC, 'A multipart within a multipart is nested in the same form.', async (c) => {
    const fields = await part(c, 'multipart', 1)
    same(
      [
        typeOf(partOf(await structure(c, 'multipart'), [1, 1])),
        typeOf(partOf(await structure(c, 'multipart'), [1, 2])),
      ],
      ['text/plain', 'text/html'],
      'its parts',
    )
    same(octets(fields[2], 'the subtype').toLowerCase(), 'alternative', 'its subtype')
  }),
  define(
    'multipart-parameters',
    RFC,
    'BODYSTRUCTURE of a multipart has its parameters behind the subtype.',
    async (c) => {
      const fields = await part(c, 'multipart')
      same(parameters(fields[3], 'the parameters'), { boundary: 'outer-bound' }, 'parameters')
    },
  ),
  define('body-multipart', RFC, 'BODY of a multipart ends with the subtype.', async (c) => {
    const fields = items(await structure(c, 'multipart', 'BODY'), 'BODY')
    same(fields.length, subtypeAt(fields) + 1, 'members')
  }),
  define('body-part', RFC, 'BODY has no extension data: seven fields, eight for text.', async (c) => {
    const whole = await structure(c, 'multipart', 'BODY')
    same([partOf(whole, [1, 1]).length, partOf(whole, [2]).length], [8, 7], 'fields of the text part and of the other')
  }),
  define(
    'message',
    RFC,
    'A message/rfc822 part has envelope, body structure and lines of the message behind the basic fields.',
    async (c) => {
      const fields = await part(c, 'nested', 2)
      same(typeOf(fields), 'message/rfc822', 'type')
      same(items(fields[7], 'its envelope').length, 10, 'members of its envelope')
      items(fields[8], 'its body structure')
      numberOf(fields[9], 'its lines')
    },
  ),
  define('message-envelope', RFC, 'The envelope in a message part is that of the encapsulated message.', async (c) => {
    const envelope = items((await part(c, 'nested', 2))[7], 'its envelope')
    same(nullable(envelope[1], 'its subject'), 'Inner message', 'its subject')
  }),
  define(
    'message-body',
    RFC,
    'The body structure in a message part is that of the encapsulated message.',
    async (c) => {
      const whole = await structure(c, 'nested')
      same([typeOf(partOf(whole, [2, 1])), typeOf(partOf(whole, [2, 2]))], ['text/plain', 'image/gif'], 'its parts')
    },
  ),
  define('message-lines', RFC, 'The lines of a message part are those of the encapsulated message.', async (c) => {
    const lines = numberOf((await part(c, 'nested', 2))[9], 'its lines')
    const wanted = (await section(c, number('nested'), '2')).split('\r\n').length
    // a last line without a line end counts or not
    check(wanted - lines === 0 || wanted - lines === 1, `${wanted} or ${wanted - 1} lines`, String(lines))
  }),
  define(
    'message-octets',
    RFC,
    'The size of a message part is the number of octets of the encapsulated message.',
    async (c) => {
      const size = numberOf((await part(c, 'nested', 2))[FIELD.octets], 'the octets')
      same(size, (await section(c, number('nested'), '2')).length, 'octets')
    },
  ),
  define('md5', RFC, 'The first extension field of a part is its Content-MD5.', async (c) => {
    const [md5] = extension(await part(c, 'multipart', 2))
    if (md5 !== undefined) same(nullable(md5, 'the MD5'), 'Q2hlY2sgSW50ZWdyaXR5IQ==', 'MD5')
  }),
  define(
    'disposition',
    RFC,
    'The second extension field of a part is its disposition: the type, then the parameters.',
    async (c) => {
      const [, value] = extension(await part(c, 'multipart', 2))
      if (value !== undefined)
        same(disposition(value), ['attachment', { filename: 'nuts.bin', size: '6' }], 'disposition')
    },
  ),
  define('disposition-without-parameters', RFC, 'The parameters of a disposition without any are NIL.', async (c) => {
    const [, value] = extension(await part(c, 'nested', 2, 2))
    if (value !== undefined) same(disposition(value), ['inline', null], 'disposition')
  }),
  define('disposition-absent', RFC, 'The disposition of a part without Content-Disposition is NIL.', async (c) => {
    const [, value] = extension(await part(c, 'multipart', 1, 1))
    if (value !== undefined) check(value.kind === 'nil', 'NIL', shown(value))
  }),
  define('language', RFC, 'The third extension field of a part is its language or the list of them.', async (c) => {
    const value = extension(await part(c, 'multipart', 1, 2))[2]
    if (value !== undefined)
      same(language(value).join(', ').replaceAll(/, */g, ',').toLowerCase(), 'en,es', 'languages')
  }),
  define('location', RFC, 'The fourth extension field of a part is its Content-Location.', async (c) => {
    const value = extension(await part(c, 'multipart', 1, 2))[3]
    if (value !== undefined) same(octets(value, 'the location'), 'http://conformance.example/text.html', 'location')
  }),
  define('no-more-fields', RFC, 'Nothing follows the location of a part, nor that of a multipart.', async (c) => {
    const whole = await part(c, 'multipart')
    check(whole.length - subtypeAt(whole) <= 5, 'at most four fields behind the subtype', String(whole.length))
    const fields = await part(c, 'multipart', 2)
    check(extension(fields).length <= 4, 'at most four extension fields', String(extension(fields).length))
  }),
  ofMessage(
    'multipart-disposition',
    RFC,
    'The disposition of a multipart stands behind its parameters.',
    ['Content-Type: multipart/mixed; boundary=b', 'Content-Disposition: inline; x=y', '', '--b', '', 'text', '--b--'],
    (fields) => {
      const value = fields[subtypeAt(fields) + 2]
      if (value !== undefined) same(disposition(value), ['inline', { x: 'y' }], 'disposition')
    },
  ),
  ofMessage(
    'parameter-continuations',
    RFC,
    'Continued parameter values (name*0, name*1) are joined to one parameter.',
    ['Content-Type: application/octet-stream;', ' name*0="a very long ";', ' name*1="file name.bin"', '', 'x'],
    (fields) =>
      same(parameters(fields[FIELD.params], 'parameters'), { name: 'a very long file name.bin' }, 'parameters'),
    { level: 'should' },
  ),
  ofMessage(
    'digest',
    '2046 §5.1.5',
    'A part of a multipart/digest without Content-Type is a message/rfc822.',
    [
      'Content-Type: multipart/digest; boundary=b',
      '',
      '--b',
      '',
      'From: inner@conformance.example',
      'Subject: digested',
      '',
      'text',
      '--b--',
    ],
    (fields) => same(typeOf(items(fields[0], 'its part')), 'message/rfc822', 'type'),
  ),
  ofMessage(
    'parameter-quoted',
    RFC,
    'A quoted parameter value is given without its quotes and with what they protect.',
    ['Content-Type: application/octet-stream; name="semi;colon \\"quoted\\".bin"', '', 'x'],
    (fields) => same(parameters(fields[FIELD.params], 'parameters'), { name: 'semi;colon "quoted".bin' }, 'parameters'),
  ),
  ofMessage('empty', RFC, 'An empty body has 0 octets and 0 lines.', ['Content-Type: text/plain', ''], (fields) =>
    same(
      [numberOf(fields[FIELD.octets], 'octets'), numberOf(fields[FIELD.lines], 'lines')],
      [0, 0],
      'octets and lines',
    ),
  ),
]

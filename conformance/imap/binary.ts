// IMAP: FETCH of decoded parts (RFC 3516 and IMAP4rev2).
import { check, visible } from '../judgement.ts'
import { flags, item, itemIn, octets, same, topic, uidOf } from './cases.ts'
import { fetched, type Imap, isString, numberOf, quoted, shown } from './client.ts'
import { number } from './corpus.ts'
import { freshMailbox } from './suite.ts'

const define = topic('binary', 'examined', 'BINARY|IMAP4REV2')
const DECODED = '\x00\x01\x02\x03\x04\xff'
const N = number('multipart')
const OWN = { state: 'authenticated' } as const

/** Message 1 of a fresh mailbox: a single part with this encoding. */
async function withPart(c: Imap, encoding: string, body: string, type = 'text/plain; charset=utf-8'): Promise<void> {
  c.mailbox = await freshMailbox(c)
  const head = ['Date: Mon, 06 Jan 2020 10:11:12 +0000', 'From: ana@conformance.example', 'MIME-Version: 1.0']
  const mime = [`Content-Type: ${type}`, `Content-Transfer-Encoding: ${encoding}`]
  await c.append(c.mailbox, [...head, ...mime, '', body].join('\r\n'))
  await c.must(`SELECT ${quoted(c.mailbox)}`)
}

const decoded = async (c: Imap, n: number, part: string, partial = ''): Promise<string> => {
  const origin = partial === '' ? '' : `<${partial.slice(1).split('.')[0]}>`
  return octets(await item(c, n, `BINARY.PEEK[${part}]${partial}`, `BINARY[${part}]${origin}`), `BINARY[${part}]`)
}

const equals = (got: string, wanted: string): void => check(got === wanted, `"${visible(wanted)}"`, `"${visible(got)}"`)

export const binaryCases = [
  define('base64', '9051 §6.4.5', 'BINARY[part] gives the octets that base64 stands for.', async (c) =>
    equals(await decoded(c, N, '2'), DECODED),
  ),
  define('quoted-printable', '9051 §6.4.5', 'BINARY[part] gives what quoted-printable stands for.', async (c) =>
    equals(await decoded(c, N, '1.2'), '<p>Text with a hazeln\xc3\xbct.</p>'),
  ),
  define(
    'identity',
    '9051 §6.4.5',
    'BINARY[part] of a part that is not encoded is the same as BODY[part].',
    async (c) => equals(await decoded(c, N, '1.1'), 'Text with a hazelnut.\r\nTwo lines.'),
  ),
  define('part-1', '9051 §6.4.5.1', 'BINARY[1] of a message that is not multipart is its decoded body.', async (c) =>
    equals(await decoded(c, number('encoded'), '1'), 'A pi\xf1a and a pistachio.\r\n'),
  ),
  define('size', '9051 §7.5.2', 'BINARY.SIZE[part] is the number of octets that BINARY[part] gives.', async (c) => {
    for (const part of ['1.1', '1.2', '2'])
      same(
        numberOf(await item(c, N, `BINARY.SIZE[${part}]`), 'the size'),
        (await decoded(c, N, part)).length,
        `BINARY.SIZE[${part}]`,
      )
  }),
  define(
    'partial',
    '9051 §6.4.5',
    'A partial of BINARY counts in the decoded octets, and names its origin.',
    async (c) => equals(await decoded(c, N, '2', '<3.2>'), DECODED.slice(3, 5)),
  ),
  define(
    'partial-beyond',
    '9051 §6.4.5',
    'A partial of BINARY beyond the decoded end gives an empty string.',
    // 6 octets that are 8 in base64
    async (c) => equals(await decoded(c, N, '2', '<7.1>'), ''),
  ),
  define('nul-in-literal8', '9051 §9 literal8', 'Decoded data with a NUL comes as literal8.', async (c) => {
    const value = await item(c, N, 'BINARY.PEEK[2]', 'BINARY[2]')
    check(value.kind === 'literal8', 'a literal8 (~{6})', shown(value))
  }),
  define(
    'string-without-nul',
    '9051 §7.5.2',
    'Decoded 8-bit data without a NUL comes as a string, not as literal8.',
    async (c) => {
      const value = await item(c, N, 'BINARY.PEEK[1.2]', 'BINARY[1.2]')
      check(isString(value) && value.kind !== 'literal8', 'a quoted string or literal', value.kind)
    },
    { level: 'should' },
  ),
  define(
    'soft-line-breaks',
    '9051 §6.4.5',
    'Soft line breaks of quoted-printable are gone in BINARY.',
    async (c) => {
      await withPart(c, 'quoted-printable', 'a long =\r\nline\r\nand another\r\n')
      equals(await decoded(c, 1, '1'), 'a long line\r\nand another\r\n')
    },
    OWN,
  ),
  define(
    'sets-seen',
    '9051 §6.4.5',
    'BINARY[part] sets \\Seen.',
    async (c) => {
      await c.ok(`FETCH ${N} (BINARY[2])`)
      check((await flags(c, N)).includes('\\seen'), '\\Seen among the flags', 'none')
    },
    { state: 'selected' },
  ),
  define(
    'peek',
    '9051 §6.4.5',
    'BINARY.PEEK[part] does not set \\Seen.',
    async (c) => {
      await c.ok(`FETCH ${N} (BINARY.PEEK[2])`)
      check(!(await flags(c, N)).includes('\\seen'), 'no \\Seen', '\\Seen')
    },
    { state: 'selected' },
  ),
  define(
    'size-keeps-unseen',
    '9051 §6.4.5',
    'BINARY.SIZE[part] does not set \\Seen.',
    async (c) => {
      await c.ok(`FETCH ${N} (BINARY.SIZE[2])`)
      check(!(await flags(c, N)).includes('\\seen'), 'no \\Seen', '\\Seen')
    },
    { state: 'selected' },
  ),
  define(
    'unknown-encoding',
    '9051 §7.5.2',
    'BINARY of a part with an unknown Content-Transfer-Encoding is answered by NO with UNKNOWN-CTE.',
    async (c) => {
      await withPart(c, 'x-no-such-encoding', 'text\r\n')
      const { status, code, raw } = await c.send('FETCH 1 (BINARY.PEEK[1])')
      check(status === 'NO' && code?.name === 'UNKNOWN-CTE', 'NO [UNKNOWN-CTE]', visible(raw))
    },
    OWN,
  ),
  define(
    'unknown-encoding-size',
    '9051 §7.5.2',
    'BINARY.SIZE of a part with an unknown Content-Transfer-Encoding is answered by NO with UNKNOWN-CTE.',
    async (c) => {
      await withPart(c, 'x-no-such-encoding', 'text\r\n')
      const { status, code, raw } = await c.send('FETCH 1 (BINARY.SIZE[1])')
      check(status === 'NO' && code?.name === 'UNKNOWN-CTE', 'NO [UNKNOWN-CTE]', visible(raw))
    },
    OWN,
  ),
  define(
    'no-text-specifier',
    '9051 §9 section-binary',
    'BINARY takes part numbers alone: BINARY[1.MIME] is answered by BAD.',
    async (c) => c.send(`FETCH ${N} (BINARY.PEEK[1.MIME])`, 'BAD'),
    { level: 'should' },
  ),
  define('uid-fetch', '9051 §6.4.9', 'UID FETCH gives BINARY too.', async (c) => {
    const n = number('eightbit')
    const all = fetched(await c.ok(`UID FETCH ${await uidOf(c, n)} (BINARY.PEEK[1])`))
    equals(octets(itemIn(all, n, 'BINARY[1]'), 'BINARY[1]'), 'Una nuez peque\xc3\xb1a.\r\n')
  }),
]

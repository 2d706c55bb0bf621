import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isHeloArgument, parseCommandLine, parseParameters, parsePath } from './command.ts'

const octets = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))
const lines = fc.oneof(
  octets,
  fc.string({
    unit: fc.constantFrom('MAIL', 'FROM:', '<', '>', '"', '\\', '@', ',', ':', '=', ' ', 'a', 'é', '\t', '.'),
  }),
)

describe('a command line', () => {
  test.each([
    ['QUIT', 'QUIT', ''],
    ['quit ', 'QUIT', ''],
    ['Mail FROM:<a@b>', 'MAIL', 'FROM:<a@b>'],
    ['NOOP  two  words ', 'NOOP', 'two  words'],
    ['', '', ''],
    ['NOOP é', 'NOOP', 'é'],
  ])("'%s'", (text, verb, args) =>
    expect(parseCommandLine(Buffer.from(text))).toEqual({ ok: true, value: { verb, args } }),
  )

  test.each([
    [Buffer.from('NOOP\0')],
    [Buffer.from('NO\rOP')],
    [Buffer.from('NOOP \x7f')],
    [Buffer.from([0x4e, 0xff])],
    [Buffer.from([0xc3])],
  ])('%j is refused', (line) => expect(parseCommandLine(line).ok).toBe(false))

  test('any octets are parsed or refused', () => {
    fc.assert(
      fc.property(octets, (line) => void parseCommandLine(line)),
      { seed: 5 },
    )
  })
})

describe('a path', () => {
  const options = { origin: null }
  const show = (text: string, more: object = {}): string | null => {
    const path = parsePath(text, { ...options, ...more })
    if (!path.ok) return null
    const { address, rest } = path.value
    return `${address === null ? '<>' : `${address.local}|${address.domain}`}${rest === '' ? '' : ` ${rest}`}`
  }
  test.each([
    ['<>', '<>'],
    ['<> SIZE=1', '<> SIZE=1'],
    ['<a@b.test>', 'a|b.test'],
    ['<a@b.test>  SIZE=1 ', 'a|b.test SIZE=1'],
    ['<@x.test:a@b.test>', 'a|b.test'],
    ['<@x.test,@y.test:a@b.test>', 'a|b.test'],
    ['<"a>b"@b.test>', 'a>b|b.test'],
    ['<"a\\"> b"@b.test> X=1', 'a"> b|b.test X=1'],
  ])('%s', (text, expected) => expect(show(text)).toBe(expected))

  test.each([
    '',
    'a@b.test',
    '<a@b.test',
    '<<a@b.test>>',
    '<a@b.test>x',
    '<a>',
    '<@:a@b.test>',
    '<@x.test a@b.test>',
    '<@x.test;a@b.test>',
    '<"a@b.test>',
    '<postmaster>',
    `<${'a'.repeat(60)}@${'b'.repeat(60)}.${'c.'.repeat(80)}test>`,
  ])('%s is refused', (text) => expect(show(text)).toBeNull())

  test('postmaster and the origin complete an address', () => {
    expect(show('<PostMaster>', { postmaster: true })).toBe('PostMaster|')
    expect(show('<root>', { origin: 'example.com' })).toBe('root|example.com')
    expect(show('<root', { origin: 'example.com' })).toBeNull()
  })

  test('any text is parsed or refused', () => {
    fc.assert(
      fc.property(lines, (line) => void parsePath(line.toString(), { origin: 'x.test', postmaster: true })),
      { seed: 6 },
    )
  })
})

describe('parameters', () => {
  test('keys in upper case, values as they are', () =>
    expect(parseParameters('size=1  SMTPUTF8 X-Y=a;b')).toEqual({
      ok: true,
      value: new Map([
        ['SIZE', '1'],
        ['SMTPUTF8', null],
        ['X-Y', 'a;b'],
      ]),
    }))
  test.each(['=', 'A=', 'A=b=c', 'A B A', '-A=1', 'A\u00e9=1', 'SIZE=1 size=2'])('%s is refused', (text) =>
    expect(parseParameters(text).ok).toBe(false),
  )
})

test('names in a greeting: wide, but safe in a header field', () => {
  const good = ['a.test', '[192.0.2.1]', '[IPv6:2001:db8::1]', 'WIN-PC_1', 'localhost', '192.0.2.1']
  const bad = ['', 'a b', '<a>', 'a(b)', 'a"b', 'é.test', 'a;b', '[', 'x'.repeat(256), 'a\tb']
  expect(good.filter((text) => !isHeloArgument(text))).toEqual([])
  expect(bad.filter(isHeloArgument)).toEqual([])
})

// The grammar of IMAP: what is read, what is refused, and what comes back.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatDateTime, parseDateTime, parseDay } from './dates.ts'
import { Decoder, SyntaxFault } from './decoder.ts'
import { formatAstring, formatMailbox, formatString, utf8Text } from './encoder.ts'
import { parseFetchItems } from './fetch-items.ts'
import { matchesPattern, parseList } from './list-options.ts'
import { parseLiteralMarker } from './literal.ts'
import { decodeMutf7, encodeMutf7 } from './mutf7.ts'
import { parseSearch } from './search-keys.ts'
import { formatSet, normalizeSet, parseSequenceSet } from './sequence-set.ts'

describe('strings', () => {
  it('come back as they were written (property)', () => {
    const octets = fc.string({ unit: fc.integer({ min: 1, max: 255 }).map((n) => String.fromCharCode(n)) })
    fc.assert(
      fc.property(octets, (text) => {
        const formatted = formatString(text)
        const literal = /^\{(\d+)\}\r\n/.exec(formatted)
        const decoder = literal
          ? new Decoder(['', ''], [Buffer.from(formatted.slice(literal[0].length), 'latin1')])
          : new Decoder([formatted])
        expect(decoder.string()).toBe(text)
        expect(decoder.atEnd).toBe(true)
      }),
    )
  })

  it('are atoms only where an atom can hold them', () => {
    expect(formatAstring('INBOX')).toBe('INBOX')
    expect(formatAstring('a]b')).toBe('a]b')
    expect(formatAstring('nil')).toBe('"nil"')
    expect(formatAstring('')).toBe('""')
    expect(formatAstring('a b')).toBe('"a b"')
    expect(formatAstring('a"b')).toBe('"a\\"b"')
    expect(formatMailbox('Entwürfe', false)).toBe('Entw&APw-rfe')
    expect(formatMailbox('Entwürfe', true)).toBe('"Entw\xc3\xbcrfe"')
  })

  it('never end the decoder in anything but a SyntaxFault (property)', () => {
    const words = fc.constantFrom(
      '(',
      ')',
      '"',
      '\\',
      ' ',
      'a',
      '1',
      '*',
      ':',
      ',',
      '[',
      ']',
      '<',
      '>',
      '.',
      'BODY',
      'RETURN',
      'OR',
      'NOT',
      'UID',
      '\xff',
    )
    fc.assert(
      fc.property(fc.array(words, { maxLength: 30 }), (list) => {
        const text = ` ${list.join('')}`
        for (const parse of [parseSearch, parseList, (d: Decoder) => [d.space(), parseFetchItems(d)]]) {
          try {
            parse(new Decoder([text]))
          } catch (error) {
            expect(error).toBeInstanceOf(SyntaxFault)
          }
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('nested search keys are bounded', () => {
    expect(() => parseSearch(new Decoder([` ${'('.repeat(10_000)}`]))).toThrow(SyntaxFault)
    expect(() => parseSearch(new Decoder([` ${'NOT '.repeat(10_000)}ALL`]))).toThrow(SyntaxFault)
    expect(() => parseSearch(new Decoder([` ${'ALL '.repeat(10_000)}ALL`]))).toThrow(SyntaxFault)
  })
})

describe('literal markers', () => {
  it.each([
    ['a LOGIN {3}', { size: 3, nonSync: false, binary: false, start: 8 }],
    ['{12+}', { size: 12, nonSync: true, binary: false, start: 0 }],
    ['x ~{5}', { size: 5, nonSync: false, binary: true, start: 2 }],
    ['x {5', null],
    ['x {-1}', null],
    ['x {}', null],
    ['x {5} ', null],
  ])('%s', (line, marker) => expect(parseLiteralMarker(line)).toEqual(marker))
})

describe('modified UTF-7', () => {
  it.each([
    ['~peter/mail/台北/日本語', '~peter/mail/&U,BTFw-/&ZeVnLIqe-'], // RFC 3501 §5.1.3
    ['Entwürfe & mehr', 'Entw&APw-rfe &- mehr'],
    ['☺!', '&Jjo-!'],
    ['😀', '&2D3eAA-'],
    ['é&é', '&AOk-&-&AOk-'],
  ])('%s', (name, coded) => {
    expect(encodeMutf7(name)).toBe(coded)
    expect(decodeMutf7(coded)).toBe(name)
  })

  it.each(['&Jjo', '&Jjo!', '&U,BTFw-&ZeVnLIqe', '&U,BTFw-&ZeVnLIqe-', '&AGE-', '&2D0-', 'caf\xe9', '&A-'])(
    '%s is refused',
    (coded) => {
      expect(decodeMutf7(coded)).toBeNull()
    },
  )

  it('comes back (property)', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (name) => decodeMutf7(encodeMutf7(name)) === name))
  })
})

describe('sequence sets', () => {
  it('are merged and ordered', () => {
    const set = parseSequenceSet('9:7,1,*,2:4,3') as readonly (readonly [number, number])[]
    expect(normalizeSet(set, 20)).toEqual([
      [1, 4],
      [7, 9],
      [20, 20],
    ])
  })

  it('are written short', () => {
    expect(formatSet([1, 2, 3, 7, 9, 10])).toBe('1:3,7,9:10')
    expect(formatSet([5, 4, 3])).toBe('5,4,3')
    expect(formatSet([])).toBe('')
  })

  it.each(['', '1,', ',1', '1::2', '0', '01', '-1', '1:', '$,1', '4294967296'])('%s is refused', (text) => {
    expect(() => parseSequenceSet(text)).toThrow(SyntaxFault)
  })

  it('come back (property)', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), (numbers) => {
        const sorted = [...numbers].sort((a, b) => a - b)
        const ranges = normalizeSet(parseSequenceSet(formatSet(sorted)) as readonly (readonly [number, number])[], 60)
        expect(ranges.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i))).toEqual(
          sorted,
        )
      }),
    )
  })
})

describe('dates', () => {
  it('come back', () => {
    expect(formatDateTime(Date.UTC(1996, 6, 17, 9, 44, 25))).toBe('"17-Jul-1996 09:44:25 +0000"')
    expect(parseDateTime('17-Jul-1996 02:44:25 -0700')).toBe(Date.UTC(1996, 6, 17, 9, 44, 25))
    expect(parseDateTime(' 1-Feb-2026 00:00:00 +0130')).toBe(Date.UTC(2026, 0, 31, 22, 30))
    for (const text of ['01-Jan-0050 00:00:00 +0000', '29-Feb-1904 00:00:00 +0000', '31-Dec-9999 23:59:59 +0000'])
      expect(formatDateTime(parseDateTime(text))).toBe(`"${text.replace(/^0/, ' ')}"`)
    expect(parseDay('1-feb-1994')).toBe('1994-02-01')
  })

  it.each([
    '1-Feb-2026 00:00:00 +0000',
    '29-Feb-2026 00:00:00 +0000',
    '31-Dec-9999 23:59:59 -0100',
    '01-Jan-0000 00:00:00 +0100',
    '32-Feb-2026 00:00:00 +0000',
    '01-Foo-2026 00:00:00 +0000',
    '01-Feb-2026 24:00:00 +0000',
  ])('%s is refused', (text) => expect(() => parseDateTime(text)).toThrow(SyntaxFault))
})

describe('list patterns', () => {
  it.each([
    ['*', 'a/b/c', true],
    ['%', 'a/b', false],
    ['%', 'a', true],
    ['a/%', 'a/b', true],
    ['a/%', 'a/b/c', false],
    ['%/c', 'a/b/c', false],
    ['*/c', 'a/b/c', true],
    ['a*c', 'a/b/c', true],
    ['', '', true],
    ['INBOX', 'INBOX', true],
    ['a%b%c', 'axxbyyc', true],
    ['*%*', 'a', true],
  ])('%s against %s', (pattern, name, result) => expect(matchesPattern(pattern, name)).toBe(result))

  it('take time in proportion to pattern and name', () => {
    const started = performance.now()
    expect(matchesPattern(`${'*a'.repeat(500)}b`, 'a'.repeat(1000))).toBe(false)
    expect(performance.now() - started).toBeLessThan(500)
  })
})

it('reads UTF-8 strictly', () => {
  expect(utf8Text('gr\xc3\xbc')).toBe('grü')
  expect(utf8Text('gr\xfc')).toBeNull()
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DataDecoder } from './data-decoder.ts'

interface Decoded {
  content: string
  /** What stands behind the end; null when there was no end. */
  rest: string | null
  bare: boolean
  nul: boolean
}

function decode(input: string, size: number, normalise = false): Decoded {
  const decoder = new DataDecoder({ dots: true, normalise })
  const octets = Buffer.from(input, 'latin1')
  let content = ''
  for (let at = 0; at < octets.length; at += size) {
    content += decoder.decode(octets.subarray(at, at + size)).toString('latin1')
    if (decoder.end >= 0) {
      const rest = octets.subarray(at + decoder.end).toString('latin1')
      return { content, rest, bare: decoder.bareLineEnd, nul: decoder.nul }
    }
  }
  return { content, rest: null, bare: decoder.bareLineEnd, nul: decoder.nul }
}

const SIZES = [1, 2, 3, 5, 7, 1000]
const END = '\r\n.\r\n'

describe('in chunks of any size', () => {
  const good: [string, string, string][] = [
    ['text', 'a\r\nb' + END, 'a\r\nb\r\n'],
    ['nothing', '.\r\n', ''],
    ['one empty line', '\r\n.\r\n', '\r\n'],
    ['a stuffed dot', '..a\r\n..\r\n...b' + END, '.a\r\n.\r\n..b\r\n'],
    ['a dot that was not stuffed', '.a' + END, 'a\r\n'],
    ['dots within lines', 'a.b\r\nc.' + END, 'a.b\r\nc.\r\n'],
    ['octets above ASCII', '\xff\x80\r\n' + '.\r\n', '\xff\x80\r\n'],
  ]
  for (const [name, input, content] of good) {
    for (const size of SIZES) {
      test(`${name} (${size})`, () =>
        expect(decode(input + 'QUIT\r\n', size)).toMatchObject({
          content,
          bare: false,
          nul: false,
          rest: expect.stringMatching(/QUIT\r\n$/),
        }))
    }
  }
})

describe('nothing but CRLF.CRLF is the end', () => {
  const smuggled = [
    '\n.\n',
    '\n.\r\n',
    '\r\n.\n',
    '\r.\r',
    '\r.\r\n',
    '\r\n.\r',
    '\n.\r',
    '\r.\n',
    '\r\r\n.\r\r\n',
    '\r\n\0.\r\n',
    '\r\n.\0\r\n',
    '\r\n.\r\r\n',
    '\r\n.\n\r\n',
    '\n\n.\r\n',
    '\r\n..\n',
  ]
  for (const sequence of smuggled) {
    for (const size of SIZES) {
      test(`${JSON.stringify(sequence)} (${size})`, () => {
        const evil = 'MAIL FROM:<x@y>\r\nDATA\r\nbad'
        for (const normalise of [false, true]) {
          const got = decode(`a${sequence}${evil}${END}NOOP\r\n`, size, normalise)
          expect(got.bare || got.nul).toBe(true)
          expect(got.rest).not.toBeNull()
          expect(got.content).toContain('MAIL FROM:<x@y>\r\nDATA\r\nbad\r\n')
        }
      })
    }
  }
})

describe('normalising', () => {
  const cases: [string, string, string][] = [
    ['bare LF', 'a\nb' + END, 'a\r\nb\r\n'],
    ['bare CR', 'a\rb' + END, 'a b\r\n'],
    ['CR CR LF', 'a\r\r\nb' + END, 'a \r\nb\r\n'],
    ['LF CR', 'a\n\rb' + END, 'a\r\n b\r\n'],
    ['a stuffed dot behind a bare LF', 'a\n..b' + END, 'a\r\n.b\r\n'],
    ['a dot line behind a bare LF', 'a\n.\nb' + END, 'a\r\n.\r\nb\r\n'],
    ['a dot line behind a bare LF, ended by CRLF', 'a\n.\r\nb' + END, 'a\r\n.\r\nb\r\n'],
    ['a dot line ended by a bare LF', 'a\r\n.\nb' + END, 'a\r\n.\r\nb\r\n'],
    ['a dot and a bare CR', 'a\r\n.\rb' + END, 'a\r\n b\r\n'],
  ]
  for (const [name, input, content] of cases) {
    for (const size of SIZES) {
      test(`${name} (${size})`, () => {
        const got = decode(input, size, true)
        expect(got.content).toBe(content)
        expect(got.bare).toBe(true)
      })
    }
  }
})

test.each([
  ['lines ended by CRLF', 'a.b\r\n\r\nc' + END, true],
  ['a stuffed dot', 'a\r\n..b' + END, false],
  ['a dot that was not stuffed', '.a' + END, false],
  ['a bare LF', 'a\nb' + END, false],
  ['a bare CR', 'a\rb' + END, false],
])('knows whether DATA carries the content as it is: %s', (_name, input, plain) => {
  for (const size of SIZES) {
    const decoder = new DataDecoder({ dots: true, normalise: true })
    const octets = Buffer.from(input, 'latin1')
    for (let at = 0; at < octets.length; at += size) decoder.decode(octets.subarray(at, at + size))
    expect(decoder.plain).toBe(plain)
  }
})

test('a NUL is noticed', () => expect(decode('a\0b' + END, 1000)).toMatchObject({ nul: true, bare: false }))

test('BDAT: no dot is touched, and an unfinished last line is completed', () => {
  const decoder = new DataDecoder({ dots: false, normalise: false })
  expect(String(decoder.decode(Buffer.from('..a\r\n.\r\nb')))).toBe('..a\r\n.\r\nb')
  expect(decoder.end).toBe(-1)
  expect(String(decoder.finish())).toBe('\r\n')
  expect(decoder.bareLineEnd).toBe(false)
  expect(decoder.plain).toBe(false)
  const complete = new DataDecoder({ dots: false, normalise: false })
  complete.decode(Buffer.from('a\r\n'))
  expect(complete.finish()).toHaveLength(0)
  const cut = new DataDecoder({ dots: false, normalise: false })
  cut.decode(Buffer.from('a\r'))
  cut.finish()
  expect(cut.bareLineEnd).toBe(true)
})

const line = fc.string({ unit: fc.constantFrom('a', '.', ' ', '\xe9'), maxLength: 6 })

test('what is stuffed and sent comes back as it was, in chunks of any size', () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), fc.integer({ min: 1, max: 9 }), (lines, size) => {
      const message = lines.map((text) => text + '\r\n').join('')
      const sent = lines.map((text) => (text[0] === '.' ? '.' + text : text) + '\r\n').join('') + '.\r\n'
      expect(decode(sent + 'REST', size)).toMatchObject({ content: message, bare: false })
      expect(decode(sent, 10_000).rest).toBe('')
    }),
    { seed: 1 },
  )
})

test('any octets: the outcome does not depend on the chunks, and the end is the first CRLF.CRLF', () => {
  const text = ['a', 'text of some length', '\x0e\x0f\x7f\x80\x8d\xff\x0e']
  const soup = fc.string({ unit: fc.constantFrom('\r', '\n', '.', '\0', '\t', '\r\n', END, ...text), maxLength: 30 })
  fc.assert(
    fc.property(soup, fc.boolean(), (input, normalise) => {
      const whole = decode(input, 10_000, normalise)
      for (const size of [1, 2, 3, 10, 23]) {
        const split = decode(input, size, normalise)
        expect({ ...split, rest: split.rest !== null }).toEqual({ ...whole, rest: whole.rest !== null })
      }
      if (!normalise) {
        const at = ('\r\n' + input).indexOf(END)
        expect(whole.rest).toBe(at < 0 ? null : input.slice(at + END.length - 2))
      }
    }),
    { seed: 2, numRuns: 2000 },
  )
})

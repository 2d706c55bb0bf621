import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DotStuffer, TopCutter } from './dot-stuffing.ts'

/** Text rich in what matters here, cut into chunks. */
const chunks = fc.array(
  fc
    .array(fc.constantFrom('.', '\r\n', '\r', '\n', '..', 'a', ' ', '\r\n.', '\r\n.\r\n', '\r\n\r\n'), { maxLength: 8 })
    .map((parts) => parts.join('')),
  { maxLength: 12 },
)

function stuff(parts: readonly string[]): string {
  const out: Buffer[] = []
  const stuffer = new DotStuffer((part) => out.push(part))
  for (const part of parts) stuffer.push(Buffer.from(part))
  stuffer.end()
  return Buffer.concat(out).toString()
}

/** RFC 1939 §3, line by line. */
function reference(text: string): string {
  const whole = text === '' || text.endsWith('\r\n') ? text : `${text}\r\n`
  const lines = whole.split('\r\n').slice(0, -1)
  return `${lines.map((line) => `${line.startsWith('.') ? '.' : ''}${line}\r\n`).join('')}.\r\n`
}

describe('dot-stuffing', () => {
  test('is the same for any cut into chunks as for the whole, line by line', () =>
    fc.assert(
      fc.property(chunks, (parts) => {
        expect(stuff(parts)).toBe(reference(parts.join('')))
      }),
    ))

  test('octet by octet', () =>
    fc.assert(
      fc.property(chunks, (parts) => {
        const text = parts.join('')
        expect(stuff([...text])).toBe(reference(text))
      }),
    ))

  test('copies nothing where there are no dots', () => {
    const chunk = Buffer.from('a line\r\nanother\r\n')
    const out: Buffer[] = []
    const stuffer = new DotStuffer((part) => out.push(part))
    stuffer.push(chunk)
    stuffer.end()
    expect(out[0]?.buffer).toBe(chunk.buffer)
    expect(out).toHaveLength(2)
  })
})

describe('TOP', () => {
  const top = (parts: readonly string[], lines: number): string => {
    const cutter = new TopCutter(lines)
    let out = ''
    for (const part of parts) {
      const length = cutter.take(Buffer.from(part))
      out += part.slice(0, length)
      if (length < part.length) break
    }
    return out
  }
  const message = 'A: b\r\nC: d\r\n\r\none\r\n\r\nthree\r\nno end'
  const cases: [number, string][] = [
    [0, 'A: b\r\nC: d\r\n\r\n'],
    [1, 'A: b\r\nC: d\r\n\r\none\r\n'],
    [2, 'A: b\r\nC: d\r\n\r\none\r\n\r\n'],
    [3, 'A: b\r\nC: d\r\n\r\none\r\n\r\nthree\r\n'],
    [4, message],
    [99, message],
  ]
  for (const [lines, expected] of cases)
    test(`${lines} lines`, () => {
      expect(top([message], lines)).toBe(expected)
      expect(top([...message], lines)).toBe(expected)
    })

  test('a line of one octet is not empty, wherever it is cut', () => expect(top(['.', '\n.'], 0)).toBe('.\n.'))

  test('is the same for any cut into chunks', () =>
    fc.assert(
      fc.property(chunks, fc.nat(5), (parts, lines) => {
        expect(top(parts, lines)).toBe(top([parts.join('')], lines))
      }),
    ))
})

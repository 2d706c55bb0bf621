import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeXtext, encodeXtext } from './xtext.ts'

test('what is encoded is decoded', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '+', '=', ' ', 'é', '\n', '~', '\u{1f600}') })
  fc.assert(
    fc.property(text, (value) => {
      const wire = encodeXtext(value)
      expect(wire).toMatch(/^[!-~]*$/)
      expect(wire).not.toContain('=')
      expect(decodeXtext(wire)).toBe(value)
    }),
    { seed: 7 },
  )
})

test.each(['a b', 'a=b', 'a+', 'a+4', 'a+4g', 'a+2b', 'é', '+FF', 'a\n'])('%j is no xtext', (text) =>
  expect(decodeXtext(text)).toBeNull(),
)

import { describe, expect, test } from 'vitest'
import { qualify } from './qualify.ts'

describe('an address without a domain gets it', () => {
  test.each([
    ['ana', 'ana@here.test'],
    ['ana, paco (the other), "x, y" <rosa>', 'ana@here.test, paco@here.test (the other), "x, y" <rosa@here.test>'],
    ['(a (nested) comment) ana', '(a (nested) comment) ana@here.test'],
    ['team: ana, paco;', 'team: ana@here.test, paco@here.test;'],
  ])('%s', (value, qualified) => expect(qualify(value, 'here.test')).toBe(qualified))
})

describe('all else stays', () => {
  test.each([
    'Ana Example <ana@away.test>',
    'Ana (at work (mornings)) <ana@away.test>',
    '"a \\" <b>" <ana@away.test>',
    'ana@[IPv6:2001:db8::1], paco@[192.0.2.1]',
    'undisclosed-recipients:;',
    'Ana <"a>b"@away.test>',
    'Ana (unclosed <ana@away.test>',
    'Ana "unclosed <ana@away.test>',
    'Ana <ana@away.test',
    'ana@[unclosed',
    ' , ;',
    '',
  ])('%s', (value) => expect(qualify(value, 'here.test')).toBe(value))
})

test.each(['<', '(', '"', '[', '\\', '(a)', '()a', '"a"', '<"', '[a', 'a:', 'a '])(
  'a million octets of %s are read once',
  (text) => {
    const value = text.repeat(1_000_000 / text.length)
    expect(qualify(value, 'here.test').length).toBeGreaterThanOrEqual(value.length)
  },
)

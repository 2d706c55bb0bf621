import { describe, expect, test } from 'vitest'
import { isAskable, reverseLabels, reverseName } from './names.ts'

describe('reverse names', () => {
  test.each([
    ['192.0.2.1', '1.2.0.192.in-addr.arpa'],
    ['2001:db8::1', '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa'],
    ['::', `${'0.'.repeat(32)}ip6.arpa`],
    ['::FFFF:192.0.2.1', '1.0.2.0.0.0.0.c.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa'],
    ['fe80::2%eth0', '2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.e.f.ip6.arpa'],
    ['1:2:3:4:5:6:7:8', '8.0.0.0.7.0.0.0.6.0.0.0.5.0.0.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.ip6.arpa'],
  ])('%s', (ip, name) => expect(reverseName(ip)).toBe(name))

  test('what is no address has none', () => {
    expect(reverseName('example.com')).toBeNull()
    expect(reverseLabels('1.2.3')).toBeNull()
  })
})

test.each([
  ['example.com', true],
  ['_dmarc.example.com', true],
  ['', false],
  ['a..b', false],
  [`${'x'.repeat(64)}.example`, false],
  [`${'x.'.repeat(127)}x`, false],
])('askable: %s', (name, expected) => expect(isAskable(name)).toBe(expected))

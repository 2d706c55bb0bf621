import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  displayAddress,
  formatAddress,
  needsUtf8,
  parseAddress,
  parseDomain,
  sameAddress,
  splitDetail,
} from './address.ts'

const parts = (text: string): [string, string] | string => {
  const parsed = parseAddress(text)
  return parsed.ok ? [parsed.value.local, parsed.value.domain] : parsed.error
}

describe('addresses', () => {
  test.each([
    ['ana@example.com', 'ana', 'example.com'],
    ['Ana.B+c@EXAMPLE.Com', 'Ana.B+c', 'example.com'],
    ["!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~", 'example.com'],
    ['"a b"@example.com', 'a b', 'example.com'],
    ['"a@b"@example.com', 'a@b', 'example.com'],
    ['"a\\"b\\\\c"@example.com', 'a"b\\c', 'example.com'],
    ['"plain"@example.com', 'plain', 'example.com'],
    ['""@example.com', '', 'example.com'],
    ['a@localhost', 'a', 'localhost'],
    ['a@under_score.example.com', 'a', 'under_score.example.com'],
    ['a@1and1.example', 'a', '1and1.example'],
    ['a@[192.0.2.1]', 'a', '[192.0.2.1]'],
    ['a@[IPv6:2001:DB8::1]', 'a', '[ipv6:2001:db8::1]'],
    ['josé@example.com', 'josé', 'example.com'],
    ['jose\u0301@example.com', 'josé', 'example.com'],
    ['用户@例え.テスト', '用户', 'xn--r8jz45g.xn--zckzah'],
    ['a@BÜCHER.example', 'a', 'xn--bcher-kva.example'],
    ['a@xn--bcher-kva.example', 'a', 'xn--bcher-kva.example'],
    [`${'l'.repeat(64)}@example.com`, 'l'.repeat(64), 'example.com'],
  ])('%s', (text, local, domain) => expect(parts(text)).toEqual([local, domain]))

  test.each([
    ['', 'no domain'],
    ['ana', 'no domain'],
    ['@example.com', 'no local part'],
    ['ana@', 'bad domain'],
    ['.ana@example.com', 'bad local part'],
    ['ana.@example.com', 'bad local part'],
    ['a..b@example.com', 'bad local part'],
    ['a b@example.com', 'bad local part'],
    ['a@b@example.com', 'bad local part'],
    ['"ana@example.com', 'bad local part'],
    ['"a"b"@example.com', 'bad local part'],
    ['"a\u0000"@example.com', 'bad local part'],
    ['"a\r\nb"@example.com', 'bad local part'],
    ['a\u2028b@example.com', 'bad local part'],
    ['a\u0085b@example.com', 'bad local part'],
    ['<ana>@example.com', 'bad local part'],
    [`${'l'.repeat(65)}@example.com`, 'local part too long'],
    [`${'é'.repeat(33)}@example.com`, 'local part too long'],
    ['a@-b.example', 'bad domain'],
    ['a@b-.example', 'bad domain'],
    ['a@b..example', 'bad domain'],
    ['a@.example', 'bad domain'],
    ['a@example.', 'bad domain'],
    ['a@exa mple.com', 'bad domain'],
    ['a@example.com>', 'bad domain'],
    ['a@192.0.2.1', 'bad domain'],
    ['a@0x7f.1', 'bad domain'],
    [`a@${'d'.repeat(64)}.example`, 'bad domain'],
    [`a@${'d'.repeat(60)}.${'d.'.repeat(100)}example`, 'bad domain'],
    ['a@[192.0.2.256]', 'bad address literal'],
    ['a@[192.0.2.1', 'bad address literal'],
    ['a@[IPv6:fe80::1%eth0]', 'bad address literal'],
    ['a@[IPv6:192.0.2.1]', 'bad address literal'],
    ['a@[x400:c=es]', 'bad address literal'],
    ['a@[]', 'bad address literal'],
  ])('%s is refused', (text, error) => expect(parts(text)).toBe(error))
})

test('what is formatted is parsed to the same', () => {
  const local = fc.string({ unit: fc.constantFrom('a', 'B', '.', ' ', '"', '\\', '@', '<', 'é', '+'), maxLength: 20 })
  fc.assert(
    fc.property(local, (text) => {
      const address = { local: text, domain: 'example.com', original: '' }
      const parsed = parseAddress(formatAddress(address))
      expect(parsed).toMatchObject({ ok: true, value: { local: text.normalize('NFC'), domain: 'example.com' } })
    }),
    { seed: 3 },
  )
})

test('any text is parsed or refused, in time linear in its length', () => {
  const octets = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('utf8'))
  fc.assert(
    fc.property(octets, (text) => {
      const parsed = parseAddress(text)
      if (parsed.ok) expect(parseAddress(formatAddress(parsed.value)).ok).toBe(true)
    }),
    { seed: 4 },
  )
  for (const evil of [
    'a.'.repeat(50_000),
    `"${'\\"'.repeat(50_000)}`,
    `a@${'a-'.repeat(50_000)}`,
    `a@${'é'.repeat(50_000)}`,
  ]) {
    const start = performance.now()
    expect(parseAddress(evil).ok).toBe(false)
    expect(performance.now() - start).toBeLessThan(1_000)
  }
})

test('postmaster without a domain, and the null reverse-path', () => {
  expect(formatAddress({ local: 'postmaster', domain: '', original: 'postmaster' })).toBe('postmaster')
  expect(formatAddress(null)).toBe('')
  expect(displayAddress(null)).toBe('')
})

test('people see U-labels', () => {
  const parsed = parseAddress('a@xn--bcher-kva.example')
  expect(parsed.ok && displayAddress(parsed.value)).toBe('a@bücher.example')
  const literal = parseAddress('a@[192.0.2.1]')
  expect(literal.ok && displayAddress(literal.value)).toBe('a@[192.0.2.1]')
})

test('sameness: domains by key, local parts exactly', () => {
  const of = (text: string) => {
    const parsed = parseAddress(text)
    return parsed.ok ? parsed.value : null
  }
  expect(sameAddress(of('a@EXAMPLE.com'), of('a@example.COM'))).toBe(true)
  expect(sameAddress(of('"a"@example.com'), of('a@example.com'))).toBe(true)
  expect(sameAddress(of('A@example.com'), of('a@example.com'))).toBe(false)
  expect(sameAddress(null, null)).toBe(true)
  expect(sameAddress(null, of('a@example.com'))).toBe(false)
})

test('SMTPUTF8 is needed for the local part alone', () => {
  const needs = (text: string): boolean => {
    const parsed = parseAddress(text)
    return parsed.ok && needsUtf8(parsed.value)
  }
  expect([needs('é@example.com'), needs('a@bücher.example'), needs('a@example.com')]).toEqual([true, false, false])
})

test('the detail is split once', () => {
  expect(splitDetail('ana+x+y', '+')).toEqual({ user: 'ana', detail: 'x+y' })
  expect(splitDetail('ana', '+')).toBeNull()
  expect(splitDetail('+x', '+')).toBeNull()
  expect(splitDetail('ana+x', '')).toBeNull()
  expect(splitDetail('ana--x', '--')).toEqual({ user: 'ana', detail: 'x' })
})

test('domains alone', () => {
  expect(parseDomain('Example.COM')).toEqual({ ok: true, value: 'example.com' })
  expect(parseDomain('').ok).toBe(false)
})

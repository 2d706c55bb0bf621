import { describe, expect, test } from 'vitest'
import { parseDefinition, parsers } from './tables.ts'

const lines = (problems: readonly { at: { line: number } | null; message: string }[]): string[] =>
  problems.map((p) => `${p.at?.line}: ${p.message}`)

test('definitions: a path alone is text, Postfix’s compiled tables are read from their text', () => {
  expect(parseDefinition('/etc/access')).toEqual({ kind: 'text', path: '/etc/access' })
  expect(parseDefinition('hash:/etc/postfix/virtual')).toEqual({ kind: 'text', path: '/etc/postfix/virtual' })
  expect(parseDefinition('pcre:rules')).toEqual({ kind: 'regexp', path: 'rules' })
  expect(parseDefinition('cidr:clients')).toEqual({ kind: 'cidr', path: 'clients' })
  expect(parseDefinition('ldap:x')).toBeNull()
})

describe('text', () => {
  const { value: table, problems } = parsers.text(
    `# comment
From:spammer@example.org\tREJECT
example.org     550 5.7.1
   not from there
10             REJECT ten
10.1           OK
10.1.2.0/24    REJECT block
192.0.2.7      RELAY
IPv6:2001:db8  REJECT six
2001:db8:5::/48 OK
"john smith@example.org" ok
Connect:203.0.113.0/24 REJECT tagged
Connect:203.0 OK
`,
    'access',
  )
  test('has no problems', () => expect(problems).toEqual([]))
  const keys: [string, string | null][] = [
    ['from:Spammer@example.org', 'REJECT'],
    ['EXAMPLE.org', '550 5.7.1 not from there'],
    ['john smith@example.org', 'ok'],
    ['other', null],
  ]
  for (const [key, value] of keys) test(`get ${key}`, () => expect(table.get(key)).toBe(value))
  const ips: [string, string | null][] = [
    ['10.9.9.9', 'REJECT ten'],
    ['10.1.9.9', 'OK'],
    ['10.1.2.9', 'REJECT block'],
    ['192.0.2.7', 'RELAY'],
    ['192.0.2.8', null],
    ['::ffff:192.0.2.7', 'RELAY'],
    ['2001:db8::1', 'REJECT six'],
    ['2001:db8:5::1', 'OK'],
    ['2001:db9::1', null],
  ]
  for (const [ip, value] of ips) test(`network ${ip}`, () => expect(table.network(ip)).toBe(value))

  test('a tag takes only keys with it', () => {
    expect(table.network('203.0.113.9')).toBeNull()
    expect(table.network('203.0.113.9', 'connect:')).toBe('REJECT tagged')
    expect(table.network('203.0.5.9', 'connect:')).toBe('OK')
    expect(table.network('192.0.2.7', 'connect:')).toBeNull()
  })

  test('mistakes come with lines', () =>
    expect(lines(parsers.text('a b\n\nalone\nA c\n', 't').problems)).toEqual([
      "3: 'alone' has no value: expected 'key value'",
      "4: 'A' is there twice",
    ]))
})

describe('cidr', () => {
  const { value: table, problems } = parsers.cidr(
    '192.0.2.64/26 OK\n192.0.2.0/24 REJECT\n2001:db8::/32 six\n!10.0.0.0/8 not ten\n',
    'c',
  )
  test('has no problems', () => expect(problems).toEqual([]))
  const ips: [string, string | null][] = [
    ['192.0.2.70', 'OK'],
    ['192.0.2.1', 'REJECT'],
    ['2001:db8:1::1', 'six'],
    ['2001:db9::1', null],
    ['10.1.1.1', null],
    ['11.1.1.1', 'not ten'],
    ['host.example', null],
  ]
  for (const [ip, value] of ips) test(ip, () => expect(table.network(ip)).toBe(value))
  test('mistakes come with lines', () =>
    expect(lines(parsers.cidr('10.0.0.0/33 x\n\nhost y\n10.0.0.1\n', 'c').problems)).toEqual([
      "1: '10.0.0.0/33' is no network: expected an address or address/bits",
      "3: 'host' is no network: expected an address or address/bits",
      "4: '10.0.0.1' has no value: expected 'network value'",
    ]))
})

describe('regexp', () => {
  const { value: table, problems } = parsers.regexp(
    '/^spam(.*)@example\\.org$/ REJECT no $1 for $$\n!/@/ bare\n/^Case@/i case\n#x\n|^a/b@| slash\n',
    'r',
  )
  test('has no problems', () => expect(problems).toEqual([]))
  const keys: [string, string | null][] = [
    ['SPAMmer@example.org', 'REJECT no mer for $'],
    ['noaddress', 'bare'],
    ['Case@x', 'case'],
    ['case@x', null],
    ['a/b@x', 'slash'],
  ]
  for (const [key, value] of keys) test(key, () => expect(table.get(key)).toBe(value))
  test('mistakes come with lines', () =>
    expect(lines(parsers.regexp('/(/ x\nif /a/\nword x\n', 'r').problems)).toEqual([
      expect.stringMatching(/^1: bad regular expression/),
      '2: if … endif is not supported: repeat the condition',
      "3: expected '/pattern/ value'",
    ]))
})

import { describe, expect, test } from 'vitest'
import { type Address, parseAddress } from '../../message/address.ts'
import { defaultMailParameters } from '../../message/envelope.ts'
import { noCapabilities, readCapabilities } from './capabilities.ts'
import { breaksLine, encodeXtext, formatMail, formatRcpt } from './commands.ts'

function address(text: string): Address {
  const parsed = parseAddress(text)
  if (!parsed.ok) throw new Error(parsed.error)
  return parsed.value
}
const everything = readCapabilities({
  code: 250,
  enhanced: null,
  text: ['mx', 'PIPELINING', 'SIZE 1000', '8BITMIME', 'SMTPUTF8', 'DSN', 'STARTTLS', 'AUTH PLAIN login'],
})

describe('capabilities', () => {
  test('are read in any letter case, with their parameters', () => {
    expect(everything).toMatchObject({ pipelining: true, size: 1000, startTls: true, dsn: true })
    expect([...everything.auth]).toEqual(['PLAIN', 'LOGIN'])
  })
  test('AUTH= of old, SIZE without a number, a reply of one line', () => {
    const old = readCapabilities({ code: 250, enhanced: null, text: ['mx', 'AUTH=LOGIN PLAIN', 'size', 'size x'] })
    expect([...old.auth]).toEqual(['LOGIN', 'PLAIN'])
    expect(old.size).toBe(0)
    expect(readCapabilities({ code: 250, enhanced: null, text: 'PIPELINING' })).toEqual(noCapabilities)
  })
})

describe('MAIL', () => {
  const parameters = { ...defaultMailParameters, body: '8bitmime', ret: 'hdrs', envid: 'a+b c=d' } as const
  const command = { reversePath: address('ana@example.com'), parameters, size: 42, smtputf8: true }
  test('carries what the server takes', () => {
    expect(formatMail(command, everything)).toBe(
      'MAIL FROM:<ana@example.com> SIZE=42 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb+20c+3Dd',
    )
  })
  test('carries nothing that it does not take', () => {
    expect(formatMail(command, noCapabilities)).toBe('MAIL FROM:<ana@example.com>')
  })
  test('has the null reverse-path', () => {
    expect(formatMail({ ...command, reversePath: null }, noCapabilities)).toBe('MAIL FROM:<>')
  })
})

describe('RCPT', () => {
  const command = {
    address: address('"a b"@example.com'),
    notify: ['success', 'failure'],
    orcpt: 'rfc822;x+y@z',
  } as const
  test('quotes the local part, and carries DSN parameters', () => {
    expect(formatRcpt(command, everything)).toBe(
      'RCPT TO:<"a b"@example.com> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;x+2By@z',
    )
    expect(formatRcpt(command, noCapabilities)).toBe('RCPT TO:<"a b"@example.com>')
  })
  test('leaves out an original recipient that is not ASCII', () => {
    expect(formatRcpt({ ...command, notify: [], orcpt: 'utf-8;jörg@z' }, everything)).not.toContain('ORCPT')
  })
})

test('xtext', () => expect(encodeXtext('a=b+c ü~')).toBe('a+3Db+2Bc+20+C3+BC~'))

test.each([
  ['a@b.c', false],
  ['"a b"@b.c', false],
])('%s fits a line', (text, expected) => expect(breaksLine(address(text))).toBe(expected))
test('line ends in an address do not fit', () => {
  expect(breaksLine({ local: 'a\r\nDATA', domain: 'b.c', original: '' })).toBe(true)
  expect(breaksLine({ local: 'a', domain: 'b.c>\r\n', original: '' })).toBe(true)
  expect(breaksLine(null)).toBe(false)
})

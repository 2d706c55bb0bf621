import { describe, expect, test } from 'vitest'
import { parseProxyHeader } from './proxy-protocol.ts'

const v2 = (command: number, family: number, body: Buffer): Buffer => {
  const head = Buffer.from('0d0a0d0a000d0a515549540a00000000', 'hex')
  head[12] = 0x20 | command
  head[13] = (family << 4) | 1
  head.writeUInt16BE(body.length, 14)
  return Buffer.concat([head, body])
}
const v4body = Buffer.from([192, 0, 2, 1, 198, 51, 100, 2, 0x30, 0x39, 0, 25])

describe('version 1', () => {
  test('TCP4', () =>
    expect(parseProxyHeader(Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.2 12345 25\r\nEHLO'))).toEqual({
      kind: 'header',
      length: 44,
      addresses: { remoteIp: '192.0.2.1', localIp: '198.51.100.2', remotePort: 12345, localPort: 25 },
    }))
  test('TCP6', () =>
    expect(parseProxyHeader(Buffer.from('PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n'))).toMatchObject({
      addresses: { remoteIp: '2001:db8::1' },
    }))
  test('TCP6, of a proxy that serves both families by one socket', () =>
    expect(parseProxyHeader(Buffer.from('PROXY TCP6 ::ffff:192.0.2.1 2001:DB8:0:0:0:0:0:2 1 2\r\n'))).toMatchObject({
      addresses: { remoteIp: '192.0.2.1', localIp: '2001:db8::2' },
    }))
  test('UNKNOWN', () =>
    expect(parseProxyHeader(Buffer.from('PROXY UNKNOWN whatever\r\n'))).toMatchObject({ addresses: null }))
  test('every prefix is incomplete', () => {
    const whole = 'PROXY TCP4 192.0.2.1 198.51.100.2 12345 25\r\n'
    for (let n = 0; n < whole.length; n++) {
      expect(parseProxyHeader(Buffer.from(whole.slice(0, n))).kind, String(n)).toBe('incomplete')
    }
  })
  for (const bad of [
    'EHLO x\r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.2 12345\r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.2 12345 65536\r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.2 012 25\r\n',
    'PROXY TCP4 ::1 ::1 12 25\r\n',
    'PROXY TCP5 192.0.2.1 198.51.100.2 1 2\r\n',
    'PROXY ' + 'x'.repeat(200),
  ]) {
    test(`'${bad.slice(0, 50).trim()}' is invalid`, () =>
      expect(parseProxyHeader(Buffer.from(bad)).kind).toBe('invalid'))
  }
})

describe('version 2', () => {
  test('IPv4', () =>
    expect(parseProxyHeader(Buffer.concat([v2(1, 1, v4body), Buffer.from('EHLO')]))).toEqual({
      kind: 'header',
      length: 28,
      addresses: { remoteIp: '192.0.2.1', localIp: '198.51.100.2', remotePort: 12345, localPort: 25 },
    }))
  test('IPv4 mapped into IPv6', () => {
    const body = Buffer.from(`${'00000000000000000000ffffc0000201'.repeat(2)}03e80019`, 'hex')
    expect(parseProxyHeader(v2(1, 2, body))).toMatchObject({ addresses: { remoteIp: '192.0.2.1' } })
  })
  test('IPv6, with extensions', () => {
    const body = Buffer.alloc(40)
    body[0] = 0x20
    body[1] = 0x01
    body[15] = 1
    body[31] = 1
    body.writeUInt16BE(1000, 32)
    expect(parseProxyHeader(v2(1, 2, body))).toMatchObject({
      length: 56,
      addresses: { remoteIp: '2001::1', localIp: '::1', remotePort: 1000 },
    })
  })
  test('LOCAL', () => expect(parseProxyHeader(v2(0, 0, Buffer.alloc(0)))).toMatchObject({ addresses: null }))
  test('every prefix is incomplete', () => {
    const whole = v2(1, 1, v4body)
    for (let n = 0; n < whole.length; n++) expect(parseProxyHeader(whole.subarray(0, n)).kind).toBe('incomplete')
  })
  test('a wrong version, command or length is invalid', () => {
    expect(parseProxyHeader(v2(2, 1, v4body)).kind).toBe('invalid')
    expect(parseProxyHeader(v2(1, 1, v4body.subarray(2))).kind).toBe('invalid')
    expect(parseProxyHeader(v2(1, 2, v4body)).kind).toBe('invalid')
    expect(parseProxyHeader(v2(1, 1, Buffer.alloc(5000))).kind).toBe('invalid')
  })
})

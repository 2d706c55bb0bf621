import { expect, test } from 'vitest'
import { clientKey, createNetworks, isLoopback, normalIp, parseNetwork } from './networks.ts'

test('blocks contain what they should, in any textual form', () => {
  const networks = createNetworks(['192.0.2.0/24', '127.0.0.0/8', '::1/128', '2001:db8::/32', '198.51.100.7'])
  for (const ip of ['192.0.2.255', '127.9.9.9', '::1', '2001:db8:1::5', '::ffff:192.0.2.1', '198.51.100.7']) {
    expect(networks.contains(ip), ip).toBe(true)
  }
  for (const ip of ['192.0.3.0', '128.0.0.1', '::2', '2001:db9::1', '198.51.100.8', 'nonsense', '']) {
    expect(networks.contains(ip), ip).toBe(false)
  }
})

test('a wrong block is named', () => {
  for (const block of ['192.0.2.0/33', '::/129', 'example.com', '192.0.2.0/', '1.2.3.4/5/6', '']) {
    expect(parseNetwork(block).ok, block).toBe(false)
  }
  expect(() => createNetworks(['10.0.0.0/99'])).toThrow("'10.0.0.0/99'")
})

test('loopback is known in all its forms', () => {
  expect(['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1'].every(isLoopback)).toBe(true)
  expect(['128.0.0.1', '::2', '127.example.test', ''].some(isLoopback)).toBe(false)
})

test('a zone and a mapped prefix are cut off', () => {
  expect(normalIp('fe80::1%eth0')).toBe('fe80::1')
  expect(normalIp('::ffff:192.0.2.1')).toBe('192.0.2.1')
})

test('an IPv6 client is its /64', () => {
  expect(clientKey('2001:db8:1:2:3:4:5:6')).toBe(clientKey('2001:db8:1:2::1'))
  expect(clientKey('2001:db8:1:3::1')).not.toBe(clientKey('2001:db8:1:2::1'))
  expect(clientKey('2001:db8::1')).toBe('2001:db8:0:0::/64')
  expect(clientKey('::ffff:192.0.2.1')).toBe('192.0.2.1')
})

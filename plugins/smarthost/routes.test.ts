import { expect, test } from 'vitest'
import { formatHosts, parseRelayHost, parseRoute, routeFor } from './routes.ts'

test.each([
  ['[mail.provider.net]:587', { name: 'mail.provider.net', port: 587, mx: false }],
  ['[mail.provider.net]', { name: 'mail.provider.net', port: 25, mx: false }],
  ['Provider.net:2525', { name: 'provider.net', port: 2525, mx: true }],
  ['provider.net', { name: 'provider.net', port: 25, mx: true }],
  ['[192.0.2.1]:25', { name: '192.0.2.1', port: 25, mx: false }],
  ['[IPv6:2001:db8::1]:25', { name: '2001:db8::1', port: 25, mx: false }],
  ['[2001:db8::1]', { name: '2001:db8::1', port: 25, mx: false }],
])('%s', (text, host) => expect(parseRelayHost(text, 25)).toEqual(host))

test.each(['', '[a', 'a]:25', 'a:b', '[a]:0', '[a]:70000', 'a b', '2001:db8::1'])('no host: %s', (text) =>
  expect(parseRelayHost(text, 25)).toBeNull(),
)

test.each([
  ['smtp', { kind: 'direct' }],
  ['discard', { kind: 'discard' }],
  ['error:5.1.1 nobody here', { kind: 'error', reply: { code: 550, enhanced: '5.1.1', text: 'nobody here' } }],
  ['error:4.3.0 moving', { kind: 'error', reply: { code: 450, enhanced: '4.3.0', text: 'moving' } }],
  ['error: no mail', { kind: 'error', reply: { code: 550, enhanced: '5.7.1', text: 'no mail' } }],
])('%s', (text, route) => expect(parseRoute(text, 25)).toEqual(route))

test('several hosts, and their name', () => {
  const route = parseRoute('[a.test]:25, b.test', 587)
  expect(route?.kind === 'hosts' && formatHosts(route.hosts)).toBe('[a.test]:25,b.test:587')
  expect(parseRoute('[a.test]:25, [', 25)).toBeNull()
})

test.each([
  ['example.com', 'exact'],
  ['mx.example.com', 'below'],
  ['a.b.example.com', 'below'],
  ['other.org', 'rest'],
])('%s', (domain, expected) => {
  const route = (name: string) => ({ kind: 'hosts', hosts: [{ name, port: 25, mx: false }] }) as const
  const routes = new Map([
    ['example.com', route('exact')],
    ['.example.com', route('below')],
    ['*', route('rest')],
  ])
  expect(routeFor(domain, routes)).toEqual(route(expected))
})

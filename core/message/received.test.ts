import { expect, test } from 'vitest'
import { formatReceived, type ReceivedFacts } from './received.ts'

const facts: ReceivedFacts = {
  helo: 'client.test',
  ip: '192.0.2.1',
  hostname: 'mail.example.com',
  service: 'smtp',
  extended: true,
  smtputf8: false,
  tls: null,
  authenticated: false,
  queueId: 'id',
  recipient: null,
  time: 0,
}
const tls = { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' }

test.each<[string, Partial<ReceivedFacts>]>([
  ['SMTP', { extended: false }],
  ['ESMTP', {}],
  ['ESMTPS', { tls }],
  ['ESMTPA', { authenticated: true }],
  ['ESMTPSA', { tls, authenticated: true }],
  ['UTF8SMTP', { smtputf8: true }],
  ['UTF8SMTPSA', { smtputf8: true, tls, authenticated: true }],
  ['LMTP', { service: 'lmtp' }],
  ['LMTPS', { service: 'lmtp', tls }],
  ['UTF8LMTP', { service: 'lmtp', smtputf8: true }],
  ['UTF8LMTPS', { service: 'lmtp', smtputf8: true, tls }],
])('with %s (RFC 3848, RFC 6531 §4.3)', (protocol, more) => {
  expect(formatReceived({ ...facts, ...more })).toContain(` with ${protocol} id `)
})

test('what is not ASCII stands as the octets of UTF-8', () => {
  const received = formatReceived({ ...facts, helo: 'grüße.test', smtputf8: true })
  expect(Buffer.from(received, 'latin1').toString()).toContain('from grüße.test (')
})

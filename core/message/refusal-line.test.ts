import { expect, test } from 'vitest'
import type { Reply } from '../base/failure.ts'
import { type Refused, refusalLine } from './refusal-line.ts'
import { replies } from './reply.ts'

const client = { service: 'smtp', remoteIp: '192.0.2.1', helo: 'c.test', extended: true }
const before = { from: null, to: null }
const during = { from: 'a@b.test', to: null }

test.each<[Refused, Reply, string]>([
  [
    { where: 'CONNECT', ...before },
    replies.connectionRefused('Go away'),
    'reject: CONNECT from unknown[192.0.2.1]: 554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Go away;',
  ],
  [
    { where: 'HELO', ...before },
    replies.blocked('Bad name'),
    'reject: HELO from unknown[192.0.2.1]: 550 5.7.1 <c.test>: Helo command rejected: Bad name;',
  ],
  [
    { where: 'MAIL', ...during },
    replies.senderNotOwned(),
    'reject: MAIL from unknown[192.0.2.1]: 550 5.7.1 <a@b.test>: Sender address rejected: Sender address is not yours; from=<a@b.test>',
  ],
  [
    { where: 'RCPT', from: '', to: 'x@b.test' },
    replies.userUnknown('x@b.test'),
    'reject: RCPT from unknown[192.0.2.1]: 550 5.1.1 <x@b.test>: Recipient address rejected: no such user here; from=<> to=<x@b.test>',
  ],
  [
    { where: 'RCPT', ...during, to: '$1@b.test' },
    { code: 450, enhanced: null, text: 'Later' },
    'reject: RCPT from unknown[192.0.2.1]: 450 <$1@b.test>: Recipient address rejected: Later; from=<a@b.test> to=<$1@b.test>',
  ],
  [
    { where: 'MAIL', ...during },
    replies.noRoom(),
    'reject: MAIL from unknown[192.0.2.1]: 452 4.3.1 Insufficient system storage; from=<a@b.test>',
  ],
  [
    { where: 'DATA', ...during },
    replies.filterFailed(),
    'reject: DATA from unknown[192.0.2.1]: 451 4.7.1 <DATA>: Data command rejected: A required check is not available now, try again later; from=<a@b.test>',
  ],
  [
    { where: 'END-OF-MESSAGE', ...during },
    replies.virusFound('Eicar'),
    'milter-reject: END-OF-MESSAGE from unknown[192.0.2.1]: 554 5.7.0 Message contains malware (Eicar); from=<a@b.test>',
  ],
])('%o', (refused, reply, expected) => {
  expect(refusalLine(refused, client, reply)).toBe(`NOQUEUE: ${expected} proto=ESMTP helo=<c.test>`)
})

test('names the protocol, and no HELO before there was one', () => {
  const line = (of: Partial<typeof client>) =>
    refusalLine({ where: 'CONNECT', ...before }, { ...client, helo: null, ...of }, replies.overloaded())
  expect(line({ extended: false })).toMatch(/; proto=SMTP$/)
  expect(line({ service: 'lmtp' })).toMatch(/; proto=LMTP$/)
})

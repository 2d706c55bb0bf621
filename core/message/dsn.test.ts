import { expect, test } from 'vitest'
import type { Reply } from '../base/failure.ts'
import { contentBytes } from './content.ts'
import { createDsn, type DsnRecipient } from './dsn.ts'
import { replies } from './reply.ts'

const RELAY = 'mx.there.test[192.0.2.9]:25'
const paco = { local: 'paco', domain: 'there.test', original: 'paco' }

async function report(reply: Reply, relay: string | null, action: DsnRecipient['action'] = 'failed'): Promise<string> {
  const dsn = createDsn({
    hostname: 'mail.us.test',
    to: { local: 'ana', domain: 'us.test', original: 'ana' },
    recipients: [{ address: paco, orcpt: null, action, reply, relay }],
    queueId: 'q1',
    envid: null,
    arrived: 0,
    now: 1000,
    expires: 2000,
    originalHeader: Buffer.from('Subject: x\r\n\r\n'),
    original: null,
    smtputf8: false,
    messageId: '<r@us.test>',
  })
  return (await contentBytes(dsn)).toString()
}

test('what the next hop said is reported as its own words (RFC 3464 §2.3.5, §2.3.6)', async () => {
  const text = await report({ code: 550, enhanced: '5.1.1', text: 'no such user' }, RELAY)
  expect(text).toContain(`<paco@there.test> (${RELAY}):\r\n    550 5.1.1 no such user\r\n`)
  expect(text).toContain('Remote-MTA: dns; mx.there.test\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n')
})

test('mail given up after its time has failed, and of the class that says: it may arrive when sent anew (RFC 3463 §2)', async () => {
  const text = await report(replies.expired('no answer'), null)
  expect(text).toContain('Action: failed\r\nStatus: 4.4.7\r\n')
})

test.each([
  replies.expired(`${RELAY} said: 451 4.2.1 later`),
  replies.connectionLost(`${RELAY}: lost connection after the final dot`),
])('what we say of it is not put into its mouth: $text', async (reply) => {
  const text = await report(reply, RELAY)
  expect(text).not.toContain('Remote-MTA')
  expect(text).toContain(`<paco@there.test>:\r\n    ${reply.code} ${reply.enhanced} ${String(reply.text)}\r\n`)
  expect(text).toContain(`Diagnostic-Code: x-estafeta; ${reply.code} ${reply.enhanced} ${String(reply.text)}\r\n`)
})

import { createTransport } from 'nodemailer'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestServer, type TestServer } from '../kit/server.ts'

let server: TestServer

beforeAll(async () => {
  server = await startTestServer({
    users: { 'ana@estafeta.test': 'secret-ana', 'paco@estafeta.test': 'secret-paco' },
    config: { profile: 'internet-site', plugins: { 'spf-dkim-dmarc': null } },
  })
})
afterAll(() => server.end())

test('a letter submitted with a password arrives in the mailbox', async () => {
  const transport = createTransport({
    host: '127.0.0.1',
    port: server.port('submission'),
    requireTLS: true,
    auth: { user: 'paco@estafeta.test', pass: 'secret-paco' },
    tls: { rejectUnauthorized: false },
  })
  const sent = await transport.sendMail({
    from: 'paco@estafeta.test',
    to: 'ana@estafeta.test',
    subject: 'Hello',
    text: 'Hello Ana!',
  })
  expect(sent.response).toMatch(/^250 2\.0\.0 OK queued as /)
  await server.logged(/to=<ana@estafeta\.test>.*status=sent/)
  const account = await server.store.account('ana@estafeta.test')
  const inbox = await account.open('INBOX')
  expect(inbox.uids()).toHaveLength(1)
  inbox.close()
  account.close()
})

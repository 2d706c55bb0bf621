// Mail that comes in is seen at once by readers: one message alone, and a burst that the store takes together.
import { ImapFlow } from 'imapflow'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestServer, type TestServer } from '../kit/server.ts'
import { sendRaw } from '../kit/smtp-send.ts'

let server: TestServer
let reader: ImapFlow

beforeAll(async () => {
  server = await startTestServer({
    users: { 'ana@estafeta.test': 'secret-ana' },
    config: { profile: 'internet-site', plugins: { 'spf-dkim-dmarc': null } },
  })
  reader = new ImapFlow({
    host: '127.0.0.1',
    port: server.port('imap'),
    secure: false,
    tls: { rejectUnauthorized: false },
    auth: { user: 'ana@estafeta.test', pass: 'secret-ana' },
    logger: false,
  })
  await reader.connect()
  await reader.mailboxOpen('INBOX')
})
afterAll(async () => {
  await reader.logout()
  await server.end()
})

const send = (subject: string) =>
  sendRaw({
    port: server.port('smtp'),
    from: 'sender@away.test',
    to: 'ana@estafeta.test',
    message: Buffer.from(`From: sender@away.test\r\nSubject: ${subject}\r\n\r\ntext of ${subject}\r\n`),
  })

/** Resolves when the server has told, in IDLE, of so many messages. */
function told(count: number): Promise<void> {
  return new Promise((resolve) => {
    const hear = ({ count: now }: { count: number }) => {
      if (now < count) return
      reader.off('exists', hear)
      resolve()
    }
    reader.on('exists', hear)
    void reader.idle()
  })
}

async function subjects(): Promise<string[]> {
  const found: string[] = []
  for await (const { envelope, source } of reader.fetch('1:*', { envelope: true, source: true })) {
    expect(source?.toString()).toContain(`\r\n\r\ntext of ${envelope?.subject}\r\n`)
    found.push(envelope?.subject ?? '')
  }
  return found
}

test('a session in IDLE hears of mail as it comes, and reads it', async () => {
  const one = told(1)
  await send('alone')
  await one
  expect(await subjects()).toEqual(['alone'])
  const burst = Array.from({ length: 30 }, (_, n) => `burst ${n}`)
  const all = told(1 + burst.length)
  await Promise.all(burst.map(send))
  await all
  expect((await subjects()).toSorted()).toEqual(['alone', ...burst].toSorted())
})

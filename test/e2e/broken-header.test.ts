// Mail whose header has a line that is no field: the header ends there, and what is stored says so with an empty line.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestServer, type TestServer } from '../kit/server.ts'
import { sendRaw } from '../kit/smtp-send.ts'

let server: TestServer

beforeAll(async () => {
  server = await startTestServer({
    users: { 'ana@estafeta.test': 'secret-ana' },
    config: { profile: 'internet-site', plugins: { 'spf-dkim-dmarc': null } },
  })
})
afterAll(() => server.end())

/** Sends it to ana; gives what lies in her mailbox behind our Received field. */
async function stored(text: string): Promise<string> {
  const message = Buffer.from(text, 'latin1')
  const to = 'ana@estafeta.test'
  const reply = await sendRaw({ port: server.port('smtp'), from: 'x@example.net', to, message })
  const [, queueId] = /queued as (\w+)/.exec(reply)!
  await server.logged(new RegExp(`${queueId}: to=<ana@estafeta.test>.*status=sent`))
  const account = await server.store.account(to)
  const inbox = await account.open('INBOX')
  const last = await inbox.message(inbox.uids().at(-1)!)
  const whole = (await last.read()).toString('latin1')
  last.close()
  inbox.close()
  account.close()
  return whole.replace(/^.*?\r\nReceived: [^\n]*\n(?:[ \t][^\n]*\n)+/s, '')
}

const FIELDS = 'From: x@example.net\r\nSubject: a\r\n folded\r\n'

test('the header ends before the first line that is no field', async () => {
  expect(await stored(`${FIELDS}no field at all\r\nTo: ana\r\n\r\nbody\r\n`)).toBe(
    `${FIELDS}\r\nno field at all\r\nTo: ana\r\n\r\nbody\r\n`,
  )
  expect(await stored(' indented\r\nSubject: a\r\n\r\nbody\r\n')).toBe('\r\n indented\r\nSubject: a\r\n\r\nbody\r\n')
  expect(await stored('just text\r\n')).toBe('\r\njust text\r\n')
  expect(await stored(`${FIELDS}no empty line: none\r\n`)).toBe(`${FIELDS}\r\nno empty line: none\r\n`)
})

test('what is well-formed, or has no body, stays as it is', async () => {
  for (const text of [`${FIELDS}\r\n\r\nbody: x\r\n`, FIELDS, `${FIELDS}X-Empty:\r\nX-Odd : y\r\n\r\n`, '\r\nbody\r\n'])
    expect(await stored(text)).toBe(text)
})

test('a mailbox’s From line is kept as a field', async () => {
  const rest = `${FIELDS}\r\nbody\r\n`
  expect(await stored(`From x@example.net Sun Nov 22 03:00:00 2026\r\n${rest}`)).toBe(
    `X-Mailbox-Line: From x@example.net Sun Nov 22 03:00:00 2026\r\n${rest}`,
  )
  expect(await stored(`>From x\r\n${FIELDS}text\r\n`)).toBe(`X-Mailbox-Line: >From x\r\n${FIELDS}\r\ntext\r\n`)
})

test('large ones alike, also where no empty line ever comes', async () => {
  const lines = `${'x'.repeat(70)}\r\n`.repeat(20_000)
  expect(await stored(`${FIELDS}oops\r\n\r\n${lines}`)).toBe(`${FIELDS}\r\noops\r\n\r\n${lines}`)
  expect(await stored(`${FIELDS}${lines}`)).toBe(`${FIELDS}\r\n${lines}`)
})

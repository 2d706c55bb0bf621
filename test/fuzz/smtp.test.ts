// Octets of every sort thrown at a session in each of its states. FUZZ_ROUNDS sets how many a state, FUZZ_SEED which.
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runDialogue } from '../kit/dialogue.ts'
import { createRandom } from '../kit/random.ts'
import { startSmtpService, type TestSmtpService } from '../kit/smtp-service.ts'

const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 25)
const SEED = Number(process.env.FUZZ_SEED ?? 1)

const WORDS = [
  ...['EHLO a.test', 'HELO', 'LHLO', 'MAIL FROM:<a@b.test>', 'MAIL FROM:<>', 'RCPT TO:<ana@example.com>', 'RCPT TO:<'],
  ...[
    'DATA',
    'BDAT 5',
    'BDAT 0 LAST',
    'BDAT 3 LAST',
    'RSET',
    'NOOP',
    'VRFY x',
    'EXPN',
    'HELP',
    'STARTTLS',
    'AUTH PLAIN',
  ],
  ...[
    'AUTH LOGIN',
    'AUTH PLAIN AGEAYQ==',
    '*',
    'SIZE=99',
    'SMTPUTF8',
    'BODY=8BITMIME',
    'NOTIFY=NEVER',
    '"',
    '\\',
    '<',
    '>',
  ],
  ...[
    '@',
    '..',
    '.',
    '\r\n',
    '\r\n',
    '\r\n',
    '\r\n',
    '\r\n.\r\n',
    '\n',
    '\r',
    '\0',
    '\x80',
    '\xc3\xa9',
    ' ',
    '=',
    'x'.repeat(3000),
  ],
]

const MAIL = 'EHLO a.test\r\nMAIL FROM:<a@b.test>\r\n'
const STATES: readonly [state: string, prefix: string][] = [
  ['start', ''],
  ['ready', 'EHLO a.test\r\n'],
  ['mail', MAIL],
  ['recipients', `${MAIL}RCPT TO:<ana@example.com>\r\n`],
  ['receivingData', `${MAIL}RCPT TO:<ana@example.com>\r\nDATA\r\n`],
  ['receivingChunk', `${MAIL}RCPT TO:<ana@example.com>\r\nBDAT 1000\r\n`],
  ['chunking', `${MAIL}RCPT TO:<ana@example.com>\r\nBDAT 3\r\nabc`],
  ['authenticating', 'EHLO a.test\r\nAUTH LOGIN\r\n'],
  ['startingTls', 'EHLO a.test\r\nSTARTTLS\r\n'],
]

function soup(random: () => number): string {
  const count = 1 + Math.floor(random() * 40)
  return Array.from({ length: count }, () =>
    random() < 0.1
      ? String.fromCharCode(...Array.from({ length: 20 }, () => Math.floor(random() * 256)))
      : WORDS[Math.floor(random() * WORDS.length)]!,
  ).join('')
}

/** Throws the octets in random cuts; gives all that the server said until it closed, or until it fell silent at our end. */
async function throwAt(port: number, text: string, random: () => number): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const closed = new Promise((resolve) => socket.on('close', resolve))
  let said = ''
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    said += chunk.toString('latin1')
  })
  const octets = Buffer.from(text, 'latin1')
  for (let at = 0; at < octets.length && !socket.destroyed; ) {
    const size = 1 + Math.floor(random() * random() * 2000)
    socket.write(octets.subarray(at, at + size))
    at += size
    if (random() < 0.3) await new Promise(setImmediate)
  }
  socket.end()
  await closed
  return said
}

describe.each(['smtp', 'lmtp', 'submission'])('%s', (service) => {
  let server: TestSmtpService
  let port: number
  beforeAll(async () => {
    server = await startSmtpService({ exempt: () => true })
    port = await server.listen(service)
  })
  afterAll(() => server.end())

  test.each(STATES)('from %s', async (_state, prefix) => {
    for (let round = 0; round < ROUNDS; round++) {
      const seed = SEED * 1_000_003 + round
      const random = createRandom(seed)
      const before = server.received.length
      const start = service === 'lmtp' ? prefix.replace('EHLO', 'LHLO') : prefix
      const said = await throwAt(port, start + soup(random), random)
      const where = `seed ${seed}, after ${JSON.stringify(start)}`
      expect(said, where).toMatch(/^(?:\d{3}[ -][ -~]*\r\n)+$/)
      expect(server.received.length - before, where).toBeLessThanOrEqual(
        said.match(/^250 2\.0\.0 OK queued/gm)?.length ?? 0,
      )
    }
    expect(server.log.filter(({ event }) => event.startsWith('session failed'))).toEqual([])
  })

  test('the server is as before', async () => {
    while (server.service.sessions().length > 0) await new Promise(setImmediate)
    expect(server.holders).toBe(0)
    expect(server.admission.open).toBe(0)
    const hello = service === 'lmtp' ? 'LHLO' : 'EHLO'
    await runDialogue(`S: 220 *\nC: ${hello} a.test\nS..250\nC: QUIT\nS: 221 *\nS<EOF>`, { port })
  })
})

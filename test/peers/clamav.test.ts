// The clamav plugin against Debian's clamd: verdicts, sizes, many at once, and clamd dying, hanging and coming back.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { memoryBody } from '../../core/message/content.ts'
import * as plugin from '../../plugins/clamav/index.ts'
import { messageFacts } from '../kit/message-facts.ts'
import { type Clamd, EICAR, startClamd } from '../kit/peers/clamd.ts'
import { askMessage, setUpPlugin } from '../kit/plugin-entry.ts'

const CLEAN = 'From: a@sender.test\r\nSubject: hello\r\n\r\nnothing bad\r\n'
const INFECTED = `From: a@sender.test\r\nSubject: bad\r\n\r\n${EICAR}\r\n`
const attached = (content: string) =>
  [
    'From: a@sender.test',
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary=b',
    '',
    '--b',
    'Content-Type: text/plain',
    '',
    'see below',
    '--b',
    'Content-Type: application/octet-stream',
    'Content-Transfer-Encoding: base64',
    'Content-Disposition: attachment; filename=x.com',
    '',
    Buffer.from(content).toString('base64'),
    '--b--',
    '',
  ].join('\r\n')

/** A message whose body never ends by itself: `size` octets claimed, chunks as long as the test wants. */
function endless(seen: (chunks: number) => void) {
  const facts = messageFacts(CLEAN)
  const body = {
    ...memoryBody(Buffer.alloc(0)),
    bytes: null,
    async *chunks() {
      for (let n = 1; ; n++) {
        yield Buffer.alloc(65536, 97)
        seen(n)
      }
    },
  }
  return { ...facts, content: { ...facts.content, body } }
}

describe('clamav with clamd', () => {
  let clamd: Clamd
  beforeAll(async () => {
    clamd = await startClamd({ streamMaxLength: 8 * 2 ** 20 })
  })
  afterAll(() => clamd.stop())

  test.each(['socket', 'port'] as const)(
    'finds malware, plain and in a MIME part, and nothing else, by %s',
    async (way) => {
      const hooks = await setUpPlugin(plugin, way === 'socket' ? { socket: clamd.socket } : { port: clamd.port })
      expect((await askMessage(hooks, messageFacts(CLEAN))).detail).toBe('clean')
      expect((await askMessage(hooks, messageFacts(INFECTED))).detail).toMatch(/^infected: .*Eicar/i)
      expect((await askMessage(hooks, messageFacts(attached(EICAR)))).detail).toMatch(/^infected: .*Eicar/i)
      expect((await askMessage(hooks, messageFacts(attached('harmless')))).detail).toBe('clean')
      const refused = (await askMessage(hooks, messageFacts(INFECTED))).all
      expect(refused).toMatchObject({ kind: 'reject', reply: { code: 554, text: expect.stringMatching(/Eicar/i) } })
    },
  )

  test('a message with a header alone, and one without any', async () => {
    const hooks = await setUpPlugin(plugin, { port: clamd.port })
    expect((await askMessage(hooks, messageFacts('Subject: x\r\n'))).detail).toBe('clean')
    expect((await askMessage(hooks, messageFacts('\r\n'))).detail).toBe('clean')
  })

  test('200 messages at once', async () => {
    const hooks = await setUpPlugin(plugin, { socket: clamd.socket })
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, n) => askMessage(hooks, messageFacts(n % 10 === 0 ? INFECTED : CLEAN))),
    )
    expect(answers.filter((a) => a.detail === 'clean')).toHaveLength(180)
    expect(answers.filter((a) => a.all?.kind === 'reject')).toHaveLength(20)
  })

  test('a message above clamd’s own limit is a temporary failure, never clean', async () => {
    const hooks = await setUpPlugin(plugin, { port: clamd.port })
    const big = messageFacts(CLEAN + 'x'.repeat(10 * 2 ** 20))
    await expect(askMessage(hooks, big)).rejects.toMatchObject({ name: 'Failure', kind: 'temporary' })
  })

  test('a few megabytes are sent no faster than clamd takes them', async () => {
    const hooks = await setUpPlugin(plugin, { port: clamd.port })
    const answer = await askMessage(hooks, messageFacts(CLEAN + 'x'.repeat(6 * 2 ** 20) + EICAR))
    expect(answer.detail).toMatch(/Eicar/i)
  })
})

describe('clamav when clamd fails', () => {
  test('killed in the middle of a scan: temporary; back again: clean', async () => {
    const clamd = await startClamd()
    const hooks = await setUpPlugin(plugin, { port: clamd.port })
    const underway = Promise.withResolvers<void>()
    const scan = askMessage(
      hooks,
      endless((n) => n > 3 && underway.resolve()),
    )
    const outcome = expect(scan).rejects.toMatchObject({ name: 'Failure', kind: 'temporary' })
    await underway.promise
    await clamd.kill()
    await outcome
    await expect(askMessage(hooks, messageFacts(CLEAN))).rejects.toMatchObject({ kind: 'temporary' })

    const again = await startClamd({ port: clamd.port })
    expect((await askMessage(hooks, messageFacts(CLEAN))).detail).toBe('clean')
    await again.stop()
  })

  test('stopped in its tracks: temporary at the deadline, while no more than a socket’s fill is sent', async () => {
    const clamd = await startClamd()
    const hooks = await setUpPlugin(plugin, { port: clamd.port })
    expect((await askMessage(hooks, messageFacts(CLEAN))).detail).toBe('clean')
    clamd.pause()
    let sent = 0
    const full = endless((n) => {
      sent = n
    })
    await expect(askMessage(hooks, full, AbortSignal.timeout(1000))).rejects.toMatchObject({ kind: 'temporary' })
    expect(sent * 65536).toBeLessThan(16 * 2 ** 20)
    clamd.resume()
    expect((await askMessage(hooks, messageFacts(INFECTED))).detail).toMatch(/Eicar/i)
    await clamd.stop()
  })
})

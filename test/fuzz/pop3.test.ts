// POP3 under seeded nonsense, from each state of a session: it answers in order, lives on, and leaves nothing behind.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Pop3Server, startPop3Server } from '../kit/pop3-server.ts'
import { Talker } from '../kit/talker.ts'

const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 40)
const MESSAGES = ['Subject: one\r\n\r\n.\r\n..\r\ntext\r\n', `Subject: two\r\n\r\n${'long line '.repeat(2000)}\r\n`]

let server: Pop3Server
beforeAll(async () => {
  server = await startPop3Server({ messages: MESSAGES, lenient: true })
})
afterAll(() => server.end())

/** A small generator, so that a failure can be played again. */
function random(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const WORDS = [
  'USER',
  'PASS',
  'APOP',
  'AUTH',
  'STAT',
  'LIST',
  'RETR',
  'DELE',
  'NOOP',
  'RSET',
  'TOP',
  'UIDL',
  'CAPA',
  'UTF8',
  'LANG',
  'user',
  'ReTr',
  'PLAIN',
  'LOGIN',
  '=',
  '*',
  '0',
  '1',
  '2',
  '3',
  '-1',
  '4294967296',
  '1 1',
  'ana',
  'secret',
  'AGFuYQBzZWNyZXQ=',
]
const GLUE = [' ', '  ', '\t', '\r\n', '\n', '\r', '\0', '', '\u{e9}', '\xff', 'x'.repeat(600), 'y'.repeat(20_000)]

function nonsense(next: (below: number) => number): Buffer {
  const parts: string[] = []
  for (let i = 2 + next(12); i > 0; i--) {
    parts.push(WORDS[next(WORDS.length)]!)
    parts.push(next(3) === 0 ? GLUE[next(GLUE.length)]! : ['\r\n', ' '][next(2)]!)
  }
  const octets = Buffer.from(parts.join(''), 'latin1')
  if (next(4) === 0) octets[next(octets.length)] = next(256)
  return octets
}

const STATES: { readonly [name: string]: string } = {
  authorization: '',
  'after USER': 'USER ana\r\n',
  'within AUTH': 'AUTH PLAIN\r\n',
  transaction: 'USER ana\r\nPASS secret\r\n',
  'with a message marked': 'USER ana\r\nPASS secret\r\nDELE 1\r\n',
}

describe('nonsense', () => {
  for (const [name, before] of Object.entries(STATES))
    test(name, async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const next = random(round * 7919 + name.length)
        const talker = await Talker.connect(server.port)
        talker.send(before)
        const octets = nonsense(next)
        for (let at = 0; at < octets.length; ) {
          const size = 1 + next(next(2) === 0 ? 8 : 4000)
          talker.send(octets.subarray(at, at + size))
          at += size
        }
        // ends the line and, if that is where it is, the AUTH dialogue; no QUIT, so nothing is removed
        talker.send('\r\n*\r\n')
        talker.socket.end()
        const said = (await talker.rest()).toString('latin1')
        checkResponses(said, `state ${name}, round ${round}`)
        talker.close()
      }
      const talker = await Talker.connect(server.port)
      talker.send('USER ana\r\nPASS secret\r\nSTAT\r\nQUIT\r\n')
      talker.socket.end()
      expect((await talker.rest()).toString()).toContain(`+OK 2 ${MESSAGES.join('').length}\r\n+OK Goodbye\r\n`)
      expect(server.logged.filter((line) => line.includes('internal error'))).toEqual([])
      expect(server.held).toBe(0)
    })
})

/** Each response starts as a response does, and each multi-line one has its end. */
function checkResponses(said: string, where: string): void {
  expect(said.startsWith('+OK '), where).toBe(true)
  expect(said.endsWith('\r\n'), where).toBe(true)
  const MULTI = /^\+OK (\d+ octets|Top of|Capabilities|Mechanisms|Languages|Unique ids|\d+ messages \()/
  const lines = said.split('\r\n').slice(0, -1)
  for (let i = 0; i < lines.length; i++) {
    expect(lines[i], where).toMatch(/^(\+OK|-ERR|\+) /)
    if (!MULTI.test(lines[i]!)) continue
    const end = lines.indexOf('.', i)
    expect(end, `${where}: a multi-line response without end`).toBeGreaterThan(i)
    for (const line of lines.slice(i + 1, end))
      expect(line.startsWith('.') && !line.startsWith('..'), where).toBe(false)
    i = end
  }
}

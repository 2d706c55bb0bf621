// What local programs left while the server was down: taken in, tried again when it must wait, set aside when it is refused.
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeClock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import { dropInPickup, startPickup } from './pickup.ts'

const ENVELOPE = { sender: 'ana@example.com', recipients: ['paco@example.com'], notify: null, ret: null, envid: null }
const MESSAGE = Buffer.from('Subject: x\r\n\r\nx\r\n')

let data: string
let server: Server
let clock: FakeClock
let pickup: { close(): void }
let warnings: string[]
let told: () => void
/** Replies to MAIL, one after the other; the last for good. */
let answers: string[]
/** The lines of all clients but those of messages. */
let commands: string[]

beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), 'estafeta-pickup-'))
  mkdirSync(join(data, 'pickup'))
  warnings = []
  answers = ['250 ok']
  commands = []
  clock = new FakeClock()
  server = createServer((socket) => {
    let message = false
    socket.write('220 test\r\n')
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      for (const line of chunk.toString().split('\r\n').slice(0, -1)) {
        if (message && line !== '.') continue
        commands.push(line)
        const mail = line.startsWith('MAIL') && (answers.length > 1 ? answers.shift() : answers[0])
        const done = message
        message = line === 'DATA'
        socket.write(`${mail || (message ? '354 go' : done ? '250 queued' : '250 ok')}\r\n`)
      }
    })
  })
  await once(server.listen(join(data, 'submit.sock')), 'listening')
})
afterEach(async () => {
  pickup.close()
  await new Promise((resolve) => server.close(resolve))
  rmSync(data, { recursive: true })
})

function start(): void {
  const note = (text: string) => {
    warnings.push(text)
    told?.()
  }
  const log: Logger = { debug() {}, info: note, warn: note, error: note, with: () => log }
  const ownerOf = async () => null
  pickup = startPickup({
    data,
    socket: join(data, 'submit.sock'),
    log,
    clock,
    ownerOf,
    origin: 'x',
    maxSize: () => 1000,
    shared: false,
  })
}
const heard = (pattern: RegExp): Promise<void> =>
  new Promise((resolve) => {
    told = () => warnings.some((line) => pattern.test(line)) && resolve()
    told()
  })
const left = () => readdirSync(join(data, 'pickup'))

test('what must wait is tried again after some minutes', async () => {
  answers = ['452 4.3.1 no room', '250 ok']
  dropInPickup(data, ENVELOPE, MESSAGE)
  start()
  await heard(/stays: 4\.3\.1 no room/)
  expect(left()).toHaveLength(1)
  clock.advance(5 * 60_000)
  await heard(/taken in/)
  expect(left()).toEqual([])
})

test('what is refused for good is set aside, and said so once', async () => {
  answers = ['552 5.3.4 too big']
  dropInPickup(data, ENVELOPE, MESSAGE)
  start()
  await heard(/refused/)
  expect(warnings).toEqual([expect.stringMatching(/set aside as .*\.refused-\w{32}: 5\.3\.4 too big/)])
  expect(left()).toEqual([expect.stringMatching(/^\.refused-\w{32}$/)])
  answers = ['250 ok']
  dropInPickup(data, ENVELOPE, MESSAGE)
  await heard(/taken in/)
  expect(left()).toEqual([expect.stringMatching(/^\.refused-/)])
})

const bad: [string, string][] = [
  ['no JSON', 'hello'],
  ['another value', 'null'],
  ['a part missing', '{}'],
  ['a part of another kind', JSON.stringify({ ...ENVELOPE, recipients: 'paco@example.com' })],
  ['commands within an address', JSON.stringify({ ...ENVELOPE, recipients: ['x>\r\nMAIL FROM:<root@example.com'] })],
  ['commands within an option', JSON.stringify({ ...ENVELOPE, notify: 'NEVER\r\nRSET' })],
]
test.each(bad)('an envelope with %s is set aside; nothing of it reaches the server', async (_what, envelope) => {
  writeFileSync(join(data, 'pickup', 'bad'), `${envelope}\n${MESSAGE}`)
  start()
  await heard(/set aside as .*: its first line is no envelope/)
  expect(commands).toEqual([])
  expect(left()).toEqual(['.refused-bad'])
})

test('a file larger than a message may be is not read', async () => {
  dropInPickup(data, ENVELOPE, Buffer.alloc(2_000_000, 'x\r\n'))
  start()
  await heard(/set aside as .*: larger than 1049576 octets/)
  expect(commands).toEqual([])
})

test('a message whose last line has no end holds up no other', async () => {
  dropInPickup(data, ENVELOPE, Buffer.from('Subject: x\r\n\r\nx'))
  dropInPickup(data, ENVELOPE, MESSAGE)
  start()
  await heard(/taken in/)
  warnings = []
  await heard(/taken in/)
  expect(left()).toEqual([])
})

// One turn of the event loop stays short under load. Counted in the thread's own CPU time: a busy machine takes none of it.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestServer, type TestServer } from '../kit/server.ts'

let server: TestServer

beforeAll(async () => {
  server = await startTestServer({
    users: { 'ana@estafeta.test': 'secret-ana' },
    config: { profile: 'internet-site', plugins: { 'spf-dkim-dmarc': null } },
  })
})
afterAll(() => server.end())

/** Sends on a thread of its own, so that the client's work is not counted. */
const CLIENT = `
const net = require('node:net')
const { parentPort, workerData: { port, sessions, messages, octets, recipients, pipelined } } = require('node:worker_threads')
const body = 'Subject: load\\r\\n\\r\\n' + ('x'.repeat(70) + '\\r\\n').repeat(Math.ceil(octets / 72)) + '.\\r\\n'
function session() {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1')
    const rcpt = Array.from({ length: recipients }, (_, i) => 'RCPT TO:<ana+' + i + '@estafeta.test>\\r\\n')
    const commands = ['MAIL FROM:<s@away.test>\\r\\n', ...rcpt, 'DATA\\r\\n']
    const single = (text) => [text, 1]
    const one = [...(pipelined ? [[commands.join(''), commands.length]] : commands.map(single)), single(body)]
    const steps = [single('EHLO client.test\\r\\n'), ...Array.from({ length: messages }, () => one).flat(), single('QUIT\\r\\n')]
    let replies = 1
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
      for (let end = text.indexOf('\\r\\n'); end >= 0; end = text.indexOf('\\r\\n')) {
        const line = text.slice(0, end)
        text = text.slice(end + 2)
        if (line[3] === '-') continue
        if (line[0] !== '2' && line[0] !== '3') return reject(new Error(line))
        replies--
        if (replies > 0 || steps.length === 0) continue
        const [next, count] = steps.shift()
        replies = count
        socket.write(next)
      }
    })
    socket.on('error', reject)
    socket.on('close', () => resolve())
  })
}
Promise.all(Array.from({ length: sessions }, session)).then(() => parentPort.postMessage('done'))
`

interface Load {
  readonly sessions: number
  readonly messages: number
  readonly octets: number
  readonly recipients: number
  /** All commands of a message in one write. */
  readonly pipelined?: true
}

/** CPU time of each turn of this thread while the load runs, ms, ascending. */
async function turnsUnder(load: Load): Promise<number[]> {
  const worker = new Worker(CLIENT, { eval: true, workerData: { port: server.port('smtp'), ...load } })
  let running = true
  const ended = new Promise<void>((resolve, reject) => {
    worker.once('error', reject)
    worker.once('exit', () => resolve())
  }).finally(() => {
    running = false
  })
  const turns: number[] = []
  while (running) {
    const before = process.threadCpuUsage()
    await nextTurn()
    const { user, system } = process.threadCpuUsage(before)
    turns.push((user + system) / 1000)
  }
  await ended
  return turns.sort((a, b) => a - b)
}

const REPETITIONS = 50
const PIECE = 15

/** CPU time of a fixed piece of work on this machine as it is now, ms: about 1 where it is quick. */
function yardstick(): number {
  const text = JSON.stringify(Array.from({ length: 500 }, (_, n) => ({ n, name: `name ${n}`, half: n / 2 })))
  const before = process.threadCpuUsage()
  // often enough: the kernel counts in ticks of some milliseconds
  for (let i = 0; i < REPETITIONS * PIECE; i++) JSON.stringify(JSON.parse(text))
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1000 / REPETITIONS
}

/** The aim is 5. A collection of garbage takes several times that; what blocks takes far more. */
const LONGEST = 50

test.each<[string, Load]>([
  ['small messages in ten sessions', { sessions: 10, messages: 30, octets: 4096, recipients: 1 }],
  ['messages of ten megabytes', { sessions: 2, messages: 2, octets: 10_000_000, recipients: 1 }],
  ['a thousand recipients a message', { sessions: 2, messages: 2, octets: 4096, recipients: 1000 }],
  ['a thousand recipients at once', { sessions: 2, messages: 8, octets: 4096, recipients: 1000, pipelined: true }],
])('%s: no turn holds up the others', async (_name, load) => {
  // compiled code first
  await turnsUnder({ ...load, sessions: 1, messages: 2 })
  const before = yardstick()
  const turns = await turnsUnder(load)
  const one = Math.max(1, before, yardstick())
  expect(turns.length).toBeGreaterThan(20)
  expect(turns.at(-1)! / one).toBeLessThan(LONGEST)
})

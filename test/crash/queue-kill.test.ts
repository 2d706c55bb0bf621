// A process that works on a queue is killed at random moments, again and again on the same folder; nothing it acknowledged is gone.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { systemClock } from '../../core/base/clock.ts'
import { type Logger, silentLogger } from '../../core/base/log.ts'
import { nodeFiles } from '../../core/base/node-files.ts'
import { contentBytes } from '../../core/message/content.ts'
import { openEmbeddedQueue } from '../../core/queue/embedded-queue.ts'
import { isFinal, type Queue } from '../../core/queue/queue.ts'
import { createRandom } from '../kit/random.ts'
import { messageBytes } from './queue-model.ts'

const KILLS = Number(process.env.KILLS ?? 25)
const SEED = Number(process.env.KILL_SEED ?? Date.now() % 1_000_000)

interface Message {
  acknowledged: boolean
  readonly size: number
  /** By recipient: what is known of its end, and the bounce that must be there if it ended so. */
  readonly recipients: Map<number, { ended: 'no' | 'asked' | 'yes'; bounce: string | null }>
}

/** What the children said. */
class Story {
  readonly messages = new Map<string, Message>()

  hear(line: string): void {
    const [verb, id = '', a = '', b = ''] = line.split(' ')
    const message = this.messages.get(id)
    const recipient = message?.recipients.get(Number(a))
    switch (verb) {
      case 'ask-add': {
        const recipients = new Map(
          Array.from({ length: Number(a) }, (_, n) => [n, { ended: 'no' as const, bounce: null }]),
        )
        this.messages.set(id, { acknowledged: false, size: Number(b), recipients: new Map(recipients) })
        break
      }
      case 'add':
        message!.acknowledged = true
        break
      case 'ask-settle':
      case 'ask-expand':
        recipient!.ended = 'asked'
        break
      case 'ask-bounce':
        recipient!.ended = 'asked'
        recipient!.bounce = b
        break
      case 'settle':
        recipient!.ended = 'yes'
        break
      case 'bounce':
        recipient!.ended = 'yes'
        this.messages.get(b)!.acknowledged = true
        break
      case 'expand':
        recipient!.ended = 'yes'
        this.#addChildren(message!, Number(b))
        break
    }
  }

  /** Children are numbered by the queue; only that they are there is known. */
  #addChildren(message: Message, count: number): void {
    for (let i = 0; i < count; i++) {
      let n = 1000
      while (message.recipients.has(n)) n++
      message.recipients.set(n, { ended: 'no', bounce: null })
    }
  }

  async check(queue: Queue): Promise<void> {
    for (const item of queue.list()) expect(this.messages.has(item.id), `${item.id} was never asked for`).toBe(true)
    for (const [id, message] of this.messages) await this.#checkMessage(queue, id, message)
  }

  async #checkMessage(queue: Queue, id: string, message: Message): Promise<void> {
    const item = queue.get(id)
    const open = [...message.recipients.values()].filter(({ ended }) => ended === 'no').length
    if (!item) {
      if (message.acknowledged) expect(open, `${id} is gone`).toBe(0)
      this.messages.delete(id)
      this.#settleBounces(queue, message, null)
      return
    }
    message.acknowledged = true
    const content = await queue.content(id)
    const bytes = await contentBytes(content)
    content.body.release()
    expect(bytes.equals(messageBytes(id, message.size)), `${id} is whole`).toBe(true)
    this.#settleBounces(queue, message, item.recipients)
    for (const r of item.recipients) {
      const told = message.recipients.get(r.n)
      if (told?.ended === 'yes') expect(isFinal(r.status), `${id}/${r.n} came back`).toBe(true)
      if (told?.ended === 'no') expect(isFinal(r.status), `${id}/${r.n} was ended by nobody`).toBe(false)
      if (told) told.ended = isFinal(r.status) ? 'yes' : 'no'
    }
    const children = item.recipients.filter(({ parent }) => parent !== null).length
    const expected = [...message.recipients.keys()].filter((n) => n >= 1000).length
    expect(children, `children of ${id}`).toBeGreaterThanOrEqual(expected)
    const expanded = item.recipients.filter(({ status }) => status === 'expanded').length
    expect(children).toBe(2 * expanded)
    this.#addChildren(message, children - expected)
  }

  /** A recipient failed together with its bounce, or neither. */
  #settleBounces(queue: Queue, message: Message, recipients: Parameters<typeof failed>[0]): void {
    for (const [n, told] of message.recipients)
      if (told.bounce !== null) {
        expect(queue.get(told.bounce) !== null, `bounce of ${n}`).toBe(failed(recipients, n))
        told.bounce = null
      }
  }
}

const failed = (recipients: readonly { n: number; status: string }[] | null, n: number): boolean =>
  recipients === null || recipients.some((r) => r.n === n && r.status === 'failed')

/** Runs a child until it has said `lines` lines, then kills it. Lines that were under way still count. */
async function runAndKill(directory: string, seed: number, lines: number, hear: (line: string) => void): Promise<void> {
  const program = fileURLToPath(new URL('./queue-child.ts', import.meta.url))
  const child = spawn(process.execPath, [program, directory, String(seed)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  let said = 0
  for await (const line of createInterface(child.stdout)) {
    if (line !== 'ready') hear(line)
    if (++said === lines) child.kill('SIGKILL')
  }
  const [, signal] = await ended
  expect(signal).toBe('SIGKILL')
}

const strict: Logger = {
  ...silentLogger,
  error(event, fields) {
    throw new Error(`${event}: ${JSON.stringify(fields)}`)
  },
}

it(`survives ${KILLS} kills (seed ${SEED})`, { timeout: 60_000 + KILLS * 10_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kill-'))
  const directory = join(folder, 'queue')
  mkdirSync(directory)
  const random = createRandom(SEED)
  const story = new Story()
  for (let kill = 0; kill < KILLS; kill++) {
    await runAndKill(directory, SEED + kill, 1 + Math.floor(random() * 1200), (line) => story.hear(line))
    const queue = await openEmbeddedQueue({
      directory,
      files: nodeFiles,
      clock: systemClock,
      log: strict,
      minFree: 0,
      committer: 'inline',
    })
    await story.check(queue)
    // so that the test does not take longer and longer; and what was removed must not come back either
    const surplus = [...story.messages.keys()].slice(0, -200)
    await queue.remove(surplus)
    for (const id of surplus) story.messages.delete(id)
    await queue.close()
  }
  expect(story.messages.size).toBeGreaterThan(0)
  expect(readdirSync(join(directory, 'log')).length).toBeLessThan(200)
  rmSync(folder, { recursive: true })
})

// A process to be killed: works on a queue and says on its standard output what it asks for and what was acknowledged.
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../core/base/clock.ts'
import { silentLogger } from '../../core/base/log.ts'
import { nodeFiles } from '../../core/base/node-files.ts'
import { createBodySpool } from '../../core/message/body-spool.ts'
import { findBodyStart, type MessageContent, memoryContent } from '../../core/message/content.ts'
import { openEmbeddedQueue } from '../../core/queue/embedded-queue.ts'
import type { NewQueueItem } from '../../core/queue/queue.ts'
import { createRandom } from '../kit/random.ts'
import { address, deferred, messageBytes, newItem, settled } from './queue-model.ts'

const directory = process.argv[2]!
const random = createRandom(Number(process.argv[3]))
const upTo = (n: number): number => Math.floor(random() * n)

/** Said when the function returns: what comes after it happened after it. */
function say(...words: (string | number)[]): void {
  for (let rest = Buffer.from(words.join(' ') + '\n'); rest.length > 0; ) {
    try {
      rest = rest.subarray(writeSync(1, rest))
    } catch (error) {
      // the reader is slow
      if ((error as { code?: string }).code !== 'EAGAIN') throw error
    }
  }
}

const queue = await openEmbeddedQueue({
  directory,
  files: nodeFiles,
  clock: systemClock,
  log: silentLogger,
  minFree: 0,
  segmentSize: 256 << 10,
})
const spool = createBodySpool({ directory: join(directory, 'body'), files: nodeFiles, memoryBudget: 1 << 20 })
/** Unfinished recipients of acknowledged messages. */
const waiting = new Map<string, number[]>()

async function content(bytes: Buffer): Promise<MessageContent> {
  if (bytes.length < 135_000) return memoryContent(bytes)
  const body = await spool.write([bytes])
  const bodyStart = findBodyStart(bytes)
  return { header: bytes.subarray(0, bodyStart), body, bodyStart, size: bytes.length }
}

async function add(parent?: string): Promise<NewQueueItem> {
  const size = random() < 0.03 ? 135_000 + upTo(200_000) : 200 + upTo(6000)
  const to = Array.from({ length: parent ? 1 : 1 + upTo(3) }, (_, i) => `r${i}@b.test`)
  const item = newItem(systemClock, to, 0, parent ? { parent } : {})
  const filled = { ...item, content: await content(messageBytes(item.id, size)) }
  say('ask-add', item.id, to.length, filled.content.size)
  return filled
}

async function enqueue(): Promise<void> {
  const item = await add()
  await queue.enqueue(item)
  item.content.body.release()
  say('add', item.id)
  waiting.set(item.id, [...item.envelope.recipients.keys()])
}

async function change(): Promise<void> {
  const [id, recipients] = [...waiting][upTo(Math.min(waiting.size, 50))] ?? []
  const n = recipients?.pop()
  if (id === undefined || n === undefined) return enqueue()
  if (recipients!.length === 0) waiting.delete(id)
  const chance = random()
  if (chance < 0.1) return bounce(id, n)
  if (chance < 0.2) return expand(id, n)
  if (chance < 0.3) await queue.update({ id, settled: [deferred(n, systemClock.now())] })
  say('ask-settle', id, n)
  await queue.update({ id, settled: [settled(n)] })
  say('settle', id, n)
}

async function bounce(id: string, n: number): Promise<void> {
  const item = await add(id)
  say('ask-bounce', id, n, item.id)
  await queue.update({ id, settled: [settled(n, 'failed')], enqueue: [item] })
  item.content.body.release()
  say('bounce', id, n, item.id)
}

async function expand(id: string, n: number): Promise<void> {
  const child = { reversePath: null, notify: [], orcpt: null }
  const into = [address('one@c.test'), address('two@c.test')].map((to) => ({ ...child, address: to }))
  say('ask-expand', id, n, into.length)
  await queue.update({ id, expanded: [{ n, into }] })
  say('expand', id, n, into.length)
}

async function work(): Promise<void> {
  for (;;) await (random() < 0.5 ? enqueue() : change())
}
say('ready')
await Promise.all(Array.from({ length: 8 }, work))

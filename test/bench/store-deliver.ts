// The mailbox store alone: messages of 4 KiB into 100 Maildirs, stable before they count. Run: node test/bench/store-deliver.ts [messages] [in flight …]
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { stayAlive, systemClock } from '../../core/base/clock.ts'
import { createQueueId } from '../../core/base/ids.ts'
import { silentLogger } from '../../core/base/log.ts'
import { memoryContent } from '../../core/message/content.ts'
import type { MailboxStore } from '../../core/store/mailbox-store.ts'
import { openMaildirStore } from '../../core/store/maildir-store.ts'
import { type Batcher, createBatcher } from '../../plugins/deliver-local/batch.ts'
import { freshFileSystem } from './file-system.ts'
import { cpuSeconds } from './procstat.ts'

const [messages = 10_000, ...given] = process.argv.slice(2).map(Number)
const IN_FLIGHT = given.length > 0 ? given : [1, 100, 400]
const ACCOUNTS = 100

const TEXT = 'A line of sixty-four octets, which is what people like to write.\r\n'.repeat(58)

function newMessage(n: number) {
  const now = Date.now()
  const id = createQueueId(now)
  const octets = [
    `Return-Path: <sender${n}@client.test>`,
    `Delivered-To: user@bench.test`,
    `Received: from client.test (client.test [192.0.2.1]) by bench.test with ESMTP id ${id}; Sun, 22 Nov 2026 10:00:00 +0000`,
    'From: Ana <sender@client.test>',
    'To: user@bench.test',
    `Subject: message ${n}`,
    'Date: Sun, 22 Nov 2026 10:00:00 +0000',
    `Message-ID: <${id}@client.test>`,
    '',
    TEXT,
  ].join('\r\n')
  return { content: memoryContent(Buffer.from(octets)), flags: [], internalDate: now, key: `${id}.0` }
}

async function deliver(batcher: Batcher, n: number): Promise<void> {
  const account = `user${n % ACCOUNTS}@bench.test`
  const error = await batcher.deliver({ account, mailbox: 'INBOX', message: newMessage(n) })
  if (error) throw error
}

/** Flushes that the device under `path` has done: each is a sync that reached the disk. */
function flushes(path: string): number {
  const { dev } = statSync(path)
  const text = readFileSync(`/sys/dev/block/${dev >> 8}:${dev & 0xff}/stat`, 'latin1')
  return Number(text.trim().split(/\s+/)[15])
}

/** Keeps `inFlight` deliveries under way until all are done, and prints what it took. */
async function measure(path: string, store: MailboxStore, inFlight: number): Promise<void> {
  const batcher = createBatcher(store, systemClock)
  let next = 0
  const latencies: number[] = []
  const work = async () => {
    while (next < messages) {
      const started = performance.now()
      await deliver(batcher, next++)
      latencies.push(performance.now() - started)
    }
  }
  const [flushed, tree] = [flushes(path), cpuSeconds([process.pid])]
  const [thread, all, started] = [process.threadCpuUsage(), process.cpuUsage(), performance.now()]
  await Promise.all(Array.from({ length: inFlight }, work))
  const ms = performance.now() - started
  const [main, both] = [process.threadCpuUsage(thread), process.cpuUsage(all)]
  const children = (cpuSeconds([process.pid]) - tree) * 1e6 - (both.user + both.system)
  latencies.sort((a, b) => a - b)
  const per = (us: number) => `${Math.max(0, us / messages).toFixed(0)} µs`
  const at = (share: number) => `${latencies[Math.floor(share * (latencies.length - 1))]?.toFixed(1)} ms`
  console.log(
    `${inFlight} in flight: ${Math.round((messages / ms) * 1000)}/s, p50 ${at(0.5)}, p99 ${at(0.99)}; CPU a message: ` +
      `main thread ${per(main.user + main.system)}, process ${per(both.user + both.system)} (kernel ${per(both.system)}), ` +
      `children ${per(children)}; ${((flushes(path) - flushed) / messages).toFixed(3)} flushes a message`,
  )
}

const alive = stayAlive()
const folder = mkdtempSync(join(tmpdir(), 'store-bench-'))
try {
  for (const [round, inFlight] of IN_FLIGHT.entries()) {
    const disk = freshFileSystem(folder, String(round))
    const store = await openMaildirStore({
      directory: join(disk.path, 'mail'),
      clock: systemClock,
      log: silentLogger,
      hostname: 'bench.test',
    })
    // every mailbox is made, code is compiled
    const batcher = createBatcher(store, systemClock)
    await Promise.all(Array.from({ length: 5 * ACCOUNTS }, (_, n) => deliver(batcher, n)))
    await setTimeout(1000)
    await measure(disk.path, store, inFlight)
    await store.close()
    disk.remove()
  }
} finally {
  alive.cancel()
  rmSync(folder, { recursive: true, force: true })
}

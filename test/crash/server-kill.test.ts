// The built server is killed at random moments while clients hand mail in; whatever was acknowledged is in its mailboxes, whole.
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { controlJson } from '../../core/admin/control-client.ts'
import { socketPath } from '../../core/base/socket-path.ts'
import { type RunningCommand, startBin } from '../kit/command.ts'
import { freePorts } from '../kit/free-port.ts'
import { createRandom } from '../kit/random.ts'
import { Talker } from '../kit/talker.ts'
import { DOMAIN, LIST, readInbox, type Sent, sendUntilCut, USERS } from './server-client.ts'

const KILLS = Number(process.env.SERVER_KILLS ?? 25)
const SEED = Number(process.env.KILL_SEED ?? Date.now() % 1_000_000)
/** In the normal run the clock ends it; a count that was asked for is done in full. */
const LIMIT_MS = process.env.SERVER_KILLS ? Number.POSITIVE_INFINITY : 60_000
const CONNECTIONS = 4

// started as root, the server would run behind its broker: here the process that is killed is the server itself
const NOBODY = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}

const folder = mkdtempSync(join(tmpdir(), 'estafeta-kill-'))
const data = join(folder, 'data')
const config = join(folder, 'estafeta.yaml')
let server: RunningCommand | null = null

afterAll(async () => {
  await server?.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

function writeFiles(smtp: number, imap: number): void {
  mkdirSync(data)
  writeFileSync(
    config,
    [
      'profile: internet-site',
      `hostname: mx.${DOMAIN}`,
      `origin: ${DOMAIN}`,
      `domains: [${DOMAIN}]`,
      `postmaster: ana@${DOMAIN}`,
      `data: ${data}`,
      `users: { file: ${join(folder, 'users.yaml')} }`,
      'queue: { minFree: 0, firstRetry: 1s }',
      `listen: { smtp: ["127.0.0.1:${smtp}"], imap: ["127.0.0.1:${imap}"], submission: [], submissions: [], imaps: [], pop3: [], pop3s: [] }`,
      'plugins: { spf-dkim-dmarc: { enabled: false } }',
      '',
    ].join('\n'),
  )
  writeFileSync(
    join(folder, 'users.yaml'),
    `users:\n${USERS.map((user) => `  ${user}@${DOMAIN}: { password: "{PLAIN}secret" }\n`).join('')}`,
  )
  writeFileSync(join(data, 'aliases'), `list: ${LIST.join(', ')}\n`)
  if (NOBODY.uid === undefined) return
  chmodSync(folder, 0o755)
  for (const path of [data, config, join(folder, 'users.yaml'), join(data, 'aliases')])
    chownSync(path, NOBODY.uid, NOBODY.gid)
}

const start = (): RunningCommand => startBin('estafeta', ['--config', config, 'serve'], NOBODY)

/** Killed somewhere on its way up. */
async function killWhileStarting(random: () => number): Promise<void> {
  server = start()
  await new Promise((resolve) => setTimeout(resolve, random() * 1500))
  await server.kill('SIGKILL')
}

/** Killed after a random number of acknowledgements, at a random moment from there. */
async function killAtWork(port: number, random: () => number, sent: Map<number, Sent>): Promise<void> {
  server = start()
  const running = server
  await running.printed(/started, version/)
  const target = Math.floor(random() * 120)
  let heard = 0
  let reached: () => void = () => {}
  const enough = new Promise<void>((resolve) => {
    reached = resolve
  })
  const clients = Array.from({ length: CONNECTIONS }, () =>
    sendUntilCut(port, random, sent, () => {
      if (++heard >= target) reached()
    }),
  )
  if (target > 0) await Promise.race([enough, Promise.all(clients)])
  await new Promise((resolve) => setTimeout(resolve, random() * 30))
  await running.kill('SIGKILL')
  await Promise.all(clients)
}

async function untilQueueIsEmpty(): Promise<void> {
  for (;;) {
    const { queue } = await controlJson<{ queue: { items: number } }>(socketPath(data, 'control'), 'GET', '/health')
    if (queue.items === 0) return
    await controlJson(socketPath(data, 'control'), 'POST', '/queue/flush', { all: true })
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

async function countByImap(port: number, user: string): Promise<number> {
  const talker = await Talker.connect(port)
  talker.send(`a LOGIN ${user}@${DOMAIN} secret\r\nb SELECT INBOX\r\n`)
  let exists = -1
  for (let line = await talker.line(); line !== null && !line.startsWith('b '); line = await talker.line())
    exists = Number(/^\* (\d+) EXISTS$/.exec(line)?.[1] ?? exists)
  talker.close()
  return exists
}

test(`no acknowledged message is lost by ${KILLS} kills (seed ${SEED})`, {
  timeout: 120_000 + KILLS * 10_000,
}, async () => {
  const [smtp, imap] = (await freePorts(2)) as [number, number]
  writeFiles(smtp, imap)
  const random = createRandom(SEED)
  const sent = new Map<number, Sent>()
  const began = performance.now()
  let kills = 0
  for (; kills < KILLS && performance.now() - began < LIMIT_MS; kills++) {
    if (random() < 0.2) await killWhileStarting(random)
    else await killAtWork(smtp, random, sent)
  }
  server = start()
  await server.printed(/started, version/)
  await untilQueueIsEmpty()

  const acknowledged = [...sent.values()].filter(({ queueId }) => queueId !== null)
  let doubled = 0
  for (const user of USERS) {
    const found = readInbox(data, user)
    const copies = new Map<number, string[]>()
    for (const { n, queueId } of found) copies.set(n, [...(copies.get(n) ?? []), queueId])
    for (const { n, queueId } of acknowledged.filter(({ users }) => users.includes(user)))
      expect(copies.get(n)?.[0], `message ${n} (${queueId}) for ${user}`).toBe(queueId)
    for (const [n, ids] of copies) {
      expect(sent.get(n)?.users, `message ${n} was not for ${user}`).toContain(user)
      expect(new Set(ids).size, `message ${n} under several ids`).toBe(1)
      expect(ids.length, `copies of ${n}`).toBeLessThanOrEqual(2)
      if (ids.length > 1) doubled++
    }
    expect(await countByImap(imap, user)).toBe(found.length)
  }
  console.log(
    `${kills} kills, ${sent.size} messages, ${acknowledged.length} acknowledged, ${doubled} deliveries doubled`,
  )
  expect(acknowledged.length).toBeGreaterThan(kills)
  expect(readdirSync(join(data, 'queue', 'body'))).toEqual([])
  expect(await server.stop()).toBe(0)
  server = null
})

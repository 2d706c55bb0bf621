// The queue for a command: the running server's over its control socket, or the files themselves while nobody runs.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { controlBytes, controlJson, controlLines, controlRequest, ServerDown } from '../admin/control-client.ts'
import {
  type ActionResult,
  act,
  type QueueAction,
  type QueueView,
  type Selection,
  viewItem,
} from '../admin/queue-actions.ts'
import { systemClock } from '../base/clock.ts'
import { openData } from '../base/data-lock.ts'
import { silentLogger } from '../base/log.ts'
import { nodeFiles } from '../base/node-files.ts'
import { socketPath } from '../base/socket-path.ts'
import type { Site } from '../config/site.ts'
import { contentChunks } from '../message/content.ts'
import { openEmbeddedQueue } from '../queue/embedded-queue.ts'
import type { QueueFilter } from '../queue/queue.ts'
import { becomeServer } from './as-server.ts'
import { CliError, EX, loadSite } from './context.ts'

export interface QueueAccess {
  list(filter: QueueFilter): AsyncIterable<QueueView>
  /** Throws CliError when there is no such message. */
  get(id: string): Promise<QueueView>
  content(id: string): AsyncIterable<Buffer>
  act(action: QueueAction, selection: Selection): Promise<ActionResult>
  close(): Promise<void>
}

export async function openQueueAccess(): Promise<QueueAccess> {
  const { site } = await loadSite()
  const socket = socketPath(site.data, 'control')
  try {
    await controlJson(socket, 'GET', '/health')
    return overSocket(socket)
  } catch (thrown) {
    if (!(thrown instanceof ServerDown)) throw thrown
    return onFiles(site)
  }
}

const unknown = (id: string): CliError => new CliError(`no message ${id} in the queue`, EX.noInput)

function overSocket(socket: string): QueueAccess {
  const query = (filter: QueueFilter): string =>
    new URLSearchParams(Object.entries(filter).map(([k, v]) => [k, String(v)])).toString()
  const one = async (id: string): Promise<QueueView> => {
    for await (const view of controlSelect(socket, { ids: [id] })) return view
    throw unknown(id)
  }
  return {
    list: (filter) => controlLines<QueueView>(socket, `/queue?${query(filter)}`),
    get: one,
    async *content(id) {
      await one(id)
      yield* controlBytes(socket, `/queue/${encodeURIComponent(id)}/content`)
    },
    act: (action, selection) => controlJson<ActionResult>(socket, 'POST', `/queue/${action}`, selection),
    async close() {},
  }
}

async function* controlSelect(socket: string, selection: Selection): AsyncIterable<QueueView> {
  const response = await controlRequest(socket, 'POST', '/queue-select', selection)
  response.setEncoding('utf8')
  let all = ''
  for await (const chunk of response as AsyncIterable<string>) all += chunk
  for (const line of all.split('\n')) if (line !== '') yield JSON.parse(line) as QueueView
}

async function onFiles(site: Site): Promise<QueueAccess> {
  await becomeServer(site)
  mkdirSync(site.data, { recursive: true, mode: 0o700 })
  const lock = openData(site.data)
  const queue = await openEmbeddedQueue({
    directory: join(site.data, 'queue'),
    files: nodeFiles,
    clock: systemClock,
    log: silentLogger,
    minFree: site.queue.minFree,
    committer: 'inline',
  })
  return {
    async *list(filter) {
      for (const item of queue.list(filter)) yield viewItem(item)
    },
    async get(id) {
      const item = queue.get(id)
      if (!item) throw unknown(id)
      return viewItem(item)
    },
    async *content(id) {
      if (!queue.get(id)) throw unknown(id)
      const content = await queue.content(id)
      try {
        yield* contentChunks(content)
      } finally {
        content.body.release()
      }
    },
    act: (action, selection) => act(queue, action, selection, systemClock.now()),
    async close() {
      await queue.close()
      lock.release()
    },
  }
}

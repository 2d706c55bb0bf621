// What the control socket answers: queue, sessions, lanes, trace, reload, health.
import type { Clock } from '../base/clock.ts'
import { permanent } from '../base/failure.ts'
import { contentChunks } from '../message/content.ts'
import type { ProtocolService } from '../net/service.ts'
import type { Pipeline } from '../pipeline/pipeline.ts'
import type { Queue, QueueFilter } from '../queue/queue.ts'
import type { Trace } from '../trace/trace.ts'
import type { Route } from './control-server.ts'
import { ACTIONS, act, type QueueAction, type Selection, select, viewItem } from './queue-actions.ts'

export interface ControlDeps {
  readonly queue: Queue
  readonly pipeline: Pipeline
  readonly trace: Trace
  readonly services: readonly ProtocolService[]
  readonly clock: Clock
  readonly started: number
  readonly version: string
  /** Reads the configuration anew; its answer says what changed, or throws with the report. */
  readonly reload: () => Promise<{ readonly generation: number; readonly notes: readonly string[] }>
}

export function controlRoutes(deps: ControlDeps): readonly Route[] {
  const { queue, pipeline, clock } = deps
  return [
    {
      method: 'GET',
      path: /^\/health$/,
      handle: () => ({
        json: {
          status: 'ok',
          version: deps.version,
          pid: process.pid,
          started: deps.started,
          memory: process.memoryUsage().rss,
          queue: queue.stats(),
        },
      }),
    },
    { method: 'GET', path: /^\/queue$/, handle: ({ query }) => ({ lines: listed(queue, readFilter(query)) }) },
    {
      method: 'GET',
      path: /^\/queue\/(\w+)$/,
      handle: ({ match }) => {
        const item = queue.get(match[0]!)
        return item ? { json: viewItem(item) } : { json: { error: `no message ${match[0]} in the queue` }, status: 404 }
      },
    },
    {
      method: 'GET',
      path: /^\/queue\/(\w+)\/content$/,
      handle: async ({ match }) => {
        if (!queue.get(match[0]!)) return { json: { error: `no message ${match[0]} in the queue` }, status: 404 }
        return { bytes: released(queue, match[0]!) }
      },
    },
    {
      method: 'POST',
      path: /^\/queue\/(\w+)$/,
      handle: async ({ match, body }) => {
        const action = match[0] as QueueAction
        if (!ACTIONS.includes(action)) throw permanent(`unknown action ${action}`)
        const result = await act(queue, action, (body ?? {}) as Selection, clock.now())
        if (action === 'flush' || action === 'requeue' || action === 'release') pipeline.flush()
        return { json: result }
      },
    },
    {
      method: 'POST',
      path: /^\/queue-select$/,
      handle: ({ body }) => ({ lines: select(queue, (body ?? {}) as Selection).items.map(viewItem) }),
    },
    { method: 'GET', path: /^\/sessions$/, handle: () => ({ json: deps.services.flatMap((s) => s.sessions()) }) },
    { method: 'GET', path: /^\/lanes$/, handle: () => ({ json: pipeline.lanes() }) },
    {
      method: 'GET',
      path: /^\/trace$/,
      handle: async ({ query }) => ({
        lines: await deps.trace.find({ about: query.get('about') ?? '', limit: Number(query.get('limit') ?? 20) }),
      }),
    },
    { method: 'POST', path: /^\/reload$/, handle: async () => ({ json: await deps.reload() }) },
  ]
}

function* listed(queue: Queue, filter: QueueFilter): Iterable<unknown> {
  for (const item of queue.list(filter)) yield viewItem(item)
}

async function* released(queue: Queue, id: string): AsyncIterable<Buffer> {
  const content = await queue.content(id)
  try {
    yield* contentChunks(content)
  } finally {
    content.body.release()
  }
}

export function readFilter(query: URLSearchParams): QueueFilter {
  const text = (name: 'sender' | 'recipient' | 'reason' | 'messageId') =>
    query.has(name) ? { [name]: query.get(name)! } : {}
  return {
    ...text('sender'),
    ...text('recipient'),
    ...text('reason'),
    ...text('messageId'),
    ...(query.has('held') ? { held: query.get('held') === 'true' } : {}),
    ...(query.has('quarantine') ? { quarantine: query.get('quarantine') === 'true' } : {}),
    ...(query.has('before') ? { before: Number(query.get('before')) } : {}),
  }
}

// Trace in its own SQLite file: events are gathered to batches on the main thread, and written by a worker.
import { Worker } from 'node:worker_threads'
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import { moduleUrl } from '../base/program.ts'
import { withALabels } from '../message/address.ts'
import type { Trace, TraceEvent, TraceQuery } from './trace.ts'
import { countOf, Gathering } from './trace-batch.ts'
import type { TraceRequest, TraceResponse } from './trace-worker.ts'

export interface TraceOptions {
  readonly path: string
  readonly days: number
  /** Octets of the file, beyond which the oldest rows go. */
  readonly maxSize: number
  readonly clock: Clock
  readonly log: Logger
}

const FLUSH_MS = 250
/** Events that may wait for the worker; beyond it they are dropped and counted, since trace must never hold up mail. */
const MAX_WAITING = 400_000

/** Starts its worker at the first event or question. */
export function openTrace(options: TraceOptions): Trace {
  let worker: Worker | null = null
  const gathered = new Gathering()
  /** Events given to the worker, and not yet in the file. */
  let underway = 0
  let dropped = 0
  let scheduled = false
  let question = 0
  const answers = new Map<number, { resolve: (events: TraceEvent[]) => void; reject: (error: Error) => void }>()

  const start = (): Worker => {
    const { path, days, maxSize } = options
    const w = new Worker(moduleUrl('core/trace/trace-worker'), { workerData: { path, days, maxSize } })
    w.unref()
    w.on('message', (message: TraceResponse) => {
      if (message.kind === 'written') {
        underway -= message.events
        return
      }
      if (message.kind === 'trouble') return options.log.warn(`trace: ${message.text}`, { component: 'trace' })
      const waiting = answers.get(message.id)
      answers.delete(message.id)
      if (message.kind === 'found') waiting?.resolve(message.events)
      else waiting?.reject(new Error(message.text))
    })
    w.on('error', (thrown) => {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown))
      options.log.error(`trace stopped: ${error.message}`, { component: 'trace' })
      for (const waiting of answers.values()) waiting.reject(error)
      answers.clear()
      if (worker === w) {
        worker = null
        underway = 0
      }
    })
    return w
  }
  const post = (request: TraceRequest, transfer: ArrayBuffer[] = []): void => {
    worker ??= start()
    worker.postMessage(request, transfer)
  }
  const write = (): void => {
    const batch = gathered.take()
    underway += countOf(batch)
    post({ kind: 'write', now: options.clock.now(), batch }, [batch.numbers.buffer])
  }
  const flush = (): void => {
    scheduled = false
    if (!gathered.empty) write()
    if (dropped > 0) options.log.warn(`trace: ${dropped} events dropped, the disk is too slow`, { component: 'trace' })
    dropped = 0
  }

  return {
    record(event) {
      if (underway >= MAX_WAITING) {
        dropped++
        return
      }
      gathered.add(event)
      if (gathered.full) write()
      if (scheduled) return
      scheduled = true
      options.clock.after(FLUSH_MS, flush)
    },
    find(query: TraceQuery) {
      flush()
      const id = ++question
      return new Promise((resolve, reject) => {
        answers.set(id, { resolve, reject })
        post({ kind: 'find', id, about: withALabels(query.about), limit: query.limit ?? 20 })
      })
    },
    async close() {
      flush()
      if (!worker) return
      const ended = new Promise<void>((resolve) => worker!.once('exit', () => resolve()))
      worker.ref()
      post({ kind: 'close' })
      await ended
      worker = null
    },
  }
}

// A thread that answers calls: started with the first of them, no reason for the process to stay while none waits.
import { parentPort, type Transferable, Worker } from 'node:worker_threads'
import { moduleUrl } from '../base/program.ts'
import { type Port, type Remote, remote, type TransferLists } from './rpc.ts'

export interface ThreadOptions {
  /** Its program, as `moduleUrl` takes it. */
  readonly module: string
  readonly name: string
  readonly data: unknown
  readonly onEvent: (event: unknown) => void
  /** It ended by itself: what it knew is lost, calls that waited have failed. The next call starts another. */
  readonly onLost: (why: string) => void
  /** Of arguments. */
  readonly transfer?: TransferLists
}

export interface Thread<T> {
  readonly target: T
  readonly started: boolean
  stop(): Promise<void>
}

/** The end of the channel that the thread itself holds. */
export function threadPort(): Port {
  const port = parentPort!
  return {
    post: (message, transfer) => port.postMessage(message, transfer),
    receive: (listener) => void port.on('message', listener),
  }
}

export function createThread<T extends object>(options: ThreadOptions): Thread<T> {
  let worker: Worker | null = null
  let inside: Remote<T> | null = null
  let stopping = false

  const start = (): Remote<T> => {
    const started = new Worker(moduleUrl(options.module), {
      name: options.name,
      workerData: options.data,
    })
    started.unref()
    const port = {
      post: (message: unknown, transfer: Transferable[]) => started.postMessage(message, transfer),
      receive: (listener: (message: unknown) => void) => void started.on('message', listener),
    }
    const busy = (waiting: boolean) => (waiting ? started.ref() : started.unref())
    const calls = remote<T>(port, options.onEvent, busy, options.transfer)
    const lost = (why: string) => {
      if (worker !== started) return
      worker = null
      inside = null
      calls.fail()
      if (!stopping) options.onLost(why)
    }
    started.on('error', (error) => lost(`thread ${options.name} failed: ${(error as Error).message}`))
    started.on('exit', (code) => lost(`thread ${options.name} ended with code ${code}`))
    worker = started
    return calls
  }

  return {
    target: new Proxy({} as T, {
      get(_, method) {
        if (typeof method !== 'string' || method === 'then') return undefined
        inside ??= start()
        return inside.target[method as keyof T]
      },
    }),
    get started() {
      return worker !== null
    },
    async stop() {
      stopping = true
      await worker?.terminate()
    },
  }
}

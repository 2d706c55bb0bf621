// Calls to an object on another thread: its methods, by name, with values that can be posted; failures come back as Failure.
import type { Transferable } from 'node:worker_threads'
import type { PostedFailure } from './engine.ts'
import { storeClosed } from './errors.ts'
import { postFailure, unpostFailure } from './failures.ts'

interface Call {
  readonly call: number
  readonly method: string
  readonly args: readonly unknown[]
}
type Answer = { readonly answer: number } & ({ readonly value: unknown } | { readonly failure: PostedFailure })
interface Event {
  readonly event: unknown
}

/** One end of a channel to another thread. */
export interface Port {
  post(message: unknown, transfer: Transferable[]): void
  receive(listener: (message: unknown) => void): void
}

/** Names the buffers of a method's arguments, or of its result, that need not be copied: the sender is done with them. */
export interface TransferLists {
  readonly [method: string]: (value: never) => Transferable[]
}

/** Answers calls for `target`. `transfer` is for its methods' results. */
export function serve(
  port: Port,
  target: { readonly [method: string]: (...args: never[]) => Promise<unknown> },
  transfer: TransferLists = {},
): { emit(event: unknown): void } {
  port.receive((message) => {
    const { call, method, args } = message as Call
    target[method]!(...(args as never[])).then(
      (value) => port.post({ answer: call, value }, transfer[method]?.(value as never) ?? []),
      (error: unknown) => port.post({ answer: call, failure: postFailure(error) }, []),
    )
  })
  return { emit: (event) => port.post({ event }, []) }
}

export interface Remote<T> {
  readonly target: T
  /** All calls fail from now on, those that wait too. */
  fail(): void
  /** Calls that wait for an answer. */
  readonly waiting: number
}

/**
 * The other end: `target` has the methods of T. `busy` is told when the first call waits and when the last is answered;
 * `transfer` is for the arguments, as an array.
 */
export function remote<T extends object>(
  port: Port,
  onEvent: (event: unknown) => void,
  busy: (waiting: boolean) => void,
  transfer: TransferLists = {},
): Remote<T> {
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: unknown) => void }>()
  let last = 0
  let failed = false
  port.receive((posted) => {
    const message = posted as Answer | Event
    if ('event' in message) {
      onEvent(message.event)
      return
    }
    const call = waiting.get(message.answer)
    waiting.delete(message.answer)
    if ('failure' in message) call?.reject(unpostFailure(message.failure))
    else call?.resolve(message.value)
    if (waiting.size === 0) busy(false)
  })
  const call = (method: string, args: readonly unknown[]): Promise<unknown> => {
    if (failed) return Promise.reject(storeClosed())
    return new Promise((resolve, reject) => {
      if (waiting.size === 0) busy(true)
      waiting.set(++last, { resolve, reject })
      port.post({ call: last, method, args } satisfies Call, transfer[method]?.(args as never) ?? [])
    })
  }
  const target = new Proxy({} as T, {
    get: (_, method) =>
      typeof method === 'string' && method !== 'then' ? (...args: unknown[]) => call(method, args) : undefined,
  })
  return {
    target,
    get waiting() {
      return waiting.size
    },
    fail() {
      failed = true
      for (const { reject } of waiting.values()) reject(storeClosed())
      waiting.clear()
      busy(false)
    },
  }
}

// A bound on how long something may take.
import type { Clock } from './clock.ts'

/** Rejects when the promise takes longer. */
export function within<T>(clock: Clock, ms: number, promise: Promise<T>, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(ms, () => reject(new Error(`${what} took longer than ${ms / 1000} s`)))
    promise.then(resolve, reject).finally(() => timer.cancel())
  })
}

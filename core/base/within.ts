// A bound on how long something may take.
import type { Clock } from './clock.ts'
import { temporary } from './failure.ts'

/** Rejects when the promise takes longer. */
export function within<T>(clock: Clock, ms: number, promise: Promise<T>, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(ms, () => reject(temporary(`${what} took longer than ${ms / 1000} s`)))
    promise.then(resolve, reject).finally(() => timer.cancel())
  })
}

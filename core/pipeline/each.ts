// The operator of both pipes: runs a step for each value, at most so many at once, the others wait in order.
import { Observable } from 'rxjs/internal/Observable'

/**
 * As `mergeMap`, for steps that give nothing on: without an inner subscription for each value, and what a step does before
 * it first waits is done before the source goes on. A step handles its own failures.
 */
export const each =
  <T>(step: (value: T) => Promise<void>, limit: number) =>
  (source: Observable<T>): Observable<never> =>
    new Observable(() => {
      const waiting: T[] = []
      let running = 0
      const begin = (value: T): void => {
        running++
        void step(value).then(ended)
      }
      const ended = (): void => {
        running--
        if (waiting.length > 0) begin(waiting.shift()!)
      }
      return source.subscribe((value) => {
        if (running < limit) begin(value)
        else waiting.push(value)
      })
    })

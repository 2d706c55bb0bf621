// A trace whose events others hear of as well: how plugins that observe are told.
import type { Trace, TraceEvent } from './trace.ts'

export interface ObservedTrace extends Trace {
  /** From now on `tell` hears of each event, too. It must not throw. */
  observe(tell: (event: TraceEvent) => void): void
}

export function observedTrace(trace: Trace): ObservedTrace {
  let observer: ((event: TraceEvent) => void) | null = null
  return {
    record(event) {
      trace.record(event)
      observer?.(event)
    },
    find: (query) => trace.find(query),
    close: () => trace.close(),
    observe(tell) {
      observer = tell
    },
  }
}

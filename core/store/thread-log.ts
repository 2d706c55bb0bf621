// Log lines of a thread, written by the main thread.
import type { LogFields, Logger, LogLevel } from '../base/log.ts'

export interface StoreThreadData {
  readonly format: 'maildir' | 'mbox'
  readonly directory: string
  readonly hostname: string
}

export interface PostedLine {
  readonly kind: 'log'
  readonly level: LogLevel
  readonly line: string
  readonly fields: LogFields
}

export function postingLogger(post: (line: PostedLine) => void, fixed: LogFields = {}): Logger {
  const at =
    (level: LogLevel) =>
    (line: string, fields: LogFields = {}) =>
      post({ kind: 'log', level, line, fields: { ...fixed, ...fields } })
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (fields) => postingLogger(post, { ...fixed, ...fields }),
  }
}

// The log: one line an event, as mail administrators and their tools read it, or JSON.

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Keys of a log event. No value may hold a password, an AUTH payload or a key. */
export interface LogFields {
  readonly sid?: string
  readonly tid?: string
  readonly qid?: string
  readonly rcpt?: string
  readonly relay?: string
  readonly dsn?: string
  readonly status?: string
  readonly plugin?: string
  readonly hook?: string
  readonly ms?: number
  readonly ip?: string
  readonly user?: string
  readonly [key: string]: string | number | boolean | null | undefined
}

export interface Logger {
  debug(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
  /** The same log with fields added to every event. */
  with(fields: LogFields): Logger
}

export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  with: () => silentLogger,
}

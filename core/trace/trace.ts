// What happened to each message and why: one event a decision, found again by queue id, transaction, Message-ID or address.
import { token } from '../base/token.ts'

export interface TraceEvent {
  /** Wall clock, ms. */
  readonly time: number
  readonly sid?: string | undefined
  readonly tid?: string | undefined
  readonly qid?: string | undefined
  /** received, hook, dns, queued, expanded, routed, attempt, settled, bounced, delayed, filed, held, released … */
  readonly event: string
  readonly plugin?: string | undefined
  readonly hook?: string | undefined
  /** pass, reject, defer, admit, quarantine, delivered, relayed, deferred, failed … */
  readonly verdict?: string | undefined
  readonly rcpt?: string | undefined
  readonly ms?: number | undefined
  readonly detail?: string | undefined
  /** Set once a message, so that it can be found by them. */
  readonly messageId?: string | undefined
  readonly from?: string | undefined
}

export interface TraceQuery {
  /** Queue id, transaction, session, Message-ID (with or without angle brackets) or an address. */
  readonly about: string
  readonly limit?: number
}

/** Recording is synchronous, cheap and never fails the caller; the last second may be lost in a crash. */
export interface Trace {
  record(event: TraceEvent): void
  /** All events of each message found, oldest first. */
  find(query: TraceQuery): Promise<readonly TraceEvent[]>
  close(): Promise<void>
}

export const TRACE = token<Trace>('Trace')

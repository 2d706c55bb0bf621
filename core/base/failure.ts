// What went wrong, in the terms of a mail server: temporary or permanent, what the client hears, what the log gets.

/**
 * An SMTP reply (RFC 5321 §4.2) with its enhanced status code (RFC 3463).
 * `text` is ASCII without line ends; several lines make a multi-line reply.
 */
export interface Reply {
  readonly code: number
  /** `class.subject.detail`, or null where RFC 2034 wants none (220, 221 of old, 354, EHLO). */
  readonly enhanced: string | null
  readonly text: string | readonly string[]
}

export type FailureKind = 'temporary' | 'permanent' | 'bug'

/** Thrown by anything that cannot do its work. `reply` goes to the client, `message` and `detail` to log and trace only. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly kind: FailureKind
  readonly reply: Reply | null
  readonly detail: string

  constructor(kind: FailureKind, detail: string, options: { reply?: Reply; cause?: unknown } = {}) {
    super(detail, { cause: options.cause })
    this.kind = kind
    this.detail = detail
    this.reply = options.reply ?? null
  }
}

export const temporary = (detail: string, options?: { reply?: Reply; cause?: unknown }): Failure =>
  new Failure('temporary', detail, options)
export const permanent = (detail: string, options?: { reply?: Reply; cause?: unknown }): Failure =>
  new Failure('permanent', detail, options)

/** Any thrown value as a Failure: what nobody expected is a bug, which clients see as temporary. */
export function asFailure(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown
  return new Failure('bug', thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown })
}

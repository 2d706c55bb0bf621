// When to try again: twice as long after each failure, up to a bound, never all at the same moment.

export interface RetryInput {
  /** Wall clock, ms. */
  readonly now: number
  readonly arrived: number
  /** Attempts made, the failed one included. */
  readonly attempts: number
  /** ms until the second attempt. */
  readonly firstRetry: number
  /** ms between attempts at most. */
  readonly maxRetry: number
  /** 0 ≤ random < 1; Math.random() when left out. */
  readonly random?: number
}

const JITTER = 0.1

/**
 * The wall-clock time of the next attempt: `firstRetry`, doubled with each attempt, at most `maxRetry` and at most twice
 * the message's age (so that a flush by hand does not push it away), plus or minus a tenth, never more than `maxRetry` away.
 */
export function nextAttempt(input: RetryInput): number {
  const { now, arrived, attempts, firstRetry, maxRetry, random = Math.random() } = input
  const doubled = firstRetry * 2 ** Math.min(Math.max(attempts - 1, 0), 30)
  const aged = Math.max(firstRetry, 2 * (now - arrived))
  const wait = Math.min(doubled, aged, maxRetry) * (1 + JITTER * (2 * random - 1))
  return now + Math.round(Math.min(wait, maxRetry))
}
